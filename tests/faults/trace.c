/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "tests/faults/lines.h"

/* Over this descriptor the child hands us the listener: the filter lets it pass. */
#define HANDOVER_FD 900
/* A plugin's longest wait is 60 s, for a lock that nobody holds here. */
#define STUCK_S      90

#define VARIANTS_MAX 3

void (*trace_on_write)(const char *path);

#define LASTS   1u
#define CHANGES 2u
#define NEITHER 0u
#define BOTH    (LASTS | CHANGES)

/**
 * struct call_kind - What is known of a system call
 * @path_arg:	Argument that is a path, plus 1; 0 when the first is a descriptor
 * @is:		LASTS: that all later ones fail, too, can happen.  CHANGES: something
 *		outside of the process may be different afterwards
 * @error:	What it may answer
 */
static const struct call_kind {
	long nr;
	const char *name;
	unsigned path_arg;
	unsigned is;
	int error[VARIANTS_MAX];
} call_kinds[] = {
#ifdef SYS_open
	{ SYS_open, "open", 1, BOTH, { EMFILE, EACCES, EINTR } },
	{ SYS_stat, "stat", 1, NEITHER, { ENOMEM, EACCES } },
	{ SYS_mkdir, "mkdir", 1, BOTH, { ENOSPC, EROFS } },
	{ SYS_unlink, "unlink", 1, BOTH, { EIO, EROFS } },
	{ SYS_rename, "rename", 1, BOTH, { ENOSPC, EROFS } },
	{ SYS_poll, "poll", 0, NEITHER, { EINTR, ENOMEM } },
#endif
	{ SYS_openat, "openat", 2, BOTH, { EMFILE, EACCES, EINTR } },
	{ SYS_newfstatat, "newfstatat", 2, NEITHER, { ENOMEM, EACCES } },
	{ SYS_mkdirat, "mkdirat", 2, BOTH, { ENOSPC, EROFS } },
	{ SYS_unlinkat, "unlinkat", 2, BOTH, { EIO, EROFS } },
	{ SYS_linkat, "linkat", 4, BOTH, { ENOSPC, EPERM } },
	{ SYS_renameat, "renameat", 2, BOTH, { ENOSPC, EROFS } },
	{ SYS_renameat2, "renameat2", 2, BOTH, { ENOSPC, EROFS } },
	{ SYS_readlinkat, "readlinkat", 2, NEITHER, { ENOMEM } },
	{ SYS_faccessat, "faccessat", 2, NEITHER, { ENOMEM } },
	{ SYS_statfs, "statfs", 1, NEITHER, { ENOMEM, EIO } },
	{ SYS_fstat, "fstat", 0, NEITHER, { EIO } },
	{ SYS_read, "read", 0, NEITHER, { EIO, EINTR } },
	{ SYS_pread64, "pread64", 0, NEITHER, { EIO, EINTR } },
	{ SYS_write, "write", 0, BOTH, { ENOSPC, EIO, EINTR } },
	{ SYS_pwrite64, "pwrite64", 0, BOTH, { ENOSPC, EINTR } },
	{ SYS_ftruncate, "ftruncate", 0, BOTH, { EIO, EINTR } },
	{ SYS_getdents64, "getdents64", 0, NEITHER, { EIO } },
	{ SYS_lseek, "lseek", 0, NEITHER, { EIO } },
	{ SYS_flock, "flock", 0, LASTS, { ENOLCK, EINTR } },
	{ SYS_fcntl, "fcntl", 0, NEITHER, { EINVAL } },
	{ SYS_ioctl, "ioctl", 0, NEITHER, { EPERM } },
	{ SYS_setns, "setns", 0, LASTS, { ENOMEM, EPERM } },
	{ SYS_socket, "socket", 0, LASTS, { EMFILE, ENOBUFS } },
	{ SYS_socketpair, "socketpair", 0, NEITHER, { EMFILE } },
	{ SYS_bind, "bind", 0, NEITHER, { ENOMEM } },
	{ SYS_getsockname, "getsockname", 0, NEITHER, { ENOBUFS } },
	{ SYS_setsockopt, "setsockopt", 0, NEITHER, { ENOPROTOOPT } },
	{ SYS_sendto, "sendto", 0, BOTH, { ENOBUFS, EINTR } },
	{ SYS_sendmsg, "sendmsg", 0, BOTH, { ENOBUFS, EINTR } },
	{ SYS_recvmsg, "recvmsg", 0, LASTS, { ENOMEM, ENOBUFS, EINTR } },
	{ SYS_recvfrom, "recvfrom", 0, LASTS, { ENOMEM, ENOBUFS, EINTR } },
	{ SYS_ppoll, "ppoll", 0, NEITHER, { EINTR, ENOMEM } },
	{ SYS_brk, "brk", 0, NEITHER, { 0 } }, /* fails without an error: see oom.c */
	{ SYS_mmap, "mmap", 0, NEITHER, { ENOMEM } },
	{ SYS_mremap, "mremap", 0, NEITHER, { ENOMEM } },
	{ SYS_getrandom, "getrandom", 0, NEITHER, { EINTR, ENOSYS } },
	{ SYS_io_uring_setup, "io_uring_setup", 0, NEITHER, { EPERM } },
	{ SYS_io_uring_register, "io_uring_register", 0, NEITHER, { ENOMEM } },
	{ SYS_rt_sigaction, "rt_sigaction", 0, NEITHER, { EINVAL } },
};

/* Calls that do not fail, or whose failure changes nothing: only killed at. */
static const struct call_kind no_kind = { .name = "call" };

static const struct call_kind *find_kind(long nr)
{
	for (size_t i = 0; i < sizeof(call_kinds) / sizeof(call_kinds[0]); i++)
		if (call_kinds[i].nr == nr)
			return &call_kinds[i];
	return &no_kind;
}

static unsigned count_errors(const struct call_kind *kind)
{
	unsigned n = 0;

	while (n < VARIANTS_MAX && kind->error[n])
		n++;
	return n;
}

/* --- the child --- */

static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HANDOVER_FD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &prog);
}

/* A message that carries one descriptor. */
struct fd_msg {
	char byte;
	struct iovec iov;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg;
};

static void fd_msg_init(struct fd_msg *m)
{
	memset(m, 0, sizeof(*m));
	m->iov = (struct iovec){ .iov_base = &m->byte, .iov_len = 1 };
	m->msg = (struct msghdr){ .msg_iov = &m->iov,
				  .msg_iovlen = 1,
				  .msg_control = m->control,
				  .msg_controllen = sizeof(m->control) };
}

static bool is_traced(const struct trace_run *run)
{
	return run->fault.kind != FAULT_NONE && run->fault.kind != FAULT_MALLOC;
}

static int become(const struct trace_run *run, const int fds[3], int handover, int struck)
{
	struct cmsghdr *cmsg;
	struct fd_msg m;
	int listener;

	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(struck, STRUCK_FD) < 0)
		return -1;
	if (is_traced(run)) {
		if (dup3(handover, HANDOVER_FD, O_CLOEXEC) < 0)
			return -1;
		fd_msg_init(&m);
		cmsg = CMSG_FIRSTHDR(&m.msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		listener = install_filter();
		if (listener < 0)
			return -1;
		/* From here on every call but this one waits for our parent. */
		memcpy(CMSG_DATA(cmsg), &listener, sizeof(int));
		if (sendmsg(HANDOVER_FD, &m.msg, 0) < 0)
			return -1;
	}
	return execve(run->argv[0], run->argv, run->envp);
}

/* --- the parent --- */

static int receive_fd(int from)
{
	struct cmsghdr *cmsg;
	struct fd_msg m;
	int fd;

	fd_msg_init(&m);
	if (recvmsg(from, &m.msg, MSG_CMSG_CLOEXEC) <= 0)
		die("cannot run a program under a seccomp filter (root is needed)");
	cmsg = CMSG_FIRSTHDR(&m.msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		die("no listener came");
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

/* A path in the program's memory. */
static void read_path(pid_t pid, uint64_t addr, char path[static 128])
{
	struct iovec to = { .iov_base = path, .iov_len = 127 };
	struct iovec from = { .iov_base = (void *)(uintptr_t)addr, .iov_len = 127 };
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	/* Less where the memory behind it ends. */
	if (n <= 0) {
		from.iov_len = to.iov_len = 4096 - addr % 4096 < 127 ? 4096 - addr % 4096 : 127;
		n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	}
	path[n > 0 ? n : 0] = '\0';
}

/* What a descriptor of the program is. */
static void read_fd(pid_t pid, uint64_t fd, char path[static 128])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int)fd);
	n = readlink(link, path, 127);
	path[n > 0 ? n : 0] = '\0';
}

static void describe(struct trace_run *run, const struct call_kind *kind, const char *path, long nr,
		     int error)
{
	char number[16] = "";

	if (kind == &no_kind)
		(void)snprintf(number, sizeof(number), " %ld", nr);
	(void)snprintf(run->what, sizeof(run->what), "%s%s(%s)%s%s", kind->name, number, path,
		       error ? ": " : "", error ? strerrorname_np(error) : "");
}

/* Flags of a call that opens a file, which stand behind the path; 0 of any other. */
static uint64_t open_flags(const struct call_kind *kind, const struct seccomp_notif *req)
{
	return strncmp(kind->name, "open", 4) == 0 ? req->data.args[kind->path_arg] : 0;
}

static bool changes(const struct call_kind *kind, const struct seccomp_notif *req)
{
	if (strncmp(kind->name, "open", 4) == 0)
		return open_flags(kind, req) & (O_CREAT | O_TRUNC);
	return kind->is & CHANGES;
}

/* The kernel makes a call anew when it could not get a lock: writing to a sysctl under
 * net/ipv4/ while somebody else holds the lock of routing netlink (restart_syscall()).
 */
static bool is_restart(const struct seccomp_notif *req)
{
	static struct seccomp_data last;
	bool same = req->data.nr == SYS_write && memcmp(&last, &req->data, sizeof(last)) == 0;

	last = req->data;
	return same;
}

/**
 * enum phase - Which of the program's calls are its own
 *
 * LOADING	The loader's and libc's: main() has not begun
 * RUNNING	These fail
 * COUNTED	A build that counts its lines (SAN=cov) writes them down
 */
enum phase {
	LOADING,
	RUNNING,
	COUNTED,
};

/* What the call of @req is to answer: an error, 0 to let it be made. */
static int decide(struct trace_run *run, pid_t pid, const struct seccomp_notif *req,
		  enum phase *phase)
{
	const struct call_kind *kind = find_kind(req->data.nr);
	const struct fault *fault = &run->fault;
	char path[128] = "";
	static int sticky;

	if (*phase == LOADING && req->data.nr == SYS_rt_sigaction && req->data.args[0] == SIGPIPE)
		*phase = RUNNING;
	if (*phase == RUNNING && kind->path_arg) {
		read_path(pid, req->data.args[kind->path_arg - 1], path);
		if (strstr(path, ".gcda"))
			*phase = COUNTED;
	}
	if (*phase != RUNNING)
		return 0;
	if (kind->path_arg && trace_on_write && (open_flags(kind, req) & O_ACCMODE) != O_RDONLY)
		trace_on_write(path);
	if (is_restart(req))
		return 0;
	if (++run->n_calls >= TRACE_CALLS_MAX)
		die("more than %d system calls, now %s(%s)", TRACE_CALLS_MAX, kind->name, path);
	run->errors[run->n_calls] = (unsigned char)count_errors(kind);
	run->lasts[run->n_calls] = kind->is & LASTS;
	run->changes[run->n_calls] = changes(kind, req);
	if (fault->kind == FAULT_STICKY && run->struck && kind->is & LASTS &&
	    req->data.nr == sticky)
		return kind->error[0];
	if (run->n_calls != fault->at)
		return 0;

	if (!kind->path_arg && kind != &no_kind)
		read_fd(pid, req->data.args[0], path);
	if (fault->kind == FAULT_KILL) {
		run->struck = true;
		describe(run, kind, path, req->data.nr, 0);
		if (kill(pid, SIGKILL) < 0)
			die("cannot kill: %m");
		return 0;
	}
	if (fault->variant >= count_errors(kind))
		return 0;
	run->struck = true;
	sticky = req->data.nr;
	describe(run, kind, path, req->data.nr, kind->error[fault->variant]);
	return kind->error[fault->variant];
}

/* All calls of the program, until it has gone. */
static void supervise(struct trace_run *run, pid_t pid, int listener)
{
	/* The listener itself tells of the end only when the process has been waited for
	 * (before Linux 6.11).
	 */
	struct pollfd pfd[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN },
	};
	const time_t end = time(NULL) + STUCK_S;
	enum phase phase = LOADING;

	for (;;) {
		struct seccomp_notif req = { .id = 0 };
		struct seccomp_notif_resp resp = { .id = 0 };
		int n = poll(pfd, 2, STUCK_S * 1000);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || time(NULL) > end)
			die("the program hangs: %s, call %u", run->what, run->n_calls);
		if (!(pfd[0].revents & POLLIN))
			break; /* it has gone */
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0) {
			if (errno == ENOENT || errno == EINTR)
				continue; /* it was killed */
			die("cannot receive a notification: %m");
		}
		resp.id = req.id;
		resp.error = -decide(run, pid, &req, &phase);
		resp.flags = resp.error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (run->struck && run->fault.kind == FAULT_KILL)
			continue;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno != ENOENT)
			die("cannot answer a notification: %m");
	}
	(void)close(pfd[1].fd);
	if (phase == LOADING)
		die("cannot run %s, or its main() begins otherwise", run->argv[0]);
}

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		die("cannot make a file in memory: %m");
	return fd;
}

static void read_back(int fd, char buf[static TRACE_TEXT_LEN])
{
	ssize_t n = pread(fd, buf, TRACE_TEXT_LEN - 1, 0);

	if (n < 0)
		die("cannot read what a program wrote: %m");
	buf[n] = '\0';
	(void)close(fd);
}

void trace_run(struct trace_run *run)
{
	int fds[3] = { memory_file("in"), memory_file("out"), memory_file("err") };
	int struck = memory_file("struck");
	char byte;
	int pair[2];
	pid_t pid;

	run->n_calls = 0;
	run->struck = false;
	run->what[0] = '\0';
	if (pwrite(fds[0], run->input, strlen(run->input), 0) < 0)
		die("cannot write to memory: %m");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("cannot make a pair of sockets: %m");
	pid = fork();
	if (pid < 0)
		die("cannot fork: %m");
	if (pid == 0) {
		(void)become(run, fds, pair[1], struck);
		_exit(126);
	}
	(void)close(pair[1]);
	if (is_traced(run)) {
		int listener = receive_fd(pair[0]);

		supervise(run, pid, listener);
		(void)close(listener);
	}
	(void)close(pair[0]);
	while (waitpid(pid, &run->status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait: %m");
	if (run->fault.kind == FAULT_MALLOC) {
		run->struck = pread(struck, &byte, 1, 0) == 1;
		(void)snprintf(run->what, sizeof(run->what), "allocation %u", run->fault.at);
	}
	(void)close(struck);
	(void)close(fds[0]);
	read_back(fds[1], run->out);
	read_back(fds[2], run->err);
}
