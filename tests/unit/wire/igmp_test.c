/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/igmp.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(igmp_parse, igmp_repr);
LAW_EMIT(igmp_emit, igmp_repr);
LAW_SAME(igmp_same, igmp_repr);
LAW_PARSE(igmp_record_parse, igmp_record);
LAW_EMIT(igmp_record_emit, igmp_record);
LAW_SAME(igmp_record_same, igmp_record);

/* The message in a frame with a router alert. */
#define MSG(frame) (frame) + 38, sizeof(frame) - 38

static void of_the_kernel(void **state)
{
	struct igmp_repr r = { 0 };

	(void)state;
	assert_int_equal(igmp_parse(MSG(frame_igmp3_query), &r), 12);
	assert_int_equal(r.type, IGMP_TYPE_QUERY);
	assert_int_equal(r.version, 3);
	assert_int_equal(r.group, 0);
	assert_int_equal(r.max_resp, 10);
	assert_int_equal(r.robustness, 2);
	assert_int_equal(r.interval_s, 2);
	assert_int_equal(r.n_sources, 0);
	assert_false(r.suppress);

	assert_int_equal(igmp_parse(MSG(frame_igmp2_query), &r), 8);
	assert_int_equal(r.version, 2);
	assert_int_equal(r.max_resp, 10);

	assert_int_equal(igmp_parse(MSG(frame_igmp2_report), &r), 8);
	assert_int_equal(r.type, IGMP_TYPE_REPORT2);
	assert_int_equal(r.group, IP4_ADDR(239, 1, 2, 3));
	assert_int_equal(igmp_parse(MSG(frame_igmp2_leave), &r), 8);
	assert_int_equal(r.type, IGMP_TYPE_LEAVE);
}

static void records(void **state)
{
	const uint8_t *p = frame_igmp3_report + 38;
	const size_t len = sizeof(frame_igmp3_report) - 38;
	struct igmp_repr r = { 0 };
	struct igmp_record rec = { 0 };

	(void)state;
	assert_int_equal(igmp_parse(p, len, &r), 8);
	assert_int_equal(r.type, IGMP_TYPE_REPORT3);
	assert_int_equal(r.n_records, 2);
	assert_int_equal(igmp_record_parse(p + 8, len - 8, &rec), 12);
	assert_int_equal(rec.type, IGMP_RECORD_ALLOW);
	assert_int_equal(rec.group, IP4_ADDR(239, 1, 2, 4));
	assert_int_equal(rec.n_sources, 1);
	assert_int_equal(get_be32(p + 8 + IGMP_RECORD_HDR_LEN), IP4_ADDR(192, 0, 2, 2));
	assert_int_equal(igmp_record_parse(p + 20, len - 20, &rec), 8);
	assert_int_equal(rec.type, IGMP_RECORD_TO_EXCLUDE);
	assert_int_equal(rec.group, IP4_ADDR(239, 1, 2, 3));
}

static void laws(void **state)
{
	(void)state;
	law_truncation(law_igmp_parse, frame_igmp2_report + 38, 8);
	law_truncation(law_igmp_parse, MSG(frame_igmp3_report));
	law_truncation(law_igmp_record_parse, frame_igmp3_report + 46, 12);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, MSG(frame_igmp3_query), 2);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, MSG(frame_igmp2_query), 2);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, MSG(frame_igmp3_report), 2);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, MSG(frame_igmp2_report), 2);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, MSG(frame_igmp2_leave), 2);
	law_round_trip(law_igmp_record_parse, law_igmp_record_emit, law_igmp_record_same,
		       frame_igmp3_report + 46, 12, 0);
}

/* The length makes the version (RFC 3376, 7.1). */
static void versions_of_a_query(void **state)
{
	uint8_t msg[64] = { IGMP_TYPE_QUERY };
	struct igmp_repr r = { 0 };

	(void)state;
	assert_int_equal(igmp_parse(msg, 8, &r), 8);
	assert_int_equal(r.version, 1);
	assert_int_equal(r.max_resp, IGMP_MAX_RESP_V1);
	law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, msg, 8, 0);
	for (size_t n = 9; n < 12; n++)
		law_refuses(law_igmp_parse, msg, n, -EBADMSG);
	for (unsigned int code = 1; code <= 255; code++) {
		msg[1] = (uint8_t)code;
		assert_int_equal(igmp_parse(msg, 8, &r), 8);
		assert_int_equal(r.version, 2);
		assert_int_equal(r.max_resp, code);
	}
	for (unsigned int code = 0; code <= 255; code++) {
		msg[1] = (uint8_t)code;
		msg[9] = (uint8_t)~code;
		msg[8] = (uint8_t)(code & 15);
		law_round_trip(law_igmp_parse, law_igmp_emit, law_igmp_same, msg, 12, 0);
	}
}

static void sources_of_a_query(void **state)
{
	uint8_t msg[12 + 3 * 4] = { IGMP_TYPE_QUERY, 10, 0, 0, 239, 1, 2, 3, 2, 125, 0, 3 };
	struct igmp_repr r = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		put_be32(msg + IGMP_QUERY3_LEN + 4 * i, IP4_ADDR(192, 0, 2, i));
	assert_int_equal(igmp_parse(msg, sizeof(msg), &r), 12);
	assert_int_equal(r.n_sources, 3);
	assert_int_equal(r.interval_s, 125);
	for (size_t n = 12; n < sizeof(msg); n++)
		law_refuses(law_igmp_parse, msg, n, -ENODATA);
	/* Sources of all groups make no sense. */
	memset(msg + 4, 0, 4);
	law_refuses(law_igmp_parse, msg, sizeof(msg), -EBADMSG);
}

static void refused(void **state)
{
	(void)state;
	/* Not a group. */
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp2_report), 4, 192, -EBADMSG);
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp2_leave), 4, 0, -EBADMSG);
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp2_query), 4, 10, -EBADMSG);
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp3_report), 12, 10, -EBADMSG);
	/* More records or sources than there are. */
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp3_report), 7, 3, -ENODATA);
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp3_report), 10, 0xff, -ENODATA);
	/* Auxiliary data that is not there. */
	law_refuses_byte(law_igmp_parse, MSG(frame_igmp3_report), 21, 1, -ENODATA);
	for (unsigned int type = 0; type <= 0xff; type++)
		if (type != 0x11 && type != 0x12 && type != 0x16 && type != 0x17 && type != 0x22)
			law_refuses_byte(law_igmp_parse, MSG(frame_igmp2_report), 0, (uint8_t)type,
					 -EPROTONOSUPPORT);
}

static void emits_no_illegal_one(void **state)
{
	const struct igmp_repr bad[] = {
		{ .type = (enum igmp_type)0x13 },
		{ .type = IGMP_TYPE_QUERY, .version = 4, .max_resp = 1 },
		{ .type = IGMP_TYPE_QUERY, .version = 1, .max_resp = 1 },
		{ .type = IGMP_TYPE_QUERY, .version = 2, .max_resp = 0 },
		{ .type = IGMP_TYPE_QUERY, .version = 2, .max_resp = 256 },
		{ .type = IGMP_TYPE_QUERY, .version = 3, .max_resp = IGMP_TIME_MAX + 1 },
		{ .type = IGMP_TYPE_QUERY, .version = 3, .interval_s = IGMP_TIME_MAX + 1 },
		{ .type = IGMP_TYPE_QUERY, .version = 3, .robustness = 8 },
		{ .type = IGMP_TYPE_QUERY, .version = 3, .n_sources = 1 },
		{ .type = IGMP_TYPE_QUERY, .version = 3, .group = IP4_ADDR(10, 0, 0, 1) },
		{ .type = IGMP_TYPE_REPORT2, .group = 0 },
		{ .type = IGMP_TYPE_REPORT3, .group = IP4_IGMP3 },
	};
	const struct igmp_record rec = { .type = 1, .group = IP4_ADDR(10, 0, 0, 1) };
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(igmp_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
	assert_int_equal(igmp_record_emit(buf, sizeof(buf), &rec), -EINVAL);
}

static void checksum(void **state)
{
	uint8_t msg[28];

	(void)state;
	assert_true(igmp_csum_ok(MSG(frame_igmp3_report)));
	assert_true(igmp_csum_ok(MSG(frame_igmp2_query)));
	memcpy(msg, frame_igmp3_report + 38, sizeof(msg));
	msg[2] ^= 0x55;
	assert_false(igmp_csum_ok(msg, sizeof(msg)));
	igmp_put_csum(msg, sizeof(msg));
	assert_memory_equal(msg, frame_igmp3_report + 38, sizeof(msg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(records),
		cmocka_unit_test(laws),
		cmocka_unit_test(versions_of_a_query),
		cmocka_unit_test(sources_of_a_query),
		cmocka_unit_test(refused),
		cmocka_unit_test(emits_no_illegal_one),
		cmocka_unit_test(checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
