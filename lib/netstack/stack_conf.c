/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Configuration of an instance.  Everything may change at any time: paths that connections
 * remember are found anew (net_changed()).
 */
#include <errno.h>

#include "netstack/link/arp.h"
#include "netstack/netstack_priv.h"

/* --- links --- */

int netstack_link_add(struct netstack *st, const struct iface_conf *conf)
{
	struct iface_table *t = &st->net.ifaces;
	int index = iface_table_add(t, conf);
	int r;

	if (index < 0)
		return index;
	r = net_iface_add(&st->net, (uint32_t)index);
	if (r < 0) {
		iface_table_del(t, iface_get(t, (uint32_t)index));
		return r;
	}
	return index;
}

/* Its packets to ourselves: the index may soon be that of another one. */
static void drop_loop_of(struct netstack *st, uint32_t ifindex)
{
	struct pbuf_queue q;
	struct pbuf *pb;

	pbuf_queue_init(&q);
	while ((pb = pbuf_queue_take(&st->net.loop))) {
		if (pb->ifindex == ifindex)
			core_drop(&st->core, pb, DROP_SHUTDOWN);
		else
			pbuf_queue_put(&q, pb);
	}
	while ((pb = pbuf_queue_take(&q)))
		pbuf_queue_put(&st->net.loop, pb);
}

int netstack_link_del(struct netstack *st, uint32_t ifindex)
{
	struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	if (!ifc)
		return -ENODEV;
	net_iface_del(&st->net, ifindex);
	drop_loop_of(st, ifindex);
	iface_table_del(&st->net.ifaces, ifc);
	return 0;
}

int netstack_link_set_up(struct netstack *st, uint32_t ifindex, bool up)
{
	if (!iface_get(&st->net.ifaces, ifindex))
		return -ENODEV;
	net_iface_set_up(&st->net, ifindex, up);
	return 0;
}

int netstack_link_set_mtu(struct netstack *st, uint32_t ifindex, uint32_t mtu)
{
	struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	if (!ifc)
		return -ENODEV;
	if (mtu < IFACE_MTU_MIN || mtu > IFACE_MTU_MAX)
		return -EINVAL;
	ifc->mtu = mtu;
	net_changed(&st->net);
	return 0;
}

int netstack_link_set_mac(struct netstack *st, uint32_t ifindex, struct eth_addr mac)
{
	struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	if (!ifc)
		return -ENODEV;
	if (ifc->kind != IFACE_ETHERNET || !eth_addr_is_station(mac))
		return -EINVAL;
	ifc->mac = mac;
	addr_iface_announce(&st->net, net_iface_get(&st->net, ifindex));
	return 0;
}

/* --- addresses --- */

int netstack_addr_add(struct netstack *st, const struct net_addr_conf *addr)
{
	return addr_add(&st->net, addr);
}

int netstack_addr_del(struct netstack *st, const struct net_addr_conf *addr)
{
	return addr_del(&st->net, addr->ifindex, addr->addr, addr->prefix_len);
}

unsigned int netstack_addrs(const struct netstack *st, struct netstack_addr *ret, unsigned int n)
{
	unsigned int all = 0;

	for (uint32_t i = 1; i <= IFACE_MAX; i++) {
		const struct net_iface *ni = net_iface_get(&st->net, i);

		for (const struct net_addr *a = ni ? ni->addrs : NULL; a; a = a->next) {
			if (all < n)
				ret[all] = (struct netstack_addr){ a->conf, a->state };
			all++;
		}
	}
	return all;
}

/* --- routes --- */

int netstack_route_add(struct netstack *st, const struct route_conf *route)
{
	int r;

	if (route->type < ROUTE_BLACKHOLE && !iface_get(&st->net.ifaces, route->ifindex))
		return -ENODEV;
	if (route->has_gateway &&
	    (ip_is_unspecified(route->gateway) || ip_is_multicast(route->gateway)))
		return -EINVAL;
	r = route_add(st->net.routes, route);
	if (r == 0)
		net_changed(&st->net);
	return r;
}

int netstack_route_del(struct netstack *st, const struct route_conf *route)
{
	int r = route_del(st->net.routes, route);

	if (r == 0)
		net_changed(&st->net);
	return r;
}

struct route_list {
	struct route_conf *ret;
	unsigned int n;
	unsigned int all;
};

static int list_route(void *arg, const struct route_conf *r)
{
	struct route_list *l = arg;

	if (l->all < l->n)
		l->ret[l->all] = *r;
	l->all++;
	return 0;
}

unsigned int netstack_routes(const struct netstack *st, struct route_conf *ret, unsigned int n)
{
	struct route_list l = { .ret = ret, .n = n };

	(void)route_walk(st->net.routes, list_route, &l); /* list_route() ends nothing */
	return l.all;
}

/* --- neighbours --- */

static const char *neigh_state_str(const struct neigh *n)
{
	static const char *const names[] = {
		[NEIGH_INCOMPLETE] = "INCOMPLETE", [NEIGH_REACHABLE] = "REACHABLE",
		[NEIGH_STALE] = "STALE",           [NEIGH_DELAY] = "DELAY",
		[NEIGH_PROBE] = "PROBE",           [NEIGH_FAILED] = "FAILED",
		[NEIGH_PERMANENT] = "PERMANENT",
	};

	return names[n->state];
}

unsigned int netstack_neighs(const struct netstack *st, struct netstack_neigh *ret, unsigned int n)
{
	unsigned int all = 0;

	for (const struct neigh *e = st->net.neigh.first; e; e = e->next) {
		if (all < n)
			ret[all] = (struct netstack_neigh){
				.ifindex = e->ifindex,
				.addr = e->addr,
				.mac = e->mac,
				.state = neigh_state_str(e),
				.is_router = e->is_router,
			};
		all++;
	}
	return all;
}

int netstack_neigh_add(struct netstack *st, uint32_t ifindex, struct ip6_addr addr,
		       struct eth_addr mac)
{
	const struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	if (!ifc)
		return -ENODEV;
	if (ifc->kind != IFACE_ETHERNET || ip_is_unspecified(addr) || ip_is_multicast(addr))
		return -EINVAL;
	return neigh_add_permanent(&st->net.neigh, ifindex, addr, mac);
}

int netstack_neigh_del(struct netstack *st, uint32_t ifindex, struct ip6_addr addr)
{
	return neigh_del(&st->net.neigh, ifindex, addr);
}

/* --- the rest --- */

void netstack_hook_set(struct netstack *st, enum hook_point point, hook_fn *fn, void *arg)
{
	st->net.hook[point] = (struct hook_slot){ .fn = fn, .arg = arg };
}

struct ip_params *netstack_ip_params(struct netstack *st)
{
	return &st->net.params;
}

struct tcp_params *netstack_tcp_params(struct netstack *st)
{
	return tcp_params(st->tcp);
}

int netstack_link_stats(const struct netstack *st, uint32_t ifindex, struct iface_stats *ret)
{
	const struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	if (!ifc)
		return -ENODEV;
	*ret = ifc->stats;
	return 0;
}
