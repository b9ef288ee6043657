/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/oom.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	CLEANUP(arena_done) struct arena a = ARENA_INIT;
	static unsigned char *block[2000];
	static const size_t size[] = { 0, 1, 15, 16, 17, 100, 8191, 8192, 8193, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(block); i++) {
		const size_t n = size[i % ARRAY_SIZE(size)];

		block[i] = arena_alloc(&a, n);
		assert_non_null(block[i]);
		assert_int_equal((uintptr_t)block[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < n; k++)
			if (block[i][k])
				fail_msg("byte %zu of block %zu is not zero", k, i);
		memset(block[i], (int)(i % 251 + 1), n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(block); i++)
		for (size_t k = 0; k < size[i % ARRAY_SIZE(size)]; k++)
			if (block[i][k] != i % 251 + 1)
				fail_msg("block %zu was overwritten", i);
}

static void too_much_is_null(void **state)
{
	CLEANUP(arena_done) struct arena a = ARENA_INIT;

	(void)state;
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
	assert_null(arena_calloc(&a, SIZE_MAX / 8 + 2, 8));
	assert_null(arena_calloc(&a, SIZE_MAX, SIZE_MAX));
	assert_non_null(arena_calloc(&a, 0, 8));
	assert_non_null(arena_calloc(&a, 8, 0));
	assert_non_null(arena_calloc(&a, SIZE_MAX, 0));
}

static void text_is_copied(void **state)
{
	CLEANUP(arena_done) struct arena a = ARENA_INIT;
	char text[] = "text";
	char *copy = arena_strdup(&a, text);

	(void)state;
	text[0] = 'x';
	assert_string_equal(copy, "text");
	assert_string_equal(arena_strdup(&a, ""), "");
	assert_string_equal(arena_printf(&a, "%s-%05d", "a", 42), "a-00042");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	assert_int_equal(strlen(arena_printf(&a, "%20000d", 1)), 20000);
}

static void an_arena_can_be_used_again(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	arena_done(&a);
	assert_non_null(arena_alloc(&a, 10));
	arena_done(&a);
	assert_null(a.head);
	assert_non_null(arena_strdup(&a, "again"));
	arena_done(&a);
	arena_done(&a);
}

#if OOM_WORKS
static void failing_allocations_are_null(void **state)
{
	struct arena a = ARENA_INIT;
	unsigned char *p;

	(void)state;
	oom_begin(1);
	assert_null(arena_alloc(&a, 1));
	p = arena_alloc(&a, 1); /* memory is back */
	assert_non_null(p);
	assert_int_equal(oom_end(), 1);
	oom_begin(1);
	assert_null(arena_alloc(&a, 100000));
	assert_int_equal(oom_end(), 0);
	assert_int_equal(*p, 0); /* what was there stays */
	arena_done(&a);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(too_much_is_null),
		cmocka_unit_test(text_is_copied),
		cmocka_unit_test(an_arena_can_be_used_again),
#if OOM_WORKS
		cmocka_unit_test(failing_allocations_are_null),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
