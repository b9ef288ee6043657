/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notify_ready.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

int notify_ready_open(struct notify_ready *n, int fd, struct nerr *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *name = secure_getenv("NOTIFY_SOCKET");
	cleanup_close int s = -1;
	size_t len;

	n->fd = fd;
	if (!name)
		return 0;
	len = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || len < 2 || len > sizeof(sa.sun_path))
		return nerr_set(err, -EINVAL, "NOTIFY_SOCKET is '%s', which is no socket", name);
	memcpy(sa.sun_path, name, len);
	if (name[0] == '@')
		sa.sun_path[0] = '\0'; /* unix(7): abstract */
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return nerr_set(err, -errno, "cannot make a socket: %m");
	if (connect(s, (const struct sockaddr *)&sa,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return nerr_set(err, -errno, "cannot connect to NOTIFY_SOCKET '%s': %m", name);
	n->systemd = TAKE_FD(s);
	return 0;
}

int notify_ready_send(struct notify_ready *n, struct nerr *err)
{
	static const char text[] = "READY=1\n";

	if (n->fd >= 0 && write(n->fd, "\n", 1) != 1)
		return nerr_set(err, -errno, "cannot say that it serves: %m");
	if (n->systemd >= 0 && send(n->systemd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0)
		return nerr_set(err, -errno, "cannot tell systemd that it serves: %m");
	return 0;
}

void notify_ready_close(struct notify_ready *n)
{
	if (n->fd >= 0)
		(void)close(n->fd); /* write() has told */
	if (n->systemd >= 0)
		(void)close(n->systemd); /* send() has told */
	n->fd = n->systemd = -1;
}
