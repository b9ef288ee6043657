/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * attach.h - sockets of unmodified programs, on an instance of the stack
 *
 * Programs run under a seccomp filter (attach/filter.h).  Their socket calls come here as
 * notifications; what they get is an AF_UNIX descriptor whose other end is ours, so that
 * read(), write(), poll(), epoll, dup(), fork(), exec() and sendfile() are the kernel's own.
 * Bytes go to and fro between our end and a socket of the instance.
 *
 * Everything is done by callbacks of the loop and of the stack, in the thread that turns the
 * loop.  That thread is in the network namespace of the programs (AF_UNIX sockets answer
 * SIOCGIFCONF and the like for the namespace in which they were made), with CAP_SYS_PTRACE.
 *
 * A program is not trusted: what its arguments point to is copied once and never looked at
 * again, what it writes into its end may be anything, and it may be killed at any moment.
 */
#ifndef ATTACH_ATTACH_H
#define ATTACH_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "attach/rules.h"

struct attach;
struct json_out;
struct loop;
struct nerr;
struct netstack;

/**
 * struct attach_conf - What it is made with
 * @stack:	Instance; outlives it
 * @loop:	That turns it; outlives it
 * @mode:	Whose sockets are ours
 * @reserve:	A listening port is taken in the namespace's kernel, too: nobody else there
 *		gets it, and connections over the kernel's loopback reach our program
 * @sockets_max: Limit, 0 for the default (ATTACH_SOCKETS_MAX).  Programs of one listener get three
 *		times what they leave to all others
 * @listener_gone: Called when the last program of a listener has ended; may be NULL
 * @arg:	Of @listener_gone
 */
struct attach_conf {
	struct netstack *stack;
	struct loop *loop;
	enum attach_mode mode;
	bool reserve;
	uint32_t sockets_max;
	void (*listener_gone)(void *arg);
	void *arg;
};

#define ATTACH_SOCKETS_MAX 65536

/* -EPERM, -ENOTSUP with what is missing; -ENOMEM, -EMFILE */
int attach_new(struct attach **ret, const struct attach_conf *conf, struct nerr *err);

/* Programs get ENOSYS from now on, and see their connections reset.  NULL is fine. */
void attach_free(struct attach *a);

/**
 * attach_add_listener() - Programs to serve
 * @fd:		From attach_filter_load() or from a container runtime; ours from now on, also
 *		when this fails
 *
 * -EINVAL when it is no such descriptor, -ENOSPC
 */
int attach_add_listener(struct attach *a, int fd, struct nerr *err);

/* Listeners that have programs. */
unsigned int attach_n_listeners(const struct attach *a);

/**
 * struct attach_stats - What was done
 * @listeners:	Now
 * @sockets:	Sockets of programs, now
 * @local:	Connections of two programs of this instance with each other, now
 * @calls:	Notified calls that were answered
 * @passed:	Of them, left to the kernel (descriptors that are not ours)
 * @held:	Calls that wait, now
 * @vanished:	Calls whose task was gone or interrupted when they were answered
 * @replaced:	Descriptors exchanged after a failure
 * @refused:	Calls that failed for a limit or for want of memory or descriptors
 * @swept:	Sockets found closed by asking the kernel
 * @tx_bytes, @rx_bytes: From programs, to programs
 */
struct attach_stats {
	uint32_t listeners;
	uint32_t sockets;
	uint32_t local;
	uint32_t held;
	uint64_t calls;
	uint64_t passed;
	uint64_t vanished;
	uint64_t replaced;
	uint64_t refused;
	uint64_t swept;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
};

void attach_stats(const struct attach *a, struct attach_stats *ret);

/**
 * struct attach_socket - A socket, for who lists them
 * @ns_fd:	In the instance: ns_getsockname(), ns_getsockopt(TCP_INFO) and so on; -1 for one
 *		whose connection is over
 * @pid:	Who made it, as it was then
 * @is_listening: Waits for connections
 * @is_local:	Connected to a program of this instance, without the stack
 * @queued:	Connections that wait to be accepted
 */
struct attach_socket {
	int ns_fd;
	int pid;
	bool is_listening;
	bool is_local;
	uint32_t queued;
};

/* Call @fn for each; it may not change anything.  Ends early when @fn returns false. */
void attach_each(const struct attach *a, bool (*fn)(void *arg, const struct attach_socket *s),
		 void *arg);

#endif /* ATTACH_ATTACH_H */
