/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IPPROTO_IP and IPPROTO_IPV6, as Linux's ip_sockglue.c and ipv6_sockglue.c have them.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/in6.h> /* IPV6_MULTICAST_ALL */

#include "base/cleanup.h"
#include "netstack/socket/sockopt_priv.h"
#include "netstack/transport/dgram.h"
#include "wire/ipv6.h"

#define ECN_BITS 3

/* Of a connected socket: how much fits. */
static int get_mtu_to(struct opt_call *c)
{
	struct ip_path path = { 0 };
	struct ip_flow f;
	int r;

	if (sock_addr_is_any(c->sk->raddr))
		return -ENOTCONN;
	sock_flow(c->sk, &f, c->sk->raddr);
	r = ip_path_find(c->t->net, &f, &path);
	if (r < 0)
		return -ENOTCONN;
	c->v = (int)path.mtu;
	return 0;
}

/* --- IPv4 --- */

/* TCP needs the lower two bits for itself (RFC 3168). */
static uint8_t tos_of(const struct opt_call *c, int v, uint8_t old)
{
	if (c->sk->type->type != SOCK_STREAM)
		return (uint8_t)v;
	return (uint8_t)((v & ~ECN_BITS) | (old & ECN_BITS));
}

/* The old meaning of four of the bits (RFC 1349), which is the priority of a socket still:
 * ip_tos2prio of Linux.
 */
static uint8_t priority_of_tos(uint8_t tos)
{
	static const uint8_t prio[4] = { 0, 2, 6, 4 };

	return prio[tos >> 3 & 3];
}

static int set_tos(struct opt_call *c)
{
	const uint8_t tos = tos_of(c, c->v, c->sk->tos);

	if (c->sk->tos != tos)
		c->sk->priority = priority_of_tos(tos);
	c->sk->tos = tos;
	return 0;
}

static int get_tos(struct opt_call *c)
{
	c->v = c->sk->tos;
	return 0;
}

static int set_ttl(struct opt_call *c)
{
	return opt_byte(c, 1, 255, 0, &c->sk->ttl);
}

static int get_ttl(struct opt_call *c)
{
	c->v = c->sk->ttl ? c->sk->ttl : net_params(c->t->net)->ttl;
	return 0;
}

static int set_min_ttl(struct opt_call *c)
{
	if (c->v < 0 || c->v > 255)
		return -EINVAL;
	c->sk->min_ttl = (uint8_t)c->v;
	return 0;
}

static int get_min_ttl(struct opt_call *c)
{
	c->v = c->sk->min_ttl;
	return 0;
}

static int set_pmtudisc(struct opt_call *c)
{
	if (c->v < IP_PMTUDISC_DONT || c->v > IP_PMTUDISC_OMIT)
		return -EINVAL;
	c->sk->pmtudisc = (uint8_t)c->v;
	return 0;
}

static int get_pmtudisc(struct opt_call *c)
{
	c->v = c->sk->pmtudisc;
	return 0;
}

static int set_recverr(struct opt_call *c)
{
	if (!c->v && c->sk->type->type != SOCK_STREAM)
		dgram_errors_drop((struct dgram *)(void *)c->sk);
	return 0;
}

/* The interface is in network byte order here, in an IPv6 call, too. */
static int read_unicast_if(const struct opt_call *c, uint16_t *ret)
{
	const uint32_t ifindex = ntohl((uint32_t)c->v);

	if (ifindex && !iface_get(net_ifaces(c->t->net), ifindex))
		return -EADDRNOTAVAIL;
	if (c->sk->oif && ifindex && ifindex != c->sk->oif)
		return -EINVAL;
	*ret = (uint16_t)ifindex;
	return 0;
}

static int set_unicast_if(struct opt_call *c)
{
	return read_unicast_if(c, &dgram_of(c->sk)->unicast_if);
}

static int get_unicast_if(struct opt_call *c)
{
	if (c->sk->type->type != SOCK_STREAM)
		c->v = (int)htonl(dgram_of(c->sk)->unicast_if);
	return 0;
}

/* clang-format off */
static const struct opt ip_opts[] = {
	{ IP_TOS,                    OPT_FN, 0, 0, set_tos, get_tos },
	{ IP_TTL,                    OPT_FN, 0, 0, set_ttl, get_ttl },
	{ IP_MINTTL,                 OPT_FN, 0, OPT_NOT_EMPTY, set_min_ttl, get_min_ttl },
	{ IP_HDRINCL,                OPT_FLAG, SOCK_HDRINCL, OPT_RAW, NULL, NULL },
	{ IP_RECVERR,                OPT_FLAG, SOCK_RECVERR, 0, set_recverr, NULL },
	{ IP_PKTINFO,                OPT_FLAG, SOCK_PKTINFO, 0, NULL, NULL },
	{ IP_RECVTTL,                OPT_FLAG, SOCK_RECVTTL, 0, NULL, NULL },
	{ IP_RECVTOS,                OPT_FLAG, SOCK_RECVTOS, 0, NULL, NULL },
	{ IP_RECVORIGDSTADDR,        OPT_OPT, SOCKOPT_ORIGDSTADDR, 0, NULL, NULL },
	{ IP_RECVOPTS,               OPT_OPT, SOCKOPT_RECVOPTS, 0, NULL, NULL },
	{ IP_RETOPTS,                OPT_OPT, SOCKOPT_RETOPTS, 0, NULL, NULL },
	{ IP_FREEBIND,               OPT_FLAG, SOCK_FREEBIND, OPT_NOT_EMPTY, NULL, NULL },
	{ IP_TRANSPARENT,            OPT_FLAG, SOCK_TRANSPARENT, OPT_NOT_EMPTY, NULL, NULL },
	{ IP_BIND_ADDRESS_NO_PORT,   OPT_FLAG, SOCK_BIND_NO_PORT, 0, NULL, NULL },
	{ IP_MTU_DISCOVER,           OPT_FN, 0, 0, set_pmtudisc, get_pmtudisc },
	{ IP_MTU,                    OPT_FN, 0, 0, NULL, get_mtu_to },
	{ IP_UNICAST_IF,             OPT_FN, 0, OPT_NOT_STREAM, set_unicast_if, get_unicast_if },
	{ IP_MULTICAST_TTL,          OPT_FN, 0, OPT_NOT_STREAM, opt_set_mcast_ttl,
	  opt_get_mcast_ttl },
	{ IP_MULTICAST_LOOP,         OPT_FLAG_OFF, SOCK_MCAST_NO_LOOP, OPT_NOT_EMPTY, NULL, NULL },
	{ IP_MULTICAST_ALL,          OPT_FLAG_OFF, SOCK_MCAST_ONLY_OWN, OPT_ONE | OPT_NOT_EMPTY,
	  NULL, NULL },
	{ IP_MULTICAST_IF,           OPT_FN, 0, OPT_ANY_LEN | OPT_NOT_STREAM, opt_set_mcast_if,
	  opt_get_mcast_if },
	{ IP_ADD_MEMBERSHIP,         OPT_FN, 0, OPT_ANY_LEN, opt_membership, NULL },
	{ IP_DROP_MEMBERSHIP,        OPT_FN, 0, OPT_ANY_LEN, opt_membership, NULL },
	{ IP_ADD_SOURCE_MEMBERSHIP,  OPT_FN, 0, OPT_ANY_LEN, opt_source_membership, NULL },
	{ IP_DROP_SOURCE_MEMBERSHIP, OPT_FN, 0, OPT_ANY_LEN, opt_source_membership, NULL },
	{ IP_BLOCK_SOURCE,           OPT_FN, 0, OPT_ANY_LEN, opt_source_membership, NULL },
	{ IP_UNBLOCK_SOURCE,         OPT_FN, 0, OPT_ANY_LEN, opt_source_membership, NULL },
	{ MCAST_JOIN_GROUP,          OPT_FN, 0, OPT_ANY_LEN, opt_group_req, NULL },
	{ MCAST_LEAVE_GROUP,         OPT_FN, 0, OPT_ANY_LEN, opt_group_req, NULL },
	{ MCAST_JOIN_SOURCE_GROUP,   OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_LEAVE_SOURCE_GROUP,  OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_BLOCK_SOURCE,        OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_UNBLOCK_SOURCE,      OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
};
/* clang-format on */

const struct opt_level opt_level_ip = {
	.level = IPPROTO_IP,
	.least = 0,
	.stream = -EINVAL,
	.opts = ip_opts,
	.n = ARRAY_SIZE(ip_opts),
};

/* --- IPv6 --- */

static int set_v6only(struct opt_call *c)
{
	if (c->sk->lport)
		return -EINVAL; /* who conflicts with whom was decided by bind() */
	c->sk->flags &= ~(uint32_t)SOCK_V6ONLY;
	c->sk->flags |= c->v ? SOCK_V6ONLY : 0;
	return 0;
}

static int get_v6only(struct opt_call *c)
{
	c->v = (c->sk->flags & SOCK_V6ONLY) != 0;
	return 0;
}

static int set_hops(struct opt_call *c)
{
	return opt_byte(c, 0, 255, 0, &c->sk->hop_limit);
}

static int get_hops(struct opt_call *c)
{
	c->v = c->sk->hop_limit ? c->sk->hop_limit : net_params(c->t->net)->ttl;
	return 0;
}

static int set_min_hops(struct opt_call *c)
{
	if (c->v < 0 || c->v > 255)
		return -EINVAL;
	c->sk->min_hops = (uint8_t)c->v;
	return 0;
}

static int get_min_hops(struct opt_call *c)
{
	c->v = c->sk->min_hops;
	return 0;
}

static int set_tclass(struct opt_call *c)
{
	if (c->v < -1 || c->v > 255)
		return -EINVAL;
	c->sk->tclass = tos_of(c, c->v == -1 ? 0 : c->v, c->sk->tclass);
	return 0;
}

static int get_tclass(struct opt_call *c)
{
	c->v = c->sk->tclass;
	return 0;
}

static int set_pmtudisc6(struct opt_call *c)
{
	if (c->v < IPV6_PMTUDISC_DONT || c->v > IPV6_PMTUDISC_OMIT)
		return -EINVAL;
	c->sk->pmtudisc6 = (uint8_t)c->v;
	return 0;
}

static int get_pmtudisc6(struct opt_call *c)
{
	c->v = c->sk->pmtudisc6;
	return 0;
}

/* A stream has its own idea of what fits. */
static int set_mtu6(struct opt_call *c)
{
	if (c->v && c->v < IPV6_MTU_LEAST)
		return -EINVAL;
	if (c->sk->type->type != SOCK_STREAM)
		dgram_of(c->sk)->frag_size6 = c->v < UINT16_MAX ? (uint16_t)c->v : UINT16_MAX;
	return 0;
}

static int set_hdrincl6(struct opt_call *c)
{
	c->sk->opts &= ~(uint32_t)SOCKOPT6_HDRINCL;
	c->sk->opts |= c->v ? SOCKOPT6_HDRINCL : 0;
	return 0;
}

static int get_hdrincl6(struct opt_call *c)
{
	c->v = (c->sk->opts & SOCKOPT6_HDRINCL) != 0;
	return c->sk->type->type == SOCK_RAW ? 0 : -ENOPROTOOPT;
}

static int set_unicast_if6(struct opt_call *c)
{
	return read_unicast_if(c, &dgram_of(c->sk)->unicast_if6);
}

static int get_unicast_if6(struct opt_call *c)
{
	if (c->sk->type->type != SOCK_STREAM)
		c->v = (int)htonl(dgram_of(c->sk)->unicast_if6);
	return 0;
}

/* clang-format off */
static const struct opt ip6_opts[] = {
	{ IPV6_V6ONLY,              OPT_FN, 0, 0, set_v6only, get_v6only },
	{ IPV6_UNICAST_HOPS,        OPT_FN, 0, 0, set_hops, get_hops },
	{ IPV6_MINHOPCOUNT,         OPT_FN, 0, 0, set_min_hops, get_min_hops },
	{ IPV6_TCLASS,              OPT_FN, 0, 0, set_tclass, get_tclass },
	{ IPV6_MTU_DISCOVER,        OPT_FN, 0, 0, set_pmtudisc6, get_pmtudisc6 },
	{ IPV6_MTU,                 OPT_FN, 0, 0, set_mtu6, get_mtu_to },
	{ IPV6_DONTFRAG,            OPT_OPT, SOCKOPT6_DONTFRAG, OPT_MAY_BE_SHORT, NULL, NULL },
	{ IPV6_HDRINCL,             OPT_FN, 0, OPT_RAW, set_hdrincl6, get_hdrincl6 },
	{ IPV6_RECVERR,             OPT_OPT, SOCKOPT6_RECVERR, 0, set_recverr, NULL },
	{ IPV6_RECVPKTINFO,         OPT_OPT, SOCKOPT6_PKTINFO, 0, NULL, NULL },
	{ IPV6_RECVHOPLIMIT,        OPT_OPT, SOCKOPT6_HOPLIMIT, 0, NULL, NULL },
	{ IPV6_RECVTCLASS,          OPT_OPT, SOCKOPT6_TCLASS, 0, NULL, NULL },
	{ IPV6_RECVORIGDSTADDR,     OPT_OPT, SOCKOPT6_ORIGDSTADDR, 0, NULL, NULL },
	{ IPV6_FREEBIND,            OPT_FLAG, SOCK_FREEBIND, OPT_NOT_EMPTY, NULL, NULL },
	{ IPV6_TRANSPARENT,         OPT_FLAG, SOCK_TRANSPARENT, OPT_NOT_EMPTY, NULL, NULL },
	{ IPV6_UNICAST_IF,          OPT_FN, 0, OPT_NOT_STREAM, set_unicast_if6, get_unicast_if6 },
	{ IPV6_MULTICAST_HOPS,      OPT_FN, 0, OPT_NOT_STREAM, opt_set_mcast_hops,
	  opt_get_mcast_hops },
	{ IPV6_MULTICAST_LOOP,      OPT_OPT_OFF, SOCKOPT6_MCAST_NO_LOOP, OPT_ONE, NULL, NULL },
	{ IPV6_MULTICAST_ALL,       OPT_OPT_OFF, SOCKOPT6_MCAST_ONLY_OWN, 0, NULL, NULL },
	{ IPV6_MULTICAST_IF,        OPT_FN, 0, OPT_NOT_STREAM, opt_set_mcast_if6,
	  opt_get_mcast_if6 },
	{ IPV6_JOIN_GROUP,          OPT_FN, 0, OPT_ANY_LEN, opt_membership6, NULL },
	{ IPV6_LEAVE_GROUP,         OPT_FN, 0, OPT_ANY_LEN, opt_membership6, NULL },
	{ MCAST_JOIN_GROUP,         OPT_FN, 0, OPT_ANY_LEN, opt_group_req, NULL },
	{ MCAST_LEAVE_GROUP,        OPT_FN, 0, OPT_ANY_LEN, opt_group_req, NULL },
	{ MCAST_JOIN_SOURCE_GROUP,  OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_LEAVE_SOURCE_GROUP, OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_BLOCK_SOURCE,       OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
	{ MCAST_UNBLOCK_SOURCE,     OPT_FN, 0, OPT_ANY_LEN, opt_group_source_req, NULL },
};
/* clang-format on */

const struct opt_level opt_level_ip6 = {
	.level = IPPROTO_IPV6,
	.least = sizeof(int),
	.stream = -ENOPROTOOPT,
	.opts = ip6_opts,
	.n = ARRAY_SIZE(ip6_opts),
};
