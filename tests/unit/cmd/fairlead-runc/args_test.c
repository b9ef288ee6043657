/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-runc/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARGS(...) args_read((const char *const[]){ __VA_ARGS__, NULL })

static void test_containerd(void **state)
{
	struct args a = ARGS("--root", "/run/x", "--log", "/l.json", "--log-format", "json",
			     "--systemd-cgroup", "create", "--bundle", "/b", "--pid-file", "/p",
			     "--console-socket", "/c", "id");

	(void)state;
	assert_true(a.makes);
	assert_string_equal(a.bundle, "/b");
}

static void test_conmon(void **state)
{
	struct args a = ARGS("--cgroup-manager=cgroupfs", "create", "-b", "/b", "--pid-file",
			     "--bundle", "id");

	(void)state;
	assert_true(a.makes);
	assert_string_equal(a.bundle, "/b");
}

static void test_by_hand(void **state)
{
	(void)state;
	assert_true(ARGS("run", "id").makes);
	assert_string_equal(ARGS("run", "id").bundle, ".");
	assert_string_equal(ARGS("run", "--bundle=/b", "id").bundle, "/b");
	assert_string_equal(ARGS("run", "-b=/b", "id").bundle, "/b");
	assert_string_equal(ARGS("run", "-b/b", "id").bundle, "/b");
	assert_string_equal(ARGS("run", "--bundle").bundle, ".");
}

/* crun's other file */
static void test_config(void **state)
{
	(void)state;
	assert_null(ARGS("run", "id").config);
	assert_string_equal(ARGS("run", "-f", "/c", "-b", "/b", "id").config, "/c");
	assert_string_equal(ARGS("run", "--config=/c", "id").config, "/c");
	assert_string_equal(ARGS("create", "-f/c", "id").config, "/c");
	assert_string_equal(ARGS("create", "--config", "c", "-f=d", "id").config, "d");
	assert_null(ARGS("exec", "--config=/c", "id").config);
}

static void test_others(void **state)
{
	(void)state;
	assert_false(ARGS("exec", "id", "create").makes);
	assert_false(ARGS("--root", "create", "delete", "id").makes);
	assert_false(ARGS("--version").makes);
	assert_false(ARGS("--root").makes);
	assert_false(args_read((const char *const[]){ NULL }).makes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containerd), cmocka_unit_test(test_conmon),
		cmocka_unit_test(test_by_hand),    cmocka_unit_test(test_config),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
