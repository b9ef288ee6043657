/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loop_priv.h - between loop.c and its two engines
 */
#ifndef NIC_LOOP_PRIV_H
#define NIC_LOOP_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "nic/loop.h"

/* What contains a member. */
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* As the functions of loop.h; @close: false when it is the caller's to do, NULL for always. */
struct loop_ops {
	int (*turn)(struct loop *l, uint64_t deadline_ns);
	void (*submit)(struct loop *l);
	int (*watch_add)(struct loop *l, struct loop_watch *w);
	void (*watch_del)(struct loop *l, struct loop_watch *w);
	void (*writev)(struct loop *l, int fd, const struct iovec *iov, unsigned int n,
		       struct loop_op *op);
	void (*cancel)(struct loop *l, struct loop_op *op);
	bool (*close)(struct loop *l, int fd);
	void (*free)(struct loop *l);
};

/**
 * struct loop - What both engines have
 * @ops:	Of the engine
 * @ring:	Of io_uring, else NULL
 * @engine:	enum loop_engine
 * @now_ns:	loop_now()
 * @close_later: loop_close_later() was called
 */
struct loop {
	const struct loop_ops *ops;
	struct io_uring *ring;
	enum loop_engine engine;
	uint64_t now_ns;
	bool close_later;
};

/* @quiet: only one that never interrupts the thread's system calls */
int loop_uring_new(struct loop **ret, bool quiet, struct nerr *err);
int loop_epoll_new(struct loop **ret, struct nerr *err);

/* @op has come to an end, or says @more. */
static inline void loop_op_done(struct loop_op *op, int res, uint32_t flags, bool more)
{
	op->pending = more;
	op->done(op, res, flags);
}

static inline struct timespec loop_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
}

#endif /* NIC_LOOP_PRIV_H */
