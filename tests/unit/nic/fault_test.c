/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bad line before a nic that does what the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"

#define ALL_PPM 1000000U
#define MANY    4000U

static const struct frame_spec plain = {
	.proto = IP_PROTO_TCP,
	.len = 1000,
	.flags = TCP_ACK,
};

struct line {
	struct desk k;
	struct fake *below;
	struct nic *nic;
};

static void line_init(struct line *l, const struct nic_fault_conf *conf)
{
	desk_init(&l->k, LOOP_AUTO);
	l->below = fake_new(&l->k);
	assert_int_equal(nic_fault_new(&l->nic, &l->below->nic, conf, &l->k.err), 0);
	desk_serve(&l->k, l->nic);
}

static void line_done(struct line *l)
{
	nic_close(l->nic);
	assert_true(l->k.closed);
	desk_done(&l->k);
}

static void send_one(struct line *l, struct pbuf *pb)
{
	assert_int_equal(nic_tx(l->nic, &pb, 1), 1);
}

/* TCP segments with sequence numbers from 0 on. */
static void send_many(struct line *l, uint32_t n)
{
	struct frame_spec s = plain;

	for (s.seq = 0; s.seq < n; s.seq++)
		send_one(l, frame_new(l->k.pool, &s));
}

static struct nic_fault_stats stats_of(const struct line *l)
{
	struct nic_fault_stats stats;

	assert_int_equal(nic_fault_stats(l->nic, &stats), 0);
	return stats;
}

static uint32_t seq_in(const struct pbuf *pb)
{
	uint8_t b[ETH_HDR_LEN + IPV4_HDR_LEN + 8];

	pbuf_copy_out(pb, 0, b, sizeof(b));
	return get_be32(b + ETH_HDR_LEN + IPV4_HDR_LEN + 4);
}

/* --- without a fault --- */

static void without_faults_everything_passes(void **state)
{
	const struct nic_fault_conf conf = { .seed = 1 };
	struct pbuf *pb, *got[4];
	struct nic_stats stats;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	assert_string_equal(l.nic->info.name, "fake0");
	send_many(&l, 10);
	for (uint32_t i = 0; i < 10; i++) {
		pb = pbuf_queue_take(&l.below->out);
		assert_int_equal(seq_in(pb), i);
		pbuf_free(pb);
	}
	pbuf_queue_put(&l.below->in, frame_new(l.k.pool, &plain));
	assert_true(l.nic->ops->arm(l.nic));
	assert_int_equal(nic_rx(l.nic, got, 4), 1);
	assert_frame(got[0], &plain);
	pbuf_free(got[0]);
	assert_false(l.nic->ops->arm(l.nic));
	assert_true(l.below->armed);
	l.nic->ops->disarm(l.nic);
	assert_false(l.below->armed);
	nic_stats(l.nic, &stats);
	assert_int_equal(stats.tx_packets, 10);
	assert_int_equal(stats.rx_packets, 1);
	line_done(&l);
}

static void errors_and_readiness_of_the_nic_below_are_ours(void **state)
{
	const struct nic_fault_conf conf = { .seed = 1 };
	struct pbuf *pb;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	l.below->nic.ready(l.below->nic.ready_arg);
	assert_int_equal(l.k.readies, 1);
	l.below->nic.error = -ENODEV;
	l.below->nic.ready(l.below->nic.ready_arg);
	assert_int_equal(l.k.readies, 2);
	assert_int_equal(l.nic->error, -ENODEV);
	pb = frame_new(l.k.pool, &plain);
	assert_int_equal(nic_tx(l.nic, &pb, 1), 0);
	pbuf_free(pb);
	line_done(&l);
}

/* --- chance --- */

/* 5 % of MANY is 200: that it is less than 120 or more than 280 has a chance of 1 in 10^8. */
static void about_right(uint64_t n)
{
	assert_in_range(n, 120, 280);
}

static void shares_are_what_was_asked_for(void **state)
{
	const struct nic_fault_conf conf = {
		.seed = 3,
		.loss_ppm = 50000,
		.dup_ppm = 50000,
		.corrupt_ppm = 50000,
	};
	struct nic_fault_stats stats;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	send_many(&l, MANY);
	stats = stats_of(&l);
	about_right(stats.lost);
	about_right(stats.duplicated);
	about_right(stats.corrupted);
	assert_int_equal(stats.reordered + stats.delayed + stats.overflowed, 0);
	assert_int_equal(l.below->out.n, MANY - stats.lost + stats.duplicated);
	line_done(&l);
}

static uint64_t fates_of(uint64_t seed)
{
	const struct nic_fault_conf conf = {
		.seed = seed,
		.loss_ppm = 300000,
		.dup_ppm = 200000,
		.corrupt_ppm = 100000,
	};
	uint64_t sum = 0;
	struct pbuf *pb;
	struct line l;

	line_init(&l, &conf);
	send_many(&l, 200);
	while ((pb = pbuf_queue_take(&l.below->out))) {
		sum = sum * 31 + pbuf_csum(pb, 0, pb->len);
		pbuf_free(pb);
	}
	line_done(&l);
	return sum;
}

static void a_seed_gives_the_same_fates_again(void **state)
{
	(void)state;
	assert_true(fates_of(1) == fates_of(1));
	assert_true(fates_of(1) != fates_of(2));
}

static void all_can_be_lost_in_both_directions(void **state)
{
	const struct nic_fault_conf conf = { .loss_ppm = ALL_PPM };
	struct pbuf *got[2];
	struct line l;

	(void)state;
	line_init(&l, &conf);
	send_many(&l, 100);
	assert_int_equal(l.below->out.n, 0);
	pbuf_queue_put(&l.below->in, frame_new(l.k.pool, &plain));
	assert_int_equal(nic_rx(l.nic, got, 2), 0);
	assert_int_equal(stats_of(&l).lost, 101);
	line_done(&l);
}

static void a_duplicate_is_the_same_packet(void **state)
{
	const struct nic_fault_conf conf = { .dup_ppm = ALL_PPM };
	struct pbuf *got[4];
	struct line l;

	(void)state;
	line_init(&l, &conf);
	pbuf_queue_put(&l.below->in, frame_new(l.k.pool, &plain));
	assert_int_equal(nic_rx(l.nic, got, 4), 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_frame(got[i], &plain);
		pbuf_free(got[i]);
	}
	line_done(&l);
}

/* --- corruption --- */

static unsigned int bits_between(const struct pbuf *pb, const struct frame_spec *s)
{
	static uint8_t want[FRAME_MAX], got[FRAME_MAX];
	unsigned int bits = 0;
	uint64_t pseudo;
	uint32_t l4;

	assert_int_equal(pb->len, frame_bytes(s, want, &l4, &pseudo));
	pbuf_copy_out(pb, 0, got, pb->len);
	assert_memory_equal(got, want, ETH_HDR_LEN);
	for (uint32_t i = 0; i < pb->len; i++)
		bits += (unsigned int)__builtin_popcount(want[i] ^ got[i]);
	return bits;
}

static void corruption_is_one_bit_of_what_would_be_on_a_wire(void **state)
{
	const struct nic_fault_conf conf = { .corrupt_ppm = ALL_PPM, .dup_ppm = ALL_PPM };
	struct frame_spec s = plain;
	struct pbuf *pb;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	for (s.seq = 0; s.seq < 300; s.seq++) {
		s.is_ip6 = s.seq & 1;
		s.csum = s.seq & 2 ? PBUF_CSUM_PARTIAL : PBUF_CSUM_VALID;
		send_one(&l, frame_new(l.k.pool, &s));
		pb = pbuf_queue_take(&l.below->out); /* the duplicate shares bytes with it */
		assert_frame(pb, &s);
		pbuf_free(pb);
		pb = pbuf_queue_take(&l.below->out);
		assert_int_equal(pb->csum, PBUF_CSUM_NONE);
		assert_int_equal(bits_between(pb, &s), 1);
		pbuf_free(pb);
	}
	line_done(&l);
}

static void nothing_but_ip_is_corrupted(void **state)
{
	const struct nic_fault_conf conf = { .corrupt_ppm = ALL_PPM };
	static const uint8_t runt[5];
	struct pbuf *arp, *pb;
	uint32_t sum;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	arp = frame_arp(l.k.pool);
	sum = pbuf_csum(arp, 0, arp->len);
	send_one(&l, arp);
	send_one(&l, frame_of(l.k.pool, runt, sizeof(runt)));
	assert_int_equal(stats_of(&l).corrupted, 0);
	pb = pbuf_queue_take(&l.below->out);
	assert_int_equal(pbuf_csum(pb, 0, pb->len), sum);
	pbuf_free(pb);
	line_done(&l);
}

/* --- frames that are cut --- */

/* The frame of a segment: what tells it from @whole is its number, its length and the flags. */
static void check_segment(struct pbuf *pb, const struct frame_spec *whole, uint32_t off)
{
	struct tcp_repr tcp;
	uint32_t at, data;

	assert_int_equal(pb->gso, PBUF_GSO_NONE);
	assert_int_equal(pb->csum, PBUF_CSUM_PARTIAL);
	pbuf_finish_csum(pb);
	at = (uint32_t)(pbuf_l4(pb) - pb->data);
	assert_int_equal(tcp_parse(pb->data + at, pb->linear - at, &tcp), TCP_HDR_LEN);
	assert_int_equal(tcp.seq.v, whole->seq + off);
	data = pb->len - at - TCP_HDR_LEN;
	assert_int_equal(data,
			 off + whole->gso_size > whole->len ? whole->len - off : whole->gso_size);
	for (uint32_t i = 0; i < data; i += 97) {
		uint8_t b;

		pbuf_copy_out(pb, at + TCP_HDR_LEN + i, &b, 1);
		assert_int_equal(b, frame_byte(whole->seq + off + i));
	}
}

static void frames_are_cut_both_ways(void **state)
{
	const struct nic_fault_conf conf = { .seed = 1 };
	struct frame_spec s = plain;
	struct pbuf *pb, *got[NIC_BURST];
	struct line l;

	(void)state;
	line_init(&l, &conf);
	s.len = 50000;
	s.gso_size = 1400;
	s.csum = PBUF_CSUM_PARTIAL;
	for (s.is_ip6 = 0;; s.is_ip6 = 1) {
		send_one(&l, frame_new(l.k.pool, &s));
		assert_int_equal(l.below->out.n, 36);
		for (uint32_t off = 0; (pb = pbuf_queue_take(&l.below->out)); off += 1400) {
			check_segment(pb, &s, off);
			pbuf_free(pb);
		}
		/* A device sets no mark but that of the transport header, or none. */
		for (unsigned int i = 0; i < 2; i++) {
			pb = frame_new(l.k.pool, &s);
			pb->l2 = PBUF_NO_OFFSET;
			pb->l3 = PBUF_NO_OFFSET;
			if (i) {
				pb->l4 = PBUF_NO_OFFSET;
				pb->csum = PBUF_CSUM_VALID;
			}
			pbuf_queue_put(&l.below->in, pb);
			/* More than is asked for waits here. */
			assert_int_equal(nic_rx(l.nic, got, 30), 30);
			assert_true(l.nic->ops->arm(l.nic));
			assert_int_equal(nic_rx(l.nic, got + 30, 30), 6);
			assert_false(l.nic->ops->arm(l.nic));
			for (uint32_t j = 0; j < 36; j++) {
				check_segment(got[j], &s, j * 1400);
				pbuf_free(got[j]);
			}
		}
		if (s.is_ip6)
			break;
	}
	line_done(&l);
}

static void what_cannot_be_cut_is_lost_and_counted(void **state)
{
	const struct nic_fault_conf conf = { .seed = 1 };
	struct nic_stats stats;
	struct pbuf *pb, *got[2];
	struct line l;

	(void)state;
	line_init(&l, &conf);
	for (unsigned int i = 0; i < 2; i++) {
		pb = frame_arp(l.k.pool);
		pb->gso = PBUF_GSO_TCP4;
		pb->gso_size = 10;
		if (i)
			send_one(&l, pb);
		else
			pbuf_queue_put(&l.below->in, pb);
	}
	assert_int_equal(nic_rx(l.nic, got, 2), 0);
	assert_int_equal(l.below->out.n, 0);
	nic_stats(l.nic, &stats);
	assert_int_equal(stats.rx_no_memory, 1);
	assert_int_equal(stats.tx_errors, 1);
	line_done(&l);
}

/* --- time --- */

/* Serve as a service does, until @n packets have come out at one side or the other. */
static void serve(struct line *l, uint32_t n, struct pbuf_queue *ret)
{
	struct pbuf *got[NIC_BURST];

	while (ret->n + l->below->out.n < n) {
		const unsigned int k = nic_rx(l->nic, got, NIC_BURST);

		for (unsigned int i = 0; i < k; i++)
			pbuf_queue_put(ret, got[i]);
		if (!k && !l->nic->ops->arm(l->nic))
			assert_int_equal(loop_turn(l->k.loop, LOOP_FOREVER), 0);
	}
}

static void a_delay_wakes_who_sleeps(void **state)
{
	const struct nic_fault_conf conf = { .delay_us = 3000 };
	struct frame_spec s = plain;
	struct pbuf_queue got;
	struct line l;
	uint64_t begin;

	(void)state;
	line_init(&l, &conf);
	pbuf_queue_init(&got);
	for (s.seq = 0; s.seq < 20; s.seq++)
		pbuf_queue_put(&l.below->in, frame_new(l.k.pool, &s));
	begin = loop_clock();
	serve(&l, 20, &got);
	assert_true(loop_clock() - begin >= 3000000);
	assert_true(l.k.readies >= 1);
	assert_int_equal(stats_of(&l).delayed, 20);
	for (uint32_t i = 0; i < 20; i++) {
		struct pbuf *pb = pbuf_queue_take(&got);

		assert_int_equal(seq_in(pb), i);
		pbuf_free(pb);
	}
	line_done(&l);
}

/* Without anybody who calls rx() or tx(). */
static void what_is_sent_late_leaves_by_the_timer(void **state)
{
	const struct nic_fault_conf conf = { .delay_us = 2000 };
	struct line l;
	uint64_t begin;

	(void)state;
	line_init(&l, &conf);
	begin = loop_clock();
	send_many(&l, 100);
	assert_int_equal(l.below->out.n, 0);
	while (l.below->out.n < 100)
		assert_int_equal(loop_turn(l.k.loop, LOOP_FOREVER), 0);
	assert_true(loop_clock() - begin >= 2000000);
	assert_int_equal(l.k.readies, 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct pbuf *pb = pbuf_queue_take(&l.below->out);

		assert_int_equal(seq_in(pb), i);
		pbuf_free(pb);
	}
	line_done(&l);
}

/* Return: how often a packet came out behind a later one. */
static uint32_t disorder(const struct nic_fault_conf *conf)
{
	struct pbuf_queue none;
	uint32_t high = 0, n = 0;
	struct pbuf *pb;
	struct line l;

	line_init(&l, conf);
	pbuf_queue_init(&none);
	send_many(&l, 300);
	serve(&l, 300, &none);
	while ((pb = pbuf_queue_take(&l.below->out))) {
		if (seq_in(pb) < high)
			n++;
		else
			high = seq_in(pb);
		pbuf_free(pb);
	}
	line_done(&l);
	return n;
}

static void jitter_and_reordering_let_packets_overtake(void **state)
{
	const struct nic_fault_conf jitter = { .seed = 1, .delay_us = 1, .jitter_us = 20000 };
	const struct nic_fault_conf reorder = { .seed = 1, .reorder_ppm = 100000 };

	(void)state;
	assert_true(disorder(&jitter) > 50);
	assert_in_range(disorder(&reorder), 1, 299);
}

static void more_late_packets_than_allowed_are_lost(void **state)
{
	const struct nic_fault_conf conf = { .delay_us = 60000000, .queue = 10 };
	struct nic_fault_stats stats;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	send_many(&l, 15);
	stats = stats_of(&l);
	assert_int_equal(stats.delayed, 10);
	assert_int_equal(stats.overflowed, 5);
	line_done(&l); /* with packets under way */
}

static void what_the_nic_below_does_not_take_is_lost(void **state)
{
	const struct nic_fault_conf conf = { .seed = 1 };
	struct frame_spec s = plain;
	struct line l;

	(void)state;
	line_init(&l, &conf);
	l.below->takes = 30;
	s.len = 10000;
	s.gso_size = 100;
	s.csum = PBUF_CSUM_PARTIAL;
	send_one(&l, frame_new(l.k.pool, &s)); /* bursts of 64 and 36 */
	assert_int_equal(l.below->out.n, 60);
	assert_int_equal(stats_of(&l).overflowed, 40);
	line_done(&l);
}

/* --- parameters --- */

static void impossible_shares_are_refused(void **state)
{
	const struct nic_fault_conf share = { .dup_ppm = 1000001 };
	const struct nic_fault_conf queue = { .queue = (1U << 20) + 1 };
	struct nic_fault_stats stats;
	struct nic *nic = NULL;
	struct fake *below;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_AUTO);
	below = fake_new(&k);
	assert_int_equal(nic_fault_new(&nic, &below->nic, &share, &k.err), -EINVAL);
	assert_string_equal(k.err.msg, "dup of 1000001ppm is more than all packets");
	assert_int_equal(nic_fault_new(&nic, &below->nic, &queue, &k.err), -EINVAL);
	assert_string_equal(k.err.msg, "queue of 1048577 packets is out of range (1 to 1048576)");
	assert_int_equal(nic_fault_stats(&below->nic, &stats), -EINVAL);
	assert_null(nic);
	assert_false(k.closed); /* it stays the caller's */
	nic_close(&below->nic);
	desk_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults_everything_passes),
		cmocka_unit_test(errors_and_readiness_of_the_nic_below_are_ours),
		cmocka_unit_test(shares_are_what_was_asked_for),
		cmocka_unit_test(a_seed_gives_the_same_fates_again),
		cmocka_unit_test(all_can_be_lost_in_both_directions),
		cmocka_unit_test(a_duplicate_is_the_same_packet),
		cmocka_unit_test(corruption_is_one_bit_of_what_would_be_on_a_wire),
		cmocka_unit_test(nothing_but_ip_is_corrupted),
		cmocka_unit_test(frames_are_cut_both_ways),
		cmocka_unit_test(what_cannot_be_cut_is_lost_and_counted),
		cmocka_unit_test(a_delay_wakes_who_sleeps),
		cmocka_unit_test(what_is_sent_late_leaves_by_the_timer),
		cmocka_unit_test(jitter_and_reordering_let_packets_overtake),
		cmocka_unit_test(more_late_packets_than_allowed_are_lost),
		cmocka_unit_test(what_the_nic_below_does_not_take_is_lost),
		cmocka_unit_test(impossible_shares_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
