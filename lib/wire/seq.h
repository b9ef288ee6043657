/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seq.h - TCP sequence numbers
 *
 * They wrap, so "less" means "less than half the space away" (RFC 9293, 3.4).  The type
 * is a struct in order that a bare < does not compile.  Timestamps (RFC 7323, 5.2)
 * compare the same way.
 */
#ifndef WIRE_SEQ_H
#define WIRE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
	uint32_t v;
};

static inline struct seq seq_of(uint32_t v)
{
	return (struct seq){ v };
}

static inline struct seq seq_add(struct seq a, uint32_t n)
{
	return seq_of(a.v + n);
}

static inline struct seq seq_sub(struct seq a, uint32_t n)
{
	return seq_of(a.v - n);
}

/* How far @a is behind @b: negative when it is before.  Half the space away is negative
 * in both directions.
 */
static inline int32_t seq_diff(struct seq a, struct seq b)
{
	return (int32_t)(a.v - b.v);
}

static inline bool seq_eq(struct seq a, struct seq b)
{
	return a.v == b.v;
}

static inline bool seq_lt(struct seq a, struct seq b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_leq(struct seq a, struct seq b)
{
	return seq_diff(b, a) >= 0;
}

static inline bool seq_gt(struct seq a, struct seq b)
{
	return seq_lt(b, a);
}

static inline bool seq_geq(struct seq a, struct seq b)
{
	return seq_leq(b, a);
}

/* @low <= @a <= @high, where @high is not before @low: a test by distance, which is right
 * for ranges of more than half the space, too.
 */
static inline bool seq_between(struct seq low, struct seq a, struct seq high)
{
	return a.v - low.v <= high.v - low.v;
}

/* @a is one of the @len numbers from @start on; never for a @len of 0. */
static inline bool seq_within(struct seq a, struct seq start, uint32_t len)
{
	return a.v - start.v < len;
}

static inline struct seq seq_min(struct seq a, struct seq b)
{
	return seq_lt(b, a) ? b : a;
}

static inline struct seq seq_max(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? b : a;
}

#endif /* WIRE_SEQ_H */
