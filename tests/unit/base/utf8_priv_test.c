/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/utf8_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Every code point that is a character, and no prefix of its bytes. */
static void decode_and_encode_are_inverses(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint32_t back = 0xffffffff;
		char s[4];
		size_t n;

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		n = utf8_encode(cp, s);
		if (utf8_decode(s, n, &back) != n || back != cp)
			fail_msg("U+%04X", cp);
		for (size_t cut = 1; cut < n; cut++)
			if (utf8_decode(s, cut, &back) != 0)
				fail_msg("U+%04X cut to %zu bytes", cp, cut);
	}
}

/* Of all four-byte strings exactly those are taken that are an encoding. */
static void what_is_taken_encodes_to_itself(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1u << 24; i++) {
		/* Of the last byte the top bits are enough: they tell what it is. */
		const char s[4] = { (char)(i >> 16), (char)(i >> 8), (char)i,
				    (char)((i & 7) << 5) };
		uint32_t cp;
		const size_t n = utf8_decode(s, sizeof(s), &cp);
		char back[4];

		if (n && (cp > 0x10ffff || utf8_encode(cp, back) != n || memcmp(s, back, n) != 0))
			fail_msg("%08x", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_and_encode_are_inverses),
		cmocka_unit_test(what_is_taken_encodes_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
