/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guard.h - the process that sets a session up and that removes it
 *
 * A run has two processes.  The main process takes options, runs the command and
 * passes signals on.  The guard does all that leaves traces: it makes the namespace,
 * runs the plugins, and when the main process has ended - by itself or by SIGKILL - it
 * takes all down.  They share a socket: its end is how the guard learns of the main
 * process's end, during set-up as well as later.  The guard has a session of its own
 * and ignores the signals of terminals.
 *
 * When the guard is killed, the main process takes its place.  When both are, the lock
 * on the session's directory is free and "netns-run rm" removes what is left.
 */
#ifndef NETNS_RUN_GUARD_H
#define NETNS_RUN_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "nets.h"
#include "session.h"
#include "state.h"

struct nerr;
struct opt_list;

/**
 * struct guard - The guard, as the main process sees it
 * @pid:	0 when it has been waited for
 * @fd:		Our end of the socket; -1 when closed
 */
struct guard {
	pid_t pid;
	int fd;
};

/**
 * enum guard_outcome - How a guard has ended
 *
 * GUARD_DONE	all is removed, or kept as asked
 * GUARD_FAILED	not so; it has said why
 * GUARD_LOST	killed: the main process is to take all down
 */
enum guard_outcome {
	GUARD_DONE,
	GUARD_FAILED,
	GUARD_LOST,
};

/**
 * guard_start() - Fork the guard
 * @s:		Session
 * @w, @dns:	What the user asked for
 * @ret:	Filled on 0
 *
 * The guard makes the session's directory.  There is no moment at which something is
 * there and the guard is not.
 */
int guard_start(struct session *s, const struct wants *w, const struct opt_list *dns,
		struct guard *ret, struct nerr *err);

/**
 * guard_is_ready() - The socket is readable: what does it say?
 * @st:		The session's directory; its lock is held by both processes then
 *
 * Return: true when the namespace is ready, false when the guard has ended or is about to
 */
bool guard_is_ready(struct guard *g, struct state *st);

/**
 * guard_finish() - Close the socket and wait until the guard has done its work
 * @may_keep:	A namespace that is to be kept may be; false when the command was not run
 *
 * After GUARD_LOST no plugin that it had started runs any more.
 */
enum guard_outcome guard_finish(struct guard *g, bool may_keep);

#endif /* NETNS_RUN_GUARD_H */
