/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/version.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "cni/cni.h"

static void every_listed_version_has_a_shape(void **state)
{
	(void)state;
	for (const char *const *v = cni_versions_all; *v; v++)
		assert_int_not_equal(cni_version_shape(*v), CNI_SHAPE_NONE);
	assert_int_equal(cni_version_shape("0.2.0"), CNI_SHAPE_0_1);
	assert_int_equal(cni_version_shape("0.3.0"), CNI_SHAPE_0_3);
	assert_int_equal(cni_version_shape("0.4.0"), CNI_SHAPE_0_3);
	assert_int_equal(cni_version_shape("1.0.0"), CNI_SHAPE_1_0);
	assert_int_equal(cni_version_shape("1.2.0"), CNI_SHAPE_NONE);
	assert_int_equal(cni_version_shape(""), CNI_SHAPE_NONE);
}

static void the_list_is_in_ascending_order(void **state)
{
	(void)state;
	for (const char *const *v = cni_versions_all; v[1]; v++) {
		assert_int_equal(cni_version_at_least(v[1], v[0], NULL), 1);
		assert_int_equal(cni_version_at_least(v[0], v[1], NULL), 0);
		assert_int_equal(cni_version_at_least(v[0], v[0], NULL), 1);
	}
}

static void missing_parts_are_zero_and_empty_is_the_first(void **state)
{
	(void)state;
	assert_int_equal(cni_version_at_least("1", "1.0.0", NULL), 1);
	assert_int_equal(cni_version_at_least("1.0", "1.0.0", NULL), 1);
	assert_int_equal(cni_version_at_least("1.0", "1.0.1", NULL), 0);
	assert_int_equal(cni_version_at_least("", "0.1.0", NULL), 1);
	assert_int_equal(cni_version_at_least("", "0.1.1", NULL), 0);
	assert_int_equal(cni_version_at_least("0.10.0", "0.9.0", NULL), 1);
}

static void what_is_no_version_is_named(void **state)
{
	static const struct {
		const char *version;
		const char *msg;
	} cases[] = {
		{ "1.2.3.4", "invalid version \"1.2.3.4\": too many parts" },
		{ "abc", "failed to convert major version part \"abc\": strconv.Atoi: parsing "
			 "\"abc\": invalid syntax" },
		{ "1.x", "failed to convert minor version part \"x\": strconv.Atoi: parsing "
			 "\"x\": invalid syntax" },
		{ "1.0.", "failed to convert micro version part \"\": strconv.Atoi: parsing "
			  "\"\": invalid syntax" },
		{ "1.0.-1", "failed to convert micro version part \"-1\": strconv.Atoi: parsing "
			    "\"-1\": invalid syntax" },
		{ "99999999999999999999.0",
		  "failed to convert major version part \"99999999999999999999\": strconv.Atoi: "
		  "parsing \"99999999999999999999\": value out of range" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nerr err = NERR_INIT;

		assert_int_equal(cni_version_at_least(cases[i].version, "0.1.0", &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(cni_version_at_least("0.1.0", cases[i].version, &err), -EINVAL);
	}
}

static void in_finds_exact_matches_only(void **state)
{
	(void)state;
	assert_true(cni_version_in("0.4.0", cni_versions_since_0_4_0));
	assert_false(cni_version_in("0.3.1", cni_versions_since_0_4_0));
	assert_false(cni_version_in("1.0", cni_versions_all));
	assert_false(cni_version_in("", cni_versions_all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_listed_version_has_a_shape),
		cmocka_unit_test(the_list_is_in_ascending_order),
		cmocka_unit_test(missing_parts_are_zero_and_empty_is_the_first),
		cmocka_unit_test(what_is_no_version_is_named),
		cmocka_unit_test(in_finds_exact_matches_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
