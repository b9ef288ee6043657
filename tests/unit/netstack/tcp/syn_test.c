/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The SYN queue: what is offered, when it is offered again, what ends it; backlog; and that
 * an accept queue that is full keeps handshakes waiting.
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
	struct netstack_memory m;

	netstack_advance(rig.st, rig.now);
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 0);
	rig_done(*state);
	return 0;
}

static uint64_t n_syn(void)
{
	struct netstack_memory m;

	netstack_memory(rig.st, &m);
	return m.syn_rcvd;
}

static void close_listener(int fd)
{
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(n_syn(), 0);
}

static void test_offer(void **state)
{
	struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	struct seg s;

	p.ts = true;
	p.ts_val = 123;
	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(s.ack.v, p.seq.v);
	assert_int_equal(s.opt.mss, 1460);
	assert_int_equal(s.opt.wscale, 7); /* for params.rmem_max */
	assert_true(s.opt.has_wscale && s.opt.sack_permitted);
	assert_int_equal(s.opt.ts_ecr, 123);
	assert_int_equal(s.wnd, 64240); /* half of 128 KiB, in whole segments */
	assert_int_equal(n_syn(), 1);
	close_listener(fd); /* without a word */
	no_seg(&p);
}

/* What the peer does not have is not offered, and what we do not want neither. */
static void test_offer_nothing(void **state)
{
	struct tcp_options_repr opt = { .mss = 0 };
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	struct seg s;

	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_false(s.opt.has_wscale || s.opt.sack_permitted || s.opt.has_ts);
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(conn_of(&rig, accept_fd(&rig, fd))->peer_mss, TCP_MSS_DEFAULT4);

	params(&rig)->window_scaling = params(&rig)->timestamps = params(&rig)->sack = false;
	p = peer_of(&rig, PEER_PORT + 1);
	opt = full_options();
	p.ts = true;
	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_false(s.opt.has_wscale || s.opt.sack_permitted || s.opt.has_ts);
	close_listener(fd);
	peer_send_at(&p, TCP_RST, 0, 0);
}

/* RFC 6298's times; five of them, then it is over. */
static void test_sent_again(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	uint64_t ms = 1000;
	struct seg first, s;

	peer_syn(&p, &opt);
	first = seg_out(&p);
	rig_sleep(&rig, 20);
	for (int i = 0; i < 5; i++, ms *= 2) {
		rig_sleep(&rig, ms - 30);
		no_seg(&p);
		rig_sleep(&rig, 30);
		s = seg_out(&p);
		assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
		assert_int_equal(s.seq.v, first.seq.v);
	}
	rig_sleep(&rig, ms + 100);
	no_seg(&p);
	assert_int_equal(n_syn(), 0);
	peer_send(&p, TCP_ACK, 0); /* too late */
	assert_int_equal(seg_out(&p).flags, TCP_RST);
	assert_int_equal(stats(&rig)->retrans_segs, 5);
	close_listener(fd);
}

/* Many with different times, each sent again at its own. */
static void test_many_timers(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p[20];
	int fd = listen_fd(*state, PORT, 50);

	for (unsigned int i = 0; i < 20; i++) {
		p[i] = peer_of(&rig, (uint16_t)(1000 + i));
		peer_syn(&p[i], &opt);
		rig_sleep(&rig, 37);
	}
	assert_int_equal(rig.link[0].n, 20);
	for (unsigned int i = 0; i < 20; i++) { /* i-th SYN+ACK: 1 s after the i-th SYN */
		rig_sleep(&rig, i ? 37 : 1000 - 20 * 37 + 3);
		assert_int_equal(rig.link[0].n, 20 + i + 1);
	}
	rig_sleep(&rig, 63000);
	assert_int_equal(rig.link[0].n, 20 * 6);
	assert_int_equal(n_syn(), 0);
	close_listener(fd);
}

static void test_syn_again(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	struct seg first;

	peer_syn(&p, &opt);
	first = seg_out(&p);
	p.seq = seq_sub(p.seq, 1);
	peer_syn(&p, &opt); /* a duplicate: at once is too soon */
	no_seg(&p);
	rig_sleep(&rig, 600);
	p.seq = seq_sub(p.seq, 1);
	peer_syn(&p, &opt);
	assert_int_equal(seg_out(&p).seq.v, first.seq.v);
	assert_int_equal(n_syn(), 1);
	/* Another connection: back to LISTEN, and the next one counts. */
	p.seq = seq_of(PEER_ISS + 500);
	peer_syn(&p, &opt);
	assert_int_equal(n_syn(), 0);
	p.seq = seq_of(PEER_ISS + 500);
	peer_syn(&p, &opt);
	assert_int_equal(seg_out(&p).ack.v, PEER_ISS + 501);
	close_listener(fd);
}

static void test_rst(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);

	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send_at(&p, TCP_RST, 5, 0); /* RFC 5961 */
	assert_int_equal(seg_out(&p).flags, TCP_ACK);
	assert_int_equal(n_syn(), 1);
	peer_send_at(&p, TCP_RST, -1, 0);
	assert_int_equal(n_syn(), 1);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(n_syn(), 0);
	no_seg(&p);
	assert_int_equal(stats(&rig)->attempt_fails, 1);
	close_listener(fd);
}

static void test_wrong_ack(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	struct seg s;

	peer_syn(&p, &opt);
	(void)seg_out(&p);
	p.ack = seq_add(p.ack, 1);
	peer_send_at(&p, TCP_ACK, 0, 0);
	s = seg_out(&p);
	assert_int_equal(s.flags, TCP_RST);
	assert_int_equal(s.seq.v, p.ack.v);
	assert_int_equal(n_syn(), 1);
	p.ack = seq_sub(p.ack, 1);
	peer_send_at(&p, 0, 0, 5);
	assert_int_equal(rig_drops(&rig, DROP_TCP_NO_FLAGS), 1);
	peer_send_at(&p, TCP_ACK, 1 << 20, 5); /* out of window */
	assert_int_equal(seg_out(&p).flags, TCP_ACK);
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(n_syn(), 0);
	assert_true(accept_fd(&rig, fd) >= 0);
	close_listener(fd);
	peer_send_at(&p, TCP_RST, 0, 0);
}

/* Data and FIN may be with the last ACK, and what was sent before it may come after it. */
static void test_data_with_ack(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	char c;
	int child;

	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK | TCP_FIN, 1);
	(void)ack_out(&p, 0);
	child = accept_fd(&rig, fd);
	assert_int_equal(ns_recv(rig.st, child, &c, 1, 0), 1);
	assert_int_equal(ns_recv(rig.st, child, &c, 1, 0), 0);
	assert_int_equal(conn_of(&rig, child)->state, TCPS_CLOSE_WAIT);
	close_listener(fd);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, child), 0);
}

/* --- backlog --- */

static void test_accept_queue(void **state)
{
	const struct tcp_options_repr opt = full_options();
	int fd = listen_fd(*state, PORT, 1);
	struct peer p[4];

	for (unsigned int i = 0; i < 2; i++) { /* one more than the backlog */
		p[i] = peer_of(&rig, (uint16_t)(1000 + i));
		peer_syn(&p[i], &opt);
		(void)seg_out(&p[i]);
		peer_send(&p[i], TCP_ACK, 0);
	}
	assert_int_equal(poll_of(&rig, fd), POLLIN | POLLRDNORM);
	p[2] = peer_of(&rig, 1002);
	peer_syn(&p[2], &opt);
	no_seg(&p[2]);
	assert_int_equal(rig_drops(&rig, DROP_TCP_ACCEPT_QUEUE), 1);
	assert_int_equal(stats(&rig)->listen_overflows, 1);
	assert_true(accept_fd(&rig, fd) >= 0);
	p[2].seq = seq_of(PEER_ISS);
	peer_syn(&p[2], &opt);
	assert_int_equal(seg_out(&p[2]).flags, TCP_SYN | TCP_ACK);
	p[1].seen = rig.link[0].n;
	close_listener(fd); /* what waits there is reset, what is accepted is not */
	assert_int_equal(seg_out(&p[1]).flags, TCP_RST | TCP_ACK);
	no_seg(&p[1]);
	peer_send_at(&p[0], TCP_RST, 0, 0);
}

/* Two connections in a queue that is full with them, and the last ACK of a third. */
static void three_for_two(struct peer *p)
{
	const struct tcp_options_repr opt = full_options();

	for (unsigned int i = 0; i < 3; i++) {
		p[i] = peer_of(&rig, (uint16_t)(1000 + i));
		peer_syn(&p[i], &opt);
		(void)seg_out(&p[i]);
		if (i == 0)
			peer_send(&p[i], TCP_ACK, 0);
	}
	peer_send(&p[1], TCP_ACK, 0);
	peer_send(&p[2], TCP_ACK, 0);
}

/* The last ACK comes when there is no room: it is asked for again, until there is. */
static void test_ack_without_room(void **state)
{
	int fd = listen_fd(*state, PORT, 1);
	struct peer p[3];

	three_for_two(p);
	assert_int_equal(n_syn(), 1);
	assert_true(accept_fd(&rig, fd) >= 0);
	assert_true(accept_fd(&rig, fd) >= 0);
	assert_int_equal(accept_fd(&rig, fd), -EAGAIN);
	rig_sleep(&rig, 1050);
	assert_int_equal(seg_out(&p[2]).flags, TCP_SYN | TCP_ACK);
	peer_send(&p[2], TCP_ACK, 0);
	assert_true(accept_fd(&rig, fd) >= 0);
	close_listener(fd);
	for (unsigned int i = 0; i < 3; i++)
		peer_send_at(&p[i], TCP_RST, 0, 0);
}

static void test_abort_on_overflow(void **state)
{
	int fd = listen_fd(*state, PORT, 1);
	struct peer p[3];

	params(&rig)->abort_on_overflow = true;
	three_for_two(p);
	assert_int_equal(seg_out(&p[2]).flags, TCP_RST);
	assert_int_equal(n_syn(), 0);
	close_listener(fd);
}

static void test_full_without_cookies(void **state)
{
	const struct tcp_options_repr opt = full_options();
	int fd = listen_fd(*state, PORT, 1);

	params(&rig)->syncookies = TCP_SYNCOOKIES_OFF;
	for (unsigned int i = 0; i < 10; i++) {
		struct peer p = peer_of(&rig, (uint16_t)(1000 + i));

		peer_syn(&p, &opt);
	}
	assert_int_equal(n_syn(), 2);
	assert_int_equal(rig_drops(&rig, DROP_TCP_SYN_QUEUE), 8);
	rig_forget(&rig);
	close_listener(fd);
}

/* A crowd waits less long: two retries instead of five. */
static void test_crowd(void **state)
{
	const struct tcp_options_repr opt = full_options();
	int fd = listen_fd(*state, PORT, 30);

	for (unsigned int i = 0; i < 30; i++) {
		struct peer p = peer_of(&rig, (uint16_t)(1000 + i));

		peer_syn(&p, &opt);
	}
	rig_sleep(&rig, 12000);
	assert_true(n_syn() < 30);
	rig_sleep(&rig, 60000);
	assert_int_equal(n_syn(), 0);
	rig_forget(&rig);
	close_listener(fd);
}

/* TCP_DEFER_ACCEPT: nobody is woken for a connection that says nothing. */
static void test_defer_accept(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = listen_fd(&rig, PORT, 5);
	int child;

	conn_of(&rig, fd)->defer_accept = 2;
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(poll_of(&rig, fd), 0);
	rig_sleep(&rig, 1100); /* the first retry is left out */
	no_seg(&p);
	peer_send(&p, TCP_ACK, 10);
	(void)ack_out(&p, 0);
	child = accept_fd(&rig, fd);
	assert_true(child >= 0);
	assert_int_equal(ns_close(rig.st, child), 0);

	/* One that stays silent is asked once more and then taken as it is. */
	p = peer_of(&rig, PEER_PORT + 1);
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 0);
	rig_sleep(&rig, 3100);
	assert_int_equal(seg_out(&p).flags, TCP_SYN | TCP_ACK);
	peer_send(&p, TCP_ACK, 0);
	assert_true(accept_fd(&rig, fd) >= 0);
	close_listener(fd);
	peer_send_at(&p, TCP_RST, 0, 0);
}

static void test_ipv6(void **state)
{
	const struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd = ns_socket(rig.st, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int child;
	struct seg s;

	assert_int_equal(ns_bind(rig.st, fd, (const void *)&sin6, sizeof(sin6)), 0);
	assert_int_equal(ns_listen(rig.st, fd, 5), 0);
	p.us = RIG_US6;
	p.peer = RIG_PEER6;
	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_int_equal(s.opt.mss, 1440);
	peer_send(&p, TCP_ACK, 0);
	child = accept_fd(&rig, fd);
	assert_true(child >= 0);
	peer_send(&p, TCP_ACK, 1000);
	(void)ack_out(&p, 0);
	expect_bytes(&rig, child, seq_sub(p.seq, 1000), 1000);
	peer_send_at(&p, TCP_RST, 0, 0);
	/* IPv4 as well, on the same socket. */
	p = peer_of(&rig, PEER_PORT);
	child = peer_connects(&p, fd, &opt);
	peer_send_at(&p, TCP_RST, 0, 0);
	close_listener(fd);
}

static void test_no_memory(void **state)
{
	const struct tcp_options_repr opt = full_options();
	int fd = listen_fd(*state, PORT, 5);

	for (uint64_t k = 1; k < 8; k++) {
		struct peer p = peer_of(&rig, (uint16_t)(1000 + k));

		p.fail_in = k;
		peer_syn(&p, &opt);
		if (rig.link[0].n == p.seen)
			continue; /* lost */
		(void)seg_out(&p);
		peer_send(&p, TCP_ACK, 0);
		p.fail_in = 0;
		peer_send_at(&p, TCP_ACK, 0, 0);
		(void)accept_fd(&rig, fd);
		peer_send_at(&p, TCP_RST, 0, 0);
	}
	close_listener(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offer),
		TEST(test_offer_nothing),
		TEST(test_sent_again),
		TEST(test_many_timers),
		TEST(test_syn_again),
		TEST(test_rst),
		TEST(test_wrong_ack),
		TEST(test_data_with_ack),
		TEST(test_accept_queue),
		TEST(test_ack_without_room),
		TEST(test_abort_on_overflow),
		TEST(test_full_without_cookies),
		TEST(test_crowd),
		TEST(test_defer_accept),
		TEST(test_ipv6),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
