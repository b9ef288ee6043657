/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * steer.h - flows of a device with several queues, each to the instance that owns it
 *
 * One instance of the stack, one thread and one queue are a shard.  All shards of a host have its
 * addresses; which one a flow belongs to follows from the packet alone:
 *
 *	local port is ephemeral	port % shards: connect() and bind() of a shard choose such
 *				ports (netstack_conf.shard)
 *	another local port	a keyed hash of the 4-tuple
 *	echo request to us	a hash of the addresses and the identifier
 *	echo reply to us	identifier % shards: ping sockets of a shard choose such
 *				identifiers
 *	ICMP errors		as the packet they are about, the other way round
 *	fragments		as the first one of their packet: those between two addresses are
 *				gathered by one shard, which learns it from that and hands them on
 *	ARP, ND			questions go to shard 0, which answers; what all must know
 *				(replies, advertisements, announcements) goes to everyone
 *	IGMP, MLD, and what is sent to a group or all: everyone, who knows its own groups; but
 *				not TCP and echo requests
 *	all else		a hash of the addresses
 *
 * So a socket that is bound to a port or identifier by number and connects from there may not
 * hear the answer: it is the hash, or the number, that says whose it is.  Listeners are to be on
 * all shards, but those on an ephemeral port, which hear all on the one of that number.
 *
 * A device that hashes otherwise, or not at all, brings a frame to the wrong queue: its
 * thread hands a copy on, through a ring without locks, and wakes the owner.
 */
#ifndef NIC_STEER_H
#define NIC_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/loop.h"
#include "nic/pbuf.h"

struct nerr;
struct steer;

#define STEER_SHARDS_MAX 16
#define STEER_ALL        UINT32_MAX /* of steer_shard(): everyone */

/**
 * struct steer_conf - How flows are spread
 * @n_shards:	2 to STEER_SHARDS_MAX
 * @port_first, @port_last: Ephemeral ports (struct ip_params)
 * @is_ip:	Frames have no Ethernet header
 */
struct steer_conf {
	unsigned int n_shards;
	uint16_t port_first;
	uint16_t port_last;
	bool is_ip;
};

/* Before the threads begin.  -ENOMEM, -EMFILE, -EINVAL */
int steer_new(struct steer **ret, const struct steer_conf *conf, struct nerr *err);

/* When they have ended.  NULL is fine. */
void steer_free(struct steer *s);

/* A shard's pool will be freed: packets of it that were kept (fragments) go.  Called by its
 * thread.
 */
void steer_leave(struct steer *s, unsigned int shard);

/* Whose a frame is; of a fragment, who gathers it.  Of bytes that are nothing we know: shard 0.
 */
uint32_t steer_shard(const struct steer *s, const struct pbuf *pb);

/**
 * steer_burst() - Send away what is not ours
 * @shard:	Whose thread this is
 * @burst:	Received by it; keeps those that stay, in order
 *
 * A ring that is full loses the frame, and counts it.
 *
 * Return: how many stay
 */
unsigned int steer_burst(struct steer *s, unsigned int shard, struct pbuf **burst, unsigned int n);

/* What others have sent us: packets of @pool, where steer_burst()'s packets come from, too.
 * Return: how many
 */
unsigned int steer_take(struct steer *s, unsigned int shard, struct pbuf_pool *pool,
			struct pbuf **burst, unsigned int n);

/* Interrupts, as nic_ops.arm(): true when something is there, else the descriptor of
 * steer_fd() becomes readable when something comes.
 */
bool steer_arm(struct steer *s, unsigned int shard);
int steer_fd(const struct steer *s, unsigned int shard);

/* Counters of a shard: frames sent away, taken in, lost: because a ring was full, for want of
 * memory, or as fragments without the first one.  From any thread.
 */
struct steer_stats {
	uint64_t sent;
	uint64_t taken;
	uint64_t lost;
};

void steer_stats(const struct steer *s, unsigned int shard, struct steer_stats *ret);

struct nic;

/**
 * nic_steer_new() - The queue of a shard, with its own flows only
 * @below:	Of the device; the wrapper's on success
 *
 * What it receives is what @below receives for this shard and what other shards hand on.
 */
int nic_steer_new(struct nic **ret, struct nic *below, struct steer *s, unsigned int shard,
		  struct nerr *err);

#endif /* NIC_STEER_H */
