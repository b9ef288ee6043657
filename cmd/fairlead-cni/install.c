/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-cni/install.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#define SELF       "/proc/self/exe"
#define COPY_CHUNK (1u << 30)

/**
 * struct source - What the links are made from
 * @fd:		Directory of @path
 * @path:	File
 * @flags:	For linkat(2)
 */
struct source {
	int fd;
	const char *path;
	int flags;
};

static int copy_bytes(int from, int to)
{
	for (;;) {
		ssize_t n = sendfile(to, from, NULL, COPY_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return fsync(to) < 0 ? -errno : 0;
	}
}

/* This executable's bytes in a new file @name in @dirfd. */
static int copy_self(int dirfd, const char *name)
{
	cleanup_close int from = open(SELF, O_RDONLY | O_CLOEXEC);
	cleanup_close int to = -1;
	int r;

	if (from < 0)
		return -errno;
	to = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0)
		return -errno;
	r = copy_bytes(from, to);
	if (r < 0)
		(void)unlinkat(dirfd, name, 0); /* the first error is reported */
	return r;
}

/* @name becomes a link to @src in one step, by way of @tmp. */
static int replace(const struct source *src, int dirfd, const char *tmp, const char *name)
{
	int r = 0;

	if (linkat(src->fd, src->path, dirfd, tmp, src->flags) < 0)
		return -errno;
	if (renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	/* rename(2) leaves the old name where both are links to one file already. */
	if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

static int replace_all(const struct cni_plugin *const *registry, const struct source *src,
		       int dirfd, const char *tmp, const char *dir, struct nerr *err)
{
	for (; *registry; registry++) {
		int r = replace(src, dirfd, tmp, (*registry)->name);

		if (r < 0)
			return nerr_set(err, r, "cannot install '%s/%s': %m", dir,
					(*registry)->name);
	}
	return 0;
}

/* Whether a link in @dirfd to this executable is possible. */
static bool can_link(int dirfd, const char *tmp)
{
	if (linkat(AT_FDCWD, SELF, dirfd, tmp, AT_SYMLINK_FOLLOW) < 0)
		return false;
	(void)unlinkat(dirfd, tmp, 0); /* what is left shows at the next link */
	return true;
}

int install_plugins(const struct cni_plugin *const *registry, const char *dir, struct nerr *err)
{
	struct source src = { .fd = AT_FDCWD, .path = SELF, .flags = AT_SYMLINK_FOLLOW };
	cleanup_close int dirfd = -1;
	char copy[NAME_MAX];
	char tmp[NAME_MAX];
	int r;

	r = dir_make_all(dir, 0755);
	if (r < 0)
		return nerr_set(err, r, "cannot make directory '%s': %m", dir);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return nerr_set(err, -errno, "cannot open directory '%s': %m", dir);
	(void)snprintf(copy, sizeof(copy), ".fairlead-cni.%d", (int)getpid());
	(void)snprintf(tmp, sizeof(tmp), ".fairlead-cni.%d.link", (int)getpid());
	if (can_link(dirfd, tmp))
		return replace_all(registry, &src, dirfd, tmp, dir, err);

	r = copy_self(dirfd, copy);
	if (r < 0)
		return nerr_set(err, r, "cannot copy this program to '%s': %m", dir);
	src = (struct source){ .fd = dirfd, .path = copy, .flags = 0 };
	r = replace_all(registry, &src, dirfd, tmp, dir, err);
	if (unlinkat(dirfd, copy, 0) < 0 && r == 0)
		r = nerr_set(err, -errno, "cannot remove '%s/%s': %m", dir, copy);
	return r;
}
