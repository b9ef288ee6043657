/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A port of the stack, taken in the namespace's kernel, too: by a socket that listens there.
 *
 * Nobody else in the namespace gets the port then, and a program without our filter that connects
 * to it over the kernel's loopback reaches our program: its connections are the kernel's from end
 * to end.  Listeners that share a port (SO_REUSEPORT) share the socket; one at a time is told of
 * what waits, in turns, as one of them would be chosen by the kernel.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"

/**
 * struct reserve - A listener's part of a port
 * @next:	Of the same port; the first is told
 */
struct reserve {
	struct reserve *next;
	struct reserved_port *port;
	void (*pending)(void *arg);
	void *arg;
};

/**
 * struct reserved_port - A socket of the kernel
 * @fd:		Listens, non-blocking
 * @users:	Listeners, at least one
 * @is_pending:	A connection waits; it is not watched until that is accepted
 */
struct reserved_port {
	struct reserved_port *next;
	struct attach *a;
	int fd;
	union asock_addr addr;
	bool v6only;
	struct reserve *users;
	bool is_pending;
	struct loop_watch watch;
};

static bool is_same(const struct reserved_port *p, const union asock_addr *addr, bool v6only)
{
	if (p->addr.sa.sa_family != addr->sa.sa_family)
		return false;
	if (addr->sa.sa_family == AF_INET)
		return p->addr.in.sin_port == addr->in.sin_port &&
		       p->addr.in.sin_addr.s_addr == addr->in.sin_addr.s_addr;
	return p->v6only == v6only && p->addr.in6.sin6_port == addr->in6.sin6_port &&
	       p->addr.in6.sin6_scope_id == addr->in6.sin6_scope_id &&
	       memcmp(&p->addr.in6.sin6_addr, &addr->in6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

static struct reserved_port *find(const struct attach *a, const union asock_addr *addr, bool v6only)
{
	struct reserved_port *p = a->reserved;

	while (p && !is_same(p, addr, v6only))
		p = p->next;
	return p;
}

/* The descriptor.  Connections that have ended there do not keep the port: SO_REUSEADDR. */
static int listen_in_kernel(const union asock_addr *addr, socklen_t len, bool v6only,
			    bool reuseport)
{
	const int family = addr->sa.sa_family;
	cleanup_close int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1, only = v6only, shared = reuseport;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
		return -errno;
	/* For our own others at another address alone: the kernel asks for the same user. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) < 0)
		return -errno;
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		return -errno;
	if (bind(fd, &addr->sa, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void tell(struct reserved_port *p)
{
	struct reserve *r = p->users;

	r->pending(r->arg);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct reserved_port *p = w->arg;

	(void)events; /* an error is found by accept() */
	loop_watch_del(p->a->conf.loop, w);
	p->is_pending = true;
	tell(p);
}

/* Nothing waits: until something does. */
static int await(struct reserved_port *p)
{
	p->is_pending = false;
	p->watch = (struct loop_watch){
		.fd = p->fd,
		.events = POLLIN,
		.ready = on_ready,
		.arg = p,
	};
	return loop_watch_add(p->a->conf.loop, &p->watch);
}

static void port_free(struct reserved_port *p)
{
	struct reserved_port **at = &p->a->reserved;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->watch.priv)
		loop_watch_del(p->a->conf.loop, &p->watch);
	/* The loop may hold it until its next turn; the port is free at once. */
	(void)shutdown(p->fd, SHUT_RDWR); /* it listens */
	(void)close(p->fd);               /* a socket */
	free(p);
}

static int port_new(struct attach *a, struct reserved_port **ret, const union asock_addr *addr,
		    socklen_t len, bool v6only, bool reuseport)
{
	cleanup_free struct reserved_port *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->a = a;
	p->addr = *addr;
	p->v6only = v6only;
	p->fd = listen_in_kernel(addr, len, v6only, reuseport);
	if (p->fd < 0)
		return p->fd;
	r = await(p);
	if (r < 0) {
		(void)close(p->fd); /* a socket */
		return r;
	}
	p->next = a->reserved;
	a->reserved = p;
	*ret = TAKE_PTR(p);
	return 0;
}

/* The last of those that share it, whose turn comes last. */
static void port_join(struct reserved_port *p, struct reserve *r)
{
	struct reserve **at = &p->users;

	while (*at)
		at = &(*at)->next;
	r->next = NULL;
	*at = r;
}

static void port_leave(struct reserved_port *p, struct reserve *r)
{
	struct reserve **at = &p->users;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
}

int reserve_new(struct attach *a, struct reserve **ret, const union asock_addr *addr, socklen_t len,
		bool v6only, bool reuseport, void (*pending)(void *arg), void *arg)
{
	cleanup_free struct reserve *res = NULL;
	struct reserved_port *p;
	int r = 0;

	if (!a->conf.reserve) {
		*ret = NULL;
		return 0;
	}
	res = calloc(1, sizeof(*res));
	if (!res)
		return -ENOMEM;
	p = reuseport ? find(a, addr, v6only) : NULL;
	if (!p)
		r = port_new(a, &p, addr, len, v6only, reuseport);
	/* What the kernel does not have, nobody takes away from us there. */
	if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT) {
		*ret = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	res->port = p;
	res->pending = pending;
	res->arg = arg;
	port_join(p, res);
	*ret = TAKE_PTR(res);
	return 0;
}

void reserve_free(struct reserve *r)
{
	struct reserved_port *p;

	if (!r)
		return;
	p = r->port;
	port_leave(p, r);
	free(r);
	if (!p->users)
		port_free(p);
	else if (p->is_pending)
		tell(p);
}

bool reserve_is_pending(const struct reserve *r)
{
	return r && r->port->is_pending && r->port->users == r;
}

/* Whether another connection waits; if not, it is watched again. */
static void look_again(struct reserved_port *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) > 0)
		return;
	if (await(p) < 0)
		p->is_pending = true; /* no memory: the next accept() looks */
}

int reserve_accept(struct reserve *r)
{
	struct reserved_port *p;
	int fd;

	if (!reserve_is_pending(r))
		return -EAGAIN;
	p = r->port;
	fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		return -errno;
	look_again(p);
	if (fd < 0)
		return -EAGAIN;
	port_leave(p, r);
	port_join(p, r);
	if (p->is_pending && p->users != r)
		tell(p);
	return fd;
}
