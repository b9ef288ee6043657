/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules become a program for seccomp(2).  libseccomp writes it; it is loaded here, since that
 * library gives out one listener in the life of a process only.
 */
#include "attach/filter.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <seccomp.h>

#include "base/cleanup.h"
#include "base/error.h"

/* --- what the kernel can --- */

static int sys_seccomp(unsigned int op, unsigned int flags, void *arg)
{
	return (int)syscall(SYS_seccomp, op, flags, arg);
}

/* SECCOMP_ADDFD_FLAG_SEND cannot be tried without a filter: it came with Linux 5.14. */
static int check_version(struct nerr *err)
{
	struct utsname u;
	unsigned int major = 0;
	unsigned int minor = 0;

	if (uname(&u) < 0)
		return nerr_set(err, -errno, "cannot ask for the kernel's version: %m");
	/* NOLINTNEXTLINE(cert-err34-c): a kernel's numbers are small */
	if (sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return nerr_set(err, -ENOTSUP, "kernel version '%s' is not understood", u.release);
	if (major < 5 || (major == 5 && minor < 14))
		return nerr_set(
			err, -ENOTSUP,
			"kernel %s is too old: handing out descriptors by seccomp needs 5.14",
			u.release);
	return 0;
}

int attach_filter_check(struct nerr *err)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	struct seccomp_notif_sizes sizes;
	cleanup_close int pidfd = -1;
	cleanup_close int copy = -1;
	int r = check_version(err);

	if (r < 0)
		return r;
	if (sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ||
	    sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return nerr_set(err, -ENOTSUP, "the kernel has no seccomp notifications: %m");
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (pidfd >= 0)
		copy = (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);
	if (copy < 0)
		return nerr_set(err, -ENOTSUP, "the kernel has no pidfd_getfd(): %m");
	return 0;
}

/* --- from rules to a program --- */

static int add_rule(scmp_filter_ctx ctx, const struct attach_rule *rule)
{
	struct scmp_arg_cmp cmp[ATTACH_CONDS_MAX];
	uint32_t action = SCMP_ACT_NOTIFY;
	int nr = seccomp_syscall_resolve_name(rule->call);

	if (nr == __NR_SCMP_ERROR)
		return -ENOSYS;
	if (rule->action == ATTACH_ERRNO)
		action = SCMP_ACT_ERRNO((uint32_t)rule->error);
	for (unsigned int i = 0; i < rule->n_conds; i++) {
		const struct attach_cond *c = &rule->cond[i];

		if (c->is_not && c->mask != UINT64_MAX)
			return -EINVAL; /* there is no such comparison */
		if (c->is_not)
			cmp[i] = SCMP_CMP64(c->arg, SCMP_CMP_NE, c->value, 0);
		else
			cmp[i] = SCMP_CMP64(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value);
	}
	return seccomp_rule_add_exact_array(ctx, action, nr, rule->n_conds, cmp);
}

/* Other architectures, x32 among them, have no rules: ENOSYS. */
static int make_filter(enum attach_mode mode, scmp_filter_ctx ctx, struct nerr *err)
{
	size_t n;
	const struct attach_rule *rules = attach_rules(&n);
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (r < 0)
		return nerr_set(err, r, "cannot set up a seccomp filter: %s", strerror(-r));
	for (size_t i = 0; i < n; i++) {
		if (!(rules[i].modes & (1 << mode)) || rules[i].action == ATTACH_ALLOW)
			continue; /* allowed is what has no rule */
		r = add_rule(ctx, &rules[i]);
		if (r < 0)
			return nerr_set(err, r, "cannot make seccomp rule %zu, for %s(): %s", i,
					rules[i].call, strerror(-r));
	}
	return 0;
}

static int read_back(int fd, struct sock_fprog *prog, struct nerr *err)
{
	cleanup_free struct sock_filter *code = NULL;
	struct stat st;
	size_t n;

	if (fstat(fd, &st) < 0)
		return nerr_set(err, -errno, "cannot read the seccomp filter: %m");
	n = (size_t)st.st_size / sizeof(*code);
	if (n == 0 || n > BPF_MAXINSNS)
		return nerr_set(err, -EIO, "the seccomp filter has %zu instructions", n);
	code = calloc(n, sizeof(*code));
	if (!code)
		return nerr_oom(err);
	if (pread(fd, code, n * sizeof(*code), 0) != (ssize_t)(n * sizeof(*code)))
		return nerr_set(err, -EIO, "cannot read the seccomp filter of %zu instructions", n);
	prog->len = (unsigned short)n;
	prog->filter = TAKE_PTR(code);
	return 0;
}

static void ctx_free(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

/* @prog->filter is the caller's to free. */
static int compile(enum attach_mode mode, struct sock_fprog *prog, struct nerr *err)
{
	CLEANUP(ctx_free) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	cleanup_close int fd = -1;
	int r;

	if (!ctx)
		return nerr_oom(err);
	r = make_filter(mode, ctx, err);
	if (r < 0)
		return r;
	fd = memfd_create("seccomp-filter", MFD_CLOEXEC);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a memory file: %m");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return nerr_set(err, r, "cannot compile the seccomp filter: %s", strerror(-r));
	return read_back(fd, prog, err);
}

/* Not SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: a signal has to end a call that waits for long. */
static int load(struct sock_fprog *prog)
{
	int fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, prog);

	/* Without CAP_SYS_ADMIN a filter is for those who will not gain rights any more. */
	if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, prog);
	return fd < 0 ? -errno : fd;
}

int attach_filter_load(enum attach_mode mode, int *ret_listener, struct nerr *err)
{
	cleanup_free struct sock_filter *code = NULL;
	struct sock_fprog prog = { .len = 0 };
	int fd;
	int r = compile(mode, &prog, err);

	if (r < 0)
		return r;
	code = prog.filter;
	fd = load(&prog);
	if (fd == -EBUSY)
		return nerr_set(err, fd, "the process is under a seccomp listener already");
	if (fd == -EINVAL || fd == -ENOSYS)
		return nerr_set(err, -ENOTSUP, "the kernel refuses seccomp notifications: %s",
				strerror(-fd));
	if (fd < 0)
		return nerr_set(err, fd, "cannot load the seccomp filter: %s", strerror(-fd));
	*ret_listener = fd;
	return 0;
}

/* --- handing it on --- */

static ssize_t read_whole(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

static int write_whole(int fd, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = send(fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EPIPE; /* so few bytes go at once or not at all */
}

int attach_filter_send(int sock, int listener, struct nerr *err)
{
	int32_t number = listener;
	int32_t answer = 0;
	int r = write_whole(sock, &number, sizeof(number));

	if (r == 0)
		r = (int)read_whole(sock, &answer, sizeof(answer));
	if (r == 0)
		r = answer;
	if (r < 0)
		return nerr_set(err, r, "cannot hand on seccomp listener %d: %s", listener,
				strerror(-r));
	return 0;
}

static int fetch(pid_t pid, int number, struct nerr *err)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd;

	if (pidfd < 0)
		return nerr_set(err, -errno, "cannot open process %d: %m", (int)pid);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot take descriptor %d of process %d: %m", number,
				(int)pid);
	return fd;
}

int attach_filter_recv(pid_t pid, int sock, int *ret_listener, struct nerr *err)
{
	cleanup_close int fd = -1;
	int32_t number = -1;
	int32_t answer = 0;
	int r = (int)read_whole(sock, &number, sizeof(number));

	if (r < 0)
		return nerr_set(err, r, "process %d handed on no seccomp listener: %s", (int)pid,
				strerror(-r));
	fd = fetch(pid, number, err);
	if (fd < 0)
		answer = fd;
	r = write_whole(sock, &answer, sizeof(answer));
	if (fd < 0)
		return fd;
	if (r < 0)
		return nerr_set(err, r, "process %d does not wait for its listener: %s", (int)pid,
				strerror(-r));
	*ret_listener = TAKE_FD(fd);
	return 0;
}
