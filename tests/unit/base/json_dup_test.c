/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_dup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "tests/unit/oom.h"

static const char *const top[] = { NULL };
static const char *const sysctl[] = { "sysctl", NULL };
static const char *const args[] = { "args", "cni", "sysctl", NULL };

/* @want: the key that comes twice, or NULL for none. */
static void assert_duplicate(const char *text, const char *const *path, const char *want)
{
	CLEANUP(strbuf_done) struct strbuf key = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	const int r = json_find_duplicate(text, strlen(text), path, &key, &err);

	if (r < 0)
		fail_msg("%s: %s", text, err.msg);
	if (r != (want != NULL) || strcmp(strbuf_text(&key), want ? want : "") != 0)
		fail_msg("%s: %d '%s'", text, r, strbuf_text(&key));
	assert_int_equal(json_find_duplicate(text, strlen(text), path, NULL, NULL), r);
}

static void duplicates_are_found_at_their_path(void **state)
{
	(void)state;
	assert_duplicate("{}", top, NULL);
	assert_duplicate("{\"a\":1,\"b\":2}", top, NULL);
	assert_duplicate("{\"a\":1,\"b\":2,\"a\":1}", top, "a");
	assert_duplicate("{\"sysctl\":{\"x\":\"1\",\"y\":\"2\",\"x\":\"3\"}}", sysctl, "x");
	assert_duplicate("{\"sysctl\":{\"x\":\"1\",\"y\":\"2\"}}", sysctl, NULL);
	assert_duplicate("{\"args\":{\"cni\":{\"sysctl\":{\"\":1,\"\":2}}}}", args, "");
	assert_duplicate(
		"{\"args\":{\"z\":[{}],\"cni\":{\"z\":{},\"sysctl\":{\"a\":{},\"a\":[]}}}}", args,
		"a");
}

static void other_objects_do_not_count(void **state)
{
	(void)state;
	assert_duplicate("{\"a\":1,\"a\":2,\"sysctl\":{\"x\":1}}", sysctl, NULL);
	assert_duplicate("{\"other\":{\"x\":1,\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":{\"x\":1},\"b\":{\"x\":1,\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":{\"x\":1},\"x\":{},\"x\":[{\"x\":{}}]}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":{\"x\":{\"y\":1,\"y\":2}}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":[{\"x\":1,\"x\":2}]}", sysctl, NULL);
	assert_duplicate("{\"deep\":{\"sysctl\":{\"x\":1,\"x\":2}}}", sysctl, NULL);
	assert_duplicate("{\"args\":{\"sysctl\":{\"x\":1,\"x\":2}}}", args, NULL);
	assert_duplicate("{\"cni\":{\"args\":{\"sysctl\":{\"x\":1,\"x\":2}}}}", args, NULL);
	assert_duplicate("{\"sysctl\":\"x\",\"b\":{\"x\":1,\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":[],\"b\":{\"x\":1,\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"args\":{\"cni\":1},\"sysctl\":{\"x\":1,\"x\":2}}", args, NULL);
	assert_duplicate("{\"args\":[{\"cni\":{\"sysctl\":{\"x\":1,\"x\":2}}}]}", args, NULL);
	assert_duplicate("[{\"sysctl\":{\"x\":1,\"x\":2}}]", sysctl, NULL);
	assert_duplicate("[{\"x\":1,\"x\":2}]", top, NULL);
	assert_duplicate("1", top, NULL);
}

static void the_path_matches_in_any_case_the_keys_exactly(void **state)
{
	(void)state;
	assert_duplicate("{\"SysCtl\":{\"x\":1,\"x\":2}}", sysctl, "x");
	assert_duplicate("{\"\\u0073ysctl\":{\"x\":1,\"x\":2}}", sysctl, "x");
	assert_duplicate("{\"sysctl\\u0000\":{\"x\":1,\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysct\":{\"x\":1,\"x\":2},\"sysctls\":{\"x\":1,\"x\":2}}", sysctl,
			 NULL);
	assert_duplicate("{\"sysctl\":{\"x\":1,\"X\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":{\"net.a\":1,\"net/a\":2}}", sysctl, NULL);
}

static void keys_are_compared_without_their_escapes(void **state)
{
	(void)state;
	assert_duplicate("{\"a\\/b\":1,\"a/b\":2}", top, "a/b");
	assert_duplicate("{\"\\u0061\":1,\"a\":2}", top, "a");
	assert_duplicate("{\"\\ud83d\\udc27\":1,\"\xf0\x9f\x90\xa7\":2}", top, "\xf0\x9f\x90\xa7");
	assert_duplicate("{\"a\\u0000b\":1,\"a\\u0000c\":2}", top, NULL);
	assert_duplicate("{\"a\\u0000\":1,\"a\":2}", top, NULL);
	assert_duplicate("{\"a\\u0000b\":1,\"a\\u0000b\":2}", top, "a"); /* as C reads it */
}

/* Each of several objects is looked at, and each alone. */
static void objects_with_the_same_path(void **state)
{
	(void)state;
	assert_duplicate("{\"sysctl\":{\"x\":1},\"sysctl\":{\"x\":2}}", sysctl, NULL);
	assert_duplicate("{\"sysctl\":{\"x\":1,\"x\":2},\"SYSCTL\":{}}", sysctl, "x");
	assert_duplicate("{\"sysctl\":{},\"SYSCTL\":{\"x\":1,\"x\":2}}", sysctl, "x");
	assert_duplicate(
		"{\"args\":{\"cni\":{}},\"args\":{\"cni\":{\"sysctl\":{\"x\":1,\"x\":2}}}}", args,
		"x");
}

static void one_among_many(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	(void)state;
	strbuf_add(&text, "{\"k777\":0");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text, ",\"k%d\":%d", i, i);
	strbuf_add(&text, "}");
	assert_duplicate(strbuf_text(&text), top, "k777");
	text.s[2] = 'K';
	assert_duplicate(strbuf_text(&text), top, NULL);
}

static void what_is_no_json_is_an_error(void **state)
{
	static const char *const bad[] = {
		"",
		"{\"x\":1,\"x\":2",
		"{\"x\":1,\"x\":2}}",
		"{\"x\":1,\"x\":2,}",
		"{\"sysctl\":{\"x\":1,\"x\":}}",
		"{\"x\":1,\"x\":2} \xff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strbuf key = STRBUF_INIT;
		struct nerr err = NERR_INIT;

		assert_int_equal(json_find_duplicate(bad[i], strlen(bad[i]), top, &key, &err),
				 -EINVAL);
		assert_non_null(strstr(err.msg, "JSON"));
		assert_null(key.s);
	}
	assert_int_equal(json_find_duplicate("", (size_t)JSON_DOC_LEN_MAX + 1, top, NULL, NULL),
			 -E2BIG);
}

#if OOM_WORKS
static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	unsigned n = 0;
	int r;

	(void)state;
	strbuf_add(&text, "{\"\\u0061\":0");
	for (int i = 0; i < 200; i++)
		strbuf_addf(&text, ",\"k%d\":%d", i, i);
	strbuf_add(&text, ",\"a\":0}");
	do {
		struct strbuf key = STRBUF_INIT;

		oom_begin(++n);
		r = json_find_duplicate(text.s, text.len, top, &key, NULL);
		strbuf_done(&key);
		assert_int_equal(oom_end(), 0);
	} while (r == -ENOMEM);
	assert_int_equal(r, 1);
	assert_true(n >= 5);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_are_found_at_their_path),
		cmocka_unit_test(other_objects_do_not_count),
		cmocka_unit_test(the_path_matches_in_any_case_the_keys_exactly),
		cmocka_unit_test(keys_are_compared_without_their_escapes),
		cmocka_unit_test(objects_with_the_same_path),
		cmocka_unit_test(one_among_many),
		cmocka_unit_test(what_is_no_json_is_an_error),
#if OOM_WORKS
		cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
