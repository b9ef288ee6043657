/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"

struct rig {
	struct desk k;
	struct fake *below;
	struct nic *nic;
};

static void rig_init(struct rig *r)
{
	desk_init(&r->k, LOOP_AUTO);
	r->below = fake_new(&r->k);
	assert_int_equal(nic_count_new(&r->nic, &r->below->nic, &r->k.err), 0);
	desk_serve(&r->k, r->nic);
}

static void rig_done(struct rig *r)
{
	nic_close(r->nic);
	assert_true(r->k.closed);
	desk_done(&r->k);
}

/* Counted one way and the other, and alone. */
static struct nic_count count_of(struct pbuf *pb)
{
	struct nic_count rx, tx;
	struct pbuf *got[2];
	struct rig r;

	rig_init(&r);
	assert_int_equal(nic_tx(r.nic, &pb, 1), 1);
	pb = pbuf_queue_take(&r.below->out);
	pbuf_queue_put(&r.below->in, pb);
	assert_int_equal(nic_rx(r.nic, got, 2), 1);
	nic_count_get(r.nic, &rx, &tx);
	assert_memory_equal(&rx, &tx, sizeof(rx));
	assert_int_equal(rx.packets, 1);
	assert_int_equal(rx.bytes, pb->len);
	assert_int_equal(rx.tcp + rx.udp + rx.icmp + rx.arp + rx.other, 1);
	pbuf_free(pb);
	rig_done(&r);
	return rx;
}

static void packets_are_what_they_are(void **state)
{
	struct frame_spec s = { .proto = IP_PROTO_TCP, .flags = TCP_ACK };
	static const uint8_t lldp[60] = { 1, 0x80, 0xc2, 0, 0, 14, 2, 0, 0, 0, 0, 2, 0x88, 0xcc };
	static const uint8_t runt[7];
	struct nic_count c;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	for (s.is_ip6 = 0;; s.is_ip6 = 1) {
		s.proto = IP_PROTO_TCP;
		c = count_of(frame_new(k.pool, &s));
		assert_int_equal(c.tcp, 1);
		assert_int_equal(c.tcp_pure_ack, 1);
		s.flags = TCP_ACK | TCP_FIN;
		assert_int_equal(count_of(frame_new(k.pool, &s)).tcp_pure_ack, 0);
		s.flags = TCP_ACK;
		for (s.len = 1; s.len < 3000; s.len += 1500) {
			c = count_of(frame_new(k.pool, &s));
			assert_int_equal(c.tcp, 1);
			assert_int_equal(c.tcp_pure_ack, 0);
			assert_int_equal(c.segments, 1);
		}
		s.proto = IP_PROTO_UDP;
		s.len = 100;
		assert_int_equal(count_of(frame_new(k.pool, &s)).udp, 1);
		s.proto = s.is_ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
		assert_int_equal(count_of(frame_new(k.pool, &s)).icmp, 1);
		s.proto = 132; /* SCTP */
		assert_int_equal(count_of(frame_new(k.pool, &s)).other, 1);
		s.len = 0;
		if (s.is_ip6)
			break;
	}
	assert_int_equal(count_of(frame_arp(k.pool)).arp, 1);
	assert_int_equal(count_of(frame_of(k.pool, lldp, sizeof(lldp))).other, 1);
	assert_int_equal(count_of(frame_of(k.pool, runt, sizeof(runt))).other, 1);
	desk_done(&k);
}

/* Padding of the link is no data of the segment (RFC 894). */
static void a_padded_acknowledgment_is_pure(void **state)
{
	const struct frame_spec s = { .proto = IP_PROTO_TCP, .flags = TCP_ACK };
	struct pbuf *pb;
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	pb = frame_new(k.pool, &s);
	memset(pbuf_put(pb, 6), 0, 6);
	assert_int_equal(count_of(pb).tcp_pure_ack, 1);
	desk_done(&k);
}

static void segments_are_those_of_the_wire(void **state)
{
	struct frame_spec s = { .proto = IP_PROTO_TCP, .flags = TCP_ACK, .gso_size = 1000 };
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	for (unsigned int i = 0; i < 4; i++) {
		s.is_ip6 = i & 1;
		s.proto = i & 2 ? IP_PROTO_UDP : IP_PROTO_TCP;
		s.len = 64000;
		assert_int_equal(count_of(frame_new(k.pool, &s)).segments, 64);
		s.len = 64001;
		assert_int_equal(count_of(frame_new(k.pool, &s)).segments, 65);
		s.len = 1;
		assert_int_equal(count_of(frame_new(k.pool, &s)).segments, 1);
	}
	desk_done(&k);
}

static void sizes_are_counted_by_their_logarithm(void **state)
{
	static const struct {
		uint32_t len;
		unsigned int log2;
	} sample[] = { { 1, 0 },  { 2, 1 },     { 3, 1 },      { 63, 5 },
		       { 64, 6 }, { 1514, 10 }, { 65535, 15 }, { 65536, 16 } };
	static uint8_t bytes[65536];
	struct desk k;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	for (unsigned int i = 0; i < sizeof(sample) / sizeof(*sample); i++) {
		const struct nic_count c = count_of(frame_of(k.pool, bytes, sample[i].len));

		assert_int_equal(c.size[sample[i].log2], 1);
	}
	desk_done(&k);
}

static void what_is_not_taken_is_not_counted(void **state)
{
	struct frame_spec s = { .proto = IP_PROTO_TCP, .flags = TCP_ACK };
	struct nic_count rx, tx;
	struct pbuf *burst[6];
	struct rig r;

	(void)state;
	rig_init(&r);
	r.below->takes = 2;
	for (unsigned int i = 0; i < 6; i++) {
		s.len = i * 1000;
		s.gso_size = i > 3 ? 500 : 0;
		burst[i] = i == 3 ? frame_arp(r.k.pool) : frame_new(r.k.pool, &s);
	}
	assert_int_equal(nic_tx(r.nic, burst, 6), 2);
	nic_count_get(r.nic, &rx, &tx);
	assert_int_equal(rx.packets, 0);
	assert_int_equal(tx.packets, 2);
	assert_int_equal(tx.bytes, 2 * 54 + 1000);
	assert_int_equal(tx.segments, 2);
	assert_int_equal(tx.tcp, 2);
	assert_int_equal(tx.tcp_pure_ack, 1);
	assert_int_equal(tx.arp, 0);
	assert_int_equal(tx.size[5] + tx.size[10], 2);
	for (unsigned int i = 0; i < 17; i++)
		assert_true(tx.size[i] <= 1);
	for (unsigned int i = 2; i < 6; i++)
		pbuf_free(burst[i]);
	nic_count_get(r.nic, NULL, NULL);
	rig_done(&r);
}

static void all_else_is_the_nics_below(void **state)
{
	struct nic_stats stats;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_string_equal(r.nic->info.name, "fake0");
	assert_false(r.nic->ops->arm(r.nic));
	assert_true(r.below->armed);
	r.nic->ops->disarm(r.nic);
	assert_false(r.below->armed);
	r.below->nic.counters.rx_bad = 9;
	nic_stats(r.nic, &stats);
	assert_int_equal(stats.rx_bad, 9);
	r.below->nic.info.mtu = 9000;
	assert_false(r.nic->ops->arm(r.nic));
	assert_int_equal(r.nic->info.mtu, 9000);
	r.below->nic.error = -ENODEV;
	r.below->nic.ready(r.below->nic.ready_arg);
	assert_int_equal(r.k.readies, 1);
	assert_int_equal(r.nic->error, -ENODEV);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_what_they_are),
		cmocka_unit_test(a_padded_acknowledgment_is_pure),
		cmocka_unit_test(segments_are_those_of_the_wire),
		cmocka_unit_test(sizes_are_counted_by_their_logarithm),
		cmocka_unit_test(what_is_not_taken_is_not_counted),
		cmocka_unit_test(all_else_is_the_nics_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
