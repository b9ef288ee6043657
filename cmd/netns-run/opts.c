/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cmdline.h"
#include "base/error.h"
#include "commands.h"

enum {
	RUN = 1,
	LS = 2,
	EXEC = 4,
	RM = 8,
	INSPECT = 16,
	ALL = 31
};

/* clang-format off */
const struct command commands[] = {
	{ "", RUN, cmd_run, "[options] -- command [args...]", 0,
	  "run a command in a network namespace of its own" },
	{ "ls", LS, cmd_ls, "ls [--json]", -1,
	  "list the namespaces made by netns-run" },
	{ "exec", EXEC, cmd_exec, "exec name|path -- command [args...]", 1,
	  "run a command in a namespace that is there" },
	{ "rm", RM, cmd_rm, "rm [--force] name... | rm [--force] --all", -1,
	  "remove namespaces that were kept or left behind" },
	{ "inspect", INSPECT, cmd_inspect, "inspect name", -1,
	  "show all about a namespace, as JSON" },
	{ 0 },
};
/* clang-format on */

/* Those that may be given again: @member is a struct opt_list. */
static int set_listed(const struct cmdline_option *opt, void *opts, const char *value,
		      struct nerr *err)
{
	struct opt_list *list = (struct opt_list *)((char *)opts + opt->member);

	if (list->n == OPTS_REPEAT_MAX)
		return nerr_set(err, -EINVAL, "more than %d options '--%s'", OPTS_REPEAT_MAX,
				opt->name);
	list->v[list->n++] = value;
	return 0;
}

/* clang-format off */
#define LISTED(member) set_listed, offsetof(struct opts, member), 0, false
#define ONCE(member)   NULL, offsetof(struct opts, member), 0, true
#define FLAG(member)   NULL, offsetof(struct opts, member), 0, false

static const struct cmdline_option options[] = {
	{ "network", 0, RUN, "FILE|NAME", "network to attach to: a configuration file, the\n"
	  "name of one in /etc/cni/net.d, 'fairlead' (the\n"
	  "built-in one, default), or 'none'; repeatable", LISTED(network) },
	{ "publish", 'p', RUN, "[IP:]HOST:CONT[/PROTO]", "publish a port, or a range a-b, on the host;\n"
	  "tcp (default), udp or sctp; repeatable", LISTED(publish) },
	{ "stack", 0, RUN, "STACK", "whose TCP/IP the command has: 'kernel' (default)\n"
	  "or 'user', that of netstackd", ONCE(stack) },
	{ "mode", 0, RUN, "MODE", "what is the user stack's: 'hybrid' (default), TCP\n"
	  "alone, or 'full', UDP and ping, too", ONCE(mode) },
	{ "nic", 0, RUN, "NIC", "of the user stack: 'bridge' (default), or\n"
	  "'macvtap:DEVICE', which needs --ip", ONCE(nic) },
	{ "ip", 0, RUN, "ADDRESS", "ask for this address; repeatable", LISTED(ip) },
	{ "mac", 0, RUN, "ADDRESS", "ask for this MAC address", ONCE(mac) },
	{ "name", 0, RUN, "NAME", "name of the namespace (default: made up)", ONCE(name) },
	{ "dns", 0, RUN, "ADDRESS", "name server for resolv.conf; repeatable", LISTED(dns) },
	{ "hostname", 0, RUN, "NAME", "host name the command sees", ONCE(hostname) },
	{ "keep", 0, RUN, NULL, "leave the namespace until 'netns-run rm'", FLAG(keep) },
	{ "cni-path", 0, RUN, "DIR[:DIR...]", "look here for plugins first", ONCE(cni_path) },
	{ "json", 0, LS, NULL, "print JSON", FLAG(json) },
	{ "all", 'a', RM, NULL, "all that are not running", FLAG(all) },
	{ "force", 'f', RM, NULL, "also those that run or whose plugins fail", FLAG(force) },
	{ "verbose", 'v', RUN | RM, NULL, "say what is done", FLAG(verbose) },
	{ "version", 0, RUN, NULL, "print name and version", FLAG(version) },
	{ "help", 'h', ALL, NULL, "print this help", FLAG(help) },
};
/* clang-format on */

const struct command *command_lookup(const char *name)
{
	for (const struct command *c = commands; c->run; c++)
		if (*c->name && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* --- parsing --- */

int opts_parse(const struct command *cmd, char **argv, struct opts *ret, struct nerr *err)
{
	struct cmdline cl = { options, ARRAY_SIZE(options), cmd->bit, ret, 0 };
	char **words = argv; /* where the next word that is no option goes */

	*ret = (struct opts){ .args = argv };
	for (; *argv; argv++) {
		int r;

		if (!ret->ended && strcmp(*argv, "--") == 0) {
			ret->ended = true;
			continue;
		}
		if (ret->ended || !cmdline_is_option(*argv)) {
			/* The first word too many ends the options: it and all that follows
			 * belong to the command that will be run.
			 */
			if (cmd->stop_after >= 0 && ret->n_args == cmd->stop_after)
				break;
			*words++ = *argv;
			ret->n_args++;
			continue;
		}
		r = cmdline_option(&cl, &argv, err);
		if (r < 0)
			return r;
	}
	for (; *argv; argv++) {
		*words++ = *argv;
		ret->n_args++;
	}
	*words = NULL;
	return 0;
}

/* --- help --- */

int opts_help(const struct command *cmd)
{
	if (*cmd->name) {
		(void)printf("usage: netns-run %s\n\n", cmd->synopsis); /* checked at the end */
		cmdline_print_text(cmd->summary, 0);
	} else {
		for (const struct command *c = commands; c->run; c++)
			(void)printf("%s netns-run %s\n", c == commands ? "usage:" : "      ",
				     c->synopsis); /* likewise */
		cmdline_print_text(
			"\nRun a command in a network namespace of its own, attached to a "
			"network by\nCNI plugins.  When the command ends, or netns-run is "
			"killed, all is removed.\n\nCommands:",
			0);
		for (const struct command *c = commands + 1; c->run; c++)
			(void)printf("  %-10s%s\n", c->name, c->summary); /* likewise */
	}
	(void)printf("\nOptions:\n"); /* likewise */
	cmdline_print_options(options, ARRAY_SIZE(options), cmd->bit, 30);
	if (!*cmd->name)
		cmdline_print_text(
			"\nExit status: that of the command, 128+n when signal n ended it, "
			"2 for wrong\nusage, 125 when netns-run failed, 126 or 127 when the "
			"command cannot be run.",
			0);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
