/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options about multicast: where datagrams to groups go, and which groups a socket is in.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "netstack/socket/sockopt_priv.h"
#include "netstack/transport/dgram.h"

static struct ip6_addr addr_of(struct in_addr a)
{
	return ip6_addr_of_ip4(ntohl(a.s_addr));
}

static bool is_group(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) ? ip4_addr_is_multicast((uint32_t)a.lo)
				     : ip6_addr_is_multicast(a);
}

/* Streams are not in groups. */
static int check_dgram(const struct opt_call *c)
{
	return c->sk->type->type == SOCK_STREAM ? -EPROTO : 0;
}

/* --- sending --- */

int opt_set_mcast_ttl(struct opt_call *c)
{
	return c->len ? opt_byte(c, 0, 255, 1, &dgram_of(c->sk)->mcast_ttl) : -EINVAL;
}

int opt_get_mcast_ttl(struct opt_call *c)
{
	c->v = c->sk->type->type == SOCK_STREAM ? 1 : dgram_of(c->sk)->mcast_ttl;
	return 0;
}

int opt_set_mcast_hops(struct opt_call *c)
{
	return opt_byte(c, 0, 255, 1, &dgram_of(c->sk)->mcast_hops);
}

int opt_get_mcast_hops(struct opt_call *c)
{
	c->v = c->sk->type->type == SOCK_STREAM ? 1 : dgram_of(c->sk)->mcast_hops;
	return 0;
}

/* One of three structures, told by its length. */
static int read_mreqn(const struct opt_call *c, struct ip_mreqn *ret)
{
	struct ip_mreq mreq;

	*ret = (struct ip_mreqn){ 0 };
	if (c->len >= sizeof(*ret))
		return opt_copy(c, ret, sizeof(*ret));
	if (c->len >= sizeof(mreq)) {
		memcpy(&mreq, c->val, sizeof(mreq));
		ret->imr_multiaddr = mreq.imr_multiaddr;
		ret->imr_address = mreq.imr_interface;
		return 0;
	}
	return opt_copy(c, &ret->imr_address, sizeof(ret->imr_address));
}

int opt_set_mcast_if(struct opt_call *c)
{
	struct dgram *d = dgram_of(c->sk);
	struct ip_mreqn m;
	uint32_t ifindex;
	int r = read_mreqn(c, &m);

	if (r < 0)
		return r;
	if (m.imr_ifindex <= 0 && !m.imr_address.s_addr) {
		d->mcast_if = 0;
		d->mcast_src = IP6_UNSPECIFIED;
		return 0;
	}
	ifindex = m.imr_ifindex > 0 ? (uint32_t)m.imr_ifindex
				    : ip_addr_iface(c->t->net, addr_of(m.imr_address));
	if (!ifindex || !iface_get(net_ifaces(c->t->net), ifindex))
		return -EADDRNOTAVAIL;
	if (c->sk->oif && ifindex != c->sk->oif)
		return -EINVAL;
	d->mcast_if = (uint16_t)ifindex;
	d->mcast_src = m.imr_address.s_addr ? addr_of(m.imr_address) : IP6_UNSPECIFIED;
	return 0;
}

int opt_get_mcast_if(struct opt_call *c)
{
	struct in_addr a = { 0 };

	if (c->sk->type->type != SOCK_STREAM)
		a.s_addr = htonl((uint32_t)dgram_of(c->sk)->mcast_src.lo);
	return opt_return(c, &a, sizeof(a));
}

int opt_set_mcast_if6(struct opt_call *c)
{
	if (c->v && (c->v < 0 || !iface_get(net_ifaces(c->t->net), (uint32_t)c->v)))
		return -ENODEV;
	if (c->v && c->sk->oif && c->sk->oif != c->v)
		return -EINVAL;
	dgram_of(c->sk)->mcast_if6 = (uint16_t)c->v;
	return 0;
}

int opt_get_mcast_if6(struct opt_call *c)
{
	c->v = c->sk->type->type == SOCK_STREAM ? 0 : dgram_of(c->sk)->mcast_if6;
	return 0;
}

/* --- memberships --- */

static int join(struct opt_call *c, uint32_t ifindex, struct ip6_addr group)
{
	if (!is_group(group))
		return -EINVAL;
	if (ifindex && !iface_get(net_ifaces(c->t->net), ifindex))
		return -ENODEV;
	return dgram_group_join(dgram_of(c->sk), ifindex, group);
}

/* The interface by its address, 0 for "a route decides". */
static int iface_by_addr(const struct opt_call *c, struct in_addr a, uint32_t *ret)
{
	*ret = a.s_addr ? ip_addr_iface(c->t->net, addr_of(a)) : 0;
	return a.s_addr && !*ret ? -ENODEV : 0;
}

int opt_membership(struct opt_call *c)
{
	struct ip_mreqn m;
	uint32_t ifindex;
	int r = check_dgram(c);

	if (r < 0)
		return r;
	if (c->len < sizeof(struct ip_mreq))
		return -EINVAL;
	(void)read_mreqn(c, &m); /* it is long enough */
	if (c->name == IP_ADD_MEMBERSHIP && !is_group(addr_of(m.imr_multiaddr)))
		return -EINVAL;
	ifindex = (uint32_t)m.imr_ifindex;
	if (m.imr_ifindex <= 0) {
		r = iface_by_addr(c, m.imr_address, &ifindex);
		if (r < 0)
			return c->name == IP_ADD_MEMBERSHIP ? r : -EADDRNOTAVAIL;
	}
	if (c->name == IP_ADD_MEMBERSHIP)
		return join(c, ifindex, addr_of(m.imr_multiaddr));
	return dgram_group_leave(dgram_of(c->sk), ifindex, addr_of(m.imr_multiaddr));
}

int opt_membership6(struct opt_call *c)
{
	struct ipv6_mreq m;
	struct ip6_addr group;
	int r = check_dgram(c);

	if (r == 0)
		r = opt_copy(c, &m, sizeof(m));
	if (r < 0)
		return r;
	group = ip6_addr_get(m.ipv6mr_multiaddr.s6_addr);
	if (c->name == IPV6_LEAVE_GROUP)
		return dgram_group_leave(dgram_of(c->sk), m.ipv6mr_interface, group);
	if (ip6_addr_is_mapped(group))
		return -EINVAL;
	return join(c, m.ipv6mr_interface, group);
}

static enum dgram_source_op source_op_of(int name)
{
	switch (name) {
	case IP_ADD_SOURCE_MEMBERSHIP:
	case MCAST_JOIN_SOURCE_GROUP:
		return DGRAM_SOURCE_JOIN;
	case IP_DROP_SOURCE_MEMBERSHIP:
	case MCAST_LEAVE_SOURCE_GROUP:
		return DGRAM_SOURCE_LEAVE;
	case IP_BLOCK_SOURCE:
	case MCAST_BLOCK_SOURCE:
		return DGRAM_SOURCE_BLOCK;
	default:
		return DGRAM_SOURCE_UNBLOCK;
	}
}

static int source(struct opt_call *c, uint32_t ifindex, struct ip6_addr group, struct ip6_addr src)
{
	if (!is_group(group))
		return -EINVAL;
	return dgram_group_source(dgram_of(c->sk), source_op_of(c->name), ifindex, group, src);
}

int opt_source_membership(struct opt_call *c)
{
	struct ip_mreq_source m;
	uint32_t ifindex = 0;
	int r = check_dgram(c);

	if (r == 0)
		r = opt_copy(c, &m, sizeof(m));
	if (r == 0 && !is_group(addr_of(m.imr_multiaddr)))
		r = -EINVAL;
	if (r == 0)
		r = iface_by_addr(c, m.imr_interface, &ifindex);
	if (r < 0)
		return r;
	return source(c, ifindex, addr_of(m.imr_multiaddr), addr_of(m.imr_sourceaddr));
}

/* An address of the family of the call: MCAST_* options are at both levels. */
static int read_storage(const struct opt_call *c, const struct sockaddr_storage *ss,
			struct ip6_addr *ret)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;

	if (ss->ss_family == AF_INET) {
		memcpy(&sin, ss, sizeof(sin));
		*ret = addr_of(sin.sin_addr);
		return 0;
	}
	if (ss->ss_family != AF_INET6 || !c->sk->is_ip6)
		return -EINVAL;
	memcpy(&sin6, ss, sizeof(sin6));
	*ret = ip6_addr_get(sin6.sin6_addr.s6_addr);
	return 0;
}

int opt_group_req(struct opt_call *c)
{
	struct ip6_addr group;
	struct group_req req;
	int r = check_dgram(c);

	if (r == 0)
		r = opt_copy(c, &req, sizeof(req));
	if (r == 0)
		r = read_storage(c, &req.gr_group, &group);
	if (r < 0)
		return r;
	if (c->name == MCAST_JOIN_GROUP)
		return join(c, req.gr_interface, group);
	return dgram_group_leave(dgram_of(c->sk), req.gr_interface, group);
}

int opt_group_source_req(struct opt_call *c)
{
	struct group_source_req req;
	struct ip6_addr group, src;
	int r = check_dgram(c);

	if (r == 0)
		r = opt_copy(c, &req, sizeof(req));
	if (r == 0)
		r = read_storage(c, &req.gsr_group, &group);
	if (r == 0)
		r = read_storage(c, &req.gsr_source, &src);
	if (r < 0)
		return r;
	return source(c, req.gsr_interface, group, src);
}
