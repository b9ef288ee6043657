/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TIME-WAIT: how long it lasts, what it answers, who may end it.
 */
#include <errno.h>

#include "tests/unit/netstack/tcp/segments.h"

struct scene {
	struct rig r;
	struct peer p;
	int listener;
};

static uint64_t n_tw(const struct scene *s)
{
	struct netstack_memory m;

	netstack_memory(s->r.st, &m);
	return m.time_wait;
}

/* A connection that we have closed first. */
static void make(struct scene *s, uint16_t port, bool ts)
{
	const struct tcp_options_repr opt = full_options();
	int fd;

	s->p = peer_of(&s->r, port);
	s->p.ts = ts;
	s->p.ts_val = 1000;
	fd = peer_connects(&s->p, s->listener, &opt);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	(void)ack_out(&s->p, 0);
	no_seg(&s->p);
}

static int setup(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	segments_init(&s.r);
	s.listener = listen_fd(&s.r, PORT, 5);
	make(&s, PEER_PORT, false);
	assert_int_equal(n_tw(&s), 1);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	if (s->listener >= 0)
		assert_int_equal(ns_close(s->r.st, s->listener), 0);
	netstack_advance(s->r.st, s->r.now);
	rig_done(&s->r);
	return 0;
}

static void test_two_msl(void **state)
{
	struct scene *s = *state;
	struct netstack_memory m;

	netstack_memory(s->r.st, &m);
	assert_int_equal(m.sockets, 1); /* nothing but the listener */
	rig_sleep(&s->r, 59900);
	assert_int_equal(n_tw(s), 1);
	rig_sleep(&s->r, 200);
	assert_int_equal(n_tw(s), 0);
	peer_send_at(&s->p, TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_RST);
	assert_int_equal(s->r.st->tcp->ports.n, 1);
}

/* RFC 9293, 3.10.7.4: the FIN again is acknowledged again, and time begins anew. */
static void test_fin_again(void **state)
{
	struct scene *s = *state;

	rig_sleep(&s->r, 40000);
	for (int i = 0; i < 3; i++) {
		peer_send_at(&s->p, TCP_ACK | TCP_FIN, -1, 0);
		(void)ack_out(&s->p, 0);
	}
	rig_sleep(&s->r, 59000);
	assert_int_equal(n_tw(s), 1);
	rig_sleep(&s->r, 1100);
	assert_int_equal(n_tw(s), 0);
}

/* Each has its own time, whatever becomes of the others. */
static void test_many(void **state)
{
	struct scene *s = *state;
	struct peer first = s->p;

	for (uint16_t i = 1; i < 10; i++) {
		rig_sleep(&s->r, 1000);
		make(s, PEER_PORT + i, false);
	}
	assert_int_equal(n_tw(s), 10);
	first.seen = s->r.link[0].n;
	peer_send_at(&first, TCP_ACK | TCP_FIN, -1, 0); /* to the end of the queue */
	(void)ack_out(&first, 0);
	rig_sleep(&s->r, 51900);
	assert_int_equal(n_tw(s), 10);
	rig_sleep(&s->r, 200); /* the second one's 60 s, but not those of the third */
	assert_int_equal(n_tw(s), 9);
	rig_sleep(&s->r, 7000);
	assert_int_equal(n_tw(s), 2);
	rig_sleep(&s->r, 1000);
	assert_int_equal(n_tw(s), 0);
}

static void test_data_and_old_acks(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_ACK, 0, 100); /* more than the peer may */
	(void)ack_out(&s->p, 0);
	peer_send_at(&s->p, TCP_ACK, 0, 0); /* in order: nothing to say */
	no_seg(&s->p);
	peer_send_at(&s->p, TCP_ACK, -1, 0);
	(void)ack_out(&s->p, 0);
	assert_int_equal(n_tw(s), 1);
}

static void test_rst(void **state)
{
	struct scene *s = *state;

	peer_send_at(&s->p, TCP_RST, 1, 0);
	assert_int_equal(n_tw(s), 1);
	params(&s->r)->rfc1337 = true;
	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(n_tw(s), 1);
	params(&s->r)->rfc1337 = false;
	peer_send_at(&s->p, TCP_RST, 0, 0);
	assert_int_equal(n_tw(s), 0);
	no_seg(&s->p);
}

/* A new connection of the same peer and port: by a larger number. */
static void test_syn_with_larger_number(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	const struct seq old = s->p.ack;
	struct seg a;

	s->p.seq = seq_add(s->p.seq, 1);
	peer_syn(&s->p, &opt);
	a = seg_out(&s->p);
	assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
	assert_true(seq_gt(a.seq, seq_add(old, 65535)));
	peer_send(&s->p, TCP_ACK, 0);
	assert_int_equal(n_tw(s), 0);
	assert_true(accept_fd(&s->r, s->listener) >= 0);
	assert_int_equal(stats(&s->r)->time_wait_recycled, 1);
	peer_send_at(&s->p, TCP_RST, 0, 0);
}

static void test_syn_with_smaller_number(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	const struct seq nxt = s->p.seq;

	s->p.seq = seq_sub(s->p.seq, 1000);
	peer_syn(&s->p, &opt);
	s->p.seq = nxt;
	(void)ack_out(&s->p, 0);
	assert_int_equal(n_tw(s), 1);
}

/* RFC 6191: by a larger timestamp, whatever the number. */
static void test_syn_with_timestamp(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	struct seq nxt;

	make(s, PEER_PORT + 1, true);
	nxt = s->p.seq;
	s->p.seq = seq_sub(nxt, 100000);
	s->p.ts_val = 1000; /* the same is not enough */
	peer_syn(&s->p, &opt);
	s->p.seq = nxt;
	(void)ack_out(&s->p, 0);
	s->p.seq = seq_add(nxt, 5);
	s->p.ts_val = 999; /* PAWS, though the number is larger */
	peer_syn(&s->p, &opt);
	s->p.seq = nxt;
	(void)ack_out(&s->p, 0);
	assert_int_equal(n_tw(s), 2);
	s->p.seq = seq_sub(nxt, 100000);
	s->p.ts_val = 1001;
	peer_syn(&s->p, &opt);
	assert_int_equal(seg_out(&s->p).flags, TCP_SYN | TCP_ACK);
	assert_int_equal(n_tw(s), 1);
	peer_send_at(&s->p, TCP_RST, 0, 0);
}

static void test_syn_without_listener(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct scene *s = *state;
	const struct seq nxt = s->p.seq;

	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	s->listener = -1;
	s->p.seq = seq_add(nxt, 1);
	peer_syn(&s->p, &opt);
	s->p.seq = nxt;
	(void)ack_out(&s->p, 0);
	assert_int_equal(n_tw(s), 1);
}

static void test_bind_sees_it(void **state)
{
	const struct sockaddr_in sin = sin_of(ip6_addr_of_ip4(0), PORT);
	struct scene *s = *state;
	const int one = 1;
	int fd = tcp_fd(&s->r);

	assert_int_equal(ns_close(s->r.st, s->listener), 0);
	netstack_advance(s->r.st, s->r.now);
	assert_int_equal(ns_bind(s->r.st, fd, (const void *)&sin, sizeof(sin)), -EADDRINUSE);
	rig_sleep(&s->r, 61000);
	assert_int_equal(ns_bind(s->r.st, fd, (const void *)&sin, sizeof(sin)), 0);
	assert_int_equal(ns_setsockopt(s->r.st, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)),
			 0);
	s->listener = fd;
}

static void test_limit(void **state)
{
	struct scene *s = *state;

	params(&s->r)->time_wait_max = 2;
	make(s, PEER_PORT + 1, false);
	make(s, PEER_PORT + 2, false);
	assert_int_equal(n_tw(s), 2);
	assert_int_equal(stats(&s->r)->time_wait_overflow, 1);
}

/* --- connect() --- */

/* connect() to the peer, from that port or, 0, one that is chosen: descriptor or error. */
static int connect_from(struct scene *s, uint16_t port)
{
	const struct sockaddr_in us = sin_of(s->p.us, port);
	const struct sockaddr_in peer = sin_of(s->p.peer, s->p.port);
	const int one = 1;
	const int fd = tcp_fd(&s->r);
	int r;

	assert_int_equal(ns_setsockopt(s->r.st, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)),
			 0);
	if (port)
		assert_int_equal(ns_bind(s->r.st, fd, (const void *)&us, sizeof(us)), 0);
	r = ns_connect(s->r.st, fd, (const void *)&peer, sizeof(peer));
	if (r == -EINPROGRESS)
		return fd;
	assert_int_equal(ns_close(s->r.st, fd), 0);
	netstack_advance(s->r.st, s->r.now);
	return r;
}

/* A connection that we began, from that port, and ended. */
static void make_active(struct scene *s, uint16_t port, bool ts)
{
	struct tcp_options_repr opt = full_options();
	int fd;

	s->p = peer_of(&s->r, 7);
	s->p.ts = ts;
	s->p.ts_val = 1000;
	fd = connect_from(s, port);
	assert_true(fd >= 0);
	s->p.our_port = seg_out(&s->p).src_port;
	seg_in(&s->p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				     .seq = s->p.seq,
				     .ack = s->p.ack,
				     .wnd = s->p.wnd,
				     .opt = opt });
	s->p.seq = seq_add(s->p.seq, 1);
	(void)ack_out(&s->p, 0);
	assert_int_equal(ns_close(s->r.st, fd), 0);
	assert_int_equal(seg_out(&s->p).flags, TCP_FIN | TCP_ACK);
	peer_send(&s->p, TCP_ACK | TCP_FIN, 0);
	(void)ack_out(&s->p, 0);
}

/* It goes on behind the numbers of the old one. */
static void expect_new_syn(struct scene *s, int fd)
{
	const struct seq old = s->p.ack;
	struct seg a;

	assert_true(fd >= 0);
	a = seg_out(&s->p);
	assert_int_equal(a.flags, TCP_SYN);
	assert_int_equal(a.src_port, s->p.our_port);
	assert_true(seq_gt(a.seq, seq_add(old, 65535)));
	assert_int_equal(ns_close(s->r.st, fd), 0);
}

/* With a port of its own: at once, when there were timestamps. */
static void test_connect_bound(void **state)
{
	struct scene *s = *state;

	make_active(s, 5555, false);
	rig_sleep(&s->r, 2000);
	assert_int_equal(connect_from(s, 5555), -EADDRNOTAVAIL);
	make_active(s, 5556, true);
	expect_new_syn(s, connect_from(s, 5556));
	assert_int_equal(n_tw(s), 2);
}

/* With one that is chosen: after a second. */
static void test_connect_unbound(void **state)
{
	struct scene *s = *state;
	struct ip_params *ip = netstack_ip_params(s->r.st);

	ip->port_min = ip->port_max = 5557;
	make_active(s, 0, false);
	rig_sleep(&s->r, 2000);
	assert_int_equal(connect_from(s, 0), -EADDRNOTAVAIL);
	ip->port_min = ip->port_max = 5558;
	make_active(s, 0, true);
	rig_sleep(&s->r, 500);
	assert_int_equal(connect_from(s, 0), -EADDRNOTAVAIL);
	rig_sleep(&s->r, 600);
	params(&s->r)->tw_reuse = false;
	assert_int_equal(connect_from(s, 0), -EADDRNOTAVAIL);
	params(&s->r)->tw_reuse = true;
	expect_new_syn(s, connect_from(s, 0));
	assert_int_equal(stats(&s->r)->time_wait_recycled, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_msl),
		TEST(test_fin_again),
		TEST(test_many),
		TEST(test_data_and_old_acks),
		TEST(test_rst),
		TEST(test_syn_with_larger_number),
		TEST(test_syn_with_smaller_number),
		TEST(test_syn_with_timestamp),
		TEST(test_syn_without_listener),
		TEST(test_bind_sees_it),
		TEST(test_limit),
		TEST(test_connect_bound),
		TEST(test_connect_unbound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
