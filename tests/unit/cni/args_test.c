/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/cni/harness.h"

static struct cni_call call;
static const char *mac;
static const char *ip;
static const struct cni_arg known[] = { { "MAC", &mac }, { "IP", &ip }, { 0 } };

static int setup(void **state)
{
	(void)state;
	harness_call(&call, CNI_ADD, "{\"name\":\"a\",\"cniVersion\":\"1.0.0\"}");
	mac = ip = NULL;
	return harness_load(&call, NULL);
}

static int teardown(void **state)
{
	(void)state;
	json_doc_free(call.doc);
	return 0;
}

static void accepted(const char *args)
{
	struct nerr err = NERR_INIT;

	call.args = args;
	mac = ip = NULL;
	if (cni_args_parse(&call, known, &err) < 0)
		fail_msg("%s: %s", args, err.msg);
}

static void refused(const char *args, const char *msg)
{
	struct nerr err = NERR_INIT;

	call.args = args;
	assert_int_equal(cni_args_parse(&call, known, &err), -EINVAL);
	assert_string_equal(err.msg, msg);
}

static void known_keys_are_set_and_the_last_wins(void **state)
{
	(void)state;
	accepted("");
	assert_null(mac);
	accepted("IP=10.0.0.1;MAC=a:b;IP=");
	assert_string_equal(mac, "a:b");
	assert_string_equal(ip, "");
}

static void unknown_keys_need_the_flag_wherever_it_is(void **state)
{
	(void)state;
	accepted("IgnoreUnknown=1;K8S_POD_NAME=x");
	accepted("K8S_POD_NAME=x;MAC=1;IgnoreUnknown=TRUE");
	assert_string_equal(mac, "1");
	refused("FOO=BAR;MAC=1;X=Y", "ARGS: unknown args [\"FOO=BAR\" \"X=Y\"]");
	refused("FOO=BAR;IgnoreUnknown=0", "ARGS: unknown args [\"FOO=BAR\"]");
	refused("mac=1", "ARGS: unknown args [\"mac=1\"]");
	refused("ignoreunknown=1", "ARGS: unknown args [\"ignoreunknown=1\"]");
}

static void each_pair_has_one_equals_sign(void **state)
{
	(void)state;
	refused("FOO", "ARGS: invalid pair \"FOO\"");
	refused("MAC=1;", "ARGS: invalid pair \"\"");
	refused(";MAC=1", "ARGS: invalid pair \"\"");
	refused("A=B=C", "ARGS: invalid pair \"A=B=C\"");
	refused("IgnoreUnknown=1;\"", "ARGS: invalid pair \"\\\"\"");
}

static void the_flag_is_a_boolean(void **state)
{
	(void)state;
	refused("IgnoreUnknown=2", "ARGS: error parsing value of pair \"IgnoreUnknown=2\": boolean "
				   "unmarshal error: invalid input 2");
	accepted("IgnoreUnknown=False");
}

static void the_environment_is_not_changed(void **state)
{
	const char args[] = "IP=10.0.0.1;MAC=a:b";
	char copy[sizeof(args)];

	(void)state;
	memcpy(copy, args, sizeof(args));
	accepted(copy);
	assert_memory_equal(copy, args, sizeof(args));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_keys_are_set_and_the_last_wins, setup,
						teardown),
		cmocka_unit_test_setup_teardown(unknown_keys_need_the_flag_wherever_it_is, setup,
						teardown),
		cmocka_unit_test_setup_teardown(each_pair_has_one_equals_sign, setup, teardown),
		cmocka_unit_test_setup_teardown(the_flag_is_a_boolean, setup, teardown),
		cmocka_unit_test_setup_teardown(the_environment_is_not_changed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
