/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "cni/cni_priv.h"

static const char *const names[] = { "CNI_COMMAND",       "CNI_CONTAINERID", "CNI_NETNS",
				     "CNI_IFNAME",        "CNI_ARGS",        "CNI_PATH",
				     "CNI_NETNS_OVERRIDE" };

/* Values in the order of @names, NULL for unset. */
static void set_env(const char *const values[7])
{
	for (size_t i = 0; i < 7; i++) {
		if (values[i])
			assert_int_equal(setenv(names[i], values[i], 1), 0);
		else
			assert_int_equal(unsetenv(names[i]), 0);
	}
}

#define SET_ENV(...) set_env((const char *const[7]){ __VA_ARGS__ })

static void refused(const char *msg, const char *details)
{
	struct cni_call call = { .verb = CNI_ADD };
	struct nerr err = NERR_INIT;
	bool known = false;

	assert_int_equal(cni_env_read(&call, &known, &err), -EINVAL);
	assert_int_equal(err.num, CNI_INVALID_ENV);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.details, details);
}

static void accepted(enum cni_verb verb)
{
	struct cni_call call = { .verb = CNI_ADD };
	struct nerr err = NERR_INIT;
	bool known = false;

	assert_int_equal(cni_env_read(&call, &known, &err), 0);
	assert_true(known);
	assert_int_equal(call.verb, verb);
}

static void missing_variables_are_listed_per_verb(void **state)
{
	(void)state;
	SET_ENV("ADD");
	refused("required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
		"");
	SET_ENV("CHECK", "a");
	refused("required env variables [CNI_NETNS,CNI_IFNAME,CNI_PATH] missing", "");
	SET_ENV("DEL");
	refused("required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing", "");
	SET_ENV("GC");
	refused("required env variables [CNI_PATH] missing", "");
	SET_ENV("STATUS", "", "", "", "", "");
	refused("required env variables [CNI_PATH] missing", "");
	SET_ENV(NULL);
	refused("required env variables [CNI_COMMAND] missing", "");
}

static void what_is_given_fills_the_call(void **state)
{
	struct cni_call call = { .verb = CNI_DEL };
	bool known = false;

	(void)state;
	SET_ENV("ADD", "id", "/ns", "eth0", "A=b", "/x:/y");
	assert_int_equal(cni_env_read(&call, &known, NULL), 0);
	assert_int_equal(call.verb, CNI_ADD);
	assert_string_equal(call.container_id, "id");
	assert_string_equal(call.netns, "/ns");
	assert_string_equal(call.ifname, "eth0");
	assert_string_equal(call.args, "A=b");
	assert_string_equal(call.path, "/x:/y");
	SET_ENV("VERSION");
	assert_int_equal(cni_env_read(&call, &known, NULL), 0);
	assert_string_equal(call.container_id, "");
	assert_string_equal(call.args, "");
}

static void an_invalid_value_wins_over_missing_ones(void **state)
{
	(void)state;
	SET_ENV("ADD", "..x");
	refused("invalid characters in containerID", "..x");
	SET_ENV("ADD", NULL, NULL, "a/b");
	refused("interface name contains / or : or whitespace characters", "");
}

static void container_ids_are_checked(void **state)
{
	static const char *const bad[] = { ".a", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cni_name_is_valid(bad[i]));
	assert_false(cni_name_is_valid(""));
	assert_true(cni_name_is_valid("default-0123.4_5"));
	assert_true(cni_name_is_valid("0"));
}

static void interface_names_are_checked(void **state)
{
	static const char *const spaced[] = {
		"a b",          "a\t",          "\na",           "a:b",
		"a\xc2\x85",    "\xc2\xa0",     "a\xe1\x9a\x80", "\xe2\x80\x8a",
		"\xe2\x80\xa8", "\xe2\x80\xaf", "\xe2\x81\x9f",  "x\xe3\x80\x80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spaced) / sizeof(spaced[0]); i++) {
		SET_ENV("DEL", "a", NULL, spaced[i], NULL, "/x");
		refused("interface name contains / or : or whitespace characters", "");
	}
	SET_ENV("DEL", "a", NULL, "..", NULL, "/x");
	refused("interface name is . or ..", "");
	SET_ENV("DEL", "a", NULL, "sixteen-bytes-01", NULL, "/x");
	refused("interface name is too long", "interface name should be less than 16 characters");
	SET_ENV("DEL", "a", NULL, "fifteen-bytes-1", NULL, "/x");
	accepted(CNI_DEL);
	SET_ENV("DEL", "a", NULL, "h\xc3\xa9\xe2\x80\x8b", NULL, "/x");
	accepted(CNI_DEL);
}

static void what_a_verb_does_not_need_is_not_checked(void **state)
{
	(void)state;
	SET_ENV("STATUS", "..", NULL, "a/b", NULL, "/x");
	accepted(CNI_STATUS);
	SET_ENV("GC", "..", NULL, "a/b", NULL, "/x");
	accepted(CNI_GC);
	SET_ENV("VERSION", "..", NULL, "a/b");
	accepted(CNI_VERSION);
	SET_ENV("DEL", "a", NULL, "eth0", NULL, "/x");
	accepted(CNI_DEL);
}

static void an_unknown_verb_is_left_to_the_caller(void **state)
{
	struct cni_call call = { .verb = CNI_ADD };
	bool known = true;

	(void)state;
	SET_ENV("add");
	assert_int_equal(cni_env_read(&call, &known, NULL), 0);
	assert_false(known);
}

static void override_is_1_or_true(void **state)
{
	(void)state;
	SET_ENV("ADD");
	assert_false(cni_env_netns_override());
	SET_ENV("ADD", NULL, NULL, NULL, NULL, NULL, "TrUe");
	assert_true(cni_env_netns_override());
	SET_ENV("ADD", NULL, NULL, NULL, NULL, NULL, "1");
	assert_true(cni_env_netns_override());
	SET_ENV("ADD", NULL, NULL, NULL, NULL, NULL, "yes");
	assert_false(cni_env_netns_override());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_variables_are_listed_per_verb),
		cmocka_unit_test(what_is_given_fills_the_call),
		cmocka_unit_test(an_invalid_value_wins_over_missing_ones),
		cmocka_unit_test(container_ids_are_checked),
		cmocka_unit_test(interface_names_are_checked),
		cmocka_unit_test(what_a_verb_does_not_need_is_not_checked),
		cmocka_unit_test(an_unknown_verb_is_left_to_the_caller),
		cmocka_unit_test(override_is_1_or_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
