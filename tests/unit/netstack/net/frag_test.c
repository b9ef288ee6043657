/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/frag.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/netstack/net/ip_sample.h"
#include "wire/tcp.h"

static struct ip_sample sample;
static uint8_t flat[PACKET_MAX];
static uint8_t joined[PACKET_MAX];

static struct pbuf *packet(struct core_fixture *f, const struct ip_sample *s)
{
	struct pbuf *pb = make_packet(f, s->bytes, s->len, s->hdrs_len, dice_below(&f->d, 19));

	pb->mark = 9;
	return pb;
}

/* --- IPv4 --- */

/* Takes them all; their data is then in @joined.  Return: bytes of it. */
static uint32_t join4(struct pbuf_queue *q, uint32_t mtu, const struct ipv4_repr *whole)
{
	uint32_t at = 0;
	struct pbuf *pb;

	for (bool first = true; (pb = pbuf_queue_take(q)); first = false) {
		struct ipv4_repr r = { .id = 0 };
		int n;

		pbuf_copy_out(pb, 0, flat, pb->len);
		n = ipv4_parse(flat, pb->len, &r);
		assert_true(n >= IPV4_HDR_LEN);
		assert_true(ipv4_csum_ok(flat, (size_t)n));
		assert_true(pb->len <= mtu);
		assert_int_equal(pb->len, (uint32_t)n + r.payload_len);
		assert_ptr_equal(pbuf_l3(pb), pb->data);
		assert_int_equal(pb->mark, 9);
		assert_int_equal(r.id, whole->id);
		assert_int_equal(r.frag_off, whole->frag_off + at);
		assert_int_equal(r.more_frags, q->n > 0 || whole->more_frags);
		assert_int_equal(r.tos, whole->tos);
		if (first)
			assert_int_equal(r.opts_len, whole->opts_len);
		else if (whole->opts_len) /* the router alert has the copy bit */
			assert_memory_equal(flat + IPV4_HDR_LEN, some_opts + 7, 4);
		if (!first)
			assert_int_equal(r.opts_len, whole->opts_len ? 4 : 0);
		memcpy(joined + at, flat + n, r.payload_len);
		at += r.payload_len;
		pbuf_free(pb);
	}
	return at;
}

static void ip4_fragments_are_the_packet(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;

	(void)state;
	core_fixture_init(&f, 1);
	for (unsigned i = 0; i < 800; i++) {
		const uint32_t mtu = IPV4_MTU_MIN + dice_below(&f.d, 1500);

		make_sample4(&f, &sample, 1 + dice_below(&f.d, i % 10 ? 4000 : 65000),
			     dice_below(&f.d, 2));
		pbuf_queue_init(&q);
		assert_int_equal(frag4_split(&f.c, packet(&f, &sample), mtu, &q), 0);
		assert_int_equal(join4(&q, mtu, &sample.ip4), sample.len - sample.hdrs_len);
		assert_memory_equal(joined, sample.bytes + sample.hdrs_len,
				    sample.len - sample.hdrs_len);
	}
	core_fixture_done(&f);
}

/* A router on the way may have to cut what is a fragment. */
static void fragments_are_cut_again(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;

	(void)state;
	core_fixture_init(&f, 2);
	for (unsigned more = 0; more < 2; more++) {
		make_sample4(&f, &sample, 1200, false);
		sample.ip4.frag_off = 800;
		sample.ip4.more_frags = more;
		assert_true(ipv4_emit(sample.bytes, sizeof(sample.bytes), &sample.ip4) > 0);
		pbuf_queue_init(&q);
		assert_int_equal(frag4_split(&f.c, packet(&f, &sample), 576, &q), 0);
		assert_int_equal(q.n, 3);
		assert_int_equal(join4(&q, 576, &sample.ip4), 1200);
	}
	core_fixture_done(&f);
}

static void a_partial_checksum_is_finished_first(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb;
	uint64_t pseudo;

	(void)state;
	core_fixture_init(&f, 3);
	make_sample4(&f, &sample, 3000, false);
	sample.bytes[9] = IP_PROTO_TCP;
	pseudo = csum_pseudo4(sample.ip4.src, sample.ip4.dst, IP_PROTO_TCP, 3000);
	put_be16(sample.bytes + 20 + TCP_CSUM_OFFSET, csum_fold(pseudo));
	pb = make_packet(&f, sample.bytes, sample.len, 40, 3);
	pb->mark = 9;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + 20);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pbuf_queue_init(&q);
	assert_int_equal(frag4_split(&f.c, pb, 1500, &q), 0);
	assert_int_equal(join4(&q, 1500, &sample.ip4), 3000);
	assert_true(csum_ok(pseudo + csum_bytes(joined, 3000)));
	core_fixture_done(&f);
}

/* --- IPv6 --- */

static uint32_t join6(struct pbuf_queue *q, uint32_t mtu, const struct ip_sample *s, uint32_t id)
{
	uint32_t at = 0;
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(q))) {
		struct ipv6_ext ext = { .proto = 0 };
		struct ipv6_problem problem;
		struct ipv6_repr r = { .hop_limit = 0 };
		int n;

		pbuf_copy_out(pb, 0, flat, pb->len);
		assert_int_equal(ipv6_parse(flat, pb->len, &r), IPV6_HDR_LEN);
		assert_int_equal(r.payload_len, pb->len - IPV6_HDR_LEN);
		assert_int_equal(r.flow, s->ip6.flow);
		n = ipv6_ext_parse(flat, pb->len, r.next_hdr, &ext, &problem);
		assert_int_equal(n, s->hdrs_len + IPV6_FRAG_HDR_LEN);
		assert_true(ext.is_fragment);
		assert_int_equal(ext.frag.id, id);
		assert_int_equal(ext.frag.offset, at);
		assert_int_equal(ext.frag.more, q->n > 0);
		assert_int_equal(ext.frag.next_hdr,
				 s->hdrs_len > IPV6_HDR_LEN ? IP_PROTO_DSTOPTS : 200);
		assert_true(pb->len <= mtu);
		memcpy(joined + at, flat + n, pb->len - (uint32_t)n);
		at += pb->len - (uint32_t)n;
		pbuf_free(pb);
	}
	return at;
}

static void ip6_fragments_are_the_packet(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;

	(void)state;
	core_fixture_init(&f, 4);
	for (unsigned i = 0; i < 800; i++) {
		const uint32_t mtu = IPV6_MTU_LEAST + dice_below(&f.d, 500);
		uint32_t len;

		make_sample6(&f, &sample, 1800 + dice_below(&f.d, i % 10 ? 4000 : 63000),
			     dice_below(&f.d, 2));
		pbuf_queue_init(&q);
		assert_int_equal(frag6_split(&f.c, packet(&f, &sample), mtu, i, &q), 0);
		len = join6(&q, mtu, &sample, i);
		assert_int_equal(len, sample.len - sample.hdrs_len);
		assert_memory_equal(joined, sample.bytes + sample.hdrs_len, len);
	}
	core_fixture_done(&f);
}

/* The routing header is in every fragment, and what is before it. */
static void a_routing_header_is_in_each(void **state)
{
	static const uint8_t hdrs[16] = { IP_PROTO_ROUTING, 0, 1, 4, 0, 0, 0, 0, 200, 0, 3 };
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 5);
	make_sample6(&f, &sample, 3000, false);
	memcpy(sample.bytes + IPV6_HDR_LEN, hdrs, sizeof(hdrs));
	sample.bytes[6] = IP_PROTO_DSTOPTS;
	pbuf_queue_init(&q);
	assert_int_equal(frag6_split(&f.c, packet(&f, &sample), 1280, 1, &q), 0);
	assert_int_equal(q.n, 3);
	while ((pb = pbuf_queue_take(&q))) {
		pbuf_copy_out(pb, 0, flat, IPV6_HDR_LEN + 24);
		assert_memory_equal(flat + IPV6_HDR_LEN, hdrs, 8);
		assert_int_equal(flat[IPV6_HDR_LEN + 8], IP_PROTO_FRAGMENT);
		assert_int_equal(flat[IPV6_HDR_LEN + 16], 200);
		pbuf_free(pb);
	}
	core_fixture_done(&f);
}

/* --- both --- */

static void data_is_shared(void **state)
{
	struct pbuf_pool_stats before, after;
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 6);
	make_sample4(&f, &sample, 20000, false);
	pb = make_packet(&f, sample.bytes, sample.len, 600, 5);
	pbuf_queue_init(&q);
	pbuf_pool_stats(f.c.pool, &before);
	assert_int_equal(frag4_split(&f.c, pb, 1500, &q), 0);
	pbuf_pool_stats(f.c.pool, &after);
	assert_int_equal(after.blocks, before.blocks);
	pbuf_queue_free(&q);
	core_fixture_done(&f);
}

static void what_cannot_be_cut_is_refused(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 7);
	pbuf_queue_init(&q);
	make_sample4(&f, &sample, 3000, false);
	pb = packet(&f, &sample);
	assert_int_equal(frag4_split(&f.c, pb, IPV4_MTU_MIN - 1, &q), -EINVAL);
	pbuf_trim(pb, sample.len - 1); /* shorter than its header says */
	assert_int_equal(frag4_split(&f.c, pb, 1500, &q), -EINVAL);
	pbuf_free(pb);

	make_sample6(&f, &sample, 3000, false);
	pb = packet(&f, &sample);
	assert_int_equal(frag6_split(&f.c, pb, IPV6_MTU_LEAST - 1, 1, &q), -EINVAL);
	pbuf_free(pb);
	sample.bytes[6] = IP_PROTO_FRAGMENT;
	pb = packet(&f, &sample);
	assert_int_equal(frag6_split(&f.c, pb, 1500, 1, &q), -EINVAL);
	pbuf_free(pb);
	sample.bytes[6] = IP_PROTO_HOPOPTS; /* longer than fits before the data of a fragment */
	sample.bytes[IPV6_HDR_LEN] = 200;
	sample.bytes[IPV6_HDR_LEN + 1] = 200;
	pb = packet(&f, &sample);
	assert_int_equal(frag6_split(&f.c, pb, 1500, 1, &q), -EINVAL);
	pbuf_free(pb);
	assert_int_equal(q.n, 0);
	core_fixture_done(&f);
}

static void without_memory_nothing_happens(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	unsigned failed = 0;

	(void)state;
	core_fixture_init(&f, 8);
	for (unsigned i = 0; i < 500; i++) {
		const bool is_ip4 = dice_below(&f.d, 2);
		struct pbuf *pb;
		int r;

		if (is_ip4)
			make_sample4(&f, &sample, 6000, dice_below(&f.d, 2));
		else
			make_sample6(&f, &sample, 6000, dice_below(&f.d, 2));
		pb = packet(&f, &sample);
		pbuf_queue_init(&q);
		core_fixture_limit(&f, dice_below(&f.d, 10000));
		r = is_ip4 ? frag4_split(&f.c, pb, 1500, &q) : frag6_split(&f.c, pb, 1500, 1, &q);
		core_fixture_no_limit(&f);
		if (r == 0) {
			pbuf_queue_free(&q);
			continue;
		}
		failed++;
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(q.n, 0);
		assert_bytes(pb, sample.bytes, sample.len);
		pbuf_free(pb);
	}
	assert_in_range(failed, 50, 490);
	core_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_fragments_are_the_packet),
		cmocka_unit_test(fragments_are_cut_again),
		cmocka_unit_test(a_partial_checksum_is_finished_first),
		cmocka_unit_test(ip6_fragments_are_the_packet),
		cmocka_unit_test(a_routing_header_is_in_each),
		cmocka_unit_test(data_is_shared),
		cmocka_unit_test(what_cannot_be_cut_is_refused),
		cmocka_unit_test(without_memory_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
