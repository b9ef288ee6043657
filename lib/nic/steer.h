/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * steer.h - flows of a device with several queues, each to the instance that owns it
 *
 * One instance of the stack, one thread and one queue are a shard.  All shards of a host have its
 * addresses; which one a flow belongs to follows from the packet alone:
 *
 *	local port is ephemeral	port % shards: connect() and bind() of a shard choose such
 *				ports (netstack_conf.shard)
 *	another local port	a hash of the 4-tuple
 *	fragments		a hash of the addresses
 *	ICMP errors		as the packet they are about, the other way round
 *	echo			a hash of the addresses and the identifier
 *	ARP, ND, IGMP, MLD	questions go to shard 0, which answers; what all must know
 *				(replies, advertisements, announcements) goes to everyone
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

/* When they have ended. */
void steer_free(struct steer *s);

/* Whose a frame is.  Of bytes that are nothing we know: shard 0. */
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

/* What others have sent us: packets of @pool.  Return: how many */
unsigned int steer_take(struct steer *s, unsigned int shard, struct pbuf_pool *pool,
			struct pbuf **burst, unsigned int n);

/* Interrupts, as nic_ops.arm(): true when something is there, else the descriptor of
 * steer_fd() becomes readable when something comes.
 */
bool steer_arm(struct steer *s, unsigned int shard);
int steer_fd(const struct steer *s, unsigned int shard);

/* Counters of a shard: frames sent away, taken in, lost because a ring was full. */
struct steer_stats {
	uint64_t sent;
	uint64_t taken;
	uint64_t lost;
};

void steer_stats(const struct steer *s, unsigned int shard, struct steer_stats *ret);

#endif /* NIC_STEER_H */
