/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Linear probing.  An entry that is removed leaves no mark: those behind it move up.  Only in
 * the old half, which goes away, nothing moves, for a part of it was moved out already.
 *
 * Growth is three steps, each spread over insertions.  At 5/8 the next half, twice as
 * large, is allocated; it is cleared while the present one fills to 11/16; it takes its place,
 * and the entries follow before it is half full.  Without memory for it the present one is
 * filled to 7/8.  A table that is nearly empty shrinks in the same way.
 */
#include "netstack/core/flowtab.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SIZE_MIN      32
#define SIZE_MAX_LOG2 31

/* Slots per insertion, and so few slots that they are cleared at once. */
#define MOVE_STEP     8
#define CLEAR_STEP    32
#define CLEAR_AT_ONCE 1024

static uint64_t entry_of(uint32_t hash, uint32_t value)
{
	return (uint64_t)(hash ? hash : 1) << 32 | value;
}

static uint32_t hash_of(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

static bool is_gone(uint64_t entry)
{
	return (uint32_t)entry == FLOWTAB_NONE;
}

static uint32_t size_of(const struct flowtab_half *h)
{
	return h->slot ? h->mask + 1 : 0;
}

static size_t bytes_of(const struct flowtab_half *h)
{
	return size_of(h) * sizeof(*h->slot);
}

void flowtab_init(struct flowtab *ft, const struct pbuf_mem *mem)
{
	*ft = (struct flowtab){ .mem = mem };
}

static void half_done(struct flowtab *ft, struct flowtab_half *h)
{
	if (h->slot)
		ft->mem->free(ft->mem->arg, h->slot, bytes_of(h));
	*h = (struct flowtab_half){ .slot = NULL };
}

void flowtab_done(struct flowtab *ft)
{
	half_done(ft, &ft->now);
	half_done(ft, &ft->old);
	half_done(ft, &ft->next);
}

uint64_t flowtab_bytes(const struct flowtab *ft)
{
	return bytes_of(&ft->now) + bytes_of(&ft->old) + bytes_of(&ft->next);
}

/* There is an empty slot. */
static void put(struct flowtab_half *h, uint64_t entry)
{
	uint32_t i = hash_of(entry) & h->mask;

	while (h->slot[i])
		i = (i + 1) & h->mask;
	h->slot[i] = entry;
	h->n++;
}

/* What the number of entries asks for; 0 for the present size. */
static uint32_t size_wanted(const struct flowtab_half *h)
{
	const uint32_t size = size_of(h);

	if (size == 0)
		return SIZE_MIN;
	if (h->n >= size / 8 * 5 && size < 1U << SIZE_MAX_LOG2)
		return size * 2;
	if (h->n < size / 16 && size > SIZE_MIN)
		return size / 2;
	return 0;
}

static void clear_some(struct flowtab *ft, uint32_t n)
{
	const uint32_t left = size_of(&ft->next) - ft->done;

	n = n < left ? n : left;
	memset(ft->next.slot + ft->done, 0, n * sizeof(*ft->next.slot));
	ft->done += n;
	if (n == left) {
		ft->old = ft->now;
		ft->now = ft->next;
		ft->next = (struct flowtab_half){ .slot = NULL };
		ft->done = 0;
	}
}

static void move_some(struct flowtab *ft)
{
	struct flowtab_half *old = &ft->old;

	for (uint32_t i = 0; i < MOVE_STEP && old->n; i++, ft->done++) {
		uint64_t *slot = &old->slot[ft->done];

		if (!*slot || is_gone(*slot))
			continue;
		put(&ft->now, *slot);
		*slot |= FLOWTAB_NONE; /* who looks for what is behind it must not stop here */
		old->n--;
	}
	if (!old->n)
		half_done(ft, old);
}

/* Begin with another size, or go on. */
static void resize(struct flowtab *ft)
{
	uint32_t size;

	if (ft->old.slot) {
		move_some(ft);
		return;
	}
	if (ft->next.slot) {
		clear_some(ft, CLEAR_STEP);
		return;
	}
	size = size_wanted(&ft->now);
	if (!size)
		return;
	ft->next.slot = ft->mem->alloc(ft->mem->arg, size * sizeof(*ft->next.slot));
	if (!ft->next.slot)
		return;
	ft->next.mask = size - 1;
	ft->done = 0;
	clear_some(ft, CLEAR_AT_ONCE);
}

int flowtab_insert(struct flowtab *ft, uint32_t hash, uint32_t value)
{
	assert(value != FLOWTAB_NONE);
	resize(ft);
	if (ft->now.n >= size_of(&ft->now) / 8 * 7)
		return -ENOMEM;
	put(&ft->now, entry_of(hash, value));
	return 0;
}

/* Which is there. */
static uint64_t *find(struct flowtab *ft, uint64_t entry, struct flowtab_half **ret)
{
	for (unsigned int in_old = 0; in_old < 2; in_old++) {
		struct flowtab_half *h = in_old ? &ft->old : &ft->now;
		uint32_t i = hash_of(entry) & h->mask;

		for (; h->slot && h->slot[i]; i = (i + 1) & h->mask) {
			if (h->slot[i] == entry) {
				*ret = h;
				return &h->slot[i];
			}
		}
	}
	assert(!"the entry is there");
	return NULL;
}

/* Entries behind slot @i move up as far as they may: not before their home. */
static void close_gap(struct flowtab_half *h, uint32_t i)
{
	for (uint32_t k = (i + 1) & h->mask; h->slot[k]; k = (k + 1) & h->mask) {
		const uint32_t home = hash_of(h->slot[k]) & h->mask;

		if (((k - home) & h->mask) >= ((k - i) & h->mask)) {
			h->slot[i] = h->slot[k];
			i = k;
		}
	}
	h->slot[i] = 0;
}

void flowtab_remove(struct flowtab *ft, uint32_t hash, uint32_t value)
{
	struct flowtab_half *h;
	uint64_t *slot = find(ft, entry_of(hash, value), &h);

	h->n--;
	if (h == &ft->now)
		close_gap(h, (uint32_t)(slot - h->slot));
	else
		*slot |= FLOWTAB_NONE;
	if (h == &ft->old && !h->n)
		half_done(ft, h);
}

void flowtab_replace(struct flowtab *ft, uint32_t hash, uint32_t from, uint32_t to)
{
	struct flowtab_half *h;

	assert(to != FLOWTAB_NONE);
	*find(ft, entry_of(hash, from), &h) = entry_of(hash, to);
}

/* --- giving back --- */

/* Slots that @n entries want: not so many that it would shrink, nor so few that it would grow. */
static uint32_t size_for(uint32_t n)
{
	uint32_t size = SIZE_MIN;

	while (size / 2 < n && size < 1U << SIZE_MAX_LOG2)
		size *= 2;
	return size;
}

static void move_all(struct flowtab_half *to, const struct flowtab_half *from)
{
	for (uint32_t i = 0; i < size_of(from); i++)
		if (from->slot[i] && !is_gone(from->slot[i]))
			put(to, from->slot[i]);
}

void flowtab_trim(struct flowtab *ft)
{
	const uint32_t n = flowtab_n(ft), size = size_for(n);
	struct flowtab_half small = { .mask = size - 1 };

	if (n && size * sizeof(*small.slot) >= flowtab_bytes(ft))
		return;
	if (n) {
		small.slot = ft->mem->alloc(ft->mem->arg, size * sizeof(*small.slot));
		if (!small.slot)
			return;
		memset(small.slot, 0, size * sizeof(*small.slot));
		move_all(&small, &ft->now);
		move_all(&small, &ft->old);
	}
	flowtab_done(ft);
	ft->done = 0;
	if (n)
		ft->now = small;
}
