/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ops_check.c - what must hold between two operations
 *
 * Readiness is what calls then do: who is told that he can read does not get EAGAIN, who is not
 * told has nothing to read, and poll() and a level-triggered epoll set say the same.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/fuzz/netstack/ops.h"

#define EVENTS (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

static short poll_of(const struct scene *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = EVENTS };
	const int n = ns_poll(s->st, &p, 1, 0);

	MUST(n == (p.revents != 0));
	MUST((p.revents & ~(EVENTS | POLLERR | POLLHUP | POLLNVAL)) == 0);
	return p.revents;
}

static struct peer_conn *conn_of(struct scene *s, int fd)
{
	for (unsigned int i = 0; i < s->n_conns; i++)
		if (s->conn[i].fd == fd)
			return &s->conn[i];
	return NULL;
}

static bool is_listener(const struct scene *s, int fd)
{
	for (unsigned int i = 0; i < sizeof(s->listener) / sizeof(s->listener[0]); i++)
		if (s->listener[i] == fd)
			return true;
	return false;
}

static void check_info(const struct scene *s, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	MUST(ns_getsockopt(s->st, fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	MUST(info.tcpi_state >= TCP_ESTABLISHED && info.tcpi_state <= TCP_CLOSING);
}

static void check_readable(struct scene *s, int fd, short ready)
{
	const struct peer_conn *c = conn_of(s, fd);
	uint8_t byte = 0, want;
	ssize_t n;
	int in = 0, r;

	r = ns_ioctl(s->st, fd, FIONREAD, &in);
	n = ns_recv(s->st, fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	/* Linux has EAGAIN for a datagram socket that is shut down and says it is readable; and
	 * without room a stream says so for the urgent byte alone, which read() only skips.
	 */
	if (ready & POLLIN)
		MUST(n != -EAGAIN || (c ? c->urgent : (ready & POLLRDHUP) != 0));
	else if (!c || !c->lowat)
		MUST(n < 0);
	if (ready & POLLRDHUP)
		MUST(ready & POLLIN);
	if (!c)
		return;
	if (r == 0 && !c->urgent)
		MUST((in > 0) == (n > 0));
	if (n == 1 && c->sure && !c->urgent) {
		peer_fill(c, false, c->read, &want, 1);
		MUST(byte == want);
		MUST((uint32_t)in <= peer_said(c) - c->read);
	}
}

void ops_check_fd(struct ops *o, int fd)
{
	const short ready = poll_of(o->s, fd);

	if (ready & POLLNVAL || fd == o->epfd)
		return;
	if (conn_of(o->s, fd) || is_listener(o->s, fd))
		check_info(o->s, fd);
	/* An error is taken by who looks at it. */
	if (ready & POLLERR || is_listener(o->s, fd))
		return;
	check_readable(o->s, fd, ready);
}

/* --- epoll --- */

static bool is_set(const struct ops *o, int fd)
{
	for (unsigned int i = 0; i < sizeof(o->set) / sizeof(o->set[0]); i++)
		if (o->set[i] == fd)
			return true;
	return false;
}

static void watch_all(struct ops *o, short *ready)
{
	for (int fd = 0; fd < SCENE_FDS; fd++) {
		struct epoll_event ev = { .events = EVENTS, .data.fd = fd };
		int r;

		ready[fd] = poll_of(o->s, fd);
		if (fd == o->epfd || ready[fd] & POLLNVAL) {
			ready[fd] = 0;
			continue;
		}
		r = ns_epoll_ctl(o->s->st, o->epfd, EPOLL_CTL_ADD, fd, &ev);
		MUST(r == 0 || r == -EEXIST || (r == -ENOMEM && o->s->rough) || is_set(o, fd));
		/* Sets in a circle, or too deep. */
		if (r < 0 && r != -EEXIST)
			ready[fd] = 0;
	}
}

static void check_epoll(struct ops *o)
{
	struct epoll_event ev[SCENE_FDS];
	short ready[SCENE_FDS];
	int n;

	if (o->epfd < 0)
		return;
	watch_all(o, ready);
	n = ns_epoll_wait(o->s->st, o->epfd, ev, SCENE_FDS, 0);
	MUST(n >= 0 && n <= SCENE_FDS);
	for (int i = 0; i < n; i++) {
		MUST(ev[i].events != 0);
		MUST(ev[i].events == (uint32_t)ready[ev[i].data.fd]);
		ready[ev[i].data.fd] = 0;
	}
	for (int fd = 0; fd < SCENE_FDS; fd++)
		MUST(ready[fd] == 0);
}

void ops_check(struct ops *o)
{
	struct netstack_memory m;
	struct pbuf_pool_stats pool;

	for (int fd = 0; fd < SCENE_FDS; fd++)
		ops_check_fd(o, fd);
	check_epoll(o);
	netstack_memory(o->s->st, &m);
	pbuf_pool_stats(netstack_pool(o->s->st), &pool);
	MUST(pool.bytes_max <= (o->s->options & SCENE_SMALL ? SCENE_POOL_SMALL : SCENE_POOL));
	MUST(m.sockets <= SCENE_FDS);
}
