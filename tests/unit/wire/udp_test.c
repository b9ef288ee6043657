/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/udp.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(udp_parse, udp_repr);
LAW_PARSE(udp_parse_quoted, udp_repr);
LAW_EMIT(udp_emit, udp_repr);
LAW_SAME(udp_same, udp_repr);

#define MSG4(frame) (frame) + 34, sizeof(frame) - 34
#define MSG6(frame) (frame) + 54, sizeof(frame) - 54

static void of_the_kernel(void **state)
{
	struct udp_repr r = { 0 };

	(void)state;
	assert_int_equal(udp_parse(MSG4(frame_udp4), &r), UDP_HDR_LEN);
	assert_int_equal(r.src_port, get_be16(frame_udp4 + 34));
	assert_int_equal(r.dst_port, 9);
	assert_int_equal(r.payload_len, 6);
	assert_int_equal(udp_parse(MSG6(frame_udp6), &r), UDP_HDR_LEN);
	assert_int_equal(r.dst_port, 9);
	assert_int_equal(r.payload_len, 6);
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_udp_parse, MSG4(frame_udp4));
	law_truncation(law_udp_parse_quoted, frame_udp4 + 34, 8);
	law_round_trip(law_udp_parse, law_udp_emit, law_udp_same, MSG4(frame_udp4), 6);
	law_round_trip(law_udp_parse, law_udp_emit, law_udp_same, MSG4(frame_udp4_no_csum), 6);
	law_round_trip(law_udp_parse, law_udp_emit, law_udp_same, MSG6(frame_udp6), 6);
}

/* Against 14 bytes that are there: not below the header, not beyond the end. */
static void every_length(void **state)
{
	uint8_t msg[14];
	struct udp_repr r = { 0 };

	(void)state;
	memcpy(msg, frame_udp4 + 34, sizeof(msg));
	for (uint32_t len = 0; len <= 0xffff; len++) {
		int want = UDP_HDR_LEN;

		if (len < 8)
			want = -EBADMSG;
		else if (len > 14)
			want = -ENODATA;
		put_be16(msg + 4, (uint16_t)len);
		assert_int_equal(udp_parse(msg, sizeof(msg), &r), want);
		if (want > 0)
			assert_int_equal(r.payload_len, len - 8);
		assert_int_equal(udp_parse_quoted(msg, sizeof(msg), &r),
				 len < 8 ? -EBADMSG : UDP_HDR_LEN);
		if (len >= 8)
			assert_int_equal(r.payload_len, len - 8);
	}
}

/* A header and nothing else is a datagram. */
static void no_payload(void **state)
{
	static const uint8_t msg[] = { 0x12, 0x34, 0, 53, 0, 8, 0, 0 };

	(void)state;
	law_round_trip(law_udp_parse, law_udp_emit, law_udp_same, msg, sizeof(msg), 0);
}

static void emits_no_illegal_one(void **state)
{
	const struct udp_repr big = { .payload_len = 65528 };
	uint8_t buf[8];

	(void)state;
	assert_int_equal(udp_emit(buf, sizeof(buf), &big), -EINVAL);
}

static void checksum(void **state)
{
	const uint64_t pseudo = csum_pseudo4(0xc0000201, 0xc0000202, 17, 14);
	uint8_t msg[14];

	(void)state;
	assert_true(udp_csum_is_none(frame_udp4_no_csum + 34));
	assert_false(udp_csum_is_none(frame_udp4 + 34));
	memcpy(msg, frame_udp4 + 34, sizeof(msg));
	assert_true(udp_csum_ok(msg, sizeof(msg), pseudo));
	assert_false(udp_csum_ok(msg, sizeof(msg), pseudo + 1));
	put_be16(msg + 6, 0x1234);
	udp_put_csum(msg, sizeof(msg), pseudo);
	assert_memory_equal(msg, frame_udp4 + 34, sizeof(msg));
}

/* Whatever is in it, a datagram with a checksum does not look like one without, is right, and
 * stays both when a word changes.
 */
static void a_checksum_is_never_none(void **state)
{
	const uint64_t pseudo = csum_pseudo4(0xc0000201, 0xc0000202, 17, 10);
	uint8_t msg[10] = { 0x12, 0x34, 0, 9, 0, 10 };
	bool seen_ffff = false;

	(void)state;
	for (uint32_t v = 0; v <= 0xffff; v++) {
		const uint16_t to = (uint16_t)(v * 40503);
		uint16_t csum;

		put_be16(msg + 8, (uint16_t)v);
		udp_put_csum(msg, sizeof(msg), pseudo);
		assert_false(udp_csum_is_none(msg));
		assert_true(udp_csum_ok(msg, sizeof(msg), pseudo));
		csum = get_be16(msg + 6);
		seen_ffff |= csum == 0xffff;

		csum = udp_csum_update(csum, v, to);
		put_be16(msg + 8, to);
		udp_put_csum(msg, sizeof(msg), pseudo);
		assert_int_equal(csum, get_be16(msg + 6));
		assert_int_equal(udp_csum_update(0, v, to), 0);
	}
	assert_true(seen_ffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(laws),
		cmocka_unit_test(every_length),
		cmocka_unit_test(no_payload),
		cmocka_unit_test(emits_no_illegal_one),
		cmocka_unit_test(checksum),
		cmocka_unit_test(a_checksum_is_never_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
