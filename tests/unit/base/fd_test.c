/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"

static char dir[] = "/tmp/fd_test.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

/* Tests leave at most these. */
static int remove_dir(void **state)
{
	static const char *const left[] = { "file", "a/b/c", "a/b", "a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		(void)remove(path); /* a failed test may not have made it */
	}
	return rmdir(dir);
}

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, size_t len)
{
	cleanup_close int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, len), 0);
}

/* More than a pipe holds, so that both sides have to wait for each other. */
static void whole_through_a_pipe(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	static char all[300000];
	int status;
	int fd[2];
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 31 >> 3);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fd_write_all(fd[1], all, sizeof(all)) == 0 ? 0 : 1);
	(void)close(fd[1]);
	assert_int_equal(fd_read_all(fd[0], sizeof(all), &got), 0);
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got.len, sizeof(all));
	assert_memory_equal(got.s, all, sizeof(all));
}

static void interrupted(int sig)
{
	(void)sig;
}

/* A child wakes the reader with signals until the pipe is read to its end. */
static void interrupted_calls_go_on(void **state)
{
	const struct sigaction sa = { .sa_handler = interrupted }; /* no SA_RESTART */
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	const pid_t parent = getpid();
	struct sigaction old;
	int status;
	int fd[2];
	pid_t pid;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &sa, &old), 0);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r = 0;

		for (int i = 0; i < 2000 && r == 0; i++)
			r = kill(parent, SIGUSR1) | fd_write_all(fd[1], "x", 1);
		_exit(r == 0 ? 0 : 1);
	}
	(void)close(fd[1]);
	assert_int_equal(fd_read_all(fd[0], 2000, &got), 0);
	(void)close(fd[0]);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_int_equal(status, 0);
	assert_int_equal(got.len, 2000);
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

static void reading_has_a_limit(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	cleanup_close int fd = -1;

	(void)state;
	put("file", "0123456789", 10);
	fd = open(in_dir("file"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_all(fd, 9, &got), -EFBIG);
	assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
	strbuf_done(&got);
	strbuf_add(&got, "before ");
	assert_int_equal(fd_read_all(fd, 6, &got), 0);
	assert_string_equal(strbuf_text(&got), "before 456789");
	assert_int_equal(fd_read_all(fd, 0, &got), 0); /* at the end there is nothing more */
}

static void errors_are_returned(void **state)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	cleanup_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	cleanup_close int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[10];

	(void)state;
	assert_true(full >= 0 && d >= 0);
	assert_int_equal(fd_read_all(-1, 10, &got), -EBADF);
	assert_int_equal(fd_read_all(d, 10, &got), -EISDIR);
	assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(fd_write_all(full, "", 0), 0);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(file_read(AT_FDCWD, dir, buf, sizeof(buf)), -EISDIR);
	assert_int_equal(file_read(d, "missing", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(file_write(in_dir("missing"), "x"), -ENOENT);
	assert_int_equal(access(in_dir("missing"), F_OK), -1);
	assert_int_equal(file_write("/dev/full", "x"), -ENOSPC);
}

static void small_files_are_read_whole(void **state)
{
	cleanup_close int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[11];

	(void)state;
	put("file", "value \t\r\n\n", 10);
	assert_int_equal(file_read(AT_FDCWD, in_dir("file"), buf, sizeof(buf)), 0);
	assert_string_equal(buf, "value");
	put("file", " a b ", 5);
	assert_int_equal(file_read(d, "file", buf, sizeof(buf)), 0);
	assert_string_equal(buf, " a b");
	put("file", "0123456789", 10);
	assert_int_equal(file_read(d, "file", buf, 11), 0);
	assert_string_equal(buf, "0123456789");
	assert_int_equal(file_read(d, "file", buf, 10), -EFBIG);
	put("file", " \n", 2);
	assert_int_equal(file_read(d, "file", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	put("file", "", 0);
	assert_int_equal(file_read(d, "file", buf, 1), 0);
	assert_string_equal(buf, "");
}

static void writing_replaces_what_was_there(void **state)
{
	char buf[20];

	(void)state;
	put("file", "a long old value", 16);
	assert_int_equal(file_write(in_dir("file"), "new"), 0);
	assert_int_equal(file_read(AT_FDCWD, in_dir("file"), buf, sizeof(buf)), 0);
	assert_string_equal(buf, "new");
}

static void directories_are_made_with_their_parents(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	assert_int_equal(dir_make_all(in_dir("a/b/c"), 0700), 0);
	assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(dir_make_all(in_dir("a/b/c"), 0700), 0);
	assert_int_equal(dir_make_all(in_dir("a//b/"), 0700), 0);
	assert_int_equal(dir_make_all("/", 0700), 0);
	assert_int_equal(dir_make_all("", 0700), -ENOENT);
	put("file", "", 0);
	assert_int_equal(dir_make_all(in_dir("file/x"), 0700), -ENOTDIR);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(dir_make_all(path, 0700), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_through_a_pipe),
		cmocka_unit_test(interrupted_calls_go_on),
		cmocka_unit_test(reading_has_a_limit),
		cmocka_unit_test(errors_are_returned),
		cmocka_unit_test(small_files_are_read_whole),
		cmocka_unit_test(writing_replaces_what_was_there),
		cmocka_unit_test(directories_are_made_with_their_parents),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
