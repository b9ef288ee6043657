/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * After a reboot, and when it only looks like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipam/host-local/boot_priv.h"
#include "store_fixture.h"

static void check(void)
{
	struct hl_store st;

	open_store(&st);
	hl_boot_check(&st);
	hl_store_close(&st);
}

/* Reservations of before the boot of this machine, and one of today. */
static void put_old_and_new(void)
{
	put("10.1.0.2", "cid1\r\neth0");
	put("10.1.0.3", "cid2\r\neth0");
	put("10.1.0.4", "reserved");
	put("10.1.0.5", "kept by hand");
	put("last_reserved_ip.0", "10.1.0.3");
	age("10.1.0.2", TEN_YEARS);
	age("10.1.0.4", TEN_YEARS);
	age("10.1.0.5", TEN_YEARS);
}

static void without_a_marker_nothing_is_released(void **state)
{
	(void)state;
	put_old_and_new();
	check();
	assert_true(exists("10.1.0.2"));
	assert_content(".boot_id", BOOT_A);
}

static void in_the_same_boot_nothing_is_released(void **state)
{
	(void)state;
	put_old_and_new();
	put(".boot_id", BOOT_A);
	check();
	assert_true(exists("10.1.0.2"));
}

static void after_a_reboot_only_older_reservations_go(void **state)
{
	(void)state;
	put_old_and_new();
	put(".boot_id", BOOT_B "\n");
	check();
	assert_false(exists("10.1.0.2"));
	assert_true(exists("10.1.0.3"));
	assert_true(exists("10.1.0.4"));
	assert_true(exists("10.1.0.5"));
	assert_true(exists("last_reserved_ip.0"));
	assert_content(".boot_id", BOOT_A);
	put("10.1.0.2", "cid1\r\neth0");
	age("10.1.0.2", TEN_YEARS);
	check(); /* once is enough */
	assert_true(exists("10.1.0.2"));
}

static void a_damaged_marker_is_none(void **state)
{
	static const char *const damaged[] = { "", "9999", "ZZZZ1111-2222-3333-4444-555555555555" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		put_old_and_new();
		put(".boot_id", damaged[i]);
		check();
		assert_true(exists("10.1.0.2"));
		assert_content(".boot_id", BOOT_A);
	}
}

static void without_proc_nothing_happens(void **state)
{
	(void)state;
	put_old_and_new();
	put(".boot_id", BOOT_B);
	assert_int_equal(unlink(boot_file), 0);
	check();
	assert_true(exists("10.1.0.2"));
	reboot_as("not an id");
	check();
	assert_true(exists("10.1.0.2"));
	assert_content(".boot_id", BOOT_B);
}

static void the_index_learns_what_went(void **state)
{
	struct hl_store st;

	(void)state;
	put_many(HL_INDEX_ENTRIES_MIN + 10);
	check();
	age("10.1.0.7", TEN_YEARS);
	reboot_as(BOOT_B);
	check();
	assert_false(exists("10.1.0.7"));
	open_store(&st);
	assert_true(st.index.fd >= 0);
	assert_int_equal(st.index.head.n_entries, HL_INDEX_ENTRIES_MIN + 9);
	hl_store_close(&st);
}

static void times_around_the_boot(void **state)
{
	struct timespec now;
	struct timespec up;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &up), 0);
	assert_false(hl_boot_is_before(&now));
	now.tv_sec -= up.tv_sec;
	now.tv_sec += 2;
	assert_false(hl_boot_is_before(&now));
	now.tv_sec -= 4;
	assert_true(hl_boot_is_before(&now));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)
	static const struct CMUnitTest tests[] = {
		T(without_a_marker_nothing_is_released),
		T(in_the_same_boot_nothing_is_released),
		T(after_a_reboot_only_older_reservations_go),
		T(a_damaged_marker_is_none),
		T(without_proc_nothing_happens),
		T(the_index_learns_what_went),
		cmocka_unit_test(times_around_the_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
