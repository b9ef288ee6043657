/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp4.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(icmp4_parse, icmp4_repr);
LAW_EMIT(icmp4_emit, icmp4_repr);
LAW_SAME(icmp4_same, icmp4_repr);

/* The message in a frame without IP options. */
#define MSG(frame) (frame) + 34, sizeof(frame) - 34

static void of_the_kernel(void **state)
{
	struct icmp4_repr r = { 0 };

	(void)state;
	assert_int_equal(icmp4_parse(MSG(frame_ping4), &r), 8);
	assert_int_equal(r.type, ICMP4_TYPE_ECHO);
	assert_int_equal(r.echo.id, get_be16(frame_ping4 + 38));
	assert_int_equal(r.echo.seq, 1);
	assert_int_equal(icmp4_parse(MSG(frame_pong4), &r), 8);
	assert_int_equal(r.type, ICMP4_TYPE_ECHO_REPLY);
	assert_int_equal(icmp4_parse(MSG(frame_unreachable4), &r), 8);
	assert_int_equal(r.type, ICMP4_TYPE_UNREACHABLE);
	assert_int_equal(r.code, ICMP4_UNREACHABLE_PORT);
	assert_int_equal(r.quote_len, 0);
	assert_int_equal(icmp4_parse(MSG(frame_frag_needed4), &r), 8);
	assert_int_equal(r.code, ICMP4_UNREACHABLE_FRAG_NEEDED);
	assert_int_equal(r.mtu, 1280);
	assert_int_equal(icmp4_parse(MSG(frame_time_exceeded4), &r), 8);
	assert_int_equal(r.type, ICMP4_TYPE_TIME_EXCEEDED);
	assert_int_equal(r.code, ICMP4_TIME_EXCEEDED_TTL);
	assert_int_equal(icmp4_parse(MSG(frame_redirect4), &r), 8);
	assert_int_equal(r.type, ICMP4_TYPE_REDIRECT);
	assert_int_equal(r.code, ICMP4_REDIRECT_HOST);
	assert_int_equal(r.gateway, IP4_ADDR(192, 0, 2, 77));
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_icmp4_parse, frame_ping4 + 34, 8);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_ping4), 2);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_pong4), 2);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_unreachable4), 2);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_frag_needed4), 2);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_time_exceeded4),
		       2);
	law_round_trip(law_icmp4_parse, law_icmp4_emit, law_icmp4_same, MSG(frame_redirect4), 2);
}

/* Whatever the type and code, a header goes through a repr and back; what gets lost is
 * nothing but bytes that have to be zero.
 */
static void every_type(void **state)
{
	(void)state;
	for (unsigned int type = 0; type <= 0xff; type++) {
		for (unsigned int code = 0; code < 20; code++) {
			const uint8_t in[8] = {
				(uint8_t)type, (uint8_t)code, 0, 0, 0x81, 0, 5, 0x7f
			};
			struct icmp4_repr r = { 0 }, again = { 0 };
			uint8_t out[8];

			assert_int_equal(icmp4_parse(in, 8, &r), 8);
			assert_int_equal(r.quote_len, 0);
			if (type == ICMP4_TYPE_UNREACHABLE)
				assert_int_equal(r.mtu, code == 4 ? 0x57f : 0);
			assert_int_equal(icmp4_emit(out, 8, &r), 8);
			assert_int_equal(icmp4_parse(out, 8, &again), 8);
			assert_true(icmp4_same(&r, &again));
			if (!icmp4_type_is_error((uint8_t)type))
				assert_memory_equal(in, out, 8);
		}
	}
}

/* RFC 4884: a quote's length that is there is told, one that is not is none. */
static void quote_lengths(void **state)
{
	static const uint8_t with[] = { ICMP4_TYPE_UNREACHABLE, ICMP4_TYPE_TIME_EXCEEDED,
					ICMP4_TYPE_PARAM_PROBLEM };
	uint8_t msg[8 + 1020] = { 0 }, out[8];
	struct icmp4_repr r = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
		msg[0] = with[i];
		for (unsigned int words = 0; words <= 255; words++) {
			msg[5] = (uint8_t)words;
			assert_int_equal(icmp4_parse(msg, 8 + words * 4, &r), 8);
			assert_int_equal(r.quote_len, words * 4);
			assert_int_equal(icmp4_emit(out, 8, &r), 8);
			assert_memory_equal(out, msg, 8);
			if (words == 0)
				continue;
			assert_int_equal(icmp4_parse(msg, 8 + words * 4 - 1, &r), 8);
			assert_int_equal(r.quote_len, 0);
		}
	}
	msg[0] = ICMP4_TYPE_REDIRECT;
	assert_int_equal(icmp4_parse(msg, sizeof(msg), &r), 8);
	assert_int_equal(r.quote_len, 0);
}

static void emits_no_illegal_one(void **state)
{
	const struct icmp4_repr odd = { .type = ICMP4_TYPE_UNREACHABLE, .quote_len = 6 };
	const struct icmp4_repr big = { .type = ICMP4_TYPE_UNREACHABLE, .quote_len = 1024 };
	const struct icmp4_repr echo = { .type = ICMP4_TYPE_ECHO, .quote_len = 4 };
	uint8_t buf[8];

	(void)state;
	assert_int_equal(icmp4_emit(buf, 8, &odd), -EINVAL);
	assert_int_equal(icmp4_emit(buf, 8, &big), -EINVAL);
	assert_int_equal(icmp4_emit(buf, 8, &echo), -EINVAL);
}

static void checksum(void **state)
{
	uint8_t msg[64];

	(void)state;
	assert_true(icmp4_csum_ok(MSG(frame_ping4)));
	assert_true(icmp4_csum_ok(MSG(frame_redirect4)));
	memcpy(msg, frame_ping4 + 34, sizeof(msg));
	msg[2] ^= 1;
	assert_false(icmp4_csum_ok(msg, sizeof(msg)));
	icmp4_put_csum(msg, sizeof(msg));
	assert_memory_equal(msg, frame_ping4 + 34, sizeof(msg));
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
