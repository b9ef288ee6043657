/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A free object's first four bytes are the number of the next one.  Objects that were never
 * used are in no list and their memory was never touched.
 *
 * Chunks begin with a cache line, so that objects of 64 bytes are one each; the address
 * they were allocated at stands before them.  A chunk that was given back leaves a hole in the
 * table: its objects are in no list until it is filled again.
 */
#include "netstack/core/slab.h"

#include <assert.h>
#include <string.h>

#include "base/poison.h"

#define LINE       64

#define CHUNK_SIZE 32768

/* Pointers to chunks that the first table of them has. */
#define CHUNKS_FIRST 8

/* Of a free object's memory; the rest is poisoned. */
#define LINK_SIZE 8

static size_t chunk_size(const struct slab *s)
{
	return (size_t)s->size << s->per_chunk_log2;
}

/* What is allocated for it: the place before it is 8 bytes at least, as alignments of
 * malloc() are multiples of that.
 */
static size_t chunk_alloc_size(const struct slab *s)
{
	return chunk_size(s) + LINE;
}

static uint8_t *chunk_new(const struct slab *s)
{
	uint8_t *at = s->mem->alloc(s->mem->arg, chunk_alloc_size(s)), *chunk;

	if (!at)
		return NULL;
	chunk = at + LINE - (uintptr_t)at % LINE;
	memcpy(chunk - sizeof(at), &at, sizeof(at));
	mem_poison(chunk, chunk_size(s));
	return chunk;
}

static void chunk_free(const struct slab *s, uint8_t *chunk)
{
	void *at;

	mem_unpoison(chunk, chunk_size(s));
	memcpy(&at, chunk - sizeof(at), sizeof(at));
	s->mem->free(s->mem->arg, at, chunk_alloc_size(s));
}

void slab_init(struct slab *s, const struct pbuf_mem *mem, uint32_t size, uint32_t n_max)
{
	uint8_t log2 = 0;

	assert(size > 0 && size % 8 == 0);
	assert(n_max < SLAB_NONE);
	while (size << (log2 + 1) <= CHUNK_SIZE)
		log2++;
	*s = (struct slab){
		.mem = mem,
		.size = size,
		.per_chunk_log2 = log2,
		.n_max = n_max,
		.free = SLAB_NONE,
	};
}

void slab_done(struct slab *s)
{
	assert(s->n == 0);
	for (uint32_t i = 0; i < s->n_chunks; i++)
		if (s->chunk[i])
			chunk_free(s, s->chunk[i]);
	if (s->chunk)
		s->mem->free(s->mem->arg, s->chunk, s->chunks_size * sizeof(*s->chunk));
	slab_init(s, s->mem, s->size, s->n_max);
}

static bool grow_table(struct slab *s)
{
	const uint32_t size = s->chunks_size ? 2 * s->chunks_size : CHUNKS_FIRST;
	uint8_t **chunk = s->mem->alloc(s->mem->arg, size * sizeof(*chunk));

	if (!chunk)
		return false;
	if (s->chunk) {
		memcpy(chunk, s->chunk, s->n_chunks * sizeof(*chunk));
		s->mem->free(s->mem->arg, s->chunk, s->chunks_size * sizeof(*chunk));
	}
	s->chunk = chunk;
	s->chunks_size = size;
	return true;
}

static bool grow(struct slab *s)
{
	uint8_t *chunk;

	if (s->n_chunks == s->chunks_size && !grow_table(s))
		return false;
	chunk = chunk_new(s);
	if (!chunk)
		return false;
	s->chunk[s->n_chunks++] = chunk;
	return true;
}

/* An object that is not in use goes on the free list. */
static void link_free(struct slab *s, uint32_t id)
{
	uint8_t *p = slab_get(s, id);

	memcpy(p, &s->free, sizeof(s->free));
	s->free = id;
}

/* Memory for the first hole, all of whose objects are free. */
static bool fill_hole(struct slab *s)
{
	const uint32_t per_chunk = 1U << s->per_chunk_log2;
	uint32_t i = 0;

	while (s->chunk[i])
		i++;
	s->chunk[i] = chunk_new(s);
	if (!s->chunk[i])
		return false;
	s->n_holes--;
	for (uint32_t k = per_chunk; k-- > 0;) {
		mem_unpoison(slab_get(s, i * per_chunk + k), LINK_SIZE);
		link_free(s, i * per_chunk + k);
	}
	return true;
}

void *slab_alloc(struct slab *s, uint32_t *ret_id)
{
	uint32_t id;
	void *p;

	if (s->n >= s->n_max)
		goto refused;
	if (s->n_holes && s->free == SLAB_NONE && !fill_hole(s))
		goto refused;
	id = s->free;
	if (id != SLAB_NONE) {
		p = slab_get(s, id);
		mem_unpoison(p, s->size);
		memcpy(&s->free, p, sizeof(s->free));
	} else {
		if (s->n_fresh >> s->per_chunk_log2 == s->n_chunks && !grow(s))
			goto refused;
		id = s->n_fresh++;
		p = slab_get(s, id);
		mem_unpoison(p, s->size);
	}
	s->n++;
	memset(p, 0, s->size);
	if (ret_id)
		*ret_id = id;
	return p;

refused:
	s->refused++;
	return NULL;
}

void slab_free(struct slab *s, uint32_t id)
{
	uint8_t *p = slab_get(s, id);

	assert(id < s->n_fresh);
	assert(s->n > 0);
	s->n--;
	if (s->size > LINK_SIZE)
		mem_poison(p + LINK_SIZE, s->size - LINK_SIZE);
	link_free(s, id);
}

/* --- giving back --- */

static uint32_t next_free(const struct slab *s, uint32_t id)
{
	uint32_t next;

	memcpy(&next, slab_get(s, id), sizeof(next));
	return next;
}

/* Objects of a chunk that were used at least once. */
static uint32_t n_used(const struct slab *s, uint32_t i)
{
	const uint32_t per_chunk = 1U << s->per_chunk_log2, left = s->n_fresh - i * per_chunk;

	return left < per_chunk ? left : per_chunk;
}

/* @n_free: of each chunk.  Those that are free altogether leave the list, then the table. */
static void give_back(struct slab *s, const uint32_t *n_free)
{
	uint32_t id = s->free, next;

	s->free = SLAB_NONE;
	for (; id != SLAB_NONE; id = next) {
		const uint32_t i = id >> s->per_chunk_log2;

		next = next_free(s, id);
		if (n_free[i] < n_used(s, i))
			link_free(s, id);
	}
	for (uint32_t i = 0; i < s->n_chunks; i++) {
		if (!s->chunk[i] || n_free[i] < n_used(s, i))
			continue;
		chunk_free(s, s->chunk[i]);
		s->chunk[i] = NULL;
		s->n_holes++;
	}
	/* Behind the last one there are no holes: what comes next was never used. */
	while (s->n_chunks && !s->chunk[s->n_chunks - 1]) {
		s->n_chunks--;
		s->n_holes--;
		s->n_fresh = s->n_chunks << s->per_chunk_log2;
	}
}

void slab_trim(struct slab *s)
{
	const size_t size = s->n_chunks * sizeof(uint32_t);
	uint32_t *n_free;

	if (s->n_chunks == s->n_holes)
		return;
	n_free = s->mem->alloc(s->mem->arg, size);
	if (!n_free)
		return;
	memset(n_free, 0, size);
	for (uint32_t id = s->free; id != SLAB_NONE; id = next_free(s, id))
		n_free[id >> s->per_chunk_log2]++;
	give_back(s, n_free);
	s->mem->free(s->mem->arg, n_free, size);
}

uint64_t slab_bytes(const struct slab *s)
{
	return (uint64_t)(s->n_chunks - s->n_holes) * chunk_alloc_size(s) +
	       s->chunks_size * sizeof(*s->chunk);
}
