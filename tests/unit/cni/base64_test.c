/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"

/* RFC 4648, section 10. */
static void vectors_of_the_rfc_hold_both_ways(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
		CLEANUP(strbuf_done) struct strbuf bytes = STRBUF_INIT;

		base64_encode(vectors[i][0], strlen(vectors[i][0]), &text);
		assert_string_equal(strbuf_text(&text), vectors[i][1]);
		assert_int_equal(base64_decode(vectors[i][1], &bytes), 0);
		assert_string_equal(strbuf_text(&bytes), vectors[i][0]);
	}
}

static void every_byte_survives(void **state)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf bytes = STRBUF_INIT;
	uint8_t all[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	base64_encode(all, sizeof(all), &text);
	assert_int_equal(base64_decode(text.s, &bytes), 0);
	assert_int_equal(bytes.len, sizeof(all));
	assert_memory_equal(bytes.s, all, sizeof(all));
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z",      "Zg",   "Zg=",      "=",    "====", "Z===", "Zg==Zg==", "Zg=a",
		"Zm9v\n", "Zm 9", "Zm9v\xff", "Zm-_", "Zh==", "Zm9=", "Zg=====",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(strbuf_done) struct strbuf bytes = STRBUF_INIT;

		if (base64_decode(bad[i], &bytes) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_rfc_hold_both_ways),
		cmocka_unit_test(every_byte_survives),
		cmocka_unit_test(what_is_not_base64_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
