/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
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
	{ "exec", EXEC, cmd_exec, "exec name -- command [args...]", 1,
	  "run a command in a namespace that is there" },
	{ "rm", RM, cmd_rm, "rm [--force] name... | rm [--force] --all", -1,
	  "remove namespaces that were kept or left behind" },
	{ "inspect", INSPECT, cmd_inspect, "inspect name", -1,
	  "show all about a namespace, as JSON" },
	{ 0 },
};
/* clang-format on */

typedef int set_fn(struct opts *o, const char *value, struct nerr *err);

static int add_value(struct opt_list *list, const char *option, const char *value, struct nerr *err)
{
	if (list->n == OPTS_REPEAT_MAX)
		return nerr_set(err, -EINVAL, "more than %d options '%s'", OPTS_REPEAT_MAX, option);
	list->v[list->n++] = value;
	return 0;
}

static int set_once(const char **member, const char *option, const char *value, struct nerr *err)
{
	if (*member)
		return nerr_set(err, -EINVAL, "option '%s' is given twice", option);
	*member = value;
	return 0;
}

/* clang-format off */
static int set_network(struct opts *o, const char *value, struct nerr *err)
{ return add_value(&o->network, "--network", value, err); }
static int set_publish(struct opts *o, const char *value, struct nerr *err)
{ return add_value(&o->publish, "--publish", value, err); }
static int set_ip(struct opts *o, const char *value, struct nerr *err)
{ return add_value(&o->ip, "--ip", value, err); }
static int set_dns(struct opts *o, const char *value, struct nerr *err)
{ return add_value(&o->dns, "--dns", value, err); }
static int set_mac(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->mac, "--mac", value, err); }
static int set_name(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->name, "--name", value, err); }
static int set_hostname(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->hostname, "--hostname", value, err); }
static int set_cni_path(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->cni_path, "--cni-path", value, err); }
static int set_stack(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->stack, "--stack", value, err); }
static int set_mode(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->mode, "--mode", value, err); }
static int set_nic(struct opts *o, const char *value, struct nerr *err)
{ return set_once(&o->nic, "--nic", value, err); }

/**
 * struct option - An option
 * @name:	Long name, without dashes
 * @letter:	Short name, 0 for none
 * @commands:	Who has it
 * @arg:	What its argument is called, NULL when it has none
 * @help:	For --help
 * @set:	Takes the argument
 * @flag:	Place of the bool that is set, of an option without an argument
 */
static const struct option {
	const char *name;
	char letter;
	unsigned commands;
	const char *arg;
	const char *help;
	set_fn *set;
	size_t flag;
} options[] = {
	{ "network", 0, RUN, "FILE|NAME", "network to attach to: a configuration file, the\n"
	  "name of one in /etc/cni/net.d, 'fairlead' (the\n"
	  "built-in one, default), or 'none'; repeatable", set_network, 0 },
	{ "publish", 'p', RUN, "[IP:]HOST:CONT[/PROTO]", "publish a port, or a range a-b, on the host;\n"
	  "tcp (default), udp or sctp; repeatable", set_publish, 0 },
	{ "stack", 0, RUN, "STACK", "whose TCP/IP the command has: 'kernel' (default)\n"
	  "or 'user', that of netstackd", set_stack, 0 },
	{ "mode", 0, RUN, "MODE", "what is the user stack's: 'hybrid' (default), TCP\n"
	  "alone, or 'full', UDP and ping, too", set_mode, 0 },
	{ "nic", 0, RUN, "NIC", "of the user stack: 'bridge' (default), or\n"
	  "'macvtap:DEVICE', which needs --ip", set_nic, 0 },
	{ "ip", 0, RUN, "ADDRESS", "ask for this address; repeatable", set_ip, 0 },
	{ "mac", 0, RUN, "ADDRESS", "ask for this MAC address", set_mac, 0 },
	{ "name", 0, RUN, "NAME", "name of the namespace (default: made up)", set_name, 0 },
	{ "dns", 0, RUN, "ADDRESS", "name server for resolv.conf; repeatable", set_dns, 0 },
	{ "hostname", 0, RUN, "NAME", "host name the command sees", set_hostname, 0 },
	{ "keep", 0, RUN, NULL, "leave the namespace until 'netns-run rm'", NULL,
	  offsetof(struct opts, keep) },
	{ "cni-path", 0, RUN, "DIR[:DIR...]", "look here for plugins first", set_cni_path, 0 },
	{ "json", 0, LS, NULL, "print JSON", NULL, offsetof(struct opts, json) },
	{ "all", 'a', RM, NULL, "all that are not running", NULL, offsetof(struct opts, all) },
	{ "force", 'f', RM, NULL, "also those that run or whose plugins fail", NULL,
	  offsetof(struct opts, force) },
	{ "verbose", 'v', RUN | RM, NULL, "say what is done", NULL,
	  offsetof(struct opts, verbose) },
	{ "version", 0, RUN, NULL, "print name and version", NULL, offsetof(struct opts, version) },
	{ "help", 'h', ALL, NULL, "print this help", NULL, offsetof(struct opts, help) },
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

static const struct option *find_long(const struct command *cmd, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if ((options[i].commands & cmd->bit) && strlen(options[i].name) == len &&
		    strncmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

static const struct option *find_short(const struct command *cmd, char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if ((options[i].commands & cmd->bit) && options[i].letter == letter)
			return &options[i];
	return NULL;
}

static int apply(const struct option *opt, const char *value, struct opts *o, struct nerr *err)
{
	if (opt->set) {
		if (!*value)
			return nerr_set(err, -EINVAL, "option '--%s' needs an argument, got ''",
					opt->name);
		return opt->set(o, value, err);
	}
	*(bool *)((char *)o + opt->flag) = true;
	return 0;
}

/* "--name", "--name=value", "--name value".  @argv moves over a value that is used. */
static int parse_long(const struct command *cmd, char ***argv, struct opts *o, struct nerr *err)
{
	const char *word = **argv + 2;
	const size_t len = strcspn(word, "=");
	const struct option *opt = find_long(cmd, word, len);
	const char *value = word[len] ? word + len + 1 : NULL;

	if (!opt)
		return nerr_set(err, -EINVAL, "unknown option '--%.*s'", (int)len, word);
	if (value && !opt->set)
		return nerr_set(err, -EINVAL, "option '--%s' takes no argument, got '%s'",
				opt->name, value);
	if (!value && opt->set) {
		if (!(*argv)[1])
			return nerr_set(err, -EINVAL, "option '--%s' needs an argument", opt->name);
		value = *++*argv;
	}
	return apply(opt, value ? value : "", o, err);
}

/* "-v", "-pvalue", "-p value", "-af". */
static int parse_short(const struct command *cmd, char ***argv, struct opts *o, struct nerr *err)
{
	for (const char *p = **argv + 1; *p; p++) {
		const struct option *opt = find_short(cmd, *p);
		int r;

		if (!opt)
			return nerr_set(err, -EINVAL, "unknown option '-%c'", *p);
		if (opt->set) {
			if (p[1])
				return apply(opt, p + 1, o, err);
			if (!(*argv)[1])
				return nerr_set(err, -EINVAL, "option '-%c' needs an argument", *p);
			return apply(opt, *++*argv, o, err);
		}
		r = apply(opt, "", o, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int opts_parse(const struct command *cmd, char **argv, struct opts *ret, struct nerr *err)
{
	char **words = argv; /* where the next word that is no option goes */

	*ret = (struct opts){ .args = argv };
	for (; *argv; argv++) {
		int r;

		if (!ret->ended && strcmp(*argv, "--") == 0) {
			ret->ended = true;
			continue;
		}
		if (ret->ended || **argv != '-' || !(*argv)[1]) {
			/* The first word too many ends the options: it and all that follows
			 * belong to the command that will be run.
			 */
			if (cmd->stop_after >= 0 && ret->n_args == cmd->stop_after)
				break;
			*words++ = *argv;
			ret->n_args++;
			continue;
		}
		r = (*argv)[1] == '-' ? parse_long(cmd, &argv, ret, err)
				      : parse_short(cmd, &argv, ret, err);
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
		INDENT = 30
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *opt = &options[i];
		char left[80];

		if (!(opt->commands & cmd->bit))
			continue;
		(void)snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", opt->letter ? '-' : ' ',
			       opt->letter ? opt->letter : ' ', opt->letter ? "," : " ", opt->name,
			       opt->arg ? " " : "", opt->arg ? opt->arg : "");
		if (strlen(left) < INDENT)
			(void)printf("%-*s", INDENT, left); /* checked at the end */
		else
			(void)printf("%s\n%*s", left, INDENT, ""); /* likewise */
		print_help_text(opt->help, INDENT);
	}
}

int opts_help(const struct command *cmd)
{
	if (*cmd->name) {
		(void)printf("usage: netns-run %s\n\n", cmd->synopsis); /* checked at the end */
		print_help_text(cmd->summary, 0);
	} else {
		for (const struct command *c = commands; c->run; c++)
			(void)printf("%s netns-run %s\n", c == commands ? "usage:" : "      ",
				     c->synopsis); /* likewise */
		print_help_text("\nRun a command in a network namespace of its own, attached to a "
				"network by\nCNI plugins.  When the command ends, or netns-run is "
				"killed, all is removed.\n\nCommands:",
				0);
		for (const struct command *c = commands + 1; c->run; c++)
			(void)printf("  %-10s%s\n", c->name, c->summary); /* likewise */
	}
	(void)printf("\nOptions:\n"); /* likewise */
	print_options(cmd);
	if (!*cmd->name)
		print_help_text(
			"\nExit status: that of the command, 128+n when signal n ended it, "
			"2 for wrong\nusage, 125 when netns-run failed, 126 or 127 when the "
			"command cannot be run.",
			0);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
