/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/core.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* Longer lines of core_note() are cut. */
#define NOTE_LEN_MAX 256

/* A counter under a keyed hash: who sees some of the numbers cannot tell the others. */
uint32_t core_random(struct core *c)
{
	const uint64_t msg[2] = { UINT64_C(0x65636e616863), c->chance++ }; /* "chance" */

	return (uint32_t)siphash24(&c->key, msg, sizeof(msg));
}

/* The upper half of the product is the result.  A few low halves come once too often for some
 * results (Lemire, 2019); they are drawn again.
 */
uint32_t core_random_below(struct core *c, uint32_t n)
{
	uint64_t product;

	assert(n > 0);
	product = (uint64_t)core_random(c) * n;
	if ((uint32_t)product < n) {
		const uint32_t too_often = -n % n;

		while ((uint32_t)product < too_often)
			product = (uint64_t)core_random(c) * n;
	}
	return (uint32_t)(product >> 32);
}

void core_drop(struct core *c, struct pbuf *pb, enum drop_reason why)
{
	assert(why < DROP_N);
	c->drops[why]++;
	if (__builtin_expect(c->trace != NULL, 0))
		c->trace(c->trace_arg, &(struct trace_event){ .time_ns = c->now_ns,
							      .point = TRACE_DROP,
							      .drop = why,
							      .pb = pb });
	pbuf_free(pb);
}

void core_count(struct core *c, enum drop_reason why)
{
	core_drop(c, NULL, why);
}

void core_note(struct core *c, const char *fmt, ...)
{
	char note[NOTE_LEN_MAX];
	va_list ap;

	if (!c->trace)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(note, sizeof(note), fmt, ap); /* cut is fine */
	va_end(ap);
	c->trace(c->trace_arg,
		 &(struct trace_event){ .time_ns = c->now_ns, .point = TRACE_NOTE, .note = note });
}
