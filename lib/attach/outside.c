/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * connect() to a program of the same namespace that is not ours: it listens in the kernel, at an
 * address that the instance has, too, and no packet of ours would reach it.
 *
 * A socket of the kernel connects in the program's place.  When nobody listens there either it
 * is thrown away, and the stack says what there is to say.  Else it takes the place of the
 * program's socket for good, and is none of ours any more.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* Its name, where it has bound itself to one. */
static bool bind_as(const struct asock *s, int fd)
{
	const union asock_addr none = { .ss = { 0 } };
	union asock_addr at = none;
	socklen_t len = sizeof(at);
	bool is_bound;

	if (ns_getsockname(s->a->conf.stack, s->ns_fd, &at.sa, &len) < 0)
		return false;
	if (s->domain == AF_INET6)
		is_bound = at.in6.sin6_port || !IN6_IS_ADDR_UNSPECIFIED(&at.in6.sin6_addr);
	else
		is_bound = at.in.sin_port || at.in.sin_addr.s_addr;
	return !is_bound || bind(fd, &at.sa, len) == 0;
}

/* Over the kernel's loopback it is connected or refused when connect() returns; or its listener has
 * a full queue.  Return: the socket
 */
static int try_kernel(struct asock *s, const union asock_addr *to, socklen_t len)
{
	cleanup_close int fd = socket(s->domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd look = { .fd = fd };

	if (fd < 0)
		return -errno;
	inherit_to_kernel(s, fd);
	if (!bind_as(s, fd))
		return -EADDRNOTAVAIL;
	if (connect(fd, &to->sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (poll(&look, 1, 0) > 0 && look.revents & (POLLERR | POLLHUP))
		return -ECONNREFUSED;
	return TAKE_FD(fd);
}

bool outside_connect(struct acall *c, const union asock_addr *to, socklen_t len)
{
	struct asock *s = c->s;
	int fd, r;

	if (!c->a->conf.reserve)
		return false;
	fd = try_kernel(s, to, len);
	if (fd < 0)
		return false;
	r = tracee_replace(c->a->tracees, &c->call, (int)c->call.arg[0], fd);
	tracee_putfd(c->a->tracees, fd); /* it may linger */
	if (r < 0)
		return false;
	c->s = NULL;
	asock_free(s, false);
	/* The kernel waits if there is something to wait for: of the address it needs no more than
	 * that there is one.
	 */
	if (c->nonblock)
		(void)acall_return(c, -EINPROGRESS);
	else
		acall_continue(c);
	return true;
}
