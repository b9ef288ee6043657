/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstack_core.h - time, memory and packets for fuzzing a part of the stack; input as a stream
 */
#ifndef TESTS_FUZZ_NETSTACK_CORE_H
#define TESTS_FUZZ_NETSTACK_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/core/core.h"
#include "tests/fuzz/wire_law.h"
#include "wire/bytes.h"

/* Bytes of memory that are out. */
static uint64_t fuzz_live;

static void *fuzz_alloc(void *arg, size_t size)
{
	void *p = malloc(size);

	(void)arg; /* one instance at a time */
	LAW(p);
	fuzz_live += size;
	return p;
}

static void fuzz_free(void *arg, void *p, size_t size)
{
	(void)arg; /* as above */
	fuzz_live -= size;
	free(p);
}

static inline void fuzz_core_init(struct core *c)
{
	*c = (struct core){ .now_ns = NS_PER_S };
	c->mem = (struct pbuf_mem){ .alloc = fuzz_alloc, .free = fuzz_free };
	timer_wheel_init(&c->wheel, c->now_ns, c);
	LAW(pbuf_pool_new(&c->pool, &c->mem, UINT64_C(64) << 20) == 0);
}

static inline void fuzz_core_done(struct core *c)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(c->pool, &stats);
	LAW(stats.pbufs == 0 && stats.blocks == 0 && stats.bytes == 0);
	LAW(c->wheel.n == 0);
	pbuf_pool_free(c->pool);
	LAW(fuzz_live == 0);
}

static inline void fuzz_core_pass(struct core *c, uint64_t ns)
{
	c->now_ns += ns;
	timer_wheel_advance(&c->wheel, c->now_ns);
}

/* What is left of the input; zeros follow it. */
struct fuzz_in {
	const uint8_t *p;
	size_t len;
};

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->p++;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	const uint8_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

/* The next @len bytes or those that are left; how many is written to *@len. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t *len)
{
	const uint8_t *p = in->p;

	if (*len > in->len)
		*len = in->len;
	in->p += *len;
	in->len -= *len;
	return p;
}

/* A packet of these bytes, @linear of them linear, the rest in up to three pieces. */
static inline struct pbuf *fuzz_packet(struct core *c, const uint8_t *p, size_t len, size_t linear)
{
	struct pbuf *pb;
	size_t at, n;

	if (linear > len)
		linear = len;
	pb = pbuf_alloc_rx(c->pool, 64, (uint32_t)linear);
	LAW(pb);
	if (linear)
		memcpy(pbuf_put(pb, (uint32_t)linear), p, linear);
	for (at = linear; at < len; at += n) {
		struct pbuf_block *b;

		n = len - at > (len - linear) / 3 + 1 ? (len - linear) / 3 + 1 : len - at;
		b = pbuf_block_alloc(c->pool, (uint32_t)n);
		LAW(b);
		memcpy(b->data, p + at, n);
		LAW(pbuf_add_frag(pb, b, 0, (uint32_t)n));
		pbuf_block_unref(b);
	}
	return pb;
}

#endif /* TESTS_FUZZ_NETSTACK_CORE_H */
