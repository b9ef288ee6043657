/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop without io_uring: writes are made when they are asked for, and their results wait
 * for the next turn.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/loop_priv.h"

#define EVENTS_MAX 64

#define NS_PER_MS  1000000

/**
 * struct watch - Our half of a watch
 * @w:		The caller's half, NULL when it was deleted while events are being told
 * @fd:		The caller's, or a copy when there was a watch of it already: epoll wants them
 *		to differ
 * @next:	In the list of the deleted
 */
struct watch {
	struct loop_watch *w;
	int fd;
	struct watch *next;
};

/**
 * struct loop_epoll - Loop
 * @depth:	Turns inside of turns: events of the outer ones may be of watches that are deleted
 * @no_ns:	There is no epoll_pwait2() (before Linux 5.11, or a filter refuses it)
 * @done, @done_last, @n_done: Operations whose results are to be told
 */
struct loop_epoll {
	struct loop loop;
	int epfd;
	unsigned int depth;
	bool no_ns;
	struct watch *deleted;
	struct loop_op *done;
	struct loop_op **done_last;
	unsigned int n_done;
};

static struct loop_epoll *epoll_of(struct loop *l)
{
	return container_of(l, struct loop_epoll, loop);
}

/* --- operations --- */

static void epoll_submit(struct loop *l)
{
	(void)l; /* nothing is queued */
}

static void epoll_writev(struct loop *l, int fd, const struct iovec *iov, unsigned int n,
			 struct loop_op *op)
{
	struct loop_epoll *e = epoll_of(l);
	ssize_t r;

	do
		r = writev(fd, iov, (int)n);
	while (r < 0 && errno == EINTR);
	op->pending = true;
	op->res = r < 0 ? -errno : (int)r;
	op->next = NULL;
	*e->done_last = op;
	e->done_last = &op->next;
	e->n_done++;
}

/* Those that are there now, not what callbacks bring about. */
static void tell_done(struct loop_epoll *e)
{
	unsigned int n = e->n_done;

	while (n-- && e->done) {
		struct loop_op *op = e->done;

		e->done = op->next;
		if (!e->done)
			e->done_last = &e->done;
		e->n_done--;
		loop_op_done(op, op->res, 0, false);
	}
}

/* --- turns --- */

static int wait_ms(struct loop_epoll *e, struct epoll_event *ev, uint64_t ns)
{
	const uint64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;

	return epoll_wait(e->epfd, ev, EVENTS_MAX, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* @ns: LOOP_FOREVER, or how long */
static int wait_ns(struct loop_epoll *e, struct epoll_event *ev, uint64_t ns)
{
	const struct timespec ts = loop_timespec(ns);
	int n;

	if (ns == 0 || ns == LOOP_FOREVER)
		return epoll_wait(e->epfd, ev, EVENTS_MAX, ns ? -1 : 0);
	if (e->no_ns)
		return wait_ms(e, ev, ns);
	n = epoll_pwait2(e->epfd, ev, EVENTS_MAX, &ts, NULL);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		e->no_ns = true;
		return wait_ms(e, ev, ns);
	}
	return n;
}

static uint64_t time_until(const struct loop_epoll *e, uint64_t deadline_ns)
{
	uint64_t now;

	if (e->done || deadline_ns == 0)
		return 0;
	if (deadline_ns == LOOP_FOREVER)
		return LOOP_FOREVER;
	now = loop_clock();
	return now < deadline_ns ? deadline_ns - now : 0;
}

static void free_deleted(struct loop_epoll *e)
{
	while (e->deleted) {
		struct watch *x = e->deleted;

		e->deleted = x->next;
		free(x);
	}
}

static int epoll_turn(struct loop *l, uint64_t deadline_ns)
{
	struct loop_epoll *e = epoll_of(l);
	struct epoll_event ev[EVENTS_MAX];
	const int n = wait_ns(e, ev, time_until(e, deadline_ns));
	const int r = n < 0 ? -errno : 0;

	/* Anything else is a mistake of ours, and would be for ever. */
	assert(r == 0 || r == -EINTR);
	l->now_ns = loop_clock();
	e->depth++;
	tell_done(e);
	for (int i = 0; i < n; i++) {
		const struct watch *x = ev[i].data.ptr;

		if (x->w)
			x->w->ready(x->w, ev[i].events);
	}
	if (--e->depth == 0)
		free_deleted(e);
	return r;
}

static void epoll_cancel(struct loop *l, struct loop_op *op)
{
	while (op->pending)
		(void)epoll_turn(l, 0); /* its result is here */
}

/* --- watches --- */

static int add(int epfd, struct watch *x)
{
	struct epoll_event ev = {
		.events = x->w->events | (x->w->edge ? (uint32_t)EPOLLET : 0),
		.data.ptr = x,
	};
	int r = epoll_ctl(epfd, EPOLL_CTL_ADD, x->fd, &ev);

	if (r < 0 && errno == EEXIST) {
		x->fd = fcntl(x->fd, F_DUPFD_CLOEXEC, 0);
		if (x->fd < 0)
			return -errno;
		r = epoll_ctl(epfd, EPOLL_CTL_ADD, x->fd, &ev);
	}
	return r < 0 ? -errno : 0;
}

static void close_copy(const struct watch *x, const struct loop_watch *w)
{
	if (x->fd >= 0 && x->fd != w->fd)
		(void)close(x->fd);
}

static int epoll_watch_add(struct loop *l, struct loop_watch *w)
{
	cleanup_free struct watch *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return -ENOMEM;
	x->w = w;
	x->fd = w->fd;
	r = add(epoll_of(l)->epfd, x);
	if (r < 0) {
		close_copy(x, w);
		return r;
	}
	w->priv = TAKE_PTR(x);
	return 0;
}

static void epoll_watch_del(struct loop *l, struct loop_watch *w)
{
	struct loop_epoll *e = epoll_of(l);
	struct watch *x = w->priv;

	w->priv = NULL;
	/* Fails only when the descriptor is closed already, and so gone from there. */
	(void)epoll_ctl(e->epfd, EPOLL_CTL_DEL, x->fd, NULL);
	close_copy(x, w);
	x->w = NULL;
	x->next = e->deleted;
	e->deleted = x;
	if (e->depth == 0)
		free_deleted(e);
}

/* --- life --- */

static void epoll_free(struct loop *l)
{
	struct loop_epoll *e = epoll_of(l);

	(void)close(e->epfd);
	free(e);
}

int loop_epoll_new(struct loop **ret, struct nerr *err)
{
	static const struct loop_ops ops = {
		.turn = epoll_turn,
		.submit = epoll_submit,
		.watch_add = epoll_watch_add,
		.watch_del = epoll_watch_del,
		.writev = epoll_writev,
		.cancel = epoll_cancel,
		.free = epoll_free,
	};
	cleanup_free struct loop_epoll *e = calloc(1, sizeof(*e));

	if (!e)
		return nerr_oom(err);
	e->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epfd < 0)
		return nerr_set(err, -errno, "cannot make an epoll descriptor: %m");
	e->done_last = &e->done;
	e->loop = (struct loop){
		.ops = &ops,
		.engine = LOOP_EPOLL,
		.now_ns = loop_clock(),
	};
	*ret = &TAKE_PTR(e)->loop;
	return 0;
}
