/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shutdown(), and the calls with data that AF_UNIX would answer otherwise.
 */
#include <pthread.h>

#include <linux/tcp.h>

#include "tests/unit/attach/program.h"

#define WRITES 8000 /* more than all buffers on the way hold */

static int connected(uint16_t port)
{
	int fd = tcp(0);

	check(connect_to(fd, "127.0.0.1", port) == 0);
	return fd;
}

static void shut_write(void)
{
	char buf[8];
	int fd = connected(PORT_ECHO);

	check_echo(fd);
	check(send(fd, "last", 4, 0) == 4);
	check(shutdown(fd, SHUT_WR) == 0);
	check_error(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	check(recv(fd, buf, sizeof(buf), MSG_WAITALL) == 4 && memcmp(buf, "last", 4) == 0);
	check(recv(fd, buf, sizeof(buf), 0) == 0);
}

static void test_shut_write(void **state)
{
	program(*state, shut_write);
}

/* What comes is thrown away, and the peer is not held up by it. */
static void shut_read(void)
{
	char buf[4096] = "";
	struct tcp_info info;
	int fd = connected(PORT_ECHO);

	check_echo(fd);
	check(shutdown(fd, SHUT_RD) == 0);
	check(recv(fd, buf, sizeof(buf), 0) == 0);
	for (int i = 0; i < WRITES; i++)
		check(send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == sizeof(buf));
	do {
		socklen_t len = sizeof(info);

		check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
		check(info.tcpi_state == 1 /* TCP_ESTABLISHED */);
	} while (info.tcpi_bytes_received < WRITES * sizeof(buf));
}

static void test_shut_read(void **state)
{
	program(*state, shut_read);
}

static void *accept_fails(void *arg)
{
	check_error(accept(*(int *)arg, NULL, NULL), EINVAL);
	return NULL;
}

static void shut_listener(void)
{
	const struct sockaddr_in at = addr_of("127.0.0.1", 6000);
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = tcp(0), c, s;
	pthread_t t;

	check(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 5) == 0);
	check(shutdown(fd, SHUT_WR) == 0);
	check(pthread_create(&t, NULL, accept_fails, &fd) == 0);
	check(shutdown(fd, SHUT_RD) == 0);
	check(pthread_join(t, NULL) == 0);
	check(polled(fd, 0) == (POLLOUT | POLLHUP));
	check_error(accept(fd, NULL, NULL), EINVAL);
	check_error(shutdown(fd, SHUT_RD), ENOTCONN);
	c = tcp(0);
	check_error(connect_to(c, "127.0.0.1", 6000), ECONNREFUSED);
	/* It has its name still, and may listen again. */
	check(getsockname(fd, (struct sockaddr *)&sin, &len) == 0 && sin.sin_port == htons(6000));
	check(listen(fd, 5) == 0);
	check(connect_to(c, "127.0.0.1", 6000) == 0);
	s = accept(fd, NULL, NULL);
	check(s >= 0 && send(s, "x", 1, 0) == 1 && recv(c, &(char){ 0 }, 1, 0) == 1);
}

static void test_shut_listener(void **state)
{
	program(*state, shut_listener);
}

static void shut_others(void)
{
	int fd = tcp(0);

	check_error(shutdown(fd, 3), EINVAL);
	check_error(shutdown(fd, SHUT_RDWR), ENOTCONN);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_error(shutdown(fd, -1), EINVAL);
	check(shutdown(fd, SHUT_RDWR) == 0);
	check(recv(fd, &(char){ 0 }, 1, 0) == 0);
}

static void test_shut_others(void **state)
{
	program(*state, shut_others);
}

static void addresses(void)
{
	struct sockaddr_in to = addr_of("127.0.0.1", PORT_ECHO);
	const struct sockaddr *sa = (const struct sockaddr *)&to;
	int fd = tcp(0);

	check_error(sendto(fd, "x", 1, MSG_NOSIGNAL, sa, sizeof(to)), EPIPE);
	check_error(sendto(fd, "x", 1, MSG_FASTOPEN, sa, sizeof(to)), EOPNOTSUPP);
	check(connect(fd, sa, sizeof(to)) == 0);
	check_error(sendto(fd, "x", 1, MSG_NOSIGNAL, sa, sizeof(to)), EISCONN);
	check_echo(fd);
}

static void test_addresses(void **state)
{
	program(*state, addresses);
}

/* The error queue is empty, and is not the stream. */
static void error_queue(void)
{
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = connected(PORT_DAY);

	while (!(polled(fd, -1) & POLLIN))
		; /* it is writable before */
	check_error(recvmsg(fd, &msg, MSG_ERRQUEUE), EAGAIN);
	check_error(recv(fd, buf, sizeof(buf), MSG_ERRQUEUE), EAGAIN);
	check(recvmsg(fd, &msg, MSG_WAITALL) == 3 && memcmp(buf, "day", 3) == 0);
}

static void test_error_queue(void **state)
{
	program(*state, error_queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shut_write),  TEST(test_shut_read), TEST(test_shut_listener),
		TEST(test_shut_others), TEST(test_addresses), TEST(test_error_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
