/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenario.c - a world out of a seed
 *
 * Hosts hang on a tree of routers.  Most links are good in most respects, as links are; a part
 * of the worlds has memory that runs out, links that go down, or hooks that change packets, and
 * another part is perfect: there, data has to flow as fast as the slowest link.
 */
#include <assert.h>
#include <stdio.h>

#include "sim.h"

#define ROUTERS_MAX     4
#define LEAVES_MAX      5
#define PATIENCE_NS     (400 * SIM_S)
#define PATIENCE_BAD_NS (1500 * SIM_S) /* RFC 1122's R2, and a keepalive */

/* What makes one world different from another one. */
struct plan {
	unsigned int n_routers;
	unsigned int n_leaves;
	bool perfect;
	bool memory_fails;
	bool memory_short;
	bool cuts;
	bool narrow; /* links are narrower than they say */
	bool nat;
	bool dscp;
	bool hooks_drop;
};

static const uint64_t rates[] = { 0, 1000000, 10000000, 100000000, 1000000000, 10000000000 };

static uint32_t maybe(struct rng *r, uint32_t chance_ppm, uint64_t max)
{
	return rng_chance(r, chance_ppm) ? (uint32_t)rng_log(r, max) : 0;
}

/* --- links --- */

static void make_bad(struct rng *r, struct link_conf *c)
{
	c->jitter_ns = rng_chance(r, 300000) ? rng_below(r, c->delay_ns + 1) : 0;
	c->loss_ppm = maybe(r, 300000, 50000);
	c->burst_ppm = maybe(r, 150000, 3000);
	c->burst_end_ppm = (uint32_t)rng_between(r, 100000, 900000);
	c->burst_loss_ppm =
		rng_chance(r, 500000) ? 1000000 : (uint32_t)rng_between(r, 100000, 900000);
	c->reorder_ppm = maybe(r, 250000, 100000);
	c->reorder_ns = 1 + rng_log(r, 50 * SIM_MS);
	c->dup_ppm = maybe(r, 200000, 50000);
	c->corrupt_ppm = c->offload ? 0 : maybe(r, 200000, 20000);
	c->refuse_ppm = maybe(r, 80000, 20000);
	/* a queue that holds less than a packet loses all of them */
	c->queue_bytes = rng_chance(r, 300000) ? (uint32_t)rng_between(r, 70000, 1000000) : 0;
}

static struct link *random_link(struct world *w, struct rng *r, const struct plan *p,
				struct host *a, struct host *b)
{
	const unsigned int n_rates = sizeof(rates) / sizeof(rates[0]);
	struct link_conf c[2];
	struct link *l;

	c[0] = (struct link_conf){
		.rate = rates[rng_below(r, n_rates)],
		.delay_ns = rng_log(r, p->perfect ? 10 * SIM_MS : 100 * SIM_MS),
		.coalesce_ns = rng_chance(r, 300000) ? rng_log(r, SIM_MS) : 0,
		.mtu = rng_chance(r, 700000) ? 1500 : (uint32_t)rng_between(r, 1280, 9000),
		.offload = rng_chance(r, 500000),
	};
	if (p->nat || p->perfect)
		c[0].mtu = 1500; /* errors about translated packets find nobody */
	c[1] = c[0];
	c[1].offload = rng_chance(r, 700000) ? c[0].offload : !c[0].offload;
	for (unsigned int side = 0; side < 2 && !p->perfect; side++)
		make_bad(r, &c[side]);
	if (p->narrow && rng_chance(r, 500000)) {
		c[0].blackhole = (uint32_t)rng_between(r, 1280, 1400);
		c[1].blackhole = rng_chance(r, 500000) ? c[0].blackhole : 0;
	}
	l = link_new(w, a, b, c);
	return l;
}

/* --- faults --- */

/* The cable is out, or the interfaces know it, too. */
static void set_down(struct world *w, struct link *l, bool down, bool known)
{
	l->cut = down;
	for (unsigned int side = 0; side < 2; side++) {
		struct link_end *e = &l->end[side];
		const int r =
			known || !down ? netstack_link_set_up(e->host->st, e->ifindex, !down) : 0;

		assert(r == 0);
		(void)r; /* the interface is there */
		e->host->dirty = true;
	}
	world_note(w, "link %u is %s", l->net, down ? known ? "down" : "cut" : "up");
}

static void flap(struct world *w, void *arg)
{
	struct link *l = arg;

	set_down(w, l, !l->cut, rng_chance(&w->rng, 500000));
	if (l->cut || rng_chance(&w->rng, 500000))
		world_at(w, w->now_ns + rng_log(&w->rng, 60 * SIM_S), flap, NULL, l);
}

static void memory_begins_to_fail(struct world *w, void *arg)
{
	struct host *h = arg;

	h->fail_ppm = (uint32_t)rng_log(&w->rng, 300000);
}

static void add_faults(struct world *w, const struct plan *p)
{
	struct rng *r = &w->rng;

	for (unsigned int i = 0; p->cuts && i < w->n_links; i++)
		if (rng_chance(r, 600000))
			world_at(w, w->now_ns + rng_log(r, 20 * SIM_S), flap, NULL, w->link[i]);
	for (unsigned int i = 0; p->memory_fails && i < w->n_hosts; i++)
		world_at(w, w->now_ns + rng_log(r, SIM_S), memory_begins_to_fail, NULL, w->host[i]);
}

/* --- hosts --- */

static void shorten_memory(struct rng *r, struct netstack_conf *c)
{
	c->pool_bytes_max = rng_between(r, 512 << 10, 4 << 20);
	if (rng_chance(r, 500000))
		c->tcp.bytes_max = rng_between(r, 64 << 10, 1 << 20);
	if (rng_chance(r, 300000))
		c->sockets_max = (uint32_t)rng_between(r, 2, 40);
	if (rng_chance(r, 300000))
		c->tcp.orphans_max = (uint32_t)rng_below(r, 4);
	if (rng_chance(r, 300000))
		c->tcp.time_wait_max = (uint32_t)rng_below(r, 8);
	if (rng_chance(r, 300000))
		c->tcp.syn_backlog_max = (uint32_t)rng_between(r, 1, 8);
	if (rng_chance(r, 300000))
		c->ip.reass_bytes_max = (uint32_t)rng_between(r, 4096, 65536);
}

static struct netstack_conf random_conf(struct rng *r, const struct plan *p, bool router)
{
	struct netstack_conf c;

	netstack_conf_default(&c);
	c.ip.ip4_forward = router;
	c.ip.ip6_forward = router;
	c.tcp.gso = rng_chance(r, 800000);
	c.tcp.mtu_probing = 1;
	if (rng_chance(r, 500000))
		(void)snprintf(c.tcp.cc, sizeof(c.tcp.cc), "reno"); /* it fits */
	if (p->perfect)
		return c;
	c.tcp.timestamps = rng_chance(r, 850000);
	c.tcp.sack = rng_chance(r, 850000);
	c.tcp.dsack = rng_chance(r, 850000);
	c.tcp.window_scaling = rng_chance(r, 850000);
	c.tcp.syncookies = (enum tcp_syncookies)rng_below(r, 3);
	c.tcp.moderate_rcvbuf = rng_chance(r, 850000);
	c.tcp.abort_on_overflow = false;
	if (p->memory_short)
		shorten_memory(r, &c);
	return c;
}

static struct host *add_host(struct world *w, struct rng *r, const struct plan *p, bool router)
{
	const struct netstack_conf c = random_conf(r, p, router);
	char name[16];
	struct host *h;

	(void)snprintf(name, sizeof(name), router ? "router%u" : "host%u", w->n_hosts); /* short */
	h = host_new(w, name, &c);
	h->is_router = router;
	return h;
}

static void build_tree(struct world *w, const struct plan *p)
{
	struct rng r = rng_fork(&w->rng);

	for (unsigned int i = 0; i < p->n_routers; i++)
		add_host(w, &r, p, true);
	for (unsigned int i = 0; i < p->n_leaves; i++)
		add_host(w, &r, p, false);
	/* a chain, or a tree */
	for (unsigned int i = 1; i < p->n_routers; i++)
		random_link(w, &r, p, w->host[rng_chance(&r, 600000) ? i - 1 : rng_below(&r, i)],
			    w->host[i]);
	if (p->n_routers == 0)
		random_link(w, &r, p, w->host[0], w->host[1]);
	/* the first two on the ends of the chain, the others anywhere */
	for (unsigned int i = 0; p->n_routers && i < p->n_leaves; i++) {
		uint64_t at = rng_below(&r, p->n_routers);

		if (i < 2)
			at = i ? p->n_routers - 1 : 0;
		random_link(w, &r, p, w->host[at], w->host[p->n_routers + i]);
	}
	routes_add(w);
}

/* The only way to a leaf: the router it hangs on. */
static struct host *gateway_of(const struct host *h)
{
	const struct link_end *e = h->end[0];

	return e->link->end[!e->side].host;
}

static void add_hooks(struct world *w, const struct plan *p)
{
	for (unsigned int i = 0; i < w->n_hosts; i++) {
		struct host *h = w->host[i];
		struct hooks_plan hp = { .drop_ppm = 0 };

		if (p->hooks_drop)
			hp.drop_ppm = (uint32_t)rng_log(&w->rng, 20000);
		hp.dscp = p->dscp && h->is_router && rng_chance(&w->rng, 700000);
		hp.server = w->host[w->n_hosts - 1];
		hp.nat = p->nat && h == gateway_of(hp.server);
		if (hp.drop_ppm || hp.dscp || hp.nat)
			hooks_install(h, &hp);
	}
}

/* --- applications --- */

/* Two different leaves, and the address by which the first one knows the second. */
static struct host *pick(struct world *w, struct rng *r, const struct plan *p,
			 struct host **ret_server, bool ip6, struct ip6_addr *ret_addr)
{
	const unsigned int a = p->n_routers + (unsigned int)rng_below(r, p->n_leaves);
	unsigned int b = p->n_routers + (unsigned int)rng_below(r, p->n_leaves - 1);

	if (b >= a)
		b++;
	*ret_server = w->host[b];
	*ret_addr = host_addr(w->host[b], ip6);
	if (p->nat && b == w->n_hosts - 1)
		*ret_addr = virtual_addr(gateway_of(w->host[b]), ip6);
	return w->host[a];
}

/* The slowest link between any hosts, and what the delays of all come to. */
static uint64_t bulk_time(const struct world *w, uint64_t bytes)
{
	uint64_t rate = UINT64_C(10000000000), delay = 0;

	for (unsigned int i = 0; i < w->n_links; i++) {
		const struct link_conf *c = &w->link[i]->end[0].conf;

		rate = c->rate && c->rate < rate ? c->rate : rate;
		delay += 2 * (c->delay_ns + c->coalesce_ns);
	}
	/* slow start, handshake, the end; then half of the rate */
	return 2 * bytes * 8 * SIM_S / rate + 30 * delay + SIM_S;
}

static void add_perfect(struct world *w, struct rng *r, const struct plan *p)
{
	const uint64_t bytes = rng_between(r, 100000, 1000000);
	const bool ip6 = rng_chance(r, 500000);
	struct ip6_addr addr;
	struct host *server, *client = pick(w, r, p, &server, ip6, &addr);

	stream_new(w, client, server, ip6, addr, bytes, bulk_time(w, bytes));
}

static void add_applications(struct world *w, const struct plan *p)
{
	struct rng r = rng_fork(&w->rng);
	const unsigned int n_streams = (unsigned int)rng_log(&r, 12);
	struct ip6_addr addr;
	struct host *client, *server;

	if (p->perfect) {
		add_perfect(w, &r, p);
		return;
	}
	for (unsigned int i = 0; i < n_streams; i++) {
		const bool ip6 = rng_chance(&r, 500000);

		client = pick(w, &r, p, &server, ip6, &addr);
		stream_new(w, client, server, ip6, addr, 0, 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		const bool ip6 = rng_chance(&r, 500000);

		client = pick(w, &r, p, &server, ip6, &addr);
		if (i == 0 && rng_chance(&r, 300000))
			swarm_new(w, client, server, ip6, addr);
		if (i == 1 && rng_chance(&r, 300000))
			datagrams_new(w, client, server, ip6, addr);
		if (i == 2 && rng_chance(&r, 300000))
			pings_new(w, client, ip6, addr);
	}
}

void scenario_build(struct world *w)
{
	struct rng *r = &w->rng;
	struct plan p = {
		.n_routers = (unsigned int)rng_below(r, ROUTERS_MAX + 1),
		.n_leaves = 2,
		.perfect = rng_chance(r, 80000),
	};

	if (p.n_routers)
		p.n_leaves = (unsigned int)rng_between(r, 2, LEAVES_MAX);
	if (!p.perfect) {
		p.memory_fails = rng_chance(r, 80000);
		p.memory_short = rng_chance(r, 80000);
		p.cuts = rng_chance(r, 80000);
		p.narrow = rng_chance(r, 60000);
		p.hooks_drop = rng_chance(r, 80000);
		p.dscp = p.n_routers && rng_chance(r, 150000);
		p.nat = p.n_routers && !p.narrow && rng_chance(r, 100000);
	}
	w->memory = p.memory_fails || p.memory_short;
	w->lenient = w->memory || p.cuts || p.narrow;
	w->patience_ns = w->lenient ? PATIENCE_BAD_NS : PATIENCE_NS;
	build_tree(w, &p);
	add_hooks(w, &p);
	add_faults(w, &p);
	add_applications(w, &p);
}
