/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/seq.h"

#include "tests/unit/wire/law.h"

/* Where sums and differences change their signs. */
static const uint32_t edge[] = { 0,          1,          2,          1000,       0x7ffffffe,
				 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff };

static void order_is_by_distance(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(edge); j++) {
			const struct seq a = seq_of(edge[i]), b = seq_add(a, edge[j]);
			const bool after = edge[j] > 0 && edge[j] < 0x80000000;

			assert_int_equal(seq_sub(b, edge[j]).v, a.v);
			assert_int_equal((uint32_t)seq_diff(b, a), edge[j]);
			assert_int_equal(seq_eq(a, b), edge[j] == 0);
			if (edge[j] == 0x80000000)
				continue; /* neither before nor behind */
			assert_int_equal(seq_lt(a, b), after);
			assert_int_equal(seq_gt(b, a), after);
			assert_int_equal(seq_leq(a, b), after || edge[j] == 0);
			assert_int_equal(seq_geq(b, a), after || edge[j] == 0);
			assert_int_equal(seq_max(a, b).v, after ? b.v : a.v);
			assert_int_equal(seq_min(a, b).v, after ? a.v : b.v);
		}
	}
}

/* Half the space away: both are before each other, and nothing is behind. */
static void half_the_space(void **state)
{
	const struct seq a = seq_of(5), b = seq_of(5 + 0x80000000);

	(void)state;
	assert_true(seq_lt(a, b) && seq_lt(b, a));
	assert_int_equal(seq_diff(a, b), INT32_MIN);
	assert_int_equal(seq_diff(b, a), INT32_MIN);
}

static void windows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(edge); j++) {
			const struct seq start = seq_of(edge[i]), end = seq_add(start, edge[j]);

			assert_int_equal(seq_within(start, start, edge[j]), edge[j] > 0);
			assert_false(seq_within(end, start, edge[j]));
			assert_true(seq_between(start, start, end));
			assert_true(seq_between(start, end, end));
			if (edge[j] != 0xffffffff) {
				assert_false(seq_between(start, seq_add(end, 1), end));
				assert_false(seq_between(start, seq_sub(start, 1), end));
				assert_false(seq_within(seq_sub(start, 1), start, edge[j]));
			}
			if (edge[j] > 0)
				assert_true(seq_within(seq_sub(end, 1), start, edge[j]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_by_distance),
		cmocka_unit_test(half_the_space),
		cmocka_unit_test(windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
