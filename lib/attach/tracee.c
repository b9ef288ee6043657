/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What we need of other tasks: pidfd_getfd(2), process_vm_readv(2), /proc/TID/status.  All of it
 * asks for the right to trace them (ptrace(2), "Ptrace access mode checking").
 */
#include "attach/tracee.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "attach/closer.h"
#include "attach/notify.h"
#include "attach/tracee_priv.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#ifndef PIDFD_THREAD
#	define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

#define PIECES_MAX 1024 /* UIO_MAXIOV */

DEFINE_CLEANUP(struct tracees *, tracees_free);

/* --- /proc --- */

int tracee_open_proc(const struct tracees *t, pid_t tid, const char *name, int flags)
{
	char path[64];
	int n = snprintf(path, sizeof(path), "%d/%s", (int)tid, name);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(t->proc_fd, path, flags | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* /proc/TID/status: 1.5 KiB is usual; groups and masks of CPUs make it longer. */
#define STATUS_MAX 8192

static int status_read(const struct tracees *t, pid_t tid, char text[static STATUS_MAX])
{
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "%d/status", (int)tid); /* fits */
	r = file_read(t->proc_fd, path, text, STATUS_MAX);
	return r == -ENOENT ? -ESRCH : r;
}

/* What is behind "<name>:" in one of its lines, NULL. */
static const char *status_find(const char *text, const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

/* The next number in the line. */
static bool status_next(const char **at, int base, uint64_t *ret)
{
	char *end;

	*at += strspn(*at, " \t");
	if (!**at || **at == '\n')
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, base);
	if (errno || end == *at)
		return false;
	*at = end;
	return true;
}

/* The value of a line "<name>:\t<value>" of it, in @base; with @nth one behind it. */
static int status_value(const struct tracees *t, pid_t tid, const char *name, int base,
			unsigned int nth, uint64_t *ret)
{
	char text[STATUS_MAX];
	const char *at;
	int r = status_read(t, tid, text);

	if (r < 0)
		return r;
	at = status_find(text, name);
	do {
		if (!at || !status_next(&at, base, ret))
			return -EPROTO;
	} while (nth-- > 0);
	return 0;
}

pid_t tracee_tgid(struct tracees *t, pid_t tid)
{
	uint64_t tgid;
	int r = status_value(t, tid, "Tgid", 10, 0, &tgid);

	if (r < 0)
		return r;
	return tgid > 0 && tgid <= INT32_MAX ? (pid_t)tgid : -EPROTO;
}

static bool ns_eq(const struct nsid *a, const struct nsid *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* @kind: "user", "net" */
static int ns_of(const struct tracees *t, pid_t tid, const char *kind, struct nsid *ret)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%d/ns/%s", (int)tid, kind); /* fits */
	if (fstatat(t->proc_fd, path, &st, 0) < 0)
		return -errno;
	*ret = (struct nsid){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

/* Nobody waits any more: the number may be another task's.  Ourselves (no listener) we know. */
static bool is_over(const struct notify_call *call)
{
	return call->listener >= 0 && !notify_is_valid(call);
}

bool tracee_capable(struct tracees *t, const struct notify_call *call, int cap)
{
	struct nsid user;
	uint64_t eff;

	assert(cap >= 0 && cap < 64);
	if (status_value(t, call->tid, "CapEff", 16, 0, &eff) < 0 || !(eff >> cap & 1))
		return false;
	/* Rights in another user namespace, one below or beside, count for nothing here. */
	return ns_of(t, call->tid, "user", &user) == 0 &&
	       (ns_eq(&user, &t->own_user) || ns_eq(&user, &t->owner_user)) && !is_over(call);
}

bool tracee_in_groups(struct tracees *t, const struct notify_call *call, uint32_t low,
		      uint32_t high)
{
	char text[STATUS_MAX];
	const char *groups;
	uint64_t gid;

	/* The effective group is behind the real one. */
	if (status_value(t, call->tid, "Gid", 10, 1, &gid) == 0 && gid >= low && gid <= high)
		return !is_over(call);
	if (status_read(t, call->tid, text) < 0)
		return false;
	groups = status_find(text, "Groups");
	while (groups && status_next(&groups, 10, &gid))
		if (gid >= low && gid <= high)
			return !is_over(call);
	return false;
}

int tracee_user(struct tracees *t, const struct notify_call *call, uid_t *ret)
{
	uint64_t uid;
	int r = status_value(t, call->tid, "Uid", 10, 1, &uid); /* real, effective ... */

	if (r < 0)
		return r;
	if (uid > UINT32_MAX || is_over(call))
		return -ESRCH;
	*ret = (uid_t)uid;
	return 0;
}

bool tracee_is_elsewhere(const struct tracees *t, pid_t tid)
{
	struct nsid net;

	return ns_of(t, tid, "net", &net) == 0 && !ns_eq(&net, &t->own_net);
}

/* --- handles --- */

static int open_handle(struct tracees *t, pid_t tid)
{
	pid_t tgid;
	int fd;

	if (!t->no_threads) {
		fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
		if (fd >= 0 || errno != EINVAL)
			return fd < 0 ? -errno : fd;
		t->no_threads = true;
	}
	/* The process's descriptors: wrong only for a thread that has unshared its own. */
	tgid = tracee_tgid(t, tid);
	if (tgid < 0)
		return tgid;
	fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	return fd < 0 ? -errno : fd;
}

static void forget(struct tracees *t, unsigned int i)
{
	if (t->handle[i].tid)
		(void)close(t->handle[i].pidfd);
	t->handle[i].tid = 0;
}

int tracee_getfd(struct tracees *t, pid_t tid, int fd)
{
	unsigned int i = (unsigned int)tid & (TRACEE_HANDLES - 1);

	if (tid <= 0)
		return -ESRCH;
	if (fd < 0)
		return -EBADF;
	/* The handle of a task that has ended is of no use: its number may be another one's now. */
	for (;;) {
		bool is_new = t->handle[i].tid != tid;
		int copy;

		if (is_new) {
			int pidfd = open_handle(t, tid);

			if (pidfd < 0)
				return pidfd;
			forget(t, i);
			t->handle[i].tid = tid;
			t->handle[i].pidfd = pidfd;
		}
		copy = (int)syscall(SYS_pidfd_getfd, t->handle[i].pidfd, fd, 0);
		if (copy >= 0)
			return copy;
		if (errno != ESRCH)
			return -errno;
		forget(t, i);
		if (is_new)
			return -ESRCH;
	}
}

void tracee_putfd(struct tracees *t, int fd)
{
	closer_put(t->closer, fd);
}

/* --- memory --- */

static void *at(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

int tracee_read(struct tracees *t, const struct notify_call *call, uint64_t addr, void *buf,
		size_t len)
{
	struct iovec remote = { .iov_base = at(addr), .iov_len = len };
	ssize_t n = tracee_readv(t, call, &remote, 1, buf, len);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EFAULT;
}

int tracee_write(struct tracees *t, const struct notify_call *call, uint64_t addr, const void *buf,
		 size_t len)
{
	struct iovec remote = { .iov_base = at(addr), .iov_len = len };
	ssize_t n = tracee_writev(t, call, &remote, 1, buf, len);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EFAULT;
}

static ssize_t moved(ssize_t n)
{
	if (n > 0)
		return n;
	if (n == 0)
		return -EFAULT;
	return errno == EINVAL ? -EFAULT : -errno; /* EINVAL: longer than there are addresses */
}

ssize_t tracee_readv(struct tracees *t, const struct notify_call *call, const struct iovec *remote,
		     unsigned int n, void *buf, size_t len)
{
	struct iovec local = { .iov_base = buf, .iov_len = len };
	ssize_t r;

	(void)t; /* the kernel goes by the number */
	if (len == 0)
		return 0;
	if (n > PIECES_MAX)
		return -EINVAL;
	r = moved(process_vm_readv(call->tid, &local, 1, remote, n, 0));
	return is_over(call) ? -ESRCH : r;
}

ssize_t tracee_writev(struct tracees *t, const struct notify_call *call, const struct iovec *remote,
		      unsigned int n, const void *buf, size_t len)
{
	struct iovec local = { .iov_base = at((uintptr_t)buf), .iov_len = len };

	(void)t; /* the kernel goes by the number */
	if (len == 0)
		return 0;
	if (n > PIECES_MAX)
		return -EINVAL;
	if (is_over(call))
		return -ESRCH;
	return moved(process_vm_writev(call->tid, &local, 1, remote, n, 0));
}

/* --- the whole --- */

/* The user namespace whose capabilities count in our network namespace.  EPERM: one above ours. */
static int find_owner(struct tracees *t)
{
	cleanup_close int net = openat(t->proc_fd, "thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	cleanup_close int user = -1;
	struct stat st;

	if (net < 0)
		return -errno;
	user = ioctl(net, NS_GET_USERNS);
	if (user < 0 && errno == EPERM) {
		t->owner_user = t->own_user;
		return 0;
	}
	if (user < 0 || fstat(user, &st) < 0)
		return -errno;
	t->owner_user = (struct nsid){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

/* Of ourselves, to see that there are such calls and that no filter stops us. */
static int try_calls(struct tracees *t, struct nerr *err)
{
	const struct notify_call self = { .listener = -1, .tid = (pid_t)syscall(SYS_gettid) };
	cleanup_close int copy = tracee_getfd(t, self.tid, t->proc_fd);
	const char here = 'x';
	char there = 0;
	int r;

	if (copy < 0)
		return nerr_set(err, copy == -EPERM ? copy : -ENOTSUP,
				"cannot copy descriptors of other processes (pidfd_getfd): %s",
				strerror(-copy));
	r = tracee_read(t, &self, (uintptr_t)&here, &there, 1);
	if (r < 0 || there != here)
		return nerr_set(err, r == -EPERM ? r : -ENOTSUP,
				"cannot read memory of other processes (process_vm_readv): %s",
				strerror(-r));
	return 0;
}

int tracees_new(struct tracees **ret, struct nerr *err)
{
	CLEANUP(tracees_freep) struct tracees *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return nerr_oom(err);
	t->proc_fd = -1;
	if (closer_new(&t->closer) < 0)
		return nerr_oom(err);
	t->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->proc_fd < 0)
		return nerr_set(err, -errno, "cannot open '/proc': %m");
	r = ns_of(t, getpid(), "user", &t->own_user);
	if (r == 0)
		r = ns_of(t, (pid_t)syscall(SYS_gettid), "net", &t->own_net);
	if (r == 0)
		r = find_owner(t);
	if (r < 0)
		return nerr_set(err, r, "cannot look at our own namespaces in '/proc': %s",
				strerror(-r));
	r = try_calls(t, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

void tracees_free(struct tracees *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < TRACEE_HANDLES; i++)
		forget(t, i);
	closer_free(t->closer);
	if (t->proc_fd >= 0)
		(void)close(t->proc_fd);
	free(t);
}
