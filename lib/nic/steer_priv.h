/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * steer_priv.h - steering from the inside
 *
 *	steer.c		the shards: sending away, taking in, waking
 *	steer_look.c	whose a frame is
 *	steer_frag.c	fragments follow the first one of their packet
 *	steer_ring.c	frames on their way from one thread to another
 */
#ifndef NIC_STEER_PRIV_H
#define NIC_STEER_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "nic/pbuf.h"
#include "nic/steer.h"

#define STEER_LINE 64 /* of the cache: what two threads write lies in different ones */

/* --- steer_look.c --- */

/**
 * struct steer_way - Where a frame goes
 * @shard:	Its shard, or STEER_ALL; of a fragment, who gathers those between its addresses
 * @is_fragment: Then the others are about it
 * @is_first:	The transport header is in it: @owner is whose the packet is
 * @owner:	As said
 * @key:	Of the packet it belongs to
 */
struct steer_way {
	uint32_t shard;
	uint32_t owner;
	uint64_t key;
	bool is_fragment;
	bool is_first;
};

void steer_look(const struct steer *s, const struct pbuf *pb, struct steer_way *ret);

/* --- steer_frag.c --- */

#define STEER_FRAG_PACKETS 64 /* that are remembered */
#define STEER_FRAG_WAITING 32 /* fragments, of all packets */

/* A packet of which fragments came; @waiting are those that came before the first one. */
struct steer_frag {
	uint64_t key;
	uint32_t owner;
	bool used;
	bool known;
	struct pbuf_queue waiting;
};

struct steer_frags {
	struct steer_frag packet[STEER_FRAG_PACKETS];
	uint32_t next; /* to be forgotten */
	uint32_t waiting;
};

/**
 * steer_frag_in() - A fragment at whom it is gathered by
 * @pb:		Ours
 * @ret_go:	Fragments that can go on, in order, all to the same shard
 * @ret_owner:	Which
 *
 * Return: how many were lost, for want of place
 */
unsigned int steer_frag_in(struct steer_frags *f, struct pbuf *pb, const struct steer_way *way,
			   struct pbuf_queue *ret_go, uint32_t *ret_owner);

/* Free what waits. */
void steer_frag_done(struct steer_frags *f);

/* --- steer_ring.c --- */

/* One writes, one reads.  Frames of 64 KiB fit in, and some of them at once. */
#define STEER_RING_BYTES (1U << 20)

/**
 * struct steer_ring - Frames on their way
 * @head:	Bytes ever written, for the reader
 * @written:	Of the writer, not published yet
 * @tail_seen:	Of the writer: @tail as it was
 * @tail:	Bytes ever read, for the writer
 */
struct steer_ring {
	_Alignas(STEER_LINE) _Atomic uint64_t head;
	uint64_t written;
	uint64_t tail_seen;
	_Alignas(STEER_LINE) _Atomic uint64_t tail;
	_Alignas(STEER_LINE) uint8_t data[STEER_RING_BYTES];
};

struct steer_ring *steer_ring_new(void); /* NULL without memory */
void steer_ring_free(struct steer_ring *r);

/* Write a copy of a packet; others see it after steer_ring_publish().  @gather: it is a fragment
 * for whom it is gathered by.  False when there is no place.
 */
bool steer_ring_put(struct steer_ring *r, const struct pbuf *pb, bool gather);
void steer_ring_publish(struct steer_ring *r);

static inline bool steer_ring_is_empty(struct steer_ring *r)
{
	return atomic_load(&r->head) == atomic_load_explicit(&r->tail, memory_order_relaxed);
}

/**
 * steer_ring_take() - The next packet
 * @ret:	Written on 0
 *
 * Return: 0; -EAGAIN when there is none; -ENOMEM, and it is lost
 */
int steer_ring_take(struct steer_ring *r, struct pbuf_pool *pool, struct pbuf **ret,
		    bool *ret_gather);

/* --- steer.c --- */

/**
 * struct steer_shard_state - What belongs to a shard
 * @armed:	It sleeps, or is about to: who sends something writes to @fd
 * @told:	@fd was written to
 * @fd:		An eventfd
 * @sent, @taken, @lost: Counters, written by its thread
 * @frags:	Of its thread
 * @ready:	Fragments for itself: of its thread
 * @from:	Rings to it, made by their writers
 * @turn:	Whose ring is the next to be read
 */
struct steer_shard_state {
	_Alignas(STEER_LINE) _Atomic bool armed;
	_Atomic bool told;
	int fd;
	_Alignas(STEER_LINE) _Atomic uint64_t sent;
	_Atomic uint64_t taken;
	_Atomic uint64_t lost;
	struct steer_frags frags;
	struct pbuf_queue ready;
	unsigned int turn;
	_Alignas(STEER_LINE) _Atomic(struct steer_ring *) from[STEER_SHARDS_MAX];
};

struct steer {
	struct steer_conf conf;
	struct siphash_key key;
	struct steer_shard_state shard[];
};

#endif /* NIC_STEER_PRIV_H */
