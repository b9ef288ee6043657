/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directory of sockets.
 *
 * A netstackd has no right any more to remove its socket when it ends, and none when it is
 * killed: who finds one that nobody listens on removes it.  That is done, and new sockets are made,
 * under one lock on the directory, so that a new one is never taken for a leftover.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_table.h"
#include "base/lock.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "ctl/ctl_priv.h"

#define BACKLOG 128

static void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d); /* only read */
}

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

static int lock_dir(int *ret, struct nerr *err)
{
	const char *dir = ctl_dir();
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '%s': %m", dir);
	r = lock_wait(fd, LOCK_EX, CTL_LOCK_MS);
	if (r < 0)
		return nerr_set(err, r, "cannot lock '%s': %m", dir);
	*ret = TAKE_FD(fd);
	return 0;
}

/* With the lock: it is not one that has just been made. */
static void remove_leftover(const char *path)
{
	cleanup_close int lock = -1;
	cleanup_close int fd = -1;

	if (lock_dir(&lock, NULL) == 0 && ctl_connect(path, CTL_CONNECT_MS, &fd) == -ECONNREFUSED)
		(void)unlink(path); /* it is there, or somebody else was quicker */
}

/* --- to serve --- */

/* Ours alone: what is in it is believed. */
static int make_dir(struct nerr *err)
{
	const char *dir = ctl_dir();
	struct stat st;
	int r = dir_make_all(dir, 0700);

	if (r < 0)
		return nerr_set(err, r, "cannot make the directory '%s': %m", dir);
	if (lstat(dir, &st) < 0)
		return nerr_set(err, -errno, "cannot look at '%s': %m", dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return nerr_set(err, -EPERM, "'%s' is not a directory of our own with mode 0700",
				dir);
	return 0;
}

int ctl_listen(int netns_fd, int *ret, struct nerr *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int other = -1;
	cleanup_close int lock = -1;
	cleanup_close int fd = -1;
	int r = make_dir(err);

	if (r == 0)
		r = ctl_path(netns_fd, sa.sun_path, err);
	if (r == 0)
		r = lock_dir(&lock, err);
	if (r < 0)
		return r;
	r = ctl_connect(sa.sun_path, CTL_CONNECT_MS, &other);
	if (r == 0 || r == -ETIMEDOUT)
		return nerr_set(err, -EEXIST, "another netstackd serves this network namespace");
	if (unlink(sa.sun_path) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove '%s': %m", sa.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a socket: %m");
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return nerr_set(err, -errno, "cannot bind a socket to '%s': %m", sa.sun_path);
	if (listen(fd, BACKLOG) < 0) {
		r = nerr_set(err, -errno, "cannot listen on '%s': %m", sa.sun_path);
		(void)unlink(sa.sun_path); /* just made */
		return r;
	}
	*ret = TAKE_FD(fd);
	return 0;
}

void ctl_unlisten(int netns_fd)
{
	char path[CTL_PATH_LEN];

	if (ctl_path(netns_fd, path, NULL) == 0)
		remove_leftover(path);
}

void ctl_forget(const char *path)
{
	remove_leftover(path);
}

/* --- to ask all --- */

static bool is_socket_name(const char *name)
{
	const size_t len = strlen(name);

	return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".sock") == 0;
}

/* @fn's result, 0 for one that does not answer. */
static int visit(const char *name, int (*fn)(void *arg, const char *path, struct json_doc *status),
		 void *arg)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	char path[CTL_PATH_LEN];
	int n = snprintf(path, sizeof(path), "%s/%s", ctl_dir(), name);
	int r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;
	r = ctl_call(path, "{\"do\":\"status\"}", -1, CTL_STATUS_MS, &doc, NULL);
	/* One that was killed goes on to listen until the kernel has cleaned up behind it. */
	if (r == -ECONNREFUSED || r == -ECONNRESET)
		remove_leftover(path);
	return r < 0 ? 0 : fn(arg, path, doc);
}

int ctl_each(int (*fn)(void *arg, const char *path, struct json_doc *status), void *arg,
	     struct nerr *err)
{
	CLEANUP(closedirp) DIR *dir = opendir(ctl_dir());
	const struct dirent *e;
	int r = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return nerr_set(err, -errno, "cannot read '%s': %m", ctl_dir());
	while (r == 0 && (e = readdir(dir)))
		if (is_socket_name(e->d_name))
			r = visit(e->d_name, fn, arg);
	return r;
}
