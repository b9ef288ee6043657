/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core.h - what every layer of an instance has under it: time, memory, chance, counters
 *
 * Lower layers do not know struct netstack; they get their own state and this.
 */
#ifndef NETSTACK_CORE_CORE_H
#define NETSTACK_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "netstack/core/drop.h"
#include "netstack/core/timer.h"
#include "netstack/core/trace.h"
#include "nic/pbuf.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

struct sock;

/**
 * struct core - Common ground of an instance
 * @now_ns:	The time, as of the last call into the instance; only moves forward
 * @mem:	Where all memory comes from
 * @pool:	Packets
 * @wheel:	Timers
 * @key:	Secret of the instance, for all keyed hashes; each use adds a word of its own
 * @chance:	State of core_random()
 * @drops:	Packets dropped, by reason
 * @trace:	Where events go, NULL for nowhere
 * @trace_arg:	Of @trace
 * @woken:	Sockets with news for their owner (transport/sock.h)
 * @news:	Times that a socket had some
 * @shard, @n_shards: Which instance of how many with the same addresses; 0 of 0 is the only one
 */
struct core {
	uint64_t now_ns;
	struct pbuf_mem mem;
	struct pbuf_pool *pool;
	struct timer_wheel wheel;
	struct siphash_key key;
	uint64_t chance;
	uint64_t drops[DROP_N];
	trace_fn *trace;
	void *trace_arg;
	struct sock *woken;
	uint64_t news;
	uint16_t shard;
	uint16_t n_shards;
};

/* Uniform, by the seed of the instance: the same seed and calls give the same numbers. */
uint32_t core_random(struct core *c);

/* Below @n, which is not 0; without bias. */
uint32_t core_random_below(struct core *c, uint32_t n);

/* Free a packet that goes no further, count and trace it. */
void core_drop(struct core *c, struct pbuf *pb, enum drop_reason why);

/* The same for something that was never a packet of its own (no memory to make one). */
void core_count(struct core *c, enum drop_reason why);

/* Milliseconds, which wrap: clock of TCP timestamps and other 32 bit deadlines. */
static inline uint32_t core_ms(const struct core *c)
{
	return (uint32_t)(c->now_ns / NS_PER_MS);
}

static inline void core_trace(struct core *c, enum trace_point point, const struct pbuf *pb)
{
	if (__builtin_expect(c->trace != NULL, 0))
		c->trace(c->trace_arg,
			 &(struct trace_event){ .time_ns = c->now_ns, .point = point, .pb = pb });
}

/* A line in words about a connection or the stack: "tcp 10.0.0.1:80: RTO, backing off". */
void core_note(struct core *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* NETSTACK_CORE_CORE_H */
