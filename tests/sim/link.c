/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link.c - what happens to a frame on its way, and that none is lost track of
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"

static const char *const loss_name[LOSS_N] = {
	[LOSS_CHANCE] = "by chance",      [LOSS_BURST] = "in bursts",
	[LOSS_CUT] = "on cut links",      [LOSS_BLACKHOLE] = "in a black hole",
	[LOSS_QUEUE] = "in a full queue", [LOSS_NO_BUFFER] = "without a buffer",
};

/* Bytes on a link, with what a virtual device would say about them. */
struct frame {
	struct link_end *from;
	uint32_t len;
	uint16_t l4;
	uint16_t csum_offset;
	uint16_t gso_size;
	uint8_t csum;
	uint8_t gso;
	bool gso_ecn;
	uint8_t data[];
};

/* --- between packets and frames --- */

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

static struct segment_offload offload_of(const struct frame *f)
{
	return (struct segment_offload){
		.partial = f->csum == PBUF_CSUM_PARTIAL,
		.gso_size = f->gso == PBUF_GSO_NONE ? 0 : f->gso_size,
	};
}

static void count(struct tally *t, const struct frame *f)
{
	t->frames++;
	t->bytes += f->len;
}

static void uncount(struct tally *t, const struct frame *f)
{
	assert(t->frames && t->bytes >= f->len);
	t->frames--;
	t->bytes -= f->len;
}

/* --- arriving --- */

static void batch_arrive(struct world *w, void *arg)
{
	struct link_end *to = arg;
	struct host *h = to->host;
	struct pbuf *burst[SIM_BATCH_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < to->n_batch; i++) {
		struct frame *f = to->batch[i];
		struct link_stats *s = &f->from->stats;
		const struct segment_offload o = offload_of(f);
		struct pbuf *pb = frame_to_pbuf(f, netstack_pool(h->st));

		uncount(&s->in_flight, f);
		count(pb ? &s->delivered : &s->lost[LOSS_NO_BUFFER], f);
		if (pb) {
			burst[n++] = pb;
			if (!h->is_router)
				segment_in(w, h, f->data, f->len, &o);
		}
		free(f);
	}
	to->n_batch = 0;
	if (n)
		netstack_input(h->st, to->ifindex, burst, n, w->now_ns);
	h->dirty = true;
}

/* Those of one moment are one burst: the first one calls for all of them. */
static void frame_arrive(struct world *w, void *arg)
{
	struct frame *f = arg;
	struct link_end *to = &f->from->link->end[!f->from->side];

	f->from->queued -= f->len;
	world_hash(w, f->data, f->len);
	if (to->n_batch == SIM_BATCH_MAX)
		batch_arrive(w, to);
	to->batch[to->n_batch++] = f;
	if (to->n_batch == 1)
		world_at(w, w->now_ns, batch_arrive, NULL, to);
}

/* --- on the way --- */

static bool frame_is_ip(const struct frame *f)
{
	const uint16_t type = f->len >= ETH_HDR_LEN ? get_be16(f->data + 12) : 0;

	return type == ETH_TYPE_IPV4 || type == ETH_TYPE_IPV6;
}

/* A bit of the IP packet: Ethernet's own checksum guards the rest, and a checksum that
 * the device finishes is not on the link to guard anything.
 */
static void corrupt(struct link_end *from, struct rng *r, struct frame *f)
{
	if (f->csum != PBUF_CSUM_NONE || !frame_is_ip(f) || f->len <= ETH_HDR_LEN)
		return;
	f->data[rng_between(r, ETH_HDR_LEN, f->len - 1)] ^= (uint8_t)(1 << rng_below(r, 8));
	from->stats.corrupted++;
}

/* Longer than what passes: of segments to be cut, each is. */
static bool is_in_blackhole(const struct link_conf *c, const struct frame *f)
{
	const uint32_t len = f->gso == PBUF_GSO_NONE ? f->len : (uint32_t)f->l4 + 20 + f->gso_size;

	return c->blackhole && len > c->blackhole + ETH_HDR_LEN && frame_is_ip(f);
}

/* LOSS_N: it is not lost. */
static enum loss why_lost(struct link_end *from, struct rng *r, const struct frame *f)
{
	const struct link_conf *c = &from->conf;

	if (from->in_burst)
		from->in_burst = !rng_chance(r, c->burst_end_ppm);
	else
		from->in_burst = rng_chance(r, c->burst_ppm);
	if (from->link->cut)
		return LOSS_CUT;
	if (from->in_burst && rng_chance(r, c->burst_loss_ppm))
		return LOSS_BURST;
	if (rng_chance(r, c->loss_ppm))
		return LOSS_CHANCE;
	if (is_in_blackhole(c, f))
		return LOSS_BLACKHOLE;
	if (c->queue_bytes && from->queued > c->queue_bytes)
		return LOSS_QUEUE;
	return LOSS_N;
}

/* When it arrives: behind what is before it, by the rate, later by the delay. */
static uint64_t arrival(struct link_end *from, struct rng *r, uint32_t len)
{
	struct world *w = from->link->w;
	const struct link_conf *c = &from->conf;
	uint64_t at = from->busy_until_ns > w->now_ns ? from->busy_until_ns : w->now_ns;

	if (c->rate)
		at += (uint64_t)len * 8 * SIM_S / c->rate;
	from->busy_until_ns = at;
	at += c->delay_ns;
	if (c->jitter_ns)
		at += rng_below(r, c->jitter_ns);
	if (rng_chance(r, c->reorder_ppm))
		return at + 1 + rng_below(r, c->reorder_ns);
	if (c->coalesce_ns)
		at += c->coalesce_ns - at % c->coalesce_ns;
	if (at < from->last_at_ns)
		at = from->last_at_ns;
	from->last_at_ns = at;
	return at;
}

static void put_on_link(struct link_end *from, struct frame *f)
{
	struct world *w = from->link->w;

	f->from = from;
	from->queued += f->len;
	count(&from->stats.in_flight, f);
	world_at(w, arrival(from, &w->rng, f->len), frame_arrive, free, f);
}

static void send_frame(struct link_end *from, struct frame *f)
{
	struct world *w = from->link->w;
	struct rng *r = &w->rng;
	const enum loss loss = why_lost(from, r, f);

	count(&from->stats.sent, f);
	if (loss != LOSS_N) {
		count(&from->stats.lost[loss], f);
		free(f);
		return;
	}
	if (rng_chance(r, from->conf.dup_ppm)) {
		count(&from->stats.duplicated, f);
		put_on_link(from, frame_dup(f));
	}
	if (rng_chance(r, from->conf.corrupt_ppm))
		corrupt(from, r, f);
	put_on_link(from, f);
}

static unsigned int link_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct link_end *from = arg;
	struct world *w = from->link->w;

	if (rng_chance(&w->rng, from->conf.refuse_ppm)) {
		const unsigned int taken = (unsigned int)rng_below(&w->rng, n + 1);

		from->stats.refused += n - taken;
		n = taken;
	}
	for (unsigned int i = 0; i < n; i++) {
		struct frame *f = frame_of(burst[i]);
		const struct segment_offload o = offload_of(f);

		pbuf_free(burst[i]);
		hooks_see_tx(w, from->host, f->data, f->len);
		if (!from->host->is_router)
			segment_out(w, from->host, f->data, f->len, &o);
		send_frame(from, f);
	}
	return n;
}

/* --- a link --- */

static void attach(struct link *l, unsigned int side, struct host *h, const struct link_conf *conf)
{
	const uint32_t features = IFACE_TX_CSUM | IFACE_TSO4 | IFACE_TSO6 | IFACE_USO;
	struct link_end *e = &l->end[side];
	char name[16];
	struct iface_conf ic = {
		.name = name,
		.kind = IFACE_ETHERNET,
		.mac = { { 0x02, 0, 0, 0, (uint8_t)l->net, (uint8_t)(side + 1) } },
		.mtu = conf->mtu,
		.features = conf->offload ? features : 0,
		.tx = link_tx,
		.arg = e,
	};
	struct net_addr_conf a = { .no_dad = true };
	int r;

	*e = (struct link_end){ .link = l, .host = h, .side = side, .conf = *conf };
	(void)snprintf(name, sizeof(name), "eth%u", l->net); /* it is short */
	r = netstack_link_add(h->st, &ic);
	assert(r > 0);
	e->ifindex = (uint32_t)r;
	r = netstack_link_set_up(h->st, e->ifindex, true);
	assert(r == 0);
	a.ifindex = e->ifindex;
	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		a.addr = net_addr(l->net, side, ip6);
		a.prefix_len = ip6 ? 64 : 24;
		r = netstack_addr_add(h->st, &a);
		assert(r == 0);
	}
	(void)r; /* hosts are set up before memory fails */
	assert(h->n_ends < SIM_LINKS_MAX);
	h->end[h->n_ends++] = e;
}

struct link *link_new(struct world *w, struct host *a, struct host *b,
		      const struct link_conf conf[2])
{
	struct link *l = calloc(1, sizeof(*l));

	assert(l && w->n_links < SIM_LINKS_MAX && conf[0].mtu == conf[1].mtu);
	l->w = w;
	l->net = w->n_links;
	attach(l, 0, a, &conf[0]);
	attach(l, 1, b, &conf[1]);
	w->link[w->n_links++] = l;
	return l;
}

bool link_is_idle(const struct link *l)
{
	return !l->end[0].stats.in_flight.frames && !l->end[1].stats.in_flight.frames;
}

/* --- that none is lost track of --- */

static bool is_conserved(const struct link_stats *s)
{
	uint64_t frames = s->delivered.frames + s->in_flight.frames;
	uint64_t bytes = s->delivered.bytes + s->in_flight.bytes;

	for (unsigned int i = 0; i < LOSS_N; i++) {
		frames += s->lost[i].frames;
		bytes += s->lost[i].bytes;
	}
	return frames == s->sent.frames + s->duplicated.frames &&
	       bytes == s->sent.bytes + s->duplicated.bytes;
}

static bool is_counted_alike(const struct link_end *e, const struct tally *delivered)
{
	struct iface_stats s;

	if (netstack_link_stats(e->host->st, e->ifindex, &s) < 0)
		return false;
	return s.tx_packets == e->stats.sent.frames && s.tx_bytes == e->stats.sent.bytes &&
	       s.rx_packets == delivered->frames && s.rx_bytes == delivered->bytes &&
	       s.tx_dropped >= e->stats.refused &&
	       netstack_drops(e->host->st)[DROP_TX_REFUSED] >= e->stats.refused;
}

static void note_losses(struct world *w, const struct link_end *e)
{
	for (unsigned int i = 0; i < LOSS_N; i++)
		if (e->stats.lost[i].frames)
			world_note(w, "%s's link has lost %llu frames %s", e->host->name,
				   (unsigned long long)e->stats.lost[i].frames, loss_name[i]);
}

void links_check(struct world *w)
{
	for (unsigned int i = 0; i < w->n_links; i++) {
		const struct link_end *end = w->link[i]->end;

		for (unsigned int side = 0; side < 2; side++) {
			const struct link_end *e = &end[side];

			if (is_conserved(&e->stats) &&
			    is_counted_alike(e, &end[!side].stats.delivered))
				continue;
			note_losses(w, e);
			world_fail(w, "link %u: of %llu frames %s sent, %llu were delivered", i,
				   (unsigned long long)e->stats.sent.frames, e->host->name,
				   (unsigned long long)e->stats.delivered.frames);
		}
	}
}

uint64_t world_lost(const struct world *w)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < w->n_hosts; i++)
		n += host_drops(w->host[i]);

	for (unsigned int i = 0; i < w->n_links; i++)
		for (unsigned int side = 0; side < 2; side++) {
			const struct link_stats *s = &w->link[i]->end[side].stats;

			for (unsigned int k = 0; k < LOSS_N; k++)
				n += s->lost[k].frames;
			n += s->corrupted + s->refused;
		}
	return n;
}
