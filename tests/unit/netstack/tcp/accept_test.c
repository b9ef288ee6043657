/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections out of the accept queue: what they have of their listener; and LISTEN itself
 * (RFC 9293, 3.10.7.2).
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

static void test_inherits(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	struct tcp_conn *l = conn_of(&rig, listener);
	const struct tcp_conn *c;
	int fd;

	l->sk.flags |= SOCK_KEEPALIVE | SOCK_OOBINLINE | SOCK_REUSEADDR;
	l->sk.tos = 0x20;
	l->sk.ttl = 7;
	l->sk.mark = 99;
	l->sk.rcvlowat = 3;
	l->flags |= TCPF_NODELAY;
	l->keepidle_s = 11;
	l->user_timeout_ms = 12;
	l->notsent_lowat = 13;
	l->user_mss = 1000;
	l->cc = &tcp_cc_reno;
	l->sk.error = 5;
	fd = peer_connects(&p, listener, &opt);
	c = conn_of(&rig, fd);
	assert_int_equal(c->sk.flags & (SOCK_KEEPALIVE | SOCK_OOBINLINE | SOCK_REUSEADDR),
			 SOCK_KEEPALIVE | SOCK_OOBINLINE | SOCK_REUSEADDR);
	assert_int_equal(c->sk.tos, 0x20);
	assert_int_equal(c->sk.ttl, 7);
	assert_int_equal(c->sk.mark, 99);
	assert_int_equal(c->sk.rcvlowat, 3);
	assert_true(c->flags & TCPF_NODELAY);
	assert_int_equal(c->keepidle_s, 11);
	assert_int_equal(c->user_timeout_ms, 12);
	assert_int_equal(c->notsent_lowat, 13);
	assert_int_equal(c->adv_mss, 1000);
	assert_ptr_equal(c->cc, &tcp_cc_reno);
	assert_int_equal(c->sk.error, 0);
	assert_int_equal(c->peer_mss, 1460);
	assert_true(c->flags & TCPF_ACCEPTED);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

/* IP_MINTTL (RFC 5082): who is further away does not even get an answer.  The peer's is 64. */
static void test_from_too_far(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	struct tcp_conn *l = conn_of(&rig, listener);
	struct tcp_conn *c;
	int fd;

	l->sk.min_ttl = 65;
	peer_syn(&p, &opt);
	assert_int_equal(rig_drops(&rig, DROP_TCP_MINTTL), 1);
	no_seg(&p);
	l->sk.min_ttl = 64;
	fd = peer_connects(&p, listener, &opt);
	c = conn_of(&rig, fd);
	assert_int_equal(c->sk.min_ttl, 64);
	c->sk.min_ttl = 65;
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(c->state, TCPS_ESTABLISHED);
	assert_int_equal(rig_drops(&rig, DROP_TCP_MINTTL), 2);
	c->sk.min_ttl = 0;
	c->sk.min_hops = 255; /* of IPv6 */
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(c->state, TCPS_CLOSED);
	assert_int_equal(ns_close(rig.st, fd), 0);
	/* In SYN-RCVD, too. */
	p = peer_of(*state, PEER_PORT + 1);
	peer_syn(&p, &opt);
	(void)seg_out(&p); /* SYN+ACK */
	l->sk.min_ttl = 65;
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(rig_drops(&rig, DROP_TCP_MINTTL), 3);
	assert_int_equal(accept_fd(&rig, listener), -EAGAIN);
	assert_int_equal(ns_close(rig.st, listener), 0);
	peer_forget(&p);
}

/* First come, first served. */
static void test_order(void **state)
{
	const struct tcp_options_repr opt = full_options();
	const int listener = listen_fd(*state, PORT, 10);
	struct peer p[5];

	for (unsigned int i = 0; i < 5; i++) {
		p[i] = peer_of(&rig, (uint16_t)(100 + i));
		peer_syn(&p[i], &opt);
		(void)seg_out(&p[i]);
	}
	for (unsigned int i = 5; i-- > 0;)
		peer_send(&p[i], TCP_ACK, 0);
	for (unsigned int i = 5; i-- > 0;) {
		struct sockaddr_in sin;
		socklen_t len = sizeof(sin);
		const int fd = ns_accept4(rig.st, listener, (void *)&sin, &len, SOCK_NONBLOCK);

		assert_true(fd >= 0);
		assert_int_equal(ntohs(sin.sin_port), 100 + i);
		peer_send_at(&p[i], TCP_RST, 0, 0);
		assert_int_equal(ns_close(rig.st, fd), 0);
	}
	assert_int_equal(accept_fd(&rig, listener), -EAGAIN);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

/* The SYN's round trip is the first sample, unless it was sent twice. */
static void test_rtt_of_the_handshake(void **state)
{
	const struct tcp_options_repr opt = full_options();
	const int listener = listen_fd(*state, PORT, 10);
	struct peer p = peer_of(&rig, PEER_PORT);
	int fd;

	peer_syn(&p, &opt);
	(void)seg_out(&p);
	rig_sleep(&rig, 100);
	peer_send(&p, TCP_ACK, 0);
	fd = accept_fd(&rig, listener);
	assert_in_range(conn_of(&rig, fd)->cs.srtt_us, 95000, 105000);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);

	p = peer_of(&rig, PEER_PORT + 1);
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	rig_sleep(&rig, 1100);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 0);
	fd = accept_fd(&rig, listener);
	assert_int_equal(conn_of(&rig, fd)->cs.srtt_us, 0);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

static void test_listen_steps(void **state)
{
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 10);
	struct seg a;

	peer_send_at(&p, TCP_RST, 0, 0); /* first */
	no_seg(&p);
	p.ack = seq_of(55);
	peer_send_at(&p, TCP_ACK, 0, 0); /* second */
	a = seg_out(&p);
	assert_int_equal(a.flags, TCP_RST);
	assert_int_equal(a.seq.v, 55);
	peer_send_at(&p, TCP_SYN | TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&p).flags, TCP_RST);
	peer_send_at(&p, 0, 0, 10); /* fourth */
	peer_send_at(&p, TCP_FIN, 0, 0);
	peer_send_at(&p, TCP_SYN | TCP_FIN, 0, 0);
	no_seg(&p);
	assert_int_equal(rig_drops(&rig, DROP_TCP_LISTEN), 2);
	assert_int_equal(rig_drops(&rig, DROP_TCP_NO_FLAGS), 2);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_inherits),     TEST(test_from_too_far),
		TEST(test_order),        TEST(test_rtt_of_the_handshake),
		TEST(test_listen_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
