/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv6.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(ipv6_parse, ipv6_repr);
LAW_PARSE(ipv6_parse_quoted, ipv6_repr);
LAW_EMIT(ipv6_emit, ipv6_repr);
LAW_SAME(ipv6_same, ipv6_repr);

static void plain(void **state)
{
	const struct ipv6_repr want = {
		.src = { 0x20010db800000000, 1 },
		.dst = { 0x20010db800000000, 2 },
		.flow = 0xd0662,
		.payload_len = 14,
		.next_hdr = IP_PROTO_UDP,
		.hop_limit = 64,
	};
	struct ipv6_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv6_parse(L3(frame_udp6), &r), IPV6_HDR_LEN);
	assert_true(ipv6_same(&r, &want));
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_ipv6_parse, L3(frame_udp6));
	law_truncation(law_ipv6_parse_quoted, frame_udp6 + 14, 40);
	law_round_trip(law_ipv6_parse, law_ipv6_emit, law_ipv6_same, L3(frame_udp6), 0);
	law_round_trip(law_ipv6_parse, law_ipv6_emit, law_ipv6_same, L3(frame_tcp6_syn), 0);
	law_round_trip(law_ipv6_parse, law_ipv6_emit, law_ipv6_same, L3(frame_mld2_report), 0);
}

static void refused(void **state)
{
	(void)state;
	law_refuses_byte(law_ipv6_parse, L3(frame_udp6), 0, 0x40, -EBADMSG);
	law_refuses_byte(law_ipv6_parse, L3(frame_udp6), 0, 0x70, -EBADMSG);
	law_refuses_byte(law_ipv6_parse, L3(frame_udp6), 5, 15, -ENODATA);
	law_refuses_byte(law_ipv6_parse, L3(frame_udp6), 4, 1, -ENODATA);
}

/* Cut off in an ICMPv6 error, longer by padding of the link. */
static void other_lengths(void **state)
{
	uint8_t buf[100] = { 0 };
	struct ipv6_repr r = { 0 };

	(void)state;
	assert_int_equal(ipv6_parse_quoted(frame_udp6 + 14, 45, &r), 40);
	assert_int_equal(r.payload_len, 14);
	memcpy(buf, frame_udp6 + 14, sizeof(frame_udp6) - 14);
	assert_int_equal(ipv6_parse(buf, sizeof(buf), &r), 40);
	assert_int_equal(r.payload_len, 14);
}

/* Every traffic class and the edges of the flow label, in place and emitted. */
static void first_word(void **state)
{
	static const uint32_t flow[] = { 0, 1, 0xffff, 0x10000, IPV6_FLOW_MAX };
	uint8_t one[40], two[40];
	struct ipv6_repr r = { 0 }, again = { 0 };

	(void)state;
	assert_int_equal(ipv6_parse(L3(frame_udp6), &r), 40);
	memcpy(one, frame_udp6 + 14, 40);
	for (size_t i = 0; i < ARRAY_SIZE(flow); i++) {
		r.flow = flow[i];
		assert_int_equal(ipv6_emit(one, 40, &r), 40);
		for (unsigned int v = 0; v <= 0xff; v++) {
			r.tclass = (uint8_t)v;
			r.hop_limit = (uint8_t)~v;
			assert_int_equal(ipv6_emit(two, 40, &r), 40);
			ipv6_put_tclass(one, r.tclass);
			ipv6_put_hop_limit(one, r.hop_limit);
			assert_memory_equal(one, two, 40);
			assert_int_equal(ipv6_parse_quoted(one, 40, &again), 40);
			assert_true(ipv6_same(&r, &again));
		}
	}
	r.flow = IPV6_FLOW_MAX + 1;
	assert_int_equal(ipv6_emit(two, 40, &r), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),      cmocka_unit_test(laws),
		cmocka_unit_test(refused),    cmocka_unit_test(other_lengths),
		cmocka_unit_test(first_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
