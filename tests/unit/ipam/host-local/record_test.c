/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/ipaddr.h"
#include "ipam/host-local/record_priv.h"

static void contents_are_told_apart(void **state)
{
	static const struct {
		const char *content;
		enum hl_record_kind kind;
		const char *key;
	} cases[] = {
		{ "cid1\r\neth0", HL_RECORD_FULL, "cid1\r\neth0" },
		{ " cid1\r\neth0\n", HL_RECORD_FULL, "cid1\r\neth0" },
		{ "a.b_c-1\r\nx", HL_RECORD_FULL, "a.b_c-1\r\nx" },
		{ "cid1", HL_RECORD_OLD, "cid1" },
		{ "\tcid1\r\n", HL_RECORD_OLD, "cid1" },
		{ "", HL_RECORD_TORN, "" },
		{ " \r\n\t", HL_RECORD_TORN, "" },
		{ "cid1\neth0", HL_RECORD_FOREIGN, "cid1\neth0" },
		{ "cid1\r\neth 0", HL_RECORD_FOREIGN, "cid1\r\neth 0" },
		{ "cid1\r\na/b", HL_RECORD_FOREIGN, "cid1\r\na/b" },
		{ "cid1\r\na:b", HL_RECORD_FOREIGN, "cid1\r\na:b" },
		{ "cid1\r\n..", HL_RECORD_FOREIGN, "cid1\r\n.." },
		{ "cid1\r\n0123456789abcdef", HL_RECORD_FOREIGN, "cid1\r\n0123456789abcdef" },
		{ "-cid1\r\neth0", HL_RECORD_FOREIGN, "-cid1\r\neth0" },
		{ "\r\neth0", HL_RECORD_OLD, "eth0" }, /* the white space is cut first */
		{ "cid1\r\neth0\r\nx", HL_RECORD_FOREIGN, "cid1\r\neth0\r\nx" },
		{ "kept by hand", HL_RECORD_FOREIGN, "kept by hand" },
		{ "# reserved", HL_RECORD_FOREIGN, "# reserved" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hl_record rec;

		hl_record_parse(cases[i].content, strlen(cases[i].content), &rec);
		assert_int_equal(rec.kind, cases[i].kind);
		assert_string_equal(rec.key, cases[i].key);
	}
}

static void zeros_are_torn_and_mixed_zeros_are_foreign(void **state)
{
	static const char zeros[64];
	static const char mixed[] = "cid1\0eth0";
	struct hl_record rec;

	(void)state;
	hl_record_parse(zeros, sizeof(zeros), &rec);
	assert_int_equal(rec.kind, HL_RECORD_TORN);
	hl_record_parse(mixed, sizeof(mixed), &rec);
	assert_int_equal(rec.kind, HL_RECORD_FOREIGN);
	assert_string_equal(rec.key, "");
}

static void the_longest_key_fits_and_one_more_does_not(void **state)
{
	char id[HL_RECORD_MAX + 1];
	char key[HL_RECORD_MAX + 1];
	char content[HL_RECORD_MAX + 2];
	struct hl_record rec;

	(void)state;
	memset(id, 'a', sizeof(id));
	id[HL_RECORD_MAX - strlen("\r\neth0")] = '\0';
	assert_int_equal(hl_record_key(id, "eth0", key), 0);
	assert_int_equal(strlen(key), HL_RECORD_MAX);
	hl_record_parse(key, strlen(key), &rec);
	assert_int_equal(rec.kind, HL_RECORD_FULL);
	assert_string_equal(rec.key, key);
	assert_int_equal(hl_record_key(id, "eth01", key), -ENAMETOOLONG);
	assert_string_equal(key, "");

	memset(content, 'a', sizeof(content));
	hl_record_parse(content, HL_RECORD_MAX + 1, &rec);
	assert_int_equal(rec.kind, HL_RECORD_FOREIGN);
	assert_string_equal(rec.key, "");
}

static void keys_are_what_the_reference_writes(void **state)
{
	char key[HL_RECORD_MAX + 1];

	(void)state;
	assert_int_equal(hl_record_key("cid1", "eth0", key), 0);
	assert_string_equal(key, "cid1\r\neth0");
	assert_int_equal(hl_record_key("cid1", NULL, key), 0);
	assert_string_equal(key, "cid1");
}

static void only_canonical_names_are_addresses(void **state)
{
	static const char *const good[] = { "10.1.0.2", "255.255.255.255", "fd00:9::2",
					    "::",       "::a01:2",         "2001:db8:0:1:1:1:1:1" };
	static const char *const bad[] = { "lock",
					   "last_reserved_ip.0",
					   ".boot_id",
					   ".",
					   "..",
					   "",
					   "10.1.0.02",
					   "10.1.0.2 ",
					   "FD00::2",
					   "fd00:0::2",
					   "::ffff:10.1.0.2",
					   "fd00::2%eth0",
					   "10.1.0.2~" };
	struct ipaddr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(hl_record_addr(good[i], &a), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(hl_record_addr(bad[i], &a), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_are_told_apart),
		cmocka_unit_test(zeros_are_torn_and_mixed_zeros_are_foreign),
		cmocka_unit_test(the_longest_key_fits_and_one_more_does_not),
		cmocka_unit_test(keys_are_what_the_reference_writes),
		cmocka_unit_test(only_canonical_names_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
