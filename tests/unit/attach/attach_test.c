/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Programs under the filter that listen and accept, on an instance with nothing but its loopback.
 *
 * A program is a child that runs a function; what it finds wrong it says on stderr, and fails.
 * The test turns the loop meanwhile, and takes a step whenever the program asks for one: it
 * is the rest of the world then, by a socket of the stack or of the kernel.
 */
#include "attach/attach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "attach/filter.h"
#include "base/cleanup.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "nic/loop.h"
#include "tests/unit/netns_fixture.h"

#define NS_PER_MS UINT64_C(1000000)
#define PATIENCE  (20000 * NS_PER_MS)
#define NOBODY    65534

#ifndef IPPROTO_MPTCP
#	define IPPROTO_MPTCP 262
#endif

/**
 * struct world - What a test has
 * @peer:	Sockets of the stack, or of the kernel, that steps have made
 * @step:	Does what a program asks for
 */
struct world {
	struct loop *loop;
	struct netstack *st;
	struct attach *a;
	pid_t pid;
	int ask;
	int peer[128];
	unsigned int n_peers;
	void (*step)(struct world *w, int what, int arg);
	bool is_gone;
};

/* --- the program's side --- */

static int program_ask = -1;

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			(void)fprintf(stderr, "%s:%d: not so: %s (errno %d, %s)\n", __func__,      \
				      __LINE__, #cond, errno, strerror(errno));                    \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define EXPECT_ERRNO(call, e)                                                                      \
	do {                                                                                       \
		errno = 0;                                                                         \
		EXPECT((call) == -1 && errno == (e));                                              \
	} while (0)

/* The test does it before this returns. */
static void ask(int what, int arg)
{
	int msg[2] = { what, arg };
	char done;

	EXPECT(write(program_ask, msg, sizeof(msg)) == (ssize_t)sizeof(msg));
	EXPECT(read(program_ask, &done, 1) == 1);
}

static struct sockaddr_in at4(uint32_t addr, int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(addr),
	};
}

static int port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	EXPECT(getsockname(fd, (struct sockaddr *)&ss, &len) == 0);
	return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
					      : ((struct sockaddr_in *)&ss)->sin_port);
}

static int bind_to(int fd, uint32_t addr, int port)
{
	struct sockaddr_in a = at4(addr, port);

	return bind(fd, (struct sockaddr *)&a, sizeof(a));
}

static int stream(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	EXPECT(fd > STDERR_FILENO);
	return fd;
}

/* On a port of the stack's choice. */
static int listener(int flags)
{
	int fd = stream(flags);

	EXPECT(bind_to(fd, INADDR_LOOPBACK, 0) == 0);
	EXPECT(listen(fd, 128) == 0);
	return fd;
}

static int polled(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT(poll(&p, 1, timeout_ms) >= 0);
	return p.revents;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1;
}

/* --- the test's side --- */

/* The listener, by its number in the program: sendmsg() is notified in one of the modes. */
static int take_listener(const struct world *w)
{
	int pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	int number = -1, fd;

	assert_true(pidfd >= 0);
	assert_int_equal(read(w->ask, &number, sizeof(number)), sizeof(number));
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	assert_true(fd >= 0);
	assert_int_equal(write(w->ask, "", 1), 1);
	(void)close(pidfd);
	return fd;
}

static void turn(struct world *w)
{
	const uint64_t soon = loop_clock() + 5 * NS_PER_MS;
	uint64_t until;

	netstack_advance(w->st, loop_clock());
	until = netstack_deadline(w->st);
	(void)loop_turn(w->loop, until < soon ? until : soon);
	netstack_set_now(w->st, loop_now(w->loop));
}

static void on_gone(void *arg)
{
	struct world *w = arg;

	w->is_gone = true;
}

static struct attach_stats stats_of(const struct world *w)
{
	struct attach_stats s;

	attach_stats(w->a, &s);
	return s;
}

/* One of each for all tests: a ring that is closed wakes its thread some time later, and with that
 * ends its answers to programs (io_ring_exit_work() of Linux).
 */
static struct loop *loops[2];

static enum attach_mode mode; /* ATTACH_HYBRID */

static struct world world_new(enum loop_engine engine, bool reserve, uint32_t sockets_max)
{
	struct world w = { .pid = -1, .ask = -1 };
	struct netstack_conf nc;
	struct nerr err = NERR_INIT;

	netns_fresh();
	run_ok((char[512]){ 0 }, 512, "ip", "link", "set", "lo", "up");
	w.loop = loops[engine == LOOP_EPOLL];
	netstack_conf_default(&nc);
	assert_int_equal(netstack_new(&w.st, &nc, loop_clock()), 0);
	assert_ok(attach_new(&w.a,
			     &(struct attach_conf){
				     .stack = w.st,
				     .loop = w.loop,
				     .mode = mode,
				     .reserve = reserve,
				     .sockets_max = sockets_max,
			     },
			     &err),
		  err);
	return w;
}

static void world_free(struct world *w)
{
	attach_free(w->a);
	netstack_free(w->st);
	(void)umount2("/sys", MNT_DETACH); /* each test mounts its own */
}

static void begin(struct world *w, void (*fn)(void))
{
	struct nerr err = NERR_INIT;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		int fd;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(sv[0]);
		program_ask = sv[1];
		if (attach_filter_load(mode, &fd, &err) < 0) {
			(void)fprintf(stderr, "%s\n", err.msg);
			_exit(1);
		}
		EXPECT(write(sv[1], &fd, sizeof(fd)) == (ssize_t)sizeof(fd));
		EXPECT(read(sv[1], &(char){ 0 }, 1) == 1);
		(void)close(fd);
		fn();
		_exit(0);
	}
	(void)close(sv[1]);
	w->ask = sv[0];
	assert_ok(attach_add_listener(w->a, take_listener(w), &err), err);
}

static void answer_steps(struct world *w)
{
	struct pollfd p = { .fd = w->ask, .events = POLLIN };
	int msg[2];

	while (poll(&p, 1, 0) == 1 && p.revents & POLLIN) {
		if (read(w->ask, msg, sizeof(msg)) != (ssize_t)sizeof(msg))
			return; /* it has ended */
		w->step(w, msg[0], msg[1]);
		assert_int_equal(write(w->ask, "", 1), 1);
	}
}

/* Until the program has ended.  Return: its status, of wait() */
static int run_out(struct world *w)
{
	const uint64_t end = loop_clock() + PATIENCE;
	int status;

	for (;;) {
		const pid_t r = waitpid(w->pid, &status, WNOHANG);

		assert_true(r >= 0);
		if (r == w->pid)
			break;
		if (loop_clock() > end) {
			(void)kill(w->pid, SIGKILL);
			assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
			fail_msg("the program hangs");
		}
		turn(w);
		answer_steps(w);
	}
	(void)close(w->ask);
	return status;
}

static void until_sockets(struct world *w, uint32_t n)
{
	const uint64_t end = loop_clock() + PATIENCE;

	while (stats_of(w).sockets != n && loop_clock() < end)
		turn(w);
	assert_int_equal(stats_of(w).sockets, n);
}

static void until_held(struct world *w, uint32_t n)
{
	const uint64_t end = loop_clock() + PATIENCE;

	while (stats_of(w).held != n && loop_clock() < end)
		turn(w);
	assert_int_equal(stats_of(w).held, n);
}

static void run_on(enum loop_engine engine, bool reserve, void (*fn)(void),
		   void (*step)(struct world *w, int what, int arg))
{
	struct world w = world_new(engine, reserve, 0);

	w.step = step;
	begin(&w, fn);
	assert_int_equal(run_out(&w), 0);
	world_free(&w);
}

static void run(void (*fn)(void), void (*step)(struct world *w, int what, int arg))
{
	run_on(LOOP_AUTO, false, fn, step);
	run_on(LOOP_EPOLL, false, fn, step);
}

/* --- steps --- */

enum {
	CONNECT = 1,   /* from the stack, to port arg */
	SAY,           /* by peer arg: "hello" */
	HEAR,          /* peer arg has "world" */
	HANG_UP,       /* peer arg */
	RESET,         /* peer arg */
	IS_RESET,      /* peer arg has seen a reset */
	WHEN_HELD,     /* arg calls wait; then it returns at once */
	LATER,         /* connect to arg as soon as a call waits */
	KERNEL,        /* connect to port arg in the kernel */
	KERNEL_TAKEN,  /* port arg cannot be bound there */
	KERNEL_FREE,   /* ... can, sooner or later */
	KERNEL_LISTEN, /* take port arg there */
	KERNEL_CLOSE,  /* give it back */
	SWEPT,         /* no more than arg sockets are known */
	LEFT,          /* arg sockets are known, in a while */
};

static int stack_socket(struct world *w)
{
	int fd = ns_socket(w->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_true(w->n_peers < ARRAY_SIZE(w->peer));
	w->peer[w->n_peers++] = fd;
	return fd;
}

static void stack_connect(struct world *w, int port)
{
	struct sockaddr_in a = at4(INADDR_LOOPBACK, port);
	const int fd = stack_socket(w);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	assert_int_equal(ns_connect(w->st, fd, (struct sockaddr *)&a, sizeof(a)), -EINPROGRESS);
	while (ns_poll(w->st, &p, 1, 0) == 0)
		turn(w);
	assert_int_equal(p.revents, POLLOUT);
	turn(w); /* what comes of it there */
}

static ssize_t hear(struct world *w, int peer, char *buf, size_t size)
{
	const uint64_t end = loop_clock() + PATIENCE;
	ssize_t n;

	while ((n = ns_read(w->st, w->peer[peer], buf, size)) == -EAGAIN) {
		assert_true(loop_clock() < end);
		turn(w);
	}
	return n;
}

static int kernel_bound(int port)
{
	struct sockaddr_in a = at4(INADDR_LOOPBACK, port);
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void kernel_connect(struct world *w, int port)
{
	struct sockaddr_in a = at4(INADDR_LOOPBACK, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	w->peer[w->n_peers++] = fd;
}

static void kernel_step(struct world *w, int what, int arg)
{
	const uint64_t end = loop_clock() + PATIENCE;
	int fd;

	switch (what) {
	case KERNEL:
		kernel_connect(w, arg);
		return;
	case KERNEL_TAKEN:
		assert_int_equal(kernel_bound(arg), -EADDRINUSE);
		return;
	case KERNEL_FREE:
		while ((fd = kernel_bound(arg)) == -EADDRINUSE && loop_clock() < end)
			turn(w);
		assert_true(fd >= 0);
		(void)close(fd);
		return;
	case KERNEL_LISTEN:
		fd = kernel_bound(arg);
		assert_true(fd >= 0);
		assert_return_code(listen(fd, 1), errno);
		w->peer[w->n_peers++] = fd;
		return;
	case KERNEL_CLOSE:
		(void)close(w->peer[--w->n_peers]);
		return;
	default:
		fail_msg("no step %d", what);
	}
}

static void step(struct world *w, int what, int arg)
{
	char buf[64];

	switch (what) {
	case CONNECT:
		stack_connect(w, arg);
		return;
	case SAY:
		assert_int_equal(ns_write(w->st, w->peer[arg], "hello", 5), 5);
		return;
	case HEAR:
		assert_int_equal(hear(w, arg, buf, sizeof(buf)), 5);
		assert_memory_equal(buf, "world", 5);
		return;
	case HANG_UP:
		assert_int_equal(ns_close(w->st, w->peer[arg]), 0);
		return;
	case RESET:
		assert_int_equal(ns_setsockopt(w->st, w->peer[arg], SOL_SOCKET, SO_LINGER,
					       &(struct linger){ .l_onoff = 1 },
					       sizeof(struct linger)),
				 0);
		assert_int_equal(ns_close(w->st, w->peer[arg]), 0);
		return;
	case IS_RESET:
		assert_int_equal(hear(w, arg, buf, sizeof(buf)), -ECONNRESET);
		return;
	case WHEN_HELD:
		until_held(w, (uint32_t)arg);
		return;
	case SWEPT:
		assert_true(stats_of(w).sockets <= (uint32_t)arg);
		assert_true(stats_of(w).swept > 0);
		return;
	case LEFT:
		until_sockets(w, (uint32_t)arg);
		return;
	default:
		kernel_step(w, what, arg);
	}
}

/* --- names, bind --- */

static void p_names(void)
{
	struct sockaddr_in6 name6;
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = stream(0);

	EXPECT(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	EXPECT(len == sizeof(name) && name.sin_family == AF_INET);
	EXPECT(!name.sin_port && !name.sin_addr.s_addr);
	EXPECT_ERRNO(getpeername(fd, (struct sockaddr *)&name, &len), ENOTCONN);
	EXPECT_ERRNO(bind_to(fd, 0x08080808, 0), EADDRNOTAVAIL);
	EXPECT_ERRNO(bind(fd, NULL, sizeof(name)), EFAULT);
	EXPECT_ERRNO(bind(fd, (struct sockaddr *)&name, 4096), EINVAL);
	EXPECT_ERRNO(bind(fd, (struct sockaddr *)&name, 2), EINVAL);
	EXPECT(bind_to(fd, INADDR_LOOPBACK, 0) == 0);
	EXPECT(port_of(fd) >= 1024);
	EXPECT_ERRNO(bind_to(fd, INADDR_LOOPBACK, 0), EINVAL);

	len = 4;
	memset(&name, 0xee, sizeof(name));
	EXPECT(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	EXPECT(len == sizeof(name) && ntohs(name.sin_port) == port_of(fd));
	EXPECT(name.sin_addr.s_addr == 0xeeeeeeee);
	len = (socklen_t)-1;
	EXPECT_ERRNO(getsockname(fd, (struct sockaddr *)&name, &len), EINVAL);
	EXPECT_ERRNO(getsockname(fd, (struct sockaddr *)&name, NULL), EFAULT);
	len = sizeof(name);
	EXPECT_ERRNO(getsockname(fd, NULL, &len), EFAULT);
	EXPECT(close(fd) == 0);

	fd = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
	EXPECT(fd >= 0);
	name6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	EXPECT(bind(fd, (struct sockaddr *)&name6, sizeof(name6)) == 0);
	len = sizeof(name6);
	EXPECT(getsockname(fd, (struct sockaddr *)&name6, &len) == 0);
	EXPECT(len == sizeof(name6) && name6.sin6_family == AF_INET6 && name6.sin6_port);
}

static void names(void **state)
{
	(void)state;
	run(p_names, step);
}

static void p_sockets(void)
{
	int fd = stream(SOCK_NONBLOCK | SOCK_CLOEXEC);
	int type = 0;
	socklen_t len = sizeof(type);

	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	EXPECT(polled(fd, 0) == (POLLOUT | POLLHUP));
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), EPROTONOSUPPORT);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP), EPROTONOSUPPORT);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, -1), EINVAL);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM | 0x100, 0), EINVAL);
	EXPECT_ERRNO(getsockname(999, NULL, NULL), EBADF);
	EXPECT_ERRNO(getsockname(program_ask, NULL, NULL), EFAULT); /* the kernel's */

	/* UDP is the kernel's in this mode. */
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT(fd >= 0);
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM);
	EXPECT(bind_to(fd, INADDR_LOOPBACK, 0) == 0 && port_of(fd));
}

static void sockets(void **state)
{
	(void)state;
	run(p_sockets, step);
}

/* In a network namespace of its own a program is alone: a port that is taken here is free there,
 * and nobody hears what is said.  What was opened here stays what it is.
 */
static void p_elsewhere(void)
{
	int l = listener(0), fd;
	struct sockaddr_in here = at4(INADDR_LOOPBACK, port_of(l));

	EXPECT(unshare(CLONE_NEWNET) == 0);
	fd = stream(0);
	EXPECT(bind_to(fd, INADDR_ANY, port_of(l)) == 0 && listen(fd, 1) == 0);
	fd = stream(0);
	EXPECT_ERRNO(connect(fd, (struct sockaddr *)&here, sizeof(here)), ENETUNREACH);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT_ERRNO(connect(fd, (struct sockaddr *)&here, sizeof(here)), ENETUNREACH);
	ask(CONNECT, port_of(l));
	EXPECT(accept(l, NULL, NULL) >= 0);
}

static void elsewhere(void **state)
{
	(void)state;
	run(p_elsewhere, step);
	mode = ATTACH_FULL;
	run(p_elsewhere, step);
	mode = ATTACH_HYBRID;
}

/* What was closed is not in the way, whoever closed it and however it was used. */
static void p_in_use(void)
{
	int a = stream(0), b = stream(0), port;
	pid_t pid;

	EXPECT(bind_to(a, INADDR_LOOPBACK, 0) == 0);
	port = port_of(a);
	EXPECT_ERRNO(bind_to(b, INADDR_LOOPBACK, port), EADDRINUSE);
	EXPECT(close(a) == 0);
	EXPECT(bind_to(b, INADDR_LOOPBACK, port) == 0);

	/* A child has it, too. */
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	EXPECT(close(b) == 0);
	a = stream(0);
	EXPECT_ERRNO(bind_to(a, INADDR_LOOPBACK, port), EADDRINUSE);
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	EXPECT(bind_to(a, INADDR_LOOPBACK, port) == 0);

	/* Listeners, again and again. */
	for (unsigned int i = 0; i < 20; i++) {
		EXPECT(listen(a, 8) == 0);
		EXPECT(close(a) == 0);
		a = stream(0);
		EXPECT(bind_to(a, INADDR_LOOPBACK, port) == 0);
	}
}

static void in_use(void **state)
{
	(void)state;
	run(p_in_use, step);
}

static void p_privileged(void)
{
	int a = stream(0), b;

	EXPECT(bind_to(a, INADDR_LOOPBACK, 80) == 0);
	EXPECT(close(a) == 0);
	EXPECT(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	a = stream(0);
	b = stream(0);
	EXPECT_ERRNO(bind_to(a, INADDR_LOOPBACK, 80), EACCES);
	EXPECT_ERRNO(bind_to(a, 0x08080808, 8080), EADDRNOTAVAIL);
	EXPECT(bind_to(a, INADDR_LOOPBACK, 8080) == 0);
	EXPECT(bind_to(b, INADDR_LOOPBACK, 0) == 0);
}

static void privileged(void **state)
{
	(void)state;
	run(p_privileged, step);
}

/* --- accept --- */

static void p_accept(void)
{
	struct sockaddr_in name = { 0 };
	socklen_t len = sizeof(name);
	char buf[16];
	int l = listener(SOCK_NONBLOCK), fd;

	EXPECT(polled(l, 0) == 0);
	EXPECT_ERRNO(accept(l, NULL, NULL), EAGAIN);
	EXPECT_ERRNO(accept4(l, NULL, NULL, 1), EINVAL);
	EXPECT(listen(l, 16) == 0);
	ask(CONNECT, port_of(l));
	EXPECT(polled(l, -1) == POLLIN);
	fd = accept4(l, (struct sockaddr *)&name, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	EXPECT(fd >= 0);
	EXPECT(polled(l, 0) == 0);
	EXPECT(len == sizeof(name) && name.sin_family == AF_INET && name.sin_port);
	EXPECT(name.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	EXPECT(port_of(fd) == port_of(l));
	EXPECT_ERRNO(accept(l, NULL, NULL), EAGAIN);
	EXPECT(polled(fd, 0) == POLLOUT);
	ask(SAY, 0);
	EXPECT(readable(fd));
	EXPECT(polled(fd, 0) == (POLLIN | POLLOUT));
	EXPECT(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "hello", 5));
	EXPECT(write(fd, "world", 5) == 5);
	ask(HEAR, 0);

	/* It reads the token itself: the next accept() makes up for it. */
	ask(CONNECT, port_of(l));
	ask(CONNECT, port_of(l));
	EXPECT(read(l, buf, 1) == 1);
	fd = accept(l, NULL, NULL);
	EXPECT(fd >= 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	EXPECT(polled(l, 0) == POLLIN);
	EXPECT(accept(l, NULL, NULL) >= 0);
	EXPECT(polled(l, 0) == 0);

	EXPECT_ERRNO(accept(fd, NULL, NULL), EINVAL);
	EXPECT_ERRNO(listen(fd, 1), EINVAL);
	EXPECT_ERRNO(bind_to(l, INADDR_LOOPBACK, 0), EINVAL);
	EXPECT_ERRNO(accept(stream(0), NULL, NULL), EINVAL);

	/* Where it cannot be told who it is the connection is lost. */
	ask(CONNECT, port_of(l));
	EXPECT_ERRNO(accept(l, (struct sockaddr *)&name, NULL), EFAULT);
	EXPECT(polled(l, 0) == 0);
	EXPECT_ERRNO(accept(l, NULL, NULL), EAGAIN);
}

static void accepts(void **state)
{
	(void)state;
	run(p_accept, step);
}

/* More than there are tokens. */
static void p_many(void)
{
	enum {
		N = 90
	};
	int l = listener(0);

	for (unsigned int i = 0; i < N; i++)
		ask(CONNECT, port_of(l));
	for (unsigned int i = 0; i < N; i++) {
		EXPECT(polled(l, 0) == POLLIN);
		EXPECT(accept(l, NULL, NULL) >= 0);
	}
	EXPECT(polled(l, 0) == 0);
}

static void many(void **state)
{
	(void)state;
	run(p_many, step);
}

/* --- accept that waits --- */

static int port_later;

/* Once somebody waits in accept(): a connection, or whatever @step_when_held has. */
static void turn_until_held(struct world *w)
{
	until_held(w, 1);
}

static void p_blocking(void)
{
	const struct timeval tv = { .tv_usec = 20000 };
	struct timeval got;
	socklen_t len = sizeof(got);
	int l = listener(0), fd;

	EXPECT(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	EXPECT_ERRNO(accept(l, NULL, NULL), EAGAIN);
	ask(CONNECT, port_of(l));
	fd = accept(l, NULL, NULL);
	EXPECT(fd >= 0);
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len) == 0);
	EXPECT(got.tv_sec == 0 && got.tv_usec == 20000);
}

static void blocking(void **state)
{
	(void)state;
	run(p_blocking, step);
}

/* Says where it listens and waits; the test connects when it does. */
static void p_waits(void)
{
	struct sockaddr_in name = { 0 };
	socklen_t len = sizeof(name);
	char buf[16];
	int l = listener(0), fd;

	ask(LATER, port_of(l));
	fd = accept4(l, (struct sockaddr *)&name, &len, SOCK_CLOEXEC);
	EXPECT(fd >= 0);
	EXPECT(len == sizeof(name) && name.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	EXPECT(polled(l, 0) == 0);
	EXPECT(read(fd, buf, sizeof(buf)) == 5);
}

static void note_port(struct world *w, int what, int arg)
{
	if (what == LATER)
		port_later = arg;
	else
		step(w, what, arg);
}

static struct world begin_waiting(void (*fn)(void))
{
	struct world w = world_new(LOOP_AUTO, false, 0);

	w.step = note_port;
	port_later = 0;
	begin(&w, fn);
	while (!port_later) {
		turn(&w);
		answer_steps(&w);
	}
	turn_until_held(&w);
	return w;
}

static void waits(void **state)
{
	struct world w = begin_waiting(p_waits);

	(void)state;
	stack_connect(&w, port_later);
	assert_int_equal(ns_write(w.st, w.peer[0], "hello", 5), 5);
	assert_int_equal(run_out(&w), 0);
	assert_int_equal(stats_of(&w).held, 0);
	world_free(&w);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void catch_signals(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	EXPECT(sigaction(SIGUSR1, &sa, NULL) == 0);
}

static void p_interrupted(void)
{
	struct sockaddr_in from = { .sin_family = 0 };
	socklen_t len = sizeof(from);
	int l = listener(0), port = port_of(l);

	catch_signals(0);
	ask(LATER, port);
	EXPECT_ERRNO(accept(l, (struct sockaddr *)&from, &len), EINTR);
	EXPECT(signals == 1);
	ask(CONNECT, port); /* the call that is over finds that nobody waits */
	EXPECT(polled(l, 1000) == POLLIN);
	EXPECT(from.sin_family == 0); /* its memory is the program's own again */
	EXPECT(accept(l, (struct sockaddr *)&from, &len) >= 0);
	EXPECT(from.sin_family == AF_INET);
	EXPECT(polled(l, 0) == 0);
}

static void interrupted(void **state)
{
	struct world w = begin_waiting(p_interrupted);

	(void)state;
	w.step = step;
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	assert_int_equal(run_out(&w), 0);
	world_free(&w);
}

static void p_restarted(void)
{
	int l = listener(0);

	catch_signals(SA_RESTART);
	ask(LATER, port_of(l));
	EXPECT(accept(l, NULL, NULL) >= 0);
	EXPECT(signals == 1);
}

static void restarted(void **state)
{
	struct world w = begin_waiting(p_restarted);

	(void)state;
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	stack_connect(&w, port_later); /* before or after it has come again */
	assert_int_equal(run_out(&w), 0);
	world_free(&w);
}

/* What could not be handed over is the next one's. */
static void p_too_many(void)
{
	struct rlimit rl = { 0 }, none;
	char buf[16];
	int l = listener(SOCK_NONBLOCK), fd;

	ask(CONNECT, port_of(l));
	EXPECT(getrlimit(RLIMIT_NOFILE, &rl) == 0);
	none = rl;
	none.rlim_cur = 3;
	EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	EXPECT_ERRNO(accept(l, NULL, NULL), EMFILE);
	EXPECT_ERRNO(accept(l, NULL, NULL), EMFILE);
	EXPECT(polled(l, 0) == POLLIN);
	EXPECT(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	fd = accept(l, NULL, NULL);
	EXPECT(fd >= 0);
	EXPECT(polled(l, 0) == 0);
	ask(SAY, 0);
	EXPECT(read(fd, buf, sizeof(buf)) == 5);
}

static void too_many(void **state)
{
	(void)state;
	run(p_too_many, step);
}

static int shared_listener;

static void *wait_in_accept(void *arg)
{
	*(int *)arg = accept(shared_listener, NULL, NULL);
	return *(int *)arg < 0 ? (void *)(intptr_t)errno : NULL;
}

/* The one that waits goes on waiting, and gets a connection; then the port is free. */
static void p_closed_meanwhile(void)
{
	pthread_t thread;
	void *error;
	int l = listener(0), got = -1, again = stream(0);
	int port = port_of(l);

	EXPECT(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0);
	shared_listener = l;
	EXPECT(pthread_create(&thread, NULL, wait_in_accept, &got) == 0);
	ask(WHEN_HELD, 1);
	EXPECT(close(l) == 0);
	EXPECT_ERRNO(bind_to(again, INADDR_LOOPBACK, port), EADDRINUSE);
	ask(CONNECT, port);
	EXPECT(pthread_join(thread, &error) == 0);
	EXPECT(got >= 0 && !error);
	EXPECT(close(got) == 0);
	EXPECT(setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0);
	EXPECT(bind_to(again, INADDR_LOOPBACK, port) == 0 && listen(again, 1) == 0);
}

static void closed_meanwhile(void **state)
{
	(void)state;
	run(p_closed_meanwhile, step);
}

static void p_shut_meanwhile(void)
{
	pthread_t thread;
	void *error;
	int l = listener(0), got = 0;

	shared_listener = l;
	EXPECT(pthread_create(&thread, NULL, wait_in_accept, &got) == 0);
	ask(WHEN_HELD, 1);
	EXPECT(shutdown(l, SHUT_RD) == 0);
	EXPECT(pthread_join(thread, &error) == 0);
	EXPECT(got == -1 && (intptr_t)error == EINVAL);
	EXPECT_ERRNO(accept(l, NULL, NULL), EINVAL);
	EXPECT(polled(l, 0) == (POLLOUT | POLLHUP));
	EXPECT(listen(l, 1) == 0);
	ask(CONNECT, port_of(l));
	EXPECT(accept(l, NULL, NULL) >= 0);
}

static void shut_meanwhile(void **state)
{
	(void)state;
	run(p_shut_meanwhile, step);
}

static void p_queue_reset(void)
{
	int l = listener(0);

	ask(CONNECT, port_of(l));
	EXPECT(close(l) == 0);
	ask(IS_RESET, 0);
}

static void queue_reset(void **state)
{
	(void)state;
	run(p_queue_reset, step);
}

/* --- other programs --- */

static void p_two_programs(void)
{
	struct sockaddr_in to = at4(INADDR_LOOPBACK, 0), name;
	socklen_t len = sizeof(name);
	char buf[16];
	int l = listener(0), fd, status;
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		fd = stream(0);
		to.sin_port = htons((uint16_t)port_of(l));
		EXPECT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
		EXPECT(write(fd, "hello", 5) == 5);
		EXPECT(read(fd, buf, sizeof(buf)) == 5);
		EXPECT(getpeername(fd, (struct sockaddr *)&name, &len) == 0);
		EXPECT(name.sin_port == to.sin_port);
		_exit(0);
	}
	fd = accept(l, (struct sockaddr *)&name, &len);
	EXPECT(fd >= 0 && name.sin_port);
	EXPECT(read(fd, buf, sizeof(buf)) == 5);
	EXPECT(getpeername(fd, (struct sockaddr *)&to, &len) == 0);
	EXPECT(to.sin_port == name.sin_port);
	EXPECT(write(fd, "world", 5) == 5);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(read(fd, buf, sizeof(buf)) == 0);
	EXPECT(polled(l, 0) == 0);
}

static void two_programs(void **state)
{
	(void)state;
	run(p_two_programs, step);
}

/* --- the kernel's side of a port --- */

static void p_reserve(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int l = listener(SOCK_NONBLOCK), other = stream(0), fd, port = port_of(l);
	int domain = 0;

	ask(KERNEL_TAKEN, port);
	EXPECT(polled(l, 0) == 0);
	ask(KERNEL, port);
	ask(KERNEL, port);
	EXPECT(polled(l, -1) == POLLIN);
	fd = accept4(l, (struct sockaddr *)&name, &len, SOCK_NONBLOCK);
	EXPECT(fd >= 0 && name.sin_family == AF_INET && name.sin_port);
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT(polled(l, -1) == POLLIN);
	fd = accept(l, NULL, NULL);
	EXPECT(fd >= 0 && polled(l, 0) == 0);
	EXPECT_ERRNO(accept(l, NULL, NULL), EAGAIN);
	EXPECT(port_of(fd) == port);
	len = sizeof(domain);
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_INET);
	ask(CONNECT, port);
	EXPECT(polled(l, -1) == POLLIN && accept(l, NULL, NULL) >= 0);

	EXPECT(close(l) == 0);
	EXPECT(bind_to(other, INADDR_LOOPBACK, 0) == 0);
	port = port_of(other);
	ask(KERNEL_LISTEN, port);
	EXPECT_ERRNO(listen(other, 1), EADDRINUSE);
	EXPECT_ERRNO(accept(other, NULL, NULL), EINVAL);
	EXPECT(polled(other, 0) == (POLLOUT | POLLHUP));
	ask(KERNEL_CLOSE, port);
	EXPECT(listen(other, 1) == 0);
	ask(CONNECT, port);
	EXPECT(accept(other, NULL, NULL) >= 0);
	EXPECT(close(other) == 0);
	ask(KERNEL_FREE, port);
}

static void reserves(void **state)
{
	(void)state;
	run_on(LOOP_AUTO, true, p_reserve, step);
	run_on(LOOP_EPOLL, true, p_reserve, step);
}

static int reuseport(int port)
{
	int fd = stream(SOCK_NONBLOCK);

	EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)) == 0);
	EXPECT(bind_to(fd, INADDR_LOOPBACK, port) == 0 && listen(fd, 8) == 0);
	return fd;
}

static int pass_round(int a, int b)
{
	int from_a = accept(a, NULL, NULL);

	if (from_a >= 0)
		return a;
	EXPECT(errno == EAGAIN && accept(b, NULL, NULL) >= 0);
	return b;
}

static void p_shared(void)
{
	int a = reuseport(0), b = reuseport(port_of(a)), port = port_of(a), first;

	for (unsigned int i = 0; i < 2; i++)
		ask(KERNEL, port);
	EXPECT((polled(a, -1) | polled(b, 0)) == POLLIN);
	first = pass_round(a, b);
	EXPECT(pass_round(a, b) != first);
	EXPECT(polled(a, 0) == 0 && polled(b, 0) == 0);
	EXPECT(close(a) == 0);
	ask(KERNEL, port);
	EXPECT(polled(b, -1) == POLLIN && accept(b, NULL, NULL) >= 0);
	ask(KERNEL_TAKEN, port);
}

static void shared(void **state)
{
	(void)state;
	run_on(LOOP_AUTO, true, p_shared, step);
}

/* Another user shares with his own only. */
static void p_shared_by_user(void)
{
	int a = reuseport(0), port = port_of(a), fd = stream(0), status = -1;
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		const int one = 1;
		int own;

		EXPECT(syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
		EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0);
		EXPECT_ERRNO(bind_to(fd, INADDR_LOOPBACK, port), EADDRINUSE);
		EXPECT_ERRNO(bind_to(fd, INADDR_ANY, port), EADDRINUSE);
		EXPECT(bind_to(fd, INADDR_LOOPBACK + 1, port) == 0); /* nobody's */
		own = reuseport(0);
		EXPECT(reuseport(port_of(own)) >= 0);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(reuseport(port) >= 0);
}

static void shared_by_user(void **state)
{
	(void)state;
	run(p_shared_by_user, step);
}

/* --- limits, ends --- */

static void p_swept(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		int fd = stream(0);

		EXPECT(bind_to(fd, INADDR_LOOPBACK, 0) == 0);
		EXPECT(close(fd) == 0);
	}
	ask(SWEPT, 200);
}

static void swept(void **state)
{
	(void)state;
	run_on(LOOP_AUTO, false, p_swept, step);
}

/* A connection that failed, and one that was reset: that their program closes them is not seen.
 * They go though nothing else is done.
 */
static void p_over(void)
{
	int fd = stream(SOCK_NONBLOCK), l = listener(0);
	struct sockaddr_in nobody = at4(INADDR_LOOPBACK, 1);
	char buf[8];

	EXPECT_ERRNO(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), EINPROGRESS);
	while (!(polled(fd, -1) & (POLLERR | POLLHUP)))
		;
	EXPECT(close(fd) == 0);
	ask(CONNECT, port_of(l));
	fd = accept(l, NULL, NULL);
	EXPECT(fd >= 0);
	ask(RESET, 0);
	EXPECT_ERRNO(read(fd, buf, sizeof(buf)), ECONNRESET);
	ask(LEFT, 2); /* it has that one still */
	EXPECT(close(fd) == 0);
	fd = stream(SOCK_NONBLOCK);
	EXPECT_ERRNO(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), EINPROGRESS);
	while (!(polled(fd, -1) & (POLLERR | POLLHUP)))
		;
	EXPECT(close(fd) == 0);
	ask(LEFT, 1);
}

static void over(void **state)
{
	(void)state;
	run_on(LOOP_AUTO, false, p_over, step);
}

static void p_limit(void)
{
	int fd[4];

	for (unsigned int i = 0; i < 4; i++)
		fd[i] = stream(0);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), ENFILE);
	EXPECT(close(fd[2]) == 0);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) == fd[2]);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), ENFILE);
}

static void limit(void **state)
{
	struct world w = world_new(LOOP_AUTO, false, 4);

	(void)state;
	w.step = step;
	begin(&w, p_limit);
	assert_int_equal(run_out(&w), 0);
	assert_int_equal(stats_of(&w).refused, 2);
	world_free(&w);
}

/* The programs of one listener leave something to others. */
static void p_share(void)
{
	for (unsigned int i = 0; i < 13; i++)
		(void)stream(0);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), ENFILE);
}

static void share(void **state)
{
	struct world w = world_new(LOOP_AUTO, false, 16);

	(void)state;
	w.step = step;
	begin(&w, p_share);
	assert_int_equal(run_out(&w), 0);
	world_free(&w);
}

static void p_enosys(void)
{
	int l = listener(0);

	ask(LATER, port_of(l));
	EXPECT_ERRNO(accept(l, NULL, NULL), ENOSYS);
	EXPECT_ERRNO(socket(AF_INET, SOCK_STREAM, 0), ENOSYS);
}

/* The layer ends before its programs. */
static void gone_first(void **state)
{
	struct world w = begin_waiting(p_enosys);
	int status;

	(void)state;
	attach_free(w.a);
	w.a = NULL;
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_int_equal(status, 0);
	(void)close(w.ask);
	world_free(&w);
}

static void p_for_ever(void)
{
	int l = listener(0);

	ask(LATER, port_of(l));
	(void)accept(l, NULL, NULL);
}

/* Killed while it waits: all that it had goes. */
static void killed(void **state)
{
	struct world w = begin_waiting(p_for_ever);

	(void)state;
	assert_int_equal(kill(w.pid, SIGKILL), 0);
	assert_int_equal(run_out(&w), SIGKILL);
	until_sockets(&w, 0);
	until_held(&w, 0);
	world_free(&w);
}

/* Killed while it waits, and started again by somebody under the same filter. */
static void p_started_again(void)
{
	int again = stream(0), port;
	int l = stream(0);
	pid_t pid;

	EXPECT(bind_to(l, INADDR_LOOPBACK, 0) == 0);
	port = port_of(l);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		EXPECT(listen(l, 1) == 0);
		(void)accept(l, NULL, NULL);
		_exit(1);
	}
	EXPECT(close(l) == 0);
	ask(WHEN_HELD, 1);
	EXPECT_ERRNO(bind_to(again, INADDR_LOOPBACK, port), EADDRINUSE);
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	EXPECT(bind_to(again, INADDR_LOOPBACK, port) == 0);
	EXPECT(listen(again, 1) == 0);
	ask(CONNECT, port);
	EXPECT(accept(again, NULL, NULL) >= 0);
}

static void started_again(void **state)
{
	(void)state;
	run(p_started_again, step);
}

/* Datagrams are ours, too, in the other mode. */
static void p_full(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in to;
	char buf[16];

	EXPECT(a >= 0 && b >= 0);
	EXPECT(fcntl(b, F_GETFL) & O_NONBLOCK);
	EXPECT_ERRNO(socket(AF_INET, SOCK_DGRAM | 0x100, 0), EINVAL);
	EXPECT(bind_to(a, INADDR_LOOPBACK, 0) == 0);
	EXPECT_ERRNO(bind_to(b, INADDR_LOOPBACK, port_of(a)), EADDRINUSE);
	EXPECT_ERRNO(listen(a, 1), EOPNOTSUPP);
	EXPECT_ERRNO(accept(a, NULL, NULL), EOPNOTSUPP);
	to = at4(INADDR_LOOPBACK, port_of(a));
	EXPECT(connect(b, (struct sockaddr *)&to, sizeof(to)) == 0);
	EXPECT(write(b, "hello", 5) == 5);
	EXPECT(read(a, buf, sizeof(buf)) == 5);
}

static void full(void **state)
{
	(void)state;
	mode = ATTACH_FULL;
	run(p_full, step);
	mode = ATTACH_HYBRID;
}

static void p_nothing(void)
{
	int fd = stream(0);

	EXPECT(bind_to(fd, INADDR_LOOPBACK, 0) == 0);
}

static bool count_one(void *arg, const struct attach_socket *s)
{
	*(unsigned int *)arg += s->ns_fd >= 0;
	return true;
}

/* The last one ends: what it left unseen is found, and the caller is told. */
static void all_gone(void **state)
{
	struct world w = world_new(LOOP_AUTO, false, 0);
	const uint64_t end = loop_clock() + PATIENCE;
	struct netstack_memory m;
	unsigned int n = 0;

	(void)state;
	attach_free(w.a);
	assert_int_equal(attach_new(&w.a,
				    &(struct attach_conf){
					    .stack = w.st,
					    .loop = w.loop,
					    .listener_gone = on_gone,
					    .arg = &w,
				    },
				    NULL),
			 0);
	begin(&w, p_nothing);
	assert_int_equal(attach_n_listeners(w.a), 1);
	assert_int_equal(run_out(&w), 0);
	while (!w.is_gone && loop_clock() < end)
		turn(&w);
	assert_true(w.is_gone);
	until_sockets(&w, 0);
	assert_int_equal(attach_n_listeners(w.a), 0);
	attach_each(w.a, count_one, &n);
	assert_int_equal(n, 0);
	netstack_memory(w.st, &m);
	assert_int_equal(m.sockets, 0);
	world_free(&w);
}

static int group_setup(void **state)
{
	if (mounts_private(state) < 0)
		return -1;
	return loop_new(&loops[0], LOOP_AUTO, NULL) < 0 ? -1
							: loop_new(&loops[1], LOOP_EPOLL, NULL);
}

static int group_teardown(void **state)
{
	(void)state;
	loop_free(loops[0]);
	loop_free(loops[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),          cmocka_unit_test(sockets),
		cmocka_unit_test(in_use),         cmocka_unit_test(privileged),
		cmocka_unit_test(accepts),        cmocka_unit_test(many),
		cmocka_unit_test(blocking),       cmocka_unit_test(waits),
		cmocka_unit_test(interrupted),    cmocka_unit_test(restarted),
		cmocka_unit_test(too_many),       cmocka_unit_test(closed_meanwhile),
		cmocka_unit_test(shut_meanwhile), cmocka_unit_test(queue_reset),
		cmocka_unit_test(two_programs),   cmocka_unit_test(reserves),
		cmocka_unit_test(shared),         cmocka_unit_test(swept),
		cmocka_unit_test(limit),          cmocka_unit_test(share),
		cmocka_unit_test(gone_first),     cmocka_unit_test(killed),
		cmocka_unit_test(started_again),  cmocka_unit_test(full),
		cmocka_unit_test(all_gone),       cmocka_unit_test(elsewhere),
		cmocka_unit_test(over),           cmocka_unit_test(shared_by_user),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
