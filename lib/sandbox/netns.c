/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/netns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/nsfs.h>

#include "base/cleanup.h"
#include "base/error.h"

#define SELF_PATH  "/proc/thread-self/ns/net"
#define HOME_TRIES 100

/* The text of an errno as Go programs print it, because runtimes compare it. */
static const char *errno_text(int code, char buf[static 64])
{
	(void)snprintf(buf, 64, "%s", strerror(-code)); /* none is longer */
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

static const char *kind_str(int type)
{
	switch (type) {
	case CLONE_NEWCGROUP:
		return "a cgroup namespace";
	case CLONE_NEWIPC:
		return "an IPC namespace";
	case CLONE_NEWNS:
		return "a mount namespace";
	case CLONE_NEWPID:
		return "a PID namespace";
	case CLONE_NEWUSER:
		return "a user namespace";
	case CLONE_NEWUTS:
		return "a UTS namespace";
	case CLONE_NEWTIME:
		return "a time namespace";
	default:
		return "a namespace of another kind";
	}
}

/* The file system is looked at before the file is opened: opening what is no namespace could
 * block (a FIFO) or act (a device).
 */
static int check_magic(const char *path, struct nerr *err)
{
	char text[64];
	struct statfs sfs;

	if (statfs(path, &sfs) < 0) {
		int code = -errno;

		return nerr_set(err, code, "failed to Statfs \"%s\": %s", path,
				errno_text(code, text));
	}
	/* Before Linux 3.19 namespace files belonged to procfs. */
	if (sfs.f_type != NSFS_MAGIC && sfs.f_type != PROC_SUPER_MAGIC)
		return nerr_set(err, -EINVAL, "unknown FS magic on \"%s\": %lx", path,
				(unsigned long)sfs.f_type);
	return 0;
}

int netns_open(const char *path, int *ret, struct nerr *err)
{
	cleanup_close int fd = -1;
	int type;
	int r = check_magic(path, err);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open \"%s\": %m", path);
	/* The file may be another one by now, and procfs holds all kinds of files. */
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return nerr_set(err, errno == ENOTTY ? -EINVAL : -errno,
				"\"%s\" is not a namespace: %m", path);
	if (type != CLONE_NEWNET)
		return nerr_set(err, -EINVAL, "\"%s\" is %s, not a network namespace", path,
				kind_str(type));
	*ret = TAKE_FD(fd);
	return 0;
}

int netns_open_self(int *ret, struct nerr *err)
{
	int fd = open(SELF_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open the own network namespace: %m");
	*ret = fd;
	return 0;
}

bool netns_same(int a, int b)
{
	struct stat sa;
	struct stat sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
		return false;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int netns_enter(int fd, struct nerr *err)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		return nerr_set(err, -errno, "cannot enter the network namespace: %m");
	return 0;
}

/* Back to where we came from.  Whoever cannot get there must not go on in a container's
 * namespace as if it were the host's; memory may be there at the next try.
 */
static void go_home(int fd)
{
	int saved = errno;
	int r = -1;

	for (int i = 0; i < HOME_TRIES && r < 0; i++)
		r = setns(fd, CLONE_NEWNET);
	if (r < 0) {
		perror("cannot return to the own network namespace");
		abort();
	}
	errno = saved;
}

int netns_run_in(int fd, int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err)
{
	cleanup_close int home = -1;
	int r = netns_open_self(&home, err);

	if (r < 0)
		return r;
	r = netns_enter(fd, err);
	if (r < 0)
		return r;
	r = fn(arg, err);
	go_home(home);
	return r;
}

/* Leave for a new namespace and bind it to @path, which exists. */
static int bind_new(const char *path, struct nerr *err)
{
	cleanup_close int home = -1;
	int r = netns_open_self(&home, err);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0)
		return nerr_set(err, -errno, "cannot make a network namespace: %m");
	if (mount(SELF_PATH, path, NULL, MS_BIND, NULL) < 0)
		r = nerr_set(err, -errno, "cannot bind a network namespace to '%s': %m", path);
	go_home(home);
	return r;
}

int netns_create(const char *path, struct nerr *err)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot create namespace file '%s': %m", path);
	(void)close(fd); /* nothing was written */
	r = bind_new(path, err);
	if (r < 0)
		(void)unlink(path); /* the first failure is the one to report */
	return r;
}

int netns_delete(const char *path, struct nerr *err)
{
	struct statfs sfs;

	/* Only a namespace is unmounted: @path could be somebody's mount point by mistake. */
	if (statfs(path, &sfs) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot look at namespace file '%s': %m", path);
	if (statfs(path, &sfs) == 0 && sfs.f_type == NSFS_MAGIC &&
	    umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return nerr_set(err, -errno, "cannot unmount namespace file '%s': %m", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove namespace file '%s': %m", path);
	return 0;
}
