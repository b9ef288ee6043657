/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
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
	{ "sockets", SOCKETS, cmd_sockets, "[-t] [STACK]", 0, "show the sockets of programs" },
	{ "programs", PROGRAMS, cmd_programs, "[STACK]", 0, "show processes that have sockets" },
	{ "counters", COUNTERS, cmd_counters, "[-a] [STACK]", 0, "show what is counted" },
	{ "drops", DROPS, cmd_drops, "[STACK]", 0, "show why packets were dropped" },
	{ "neighbours", NEIGHBOURS, cmd_neighbours, "[STACK]", 0, "show neighbours" },
	{ "routes", ROUTES, cmd_routes, "[-a] [STACK]", 0, "show routes" },
	{ "addresses", ADDRESSES, cmd_addresses, "[STACK]", 0, "show addresses" },
	{ "capture", CAPTURE, cmd_capture, "-w FILE|- [STACK]", 0,
	  "write packets of the device into a file (pcapng)" },
	{ "ping", PING, cmd_ping, "[STACK] ADDRESS", 1, "let the stack send echo requests" },
	{ "stop", STOP, cmd_stop, "STACK", 0, "end a stack" },
	{ 0 },
};

/**
 * struct option - An option
 * @name:	Without dashes
 * @letter:	Short name, 0 for none
 * @commands:	Who has it
 * @arg:	What its argument is called, NULL when it has none
 * @help:	For --help
 * @member:	Of struct opts: a bool without @arg, text with @max 0, else a number
 * @max:	Of a number, from 1 on
 */
static const struct option {
	const char *name;
	char letter;
	unsigned int commands;
	const char *arg;
	const char *help;
	size_t member;
	uint32_t max;
} options[] = {
	{ "json", 'j', ANY & ~CAPTURE, NULL, "print the answer as JSON",
	  offsetof(struct opts, json), 0 },
	{ "tcp-info", 't', SOCKETS, NULL, "details of TCP", offsetof(struct opts, tcp_info), 0 },
	{ "all", 'a', COUNTERS | ROUTES, NULL, "also what is 0, and routes of our own\naddresses",
	  offsetof(struct opts, all), 0 },
	{ "write", 'w', CAPTURE, "FILE", "file to write, - for standard output",
	  offsetof(struct opts, write), 0 },
	{ "count", 'c', CAPTURE | PING, "N", "packets until the end", offsetof(struct opts, count),
	  1000000000 },
	{ "seconds", 0, CAPTURE, "N", "time until the end", offsetof(struct opts, seconds), 86400 },
	{ "snaplen", 's', CAPTURE, "BYTES", "keep so much of each packet",
	  offsetof(struct opts, snaplen), 262144 },
	{ "interval", 'i', PING, "MS", "time between requests (default: 1000)",
	  offsetof(struct opts, interval_ms), 60000 },
	{ "size", 0, PING, "BYTES", "of each request (default: 56)", offsetof(struct opts, size),
	  65000 },
	{ "version", 0, NONE, NULL, "print name and version", offsetof(struct opts, version), 0 },
	{ "help", 'h', ANY | NONE, NULL, "print this help", offsetof(struct opts, help), 0 },
};
/* clang-format on */

static unsigned int bit_of(const struct command *cmd)
{
	return cmd ? cmd->bit : NONE;
}

/* By its long name, or by its letter with @len 1 and @is_short. */
static const struct option *find(const struct command *cmd, const char *name, size_t len,
				 bool is_short)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		if (!(o->commands & bit_of(cmd)))
			continue;
		if (is_short ? o->letter == *name
			     : strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static int apply(const struct option *opt, const char *value, struct opts *o, struct nerr *err)
{
	void *member = (char *)o + opt->member;

	if (!opt->arg) {
		*(bool *)member = true;
		return 0;
	}
	if (!opt->max) {
		*(const char **)member = value;
		return 0;
	}
	if (parse_u32(value, 1, opt->max, member) < 0)
		return nerr_set(err, -EINVAL, "option '--%s' wants a number from 1 to %u, got '%s'",
				opt->name, opt->max, value);
	return 0;
}

/* With its value from the same word (@value), or from the next. */
static int parse_with(const struct option *opt, const char *value, char ***argv, struct opts *o,
		      struct nerr *err)
{
	if (!opt->arg && value)
		return nerr_set(err, -EINVAL, "option '--%s' takes no argument, got '%s'",
				opt->name, value);
	if (opt->arg && !value && (*argv)[1])
		value = *++*argv;
	if (opt->arg && (!value || !*value))
		return nerr_set(err, -EINVAL, "option '--%s' needs an argument", opt->name);
	return apply(opt, value, o, err);
}

static int parse_long(const struct command *cmd, char ***argv, struct opts *o, struct nerr *err)
{
	const char *word = **argv + 2;
	const size_t len = strcspn(word, "=");
	const struct option *opt = find(cmd, word, len, false);

	if (!opt)
		return nerr_set(err, -EINVAL, "unknown option '--%.*s'", (int)len, word);
	return parse_with(opt, word[len] ? word + len + 1 : NULL, argv, o, err);
}

/* "-t", "-wFILE", "-w FILE", "-ja". */
static int parse_short(const struct command *cmd, char ***argv, struct opts *o, struct nerr *err)
{
	for (const char *p = **argv + 1; *p; p++) {
		const struct option *opt = find(cmd, p, 1, true);
		int r;

		if (!opt)
			return nerr_set(err, -EINVAL, "unknown option '-%c'", *p);
		if (opt->arg)
			return parse_with(opt, p[1] ? p + 1 : NULL, argv, o, err);
		r = apply(opt, NULL, o, err);
		if (r < 0)
			return r;
	}
	return 0;
}

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

/* Before the command there may be --json, as in "netstackctl --json status". */
static int parse_early(char ***argv, struct opts *o, struct nerr *err)
{
	if (strcmp(**argv, "--json") == 0 || strcmp(**argv, "-j") == 0) {
		o->json = true;
		return 0;
	}
	return (**argv)[1] == '-' ? parse_long(NULL, argv, o, err)
				  : parse_short(NULL, argv, o, err);
}

int opts_parse(char **argv, const struct command **ret_cmd, struct opts *ret, struct nerr *err)
{
	bool ended = false;
	int r = 0;

	*ret = (struct opts){ .json = false };
	*ret_cmd = NULL;
	for (; r == 0 && *argv; argv++) {
		if (!ended && strcmp(*argv, "--") == 0)
			ended = true;
		else if (ended || **argv != '-' || !(*argv)[1])
			r = add_word(*argv, ret_cmd, ret, err);
		else if (!*ret_cmd)
			r = parse_early(&argv, ret, err);
		else if ((*argv)[1] == '-')
			r = parse_long(*ret_cmd, &argv, ret, err);
		else
			r = parse_short(*ret_cmd, &argv, ret, err);
	}
	if (r < 0 || ret->help || ret->version)
		return r;
	if (!*ret_cmd)
		return nerr_set(err, -EINVAL, "no command given");
	if (ret->json && !find(*ret_cmd, "json", 4, false))
		return nerr_set(err, -EINVAL, "the command '%s' has no option '--json'",
				(*ret_cmd)->name);
	return 0;
}

/* --- help --- */

/* The text of @help, its further lines below the first. */
static void print_help_text(const char *help, int indent)
{
	for (const char *line = help; *line;) {
		const int len = (int)strcspn(line, "\n");

		(void)printf("%.*s\n", len, line); /* checked by the fflush() at the end */
		line += len;
		if (*line++ == '\0')
			return;
		(void)printf("%*s", indent, ""); /* likewise */
	}
}

static void print_options(const struct command *cmd)
{
	enum {
		INDENT = 24
	};

	(void)printf("\nOptions:\n"); /* checked at the end */
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *opt = &options[i];
		char left[40];

		if (!(opt->commands & bit_of(cmd)))
			continue;
		(void)snprintf(left, sizeof(left), "  %c%c%c --%s %s", opt->letter ? '-' : ' ',
			       opt->letter ? opt->letter : ' ', opt->letter ? ',' : ' ', opt->name,
			       opt->arg ? opt->arg : "");
		(void)printf("%-*s", INDENT, left); /* likewise */
		print_help_text(opt->help, INDENT);
	}
}

int opts_help(const struct command *cmd)
{
	if (cmd) {
		(void)printf("usage: netstackctl %s %s\n\n%s\n", cmd->name, cmd->synopsis,
			     cmd->summary); /* checked below */
	} else {
		print_help_text("usage: netstackctl COMMAND [options] [STACK]\n\n"
				"Look into stacks that serve network namespaces (netstackd).\n\n"
				"Commands:",
				0);
		for (const struct command *c = commands; c->name; c++)
			(void)printf("  %-12s%s\n", c->name, c->summary); /* likewise */
	}
	print_options(cmd);
	if (!cmd)
		print_help_text(
			"\nSTACK is the name of a namespace in /run/netns, a path, a process in it, or "
			"the\nbeginning of a container's id.  It can be left out when just one "
			"runs.\n\nExit status: 0, 1 when the stack refused, 2 for wrong usage, 3 "
			"when there is\nno such stack.",
			0);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
