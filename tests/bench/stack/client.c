/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The client, on the kernel's stack: what loads the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

/* Latencies are kept as counts of 0.25 µs. */
#define SLOTS    (1 << 20)
#define PER_US   4
#define WAIT_MAX 30000 /* ms without an event: something hangs */

struct client {
	const struct options *o;
	int epfd;
	uint64_t started;
	uint64_t done;
	double begun[CONNS_MAX * 2];
	unsigned int got[CONNS_MAX * 2];
	uint32_t *slot;
};

static int dial(const struct options *o, bool nonblock)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);

	if (fd < 0)
		die("socket", errno);
	if (inet_pton(AF_INET, o->to, &a.sin_addr) != 1)
		die(o->to, EINVAL);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		die("TCP_NODELAY", errno);
	if (o->cc &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, o->cc, (socklen_t)strlen(o->cc)) < 0)
		die(o->cc, errno);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 &&
	    !(nonblock && errno == EINPROGRESS))
		die("connect", errno);
	return fd;
}

/* --- bulk --- */

static uint64_t read_to_end(int fd, char *chunk)
{
	uint64_t all = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0)
			die("read", errno);
		if (n == 0)
			return all;
		all += (uint64_t)n;
	}
}

static uint64_t bulk(const struct options *o, int fd)
{
	char *chunk = malloc(CHUNK);
	uint64_t n = 0;

	if (!chunk)
		die("memory", ENOMEM);
	memset(chunk, 'x', CHUNK);
	if (o->work == WORK_TX) {
		if (write(fd, &o->count, sizeof(o->count)) != (ssize_t)sizeof(o->count))
			die("write", errno);
		n = read_to_end(fd, chunk);
	} else {
		while (n < o->count) {
			const uint64_t left = o->count - n;
			ssize_t r = write(fd, chunk, left < CHUNK ? (size_t)left : CHUNK);

			if (r < 0)
				die("write", errno);
			n += (uint64_t)r;
		}
		if (shutdown(fd, SHUT_WR) < 0)
			die("shutdown", errno);
		(void)read_to_end(fd, chunk); /* nothing but its end, when all was read */
	}
	free(chunk);
	return n;
}

/* --- requests --- */

static void ask(struct client *c, int fd)
{
	static const char request[MESSAGE_LEN] = "request";

	c->begun[fd] = c->o->work == WORK_CRR ? c->begun[fd] : wall_now();
	if (write(fd, request, MESSAGE_LEN) != MESSAGE_LEN)
		die("write", errno);
	c->got[fd] = 0;
}

static void call(struct client *c)
{
	struct epoll_event ev = { .events = EPOLLOUT };
	const double now = wall_now();
	int fd = dial(c->o, true);

	if (fd >= CONNS_MAX * 2)
		die("socket", EMFILE);
	c->begun[fd] = now;
	c->started++;
	ev.data.fd = fd;
	if (epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll_ctl", errno);
}

static void connected(struct client *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		die("connect", error);
	if (epoll_ctl(c->epfd, EPOLL_CTL_MOD, fd, &ev) < 0)
		die("epoll_ctl", errno);
	ask(c, fd);
}

/* The client resets: no port of its stays in TIME-WAIT. */
static void hang_up(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		die("SO_LINGER", errno);
	(void)close(fd); /* all that was said has been answered */
}

static void keep_latency(struct client *c, int fd)
{
	const double us = (wall_now() - c->begun[fd]) * 1e6;
	const double at = us * PER_US;

	c->slot[at < SLOTS - 1 ? (uint32_t)at : SLOTS - 1]++;
}

static void answered(struct client *c, int fd)
{
	char buf[MESSAGE_LEN];
	ssize_t n = read(fd, buf, MESSAGE_LEN - c->got[fd]);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("read", n < 0 ? errno : EPIPE);
	c->got[fd] += (unsigned int)n;
	if (c->got[fd] < MESSAGE_LEN)
		return;
	keep_latency(c, fd);
	c->done++;
	if (c->o->work == WORK_CRR) {
		hang_up(fd);
		if (c->started < c->o->count)
			call(c);
	} else if (c->started < c->o->count) {
		c->started++;
		ask(c, fd);
	}
}

static double percentile(const struct client *c, double part)
{
	const double want = (double)c->done * part;
	double seen = 0;

	for (unsigned int i = 0; i < SLOTS; i++) {
		seen += c->slot[i];
		if (seen >= want)
			return (double)i / PER_US;
	}
	return 0;
}

static void requests(struct client *c, struct result *ret)
{
	struct epoll_event ev[64];

	while (c->done < c->o->count) {
		int n = epoll_wait(c->epfd, ev, 64, WAIT_MAX);

		if (n <= 0)
			die("epoll_wait", n < 0 ? errno : ETIMEDOUT);
		for (int i = 0; i < n; i++) {
			if (ev[i].events & EPOLLOUT)
				connected(c, ev[i].data.fd);
			else
				answered(c, ev[i].data.fd);
		}
	}
	ret->p50 = percentile(c, 0.5);
	ret->p99 = percentile(c, 0.99);
}

static void run_requests(const struct options *o, struct result *ret)
{
	static struct client c;

	c.o = o;
	c.epfd = epoll_create1(EPOLL_CLOEXEC);
	c.slot = calloc(SLOTS, sizeof(*c.slot));
	if (c.epfd < 0 || !c.slot)
		die("memory", ENOMEM);
	for (unsigned int i = 0; i < o->conns && i < o->count; i++)
		call(&c);
	requests(&c, ret);
	ret->count = c.done;
}

void run_client(const struct options *o, struct result *ret)
{
	const bool is_bulk = o->work == WORK_RX || o->work == WORK_TX;
	/* The neighbour is known and the connection there before time is taken. */
	int fd = is_bulk ? dial(o, false) : -1;
	double cpu = cpu_now(), wall = wall_now();

	if (is_bulk)
		ret->count = bulk(o, fd);
	else
		run_requests(o, ret);
	ret->cpu = cpu_now() - cpu;
	ret->wall = wall_now() - wall;
	if (fd >= 0)
		(void)close(fd); /* the count tells what arrived */
}
