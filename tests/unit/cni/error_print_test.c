/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"
#include "cni/cni_priv.h"

static void prints(const struct nerr *err, const char *want)
{
	struct strbuf b = STRBUF_INIT;

	cni_error_print(err, &b);
	assert_string_equal(strbuf_text(&b), want);
	strbuf_done(&b);
}

static void prints_as_the_reference_does(void **state)
{
	struct nerr err = NERR_INIT;

	(void)state;
	(void)nerr_num(&err, -EINVAL, CNI_INVALID_ENV, "required env variables [%s] missing",
		       "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH");
	prints(&err, "{\n    \"code\": 4,\n    \"msg\": \"required env variables "
		     "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing\"\n}");
	(void)nerr_set(&err, -EIO, "a <b> & \"c\"");
	(void)nerr_details(&err, "more");
	prints(&err,
	       "{\n    \"code\": 999,\n    \"msg\": \"a \\u003cb\\u003e \\u0026 \\\"c\\\"\",\n"
	       "    \"details\": \"more\"\n}");
}

static void what_is_printed_can_be_read(void **state)
{
	struct nerr err = NERR_INIT;
	struct nerr back = NERR_INIT;
	struct strbuf b = STRBUF_INIT;

	(void)state;
	(void)nerr_num(&err, -EINVAL, CNI_TRY_AGAIN, "line one\nline <two>");
	(void)nerr_details(&err, "\xc3\xa9");
	cni_error_print(&err, &b);
	assert_int_equal(cni_error_read(b.s, b.len, &back, NULL), 0);
	assert_int_equal(back.num, CNI_TRY_AGAIN);
	assert_string_equal(back.msg, err.msg);
	assert_string_equal(back.details, err.details);
	assert_true(back.code < 0);
	strbuf_done(&b);
}

static void foreign_objects_are_read(void **state)
{
	static const char with_more[] =
		"{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"later\",\"extra\":[1]}";
	struct nerr back = NERR_INIT;

	(void)state;
	assert_int_equal(cni_error_read(with_more, strlen(with_more), &back, NULL), 0);
	assert_int_equal(back.num, 11);
	assert_string_equal(back.msg, "later");
	assert_string_equal(back.details, "");
	assert_int_equal(cni_error_read("{\"code\":0}", 10, &back, NULL), 0);
	assert_int_equal(back.num, 0);
}

static void what_is_no_error_object_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "oops", "{}", "[]", "{\"code\":\"x\"}", "{\"msg\":5}", "{\"code\":1} {}"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nerr back = NERR_INIT;
		struct nerr why = NERR_INIT;

		assert_true(cni_error_read(bad[i], strlen(bad[i]), &back, &why) < 0);
		assert_string_not_equal(why.msg, "");
		assert_int_equal(back.code, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_the_reference_does),
		cmocka_unit_test(what_is_printed_can_be_read),
		cmocka_unit_test(foreign_objects_are_read),
		cmocka_unit_test(what_is_no_error_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
