/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each allocation of the store and of the allocator fails in turn: nothing is reserved,
 * nothing leaks.
 */
#include "tests/unit/oom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipam/host-local/alloc_priv.h"
#include "ipam/host-local/conf_priv.h"
#include "store_fixture.h"

#if !OOM_WORKS
/* No allocation fails, but the sanitizer looks at one round. */
static unsigned oom_countdown;

static void oom_begin(unsigned n)
{
	oom_countdown = n;
}

static long oom_end(void)
{
	return 0;
}
#endif

static size_t n_entries_of_net(void)
{
	struct hl_store st;
	size_t n;
	struct nerr err = NERR_INIT;

	open_store(&st);
	assert_int_equal(hl_store_scan(&st, NULL, NULL, &err), 0);
	n = st.n_entries;
	hl_store_close(&st);
	return n;
}

static void drop_index(void)
{
	struct hl_store st;

	open_store(&st);
	hl_index_drop(&st.index);
	hl_store_close(&st);
}

static int add(const struct hl_conf *conf, const char *id)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	struct hl_lease leases[2];
	struct nerr err = NERR_INIT;
	int r;

	r = hl_store_open(&st, &env, data_dir, NET, true, &err);
	return r < 0 ? r : hl_alloc(&st, conf, id, "eth0", leases, &err);
}

static int del(const char *id)
{
	CLEANUP(hl_store_close) struct hl_store st = HL_STORE_INIT;
	CLEANUP(hl_addrs_done) struct hl_addrs owned = { .n = 0 };
	char key[HL_RECORD_MAX + 1];
	struct nerr err = NERR_INIT;
	int r;

	assert_int_equal(hl_record_key(id, "eth0", key), 0);
	r = hl_store_open(&st, &env, data_dir, NET, false, &err);
	if (r == 0)
		r = hl_store_owned(&st, key, &owned, &err);
	for (size_t i = 0; i < owned.n && r == 0; i++)
		r = hl_store_release(&st, &owned.v[i], key, &err);
	return r;
}

static void fail_each(size_t n_before, bool with_index)
{
	struct hl_range ranges[2] = { { .subnet.prefix_len = 0 } };
	struct hl_range_set sets[2] = { { .v = &ranges[0], .n = 1 }, { .v = &ranges[1], .n = 1 } };
	struct hl_conf conf = { .sets = sets, .n_sets = 2 };
	struct nerr err = NERR_INIT;
	bool struck = true;
	unsigned n = 1;

	assert_int_equal(ipnet_from_str("10.1.0.0/16", &ranges[0].subnet), 0);
	assert_int_equal(ipnet_from_str("fd00::/64", &ranges[1].subnet), 0);
	assert_int_equal(hl_range_complete(&ranges[0], &err), 0);
	assert_int_equal(hl_range_complete(&ranges[1], &err), 0);
	put_many((unsigned)n_before);
	for (; struck; n++) {
		int r;

		if (!with_index)
			drop_index();
		oom_begin(n);
		r = add(&conf, "new");
		struck = oom_countdown == 0;
		assert_int_equal(oom_end(), 0);
		if (r == 0) { /* the C library, or an index that is only useful, can do without */
			assert_int_equal(n_entries_of_net(), n_before + 2);
			assert_int_equal(del("new"), 0);
		} else {
			assert_int_equal(r, -ENOMEM);
		}
		assert_int_equal(n_entries_of_net(), n_before);
	}
	assert_true(!OOM_WORKS || n > (with_index ? 3 : 6));
}

static void in_a_small_directory(void **state)
{
	(void)state;
	fail_each(40, false);
}

static void in_a_large_directory(void **state)
{
	(void)state;
	fail_each(HL_INDEX_ENTRIES_MIN + 40, false);
}

static void with_an_index(void **state)
{
	(void)state;
	fail_each(HL_INDEX_ENTRIES_MIN + 40, true);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)
	static const struct CMUnitTest tests[] = {
		T(in_a_small_directory),
		T(in_a_large_directory),
		T(with_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
