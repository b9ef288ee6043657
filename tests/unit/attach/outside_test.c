/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program that connects to one that is not ours, over the loopback of the namespace's kernel:
 * here to a socket of the test itself.
 */
#include <net/if.h>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "tests/unit/attach/program.h"

#define PORT_KERNEL 7100
#define PORT_ABSENT 7101
#define PORT_BACK   7400

static struct loop_watch kernel_watch;
static int back_fd = -1;
static bool connects_back;

/* To the program, if it listens, over the kernel's loopback. */
static void connect_back(void)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT_BACK),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	back_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(back_fd >= 0);
	assert_int_equal(connect(back_fd, (const struct sockaddr *)&to, sizeof(to)), 0);
}

/* Says who it is, and closes. */
static void on_kernel_accept(struct loop_watch *w, uint32_t events)
{
	int fd = accept(w->fd, NULL, NULL);

	(void)events;
	if (connects_back)
		connect_back();
	assert_true(fd >= 0);
	assert_int_equal(send(fd, "kernel", 6, 0), 6);
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	const struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(PORT_KERNEL),
	};
	struct ifreq lo = { .ifr_name = "lo" };
	struct program_rig *r;
	int fd;

	if (program_setup_as(state, true) < 0)
		return -1;
	r = *state;
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sin6, sizeof(sin6)), 0);
	assert_int_equal(listen(fd, 16), 0);
	kernel_watch = (struct loop_watch){
		.fd = fd,
		.events = POLLIN,
		.ready = on_kernel_accept,
	};
	return loop_watch_add(r->loop, &kernel_watch);
}

static int teardown(void **state)
{
	struct program_rig *r = *state;

	loop_watch_del(r->loop, &kernel_watch);
	(void)close(kernel_watch.fd);
	if (back_fd >= 0)
		(void)close(back_fd);
	back_fd = -1;
	connects_back = false;
	return program_teardown(state);
}

static void check_kernel(int fd)
{
	char buf[8];

	check(recv(fd, buf, sizeof(buf), MSG_WAITALL) == 6 && memcmp(buf, "kernel", 6) == 0);
	check(recv(fd, buf, sizeof(buf), 0) == 0);
}

static void blocking(void)
{
	int v = 1, fd = tcp(0);
	socklen_t len = sizeof(v);

	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_KERNEL) == 0);
	check_error(connect_to(fd, "127.0.0.1", PORT_KERNEL), EISCONN);
	v = 0;
	check(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len) == 0 && v == 1);
	check_kernel(fd);
	check(close(fd) == 0);
	/* Where nobody is, in the kernel or the stack; and where somebody is in the stack. */
	fd = tcp(0);
	check_error(connect_to(fd, "127.0.0.1", PORT_ABSENT), ECONNREFUSED);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(fd);
}

static void test_blocking(void **state)
{
	program(*state, blocking);
}

static void nonblocking(void)
{
	struct epoll_event e = { .events = EPOLLOUT };
	int fd = tcp(SOCK_NONBLOCK), ep = epoll_create1(0);

	check(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
	check_error(connect_to(fd, "127.0.0.1", PORT_KERNEL), EINPROGRESS);
	check(epoll_wait(ep, &e, 1, -1) == 1);
	check(sock_error(fd) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_KERNEL) == 0);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check_kernel(fd);
}

static void test_nonblocking(void **state)
{
	program(*state, nonblocking);
}

static void bound(void)
{
	struct sockaddr_in sin = addr_of("127.0.0.2", 7200);
	socklen_t len = sizeof(sin);
	int fd = tcp(0);

	check(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_KERNEL) == 0);
	check(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	check(sin.sin_port == htons(7200) && sin.sin_addr.s_addr == htonl(0x7f000002));
	check_kernel(fd);
}

static void test_bound(void **state)
{
	program(*state, bound);
}

/* Ours come first, though the port is taken in the kernel as well. */
static void ours_first(void)
{
	const struct sockaddr_in at = addr_of("0.0.0.0", 7300);
	int l = tcp(0), c = tcp(0), s;

	check(bind(l, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(l, 5) == 0);
	check(connect_to(c, "127.0.0.1", 7300) == 0);
	s = accept(l, NULL, NULL);
	check(s >= 0 && send(s, "x", 1, 0) == 1 && recv(c, &(char){ 0 }, 1, 0) == 1);
}

static void test_ours_first(void **state)
{
	struct program_rig *r = *state;
	struct attach_stats s;

	program(r, ours_first);
	attach_stats(r->a, &s);
	assert_int_equal(s.rx_bytes, 0); /* neither by a pump */
}

static int option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	check(getsockopt(fd, level, name, &v, &len) == 0);
	return v;
}

/* Who is accepted has what the listener has, wherever it comes from. */
static void inherits(void)
{
	const struct sockaddr_in at = addr_of("0.0.0.0", PORT_BACK);
	const struct linger some = { .l_onoff = 1, .l_linger = 7 };
	struct linger l = { 0 };
	socklen_t len = sizeof(l);
	const int one = 1, size = 50000, tos = 0x10;
	int fd = tcp(0), c[2], s;

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	check(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
	check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &some, sizeof(some)) == 0);
	check(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	check(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 5) == 0);
	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	check(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) == 0);
	for (int i = 0; i < 2; i++) {
		c[i] = tcp(0);
		check(connect_to(c[i], "127.0.0.1", i ? PORT_BACK : PORT_KERNEL) == 0);
		s = accept(fd, NULL, NULL);
		check(s >= 0);
		check(option(s, SOL_SOCKET, SO_KEEPALIVE) == 1);
		check(option(s, SOL_SOCKET, SO_RCVBUF) == 2 * size);
		check(option(s, IPPROTO_TCP, TCP_NODELAY) == 1);
		check(option(s, IPPROTO_IP, IP_TOS) == tos);
		check(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_linger == 7);
		/* Its own from now on. */
		check(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){ 0 }, sizeof(int)) == 0);
		check(option(s, IPPROTO_TCP, TCP_NODELAY) == 0);
		check(option(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
		check(close(s) == 0);
	}
}

static void test_inherits(void **state)
{
	connects_back = true;
	program(*state, inherits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blocking),   TEST(test_nonblocking), TEST(test_bound),
		TEST(test_ours_first), TEST(test_inherits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
