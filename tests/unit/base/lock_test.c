/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define LONG_MS 60000 /* never reached unless something hangs */

static char path[] = "/tmp/lock_test.XXXXXX";

static int holder = -1;     /* gives its lock up ... */
static unsigned calls_left; /* ... when this gets to 0 */

/* In place of libc's: what lock_wait() calls. */
int flock(int fd, int operation)
{
	if (holder >= 0 && --calls_left == 0) {
		(void)close(holder); /* which is the last of its open file */
		holder = -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int open_again(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void a_free_lock_is_taken_at_once(void **state)
{
	cleanup_close int a = open_again();

	(void)state;
	assert_int_equal(lock_wait(a, LOCK_EX, 0), 0);
	assert_int_equal(lock_wait(a, LOCK_EX, 0), 0); /* it is ours already */
	assert_int_equal(lock_wait(a, LOCK_SH, 0), 0);
}

static void a_taken_lock_times_out(void **state)
{
	cleanup_close int a = open_again();
	cleanup_close int b = open_again();

	(void)state;
	assert_int_equal(lock_wait(a, LOCK_EX, 0), 0);
	assert_int_equal(lock_wait(b, LOCK_EX, 0), -ETIMEDOUT);
	assert_int_equal(lock_wait(b, LOCK_SH, 0), -ETIMEDOUT);
	assert_int_equal(lock_wait(b, LOCK_EX, 20), -ETIMEDOUT);
	assert_int_equal(lock_wait(b, LOCK_EX, -1), -ETIMEDOUT);
	assert_int_equal(flock(a, LOCK_UN), 0);
	assert_int_equal(lock_wait(b, LOCK_EX, 0), 0);
}

static void shared_locks_go_together(void **state)
{
	cleanup_close int a = open_again();
	cleanup_close int b = open_again();
	cleanup_close int c = open_again();

	(void)state;
	assert_int_equal(lock_wait(a, LOCK_SH, 0), 0);
	assert_int_equal(lock_wait(b, LOCK_SH, 0), 0);
	assert_int_equal(lock_wait(c, LOCK_EX, 0), -ETIMEDOUT);
}

/* The child holds the lock, says so, and gives it up by ending, as a killed one would. */
static void a_lock_is_waited_for(void **state)
{
	int held[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(held, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		int r = fd < 0 ? -1 : lock_wait(fd, LOCK_EX, 0);

		if (r == 0 && write(held[1], "x", 1) != 1)
			r = -1;
		_exit(r == 0 ? 0 : 1);
	}
	(void)close(held[1]);
	assert_int_equal(read(held[0], &c, 1), 1);
	(void)close(held[0]);
	{
		cleanup_close int fd = open_again();
		int status;

		assert_int_equal(lock_wait(fd, LOCK_EX, LONG_MS), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void a_lock_is_asked_for_until_it_is_free(void **state)
{
	cleanup_close int fd = open_again();

	(void)state;
	for (unsigned calls = 1; calls <= 8; calls++) {
		const int other = open_again();

		assert_int_equal(lock_wait(other, LOCK_EX, 0), 0);
		calls_left = calls;
		holder = other;
		assert_int_equal(lock_wait(fd, LOCK_EX, LONG_MS), 0);
		assert_int_equal(holder, -1);
		assert_int_equal(flock(fd, LOCK_UN), 0);
	}
}

static void what_cannot_be_locked_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(lock_wait(-1, LOCK_EX, LONG_MS), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_lock_is_taken_at_once),
		cmocka_unit_test(a_taken_lock_times_out),
		cmocka_unit_test(shared_locks_go_together),
		cmocka_unit_test(a_lock_is_waited_for),
		cmocka_unit_test(a_lock_is_asked_for_until_it_is_free),
		cmocka_unit_test(what_cannot_be_locked_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
