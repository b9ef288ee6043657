/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "plugins/netstack/find_priv.h"

static char dir[] = "/tmp/find-test.XXXXXX";
static char program[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true(snprintf(program, sizeof(program), "%s/netstackd", dir) > 0);
	fd = open(program, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	return close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(program) | rmdir(dir);
}

static void the_path_of_plugins_comes_first(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	char path[128];

	(void)state;
	assert_true(snprintf(path, sizeof(path), "/nowhere::%s:/opt", dir) > 0);
	assert_int_equal(netstackd_find("", path, &got, NULL), 0);
	assert_string_equal(got.s, program);
}

static void the_configuration_has_the_only_word(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	(void)state;
	assert_int_equal(netstackd_find(program, "", &got, &err), 0);
	assert_string_equal(got.s, program);
	assert_int_equal(netstackd_find("/nowhere/netstackd", dir, &got, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "key 'daemon': '/nowhere/netstackd' is not the path of a program");
	assert_int_equal(netstackd_find("netstackd", dir, &got, &err), -ENOENT);
}

/* Beside the test there is none, and in a build tree none in ../bin of it. */
static void what_was_tried_is_named(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct nerr err = NERR_INIT;

	(void)state;
	if (netstackd_find("", "/nowhere:/neither", &got, &err) == 0) {
		assert_non_null(strstr(got.s, "/netstackd")); /* it is installed here */
		return;
	}
	assert_non_null(strstr(err.msg, "cannot find 'netstackd' in any of /nowhere, /neither, "));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_of_plugins_comes_first),
		cmocka_unit_test(the_configuration_has_the_only_word),
		cmocka_unit_test(what_was_tried_is_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
