/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/pbuf.h"

#include <assert.h>
#include <string.h>

#include "nic/pbuf_priv.h"
#include "wire/checksum.h"
#include "wire/udp.h"

/* Headroom that a packet gets which has to move: a virtio header, an Ethernet header with
 * two tags, and a fragment header pushed between.
 */
#define ROOM_KEPT 48

static uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* --- pieces: number 0 is the linear part, the fragments follow --- */

static const uint8_t *piece(const struct pbuf *pb, uint32_t i, uint32_t *ret_len)
{
	if (i == 0) {
		*ret_len = pb->linear;
		return pb->data;
	}
	*ret_len = pb->frag[i - 1].len;
	return pbuf_frag_data(&pb->frag[i - 1]);
}

void pbuf_copy_out(const struct pbuf *pb, uint32_t off, void *dst, uint32_t len)
{
	uint8_t *to = dst;

	assert(off <= pb->len && len <= pb->len - off);
	for (uint32_t i = 0; len > 0; i++) {
		uint32_t n;
		const uint8_t *p = piece(pb, i, &n);

		if (off >= n) {
			off -= n;
			continue;
		}
		n = min(n - off, len);
		memcpy(to, p + off, n);
		to += n;
		len -= n;
		off = 0;
	}
}

uint32_t pbuf_csum(const struct pbuf *pb, uint32_t off, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t done = 0;

	assert(off <= pb->len && len <= pb->len - off);
	for (uint32_t i = 0; done < len; i++) {
		uint32_t n;
		const uint8_t *p = piece(pb, i, &n);

		if (off >= n) {
			off -= n;
			continue;
		}
		n = min(n - off, len - done);
		sum += csum_at(csum_bytes(p + off, n), done);
		done += n;
		off = 0;
	}
	return csum_fold32(sum);
}

void pbuf_finish_csum(struct pbuf *pb)
{
	uint8_t *l4 = pbuf_l4(pb);
	uint64_t sum;

	if (pb->csum != PBUF_CSUM_PARTIAL)
		return;
	assert(pb->gso == PBUF_GSO_NONE);
	assert(pb->l4 != PBUF_NO_OFFSET);
	assert(l4 + pb->csum_offset + 2 <= pb->data + pb->linear);

	/* The header may have been stripped already, or others pushed before it. */
	if (l4 < pb->data) {
		const uint32_t n = (uint32_t)(pb->data - l4);

		sum = csum_bytes(l4, n);
		sum += csum_at(pbuf_csum(pb, 0, pb->len), n);
	} else {
		const uint32_t off = (uint32_t)(l4 - pb->data);

		sum = pbuf_csum(pb, off, pb->len - off);
	}
	/* UDP has no zero, TCP takes either (RFC 768; both are the same number). */
	put_be16(l4 + pb->csum_offset, udp_csum_finish(sum));
	pb->csum = PBUF_CSUM_NONE;
}

uint32_t pbuf_truesize(const struct pbuf *pb)
{
	const struct pbuf_block *last = pb->head;
	uint32_t size = PBUF_CHARGE + (last ? last->charge : 0);

	/* Pieces of one block follow each other. */
	for (unsigned int i = 0; i < pb->n_frags; i++) {
		if (pb->frag[i].block != last)
			size += pb->frag[i].block->charge;
		last = pb->frag[i].block;
	}
	return size;
}

/* --- fragments --- */

/* Strip @n bytes, which are there, from the first fragments; @len is the caller's. */
static void frags_skip(struct pbuf *pb, uint32_t n)
{
	unsigned int gone = 0;

	while (n > 0) {
		struct pbuf_frag *f = &pb->frag[gone];

		if (f->len > n) {
			f->off += n;
			f->len -= n;
			break;
		}
		n -= f->len;
		pbuf_block_unref(f->block);
		gone++;
	}
	if (gone) {
		pb->n_frags = (uint8_t)(pb->n_frags - gone);
		memmove(pb->frag, pb->frag + gone, pb->n_frags * sizeof(*pb->frag));
	}
}

bool pbuf_add_frag(struct pbuf *pb, struct pbuf_block *block, uint32_t off, uint32_t len)
{
	struct pbuf_frag *last = pb->n_frags ? &pb->frag[pb->n_frags - 1] : NULL;

	assert(off <= block->size && len <= block->size - off);
	if (!len)
		return true;
	if (last && last->block == block && last->off + last->len == off) {
		last->len += len;
	} else {
		if (pb->n_frags == PBUF_FRAGS_MAX)
			return false;
		pb->frag[pb->n_frags++] = (struct pbuf_frag){
			.block = pbuf_block_ref(block),
			.off = off,
			.len = len,
		};
	}
	pb->len += len;
	return true;
}

void pbuf_trim(struct pbuf *pb, uint32_t len)
{
	uint32_t cut = pb->len - len;

	assert(len <= pb->len);
	pb->len = len;
	while (cut && pb->n_frags) {
		struct pbuf_frag *f = &pb->frag[pb->n_frags - 1];

		if (f->len > cut) {
			f->len -= cut;
			return;
		}
		cut -= f->len;
		pbuf_block_unref(f->block);
		pb->n_frags--;
	}
	pb->linear -= cut;
}

void pbuf_skip(struct pbuf *pb, uint32_t len)
{
	const uint32_t n = min(len, pb->linear);

	assert(len <= pb->len);
	pbuf_pull(pb, n);
	pb->len -= len - n;
	frags_skip(pb, len - n);
}

static bool linear_is_shared(const struct pbuf *pb)
{
	return pb->head && pb->head->refs > 1;
}

/* Bytes that are in @src's own room. */
static bool append_copy(struct pbuf *pb, const uint8_t *p, uint32_t len)
{
	uint8_t *at = linear_is_shared(pb) ? NULL : pbuf_put(pb, len);
	struct pbuf_block *b;
	bool ok;

	if (at) {
		memcpy(at, p, len);
		return true;
	}
	b = pbuf_block_alloc(pb->pool, len);
	if (!b)
		return false;
	memcpy(b->data, p, len);
	ok = pbuf_add_frag(pb, b, 0, len);
	pbuf_block_unref(b);
	return ok;
}

/* One piece, or part of it, of @src. */
static bool append_piece(struct pbuf *pb, const struct pbuf *src, uint32_t i, uint32_t off,
			 uint32_t len)
{
	struct pbuf_block *b;

	if (pb->n_frags == PBUF_FRAGS_MAX && !pbuf_pullup(pb, pb->len))
		return false;
	if (i == 0 && !src->head)
		return append_copy(pb, src->data + off, len);
	if (i == 0) {
		b = src->head;
		off += (uint32_t)(src->data - b->data);
	} else {
		b = src->frag[i - 1].block;
		off += src->frag[i - 1].off;
	}
	return pbuf_add_frag(pb, b, off, len);
}

bool pbuf_append(struct pbuf *pb, const struct pbuf *src, uint32_t off, uint32_t len)
{
	const uint32_t before = pb->len;

	assert(off <= src->len && len <= src->len - off);
	for (uint32_t i = 0; len > 0; i++) {
		uint32_t n;

		(void)piece(src, i, &n);
		if (off >= n) {
			off -= n;
			continue;
		}
		n = min(n - off, len);
		if (!append_piece(pb, src, i, off, n)) {
			pbuf_trim(pb, before);
			return false;
		}
		len -= n;
		off = 0;
	}
	return true;
}

/* --- the linear part --- */

/* How many bytes before @data are headers that were passed. */
static uint32_t bytes_before(const struct pbuf *pb)
{
	const uint32_t at = pbuf_headroom(pb);
	const uint32_t first = min(min(pb->l2, pb->l3), pb->l4);

	return first < at ? at - first : 0;
}

static void shift_mark(uint16_t *mark, int32_t by)
{
	if (*mark != PBUF_NO_OFFSET)
		*mark = (uint16_t)(*mark + by);
}

/* Where the linear part moves to. */
struct place {
	struct pbuf_block *head; /* NULL: the pbuf's own room */
	uint8_t *base;
	uint32_t size;
	uint32_t at; /* of data */
};

/* A place for @len bytes with at least @room before them: a block only if it must be. */
static bool find_place(struct pbuf *pb, uint32_t room, uint32_t len, struct place *ret)
{
	if (room + len <= PBUF_ROOM) {
		*ret = (struct place){
			.base = pb->room,
			.size = PBUF_ROOM,
			.at = max(room, min(PBUF_HEADROOM, PBUF_ROOM - len)),
		};
		return true;
	}
	room = max(room, PBUF_HEADROOM);
	if (len > PBUF_BLOCK_MAX || room > PBUF_BLOCK_MAX - len)
		return false;
	ret->head = pbuf_block_alloc(pb->pool, room + len);
	if (!ret->head)
		return false;
	ret->base = ret->head->data;
	ret->size = ret->head->size;
	ret->at = room;
	return true;
}

/* The first @len bytes and the headers before them go to memory that is ours alone, with
 * @room bytes of headroom.  What else was linear becomes the first fragment.
 */
static bool move_linear(struct pbuf *pb, uint32_t room, uint32_t len)
{
	const uint32_t before = bytes_before(pb);
	struct pbuf_block *old = pb->head;
	struct place to;
	uint32_t n, rest;
	int32_t by;

	if (!old || pb->n_frags == PBUF_FRAGS_MAX)
		len = max(len, pb->linear);
	n = min(len, pb->linear);
	rest = pb->linear - n;
	if (!find_place(pb, max(room, before), len, &to))
		return false;

	memmove(to.base + to.at - before, pb->data - before, before + n);
	if (len > n)
		pbuf_copy_out(pb, n, to.base + to.at + n, len - n);
	frags_skip(pb, len - n);
	if (rest) {
		memmove(pb->frag + 1, pb->frag, pb->n_frags * sizeof(*pb->frag));
		pb->frag[0] = (struct pbuf_frag){
			.block = pbuf_block_ref(old),
			.off = (uint32_t)(pb->data - old->data) + n,
			.len = rest,
		};
		pb->n_frags++;
	}

	by = (int32_t)to.at - (int32_t)pbuf_headroom(pb);
	shift_mark(&pb->l2, by);
	shift_mark(&pb->l3, by);
	shift_mark(&pb->l4, by);
	pb->head = to.head;
	pb->base = to.base;
	pb->data = to.base + to.at;
	pb->size = to.size;
	pb->linear = len;
	if (old)
		pbuf_block_unref(old);
	return true;
}

bool pbuf_pullup_slow(struct pbuf *pb, uint32_t len)
{
	const uint32_t more = len - pb->linear;

	if (len > pb->len)
		return false;
	if (len <= pb->linear)
		return true;
	if (linear_is_shared(pb) || pb->size - pbuf_headroom(pb) - pb->linear < more)
		return move_linear(pb, ROOM_KEPT, len);

	pbuf_copy_out(pb, pb->linear, pb->data + pb->linear, more);
	frags_skip(pb, more);
	pb->linear = len;
	return true;
}

bool pbuf_unshare(struct pbuf *pb, uint32_t len)
{
	if (len > pb->len)
		return false;
	if (linear_is_shared(pb))
		return move_linear(pb, ROOM_KEPT, len);
	return pbuf_pullup(pb, len);
}

bool pbuf_make_room(struct pbuf *pb, uint32_t room)
{
	if (pbuf_headroom(pb) >= room && !linear_is_shared(pb))
		return true;
	return move_linear(pb, room, min(pb->linear, PBUF_ROOM / 2));
}

struct pbuf *pbuf_clone(const struct pbuf *pb)
{
	struct pbuf *copy = pbuf_alloc(pb->pool);

	if (!copy)
		return NULL;
	memcpy(copy, pb, offsetof(struct pbuf, frag)); /* what is in @cb, too */
	memcpy(copy->frag, pb->frag, pb->n_frags * sizeof(*pb->frag));
	copy->next = NULL;
	copy->owner_bytes = 0;
	for (unsigned int i = 0; i < pb->n_frags; i++)
		(void)pbuf_block_ref(pb->frag[i].block);
	if (pb->head) {
		(void)pbuf_block_ref(pb->head);
	} else {
		const uint32_t from = pbuf_headroom(pb) - bytes_before(pb);
		const uint32_t end = pbuf_headroom(pb) + pb->linear;

		memcpy(copy->room + from, pb->room + from, end - from);
		copy->base = copy->room;
		copy->data = copy->room + pbuf_headroom(pb);
	}
	return copy;
}

void pbuf_queue_free(struct pbuf_queue *q)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(q)))
		pbuf_free(pb);
}
