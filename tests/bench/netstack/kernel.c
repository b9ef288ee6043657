/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kernel.c - the peer: Linux's sockets over loopback, in a namespace of its own
 */
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "wire/addr.h"

struct kernel {
	struct stack stack;
	int epfd[2];
};

static struct kernel *kernel_of(struct stack *s)
{
	return (struct kernel *)(void *)s;
}

static ssize_t result(ssize_t r)
{
	return r < 0 ? -errno : r;
}

static struct sockaddr_in address(unsigned int number, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(number ? IP4_ADDR(127, 0, 0, 100 + number) : 0),
	};
}

static int prepare(int fd)
{
	const int on = 1;

	if (fd >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* the same control as ours, and no pacing */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	}
	return fd;
}

static int kernel_listen(struct stack *s, uint16_t port, int backlog)
{
	const struct sockaddr_in a = address(0, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)s;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, backlog) < 0)
		return -errno;
	return prepare(fd);
}

static int kernel_connect(struct stack *s, unsigned int to, uint16_t port)
{
	const struct sockaddr_in a = address(to, port);
	int fd = prepare(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	(void)s;
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return -errno;
	return fd;
}

static int kernel_accept(struct stack *s, int fd)
{
	int r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)s;
	return r < 0 ? -errno : prepare(r);
}

static ssize_t kernel_send(struct stack *s, unsigned int side, int fd, const void *buf, size_t len)
{
	(void)s;
	(void)side;
	return result(send(fd, buf, len, 0));
}

static ssize_t kernel_recv(struct stack *s, unsigned int side, int fd, void *buf, size_t len)
{
	(void)s;
	(void)side;
	return result(recv(fd, buf, len, 0));
}

static int kernel_close(struct stack *s, unsigned int side, int fd)
{
	(void)s;
	(void)side;
	return close(fd);
}

static int kernel_watch(struct stack *s, unsigned int side, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(kernel_of(s)->epfd[side], EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int kernel_wait(struct stack *s, unsigned int side, struct epoll_event *ev, int n)
{
	return epoll_wait(kernel_of(s)->epfd[side], ev, n, 0);
}

static void kernel_turn(struct stack *s)
{
	(void)s; /* loopback is immediate */
}

static void kernel_free(struct stack *s)
{
	(void)close(kernel_of(s)->epfd[0]);
	(void)close(kernel_of(s)->epfd[1]);
	free(s);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("cannot set the namespace's loopback interface up", errno);
	(void)close(fd);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1024 65535", 10) < 0)
		die("cannot set the namespace's port range", errno);
	(void)close(fd);
}

struct stack *kernel_new(void)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		die("calloc", 0);
	if (unshare(CLONE_NEWNET) < 0)
		die("cannot make a network namespace", errno);
	loopback_up();
	k->stack = (struct stack){ .name = "kernel",
				   .listen = kernel_listen,
				   .connect = kernel_connect,
				   .accept = kernel_accept,
				   .send = kernel_send,
				   .recv = kernel_recv,
				   .close = kernel_close,
				   .watch = kernel_watch,
				   .wait = kernel_wait,
				   .turn = kernel_turn,
				   .free = kernel_free };
	k->epfd[0] = epoll_create1(EPOLL_CLOEXEC);
	k->epfd[1] = epoll_create1(EPOLL_CLOEXEC);
	return &k->stack;
}
