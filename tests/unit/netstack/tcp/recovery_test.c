/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loss recovery, segment by segment.  Congestion control is Reno: its numbers are simple.
 */
#include <linux/tcp.h>

#include "tests/unit/netstack/tcp/sender.h"

static struct sender x;

static void settings(void)
{
	const int size = 200000;

	assert_int_equal(ns_setsockopt(x.r.st, x.fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	assert_int_equal(ns_setsockopt(x.r.st, x.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
			 0);
	pass(&x, 100);
}

static void begin(bool sack_too)
{
	sender_init(&x, sack_too);
	settings();
}

static void begin_with_timestamps(void)
{
	struct tcp_options_repr opt = plain_options(true);

	segments_init(&x.r);
	x.p = peer_of(&x.r, PEER_PORT);
	x.p.wnd = 60000;
	x.p.ts = true;
	x.p.ts_val = 5000;
	opt.mss = MSS + TCP_OPTS_TS_LEN;
	x.fd = peer_accepts(&x.p, &opt);
	x.first = x.p.ack;
	settings();
}

static void dupacks(uint32_t off, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ack(&x, off);
}

static uint32_t cwnd(void)
{
	return info_of(&x).tcpi_snd_cwnd;
}

/* --- fast retransmit --- */

/* RFC 3042: the first two let new data out, the third resends. */
static void limited_transmit(void **state)
{
	(void)state;
	for (unsigned int with_sack = 0; with_sack < 2; with_sack++) {
		begin(with_sack);
		write_bytes(&x, 30 * MSS);
		full_out(&x, 0, 10 * MSS);
		for (unsigned int i = 0; i < 2; i++) {
			if (with_sack)
				sack(&x, 0, MSS, (2 + i) * MSS);
			else
				ack(&x, 0);
			full_out(&x, (10 + i) * MSS, (11 + i) * MSS);
			no_seg(&x.p);
			assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_DISORDER);
			assert_int_equal(cwnd(), 10);
		}
		if (with_sack)
			sack(&x, 0, MSS, 4 * MSS);
		else
			ack(&x, 0);
		(void)data_out(&x, 0, MSS);
		no_seg(&x.p);
		assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_RECOVERY);
		assert_int_equal(info_of(&x).tcpi_snd_ssthresh, 6); /* of FlightSize 12 */
		assert_int_equal(cwnd(), 6);
		assert_int_equal(stats(&x.r)->fast_retrans, 1);
		assert_int_equal(stats(&x.r)->sack_recovery, with_sack);
		assert_int_equal(stats(&x.r)->reno_recovery, !with_sack);
		sender_done(&x);
	}
}

/* In fast recovery new data follows once half of the flight has left (RFC 6675, 5 (C)); what ends
 * it is the ACK of all that was in flight.
 */
static void fast_recovery(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 0, 10 * MSS);
	sack(&x, 0, MSS, 4 * MSS);
	/* 10 in flight, 3 SACKed, 1 lost: 6 are in the network and the window is 5. */
	(void)data_out(&x, 0, MSS);
	no_seg(&x.p);
	sack(&x, 0, MSS, 5 * MSS);
	no_seg(&x.p);
	sack(&x, 0, MSS, 6 * MSS);
	no_seg(&x.p);
	sack(&x, 0, MSS, 7 * MSS);
	full_out(&x, 10 * MSS, 11 * MSS);
	no_seg(&x.p);
	assert_int_equal(cwnd(), 5);
	ack(&x, 10 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
	assert_int_equal(cwnd(), 5);
	full_out(&x, 11 * MSS, 15 * MSS);
	no_seg(&x.p);
	assert_int_equal(stats(&x.r)->retrans_segs, 1);
	sender_done(&x);
}

static void only_what_is_missing_is_resent(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	/* 0, 2 and 5 are missing. */
	sack(&x, 0, MSS, 2 * MSS);
	sack(&x, 0, 3 * MSS, 5 * MSS);
	(void)data_out(&x, 0, MSS);
	sack(&x, 0, 6 * MSS, 10 * MSS);
	(void)data_out(&x, 2 * MSS, MSS);
	(void)data_out(&x, 5 * MSS, MSS);
	no_seg(&x.p);
	sack(&x, 2 * MSS, 3 * MSS, 5 * MSS);
	no_seg(&x.p);
	ack(&x, 10 * MSS);
	assert_int_equal(stats(&x.r)->retrans_segs, 3);
	assert_int_equal(info_of(&x).tcpi_total_retrans, 3);
	assert_int_equal(info_of(&x).tcpi_bytes_retrans, 3 * MSS);
	assert_int_equal(stats(&x.r)->timeouts, 0);
	sender_done(&x);
}

/* RFC 6675, NextSeg() (3) and (4): with room in the pipe and nothing new, what is not known to
 * be lost is resent rather than waited for.
 */
static void suspicion_is_enough_when_there_is_nothing_else(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	sack(&x, 0, MSS, 8 * MSS);
	(void)data_out(&x, 0, MSS);
	/* 8 and 9 are missing: nothing tells that, but nothing else is there to do. */
	(void)data_out(&x, 9 * MSS, MSS);
	sack(&x, 0, MSS, 8 * MSS);
	no_seg(&x.p);
	sack(&x, 8 * MSS, 9 * MSS, 10 * MSS);
	(void)data_out(&x, 8 * MSS, MSS);
	ack(&x, 10 * MSS);
	assert_int_equal(stats(&x.r)->timeouts, 0);
	sender_done(&x);
}

/* --- without SACK --- */

/* RFC 6582, 3.2: one segment for each partial ACK. */
static void newreno(void **state)
{
	(void)state;
	begin(false);
	write_bytes(&x, 12 * MSS);
	full_out(&x, 0, 10 * MSS);
	/* 0, 3 and 6 are missing. */
	dupacks(0, 3);
	full_out(&x, 10 * MSS, 12 * MSS);
	(void)data_out(&x, 0, MSS);
	dupacks(0, 6);
	no_seg(&x.p);
	ack(&x, 3 * MSS);
	(void)data_out(&x, 3 * MSS, MSS);
	no_seg(&x.p);
	ack(&x, 6 * MSS);
	(void)data_out(&x, 6 * MSS, MSS);
	no_seg(&x.p);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_RECOVERY);
	ack(&x, 12 * MSS);
	assert_int_equal(stats(&x.r)->retrans_segs, 3);
	assert_int_equal(stats(&x.r)->timeouts, 0);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
	assert_in_range(cwnd(), 2, 6);
	sender_done(&x);
}

/* Step 2: duplicates that our own resending caused do not begin another recovery. */
static void no_second_fast_retransmit(void **state)
{
	(void)state;
	begin(false);
	write_bytes(&x, 40 * MSS);
	full_out(&x, 0, 10 * MSS);
	dupacks(0, 3);
	full_out(&x, 10 * MSS, 12 * MSS);
	(void)data_out(&x, 0, MSS);
	ack(&x, 12 * MSS); /* all of it: but @recover is not passed */
	while (x.p.seen < x.r.link[0].n)
		(void)seg_out(&x.p);
	assert_int_equal(stats(&x.r)->reno_recovery, 1);
	dupacks(12 * MSS, 5);
	assert_int_equal(stats(&x.r)->reno_recovery, 1);
	assert_int_equal(stats(&x.r)->retrans_segs, 1);
	/* Beyond it they count again. */
	ack(&x, 13 * MSS);
	dupacks(13 * MSS, 3);
	assert_int_equal(stats(&x.r)->reno_recovery, 2);
	sender_done(&x);
}

/* A window update is no duplicate ACK, nor is one with data. */
static void what_is_no_duplicate(void **state)
{
	(void)state;
	begin(false);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	for (uint16_t i = 1; i < 8; i++)
		ack_wnd(&x, 0, (uint16_t)(60000 - i));
	x.p.ack = x.first;
	for (unsigned int i = 0; i < 8; i++)
		peer_send(&x.p, TCP_ACK | TCP_PSH, 10);
	assert_int_equal(stats(&x.r)->reno_recovery, 0);
	assert_int_equal(stats(&x.r)->retrans_segs, 0);
	sender_done(&x);
}

/* --- the timer --- */

static void timeout(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 10 * MSS);
	full_out(&x, 0, 10 * MSS);
	/* RFC 6298, 5.5: doubled each time. */
	assert_in_range(next_out_after(&x), 199, 203);
	(void)data_out(&x, 0, MSS);
	no_seg(&x.p);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_LOSS);
	assert_int_equal(cwnd(), 1);
	assert_int_equal(info_of(&x).tcpi_snd_ssthresh, 5);
	assert_int_equal(info_of(&x).tcpi_lost, 10);
	assert_int_equal(info_of(&x).tcpi_retransmits, 1);
	assert_in_range(next_out_after(&x), 399, 403);
	(void)data_out(&x, 0, MSS);
	assert_in_range(next_out_after(&x), 799, 803);
	(void)data_out(&x, 0, MSS);
	/* Reduced once, not for each time. */
	assert_int_equal(info_of(&x).tcpi_snd_ssthresh, 5);
	assert_int_equal(info_of(&x).tcpi_backoff, 3);

	/* Slow start over what is lost. */
	ack(&x, MSS);
	full_out(&x, MSS, 3 * MSS);
	no_seg(&x.p);
	ack(&x, 3 * MSS);
	full_out(&x, 3 * MSS, 7 * MSS);
	no_seg(&x.p);
	ack(&x, 7 * MSS);
	full_out(&x, 7 * MSS, 10 * MSS);
	ack(&x, 10 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
	assert_int_equal(stats(&x.r)->timeouts, 3);
	assert_int_equal(stats(&x.r)->slow_start_retrans, 12);
	sender_done(&x);
}

/* What was SACKed is not resent after a timeout (RFC 6675, 5.1). */
static void timeout_with_sacks(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 5 * MSS);
	full_out(&x, 0, 5 * MSS);
	sack(&x, 0, MSS, 3 * MSS);
	pass(&x, 250);
	(void)data_out(&x, 0, MSS);
	no_seg(&x.p);
	ack(&x, 3 * MSS);
	full_out(&x, 3 * MSS, 4 * MSS);
	ack(&x, 4 * MSS);
	full_out(&x, 4 * MSS, 5 * MSS);
	sender_done(&x);
}

/* RFC 2018, 8: the first missing byte was SACKed: the peer has thrown it away. */
static void reneging(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 5 * MSS);
	full_out(&x, 0, 5 * MSS);
	sack(&x, 0, MSS, 5 * MSS);
	(void)data_out(&x, 0, MSS);
	ack(&x, MSS); /* and not 5 * MSS */
	assert_in_range(next_out_after(&x), 9, 13);
	(void)data_out(&x, MSS, MSS);
	assert_int_equal(stats(&x.r)->sack_reneging, 1);
	assert_int_equal(info_of(&x).tcpi_sacked, 0);
	ack(&x, 2 * MSS);
	full_out(&x, 2 * MSS, 4 * MSS);
	ack(&x, 4 * MSS);
	full_out(&x, 4 * MSS, 5 * MSS);
	sender_done(&x);
}

/* Karn's algorithm: no sample of what was resent. */
static void no_sample_of_the_resent(void **state)
{
	uint32_t rtt;

	(void)state;
	begin(true);
	write_bytes(&x, MSS);
	(void)data_out(&x, 0, MSS);
	pass(&x, 50);
	ack(&x, MSS);
	rtt = info_of(&x).tcpi_rtt;
	write_bytes(&x, MSS);
	(void)data_out(&x, MSS, MSS);
	pass(&x, 300);
	(void)data_out(&x, MSS, MSS);
	ack(&x, 2 * MSS);
	assert_int_equal(info_of(&x).tcpi_rtt, rtt);
	assert_int_equal(info_of(&x).tcpi_backoff, 1); /* until there is one */
	write_bytes(&x, MSS);
	pass(&x, 10);
	(void)data_out(&x, 2 * MSS, MSS);
	ack(&x, 3 * MSS);
	assert_int_equal(info_of(&x).tcpi_backoff, 0);
	sender_done(&x);
}

/* --- mistakes --- */

/* D-SACK for all that was resent: cwnd is what it was, and more reordering is expected. */
static void undo_by_dsack(void **state)
{
	struct seg s = { .flags = TCP_ACK };

	(void)state;
	begin(true);
	write_bytes(&x, 20 * MSS);
	full_out(&x, 0, 10 * MSS);
	sack(&x, 0, MSS, 4 * MSS);
	(void)data_out(&x, 0, MSS);
	assert_int_equal(cwnd(), 5);
	sack(&x, 0, MSS, 5 * MSS);
	/* The original was only late, */
	ack(&x, 5 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_RECOVERY);
	while (x.p.seen < x.r.link[0].n)
		(void)seg_out(&x.p);
	/* and the second copy is reported. */
	s.seq = x.p.seq;
	s.wnd = x.p.wnd;
	s.ack = seq_add(x.first, 5 * MSS);
	s.opt.n_sack = 1;
	s.opt.sack[0] = (struct tcp_sack){ x.first, seq_add(x.first, MSS) };
	seg_in(&x.p, &s);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
	assert_in_range(cwnd(), 10, 15);
	assert_int_equal(info_of(&x).tcpi_snd_ssthresh, 0x7fffffff);
	assert_int_equal(info_of(&x).tcpi_dsack_dups, 1);
	sender_done(&x);
}

/* Eifel: the first ACK is of the original, by its timestamp. */
static void undo_by_timestamp(void **state)
{
	const uint32_t old = 10;

	(void)state;
	begin_with_timestamps();
	write_bytes(&x, 20 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, old);
	sack(&x, 0, MSS, 4 * MSS);
	const uint32_t ecr = x.p.ts_ecr;
	(void)data_out(&x, 0, MSS);
	assert_int_equal(cwnd(), 5);
	x.p.ts_ecr = ecr; /* the peer saw nothing newer */
	pass(&x, 5);
	ack(&x, 4 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
	assert_in_range(cwnd(), 10, 14);
	sender_done(&x);
}

/* What came late shows how late things come: next time that is waited for. */
static void reordering_is_learnt(void **state)
{
	(void)state;
	begin(true);
	write_bytes(&x, 40 * MSS);
	full_out(&x, 0, 10 * MSS);
	sack(&x, 0, 8 * MSS, 9 * MSS);
	assert_int_equal(info_of(&x).tcpi_reordering, 3);
	sack(&x, 0, 5 * MSS, 6 * MSS); /* late by 4 */
	assert_int_equal(info_of(&x).tcpi_reordering, 5);
	assert_int_equal(info_of(&x).tcpi_reord_seen, 1);
	/* Four above it are not enough now, five are. */
	sack(&x, 0, 6 * MSS, 8 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_DISORDER);
	sack(&x, 0, 9 * MSS, 10 * MSS);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_RECOVERY);
	sender_done(&x);
}

/* F-RTO (RFC 5682): after a timeout that was none new data is sent instead of old. */
static void spurious_timeout(void **state)
{
	(void)state;
	for (unsigned int with_sack = 0; with_sack < 2; with_sack++) {
		begin(with_sack);
		write_bytes(&x, 30 * MSS);
		full_out(&x, 0, 10 * MSS);
		pass(&x, 250); /* all is late */
		(void)data_out(&x, 0, MSS);
		assert_int_equal(cwnd(), 1);
		ack(&x, MSS);
		full_out(&x, 10 * MSS, 12 * MSS);
		no_seg(&x.p);
		ack(&x, 2 * MSS); /* was sent once only: so it was not lost */
		assert_int_equal(stats(&x.r)->spurious_rtos, 1);
		assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_OPEN);
		assert_int_equal(info_of(&x).tcpi_lost, 0);
		assert_in_range(cwnd(), 10, 12);
		assert_int_equal(stats(&x.r)->retrans_segs, 1);
		sender_done(&x);
	}
}

/* And when the timeout was right, that costs no more than two new segments. */
static void frto_after_a_real_loss(void **state)
{
	(void)state;
	begin(false);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, 250);
	(void)data_out(&x, 0, MSS);
	ack(&x, MSS);
	full_out(&x, 10 * MSS, 12 * MSS);
	dupacks(MSS, 1); /* for those two */
	(void)data_out(&x, MSS, MSS);
	assert_int_equal(stats(&x.r)->spurious_rtos, 0);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_LOSS);
	sender_done(&x);
}

/* The first ACK covers what was resent and what the peer had behind it: who knows no SACK cannot
 * tell that from a mistake.
 */
static void frto_after_a_hole_was_filled(void **state)
{
	(void)state;
	begin(false);
	write_bytes(&x, 30 * MSS);
	full_out(&x, 0, 10 * MSS);
	pass(&x, 250);
	(void)data_out(&x, 0, MSS);
	ack(&x, 5 * MSS);
	assert_int_equal(stats(&x.r)->spurious_rtos, 0);
	assert_int_equal(info_of(&x).tcpi_ca_state, TCPCA_LOSS);
	sender_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limited_transmit),
		cmocka_unit_test(fast_recovery),
		cmocka_unit_test(only_what_is_missing_is_resent),
		cmocka_unit_test(suspicion_is_enough_when_there_is_nothing_else),
		cmocka_unit_test(newreno),
		cmocka_unit_test(no_second_fast_retransmit),
		cmocka_unit_test(what_is_no_duplicate),
		cmocka_unit_test(timeout),
		cmocka_unit_test(timeout_with_sacks),
		cmocka_unit_test(reneging),
		cmocka_unit_test(no_sample_of_the_resent),
		cmocka_unit_test(undo_by_dsack),
		cmocka_unit_test(undo_by_timestamp),
		cmocka_unit_test(reordering_is_learnt),
		cmocka_unit_test(spurious_timeout),
		cmocka_unit_test(frto_after_a_real_loss),
		cmocka_unit_test(frto_after_a_hole_was_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
