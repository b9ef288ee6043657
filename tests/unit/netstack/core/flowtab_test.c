/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/flowtab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

#define N 3000

/* The model: value i is in the table when in[i], under the hash hash[i]. */
static uint32_t hash[N];
static bool in[N];

/* Of the values of @h, each is found once, and no other. */
static void check_hash(const struct flowtab *ft, uint32_t h)
{
	static uint8_t seen[N];
	struct flowtab_iter it = flowtab_first(ft, h);
	uint32_t v;

	while ((v = flowtab_next(ft, &it)) != FLOWTAB_NONE) {
		assert_true(v < N);
		assert_true(in[v]);
		assert_true(hash[v] == h || (hash[v] <= 1 && h <= 1));
		assert_int_equal(seen[v]++, 0);
	}
	it = flowtab_first(ft, h);
	while ((v = flowtab_next(ft, &it)) != FLOWTAB_NONE)
		seen[v] = 0;
}

static bool finds(const struct flowtab *ft, uint32_t h, uint32_t value)
{
	struct flowtab_iter it = flowtab_first(ft, h);
	uint32_t v;

	while ((v = flowtab_next(ft, &it)) != FLOWTAB_NONE)
		if (v == value)
			return true;
	return false;
}

static void check_all(const struct flowtab *ft)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < N; v++) {
		n += in[v];
		assert_int_equal(finds(ft, hash[v], v), in[v]);
	}
	assert_int_equal(flowtab_n(ft), n);
}

/* Few hashes that meet in all slots, hashes around the end of any table, and any. */
static uint32_t some_hash(struct dice *d)
{
	switch (dice_below(d, 4)) {
	case 0:
		return dice_below(d, 50);
	case 1:
		return 0U - dice_below(d, 100);
	default:
		return dice_roll(d);
	}
}

/* It fills and empties several times; @fail: some allocations do not succeed. */
static void random_walk(struct test_mem *tm, uint64_t seed, bool fail)
{
	struct dice d = { seed };
	struct flowtab ft;

	memset(in, 0, sizeof(in));
	flowtab_init(&ft, &tm->mem);
	for (unsigned i = 0; i < 20 * N; i++) {
		const bool filling = i / (5 * N) % 2 == 0;
		const uint32_t v = dice_below(&d, N);

		if (fail && dice_below(&d, 100) == 0)
			tm->fail_in = 1 + dice_below(&d, 3);
		if (in[v] && dice_below(&d, 8) == 0) {
			/* Another value takes its place. */
			const uint32_t to = dice_below(&d, N);

			if (!in[to]) {
				flowtab_replace(&ft, hash[v], v, to);
				hash[to] = hash[v];
				in[v] = false;
				in[to] = true;
				assert_true(finds(&ft, hash[to], to));
			}
		} else if (in[v] && dice_below(&d, filling ? 4 : 1) == 0) {
			flowtab_remove(&ft, hash[v], v);
			in[v] = false;
			assert_false(finds(&ft, hash[v], v));
		} else if (!in[v] && dice_below(&d, filling ? 1 : 4) == 0) {
			const uint32_t n = flowtab_n(&ft);
			int r;

			hash[v] = some_hash(&d);
			r = flowtab_insert(&ft, hash[v], v);
			assert_true(r == 0 || (fail && r == -ENOMEM));
			in[v] = r == 0;
			assert_int_equal(flowtab_n(&ft), n + (r == 0));
		}
		check_hash(&ft, hash[v]);
		/* In the middle of growing and shrinking, too. */
		if (dice_below(&d, 700) == 0) {
			flowtab_trim(&ft);
			check_all(&ft);
		}
		assert_int_equal(flowtab_bytes(&ft), tm->bytes);
		if (i % 1000 == 0)
			check_all(&ft);
	}
	check_all(&ft);
	for (uint32_t v = 0; v < N; v++) {
		if (in[v])
			flowtab_remove(&ft, hash[v], v);
		in[v] = false;
	}
	check_all(&ft);
	flowtab_done(&ft);
	test_mem_done(tm);
	flowtab_done(&ft);
}

static void equals_an_array(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct test_mem tm = TEST_MEM_INIT(&tm);

		random_walk(&tm, seed, false);
	}
}

static void equals_an_array_when_memory_fails(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 13; seed++) {
		struct test_mem tm = TEST_MEM_INIT(&tm);

		random_walk(&tm, seed, true);
	}
}

/* Never more than 3/4 full, and never so empty that memory is wasted. */
static void grows_and_shrinks_with_its_entries(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct dice d = { 5 };
	struct flowtab ft;
	uint64_t most;

	(void)state;
	flowtab_init(&ft, &tm.mem);
	assert_int_equal(tm.bytes, 0);
	for (uint32_t v = 0; v < 1000000; v++) {
		assert_int_equal(flowtab_insert(&ft, (v * 2654435761U) ^ 77, v), 0);
		assert_true(ft.now.n <= (ft.now.mask + 1ULL) / 4 * 3);
		if (v > 1000)
			assert_true(flowtab_bytes(&ft) <= (uint64_t)v * 8 * 5);
	}
	most = flowtab_bytes(&ft);
	for (uint32_t v = 0; v < 1000000; v++)
		flowtab_remove(&ft, (v * 2654435761U) ^ 77, v);
	assert_int_equal(flowtab_n(&ft), 0);
	/* Connections come and go. */
	for (uint32_t v = 0; v < 1000000; v++) {
		const uint32_t h = dice_roll(&d);

		assert_int_equal(flowtab_insert(&ft, h, v), 0);
		assert_true(finds(&ft, h, v));
		flowtab_remove(&ft, h, v);
	}
	assert_true(flowtab_bytes(&ft) < most / 1000);
	flowtab_done(&ft);
	test_mem_done(&tm);
}

/* Without memory to grow it fills to 7/8, then refuses, and recovers. */
static void without_memory_it_refuses_and_recovers(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct flowtab ft;
	uint32_t v;
	int r = 0;

	(void)state;
	flowtab_init(&ft, &tm.mem);
	tm.fail_in = 1;
	assert_int_equal(flowtab_insert(&ft, 1, 1), -ENOMEM);
	assert_int_equal(flowtab_n(&ft), 0);
	for (v = 0; r == 0; v++) {
		tm.fail_in = v ? 1 : 0;
		r = flowtab_insert(&ft, v * 2654435761U, v);
	}
	assert_int_equal(r, -ENOMEM);
	v--;
	assert_int_equal(flowtab_n(&ft), v);
	assert_int_equal(v, 28);
	tm.fail_in = 0;
	assert_int_equal(flowtab_insert(&ft, v * 2654435761U, v), 0);
	for (uint32_t i = 0; i <= v; i++) {
		assert_true(finds(&ft, i * 2654435761U, i));
		flowtab_remove(&ft, i * 2654435761U, i);
	}
	flowtab_done(&ft);
	test_mem_done(&tm);
}

/* What is left of many fits into little memory at once, and none needs none. */
static void trimmed_it_is_as_small_as_its_entries(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct flowtab ft;
	uint64_t most;

	(void)state;
	flowtab_init(&ft, &tm.mem);
	for (uint32_t v = 0; v < 100000; v++)
		assert_int_equal(flowtab_insert(&ft, v * 2654435761U, v), 0);
	most = tm.bytes;
	for (uint32_t v = 100; v < 100000; v++)
		flowtab_remove(&ft, v * 2654435761U, v);
	assert_int_equal(tm.bytes, most); /* they go with the next insertions */
	tm.fail_in = 1;
	flowtab_trim(&ft);
	assert_int_equal(tm.bytes, most);
	flowtab_trim(&ft);
	assert_int_equal(tm.bytes, 256 * sizeof(uint64_t));
	assert_int_equal(flowtab_n(&ft), 100);
	for (uint32_t v = 0; v < 100; v++) {
		assert_true(finds(&ft, v * 2654435761U, v));
		flowtab_remove(&ft, v * 2654435761U, v);
	}
	flowtab_trim(&ft);
	assert_int_equal(tm.bytes, 0);
	assert_int_equal(flowtab_insert(&ft, 7, 7), 0);
	assert_true(finds(&ft, 7, 7));
	flowtab_remove(&ft, 7, 7);
	flowtab_done(&ft);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_an_array),
		cmocka_unit_test(equals_an_array_when_memory_fails),
		cmocka_unit_test(grows_and_shrinks_with_its_entries),
		cmocka_unit_test(without_memory_it_refuses_and_recovers),
		cmocka_unit_test(trimmed_it_is_as_small_as_its_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
