/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a program sees of its end by poll() and by an edge-triggered epoll.
 */
#include "attach/unixend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"

static struct rendezvous *rv;

static int setup(void **state)
{
	struct nerr err;

	(void)state;
	if (rendezvous_new(&rv, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rendezvous_free(rv);
	return 0;
}

static int polled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	assert_true(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static int watch_edges(int fd)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	assert_true(ep >= 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

/* The next edge, 0 when there is none. */
static uint32_t edge(int ep)
{
	struct epoll_event e = { .events = 0 };
	int n = epoll_wait(ep, &e, 1, 0);

	assert_true(n >= 0);
	return n ? e.events : 0;
}

static int fresh(void)
{
	uint64_t cookie = 0;
	uint32_t ino = 0;
	int fd = unixend_fresh(&cookie, &ino);

	assert_true(fd >= 0);
	assert_true(cookie != 0);
	assert_true(ino != 0);
	return fd;
}

static void test_fresh(void **state)
{
	cleanup_close int fd = fresh();
	cleanup_close int other = fresh();
	cleanup_close int copy = dup(fd);
	uint64_t cookie = 0;
	uint64_t again = 0;

	(void)state;
	assert_int_equal(polled(fd), POLLOUT | POLLHUP);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(unixend_cookie(fd, &cookie), 0);
	assert_int_equal(unixend_cookie(copy, &again), 0);
	assert_int_equal(cookie, again);
	assert_int_equal(unixend_cookie(other, &again), 0);
	assert_int_not_equal(cookie, again);
}

static void test_cookie_of_others(void **state)
{
	cleanup_close int not_socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t cookie;

	(void)state;
	assert_int_equal(unixend_cookie(not_socket, &cookie), -ENOTSOCK);
	assert_int_equal(unixend_cookie(-1, &cookie), -EBADF);
}

static void test_pair(void **state)
{
	cleanup_close int program = -1;
	cleanup_close int ours = -1;
	uint64_t cookie;
	uint64_t same;
	uint32_t ino;
	uint32_t junk;
	struct stat st;

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	assert_int_equal(unixend_cookie(program, &same), 0);
	assert_int_equal(cookie, same);
	assert_int_equal(fstat(program, &st), 0);
	assert_int_equal(st.st_ino, ino);
	assert_int_equal(junk, 1);
	assert_int_equal(unixend_queued(ours), 1);
	assert_int_equal(polled(program), POLLOUT);
	assert_true(fcntl(ours, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(program, F_GETFL) & O_NONBLOCK);
}

/* connect() that is under way: not writable, nothing to read, no edge. */
static void test_fill(void **state)
{
	cleanup_close int program = fresh();
	cleanup_close int ep = -1;
	cleanup_close int ours = -1;
	uint32_t junk = 0;

	(void)state;
	assert_int_equal(rendezvous_join(rv, program, &ours), 0);
	assert_int_equal(unixend_queued(ours), 0);
	assert_int_equal(unixend_fill(program, &junk), 0);
	assert_true(junk > 0);
	assert_int_equal(unixend_queued(ours), junk);
	assert_int_equal(polled(program), 0);
	assert_int_equal(send(program, "x", 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	ep = watch_edges(program);
	assert_int_equal(edge(ep), 0);

	assert_int_equal(unixend_open(program), 0);
	assert_int_equal(edge(ep), EPOLLOUT);
	assert_int_equal(edge(ep), 0);
	assert_int_equal(polled(program), POLLOUT);
	assert_int_equal(unixend_queued(ours), junk);
	assert_int_equal(send(program, "x", 1, MSG_DONTWAIT), 1);
	assert_int_equal(edge(ep), 0);
}

/* Registered before connect(): OUT|HUP of a fresh socket is told once, then nothing until it is
 * connected.
 */
static void test_watched_before(void **state)
{
	cleanup_close int program = fresh();
	cleanup_close int ep = watch_edges(program);
	cleanup_close int ours = -1;
	uint32_t junk = 0;

	(void)state;
	assert_int_equal(edge(ep), EPOLLOUT | EPOLLHUP);
	assert_int_equal(edge(ep), 0);
	assert_int_equal(rendezvous_join(rv, program, &ours), 0);
	assert_int_equal(unixend_fill(program, &junk), 0);
	assert_int_equal(edge(ep), 0);
	assert_int_equal(unixend_open(program), 0);
	assert_int_equal(edge(ep), EPOLLOUT);
	assert_int_equal(edge(ep), 0);
}

/* Reads of all but the residue give the program no edges for its writes. */
static void test_no_edges_while_residue_stays(void **state)
{
	cleanup_close int program = -1;
	cleanup_close int ours = -1;
	cleanup_close int ep = -1;
	uint64_t cookie;
	uint32_t ino;
	uint32_t junk;
	char buf[16];

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	ep = watch_edges(program);
	assert_int_equal(edge(ep), EPOLLOUT);
	for (unsigned int i = 0; i < 5; i++) {
		int off = (int)(junk + i);

		assert_int_equal(write(program, "x", 1), 1);
		assert_int_equal(setsockopt(ours, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)), 0);
		assert_int_equal(recv(ours, buf, sizeof(buf), MSG_PEEK), 1);
		assert_int_equal(edge(ep), 0);
	}
}

/* A failed handshake: our end is closed with its junk unread. */
static void test_reset(void **state)
{
	cleanup_close int program = fresh();
	int ours = -1;
	uint32_t junk = 0;
	char c;

	(void)state;
	assert_int_equal(rendezvous_join(rv, program, &ours), 0);
	assert_int_equal(unixend_fill(program, &junk), 0);
	(void)close(ours);
	assert_int_equal(polled(program), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	assert_int_equal(recv(program, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(program, &c, 1, 0), 0);
}

/* Data that arrived before the reset is read first. */
static void test_data_then_reset(void **state)
{
	cleanup_close int program = -1;
	int ours = -1;
	uint64_t cookie;
	uint32_t ino;
	uint32_t junk;
	char buf[8];

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	assert_int_equal(write(ours, "abc", 3), 3);
	(void)close(ours);
	assert_int_equal(recv(program, buf, sizeof(buf), 0), 3);
	assert_int_equal(recv(program, buf, sizeof(buf), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(send(program, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
}

static void test_program_closes(void **state)
{
	int program = -1;
	cleanup_close int ours = -1;
	cleanup_close int unread = -1;
	uint64_t cookie;
	uint32_t ino;
	uint32_t junk;
	char buf[8];

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	(void)close(program);
	assert_int_equal(polled(ours), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	assert_int_equal(recv(ours, buf, sizeof(buf), 0), junk);
	assert_int_equal(recv(ours, buf, sizeof(buf), 0), 0);

	assert_int_equal(unixend_pair(&program, &unread, &cookie, &ino, &junk), 0);
	assert_int_equal(write(unread, "x", 1), 1);
	(void)close(program);
	assert_true(polled(unread) & POLLERR);
	assert_int_equal(recv(unread, buf, sizeof(buf), 0), junk);
	assert_int_equal(recv(unread, buf, sizeof(buf), 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

/* A listening socket: readable while a connection waits, never writable, one edge for each. */
static void test_listener(void **state)
{
	int program = fresh();
	cleanup_close int ours = -1;
	cleanup_close int ep = -1;
	uint32_t junk = 0;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(rendezvous_join(rv, program, &ours), 0);
	assert_int_equal(unixend_fill(program, &junk), 0);
	assert_int_equal(unixend_no_write(program), 0);
	assert_int_equal(polled(program), 0);
	assert_int_equal(write(program, "x", 1), -1);
	assert_int_equal(errno, EPIPE);

	ep = watch_edges(program);
	assert_int_equal(edge(ep), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(unixend_put_token(ours), 0);
		assert_int_equal(edge(ep), EPOLLIN);
		assert_int_equal(edge(ep), 0);
	}
	assert_int_equal(unixend_queued(program), 3);
	assert_int_equal(unixend_take_tokens(program, 2), 2);
	assert_int_equal(polled(program), POLLIN);
	assert_int_equal(unixend_take_tokens(program, 1000), 1);
	assert_int_equal(unixend_take_tokens(program, 1), 0);
	assert_int_equal(polled(program), 0);
	assert_false(polled(ours) & POLLHUP);
	(void)close(program);
	assert_true(polled(ours) & POLLHUP);
}

static void test_join_twice(void **state)
{
	cleanup_close int program = fresh();
	cleanup_close int ours = -1;
	int again = -1;

	(void)state;
	assert_int_equal(rendezvous_join(rv, program, &ours), 0);
	assert_int_equal(rendezvous_join(rv, program, &again), -EISCONN);
	assert_int_equal(again, -1);
	assert_int_equal(polled(ours) & POLLHUP, 0);
}

/* Many ends, none of them mixed up. */
static void test_join_many(void **state)
{
	int program[32];
	int ours[32];
	char c;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(program); i++) {
		program[i] = fresh();
		assert_int_equal(rendezvous_join(rv, program[i], &ours[i]), 0);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(program); i++)
		assert_int_equal(write(ours[i], &(char){ (char)i }, 1), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(program); i++) {
		assert_int_equal(read(program[i], &c, 1), 1);
		assert_int_equal(c, i);
		(void)close(program[i]);
		(void)close(ours[i]);
	}
}

/* Without a descriptor for our end there is an error, and it is not the end of the next one. */
static void test_join_without_room(void **state)
{
	struct rlimit before;
	struct rlimit none;
	char c;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	for (unsigned int i = 0; i < 20; i++) {
		cleanup_close int program = fresh();
		cleanup_close int other = fresh();
		cleanup_close int ours = -1;

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		assert_int_equal(rendezvous_join(rv, program, &ours), -EMFILE);
		/* It is connected by now, and will be until there is room again. */
		assert_int_equal(rendezvous_join(rv, other, &ours), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (i % 2)
			continue;
		assert_int_equal(rendezvous_join(rv, other, &ours), 0);
		assert_true(polled(program) & POLLHUP);
		assert_int_equal(write(ours, "x", 1), 1);
		assert_int_equal(read(other, &c, 1), 1);
	}
}

/* The name is gone, and another user can be joined all the same. */
static void test_join_as_nobody(void **state)
{
	pid_t pid = fork();
	int st = 0;

	(void)state;
	if (pid == 0) {
		int program = fresh();
		int ours = -1;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		_exit(rendezvous_join(rv, program, &ours) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

/* No descriptor comes to us in a message. */
static void test_rights_are_refused(void **state)
{
	cleanup_close int program = -1;
	cleanup_close int ours = -1;
	int val = 0;
	socklen_t len = sizeof(val);
	uint64_t cookie;
	uint32_t ino;
	uint32_t junk;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
			   .cmsg_level = SOL_SOCKET,
			   .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = &(char){ 'x' }, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	if (getsockopt(ours, SOL_SOCKET, 83, &val, &len) < 0)
		skip(); /* a kernel without SO_PASSRIGHTS */
	memcpy(CMSG_DATA(&u.align), &(int){ 0 }, sizeof(int));
	assert_int_equal(sendmsg(program, &m, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(sendmsg(ours, &m, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPERM);
}

/* What a program does not read is bounded. */
static void test_limit(void **state)
{
	static const char buf[4096];
	uint64_t cookie;
	uint32_t ino, junk;
	size_t sum = 0;
	int program, ours;
	ssize_t n;

	(void)state;
	assert_int_equal(unixend_pair(&program, &ours, &cookie, &ino, &junk), 0);
	unixend_limit(ours, 0);
	while ((n = send(ours, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		sum += (size_t)n;
	assert_in_range(sum, 1, 2 * UNIXEND_SNDBUF_LEAST);
	(void)close(program);
	(void)close(ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_cookie_of_others),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_watched_before),
		cmocka_unit_test(test_no_edges_while_residue_stays),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_data_then_reset),
		cmocka_unit_test(test_program_closes),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_join_twice),
		cmocka_unit_test(test_join_many),
		cmocka_unit_test(test_join_without_room),
		cmocka_unit_test(test_join_as_nobody),
		cmocka_unit_test(test_rights_are_refused),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
