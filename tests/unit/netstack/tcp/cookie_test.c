/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SYN cookies: what they keep, how long, for whom; and a flood of SYNs.
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

/* A SYN and the ACK that answers a cookie, as tcp_in() would have them. */
struct pair {
	struct ip_rx rx;
	struct tcp_segment syn;
	struct tcp_segment ack;
};

static struct tcp *tcp(void)
{
	return rig.st->tcp;
}

static void pair_init(struct pair *p, uint32_t i)
{
	memset(p, 0, sizeof(*p));
	p->rx = (struct ip_rx){ .src = RIG_PEER4, .dst = RIG_US4, .is_ip4 = true };
	p->syn.rx = p->ack.rx = &p->rx;
	p->syn.h = (struct tcp_repr){
		.seq = seq_of(i * 0x01234567U),
		.src_port = (uint16_t)(1000 + i),
		.dst_port = PORT,
		.flags = TCP_SYN,
	};
	p->ack.h = p->syn.h;
	p->ack.h.flags = TCP_ACK;
	p->ack.h.seq = seq_add(p->syn.h.seq, 1);
}

static void move_time(uint64_t s)
{
	rig.now += s * NS_PER_S;
	netstack_advance(rig.st, rig.now);
}

static void test_keeps_mss(void **state)
{
	static const uint16_t mss[] = { 1, 64, 535, 536, 1219, 1459, 1460, 8000, 65535 };
	static const uint16_t kept[] = { 64, 64, 64, 536, 536, 1440, 1460, 1460, 8960 };
	struct tcp_passive ret;
	struct pair p;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const unsigned int k = i % (sizeof(mss) / sizeof(*mss));

		pair_init(&p, i);
		p.ack.h.ack = seq_add(tcp_cookie_make(tcp(), &p.syn, mss[k]), 1);
		assert_true(tcp_cookie_check(tcp(), &p.ack, &ret));
		assert_int_equal(ret.mss, kept[k]);
		assert_int_equal(ret.irs.v, p.syn.h.seq.v);
		assert_int_equal(ret.iss.v, p.ack.h.ack.v - 1);
		assert_int_equal(ret.snd_wscale, TCP_SYN_NO_WSCALE);
		assert_false(ret.has_ts || ret.sack);
	}
}

static void test_is_of_one_peer(void **state)
{
	struct tcp_passive ret;
	struct pair p;

	(void)state;
	pair_init(&p, 7);
	p.ack.h.ack = seq_add(tcp_cookie_make(tcp(), &p.syn, 1460), 1);
	assert_true(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.ack.h.src_port++;
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.ack.h.src_port--;
	p.ack.h.dst_port++;
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.ack.h.dst_port--;
	p.rx.src = rig_ip4(10, 0, 0, 3);
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.rx.src = RIG_PEER4;
	p.ack.h.seq = seq_add(p.ack.h.seq, 1);
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.ack.h.seq = seq_sub(p.ack.h.seq, 1);
	p.ack.h.ack = seq_add(p.ack.h.ack, 1);
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	p.ack.h.ack = seq_sub(p.ack.h.ack, 1);
	assert_true(tcp_cookie_check(tcp(), &p.ack, &ret));
}

static void test_ages(void **state)
{
	struct tcp_passive ret;
	struct pair p;

	(void)state;
	move_time(63 - rig.now / NS_PER_S % 64); /* the last second of a step */
	pair_init(&p, 7);
	p.ack.h.ack = seq_add(tcp_cookie_make(tcp(), &p.syn, 1460), 1);
	move_time(64);
	assert_true(tcp_cookie_check(tcp(), &p.ack, &ret));
	move_time(1);
	assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	for (int i = 0; i < 64; i++) { /* the time in it wraps, it does not */
		move_time(64);
		assert_false(tcp_cookie_check(tcp(), &p.ack, &ret));
	}
}

/* Guesses: as good as the header says. */
static void test_guesses(void **state)
{
	struct tcp_passive ret;
	struct pair p;
	unsigned int hits = 0;

	(void)state;
	pair_init(&p, 9);
	for (uint32_t i = 0; i < 1000000; i++) {
		p.ack.h.ack = seq_of(i * 4099);
		hits += tcp_cookie_check(tcp(), &p.ack, &ret);
	}
	assert_in_range(hits, 0, 1); /* one of 2^28 */
}

static void test_timestamp_keeps_options(void **state)
{
	struct tcp_passive ret;
	struct pair p;

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct tcp_passive offer = { .sack = i & 1, .has_ts = true };
		const uint32_t now =
			core_ms(tcp()->core) + tcp_ts_offset(tcp(), RIG_US4, RIG_PEER4);

		offer.snd_wscale = i % 16;
		pair_init(&p, i);
		p.ack.h.ack = seq_add(tcp_cookie_make(tcp(), &p.syn, 1460), 1);
		p.ack.opt.has_ts = true;
		p.ack.opt.ts_val = 77;
		p.ack.opt.ts_ecr = tcp_cookie_ts(tcp(), &p.syn, &offer);
		assert_true(seq_leq(seq_of(p.ack.opt.ts_ecr), seq_of(now)));
		assert_true(now - p.ack.opt.ts_ecr < 128);
		assert_true(tcp_cookie_check(tcp(), &p.ack, &ret));
		assert_true(ret.has_ts);
		assert_int_equal(ret.ts_recent, 77);
		assert_int_equal(ret.sack, offer.sack);
		assert_int_equal(ret.snd_wscale, offer.snd_wscale);
		rig.now += 13 * NS_PER_MS;
		netstack_advance(rig.st, rig.now);
	}
}

/* --- on the wire --- */

static void test_connects_without_a_record(void **state)
{
	struct tcp_options_repr opt = full_options();
	const struct tcp_conn *c;
	struct netstack_memory m;
	struct peer p = peer_of(*state, PEER_PORT);
	int fd, child;
	struct seg s;

	params(&rig)->syncookies = TCP_SYNCOOKIES_ALWAYS;
	fd = listen_fd(&rig, PORT, 5);
	p.ts = true;
	p.ts_val = 5;
	peer_syn(&p, &opt);
	s = seg_out(&p);
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 0);
	assert_true(s.opt.has_wscale && s.opt.sack_permitted && s.opt.has_ts);
	rig_sleep(&rig, 3000); /* nothing is sent again: who would know? */
	no_seg(&p);
	peer_send(&p, TCP_ACK, 10); /* data with it is fine */
	(void)ack_out(&p, 0);
	child = accept_fd(&rig, fd);
	assert_true(child >= 0);
	expect_bytes(&rig, child, seq_sub(p.seq, 10), 10);
	c = conn_of(&rig, child);
	assert_int_equal(c->flags & (TCPF_TS | TCPF_SACK | TCPF_WSCALE),
			 TCPF_TS | TCPF_SACK | TCPF_WSCALE);
	assert_int_equal(c->snd_wscale, 7);
	assert_int_equal(c->peer_mss, 1460);
	assert_int_equal(stats(&rig)->syncookies_sent, 1);
	assert_int_equal(stats(&rig)->syncookies_recv, 1);
	assert_int_equal(ns_close(rig.st, child), 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	peer_send_at(&p, TCP_RST, 0, 0);
}

static void test_without_timestamps_no_options(void **state)
{
	struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	struct seg s;
	int fd;

	params(&rig)->syncookies = TCP_SYNCOOKIES_ALWAYS;
	fd = listen_fd(&rig, PORT, 5);
	peer_syn(&p, &opt);
	s = seg_out(&p);
	assert_false(s.opt.has_wscale || s.opt.sack_permitted || s.opt.has_ts);
	assert_int_equal(s.opt.mss, 1460);
	p.ack = seq_add(p.ack, 5); /* none of ours */
	peer_send_at(&p, TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&p).flags, TCP_RST);
	assert_int_equal(rig_drops(&rig, DROP_TCP_COOKIE_BAD), 1);
	assert_int_equal(stats(&rig)->syncookies_failed, 1);
	rig_sleep(&rig, 200000); /* none are out there any more */
	peer_send_at(&p, TCP_ACK, 0, 0);
	assert_int_equal(seg_out(&p).flags, TCP_RST);
	assert_int_equal(stats(&rig)->syncookies_failed, 1);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* Nothing is known of the connection when its data overtakes its ACK: no reason to end it. */
static void test_overtaken(void **state)
{
	struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	int fd, child;

	params(&rig)->syncookies = TCP_SYNCOOKIES_ALWAYS;
	fd = listen_fd(&rig, PORT, 5);
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send_at(&p, TCP_ACK | TCP_PSH, 10, 10);
	peer_send_at(&p, TCP_ACK | TCP_FIN, 20, 0);
	no_seg(&p);
	assert_int_equal(rig_drops(&rig, DROP_TCP_COOKIE_BAD), 2);
	peer_send(&p, TCP_ACK | TCP_PSH, 20); /* sent again from the first byte on */
	(void)ack_out(&p, 0);
	child = accept_fd(&rig, fd);
	assert_true(child >= 0);
	expect_bytes(&rig, child, seq_sub(p.seq, 20), 20);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, child), 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
}

/* The queue is full of SYNs nobody stands behind: who does stand behind one gets through. */
static void test_flood(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct netstack_memory m;
	int fd = listen_fd(*state, PORT, 16);
	int child;

	for (uint32_t i = 0; i < 5000; i++) {
		struct peer p = peer_of(&rig, (uint16_t)(1 + i));

		p.peer = rig_ip4(10, 0, 0, (uint8_t)(10 + i % 100));
		peer_syn(&p, &opt);
		peer_forget(&p);
		if (i % 50)
			continue;
		p = peer_of(&rig, (uint16_t)(20000 + i));
		child = peer_connects(&p, fd, &opt);
		peer_send_at(&p, TCP_RST, 0, 0);
		assert_int_equal(ns_close(rig.st, child), 0);
		peer_forget(&p);
	}
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 17); /* the backlog and one */
	assert_true(stats(&rig)->syncookies_sent > 4900);
	assert_int_equal(stats(&rig)->passive_opens, 100);
	assert_int_equal(ns_close(rig.st, fd), 0);
	netstack_memory(rig.st, &m);
	assert_int_equal(m.syn_rcvd, 0);
	rig_forget(&rig);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keeps_mss),
		TEST(test_is_of_one_peer),
		TEST(test_ages),
		TEST(test_guesses),
		TEST(test_timestamp_keeps_options),
		TEST(test_connects_without_a_record),
		TEST(test_without_timestamps_no_options),
		TEST(test_overtaken),
		TEST(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
