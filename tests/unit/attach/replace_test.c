/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Another description behind a descriptor, while the program waits for it with epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/tracee.h"
#include "base/cleanup.h"
#include "tests/unit/attach/child.h"

static struct tracees *tracees;
static int number; /* of the descriptor in the child */

static int setup(void **state)
{
	struct nerr err;

	(void)state;
	if (tracees_new(&tracees, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tracees_free(tracees);
	return 0;
}

/* What a child saw that it did not like is the line, as its exit status. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			(void)dprintf(STDERR_FILENO, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x,    \
				      strerror(errno));                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static ino_t ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static int try_connect(int fd)
{
	return syscall(SYS_connect, fd, NULL, 0) < 0 ? -errno : 0;
}

static void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

/* Events of one, which must be that of @data; 0 when there are none. */
static uint32_t next(int ep, uint64_t data, int timeout_ms)
{
	struct epoll_event ev[2];
	int n = epoll_wait(ep, ev, 2, timeout_ms);

	MUST(n == 0 || n == 1);
	MUST(n == 0 || ev[0].data.u64 == data);
	return n ? ev[0].events : 0;
}

#define DATA_LT UINT64_C(0xfedcba9876543210)
#define DATA_ET UINT64_C(7)

/* A socket under the number, with all that is carried over. */
static void make_socket(bool is_nonblock)
{
	struct timeval tv = { .tv_sec = 3, .tv_usec = 500000 };
	int lowat = 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	if (fd != number) {
		MUST(dup3(fd, number, O_CLOEXEC) == number);
		(void)close(fd);
	}
	MUST(setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	tv.tv_sec = 5;
	MUST(setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
	lowat = 1 + is_nonblock;
	MUST(setsockopt(number, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)) == 0);
	MUST(fcntl(number, F_SETFL, is_nonblock ? O_NONBLOCK : 0) == 0);
	MUST(fcntl(number, F_SETOWN, getpid()) == 0);
}

static void check_socket(bool is_nonblock)
{
	struct timeval tv = { .tv_sec = 0 };
	socklen_t len = sizeof(tv);
	int lowat = 0;

	MUST(getsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0);
	MUST(tv.tv_sec == 3 && tv.tv_usec == 500000);
	MUST(getsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) == 0);
	MUST(tv.tv_sec == 5);
	len = sizeof(lowat);
	MUST(getsockopt(number, SOL_SOCKET, SO_RCVLOWAT, &lowat, &len) == 0);
	MUST(lowat == 1 + is_nonblock);
	MUST(!(fcntl(number, F_GETFL) & O_NONBLOCK) == !is_nonblock);
	MUST(fcntl(number, F_GETFD) & FD_CLOEXEC);
	MUST(fcntl(number, F_GETOWN) == getpid());
}

/* The new one is an end of a pair: connected, and the test writes two bytes to it. */
static int watches(int sock)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 1 };
	int lt;
	int et;
	int by_other;
	int other;
	ino_t before;
	char buf[4];

	/* Out of the way of the number. */
	MUST(dup2(sock, 200) == 200);
	for (int fd = 3; fd < 100; fd++)
		(void)close(fd);
	make_socket(true);
	before = ino_of(number);
	lt = fcntl(epoll_create1(0), F_DUPFD, 100);
	et = fcntl(epoll_create1(0), F_DUPFD, 100);
	other = fcntl(number, F_DUPFD, 100);
	by_other = fcntl(epoll_create1(0), F_DUPFD, 100);
	MUST(lt >= 0 && et >= 0 && other >= 0 && by_other >= 0);
	add(lt, number, EPOLLIN | EPOLLRDHUP, DATA_LT);
	add(et, number, EPOLLIN | EPOLLOUT | EPOLLET, DATA_ET);
	add(by_other, other, EPOLLIN | EPOLLRDHUP, DATA_LT);
	MUST(next(lt, DATA_LT, 0) == EPOLLHUP);
	MUST(next(by_other, DATA_LT, 0) == EPOLLHUP);
	MUST(next(et, DATA_ET, 0) == (EPOLLOUT | EPOLLHUP));
	MUST(next(et, DATA_ET, 0) == 0);

	MUST(try_connect(number) == -ECONNREFUSED);
	MUST(ino_of(number) != before && ino_of(other) == ino_of(number));
	MUST(fcntl(number, F_GETFD) == FD_CLOEXEC && fcntl(other, F_GETFD) == 0);
	check_socket(true);
	MUST(next(lt, DATA_LT, 0) == 0);
	MUST(next(et, DATA_ET, 0) == EPOLLOUT);
	MUST(next(et, DATA_ET, 0) == 0);
	MUST(write(number, "go", 2) == 2); /* the test answers */
	MUST(next(lt, DATA_LT, 10000) == EPOLLIN);
	MUST(next(by_other, DATA_LT, 0) == EPOLLIN);
	MUST(next(et, DATA_ET, 10000) == (EPOLLIN | EPOLLOUT));
	MUST(read(number, buf, sizeof(buf)) == 2);
	MUST(next(lt, DATA_LT, 0) == 0);

	MUST(epoll_ctl(lt, EPOLL_CTL_MOD, number, &ev) == 0);
	MUST(epoll_ctl(lt, EPOLL_CTL_ADD, number, &ev) == -1 && errno == EEXIST);
	MUST(epoll_ctl(lt, EPOLL_CTL_DEL, number, NULL) == 0);
	MUST(epoll_ctl(lt, EPOLL_CTL_DEL, number, NULL) == -1 && errno == ENOENT);
	MUST(epoll_ctl(by_other, EPOLL_CTL_DEL, number, NULL) == -1 && errno == ENOENT);
	MUST(epoll_ctl(by_other, EPOLL_CTL_MOD, other, &ev) == 0);
	MUST(epoll_ctl(by_other, EPOLL_CTL_DEL, other, NULL) == 0);
	MUST(close(number) == 0 && close(other) == 0);
	MUST(next(et, DATA_ET, 0) == 0); /* gone with the last descriptor */
	return 0;
}

/* The test's end of the pair: it answers two bytes with two. */
static void on_go(struct loop_watch *w, uint32_t events)
{
	struct child *c = w->arg;
	char buf[4];

	(void)events;
	loop_watch_del(c->loop, w);
	assert_int_equal(read(w->fd, buf, sizeof(buf)), 2);
	assert_int_equal(write(w->fd, "ok", 2), 2);
}

static struct loop_watch pair_end = { .fd = -1, .events = POLLIN, .ready = on_go };

static void close_end(void)
{
	if (pair_end.fd >= 0)
		(void)close(pair_end.fd);
	pair_end.fd = -1;
}

/* The next connect(); what else is notified is the kernel's. */
static bool next_connect(struct child *c, struct notify_call *ret)
{
	while (child_call(c, ret)) {
		if (ret->nr == SYS_connect)
			return true;
		assert_int_equal(notify_continue(ret), 0);
	}
	return false;
}

static int finish(struct child *c)
{
	struct notify_call call;
	int status;

	if (next_connect(c, &call))
		fail_msg("a connect() too many");
	status = child_wait(c);
	close_end();
	child_done(c);
	return status;
}

static void replace_with_pair(struct child *c)
{
	struct notify_call call;
	int sv[2];

	assert_true(next_connect(c, &call));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(tracee_replace(tracees, &call, (int)call.arg[0], sv[0]), 0);
	(void)close(sv[0]);
	assert_int_equal(notify_return(&call, -ECONNREFUSED), 0);
	close_end();
	pair_end.fd = sv[1];
	pair_end.arg = c;
	assert_int_equal(loop_watch_add(c->loop, &pair_end), 0);
}

/* Whatever its number is, in our own process, too. */
static void test_epoll(void **state)
{
	struct rlimit lim;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	for (number = 3; number < 30; number++) {
		struct child c;

		child_start(&c, ATTACH_HYBRID, watches);
		replace_with_pair(&c);
		assert_int_equal(finish(&c), 0);
	}
}

/* Nobody waits for it by epoll; and it is done several times. */
static int blocking(int sock)
{
	(void)sock;
	make_socket(false);
	for (unsigned int i = 0; i < 3; i++) {
		ino_t before = ino_of(number);
		char buf[4];

		MUST(try_connect(number) == -ECONNREFUSED);
		MUST(ino_of(number) != before);
		check_socket(false);
		MUST(write(number, "go", 2) == 2);
		MUST(read(number, buf, sizeof(buf)) == 2);
	}
	return 0;
}

static void test_no_epoll(void **state)
{
	struct child c;

	(void)state;
	number = 150;
	child_start(&c, ATTACH_HYBRID, blocking);
	for (unsigned int i = 0; i < 3; i++)
		replace_with_pair(&c);
	assert_int_equal(finish(&c), 0);
}

/* Many descriptors, in many epolls, and many in one. */
static int crowd(int sock)
{
	struct rlimit lim = { .rlim_cur = 8192, .rlim_max = 8192 };
	int big = epoll_create1(0);
	int mine = epoll_create1(0);
	char buf[4];

	(void)sock;
	MUST(setrlimit(RLIMIT_NOFILE, &lim) == 0);
	make_socket(true);
	for (unsigned int i = 0; i < 2000; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		int ep = i % 10 ? -1 : epoll_create1(0);

		MUST(fd >= 0);
		add(big, fd, EPOLLIN, i);
		if (ep >= 0)
			add(ep, fd, EPOLLIN, i);
	}
	add(mine, number, EPOLLIN, DATA_LT);
	MUST(try_connect(number) == -ECONNREFUSED);
	MUST(next(mine, DATA_LT, 0) == 0);
	MUST(write(number, "go", 2) == 2);
	MUST(next(mine, DATA_LT, 10000) == EPOLLIN);
	MUST(read(number, buf, sizeof(buf)) == 2);
	return 0;
}

static void test_crowd(void **state)
{
	struct child c;

	(void)state;
	number = 40;
	child_start(&c, ATTACH_HYBRID, crowd);
	replace_with_pair(&c);
	assert_int_equal(finish(&c), 0);
}

static void on_usr1(int sig)
{
	(void)sig;
}

static int interrupted(int sock)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	ino_t before;
	int ep = epoll_create1(0);

	MUST(sigaction(SIGUSR1, &sa, NULL) == 0);
	make_socket(true);
	before = ino_of(number);
	add(ep, number, EPOLLIN, DATA_LT);
	MUST(try_connect(number) == -EINTR);
	MUST(child_hear(sock) == 'd');
	MUST(ino_of(number) == before);
	check_socket(true);
	MUST(next(ep, DATA_LT, 0) == EPOLLHUP);
	return 0;
}

/* Nothing has happened when nobody waits any more. */
static void test_interrupted(void **state)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t end = loop_clock() + CHILD_DEADLINE_NS;
	struct child c;
	struct notify_call call;

	(void)state;
	number = 30;
	child_start(&c, ATTACH_HYBRID, interrupted);
	assert_true(next_connect(&c, &call));
	assert_int_equal(kill(c.pid, SIGUSR1), 0);
	while (notify_is_valid(&call))
		assert_true(loop_clock() < end);
	assert_int_equal(tracee_replace(tracees, &call, number, fd), -ENOENT);
	child_tell(&c, 'd');
	assert_int_equal(finish(&c), 0);
}

static void test_no_such_descriptor(void **state)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct child c;
	struct notify_call call;

	(void)state;
	number = 30;
	child_start(&c, ATTACH_HYBRID, interrupted);
	assert_true(next_connect(&c, &call));
	assert_int_equal(tracee_replace(tracees, &call, 1000, fd), -EBADF);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(finish(&c), -SIGKILL);
	assert_int_equal(tracee_replace(tracees, &call, number, fd), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epoll),
		cmocka_unit_test(test_no_epoll),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_no_such_descriptor),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
