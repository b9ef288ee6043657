/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "opts.h"
#include "sandbox/netns.h"
#include "state.h"

/* Mounts right below /sys: cgroup, debugfs, bpf, security, efivars ... */
#define SUBMOUNTS_MAX 32

/* --- /sys --- */

struct submounts {
	struct {
		char *path;
		int fd;
	} v[SUBMOUNTS_MAX];
	size_t n;
};

/* mountinfo has blanks and the like as \ooo (mangle() in fs/seq_file.c). */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Is @path one of those in @list, or below one? */
static bool is_covered(const struct submounts *list, const char *path)
{
	for (size_t i = 0; i < list->n; i++) {
		const size_t len = strlen(list->v[i].path);

		if (strncmp(path, list->v[i].path, len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

/* Hold on to what is mounted below /sys; the programs that look for their cgroup there do
 * not care about the network.  What cannot be held is lost, as with ip-netns(8).
 */
static void submounts_take(struct submounts *list)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX];
	char path[PATH_MAX];

	while (f && list->n < SUBMOUNTS_MAX && fgets(line, sizeof(line), f)) {
		cleanup_close int fd = -1;
		char *copy;

		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		unescape(path);
		if (!str_has_prefix(path, "/sys/") || is_covered(list, path))
			continue;
		fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		copy = fd < 0 ? NULL : strdup(path);
		if (!copy)
			continue;
		list->v[list->n].path = copy;
		list->v[list->n++].fd = TAKE_FD(fd);
	}
	if (f)
		(void)fclose(f); /* was only read */
}

/* Put them into the new /sys.  A directory that is not there is one of a device that the
 * namespace does not have.
 */
static void submounts_put(struct submounts *list)
{
	for (size_t i = 0; i < list->n; i++) {
		(void)move_mount(list->v[i].fd, "", AT_FDCWD, list->v[i].path,
				 MOVE_MOUNT_F_EMPTY_PATH); /* see above */
		(void)close(list->v[i].fd);
		free(list->v[i].path);
	}
	list->n = 0;
}

/* A sysfs shows the devices of the network namespace it was mounted in. */
static int remount_sys(struct nerr *err)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct submounts list = { .n = 0 };
	struct statvfs old;
	int r = 0;

	if (statvfs("/sys", &old) < 0)
		return 0; /* a root without /sys has nothing that shows the wrong devices */
	if (old.f_flag & ST_RDONLY)
		flags |= MS_RDONLY;
	submounts_take(&list);
	/* -EINVAL: nothing is mounted there, in a root that is not the host's. */
	if (umount2("/sys", MNT_DETACH) < 0 && errno != EINVAL)
		r = nerr_set(err, -errno, "cannot unmount '/sys': %m");
	if (r == 0 && mount("sysfs", "/sys", "sysfs", flags, NULL) < 0)
		r = nerr_set(err, -errno, "cannot mount '/sys': %m");
	submounts_put(&list);
	return r;
}

/* --- /etc --- */

/* Put a file of the session over one of the host, following links: what is a link on many
 * hosts is found under its own name.
 */
static int bind_etc(const struct session *s, const char *file, struct nerr *err)
{
	char from[sizeof(STATE_DIR) + SESSION_NAME_MAX + 32];
	char to[32];

	(void)snprintf(from, sizeof(from), STATE_DIR "/%s/%s", s->name, file); /* sized to fit */
	(void)snprintf(to, sizeof(to), "/etc/%s", file);
	if (mount(from, to, NULL, MS_BIND, NULL) == 0)
		return 0;
	if (errno == ENOENT && access(from, F_OK) == 0) {
		log_warn("'%s' does not exist on this host, so it cannot be replaced", to);
		return 0;
	}
	return nerr_set(err, -errno, "cannot bind '%s' to '%s': %m", from, to);
}

int inside_enter(const struct session *s, int netns_fd, struct nerr *err)
{
	int r;

	r = netns_enter(netns_fd, err);
	if (r < 0)
		return r;
	if (*s->hostname) {
		if (unshare(CLONE_NEWUTS) < 0)
			return nerr_set(err, -errno, "cannot make a UTS namespace: %m");
		if (sethostname(s->hostname, strlen(s->hostname)) < 0)
			return nerr_set(err, -errno, "cannot set host name '%s': %m", s->hostname);
	}
	if (unshare(CLONE_NEWNS) < 0)
		return nerr_set(err, -errno, "cannot make a mount namespace: %m");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return nerr_set(err, -errno, "cannot keep mounts from the host: %m");
	r = remount_sys(err);
	if (!s->name)
		return r; /* it keeps the host's */
	if (r == 0)
		r = bind_etc(s, "resolv.conf", err);
	if (r == 0)
		r = bind_etc(s, "hosts", err);
	return r;
}

int inside_exec(char *const *argv)
{
	int code;

	(void)execvp(argv[0], argv); /* returns only when it failed */
	code = errno;
	log_err("cannot run '%s': %m", argv[0]);
	return code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}
