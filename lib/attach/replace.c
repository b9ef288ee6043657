/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Another description behind a descriptor of a program, and behind its registrations with epoll.
 *
 * epoll knows a registration by description and number (struct epoll_filefd in fs/eventpoll.c).  So
 * the new one is registered by a helper process of ours, with descriptors of its own, where it
 * has the number that it has in the program: the program's EPOLL_CTL_MOD and EPOLL_CTL_DEL find it.
 * What was registered stands in /proc/TID/fdinfo.
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

/* A program has as many descriptors, and an epoll as many registrations, as it likes.  We stop
 * looking after so much of both; who is not found is told of nothing by its epoll.
 */
#define FDINFO_FILES_MAX 65536
#define FDINFO_BYTES_MAX (64U << 20)

#define EPOLLS_MAX       64
#define HELPER_STACK     (256 << 10) /* sanitizers need more than we do */

/**
 * struct registration - A descriptor in an epoll of the program
 * @epfd:	Our copy of the epoll
 */
struct registration {
	int epfd;
	struct epoll_event ev;
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
};

/* --- what is registered --- */

static bool parse_tfd(const char *line, const struct replacement *rp, struct epoll_event *ret)
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
	/* Another inode: a registration that outlived the descriptor of that number. */
	if (tfd != rp->number || ino != rp->old_st.st_ino)
		return false;
	*ret = (struct epoll_event){ .events = events, .data.u64 = data };
	return true;
}

static void note(struct replacement *rp, int number, const struct epoll_event *ev)
{
	int epfd;

	if (rp->n_regs == EPOLLS_MAX)
		return;
	epfd = tracee_getfd(rp->t, rp->tid, number);
	if (epfd < 0)
		return; /* closed meanwhile */
	rp->reg[rp->n_regs++] = (struct registration){ .epfd = epfd, .ev = *ev };
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
	struct lines l = { .fd = fd };
	bool is_epoll = false;
	const char *line;

	if (fd < 0)
		return; /* closed meanwhile */
	for (unsigned int i = 0; (line = next_line(&l)); i++) {
		size_t len = strlen(line) + 1;
		struct epoll_event ev;

		is_epoll = is_epoll || strncmp(line, "tfd:", 4) == 0;
		if ((!is_epoll && i > 8) || rp->bytes < len)
			break;
		rp->bytes -= len;
		if (is_epoll && parse_tfd(line, rp, &ev)) {
			note(rp, (int)strtol(name, NULL, 10), &ev);
			break;
		}
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
	int lowat;
	int sig = fcntl(rp->old_fd, F_GETSIG);

	copy_option(rp, SO_RCVTIMEO, &tv, sizeof(tv));
	copy_option(rp, SO_SNDTIMEO, &tv, sizeof(tv));
	copy_option(rp, SO_RCVLOWAT, &lowat, sizeof(lowat));
	carry_owner(rp);
	if (sig > 0)
		(void)fcntl(rp->new_fd, F_SETSIG, sig);
	return fcntl(rp->new_fd, F_SETFL, rp->flags & O_NONBLOCK) < 0 ? -errno : 0;
}

/* --- the helper --- */

/* Runs in our memory, with its own copy of our descriptors, while we stand still. */
static int helper(void *arg)
{
	const struct replacement *rp = arg;
	int at = rp->number;
	int old_fd = rp->old_fd;
	int new_fd = rp->new_fd;

	/* Out of the way of the number, which may be that of one of them. */
	if (old_fd == at)
		old_fd = dup(old_fd);
	if (new_fd == at)
		new_fd = dup(new_fd);
	for (unsigned int i = 0; i < rp->n_regs; i++) {
		struct epoll_event ev = rp->reg[i].ev;
		int epfd = rp->reg[i].epfd;

		if (epfd == at)
			continue; /* was moved by make_way() */
		/* Our own copy, at least, keeps the old one alive, and registered. */
		if (dup2(old_fd, at) < 0)
			return 1;
		(void)epoll_ctl(epfd, EPOLL_CTL_DEL, at, NULL);
		if (dup2(new_fd, at) < 0)
			return 1;
		/* EEXIST: by another number of the same epoll, or the program was faster. */
		(void)epoll_ctl(epfd, EPOLL_CTL_ADD, at, &ev);
	}
	/* Signals name the number by which they were asked for. */
	if ((rp->flags & O_ASYNC) && dup2(new_fd, at) >= 0)
		(void)fcntl(at, F_SETFL, rp->flags & (O_NONBLOCK | O_ASYNC));
	return 0;
}

/* An epoll's copy that has the very number would be closed by the helper. */
static void make_way(struct replacement *rp)
{
	for (unsigned int i = 0; i < rp->n_regs; i++) {
		int moved;

		if (rp->reg[i].epfd != rp->number)
			continue;
		moved = fcntl(rp->number, F_DUPFD_CLOEXEC, 0);
		if (moved < 0)
			return; /* skipped by the helper */
		(void)close(rp->number);
		rp->reg[i].epfd = moved;
	}
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

	make_way(rp);
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
		(void)close(rp->reg[i].epfd);
	if (rp->old_fd >= 0)
		(void)close(rp->old_fd);
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
