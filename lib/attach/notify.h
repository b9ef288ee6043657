/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * notify.h - seccomp notifications: received, held, answered
 *
 * A task waits in the kernel until its call is answered, or a signal or its death ends the wait:
 * the answer then finds nobody (-ENOENT), and what it would have handed over is still ours.  In the
 * instant between the end of its wait and its taking itself off the list a task is still there, and
 * does not look: an answer without a descriptor is taken then, and does not reach it.  After
 * SA_RESTART the same call comes again under another id, so every operation can be done twice.  A
 * task has one call at a time: a new one means that an older one, if it was held, is over.
 */
#ifndef ATTACH_NOTIFY_H
#define ATTACH_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct nerr;
struct notifier;

/**
 * struct notify_call - A call of a program
 * @listener:	Descriptor it came by
 * @id:		Of the kernel, for the answer
 * @tid:	Task
 * @nr:		__NR_...
 * @arg:	Its arguments
 *
 * A value: may be copied.
 */
struct notify_call {
	int listener;
	uint64_t id;
	pid_t tid;
	int nr;
	uint64_t arg[6];
};

struct notifier_ops {
	/* A call, of the machine's own architecture (others are answered with ENOSYS).  It is
	 * answered now, or held.
	 */
	void (*call)(void *arg, const struct notify_call *call);
	/* The last program of a listener has ended; it is closed. */
	void (*gone)(void *arg);
};

int notifier_new(struct notifier **ret, struct loop *loop, const struct notifier_ops *ops,
		 void *arg, struct nerr *err);
/* Held calls fail with ENOSYS, as all later ones do.  NULL is fine. */
void notifier_free(struct notifier *n);

/* Takes @fd.  -EINVAL when it is no listener, -ENOSPC beyond NOTIFY_LISTENERS_MAX */
int notifier_add(struct notifier *n, int fd, struct nerr *err);
unsigned int notifier_n(const struct notifier *n);

#define NOTIFY_LISTENERS_MAX 4096

/* --- answers.  All: 0, -ENOENT when nobody waits any more --- */

/* @ret is the call's result, a negative errno for a failure. */
int notify_return(const struct notify_call *call, int64_t ret);
/* The kernel does the call itself. */
int notify_continue(const struct notify_call *call);
/* The result is a new descriptor of the task, a copy of @fd (which stays ours).  -EMFILE and others
 * of the task's limits: the call is still to be answered.
 */
int notify_return_fd(const struct notify_call *call, int fd, bool cloexec);
/* Put a copy of @fd in place of the task's descriptor @at; the call is still to be answered. */
int notify_set_fd(const struct notify_call *call, int fd, int at, bool cloexec);
/* Somebody waits. */
bool notify_is_valid(const struct notify_call *call);

/* --- waiting --- */

/**
 * struct notify_held - A call that waits
 * @call:	Which
 * @deadline_ns: Of CLOCK_MONOTONIC, LOOP_FOREVER for none
 * @over:	Called when its task has made another call or is gone (@timed_out false: there is
 *		nobody to answer), or when the time is over (true: it is to be answered).  It is
 *		not held any more then
 * @arg:	Of @over
 * @next, @prev, @is_held: Of the notifier
 *
 * Memory of the caller.
 */
struct notify_held {
	struct notify_call call;
	uint64_t deadline_ns;
	void (*over)(struct notify_held *h, bool timed_out);
	void *arg;
	struct notify_held *next;
	struct notify_held **prev;
	bool is_held;
};

void notify_hold(struct notifier *n, struct notify_held *h);
/* Not held any more; fine when it was not. */
void notify_release(struct notifier *n, struct notify_held *h);

#endif /* ATTACH_NOTIFY_H */
