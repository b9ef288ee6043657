/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv4.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(ipv4_parse, ipv4_repr);
LAW_PARSE(ipv4_parse_quoted, ipv4_repr);
LAW_EMIT(ipv4_emit, ipv4_repr);
LAW_SAME(ipv4_same, ipv4_repr);

#define ONE IP4_ADDR(192, 0, 2, 1)
#define TWO IP4_ADDR(192, 0, 2, 2)

static void plain(void **state)
{
	const struct ipv4_repr want = { .src = ONE,
					.dst = TWO,
					.payload_len = 64,
					.id = 0x7a25,
					.tos = 0x12,
					.ttl = 3,
					.proto = IP_PROTO_ICMP,
					.dont_frag = true };
	struct ipv4_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv4_parse(L3(frame_ping4_tos), &r), IPV4_HDR_LEN);
	assert_true(ipv4_same(&r, &want));
	assert_int_equal(ip_ecn_of(r.tos), IP_ECN_ECT0);
	assert_false(ipv4_is_fragment(&r));
}

static void with_options(void **state)
{
	struct ipv4_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv4_parse(L3(frame_ping4_route), &r), 60);
	assert_int_equal(r.opts_len, 40);
	assert_int_equal(r.payload_len, 64);
	assert_int_equal(ipv4_parse(L3(frame_udp4_router_alert), &r), 24);
	assert_int_equal(r.opts_len, 4);
	assert_int_equal(r.payload_len, 10);
}

/* The three parts of a ping of 188 bytes. */
static void fragments(void **state)
{
	struct ipv4_repr r[3];
	size_t at = 0;

	(void)state;
	assert_int_equal(ipv4_parse(L3(frame_frag4_first), &r[0]), 20);
	assert_int_equal(ipv4_parse(L3(frame_frag4_middle), &r[1]), 20);
	assert_int_equal(ipv4_parse(L3(frame_frag4_last), &r[2]), 20);
	for (size_t i = 0; i < 3; i++) {
		assert_true(ipv4_is_fragment(&r[i]));
		assert_int_equal(r[i].id, r[0].id);
		assert_int_equal(r[i].frag_off, at);
		assert_int_equal(r[i].more_frags, i < 2);
		at += r[i].payload_len;
	}
	assert_int_equal(at, 188);
}

/* The kernel's checksum is right, ours is the same, and any bit flipped is noticed. */
static void checksum(void **state)
{
	uint8_t hdr[60];

	(void)state;
	assert_true(ipv4_csum_ok(frame_ping4 + 14, 20));
	assert_true(ipv4_csum_ok(frame_udp4_router_alert + 14, 24));
	assert_true(ipv4_csum_ok(frame_ping4_route + 14, 60));
	memcpy(hdr, frame_ping4_route + 14, sizeof(hdr));
	for (size_t bit = 0; bit < sizeof(hdr) * 8; bit++) {
		hdr[bit / 8] ^= 1 << bit % 8;
		assert_false(ipv4_csum_ok(hdr, 60));
		hdr[bit / 8] ^= 1 << bit % 8;
	}
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_ipv4_parse, L3(frame_ping4));
	law_truncation(law_ipv4_parse, L3(frame_ping4_route));
	law_truncation(law_ipv4_parse_quoted, frame_ping4 + 14, 20);
	law_truncation(law_ipv4_parse_quoted, frame_ping4_route + 14, 60);
	/* csum_at 0: the checksum is part of what comes out the same. */
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_ping4), 0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_ping4_tos), 0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_ping4_route), 0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_udp4_router_alert),
		       0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_frag4_first), 0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_frag4_middle), 0);
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, L3(frame_frag4_last), 0);
}

static void refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} row[] = {
		{ 0, 0x65 },              /* version 6 */
		{ 0, 0x55 }, { 0, 0x44 }, /* header of 16 bytes */
		{ 0, 0x40 }, { 3, 19 },   /* length below that of the header */
		{ 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		law_refuses_byte(law_ipv4_parse, L3(frame_ping4), row[i].at, row[i].value,
				 -EBADMSG);
	/* One byte more than there is. */
	law_refuses_byte(law_ipv4_parse, L3(frame_ping4), 3, 85, -ENODATA);
	law_refuses_byte(law_ipv4_parse, L3(frame_ping4), 2, 1, -ENODATA);
}

/* A header and nothing else is a packet. */
static void no_payload(void **state)
{
	uint8_t buf[20];
	struct ipv4_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv4_parse(L3(frame_ping4), &r), 20);
	r.payload_len = 0;
	assert_int_equal(ipv4_emit(buf, sizeof(buf), &r), 20);
	assert_true(ipv4_csum_ok(buf, 20));
	law_round_trip(law_ipv4_parse, law_ipv4_emit, law_ipv4_same, buf, sizeof(buf), 0);
}

/* Padding of the link is not payload. */
static void longer_frame(void **state)
{
	uint8_t buf[100] = { 0 };
	struct ipv4_repr r = { 0 };

	(void)state;
	memcpy(buf, frame_ping4 + 14, 84);
	assert_int_equal(ipv4_parse(buf, sizeof(buf), &r), 20);
	assert_int_equal(r.payload_len, 64);
}

/* Of what an ICMP error quotes there is the header, with its claim. */
static void quoted(void **state)
{
	struct ipv4_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv4_parse_quoted(frame_ping4 + 14, 28, &r), 20);
	assert_int_equal(r.payload_len, 64);
	law_refuses_byte(law_ipv4_parse_quoted, frame_ping4 + 14, 28, 3, 19, -EBADMSG);
}

/* A fragment fits into a packet: of each length, at each offset, the kernel's limits. */
static void fragments_that_cannot_be(void **state)
{
	uint8_t buf[20 + 24] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 64, IP_PROTO_UDP };
	struct ipv4_repr r = { 0 };

	(void)state;
	for (uint32_t len = 0; len <= 24; len++) {
		put_be16(buf + 2, (uint16_t)(20 + len));
		for (uint32_t frag = 0; frag <= 0xffff; frag++) {
			const uint32_t off = (frag & 0x1fff) * 8;
			const bool more = frag & 0x2000;
			const bool ok = (off + len <= 65515 && (!more || (len % 8 == 0 && len))) ||
					!(frag & 0x3fff);
			int n;

			put_be16(buf + 6, (uint16_t)frag);
			n = ipv4_parse(buf, sizeof(buf), &r);
			assert_int_equal(n, ok ? 20 : -EBADMSG);
			if (!ok)
				continue;
			assert_int_equal(r.frag_off, off);
			assert_int_equal(r.more_frags, more);
			assert_int_equal(r.dont_frag, frag >> 14 & 1);
		}
	}
}

static void emits_no_illegal_one(void **state)
{
	const struct ipv4_repr good = { .payload_len = 8 };
	struct ipv4_repr bad[6];
	uint8_t buf[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].opts_len = 2;
	bad[1].opts_len = 44;
	bad[2].frag_off = 9;
	bad[3].payload_len = 65516;
	bad[4].more_frags = true;
	bad[4].payload_len = 9;
	bad[5].frag_off = 65512;
	assert_int_equal(ipv4_emit(buf, sizeof(buf), &good), 20);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ipv4_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
}

/* Changed in place is the same as emitted with the new value. */
static void changes_in_place(void **state)
{
	uint8_t one[60], two[60];
	struct ipv4_repr r = { 0 };

	(void)state;
	memcpy(one, frame_ping4_route + 14, 60);
	memcpy(two, one, 60);
	assert_int_equal(ipv4_parse(L3(frame_ping4_route), &r), 60);
	for (uint32_t v = 0; v <= 0xff; v++) {
		r.ttl = (uint8_t)v;
		r.tos = (uint8_t)(v * 7);
		ipv4_put_ttl(one, r.ttl);
		ipv4_put_tos(one, r.tos);
		assert_int_equal(ipv4_emit(two, 60, &r), 60);
		assert_memory_equal(one, two, 60);
		ipv4_put16(one, 4, (uint16_t)(v * 257));
		r.id = (uint16_t)(v * 257);
		assert_int_equal(ipv4_emit(two, 60, &r), 60);
		assert_memory_equal(one, two, 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(with_options),
		cmocka_unit_test(fragments),
		cmocka_unit_test(checksum),
		cmocka_unit_test(laws),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_payload),
		cmocka_unit_test(longer_frame),
		cmocka_unit_test(quoted),
		cmocka_unit_test(fragments_that_cannot_be),
		cmocka_unit_test(emits_no_illegal_one),
		cmocka_unit_test(changes_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
