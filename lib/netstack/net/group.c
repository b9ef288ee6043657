/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multicast groups of interfaces: who counts on them, and when IGMP or MLD has to say so.
 */
#include <errno.h>

#include "netstack/net/net_priv.h"

struct net_group *group_lookup(const struct net *net, uint32_t ifindex, struct ip6_addr group)
{
	const struct net_iface *nif = net_iface_get(net, ifindex);

	if (!nif)
		return NULL;
	for (struct net_group *g = nif->groups; g; g = g->next)
		if (ip6_addr_eq(g->addr, group))
			return g;
	return NULL;
}

/* Nobody is told about what goes on inside of this host. */
static bool is_told(const struct net_iface *nif)
{
	return nif->ifc->kind != IFACE_LOOPBACK;
}

int group_join(struct net *net, struct net_iface *nif, struct ip6_addr group)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_group *g = group_lookup(net, nif->ifc->index, group);

	if (g) {
		g->refs++;
		return 0;
	}
	g = mem->alloc(mem->arg, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct net_group){
		.next = nif->groups,
		.addr = group,
		.ifindex = nif->ifc->index,
		.refs = 1,
	};
	nif->groups = g;
	if (!is_told(nif))
		return 0;
	if (ip6_addr_is_mapped(group))
		igmp_join(net, nif, g);
	else
		mld_join(net, nif, g);
	return 0;
}

static void group_free(struct net *net, struct net_iface *nif, struct net_group *g)
{
	const struct pbuf_mem *mem = &net->core->mem;
	struct net_group **at = &nif->groups;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	net_timer_del(net->core, &g->member.timer);
	mem->free(mem->arg, g, sizeof(*g));
}

void group_leave(struct net *net, struct net_iface *nif, struct net_group *g)
{
	if (--g->refs)
		return;
	if (is_told(nif)) {
		if (ip6_addr_is_mapped(g->addr))
			igmp_leave(net, nif, g);
		else
			mld_leave(net, nif, g);
	}
	group_free(net, nif, g);
}

void group_iface_del(struct net *net, struct net_iface *nif)
{
	while (nif->groups)
		group_free(net, nif, nif->groups);
}

/* --- for transport --- */

/* Where a route to the group leads; without one, to the first link that is up. */
static struct net_iface *default_iface(const struct net *net, struct ip6_addr group)
{
	const struct route_conf *r = route_lookup(net->routes, group, 0, net_iface_usable, net);

	if (r && r->type == ROUTE_UNICAST)
		return net_iface_get(net, r->ifindex);
	for (uint32_t i = 1; i <= IFACE_MAX; i++)
		if (net->ifc[i] && net->ifc[i]->ifc->up && is_told(net->ifc[i]))
			return net->ifc[i];
	return NULL;
}

int ip_group_join(struct net *net, uint32_t ifindex, struct ip6_addr group, uint32_t *ret_ifindex)
{
	struct net_iface *nif;
	int r;

	if (!ip_is_multicast(group))
		return -EINVAL;
	nif = ifindex ? net_iface_get(net, ifindex) : default_iface(net, group);
	if (!nif)
		return -ENODEV;
	r = group_join(net, nif, group);
	if (r == 0 && ret_ifindex)
		*ret_ifindex = nif->ifc->index;
	return r;
}

int ip_group_leave(struct net *net, uint32_t ifindex, struct ip6_addr group)
{
	struct net_group *g = group_lookup(net, ifindex, group);

	if (!g)
		return -EADDRNOTAVAIL;
	group_leave(net, net_iface_get(net, ifindex), g);
	return 0;
}
