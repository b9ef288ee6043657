/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every test is run with both engines.
 */
#include "nic/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "tests/unit/waiter.h"

#define MS UINT64_C(1000000)

static enum loop_engine engine; /* of this run */

static int setup(void **state)
{
	struct loop *l;
	struct nerr err;

	if (loop_new(&l, engine, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(loop_engine(l), engine);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	loop_free(*state);
	return 0;
}

/* --- watches that count --- */

struct counted {
	struct loop_watch w;
	struct loop *l;
	unsigned int n;
	uint32_t events;
	struct counted *victim; /* deleted by the callback */
};

static void count(struct loop_watch *w, uint32_t events)
{
	struct counted *c = w->arg;

	c->n++;
	c->events = events;
	if (c->victim)
		loop_watch_del(c->l, &c->victim->w);
	c->victim = NULL;
}

static void watch_edges(struct counted *c, struct loop *l, int fd, uint32_t events)
{
	*c = (struct counted){
		.w = { .fd = fd, .events = events, .edge = true, .ready = count, .arg = c },
		.l = l,
	};
	assert_int_equal(loop_watch_add(l, &c->w), 0);
}

static void watch(struct counted *c, struct loop *l, int fd, uint32_t events)
{
	*c = (struct counted){
		.w = { .fd = fd, .events = events, .ready = count, .arg = c },
		.l = l,
	};
	assert_int_equal(loop_watch_add(l, &c->w), 0);
}

static void kick(int fd)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static void drain(int fd)
{
	eventfd_t v;

	assert_int_equal(eventfd_read(fd, &v), 0);
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

/* Turns until @n says so; it must come within a few, none of which sleeps for long. */
static void turn_until(struct loop *l, const unsigned int *n, unsigned int wanted)
{
	for (unsigned int i = 0; i < 100 && *n < wanted; i++)
		(void)loop_turn(l, loop_clock() + 100 * MS);
	assert_int_equal(*n, wanted);
}

/* --- time --- */

static void a_turn_ends_at_its_deadline(void **state)
{
	struct loop *l = *state;
	const uint64_t start = loop_clock();
	const uint64_t deadline = start + 3 * MS + 1;

	assert_int_equal(loop_turn(l, 0), 0);
	assert_true(loop_now(l) >= start);
	/* Threads of an io_uring that ends interrupt us, too. */
	while (loop_now(l) < deadline)
		(void)loop_turn(l, deadline);
	assert_true(loop_clock() >= deadline);
	/* In the past: not at all. */
	assert_int_equal(loop_turn(l, start), 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void send_signal(void *arg)
{
	(void)pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

static void catch_signal(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };

	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
}

static void a_signal_ends_the_sleep(void **state)
{
	struct loop *l = *state;
	pthread_t self = pthread_self();
	struct waiter w;

	catch_signal();
	waiter_start(&w, send_signal, &self);
	assert_int_equal(loop_turn(l, LOOP_FOREVER), -EINTR);
	waiter_join(&w);
}

/* The call that sleeps submits something as well. */
static void a_signal_ends_the_sleep_of_a_turn_that_submits(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	pthread_t self = pthread_self();
	struct counted c;
	struct waiter w;

	catch_signal();
	watch(&c, l, fd, POLLIN);
	waiter_start(&w, send_signal, &self);
	assert_int_equal(loop_turn(l, LOOP_FOREVER), -EINTR);
	waiter_join(&w);
	assert_int_equal(c.n, 0);
	loop_watch_del(l, &c.w);
}

/* --- watches --- */

static void kick_it(void *arg)
{
	kick(*(int *)arg);
}

static void an_event_wakes_the_sleeper(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	struct counted c;
	struct waiter w;
	int r;

	watch(&c, l, fd, POLLIN);
	waiter_start(&w, kick_it, &fd);
	/* Threads of an io_uring that ends interrupt us, too. */
	do
		r = loop_turn(l, LOOP_FOREVER);
	while (r == -EINTR);
	assert_int_equal(r, 0);
	waiter_join(&w);
	turn_until(l, &c.n, 1);
	assert_int_equal(c.events & POLLIN, POLLIN);
	loop_watch_del(l, &c.w);
}

static void watches_are_level_triggered(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	struct counted c;

	watch(&c, l, fd, POLLIN);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(c.n, 0);
	kick(fd);
	for (unsigned int i = 1; i <= 5; i++)
		turn_until(l, &c.n, i);
	drain(fd);
	/* What was seen before is told at most once. */
	(void)loop_turn(l, 0);
	c.n = 0;
	for (int i = 0; i < 5; i++)
		(void)loop_turn(l, 0);
	assert_int_equal(c.n, 0);
	kick(fd);
	turn_until(l, &c.n, 1);
	loop_watch_del(l, &c.w);
}

static void a_deleted_watch_is_silent(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	struct counted c;

	kick(fd);
	watch(&c, l, fd, POLLIN);
	loop_watch_del(l, &c.w); /* never armed */
	(void)loop_turn(l, 0);
	watch(&c, l, fd, POLLIN);
	turn_until(l, &c.n, 1);
	loop_watch_del(l, &c.w); /* to be armed again */
	memset(&c, 0xa5, sizeof(c));
	(void)loop_turn(l, 0);
	drain(fd);
	watch(&c, l, fd, POLLIN);
	(void)loop_turn(l, 0);
	loop_watch_del(l, &c.w); /* armed */
	memset(&c, 0xa5, sizeof(c));
	kick(fd);
	for (int i = 0; i < 3; i++)
		(void)loop_turn(l, 0);
}

/* Both are ready in one turn, and whichever comes first deletes the other. */
static void a_callback_may_delete_others(void **state)
{
	cleanup_close int a = new_eventfd(), b = new_eventfd();
	struct loop *l = *state;
	struct counted x, y;

	kick(a);
	kick(b);
	watch(&x, l, a, POLLIN);
	watch(&y, l, b, POLLIN);
	x.victim = &y;
	y.victim = &x;
	for (int i = 0; i < 5; i++)
		(void)loop_turn(l, loop_clock() + MS);
	assert_true((x.n == 0) != (y.n == 0));
	loop_watch_del(l, x.n ? &x.w : &y.w);
}

static void a_callback_may_delete_itself(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	struct counted c;

	kick(fd);
	watch(&c, l, fd, POLLIN);
	c.victim = &c;
	for (int i = 0; i < 5; i++)
		(void)loop_turn(l, loop_clock() + MS);
	assert_int_equal(c.n, 1);
}

static void a_descriptor_may_be_watched_twice(void **state)
{
	cleanup_close int fd = new_eventfd();
	struct loop *l = *state;
	struct counted in, out;

	watch(&in, l, fd, POLLIN);
	watch(&out, l, fd, POLLOUT);
	turn_until(l, &out.n, 1);
	assert_int_equal(in.n, 0);
	loop_watch_del(l, &out.w);
	kick(fd);
	turn_until(l, &in.n, 1);
	loop_watch_del(l, &in.w);
}

static void a_hangup_is_told(void **state)
{
	struct loop *l = *state;
	struct counted c;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	watch(&c, l, p[0], POLLIN);
	(void)loop_turn(l, 0);
	(void)close(p[1]);
	turn_until(l, &c.n, 1);
	assert_int_equal(c.events & POLLHUP, POLLHUP);
	loop_watch_del(l, &c.w);
	(void)close(p[0]);
}

static void stream(int sv[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
}

/* No more than there were so far. */
static void is_quiet(struct loop *l, const struct counted *c)
{
	const unsigned int n = c->n;

	for (int i = 0; i < 5; i++)
		(void)loop_turn(l, 0);
	assert_int_equal(c->n, n);
}

static void an_edge_is_told_once(void **state)
{
	struct loop *l = *state;
	struct counted c;
	int sv[2];

	stream(sv);
	assert_int_equal(send(sv[0], "a", 1, 0), 1);
	watch_edges(&c, l, sv[1], POLLIN);
	turn_until(l, &c.n, 1); /* what is there already counts */
	is_quiet(l, &c);
	/* Nothing is read: there is another edge for each message. */
	for (unsigned int i = 2; i < 6; i++) {
		assert_int_equal(send(sv[0], "b", 1, 0), 1);
		turn_until(l, &c.n, i);
		assert_int_equal(c.events, POLLIN);
		is_quiet(l, &c);
	}
	loop_watch_del(l, &c.w);
	memset(&c, 0xa5, sizeof(c));
	assert_int_equal(send(sv[0], "c", 1, 0), 1);
	for (int i = 0; i < 3; i++)
		(void)loop_turn(l, 0);
	(void)close(sv[0]);
	(void)close(sv[1]);
}

/* Both directions are shut down, and then the other side closes: the mask is the same. */
static void a_hangup_has_another_edge_at_the_close(void **state)
{
	struct loop *l = *state;
	struct counted c;
	int sv[2];

	stream(sv);
	watch_edges(&c, l, sv[1], POLLIN | POLLRDHUP);
	is_quiet(l, &c);
	assert_int_equal(shutdown(sv[0], SHUT_WR), 0);
	turn_until(l, &c.n, 1);
	assert_int_equal(c.events, POLLIN | POLLRDHUP);
	assert_int_equal(shutdown(sv[1], SHUT_WR), 0);
	turn_until(l, &c.n, 2); /* one's own shutdown() wakes, too */
	assert_int_equal(c.events, POLLIN | POLLRDHUP | POLLHUP);
	is_quiet(l, &c);
	(void)close(sv[0]);
	turn_until(l, &c.n, 3);
	assert_int_equal(c.events, POLLIN | POLLRDHUP | POLLHUP);
	is_quiet(l, &c);
	loop_watch_del(l, &c.w);
	(void)close(sv[1]);

	stream(sv);
	watch_edges(&c, l, sv[1], POLLIN | POLLRDHUP);
	assert_int_equal(shutdown(sv[0], SHUT_RDWR), 0);
	turn_until(l, &c.n, 1);
	assert_int_equal(c.events, POLLIN | POLLRDHUP | POLLHUP);
	is_quiet(l, &c);
	(void)close(sv[0]);
	turn_until(l, &c.n, 2);
	assert_int_equal(c.events, POLLIN | POLLRDHUP | POLLHUP);
	is_quiet(l, &c);
	loop_watch_del(l, &c.w);
	(void)close(sv[1]);
}

/* More edges at once than the kernel has room for completions: none is lost for good. */
static void edges_outlive_a_flood(void **state)
{
	enum {
		N = 300,
		TIMES = 20
	};
	static struct counted c[N];
	struct loop *l = *state;
	static int fd[N];

	for (int i = 0; i < N; i++) {
		fd[i] = new_eventfd();
		watch_edges(&c[i], l, fd[i], POLLIN);
	}
	(void)loop_turn(l, 0);
	for (int k = 0; k < TIMES; k++)
		for (int i = 0; i < N; i++)
			kick(fd[i]);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < 100 && !c[i].n; k++)
			(void)loop_turn(l, loop_clock() + MS);
	for (int i = 0; i < N; i++) {
		assert_true(c[i].n > 0);
		is_quiet(l, &c[i]);
		c[i].n = 0;
	}
	for (int i = 0; i < N; i++) {
		kick(fd[i]);
		turn_until(l, &c[i].n, 1);
		loop_watch_del(l, &c[i].w);
		(void)close(fd[i]);
	}
}

static void the_callback_of_an_edge_may_delete_it(void **state)
{
	struct loop *l = *state;
	struct counted c;
	int sv[2];

	stream(sv);
	watch_edges(&c, l, sv[1], POLLIN);
	is_quiet(l, &c);
	c.victim = &c;
	assert_int_equal(send(sv[0], "a", 1, 0), 1);
	turn_until(l, &c.n, 1);
	assert_int_equal(send(sv[0], "b", 1, 0), 1);
	is_quiet(l, &c);
	(void)close(sv[0]);
	(void)close(sv[1]);
}

static void a_file_cannot_be_waited_for(void **state)
{
	cleanup_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct loop_watch w = { .fd = fd, .events = POLLIN, .ready = count };

	assert_true(fd >= 0);
	assert_int_equal(loop_watch_add(*state, &w), -EPERM);
	w.fd = -1;
	assert_int_equal(loop_watch_add(*state, &w), -EBADF);
}

/* --- operations --- */

struct counted_op {
	struct loop_op op;
	struct loop *l;
	unsigned int n;
	int res;
	struct loop_op *victim; /* cancelled by the callback */
};

static void op_done(struct loop_op *op, int res, uint32_t flags)
{
	struct counted_op *c = (struct counted_op *)op;

	(void)flags;
	assert_false(op->pending);
	c->n++;
	c->res = res;
	if (c->victim)
		loop_cancel(c->l, c->victim);
}

static void seqpacket(int sv[2])
{
	const int size = 4 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv),
			 0);
	/* As root beyond the limit of the system. */
	assert_int_equal(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)), 0);
}

#define N_WRITES 1000

/* More than any queue of the engine holds. */
static void writes_are_made_in_order(void **state)
{
	static struct counted_op op[N_WRITES];
	static struct iovec iov[N_WRITES][2];
	static uint32_t num[N_WRITES];
	struct loop *l = *state;
	unsigned int done = 0;
	uint32_t got[2];
	int sv[2];

	seqpacket(sv);
	memset(op, 0, sizeof(op));
	for (uint32_t i = 0; i < N_WRITES; i++) {
		num[i] = i;
		iov[i][0] = iov[i][1] = (struct iovec){ &num[i], sizeof(num[i]) };
		op[i].op.done = op_done;
		loop_writev(l, sv[0], iov[i], 1 + i % 2, &op[i].op);
		assert_true(op[i].op.pending);
		assert_int_equal(op[i].n, 0);
	}
	loop_submit(l);
	for (uint32_t i = 0; i < N_WRITES; i++) {
		const size_t len = sizeof(*got) * (1 + i % 2);

		assert_int_equal(recv(sv[1], got, sizeof(got), 0), len);
		assert_int_equal(got[0], i);
	}
	for (int i = 0; i < 100 && done < N_WRITES; i++) {
		(void)loop_turn(l, loop_clock() + MS);
		done = 0;
		for (uint32_t k = 0; k < N_WRITES; k++)
			done += op[k].n;
	}
	for (uint32_t i = 0; i < N_WRITES; i++) {
		assert_int_equal(op[i].n, 1);
		assert_int_equal(op[i].res, 4 * (1 + i % 2));
	}
	(void)close(sv[0]);
	(void)close(sv[1]);
}

static void a_full_device_is_a_result(void **state)
{
	struct counted_op op = { .op.done = op_done };
	static uint8_t big[65536];
	const struct iovec iov = { big, sizeof(big) };
	unsigned int n = 0;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	do {
		loop_writev(*state, p[1], &iov, 1, &op.op);
		turn_until(*state, &op.n, ++n);
	} while (op.res > 0 && n < 100);
	assert_int_equal(op.res, -EAGAIN);
	(void)close(p[0]);
	loop_writev(*state, p[1], &iov, 1, &op.op);
	(void)signal(SIGPIPE, SIG_IGN);
	turn_until(*state, &op.n, n + 1);
	assert_int_equal(op.res, -EPIPE);
	(void)close(p[1]);
}

/* Files of procfs do not say that they do not block. */
static void writes_are_made_again_where_nowait_is_not_known(void **state)
{
	cleanup_close int fd = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
	struct counted_op op[3] = { { .op.done = op_done },
				    { .op.done = op_done },
				    { .op.done = op_done } };
	const struct iovec iov[] = { { (void *)(uintptr_t) "one", 3 },
				     { (void *)(uintptr_t) "two", 3 },
				     { (void *)(uintptr_t) "again", 5 } };
	char text[17] = "";

	assert_true(fd >= 0);
	loop_writev(*state, fd, iov, 1, &op[0].op);
	loop_writev(*state, fd, iov + 1, 2, &op[1].op);
	turn_until(*state, &op[0].n, 1);
	turn_until(*state, &op[1].n, 1);
	assert_int_equal(op[0].res, 3);
	assert_true(op[1].res > 0);
	loop_writev(*state, fd, iov + 2, 1, &op[2].op);
	turn_until(*state, &op[2].n, 1);
	assert_int_equal(op[2].res, 5);
	assert_int_equal(prctl(PR_GET_NAME, text), 0);
	assert_string_equal(text, "again");
}

static void a_write_that_was_made_is_not_cancelled(void **state)
{
	struct counted_op op = { .op.done = op_done };
	const struct iovec iov = { (void *)(uintptr_t) "x", 1 };
	char c;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	loop_writev(*state, p[1], &iov, 1, &op.op);
	loop_cancel(*state, &op.op);
	assert_int_equal(op.n, 1);
	assert_int_equal(op.res, 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	loop_cancel(*state, &op.op); /* not under way: nothing */
	assert_int_equal(op.n, 1);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* A read that would wait for ever. */
static void queue_read(struct loop *l, struct counted_op *op, int fd, void *buf)
{
	struct io_uring_sqe *sqe = loop_sqe(l, &op->op);

	assert_true(op->op.pending);
	io_uring_prep_read(sqe, fd, buf, 1, 0);
	io_uring_sqe_set_data(sqe, &op->op);
}

static void operations_of_ones_own(void **state)
{
	struct loop *l = *state;
	struct counted_op a = { .op.done = op_done, .l = l }, b = a;
	char buf[2];
	int p[2];

	if (engine == LOOP_EPOLL) {
		assert_null(loop_uring(l));
		assert_null(loop_sqe(l, &a.op));
		assert_false(a.op.pending);
		return;
	}
	assert_non_null(loop_uring(l));
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	queue_read(l, &a, p[0], buf);
	queue_read(l, &b, p[0], buf + 1);
	(void)loop_turn(l, 0);
	assert_int_equal(a.n + b.n, 0);
	/* One of them ends, and takes the other with it. */
	a.victim = &b.op;
	b.victim = &a.op;
	assert_int_equal(write(p[1], "x", 1), 1);
	for (int i = 0; i < 100 && a.n + b.n < 2; i++)
		(void)loop_turn(l, loop_clock() + MS);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 1);
	assert_int_equal(a.res == 1 ? b.res : a.res, -ECANCELED);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* --- where something is missing --- */

#define DENY(nr, error)                                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),                                             \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* In a child, as a container has it. */
static int forbidden(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		DENY(SYS_io_uring_setup, error),
		DENY(SYS_epoll_pwait2, error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { ARRAY_SIZE(code), code };
	const uint64_t deadline = loop_clock() + 2 * MS + 1;
	struct loop *l = NULL;
	struct nerr err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return 1;
	if (loop_new(&l, LOOP_URING, &err) != -error || l)
		return 2;
	if (loop_new(&l, LOOP_AUTO, &err) != 0 || loop_engine(l) != LOOP_EPOLL)
		return 3;
	/* Milliseconds are rounded up: one turn is enough. */
	if (loop_turn(l, deadline) != 0 || loop_now(l) < deadline)
		return 4;
	loop_free(l);
	return 0;
}

static void becomes_closed(int pipe[2])
{
	struct pollfd p = { .fd = pipe[0], .events = POLLIN };

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(p.revents, POLLHUP);
	assert_int_equal(close(pipe[0]), 0);
}

/* At once, or by the time when the loop is gone. */
static void descriptors_are_closed(void **state)
{
	struct nerr err = NERR_INIT;
	struct loop *l = NULL;
	int a[2], b[2], c[2];

	(void)state;
	assert_int_equal(loop_new(&l, engine, &err), 0);
	assert_int_equal(pipe(a) + pipe(b) + pipe(c), 0);
	loop_close(l, a[1]);
	assert_int_equal(fcntl(a[1], F_GETFD), -1);
	becomes_closed(a);
	loop_close_later(l);
	loop_close(l, b[1]);
	loop_close(l, c[1]);
	loop_free(l);
	assert_int_equal(fcntl(b[1], F_GETFD), -1);
	assert_int_equal(fcntl(c[1], F_GETFD), -1);
	becomes_closed(b);
	becomes_closed(c);
}

static void without_io_uring_there_is_epoll(void **state)
{
	const int errors[] = { ENOSYS, EPERM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(forbidden(errors[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void auto_takes_io_uring(void **state)
{
	struct loop *l;
	struct nerr err;

	(void)state;
	assert_int_equal(loop_new(&l, LOOP_AUTO, &err), 0);
	assert_int_equal(loop_engine(l), LOOP_URING);
	loop_free(l);
	loop_free(NULL);
}

static void without_descriptors_there_is_no_loop(void **state)
{
	const int last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit old, none;
	struct loop *l = NULL;
	struct nerr err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)last;
	(void)close(last);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(loop_new(&l, LOOP_URING, &err), -EMFILE);
	assert_int_equal(loop_new(&l, LOOP_EPOLL, &err), -EMFILE);
	assert_int_equal(loop_new(&l, LOOP_AUTO, &err), -EMFILE);
	assert_null(l);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

#define LOOP_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest each[] = {
		LOOP_TEST(a_turn_ends_at_its_deadline),
		LOOP_TEST(a_signal_ends_the_sleep),
		LOOP_TEST(a_signal_ends_the_sleep_of_a_turn_that_submits),
		LOOP_TEST(an_event_wakes_the_sleeper),
		LOOP_TEST(watches_are_level_triggered),
		LOOP_TEST(a_deleted_watch_is_silent),
		LOOP_TEST(a_callback_may_delete_others),
		LOOP_TEST(a_callback_may_delete_itself),
		LOOP_TEST(a_descriptor_may_be_watched_twice),
		LOOP_TEST(a_hangup_is_told),
		LOOP_TEST(an_edge_is_told_once),
		LOOP_TEST(a_hangup_has_another_edge_at_the_close),
		LOOP_TEST(edges_outlive_a_flood),
		LOOP_TEST(the_callback_of_an_edge_may_delete_it),
		LOOP_TEST(a_file_cannot_be_waited_for),
		LOOP_TEST(writes_are_made_in_order),
		LOOP_TEST(a_full_device_is_a_result),
		LOOP_TEST(writes_are_made_again_where_nowait_is_not_known),
		LOOP_TEST(a_write_that_was_made_is_not_cancelled),
		LOOP_TEST(operations_of_ones_own),
		LOOP_TEST(descriptors_are_closed),
	};
	const struct CMUnitTest once[] = {
		cmocka_unit_test(auto_takes_io_uring),
		cmocka_unit_test(without_io_uring_there_is_epoll),
		cmocka_unit_test(without_descriptors_there_is_no_loop),
	};
	int failed;

	engine = LOOP_URING;
	failed = cmocka_run_group_tests_name("io_uring", each, NULL, NULL);
	engine = LOOP_EPOLL;
	failed += cmocka_run_group_tests_name("epoll", each, NULL, NULL);
	return failed + cmocka_run_group_tests_name("which", once, NULL, NULL);
}
