/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What both engines of loop.h share, and which one it is.
 */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "nic/loop_priv.h"

int loop_new(struct loop **ret, enum loop_engine engine, struct nerr *err)
{
	struct nerr why;

	if (engine == LOOP_URING)
		return loop_uring_new(ret, false, err);
	/* Containers forbid io_uring, old kernels lack what we need of it, and its memory may be
	 * beyond a limit: whatever the reason is, epoll does the same.
	 */
	if (engine != LOOP_EPOLL && loop_uring_new(ret, engine == LOOP_QUIET, &why) == 0)
		return 0;
	return loop_epoll_new(ret, err);
}

void loop_free(struct loop *l)
{
	if (l)
		l->ops->free(l);
}

enum loop_engine loop_engine(const struct loop *l)
{
	return l->engine;
}

uint64_t loop_now(const struct loop *l)
{
	return l->now_ns;
}

uint64_t loop_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int loop_turn(struct loop *l, uint64_t deadline_ns)
{
	return l->ops->turn(l, deadline_ns);
}

void loop_submit(struct loop *l)
{
	l->ops->submit(l);
}

int loop_watch_add(struct loop *l, struct loop_watch *w)
{
	struct stat st;

	/* io_uring finds them always ready, epoll refuses them. */
	if (fstat(w->fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return -EPERM;
	return l->ops->watch_add(l, w);
}

void loop_watch_del(struct loop *l, struct loop_watch *w)
{
	l->ops->watch_del(l, w);
}

void loop_close_later(struct loop *l)
{
	l->close_later = true;
}

void loop_close(struct loop *l, int fd)
{
	if (!l->close_later || !l->ops->close || !l->ops->close(l, fd))
		(void)close(fd); /* nothing of it is of use any more */
}

struct io_uring *loop_uring(struct loop *l)
{
	return l->ring;
}

void loop_writev(struct loop *l, int fd, const struct iovec *iov, unsigned int n,
		 struct loop_op *op)
{
	assert(!op->pending);
	l->ops->writev(l, fd, iov, n, op);
}

void loop_cancel(struct loop *l, struct loop_op *op)
{
	if (op->pending)
		l->ops->cancel(l, op);
}
