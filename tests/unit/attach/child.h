/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * child.h - a process under the filter, and its calls as the tests see them
 *
 *	child_start(&c, ATTACH_HYBRID, what_it_does);
 *	child_call(&c, &call);		its next notified call
 *	notify_return(&call, 0);
 *	child_join(&c);			what it returned is its exit status
 */
#ifndef TESTS_UNIT_ATTACH_CHILD_H
#define TESTS_UNIT_ATTACH_CHILD_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/filter.h"
#include "attach/notify.h"
#include "base/error.h"
#include "nic/loop.h"

#define CHILD_DEADLINE_NS UINT64_C(20000000000) /* of everything that comes of itself */

/**
 * struct child - It, and what serves it
 * @n_calls:	Notified so far
 * @last:	The latest
 * @each:	Is shown each, may be NULL
 * @go:		Our end of the socketpair by which it was started: tell it something
 * @gone:	The listener has ended
 */
struct child {
	pid_t pid;
	int go;
	struct loop *loop;
	struct notifier *notifier;
	unsigned int n_calls;
	struct notify_call last;
	bool gone;
	void (*each)(struct child *c, const struct notify_call *call);
};

static void child_on_call(void *arg, const struct notify_call *call)
{
	struct child *c = arg;

	c->n_calls++;
	c->last = *call;
	if (c->each)
		c->each(c, call);
}

static void child_on_gone(void *arg)
{
	struct child *c = arg;

	c->gone = true;
}

static const struct notifier_ops child_ops = { .call = child_on_call, .gone = child_on_gone };

static void child_main(enum attach_mode mode, int sock, int (*fn)(int sock))
{
	struct nerr err = NERR_INIT;
	int listener = -1;

	if (attach_filter_load(mode, &listener, &err) < 0 ||
	    attach_filter_send(sock, listener, &err) < 0) {
		(void)dprintf(STDERR_FILENO, "%s\n", err.msg);
		_exit(99);
	}
	(void)close(listener);
	_exit(fn(sock));
}

/* Without a notifier: the listener is the caller's. */
static int child_fork(struct child *c, enum attach_mode mode, int (*fn)(int sock))
{
	struct nerr err = NERR_INIT;
	int listener = -1;
	int sv[2];

	*c = (struct child){ .pid = -1 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		(void)close(sv[0]);
		child_main(mode, sv[1], fn);
	}
	(void)close(sv[1]);
	c->go = sv[0];
	if (attach_filter_recv(c->pid, c->go, &listener, &err) < 0)
		fail_msg("%s", err.msg);
	return listener;
}

static void child_serve(struct child *c, int listener)
{
	struct nerr err = NERR_INIT;

	assert_int_equal(loop_new(&c->loop, LOOP_EPOLL, &err), 0);
	if (notifier_new(&c->notifier, c->loop, &child_ops, c, &err) < 0 ||
	    notifier_add(c->notifier, listener, &err) < 0)
		fail_msg("%s", err.msg);
}

static void child_start(struct child *c, enum attach_mode mode, int (*fn)(int sock))
{
	int listener = child_fork(c, mode, fn);

	child_serve(c, listener);
}

/* Turns until it has made another call (true), or the listener has ended. */
static bool child_call(struct child *c, struct notify_call *ret)
{
	uint64_t end = loop_clock() + CHILD_DEADLINE_NS;
	unsigned int before = c->n_calls;

	while (c->n_calls == before && !c->gone) {
		assert_true(loop_clock() < end);
		(void)loop_turn(c->loop, end); /* EINTR: again */
	}
	if (c->n_calls == before)
		return false;
	assert_int_equal(c->n_calls, before + 1); /* one task makes one call at a time */
	*ret = c->last;
	return true;
}

static int child_wait(struct child *c)
{
	int st = 0;

	assert_int_equal(waitpid(c->pid, &st, 0), c->pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static void child_done(struct child *c)
{
	notifier_free(c->notifier);
	loop_free(c->loop);
	(void)close(c->go);
}

/* It makes no more notified calls.  Return: its exit status */
static inline int child_join(struct child *c)
{
	struct notify_call call;
	int status;

	while (child_call(c, &call))
		fail_msg("call %d is notified, with %#lx, %#lx", call.nr, (long)call.arg[0],
			 (long)call.arg[1]);
	status = child_wait(c);
	child_done(c);
	return status;
}

/* The other side of child_tell(). */
static inline char child_hear(int sock)
{
	char c = 0;

	return read(sock, &c, 1) == 1 ? c : 0;
}

static inline void child_tell(struct child *c, char what)
{
	assert_int_equal(write(c->go, &what, 1), 1);
}

#endif /* TESTS_UNIT_ATTACH_CHILD_H */
