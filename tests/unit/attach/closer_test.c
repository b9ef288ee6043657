/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Descriptors whose close waits: nobody else does.
 */
#include "attach/closer.h"

#include <net/if.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/loop.h"

#define DEADLINE_NS UINT64_C(20000000000)

static int setup(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		fail_msg("cannot make a network namespace: this test needs root");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	return close(fd);
}

/* @c has so many left, some time. */
static void wait_left(struct closer *c, unsigned int n)
{
	const uint64_t end = loop_clock() + DEADLINE_NS;

	while (closer_left(c) != n) {
		assert_true(loop_clock() < end);
		(void)poll(NULL, 0, 1);
	}
}

static void test_closes(void **state)
{
	struct closer *c;
	int p[2];
	char byte;

	(void)state;
	assert_int_equal(closer_new(&c), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		closer_put(c, p[1]);
		assert_int_equal(read(p[0], &byte, 1), 0); /* it was the last one */
		(void)close(p[0]);
	}
	wait_left(c, 0);
	closer_free(c);
}

/* Whoever has closed his own may have the port again at once. */
static void test_at_once(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	struct closer *c;

	(void)state;
	assert_int_equal(closer_new(&c), 0);
	for (unsigned int i = 0; i < 100; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
		closer_put(c, fd);
		assert_int_equal(closer_left(c), 0);
	}
	closer_free(c);
}

/* Of a connection whose peer does not read: its close waits for an hour. */
static int lingering(int listener)
{
	static const char buf[1 << 16];
	const struct linger l = { .l_onoff = 1, .l_linger = 3600 };
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	while (send(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	return fd;
}

/* One whose queue has a descriptor of such a connection. */
static int carrying(int fd)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(sizeof(int))];
	} ctl = { .room = { 0 } };
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)
	};
	int sv[2];

	ctl.hdr.cmsg_level = SOL_SOCKET;
	ctl.hdr.cmsg_type = SCM_RIGHTS;
	ctl.hdr.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&ctl.hdr), &fd, sizeof(fd));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(sendmsg(sv[0], &m, 0), 1);
	(void)close(sv[0]);
	(void)close(fd);
	return sv[1];
}

/* More of them than there are threads. */
static void test_lingering(void **state)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct closer *c;
	int p[2];
	char byte;

	(void)state;
	assert_int_equal(bind(listener, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 100), 0);
	assert_int_equal(closer_new(&c), 0);
	for (unsigned int i = 0; i < 3 * CLOSER_THREADS_MAX; i++) {
		closer_put(c, i % 2 ? lingering(listener) : carrying(lingering(listener)));
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		closer_put(c, p[1]);
		assert_int_equal(read(p[0], &byte, 1), 0); /* in spite of them */
		(void)close(p[0]);
	}
	assert_true(closer_left(c) > 0); /* or it was too easy */
	closer_free(c);
	(void)close(listener);
}

/* Free of threads, free of descriptors. */
static void test_nothing(void **state)
{
	struct closer *c;

	(void)state;
	closer_free(NULL);
	assert_int_equal(closer_new(&c), 0);
	assert_int_equal(closer_left(c), 0);
	closer_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_closes),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_lingering),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
