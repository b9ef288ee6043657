/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core_bench.c - what the ground of an instance costs: packets, timers, tables, hashes
 *
 * In nanoseconds of CPU time per call, the best of many short runs, for other work on the machine
 * can only make one slower.  "In a burst" means 64 at a time, as a device brings them.  Tables
 * and wheels with a million entries are walked in random order, so that every look goes
 * to memory that is not in the cache.  Results go to standard output, one JSON object a line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/siphash.h"
#include "netstack/core/core.h"
#include "netstack/core/flowtab.h"
#include "netstack/core/slab.h"
#include "netstack/core/timer.h"
#include "nic/pbuf.h"

#define ROUNDS 25
#define CALLS  100000
#define BURST  64
#define MANY   1000000

static void *mem_alloc(void *arg, size_t size)
{
	(void)arg;
	return malloc(size);
}

static void mem_free(void *arg, void *p, size_t size)
{
	(void)arg;
	(void)size;
	free(p);
}

static const struct pbuf_mem mem = { .alloc = mem_alloc, .free = mem_free };
static struct pbuf_pool *pool;
static volatile uint64_t sink; /* for nobody to find a result unused */

/* Cheap enough not to be seen in what is measured. */
static uint32_t chance(void)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(state >> 33);
}

static double cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		abort();
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* @run does @n of what is measured. */
static void bench(const char *what, void (*run)(unsigned n))
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		const double start = cpu_ns();
		double ns;

		run(CALLS);
		ns = (cpu_ns() - start) / CALLS;
		best = ns < best ? ns : best;
	}
	printf("{\"bench\":\"core-%s\",\"ours\":%.1f,\"unit\":\"ns\"}\n", what, best);
}

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* --- packets --- */

static void pbuf_one(unsigned n)
{
	while (n--)
		pbuf_free(must(pbuf_alloc(pool)));
}

static void pbuf_burst(unsigned n)
{
	struct pbuf *pb[BURST];

	for (; n >= BURST; n -= BURST) {
		for (unsigned i = 0; i < BURST; i++)
			pb[i] = must(pbuf_alloc(pool));
		for (unsigned i = 0; i < BURST; i++)
			pbuf_free(pb[i]);
	}
}

static void pbuf_rx_burst(unsigned n)
{
	struct pbuf *pb[BURST];

	for (; n >= BURST; n -= BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			pb[i] = must(pbuf_alloc_rx(pool, 64, 1514));
			(void)must(pbuf_put(pb[i], 1514));
		}
		for (unsigned i = 0; i < BURST; i++)
			pbuf_free(pb[i]);
	}
}

/* A request as TCP sends it: headers and 64 bytes of data in the pbuf's own room. */
static struct pbuf *small_packet(void)
{
	struct pbuf *pb = must(pbuf_alloc(pool));

	(void)must(pbuf_put(pb, 64));
	(void)must(pbuf_push(pb, 32));
	pbuf_mark_l4(pb);
	(void)must(pbuf_push(pb, 20));
	pbuf_mark_l3(pb);
	(void)must(pbuf_push(pb, 14));
	return pb;
}

static void pbuf_clone_small(unsigned n)
{
	struct pbuf *pb = small_packet();

	while (n--)
		pbuf_free(must(pbuf_clone(pb)));
	pbuf_free(pb);
}

static void pbuf_clone_frags(unsigned n)
{
	struct pbuf *pb = small_packet();

	for (unsigned i = 0; i < 16; i++) {
		struct pbuf_block *b = must(pbuf_block_alloc(pool, 4096));

		if (!pbuf_add_frag(pb, b, 0, 4096))
			abort();
		pbuf_block_unref(b);
	}
	while (n--)
		pbuf_free(must(pbuf_clone(pb)));
	pbuf_free(pb);
}

static void pbuf_build(unsigned n)
{
	while (n--)
		pbuf_free(small_packet());
}

/* --- timers --- */

static struct timer_wheel wheel;
static struct timer *timers;
static uint64_t now_ns;

static void timer_fired(void *arg, struct timer *t)
{
	(void)arg;
	sink += t->tick;
}

static void timer_set_del(unsigned n)
{
	while (n--) {
		timer_set(&wheel, &timers[0], now_ns + 200 * NS_PER_MS);
		timer_del(&wheel, &timers[0]);
	}
}

/* Each time to another slot, as a busy connection's retransmission timer. */
static void timer_move(unsigned n)
{
	while (n--)
		timer_set(&wheel, &timers[n % 64], now_ns + (200 + n % 1000) * NS_PER_MS);
}

static void timer_move_many(unsigned n)
{
	while (n--)
		timer_set(&wheel, &timers[chance() % MANY], now_ns + chance() % 100 * NS_PER_S);
}

/* Set, and some ticks later fired. */
static void timer_fire(unsigned n)
{
	for (; n >= BURST; n -= BURST) {
		for (unsigned i = 0; i < BURST; i++)
			timer_set(&wheel, &timers[i], now_ns + (1 + i % 8) * NS_PER_MS);
		now_ns += 10 * NS_PER_MS;
		timer_wheel_advance(&wheel, now_ns);
	}
}

static void timer_next(unsigned n)
{
	while (n--)
		sink += timer_wheel_next_ns(&wheel);
}

static void bench_timers(void)
{
	timers = must(calloc(MANY, sizeof(*timers)));
	timer_wheel_init(&wheel, 0, NULL);
	wheel.handler[TIMER_TEST] = timer_fired;
	for (unsigned i = 0; i < MANY; i++)
		timers[i].kind = TIMER_TEST;
	bench("timer-set-del", timer_set_del);
	bench("timer-move", timer_move);
	bench("timer-set-fire", timer_fire);
	for (unsigned i = 0; i < MANY; i++)
		timer_set(&wheel, &timers[i], now_ns + (3600 + i % 3600) * NS_PER_S);
	bench("timer-next-of-1M-hours-away", timer_next);
	bench("timer-move-random-of-1M", timer_move_many);
	free(timers);
}

/* --- hashes and tables --- */

static const struct siphash_key key = { { 1, 2 } };
static struct flowtab flows;
static struct slab conns;

/* What a lookup compares: addresses and ports in the first cache line of a connection. */
struct conn {
	uint8_t addrs[32];
	uint32_t ports;
	uint8_t rest[732];
};

static uint32_t hash_of(const struct conn *c)
{
	return (uint32_t)siphash13(&key, c, offsetof(struct conn, rest));
}

static void conn_fill(struct conn *c, uint32_t n)
{
	memset(c->addrs, 7, sizeof(c->addrs));
	memcpy(c->addrs, &n, sizeof(n));
	c->ports = 80;
}

static void flow_lookup_many(unsigned n)
{
	struct conn want;

	while (n--) {
		struct flowtab_iter it;
		uint32_t v;

		conn_fill(&want, chance() % MANY);
		it = flowtab_first(&flows, hash_of(&want));
		while ((v = flowtab_next(&flows, &it)) != FLOWTAB_NONE)
			if (memcmp(slab_get(&conns, v), &want, offsetof(struct conn, rest)) == 0)
				break;
		if (v == FLOWTAB_NONE)
			abort();
	}
}

/* The same connection again and again: all of it is in the cache. */
static void flow_lookup_hot(unsigned n)
{
	struct conn want;

	conn_fill(&want, 77);
	while (n--) {
		struct flowtab_iter it = flowtab_first(&flows, hash_of(&want));

		__asm__ volatile("" : : "r"(&want) : "memory");
		sink += flowtab_next(&flows, &it);
	}
}

static void flow_insert_remove(unsigned n)
{
	while (n--) {
		const uint32_t h = chance();

		if (flowtab_insert(&flows, h, 5) < 0)
			abort();
		flowtab_remove(&flows, h, 5);
	}
}

static void hash_40(unsigned n)
{
	struct conn want;

	conn_fill(&want, 5);
	while (n--) {
		__asm__ volatile("" : : "r"(&want) : "memory");
		sink += hash_of(&want);
	}
}

static void draw(unsigned n)
{
	static struct core c;

	while (n--)
		sink += core_random(&c);
}

static void slab_alloc_free(unsigned n)
{
	while (n--) {
		uint32_t id;

		(void)must(slab_alloc(&conns, &id));
		slab_free(&conns, id);
	}
}

static void bench_flows(void)
{
	double start;

	bench("siphash13-36-bytes", hash_40);
	bench("random", draw);
	slab_init(&conns, &mem, sizeof(struct conn), 2 * MANY);
	bench("slab-alloc-free-768-bytes", slab_alloc_free);
	flowtab_init(&flows, &mem);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t id;

		conn_fill(must(slab_alloc(&conns, &id)), i);
	}
	start = cpu_ns();
	for (uint32_t i = 0; i < MANY; i++)
		if (flowtab_insert(&flows, hash_of(slab_get(&conns, i)), i) < 0)
			abort();
	printf("{\"bench\":\"core-flow-insert-growing-to-1M\",\"ours\":%.1f,\"unit\":\"ns\"}\n",
	       (cpu_ns() - start) / MANY);
	bench("flow-lookup-random-of-1M", flow_lookup_many);
	bench("flow-lookup-hot", flow_lookup_hot);
	bench("flow-insert-remove-of-1M", flow_insert_remove);
	printf("{\"bench\":\"core-flow-bytes-of-1M\",\"ours\":%.1f,\"unit\":\"bytes per flow\"}\n",
	       (double)flowtab_bytes(&flows) / MANY);
	for (uint32_t i = 0; i < MANY; i++)
		slab_free(&conns, i);
	slab_done(&conns);
	flowtab_done(&flows);
}

int main(void)
{
	if (pbuf_pool_new(&pool, &mem, UINT64_MAX) < 0)
		abort();
	bench("pbuf-alloc-free", pbuf_one);
	bench("pbuf-alloc-free-in-a-burst", pbuf_burst);
	bench("pbuf-rx-1514-in-a-burst", pbuf_rx_burst);
	bench("pbuf-with-three-headers", pbuf_build);
	bench("pbuf-clone-free-small", pbuf_clone_small);
	bench("pbuf-clone-free-16-fragments", pbuf_clone_frags);
	pbuf_pool_free(pool);
	bench_timers();
	bench_flows();
	return 0;
}
