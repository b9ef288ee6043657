/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* Names that the CNI reference suite v1.9.1 gives its objects. */
static void names_of_the_reference_suite(void **state)
{
	static const struct {
		size_t n;
		const char *prefix;
		const char *s;
		const char *want;
	} row[] = {
		{ 16, "", "net1", "8e48f37d5de60467" },
		{ 16, "", "eth0:cid1", "0b65a318f52e521b" },
		{ 16, "", "unit-test", "6fd94d501e58f0aa" },
		{ 16, "", "eth0:one", "287fc69eff0574a2" },
		{ 15, "bwp", "nbb1", "bwp2a5f9c4fd333" },
		{ 28, "CNI-", "net1cid1", "CNI-e8f6f419596f7f47b3468487" },
		{ 28, "CNI-DN-", "net1cid1", "CNI-DN-e8f6f419596f7f47b3468" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		char name[64];

		hash_name(name, row[i].n, row[i].prefix, row[i].s);
		assert_string_equal(name, row[i].want);
	}
}

/* FIPS 180-4, the example "abc". */
static void whole_digest(void **state)
{
	char name[130];

	(void)state;
	hash_name(name, 129, "x", "abc");
	assert_string_equal(name,
			    "x"
			    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* Each length is the beginning of the next one, and writes not a byte more. */
static void every_length(void **state)
{
	char all[133];

	(void)state;
	hash_name(all, 132, "CNI-", "");
	for (size_t n = 0; n <= 132; n++) {
		char name[135];

		memset(name, '#', sizeof(name));
		hash_name(name, n, "CNI-", "");
		assert_memory_equal(name, all, n);
		assert_int_equal(name[n], '\0');
		assert_int_equal(name[n + 1], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_the_reference_suite),
		cmocka_unit_test(whole_digest),
		cmocka_unit_test(every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
