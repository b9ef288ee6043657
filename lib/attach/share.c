/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who may share a port: sockets of one user, as in Linux (inet_csk_bind_conflict(), sk_uid).  The
 * stack knows no users.  Without this a program could take its part of the connections of another
 * user's server.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "attach/attach_priv.h"
#include "netstack/socket.h"

static bool is_shared(const struct asock *s)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return s->ns_fd >= 0 &&
	       ns_getsockopt(s->a->conf.stack, s->ns_fd, SOL_SOCKET, SO_REUSEPORT, &on, &len) ==
		       0 &&
	       on;
}

/* As one of IPv6, IPv4 mapped. */
static struct in6_addr addr_of(const union asock_addr *a)
{
	struct in6_addr ret = IN6ADDR_ANY_INIT;

	if (a->sa.sa_family == AF_INET6)
		return a->in6.sin6_addr;
	if (a->in.sin_addr.s_addr == htonl(INADDR_ANY))
		return ret;
	ret.s6_addr[10] = ret.s6_addr[11] = 0xff;
	memcpy(&ret.s6_addr[12], &a->in.sin_addr, 4);
	return ret;
}

static bool overlap(const union asock_addr *a, const union asock_addr *b)
{
	const struct in6_addr x = addr_of(a), y = addr_of(b);

	return asock_port(a) == asock_port(b) &&
	       (IN6_IS_ADDR_UNSPECIFIED(&x) || IN6_IS_ADDR_UNSPECIFIED(&y) ||
		IN6_ARE_ADDR_EQUAL(&x, &y));
}

static bool is_at(const struct asock *s, const union asock_addr *addr)
{
	union asock_addr name;
	socklen_t len = sizeof(name);

	return ns_getsockname(s->a->conf.stack, s->ns_fd, &name.sa, &len) == 0 &&
	       overlap(&name, addr);
}

int share_check(struct acall *c, const union asock_addr *addr)
{
	struct asock *s = c->s;
	int r;

	/* Of those that share nothing yet, too: SO_REUSEPORT may come behind bind(). */
	r = tracee_user(c->a->tracees, &c->call, &s->user_id);
	if (!is_shared(s))
		return 0;
	if (r < 0)
		return -EADDRINUSE; /* it is gone */
	for (uint32_t i = 0; asock_port(addr) && i < c->a->hash_size; i++)
		for (const struct asock *o = c->a->hash[i]; o; o = o->hash_next)
			if (o != s && o->type == s->type && o->user_id != s->user_id &&
			    is_shared(o) && is_at(o, addr) && asock_is_open((void *)(uintptr_t)o))
				return -EADDRINUSE;
	return 0;
}
