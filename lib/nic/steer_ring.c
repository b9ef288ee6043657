/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A record is a header and the frame's bytes, at multiples of 64 bytes; it does not wrap round.
 * What is left at the end is skipped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic/steer_priv.h"

#define ALIGN 64
#define SKIP  UINT32_MAX /* a record's length: the next one is at the beginning */

/* Headers that are stripped leave room for others; payload behind IPv4 and TCP with timestamps
 * begins with a cache line.
 */
#define ROOM 62

/**
 * struct record - What goes with the bytes of a frame
 * @len:	Of the frame, or SKIP
 * @l2, @l3, @l4: From its first byte on, or PBUF_NO_OFFSET
 *
 * The others are those of struct pbuf.
 */
struct record {
	uint32_t len;
	uint32_t mark;
	uint32_t hash;
	uint16_t gso_size;
	uint16_t csum_offset;
	uint16_t l2;
	uint16_t l3;
	uint16_t l4;
	uint16_t frag_max;
	uint8_t csum;
	uint8_t gso;
	uint8_t dest;
	bool gso_ecn;
	bool gather;
};

_Static_assert(sizeof(struct record) <= ALIGN, "the place for SKIP is enough for a record");
_Static_assert(STEER_RING_BYTES % ALIGN == 0, "records do not end behind the ring");

struct steer_ring *steer_ring_new(void)
{
	struct steer_ring *r = aligned_alloc(STEER_LINE, sizeof(*r));

	if (!r)
		return NULL;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->written = 0;
	r->tail_seen = 0;
	return r;
}

void steer_ring_free(struct steer_ring *r)
{
	free(r);
}

static uint32_t record_bytes(uint32_t len)
{
	return (uint32_t)(sizeof(struct record) + len + ALIGN - 1) / ALIGN * ALIGN;
}

static uint16_t mark_rel(const struct pbuf *pb, uint16_t mark)
{
	const uint32_t at = pbuf_headroom(pb);

	return mark == PBUF_NO_OFFSET || mark < at ? PBUF_NO_OFFSET : (uint16_t)(mark - at);
}

static uint16_t mark_abs(const struct pbuf *pb, uint16_t mark)
{
	return mark == PBUF_NO_OFFSET ? PBUF_NO_OFFSET : (uint16_t)(mark + pbuf_headroom(pb));
}

/* --- the writer --- */

/* Where @bytes can be written, NULL for nowhere. */
static uint8_t *reserve(struct steer_ring *r, uint32_t bytes)
{
	const uint32_t at = r->written % STEER_RING_BYTES;
	const uint32_t end = STEER_RING_BYTES - at;
	const uint32_t skip = bytes > end ? end : 0;

	if (bytes > STEER_RING_BYTES)
		return NULL;
	if (r->written + skip + bytes - r->tail_seen > STEER_RING_BYTES) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (r->written + skip + bytes - r->tail_seen > STEER_RING_BYTES)
			return NULL;
	}
	if (skip) {
		memcpy(r->data + at, &(const struct record){ .len = SKIP }, sizeof(struct record));
		r->written += skip;
	}
	return r->data + r->written % STEER_RING_BYTES;
}

bool steer_ring_put(struct steer_ring *r, const struct pbuf *pb, bool gather)
{
	const struct record rec = {
		.len = pb->len,
		.mark = pb->mark,
		.hash = pb->hash,
		.gso_size = pb->gso_size,
		.csum_offset = pb->csum_offset,
		.l2 = mark_rel(pb, pb->l2),
		.l3 = mark_rel(pb, pb->l3),
		.l4 = mark_rel(pb, pb->l4),
		.frag_max = pb->frag_max,
		.csum = pb->csum,
		.gso = pb->gso,
		.dest = pb->dest,
		.gso_ecn = pb->gso_ecn,
		.gather = gather,
	};
	uint8_t *at;

	if (pb->len > PBUF_BLOCK_MAX - ROOM)
		return false;
	at = reserve(r, record_bytes(pb->len));
	if (!at)
		return false;
	memcpy(at, &rec, sizeof(rec));
	pbuf_copy_out(pb, 0, at + sizeof(rec), pb->len);
	r->written += record_bytes(pb->len);
	return true;
}

/* Sequentially consistent with what the reader does before it sleeps (steer_arm()). */
void steer_ring_publish(struct steer_ring *r)
{
	atomic_store(&r->head, r->written);
}

/* --- the reader --- */

static struct pbuf *make_packet(struct pbuf_pool *pool, const struct record *rec, const uint8_t *p)
{
	struct pbuf *pb = pbuf_alloc_rx(pool, ROOM, rec->len ? rec->len : 1);

	if (!pb)
		return NULL;
	memcpy(pb->data, p, rec->len);
	pb->len = rec->len;
	pb->linear = rec->len;
	pb->mark = rec->mark;
	pb->hash = rec->hash;
	pb->gso_size = rec->gso_size;
	pb->csum_offset = rec->csum_offset;
	pb->l2 = mark_abs(pb, rec->l2);
	pb->l3 = mark_abs(pb, rec->l3);
	pb->l4 = mark_abs(pb, rec->l4);
	pb->frag_max = rec->frag_max;
	pb->csum = rec->csum;
	pb->gso = rec->gso;
	pb->dest = rec->dest;
	pb->gso_ecn = rec->gso_ecn;
	return pb;
}

int steer_ring_take(struct steer_ring *r, struct pbuf_pool *pool, struct pbuf **ret,
		    bool *ret_gather)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	struct record rec;
	const uint8_t *at;
	struct pbuf *pb;

	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
		return -EAGAIN;
	at = r->data + tail % STEER_RING_BYTES;
	memcpy(&rec, at, sizeof(rec));
	if (rec.len == SKIP) {
		/* There is one behind it: they are published together. */
		tail += STEER_RING_BYTES - tail % STEER_RING_BYTES;
		at = r->data;
		memcpy(&rec, at, sizeof(rec));
	}
	pb = make_packet(pool, &rec, at + sizeof(rec));
	atomic_store_explicit(&r->tail, tail + record_bytes(rec.len), memory_order_release);
	if (!pb)
		return -ENOMEM;
	*ret = pb;
	*ret_gather = rec.gather;
	return 0;
}
