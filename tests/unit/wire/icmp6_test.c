/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp6.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(icmp6_parse, icmp6_repr);
LAW_EMIT(icmp6_emit, icmp6_repr);
LAW_SAME(icmp6_same, icmp6_repr);

/* The message in a frame without extension headers. */
#define MSG(frame) (frame) + 54, sizeof(frame) - 54

static void of_the_kernel(void **state)
{
	struct icmp6_repr r = { 0 };

	(void)state;
	assert_int_equal(icmp6_parse(MSG(frame_ping6), &r), 8);
	assert_int_equal(r.type, ICMP6_TYPE_ECHO);
	assert_int_equal(r.echo.id, get_be16(frame_ping6 + 58));
	assert_int_equal(r.echo.seq, 1);
	assert_int_equal(icmp6_parse(MSG(frame_pong6), &r), 8);
	assert_int_equal(r.type, ICMP6_TYPE_ECHO_REPLY);
	assert_int_equal(icmp6_parse(MSG(frame_unreachable6), &r), 8);
	assert_int_equal(r.type, ICMP6_TYPE_UNREACHABLE);
	assert_int_equal(r.code, ICMP6_UNREACHABLE_PORT);
	assert_int_equal(icmp6_parse(MSG(frame_too_big6), &r), 8);
	assert_int_equal(r.type, ICMP6_TYPE_PACKET_TOO_BIG);
	assert_int_equal(r.mtu, 1280);
	assert_int_equal(icmp6_parse(MSG(frame_time_exceeded6), &r), 8);
	assert_int_equal(r.type, ICMP6_TYPE_TIME_EXCEEDED);
	assert_int_equal(r.code, ICMP6_TIME_EXCEEDED_HOP_LIMIT);
	assert_true(icmp6_type_is_error(r.type) && !icmp6_type_is_error(ICMP6_TYPE_ECHO));
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_icmp6_parse, frame_ping6 + 54, 8);
	law_round_trip(law_icmp6_parse, law_icmp6_emit, law_icmp6_same, MSG(frame_ping6), 2);
	law_round_trip(law_icmp6_parse, law_icmp6_emit, law_icmp6_same, MSG(frame_pong6), 2);
	law_round_trip(law_icmp6_parse, law_icmp6_emit, law_icmp6_same, MSG(frame_unreachable6), 2);
	law_round_trip(law_icmp6_parse, law_icmp6_emit, law_icmp6_same, MSG(frame_too_big6), 2);
	law_round_trip(law_icmp6_parse, law_icmp6_emit, law_icmp6_same, MSG(frame_time_exceeded6),
		       2);
}

static void every_type(void **state)
{
	(void)state;
	for (unsigned int type = 0; type <= 0xff; type++) {
		const uint8_t in[8] = { (uint8_t)type, 3, 0, 0, 0x81, 0x42, 5, 0x7f };
		struct icmp6_repr r = { 0 }, again = { 0 };
		uint8_t out[8];

		assert_int_equal(icmp6_parse(in, 8, &r), 8);
		assert_int_equal(r.quote_len, 0);
		assert_int_equal(icmp6_emit(out, 8, &r), 8);
		assert_int_equal(icmp6_parse(out, 8, &again), 8);
		assert_true(icmp6_same(&r, &again));
		if (type != ICMP6_TYPE_UNREACHABLE && type != ICMP6_TYPE_TIME_EXCEEDED)
			assert_memory_equal(in, out, 8);
	}
}

/* RFC 4884 */
static void quote_lengths(void **state)
{
	static uint8_t msg[8 + 2040];
	struct icmp6_repr r = { 0 };
	uint8_t out[8];

	(void)state;
	for (unsigned int words = 0; words <= 255; words++) {
		msg[0] = words % 2 ? ICMP6_TYPE_UNREACHABLE : ICMP6_TYPE_TIME_EXCEEDED;
		msg[4] = (uint8_t)words;
		assert_int_equal(icmp6_parse(msg, 8 + words * 8, &r), 8);
		assert_int_equal(r.quote_len, words * 8);
		assert_int_equal(icmp6_emit(out, 8, &r), 8);
		assert_memory_equal(out, msg, 8);
		if (words == 0)
			continue;
		assert_int_equal(icmp6_parse(msg, 8 + words * 8 - 1, &r), 8);
		assert_int_equal(r.quote_len, 0);
	}
}

static void emits_no_illegal_one(void **state)
{
	const struct icmp6_repr odd = { .type = ICMP6_TYPE_UNREACHABLE, .quote_len = 4 };
	const struct icmp6_repr big = { .type = ICMP6_TYPE_UNREACHABLE, .quote_len = 2048 };
	const struct icmp6_repr mtu = { .type = ICMP6_TYPE_PACKET_TOO_BIG, .quote_len = 8 };
	uint8_t buf[8];

	(void)state;
	assert_int_equal(icmp6_emit(buf, 8, &odd), -EINVAL);
	assert_int_equal(icmp6_emit(buf, 8, &big), -EINVAL);
	assert_int_equal(icmp6_emit(buf, 8, &mtu), -EINVAL);
}

static void checksum(void **state)
{
	const struct ip6_addr src = ip6_addr_get(frame_ping6 + 22);
	const struct ip6_addr dst = ip6_addr_get(frame_ping6 + 38);
	uint8_t msg[64];

	(void)state;
	memcpy(msg, frame_ping6 + 54, sizeof(msg));
	assert_true(icmp6_csum_ok(msg, sizeof(msg), src, dst));
	assert_false(icmp6_csum_ok(msg, sizeof(msg), src, src));
	msg[60] ^= 0x40;
	assert_false(icmp6_csum_ok(msg, sizeof(msg), src, dst));
	msg[60] ^= 0x40;
	put_be16(msg + 2, 0x1234);
	icmp6_put_csum(msg, sizeof(msg), src, dst);
	assert_memory_equal(msg, frame_ping6 + 54, sizeof(msg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),        cmocka_unit_test(laws),
		cmocka_unit_test(every_type),           cmocka_unit_test(quote_lengths),
		cmocka_unit_test(emits_no_illegal_one), cmocka_unit_test(checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
