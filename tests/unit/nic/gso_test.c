/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/gso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/netstack/core_fixture.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/**
 * struct sample - A packet to be cut
 * @bytes:	All of it
 * @len:	So many
 * @l3, @l4:	Where headers begin
 * @hdrs_len:	and where data does
 * @gso:	enum pbuf_gso
 * @ip4:	The header, of IPv4
 * @tcp:	The header, of TCP
 */
struct sample {
	uint8_t bytes[PACKET_MAX];
	uint32_t len;
	uint32_t l3;
	uint32_t l4;
	uint32_t hdrs_len;
	uint16_t gso_size;
	enum pbuf_gso gso;
	bool is_ip4;
	bool ecn;
	struct ipv4_repr ip4;
	struct ipv6_repr ip6;
	struct tcp_repr tcp;
};

static uint32_t put_ip(struct core_fixture *f, struct sample *s, uint32_t payload)
{
	uint8_t *at = s->bytes + s->l3;

	if (s->is_ip4) {
		s->ip4 = (struct ipv4_repr){
			.src = dice_roll(&f->d),
			.dst = dice_roll(&f->d),
			.payload_len = (uint16_t)payload,
			.id = (uint16_t)dice_roll(&f->d),
			.tos = 0x12,
			.ttl = 64,
			.proto = s->gso == PBUF_GSO_UDP ? IP_PROTO_UDP : IP_PROTO_TCP,
			.opts_len = (uint8_t)(4 * dice_below(&f->d, 11)),
			.dont_frag = true,
		};
		memset(at + IPV4_HDR_LEN, 1, s->ip4.opts_len);
		return (uint32_t)ipv4_emit(at, IPV4_HDR_LEN_MAX, &s->ip4);
	}
	s->ip6 = (struct ipv6_repr){
		.src = { dice_roll(&f->d), dice_roll(&f->d) },
		.dst = { dice_roll(&f->d), dice_roll(&f->d) },
		.flow = 77,
		.payload_len = (uint16_t)payload,
		.next_hdr = s->gso == PBUF_GSO_UDP ? IP_PROTO_UDP : IP_PROTO_TCP,
		.hop_limit = 3,
	};
	return (uint32_t)ipv6_emit(at, IPV6_HDR_LEN, &s->ip6);
}

/* Lengths in the headers are those of the whole. */
static void make_sample(struct core_fixture *f, struct sample *s)
{
	const uint32_t max = dice_below(&f->d, 4) ? 4000 : 65000;
	uint32_t data, opts = 4 * dice_below(&f->d, 11);
	const bool has_l2 = dice_below(&f->d, 2);

	s->gso = PBUF_GSO_TCP4 + dice_below(&f->d, 3);
	s->is_ip4 = s->gso == PBUF_GSO_TCP4 || (s->gso == PBUF_GSO_UDP && dice_below(&f->d, 2));
	s->ecn = s->gso != PBUF_GSO_UDP && dice_below(&f->d, 2);
	data = dice_below(&f->d, max);
	s->gso_size = (uint16_t)(8 + dice_below(&f->d, dice_below(&f->d, 2) ? 1500 : 60));
	if (data / s->gso_size > 300)
		s->gso_size = 1448;
	fill_random(f, s->bytes, 256);
	fill_random(f, s->bytes + 256, data);
	s->l3 = has_l2 ? ETH_HDR_LEN : 0;
	if (s->gso == PBUF_GSO_UDP)
		opts = 0;
	s->l4 = s->l3 + put_ip(f, s, 0);
	s->hdrs_len = s->l4 + (s->gso == PBUF_GSO_UDP ? UDP_HDR_LEN : TCP_HDR_LEN + opts);
	s->len = s->hdrs_len + data;
	if (s->is_ip4) {
		s->ip4.payload_len = (uint16_t)(s->len - s->l4);
		assert_true(ipv4_emit(s->bytes + s->l3, IPV4_HDR_LEN_MAX, &s->ip4) > 0);
	} else {
		put_be16(s->bytes + s->l3 + 4, (uint16_t)(s->len - s->l4));
	}
	if (s->gso == PBUF_GSO_UDP) {
		put_be16(s->bytes + s->l4 + 4, (uint16_t)(s->len - s->l4));
		return;
	}
	s->tcp = (struct tcp_repr){
		.seq = seq_of(dice_roll(&f->d)),
		.ack = seq_of(dice_roll(&f->d)),
		.flags = TCP_ACK | (uint16_t)(dice_roll(&f->d) &
					      (TCP_FIN | TCP_PSH | TCP_CWR | TCP_ECE | TCP_URG)),
		.urg = (uint16_t)dice_below(&f->d, data + 1),
		.opts_len = (uint8_t)opts,
	};
	assert_true(tcp_emit(s->bytes + s->l4, TCP_HDR_LEN_MAX, &s->tcp) > 0);
}

static struct pbuf *packet_of(struct core_fixture *f, const struct sample *s)
{
	struct pbuf *pb = make_packet(f, s->bytes, s->len, s->hdrs_len,
				      dice_below(&f->d, PBUF_FRAGS_MAX + 1));

	pb->l2 = s->l3 ? (uint16_t)pbuf_headroom(pb) : PBUF_NO_OFFSET;
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + s->l3);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + s->l4);
	pb->gso = s->gso;
	pb->gso_size = s->gso_size;
	pb->gso_ecn = s->ecn;
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->mark = 42;
	return pb;
}

/* --- what a segment has to be --- */

static void check_ip(const struct sample *s, const uint8_t *ip, uint32_t len, uint32_t n)
{
	struct ipv4_repr r4 = { 0 };
	struct ipv6_repr r6 = { .hop_limit = 0 };

	if (!s->is_ip4) {
		assert_int_equal(ipv6_parse(ip, len, &r6), IPV6_HDR_LEN);
		assert_int_equal(r6.payload_len, len - IPV6_HDR_LEN);
		assert_int_equal(r6.flow, 77);
		return;
	}
	assert_int_equal(ipv4_parse(ip, len, &r4), s->l4 - s->l3);
	assert_true(ipv4_csum_ok(ip, s->l4 - s->l3));
	assert_int_equal(r4.payload_len, len - (s->l4 - s->l3));
	assert_int_equal(r4.id, (uint16_t)(s->ip4.id + n));
	assert_true(r4.dont_frag);
	assert_int_equal(r4.tos, s->ip4.tos);
}

static void check_tcp(const struct sample *s, const uint8_t *l4, uint32_t len, uint32_t off,
		      bool last)
{
	uint16_t want = s->tcp.flags;
	struct tcp_repr r = { .flags = 0 };

	assert_int_equal(tcp_parse(l4, len, &r), s->hdrs_len - s->l4);
	assert_int_equal(r.seq.v, s->tcp.seq.v + off);
	assert_int_equal(r.ack.v, s->tcp.ack.v);
	if (!last)
		want &= (uint16_t) ~(TCP_FIN | TCP_PSH);
	if (off && s->ecn)
		want &= (uint16_t)~TCP_CWR;
	if (want & TCP_URG && s->tcp.urg > off)
		assert_int_equal(r.urg + off, s->tcp.urg);
	else
		want &= (uint16_t)~TCP_URG;
	assert_int_equal(r.flags, want);
}

static void check_csum(const struct sample *s, const uint8_t *l4, uint32_t len)
{
	const uint8_t proto = s->gso == PBUF_GSO_UDP ? IP_PROTO_UDP : IP_PROTO_TCP;
	uint64_t pseudo = csum_pseudo6(s->ip6.src, s->ip6.dst, proto, len);

	if (s->is_ip4)
		pseudo = csum_pseudo4(s->ip4.src, s->ip4.dst, proto, len);
	assert_true(csum_ok(pseudo + csum_bytes(l4, len)));
}

/* Return: bytes of data in it. */
static uint32_t check_segment(const struct sample *s, struct pbuf *seg, uint32_t n, uint32_t off)
{
	static uint8_t flat[PACKET_MAX];
	const uint32_t data = seg->len - s->hdrs_len;
	const bool last = s->hdrs_len + off + data == s->len;

	assert_int_equal(seg->gso, PBUF_GSO_NONE);
	assert_int_equal(seg->csum, PBUF_CSUM_PARTIAL);
	assert_int_equal(seg->mark, 42);
	assert_int_equal(data, last ? s->len - s->hdrs_len - off : s->gso_size);
	assert_int_equal(seg->l2 != PBUF_NO_OFFSET, s->l3 != 0);
	assert_ptr_equal(pbuf_l3(seg), seg->data + s->l3);
	assert_ptr_equal(pbuf_l4(seg), seg->data + s->l4);
	assert_true(seg->linear >= s->hdrs_len);
	pbuf_finish_csum(seg);
	pbuf_copy_out(seg, 0, flat, seg->len);
	assert_memory_equal(flat, s->bytes, s->l3);
	assert_memory_equal(flat + s->hdrs_len, s->bytes + s->hdrs_len + off, data);
	check_ip(s, flat + s->l3, seg->len - s->l3, n);
	if (s->gso == PBUF_GSO_UDP)
		assert_int_equal(get_be16(flat + s->l4 + 4), seg->len - s->l4);
	else
		check_tcp(s, flat + s->l4, seg->len - s->l4, off, last);
	check_csum(s, flat + s->l4, seg->len - s->l4);
	return data;
}

static void check_all(const struct sample *s, struct pbuf_queue *q)
{
	struct pbuf *seg;
	uint32_t off = 0;

	for (uint32_t n = 0; (seg = pbuf_queue_take(q)); n++) {
		off += check_segment(s, seg, n, off);
		pbuf_free(seg);
	}
	assert_int_equal(s->hdrs_len + off, s->len);
}

/* --- tests --- */

static struct sample sample;

static void segments_are_the_packet(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;

	(void)state;
	core_fixture_init(&f, 1);
	for (unsigned i = 0; i < 1500; i++) {
		make_sample(&f, &sample);
		pbuf_queue_init(&q);
		assert_true(gso_cut(packet_of(&f, &sample), &q));
		check_all(&sample, &q);
	}
	core_fixture_done(&f);
}

static void data_is_shared(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf_pool_stats before, after;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 2);
	do
		make_sample(&f, &sample);
	while (sample.len < 30000);
	pb = packet_of(&f, &sample);
	pbuf_queue_init(&q);
	pbuf_pool_stats(f.c.pool, &before);
	assert_true(gso_cut(pb, &q));
	pbuf_pool_stats(f.c.pool, &after);
	assert_int_equal(after.blocks, before.blocks);
	pbuf_queue_free(&q);
	core_fixture_done(&f);
}

/* Whoever else refers to the packet's headers sees them as they were. */
static void a_single_segment_is_unshared(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb, *other;

	(void)state;
	core_fixture_init(&f, 3);
	for (unsigned i = 0; i < 200; i++) {
		make_sample(&f, &sample);
		sample.gso_size = UINT16_MAX;
		pb = packet_of(&f, &sample);
		other = pbuf_clone(pb);
		assert_non_null(other);
		pbuf_queue_init(&q);
		assert_true(gso_cut(pb, &q));
		assert_int_equal(q.n, 1);
		check_all(&sample, &q);
		assert_bytes(other, sample.bytes, sample.len);
		pbuf_free(other);
	}
	core_fixture_done(&f);
}

static void without_memory_nothing_happens(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	unsigned failed = 0;

	(void)state;
	core_fixture_init(&f, 4);
	for (unsigned i = 0; i < 500; i++) {
		struct pbuf *pb;

		make_sample(&f, &sample);
		pb = packet_of(&f, &sample);
		pbuf_queue_init(&q);
		core_fixture_limit(&f, dice_below(&f.d, 20000));
		if (gso_cut(pb, &q)) {
			check_all(&sample, &q);
		} else {
			failed++;
			assert_int_equal(q.n, 0);
			assert_bytes(pb, sample.bytes, sample.len);
			assert_int_equal(pb->gso, sample.gso);
			pbuf_free(pb);
		}
		core_fixture_no_limit(&f);
	}
	assert_true(failed > 50);
	core_fixture_done(&f);
}

static void refused(struct pbuf *pb)
{
	struct pbuf_queue q;

	pbuf_queue_init(&q);
	assert_int_equal(gso_cut(pb, &q), 0);
	assert_int_equal(q.n, 0);
	pbuf_free(pb);
}

static void headers_that_do_not_fit_are_refused(void **state)
{
	struct core_fixture f;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 5);
	do
		make_sample(&f, &sample);
	while (sample.gso != PBUF_GSO_TCP4);
	pb = packet_of(&f, &sample);
	pb->gso = PBUF_GSO_TCP6;
	refused(pb);
	pb = packet_of(&f, &sample);
	pb->gso_size = 0;
	refused(pb);
	pb = packet_of(&f, &sample);
	pb->l3 = PBUF_NO_OFFSET;
	refused(pb);
	pb = packet_of(&f, &sample);
	pb->l4 = PBUF_NO_OFFSET;
	refused(pb);
	pb = packet_of(&f, &sample);
	pb->l4 = pb->l3;
	refused(pb);
	pb = packet_of(&f, &sample);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + pb->linear);
	refused(pb);
	pb = packet_of(&f, &sample);
	pbuf_l4(pb)[12] = 0x40; /* shorter than a header */
	refused(pb);
	pb = packet_of(&f, &sample);
	pbuf_l3(pb)[0] = 0x55;
	refused(pb);
	core_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_the_packet),
		cmocka_unit_test(data_is_shared),
		cmocka_unit_test(a_single_segment_is_unshared),
		cmocka_unit_test(without_memory_nothing_happens),
		cmocka_unit_test(headers_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
