/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/tcp.h>

#include "tests/unit/netstack/tcp/sender.h"

static struct sender x;

static int error_of(void)
{
	int e;
	socklen_t len = sizeof(e);

	assert_int_equal(ns_getsockopt(x.r.st, x.fd, SOL_SOCKET, SO_ERROR, &e, &len), 0);
	return e;
}

/* Of a connection that ended by itself. */
static void close_ended(void)
{
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	rig_done(&x.r);
}

static uint64_t seconds(uint64_t since)
{
	return (x.r.now - since) / NS_PER_S;
}

/* --- persist --- */

static struct seg probe_out(uint32_t off)
{
	const struct seq ack = x.p.ack;
	struct seg s = seg_out(&x.p);

	x.p.ack = ack;
	assert_int_equal(s.flags, TCP_ACK);
	assert_int_equal(s.len, 0);
	assert_int_equal(seq_diff(s.seq, x.first), (int32_t)off - 1);
	return s;
}

/* RFC 1122, 4.2.2.17: as long as the peer answers, however long that is. */
static void a_closed_window_is_probed_for_ever(void **state)
{
	uint64_t want = 200;

	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 3 * MSS);
	full_out(&x, 0, 3 * MSS);
	ack_wnd(&x, 3 * MSS, 0);
	write_bytes(&x, 5 * MSS);
	no_seg(&x.p);
	for (unsigned int i = 0; i < 100; i++) {
		assert_in_range(next_out_after(&x), want - 2, want + 3);
		(void)probe_out(3 * MSS);
		no_seg(&x.p);
		ack(&x, 3 * MSS);
		want = want * 2 < 120000 ? want * 2 : 120000;
	}
	assert_int_equal(stats(&x.r)->zero_window_probes, 100);
	ack_wnd(&x, 3 * MSS, 60000);
	full_out(&x, 3 * MSS, 8 * MSS);
	assert_int_equal(stats(&x.r)->retrans_segs, 0);
	sender_done(&x);
}

static void unanswered_probes_end_it(void **state)
{
	const uint64_t begin = NS_PER_S;

	(void)state;
	sender_init(&x, true);
	ack_wnd(&x, 0, 0);
	write_bytes(&x, MSS);
	pass(&x, 3600 * 1000);
	assert_int_equal(stats(&x.r)->zero_window_probes, 15);
	assert_int_equal(error_of(), ETIMEDOUT);
	assert_true(seconds(begin) > 0);
	close_ended();
}

/* A window that is too small to be good is used in the end (RFC 9293, 3.8.6.2.1). */
static void a_small_window_is_used_in_the_end(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 3 * MSS);
	full_out(&x, 0, 3 * MSS);
	ack_wnd(&x, 3 * MSS, 100);
	write_bytes(&x, 5 * MSS);
	no_seg(&x.p);
	assert_in_range(next_out_after(&x), 198, 203);
	(void)data_out(&x, 3 * MSS, 100);
	no_seg(&x.p);
	ack_wnd(&x, 3 * MSS + 100, 60000);
	full_out(&x, 3 * MSS + 100, 7 * MSS + 100);
	sender_done(&x);
}

/* --- patience --- */

/* tcp_retries2 of 15: 924.6 s. */
static void r2(void **state)
{
	uint64_t begin;
	unsigned int n = 0;

	(void)state;
	sender_init(&x, true);
	begin = x.r.now;
	write_bytes(&x, 100);
	while (x.r.st->tcp->all != SLAB_NONE && info_of(&x).tcpi_state == TCPS_ESTABLISHED)
		pass(&x, 100);
	assert_in_range(seconds(begin), 924, 926);
	while (x.p.seen < x.r.link[0].n) {
		(void)data_out(&x, 0, 100);
		n++;
	}
	assert_int_equal(n, 16);
	assert_int_equal(error_of(), ETIMEDOUT);
	assert_int_equal(stats(&x.r)->abort_on_timeout, 1);
	close_ended();
}

static void user_timeout(void **state)
{
	uint64_t begin;

	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_USER_TIMEOUT, 3000);
	pass(&x, 10000); /* idle time does not count */
	begin = x.r.now;
	write_bytes(&x, 100);
	pass(&x, 2900);
	assert_int_equal(info_of(&x).tcpi_state, TCPS_ESTABLISHED);
	while (info_of(&x).tcpi_state == TCPS_ESTABLISHED)
		pass(&x, 10);
	assert_in_range((x.r.now - begin) / NS_PER_MS, 2999, 3011);
	assert_int_equal(error_of(), ETIMEDOUT);
	close_ended();
}

/* It counts from what was acknowledged last. */
static void user_timeout_of_who_makes_progress(void **state)
{
	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_USER_TIMEOUT, 3000);
	for (unsigned int i = 0; i < 20; i++) {
		write_bytes(&x, 100);
		pass(&x, 2000);
		ack(&x, 100 * (i + 1));
	}
	assert_int_equal(info_of(&x).tcpi_state, TCPS_ESTABLISHED);
	sender_done(&x);
}

static void user_timeout_of_a_closed_window(void **state)
{
	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_USER_TIMEOUT, 5000);
	ack_wnd(&x, 0, 0);
	write_bytes(&x, 100);
	for (unsigned int i = 0; i < 49; i++) {
		pass(&x, 100);
		ack(&x, 0); /* it answers, and keeps its window closed */
	}
	assert_int_equal(info_of(&x).tcpi_state, TCPS_ESTABLISHED);
	pass(&x, 200);
	assert_int_equal(error_of(), ETIMEDOUT);
	close_ended();
}

/* --- SYN --- */

static void syn_retries(void **state)
{
	static const uint64_t at[] = { 0, 1, 3, 7, 15, 31, 63 };
	uint64_t begin;

	(void)state;
	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	begin = x.r.now;
	x.fd = connect_fd(&x.p);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		struct seg s;

		(void)next_out_after(&x);
		s = seg_out(&x.p);
		assert_int_equal(s.flags, TCP_SYN);
		assert_int_equal(s.opt.mss, 1460);
		assert_true(s.opt.sack_permitted && s.opt.has_ts && s.opt.has_wscale);
		assert_int_equal(seconds(begin), at[i]);
	}
	pass(&x, 63000);
	assert_int_equal(info_of(&x).tcpi_state, TCPS_SYN_SENT);
	pass(&x, 1200);
	no_seg(&x.p);
	assert_int_equal(error_of(), ETIMEDOUT);
	close_ended();
}

static void syncnt(void **state)
{
	(void)state;
	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	x.fd = tcp_fd(&x.r);
	set_opt(&x, TCP_SYNCNT, 1);
	const struct sockaddr_in sin = sin_of(x.p.peer, x.p.port);

	assert_int_equal(ns_connect(x.r.st, x.fd, (const void *)&sin, sizeof(sin)), -EINPROGRESS);
	pass(&x, 3100);
	assert_int_equal(x.r.link[0].n, 2);
	assert_int_equal(error_of(), ETIMEDOUT);
	close_ended();
}

/* RFC 6298, 5.7: no sample by the SYN, so three seconds. */
static void rto_after_a_lost_syn(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);
	struct seg s;

	(void)state;
	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	x.fd = connect_fd(&x.p);
	pass(&x, 1500);
	(void)seg_out(&x.p);
	s = seg_out(&x.p);
	x.p.our_port = s.src_port;
	seg_in(&x.p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				    .seq = x.p.seq,
				    .ack = x.p.ack,
				    .wnd = x.p.wnd,
				    .opt = opt });
	x.p.seq = seq_add(x.p.seq, 1);
	(void)ack_out(&x.p, 0);
	x.first = x.p.ack;
	write_bytes(&x, 10);
	(void)data_out(&x, 0, 10);
	assert_in_range(next_out_after(&x), 2999, 3003);
	sender_done(&x);
}

/* --- keepalive --- */

static void keepalive_on(void)
{
	const int on = 1;

	assert_int_equal(ns_setsockopt(x.r.st, x.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
}

static void a_silent_peer_is_asked(void **state)
{
	struct seg s;

	(void)state;
	sender_init(&x, true);
	keepalive_on();
	assert_in_range(next_out_after(&x), 7200000 - 3, 7200000 + 3);
	(void)probe_out(0);
	ack(&x, 0);
	assert_in_range(next_out_after(&x), 7200000 - 3, 7200000 + 3);
	(void)probe_out(0);
	for (unsigned int i = 1; i < 9; i++) {
		assert_in_range(next_out_after(&x), 75000 - 3, 75000 + 3);
		(void)probe_out(0);
	}
	assert_in_range(next_out_after(&x), 75000 - 3, 75000 + 3);
	s = seg_out(&x.p);
	assert_int_equal(s.flags, TCP_RST | TCP_ACK);
	assert_int_equal(error_of(), ETIMEDOUT);
	assert_int_equal(stats(&x.r)->keepalives, 10);
	close_ended();
}

static void keepalive_options(void **state)
{
	(void)state;
	sender_init(&x, true);
	keepalive_on();
	set_opt(&x, TCP_KEEPINTVL, 2);
	set_opt(&x, TCP_KEEPCNT, 3);
	pass(&x, 5000);
	set_opt(&x, TCP_KEEPIDLE, 10); /* of which five are over */
	assert_in_range(next_out_after(&x), 4997, 5003);
	for (unsigned int i = 0; i < 3; i++) {
		(void)probe_out(0);
		assert_in_range(next_out_after(&x), 1997, 2003);
	}
	assert_int_equal(error_of(), ETIMEDOUT);
	close_ended();
}

/* Whatever comes from the peer shows that it lives. */
static void who_speaks_is_not_asked(void **state)
{
	(void)state;
	sender_init(&x, true);
	keepalive_on();
	set_opt(&x, TCP_KEEPIDLE, 10);
	for (unsigned int i = 0; i < 10; i++) {
		pass(&x, 9000);
		ack(&x, 0);
	}
	assert_int_equal(stats(&x.r)->keepalives, 0);
	no_seg(&x.p);
	sender_done(&x);
}

/* --- the end --- */

static void an_orphan_waits_a_minute_for_the_fin(void **state)
{
	struct netstack_memory m;

	(void)state;
	sender_init(&x, true);
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	netstack_advance(x.r.st, x.r.now);
	assert_int_equal(seg_out(&x.p).flags, TCP_FIN | TCP_ACK);
	peer_send(&x.p, TCP_ACK, 0);
	pass(&x, 59000);
	netstack_memory(x.r.st, &m);
	assert_int_equal(m.conns, 1);
	pass(&x, 2000);
	netstack_memory(x.r.st, &m);
	assert_int_equal(m.conns, 0);
	no_seg(&x.p);
	rig_done(&x.r);
}

static void an_orphan_gives_up_sooner(void **state)
{
	struct netstack_memory m;
	unsigned int n = 0;

	(void)state;
	sender_init(&x, true);
	assert_int_equal(ns_close(x.r.st, x.fd), 0);
	netstack_advance(x.r.st, x.r.now);
	pass(&x, 300000);
	while (x.p.seen < x.r.link[0].n) {
		assert_int_equal(seg_out(&x.p).flags, TCP_FIN | TCP_ACK);
		n++;
	}
	assert_int_equal(n, 9);
	netstack_memory(x.r.st, &m);
	assert_int_equal(m.conns, 0);
	rig_done(&x.r);
}

/* One timer, which stays where it is while deadlines move away; in the end none. */
static void an_idle_connection_asks_for_nothing(void **state)
{
	(void)state;
	sender_init(&x, true);
	for (unsigned int i = 0; i < 100; i++) {
		write_bytes(&x, 10);
		ack(&x, 10 * (i + 1));
		assert_true(x.r.st->core.wheel.n <= 1);
	}
	pass(&x, 2000);
	assert_int_equal(netstack_deadline(x.r.st), TIMER_NEVER);
	sender_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_window_is_probed_for_ever),
		cmocka_unit_test(unanswered_probes_end_it),
		cmocka_unit_test(a_small_window_is_used_in_the_end),
		cmocka_unit_test(r2),
		cmocka_unit_test(user_timeout),
		cmocka_unit_test(user_timeout_of_who_makes_progress),
		cmocka_unit_test(user_timeout_of_a_closed_window),
		cmocka_unit_test(syn_retries),
		cmocka_unit_test(syncnt),
		cmocka_unit_test(rto_after_a_lost_syn),
		cmocka_unit_test(a_silent_peer_is_asked),
		cmocka_unit_test(keepalive_options),
		cmocka_unit_test(who_speaks_is_not_asked),
		cmocka_unit_test(an_orphan_waits_a_minute_for_the_fin),
		cmocka_unit_test(an_orphan_gives_up_sooner),
		cmocka_unit_test(an_idle_connection_asks_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
