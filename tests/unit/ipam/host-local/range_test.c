/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "ipam/host-local/range_priv.h"

/* "" leaves a member unset. */
static struct hl_range range(const char *subnet, const char *start, const char *end,
			     const char *gateway)
{
	struct hl_range r = { .subnet.prefix_len = 0 };

	if (*subnet)
		assert_int_equal(ipnet_from_str(subnet, &r.subnet), 0);
	if (*start)
		assert_int_equal(ipaddr_from_str(start, &r.start), 0);
	if (*end)
		assert_int_equal(ipaddr_from_str(end, &r.end), 0);
	if (*gateway)
		assert_int_equal(ipaddr_from_str(gateway, &r.gateway), 0);
	return r;
}

static void assert_addr(const struct ipaddr *a, const char *want)
{
	char text[IPADDR_STR_LEN];

	assert_string_equal(ipaddr_to_str(a, text), want);
}

static void what_is_left_out_is_filled(void **state)
{
	static const struct {
		const char *subnet, *start, *end, *gateway;
		const char *want_start, *want_end, *want_gateway;
	} cases[] = {
		{ "10.1.0.0/24", "", "", "", "10.1.0.1", "10.1.0.254", "10.1.0.1" },
		{ "10.1.0.0/30", "", "", "", "10.1.0.1", "10.1.0.2", "10.1.0.1" },
		{ "10.1.0.0/24", "10.1.0.9", "10.1.0.9", "", "10.1.0.9", "10.1.0.9", "10.1.0.1" },
		{ "10.1.0.0/24", "10.1.0.0", "10.1.0.255", "10.9.0.1", "10.1.0.0", "10.1.0.255",
		  "10.9.0.1" },
		{ "0.0.0.0/0", "", "", "", "0.0.0.1", "255.255.255.254", "0.0.0.1" },
		{ "fd00::/64", "", "", "", "fd00::1", "fd00::ffff:ffff:ffff:ffff", "fd00::1" },
		{ "fd00::/126", "", "", "fd00::2", "fd00::1", "fd00::3", "fd00::2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hl_range r =
			range(cases[i].subnet, cases[i].start, cases[i].end, cases[i].gateway);
		struct nerr err = NERR_INIT;

		assert_int_equal(hl_range_complete(&r, &err), 0);
		assert_addr(&r.start, cases[i].want_start);
		assert_addr(&r.end, cases[i].want_end);
		assert_addr(&r.gateway, cases[i].want_gateway);
	}
}

static void a_wrong_range_is_refused_in_the_words_of_the_reference(void **state)
{
	static const struct {
		const char *subnet, *start, *end, *want;
	} cases[] = {
		{ "", "10.1.0.1", "", "a range has no subnet" },
		{ "10.1.0.0/31", "", "", "Network 10.1.0.0/31 too small to allocate from" },
		{ "10.1.0.3/32", "", "", "Network 10.1.0.3/32 too small to allocate from" },
		{ "fd00::/127", "", "", "Network fd00::/127 too small to allocate from" },
		{ "10.1.0.3/24", "", "",
		  "Network has host bits set. For a subnet mask of length 24 the network address is 10.1.0.0" },
		{ "fd00::1/64", "", "",
		  "Network has host bits set. For a subnet mask of length 64 the network address is fd00::" },
		{ "10.1.0.0/24", "10.2.0.1", "", "RangeStart 10.2.0.1 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "", "10.2.0.1", "RangeEnd 10.2.0.1 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "", "10.1.0.0", "RangeEnd 10.1.0.0 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "10.1.0.50", "10.1.0.40",
		  "RangeStart 10.1.0.50 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "fd00::1", "", "RangeStart fd00::1 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "", "fd00::1", "RangeEnd fd00::1 not in network 10.1.0.0/24" },
		{ "10.1.0.0/24", "10.1.0.9", "fd00::1",
		  "RangeEnd fd00::1 not in network 10.1.0.0/24" },
		{ "fd00::/64", "fd00::3", "10.0.0.1",
		  "RangeStart fd00::3 not in network fd00::/64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hl_range r = range(cases[i].subnet, cases[i].start, cases[i].end, "");
		struct nerr err = NERR_INIT;

		assert_int_equal(hl_range_complete(&r, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].want);
	}
}

static void both_ends_are_inside(void **state)
{
	static const char *const in[] = { "10.1.0.10", "10.1.0.15", "10.1.0.20" };
	static const char *const out[] = { "10.1.0.9",  "10.1.0.21", "10.1.0.1", "10.1.1.15",
					   "10.2.0.15", "fd00::f",   "::a01:f" };
	struct hl_range r = range("10.1.0.0/16", "10.1.0.10", "10.1.0.20", "");
	struct nerr err = NERR_INIT;
	struct ipaddr a;

	(void)state;
	assert_int_equal(hl_range_complete(&r, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
		assert_int_equal(ipaddr_from_str(in[i], &a), 0);
		assert_true(hl_range_contains(&r, &a));
	}
	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		assert_int_equal(ipaddr_from_str(out[i], &a), 0);
		assert_false(hl_range_contains(&r, &a));
	}
}

static void a_set_is_of_one_family_without_overlap(void **state)
{
	static const struct {
		const char *a_net, *a_start, *a_end, *b_net, *b_start, *b_end, *want;
	} cases[] = {
		{ "10.1.0.0/24", "", "", "fd00::/64", "", "", "mixed address families" },
		{ "10.1.0.0/24", "", "", "10.1.0.0/25", "", "",
		  "subnets 10.1.0.1-10.1.0.254 and 10.1.0.1-10.1.0.126 overlap" },
		{ "10.1.0.0/24", "10.1.0.10", "10.1.0.20", "10.1.0.0/24", "10.1.0.20", "10.1.0.30",
		  "subnets 10.1.0.10-10.1.0.20 and 10.1.0.20-10.1.0.30 overlap" },
		{ "10.1.0.0/24", "10.1.0.15", "10.1.0.15", "10.1.0.0/24", "10.1.0.10", "10.1.0.30",
		  "subnets 10.1.0.15-10.1.0.15 and 10.1.0.10-10.1.0.30 overlap" },
		{ "10.1.0.0/24", "10.1.0.10", "10.1.0.20", "10.1.0.0/24", "10.1.0.21", "10.1.0.30",
		  NULL },
		{ "fd00::/64", "", "", "fd01::/64", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hl_range v[] = {
			range(cases[i].a_net, cases[i].a_start, cases[i].a_end, ""),
			range(cases[i].b_net, cases[i].b_start, cases[i].b_end, ""),
		};
		struct hl_range_set set = { .v = v, .n = ARRAY_SIZE(v) };
		struct nerr err = NERR_INIT;
		int r = hl_range_set_complete(&set, &err);

		assert_int_equal(r, cases[i].want ? -EINVAL : 0);
		assert_string_equal(err.msg, cases[i].want ? cases[i].want : "");
	}
}

static void an_empty_set_is_refused(void **state)
{
	struct hl_range_set set = { .n = 0 };
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(hl_range_set_complete(&set, &err), -EINVAL);
	assert_string_equal(err.msg, "empty range set");
}

static void a_set_finds_the_range_and_prints_all(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct hl_range v[] = { range("10.1.0.0/24", "", "10.1.0.9", ""),
				range("10.1.0.0/24", "10.1.0.20", "10.1.0.29", "") };
	struct hl_range w[] = { range("10.1.0.0/24", "10.1.0.10", "10.1.0.19", "") };
	struct hl_range_set set = { .v = v, .n = ARRAY_SIZE(v) };
	struct hl_range_set other = { .v = w, .n = ARRAY_SIZE(w) };
	struct nerr err = NERR_INIT;
	struct ipaddr a;

	(void)state;
	assert_int_equal(hl_range_set_complete(&set, &err), 0);
	assert_int_equal(hl_range_set_complete(&other, &err), 0);
	assert_false(hl_range_set_overlaps(&set, &other));
	assert_true(hl_range_set_overlaps(&set, &set));
	assert_int_equal(ipaddr_from_str("10.1.0.25", &a), 0);
	assert_ptr_equal(hl_range_set_lookup(&set, &a), &v[1]);
	assert_null(hl_range_set_lookup(&other, &a));
	hl_range_set_to_str(&set, &text);
	assert_string_equal(strbuf_text(&text), "10.1.0.1-10.1.0.9,10.1.0.20-10.1.0.29");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_is_filled),
		cmocka_unit_test(a_wrong_range_is_refused_in_the_words_of_the_reference),
		cmocka_unit_test(both_ends_are_inside),
		cmocka_unit_test(a_set_is_of_one_family_without_overlap),
		cmocka_unit_test(an_empty_set_is_refused),
		cmocka_unit_test(a_set_finds_the_range_and_prints_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
