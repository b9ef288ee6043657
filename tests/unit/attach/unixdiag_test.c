/* SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/unixend.h"
#include "base/cleanup.h"
#include "base/error.h"

static struct unixdiag *diag;

static int setup(void **state)
{
	struct nerr err;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		fail_msg("cannot make a network namespace: this test needs root");
	if (unixdiag_new(&diag, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unixdiag_free(diag);
	return 0;
}

static void test_life(void **state)
{
	uint64_t cookie = 0;
	uint32_t ino = 0;
	int fd = unixend_fresh(&cookie, &ino);
	int copy = dup(fd);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie), 1);
	(void)close(fd);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie), 1);
	(void)close(copy);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie), 0);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie), 0);
}

/* The inode's number alone does not make it the same socket. */
static void test_other_cookie(void **state)
{
	uint64_t cookie = 0;
	uint32_t ino = 0;
	cleanup_close int fd = unixend_fresh(&cookie, &ino);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie + 1), 0);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie ^ (UINT64_C(1) << 40)), 0);
	assert_int_equal(unixdiag_is_alive(diag, 0, cookie), -EINVAL);
	assert_int_equal(unixdiag_is_alive(diag, ino, cookie), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_other_cookie),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
