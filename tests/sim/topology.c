/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * topology.c - addresses and routes: links are the edges of a tree, hosts its leaves
 */
#include <assert.h>

#include "sim.h"

#define NET6     UINT64_C(0xfd00000000000000)
#define VIRTUAL6 UINT64_C(0xfdff000000000000)

struct ip6_addr net_addr(unsigned int net, unsigned int side, bool ip6)
{
	if (ip6)
		return (struct ip6_addr){ NET6 | net, side + 1 };
	return ip6_addr_of_ip4(IP4_ADDR(10, 0, net, side + 1));
}

struct ip6_addr virtual_addr(const struct host *h, bool ip6)
{
	if (ip6)
		return (struct ip6_addr){ VIRTUAL6 | h->index, 1 };
	return ip6_addr_of_ip4(IP4_ADDR(10, 99, h->index, 1));
}

/* --- where things are --- */

/* Which of its interfaces leads from @h to @to?  NULL: it is there, or not that way.  @came is the
 * link it was come by.
 */
static const struct link_end *way(const struct host *h, const struct host *to,
				  const struct link *came)
{
	for (unsigned int i = 0; i < h->n_ends; i++) {
		const struct link_end *e = h->end[i];
		const struct host *next = e->link->end[!e->side].host;

		if (e->link == came)
			continue;
		if (next == to || way(next, to, e->link))
			return e;
	}
	return NULL;
}

static bool has_link(const struct host *h, const struct link *l)
{
	return l->end[0].host == h || l->end[1].host == h;
}

/* --- routes --- */

static void add(struct host *h, const struct link_end *by, struct ip6_addr dst, uint8_t len,
		bool ip6)
{
	const struct route_conf rt = {
		.dst = dst,
		.dst_len = len,
		.is_ip4 = !ip6,
		.ifindex = by->ifindex,
		.has_gateway = true,
		.gateway = net_addr(by->link->net, !by->side, ip6),
	};
	const int r = netstack_route_add(h->st, &rt);

	assert(r == 0);
	(void)r; /* before memory fails */
}

/* Leaves need no more than a default route. */
static void leaf_routes(struct host *h)
{
	add(h, h->end[0], ip6_addr_of_ip4(0), 0, false);
	add(h, h->end[0], IP6_UNSPECIFIED, 0, true);
}

static void router_routes(struct world *w, struct host *h)
{
	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		const uint8_t len = ip6 ? 64 : 24;

		for (unsigned int i = 0; i < w->n_links; i++) {
			const struct link *l = w->link[i];
			const struct ip6_addr a = net_addr(l->net, 0, ip6);

			if (!has_link(h, l))
				add(h, way(h, l->end[0].host, NULL),
				    ip6 ? ip6_addr_prefix(a, 64) : ip6_addr_prefix(a, 96 + 24), len,
				    ip6);
		}
		for (unsigned int i = 0; i < w->n_hosts; i++) {
			const struct ip6_addr a = virtual_addr(w->host[i], ip6);

			if (w->host[i] != h && w->host[i]->is_router)
				add(h, way(h, w->host[i], NULL),
				    ip6 ? ip6_addr_prefix(a, 64) : ip6_addr_prefix(a, 96 + 24), len,
				    ip6);
		}
	}
}

void routes_add(struct world *w)
{
	for (unsigned int i = 0; i < w->n_hosts; i++) {
		if (w->host[i]->is_router)
			router_routes(w, w->host[i]);
		else
			leaf_routes(w->host[i]);
	}
}
