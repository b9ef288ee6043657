/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/socket/socket_priv.h"
#include "tests/unit/test_mem.h"

#define MANY 5000

static struct sock some_sock;

static int take(struct fdtable *ft, uint32_t min)
{
	const int fd = fdtable_reserve(ft, min);

	if (fd >= 0)
		fdtable_set(ft, fd, &some_sock);
	return fd;
}

/* Against a table of booleans. */
static void the_lowest_free_descriptor_comes_first(void **state)
{
	static bool used[MANY];
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct dice d = { .state = 7 };
	struct fdtable ft;

	(void)state;
	fdtable_init(&ft, &tm.mem, MANY);
	for (unsigned int step = 0; step < 60000; step++) {
		/* It fills, and empties, and fills. */
		const bool takes = dice_below(&d, 10) < (step / 12000 % 2 ? 3U : 8U);
		const uint32_t min = dice_below(&d, 4) ? 0 : dice_below(&d, MANY);
		uint32_t at = takes ? min : dice_below(&d, MANY);

		if (takes) {
			while (at < MANY && used[at])
				at++;
			assert_int_equal(take(&ft, min), at < MANY ? (int)at : -EMFILE);
			if (at < MANY)
				used[at] = true;
		} else if (used[at]) {
			fdtable_clear(&ft, (int)at);
			used[at] = false;
		}
	}
	for (int fd = -1; fd <= MANY; fd++) {
		const bool is_used = fd >= 0 && fd < MANY && used[fd];

		assert_ptr_equal(fdtable_get(&ft, fd), is_used ? &some_sock : NULL);
		if (is_used)
			fdtable_clear(&ft, fd);
	}
	fdtable_done(&ft);
	test_mem_done(&tm);
}

static void a_million_descriptors(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct fdtable ft;

	(void)state;
	fdtable_init(&ft, &tm.mem, 1U << 20);
	for (int fd = 0; fd < 1 << 20; fd++)
		assert_int_equal(take(&ft, 0), fd);
	assert_int_equal(take(&ft, 0), -EMFILE);
	/* 8 bytes each, and the bits. */
	assert_in_range(fdtable_bytes(&ft), 8 << 20, 9 << 20);
	fdtable_clear(&ft, 777777);
	fdtable_clear(&ft, 999999);
	assert_int_equal(take(&ft, 777778), 999999);
	assert_int_equal(take(&ft, 0), 777777);
	for (int fd = 0; fd < 1 << 20; fd++)
		fdtable_clear(&ft, fd);
	fdtable_done(&ft);
	test_mem_done(&tm);
}

static void without_memory_the_table_stays_as_it_is(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct fdtable ft;

	(void)state;
	fdtable_init(&ft, &tm.mem, MANY);
	tm.fail_in = 1;
	assert_int_equal(take(&ft, 0), -ENOMEM);
	for (int fd = 0; fd < 64; fd++)
		assert_int_equal(take(&ft, 0), fd);
	tm.fail_in = 1;
	assert_int_equal(take(&ft, 0), -ENOMEM);
	assert_int_equal(ft.n, 64);
	assert_int_equal(take(&ft, 0), 64);
	for (int fd = 0; fd <= 64; fd++)
		fdtable_clear(&ft, fd);
	fdtable_done(&ft);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_free_descriptor_comes_first),
		cmocka_unit_test(a_million_descriptors),
		cmocka_unit_test(without_memory_the_table_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
