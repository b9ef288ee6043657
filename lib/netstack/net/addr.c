/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Addresses of interfaces.
 *
 * An address has up to three routes: to itself (LOCAL), to its network, and for IPv4 to the
 * network's broadcast address.  The first and the last are there while it is in use.  Of
 * several addresses in one network of an interface, the first one's prefix route counts; when
 * it goes, the next one's takes its place.
 */
#include "netstack/net/addr.h"

#include <assert.h>
#include <errno.h>

#include "netstack/link/arp.h"
#include "netstack/net/net_priv.h"

#define BUCKETS_MIN 16

/* Metric of the kernel's prefix routes: IPv4 0, IPv6 256 (IP6_RT_PRIO_ADDRCONF). */
#define METRIC_ADDRCONF 256

static bool is_ip4(const struct net_addr *a)
{
	return ip6_addr_is_mapped(a->conf.addr);
}

/* --- table --- */

/* Not keyed: whoever chooses what is looked up does not choose what is in here. */
static uint32_t hash_of(struct ip6_addr a)
{
	return (uint32_t)(((a.hi ^ a.lo) * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

struct net_addr *addr_lookup(const struct net *net, struct ip6_addr addr, uint32_t ifindex)
{
	const struct addr_table *t = &net->addrs;

	if (!t->bucket)
		return NULL;
	for (struct net_addr *a = t->bucket[hash_of(addr) & t->mask]; a; a = a->hash_next)
		if (ip6_addr_eq(a->conf.addr, addr) && (!ifindex || a->conf.ifindex == ifindex))
			return a;
	return NULL;
}

/* Behind those of the same address: the first one that was added is found first. */
static void hash_put(struct addr_table *t, struct net_addr *a)
{
	struct net_addr **at = &t->bucket[hash_of(a->conf.addr) & t->mask];

	while (*at)
		at = &(*at)->hash_next;
	a->hash_next = NULL;
	*at = a;
}

static void hash_remove(struct addr_table *t, struct net_addr *a)
{
	struct net_addr **at = &t->bucket[hash_of(a->conf.addr) & t->mask];

	while (*at != a)
		at = &(*at)->hash_next;
	*at = a->hash_next;
}

static bool table_grow(struct net *net)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct addr_table *t = &net->addrs;
	const struct addr_table old = *t;
	const uint32_t n = old.bucket ? 2 * (old.mask + 1) : BUCKETS_MIN;
	struct net_addr **bucket;

	if (old.bucket && old.n <= old.mask)
		return true;
	bucket = mem->alloc(mem->arg, n * sizeof(struct net_addr *));
	if (!bucket)
		return old.bucket; /* longer chains will do */
	for (uint32_t i = 0; i < n; i++)
		bucket[i] = NULL;
	t->bucket = bucket;
	t->mask = n - 1;
	if (!old.bucket)
		return true;
	for (uint32_t i = 0; i <= old.mask; i++) {
		struct net_addr *next;

		for (struct net_addr *a = old.bucket[i]; a; a = next) {
			next = a->hash_next;
			hash_put(t, a);
		}
	}
	mem->free(mem->arg, old.bucket, (old.mask + 1) * sizeof(struct net_addr *));
	return true;
}

void addr_table_done(struct net *net)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct addr_table *t = &net->addrs;

	assert(t->n == 0);
	if (t->bucket)
		mem->free(mem->arg, t->bucket, (t->mask + 1) * sizeof(struct net_addr *));
	*t = (struct addr_table){ 0 };
}

/* --- routes --- */

static struct route_conf route_to_self(const struct net_addr *a)
{
	return (struct route_conf){
		.dst = a->conf.addr,
		.dst_len = is_ip4(a) ? 32 : 128,
		.is_ip4 = is_ip4(a),
		.ifindex = a->conf.ifindex,
		.type = ROUTE_LOCAL,
		.has_src = true,
		.src = a->conf.addr,
	};
}

static struct ip6_addr network_of(const struct net_addr *a)
{
	return ip6_addr_prefix(a->conf.addr, (is_ip4(a) ? 96U : 0U) + a->conf.prefix_len);
}

/* False when a network of its own would only be the address itself. */
static bool route_to_network(const struct net *net, const struct net_addr *a,
			     struct route_conf *ret)
{
	const struct iface *ifc = iface_get(&net->ifaces, a->conf.ifindex);
	const bool all_ours = ifc->kind == IFACE_LOOPBACK && is_ip4(a);

	*ret = (struct route_conf){
		.dst = network_of(a),
		.dst_len = a->conf.prefix_len,
		.is_ip4 = is_ip4(a),
		.ifindex = a->conf.ifindex,
		.metric = is_ip4(a) ? 0 : METRIC_ADDRCONF,
		.type = all_ours ? ROUTE_LOCAL : ROUTE_UNICAST, /* all of 127.0.0.0/8 */
		.has_src = is_ip4(a),
		.src = a->conf.addr,
	};
	return !a->conf.no_prefix_route && a->conf.prefix_len < (is_ip4(a) ? 32 : 128);
}

/* Only networks of more than two addresses have one (RFC 3021). */
static bool route_to_broadcast(const struct net_addr *a, struct route_conf *ret)
{
	const uint8_t len = a->conf.prefix_len;

	if (!is_ip4(a) || len >= 31)
		return false;
	*ret = (struct route_conf){
		.dst = network_of(a),
		.dst_len = 32,
		.is_ip4 = true,
		.ifindex = a->conf.ifindex,
		.type = ROUTE_BROADCAST,
		.has_src = true,
		.src = a->conf.addr,
	};
	ret->dst.lo |= (len ? UINT32_C(1) << (32 - len) : 0) - UINT32_C(1);
	return true;
}

/* One that is there already is as good, be it another address's or configured. */
static int add_route(struct net *net, const struct route_conf *r)
{
	const int err = route_add(net->routes, r);

	return err == -EEXIST ? 0 : err;
}

static int add_own_routes(struct net *net, struct net_addr *a)
{
	const struct iface *ifc = iface_get(&net->ifaces, a->conf.ifindex);
	struct route_conf r = route_to_self(a);
	int err = add_route(net, &r);

	if (!err && ifc->kind == IFACE_ETHERNET && route_to_broadcast(a, &r))
		err = add_route(net, &r);
	a->routed = true;
	net_changed(net);
	return err;
}

static void del_own_routes(struct net *net, struct net_addr *a)
{
	struct route_conf r = route_to_self(a);

	if (!a->routed)
		return;
	a->routed = false;
	(void)route_del(net->routes, &r); /* may have been deleted by hand */
	if (route_to_broadcast(a, &r))
		(void)route_del(net->routes, &r);
	/* Others may have had the same broadcast address. */
	for (struct net_addr *b = net->ifc[a->conf.ifindex]->addrs; b; b = b->next)
		if (b != a && b->routed && route_to_broadcast(b, &r))
			(void)add_route(net, &r); /* it was there, so there is memory */
	net_changed(net);
}

static void del_network_route(struct net *net, const struct net_addr *a)
{
	struct route_conf r;

	if (!route_to_network(net, a, &r))
		return;
	(void)route_del(net->routes, &r); /* may have been deleted by hand */
	for (struct net_addr *b = net->ifc[a->conf.ifindex]->addrs; b; b = b->next) {
		if (b != a && b->conf.prefix_len == a->conf.prefix_len &&
		    ip6_addr_eq(network_of(b), network_of(a)) && route_to_network(net, b, &r)) {
			(void)add_route(net, &r); /* it was there, so there is memory */
			return;
		}
	}
}

/* --- life --- */

static bool is_deprecated(const struct net *net, const struct net_addr *a)
{
	return a->conf.deprecated || (a->preferred_ns && a->preferred_ns <= net->core->now_ns);
}

static void announce(struct net *net, struct net_iface *nif, const struct net_addr *a)
{
	if (!net->params.arp_announce || nif->ifc->kind != IFACE_ETHERNET || !nif->ifc->up ||
	    nif->ifc->is_shared)
		return;
	if (is_ip4(a))
		arp_announce(&net->neigh, nif->ifc, (uint32_t)a->conf.addr.lo);
	else
		ndp_announce(net, nif, a);
}

void addr_iface_announce(struct net *net, struct net_iface *nif)
{
	for (struct net_addr *a = nif->addrs; a; a = a->next)
		if (addr_is_usable(a))
			announce(net, nif, a);
}

void addr_dad_done(struct net *net, struct net_addr *a)
{
	a->state = is_deprecated(net, a) ? NET_ADDR_DEPRECATED : NET_ADDR_PREFERRED;
	if (add_own_routes(net, a) < 0)
		core_note(net->core, "no memory for the routes of an address");
	announce(net, net->ifc[a->conf.ifindex], a);
}

void addr_dad_failed(struct net *net, struct net_addr *a)
{
	a->state = NET_ADDR_DUPLICATED;
	net->stats.dad_duplicates++;
	core_note(net->core, "duplicate address on %s", net->ifc[a->conf.ifindex]->ifc->name);
	del_own_routes(net, a);
}

static void addr_start(struct net *net, struct net_iface *nif, struct net_addr *a)
{
	if (a->state == NET_ADDR_DUPLICATED)
		a->state = NET_ADDR_TENTATIVE; /* perhaps the other one is gone */
	if (is_ip4(a) || a->conf.no_dad || nif->ifc->kind == IFACE_LOOPBACK || nif->ifc->is_shared)
		addr_dad_done(net, a);
	else
		ndp_dad_start(net, nif, a);
}

static void addr_stop(struct net *net, struct net_addr *a)
{
	if (!is_ip4(a))
		ndp_addr_stop(net, a);
	if (addr_is_usable(a))
		a->state = NET_ADDR_TENTATIVE;
	del_own_routes(net, a);
}

void addr_iface_up(struct net *net, struct net_iface *nif)
{
	struct net_addr *next;

	/* One may be removed as it is not needed any more when it is looked at. */
	for (struct net_addr *a = nif->addrs; a; a = next) {
		next = a->next;
		addr_start(net, nif, a);
	}
}

void addr_iface_down(struct net *net, struct net_iface *nif)
{
	/* As Linux has it, an IPv4 address is ours while its interface is down. */
	for (struct net_addr *a = nif->addrs; a; a = a->next)
		if (!is_ip4(a))
			addr_stop(net, a);
}

static bool conf_is_valid(const struct net_addr_conf *conf)
{
	const uint32_t ip4 = (uint32_t)conf->addr.lo;

	if (ip6_addr_is_mapped(conf->addr))
		return conf->prefix_len <= 32 && ip4 && !ip4_addr_is_multicast(ip4) &&
		       ip4 != IP4_BROADCAST;
	return conf->prefix_len <= 128 && !ip6_addr_is_unspecified(conf->addr) &&
	       !ip6_addr_is_multicast(conf->addr);
}

/* All that can fail; undone by addr_remove(). */
static int add_around(struct net *net, struct net_iface *nif, struct net_addr *a)
{
	struct route_conf r;
	int err;

	if (route_to_network(net, a, &r)) {
		err = add_route(net, &r);
		if (err < 0)
			return err;
	}
	if (is_ip4(a) || nif->ifc->kind != IFACE_ETHERNET)
		return 0;
	err = group_join(net, nif, ip6_addr_solicited(a->conf.addr));
	a->joined = err == 0;
	return err;
}

int addr_add(struct net *net, const struct net_addr_conf *conf)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_iface *nif = net_iface_get(net, conf->ifindex);
	struct net_addr **at, *a;
	int err;

	if (!conf_is_valid(conf))
		return -EINVAL;
	if (!nif)
		return -ENODEV;
	if (addr_lookup(net, conf->addr, conf->ifindex))
		return -EEXIST;
	if (!table_grow(net))
		return -ENOMEM;
	a = mem->alloc(mem->arg, sizeof(*a));
	if (!a)
		return -ENOMEM;

	*a = (struct net_addr){ .conf = *conf, .state = NET_ADDR_TENTATIVE };
	hash_put(&net->addrs, a);
	net->addrs.n++;
	for (at = &nif->addrs; *at;)
		at = &(*at)->next;
	*at = a;
	err = add_around(net, nif, a);
	if (err < 0) {
		addr_remove(net, a);
		return err;
	}
	net_changed(net);
	if (nif->ifc->up || is_ip4(a))
		addr_start(net, nif, a);
	return 0;
}

void addr_remove(struct net *net, struct net_addr *a)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_iface *nif = net->ifc[a->conf.ifindex];
	struct net_addr **at = &nif->addrs;

	addr_stop(net, a);
	del_network_route(net, a);
	if (a->joined)
		group_leave(net, nif,
			    group_lookup(net, nif->ifc->index, ip6_addr_solicited(a->conf.addr)));
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	hash_remove(&net->addrs, a);
	net->addrs.n--;
	mem->free(mem->arg, a, sizeof(*a));
	net_changed(net);
}

int addr_del(struct net *net, uint32_t ifindex, struct ip6_addr addr, uint8_t prefix_len)
{
	struct net_addr *a = ifindex ? addr_lookup(net, addr, ifindex) : NULL;

	if (!a || a->conf.prefix_len != prefix_len)
		return -EADDRNOTAVAIL;
	addr_remove(net, a);
	return 0;
}

/* --- what is ours --- */

enum ip_addr_type ip_addr_type(const struct net *net, struct ip6_addr addr, uint32_t ifindex)
{
	const bool is4 = ip6_addr_is_mapped(addr);
	const struct net_addr *a =
		addr_lookup(net, addr, ip6_addr_is_link_local(addr) ? ifindex : 0);
	const struct route_conf *r;

	if (a)
		return addr_is_usable(a) ? IP_ADDR_LOCAL : IP_ADDR_NONE;
	if (is4 && (uint32_t)addr.lo == IP4_BROADCAST)
		return IP_ADDR_BROADCAST;
	if (ip_is_multicast(addr))
		return IP_ADDR_MULTICAST;
	/* 127.0.0.0/8, and networks that were made ours as a whole. */
	r = route_lookup(net->routes, addr, 0, net_iface_usable, net);
	if (!r || (r->type != ROUTE_LOCAL && r->type != ROUTE_BROADCAST))
		return IP_ADDR_NONE;
	return r->type == ROUTE_LOCAL ? IP_ADDR_LOCAL : IP_ADDR_BROADCAST;
}

uint32_t ip_addr_iface(const struct net *net, struct ip6_addr addr)
{
	const struct net_addr *a = addr_lookup(net, addr, 0);

	if (a)
		return addr_is_usable(a) ? a->conf.ifindex : 0;
	return ip_addr_type(net, addr, 0) == IP_ADDR_LOCAL ? IFACE_LO : 0;
}

int ip_addr_check_bind(const struct net *net, struct ip6_addr addr, uint32_t ifindex)
{
	if (ip_is_unspecified(addr))
		return 0;
	return ip_addr_type(net, addr, ifindex) == IP_ADDR_NONE ? -EADDRNOTAVAIL : 0;
}
