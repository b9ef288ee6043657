/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-agent/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "cmd/fairlead-agent/handover.h"

#define SD_LISTEN_FDS_START 3 /* sd_listen_fds(3) */
#define BACKLOG             128

/* Messages that are handled at once; others wait in the backlog. */
#define CHILDREN_MAX 64

/* Until it is tried again when the machine is short of something. */
#define SHORT_MS 200

/* --- the socket --- */

static bool was_given(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *n = getenv("LISTEN_FDS");
	uint64_t value;

	return pid && n && parse_u64(pid, 1, INT32_MAX, &value) == 0 && (pid_t)value == getpid() &&
	       parse_u64(n, 1, 1, &value) == 0;
}

static bool answers(const struct sockaddr_un *sun)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* A full backlog (EAGAIN) is somebody's, too. */
	return fd >= 0 &&
	       (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN);
}

int server_open(const char *path, int *ret, bool *ret_given, struct nerr *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	*ret_given = was_given();
	if (*ret_given) {
		*ret = SD_LISTEN_FDS_START;
		return 0;
	}
	if (str_copy(sun.sun_path, sizeof(sun.sun_path), path) < 0)
		return nerr_set(err, -ENAMETOOLONG, "'%s' is too long for a socket's path", path);
	if (answers(&sun))
		return nerr_set(err, -EADDRINUSE, "another agent listens on '%s'", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove what is left at '%s': %m", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
		return nerr_set(err, -errno, "cannot listen on '%s': %m", path);
	*ret = TAKE_FD(fd);
	return 0;
}

/* --- its connections --- */

static int block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set); /* these cannot fail with signals that exist */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static unsigned int reap(void)
{
	unsigned int n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		n++;
	return n;
}

/* Containers that are about to start; each of them has its time (HANDOVER_MS). */
static void wait_children(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* In the child. */
static _Noreturn void serve(int conn)
{
	struct nerr err = NERR_INIT;

	if (handover(conn, &err) == 0)
		_exit(0);
	log_err("%s", err.msg);
	_exit(1);
}

/* 1 when a child was made, 0 when who asked has gone; -1 when descriptors or processes are short */
static int serve_next(int fd)
{
	cleanup_close int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (conn < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
	pid = fork();
	if (pid == 0)
		serve(conn);
	if (pid < 0)
		log_err("cannot make a process for a message: %m");
	return pid > 0 ? 1 : -1;
}

/* Signals that have come.  Return: it is time to end */
static bool take_signals(int sfd, unsigned int *children)
{
	struct signalfd_siginfo si;
	bool end = false;

	while (read(sfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		end = end || si.ssi_signo != SIGCHLD;
	*children -= reap();
	return end;
}

int server_run(int fd, struct nerr *err)
{
	cleanup_close int sfd = block_signals();
	unsigned int children = 0;
	bool short_of = false;

	if (sfd < 0)
		return nerr_set(err, -errno, "cannot receive signals: %m");
	for (;;) {
		struct pollfd p[] = {
			{ .fd = sfd, .events = POLLIN },
			{ .fd = children < CHILDREN_MAX && !short_of ? fd : -1, .events = POLLIN },
		};

		if (poll(p, ARRAY_SIZE(p), short_of ? SHORT_MS : -1) < 0 && errno != EINTR)
			return nerr_set(err, -errno, "cannot wait for runtimes: %m");
		if (p[0].revents && take_signals(sfd, &children)) {
			wait_children();
			return 0;
		}
		short_of = false;
		if (p[1].revents) {
			const int made = serve_next(fd);

			children += made > 0;
			short_of = made < 0;
		}
	}
}
