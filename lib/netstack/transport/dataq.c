/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/dataq.h"

#include <assert.h>
#include <string.h>

#include "netstack/core/slab.h"

#define DATAQ_NODES_MAX (1U << 22)

_Static_assert(sizeof(struct dataq_node) == 128, "two cache lines");
_Static_assert(DATAQ_NODE_FRAGS <= 8, "bits of own");
_Static_assert(DATAQ_BLOCK_MAX <= PBUF_BLOCK_MAX, "there are such blocks");

static uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void dataq_slab_init(struct slab *s, const struct pbuf_mem *mem)
{
	slab_init(s, mem, sizeof(struct dataq_node), DATAQ_NODES_MAX);
}

/* The last piece; the queue is not empty. */
static struct pbuf_frag *last_frag(const struct dataq *q)
{
	return &q->last->frag[q->last->end - 1];
}

static uint32_t frag_end(const struct pbuf_frag *f)
{
	return f->off + f->len;
}

/* What a piece counts in the queue. */
static uint32_t frag_charge(const struct dataq_node *n, unsigned int at)
{
	return n->own & 1U << at ? n->frag[at].block->charge : n->frag[at].len;
}

/* --- the end --- */

/* Free places for pieces in the last node. */
static uint32_t free_frags(const struct dataq *q)
{
	return q->last ? DATAQ_NODE_FRAGS - q->last->end : 0;
}

static struct dataq_node *node_new(struct slab *s)
{
	uint32_t id;
	struct dataq_node *n = slab_alloc(s, &id);

	if (n)
		n->id = id;
	return n;
}

static void node_link(struct dataq *q, struct dataq_node *n)
{
	if (q->last)
		q->last->next = n;
	else
		q->first = n;
	q->last = n;
}

/* A place for one more piece; NULL without memory. */
static struct pbuf_frag *frag_new(struct dataq *q, struct slab *s)
{
	if (!free_frags(q)) {
		struct dataq_node *n = node_new(s);

		if (!n)
			return NULL;
		node_link(q, n);
	}
	return &q->last->frag[q->last->end++];
}

/* An empty block of the queue's own at its end: something is to be written to it at once. */
static bool grow(struct dataq *q, struct slab *s, struct pbuf_pool *pool, uint32_t len)
{
	const uint32_t want = max(max(len, q->len), DATAQ_BLOCK_MIN);
	struct pbuf_block *b = pbuf_block_alloc(pool, min(want, DATAQ_BLOCK_MAX));
	struct pbuf_frag *f;

	if (!b)
		return false;
	f = frag_new(q, s);
	if (!f) {
		pbuf_block_unref(b);
		return false;
	}
	*f = (struct pbuf_frag){ .block = b };
	q->last->own |= (uint8_t)(1U << (q->last->end - 1));
	q->tail_room = b->size;
	q->charge += b->charge;
	return true;
}

/* Where @len bytes that fit into the last block are to be written. */
static uint8_t *extend(struct dataq *q, uint32_t len)
{
	struct pbuf_frag *f = last_frag(q);
	uint8_t *at = f->block->data + frag_end(f);

	f->len += len;
	q->len += len;
	q->tail_room -= len;
	return at;
}

uint32_t dataq_write(struct dataq *q, struct slab *s, struct pbuf_pool *pool, const void *src,
		     uint32_t len)
{
	const uint8_t *from = src;
	uint32_t done = 0;

	while (done < len) {
		uint32_t n;

		if (!q->tail_room && !grow(q, s, pool, len - done))
			break;
		n = min(len - done, q->tail_room);
		memcpy(extend(q, n), from + done, n);
		done += n;
	}
	return done;
}

/* The piece continues the last one, which is of another's block too. */
static bool continues(const struct dataq *q, const struct pbuf_block *block, uint32_t off)
{
	const struct pbuf_frag *f;

	/* add_pieces() links empty nodes before it fills them */
	if (!q->last || !q->last->end || q->last->own & 1U << (q->last->end - 1))
		return false;
	f = last_frag(q);
	return f->block == block && frag_end(f) == off;
}

bool dataq_add(struct dataq *q, struct slab *s, struct pbuf_block *block, uint32_t off,
	       uint32_t len)
{
	assert(off <= block->size && len <= block->size - off);
	if (len == 0)
		return true;
	if (continues(q, block, off)) {
		last_frag(q)->len += len;
	} else {
		struct pbuf_frag *f = frag_new(q, s);

		if (!f)
			return false;
		*f = (struct pbuf_frag){
			.block = pbuf_block_ref(block),
			.off = off,
			.len = len,
		};
	}
	q->len += len;
	q->charge += len;
	q->tail_room = 0;
	return true;
}

/* --- packets --- */

/* What is left of the last block may stay empty: a packet is appended whole or not at all. */
static bool add_copy(struct dataq *q, struct slab *s, const struct pbuf *pb, uint32_t off,
		     uint32_t len)
{
	if (q->tail_room < len && !grow(q, s, pb->pool, len))
		return false;
	pbuf_copy_out(pb, off, extend(q, len), len);
	return true;
}

static bool is_wasteful(const struct pbuf *pb, uint32_t len)
{
	return len <= DATAQ_COPY_MAX || pbuf_truesize(pb) / DATAQ_WASTE_MAX > len;
}

/* Nodes for @want more pieces.  Return: how many in @ret; -1 without memory */
static int reserve(struct slab *s, uint32_t want, struct dataq_node **ret)
{
	int n = 0;

	for (uint32_t room = 0; room < want; room += DATAQ_NODE_FRAGS) {
		ret[n] = node_new(s);
		if (!ret[n]) {
			while (n)
				slab_free(s, ret[--n]->id);
			return -1;
		}
		n++;
	}
	return n;
}

/* By reference: all pieces or none, so nodes are allocated first. */
static bool add_pieces(struct dataq *q, struct slab *s, const struct pbuf *pb, uint32_t off)
{
	struct dataq_node *spare[(PBUF_FRAGS_MAX + DATAQ_NODE_FRAGS) / DATAQ_NODE_FRAGS];
	const uint32_t pieces = pb->n_frags + 1U;
	int n = reserve(s, pieces - min(pieces, free_frags(q)), spare);
	int used = 0;

	if (n < 0)
		return false;
	for (int i = -1; i < pb->n_frags; i++) {
		struct pbuf_frag f = { .block = pb->head, .len = pb->linear };

		if (i >= 0)
			f = pb->frag[i];
		else if (pb->head)
			f.off = (uint32_t)(pb->data - pb->head->data);
		if (off >= f.len) {
			off -= f.len;
			continue;
		}
		if (!free_frags(q) && !continues(q, f.block, f.off + off))
			node_link(q, spare[used++]);
		(void)dataq_add(q, s, f.block, f.off + off, f.len - off); /* it has a place */
		off = 0;
	}
	while (n > used)
		slab_free(s, spare[--n]->id);
	return true;
}

bool dataq_add_packet(struct dataq *q, struct slab *s, const struct pbuf *pb, uint32_t off)
{
	const uint32_t len = pb->len - off;

	assert(off <= pb->len);
	if (len == 0)
		return true;
	/* What is in the packet's own room goes away with it. */
	if (is_wasteful(pb, len) || (!pb->head && off < pb->linear))
		return add_copy(q, s, pb, off, len);
	return add_pieces(q, s, pb, off);
}

void dataq_splice(struct dataq *q, struct dataq *from)
{
	if (!from->first)
		return;
	if (!q->first) {
		*q = *from;
	} else {
		q->last->next = from->first;
		q->last = from->last;
		q->len += from->len;
		q->charge += from->charge;
		q->tail_room = from->tail_room;
	}
	*from = (struct dataq){ .len = 0 };
}

/* --- the front --- */

/* The first piece goes. */
static void pop(struct dataq *q, struct slab *s)
{
	struct dataq_node *n = q->first;

	q->len -= n->frag[n->first].len;
	q->charge -= frag_charge(n, n->first);
	pbuf_block_unref(n->frag[n->first].block);
	n->first++;
	if (n->first < n->end)
		return;
	q->first = n->next;
	if (!q->first) {
		q->last = NULL;
		q->tail_room = 0;
	}
	slab_free(s, n->id);
}

void dataq_clear(struct dataq *q, struct slab *s)
{
	while (q->first)
		pop(q, s);
	assert(q->len == 0 && q->charge == 0);
}

void dataq_drop(struct dataq *q, struct slab *s, uint32_t len)
{
	assert(len <= q->len);
	while (len > 0) {
		struct dataq_node *n = q->first;
		struct pbuf_frag *f = &n->frag[n->first];

		if (f->len > len) {
			if (!(n->own & 1U << n->first))
				q->charge -= len;
			q->len -= len;
			f->off += len;
			f->len -= len;
			return;
		}
		len -= f->len;
		pop(q, s);
	}
}

/* --- looking --- */

struct dataq_cursor dataq_seek(const struct dataq *q, uint32_t off)
{
	struct dataq_cursor c = { .node = q->first };

	assert(off <= q->len);
	if (!c.node)
		return c;
	c.at = c.node->first;
	c.off = c.node->frag[c.at].off;
	dataq_advance(&c, off);
	return c;
}

struct dataq_cursor dataq_tail(const struct dataq *q)
{
	struct dataq_cursor c = { .node = q->last };

	if (c.node) {
		c.at = c.node->end - 1U;
		c.off = frag_end(last_frag(q));
	}
	return c;
}

/* At the end of a piece that is not the last: to the next one. */
static void settle(struct dataq_cursor *c)
{
	if (c->off < frag_end(&c->node->frag[c->at]))
		return;
	if (c->at + 1 < c->node->end) {
		c->at++;
	} else if (c->node->next) {
		c->node = c->node->next;
		c->at = c->node->first;
	} else {
		return;
	}
	c->off = c->node->frag[c->at].off;
}

void dataq_settle(const struct dataq *q, struct dataq_cursor *c)
{
	if (c->node)
		settle(c);
	else
		*c = dataq_seek(q, 0);
}

void dataq_advance(struct dataq_cursor *c, uint32_t len)
{
	while (len > 0) {
		const uint32_t n = min(len, frag_end(&c->node->frag[c->at]) - c->off);

		assert(n > 0);
		c->off += n;
		len -= n;
		settle(c);
	}
}

void dataq_copy(struct dataq_cursor c, void *dst, uint32_t len)
{
	uint8_t *to = dst;

	while (len > 0) {
		const struct pbuf_frag *f = &c.node->frag[c.at];
		const uint32_t n = min(len, frag_end(f) - c.off);

		memcpy(to, f->block->data + c.off, n);
		to += n;
		len -= n;
		dataq_advance(&c, n);
	}
}

void dataq_peek(const struct dataq *q, uint32_t off, void *dst, uint32_t len)
{
	assert(off <= q->len && len <= q->len - off);
	dataq_copy(dataq_seek(q, off), dst, len);
}

uint32_t dataq_attach(struct dataq_cursor *c, struct pbuf *pb, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		const struct pbuf_frag *f = &c->node->frag[c->at];
		const uint32_t n = min(len - done, frag_end(f) - c->off);

		if (!pbuf_add_frag(pb, f->block, c->off, n))
			break;
		dataq_advance(c, n);
		done += n;
	}
	return done;
}

unsigned int dataq_view(const struct dataq *q, struct pbuf_frag *ret, unsigned int n)
{
	unsigned int done = 0;

	for (const struct dataq_node *node = q->first; node; node = node->next)
		for (unsigned int i = node->first; i < node->end && done < n; i++)
			ret[done++] = node->frag[i];
	return done;
}
