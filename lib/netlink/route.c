/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/dump_priv.h"
#include "netlink/nlsock.h"

const char *route_to_str(const struct route *rt, char buf[static ROUTE_STR_LEN])
{
	char dst[IPNET_STR_LEN];
	char gw[IPADDR_STR_LEN];
	char src[IPADDR_STR_LEN];
	char dev[16] = "";
	char metric[24] = "";
	char table[24] = "";

	if (rt->oif)
		(void)snprintf(dev, sizeof(dev), " dev %d", rt->oif);
	if (rt->priority)
		(void)snprintf(metric, sizeof(metric), " metric %u", rt->priority);
	if (rt->table && rt->table != RT_TABLE_MAIN)
		(void)snprintf(table, sizeof(table), " table %u", rt->table);
	/* The longest of all these fits ROUTE_STR_LEN. */
	(void)snprintf(buf, ROUTE_STR_LEN, "%s%s%s%s%s%s%s%s",
		       ipnet_is_default(&rt->dst) ? "default" : ipnet_to_str(&rt->dst, dst),
		       ipaddr_is_set(&rt->gw) ? " via " : "", ipaddr_to_str(&rt->gw, gw), dev,
		       ipaddr_is_set(&rt->src) ? " src " : "", ipaddr_to_str(&rt->src, src), metric,
		       table);
	return buf;
}

/* --- asking --- */

/* RTA_VIA: a next hop of another family than the destination's. */
static void parse_via(const struct nlattr *a, struct ipaddr *ret)
{
	const struct rtvia *via = mnl_attr_get_payload(a);
	struct ipaddr addr = { 0 };

	if (mnl_attr_get_payload_len(a) < sizeof(*via))
		return;
	if (via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6)
		return;
	addr.family = (uint8_t)via->rtvia_family;
	if (mnl_attr_get_payload_len(a) != sizeof(*via) + ipaddr_len(&addr))
		return;
	memcpy(addr.bytes, via->rtvia_addr, ipaddr_len(&addr));
	*ret = addr;
}

static void parse_metrics(const struct nlattr *nest, struct route *rt)
{
	const struct nlattr *a;

	attr_foreach_nested(a, nest) {
		switch (mnl_attr_get_type(a)) {
		case RTAX_MTU:
			attr_get_u32(a, &rt->mtu);
			break;
		case RTAX_ADVMSS:
			attr_get_u32(a, &rt->advmss);
			break;
		default:
			break;
		}
	}
}

/* Attributes of a route, or of one next hop of it. */
static void parse_attr(const struct nlattr *a, uint8_t family, struct route *rt)
{
	switch (mnl_attr_get_type(a)) {
	case RTA_DST:
		attr_get_ipaddr(a, family, &rt->dst.addr);
		break;
	case RTA_GATEWAY:
		attr_get_ipaddr(a, family, &rt->gw);
		break;
	case RTA_VIA:
		parse_via(a, &rt->gw);
		break;
	case RTA_PREFSRC:
		attr_get_ipaddr(a, family, &rt->src);
		break;
	case RTA_OIF:
		attr_get_ifindex(a, &rt->oif);
		break;
	case RTA_TABLE:
		attr_get_u32(a, &rt->table);
		break;
	case RTA_PRIORITY:
		attr_get_u32(a, &rt->priority);
		break;
	case RTA_METRICS:
		parse_metrics(a, rt);
		break;
	default:
		break;
	}
}

/* One route of @rt for each next hop of a multipath route. */
static int add_hops(struct dump *d, const struct route *rt, const struct nlattr *nest)
{
	const uint8_t *p = mnl_attr_get_payload(nest);
	size_t left = mnl_attr_get_payload_len(nest);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *nh = (const struct rtnexthop *)p;
		const struct nlattr *a;
		struct route hop = *rt;
		size_t step = RTNH_ALIGN((size_t)nh->rtnh_len);
		int r;

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left)
			return -EBADMSG;
		hop.oif = nh->rtnh_ifindex;
		attr_foreach_in(a, p + sizeof(*nh), nh->rtnh_len - sizeof(*nh))
			parse_attr(a, rt->dst.addr.family, &hop);
		r = dump_add(d, &hop);
		if (r < 0)
			return r;
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	return 0;
}

/* RTM_NEWROUTE to a value; @ret_hops is its RTA_MULTIPATH or NULL. 0 or -EBADMSG. */
static int route_parse(const struct nlmsghdr *nlh, struct route *ret,
		       const struct nlattr **ret_hops)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *hops = NULL;
	const struct nlattr *a;
	struct route rt;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return -EBADMSG;
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -EBADMSG;
	rt = (struct route){
		.dst.addr.family = rtm->rtm_family, /* a default route has no RTA_DST */
		.dst.prefix_len = rtm->rtm_dst_len,
		.table = rtm->rtm_table,
		.scope = rtm->rtm_scope,
		.protocol = rtm->rtm_protocol,
	};
	if (rtm->rtm_dst_len > ipaddr_bits(&rt.dst.addr))
		return -EBADMSG;
	attr_foreach(a, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(a) == RTA_MULTIPATH)
			hops = a;
		else
			parse_attr(a, rtm->rtm_family, &rt);
	}
	*ret = rt;
	*ret_hops = hops;
	return 0;
}

/* Kernels without strict checking ignore the filter of the request. */
static int dump_one(const struct nlmsghdr *nlh, struct dump *d, const void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const uint32_t *table = arg;
	const struct nlattr *hops;
	struct route rt;

	if (nlh->nlmsg_type != RTM_NEWROUTE || route_parse(nlh, &rt, &hops) < 0)
		return 0;
	if (rtm->rtm_type != RTN_UNICAST || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	if (*table && rt.table != *table)
		return 0;
	return hops ? add_hops(d, &rt, hops) : dump_add(d, &rt);
}

static int gather(struct nlsock *nl, uint8_t family, uint32_t table, struct dump *d,
		  struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;
	int r;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_DUMP;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_type = RTN_UNICAST;
	if (table)
		mnl_attr_put_u32(nlh, RTA_TABLE, table);
	d->item_size = sizeof(struct route);
	d->parse = dump_one;
	d->arg = &table;
	r = dump_gather(nl, nlh, d, err);
	d->arg = NULL;
	/* A table nobody has put anything into does not exist. */
	return r == -ENOENT && table ? 0 : r;
}

int route_dump(struct nlsock *nl, uint8_t family, uint32_t table,
	       int (*cb)(const struct route *rt, void *arg), void *arg, struct nerr *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		CLEANUP(dump_done) struct dump d = { 0 };
		const struct route *rt;
		int r;

		if (family != AF_UNSPEC && family != families[f])
			continue;
		r = gather(nl, families[f], table, &d, err);
		if (r < 0) {
			(void)nerr_ctx(err, "cannot list %s routes",
				       families[f] == AF_INET ? "IPv4" : "IPv6");
			return r;
		}
		rt = d.v;
		for (size_t i = 0; i < d.n; i++) {
			r = cb(&rt[i], arg);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int lookup_one(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *hops;
	struct route rt;
	int *oif = arg;

	if (nlh->nlmsg_type != RTM_NEWROUTE || route_parse(nlh, &rt, &hops) < 0)
		return 0;
	/* The kernel answers with an error as a rule, but old ones, for IPv6, with this route. */
	if (rtm->rtm_type == RTN_UNREACHABLE || rtm->rtm_type == RTN_BLACKHOLE ||
	    rtm->rtm_type == RTN_PROHIBIT || rtm->rtm_type == RTN_THROW)
		return -ENETUNREACH;
	*oif = rt.oif;
	return 0;
}

int route_lookup_oif(struct nlsock *nl, const struct ipaddr *dst, int *ret, struct nerr *err)
{
	uint8_t buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	char text[IPADDR_STR_LEN];
	struct rtmsg *rtm;
	int oif = 0;
	int r;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = dst->family;
	rtm->rtm_dst_len = ipaddr_bits(dst);
	attr_put_ipaddr(nlh, RTA_DST, dst);
	r = nlsock_talk(nl, nlh, lookup_one, &oif, err);
	if (r < 0) {
		(void)nerr_ctx(err, "cannot look up the route to %s", ipaddr_to_str(dst, text));
		return r;
	}
	if (!oif)
		return nerr_set(err, -ENETUNREACH, "the route to %s has no interface",
				ipaddr_to_str(dst, text));
	*ret = oif;
	return 0;
}

/* --- changes --- */

static void put_gateway(struct nlmsghdr *nlh, const struct route *rt)
{
	struct {
		__kernel_sa_family_t family;
		uint8_t addr[16];
	} via = { .family = rt->gw.family };

	if (rt->gw.family == rt->dst.addr.family) {
		attr_put_ipaddr(nlh, RTA_GATEWAY, &rt->gw);
		return;
	}
	memcpy(via.addr, rt->gw.bytes, sizeof(via.addr));
	mnl_attr_put(nlh, RTA_VIA, sizeof(via.family) + ipaddr_len(&rt->gw), &via);
}

/* What adding and deleting have in common. */
static struct rtmsg *put_route(struct nlmsghdr *nlh, const struct route *rt)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	uint32_t table = rt->table ? rt->table : RT_TABLE_MAIN;

	rtm->rtm_family = rt->dst.addr.family;
	rtm->rtm_dst_len = rt->dst.prefix_len;
	rtm->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	if (rtm->rtm_table == RT_TABLE_UNSPEC)
		mnl_attr_put_u32(nlh, RTA_TABLE, table);
	if (rt->dst.prefix_len)
		attr_put_ipaddr(nlh, RTA_DST, &rt->dst.addr);
	if (ipaddr_is_set(&rt->gw))
		put_gateway(nlh, rt);
	if (ipaddr_is_set(&rt->src))
		attr_put_ipaddr(nlh, RTA_PREFSRC, &rt->src);
	if (rt->oif)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)rt->oif);
	if (rt->priority)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, rt->priority);
	return rtm;
}

void route_put(struct nlsock *nl, const struct route *rt, uint16_t flags, int ignore)
{
	char text[ROUTE_STR_LEN];
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_NEWROUTE, NLM_F_CREATE | flags, ignore,
					  "cannot add route %s", route_to_str(rt, text));
	struct rtmsg *rtm = put_route(nlh, rt);
	struct nlattr *nest;

	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope = rt->scope;
	rtm->rtm_protocol = rt->protocol ? rt->protocol : RTPROT_BOOT;
	if (!rt->mtu && !rt->advmss)
		return;
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	if (rt->mtu)
		mnl_attr_put_u32(nlh, RTAX_MTU, rt->mtu);
	if (rt->advmss)
		mnl_attr_put_u32(nlh, RTAX_ADVMSS, rt->advmss);
	mnl_attr_nest_end(nlh, nest);
}

void route_put_del(struct nlsock *nl, const struct route *rt)
{
	char text[ROUTE_STR_LEN];
	struct nlmsghdr *nlh = nlsock_msg(nl, RTM_DELROUTE, 0, -ESRCH, "cannot delete route %s",
					  route_to_str(rt, text));
	struct rtmsg *rtm = put_route(nlh, rt);

	/* A route of any scope; the protocol counts where it is given. */
	rtm->rtm_scope = RT_SCOPE_NOWHERE;
	rtm->rtm_protocol = rt->protocol;
}
