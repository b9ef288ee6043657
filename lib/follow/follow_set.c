/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables of what was told: hashed by key, chained.
 */
#include <stdlib.h>

#include "follow/follow_priv.h"

#define BUCKETS_MIN 16

/* Not keyed: who may configure the kernel may slow us down. */
static uint32_t hash_of(const struct follow_key *k)
{
	uint64_t h = k->addr.hi * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 32 ^ k->addr.lo) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32 ^ ((uint64_t)k->a << 32 | k->b)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

static bool key_eq(const struct follow_key *a, const struct follow_key *b)
{
	return ip6_addr_eq(a->addr, b->addr) && a->a == b->a && a->b == b->b;
}

/* Twice the buckets.  Without memory longer chains will do. */
static bool grow(struct follow_set *s)
{
	const uint32_t n = s->bucket ? 2 * (s->mask + 1) : BUCKETS_MIN;
	struct follow_entry **bucket, *next;

	if (s->bucket && s->n <= s->mask)
		return true;
	bucket = calloc(n, sizeof(struct follow_entry *));
	if (!bucket)
		return s->bucket;
	for (uint32_t i = 0; s->bucket && i <= s->mask; i++) {
		for (struct follow_entry *e = s->bucket[i]; e; e = next) {
			struct follow_entry **at = &bucket[hash_of(&e->key) & (n - 1)];

			next = e->next;
			e->next = *at;
			*at = e;
		}
	}
	free(s->bucket);
	s->bucket = bucket;
	s->mask = n - 1;
	return true;
}

void follow_set_done(struct follow_set *s)
{
	struct follow_entry *next;

	for (uint32_t i = 0; s->bucket && i <= s->mask; i++) {
		for (struct follow_entry *e = s->bucket[i]; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(s->bucket);
	*s = (struct follow_set){ .n_max = s->n_max };
}

struct follow_entry *follow_set_lookup(const struct follow_set *s, const struct follow_key *key)
{
	if (!s->bucket)
		return NULL;
	for (struct follow_entry *e = s->bucket[hash_of(key) & s->mask]; e; e = e->next)
		if (key_eq(&e->key, key))
			return e;
	return NULL;
}

struct follow_entry *follow_set_add(struct follow_set *s, const struct follow_key *key)
{
	struct follow_entry *e, **at;

	if (s->n == s->n_max || !grow(s))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	at = &s->bucket[hash_of(key) & s->mask];
	e->key = *key;
	e->next = *at;
	*at = e;
	s->n++;
	return e;
}

void follow_set_del(struct follow_set *s, struct follow_entry *e)
{
	struct follow_entry **at = &s->bucket[hash_of(&e->key) & s->mask];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	s->n--;
	free(e);
}

void follow_set_each(struct follow_set *s, void (*fn)(void *arg, struct follow_entry *e), void *arg)
{
	struct follow_entry *next;

	for (uint32_t i = 0; s->bucket && i <= s->mask; i++) {
		for (struct follow_entry *e = s->bucket[i]; e; e = next) {
			next = e->next;
			fn(arg, e);
		}
	}
}
