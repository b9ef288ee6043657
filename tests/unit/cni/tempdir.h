/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tempdir.h - a directory of the test's own, and files in it
 *
 * Include after <cmocka.h>.
 */
#ifndef TESTS_UNIT_CNI_TEMPDIR_H
#define TESTS_UNIT_CNI_TEMPDIR_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tempdir[] = "/tmp/fairlead-test-XXXXXX";

/* Path in the directory; one of a few buffers that take turns. */
static inline const char *temp_path(const char *name)
{
	static char path[8][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 8];

	assert_in_range(snprintf(p, PATH_MAX, "%s/%s", tempdir, name), 1, PATH_MAX - 1);
	return p;
}

static inline void temp_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(temp_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* Text of a file, "" when it is not there; valid until the next call. */
static inline const char *temp_read(const char *name)
{
	static char text[65536];
	int fd = open(temp_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return "";
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	assert_int_equal(close(fd), 0);
	text[n] = '\0';
	return text;
}

static inline void temp_mkdir(const char *name)
{
	assert_int_equal(mkdir(temp_path(name), 0755), 0);
}

static inline int temp_remove_one(const char *path, const struct stat *st, int flag,
				  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* For cmocka's setup and teardown. */
static inline int temp_make(void **state)
{
	(void)state;
	return mkdtemp(tempdir) ? 0 : -1;
}

static inline int temp_remove(void **state)
{
	int r = nftw(tempdir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);

	(void)state;
	(void)snprintf(tempdir, sizeof(tempdir), "/tmp/fairlead-test-XXXXXX");
	return r;
}

#endif /* TESTS_UNIT_CNI_TEMPDIR_H */
