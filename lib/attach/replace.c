/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Another description behind a descriptor of a program, behind those that were duplicated from
 * it, and behind their registrations with epoll.  Descriptors of other processes that share the old
 * one are out of reach.
 *
 * epoll knows a registration by description and number (struct epoll_filefd in fs/eventpoll.c).  So
 * the new one is registered by a helper process of ours, with descriptors of its own, where it
 * has the number that it has in the program: the program's EPOLL_CTL_MOD and EPOLL_CTL_DEL find it.
 * What was registered stands in /proc/TID/fdinfo, and so does the inode of each descriptor.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/notify.h"
#include "attach/tracee.h"
#include "attach/tracee_priv.h"
#include "base/cleanup.h"

/* A program has as many descriptors, and an epoll as many registrations, as it likes, and others
 * wait while we look.  We stop after so much of both, which takes some milliseconds: the lowest
 * numbers come first, and an epoll was made before most of what is in it.  Who is not found is told
 * of nothing by its epoll.
 */
#define FDINFO_FILES_MAX 2048
#define FDINFO_BYTES_MAX (4U << 20)

#define EPOLLS_MAX       64
#define DUPS_MAX         64
#define COMMON_LINES     8           /* of fdinfo: those that every file has, with some to spare */
#define HELPER_STACK     (256 << 10) /* sanitizers need more than we do */

/**
 * struct registration - A descriptor in an epoll of the program
 * @epfd:	Our copy of the epoll
 * @number:	Of the descriptor
 */
struct registration {
	int epfd;
	int number;
	struct epoll_event ev;
};

/* Another descriptor of the same description: its number, and flags as in struct replacement. */
struct dup {
	int number;
	int flags;
};

/**
 * struct replacement - One that is being made
 * @number:	Of the descriptor in the program
 * @old_fd, @new_fd: Our copies
 * @flags:	Of /proc/TID/fdinfo: O_CLOEXEC among them
 * @files, @bytes: Left to look at
 */
struct replacement {
	struct tracees *t;
	pid_t tid;
	int number;
	int old_fd;
	int new_fd;
	int flags;
	struct stat old_st;
	unsigned int files;
	size_t bytes;
	struct registration reg[EPOLLS_MAX];
	unsigned int n_regs;
	struct dup dup[DUPS_MAX];
	unsigned int n_dups;
};

/* --- what is registered --- */

static bool parse_tfd(const char *line, const struct replacement *rp, struct registration *ret)
{
	int tfd;
	uint32_t events;
	uint64_t data;
	unsigned long ino;

	/* "tfd:        5 events:       1d data:                5  pos:0 ino:61 sdev:9", as
	 * the kernel prints them.
	 */
	/* NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64 " pos:%*d ino:%lx", &tfd,
		   &events, &data, &ino) != 4)
		return false;
	/* By its inode: the number may be another's, when it was closed and a duplicate lives. */
	if (tfd < 0 || ino != rp->old_st.st_ino)
		return false;
	*ret = (struct registration){
		.number = tfd,
		.ev = { .events = events, .data.u64 = data },
	};
	return true;
}

static void note(struct replacement *rp, int number, const struct registration *reg)
{
	int epfd;

	if (rp->n_regs == EPOLLS_MAX)
		return;
	epfd = tracee_getfd(rp->t, rp->tid, number);
	if (epfd < 0)
		return; /* closed meanwhile */
	rp->reg[rp->n_regs] = *reg;
	rp->reg[rp->n_regs++].epfd = epfd;
}

/* Inodes of other file systems may have the same number: that it is a socket's is seen later. */
static void note_dup(struct replacement *rp, int number, unsigned long ino, int flags)
{
	if (number == rp->number || ino != rp->old_st.st_ino || rp->n_dups == DUPS_MAX)
		return;
	rp->dup[rp->n_dups++] = (struct dup){ .number = number, .flags = flags };
}

/**
 * struct lines - A file, line by line
 * @len, @pos:	Bytes in @buf, and how many of them are done with
 */
struct lines {
	int fd;
	size_t len;
	size_t pos;
	char buf[4096];
};

/* The next one, without its end; one that is too long comes in pieces.  NULL at the end. */
static const char *next_line(struct lines *l)
{
	for (;;) {
		char *line = l->buf + l->pos;
		char *end = memchr(line, '\n', l->len - l->pos);
		ssize_t n;

		if (!end && l->pos == 0 && l->len == sizeof(l->buf) - 1)
			end = l->buf + l->len;
		if (end) {
			*end = '\0';
			l->pos = (size_t)(end - l->buf) + (end < l->buf + l->len);
			return line;
		}
		memmove(l->buf, line, l->len - l->pos);
		l->len -= l->pos;
		l->pos = 0;
		n = read(l->fd, l->buf + l->len, sizeof(l->buf) - 1 - l->len);
		if (n <= 0)
			return NULL;
		l->len += (size_t)n;
	}
}

/* One file of /proc/TID/fdinfo.  Only those of epolls have lines "tfd:", right behind the few that
 * all have.
 */
static void look_at(struct replacement *rp, int dir_fd, const char *name)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	const int number = (int)strtol(name, NULL, 10);
	struct lines l = { .fd = fd };
	bool is_epoll = false;
	const char *line;
	int flags = 0;

	if (fd < 0)
		return; /* closed meanwhile */
	for (unsigned int i = 0; (line = next_line(&l)); i++) {
		size_t len = strlen(line) + 1;
		struct registration reg;

		is_epoll = is_epoll || strncmp(line, "tfd:", 4) == 0;
		if ((!is_epoll && i > COMMON_LINES) || rp->bytes < len)
			break;
		rp->bytes -= len;
		if (is_epoll && parse_tfd(line, rp, &reg))
			note(rp, number, &reg);
		else if (strncmp(line, "flags:", 6) == 0)
			flags = (int)strtol(line + 6, NULL, 8);
		else if (strncmp(line, "ino:", 4) == 0)
			note_dup(rp, number, strtoul(line + 4, NULL, 10), flags);
	}
}

static int find_registrations(struct replacement *rp)
{
	int fd = tracee_open_proc(rp->t, rp->tid, "fdinfo", O_RDONLY | O_DIRECTORY);
	const struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(dir)) && rp->files > 0 && rp->bytes > 0) {
		if (e->d_name[0] == '.')
			continue;
		rp->files--;
		look_at(rp, dirfd(dir), e->d_name);
	}
	(void)closedir(dir);
	return 0;
}

/* --- what is carried over --- */

static int fdinfo_flags(struct replacement *rp)
{
	char name[32];
	char text[256];
	const char *at;
	cleanup_close int fd = -1;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", rp->number); /* fits */
	fd = tracee_open_proc(rp->t, rp->tid, name, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	at = strstr(text, "flags:");
	if (!at)
		return -EPROTO;
	rp->flags = (int)strtol(at + strlen("flags:"), NULL, 8);
	return 0;
}

static void copy_option(const struct replacement *rp, int opt, void *buf, socklen_t len)
{
	/* Both are sockets and have it; what was read was a value that is allowed. */
	if (getsockopt(rp->old_fd, SOL_SOCKET, opt, buf, &len) == 0)
		(void)setsockopt(rp->new_fd, SOL_SOCKET, opt, buf, len);
}

/* Signals are sent with the rights of whoever names the receiver, which is us now: only the program
 * itself is named.  Failures mean that it is not there any more.
 */
static void carry_owner(const struct replacement *rp)
{
	struct f_owner_ex owner;
	pid_t tgid = tracee_tgid(rp->t, rp->tid);

	if (fcntl(rp->old_fd, F_GETOWN_EX, &owner) < 0 || owner.pid <= 0 ||
	    owner.type == F_OWNER_PGRP || tgid < 0 || tracee_tgid(rp->t, owner.pid) != tgid)
		return;
	(void)fcntl(rp->new_fd, F_SETOWN_EX, &owner);
}

static int carry_over(const struct replacement *rp)
{
	struct timeval tv;
	int val;
	int sig = fcntl(rp->old_fd, F_GETSIG);

	copy_option(rp, SO_RCVTIMEO, &tv, sizeof(tv));
	copy_option(rp, SO_SNDTIMEO, &tv, sizeof(tv));
	copy_option(rp, SO_RCVLOWAT, &val, sizeof(val));
	copy_option(rp, SO_OOBINLINE, &val, sizeof(val));
	copy_option(rp, SO_PEEK_OFF, &val, sizeof(val));
	carry_owner(rp);
	if (sig > 0)
		(void)fcntl(rp->new_fd, F_SETSIG, sig);
	return fcntl(rp->new_fd, F_SETFL, rp->flags & O_NONBLOCK) < 0 ? -errno : 0;
}

/* --- the helper --- */

static int highest(const struct replacement *rp)
{
	int n = rp->number;

	for (unsigned int i = 0; i < rp->n_regs; i++)
		n = rp->reg[i].number > n ? rp->reg[i].number : n;
	return n;
}

/* Runs in our memory, with its own copy of our descriptors, while we stand still. */
static int helper(void *arg)
{
	const struct replacement *rp = arg;
	const int above = highest(rp) + 1;
	const int old_fd = fcntl(rp->old_fd, F_DUPFD, above);
	const int new_fd = fcntl(rp->new_fd, F_DUPFD, above);
	int epfd[EPOLLS_MAX];

	/* Out of the way of the numbers, which may be those of some of them. */
	for (unsigned int i = 0; i < rp->n_regs; i++)
		epfd[i] = fcntl(rp->reg[i].epfd, F_DUPFD, above);
	for (unsigned int i = 0; i < rp->n_regs; i++) {
		struct epoll_event ev = rp->reg[i].ev;
		const int at = rp->reg[i].number;

		/* Our own copy, at least, keeps the old one alive, and registered. */
		if (dup2(old_fd, at) < 0)
			return 1;
		(void)epoll_ctl(epfd[i], EPOLL_CTL_DEL, at, NULL);
		if (dup2(new_fd, at) < 0)
			return 1;
		/* EEXIST: the program was faster. */
		(void)epoll_ctl(epfd[i], EPOLL_CTL_ADD, at, &ev);
	}
	/* Signals name the number by which they were asked for. */
	if ((rp->flags & O_ASYNC) && dup2(new_fd, rp->number) >= 0)
		(void)fcntl(rp->number, F_SETFL, rp->flags & (O_NONBLOCK | O_ASYNC));
	return 0;
}

/* No exit signal: nobody who waits for our children sees it.  Its own descriptors are closed when
 * it can be waited for.  Handlers of signals are ours and not for it to run.  Where there can be
 * no more processes, the program's epoll is not told: the descriptor was replaced all the same.
 */
static void run_helper(struct replacement *rp, char *stack)
{
	sigset_t all;
	sigset_t before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(helper, stack + HELPER_STACK, CLONE_VM | CLONE_VFORK, rp);
	while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- the whole --- */

static void replacement_done(struct replacement *rp)
{
	for (unsigned int i = 0; i < rp->n_regs; i++)
		tracee_putfd(rp->t, rp->reg[i].epfd);
	if (rp->old_fd >= 0)
		tracee_putfd(rp->t, rp->old_fd);
}

/* Those that are still what they were when they were found. */
static void replace_dups(const struct replacement *rp, const struct notify_call *call)
{
	for (unsigned int i = 0; i < rp->n_dups; i++) {
		const struct dup *d = &rp->dup[i];
		const int fd = tracee_getfd(rp->t, rp->tid, d->number);
		struct stat st;

		/* Fails when the call is over: then the rest stays as it is. */
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == rp->old_st.st_ino &&
		    st.st_dev == rp->old_st.st_dev)
			(void)notify_set_fd(call, rp->new_fd, d->number, d->flags & O_CLOEXEC);
		if (fd >= 0)
			tracee_putfd(rp->t, fd);
	}
}

/* The task sleeps in its call meanwhile; others of its process do not, and may see their epoll
 * without the descriptor for a moment.
 */
static int replace(struct replacement *rp, const struct notify_call *call)
{
	cleanup_free char *stack = malloc(HELPER_STACK);
	int r;

	if (!stack)
		return -ENOMEM;

	rp->old_fd = tracee_getfd(rp->t, rp->tid, rp->number);
	if (rp->old_fd < 0)
		return rp->old_fd;
	if (fstat(rp->old_fd, &rp->old_st) < 0)
		return -errno;
	r = fdinfo_flags(rp);
	if (r < 0)
		return r;
	r = find_registrations(rp);
	if (r < 0)
		return r;
	r = carry_over(rp);
	if (r < 0)
		return r;
	/* All was of another task, if ours was gone. */
	if (!notify_is_valid(call))
		return -ENOENT;
	r = notify_set_fd(call, rp->new_fd, rp->number, rp->flags & O_CLOEXEC);
	if (r < 0)
		return r;
	replace_dups(rp, call);
	if (rp->n_regs > 0 || (rp->flags & O_ASYNC))
		run_helper(rp, stack);
	return 0;
}

int tracee_replace(struct tracees *t, const struct notify_call *call, int fd, int new_fd)
{
	CLEANUP(replacement_done)
	struct replacement rp = {
		.t = t,
		.tid = call->tid,
		.number = fd,
		.old_fd = -1,
		.new_fd = new_fd,
		.files = FDINFO_FILES_MAX,
		.bytes = FDINFO_BYTES_MAX,
	};
	int r = replace(&rp, call);

	return r == -ESRCH ? -ENOENT : r;
}
