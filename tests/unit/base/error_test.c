/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_and_returns_the_code(void **state)
{
	struct nerr e = { .num = 9, .details = "old" };

	(void)state;
	assert_int_equal(nerr_set(&e, -ENOENT, "cannot open '%s': %m", "/x"), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_int_equal(e.num, 0);
	assert_string_equal(e.msg, "cannot open '/x': No such file or directory");
	assert_string_equal(e.details, "");
}

static void num_is_kept_beside_the_code(void **state)
{
	struct nerr e = NERR_INIT;

	(void)state;
	assert_int_equal(nerr_num(&e, -EINVAL, 4, "bad %d", 1), -EINVAL);
	assert_int_equal(e.num, 4);
	assert_string_equal(e.msg, "bad 1");
	assert_int_equal(nerr_details(&e, "more %s", "text"), -EINVAL);
	assert_string_equal(e.details, "more text");
	assert_string_equal(e.msg, "bad 1");
}

static void context_goes_before_and_keeps_the_rest(void **state)
{
	struct nerr e = NERR_INIT;

	(void)state;
	(void)nerr_num(&e, -EBUSY, 11, "inner");
	(void)nerr_details(&e, "why");
	assert_int_equal(nerr_ctx(&e, "network '%s'", "n1"), -EBUSY);
	assert_int_equal(nerr_ctx(&e, "outer"), -EBUSY);
	assert_string_equal(e.msg, "outer: network 'n1': inner");
	assert_int_equal(e.num, 11);
	assert_string_equal(e.details, "why");
	assert_int_equal(nerr_ctx(&e, "%s", e.msg), -EBUSY); /* its own text as an argument */
	assert_string_equal(e.msg, "outer: network 'n1': inner: outer: network 'n1': inner");
}

static void long_text_is_cut_and_ends(void **state)
{
	struct nerr e = NERR_INIT;
	char text[2 * NERR_MSG_LEN];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)nerr_set(&e, -EIO, "%s", text);
	assert_int_equal(strlen(e.msg), NERR_MSG_LEN - 1);
	(void)nerr_details(&e, "%s", text);
	assert_int_equal(strlen(e.details), NERR_DETAILS_LEN - 1);
	(void)nerr_ctx(&e, "a");
	assert_int_equal(strlen(e.msg), NERR_MSG_LEN - 1);
	assert_memory_equal(e.msg, "a: xxx", 6);
	(void)nerr_ctx(&e, "%s", text);
	assert_int_equal(strlen(e.msg), NERR_MSG_LEN - 1);
	text[NERR_MSG_LEN - 2] = '\0'; /* leaves room for half of ": " */
	(void)nerr_ctx(&e, "%s", text);
	assert_int_equal(strlen(e.msg), NERR_MSG_LEN - 1);
	assert_int_equal(e.msg[NERR_MSG_LEN - 2], ':');
}

static void nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(nerr_set(NULL, -EPERM, "x"), -EPERM);
	assert_int_equal(nerr_num(NULL, -EPERM, 1, "x"), -EPERM);
	assert_int_equal(nerr_oom(NULL), -ENOMEM);
	assert_int_equal(nerr_details(NULL, "x"), -EIO);
	assert_int_equal(nerr_ctx(NULL, "x"), -EIO);
}

static void out_of_memory(void **state)
{
	struct nerr e = NERR_INIT;

	(void)state;
	assert_int_equal(nerr_oom(&e), -ENOMEM);
	assert_string_equal(e.msg, "out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_and_returns_the_code),
		cmocka_unit_test(num_is_kept_beside_the_code),
		cmocka_unit_test(context_goes_before_and_keeps_the_rest),
		cmocka_unit_test(long_text_is_cut_and_ends),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
