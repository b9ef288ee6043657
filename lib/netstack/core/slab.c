/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A free object's first four bytes are the number of the next one.  Objects that were never
 * used are in no list and their memory was never touched.
 *
 * Chunks begin with a cache line, so that objects of 64 bytes are one each; the address
 * they were allocated at stands before them.
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

void *slab_alloc(struct slab *s, uint32_t *ret_id)
{
	uint32_t id = s->free;
	void *p;

	if (s->n >= s->n_max)
		goto refused;
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
	memcpy(p, &s->free, sizeof(s->free));
	s->free = id;
}

uint64_t slab_bytes(const struct slab *s)
{
	return (uint64_t)s->n_chunks * chunk_alloc_size(s) + s->chunks_size * sizeof(*s->chunk);
}
