/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wrappers.h - nics that stand before another one, and the one that is only memory
 *
 * A wrapper takes over the nic below it, closes it with itself, and shows its @info.
 */
#ifndef NIC_WRAPPERS_H
#define NIC_WRAPPERS_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"

/**
 * nic_mem_pair() - Two nics that are each other's wire
 * @a, @b:	Both of one thread, or each of its own: rings without locks are between them
 * @features:	enum nic_feature that they claim: what is sent so arrives so, as from a tap
 * @mtu:	Of both
 */
int nic_mem_pair(struct nic **ret_a, const struct nic_env *a, struct nic **ret_b,
		 const struct nic_env *b, uint32_t features, uint32_t mtu, struct nerr *err);

/**
 * nic_capture_new() - Everything that passes, in a pcapng file
 * @file:	"-" for standard output, else a path; a FIFO is fine.  Replaced when it is there
 * @snaplen:	Bytes kept of a frame, 0 for all
 *
 * Frames are written as they would be on a wire: checksums that the device was to finish are
 * finished (draft-ietf-opsawg-pcapng; tshark finds no wrong one), frames with @gso are
 * written whole.  When it cannot be written the capture ends, counted and said once; the nic
 * goes on.  On success @below belongs to the wrapper.
 */
int nic_capture_new(struct nic **ret, struct nic *below, const char *file, uint32_t snaplen,
		    struct nerr *err);

/**
 * struct nic_fault_conf - What goes wrong, of both directions
 * @seed:	Of all chance
 * @loss_ppm, @dup_ppm, @reorder_ppm, @corrupt_ppm: In a million packets
 * @delay_us, @jitter_us: Later by so much; with jitter packets overtake each other
 * @queue:	Packets that may be under way, 0 for 1000; more are lost
 *
 * Frames with @gso are cut first, so that a segment is lost and not 64 KiB.
 */
struct nic_fault_conf {
	uint64_t seed;
	uint32_t loss_ppm;
	uint32_t dup_ppm;
	uint32_t reorder_ppm;
	uint32_t corrupt_ppm;
	uint32_t delay_us;
	uint32_t jitter_us;
	uint32_t queue;
};

/* "loss=1%,delay=5ms,jitter=1ms,reorder=0.5%,dup=1%,corrupt=10ppm,seed=7"; in a nic's spec the
 * commas are '+'.
 */
int nic_fault_parse(struct nic_fault_conf *ret, const char *text, struct nerr *err);
int nic_fault_new(struct nic **ret, struct nic *below, const struct nic_fault_conf *conf,
		  struct nerr *err);

/* What it did so far. */
struct nic_fault_stats {
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t delayed;
	uint64_t overflowed;
};

void nic_fault_stats(const struct nic *nic, struct nic_fault_stats *ret);

/**
 * nic_count_new() - Count packets by what they are
 *
 * For benchmarks and tests: how many frames, of which sizes, with which protocols.
 */
struct nic_count {
	uint64_t packets;
	uint64_t bytes;
	uint64_t segments; /* as the wire would have it */
	uint64_t tcp, tcp_pure_ack, udp, icmp, arp, other;
	uint64_t size[17]; /* by the logarithm of the length */
};

int nic_count_new(struct nic **ret, struct nic *below, struct nerr *err);
void nic_count_get(const struct nic *nic, struct nic_count *rx, struct nic_count *tx);

#endif /* NIC_WRAPPERS_H */
