/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "ipam/host-local/walk_priv.h"

static struct ipaddr addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

static struct hl_range range(const char *subnet, const char *start, const char *end)
{
	struct hl_range r = { .start = addr(start), .end = addr(end) };

	assert_int_equal(ipnet_from_str(subnet, &r.subnet), 0);
	return r;
}

static struct hl_range three[3];
static const struct hl_range_set set_of_three = { .v = three, .n = 3 };

static int make_ranges(void **state)
{
	(void)state;
	three[0] = range("10.2.0.0/16", "10.2.0.254", "10.2.1.1");
	three[1] = range("10.1.0.0/16", "10.1.0.7", "10.1.0.7");
	three[2] = range("255.255.255.0/24", "255.255.255.254", "255.255.255.255");
	return 0;
}

/* The order as the reference's iterator goes: one step, and to the next range at an end. */
static struct ipaddr step(const struct hl_range_set *set, struct ipaddr cur)
{
	const struct hl_range *r = hl_range_set_lookup(set, &cur);

	if (ipaddr_eq(&cur, &r->end))
		return set->v[((size_t)(r - set->v) + 1) % set->n].start;
	assert_true(ipaddr_next(&cur));
	return cur;
}

static void assert_walk(const struct hl_walk *w, struct ipaddr first, uint64_t total)
{
	struct ipaddr want = first;

	assert_int_equal(w->total, total);
	for (uint64_t pos = 0; pos < total; pos++) {
		uint64_t back = UINT64_MAX;
		struct ipaddr got;

		assert_ptr_equal(hl_walk_at(w, pos, &got), hl_range_set_lookup(w->set, &want));
		assert_true(ipaddr_eq(&got, &want));
		assert_true(hl_walk_pos(w, &got, &back));
		assert_int_equal(back, pos);
		want = step(w->set, want);
	}
	assert_true(ipaddr_eq(&want, &first)); /* once round */
}

static void without_a_last_address_it_goes_range_by_range(void **state)
{
	struct hl_walk w;

	(void)state;
	hl_walk_init(&w, &set_of_three, NULL);
	assert_walk(&w, three[0].start, 7);
}

static void a_last_address_is_tried_last_wherever_it_is(void **state)
{
	struct ipaddr last = three[0].start;

	(void)state;
	do {
		struct hl_walk w;
		struct ipaddr final;

		hl_walk_init(&w, &set_of_three, &last);
		assert_walk(&w, step(&set_of_three, last), 7);
		(void)hl_walk_at(&w, 6, &final);
		assert_true(ipaddr_eq(&final, &last));
		last = step(&set_of_three, last);
	} while (!ipaddr_eq(&last, &three[0].start));
}

static void a_last_address_outside_does_not_count(void **state)
{
	static const char *const outside[] = { "10.2.0.253", "10.2.1.2", "10.1.0.6", "fd00::1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		struct ipaddr last = addr(outside[i]);
		struct hl_walk w;
		uint64_t pos;

		hl_walk_init(&w, &set_of_three, &last);
		assert_walk(&w, three[0].start, 7);
		assert_false(hl_walk_pos(&w, &last, &pos));
	}
}

static void positions_cross_the_middle_of_an_ipv6_address(void **state)
{
	struct hl_range r =
		range("fd00::/48", "fd00::fffe:ffff:ffff:ffff:fffe", "fd00::ffff:0:0:0:3");
	const struct hl_range_set set = { .v = &r, .n = 1 };
	struct ipaddr last = addr("fd00:0:0:ffff::");
	struct hl_walk w;

	(void)state;
	hl_walk_init(&w, &set, NULL);
	assert_walk(&w, r.start, 6);
	hl_walk_init(&w, &set, &last);
	assert_walk(&w, addr("fd00::ffff:0:0:0:1"), 6);
}

static void astronomic_ranges_saturate(void **state)
{
	struct hl_range r[2] = { range("::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
				 range("::/0", "::", "::") };
	const struct hl_range_set set = { .v = r, .n = 2 };
	const struct ipaddr all_ones = r[0].end;
	struct ipaddr last = addr("::5:0:0:0:0");
	struct ipaddr a;
	struct hl_walk w;
	uint64_t pos;

	(void)state;
	hl_walk_init(&w, &set, NULL);
	assert_true(w.total == UINT64_MAX);
	assert_ptr_equal(hl_walk_at(&w, UINT64_MAX - 1, &a), &r[0]);
	assert_true(hl_walk_pos(&w, &a, &pos));
	assert_true(pos == UINT64_MAX - 1);
	assert_true(ipaddr_next(&a));
	assert_false(hl_walk_pos(&w, &a, &pos));
	assert_false(hl_walk_pos(&w, &r[1].start, &pos)); /* behind all of that */

	hl_walk_init(&w, &set, &last);
	(void)hl_walk_at(&w, 0, &a);
	assert_true(ipaddr_next(&last) && ipaddr_eq(&a, &last));

	/* After the very last address comes the next range, not address 0 of this one. */
	hl_walk_init(&w, &set, &all_ones);
	assert_ptr_equal(hl_walk_at(&w, 0, &a), &r[1]);
	assert_true(ipaddr_eq(&a, &r[1].start));
	assert_true(hl_walk_pos(&w, &r[0].start, &pos));
	assert_int_equal(pos, 1);
}

static void the_other_family_has_no_position(void **state)
{
	struct hl_range r = range("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	const struct hl_range_set set = { .v = &r, .n = 1 };
	struct ipaddr v4 = addr("10.0.0.1");
	struct hl_walk w;
	uint64_t pos;

	(void)state;
	hl_walk_init(&w, &set, NULL);
	assert_false(hl_walk_pos(&w, &v4, &pos));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_last_address_it_goes_range_by_range),
		cmocka_unit_test(a_last_address_is_tried_last_wherever_it_is),
		cmocka_unit_test(a_last_address_outside_does_not_count),
		cmocka_unit_test(positions_cross_the_middle_of_an_ipv6_address),
		cmocka_unit_test(astronomic_ranges_saturate),
		cmocka_unit_test(the_other_family_has_no_position),
	};

	return cmocka_run_group_tests(tests, make_ranges, NULL);
}
