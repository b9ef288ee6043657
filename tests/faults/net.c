/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/lines.h"

/* A port on which nobody listens: being refused is an answer. */
#define PORT 9

/* Duplicate address detection, where it could not be switched off, takes two seconds. */
#define PATIENCE_S 10
#define PAUSE_MS   20

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* always there */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0 when somebody answered, else an errno. */
static int try_connect(const struct sockaddr *to, socklen_t len)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		die("cannot open a socket: %m");
	if (connect(fd, to, len) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		if (poll(&pfd, 1, 1000) == 1)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
		else
			error = ETIMEDOUT;
	}
	(void)close(fd);
	return error == ECONNREFUSED ? 0 : error;
}

bool net_reaches(const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int64_t end = now_ms() + PATIENCE_S * 1000;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		die("'%s' is no address", address);
	for (;;) {
		int error = is_v4 ? try_connect((struct sockaddr *)&v4, sizeof(v4))
				  : try_connect((struct sockaddr *)&v6, sizeof(v6));

		if (error == 0)
			return true;
		if (now_ms() > end)
			return false;
		(void)poll(NULL, 0, PAUSE_MS);
	}
}
