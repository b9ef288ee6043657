/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/redirect.h"

#include "netstack/net/net_priv.h"

static struct route_conf route_of(const struct net_iface *nif, const struct redirect *rd)
{
	const bool is_ip4 = ip6_addr_is_mapped(rd->dst);

	return (struct route_conf){
		.dst = rd->dst,
		.dst_len = is_ip4 ? 32 : 128,
		.is_ip4 = is_ip4,
		.ifindex = nif->ifc->index,
		.metric = rd->metric,
		.type = ROUTE_UNICAST,
	};
}

static void forget(struct net *net, struct net_iface *nif, struct redirect *rd)
{
	const struct route_conf r = route_of(nif, rd);

	(void)route_del(net->routes, &r); /* may have been deleted by hand */
	rd->until_ns = 0;
	net_changed(net);
}

static void arm(struct net *net, struct redirect_iface *ri)
{
	uint64_t first = TIMER_NEVER;

	for (unsigned int i = 0; i < REDIRECTS_MAX; i++)
		if (ri->slot[i].until_ns && ri->slot[i].until_ns < first)
			first = ri->slot[i].until_ns;
	net_timer_set(net->core, &ri->timer, first);
}

static void fired(struct net *net, void *arg)
{
	struct net_iface *nif = arg;

	for (unsigned int i = 0; i < REDIRECTS_MAX; i++) {
		struct redirect *rd = &nif->redirect.slot[i];

		if (rd->until_ns && rd->until_ns <= net->core->now_ns)
			forget(net, nif, rd);
	}
	arm(net, &nif->redirect);
}

void redirect_init(struct net_iface *nif)
{
	nif->redirect = (struct redirect_iface){ .slot[0].until_ns = 0 };
	net_timer_init(&nif->redirect.timer, fired, nif);
}

void redirect_down(struct net *net, struct net_iface *nif)
{
	for (unsigned int i = 0; i < REDIRECTS_MAX; i++)
		if (nif->redirect.slot[i].until_ns)
			forget(net, nif, &nif->redirect.slot[i]);
	net_timer_del(net->core, &nif->redirect.timer);
}

static bool is_router(const struct net *net, bool is_ip4)
{
	return is_ip4 ? net->params.ip4_forward : net->params.ip6_forward;
}

static bool is_on_link(const struct net *net, const struct net_iface *nif, struct ip6_addr gateway)
{
	const struct route_conf *r;

	if (addr_lookup(net, gateway, 0))
		return false;
	if (ip6_addr_is_link_local(gateway))
		return true;
	r = route_lookup(net->routes, gateway, 0, net_iface_usable, net);
	return r && r->type == ROUTE_UNICAST && !r->has_gateway && r->ifindex == nif->ifc->index;
}

/* That of @dst, else a free one, else the oldest. */
static struct redirect *find_slot(struct redirect_iface *ri, struct ip6_addr dst)
{
	struct redirect *best = &ri->slot[0];

	for (unsigned int i = 0; i < REDIRECTS_MAX; i++) {
		struct redirect *rd = &ri->slot[i];

		if (rd->until_ns && ip6_addr_eq(rd->dst, dst))
			return rd;
		if (rd->until_ns < best->until_ns)
			best = rd;
	}
	return best;
}

int redirect_in(struct net *net, struct net_iface *nif, struct ip6_addr from, struct ip6_addr dst,
		struct ip6_addr gateway)
{
	const bool to_host = ip6_addr_eq(gateway, dst);
	const struct route_conf *now;
	struct redirect *rd;
	struct route_conf r;

	if (!net->params.accept_redirects || is_router(net, ip6_addr_is_mapped(dst)))
		return DROP_ICMP_TYPE;
	now = route_lookup(net->routes, dst, 0, net_iface_usable, net);
	if (!now || now->type != ROUTE_UNICAST || now->ifindex != nif->ifc->index ||
	    !now->has_gateway || !ip6_addr_eq(now->gateway, from))
		return DROP_ICMP_UNMATCHED;
	if (!to_host && !is_on_link(net, nif, gateway))
		return DROP_ICMP_BAD;

	rd = find_slot(&nif->redirect, dst);
	if (rd->until_ns)
		forget(net, nif, rd);
	*rd = (struct redirect){
		.dst = dst,
		.metric = NDP_ROUTE_METRIC,
		.until_ns = net->core->now_ns + REDIRECT_MS * NS_PER_MS,
	};
	r = route_of(nif, rd);
	r.has_gateway = !to_host;
	r.gateway = gateway;
	if (route_add(net->routes, &r) < 0)
		rd->until_ns =
			0; /* one that was configured stays; so does the way without memory */
	net_changed(net);
	arm(net, &nif->redirect);
	return RX_PASS;
}
