/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cmdline.h"
#include "base/error.h"
#include "commands.h"

enum {
	LS = 1 << 0,
	STATUS = 1 << 1,
	SOCKETS = 1 << 2,
	PROGRAMS = 1 << 3,
	COUNTERS = 1 << 4,
	DROPS = 1 << 5,
	NEIGHBOURS = 1 << 6,
	ROUTES = 1 << 7,
	ADDRESSES = 1 << 8,
	CAPTURE = 1 << 9,
	PING = 1 << 10,
	STOP = 1 << 11,
	ANY = (1 << 12) - 1,
	NONE = 1 << 12, /* no command */
};

/* clang-format off */
const struct command commands[] = {
	{ "ls", LS, cmd_ls, "", -1, "list the stacks that run" },
	{ "status", STATUS, cmd_status, "[STACK]", 0, "show what a stack is" },
	{ "sockets", SOCKETS, cmd_sockets, "[-tul46ip] [--state STATE] [STACK]", 0,
	  "show the sockets of programs" },
	{ "programs", PROGRAMS, cmd_programs, "[STACK]", 0, "show processes that have sockets" },
	{ "counters", COUNTERS, cmd_counters, "[-a] [STACK]", 0, "show what is counted" },
	{ "drops", DROPS, cmd_drops, "[STACK]", 0, "show why packets were dropped" },
	{ "neighbours", NEIGHBOURS, cmd_neighbours, "[STACK]", 0, "show neighbours" },
	{ "routes", ROUTES, cmd_routes, "[-a] [STACK]", 0, "show routes" },
	{ "addresses", ADDRESSES, cmd_addresses, "[STACK]", 0, "show addresses" },
	{ "capture", CAPTURE, cmd_capture, "-w FILE|- [options] [STACK]", 0,
	  "write packets of the device into a file (pcapng)" },
	{ "ping", PING, cmd_ping, "[options] [STACK] ADDRESS", 1, "let the stack send echo requests" },
	{ "stop", STOP, cmd_stop, "STACK", 0, "end a stack" },
	{ 0 },
};

#define INDENT 24 /* of what --help says of an option */

/* A bool without an argument, text with @max 0, else a number. */
#define MEMBER(member, max) NULL, offsetof(struct opts, member), max, false

static const struct cmdline_option options[] = {
	{ "json", 'j', NONE | (ANY & ~CAPTURE), NULL, "print the answer as JSON", MEMBER(json, 0) },
	{ "tcp", 't', SOCKETS, NULL, "those of TCP", MEMBER(tcp, 0) },
	{ "udp", 'u', SOCKETS, NULL, "those of UDP", MEMBER(udp, 0) },
	{ "listening", 'l', SOCKETS, NULL, "those that wait for anybody", MEMBER(listening, 0) },
	{ "ipv4", '4', SOCKETS, NULL, "those of IPv4", MEMBER(ipv4, 0) },
	{ "ipv6", '6', SOCKETS, NULL, "those of IPv6", MEMBER(ipv6, 0) },
	{ "state", 0, SOCKETS, "STATE", "those in it, as ESTAB or LISTEN",
	  MEMBER(state, 0) },
	{ "info", 'i', SOCKETS, NULL, "details of TCP", MEMBER(info, 0) },
	{ "processes", 'p', SOCKETS, NULL, "names of processes", MEMBER(processes, 0) },
	{ "all", 'a', COUNTERS, NULL, "also what is 0", MEMBER(all, 0) },
	{ "all", 'a', ROUTES, NULL, "also those of the stack's own addresses", MEMBER(all, 0) },
	{ "write", 'w', CAPTURE, "FILE", "file to write, - for standard output",
	  MEMBER(write, 0) },
	{ "count", 'c', CAPTURE, "N", "packets until the end", MEMBER(count, 1000000000) },
	{ "count", 'c', PING, "N", "requests until the end (default: 3)",
	  MEMBER(count, 1000000000) },
	{ "seconds", 0, CAPTURE, "N", "time until the end", MEMBER(seconds, 86400) },
	{ "snaplen", 's', CAPTURE, "BYTES", "keep so much of each packet",
	  MEMBER(snaplen, 262144) },
	{ "interval", 'i', PING, "MS", "time between requests (default: 1000)",
	  MEMBER(interval_ms, 60000) },
	{ "size", 0, PING, "BYTES", "of each request (default: 56)", MEMBER(size, 65000) },
	{ "version", 0, NONE, NULL, "print name and version", MEMBER(version, 0) },
	{ "help", 'h', ANY | NONE, NULL, "print this help", MEMBER(help, 0) },
};
/* clang-format on */

static const struct command *command_lookup(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int add_word(const char *word, const struct command **cmd, struct opts *o, struct nerr *err)
{
	if (!*cmd) {
		*cmd = command_lookup(word);
		if (!*cmd)
			return nerr_set(err, -EINVAL, "unknown command '%s'", word);
		return 0;
	}
	if (o->n_args > (*cmd)->n_args)
		return nerr_set(err, -EINVAL, "unexpected argument '%s'", word);
	o->args[o->n_args++] = word;
	return 0;
}

int opts_parse(char **argv, const struct command **ret_cmd, struct opts *ret, struct nerr *err)
{
	struct cmdline cl = { options, ARRAY_SIZE(options), NONE, ret, 0 };
	bool ended = false;

	*ret = (struct opts){ .json = false };
	*ret_cmd = NULL;
	for (; *argv; argv++) {
		int r = 0;

		if (!ended && strcmp(*argv, "--") == 0)
			ended = true;
		else if (!ended && cmdline_is_option(*argv))
			r = cmdline_option(&cl, &argv, err);
		else
			r = add_word(*argv, ret_cmd, ret, err);
		if (r < 0)
			return r;
		cl.commands = *ret_cmd ? (*ret_cmd)->bit : NONE;
	}
	if (ret->help || ret->version)
		return 0;
	if (!*ret_cmd)
		return nerr_set(err, -EINVAL, "no command given");
	/* It may stand before the command, too. */
	if (ret->json && !cmdline_find(&cl, "json"))
		return nerr_set(err, -EINVAL, "the command '%s' has no option '--json'",
				(*ret_cmd)->name);
	return 0;
}

/* --- help --- */

static void help_of_program(void)
{
	cmdline_print_text("usage: netstackctl COMMAND [options] [STACK]\n\n"
			   "Look into stacks that serve network namespaces (netstackd).\n\n"
			   "Commands:",
			   0);
	for (const struct command *c = commands; c->name; c++)
		(void)printf("  %-12s%s\n", c->name, c->summary); /* checked at the end */
	cmdline_print_text("\nOptions:", 0);
	cmdline_print_options(options, ARRAY_SIZE(options), NONE, INDENT);
	cmdline_print_text(
		"\nSTACK is the name of a namespace in /run/netns, a path, a process in it, or the\n"
		"beginning of a container's id.  It can be left out when just one runs.\n\n"
		"Exit status: 0, 1 when the stack refused, 2 for wrong usage, 3 when there is\n"
		"no such stack.",
		0);
}

static void help_of_command(const struct command *cmd)
{
	const char first = (char)toupper((unsigned char)*cmd->summary);

	(void)printf("usage: netstackctl %s%s%s\n\n%c%s.\n", cmd->name, *cmd->synopsis ? " " : "",
		     cmd->synopsis, first, cmd->summary + 1); /* checked at the end */
	cmdline_print_text("\nOptions:", 0);
	cmdline_print_options(options, ARRAY_SIZE(options), cmd->bit, INDENT);
}

int opts_help(const struct command *cmd)
{
	if (cmd)
		help_of_command(cmd);
	else
		help_of_program();
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
