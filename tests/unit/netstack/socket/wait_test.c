/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calls that wait.  Time is the test's: whoever waits makes it pass, and things happen when they
 * were told to.
 */
#include <netinet/udp.h>

#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

/* What happens, and when. */
struct plan {
	uint64_t at_ms;
	void (*fn)(int a, int b);
	int a;
	int b;
};

static struct rig rig;
static struct plan plans[32];
static size_t n_plans;
static int wait_result;
static unsigned int waits;

#define ST (rig.st)

static uint64_t now_ms(void)
{
	return (rig.now - NS_PER_S) / NS_PER_MS;
}

static void plan(uint64_t after_ms, void (*fn)(int a, int b), int a, int b)
{
	assert_true(n_plans < ARRAY_SIZE(plans));
	plans[n_plans++] = (struct plan){ now_ms() + after_ms, fn, a, b };
}

static struct plan *next_plan(void)
{
	struct plan *p = NULL;

	for (size_t i = 0; i < n_plans; i++)
		if (plans[i].fn && (!p || plans[i].at_ms < p->at_ms))
			p = &plans[i];
	return p;
}

/* conf.wait: to the next timer, plan, or the deadline. */
static int run(void *arg, struct netstack *st, uint64_t deadline_ns)
{
	struct plan *p = next_plan();
	uint64_t at = netstack_deadline(st);

	(void)arg;
	waits++;
	if (wait_result < 0)
		return wait_result;
	if (at > deadline_ns)
		at = deadline_ns;
	if (p && NS_PER_S + p->at_ms * NS_PER_MS <= at) {
		void (*fn)(int a, int b) = p->fn;

		at = NS_PER_S + p->at_ms * NS_PER_MS;
		if (at > rig.now)
			rig.now = at;
		p->fn = NULL;
		fn(p->a, p->b);
	}
	assert_true(at != TIMER_NEVER); /* nothing would ever happen */
	if (at > rig.now)
		rig.now = at;
	netstack_advance(st, rig.now);
	return 0;
}

static int setup(void **state)
{
	struct netstack_conf conf;

	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.tm = TEST_MEM_INIT(&rig.tm);
	rig.now = NS_PER_S;
	netstack_conf_default(&conf);
	conf.mem = rig.tm.mem;
	conf.wait = run;
	conf.ip.arp_announce = false;
	assert_int_equal(netstack_new(&rig.st, &conf, rig.now), 0);
	n_plans = 0;
	waits = 0;
	wait_result = 0;
	return 0;
}

static int teardown(void **state)
{
	struct netstack_memory m;

	(void)state;
	rig_sleep(&rig, 600000);
	netstack_memory(ST, &m);
	assert_int_equal(m.sockets, 0);
	assert_int_equal(m.conns, 0);
	rig_done(&rig);
	return 0;
}

/* --- sockets --- */

static int udp_bound(uint16_t port)
{
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", port);
	const int fd = ns_socket(ST, AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ns_bind(ST, fd, &a.sa, a.len), 0);
	return fd;
}

static void udp_send(int fd, int port)
{
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", (uint16_t)port);

	assert_int_equal(ns_sendto(ST, fd, "hello", 5, 0, &a.sa, a.len), 5);
}

static int tcp_listener(uint16_t port)
{
	const int on = 1;
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", port);
	const int fd = ns_socket(ST, AF_INET, SOCK_STREAM, 0);

	assert_int_equal(ns_setsockopt(ST, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(ns_bind(ST, fd, &a.sa, a.len), 0);
	assert_int_equal(ns_listen(ST, fd, 5), 0);
	return fd;
}

static int tcp_client(uint16_t port)
{
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", port);
	const int fd = ns_socket(ST, AF_INET, SOCK_STREAM, 0);

	assert_int_equal(ns_connect(ST, fd, &a.sa, a.len), 0);
	return fd;
}

/* A connection: [0] of the client, [1] of the server. */
static void tcp_pair(int fd[2])
{
	const int l = tcp_listener(80);

	fd[0] = tcp_client(80);
	fd[1] = ns_accept4(ST, l, NULL, NULL, 0);
	assert_true(fd[1] >= 0);
	assert_int_equal(ns_close(ST, l), 0);
}

static void set_timeout(int fd, int name, long ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	assert_int_equal(ns_setsockopt(ST, fd, SOL_SOCKET, name, &tv, sizeof(tv)), 0);
}

static void do_send(int fd, int len)
{
	static const char data[4096];

	assert_int_equal(ns_send(ST, fd, data, (size_t)len, MSG_DONTWAIT), len);
}

static void do_drain(int fd, int unused)
{
	static char buf[65536];

	(void)unused;
	while (ns_recv(ST, fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static void do_close(int fd, int unused)
{
	(void)unused;
	assert_int_equal(ns_close(ST, fd), 0);
}

static void do_shutdown(int fd, int how)
{
	(void)ns_shutdown(ST, fd, how); /* of an unconnected socket -ENOTCONN, and done */
}

static void do_connect(int fd, int port)
{
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", (uint16_t)port);

	assert_int_equal(ns_fcntl(ST, fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(ns_connect(ST, fd, &a.sa, a.len), -EINPROGRESS);
}

/* --- tests --- */

static void a_datagram_is_waited_for(void **state)
{
	const int fd = udp_bound(7000);
	char buf[10];

	(void)state;
	plan(100, udp_send, fd, 7000);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), 5);
	assert_int_equal(now_ms(), 100);
	assert_int_equal(ns_close(ST, fd), 0);
}

static void time_ends_the_wait(void **state)
{
	const int fd = udp_bound(7000), l = tcp_listener(80);
	char buf[10];

	(void)state;
	set_timeout(fd, SO_RCVTIMEO, 250);
	set_timeout(l, SO_RCVTIMEO, 50);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(now_ms(), 250);
	assert_int_equal(ns_accept4(ST, l, NULL, NULL, 0), -EAGAIN);
	assert_int_equal(now_ms(), 300);
	/* None at all. */
	waits = 0;
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(ns_fcntl(ST, fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(ns_fcntl(ST, fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(ns_fcntl(ST, fd, F_SETFL, 0), 0);
	set_timeout(fd, SO_RCVTIMEO, -1000);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(waits, 0);
	assert_int_equal(ns_close(ST, fd), 0);
	assert_int_equal(ns_close(ST, l), 0);
}

static void what_conf_wait_says_ends_the_call(void **state)
{
	const int fd = udp_bound(7000), l = tcp_listener(80);
	struct pollfd pfd = { fd, POLLIN, 0 };
	struct epoll_event ev;
	const int set = ns_epoll_create(ST);
	char buf[10];

	(void)state;
	wait_result = -EINTR;
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EINTR);
	assert_int_equal(ns_accept4(ST, l, NULL, NULL, 0), -EINTR);
	assert_int_equal(ns_poll(ST, &pfd, 1, -1), -EINTR);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, -1), -EINTR);
	assert_int_equal(ns_close(ST, fd), 0);
	assert_int_equal(ns_close(ST, l), 0);
	assert_int_equal(ns_close(ST, set), 0);
}

static void shutdown_wakes_who_reads_a_datagram_socket(void **state)
{
	const int fd = udp_bound(7000);
	char buf[10];

	(void)state;
	plan(10, do_shutdown, fd, SHUT_RD);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), 0);
	assert_int_equal(now_ms(), 10);
	assert_int_equal(ns_close(ST, fd), 0);
}

static void connections_are_waited_for(void **state)
{
	const int l = tcp_listener(80);
	const int c = ns_socket(ST, AF_INET, SOCK_STREAM, 0);
	struct twin_addr a;
	int s;

	(void)state;
	plan(30, do_connect, c, 80);
	memset(&a, 0, sizeof(a));
	a.len = sizeof(a.in);
	s = ns_accept4(ST, l, &a.sa, &a.len, 0);
	assert_true(s >= 0);
	assert_int_equal(now_ms(), 30);
	assert_int_equal(a.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	/* Nobody there. */
	a = twin_addr(AF_INET, "127.0.0.1", 81);
	assert_int_equal(ns_close(ST, s), 0);
	s = ns_socket(ST, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(ns_connect(ST, s, &a.sa, a.len), -ECONNREFUSED);
	/* and again with the same socket */
	a = twin_addr(AF_INET, "127.0.0.1", 80);
	assert_int_equal(ns_connect(ST, s, &a.sa, a.len), 0);
	assert_int_equal(ns_connect(ST, s, &a.sa, a.len), -EISCONN);
	assert_int_equal(ns_close(ST, s), 0);
	assert_int_equal(ns_close(ST, c), 0);
	assert_int_equal(ns_close(ST, l), 0);
}

static void a_connection_to_nowhere(void **state)
{
	const struct twin_addr a = twin_addr(AF_INET, "10.0.0.2", 80);
	const int fd = ns_socket(ST, AF_INET, SOCK_STREAM, 0);

	(void)state;
	(void)rig_link_add(&rig, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&rig, 0, RIG_US4, 24);
	rig_neigh_add(&rig, 0, RIG_PEER4);
	set_timeout(fd, SO_SNDTIMEO, 500);
	assert_int_equal(ns_connect(ST, fd, &a.sa, a.len), -EINPROGRESS);
	assert_int_equal(now_ms(), 500);
	assert_int_equal(ns_connect(ST, fd, &a.sa, a.len), -EALREADY);
	assert_int_equal(now_ms(), 1000);
	set_timeout(fd, SO_SNDTIMEO, 0);
	assert_int_equal(ns_connect(ST, fd, &a.sa, a.len), -ETIMEDOUT);
	assert_true(now_ms() > 60000);
	assert_int_equal(ns_close(ST, fd), 0);
}

static void a_read_waits_for_enough(void **state)
{
	const int lowat = 10;
	char buf[100];
	int fd[2];

	(void)state;
	tcp_pair(fd);
	plan(10, do_send, fd[1], 3);
	plan(20, do_send, fd[1], 4);
	assert_int_equal(ns_recv(ST, fd[0], buf, 7, MSG_WAITALL), 7);
	assert_int_equal(now_ms(), 20);

	/* The end, and the time, come first. */
	plan(10, do_send, fd[1], 3);
	set_timeout(fd[0], SO_RCVTIMEO, 50);
	assert_int_equal(ns_recv(ST, fd[0], buf, 100, MSG_WAITALL), 3);
	assert_int_equal(now_ms(), 70);
	set_timeout(fd[0], SO_RCVTIMEO, 0);

	/* Looking only. */
	plan(10, do_send, fd[1], 3);
	plan(20, do_send, fd[1], 4);
	assert_int_equal(ns_recv(ST, fd[0], buf, 6, MSG_WAITALL | MSG_PEEK), 6);
	assert_int_equal(ns_recv(ST, fd[0], buf, 100, 0), 7);

	assert_int_equal(ns_setsockopt(ST, fd[0], SOL_SOCKET, SO_RCVLOWAT, &lowat, 4), 0);
	plan(10, do_send, fd[1], 6);
	plan(20, do_send, fd[1], 6);
	assert_int_equal(ns_recv(ST, fd[0], buf, 100, 0), 12);
	plan(10, do_send, fd[1], 2);
	plan(20, do_shutdown, fd[1], SHUT_WR);
	assert_int_equal(ns_recv(ST, fd[0], buf, 100, 0), 2);
	assert_int_equal(ns_recv(ST, fd[0], buf, 100, 0), 0);
	do_close(fd[0], 0);
	do_close(fd[1], 0);
}

static void several_pieces_are_filled_in_order(void **state)
{
	char a[3], b[1], c[10];
	struct iovec iov[] = { { a, 3 }, { NULL, 0 }, { b, 1 }, { c, 10 } };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	assert_int_equal(ns_writev(ST, fd[1],
				   (struct iovec[]){ { (void *)(uintptr_t) "01", 2 },
						     { (void *)(uintptr_t) "23456", 5 } },
				   2),
			 7);
	assert_int_equal(ns_readv(ST, fd[0], iov, 4), 7);
	assert_memory_equal(a, "012", 3);
	assert_memory_equal(b, "3", 1);
	assert_memory_equal(c, "456", 3);
	assert_int_equal(ns_readv(ST, fd[0], iov, -1), -EINVAL);
	assert_int_equal(ns_readv(ST, fd[0], iov, 1025), -EMSGSIZE);
	do_close(fd[0], 0);
	do_close(fd[1], 0);
}

#define MUCH (8 << 20)

static void a_write_waits_for_room(void **state)
{
	static char data[MUCH];
	int64_t sent;
	int fd[2];

	(void)state;
	tcp_pair(fd);
	for (unsigned int i = 0; i < 10; i++)
		plan(10 + 400 * i, do_drain, fd[0], 0);
	set_timeout(fd[1], SO_SNDTIMEO, 5000);
	sent = ns_send(ST, fd[1], data, sizeof(data), 0);
	/* Some of it, when nobody reads for five seconds. */
	assert_in_range(sent, MUCH / 8, MUCH);
	if (sent < MUCH)
		assert_true(now_ms() >= 5000);
	wait_result = -EINTR;
	n_plans = 0;
	do_drain(fd[0], 0);
	sent = ns_send(ST, fd[1], data, sizeof(data), 0);
	assert_true(sent == -EINTR || sent > 0);
	wait_result = 0;
	do_close(fd[0], 0);
	do_close(fd[1], 0);
}

static void a_socket_that_is_closed_meanwhile_lives_as_long_as_the_call(void **state)
{
	const int fd = udp_bound(7000), other = udp_bound(7001);
	char buf[10];

	(void)state;
	plan(10, do_close, fd, 0);
	plan(20, udp_send, other, 7000);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), 5);
	assert_int_equal(ns_recv(ST, fd, buf, sizeof(buf), 0), -EBADF);
	assert_int_equal(ns_close(ST, other), 0);
}

static void poll_and_epoll_wait_for_news_or_time(void **state)
{
	const int fd = udp_bound(7000), set = ns_epoll_create(ST);
	struct pollfd pfd[] = { { fd, POLLIN, 0 }, { -1, POLLIN, 7 }, { set, POLLIN, 0 } };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 9 };

	(void)state;
	assert_int_equal(ns_epoll_ctl(ST, set, EPOLL_CTL_ADD, fd, &ev), 0);
	assert_int_equal(ns_poll(ST, pfd, 3, 100), 0);
	assert_int_equal(now_ms(), 100);
	assert_int_equal(pfd[1].revents, 0);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, 100), 0);
	assert_int_equal(now_ms(), 200);
	plan(50, udp_send, fd, 7000);
	assert_int_equal(ns_epoll_wait(ST, set, &ev, 1, -1), 1);
	assert_int_equal(now_ms(), 250);
	assert_int_equal(ns_poll(ST, pfd, 3, -1), 2);
	assert_int_equal(pfd[0].revents, POLLIN);
	assert_int_equal(pfd[2].revents, POLLIN);
	pfd[1].fd = 12345;
	assert_int_equal(ns_poll(ST, pfd, 3, -1), 3);
	assert_int_equal(pfd[1].revents, POLLNVAL);
	assert_int_equal(now_ms(), 250);
	do_close(fd, 0);
	do_close(set, 0);
}

/* Two sets wait for one socket: one of them gets it. */
static int set_of_call;
static int events_of_call;

static void wait_inside(int set, int unused)
{
	struct epoll_event ev;

	(void)unused;
	set_of_call = set;
	events_of_call = ns_epoll_wait(ST, set, &ev, 1, 1000);
}

static void one_of_those_that_wait_exclusively_is_woken(void **state)
{
	const int fd = udp_bound(7000), a = ns_epoll_create(ST), b = ns_epoll_create(ST);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE };
	int n;

	(void)state;
	assert_int_equal(ns_epoll_ctl(ST, a, EPOLL_CTL_ADD, fd, &ev), 0);
	assert_int_equal(ns_epoll_ctl(ST, b, EPOLL_CTL_ADD, fd, &ev), 0);
	plan(10, wait_inside, b, 0);
	plan(20, udp_send, fd, 7000);
	n = ns_epoll_wait(ST, a, &ev, 1, 2000);
	assert_int_equal(n + events_of_call, 1);
	do_close(fd, 0);
	do_close(a, 0);
	do_close(b, 0);
}

static void close_lingers_until_all_was_acknowledged(void **state)
{
	const struct linger l = { 1, 3 };
	int fd[2];

	(void)state;
	tcp_pair(fd);
	assert_int_equal(ns_setsockopt(ST, fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	do_send(fd[0], 4000);
	waits = 0;
	do_close(fd[0], 0);
	assert_true(waits > 0);
	assert_true(now_ms() < 1000);
	do_drain(fd[1], 0);
	do_close(fd[1], 0);
	/* There is nobody: the time passes, and it is closed all the same. */
	tcp_pair(fd);
	assert_int_equal(ns_setsockopt(ST, fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	netstack_link_set_up(ST, IFACE_LO, false);
	(void)ns_send(ST, fd[0], "lost", 4, MSG_DONTWAIT);
	waits = 0;
	do_close(fd[0], 0);
	assert_true(waits > 0);
	netstack_link_set_up(ST, IFACE_LO, true);
	do_close(fd[1], 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_datagram_is_waited_for),
		TEST(time_ends_the_wait),
		TEST(what_conf_wait_says_ends_the_call),
		TEST(shutdown_wakes_who_reads_a_datagram_socket),
		TEST(connections_are_waited_for),
		TEST(a_connection_to_nowhere),
		TEST(a_read_waits_for_enough),
		TEST(several_pieces_are_filled_in_order),
		TEST(a_write_waits_for_room),
		TEST(a_socket_that_is_closed_meanwhile_lives_as_long_as_the_call),
		TEST(poll_and_epoll_wait_for_news_or_time),
		TEST(one_of_those_that_wait_exclusively_is_woken),
		TEST(close_lingers_until_all_was_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
