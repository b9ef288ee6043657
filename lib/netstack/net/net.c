/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "netstack/link/arp.h"
#include "netstack/net/net_priv.h"

/* --- what lower and inner parts ask us --- */

static void on_solicit(void *arg, struct iface *ifc, struct ip6_addr addr,
		       const struct eth_addr *to)
{
	struct net *net = arg;
	const struct net_addr *src;

	if (!ip6_addr_is_mapped(addr)) {
		ndp_solicit(net, ifc, addr, to);
		return;
	}
	/* Without an address of ours there is a probe (RFC 5227), which is answered too. */
	src = addr_select(net, ifc->index, addr);
	arp_solicit(&net->neigh, ifc, src ? (uint32_t)src->conf.addr.lo : 0, (uint32_t)addr.lo, to);
}

static void on_neigh_failed(void *arg, struct pbuf *pb)
{
	struct net *net = arg;

	icmp_error(net, pb, ICMP_WHY_HOST, 0);
	core_drop(net->core, pb, DROP_NEIGH_FAILED);
}

/* Addresses of loopback are nobody's on a link. */
static bool on_ours(void *arg, const struct iface *ifc, struct ip6_addr addr)
{
	(void)ifc; /* the weak model: any of ours */
	if (ip6_addr_is_mapped(addr) && ip4_addr_is_loopback((uint32_t)addr.lo))
		return false;
	return ip_addr_type(arg, addr, 0) == IP_ADDR_LOCAL;
}

static void on_expired(void *arg, struct pbuf *first)
{
	icmp_error(arg, first, ICMP_WHY_REASSEMBLY, 0);
}

static void on_pmtu_changed(void *arg)
{
	net_changed(arg);
}

/* --- life --- */

int net_init(struct net *net, struct core *core, const struct ip_params *params)
{
	int r;

	*net = (struct net){ .core = core, .params = *params };
	r = route_table_new(&net->routes, &core->mem);
	if (r < 0)
		return r;
	iface_table_init(&net->ifaces, core);
	neigh_table_init(&net->neigh, core, &net->ifaces);
	net->neigh.solicit = on_solicit;
	net->neigh.failed = on_neigh_failed;
	net->neigh.ours = on_ours;
	net->neigh.arg = net;
	reass_init(&net->reass, core, &net->params, &net->stats, on_expired, net);
	pmtu_init(&net->pmtu, core, &net->params, on_pmtu_changed, net);
	pbuf_queue_init(&net->loop);
	for (unsigned int i = 0; i < NET_IP4_IDS; i++)
		net->ip4_id[i] = (uint16_t)core_random(core);
	return 0;
}

void net_done(struct net *net)
{
	struct pbuf *pb;

	for (uint32_t i = 1; i <= IFACE_MAX; i++)
		if (net->ifc[i])
			net_iface_del(net, i);
	while ((pb = pbuf_queue_take(&net->loop)))
		core_drop(net->core, pb, DROP_SHUTDOWN);
	reass_done(&net->reass);
	pmtu_done(&net->pmtu);
	icmp_limit_done(&net->icmp, net->core);
	neigh_table_done(&net->neigh);
	addr_table_done(net);
	route_table_free(net->routes);
	iface_table_done(&net->ifaces);
}

bool net_iface_usable(const void *arg, uint32_t ifindex)
{
	const struct net *net = arg;
	const struct iface *ifc = iface_get(&net->ifaces, ifindex);

	return ifc && ifc->up;
}

struct ip_params *net_params(struct net *net)
{
	return &net->params;
}

struct iface_table *net_ifaces(struct net *net)
{
	return &net->ifaces;
}

/* --- interfaces --- */

int net_iface_add(struct net *net, uint32_t ifindex)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_iface *nif = mem->alloc(mem->arg, sizeof(*nif));

	if (!nif)
		return -ENOMEM;
	*nif = (struct net_iface){ .net = net, .ifc = iface_get(&net->ifaces, ifindex) };
	assert(nif->ifc && !nif->ifc->up);
	igmp_init(nif);
	mld_init(nif);
	ndp_init(nif);
	net->ifc[ifindex] = nif;
	/* Every host is in these (RFC 1112, 4; RFC 4291, 2.8). */
	if (group_join(net, nif, ip6_addr_of_ip4(IP4_ALL_HOSTS)) < 0 ||
	    group_join(net, nif, IP6_ALL_NODES) < 0) {
		net_iface_del(net, ifindex);
		return -ENOMEM;
	}
	return 0;
}

static void iface_down(struct net *net, struct net_iface *nif)
{
	if (nif->ifc->kind != IFACE_LOOPBACK) {
		ndp_down(net, nif);
		mld_down(net, nif);
		igmp_down(net, nif);
	}
	addr_iface_down(net, nif);
	neigh_flush(&net->neigh, nif->ifc->index, false);
	iface_set_up(&net->ifaces, nif->ifc, false);
	net_changed(net);
}

void net_iface_del(struct net *net, uint32_t ifindex)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_iface *nif = net->ifc[ifindex];

	iface_down(net, nif);
	while (nif->addrs)
		addr_remove(net, nif->addrs);
	group_iface_del(net, nif);
	route_del_iface(net->routes, ifindex);
	neigh_flush(&net->neigh, ifindex, true);
	reass_flush(&net->reass, ifindex);
	net->ifc[ifindex] = NULL;
	mem->free(mem->arg, nif, sizeof(*nif));
	net_changed(net);
}

void net_iface_set_up(struct net *net, uint32_t ifindex, bool up)
{
	struct net_iface *nif = net->ifc[ifindex];

	if (nif->ifc->up == up)
		return;
	if (!up) {
		iface_down(net, nif);
		return;
	}
	iface_set_up(&net->ifaces, nif->ifc, true);
	net_changed(net);
	addr_iface_up(net, nif);
	if (nif->ifc->kind == IFACE_LOOPBACK)
		return;
	igmp_up(net, nif);
	mld_up(net, nif);
	ndp_up(net, nif);
}

void net_timer_fired(struct net *net, struct timer *t)
{
	struct net_timer *nt = (struct net_timer *)(void *)t;

	_Static_assert(offsetof(struct net_timer, t) == 0, "cast");
	nt->fn(net, nt->arg);
}
