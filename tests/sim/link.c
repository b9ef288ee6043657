/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link.c - what happens to a frame on its way
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"

/* Bytes on a link, with what a virtual device would say about them. */
struct frame {
	struct link_end *to;
	uint32_t len;
	uint16_t l4;
	uint16_t csum_offset;
	uint16_t gso_size;
	uint8_t csum;
	uint8_t gso;
	bool gso_ecn;
	uint8_t data[];
};

static struct frame *frame_of(const struct pbuf *pb)
{
	struct frame *f = malloc(sizeof(*f) + pb->len);

	assert(f);
	*f = (struct frame){
		.len = pb->len,
		.l4 = (uint16_t)(pb->l4 - pbuf_headroom(pb)),
		.csum_offset = pb->csum_offset,
		.gso_size = pb->gso_size,
		.csum = pb->csum,
		.gso = pb->gso,
		.gso_ecn = pb->gso_ecn,
	};
	pbuf_copy_out(pb, 0, f->data, pb->len);
	return f;
}

static struct frame *frame_dup(const struct frame *f)
{
	struct frame *g = malloc(sizeof(*g) + f->len);

	assert(g);
	memcpy(g, f, sizeof(*g) + f->len);
	return g;
}

/* A packet of the receiver's own memory; NULL when it has none. */
static struct pbuf *frame_to_pbuf(const struct frame *f, struct pbuf_pool *pool)
{
	struct pbuf *pb = pbuf_alloc_rx(pool, 64, f->len);
	uint8_t *p = pb ? pbuf_put(pb, f->len) : NULL;

	if (!p) {
		pbuf_free(pb);
		return NULL;
	}
	memcpy(p, f->data, f->len);
	pb->csum = f->csum;
	pb->csum_offset = f->csum_offset;
	pb->gso = f->gso;
	pb->gso_size = f->gso_size;
	pb->gso_ecn = f->gso_ecn;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + f->l4);
	return pb;
}

static void frame_arrive(struct world *w, void *arg)
{
	struct frame *f = arg;
	struct link_end *end = f->to;
	struct link *l = end->link;
	struct pbuf *pb;

	l->stats.in_flight--;
	l->end[!end->side].queued -= f->len;
	world_hash(w, f->data, f->len);
	pb = frame_to_pbuf(f, netstack_pool(end->host->st));
	free(f);
	if (!pb) {
		l->stats.no_buffer++;
		return;
	}
	l->stats.delivered++;
	netstack_input(end->host->st, end->ifindex, &pb, 1, w->now_ns);
	end->host->dirty = true;
}

static bool frame_is_ip(const struct frame *f)
{
	const uint16_t type = f->len >= ETH_HDR_LEN ? get_be16(f->data + 12) : 0;

	return type == ETH_TYPE_IPV4 || type == ETH_TYPE_IPV6;
}

/* A bit of the IP packet: Ethernet's own checksum guards the rest, and a checksum that
 * the device finishes is not on the link to guard anything.
 */
static void corrupt(struct link *l, struct rng *r, struct frame *f)
{
	if (f->csum != PBUF_CSUM_NONE || !frame_is_ip(f))
		return;
	f->data[rng_between(r, ETH_HDR_LEN, f->len - 1)] ^= (uint8_t)(1 << rng_below(r, 8));
	l->stats.corrupted++;
}

static bool is_lost(struct link_end *from, struct rng *r, const struct frame *f)
{
	const struct link_conf *c = &from->link->conf;

	if (from->in_burst)
		from->in_burst = !rng_chance(r, c->burst_end_ppm);
	else
		from->in_burst = rng_chance(r, c->burst_ppm);
	return from->link->cut || from->in_burst || rng_chance(r, c->loss_ppm) ||
	       (c->blackhole && f->len > c->blackhole + ETH_HDR_LEN && frame_is_ip(f)) ||
	       (c->queue_bytes && from->queued > c->queue_bytes);
}

/* When it arrives: behind what is before it, by the rate, later by the delay. */
static uint64_t arrival(struct link_end *from, struct rng *r, uint32_t len)
{
	struct world *w = from->link->w;
	const struct link_conf *c = &from->link->conf;
	uint64_t at = from->busy_until_ns > w->now_ns ? from->busy_until_ns : w->now_ns;

	if (c->rate)
		at += (uint64_t)len * 8 * SIM_S / c->rate;
	from->busy_until_ns = at;
	at += c->delay_ns;
	if (c->jitter_ns)
		at += rng_below(r, c->jitter_ns);
	if (rng_chance(r, c->reorder_ppm))
		return at + 1 + rng_below(r, c->reorder_ns);
	if (at < from->last_at_ns)
		at = from->last_at_ns;
	from->last_at_ns = at;
	return at;
}

static void put_on_link(struct link_end *from, struct frame *f)
{
	struct link *l = from->link;
	struct world *w = l->w;

	f->to = &l->end[!from->side];
	from->queued += f->len;
	l->stats.in_flight++;
	world_at(w, arrival(from, &w->rng, f->len), frame_arrive, free, f);
}

static unsigned int link_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct link_end *from = arg;
	struct link *l = from->link;
	struct rng *r = &l->w->rng;

	for (unsigned int i = 0; i < n; i++) {
		struct frame *f = frame_of(burst[i]);

		pbuf_free(burst[i]);
		l->stats.sent++;
		if (is_lost(from, r, f)) {
			l->stats.lost++;
			free(f);
			continue;
		}
		if (rng_chance(r, l->conf.dup_ppm)) {
			l->stats.duplicated++;
			put_on_link(from, frame_dup(f));
		}
		if (rng_chance(r, l->conf.corrupt_ppm))
			corrupt(l, r, f);
		put_on_link(from, f);
	}
	return n;
}

static void attach(struct link *l, unsigned int side, struct host *h)
{
	const uint8_t net = (uint8_t)l->w->n_links;
	const uint32_t features = IFACE_TX_CSUM | IFACE_TSO4 | IFACE_TSO6 | IFACE_USO;
	struct link_end *e = &l->end[side];
	struct iface_conf ic = {
		.kind = IFACE_ETHERNET,
		.mac = { { 0x02, 0, 0, 0, net, (uint8_t)(side + 1) } },
		.mtu = l->conf.mtu,
		.features = l->conf.offload ? features : 0,
		.tx = link_tx,
		.arg = e,
	};
	struct net_addr_conf a = { .prefix_len = 24, .no_dad = true };
	char name[16];
	int r;

	*e = (struct link_end){ .link = l, .host = h, .side = side };
	(void)snprintf(name, sizeof(name), "eth%u", net);
	ic.name = name;
	r = netstack_link_add(h->st, &ic);
	assert(r > 0);
	e->ifindex = (uint32_t)r;
	r = netstack_link_set_up(h->st, e->ifindex, true);
	assert(r == 0);
	a.ifindex = e->ifindex;
	a.addr = ip6_addr_of_ip4(IP4_ADDR(10, 0, net, side + 1));
	r = netstack_addr_add(h->st, &a);
	assert(r == 0);
	a.addr = (struct ip6_addr){ UINT64_C(0xfd00000000000000) | net, side + 1 };
	a.prefix_len = 64;
	r = l->conf.mtu >= 1280 ? netstack_addr_add(h->st, &a) : 0;
	assert(r == 0);
	(void)r; /* hosts are set up before memory fails */
}

struct link *link_new(struct world *w, struct host *a, struct host *b, const struct link_conf *conf)
{
	struct link *l = calloc(1, sizeof(*l));

	assert(l && w->n_links < SIM_LINKS_MAX);
	l->w = w;
	l->conf = *conf;
	attach(l, 0, a);
	attach(l, 1, b);
	w->link[w->n_links++] = l;
	return l;
}
