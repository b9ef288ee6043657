/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loop.h - one thread's waiting and batched input and output
 *
 * A turn is one system call where io_uring is there: what was queued since the last one is
 * submitted, and what has happened is waited for.  Where it is not, the same calls go by
 * epoll and plain reads and writes; who uses a loop does not see the difference but for
 * loop_uring().
 *
 * A loop and everything in it belong to one thread.  Callbacks are called from loop_turn() only;
 * they may add and remove whatever they like, themselves too.
 */
#ifndef NIC_LOOP_H
#define NIC_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct io_uring;
struct loop;
struct nerr;

enum loop_engine {
	LOOP_AUTO, /* io_uring, or epoll where the kernel or a filter refuses it */
	LOOP_URING,
	LOOP_EPOLL,
	LOOP_QUIET, /* LOOP_AUTO, but no io_uring that interrupts the thread (before 6.1) */
};

#define LOOP_FOREVER UINT64_MAX

/**
 * loop_new() - Make a loop
 *
 * Return: 0; -ENOSYS or -EPERM for LOOP_URING where there is none; -EMFILE, -ENOMEM
 */
int loop_new(struct loop **ret, enum loop_engine engine, struct nerr *err);

/* Nothing may be in it any more but what loop_watch_del() and loop_cancel() took out.  NULL is
 * fine.
 */
void loop_free(struct loop *l);

enum loop_engine loop_engine(const struct loop *l); /* LOOP_URING or LOOP_EPOLL */

/* CLOCK_MONOTONIC, in nanoseconds: when the last turn woke up, and right now. */
uint64_t loop_now(const struct loop *l);
uint64_t loop_clock(void);

/**
 * loop_turn() - Submit, wait, call back
 * @deadline_ns: Sleep until then at the latest; 0 does not sleep, LOOP_FOREVER has no end
 *
 * Return: 0; -EINTR when a signal ended the sleep (callbacks were called all the same)
 */
int loop_turn(struct loop *l, uint64_t deadline_ns);

/* Submit what is queued without waiting for anything: before a long computation. */
void loop_submit(struct loop *l);

/* --- descriptors that become readable or writable --- */

/**
 * struct loop_watch - Interest in a descriptor
 * @fd:		Which
 * @events:	POLLIN, POLLOUT, ...
 * @edge:	Edge-triggered: @ready is called for what is there at the beginning and then once
 *		for each wakeup of the descriptor (wakeups may be told together), whether what
 *		there was is still there or not, as EPOLLET
 * @ready:	Called with what is there, POLLERR and POLLHUP included: level-triggered, as
 *		long as it is, unless @edge
 * @arg:	Of @ready
 * @priv:	Of the loop
 *
 * Memory of the caller, in place until loop_watch_del().
 */
struct loop_watch {
	int fd;
	uint32_t events;
	bool edge;
	void (*ready)(struct loop_watch *w, uint32_t events);
	void *arg;
	void *priv;
};

/* -ENOMEM; -EPERM for a descriptor that cannot be waited for */
int loop_watch_add(struct loop *l, struct loop_watch *w);

/* @ready is not called any more; @w may be freed, @fd closed. */
void loop_watch_del(struct loop *l, struct loop_watch *w);

/* --- operations that are queued --- */

/**
 * struct loop_op - Something that is under way
 * @done:	Called once for each completion: @res as the system call would return it (a
 *		negative errno), @flags IORING_CQE_F_*.  Without IORING_CQE_F_MORE it is the last
 *		one, and @op may be used again or freed
 * @pending and those behind it: Of the loop
 *
 * Memory of the caller, in place until it is done.
 */
struct loop_op {
	void (*done)(struct loop_op *op, int res, uint32_t flags);
	bool pending;
	bool is_again;
	int res;
	struct loop_op *next;
	const struct iovec *iov;
	unsigned int n;
	int fd;
};

/* The ring, for operations of one's own (liburing): io_uring_sqe_set_data() with a loop_op.  NULL
 * with LOOP_EPOLL.  loop_sqe() makes room when the queue is full, and counts the operation
 * as under way.
 */
struct io_uring *loop_uring(struct loop *l);
struct io_uring_sqe *loop_sqe(struct loop *l, struct loop_op *op);

/**
 * loop_writev() - Write a packet, with the next turn or loop_submit() at the latest
 * @iov:	Stays in place, with what it points to, until @op is done
 *
 * Writes of one descriptor are made in the order in which they were queued.  With LOOP_EPOLL
 * it is made at once, and @done called from the next turn.  The descriptor is non-blocking:
 * -EAGAIN comes as a result.
 */
void loop_writev(struct loop *l, int fd, const struct iovec *iov, unsigned int n,
		 struct loop_op *op);

/* @op is to end: @done is called with -ECANCELED or with what came before.  Turns until it
 * was.
 */
void loop_cancel(struct loop *l, struct loop_op *op);

/**
 * loop_close_later() - From now on loop_close() may leave the waiting to somebody else
 *
 * For a process that ends and holds two taps: the last descriptor of a tap takes the interface with
 * it, which is gone within a millisecond, but the kernel then waits for RCU, 10 to 20 ms.  With
 * io_uring a worker closes the first one, and both are gone at once.
 */
void loop_close_later(struct loop *l);

/* Close a descriptor; after loop_close_later() it may not be closed yet before loop_free(). */
void loop_close(struct loop *l, int fd);

#endif /* NIC_LOOP_H */
