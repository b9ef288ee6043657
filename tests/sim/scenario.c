/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenario.c - a world out of a seed
 *
 * Hosts hang on both ends of a chain of routers.  Most links are good in most respects, as
 * links are; a part of the worlds has memory that runs out or links that are cut for a while.
 */
#include <assert.h>
#include <stdio.h>

#include "sim.h"

#define ROUTERS_MAX 2

/* What makes one world different from another one. */
struct plan {
	unsigned int n_routers;
	bool memory_fails;
	bool memory_short;
	bool cuts;
};

static const uint64_t rates[] = { 0, 1000000, 10000000, 100000000, 1000000000, 10000000000 };

static uint32_t maybe(struct rng *r, uint32_t chance_ppm, uint64_t max)
{
	return rng_chance(r, chance_ppm) ? (uint32_t)rng_log(r, max) : 0;
}

static struct link_conf random_link(struct rng *r)
{
	const unsigned int n_rates = sizeof(rates) / sizeof(rates[0]);
	struct link_conf c = {
		.rate = rates[rng_below(r, n_rates)],
		.delay_ns = rng_log(r, 100 * SIM_MS),
		.mtu = rng_chance(r, 700000) ? 1500 : (uint32_t)rng_between(r, 1280, 9000),
		.offload = rng_chance(r, 500000),
	};

	c.jitter_ns = rng_chance(r, 300000) ? rng_below(r, c.delay_ns + 1) : 0;
	c.loss_ppm = maybe(r, 400000, 50000);
	c.burst_ppm = maybe(r, 150000, 3000);
	c.burst_end_ppm = (uint32_t)rng_between(r, 100000, 900000);
	c.reorder_ppm = maybe(r, 300000, 100000);
	c.reorder_ns = 1 + rng_log(r, 50 * SIM_MS);
	c.dup_ppm = maybe(r, 200000, 50000);
	c.corrupt_ppm = c.offload ? 0 : maybe(r, 200000, 20000);
	/* a queue that holds less than a packet loses all of them */
	c.queue_bytes = rng_chance(r, 300000) ? (uint32_t)rng_between(r, 70000, 1000000) : 0;
	return c;
}

static void default_route(struct host *h, uint32_t ifindex, struct link *l, unsigned int to)
{
	unsigned int net = 0;
	struct route_conf rt = { .ifindex = ifindex, .has_gateway = true, .is_ip4 = true };
	int r;

	while (h->w->link[net] != l)
		net++;
	rt.dst = ip6_addr_of_ip4(0);
	rt.gateway = ip6_addr_of_ip4(IP4_ADDR(10, 0, net, to));
	r = netstack_route_add(h->st, &rt);
	assert(r == 0);
	rt.is_ip4 = false;
	rt.dst = IP6_UNSPECIFIED;
	rt.gateway = (struct ip6_addr){ UINT64_C(0xfd00000000000000) | net, to };
	r = netstack_route_add(h->st, &rt);
	assert(r == 0);
	(void)r; /* before memory fails */
}

static struct netstack_conf random_conf(struct rng *r, const struct plan *p, bool router)
{
	struct netstack_conf c;

	netstack_conf_default(&c);
	c.ip.ip4_forward = router;
	c.ip.ip6_forward = router;
	c.tcp.timestamps = rng_chance(r, 850000);
	c.tcp.sack = rng_chance(r, 850000);
	c.tcp.dsack = rng_chance(r, 850000);
	c.tcp.window_scaling = rng_chance(r, 850000);
	c.tcp.gso = rng_chance(r, 800000);
	c.tcp.mtu_probing = 1;
	c.tcp.syncookies = (enum tcp_syncookies)rng_below(r, 3);
	if (rng_chance(r, 500000))
		(void)snprintf(c.tcp.cc, sizeof(c.tcp.cc), "reno");
	if (p->memory_short)
		c.pool_bytes_max = rng_between(r, 512 << 10, 4 << 20);
	return c;
}

static void cut(struct world *w, void *arg)
{
	struct link *l = arg;

	l->cut = !l->cut;
	world_note(w, "link %s", l->cut ? "cut" : "mended");
	if (l->cut)
		world_at(w, w->now_ns + rng_log(&w->rng, 60 * SIM_S), cut, NULL, l);
}

/* A host, then routers, then a host. */
static unsigned int build_chain(struct world *w, const struct plan *p)
{
	const unsigned int n = p->n_routers + 2;
	struct rng r = rng_fork(&w->rng);

	for (unsigned int i = 0; i < n; i++) {
		const bool router = i > 0 && i + 1 < n;
		const struct netstack_conf c = random_conf(&r, p, router);
		char name[16];

		(void)snprintf(name, sizeof(name), router ? "router%u" : "host%u", i);
		host_new(w, name, &c)->is_router = router;
	}
	for (unsigned int i = 0; i + 1 < n; i++) {
		const struct link_conf c = random_link(&r);
		struct link *l = link_new(w, w->host[i], w->host[i + 1], &c);

		if (p->cuts)
			world_at(w, w->now_ns + rng_log(&r, 20 * SIM_S), cut, NULL, l);
	}
	/* Each knows its own links; towards the far end the left ones go right.  A router in
	 * the middle knows the network on its left from its link or as a route.
	 */
	for (unsigned int i = 0; i + 2 < n; i++)
		default_route(w->host[i], w->link[i]->end[0].ifindex, w->link[i], 2);
	for (unsigned int i = 2; i < n; i++) {
		struct host *h = w->host[i];

		if (i + 1 == n)
			default_route(h, w->link[i - 1]->end[1].ifindex, w->link[i - 1], 1);
	}
	return n;
}

/* Networks on the left of routers that have their default route to the right. */
static void routes_back(struct world *w, unsigned int n)
{
	for (unsigned int i = 2; i + 1 < n; i++) {
		struct host *h = w->host[i];
		struct route_conf rt = { .ifindex = w->link[i - 1]->end[1].ifindex,
					 .has_gateway = true };

		for (unsigned int net = 0; net + 1 < i; net++) {
			int r;

			rt.is_ip4 = true;
			rt.dst = ip6_addr_of_ip4(IP4_ADDR(10, 0, net, 0));
			rt.dst_len = 24;
			rt.gateway = ip6_addr_of_ip4(IP4_ADDR(10, 0, i - 1, 1));
			r = netstack_route_add(h->st, &rt);
			assert(r == 0);
			rt.is_ip4 = false;
			rt.dst = (struct ip6_addr){ UINT64_C(0xfd00000000000000) | net, 0 };
			rt.dst_len = 64;
			rt.gateway = (struct ip6_addr){ UINT64_C(0xfd00000000000000) | (i - 1), 1 };
			r = netstack_route_add(h->st, &rt);
			assert(r == 0);
			(void)r; /* before memory fails */
		}
	}
}

static void add_applications(struct world *w, unsigned int n)
{
	struct host *a = w->host[0], *b = w->host[n - 1];
	struct rng r = rng_fork(&w->rng);
	const unsigned int n_streams = (unsigned int)rng_log(&r, 12);
	const struct ip6_addr addr4[2] = { ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1)),
					   ip6_addr_of_ip4(IP4_ADDR(10, 0, n - 2, 2)) };
	const struct ip6_addr addr6[2] = { { UINT64_C(0xfd00000000000000), 1 },
					   { UINT64_C(0xfd00000000000000) | (n - 2), 2 } };

	for (unsigned int i = 0; i < n_streams; i++) {
		const bool ip6 = rng_chance(&r, 500000), back = rng_chance(&r, 300000);

		if (back)
			stream_new(w, b, a, ip6, ip6 ? addr6[0] : addr4[0]);
		else
			stream_new(w, a, b, ip6, ip6 ? addr6[1] : addr4[1]);
	}
	if (rng_chance(&r, 400000)) {
		const bool ip6 = rng_chance(&r, 500000);

		datagrams_new(w, a, b, ip6, ip6 ? addr6[1] : addr4[1]);
	}
}

static void memory_begins_to_fail(struct world *w, void *arg)
{
	struct host *h = arg;

	h->fail_ppm = (uint32_t)rng_log(&w->rng, 300000);
}

void scenario_build(struct world *w)
{
	struct rng *r = &w->rng;
	const struct plan p = {
		.n_routers = (unsigned int)rng_below(r, ROUTERS_MAX + 1),
		.memory_fails = rng_chance(r, 80000),
		.memory_short = rng_chance(r, 80000),
		.cuts = rng_chance(r, 80000),
	};
	const unsigned int n = build_chain(w, &p);

	routes_back(w, n);
	w->lenient = p.memory_fails || p.memory_short || p.cuts;
	if (p.memory_fails)
		for (unsigned int i = 0; i < n; i++)
			world_at(w, w->now_ns + rng_log(r, SIM_S), memory_begins_to_fail, NULL,
				 w->host[i]);
	add_applications(w, n);
}
