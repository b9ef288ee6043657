/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/fd_wait.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>

static void tell(struct fd_wait *fw, uint32_t events)
{
	if (!fw->is_armed && !(events & POLLERR))
		return;
	fw->is_armed = false;
	fw->told(fw->arg, events);
}

static void polled(struct loop_op *op, int res, uint32_t flags)
{
	struct fd_wait *fw = (struct fd_wait *)(void *)op; /* its first member */

	(void)flags; /* it polls once */
	if (res != -ECANCELED)
		tell(fw, res < 0 ? POLLERR : (uint32_t)res);
}

static void watched(struct loop_watch *w, uint32_t events)
{
	tell(w->arg, events);
}

int fd_wait_open(struct fd_wait *fw, struct loop *loop, int fd,
		 void (*told)(void *arg, uint32_t events), void *arg)
{
	*fw = (struct fd_wait){
		.op.done = polled,
		.fd = fd,
		.is_uring = loop_engine(loop) == LOOP_URING,
		.told = told,
		.arg = arg,
	};
	if (!fw->is_uring) {
		int r;

		fw->watch = (struct loop_watch){
			.fd = fd,
			.events = POLLIN | (uint32_t)EPOLLET,
			.ready = watched,
			.arg = fw,
		};
		r = loop_watch_add(loop, &fw->watch);
		if (r < 0)
			return r;
	}
	fw->loop = loop;
	return 0;
}

void fd_wait_arm(struct fd_wait *fw)
{
	struct io_uring_sqe *sqe;

	fw->is_armed = true;
	/* One that was asked for before a disarm is still there. */
	if (!fw->is_uring || fw->op.pending)
		return;
	sqe = loop_sqe(fw->loop, &fw->op);
	io_uring_prep_poll_add(sqe, fw->fd, POLLIN);
	io_uring_sqe_set_data(sqe, &fw->op);
}

void fd_wait_disarm(struct fd_wait *fw)
{
	fw->is_armed = false;
}

void fd_wait_close(struct fd_wait *fw)
{
	if (!fw->loop)
		return;
	fw->is_armed = false;
	if (fw->is_uring)
		loop_cancel(fw->loop, &fw->op);
	else
		loop_watch_del(fw->loop, &fw->watch);
	fw->loop = NULL;
}
