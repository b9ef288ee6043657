/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * connect(): who may be connected to, from which address and port, and what is left when it fails.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

static struct rig rig;

static int setup(void **state)
{
	segments_init(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	netstack_advance(rig.st, rig.now);
	rig_done(*state);
	return 0;
}

static int connect_to(int fd, struct ip6_addr addr, uint16_t port)
{
	const struct sockaddr_in sin = sin_of(addr, port);

	return ns_connect(rig.st, fd, (const void *)&sin, sizeof(sin));
}

static void close_fd(int fd)
{
	assert_int_equal(ns_close(rig.st, fd), 0);
	netstack_advance(rig.st, rig.now);
}

static void test_offer(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = connect_fd(&p);
	struct seg s = seg_out(&p);

	assert_int_equal(s.flags, TCP_SYN);
	assert_int_equal(s.wnd, 64240);
	assert_int_equal(s.opt.mss, 1460);
	assert_int_equal(s.opt.wscale, 7);
	assert_true(s.opt.has_wscale && s.opt.sack_permitted && s.opt.has_ts);
	assert_int_equal(s.opt.ts_ecr, 0);
	assert_in_range(s.src_port, 32768, 60999);
	close_fd(fd); /* nobody was told of it but by SYN */
	no_seg(&p);
}

static void test_bad_peers(void **state)
{
	const int fd = tcp_fd(*state);

	assert_int_equal(connect_to(fd, rig_ip4(224, 0, 0, 1), 80), -ENETUNREACH);
	assert_int_equal(connect_to(fd, ip6_addr_of_ip4(IP4_BROADCAST), 80), -ENETUNREACH);
	assert_int_equal(connect_to(fd, rig_ip4(192, 168, 1, 1), 80), -ENETUNREACH); /* no route */
	assert_int_equal(conn_of(&rig, fd)->state, TCPS_CLOSED);
	assert_int_equal(conn_of(&rig, fd)->bind.kind, PORT_NONE);
	assert_int_equal(connect_to(fd, RIG_PEER4, 80), -EINPROGRESS);
	close_fd(fd);
	rig_forget(&rig);
}

/* 0.0.0.0 is this host, and one that listens to nothing refuses. */
static void test_this_host(void **state)
{
	const int fd = tcp_fd(*state);

	assert_int_equal(connect_to(fd, ip6_addr_of_ip4(0), 80), -EINPROGRESS);
	assert_true(ip6_addr_eq(conn_of(&rig, fd)->sk.raddr, rig_ip4(127, 0, 0, 1)));
	netstack_advance(rig.st, rig.now);
	assert_int_equal(connect_to(fd, ip6_addr_of_ip4(0), 80), -ECONNREFUSED);
	close_fd(fd);
}

/* A socket that connects to itself: simultaneous open on both sides at once. */
static void test_self(void **state)
{
	const struct sockaddr_in sin = sin_of(rig_ip4(127, 0, 0, 1), 7777);
	const int fd = tcp_fd(*state);
	char buf[10];

	assert_int_equal(ns_bind(rig.st, fd, (const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(connect_to(fd, rig_ip4(127, 0, 0, 1), 7777), -EINPROGRESS);
	netstack_advance(rig.st, rig.now);
	assert_int_equal(connect_to(fd, rig_ip4(127, 0, 0, 1), 7777), 0);
	assert_int_equal(ns_send(rig.st, fd, "echo", 4, 0), 4);
	netstack_advance(rig.st, rig.now);
	assert_int_equal(ns_recv(rig.st, fd, buf, sizeof(buf), 0), 4);
	close_fd(fd);
	rig_sleep(&rig, 1000);
}

static void test_bound(void **state)
{
	const struct sockaddr_in sin = sin_of(RIG_US4, 1234);
	struct peer p = peer_of(*state, PEER_PORT);
	const int fd = tcp_fd(&rig);
	int other;

	assert_int_equal(ns_bind(rig.st, fd, (const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(ns_bind(rig.st, fd, (const void *)&sin, sizeof(sin)), -EINVAL);
	assert_int_equal(connect_to(fd, RIG_PEER4, PEER_PORT), -EINPROGRESS);
	assert_int_equal(seg_out(&p).src_port, 1234);
	other = tcp_fd(&rig);
	assert_int_equal(ns_bind(rig.st, other, (const void *)&sin, sizeof(sin)), -EADDRINUSE);
	close_fd(other);
	/* Refused: the port stays its own, and serves again. */
	p.our_port = 1234;
	peer_send_at(&p, TCP_RST | TCP_ACK, 0, 0);
	assert_int_equal(connect_to(fd, RIG_PEER4, PEER_PORT), -ECONNREFUSED);
	assert_int_equal(connect_to(fd, RIG_PEER4, PEER_PORT + 1), -EINPROGRESS);
	assert_int_equal(seg_out(&p).src_port, 1234);
	close_fd(fd);
}

/* Every ephemeral port serves one connection to each peer, not more. */
static void test_ports_run_out(void **state)
{
	struct ip_params *ip = netstack_ip_params(((struct rig *)*state)->st);
	int fd[12];

	ip->port_min = 40000;
	ip->port_max = 40009;
	for (int i = 0; i < 10; i++) {
		fd[i] = tcp_fd(&rig);
		assert_int_equal(connect_to(fd[i], RIG_PEER4, 80), -EINPROGRESS);
	}
	fd[10] = tcp_fd(&rig);
	assert_int_equal(connect_to(fd[10], RIG_PEER4, 80), -EADDRNOTAVAIL);
	assert_int_equal(connect_to(fd[10], RIG_PEER4, 81), -EINPROGRESS); /* the same ports */
	for (int i = 0; i < 11; i++)
		close_fd(fd[i]);
	assert_int_equal(rig.st->tcp->ports.n, 0);
	rig_forget(&rig);
}

static void test_disconnect(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int fd = peer_accepts(&p, &opt);
	const struct tcp_conn *c = conn_of(&rig, fd);

	peer_send(&p, TCP_ACK, 10);
	(void)ack_out(&p, 0);
	assert_int_equal(ns_connect(rig.st, fd, &unspec, sizeof(unspec)), 0);
	assert_true(seg_out(&p).flags & TCP_RST);
	assert_int_equal(c->state, TCPS_CLOSED);
	assert_int_equal(c->rxq.len, 0);
	assert_int_equal(poll_of(&rig, fd), POLLOUT | POLLWRNORM | POLLHUP | POLLERR);
	assert_int_equal(connect_to(fd, RIG_PEER4, PEER_PORT + 1), -EINPROGRESS);
	p = peer_of(&rig, PEER_PORT + 1);
	netstack_advance(rig.st, rig.now);
	p.seen = 0;
	while (seg_out(&p).flags != TCP_SYN)
		;
	/* A listener, too. */
	assert_int_equal(ns_connect(rig.st, fd, &unspec, sizeof(unspec)), 0);
	assert_int_equal(ns_listen(rig.st, fd, 1), 0);
	assert_int_equal(ns_connect(rig.st, fd, &unspec, sizeof(unspec)), 0);
	assert_int_equal(c->state, TCPS_CLOSED);
	assert_null(c->listener);
	close_fd(fd);
}

static void test_no_memory(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);

	for (uint64_t k = 1; k < 12; k++) {
		const int fd = tcp_fd(&rig);
		int r;

		rig.tm.fail_in = k;
		r = connect_to(fd, RIG_PEER4, PEER_PORT);
		rig.tm.fail_in = 0;
		if (r < 0 && r != -EINPROGRESS)
			assert_int_equal(conn_of(&rig, fd)->state, TCPS_CLOSED);
		close_fd(fd);
	}
	peer_forget(&p);
}

static void test_times_out(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	const int fd = connect_fd(&p);

	params(&rig)->syn_retries = 2;
	rig_sleep(&rig, 10000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seg_out(&p).flags, TCP_SYN);
	no_seg(&p);
	assert_int_equal(connect_to(fd, RIG_PEER4, PEER_PORT), -ETIMEDOUT);
	close_fd(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offer),      TEST(test_bad_peers), TEST(test_this_host),
		TEST(test_self),       TEST(test_bound),     TEST(test_ports_run_out),
		TEST(test_disconnect), TEST(test_no_memory), TEST(test_times_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
