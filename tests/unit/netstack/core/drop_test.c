/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/drop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Names are keys of counters: one for each reason, in lower case with dashes. */
static void names_are_keys(void **state)
{
	(void)state;
	for (int r = 0; r < DROP_N; r++) {
		const char *name = drop_name((enum drop_reason)r);

		assert_true(strlen(name) > 2);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(name));
		for (int other = 0; other < r; other++) {
			assert_string_not_equal(drop_name((enum drop_reason)other), name);
			assert_string_not_equal(drop_sentence((enum drop_reason)other),
						drop_sentence((enum drop_reason)r));
		}
	}
}

/* Sentences begin as all messages do, and end without a full stop. */
static void sentences_are_messages(void **state)
{
	(void)state;
	for (int r = 0; r < DROP_N; r++) {
		const char *s = drop_sentence((enum drop_reason)r);

		assert_true(strlen(s) > 5 && strlen(s) < 80);
		assert_int_not_equal(s[strlen(s) - 1], '.');
	}
}

static void symbol_and_name_belong_together(void **state)
{
	(void)state;
#define X(symbol, name, sentence)                                                                  \
	assert_string_equal(drop_name(DROP_##symbol), name);                                       \
	assert_string_equal(drop_sentence(DROP_##symbol), sentence);
	DROP_REASONS(X)
#undef X
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_keys),
		cmocka_unit_test(sentences_are_messages),
		cmocka_unit_test(symbol_and_name_belong_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
