/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * opts.h - the command line: one table of commands, one of options
 *
 * The tables drive parsing and --help; the manual page and the completion are
 * compared with them by the tests.
 */
#ifndef NETNS_RUN_OPTS_H
#define NETNS_RUN_OPTS_H

#include <stdbool.h>
#include <stddef.h>

struct nerr;

/* Exit statuses; those of the command itself pass through. */
enum {
	EXIT_USAGE = 2,
	EXIT_OURS = 125, /* netns-run failed, as env(1) and timeout(1) have it */
	EXIT_NOT_RUNNABLE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL_BASE = 128, /* plus the signal that ended the command */
};

/* More of one option than anybody means; the list of arguments is bounded too. */
#define OPTS_REPEAT_MAX 256

/* Values of an option that can be given more than once. Borrowed from argv. */
struct opt_list {
	const char *v[OPTS_REPEAT_MAX];
	size_t n;
};

/**
 * struct opts - What the command line says
 * @args, @n_args: What is no option: names, or the command to run
 * @ended:	"--" stood before @args[0] (or before what follows the name, for exec)
 */
struct opts {
	struct opt_list network;
	struct opt_list publish;
	struct opt_list ip;
	struct opt_list dns;
	const char *mac;
	const char *name;
	const char *hostname;
	const char *cni_path;
	const char *stack;
	const char *mode;
	const char *nic;
	bool keep;
	bool verbose;
	bool all;
	bool force;
	bool json;
	bool help;
	bool version;
	char **args;
	int n_args;
	bool ended;
};

/**
 * struct command - A thing netns-run does
 * @name:	First word; "" for running a command
 * @bit:	Its place in the options' sets of commands
 * @run:	Returns the exit status
 * @synopsis:	What follows "netns-run "
 * @stop_after:	Words after which no more options come, -1 for never
 * @summary:	For --help
 */
struct command {
	const char *name;
	unsigned bit;
	int (*run)(struct opts *o);
	const char *synopsis;
	int stop_after;
	const char *summary;
};

/* End with a NULL run; the first one runs a command. */
extern const struct command commands[];

/* The command of that name, NULL when there is none. */
const struct command *command_lookup(const char *name);

/**
 * opts_parse() - Read the options of a command
 * @cmd:	Command
 * @argv:	What follows its name, ends with NULL.  Words that are no options are
 *		moved to its start
 * @ret:	Filled on 0
 *
 * Return: 0 or -EINVAL with a message
 */
int opts_parse(const struct command *cmd, char **argv, struct opts *ret, struct nerr *err);

/* Print the help of a command on standard output. 0 or negative errno. */
int opts_help(const struct command *cmd);

#endif /* NETNS_RUN_OPTS_H */
