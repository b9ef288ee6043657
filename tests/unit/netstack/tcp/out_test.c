/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/tcp.h>

#include "tests/unit/netstack/tcp/sender.h"

static struct sender x;

/* --- Nagle, cork --- */

static void a_small_segment_waits_for_another(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 10);
	assert_int_equal(data_out(&x, 0, 10).flags, TCP_ACK | TCP_PSH);
	write_bytes(&x, 20);
	write_bytes(&x, 30);
	no_seg(&x.p); /* the first is not acknowledged */
	write_bytes(&x, MSS);
	assert_int_equal(data_out(&x, 10, MSS).flags, TCP_ACK); /* a whole one is there now */
	no_seg(&x.p);
	ack(&x, 10);
	assert_int_equal(data_out(&x, 10 + MSS, 50).flags, TCP_ACK | TCP_PSH);
	ack(&x, 60 + MSS);
	sender_done(&x);
}

/* As Minshall has it: a small one behind whole ones does not wait for their ACK. */
static void the_end_of_a_write_goes_along(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 2 * MSS + 5);
	full_out(&x, 0, 2 * MSS);
	(void)data_out(&x, 2 * MSS, 5);
	write_bytes(&x, 7);
	no_seg(&x.p); /* but this one waits for that */
	ack(&x, 2 * MSS);
	no_seg(&x.p);
	ack(&x, 2 * MSS + 5);
	(void)data_out(&x, 2 * MSS + 5, 7);
	sender_done(&x);
}

static void nodelay_does_not_wait(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 10);
	write_bytes(&x, 20);
	(void)data_out(&x, 0, 10);
	no_seg(&x.p);
	set_opt(&x, TCP_NODELAY, 1); /* what waits goes */
	(void)data_out(&x, 10, 20);
	write_bytes(&x, 30);
	(void)data_out(&x, 30, 30);
	sender_done(&x);
}

/* Writes of one turn leave together. */
static void writes_in_a_row_are_one_segment(void **state)
{
	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_NODELAY, 1);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(ns_send(x.r.st, x.fd, "0123456789", 10, 0), 10);
	netstack_advance(x.r.st, x.r.now);
	(void)data_out(&x, 0, 100);
	no_seg(&x.p);
	sender_done(&x);
}

static void a_cork_holds_back_what_is_not_whole(void **state)
{
	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_CORK, 1);
	write_bytes(&x, 700);
	no_seg(&x.p);
	write_bytes(&x, 700);
	(void)data_out(&x, 0, MSS);
	no_seg(&x.p);
	set_opt(&x, TCP_CORK, 0);
	(void)data_out(&x, MSS, 400);
	sender_done(&x);
}

/* 200 ms, when nothing is in flight. */
static void a_cork_is_not_for_ever(void **state)
{
	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_CORK, 1);
	write_bytes(&x, 700);
	assert_in_range(next_out_after(&x), 190, 210);
	(void)data_out(&x, 0, 700);
	sender_done(&x);
}

static void more_is_a_cork_for_one_write(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_flags(&x, 100, MSG_MORE);
	no_seg(&x.p);
	write_bytes(&x, 100);
	(void)data_out(&x, 0, 200);
	sender_done(&x);
}

static void a_fin_lets_all_go(void **state)
{
	struct seg s;

	(void)state;
	sender_init(&x, true);
	set_opt(&x, TCP_CORK, 1);
	write_bytes(&x, 100);
	no_seg(&x.p);
	assert_int_equal(ns_shutdown(x.r.st, x.fd, SHUT_WR), 0);
	netstack_advance(x.r.st, x.r.now);
	s = data_out(&x, 0, 100);
	assert_int_equal(s.flags, TCP_ACK | TCP_PSH | TCP_FIN);
	sender_done(&x);
}

/* --- the peer's window --- */

static void the_window_is_obeyed(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, 3 * MSS);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 3 * MSS);
	no_seg(&x.p);
	ack_wnd(&x, MSS, 3 * MSS);
	full_out(&x, 3 * MSS, 4 * MSS);
	no_seg(&x.p);
	/* It may close, and move left; what is in flight is not worth resending for that. */
	ack_wnd(&x, 4 * MSS, 0);
	no_seg(&x.p);
	ack_wnd(&x, 4 * MSS, 3 * MSS);
	full_out(&x, 4 * MSS, 7 * MSS);
	sender_done(&x);
}

/* RFC 9293, 3.8.6.2.1: a window that opens a little is not used, half of the largest is. */
static void silly_windows(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, 2 * MSS);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 2 * MSS);
	ack_wnd(&x, 2 * MSS, 300);
	no_seg(&x.p);
	ack_wnd(&x, 2 * MSS, 999);
	no_seg(&x.p);
	ack_wnd(&x, 2 * MSS, MSS);
	full_out(&x, 2 * MSS, 3 * MSS);
	sender_done(&x);
}

/* A peer with less than a segment of buffer. */
static void tiny_windows(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, 400);
	write_bytes(&x, 1000);
	(void)data_out(&x, 0, 400);
	no_seg(&x.p);
	ack_wnd(&x, 400, 400);
	(void)data_out(&x, 400, 400);
	ack_wnd(&x, 800, 400);
	(void)data_out(&x, 800, 200);
	sender_done(&x);
}

/* Larger ones are used as two halves, so that the ACK of the first comes while the second is on
 * its way.
 */
static void small_windows_are_halved(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, 1200);
	write_bytes(&x, 1200);
	(void)data_out(&x, 0, 600);
	(void)data_out(&x, 600, 600);
	sender_done(&x);
}

/* The FIN has a number, and needs the window for it. */
static void the_fin_waits_for_a_window(void **state)
{
	const struct tcp_options_repr opt = plain_options(true);
	struct seg s;

	(void)state;
	segments_init(&x.r);
	sender_open(&x, &opt, MSS);
	write_bytes(&x, MSS);
	assert_int_equal(ns_shutdown(x.r.st, x.fd, SHUT_WR), 0);
	netstack_advance(x.r.st, x.r.now);
	(void)data_out(&x, 0, 500);
	s = data_out(&x, 500, 500);
	assert_false(s.flags & TCP_FIN);
	ack_wnd(&x, MSS, 0);
	no_seg(&x.p);
	ack_wnd(&x, MSS, 1);
	s = data_out(&x, MSS, 0);
	assert_int_equal(s.flags, TCP_ACK | TCP_FIN);
	sender_done(&x);
}

/* --- cwnd --- */

static void ten_segments_to_begin_with(void **state)
{
	(void)state;
	sender_init(&x, true);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 0, 10 * MSS);
	no_seg(&x.p);
	ack(&x, 2 * MSS); /* slow start: two for each */
	full_out(&x, 10 * MSS, 14 * MSS);
	no_seg(&x.p);
	assert_int_equal(info_of(&x).tcpi_snd_cwnd, 12);
	sender_done(&x);
}

/* A window that the user does not fill does not grow. */
static void cwnd_does_not_grow_unused(void **state)
{
	(void)state;
	sender_init(&x, true);
	for (unsigned int i = 0; i < 100; i++) {
		write_bytes(&x, MSS);
		(void)data_out(&x, i * MSS, MSS);
		ack(&x, (i + 1) * MSS);
	}
	assert_int_equal(info_of(&x).tcpi_snd_cwnd, 10);
	sender_done(&x);
}

/* RFC 5681, 4.1: after an RTO of silence the window is the initial one again. */
static void slow_start_after_idle(void **state)
{
	(void)state;
	sender_init(&x, true);
	pass(&x, 50); /* or all is within a millisecond */
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, 10);
	ack(&x, 10 * MSS);
	write_bytes(&x, 20 * MSS);
	full_out(&x, 10 * MSS, 30 * MSS);
	pass(&x, 10);
	ack(&x, 30 * MSS);
	assert_int_equal(info_of(&x).tcpi_snd_cwnd, 40);
	pass(&x, 10000);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 30 * MSS, 40 * MSS);
	no_seg(&x.p);
	assert_int_equal(info_of(&x).tcpi_snd_cwnd, 10);
	sender_done(&x);
}

static void or_not(void **state)
{
	(void)state;
	sender_init(&x, true);
	params(&x.r)->slow_start_after_idle = false;
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, 10);
	ack(&x, 10 * MSS);
	pass(&x, 10000);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 10 * MSS, 30 * MSS);
	no_seg(&x.p);
	sender_done(&x);
}

/* --- urgent data --- */

static void the_urgent_pointer(void **state)
{
	struct seg s;

	(void)state;
	sender_init(&x, true);
	write_flags(&x, 50, MSG_OOB);
	s = data_out(&x, 0, 50);
	assert_int_equal(s.flags, TCP_ACK | TCP_PSH | TCP_URG);
	assert_int_equal(s.urg, 50); /* behind the byte: RFC 6093 */
	write_bytes(&x, 2 * MSS);
	s = data_out(&x, 50, MSS);
	assert_false(s.flags & TCP_URG);
	(void)data_out(&x, 50 + MSS, MSS);
	/* Sent again it says so again. */
	pass(&x, 300);
	s = data_out(&x, 0, 50);
	assert_int_equal(s.flags & TCP_URG, TCP_URG);
	assert_int_equal(s.urg, 50);
	sender_done(&x);
}

/* --- super-segments --- */

static struct rig_frame frame(unsigned int i)
{
	assert_true(i < x.r.link[0].n);
	return x.r.link[0].frame[i];
}

static void large_init(uint32_t wnd)
{
	rig_init(&x.r);
	(void)rig_link_add(&x.r, IFACE_IP, RIG_MTU, IFACE_TX_CSUM | IFACE_TSO4);
	rig_addr_add(&x.r, 0, RIG_US4, 24);
	netstack_advance(x.r.st, x.r.now);
	rig_forget(&x.r);
	params(&x.r)->initial_cwnd = 1000;
	x.p = peer_of(&x.r, PEER_PORT);
	x.p.wnd = (uint16_t)wnd;
	x.fd = connect_fd(&x.p);
	netstack_advance(x.r.st, x.r.now);
}

/* The link takes 64 KiB: whole packets of the MSS, as many as fit. */
static void segments_of_64_kib(void **state)
{
	struct tcp_repr h = { .flags = 0 };
	struct tcp_options_repr opt = full_options();
	struct rig_frame f;
	unsigned int n;

	(void)state;
	large_init(1000);
	f = frame(0);
	assert_true(tcp_parse(f.data + IPV4_HDR_LEN, f.len - IPV4_HDR_LEN, &h) > 0);
	x.p.our_port = h.src_port;
	x.p.ack = seq_add(h.seq, 1);
	opt.mss = MSS;
	opt.wscale = 10;
	seg_in(&x.p, &(struct seg){ .flags = TCP_SYN | TCP_ACK,
				    .seq = x.p.seq,
				    .ack = x.p.ack,
				    .wnd = x.p.wnd,
				    .opt = opt });
	x.p.seq = seq_add(x.p.seq, 1);
	n = x.r.link[0].n;
	peer_send(&x.p, TCP_ACK, 0); /* the window's scale counts from here */
	write_bytes(&x, 200500);
	/* 65515 with the TCP header, so 65 of 1000. */
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t want = i < 3 ? 65000 : 5500;

		f = frame(n + i);
		assert_int_equal(f.len, IPV4_HDR_LEN + TCP_HDR_LEN + want);
		assert_int_equal(f.gso, PBUF_GSO_TCP4);
		assert_int_equal(f.gso_size, MSS);
		assert_int_equal(f.csum, PBUF_CSUM_PARTIAL);
	}
	assert_int_equal(x.r.link[0].n, n + 4);
	assert_int_equal(info_of(&x).tcpi_unacked, 201);
	assert_int_equal(info_of(&x).tcpi_data_segs_out, 201);

	/* An ACK in the middle of one. */
	x.p.ack = seq_add(x.p.ack, 70000);
	peer_send(&x.p, TCP_ACK, 0);
	assert_int_equal(outq(&x), 130500);
	assert_int_equal(info_of(&x).tcpi_unacked, 131);
	sender_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_segment_waits_for_another),
		cmocka_unit_test(the_end_of_a_write_goes_along),
		cmocka_unit_test(nodelay_does_not_wait),
		cmocka_unit_test(writes_in_a_row_are_one_segment),
		cmocka_unit_test(a_cork_holds_back_what_is_not_whole),
		cmocka_unit_test(a_cork_is_not_for_ever),
		cmocka_unit_test(more_is_a_cork_for_one_write),
		cmocka_unit_test(a_fin_lets_all_go),
		cmocka_unit_test(the_window_is_obeyed),
		cmocka_unit_test(silly_windows),
		cmocka_unit_test(tiny_windows),
		cmocka_unit_test(small_windows_are_halved),
		cmocka_unit_test(the_fin_waits_for_a_window),
		cmocka_unit_test(ten_segments_to_begin_with),
		cmocka_unit_test(cwnd_does_not_grow_unused),
		cmocka_unit_test(slow_start_after_idle),
		cmocka_unit_test(or_not),
		cmocka_unit_test(the_urgent_pointer),
		cmocka_unit_test(segments_of_64_kib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
