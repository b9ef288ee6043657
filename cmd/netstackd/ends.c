/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "daemon.h"
#include "host/host.h"
#include "opts.h"

/* --- is the namespace still there? --- */

/* A line of /proc/self/mountinfo: the root of a mount of the namespace is "net:[INODE]". */
static bool is_mounted(ino_t ino)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char want[64];
	char line[4096];
	bool found = false;

	if (!f)
		return true; /* not known: it may be */
	(void)snprintf(want, sizeof(want), " net:[%ju] ", (uintmax_t)ino); /* it fits */
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, want) != NULL;
	(void)fclose(f); /* only read */
	return found;
}

/* The path is that namespace.  Where we have no right to look any more, mounts are looked at. */
static bool is_there(const struct daemon *d)
{
	struct stat st;

	if (stat(d->opts->netns, &st) == 0)
		return st.st_dev == d->ends.dev && st.st_ino == d->ends.ino;
	if (errno == EACCES)
		return is_mounted(d->ends.ino);
	return errno != ENOENT && errno != ENOTDIR && errno != ESRCH;
}

void ends_look(struct daemon *d)
{
	if (!d->attach || attach_n_listeners(d->attach) || is_there(d))
		return;
	daemon_end(d, "the network namespace is gone, and no program is left");
}

/* --- what is watched --- */

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->arg;
	struct signalfd_siginfo si;

	(void)events; /* POLLIN */
	if (read(w->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	daemon_end(d, si.ssi_signo == SIGINT ? "signal SIGINT" : "signal SIGTERM");
}

static void on_lifeline(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->arg;
	char word[64];
	const ssize_t n = read(w->fd, word, sizeof(word));

	(void)events; /* read() says it */
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	daemon_end(d, "whoever held the lifeline is gone");
}

static void on_mounts(struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev;

	(void)events;                       /* POLLIN: the epoll has one */
	(void)epoll_wait(w->fd, &ev, 1, 0); /* which is taken by that */
	ends_look(w->arg);
}

static void on_process(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->arg;

	(void)events; /* it has ended, and does so once */
	loop_watch_del(host_loop(d->host), w);
	(void)close(w->fd); /* a pidfd */
	w->fd = -1;
	ends_look(d);
}

static int add(struct daemon *d, struct loop_watch *w, int fd, uint32_t events,
	       void (*ready)(struct loop_watch *w, uint32_t events), const char *what,
	       struct nerr *err)
{
	const struct loop_watch made = { .fd = fd, .events = events, .ready = ready, .arg = d };
	int r;

	*w = made;
	r = loop_watch_add(host_loop(d->host), w);
	if (r == 0)
		return 0;
	(void)close(fd); /* not used */
	w->fd = -1;
	return nerr_set(err, r, "cannot wait for %s: %m", what);
}

static int open_signals(struct daemon *d, struct nerr *err)
{
	static const int mistakes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t set, all;
	int fd;

	(void)sigemptyset(&set); /* these fail for signals that do not exist */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* All but those of our own mistakes: one that interrupts an ADDFD of the attach layer would
	 * lose the program's descriptor.
	 */
	(void)sigfillset(&all);
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++)
		(void)sigdelset(&all, mistakes[i]);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return nerr_set(err, -errno, "cannot block signals: %m");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a descriptor for signals: %m");
	return add(d, &d->ends.signals, fd, POLLIN, on_signal, "signals", err);
}

static int open_lifeline(struct daemon *d, struct nerr *err)
{
	const int fd = d->opts->lifeline_fd;

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return nerr_set(err, -errno, "cannot use descriptor %d: %m", fd);
	return add(d, &d->ends.lifeline, fd, POLLIN | POLLRDHUP, on_lifeline, "the lifeline", err);
}

/* A loop takes no regular file, as whose mountinfo shows itself; an epoll does, when it can be
 * polled.
 */
static int open_mounts(struct daemon *d, struct nerr *err)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLET };
	cleanup_close int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0)
		return nerr_set(err, -errno, "cannot make an epoll: %m");
	d->ends.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (d->ends.mountinfo < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, d->ends.mountinfo, &ev) < 0)
		return nerr_set(err, -errno, "cannot watch '/proc/self/mountinfo': %m");
	return add(d, &d->ends.mounts, TAKE_FD(ep), POLLIN, on_mounts, "changes of mounts", err);
}

/* /proc/PID/ns/net, whose end is that of a process and no change of mounts. */
static int open_process(struct daemon *d, struct nerr *err)
{
	const char *path = d->opts->netns;
	char number[16];
	size_t len;
	uint32_t pid;
	int fd;

	if (!str_has_prefix(path, "/proc/"))
		return 0;
	path += strlen("/proc/");
	len = strcspn(path, "/");
	if (len >= sizeof(number))
		return 0;
	memcpy(number, path, len);
	number[len] = '\0';
	if (parse_u32(number, 1, INT32_MAX, &pid) < 0)
		return 0;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open process %u: %m", pid);
	return add(d, &d->ends.process, fd, POLLIN, on_process, "the end of a process", err);
}

int ends_open(struct daemon *d, struct nerr *err)
{
	struct ends *e = &d->ends;
	struct stat st;
	int r;

	e->signals.fd = e->lifeline.fd = e->mounts.fd = e->process.fd = e->mountinfo = -1;
	if (fstat(d->netns, &st) < 0)
		return nerr_set(err, -errno, "cannot look at '%s': %m", d->opts->netns);
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	r = open_signals(d, err);
	if (r == 0)
		r = open_lifeline(d, err);
	if (r == 0)
		r = open_mounts(d, err);
	if (r == 0)
		r = open_process(d, err);
	return r;
}

static void end_one(struct daemon *d, struct loop_watch *w)
{
	if (!w->ready || w->fd < 0)
		return;
	loop_watch_del(host_loop(d->host), w);
	(void)close(w->fd); /* nothing was written */
	w->fd = -1;
}

void ends_close(struct daemon *d)
{
	end_one(d, &d->ends.signals);
	end_one(d, &d->ends.lifeline);
	end_one(d, &d->ends.mounts);
	end_one(d, &d->ends.process);
	if (d->ends.signals.ready && d->ends.mountinfo >= 0)
		(void)close(d->ends.mountinfo); /* only looked at */
}
