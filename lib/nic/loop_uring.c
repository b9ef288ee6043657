/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop by io_uring: one io_uring_enter() a turn submits and waits.
 *
 * The ring is entered by hand, for liburing's own waiting goes on after a signal when
 * something was submitted in the same call.  Completions are taken one at a time, so that a
 * callback may turn the loop itself (loop_cancel()).
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/loop_priv.h"

/* A burst of writes of each of four nics; completions of more than one turn. */
#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096

/* Without them: completions are lost, and waiting with a deadline takes an operation. */
#define FEATURES_NEEDED (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG)

/* In the user_data of writes, beside the address of their operation. */
#define IS_WRITE UINT64_C(1)

/* Between two attempts to cancel. */
#define CANCEL_AGAIN_NS UINT64_C(10000000)

/* A worker begins at once; longer than this it shall not keep a process from ending. */
#define CLOSE_NS UINT64_C(1000000000)

/**
 * enum watch_state - Where a watch is
 *
 * WATCH_TO_ARM		in the list of those that the next turn asks the kernel for
 * WATCH_ARMED		in the kernel
 * WATCH_CALLED		its callback is being called, and the kernel has done with it
 */
enum watch_state {
	WATCH_TO_ARM,
	WATCH_ARMED,
	WATCH_CALLED,
};

/**
 * struct watch - Our half of a watch
 * @op:		Polls once, and again after the callback: that makes it level-triggered.  Or, for
 *		edges, for as long as the kernel likes to
 * @u:		Loop
 * @w:		The caller's half; NULL when it was deleted, and the kernel has to let go
 * @state:	See there
 * @arm_next:	In the list of those to be armed
 * @next, @prev: In the list of all
 */
struct watch {
	struct loop_op op;
	struct loop_uring *u;
	struct loop_watch *w;
	enum watch_state state;
	struct watch *arm_next;
	struct watch *next;
	struct watch **prev;
};

/**
 * struct loop_uring - Loop
 * @enter_flags: With each call
 * @no_nowait:	Writes that cannot be made at once are not -EAGAIN, but wait in the kernel: some
 *		descriptor does not know RWF_NOWAIT
 * @to_arm:	Watches that the next turn asks the kernel for
 * @watches:	All of them
 * @close_op:	Of uring_close()
 */
struct loop_uring {
	struct loop loop;
	struct io_uring ring;
	bool no_nowait;
	unsigned int enter_flags;
	struct watch *to_arm;
	struct watch *watches;
	struct loop_op close_op;
};

static struct loop_uring *uring_of(struct loop *l)
{
	return container_of(l, struct loop_uring, loop);
}

/* --- entering the ring --- */

/* What was queued is the kernel's to take.  Return: how many there are */
static unsigned int flush(struct loop_uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;

	if (sq->sqe_head != sq->sqe_tail) {
		sq->sqe_head = sq->sqe_tail;
		io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	}
	return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

static int enter(struct loop_uring *u, unsigned int n, unsigned int wait, unsigned int flags,
		 struct io_uring_getevents_arg *arg)
{
	const int r = io_uring_enter2(u->ring.enter_ring_fd, n, wait, flags | u->enter_flags,
				      (sigset_t *)(void *)arg, arg ? sizeof(*arg) : 0);

	/* Anything else is a mistake of ours: another thread's ring. */
	assert(r >= 0 || r == -EINTR || r == -ETIME || r == -EAGAIN || r == -EBUSY || r == -ENOMEM);
	return r;
}

static void uring_submit(struct loop *l)
{
	struct loop_uring *u = uring_of(l);
	const unsigned int n = flush(u);

	/* What is not taken now, for want of memory, is with the next turn. */
	if (n)
		(void)enter(u, n, 0, 0, NULL);
}

/* Sleep for completions, until @deadline. */
static int enter_and_sleep(struct loop_uring *u, unsigned int n, uint64_t deadline, uint64_t now)
{
	const struct timespec rest = loop_timespec(deadline - now);
	struct __kernel_timespec ts = { .tv_sec = rest.tv_sec, .tv_nsec = rest.tv_nsec };
	struct io_uring_getevents_arg arg = {
		.ts = deadline == LOOP_FOREVER ? 0 : (uint64_t)(uintptr_t)&ts,
	};
	int r = enter(u, n, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg);

	if (r == -EINTR)
		return -EINTR;
	/* The result is the number of what was submitted, whatever ended the sleep. */
	if (r > 0 && !io_uring_cq_ready(&u->ring) && loop_clock() < deadline)
		return -EINTR;
	return 0;
}

static int enter_for(struct loop_uring *u, uint64_t deadline)
{
	const unsigned int n = flush(u);
	const unsigned int flags = *(volatile unsigned int *)u->ring.sq.kflags;

	if (deadline && !io_uring_cq_ready(&u->ring) &&
	    !(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))) {
		const uint64_t now = deadline == LOOP_FOREVER ? 0 : loop_clock();

		if (now < deadline)
			return enter_and_sleep(u, n, deadline, now);
	}
	/* -EAGAIN and -EBUSY are for the next turn, when completions were taken. */
	if (n || flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
		(void)enter(u, n, 0, IORING_ENTER_GETEVENTS, NULL);
	return 0;
}

static void queue_write(struct loop_uring *u, struct loop_op *op);

/* A descriptor that does not say that it need not block refuses RWF_NOWAIT, as taps did before
 * Linux 6.4.  Such writes are made again without it, in their order.
 */
static bool write_again(struct loop_uring *u, const struct io_uring_cqe *cqe, struct loop_op *op)
{
	if (!(cqe->user_data & IS_WRITE) || cqe->res != -EOPNOTSUPP || op->is_again)
		return false;
	u->no_nowait = true;
	op->is_again = true;
	queue_write(u, op);
	return true;
}

/* Those that are there now, not what callbacks bring about. */
static void reap(struct loop_uring *u)
{
	struct io_uring_cq *cq = &u->ring.cq;
	unsigned int n = io_uring_cq_ready(&u->ring);

	while (n-- && io_uring_cq_ready(&u->ring)) {
		const struct io_uring_cqe cqe = cq->cqes[*cq->khead & cq->ring_mask];
		struct loop_op *op = (struct loop_op *)(uintptr_t)(cqe.user_data & ~IS_WRITE);

		io_uring_cq_advance(&u->ring, 1);
		if (op && !write_again(u, &cqe, op))
			loop_op_done(op, cqe.res, cqe.flags, cqe.flags & IORING_CQE_F_MORE);
	}
}

static void arm_watches(struct loop_uring *u);

static int uring_turn(struct loop *l, uint64_t deadline_ns)
{
	struct loop_uring *u = uring_of(l);
	int r;

	arm_watches(u);
	r = enter_for(u, deadline_ns);
	l->now_ns = loop_clock();
	reap(u);
	return r;
}

/* --- operations --- */

static struct io_uring_sqe *get_sqe(struct loop_uring *u)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&u->ring)))
		(void)enter(u, flush(u), 0, 0, NULL); /* again until there is memory */
	return sqe;
}

struct io_uring_sqe *loop_sqe(struct loop *l, struct loop_op *op)
{
	if (!l->ring)
		return NULL;
	op->pending = true;
	return get_sqe(uring_of(l));
}

static void queue_write(struct loop_uring *u, struct loop_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(u);

	if (op->n == 1)
		io_uring_prep_write(sqe, op->fd, op->iov->iov_base, (unsigned int)op->iov->iov_len,
				    0);
	else
		io_uring_prep_writev(sqe, op->fd, op->iov, op->n, 0);
	if (!u->no_nowait)
		sqe->rw_flags = RWF_NOWAIT;
	io_uring_sqe_set_data64(sqe, (uintptr_t)op | IS_WRITE);
}

static void uring_writev(struct loop *l, int fd, const struct iovec *iov, unsigned int n,
			 struct loop_op *op)
{
	op->pending = true;
	op->is_again = false;
	op->fd = fd;
	op->iov = iov;
	op->n = n;
	queue_write(uring_of(l), op);
}

/* Nobody waits for the cancelling itself. */
static void queue_cancel(struct loop_uring *u, uint64_t user_data)
{
	struct io_uring_sqe *sqe = get_sqe(u);

	io_uring_prep_cancel64(sqe, user_data, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

/* An operation that is just being worked on is not found (-EALREADY), and one that goes on for
 * ever, as a multishot read, does so afterwards: it is asked again until it has ended.
 */
static void uring_cancel(struct loop *l, struct loop_op *op)
{
	while (op->pending) {
		queue_cancel(uring_of(l), (uintptr_t)op);
		queue_cancel(uring_of(l), (uintptr_t)op | IS_WRITE);
		(void)uring_turn(l, loop_clock() + CANCEL_AGAIN_NS); /* a signal does not end it */
	}
}

/* --- a descriptor that a worker closes --- */

/* A worker that cannot be had: the descriptor is closed with the process. */
static void close_done(struct loop_op *op, int res, uint32_t flags)
{
	(void)op;
	(void)res;
	(void)flags; /* there is one completion */
}

/* The first one: the worker counts as free while the kernel makes it wait, and would be given the
 * next one, too, which the caller may as well close himself meanwhile.
 */
static bool uring_close(struct loop *l, int fd)
{
	struct loop_uring *u = uring_of(l);
	struct io_uring_sqe *sqe;

	if (u->close_op.done)
		return false;
	u->close_op.done = close_done;
	sqe = loop_sqe(l, &u->close_op);
	io_uring_prep_close(sqe, fd);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, &u->close_op);
	uring_submit(l);
	return true;
}

/* A ring that is closed would take it back if no worker has begun with it. */
static void wait_closing(struct loop_uring *u)
{
	const uint64_t end = loop_clock() + CLOSE_NS;

	while (u->close_op.pending && loop_clock() < end)
		(void)uring_turn(&u->loop, end); /* a signal does not end it */
}

/* --- watches --- */

static void watch_free(struct watch *x)
{
	*x->prev = x->next;
	if (x->next)
		x->next->prev = x->prev;
	free(x);
}

static void to_arm(struct watch *x)
{
	x->state = WATCH_TO_ARM;
	x->arm_next = x->u->to_arm;
	x->u->to_arm = x;
}

static void arm_watches(struct loop_uring *u)
{
	while (u->to_arm) {
		struct watch *x = u->to_arm;
		struct io_uring_sqe *sqe = loop_sqe(&u->loop, &x->op);

		u->to_arm = x->arm_next;
		x->state = WATCH_ARMED;
		if (x->w->edge)
			io_uring_prep_poll_multishot(sqe, x->w->fd, x->w->events);
		else
			io_uring_prep_poll_add(sqe, x->w->fd, x->w->events);
		io_uring_sqe_set_data(sqe, &x->op);
	}
}

static void watch_done(struct loop_op *op, int res, uint32_t flags)
{
	struct watch *x = container_of(op, struct watch, op);
	const bool more = flags & IORING_CQE_F_MORE;

	if (!more)
		x->state = WATCH_CALLED;
	if (x->w)
		x->w->ready(x->w, res < 0 ? POLLERR : (uint32_t)res);
	if (more)
		return; /* deleted or not; it may even be freed */
	if (x->w)
		to_arm(x);
	else
		watch_free(x);
}

static int uring_watch_add(struct loop *l, struct loop_watch *w)
{
	struct loop_uring *u = uring_of(l);
	struct watch *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	*x = (struct watch){ .op.done = watch_done, .u = u, .w = w };
	x->next = u->watches;
	x->prev = &u->watches;
	if (x->next)
		x->next->prev = &x->next;
	u->watches = x;
	w->priv = x;
	to_arm(x);
	return 0;
}

static void uring_watch_del(struct loop *l, struct loop_watch *w)
{
	struct loop_uring *u = uring_of(l);
	struct watch *x = w->priv;
	struct watch **p;

	w->priv = NULL;
	x->w = NULL;
	switch (x->state) {
	case WATCH_TO_ARM:
		for (p = &u->to_arm; *p != x; p = &(*p)->arm_next)
			;
		*p = x->arm_next;
		watch_free(x);
		return;
	case WATCH_ARMED:
		/* At once: the file is to be closed with its descriptor. */
		queue_cancel(u, (uintptr_t)&x->op);
		uring_submit(l);
		return;
	case WATCH_CALLED:
		return; /* freed when the callback returns */
	}
}

/* --- life --- */

/* From what we like best to what any kernel with the features has.  Completions are then
 * made when we enter the ring, and not whenever the kernel interrupts us.
 */
static int init_ring(struct io_uring *ring, bool quiet)
{
	static const unsigned int flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_SUBMIT_ALL,
		0,
	};
	const size_t n = quiet ? 1 : ARRAY_SIZE(flags);
	int r = -EINVAL;

	for (size_t i = 0; r == -EINVAL && i < n; i++) {
		struct io_uring_params p = {
			.flags = flags[i] | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
			.cq_entries = CQ_ENTRIES,
		};

		r = io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
	}
	return r;
}

static void uring_free(struct loop *l)
{
	struct loop_uring *u = uring_of(l);

	wait_closing(u);
	io_uring_queue_exit(&u->ring);
	/* Deleted ones that the kernel had not let go yet. */
	while (u->watches) {
		assert(!u->watches->w);
		watch_free(u->watches);
	}
	free(u);
}

int loop_uring_new(struct loop **ret, bool quiet, struct nerr *err)
{
	static const struct loop_ops ops = {
		.turn = uring_turn,
		.submit = uring_submit,
		.watch_add = uring_watch_add,
		.watch_del = uring_watch_del,
		.writev = uring_writev,
		.cancel = uring_cancel,
		.close = uring_close,
		.free = uring_free,
	};
	cleanup_free struct loop_uring *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return nerr_oom(err);
	r = init_ring(&u->ring, quiet);
	if (r < 0)
		return nerr_set(err, r, "cannot set up io_uring: %m");
	if ((u->ring.features & FEATURES_NEEDED) != FEATURES_NEEDED) {
		io_uring_queue_exit(&u->ring);
		return nerr_set(err, -ENOSYS, "the kernel's io_uring is too old");
	}
	/* We fill the queue in its order. */
	for (unsigned int i = 0; i < u->ring.sq.ring_entries; i++)
		u->ring.sq.array[i] = i;
	/* Saves looking up the ring's descriptor in each call, where the kernel has it. */
	if (io_uring_register_ring_fd(&u->ring) == 1)
		u->enter_flags = IORING_ENTER_REGISTERED_RING;
	u->loop = (struct loop){
		.ops = &ops,
		.ring = &u->ring,
		.engine = LOOP_URING,
		.now_ns = loop_clock(),
	};
	*ret = &TAKE_PTR(u)->loop;
	return 0;
}
