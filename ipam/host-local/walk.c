/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "ipam/host-local/walk_priv.h"

/* An address as a number. */
struct number {
	uint64_t hi;
	uint64_t lo;
};

/* Consecutive addresses of one range; empty when lo is above hi. */
struct segment {
	const struct hl_range *range;
	struct number lo;
	struct number hi;
};

static struct number number_of(const struct ipaddr *a)
{
	struct number n = { .hi = 0 };
	uint32_t v4;

	if (a->family == AF_INET) {
		memcpy(&v4, a->bytes, sizeof(v4));
		n.lo = be32toh(v4);
		return n;
	}
	memcpy(&n.hi, a->bytes, sizeof(n.hi));
	memcpy(&n.lo, a->bytes + sizeof(n.hi), sizeof(n.lo));
	n.hi = be64toh(n.hi);
	n.lo = be64toh(n.lo);
	return n;
}

static struct ipaddr number_to_addr(struct number n, uint8_t family)
{
	struct ipaddr a = { .family = family };
	uint32_t v4;

	if (family == AF_INET) {
		v4 = htobe32((uint32_t)n.lo);
		memcpy(a.bytes, &v4, sizeof(v4));
		return a;
	}
	n.hi = htobe64(n.hi);
	n.lo = htobe64(n.lo);
	memcpy(a.bytes, &n.hi, sizeof(n.hi));
	memcpy(a.bytes + sizeof(n.hi), &n.lo, sizeof(n.lo));
	return a;
}

static bool number_le(struct number a, struct number b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo <= b.lo;
}

static struct number number_add(struct number a, uint64_t n)
{
	struct number sum = { .hi = a.hi, .lo = a.lo + n };

	sum.hi += sum.lo < a.lo;
	return sum;
}

/* a - b, at most UINT64_MAX. */
static uint64_t number_diff(struct number a, struct number b)
{
	assert(number_le(b, a));
	if (a.hi - b.hi - (a.lo < b.lo) > 0)
		return UINT64_MAX;
	return a.lo - b.lo;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t segment_len(const struct segment *s)
{
	if (!number_le(s->lo, s->hi))
		return 0;
	return add_saturating(number_diff(s->hi, s->lo), 1);
}

/* A walk from the middle comes back to the range it began in. */
static size_t n_segments(const struct hl_walk *w)
{
	return w->set->n + (ipaddr_is_set(&w->last) ? 1 : 0);
}

static struct segment segment_get(const struct hl_walk *w, size_t k)
{
	const struct hl_range *r = &w->set->v[(w->first + k) % w->set->n];
	struct segment s = { .range = r, .lo = number_of(&r->start), .hi = number_of(&r->end) };

	if (!ipaddr_is_set(&w->last))
		return s;
	if (k == 0 && ipaddr_eq(&w->last, &r->end)) /* the next number may be 0 again */
		s = (struct segment){ .range = r, .lo.lo = 1, .hi.lo = 0 };
	else if (k == 0)
		s.lo = number_add(number_of(&w->last), 1);
	else if (k == w->set->n)
		s.hi = number_of(&w->last);
	return s;
}

void hl_walk_init(struct hl_walk *w, const struct hl_range_set *set, const struct ipaddr *last)
{
	const struct hl_range *r = last ? hl_range_set_lookup(set, last) : NULL;

	assert(set->n > 0);
	*w = (struct hl_walk){ .set = set };
	if (r) {
		w->first = (size_t)(r - set->v);
		w->last = *last;
	}
	for (size_t k = 0; k < n_segments(w); k++) {
		struct segment s = segment_get(w, k);

		w->total = add_saturating(w->total, segment_len(&s));
	}
}

const struct hl_range *hl_walk_at(const struct hl_walk *w, uint64_t pos, struct ipaddr *ret)
{
	struct segment s;
	size_t k = 0;

	assert(pos < w->total);
	for (;;) {
		uint64_t len;

		s = segment_get(w, k++);
		len = segment_len(&s);
		if (pos < len)
			break;
		pos -= len;
	}
	*ret = number_to_addr(number_add(s.lo, pos), s.range->start.family);
	return s.range;
}

bool hl_walk_pos(const struct hl_walk *w, const struct ipaddr *a, uint64_t *ret)
{
	const struct number n = number_of(a);
	uint64_t base = 0;

	if (a->family != w->set->v[0].start.family)
		return false;
	for (size_t k = 0; k < n_segments(w); k++) {
		struct segment s = segment_get(w, k);

		if (number_le(s.lo, n) && number_le(n, s.hi)) {
			uint64_t pos = add_saturating(base, number_diff(n, s.lo));

			if (pos == UINT64_MAX)
				return false;
			*ret = pos;
			return true;
		}
		base = add_saturating(base, segment_len(&s));
	}
	return false;
}
