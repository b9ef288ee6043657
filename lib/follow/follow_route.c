/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Routes of the main table over the interface, and those that lead nowhere.
 *
 * A prefix and a metric make a route.  Linux may have several with the same ones (append,
 * prepend, several next hops): the first that goes over the interface is told, as it is
 * the first that the kernel uses, and of several next hops the first that is alive.
 *
 * Notifications do not tell all of the kernel's changes.  Without any, routes go with the last
 * IPv4 address, with an interface that is set down and with a next hop object, and a
 * preferred source goes with its IPv6 address: each of these leads to another look.  A
 * notification of a route is taken as it is when it adds one where there was none, or takes away
 * the only one there was.  Whatever else it says (one is replaced, by one over another interface
 * perhaps) leads to another look too.
 */
#include <string.h>

#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "follow/follow_priv.h"

#define KEY_IP4 0x100 /* beside the length, in follow_key.b */

static const struct nla_policy route_policy[RTA_MAX + 1] = {
	[RTA_OIF] = { .type = NLA_U32 },
	[RTA_PRIORITY] = { .type = NLA_U32 },
	[RTA_TABLE] = { .type = NLA_U32 },
	[RTA_METRICS] = { .type = NLA_NESTED },
};

static const struct nla_policy metrics_policy[RTAX_MAX + 1] = {
	[RTAX_MTU] = { .type = NLA_U32 },
};

bool follow_route_ask(struct follow *f, struct nl_msg *msg)
{
	struct rtmsg rtm = { .rtm_family = f->look == LOOK_ROUTE4 ? AF_INET : AF_INET6 };

	return nlmsg_append(msg, &rtm, sizeof(rtm), NLMSG_ALIGNTO) == 0 &&
	       nla_put_u32(msg, RTA_TABLE, RT_TABLE_MAIN) == 0;
}

/* --- messages --- */

/**
 * struct route_msg - A route as a message has it
 * @is_ours:	Over the interface, or nowhere; otherwise only @key says something
 * @n_hops:	Next hops, over whatever interface
 */
struct route_msg {
	struct follow_key key;
	struct follow_route route;
	bool is_ours;
	uint32_t n_hops;
};

/* Throw ends the search in the main table, and behind it there is nothing as a rule. */
static bool type_of(uint8_t rtm_type, uint8_t *ret)
{
	switch (rtm_type) {
	case RTN_UNICAST:
		*ret = FOLLOW_UNICAST;
		return true;
	case RTN_BLACKHOLE:
		*ret = FOLLOW_BLACKHOLE;
		return true;
	case RTN_UNREACHABLE:
	case RTN_THROW:
		*ret = FOLLOW_UNREACHABLE;
		return true;
	case RTN_PROHIBIT:
		*ret = FOLLOW_PROHIBIT;
		return true;
	default:
		return false;
	}
}

/* RTA_VIA: a gateway of the other family (RFC 5549).  False when it makes no sense. */
static bool get_gateway(struct nlattr *const *tb, uint8_t family, struct follow_route *ret)
{
	const struct nlattr *via = tb[RTA_VIA];
	struct ip6_addr gw;
	uint16_t of;

	if (tb[RTA_GATEWAY]) {
		if (!follow_get_addr(tb[RTA_GATEWAY], family, &gw))
			return false;
	} else if (via) {
		const uint8_t *p = nla_data(via);

		if (nla_len(via) != 2 + IP6_ADDR_LEN)
			return false;
		memcpy(&of, p, sizeof(of));
		if (of != AF_INET6)
			return false;
		gw = ip6_addr_get(p + 2);
	} else {
		return true;
	}
	ret->gateway = gw;
	ret->has_gateway = !ip6_addr_is_unspecified(gw) && !ip6_addr_eq(gw, ip6_addr_of_ip4(0));
	return true;
}

/* The first next hop over the interface that is alive.  False for nonsense. */
static bool get_hops(const struct follow *f, const struct nlattr *multipath, uint8_t family,
		     struct route_msg *m)
{
	const uint8_t *p = nla_data(multipath);
	size_t left = (size_t)nla_len(multipath);

	m->n_hops = 0;
	while (left >= sizeof(struct rtnexthop)) {
		struct nlattr *tb[RTA_MAX + 1];
		struct rtnexthop nh;
		size_t len;

		memcpy(&nh, p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return false;
		m->n_hops++;
		if (!m->is_ours && (uint32_t)nh.rtnh_ifindex == f->link.ifindex &&
		    !(nh.rtnh_flags & RTNH_F_DEAD)) {
			struct nlattr *attrs = (struct nlattr *)(uintptr_t)(p + sizeof(nh));

			if (nla_parse(tb, RTA_MAX, attrs, (int)(nh.rtnh_len - sizeof(nh)),
				      route_policy) < 0 ||
			    !get_gateway(tb, family, &m->route))
				return false;
			m->is_ours = true;
		}
		len = RTNH_ALIGN(nh.rtnh_len);
		if (len >= left)
			break;
		p += len;
		left -= len;
	}
	return true;
}

static bool get_prefix(const struct rtmsg *rtm, const struct nlattr *dst, struct follow_route *ret)
{
	const bool is_ip4 = rtm->rtm_family == AF_INET;

	ret->is_ip4 = is_ip4;
	ret->dst = is_ip4 ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED;
	ret->dst_len = rtm->rtm_dst_len;
	if (rtm->rtm_dst_len > (is_ip4 ? 32 : 128))
		return false;
	if (dst && !follow_get_addr(dst, rtm->rtm_family, &ret->dst))
		return false;
	ret->dst = ip6_addr_prefix(ret->dst, (is_ip4 ? 96U : 0U) + ret->dst_len);
	return true;
}

static bool get_mtu(const struct nlattr *metrics, uint32_t *ret)
{
	struct nlattr *tb[RTAX_MAX + 1];

	if (!metrics)
		return true;
	if (nla_parse(tb, RTAX_MAX, nla_data(metrics), nla_len(metrics), metrics_policy) < 0)
		return false;
	*ret = tb[RTAX_MTU] ? nla_get_u32(tb[RTAX_MTU]) : 0;
	return true;
}

/* Those of other tables, of the cache, by type of service or by source are not followed. */
static bool is_followed(const struct rtmsg *rtm, const struct nlattr *table)
{
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return false;
	if ((table ? nla_get_u32(table) : rtm->rtm_table) != RT_TABLE_MAIN)
		return false;
	return !(rtm->rtm_flags & RTM_F_CLONED) && !rtm->rtm_tos && !rtm->rtm_src_len;
}

static bool parse(const struct follow *f, struct nlmsghdr *nlh, struct route_msg *m)
{
	const struct rtmsg *rtm = nlmsg_data(nlh);
	struct nlattr *tb[RTA_MAX + 1];
	struct follow_route *r = &m->route;

	*m = (struct route_msg){ .n_hops = 1 };
	if (nlmsg_parse(nlh, sizeof(*rtm), tb, RTA_MAX, route_policy) < 0)
		return false;
	if (!is_followed(rtm, tb[RTA_TABLE]) || !get_prefix(rtm, tb[RTA_DST], r) ||
	    !type_of(rtm->rtm_type, &r->type) || !get_mtu(tb[RTA_METRICS], &r->mtu))
		return false;
	r->metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	r->has_src = tb[RTA_PREFSRC];
	if (r->has_src && !follow_get_addr(tb[RTA_PREFSRC], rtm->rtm_family, &r->src))
		return false;
	m->key = (struct follow_key){
		.addr = r->dst,
		.a = r->metric,
		.b = r->dst_len | (r->is_ip4 ? KEY_IP4 : 0U),
	};
	if (r->type != FOLLOW_UNICAST) {
		m->is_ours = true; /* IPv6 has them on lo */
		return true;
	}
	if (tb[RTA_MULTIPATH])
		return get_hops(f, tb[RTA_MULTIPATH], rtm->rtm_family, m);
	m->is_ours = tb[RTA_OIF] && nla_get_u32(tb[RTA_OIF]) == f->link.ifindex &&
		     !(rtm->rtm_flags & RTNH_F_DEAD);
	return get_gateway(tb, rtm->rtm_family, r);
}

static bool route_eq(const struct follow_route *a, const struct follow_route *b)
{
	return ip6_addr_eq(a->dst, b->dst) && ip6_addr_eq(a->gateway, b->gateway) &&
	       ip6_addr_eq(a->src, b->src) && a->metric == b->metric && a->mtu == b->mtu &&
	       a->dst_len == b->dst_len && a->type == b->type && a->is_ip4 == b->is_ip4 &&
	       a->has_gateway == b->has_gateway && a->has_src == b->has_src;
}

/* --- what is told --- */

static void gone(void *arg, struct follow_entry *e)
{
	struct follow *f = arg;
	const struct follow_route r = e->route;

	follow_set_del(&f->routes, e);
	f->ops->route(f->arg, &r, false);
}

static int add(struct follow *f, const struct route_msg *m)
{
	struct follow_entry *e;
	int r = follow_entry_new(&f->routes, &m->key, &e);

	if (r < 0)
		return r;
	e->gen = f->gen;
	e->n = m->n_hops;
	e->route = m->route;
	f->ops->route(f->arg, &e->route, true);
	return 0;
}

int follow_route_seen(struct follow *f, struct nlmsghdr *nlh)
{
	struct follow_entry *e;
	struct route_msg m;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !parse(f, nlh, &m) || !m.is_ours)
		return 0;
	e = follow_set_lookup(&f->routes, &m.key);
	if (!e)
		return add(f, &m);
	if (e->gen == f->gen) {
		e->n += m.n_hops; /* behind the one that is told */
		return 0;
	}
	e->gen = f->gen;
	e->n = m.n_hops;
	if (route_eq(&e->route, &m.route))
		return 0;
	f->ops->route(f->arg, &e->route, false);
	e->route = m.route;
	f->ops->route(f->arg, &e->route, true);
	return 0;
}

int follow_route_notify(struct follow *f, struct nlmsghdr *nlh)
{
	const struct follow_entry *e;
	struct route_msg m;

	if (!f->link.ifindex || !parse(f, nlh, &m))
		return 0;
	e = follow_set_lookup(&f->routes, &m.key);
	if (!e) {
		if (nlh->nlmsg_type == RTM_NEWROUTE && m.is_ours)
			return add(f, &m);
		return 0;
	}
	if (nlh->nlmsg_type == RTM_DELROUTE && m.is_ours && e->n == 1 && m.n_hops == 1 &&
	    route_eq(&e->route, &m.route))
		gone(f, follow_set_lookup(&f->routes, &m.key));
	else
		f->dirty |= DIRTY(m.route.is_ip4 ? LOOK_ROUTE4 : LOOK_ROUTE6);
	return 0;
}

static void sweep(void *arg, struct follow_entry *e)
{
	const struct follow *f = arg;

	if (e->gen != f->gen && e->route.is_ip4 == (f->look == LOOK_ROUTE4))
		gone(arg, e);
}

void follow_route_swept(struct follow *f)
{
	follow_set_each(&f->routes, sweep, f);
}

void follow_route_forget(struct follow *f)
{
	follow_set_each(&f->routes, gone, f);
}
