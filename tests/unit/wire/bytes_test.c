/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/bytes.h"

#include "tests/unit/wire/law.h"

static const uint8_t bytes[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x09,
				 0x8a, 0x0b, 0x8c, 0x0d, 0x8e, 0x0f, 0x90, 0x11 };

static void values(void **state)
{
	(void)state;
	assert_int_equal(get_be16(bytes), 0x0182);
	assert_int_equal(get_le16(bytes), 0x8201);
	assert_int_equal(get_be32(bytes), 0x01820384);
	assert_int_equal(get_be64(bytes), 0x0182038405860788);
}

/* At every alignment each field is the next bytes in their order, put is the inverse of get,
 * and touches only them.
 */
static void every_alignment(void **state)
{
	(void)state;
	for (size_t at = 0; at < 8; at++) {
		uint8_t out[sizeof(bytes)] = { 0 };
		uint64_t want = 0;

		for (size_t i = 0; i < 8; i++)
			want = want << 8 | bytes[at + i];
		assert_int_equal(get_be64(bytes + at), want);
		assert_int_equal(get_be32(bytes + at), want >> 32);
		assert_int_equal(get_be16(bytes + at), want >> 48);

		put_be64(out + at, get_be64(bytes + at));
		assert_memory_equal(out + at, bytes + at, 8);
		put_be64(out + at, 0);
		put_be32(out + at, get_be32(bytes + at));
		assert_memory_equal(out + at, bytes + at, 4);
		put_be32(out + at, 0);
		put_be16(out + at, get_be16(bytes + at));
		assert_memory_equal(out + at, bytes + at, 2);
		put_le16(out + at, get_le16(bytes + at));
		assert_memory_equal(out + at, bytes + at, 2);
		put_be16(out + at, 0);
		for (size_t i = 0; i < sizeof(out); i++)
			assert_int_equal(out[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(every_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
