/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * UDP and ping sockets of programs (ATTACH_FULL), with a socket of the same instance as the peer.
 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/time.h>

#include "base/fd.h"
#include "tests/unit/attach/program.h"

#define ADDR     "10.0.0.1" /* of the instance */
#define PORT_LAG 11         /* answers twice */

/* --- peers --- */

static void on_datagram(void *arg, int fd, uint32_t events)
{
	struct netstack *st = peer_rig->st;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char buf[2048];
	ssize_t n;

	(void)events;
	while ((n = ns_recvfrom(st, fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len)) >=
	       0) {
		for (int i = 0; i < (int)(intptr_t)arg; i++)
			assert_int_equal(
				ns_sendto(st, fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len),
				n);
		len = sizeof(from);
	}
	assert_int_equal(n, -EAGAIN);
}

static void peer_bind(struct program_rig *r, uint16_t port, int times)
{
	const struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = ns_socket(r->st, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(r->st, fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(ns_set_notify(r->st, fd, on_datagram, (void *)(intptr_t)times), 0);
}

static int setup(void **state)
{
	int r;

	program_mode = ATTACH_FULL;
	r = program_setup(state);
	/* Nobody's in a new namespace. */
	assert_int_equal(file_write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"), 0);
	peer_bind(*state, PORT_ECHO, 1);
	peer_bind(*state, PORT_LAG, 2);
	return r;
}

/* --- in the program --- */

static int udp(int flags)
{
	int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);

	check(fd >= 0);
	return fd;
}

static void say_to(int fd, uint16_t port, const char *text)
{
	const struct sockaddr_in to = addr_of(ADDR, port);
	const ssize_t len = (ssize_t)strlen(text);

	check(sendto(fd, text, (size_t)len, 0, (const struct sockaddr *)&to, sizeof(to)) == len);
}

/* The next one, by recvfrom(). */
static void check_from(int fd, int flags, uint16_t port, const char *text)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char buf[64] = "";

	check(recvfrom(fd, buf, sizeof(buf) - 1, flags, (struct sockaddr *)&from, &len) ==
	      (ssize_t)strlen(text));
	check(strcmp(buf, text) == 0);
	check(len == sizeof(from) && from.sin_port == htons(port));
	check(from.sin_addr.s_addr == inet_addr(ADDR));
}

/* The same by recv(), which is the kernel's. */
static void check_recv(int fd, int flags, const char *text)
{
	char buf[64] = "";

	check(recv(fd, buf, sizeof(buf) - 1, flags) == (ssize_t)strlen(text));
	check(strcmp(buf, text) == 0);
}

static void wait_ms(int fd, int ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
}

static void wait_in(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	check(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
}

static void p_unconnected(void)
{
	int fd = udp(0);
	char buf[3];

	check(polled(fd, 0) == POLLOUT);
	say_to(fd, PORT_ECHO, "one");
	say_to(fd, PORT_LAG, "two");
	check_from(fd, MSG_PEEK, PORT_ECHO, "one");
	check_from(fd, 0, PORT_ECHO, "one");
	check_recv(fd, MSG_PEEK, "two");
	check_recv(fd, 0, "two");
	check_from(fd, 0, PORT_LAG, "two");
	check_error(recv(fd, buf, 1, MSG_DONTWAIT), EAGAIN);
	check_error(recvfrom(fd, buf, 1, MSG_DONTWAIT, (struct sockaddr *)buf, NULL), EAGAIN);
	say_to(fd, PORT_ECHO, "long one");
	wait_in(fd);
	check(recv(fd, buf, sizeof(buf), MSG_TRUNC) == 8);
	check(memcmp(buf, "lon", 3) == 0);
	say_to(fd, PORT_ECHO, "");
	check_from(fd, 0, PORT_ECHO, "");
	check(close(fd) == 0);
}

static void p_connected(void)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd = udp(0);

	check(connect_to(fd, ADDR, PORT_LAG) == 0);
	check(getpeername(fd, (struct sockaddr *)&name, &len) == 0);
	check(name.sin_port == htons(PORT_LAG));
	check(write(fd, "one", 3) == 3);
	check(send(fd, "two", 3, 0) == 3);
	check_recv(fd, 0, "one");
	check_from(fd, 0, PORT_LAG, "one");
	check_recv(fd, 0, "two");
	check_recv(fd, 0, "two");
	check(send(fd, "", 0, 0) == 0);
	check_recv(fd, 0, "");
	check_from(fd, 0, PORT_LAG, "");
	check(close(fd) == 0);
}

/* As much of it as anybody uses: see shut_dgram(). */
static void p_shutdown_both(void)
{
	struct sockaddr_in to = addr_of(ADDR, PORT_ECHO);
	int fd = udp(0);
	char c;

	check_error(shutdown(fd, SHUT_RDWR), ENOTCONN);
	check(close(fd) == 0);
	fd = udp(0);
	check(connect_to(fd, ADDR, PORT_ECHO) == 0);
	check(shutdown(fd, SHUT_WR) == 0);
	check_error(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)), EPIPE);
	check_error(write(fd, "x", 1), EPIPE);
	check(shutdown(fd, SHUT_RD) == 0);
	check(recv(fd, &c, 1, 0) == 0);
	check(getpeername(fd, (struct sockaddr *)&to, &(socklen_t){ sizeof(to) }) == 0);
	check(close(fd) == 0);
}

/* A port that nobody has: the error is told once, by whatever asks first. */
static void p_refused(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct sockaddr_in to = addr_of(ADDR, PORT_NONE);
	char c = 'x';
	int other = udp(0);
	int fd = udp(0);

	check(connect_to(fd, ADDR, PORT_NONE) == 0);
	check(send(fd, "x", 1, 0) == 1);
	check_error(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len), ECONNREFUSED);
	check_error(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);

	check(send(fd, "x", 1, 0) == 1);
	wait_in(fd);
	check(sock_error(fd) == ECONNREFUSED);
	check(sock_error(fd) == 0);
	check_error(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);

	/* The kernel's recv() has nothing to say it by. */
	check(send(fd, "x", 1, 0) == 1);
	check(recv(fd, &c, 1, 0) == 0);
	wait_ms(fd, 50);
	check_error(recv(fd, &c, 1, 0), EAGAIN);

	/* By a send() that has an address it can be said. */
	check(send(fd, "x", 1, 0) == 1);
	wait_in(fd);
	check_error(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), ECONNREFUSED);
	check_error(recv(fd, &c, 1, MSG_DONTWAIT), EAGAIN);

	/* One that has none is not lost by an error of another. */
	check(send(fd, "x", 1, 0) == 1);
	wait_in(fd);
	check(bind(other, (struct sockaddr *)&to, sizeof(to)) == 0);
	check(write(fd, "y", 1) == 1);
	check_recv(other, 0, "y");
	check(close(fd) == 0);
	check(close(other) == 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A call that a signal has ended is over: nothing is written for it, nothing is taken by it. */
static void p_interrupted(void)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char buf[8] = "mine";
	int fd = udp(0);

	check(connect_to(fd, ADDR, PORT_ECHO) == 0);
	check(sigaction(SIGALRM, &sa, NULL) == 0);
	check(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	check_error(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), EINTR);
	check(write(fd, "yours", 5) == 5);
	check_recv(fd, 0, "yours");
	check(strcmp(buf, "mine") == 0);
	check(close(fd) == 0);
}

static void p_timeout(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = udp(0);
	char c;

	wait_ms(fd, 20);
	check_error(recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len), EAGAIN);
	say_to(fd, PORT_ECHO, "after");
	wait_ms(fd, 0);
	check_from(fd, 0, PORT_ECHO, "after");
	check(close(fd) == 0);
}

/* Control data comes to connected ones, too. */
static void p_control(void)
{
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	char data[16];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct in_pktinfo info;
	const int on = 1;
	int fd = udp(0);

	check(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0);
	check(connect_to(fd, ADDR, PORT_LAG) == 0);
	check(write(fd, "one", 3) == 3);
	wait_in(fd);
	for (int i = 0; i < 2; i++) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control);
		check(recvmsg(fd, &msg, 0) == 3);
		check(msg.msg_controllen > 0 && !msg.msg_flags);
		check(CMSG_FIRSTHDR(&msg)->cmsg_type == IP_PKTINFO);
		memcpy(&info, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(info));
		check(info.ipi_addr.s_addr == inet_addr(ADDR));
	}
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	check(write(fd, "two", 3) == 3);
	check(recvmsg(fd, &msg, 0) == 3);
	check(msg.msg_flags == MSG_CTRUNC);
	/* What there is room for, of the only one. */
	msg.msg_control = control.bytes;
	msg.msg_controllen = CMSG_LEN(5);
	check(recvmsg(fd, &msg, 0) == 3);
	check(msg.msg_flags == MSG_CTRUNC && msg.msg_controllen == CMSG_LEN(5));
	check(CMSG_FIRSTHDR(&msg)->cmsg_len == CMSG_LEN(5));
	check(close(fd) == 0);
}

static void p_many(void)
{
	struct sockaddr_in to = addr_of(ADDR, PORT_ECHO);
	char data[3][8] = { "one", "two", "six" };
	struct iovec iov[3];
	struct mmsghdr m[3] = { 0 };
	int fd = udp(0);
	int n = 0;

	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ .iov_base = data[i], .iov_len = 3 };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = &to;
		m[i].msg_hdr.msg_namelen = sizeof(to);
	}
	check(sendmmsg(fd, m, 3, 0) == 3);
	check(m[0].msg_len == 3 && m[2].msg_len == 3);
	memset(data, 0, sizeof(data));
	while (n < 3) {
		int got = recvmmsg(fd, m + n, (unsigned int)(3 - n), MSG_WAITFORONE, NULL);

		check(got > 0);
		n += got;
	}
	check(strcmp(data[0], "one") == 0 && strcmp(data[1], "two") == 0);
	check(strcmp(data[2], "six") == 0 && m[2].msg_len == 3);
	check(close(fd) == 0);
}

/* What is wrong behind the first message is told by the next call. */
static void p_many_error(void)
{
	char data[2][8];
	struct iovec iov[2];
	struct mmsghdr m[2] = { 0 };
	int fd = udp(0);

	for (int i = 0; i < 2; i++) {
		iov[i] = (struct iovec){ .iov_base = data[i], .iov_len = sizeof(data[i]) };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = i ? 2000 : 1;
	}
	say_to(fd, PORT_LAG, "one");
	check(recvmmsg(fd, m, 2, 0, NULL) == 1);
	m[1].msg_hdr.msg_iovlen = 1;
	check_error(recvmmsg(fd, m, 2, MSG_DONTWAIT, NULL), EMSGSIZE);
	check(recvmmsg(fd, m, 2, MSG_WAITFORONE, NULL) == 1);
	check(close(fd) == 0);
}

/* poll() says @mask, if not at once: an error is made of a datagram, which may be seen before. */
static bool becomes(int fd, int mask)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 10000; i++) {
		check(poll(&p, 1, -1) == 1);
		if (p.revents == mask)
			return true;
		(void)poll(NULL, 0, 1); /* it just passes */
	}
	return false;
}

/* With an error queue poll() says POLLERR until it is empty, and nobody finds a datagram. */
static void p_error_queue(void)
{
	struct sockaddr_in to = addr_of(ADDR, PORT_NONE);
	struct msghdr msg = { 0 };
	const int on = 1;
	int error = 0;
	socklen_t len = sizeof(error);
	int fd = udp(0);

	check(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0);
	check(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1);
	check(becomes(fd, POLLERR));
	check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ECONNREFUSED);
	check(becomes(fd, POLLERR));
	check_error(recvmsg(fd, &msg, MSG_DONTWAIT), EAGAIN);
	say_to(fd, PORT_ECHO, "data");
	check(recvmsg(fd, &msg, MSG_ERRQUEUE) == 0 && msg.msg_flags & MSG_ERRQUEUE);
	check(becomes(fd, POLLIN));
	check_recv(fd, 0, "data");
	check(close(fd) == 0);
}

/* Nobody takes what it writes: others have their turn all the same. */
static void p_flood(void)
{
	int fd = udp(0);
	int other = udp(0);

	for (int i = 0; i < 20000; i++)
		check(write(fd, "x", 1) == 1);
	say_to(other, PORT_ECHO, "still");
	check_from(other, 0, PORT_ECHO, "still");
	check(close(fd) == 0);
	check(close(other) == 0);
}

/* What was written before it was closed is sent all the same: more than is taken at a time, and
 * than the stack takes at once.
 */
static void p_burst(void)
{
	struct sockaddr_in to = addr_of(ADDR, PORT_NONE);
	const int size = 1 << 20, least = 1;
	int other = udp(0);
	int fd = udp(0);
	char c;

	check(setsockopt(other, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	check(bind(other, (struct sockaddr *)&to, sizeof(to)) == 0);
	check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) == 0);
	check(connect_to(fd, ADDR, PORT_NONE) == 0);
	for (int i = 0; i < 2 * 64 + 10; i++)
		check(write(fd, "x", 1) == 1);
	check(close(fd) == 0);
	for (int i = 0; i < 2 * 64 + 10; i++)
		check(recv(other, &c, 1, 0) == 1);
	check(close(other) == 0);
}

static void p_ping4(void)
{
	struct sockaddr_in to = addr_of(ADDR, 0);
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.sequence = htons(5) };
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	socklen_t len = sizeof(to);

	check(fd >= 0);
	check(sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, len) == sizeof(echo));
	check(recvfrom(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, &len) == sizeof(echo));
	check(echo.type == ICMP_ECHOREPLY && echo.un.echo.sequence == htons(5));
	check(to.sin_addr.s_addr == inet_addr(ADDR));
	check(close(fd) == 0);
}

static void p_ping6(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_seq = htons(6) };
	int fd = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	int type = 0;
	socklen_t len = sizeof(type);

	check(fd >= 0);
	check(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM);
	check(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &type, &len) == 0 && type == IPPROTO_ICMPV6);
	check(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	check(send(fd, &echo, sizeof(echo), 0) == sizeof(echo));
	check(recv(fd, &echo, sizeof(echo), 0) == sizeof(echo));
	check(echo.icmp6_type == ICMP6_ECHO_REPLY && echo.icmp6_seq == htons(6));
	check(close(fd) == 0);
}

/* --- tests --- */

#define PROGRAM_TEST(name)                                                                         \
	static void name(void **state)                                                             \
	{                                                                                          \
		program(*state, p_##name);                                                         \
	}

PROGRAM_TEST(unconnected)
PROGRAM_TEST(connected)
PROGRAM_TEST(shutdown_both)
PROGRAM_TEST(refused)
PROGRAM_TEST(interrupted)
PROGRAM_TEST(timeout)
PROGRAM_TEST(control)
PROGRAM_TEST(many)
PROGRAM_TEST(many_error)
PROGRAM_TEST(error_queue)
PROGRAM_TEST(flood)
PROGRAM_TEST(burst)
PROGRAM_TEST(ping4)
PROGRAM_TEST(ping6)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unconnected), TEST(connected),   TEST(shutdown_both), TEST(refused),
		TEST(interrupted), TEST(timeout),     TEST(control),       TEST(many),
		TEST(flood),       TEST(burst),       TEST(ping4),         TEST(ping6),
		TEST(many_error),  TEST(error_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
