/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "plugins/firewall/source_priv.h"

static const struct identity id = { "0123456789abcdef-fedcba9876543210" };

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

/* Into a tag and out of it again. */
static void marks_read_back(void **state)
{
	static const struct {
		const char *zone;
		const char *addr;
		const char *source;
	} cases[] = {
		{ "trusted", "10.9.0.2", "10.9.0.2/32" },
		{ "x", "fd00:9::2", "fd00:9::2/128" },
		{ "two words", "0.0.0.0", "0.0.0.0/32" },
		{ "a-zone-of-22-characters", NULL, NULL },
		{ "a-zone-of-22-character", "1111:2222:3333:4444:5555:6666:7777:8888",
		  "1111:2222:3333:4444:5555:6666:7777:8888/128" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipaddr a = addr_of(cases[i].addr ? cases[i].addr : "10.0.0.1");
		char zone[SOURCE_ZONE_MAX + 1];
		char addr[IPNET_STR_LEN];
		char tag[NFT_TAG_MAX + 1];
		struct source_mark mark;
		struct source_mark again;

		if (!cases[i].addr) {
			assert_int_equal(source_mark_of(cases[i].zone, &a, &mark), -ENAMETOOLONG);
			continue;
		}
		assert_int_equal(source_mark_of(cases[i].zone, &a, &mark), 0);
		source_tag(&id, mark.text, tag);
		assert_true(source_tag_is_of(tag, &id));
		assert_string_equal(source_tag_mark(tag), mark.text);
		(void)snprintf(again.text, sizeof(again.text), "%s", source_tag_mark(tag));
		assert_int_equal(source_mark_read(&again, zone, addr), 0);
		assert_string_equal(zone, cases[i].zone);
		assert_string_equal(addr, cases[i].source);
	}
}

static void tags_without_a_mark(void **state)
{
	static const char *const others[] = {
		"",
		"0123456789abcdef-fedcba987654321",
		"0123456789abcdef-fedcba98765432101",
		"0123456789abcdef-fedcba9876543211",
		"net-0123456789abcdef",
		"0123456789abcdef-fedcba9876543211 trusted 10.0.0.1",
	};
	char tag[NFT_TAG_MAX + 1];

	(void)state;
	source_tag(&id, "", tag);
	assert_string_equal(tag, id.text);
	assert_true(source_tag_is_of(tag, &id));
	assert_string_equal(source_tag_mark(tag), "");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_false(source_tag_is_of(others[i], &id));
		if (i < 5)
			assert_string_equal(source_tag_mark(others[i]), "");
	}
}

static void marks_that_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"trusted",
		"trusted ",
		" 10.0.0.1",
		"trusted 10.0.0",
		"trusted 10.0.0.1/32",
		"a-zone-of-22-characters 10.0.0.1",
		"trusted x",
	};
	char zone[SOURCE_ZONE_MAX + 1];
	char addr[IPNET_STR_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct source_mark mark;

		(void)snprintf(mark.text, sizeof(mark.text), "%s", bad[i]);
		if (source_mark_read(&mark, zone, addr) != -EINVAL)
			fail_msg("'%s'", bad[i]);
	}
}

/* What of "abc" and so on is in the list, in order. */
static const char *all_of(const struct source_list *list)
{
	static char text[200];
	size_t n = 0;

	text[0] = '\0';
	for (const struct source *s = list->first; s; s = s->next)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s,", s->mark.text);
	return text;
}

static void lists_hold_each_once(void **state)
{
	struct arena arena = ARENA_INIT;
	struct source_list list = { .mem = &arena };
	char too_long[100];
	struct nerr err;

	(void)state;
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_string_equal(all_of(&list), "");
	source_list_drop(&list, "a");
	assert_int_equal(source_list_add(&list, "a", &err), 0);
	assert_int_equal(source_list_add(&list, "b", &err), 0);
	assert_int_equal(source_list_add(&list, "a", &err), 0);
	assert_int_equal(source_list_add(&list, too_long, &err), 0);
	assert_int_equal(source_list_add(&list, "c", &err), 0);
	assert_string_equal(all_of(&list), "a,b,c,");
	source_list_drop(&list, "b");
	source_list_drop(&list, "x");
	assert_string_equal(all_of(&list), "a,c,");
	source_list_drop(&list, "a");
	source_list_drop(&list, "c");
	assert_string_equal(all_of(&list), "");
	assert_int_equal(source_list_add(&list, "d", &err), 0);
	assert_string_equal(all_of(&list), "d,");
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_read_back),
		cmocka_unit_test(tags_without_a_mark),
		cmocka_unit_test(marks_that_are_none),
		cmocka_unit_test(lists_hold_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
