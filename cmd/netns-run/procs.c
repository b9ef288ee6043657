/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "sandbox/netns.h"

/* Processes signalled at a time; more are found by the next look. */
#define BATCH_MAX 512

/**
 * struct batch - Processes found in the namespace
 * @fd:		Their pidfds, for poll()
 * @pid:	Of one of them, for a message
 */
struct batch {
	struct pollfd fd[BATCH_MAX];
	size_t n;
	uint32_t pid;
};

static void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		cleanup_closep(&b->fd[i].fd);
	b->n = 0;
}

static bool is_in(int proc_fd, const char *pid, const struct stat *netns)
{
	char link[32];
	struct stat st;

	(void)snprintf(link, sizeof(link), "%s/ns/net", pid); /* a pid has ten digits */
	return fstatat(proc_fd, link, &st, 0) == 0 && st.st_dev == netns->st_dev &&
	       st.st_ino == netns->st_ino;
}

/* A process may end and its number be given anew at any time, but not once we hold a
 * descriptor: so it is looked at again with that in hand.
 */
static int open_if_in(int proc_fd, const char *name, uint32_t pid, const struct stat *netns)
{
	cleanup_close int fd = -1;

	if (!is_in(proc_fd, name, netns))
		return -ESRCH;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return -errno;
	return is_in(proc_fd, name, netns) ? TAKE_FD(fd) : -ESRCH;
}

static int find(const struct stat *netns, pid_t except, struct batch *ret, struct nerr *err)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!proc)
		return nerr_set(err, -errno, "cannot open '/proc': %m");
	while (r == 0 && ret->n < BATCH_MAX && (e = readdir(proc))) {
		uint32_t pid;
		int fd;

		if (parse_u32(e->d_name, 1, INT32_MAX, &pid) < 0 || (pid_t)pid == getpid() ||
		    (pid_t)pid == except)
			continue;
		fd = open_if_in(dirfd(proc), e->d_name, pid, netns);
		if (fd == -EMFILE || fd == -ENFILE) {
			if (!ret->n)
				r = nerr_set(err, fd, "cannot watch process %" PRIu32 ": %m", pid);
			break; /* those found first */
		}
		if (fd < 0)
			continue;
		ret->fd[ret->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		ret->pid = pid;
	}
	(void)closedir(proc); /* was only read */
	return r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always is there */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A process that is stopped sees SIGTERM only when it goes on. */
static void signal_all(const struct batch *b, int sig)
{
	for (size_t i = 0; i < b->n; i++) {
		(void)pidfd_send_signal(b->fd[i].fd, sig, NULL, 0); /* it may be gone */
		if (sig == SIGTERM)
			(void)pidfd_send_signal(b->fd[i].fd, SIGCONT, NULL, 0); /* likewise */
	}
}

/* Until all have ended: true; or the deadline has passed. */
static bool wait_all(struct batch *b, int64_t deadline)
{
	size_t left = b->n;

	while (left) {
		const int64_t ms = deadline - now_ms();

		if (ms <= 0 || (poll(b->fd, b->n, (int)ms) < 0 && errno != EINTR))
			return false;
		left = 0;
		for (size_t i = 0; i < b->n; i++) {
			if (b->fd[i].revents) {
				/* poll() passes over a negative descriptor. */
				(void)close(b->fd[i].fd);
				b->fd[i] = (struct pollfd){ .fd = -1 };
			}
			left += b->fd[i].fd >= 0;
		}
	}
	return true;
}

/* 1 none is left, 0 time is up. */
static int end_with(const struct stat *netns, pid_t except, int sig, int timeout_ms,
		    uint32_t *ret_pid, struct nerr *err)
{
	const int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		CLEANUP(batch_done) struct batch b = { .n = 0 };
		int r = find(netns, except, &b, err);

		if (r < 0)
			return r;
		if (!b.n)
			return 1;
		*ret_pid = b.pid;
		signal_all(&b, sig);
		if (!wait_all(&b, deadline))
			return 0;
	}
}

int procs_end(const char *netns, pid_t except, struct nerr *err)
{
	cleanup_close int fd = -1;
	struct stat st;
	uint32_t pid = 0;
	int r;

	r = netns_open(netns, &fd, err);
	if (r == -ENOENT || r == -EINVAL)
		return 0; /* no file, or one that was never bound */
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return nerr_set(err, -errno, "cannot look at namespace '%s': %m", netns);
	r = end_with(&st, except, SIGTERM, PROCS_TERM_MS, &pid, err);
	if (r == 0)
		r = end_with(&st, except, SIGKILL, PROCS_KILL_MS, &pid, err);
	if (r < 0)
		return r;
	if (r == 0)
		return nerr_set(err, -ETIMEDOUT,
				"process %" PRIu32 " in namespace '%s' cannot be killed", pid,
				netns);
	return 0;
}
