/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * flowtab.h - hash table from a flow's hash to the number of its object
 *
 * Open addressing: a slot is 8 bytes, the upper half the hash, the lower the value.  The
 * table knows no keys: who looks something up walks the values with that hash and
 * compares the objects themselves.
 *
 *	struct flowtab_iter it = flowtab_first(ft, hash);
 *	uint32_t v;
 *
 *	while ((v = flowtab_next(ft, &it)) != FLOWTAB_NONE)
 *		if (is_it(v))
 *			return v;
 *
 * Nothing is inserted or removed between the calls of one walk.  The hash must be keyed
 * (base/siphash.h).  The table grows by doubling, clearing the new half and moving the entries
 * a few with each insertion, so that no packet waits for a million of them.
 */
#ifndef NETSTACK_CORE_FLOWTAB_H
#define NETSTACK_CORE_FLOWTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/pbuf.h"

#define FLOWTAB_NONE UINT32_MAX

/**
 * struct flowtab_half - An array of slots
 * @slot:	0 is empty: a hash is never 0 in here.  In the old half, an entry of value
 *		FLOWTAB_NONE is one that was taken out
 * @mask:	Number of slots, a power of two, minus 1
 * @n:		Entries
 */
struct flowtab_half {
	uint64_t *slot;
	uint32_t mask;
	uint32_t n;
};

/**
 * struct flowtab - The table
 * @mem:	Where memory comes from
 * @now:	Where insertions go
 * @old:	Half-emptied one while growing
 * @next:	The next one, being cleared
 * @done:	Slots of @old that were moved, or of @next that are clear
 */
struct flowtab {
	const struct pbuf_mem *mem;
	struct flowtab_half now;
	struct flowtab_half old;
	struct flowtab_half next;
	uint32_t done;
};

struct flowtab_iter {
	uint32_t hash;
	uint32_t at;
	bool in_old;
};

/* Takes no memory yet. */
void flowtab_init(struct flowtab *ft, const struct pbuf_mem *mem);
void flowtab_done(struct flowtab *ft);

/* @value is not FLOWTAB_NONE.  Duplicates are the caller's business.
 * Return: 0 or -ENOMEM, with nothing changed.
 */
int flowtab_insert(struct flowtab *ft, uint32_t hash, uint32_t value);

/* The pair is there (asserted). */
void flowtab_remove(struct flowtab *ft, uint32_t hash, uint32_t value);

/* The value of an entry that is there changes, as when TIME-WAIT takes a connection's place. */
void flowtab_replace(struct flowtab *ft, uint32_t hash, uint32_t from, uint32_t to);

static inline struct flowtab_iter flowtab_first(const struct flowtab *ft, uint32_t hash)
{
	(void)ft;
	hash = hash ? hash : 1;
	return (struct flowtab_iter){ .hash = hash, .at = hash };
}

static inline uint32_t flowtab_next(const struct flowtab *ft, struct flowtab_iter *it)
{
	for (;;) {
		const struct flowtab_half *h = it->in_old ? &ft->old : &ft->now;
		uint64_t s;

		while (h->slot && (s = h->slot[it->at & h->mask])) {
			it->at++;
			if (s >> 32 == it->hash && (uint32_t)s != FLOWTAB_NONE)
				return (uint32_t)s;
		}
		if (it->in_old || !ft->old.slot)
			return FLOWTAB_NONE;
		it->in_old = true;
		it->at = it->hash;
	}
}

static inline uint32_t flowtab_n(const struct flowtab *ft)
{
	return ft->now.n + ft->old.n;
}

/* As small as its entries let it be, at once: for quiet moments.  Without memory for that it stays
 * as it is.
 */
void flowtab_trim(struct flowtab *ft);

uint64_t flowtab_bytes(const struct flowtab *ft);

#endif /* NETSTACK_CORE_FLOWTAB_H */
