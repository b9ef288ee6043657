/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory comes in pieces, from which objects of one size are carved as they are needed for the
 * first time: what was never used was never touched.  What comes back goes on the free list of
 * its size and is the next to leave it, for it is still in the cache.  Each object knows its piece,
 * which matters to pbuf_pool_trim() alone.
 *
 * Blocks are powers of two, and one size for whole 64 KiB packets; a block's struct stands
 * in the cache line before its data.  Fields that are the same each time are written when
 * the object is carved.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/poison.h"
#include "nic/pbuf.h"
#include "nic/pbuf_priv.h"

#define PIECE_SIZE 65536

/* 256 bytes to 32 KiB, and PBUF_BLOCK_MAX. */
#define CLASS_LOG2_MIN 8
#define CLASS_MAX      8
/* Blocks over foreign memory. */
#define CLASS_WRAP 9
#define N_CLASSES  10

/**
 * struct pbuf_piece - Its first line; objects of one size follow
 * @size:	Of all of it
 * @carved:	Objects that were used at least once
 * @n_free:	How many of these are free; 0 but while the pool is trimmed
 */
struct pbuf_piece {
	struct pbuf_piece *next;
	size_t size;
	uint32_t carved;
	uint32_t n_free;
};

/**
 * struct carve - Where objects of one size come from
 * @at, @end:	What was never used of the first one of @pieces
 */
struct carve {
	uint8_t *at;
	uint8_t *end;
	struct pbuf_piece *pieces;
};

struct block_class {
	struct pbuf_block *free; /* linked by arg */
	struct carve carve;
};

struct pbuf_pool {
	struct pbuf *free;
	struct pbuf_pool_stats stats;
	struct carve carve;
	struct block_class class[N_CLASSES];
	struct pbuf_mem mem;
};

_Static_assert(sizeof(struct pbuf_block) <= PBUF_LINE, "a block's struct is one cache line");
_Static_assert(sizeof(struct pbuf_piece) <= PBUF_LINE, "and so is that of a piece");
_Static_assert(offsetof(struct pbuf, pool) == 8, "of a free pbuf the link alone is not poisoned");
_Static_assert(offsetof(struct pbuf_block, data) == 8, "and so it is with blocks");
_Static_assert(offsetof(struct pbuf, cb) % 8 == 0, "fields before it are cleared by words");

int pbuf_pool_new(struct pbuf_pool **ret, const struct pbuf_mem *mem, uint64_t limit)
{
	struct pbuf_pool *pool = mem->alloc(mem->arg, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	*pool = (struct pbuf_pool){ .stats.limit = limit, .mem = *mem };
	*ret = pool;
	return 0;
}

static void free_piece(struct pbuf_pool *pool, struct pbuf_piece *p)
{
	const size_t size = p->size;

	pool->stats.taken -= size;
	mem_unpoison(p, size);
	pool->mem.free(pool->mem.arg, p, size);
}

static void free_pieces(struct pbuf_pool *pool, struct carve *c)
{
	while (c->pieces) {
		struct pbuf_piece *p = c->pieces;

		c->pieces = p->next;
		free_piece(pool, p);
	}
}

void pbuf_pool_free(struct pbuf_pool *pool)
{
	struct pbuf_mem mem;

	if (!pool)
		return;
	assert(pool->stats.pbufs == 0);
	assert(pool->stats.blocks == 0);
	assert(pool->stats.bytes == 0);

	free_pieces(pool, &pool->carve);
	for (unsigned int i = 0; i < N_CLASSES; i++)
		free_pieces(pool, &pool->class[i].carve);
	mem = pool->mem;
	mem.free(mem.arg, pool, sizeof(*pool));
}

void pbuf_pool_set_limit(struct pbuf_pool *pool, uint64_t limit)
{
	pool->stats.limit = limit;
}

void pbuf_pool_stats(const struct pbuf_pool *pool, struct pbuf_pool_stats *ret)
{
	*ret = pool->stats;
}

static inline bool charge(struct pbuf_pool *pool, uint32_t n)
{
	const uint64_t bytes = pool->stats.bytes + n;

	if (bytes > pool->stats.limit) {
		pool->stats.refused++;
		return false;
	}
	pool->stats.bytes = bytes;
	if (bytes > pool->stats.bytes_max)
		pool->stats.bytes_max = bytes;
	return true;
}

static void uncharge(struct pbuf_pool *pool, uint32_t n)
{
	assert(pool->stats.bytes >= n);
	pool->stats.bytes -= n;
}

/* @size is a multiple of PBUF_LINE, and so are all addresses.  It is of the first piece. */
static void *carve(struct pbuf_pool *pool, struct carve *c, size_t size)
{
	uint8_t *p = c->at;

	if (!p || (size_t)(c->end - p) < size) {
		const size_t n = size < PIECE_SIZE ? PIECE_SIZE / size : 1;
		const size_t total = 2 * (size_t)PBUF_LINE + n * size;
		struct pbuf_piece *piece = pool->mem.alloc(pool->mem.arg, total);

		if (!piece) {
			pool->stats.refused++;
			return NULL;
		}
		*piece = (struct pbuf_piece){ .next = c->pieces, .size = total };
		c->pieces = piece;
		pool->stats.taken += total;
		p = (uint8_t *)piece + PBUF_LINE;
		p += -(uintptr_t)p % PBUF_LINE;
		c->end = p + n * size;
		mem_poison(p, n * size);
	}
	c->at = p + size;
	c->pieces->carved++;
	mem_unpoison(p, size);
	return p;
}

/* --- packets --- */

/* Charged, its @pool set and nothing else. */
static inline struct pbuf *take(struct pbuf_pool *pool)
{
	struct pbuf *pb = pool->free;

	if (!charge(pool, PBUF_CHARGE))
		return NULL;
	if (pb) {
		mem_unpoison(pb, sizeof(*pb));
		pool->free = pb->next;
	} else {
		pb = carve(pool, &pool->carve, PBUF_CHARGE);
		if (!pb) {
			uncharge(pool, PBUF_CHARGE);
			return NULL;
		}
		pb->piece = pool->carve.pieces;
	}
	pool->stats.pbufs++;
	memset(pb, 0, offsetof(struct pbuf, cb));
	pb->pool = pool;
	pb->l2 = PBUF_NO_OFFSET;
	pb->l3 = PBUF_NO_OFFSET;
	pb->l4 = PBUF_NO_OFFSET;
	return pb;
}

struct pbuf *pbuf_alloc(struct pbuf_pool *pool)
{
	struct pbuf *pb = take(pool);

	if (!pb)
		return NULL;
	pb->base = pb->room;
	pb->data = pb->room + PBUF_HEADROOM;
	pb->size = PBUF_ROOM;
	return pb;
}

struct pbuf *pbuf_alloc_rx(struct pbuf_pool *pool, uint32_t room, uint32_t size)
{
	struct pbuf *pb;

	assert(room <= PBUF_BLOCK_MAX && size <= PBUF_BLOCK_MAX - room);
	pb = take(pool);
	if (!pb)
		return NULL;
	if (room + size <= PBUF_ROOM) {
		pb->base = pb->room;
		pb->size = PBUF_ROOM;
	} else {
		pb->head = pbuf_block_alloc(pool, room + size);
		if (!pb->head) {
			pbuf_free(pb);
			return NULL;
		}
		pb->base = pb->head->data;
		pb->size = pb->head->size;
	}
	pb->data = pb->base + room;
	return pb;
}

struct pbuf *pbuf_alloc_copy(struct pbuf_pool *pool, uint32_t room, const uint8_t *p, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(pool, room, len);

	if (!pb)
		return NULL;
	memcpy(pb->data, p, len);
	pb->len = len;
	pb->linear = len;
	return pb;
}

void pbuf_free(struct pbuf *pb)
{
	struct pbuf_pool *pool;

	if (!pb)
		return;
	for (unsigned int i = 0; i < pb->n_frags; i++)
		pbuf_block_unref(pb->frag[i].block);
	if (pb->head)
		pbuf_block_unref(pb->head);

	pool = pb->pool;
	pool->stats.pbufs--;
	uncharge(pool, PBUF_CHARGE);
	pb->next = pool->free;
	pool->free = pb;
	mem_poison(&pb->pool, sizeof(*pb) - offsetof(struct pbuf, pool));
}

/* --- blocks --- */

static unsigned int class_of(uint32_t size)
{
	unsigned int log2;

	if (size <= 1U << CLASS_LOG2_MIN)
		return 0;
	log2 = 32 - (unsigned int)__builtin_clz(size - 1);
	return log2 < CLASS_LOG2_MIN + CLASS_MAX ? log2 - CLASS_LOG2_MIN : CLASS_MAX;
}

static uint32_t class_size(unsigned int class)
{
	if (class == CLASS_WRAP)
		return 0;
	return class == CLASS_MAX ? PBUF_BLOCK_MAX : 1U << (CLASS_LOG2_MIN + class);
}

static struct pbuf_block *take_block(struct pbuf_pool *pool, unsigned int class)
{
	const uint32_t size = class_size(class);
	struct block_class *bc = &pool->class[class];
	struct pbuf_block *b = bc->free;

	if (!charge(pool, PBUF_LINE + size))
		return NULL;
	if (b) {
		mem_unpoison(b, PBUF_LINE + size);
		bc->free = b->arg;
	} else {
		b = carve(pool, &bc->carve, PBUF_LINE + size);
		if (!b) {
			uncharge(pool, PBUF_LINE + size);
			return NULL;
		}
		*b = (struct pbuf_block){
			.data = (uint8_t *)b + PBUF_LINE,
			.size = size,
			.charge = PBUF_LINE + size,
			.size_class = (uint8_t) class,
			.pool = pool,
			.piece = bc->carve.pieces,
		};
	}
	pool->stats.blocks++;
	b->refs = 1;
	return b;
}

struct pbuf_block *pbuf_block_alloc(struct pbuf_pool *pool, uint32_t size)
{
	assert(size <= PBUF_BLOCK_MAX);
	return take_block(pool, class_of(size));
}

struct pbuf_block *pbuf_block_wrap(struct pbuf_pool *pool, void *data, uint32_t size,
				   void (*release)(void *arg), void *arg)
{
	struct pbuf_block *b = take_block(pool, CLASS_WRAP);

	if (!b)
		return NULL;
	b->data = data;
	b->size = size;
	b->release = release;
	b->arg = arg;
	return b;
}

void pbuf_block_free(struct pbuf_block *b)
{
	void (*release)(void *arg) = b->release;
	struct pbuf_pool *pool = b->pool;
	void *arg = b->arg;

	assert(b->refs == 0);
	pool->stats.blocks--;
	uncharge(pool, b->charge);
	b->arg = pool->class[b->size_class].free;
	pool->class[b->size_class].free = b;
	mem_poison(&b->data, b->charge - offsetof(struct pbuf_block, data));

	/* Last: it may use the pool. */
	if (release)
		release(arg);
}

/* --- giving back --- */

/* Of a free object all is poisoned but the link. */
static struct pbuf_piece *piece_at(struct pbuf_piece **at)
{
	struct pbuf_piece *p;

	mem_unpoison(at, sizeof(void *));
	p = *at;
	mem_poison(at, sizeof(void *));
	return p;
}

/* Nothing of it is in use. */
static bool is_idle(const struct pbuf_piece *p)
{
	return p->n_free == p->carved;
}

/* Idle ones are freed; nobody refers to what is in them any more. */
static void drop_idle(struct pbuf_pool *pool, struct carve *c)
{
	struct pbuf_piece **at = &c->pieces;

	if (c->pieces && is_idle(c->pieces)) {
		c->at = NULL;
		c->end = NULL;
	}
	while (*at) {
		struct pbuf_piece *p = *at;

		if (!is_idle(p)) {
			p->n_free = 0;
			at = &p->next;
			continue;
		}
		*at = p->next;
		free_piece(pool, p);
	}
}

static void trim_packets(struct pbuf_pool *pool)
{
	struct pbuf **at = &pool->free;

	for (struct pbuf *pb = pool->free; pb; pb = pb->next)
		piece_at(&pb->piece)->n_free++;
	while (*at) {
		if (is_idle(piece_at(&(*at)->piece)))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	drop_idle(pool, &pool->carve);
}

static void trim_blocks(struct pbuf_pool *pool, struct block_class *bc)
{
	struct pbuf_block *kept = NULL, *next;

	for (struct pbuf_block *b = bc->free; b; b = b->arg)
		piece_at(&b->piece)->n_free++;
	for (struct pbuf_block *b = bc->free; b; b = next) {
		next = b->arg;
		if (is_idle(piece_at(&b->piece)))
			continue;
		b->arg = kept;
		kept = b;
	}
	bc->free = kept;
	drop_idle(pool, &bc->carve);
}

void pbuf_pool_trim(struct pbuf_pool *pool)
{
	trim_packets(pool);
	for (unsigned int i = 0; i < N_CLASSES; i++)
		trim_blocks(pool, &pool->class[i]);
}
