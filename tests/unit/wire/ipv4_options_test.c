/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ipv4_options.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(ipv4_option_parse, ipv4_option);
LAW_EMIT(ipv4_option_emit, ipv4_option);
LAW_SAME(ipv4_option_same, ipv4_option);

#define ONE IP4_ADDR(192, 0, 2, 1)
#define TWO IP4_ADDR(192, 0, 2, 2)

static void of_the_kernel(void **state)
{
	struct ipv4_options o;
	uint8_t bad;

	(void)state;
	assert_int_equal(ipv4_options_parse(frame_ping4_route + 14, 60, &o, &bad), 0);
	assert_int_equal(o.record_at, 21); /* behind a NOP */
	assert_false(o.stamp_at || o.route_at || o.router_alert);
	assert_int_equal(ipv4_options_parse(frame_pong4_route + 14, 60, &o, &bad), 0);
	assert_int_equal(o.record_at, 20);
	assert_int_equal(ipv4_options_parse(frame_pong4_stamp + 14, 56, &o, &bad), 0);
	assert_int_equal(o.stamp_at, 20);
	assert_int_equal(ipv4_options_parse(frame_igmp3_report + 14, 24, &o, &bad), 0);
	assert_true(o.router_alert);
	assert_int_equal(ipv4_options_parse(frame_ping4 + 14, 20, &o, &bad), 0);
	assert_false(o.record_at || o.stamp_at || o.route_at || o.router_alert);
}

static void one_by_one(void **state)
{
	const uint8_t *opts = frame_pong4_route + 34;
	struct ipv4_option o;
	uint8_t longest[40];

	(void)state;
	assert_int_equal(ipv4_option_parse(opts, 40, &o), 39);
	assert_int_equal(o.type, IPV4_OPT_RECORD_ROUTE);
	assert_int_equal(o.data_len, 37);
	assert_int_equal(o.data[0], 16);
	assert_int_equal(ipv4_option_parse(opts + 39, 1, &o), 1);
	assert_int_equal(o.type, IPV4_OPT_EOL);

	law_truncation(law_ipv4_option_parse, opts, 39);
	law_round_trip(law_ipv4_option_parse, law_ipv4_option_emit, law_ipv4_option_same, opts, 39,
		       0);
	law_round_trip(law_ipv4_option_parse, law_ipv4_option_emit, law_ipv4_option_same,
		       frame_igmp3_report + 34, 4, 0);
	law_round_trip(law_ipv4_option_parse, law_ipv4_option_emit, law_ipv4_option_same,
		       frame_ping4_route + 34, 1, 0);
	law_round_trip(law_ipv4_option_parse, law_ipv4_option_emit, law_ipv4_option_same,
		       (const uint8_t[]){ 30, 2 }, 2, 0);
	memcpy(longest, opts, 40);
	longest[1] = 40;
	law_round_trip(law_ipv4_option_parse, law_ipv4_option_emit, law_ipv4_option_same, longest,
		       40, 0);
	law_refuses_byte(law_ipv4_option_parse, opts, 40, 1, 1, -EBADMSG);
	law_refuses_byte(law_ipv4_option_parse, opts, 40, 1, 0, -EBADMSG);
	law_refuses_byte(law_ipv4_option_parse, opts, 40, 1, 41, -EBADMSG);
}

static void emits_no_illegal_one(void **state)
{
	const struct ipv4_option long_one = { .type = 7, .data_len = 39 };
	const struct ipv4_option nop = { .type = IPV4_OPT_NOP, .data_len = 1 };
	uint8_t buf[64];

	(void)state;
	assert_int_equal(ipv4_option_emit(buf, sizeof(buf), &long_one), -EINVAL);
	assert_int_equal(ipv4_option_emit(buf, sizeof(buf), &nop), -EINVAL);
}

/* Options of 12 bytes behind a header, and which byte of them is bad: -1 for none. */
static const struct {
	const char *what;
	uint8_t opts[12];
	int bad;
} rows[] = {
	{ "nothing", { 0 }, -1 },
	{ "NOPs", { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, -1 },
	{ "garbage behind the end", { 0, 7, 0xff }, -1 },
	{ "unknown", { 30, 4, 1, 2, 0x99, 8 }, -1 },
	{ "unknown, without data", { 30, 2, 30, 2 }, -1 },
	{ "unknown, length 0", { 30, 0 }, 0 },
	{ "unknown, length 1", { 30, 1 }, 0 },
	{ "unknown, too long", { 1, 30, 12 }, 1 },
	{ "only a type", { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 30 }, 11 },
	{ "router alert", { 148, 4, 0, 0 }, -1 },
	{ "router alert, length 3", { 148, 3, 0 }, 1 },
	{ "record route", { 7, 11, 4 }, -1 },
	{ "record route, full", { 7, 11, 12 }, -1 },
	{ "record route, full without a place", { 7, 3, 4 }, -1 },
	{ "record route, length 2", { 7, 2 }, 1 },
	{ "record route, pointer 3", { 7, 11, 3 }, 2 },
	{ "record route, half an address", { 7, 11, 9 }, 2 },
	{ "record route, twice", { 7, 3, 4, 7, 3, 4 }, 3 },
	{ "loose route", { 131, 7, 4, 1, 2, 3, 4 }, -1 },
	{ "strict route", { 137, 7, 8, 1, 2, 3, 4 }, -1 },
	{ "both routes", { 131, 3, 4, 137, 3, 4 }, 3 },
	{ "loose route, pointer 0", { 131, 7, 0 }, 2 },
	{ "stamp", { 68, 12, 5, 0 }, -1 },
	{ "stamp and address", { 68, 12, 5, 1 }, -1 },
	{ "stamp, prespecified", { 68, 12, 5, 3 }, -1 },
	{ "stamp of no kind", { 68, 12, 5, 2 }, 3 },
	{ "stamp, length 3", { 68, 3, 5 }, 1 },
	{ "stamp, pointer 4", { 68, 12, 4, 0 }, 2 },
	{ "stamp, no room for a time", { 68, 12, 10, 0 }, 2 },
	{ "stamp, no room for both", { 68, 12, 6, 1 }, 2 },
	{ "stamp, full", { 68, 12, 13, 0x21 }, -1 },
	{ "stamp, full, no more hops counted", { 68, 12, 13, 0xf1 }, 3 },
	{ "stamp, twice", { 68, 4, 5, 0, 68, 4, 5, 0 }, 4 },
};

static void checked_as_linux_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ipv4_options o;
		uint8_t bad = 0xa5;
		uint8_t hdr[32] = { 0x48 };
		cleanup_free uint8_t *copy = NULL;
		int r;

		memset(&o, 0xa5, sizeof(o));
		memcpy(hdr + 20, rows[i].opts, 12);
		copy = law_copy(hdr, sizeof(hdr));
		r = ipv4_options_parse(copy, sizeof(hdr), &o, &bad);
		if (r != (rows[i].bad < 0 ? 0 : -EBADMSG))
			fail_msg("%s: %d", rows[i].what, r);
		if (rows[i].bad < 0) {
			assert_int_equal(bad, 0xa5);
			continue;
		}
		if (bad != 20 + rows[i].bad)
			fail_msg("%s: points at %d", rows[i].what, bad);
		assert_true(law_untouched((const uint8_t *)&o, sizeof(o)));
	}
}

static void routes_are_told_apart(void **state)
{
	uint8_t hdr[28] = { 0x47, [20] = 137, 7, 4 };
	struct ipv4_options o;
	uint8_t bad;

	(void)state;
	assert_int_equal(ipv4_options_parse(hdr, 28, &o, &bad), 0);
	assert_int_equal(o.route_at, 20);
	assert_true(o.strict);
	hdr[20] = 131;
	assert_int_equal(ipv4_options_parse(hdr, 28, &o, &bad), 0);
	assert_false(o.strict);
	/* Router alert with a value that means nothing yet. */
	memcpy(hdr + 20, "\x94\4\0\1\0\0\0\0", 8);
	assert_int_equal(ipv4_options_parse(hdr, 28, &o, &bad), 0);
	assert_false(o.router_alert);
}

/* A request, recorded once as its receiver and once as the sender of the reply, is what the
 * kernel answered.
 */
static void records_as_the_kernel(void **state)
{
	struct ipv4_options o;
	uint8_t hdr[60], bad;

	(void)state;
	memcpy(hdr, frame_ping4_route + 14, 60);
	assert_int_equal(ipv4_options_parse(hdr, 60, &o, &bad), 0);
	ipv4_options_record(hdr, &o, TWO, 0);
	ipv4_options_record(hdr, &o, TWO, 0);
	/* The kernel drops the NOP in its reply. */
	assert_memory_equal(hdr + 21, frame_pong4_route + 34, 39);

	memcpy(hdr, frame_ping4_stamp + 14, 56);
	assert_int_equal(ipv4_options_parse(hdr, 56, &o, &bad), 0);
	ipv4_options_record(hdr, &o, TWO, get_be32(frame_pong4_stamp + 34 + 16));
	ipv4_options_record(hdr, &o, TWO, get_be32(frame_pong4_stamp + 34 + 24));
	assert_memory_equal(hdr + 20, frame_pong4_stamp + 34, 36);
}

/* However often a hop records, the option stays legal and its end is not passed. */
static void records_until_full(void **state)
{
	static const uint8_t opts[][12] = {
		{ 7, 11, 4 },
		{ 68, 12, 5, 0 },
		{ 68, 12, 5, 1 },
		{ 68, 12, 5, 3, 192, 0, 2, 1 },
		{ 68, 12, 5, 3, 192, 0, 2, 9 },
	};
	static const uint8_t end[] = { 12, 13, 13, 13, 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(opts); i++) {
		uint8_t hdr[36] = { 0x48, [32] = 0xa5, 0xa5, 0xa5, 0xa5 };
		struct ipv4_options o;
		uint8_t bad;

		memcpy(hdr + 20, opts[i], 12);
		for (size_t hop = 0; hop < 8; hop++) {
			assert_int_equal(ipv4_options_parse(hdr, 32, &o, &bad), 0);
			ipv4_options_record(hdr, &o, ONE, 0x01020304);
			assert_memory_equal(hdr + 32, "\xa5\xa5\xa5\xa5", 4);
		}
		assert_int_equal(hdr[22], end[i]);
		if (hdr[20] == IPV4_OPT_TIMESTAMP && end[i] == 13)
			assert_true(hdr[23] >> 4 >= 6); /* hops that found it full */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),         cmocka_unit_test(one_by_one),
		cmocka_unit_test(emits_no_illegal_one),  cmocka_unit_test(checked_as_linux_does),
		cmocka_unit_test(routes_are_told_apart), cmocka_unit_test(records_as_the_kernel),
		cmocka_unit_test(records_until_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
