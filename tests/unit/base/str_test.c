/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/oom.h"

static void text_grows(void **state)
{
	struct strbuf b = STRBUF_INIT;

	(void)state;
	assert_string_equal(strbuf_text(&b), "");
	strbuf_add(&b, "");
	assert_string_equal(strbuf_text(&b), "");
	strbuf_add(&b, "one");
	strbuf_addf(&b, " %s %d", "two", 3);
	strbuf_add_mem(&b, " fourXXX", 5);
	assert_string_equal(strbuf_text(&b), "one two 3 four");
	assert_int_equal(b.len, 14);
	assert_false(b.failed);
	strbuf_done(&b);
	assert_null(b.s);
	strbuf_add(&b, "again");
	assert_string_equal(strbuf_text(&b), "again");
	strbuf_done(&b);
	strbuf_done(&b);
}

/* Piece by piece or at once, the text is the same, and NULs are bytes like any other. */
static void pieces_add_up(void **state)
{
	static char all[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 7);
	for (size_t piece = 1; piece < 700; piece += 13) {
		CLEANUP(strbuf_done) struct strbuf b = STRBUF_INIT;

		for (size_t at = 0; at < sizeof(all); at += piece)
			strbuf_add_mem(&b, all + at,
				       sizeof(all) - at < piece ? sizeof(all) - at : piece);
		assert_int_equal(b.len, sizeof(all));
		assert_memory_equal(b.s, all, sizeof(all));
		assert_int_equal(b.s[b.len], '\0');
	}
}

static void long_formats_fit(void **state)
{
	CLEANUP(strbuf_done) struct strbuf b = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < 10; i++)
		strbuf_addf(&b, "%1000d", i);
	assert_int_equal(b.len, 10000);
	assert_int_equal(strlen(b.s), 10000);
}

static void too_much_fails_for_good(void **state)
{
	CLEANUP(strbuf_done) struct strbuf b = STRBUF_INIT;

	(void)state;
	strbuf_add(&b, "kept");
	strbuf_add_mem(&b, "", SIZE_MAX);
	assert_true(b.failed);
	strbuf_add(&b, " lost");
	strbuf_addf(&b, "%d", 1);
	assert_string_equal(strbuf_text(&b), "kept");
	strbuf_done(&b);
	strbuf_add_mem(&b, "", SIZE_MAX / 2);
	assert_true(b.failed);
}

static void numbers_are_digits_only(void **state)
{
	static const char *const bad[] = { "",    " ",   " 1",   "1 ",
					   "+1",  "-1",  "0x10", "1.0",
					   "1e3", "abc", "1a",   "\t1",
					   "1\n", "١",   "--",   "99999999999999999999999x" };
	uint64_t v = 77;
	uint32_t w = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse_u64(bad[i], 0, UINT64_MAX, &v) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(parse_u32(bad[i], 0, UINT32_MAX, &w), -EINVAL);
	}
	assert_int_equal(v, 77);
	assert_int_equal(w, 77);
}

static void numbers_stay_within_bounds(void **state)
{
	uint64_t v = 77;
	uint32_t w = 77;

	(void)state;
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("99999999999999999999", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("184467440737095516160000", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_u64("4", 5, 10, &v), -ERANGE);
	assert_int_equal(parse_u64("11", 5, 10, &v), -ERANGE);
	assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &w), -ERANGE);
	assert_int_equal(v, 77);
	assert_int_equal(w, 77);
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u64("5", 5, 10, &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(parse_u64("10", 5, 10, &v), 0);
	assert_int_equal(v, 10);
	assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &w), 0);
	assert_int_equal(w, UINT32_MAX);
	assert_int_equal(parse_u32("007", 0, UINT32_MAX, &w), 0);
	assert_int_equal(w, 7);
	assert_int_equal(parse_u32("000000000000000000000000000042", 0, UINT32_MAX, &w), 0);
	assert_int_equal(w, 42);
}

static void numbers_read_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		for (int d = -1; d <= 1; d++) {
			const uint64_t n = ((uint64_t)1 << i) + (uint64_t)d;
			char text[32];
			uint64_t v;

			(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
			assert_int_equal(parse_u64(text, 0, UINT64_MAX, &v), 0);
			assert_true(v == n);
		}
	}
}

static void comparisons(void **state)
{
	(void)state;
	assert_true(str_eq_nocase("HostPort", "hostport"));
	assert_true(str_eq_nocase("", ""));
	assert_false(str_eq_nocase("hostport", "hostports"));
	assert_false(str_eq_nocase("a", "b"));
	assert_true(str_has_prefix("veth123", "veth"));
	assert_true(str_has_prefix("veth", ""));
	assert_true(str_has_prefix("", ""));
	assert_false(str_has_prefix("vet", "veth"));
	assert_false(str_has_prefix("Veth", "veth"));
}

static void utf8_is_told_from_other_bytes(void **state)
{
	(void)state;
	assert_true(str_is_utf8("", 0));
	assert_true(str_is_utf8("a\0b", 3));
	assert_true(str_is_utf8("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7", 12));
	assert_false(str_is_utf8("h\xc3", 2)); /* cut */
	assert_false(str_is_utf8("\xc3\xa9", 1));
	assert_false(str_is_utf8("\xc0\x80", 2));     /* overlong */
	assert_false(str_is_utf8("\xed\xa0\x80", 3)); /* surrogate */
	assert_false(str_is_utf8("ok \xff", 4));
}

static void copies_fit_or_are_empty(void **state)
{
	char buf[6];

	(void)state;
	memset(buf, '#', sizeof(buf));
	assert_int_equal(str_copy(buf, 5, "four"), 0);
	assert_string_equal(buf, "four");
	assert_int_equal(buf[5], '#');
	assert_int_equal(str_copy(buf, 5, "fives"), -ENAMETOOLONG);
	assert_string_equal(buf, "");
	assert_int_equal(str_copy(buf, 1, ""), 0);
	assert_string_equal(buf, "");
}

#if OOM_WORKS
static void failing_allocations_keep_what_was_there(void **state)
{
	struct strbuf b = STRBUF_INIT;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text));
	oom_begin(1);
	strbuf_add(&b, "first");
	assert_true(b.failed);
	assert_string_equal(strbuf_text(&b), "");
	strbuf_add(&b, "memory is back, but a piece is missing");
	assert_string_equal(strbuf_text(&b), "");
	strbuf_done(&b);
	assert_int_equal(oom_end(), 0);
	strbuf_add(&b, "first");
	oom_begin(1);
	strbuf_add_mem(&b, text, sizeof(text));
	(void)oom_end();
	assert_true(b.failed);
	assert_string_equal(strbuf_text(&b), "first");
	strbuf_done(&b);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows),
		cmocka_unit_test(pieces_add_up),
		cmocka_unit_test(long_formats_fit),
		cmocka_unit_test(too_much_fails_for_good),
		cmocka_unit_test(numbers_are_digits_only),
		cmocka_unit_test(numbers_stay_within_bounds),
		cmocka_unit_test(numbers_read_back),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(copies_fit_or_are_empty),
#if OOM_WORKS
		cmocka_unit_test(failing_allocations_keep_what_was_there),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
