/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * job.h - running a command: signals, terminal, exit status
 *
 * The command shares our process group, so a terminal treats both as one job.  What
 * the terminal sends it sends to the command as well; what somebody sends to us alone
 * is passed on.  When the command stops, so do we, and the shell that waits for us gets
 * its terminal back; when we go on, so does the command.  An interactive shell makes a
 * group of its own in the foreground; when it ends without giving the terminal back, we
 * take it.
 */
#ifndef NETNS_RUN_JOB_H
#define NETNS_RUN_JOB_H

#include <signal.h>

#include "guard.h"

struct nerr;

/**
 * struct job_signals - Signals as they were before job_signals_block()
 * @fd:		signalfd of those that are handled
 */
struct job_signals {
	int fd;
	sigset_t mask;
	struct sigaction chld;
};

/* From here on signals wait to be read.  Children get back what was before. */
int job_signals_block(struct job_signals *ret, struct nerr *err);

/**
 * job_wait_ready() - Wait for the guard, or for a signal to give up
 * @st:		As guard_is_ready() fills it
 * @ret_sig:	Signal that asks us to end, 0 for none
 *
 * Return: true when the namespace is ready
 */
bool job_wait_ready(const struct job_signals *js, struct guard *g, struct state *st, int *ret_sig);

/**
 * job_run() - Run a command in a session and wait for its end
 * @s:		Session
 * @js:		From job_signals_block()
 * @g:		Guard; its end is noticed, and no reason to stop
 * @ret:	Exit status on 0
 */
int job_run(const struct session *s, const struct job_signals *js, struct guard *g,
	    char *const *argv, int *ret, struct nerr *err);

#endif /* NETNS_RUN_JOB_H */
