/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

#define N 3000

/* What the test knows of an object. */
struct known {
	uint8_t *p;
	uint32_t id;
	uint8_t fill;
};

static void check_filled(const struct known *k, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(k->p[i], k->fill);
}

static void fill(struct known *k, uint32_t size, uint8_t with)
{
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(k->p[i], 0);
	memset(k->p, with, size);
	k->fill = with;
}

/* Objects are zero, keep their place and content, and do not overlap: each is filled. */
static void objects_keep_place_and_content(void **state)
{
	static const uint32_t sizes[] = { 8, 24, 64, 768, 5000, 40000 };
	static struct known known[N];
	struct dice d = { 7 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		const uint32_t size = sizes[s], n_max = size > 1000 ? 100 : N;
		struct test_mem tm = TEST_MEM_INIT(&tm);
		struct slab slab;
		uint32_t n = 0;

		slab_init(&slab, &tm.mem, size, n_max);
		assert_int_equal(slab_bytes(&slab), 0);
		for (unsigned i = 0; i < 10 * n_max; i++) {
			const bool filling = i / n_max % 2 == 0;

			if (n < n_max && dice_below(&d, 4) < (filling ? 3 : 1)) {
				struct known *k = &known[n++];

				k->p = slab_alloc(&slab, &k->id);
				assert_non_null(k->p);
				assert_int_equal((uintptr_t)k->p % 8, 0);
				fill(k, size, (uint8_t)(1 + dice_below(&d, 255)));
			} else if (n) {
				const uint32_t which = dice_below(&d, n);

				assert_ptr_equal(slab_get(&slab, known[which].id), known[which].p);
				check_filled(&known[which], size);
				slab_free(&slab, known[which].id);
				known[which] = known[--n];
			}
			if (dice_below(&d, n_max) == 0)
				slab_trim(&slab);
			assert_int_equal(slab.n, n);
			assert_int_equal(slab_bytes(&slab), tm.bytes);
		}
		while (n) {
			check_filled(&known[--n], size);
			slab_free(&slab, known[n].id);
		}
		slab_done(&slab);
		test_mem_done(&tm);
		slab_done(&slab);
	}
}

static void the_last_freed_is_the_next_used(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	uint32_t a, b, id;
	struct slab slab;

	(void)state;
	slab_init(&slab, &tm.mem, 64, 10);
	assert_non_null(slab_alloc(&slab, &a));
	assert_non_null(slab_alloc(&slab, &b));
	slab_free(&slab, a);
	slab_free(&slab, b);
	assert_non_null(slab_alloc(&slab, &id));
	assert_int_equal(id, b);
	assert_non_null(slab_alloc(&slab, NULL));
	assert_non_null(slab_alloc(&slab, &id));
	assert_int_equal(id, 2);
	for (id = 0; id < 3; id++)
		slab_free(&slab, id);
	slab_done(&slab);
	test_mem_done(&tm);
}

static void the_limit_holds(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct slab slab;
	uint32_t id;

	(void)state;
	slab_init(&slab, &tm.mem, 64, 2);
	assert_non_null(slab_alloc(&slab, NULL));
	assert_non_null(slab_alloc(&slab, &id));
	for (unsigned i = 1; i <= 3; i++) {
		assert_null(slab_alloc(&slab, NULL));
		assert_int_equal(slab.refused, i);
	}
	slab_free(&slab, id);
	assert_non_null(slab_alloc(&slab, &id));
	slab_free(&slab, 0);
	slab_free(&slab, 1);
	slab_done(&slab);
	test_mem_done(&tm);
}

/* Each allocation fails once; nothing is lost and the next call succeeds. */
static void without_memory_nothing_changes(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	unsigned failures = 0, n = 0;
	struct slab slab;

	(void)state;
	slab_init(&slab, &tm.mem, 4096, 1000);
	while (n < 1000) {
		uint32_t id;

		tm.fail_in = 1 + n % 2;
		if (!slab_alloc(&slab, &id)) {
			failures++;
			assert_int_equal(slab.n, n);
			assert_int_equal(slab.refused, failures);
			assert_int_equal(slab_bytes(&slab), tm.bytes);
			tm.fail_in = 0;
			assert_non_null(slab_alloc(&slab, &id));
		}
		assert_int_equal(id, n);
		n++;
	}
	assert_true(failures > 100);
	while (n)
		slab_free(&slab, --n);
	slab_done(&slab);
	test_mem_done(&tm);
}

/* Pieces with an object in use stay, and objects of new ones have the numbers of the old. */
static void pieces_without_objects_are_given_back(void **state)
{
	enum {
		PIECES = 5,
		PER_PIECE = 32, /* of 1 KiB */
		ALL = PIECES * PER_PIECE - 3,
	};
	struct test_mem tm = TEST_MEM_INIT(&tm);
	uint64_t table, piece;
	struct slab slab;
	bool seen[ALL] = { false };
	uint32_t id;

	(void)state;
	slab_init(&slab, &tm.mem, 1024, 1000);
	slab_trim(&slab);
	assert_non_null(slab_alloc(&slab, NULL));
	piece = slab_bytes(&slab);
	for (uint32_t i = 1; i < ALL; i++)
		assert_non_null(slab_alloc(&slab, NULL));
	piece = (slab_bytes(&slab) - piece) / (PIECES - 1);
	table = slab_bytes(&slab) - PIECES * piece;

	/* One in the second piece, one in the fourth. */
	for (uint32_t i = 0; i < ALL; i++)
		if (i != PER_PIECE + 5 && i != 4 * PER_PIECE - 1)
			slab_free(&slab, i);
	tm.fail_in = 1;
	slab_trim(&slab);
	assert_int_equal(tm.bytes, table + PIECES * piece);
	slab_trim(&slab);
	assert_int_equal(tm.bytes, table + 2 * piece);
	slab_trim(&slab);
	assert_int_equal(slab_bytes(&slab), tm.bytes);

	seen[PER_PIECE + 5] = seen[4 * PER_PIECE - 1] = true;
	for (uint32_t i = 2; i < ALL; i++) {
		if (i == 2 * PER_PIECE) {
			/* A hole is filled when the others are full; or not, without memory. */
			tm.fail_in = 1;
			assert_null(slab_alloc(&slab, NULL));
			tm.fail_in = 0;
		}
		assert_non_null(slab_alloc(&slab, &id));
		assert_true(id < ALL && !seen[id]);
		seen[id] = true;
	}
	assert_int_equal(tm.bytes, table + PIECES * piece);
	assert_int_equal(slab.refused, 1);
	for (uint32_t i = 0; i < ALL; i++)
		slab_free(&slab, i);
	slab_trim(&slab);
	assert_int_equal(tm.bytes, table);
	assert_non_null(slab_alloc(&slab, &id));
	assert_int_equal(id, 0);
	slab_free(&slab, id);
	slab_done(&slab);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_keep_place_and_content),
		cmocka_unit_test(the_last_freed_is_the_next_used),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test(pieces_without_objects_are_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
