/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core_fixture.h - time, memory and packets for tests of one part of the stack
 */
#ifndef TESTS_UNIT_NETSTACK_CORE_FIXTURE_H
#define TESTS_UNIT_NETSTACK_CORE_FIXTURE_H

#include <string.h>

#include "netstack/core/core.h"
#include "tests/unit/test_mem.h"

/* The longest packet, with a link header. */
#define PACKET_MAX 66000

struct core_fixture {
	struct test_mem tm;
	struct core c;
	struct dice d;
};

__attribute__((unused)) static void core_fixture_init(struct core_fixture *f, uint64_t seed)
{
	*f = (struct core_fixture){ .d.state = seed };
	f->tm = TEST_MEM_INIT(&f->tm);
	f->c.mem = f->tm.mem;
	f->c.now_ns = NS_PER_S;
	f->c.key = (struct siphash_key){ { seed, 7 } };
	timer_wheel_init(&f->c.wheel, f->c.now_ns, &f->c);
	assert_int_equal(pbuf_pool_new(&f->c.pool, &f->c.mem, UINT64_MAX), 0);
}

/* Nothing may be left: no packet, no timer, no memory. */
__attribute__((unused)) static void core_fixture_done(struct core_fixture *f)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(f->c.pool, &stats);
	assert_int_equal(stats.pbufs, 0);
	assert_int_equal(stats.blocks, 0);
	assert_int_equal(f->c.wheel.n, 0);
	pbuf_pool_free(f->c.pool);
	test_mem_done(&f->tm);
}

__attribute__((unused)) static void core_fixture_pass(struct core_fixture *f, uint64_t ns)
{
	f->c.now_ns += ns;
	timer_wheel_advance(&f->c.wheel, f->c.now_ns);
}

/* From now on there is memory for packets of @bytes more. */
__attribute__((unused)) static void core_fixture_limit(struct core_fixture *f, uint64_t bytes)
{
	struct pbuf_pool_stats stats;

	pbuf_pool_stats(f->c.pool, &stats);
	pbuf_pool_set_limit(f->c.pool, stats.bytes + bytes);
}

__attribute__((unused)) static void core_fixture_no_limit(struct core_fixture *f)
{
	pbuf_pool_set_limit(f->c.pool, UINT64_MAX);
}

static void add_bytes(struct pbuf *pb, const uint8_t *bytes, uint32_t len)
{
	struct pbuf_block *b = pbuf_block_alloc(pb->pool, len);

	assert_non_null(b);
	memcpy(b->data, bytes, len);
	assert_true(pbuf_add_frag(pb, b, 0, len));
	pbuf_block_unref(b);
}

/**
 * make_packet() - A packet of these bytes
 * @linear:	At least so many of them are linear
 * @pieces:	At most so many fragments follow; their places are random
 */
__attribute__((unused)) static struct pbuf *make_packet(struct core_fixture *f,
							const uint8_t *bytes, uint32_t len,
							uint32_t linear, uint32_t pieces)
{
	const uint32_t room = dice_below(&f->d, 2) ? PBUF_HEADROOM : 32;
	struct pbuf *pb;
	uint8_t *at;

	if (pieces && linear < len && dice_below(&f->d, 2))
		linear += dice_below(&f->d, len - linear + 1);
	if (!pieces)
		linear = len;
	pb = pbuf_alloc_rx(f->c.pool, room, linear);
	assert_non_null(pb);
	at = pbuf_put(pb, linear);
	assert_non_null(at);
	memcpy(at, bytes, linear);
	for (uint32_t done = linear, n; done < len; done += n) {
		n = --pieces ? 1 + dice_below(&f->d, len - done) : len - done;
		add_bytes(pb, bytes + done, n);
	}
	return pb;
}

__attribute__((unused)) static void assert_bytes(const struct pbuf *pb, const uint8_t *bytes,
						 uint32_t len)
{
	static uint8_t flat[PACKET_MAX];

	assert_int_equal(pb->len, len);
	pbuf_copy_out(pb, 0, flat, len);
	assert_memory_equal(flat, bytes, len);
}

__attribute__((unused)) static void fill_random(struct core_fixture *f, uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)dice_roll(&f->d);
}

#endif /* TESTS_UNIT_NETSTACK_CORE_FIXTURE_H */
