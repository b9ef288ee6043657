/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An instance: made, run, freed.
 *
 * A turn is what netstack_input() and netstack_advance() have in common.  Packets that came in
 * have been brought to their sockets; now
 *
 *	1. what the host sent to itself comes in, TCP sends its acknowledgements and data,
 *	   and so on while there is something, but not for ever: what is left is for the
 *	   next turn, which the deadline asks for at once;
 *	2. devices get all there is to be sent;
 *	3. owners of sockets are told the news, and may send: 1 and 2 again.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/netstack_priv.h"

/* Rounds of step 1, and packets of the host to itself in each. */
#define ROUNDS_MAX     4
#define ROUND_LOOP_MAX 256

static void *mem_alloc(void *arg, size_t size)
{
	(void)arg; /* malloc() has none */
	return malloc(size);
}

static void mem_free(void *arg, void *p, size_t size)
{
	(void)arg;  /* nor has free(), */
	(void)size; /* which knows */
	free(p);
}

void netstack_conf_default(struct netstack_conf *conf)
{
	*conf = (struct netstack_conf){
		.mem = { .alloc = mem_alloc, .free = mem_free },
		.pool_bytes_max = NETSTACK_POOL_BYTES,
		.sockets_max = NETSTACK_SOCKETS_MAX,
	};
	ip_params_default(&conf->ip);
	tcp_params_default(&conf->tcp);
}

/* --- timers of the layers that do not set their handlers themselves --- */

static struct netstack *of_core(void *core)
{
	return (struct netstack *)(void *)((char *)core - offsetof(struct netstack, core));
}

static void on_neigh(void *arg, struct timer *t)
{
	neigh_timer(&of_core(arg)->net.neigh, t);
}

static void on_net(void *arg, struct timer *t)
{
	net_timer_fired(&of_core(arg)->net, t);
}

static void on_reass(void *arg, struct timer *t)
{
	reass_timer(&of_core(arg)->net.reass, t);
}

static void on_pmtu(void *arg, struct timer *t)
{
	pmtu_timer(&of_core(arg)->net.pmtu, t);
}

/* --- life --- */

static void core_init(struct core *c, const struct netstack_conf *conf, uint64_t now_ns)
{
	c->now_ns = now_ns;
	c->trace = conf->trace;
	c->trace_arg = conf->trace_arg;
	c->shard = conf->shard;
	c->n_shards = conf->n_shards;
	memcpy(&c->key, conf->seed, sizeof(c->key));
	memcpy(&c->chance, conf->seed + sizeof(c->key), sizeof(c->chance));
	timer_wheel_init(&c->wheel, now_ns, c);
	c->wheel.handler[TIMER_NEIGH] = on_neigh;
	c->wheel.handler[TIMER_IFACE] = on_net;
	c->wheel.handler[TIMER_ADDR] = on_net;
	c->wheel.handler[TIMER_REASS] = on_reass;
	c->wheel.handler[TIMER_PMTU] = on_pmtu;
}

static int transport_init(struct netstack *st, const struct netstack_conf *conf)
{
	int r = udp_new(&st->udp, &st->core, &st->net);

	if (r == 0)
		r = raw_new(&st->raw, &st->core, &st->net);
	if (r == 0)
		r = tcp_new(&st->tcp, &st->core, &st->net, &conf->tcp);
	if (r < 0)
		return r;
	st->net.error = stack_rx_error;
	st->net.up_arg = st;
	return 0;
}

static void transport_done(struct netstack *st)
{
	st->net.error = NULL;
	tcp_free(st->tcp);
	raw_free(st->raw);
	udp_free(st->udp);
}

static int lo_init(struct netstack *st)
{
	const struct iface_conf conf = {
		.name = "lo",
		.kind = IFACE_LOOPBACK,
		.mtu = IFACE_MTU_MAX,
		.features = IFACE_TX_CSUM | IFACE_TSO4 | IFACE_TSO6 | IFACE_USO,
	};
	const struct net_addr_conf addr[] = {
		{ IFACE_LO, ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1)), 8, true, false, false },
		{ IFACE_LO, IP6_LOOPBACK, 128, true, false, false },
	};
	int r = netstack_link_add(st, &conf);

	if (r < 0)
		return r;
	assert(r == IFACE_LO);
	r = netstack_link_set_up(st, IFACE_LO, true);
	for (unsigned int i = 0; r == 0 && i < sizeof(addr) / sizeof(*addr); i++)
		r = netstack_addr_add(st, &addr[i]);
	return r;
}

static void sockets_init(struct netstack *st, const struct netstack_conf *conf)
{
	st->sockets.st = st;
	st->sockets.core = &st->core;
	st->sockets.net = &st->net;
	st->sockets.udp = st->udp;
	st->sockets.raw = st->raw;
	st->sockets.tcp = st->tcp;
	socket_table_init(&st->sockets, conf);
}

/* Everything above the pool.  What was made stays for unmake(). */
static int make(struct netstack *st, const struct netstack_conf *conf)
{
	int r = transport_init(st, conf);

	if (r < 0)
		return r;
	sockets_init(st, conf);
	return lo_init(st);
}

static void unmake(struct netstack *st)
{
	if (st->sockets.st)
		socket_table_done(&st->sockets);
	transport_done(st);
	net_done(&st->net);
}

int netstack_new(struct netstack **ret, const struct netstack_conf *conf, uint64_t now_ns)
{
	const uint64_t limit = conf->pool_bytes_max ? conf->pool_bytes_max : NETSTACK_POOL_BYTES;
	struct pbuf_mem mem = conf->mem;
	struct netstack *st;
	int r;

	if (ip_params_check(&conf->ip) < 0)
		return -EINVAL;
	if (tcp_params_check(&conf->tcp) < 0)
		return -EINVAL;
	if (conf->shard && conf->shard >= conf->n_shards)
		return -EINVAL;
	if (!mem.alloc)
		mem = (struct pbuf_mem){ .alloc = mem_alloc, .free = mem_free };
	st = mem.alloc(mem.arg, sizeof(*st));
	if (!st)
		return -ENOMEM;

	memset(st, 0, sizeof(*st));
	st->core.mem = mem;
	core_init(&st->core, conf, now_ns);
	r = pbuf_pool_new(&st->core.pool, &mem, limit);
	if (r < 0)
		goto fail;
	r = net_init(&st->net, &st->core, &conf->ip);
	if (r < 0)
		goto fail_pool;
	r = make(st, conf);
	if (r < 0)
		goto fail_net;

	*ret = st;
	return 0;

fail_net:
	unmake(st);
fail_pool:
	pbuf_pool_free(st->core.pool);
fail:
	mem.free(mem.arg, st, sizeof(*st));
	return r;
}

void netstack_free(struct netstack *st)
{
	struct pbuf_mem mem;

	if (!st)
		return;
	assert(!st->running);
	mem = st->core.mem;
	unmake(st);
	assert(st->core.wheel.n == 0);
	pbuf_pool_free(st->core.pool);
	mem.free(mem.arg, st, sizeof(*st));
}

/* --- running --- */

void netstack_set_now(struct netstack *st, uint64_t now_ns)
{
	if (now_ns > st->core.now_ns)
		st->core.now_ns = now_ns;
}

static void begin(struct netstack *st, uint64_t now_ns)
{
	assert(!st->running);
	st->running = true;
	netstack_set_now(st, now_ns);
}

/* What goes round inside: to ourselves, and what TCP wants to say. */
static void run_inside(struct netstack *st, bool input)
{
	for (unsigned int i = 0; i < ROUNDS_MAX; i++) {
		stack_rx_loop(st, ROUND_LOOP_MAX);
		tcp_run(st->tcp, input);
		if (!st->net.loop.n)
			return;
	}
}

static void send_all(struct netstack *st, bool input)
{
	run_inside(st, input);
	iface_flush(&st->net.ifaces);
	udp_run(st->udp);
	raw_run(st->raw);
}

static void end(struct netstack *st, bool input)
{
	send_all(st, input);
	if (socket_pending(&st->sockets)) {
		socket_run(&st->sockets);
		send_all(st, input);
	}
	st->running = false;
}

void netstack_input(struct netstack *st, uint32_t ifindex, struct pbuf *const *burst,
		    unsigned int n, uint64_t now_ns)
{
	struct iface *ifc = iface_get(&st->net.ifaces, ifindex);

	begin(st, now_ns);
	if (ifc) {
		stack_rx(st, ifc, burst, n);
	} else {
		for (unsigned int i = 0; i < n; i++)
			core_drop(&st->core, burst[i], DROP_LINK_DOWN);
	}
	end(st, true);
}

void netstack_advance(struct netstack *st, uint64_t now_ns)
{
	begin(st, now_ns);
	timer_wheel_advance(&st->core.wheel, st->core.now_ns);
	end(st, false);
}

uint64_t netstack_deadline(const struct netstack *st)
{
	if (st->net.ifaces.pending || st->net.loop.n || tcp_pending(st->tcp) ||
	    socket_pending(&st->sockets))
		return 0;
	return timer_wheel_next_ns(&st->core.wheel);
}

uint64_t netstack_news(const struct netstack *st)
{
	return st->core.news;
}

struct pbuf_pool *netstack_pool(struct netstack *st)
{
	return st->core.pool;
}

struct socket_table *netstack_sockets(struct netstack *st)
{
	return &st->sockets;
}

/* --- looking in --- */

const uint64_t *netstack_drops(const struct netstack *st)
{
	return st->core.drops;
}

const struct ip_stats *netstack_ip_stats(const struct netstack *st)
{
	return &st->net.stats;
}

unsigned int netstack_tcp_reset(struct netstack *st, struct ip6_addr local)
{
	return tcp_reset_from(st->tcp, local);
}

const struct tcp_stats *netstack_tcp_stats(const struct netstack *st)
{
	return tcp_stats(st->tcp);
}

void netstack_memory(const struct netstack *st, struct netstack_memory *ret)
{
	const struct net *net = &st->net;
	struct pbuf_pool_stats pool;
	struct tcp_counts tcp;

	pbuf_pool_stats(st->core.pool, &pool);
	tcp_counts(st->tcp, &tcp);
	*ret = (struct netstack_memory){
		.packets = pool.pbufs,
		.packet_bytes = pool.bytes,
		.packet_taken = pool.taken,
		.sockets = socket_count(&st->sockets),
		.conns = tcp.conns,
		.syn_rcvd = tcp.syn_rcvd,
		.time_wait = tcp.time_wait,
		.reassembly_bytes = net->reass.bytes,
		.neighs = net->neigh.slab.n,
		.tables = tcp.table_bytes + udp_bytes(st->udp) + raw_bytes(st->raw) +
			  socket_bytes(&st->sockets) + slab_bytes(&net->neigh.slab) +
			  flowtab_bytes(&net->neigh.by_addr) + slab_bytes(&net->reass.datagrams) +
			  flowtab_bytes(&net->reass.by_key) + slab_bytes(&net->pmtu.entries) +
			  flowtab_bytes(&net->pmtu.by_dst) + route_bytes(net->routes),
	};
}

void netstack_trim(struct netstack *st)
{
	assert(!st->running);
	tcp_trim(st->tcp);
	udp_trim(st->udp);
	socket_trim(&st->sockets);
	pbuf_pool_trim(st->core.pool);
}
