/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * common.h - what all examples share: options, an instance of the stack, waiting, the end
 *
 *	static const struct common_program program = { "", options, 0, 0 };
 *
 *	h = common_start(&program, argc, argv, &args, &status);
 *	if (!h)
 *		return status;
 *	status = serve(h);
 *	common_end(h);
 *	return status;
 *
 * Exit status: 0 done, 1 failed, with one line on standard error, 2 wrong usage.
 */
#ifndef EXAMPLES_LIB_COMMON_H
#define EXAMPLES_LIB_COMMON_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "host/host.h"
#include "netstack/socket.h"

/**
 * struct common_option - An option of a program's own
 * @name:	Without dashes
 * @arg:	What its argument is called, NULL when it has none
 * @help:	For --help
 * @text, @number, @flag: Where it goes: one of them
 */
struct common_option {
	const char *name;
	const char *arg;
	const char *help;
	const char **text;
	uint32_t *number;
	bool *flag;
};

/**
 * struct common_program - A program
 * @synopsis:	What follows the options
 * @options:	Its own, the last one without a name
 * @args_min, @args_max: How many arguments it takes
 */
struct common_program {
	const char *synopsis;
	const struct common_option *options;
	int args_min;
	int args_max;
};

/**
 * common_start() - Read the options, open the device, wait for an address
 * @args:	The arguments, NULL at the end
 * @status:	What the program is to end with, when there is nothing to run
 */
struct host *common_start(const struct common_program *program, int argc, char **argv, char ***args,
			  int *status);

/* With --stats it says what happened. */
void common_end(struct host *h);

/* Print "NAME: " and the text.  Return: 1, for exit */
int common_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * common_events() - Events of an epoll set, after as many turns as it takes
 * @until_ns:	Not longer than that, LOOP_FOREVER
 *
 * Return: how many; 0 when the time is over or, after common_serve(), SIGINT or SIGTERM asks for
 *	   the end; -ENODEV when the device is gone
 */
int common_events(struct host *h, int epfd, struct epoll_event *ev, int n, uint64_t until_ns);

/* "10.0.0.1", "[2001:db8::1]:8080", ...: @port is for addresses without one.  -EINVAL */
int common_address(const char *text, uint16_t port, struct sockaddr_storage *ret, socklen_t *len);

/* A socket of both families that is bound to a port, and listens when it is a SOCK_STREAM one.
 * Non-blocking, and in the epoll set, with its descriptor as data.u64.
 */
int common_serve(struct host *h, int epfd, int type, uint16_t port);

/* Say on standard output that the program serves: scripts wait for the line. */
void common_ready(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* EXAMPLES_LIB_COMMON_H */
