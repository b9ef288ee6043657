/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_mem.h - memory for tests that counts what is not freed and fails when told to; and dice
 * that fall the same each time
 */
#ifndef TESTS_UNIT_TEST_MEM_H
#define TESTS_UNIT_TEST_MEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nic/pbuf.h"

/**
 * struct test_mem - Memory of one test
 * @mem:	To be handed in
 * @live:	Pieces that are not freed
 * @bytes:	Of them
 * @fail_in:	The so-manieth allocation from now on fails; 0 for none
 */
struct test_mem {
	struct pbuf_mem mem;
	long live;
	uint64_t bytes;
	uint64_t fail_in;
};

__attribute__((unused)) static void *test_mem_alloc(void *arg, size_t size)
{
	struct test_mem *tm = arg;
	void *p;

	assert_true(size > 0);
	if (tm->fail_in && --tm->fail_in == 0)
		return NULL;
	p = malloc(size);
	assert_non_null(p);
	tm->live++;
	tm->bytes += size;
	return p;
}

/* Sizes are those of the allocations, or their sum does not come out. */
__attribute__((unused)) static void test_mem_free(void *arg, void *p, size_t size)
{
	struct test_mem *tm = arg;

	assert_non_null(p);
	tm->live--;
	tm->bytes -= size;
	free(p);
}

#define TEST_MEM_INIT(tm)                                                                          \
	((struct test_mem){                                                                        \
		.mem = { .alloc = test_mem_alloc, .free = test_mem_free, .arg = (tm) } })

__attribute__((unused)) static void test_mem_done(const struct test_mem *tm)
{
	assert_int_equal(tm->live, 0);
	assert_int_equal(tm->bytes, 0);
}

/* Multiplicative congruential, the upper half of it. */
struct dice {
	uint64_t state;
};

__attribute__((unused)) static uint32_t dice_roll(struct dice *d)
{
	d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(d->state >> 32);
}

/* 0 to @n - 1 */
__attribute__((unused)) static uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)((uint64_t)dice_roll(d) * n >> 32);
}

#endif /* TESTS_UNIT_TEST_MEM_H */
