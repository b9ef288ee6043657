/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * model.h - somebody who follows and writes down what they are told
 *
 * What they are told must make sense: nothing goes that is not there, a route comes once.  What
 * is written down is compared with what libnl-route finds in the kernel.
 */
#ifndef TESTS_UNIT_FOLLOW_MODEL_H
#define TESTS_UNIT_FOLLOW_MODEL_H

#include <poll.h>

#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rtnl.h>

#include "follow/follow.h"
#include "tests/unit/netns_fixture.h"

#define MODEL_MAX 16384

struct model {
	struct follow *f;
	struct follow_link link; /* ifindex 0: not there */
	struct follow_addr addr[MODEL_MAX];
	unsigned int n_addrs;
	struct follow_route route[MODEL_MAX];
	unsigned int n_routes;
	struct follow_neigh neigh[MODEL_MAX];
	unsigned int n_neighs;
	unsigned int told; /* changes */
	unsigned int lost;
};

/* --- what is told --- */

static void model_link(void *arg, const struct follow_link *link)
{
	struct model *m = arg;

	m->told++;
	if (!link) {
		assert_int_not_equal(m->link.ifindex, 0);
		assert_int_equal(m->n_addrs + m->n_routes + m->n_neighs, 0);
		m->link.ifindex = 0;
		return;
	}
	assert_true(m->link.ifindex == 0 || m->link.ifindex == link->ifindex);
	m->link = *link;
}

static struct follow_addr *model_find_addr(struct model *m, struct ip6_addr addr, uint8_t len)
{
	for (unsigned int i = 0; i < m->n_addrs; i++)
		if (ip6_addr_eq(m->addr[i].addr, addr) && m->addr[i].prefix_len == len)
			return &m->addr[i];
	return NULL;
}

static void model_addr(void *arg, const struct follow_addr *addr, bool add)
{
	struct model *m = arg;
	struct follow_addr *at = model_find_addr(m, addr->addr, addr->prefix_len);

	m->told++;
	assert_int_not_equal(m->link.ifindex, 0);
	if (!add) {
		assert_non_null(at);
		*at = m->addr[--m->n_addrs];
		return;
	}
	if (!at) {
		assert_true(m->n_addrs < MODEL_MAX);
		at = &m->addr[m->n_addrs++];
	}
	*at = *addr;
}

static struct follow_route *model_find_route(struct model *m, bool is_ip4, struct ip6_addr dst,
					     uint8_t len, uint32_t metric)
{
	for (unsigned int i = 0; i < m->n_routes; i++)
		if (m->route[i].is_ip4 == is_ip4 && ip6_addr_eq(m->route[i].dst, dst) &&
		    m->route[i].dst_len == len && m->route[i].metric == metric)
			return &m->route[i];
	return NULL;
}

static void model_route(void *arg, const struct follow_route *r, bool add)
{
	struct model *m = arg;
	struct follow_route *at = model_find_route(m, r->is_ip4, r->dst, r->dst_len, r->metric);

	m->told++;
	assert_int_not_equal(m->link.ifindex, 0);
	if (add) {
		assert_null(at);
		assert_true(m->n_routes < MODEL_MAX);
		m->route[m->n_routes++] = *r;
		return;
	}
	assert_non_null(at);
	assert_int_equal(at->type, r->type);
	assert_true(ip6_addr_eq(at->gateway, r->gateway));
	*at = m->route[--m->n_routes];
}

static struct follow_neigh *model_find_neigh(struct model *m, struct ip6_addr addr)
{
	for (unsigned int i = 0; i < m->n_neighs; i++)
		if (ip6_addr_eq(m->neigh[i].addr, addr))
			return &m->neigh[i];
	return NULL;
}

static void model_neigh(void *arg, const struct follow_neigh *n, bool add)
{
	struct model *m = arg;
	struct follow_neigh *at = model_find_neigh(m, n->addr);

	m->told++;
	assert_int_not_equal(m->link.ifindex, 0);
	if (!add) {
		assert_non_null(at);
		*at = m->neigh[--m->n_neighs];
		return;
	}
	if (!at) {
		assert_true(m->n_neighs < MODEL_MAX);
		at = &m->neigh[m->n_neighs++];
	}
	*at = *n;
}

static void model_lost(void *arg)
{
	struct model *m = arg;

	m->lost++;
}

static const struct follow_ops model_ops = {
	.link = model_link,
	.addr = model_addr,
	.route = model_route,
	.neigh = model_neigh,
	.lost = model_lost,
};

/* --- life --- */

FIXTURE struct model *model_new(int netns, const char *ifname)
{
	struct model *m = calloc(1, sizeof(*m));
	struct nerr err;

	assert_non_null(m);
	assert_ok(follow_new(&m->f, netns, ifname, false, &model_ops, m, &err), err);
	return m;
}

FIXTURE void model_free(struct model *m)
{
	follow_free(m->f);
	free(m);
}

/* Wait for news, at most @ms.  False: there are none. */
FIXTURE bool model_wait(struct model *m, int ms)
{
	struct pollfd p = { .fd = follow_fd(m->f), .events = POLLIN };
	struct nerr err;

	if (poll(&p, 1, ms) <= 0)
		return false;
	assert_ok(follow_read(m->f, &err), err);
	return true;
}

/* All that is there already. */
FIXTURE void model_read(struct model *m)
{
	while (model_wait(m, 0))
		;
}

/* --- what libnl-route finds --- */

static struct nl_sock *oracle_socket(void)
{
	struct nl_sock *sk = nl_socket_alloc();

	assert_non_null(sk);
	assert_int_equal(nl_connect(sk, NETLINK_ROUTE), 0);
	return sk;
}

static struct ip6_addr oracle_addr(struct nl_addr *a, int family)
{
	const unsigned int len = nl_addr_get_len(a);

	if (family == AF_INET)
		return ip6_addr_of_ip4(len == 4 ? get_be32(nl_addr_get_binary_addr(a)) : 0);
	return len == 16 ? ip6_addr_get(nl_addr_get_binary_addr(a)) : IP6_UNSPECIFIED;
}

static const char *oracle_link(struct nl_sock *sk, const struct model *m, const char *ifname)
{
	const char *ret = NULL;
	struct rtnl_link *link;
	struct nl_addr *mac;

	if (rtnl_link_get_kernel(sk, 0, ifname, &link) < 0)
		return m->link.ifindex ? "it is gone" : NULL;
	mac = rtnl_link_get_addr(link);
	if ((int)m->link.ifindex != rtnl_link_get_ifindex(link))
		ret = "index";
	else if (m->link.mtu != rtnl_link_get_mtu(link))
		ret = "mtu";
	else if (m->link.up != !!(rtnl_link_get_flags(link) & IFF_UP))
		ret = "up";
	else if (m->link.running != (m->link.up && rtnl_link_get_carrier(link) == 1))
		ret = "running";
	else if (memcmp(m->link.mac.b, nl_addr_get_binary_addr(mac), 6) != 0)
		ret = "mac";
	rtnl_link_put(link);
	return ret;
}

static const char *oracle_addrs(struct nl_sock *sk, struct model *m)
{
	unsigned int n_same = 0, n = 0;
	struct nl_cache *cache;

	assert_int_equal(rtnl_addr_alloc_cache(sk, &cache), 0);
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;
		const unsigned int flags = rtnl_addr_get_flags(a);
		const struct follow_addr *at;

		if (rtnl_addr_get_ifindex(a) != (int)m->link.ifindex)
			continue;
		at = model_find_addr(m,
				     oracle_addr(rtnl_addr_get_local(a), rtnl_addr_get_family(a)),
				     (uint8_t)nl_addr_get_prefixlen(rtnl_addr_get_local(a)));
		n++;
		if (!at && rtnl_addr_get_peer(a)) /* then the length is the peer's */
			at = model_find_addr(
				m, oracle_addr(rtnl_addr_get_local(a), rtnl_addr_get_family(a)),
				(uint8_t)nl_addr_get_prefixlen(rtnl_addr_get_peer(a)));
		if (at && at->deprecated == !!(flags & IFA_F_DEPRECATED) &&
		    at->tentative == !!(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
		    at->no_prefix_route == !!(flags & IFA_F_NOPREFIXROUTE))
			n_same++;
	}
	nl_cache_free(cache);
	return n == n_same && m->n_addrs == n ? NULL : "addresses";
}

/* The next hop that counts; NULL for none over the interface. */
static struct rtnl_nexthop *oracle_hop(struct rtnl_route *r, uint32_t ifindex)
{
	for (int i = 0; i < rtnl_route_get_nnexthops(r); i++) {
		struct rtnl_nexthop *nh = rtnl_route_nexthop_n(r, i);

		if (rtnl_route_nh_get_ifindex(nh) == (int)ifindex &&
		    !(rtnl_route_nh_get_flags(nh) & RTNH_F_DEAD) &&
		    !(rtnl_route_get_flags(r) & RTNH_F_DEAD))
			return nh;
	}
	return NULL;
}

static bool oracle_route_is(struct rtnl_route *r, struct rtnl_nexthop *nh, int family,
			    const struct follow_route *at)
{
	struct nl_addr *src = rtnl_route_get_pref_src(r);
	struct nl_addr *gw = nh ? rtnl_route_nh_get_gateway(nh) : NULL;
	uint32_t mtu = 0;

	if (nh && !gw)
		gw = rtnl_route_nh_get_via(nh);
	(void)rtnl_route_get_metric(r, RTAX_MTU, &mtu);
	if (at->mtu != mtu || at->has_src != !!src)
		return false;
	if (src && !ip6_addr_eq(at->src, oracle_addr(src, family)))
		return false;
	if (at->has_gateway != (gw && nl_addr_get_len(gw) > 0))
		return false;
	return !at->has_gateway ||
	       ip6_addr_eq(at->gateway,
			   oracle_addr(gw, nl_addr_get_len(gw) == 4 ? AF_INET : AF_INET6));
}

/* What was found so far. */
struct oracle_routes {
	struct model *m;
	struct follow_route *done[MODEL_MAX];
	unsigned int n;
	const char *ret;
};

static void oracle_route(struct oracle_routes *o, struct rtnl_route *r)
{
	static const uint8_t type_of[] = {
		[RTN_UNICAST] = FOLLOW_UNICAST,
		[RTN_BLACKHOLE] = FOLLOW_BLACKHOLE,
		[RTN_UNREACHABLE] = FOLLOW_UNREACHABLE,
		[RTN_PROHIBIT] = FOLLOW_PROHIBIT,
	};
	const int family = rtnl_route_get_family(r), type = rtnl_route_get_type(r);
	struct nl_addr *dst = rtnl_route_get_dst(r);
	struct rtnl_nexthop *nh = NULL;
	struct follow_route *at;

	if ((family != AF_INET && family != AF_INET6) || rtnl_route_get_table(r) != RT_TABLE_MAIN ||
	    rtnl_route_get_tos(r))
		return;
	if (type != RTN_UNICAST && (type < RTN_BLACKHOLE || type > RTN_PROHIBIT))
		return;
	if (type == RTN_UNICAST) {
		nh = oracle_hop(r, o->m->link.ifindex);
		if (!nh)
			return;
	}
	at = model_find_route(o->m, family == AF_INET, oracle_addr(dst, family),
			      (uint8_t)nl_addr_get_prefixlen(dst), rtnl_route_get_priority(r));
	for (unsigned int i = 0; at && i < o->n; i++)
		if (o->done[i] == at)
			return; /* the first one was told */
	if (!at || at->type != type_of[type] || !oracle_route_is(r, nh, family, at))
		o->ret = "a route";
	else
		o->done[o->n++] = at;
}

/* Its caches hold only one of the IPv6 routes that differ in their interface: no cache. */
static int oracle_route_cb(struct nl_msg *msg, void *arg)
{
	struct oracle_routes *o = arg;
	struct rtnl_route *r;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWROUTE || o->ret)
		return NL_OK;
	assert_int_equal(rtnl_route_parse(nlmsg_hdr(msg), &r), 0);
	oracle_route(o, r);
	rtnl_route_put(r);
	return NL_OK;
}

static const char *oracle_routes(struct model *m)
{
	struct oracle_routes *o = calloc(1, sizeof(*o));
	struct nl_sock *sk = oracle_socket();
	const char *ret;

	assert_non_null(o);
	o->m = m;
	assert_int_equal(nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, oracle_route_cb, o), 0);
	assert_true(nl_rtgen_request(sk, RTM_GETROUTE, AF_UNSPEC, NLM_F_DUMP) >= 0);
	if (nl_recvmsgs_default(sk) < 0)
		o->ret = "a dump that was torn";
	ret = o->ret || o->n == m->n_routes ? o->ret : "routes that are gone";
	nl_socket_free(sk);
	free(o);
	return ret;
}

static const char *oracle_neighs(struct nl_sock *sk, struct model *m)
{
	unsigned int n = 0, n_same = 0;
	struct nl_cache *cache;

	assert_int_equal(rtnl_neigh_alloc_cache(sk, &cache), 0);
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_neigh *x = (struct rtnl_neigh *)o;
		struct nl_addr *dst = rtnl_neigh_get_dst(x), *mac = rtnl_neigh_get_lladdr(x);
		const struct follow_neigh *at;

		if (rtnl_neigh_get_ifindex(x) != (int)m->link.ifindex ||
		    !(rtnl_neigh_get_state(x) & NUD_PERMANENT) || !dst)
			continue;
		n++;
		at = model_find_neigh(m, oracle_addr(dst, nl_addr_get_family(dst)));
		if (at && mac && memcmp(at->mac.b, nl_addr_get_binary_addr(mac), 6) == 0)
			n_same++;
	}
	nl_cache_free(cache);
	return n == n_same && n == m->n_neighs ? NULL : "neighbours";
}

/* What differs between what was told and the kernel of the thread's namespace; NULL for
 * nothing.
 */
FIXTURE const char *model_differs(struct model *m, const char *ifname)
{
	struct nl_sock *sk = oracle_socket();
	const char *ret = oracle_link(sk, m, ifname);

	if (!ret && m->link.ifindex) {
		ret = oracle_addrs(sk, m);
		if (!ret)
			ret = oracle_routes(m);
		if (!ret)
			ret = oracle_neighs(sk, m);
	}
	nl_socket_free(sk);
	return ret;
}

/* The kernel does some things by and by (carrier, DAD): each of them comes as news. */
FIXTURE void model_settles(struct model *m, const char *ifname)
{
	for (;;) {
		const char *what;

		model_read(m);
		what = model_differs(m, ifname);
		if (!what)
			return;
		if (!model_wait(m, 3000))
			fail_msg("what was told of '%s' is not what is there: %s", ifname, what);
	}
}

#endif /* TESTS_UNIT_FOLLOW_MODEL_H */
