/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "plugins/netstack/hung_priv.h"

/* A process that was killed ends at once, but for the kernel's own work. */
#define END_MS      5000

#define CMDLINE_MAX 65536

/* Who listens there: nobody has to answer for that. */
static int pid_of(const char *path, pid_t *ret, struct nerr *err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;
	int r = str_copy(sa.sun_path, sizeof(sa.sun_path), path);

	if (r < 0 || fd < 0)
		return nerr_set(err, r < 0 ? r : -errno, "cannot make a socket for '%s'", path);
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return nerr_set(err, -errno, "cannot tell who listens on '%s': %m", path);
	if (peer.pid <= 0)
		return nerr_set(err, -ESRCH,
				"the process that listens on '%s' is not seen from here", path);
	*ret = peer.pid;
	return 0;
}

/* Its command line has "--id" and this id. */
static bool is_started_for(pid_t pid, const char *id)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup_close int fd = -1;
	bool is_value = false;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid); /* it fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, CMDLINE_MAX, &text) < 0)
		return false;
	for (size_t at = 0; at < text.len; at += strlen(text.s + at) + 1) {
		if (is_value && strcmp(text.s + at, id) == 0)
			return true;
		is_value = strcmp(text.s + at, "--id") == 0;
	}
	return false;
}

int hung_kill(const char *path, const char *id, struct nerr *err)
{
	struct pollfd p = { .events = POLLIN };
	cleanup_close int pidfd = -1;
	pid_t pid = 0;
	int r = pid_of(path, &pid, err);

	if (r == -ECONNREFUSED || r == -ENOENT)
		return 0; /* it has ended meanwhile */
	if (r < 0)
		return r;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return errno == ESRCH
			       ? 0
			       : nerr_set(err, -errno, "cannot open process %d: %m", (int)pid);
	if (!is_started_for(pid, id))
		return nerr_set(err, -EBUSY,
				"process %d listens on '%s' and is not the container's", (int)pid,
				path);
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* see the wait */
	p.fd = pidfd;
	do
		r = poll(&p, 1, END_MS);
	while (r < 0 && errno == EINTR);
	return r > 0 ? 0
		     : nerr_set(err, -ETIMEDOUT, "netstackd, process %d, does not end", (int)pid);
}
