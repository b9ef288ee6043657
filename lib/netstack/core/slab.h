/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * slab.h - objects of one size, by pointer or by number
 *
 * Memory comes in pieces of some KiB and an object never moves.  An object has a number as
 * well, so that tables refer to it in 32 bits.  Freed objects are used again, last first; their
 * memory is given back by slab_trim() and slab_done().
 */
#ifndef NETSTACK_CORE_SLAB_H
#define NETSTACK_CORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "nic/pbuf.h"

#define SLAB_NONE UINT32_MAX

/**
 * struct slab - Objects of one size
 * @mem:	Where memory comes from
 * @size:	Of an object, a multiple of 8
 * @per_chunk_log2: Objects in a piece
 * @n:		Objects in use
 * @n_max:	Limit of it
 * @n_fresh:	Numbers that were given out at least once: all below it
 * @n_chunks:	Pieces, those that were given back among them
 * @n_holes:	Of these
 * @chunks_size: Room in @chunk
 * @refused:	Allocations that failed
 * @free:	Number of the first free object, SLAB_NONE for none
 * @chunk:	Pieces, NULL for one that was given back
 */
struct slab {
	const struct pbuf_mem *mem;
	uint32_t size;
	uint8_t per_chunk_log2;
	uint32_t n;
	uint32_t n_max;
	uint32_t n_fresh;
	uint32_t n_chunks;
	uint32_t n_holes;
	uint32_t chunks_size;
	uint64_t refused;
	uint32_t free;
	uint8_t **chunk;
};

/* @mem outlives it.  Takes no memory yet. */
void slab_init(struct slab *s, const struct pbuf_mem *mem, uint32_t size, uint32_t n_max);

/* Gives all memory back; nothing may be in use (asserted). */
void slab_done(struct slab *s);

/* Zeroed; NULL at the limit and without memory.  @ret_id may be NULL. */
void *slab_alloc(struct slab *s, uint32_t *ret_id);
void slab_free(struct slab *s, uint32_t id);

/* @id is of an object in use. */
static inline void *slab_get(const struct slab *s, uint32_t id)
{
	return s->chunk[id >> s->per_chunk_log2] +
	       (size_t)(id & ((1U << s->per_chunk_log2) - 1)) * s->size;
}

/* Pieces of which no object is in use are given back.  It looks at all that are free: for quiet
 * moments.  Without memory for counting them nothing happens.
 */
void slab_trim(struct slab *s);

/* Bytes of memory taken. */
uint64_t slab_bytes(const struct slab *s);

#endif /* NETSTACK_CORE_SLAB_H */
