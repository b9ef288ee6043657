/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * struct sockaddr, in and out.  What Linux accepts differs from call to call; errors and their
 * order are those of af_inet.c, af_inet6.c, datagram.c and udp.c there.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "netstack/socket/socket_priv.h"

#define SIN6_LEN_LEAST 24 /* RFC 2133 had no sin6_scope_id */

static sa_family_t family_of(const struct sockaddr *sa)
{
	sa_family_t family;

	memcpy(&family, sa, sizeof(family));
	return family;
}

bool addr_is_unspec(const struct sockaddr *sa, socklen_t len)
{
	return sa && len >= sizeof(sa_family_t) && family_of(sa) == AF_UNSPEC;
}

static void read_in(const struct sockaddr *sa, struct sock_addr *ret)
{
	struct sockaddr_in sin;

	memcpy(&sin, sa, sizeof(sin));
	*ret = (struct sock_addr){
		.addr = ip6_addr_of_ip4(ntohl(sin.sin_addr.s_addr)),
		.port = ntohs(sin.sin_port),
	};
}

static void read_in6(const struct sockaddr *sa, socklen_t len, struct sock_addr *ret)
{
	struct sockaddr_in6 sin6 = { 0 };

	memcpy(&sin6, sa, len < sizeof(sin6) ? len : sizeof(sin6));
	*ret = (struct sock_addr){
		.addr = ip6_addr_get(sin6.sin6_addr.s6_addr),
		.port = ntohs(sin6.sin6_port),
	};
	if (addr_needs_scope(ret->addr))
		ret->scope = sin6.sin6_scope_id;
}

bool addr_needs_scope(struct ip6_addr a)
{
	if (ip6_addr_is_multicast(a))
		return ip6_addr_scope(a) == IP6_SCOPE_INTERFACE ||
		       ip6_addr_scope(a) == IP6_SCOPE_LINK;
	return ip6_addr_is_link_local(a);
}

/* Linux takes AF_UNSPEC for AF_INET where old programs gave it, and does not look when a raw
 * socket is bound.
 */
static bool is_inet(const struct sock *sk, enum addr_use use, sa_family_t family,
		    struct ip6_addr addr)
{
	if (family == AF_INET || (use == ADDR_BIND && sk->type->type == SOCK_RAW))
		return true;
	return family == AF_UNSPEC && (use != ADDR_BIND || sock_addr_is_any(addr));
}

static int read4(const struct sock *sk, enum addr_use use, const struct sockaddr *sa, socklen_t len,
		 struct sock_addr *ret)
{
	struct sock_addr a;

	if (len < sizeof(struct sockaddr_in))
		return -EINVAL;
	read_in(sa, &a);
	if (!is_inet(sk, use, family_of(sa), a.addr))
		return -EAFNOSUPPORT;
	if (use == ADDR_BIND && sock_addr_is_any(a.addr))
		a.addr = IP6_UNSPECIFIED;
	*ret = a;
	return 0;
}

struct ip6_addr addr_of_nobody(const struct sock *sk, struct ip6_addr addr)
{
	const bool is_ip4 = ip6_addr_is_mapped(sk->laddr);

	if (!sock_addr_is_any(addr))
		return addr;
	if (ip6_addr_is_unspecified(addr))
		return is_ip4 ? ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1)) : IP6_LOOPBACK;
	if (is_ip4 && !sock_addr_is_any(sk->laddr) &&
	    !ip4_addr_is_multicast((uint32_t)sk->laddr.lo))
		return sk->laddr;
	return ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1));
}

/* Errors in the order in which Linux finds them: no route comes before the wrong family. */
int addr_check_family(const struct socket_table *t, const struct sock *sk, struct ip6_addr addr)
{
	const bool is_ip4 = ip6_addr_is_mapped(addr);
	struct ip_flow f = { .dst = addr, .oif = sk->oif };
	struct ip_path path = { 0 };
	int r;

	if (!sk->is_ip6)
		return 0;
	if (is_ip4 && (sk->flags & SOCK_V6ONLY || sk->type->protocol == 0))
		return -ENETUNREACH; /* raw and ping sockets are of one family */
	if (sock_addr_is_any(sk->laddr) || ip6_addr_is_mapped(sk->laddr) == is_ip4)
		return 0;
	if (is_ip4)
		return -ENETUNREACH;
	r = ip_path_find(t->net, &f, &path);
	return r < 0 ? r : -EAFNOSUPPORT;
}

/* One mistake, or two: which is told of depends on the call and the socket. */
static int check_in6(const struct sock *sk, enum addr_use use, sa_family_t family, socklen_t len)
{
	const bool is_udp = sk->type->protocol == IPPROTO_UDP;

	if (sk->type->protocol == 0 && use == ADDR_CONNECT && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (len < SIN6_LEN_LEAST)
		return -EINVAL;
	if (family == AF_INET6 ||
	    (family == AF_UNSPEC && use == ADDR_SEND && sk->type->type == SOCK_RAW))
		return 0;
	if (use == ADDR_BIND ? sk->type->type == SOCK_RAW : use == ADDR_SEND && is_udp)
		return -EINVAL;
	return -EAFNOSUPPORT;
}

static int read6(const struct sock *sk, enum addr_use use, const struct sockaddr *sa, socklen_t len,
		 struct sock_addr *ret)
{
	/* Only UDP of an AF_INET6 socket knows AF_INET. */
	const bool takes_in = use != ADDR_BIND && sk->type->type == SOCK_DGRAM &&
			      sk->type->protocol == IPPROTO_UDP;
	struct sock_addr a;
	int r;

	if (takes_in && family_of(sa) == AF_INET) {
		if (sk->flags & SOCK_V6ONLY)
			return use == ADDR_CONNECT ? -EAFNOSUPPORT : -ENETUNREACH;
		r = read4(sk, use, sa, len, &a);
		if (r < 0)
			return r;
	} else {
		r = check_in6(sk, use, family_of(sa), len);
		if (r < 0)
			return r;
		read_in6(sa, len, &a);
	}
	if (use == ADDR_BIND) {
		if (ip6_addr_is_mapped(a.addr) && sk->flags & SOCK_V6ONLY)
			return -EINVAL;
		if (ip6_addr_is_mapped(a.addr) && sk->type->protocol == 0)
			return -EADDRNOTAVAIL;
	}
	*ret = a;
	return 0;
}

int addr_read(const struct sock *sk, enum addr_use use, const struct sockaddr *sa, socklen_t len,
	      struct sock_addr *ret)
{
	if (!sa || len > SOCKADDR_MAX || len < sizeof(sa_family_t))
		return -EINVAL;
	return sk->is_ip6 ? read6(sk, use, sa, len, ret) : read4(sk, use, sa, len, ret);
}

void addr_write(bool is_ip6, struct ip6_addr addr, uint16_t port, uint32_t scope,
		struct sockaddr *sa, socklen_t *len)
{
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t size;

	memset(&u, 0, sizeof(u));
	if (is_ip6) {
		size = sizeof(u.in6);
		u.in6.sin6_family = AF_INET6;
		u.in6.sin6_port = htons(port);
		ip6_addr_put(u.in6.sin6_addr.s6_addr, addr);
		if (addr_needs_scope(addr))
			u.in6.sin6_scope_id = scope;
	} else {
		size = sizeof(u.in);
		u.in.sin_family = AF_INET;
		u.in.sin_port = htons(port);
		u.in.sin_addr.s_addr = htonl((uint32_t)addr.lo);
	}
	if (sa)
		memcpy(sa, &u, *len < size ? *len : size);
	*len = size;
}
