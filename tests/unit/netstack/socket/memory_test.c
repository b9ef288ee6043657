/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each allocation of a session fails in turn: calls say so or do without, and in the end
 * nothing is left.
 */
#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

static struct rig r;

static int open_fds[16];
static size_t n_fds;

#define ST (r.st)

/* Descriptors that could be had are closed in the end. */
static int keep(int fd)
{
	assert_true(fd >= 0 || fd == -ENOMEM || fd == -EAGAIN || fd == -EBADF || fd == -EINVAL);
	if (fd >= 0)
		open_fds[n_fds++] = fd;
	return fd;
}

static void called(int fd_of_call, uint32_t events)
{
	(void)fd_of_call;
	(void)events;
}

static void on_news(void *arg, int fd, uint32_t events)
{
	(void)arg;
	called(fd, events);
}

static void run_for(uint64_t ms)
{
	rig_sleep(&r, ms);
}

static void use_tcp(void)
{
	const struct twin_addr a = twin_addr(AF_INET6, "::1", 80);
	const int l = keep(ns_socket(ST, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
	const int c = keep(ns_socket(ST, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
	static char data[30000];
	int s;

	(void)ns_bind(ST, l, &a.sa, a.len);
	(void)ns_listen(ST, l, 5);
	(void)ns_connect(ST, c, &a.sa, a.len);
	run_for(5000);
	s = keep(ns_accept4(ST, l, NULL, NULL, SOCK_NONBLOCK));
	(void)ns_send(ST, c, data, sizeof(data), 0);
	run_for(2000);
	(void)ns_recv(ST, s, data, sizeof(data), 0);
	(void)ns_send(ST, s, data, 100, 0);
	(void)ns_shutdown(ST, s, SHUT_WR);
	run_for(2000);
}

static void use_udp(void)
{
	const struct twin_addr a = twin_addr(AF_INET, "127.0.0.1", 5000);
	const struct twin_addr nobody = twin_addr(AF_INET, "127.0.0.1", 9);
	const struct ip_mreqn group = { .imr_ifindex = 1,
					.imr_multiaddr.s_addr = htonl(0xe0010203) };
	const int fd = keep(ns_socket(ST, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	const int other = keep(ns_socket(ST, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	const int raw = keep(ns_socket(ST, AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_UDP));
	const int on = 1;
	static char data[3000];

	(void)ns_setsockopt(ST, fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	(void)ns_setsockopt(ST, other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	(void)ns_setsockopt(ST, other, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	(void)ns_bind(ST, fd, &a.sa, a.len);
	(void)ns_bind(ST, other, &a.sa, a.len);
	(void)ns_setsockopt(ST, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group));
	(void)ns_sendto(ST, other, data, sizeof(data), 0, &a.sa, a.len);
	(void)ns_sendto(ST, other, data, 10, MSG_MORE, &a.sa, a.len);
	(void)ns_connect(ST, other, &nobody.sa, nobody.len);
	(void)ns_send(ST, other, data, 10, 0);
	run_for(100);
	(void)ns_recv(ST, fd, data, sizeof(data), 0);
	(void)ns_recv(ST, raw, data, sizeof(data), 0);
}

static void use_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT }, got[4];
	const int set = keep(ns_epoll_create(ST)), outer = keep(ns_epoll_create(ST));
	const int fd = keep(ns_socket(ST, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));

	(void)ns_epoll_ctl(ST, set, EPOLL_CTL_ADD, fd, &ev);
	(void)ns_epoll_ctl(ST, outer, EPOLL_CTL_ADD, set, &ev);
	(void)ns_set_notify(ST, outer, on_news, NULL);
	(void)ns_set_notify(ST, fd, on_news, NULL);
	(void)keep(ns_dup(ST, fd));
	run_for(10);
	(void)ns_epoll_wait(ST, outer, got, 4, 0);
}

/* Return: the allocation was reached */
static bool session(uint64_t fail_in)
{
	bool reached;

	n_fds = 0;
	rig_init(&r);
	r.tm.fail_in = fail_in;
	use_tcp();
	use_udp();
	use_epoll();
	reached = r.tm.fail_in == 0;
	r.tm.fail_in = 0;
	while (n_fds)
		assert_int_equal(ns_close(ST, open_fds[--n_fds]), 0);
	run_for(1000000);
	rig_done(&r);
	return reached;
}

static void each_allocation_may_fail(void **state)
{
	uint64_t n = 1;

	(void)state;
	while (session(n))
		n++;
	assert_true(n > 30);
}

/* The pool is at its limit at some point of the session, for good or for a moment. */
static void packets_may_run_out(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 400000; limit += 7000) {
		n_fds = 0;
		rig_init(&r);
		pbuf_pool_set_limit(netstack_pool(ST), limit);
		use_tcp();
		use_udp();
		use_epoll();
		while (n_fds)
			assert_int_equal(ns_close(ST, open_fds[--n_fds]), 0);
		run_for(1000000);
		rig_done(&r);
	}
}

static void an_instance_goes_with_all_its_sockets_open(void **state)
{
	(void)state;
	n_fds = 0;
	rig_init(&r);
	use_tcp();
	use_udp();
	use_epoll();
	rig_forget(&r);
	netstack_free(ST);
	test_mem_done(&r.tm);
}

static void descriptors_have_their_limit(void **state)
{
	struct netstack_conf conf;
	struct netstack *st;
	struct epoll_event ev;

	(void)state;
	netstack_conf_default(&conf);
	conf.sockets_max = 5;
	assert_int_equal(netstack_new(&st, &conf, 0), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			i & 1 ? ns_epoll_create(st) : ns_socket(st, AF_INET, SOCK_DGRAM, 0), i);
	assert_int_equal(ns_socket(st, AF_INET, SOCK_STREAM, 0), -EMFILE);
	assert_int_equal(ns_epoll_create(st), -EMFILE);
	assert_int_equal(ns_dup(st, 0), -EMFILE);
	assert_int_equal(ns_fcntl(st, 0, F_DUPFD, 5), -EINVAL);
	assert_int_equal(ns_close(st, 2), 0);
	assert_int_equal(ns_fcntl(st, 0, F_DUPFD, 0), 2);
	assert_int_equal(ns_epoll_wait(st, 2, &ev, 1, 0), -EINVAL);
	assert_int_equal(ns_close(st, 7), -EBADF);
	assert_int_equal(ns_close(st, -1), -EBADF);
	netstack_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(packets_may_run_out),
		cmocka_unit_test(an_instance_goes_with_all_its_sockets_open),
		cmocka_unit_test(descriptors_have_their_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
