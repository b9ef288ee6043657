/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * opts.h - the command line: one table of commands, one of options
 *
 * The tables drive parsing and --help; the manual page and the completion are compared with
 * them by the tests.
 */
#ifndef NETSTACKCTL_OPTS_H
#define NETSTACKCTL_OPTS_H

#include <stdbool.h>
#include <stdint.h>

struct nerr;

enum {
	EXIT_FAILED = 1, /* the stack says no, or nothing can be written */
	EXIT_USAGE = 2,
	EXIT_NO_STACK = 3, /* no such stack, or it does not answer */
};

#define ARGS_MAX 3

/**
 * struct opts - What the command line says
 * @json:	Print the answer as it is
 * @tcp, @udp:	Sockets of these only; all when neither is set
 * @listening, @state: Sockets that listen; in this state only, NULL for all
 * @ipv4, @ipv6: Sockets of these families only; all when neither is set
 * @info:	TCP_INFO of sockets
 * @processes:	Names of processes that have them
 * @all:	Counters that are 0, routes of local addresses, too
 * @write:	File of a capture, "-" for standard output
 * @count:	Packets of a capture, echo requests of a ping; 0 when not given
 * @seconds:	Of a capture, 0 for ever
 * @snaplen:	Bytes of a packet, 0 for all
 * @interval_ms, @size: Of a ping, 0 when not given
 * @args, @n_args: What is no option, behind the command
 */
struct opts {
	bool json;
	bool tcp;
	bool udp;
	bool listening;
	bool ipv4;
	bool ipv6;
	const char *state;
	bool info;
	bool processes;
	bool all;
	const char *write;
	uint32_t count;
	uint32_t seconds;
	uint32_t snaplen;
	uint32_t interval_ms;
	uint32_t size;
	bool help;
	bool version;
	const char *args[ARGS_MAX];
	int n_args;
};

/**
 * struct command - A thing netstackctl does
 * @name:	First word
 * @bit:	Its place in the options' sets of commands
 * @run:	Returns the exit status
 * @synopsis:	What follows its name
 * @n_args:	Words it takes besides a stack
 * @summary:	For --help
 */
struct command {
	const char *name;
	unsigned int bit;
	int (*run)(const struct command *cmd, const struct opts *o);
	const char *synopsis;
	int n_args;
	const char *summary;
};

/* Ends with a NULL name. */
extern const struct command commands[];

/* @ret_cmd: NULL when none was named (--help, --version).  0 or -EINVAL with a message */
int opts_parse(char **argv, const struct command **ret_cmd, struct opts *ret, struct nerr *err);

/* Of a command, NULL for the program.  0 or negative errno */
int opts_help(const struct command *cmd);

#endif /* NETSTACKCTL_OPTS_H */
