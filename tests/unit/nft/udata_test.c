/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft/udata_priv.h"

static void texts_are_found_by_type(void **state)
{
	uint8_t data[64];
	size_t len = 0;

	(void)state;
	len += udata_put(data + len, UDATA_COMMENT, "a comment");
	len += udata_put(data + len, 7, "foreign");
	len += udata_put(data + len, UDATA_TAG, "tag");
	assert_int_equal(len, UDATA_LEN(9) + UDATA_LEN(7) + UDATA_LEN(3));
	assert_string_equal(udata_text(data, len, UDATA_COMMENT), "a comment");
	assert_string_equal(udata_text(data, len, UDATA_TAG), "tag");
	assert_string_equal(udata_text(data, len, 8), "");
	assert_string_equal(udata_text(data, 0, UDATA_TAG), "");
}

static void the_longest_text_fits(void **state)
{
	uint8_t data[UDATA_LEN(UDATA_TEXT_MAX)];
	char text[UDATA_TEXT_MAX + 1];

	(void)state;
	memset(text, 'x', UDATA_TEXT_MAX);
	text[UDATA_TEXT_MAX] = '\0';
	assert_int_equal(udata_put(data, UDATA_TAG, text), sizeof(data));
	assert_string_equal(udata_text(data, sizeof(data), UDATA_TAG), text);
}

/* Cut anywhere, the last text is not there, and nothing behind the cut is read.
 */
static void every_truncation_is_refused(void **state)
{
	uint8_t data[64];
	size_t len = udata_put(data, UDATA_TAG, "tag");

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* so that sanitizers see reads beyond */

		assert_non_null(exact);
		memcpy(exact, data, n);
		assert_string_equal(udata_text(exact, n, UDATA_TAG), "");
		free(exact);
	}
}

static void a_value_without_end_or_length_is_none(void **state)
{
	static const uint8_t no_end[] = { UDATA_TAG, 3, 'a', 'b', 'c', UDATA_TAG, 2, 'z', 0 };
	static const uint8_t empty[] = { UDATA_TAG, 0, UDATA_TAG, 1, 0 };
	static const uint8_t beyond[] = { UDATA_TAG, 200, 'a', 0 };

	(void)state;
	assert_string_equal(udata_text(no_end, sizeof(no_end), UDATA_TAG), "z");
	assert_string_equal(udata_text(empty, sizeof(empty), UDATA_TAG), "");
	assert_string_equal(udata_text(beyond, sizeof(beyond), UDATA_TAG), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_found_by_type),
		cmocka_unit_test(the_longest_text_fits),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(a_value_without_end_or_length_is_none),
	};

	return cmocka_run_group_tests_name("nft/udata", tests, NULL, NULL);
}
