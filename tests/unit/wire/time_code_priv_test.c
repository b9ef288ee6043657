/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/time_code_priv.h"

#include "tests/unit/wire/law.h"

static void known_values(void **state)
{
	(void)state;
	assert_int_equal(time_of_code(0, 4), 0);
	assert_int_equal(time_of_code(127, 4), 127);
	assert_int_equal(time_of_code(128, 4), 128);
	assert_int_equal(time_of_code(255, 4), 31744);
	assert_int_equal(time_of_code(0x7fff, 12), 32767);
	assert_int_equal(time_of_code(0x8000, 12), 32768);
	assert_int_equal(time_of_code(0xffff, 12), 8387584);
}

/* Codes and the times they stand for are in the same order, and inverses. */
static void every_code(void **state)
{
	static const unsigned int bits[] = { 4, 12 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		for (uint32_t code = 0; code < UINT32_C(1) << (bits[i] + 4); code++) {
			const uint32_t time = time_of_code(code, bits[i]);

			assert_int_equal(code_of_time(time, bits[i]), code);
			if (code == 0)
				continue;
			assert_true(time > time_of_code(code - 1, bits[i]));
			assert_int_equal(code_of_time(time - 1, bits[i]), code - 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(every_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
