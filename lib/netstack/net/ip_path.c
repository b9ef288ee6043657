/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of a flow: route, source address, next hop, MTU.  Found once and remembered by who
 * sends; a change of addresses, routes, interfaces, neighbours or path MTUs begins a new
 * generation, in which everybody finds it anew with their next packet.
 */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define IP4_LOOPBACK IP4_ADDR(127, 0, 0, 1)

static bool is_limited_broadcast(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) && (uint32_t)a.lo == IP4_BROADCAST;
}

static struct net_way way_to_us(struct ip6_addr src)
{
	return (struct net_way){
		.type = ROUTE_LOCAL,
		.ifindex = IFACE_LO,
		.neigh = SLAB_NONE,
		.has_src = true,
		.src = src,
	};
}

static struct net_way no_way(int error)
{
	return (struct net_way){ .error = (int16_t)error, .neigh = SLAB_NONE };
}

/* --- route --- */

static int error_of(enum route_type type)
{
	switch (type) {
	case ROUTE_BLACKHOLE:
		return -EINVAL;
	case ROUTE_UNREACHABLE:
		return -EHOSTUNREACH;
	case ROUTE_PROHIBIT:
		return -EACCES;
	case ROUTE_UNICAST:
	case ROUTE_LOCAL:
	case ROUTE_BROADCAST:
		break;
	}
	return 0;
}

static struct net_way way_of_route(const struct route_conf *r, struct ip6_addr dst)
{
	if (r->type >= ROUTE_BLACKHOLE)
		return no_way(error_of(r->type));
	if (r->type == ROUTE_LOCAL)
		return way_to_us(r->has_src ? r->src : dst);
	return (struct net_way){
		.type = r->type,
		.ifindex = (uint16_t)r->ifindex,
		.mtu = r->mtu,
		.has_neigh = r->type == ROUTE_UNICAST,
		.neigh = SLAB_NONE,
		.next_hop = r->has_gateway ? r->gateway : dst,
		.has_src = r->has_src,
		.src = r->src,
	};
}

/* The first link that is up. */
static uint32_t first_link(const struct net *net)
{
	for (uint32_t i = 1; i <= IFACE_MAX; i++)
		if (net_iface_usable(net, i) && net->ifc[i] &&
		    net->ifc[i]->ifc->kind != IFACE_LOOPBACK)
			return i;
	return 0;
}

/* To a group or to all on a link there need not be a route: the interface of the flow or of its
 * source address says which link.
 */
static struct net_way way_to_many(const struct net *net, const struct ip_flow *f)
{
	const struct net_addr *a = ip_is_unspecified(f->src) ? NULL : addr_lookup(net, f->src, 0);
	struct net_way way = { .type = ROUTE_UNICAST, .neigh = SLAB_NONE };
	const struct route_conf *r;

	way.ifindex = (uint16_t)f->oif;
	if (!way.ifindex && a && net->ifc[a->conf.ifindex]->ifc->kind != IFACE_LOOPBACK)
		way.ifindex = (uint16_t)a->conf.ifindex;
	if (!way.ifindex) {
		r = route_lookup(net->routes, f->dst, 0, net_iface_usable, net);
		if (r && r->type == ROUTE_UNICAST)
			way = way_of_route(r, f->dst);
	}
	way.has_neigh = false;
	if (!way.ifindex)
		way.ifindex = (uint16_t)first_link(net);
	return way.ifindex ? way : no_way(-ENETUNREACH);
}

/* What is on a link that was named needs no route; IPv4 does so for all addresses, as Linux. */
static bool is_on_link(struct ip6_addr dst, uint32_t oif)
{
	return oif && (ip6_addr_is_mapped(dst) || ip6_addr_is_link_local(dst));
}

static struct net_way way_to_one(const struct net *net, struct ip6_addr dst, uint32_t oif)
{
	const struct net_addr *a = addr_lookup(net, dst, ip6_addr_is_link_local(dst) ? oif : 0);
	const struct route_conf *r;

	if (a && addr_is_usable(a) && (!oif || oif == IFACE_LO || oif == a->conf.ifindex))
		return way_to_us(dst);
	r = route_lookup(net->routes, dst, oif, net_iface_usable, net);
	if (r)
		return way_of_route(r, dst);
	if (!is_on_link(dst, oif))
		return no_way(-ENETUNREACH);
	return (struct net_way){
		.type = ROUTE_UNICAST,
		.ifindex = (uint16_t)oif,
		.has_neigh = true,
		.neigh = SLAB_NONE,
		.next_hop = dst,
	};
}

/* MTU of link and route; no IPv6 on links that are too narrow for it (RFC 8200, 5). */
static void set_mtu(const struct net *net, struct net_way *way, bool is_ip4)
{
	const struct net_iface *nif = net_iface_get(net, way->ifindex);
	uint32_t mtu;

	if (way->error)
		return;
	if (!nif || !nif->ifc->up) {
		*way = no_way(-ENETUNREACH);
		return;
	}
	mtu = is_ip4 ? nif->ifc->mtu : ndp_mtu(nif);
	if (!way->mtu || way->mtu > mtu)
		way->mtu = mtu;
	if (!is_ip4 && way->mtu < IPV6_MTU_LEAST)
		*way = no_way(-ENETUNREACH);
}

static unsigned int slot_of(struct ip6_addr a)
{
	return (unsigned int)(((a.hi ^ a.lo) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % NET_WAYS;
}

struct net_way *ip_way_get(struct net *net, struct ip6_addr dst)
{
	struct net_way *way = &net->way[slot_of(dst)];

	if (way->gen == net->neigh.gen && ip6_addr_eq(way->dst, dst))
		return way;
	*way = way_to_one(net, dst, 0);
	set_mtu(net, way, ip6_addr_is_mapped(dst));
	way->dst = dst;
	way->gen = net->neigh.gen;
	return way;
}

static int check_oif(const struct net *net, uint32_t oif)
{
	const struct iface *ifc = iface_get(&net->ifaces, oif);

	if (!ifc)
		return -ENODEV;
	return ifc->up ? 0 : -ENETDOWN;
}

/* The next hop is another than the destination.  Of IPv6, Linux does not care. */
static bool is_by_router(const struct net_way *way, struct ip6_addr dst)
{
	return way->type == ROUTE_UNICAST && way->has_neigh && ip6_addr_is_mapped(dst) &&
	       !ip6_addr_eq(way->next_hop, dst);
}

/* One that nobody remembers is in @place. */
static struct net_way *find_way(struct net *net, const struct ip_flow *f, struct net_way *place)
{
	const int r = f->oif ? check_oif(net, f->oif) : 0;
	const bool to_all = is_limited_broadcast(f->dst);
	const bool to_many = to_all || ip_is_multicast(f->dst);
	struct net_way *way;

	if (!f->oif && !to_many) {
		way = ip_way_get(net, f->dst);
	} else {
		way = place;
		if (r < 0)
			*way = no_way(r);
		else if (to_many)
			*way = way_to_many(net, f);
		else
			*way = way_to_one(net, f->dst, f->oif);
		set_mtu(net, way, ip6_addr_is_mapped(f->dst));
	}
	if (way->error == 0 && f->dont_route && is_by_router(way, f->dst)) {
		*place = no_way(-ENETUNREACH);
		return place;
	}
	if (way->error == 0 && !f->broadcast && (to_all || way->type == ROUTE_BROADCAST)) {
		*place = no_way(-EACCES);
		return place;
	}
	return way;
}

/* --- source --- */

static int check_source(const struct net *net, const struct ip_flow *f, const struct net_way *way)
{
	if (f->transparent)
		return 0;
	if (ip_addr_type(net, f->src, f->oif) != IP_ADDR_LOCAL)
		return -EADDRNOTAVAIL;
	/* Never on a link (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3). */
	if (way->ifindex != IFACE_LO &&
	    (ip6_addr_is_mapped(f->src) ? ip4_addr_is_loopback((uint32_t)f->src.lo)
					: ip6_addr_is_loopback(f->src)))
		return -EINVAL;
	return 0;
}

static int find_source(const struct net *net, struct ip_flow *f, const struct net_way *way)
{
	const struct net_addr *a;

	if (way->has_src && way->type == ROUTE_LOCAL) {
		f->src = way->src;
		return 0;
	}
	if (way->has_src) {
		/* One that a route names may not be in use yet. */
		a = addr_lookup(net, way->src, 0);
		if (a && addr_is_usable(a)) {
			f->src = way->src;
			return 0;
		}
	}
	a = addr_select(net, way->ifindex, f->dst);
	if (a) {
		f->src = a->conf.addr;
		return 0;
	}
	/* Who has no address asks all for one (RFC 1122, 3.2.1.3 (a)). */
	return is_limited_broadcast(f->dst) ? 0 : -ENETUNREACH;
}

/* --- all of it --- */

static int find_neigh(struct net *net, struct net_way *way)
{
	struct neigh *n;

	if (!way->has_neigh || way->neigh != SLAB_NONE ||
	    net->ifc[way->ifindex]->ifc->kind != IFACE_ETHERNET)
		return 0;
	n = neigh_get(&net->neigh, way->ifindex, way->next_hop);
	if (!n)
		return -ENOBUFS;
	way->neigh = n->id;
	return 0;
}

static int find(struct net *net, struct ip_flow *f, struct ip_path *ret)
{
	bool locked = false;
	struct net_way place, *way = find_way(net, f, &place);
	uint32_t mtu = way->mtu;
	int r = way->error;

	if (r < 0)
		return r;
	if (ip_is_unspecified(f->src) && !f->transparent)
		r = find_source(net, f, way);
	else
		r = check_source(net, f, way);
	if (r < 0)
		return r;
	if (!f->pmtu_probe && way->type == ROUTE_UNICAST)
		mtu = pmtu_lookup(&net->pmtu, f->dst, mtu, &locked);
	r = find_neigh(net, way);
	if (r < 0)
		return r;
	/* Last: looking for the neighbour may have begun a generation. */
	*ret = (struct ip_path){
		.gen = net->neigh.gen,
		.neigh = way->neigh,
		.mtu = mtu,
		.ifindex = way->ifindex,
		.mtu_locked = locked,
	};
	return 0;
}

int ip_path_find(struct net *net, struct ip_flow *f, struct ip_path *path)
{
	struct ip_flow g = *f;
	int r;

	if (path->gen == net->neigh.gen && (f->transparent || !ip_is_unspecified(f->src)))
		return 0;
	if (ip_is_unspecified(g.dst)) {
		const bool is_ip4 = ip6_addr_is_mapped(g.dst);

		if (!ip_is_unspecified(g.src))
			g.dst = g.src;
		else
			g.dst = is_ip4 ? ip6_addr_of_ip4(IP4_LOOPBACK) : IP6_LOOPBACK;
	}
	if (!ip_is_unspecified(g.src) && ip6_addr_is_mapped(g.src) != ip6_addr_is_mapped(g.dst))
		return -EADDRNOTAVAIL;
	r = find(net, &g, path);
	if (r < 0)
		return r;
	*f = g;
	return 0;
}

void ip_path_confirm(struct net *net, const struct ip_path *path)
{
	if (path->gen == net->neigh.gen && path->neigh != SLAB_NONE)
		neigh_confirm(&net->neigh, neigh_by_id(&net->neigh, path->neigh));
}

uint32_t ip_path_gso_max(const struct net *net, const struct ip_path *path, bool is_ip4)
{
	const struct iface *ifc = iface_get(&net->ifaces, path->ifindex);
	const uint32_t hdr_len = is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN;

	return ifc && ifc->gso_max > hdr_len ? ifc->gso_max - hdr_len : 0;
}

void ip_pmtu_update(struct net *net, struct ip6_addr dst, uint32_t mtu)
{
	const struct net_way *way = ip_way_get(net, dst);

	if (way->error || way->type != ROUTE_UNICAST)
		return;
	if (pmtu_update(&net->pmtu, dst, mtu, way->mtu)) {
		net->stats.pmtu_updates++;
		net_changed(net);
	}
}
