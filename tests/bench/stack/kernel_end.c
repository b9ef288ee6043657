/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's sockets as a struct end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

struct kernel_end {
	struct end end;
	int epfd;
	int ctl;
	const char *cc;
};

static struct kernel_end *of(struct end *e)
{
	return (struct kernel_end *)(void *)e;
}

static void prepare(const struct kernel_end *k, int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		die("TCP_NODELAY", errno);
	if (k->cc &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, k->cc, (socklen_t)strlen(k->cc)) < 0)
		die(k->cc, errno);
}

static int kernel_listen(struct end *e, uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0)
		die("listen", errno);
	prepare(of(e), fd);
	return fd;
}

static int kernel_accept(struct end *e, int fd)
{
	int r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)e; /* options are inherited */
	return r < 0 ? -errno : r;
}

static ssize_t kernel_read(struct end *e, int fd, void *buf, size_t len)
{
	ssize_t r = read(fd, buf, len);

	(void)e;
	return r < 0 ? -errno : r;
}

static ssize_t kernel_write(struct end *e, int fd, const void *buf, size_t len)
{
	ssize_t r = send(fd, buf, len, MSG_NOSIGNAL);

	(void)e;
	return r < 0 ? -errno : r;
}

static void kernel_close(struct end *e, int fd)
{
	(void)e;
	(void)close(fd); /* the peer tells what arrived */
}

static void kernel_watch(struct end *e, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if (epoll_ctl(of(e)->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll_ctl", errno);
}

static int kernel_wait(struct end *e, struct epoll_event *ev, int n)
{
	int r = epoll_wait(of(e)->epfd, ev, n, -1);

	if (r < 0)
		die("epoll_wait", errno);
	for (int i = 0; i < r; i++) {
		if (ev[i].data.fd != of(e)->ctl)
			continue;
		e->stop = true;
		return 0;
	}
	return r;
}

static void kernel_free(struct end *e)
{
	(void)close(of(e)->epfd); /* nothing was written */
	free(e);
}

struct end *kernel_end_new(const struct options *o, int ctl)
{
	static const struct end calls = {
		.listen = kernel_listen,
		.accept = kernel_accept,
		.read = kernel_read,
		.write = kernel_write,
		.close = kernel_close,
		.watch = kernel_watch,
		.wait = kernel_wait,
		.free = kernel_free,
	};
	struct kernel_end *k = calloc(1, sizeof(*k));

	if (!k)
		die("memory", ENOMEM);
	k->end = calls;
	k->ctl = ctl;
	k->cc = o->cc;
	k->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (k->epfd < 0)
		die("epoll_create", errno);
	kernel_watch(&k->end, ctl, EPOLLIN);
	return &k->end;
}
