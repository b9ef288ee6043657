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
 *
 * A packet stays in its sender's pool: the receiver copies it into its own, and the sender frees
 * it the next time it sends, receives or arms.  With one pool for both the packet itself
 * goes over.  1024 packets may be under way; then tx() takes no more.  When one of them is
 * closed, what it sent and the other has not received is lost, and the device of the other is
 * gone (-ENODEV).
 *
 * Return: 0; -EINVAL for features and an MTU that do not exist, -ENOMEM, -EMFILE
 */
int nic_mem_pair(struct nic **ret_a, const struct nic_env *a, struct nic **ret_b,
		 const struct nic_env *b, uint32_t features, uint32_t mtu, struct nerr *err);

/**
 * nic_capture_new() - Everything that passes, in a pcapng file
 * @file:	"-" for standard output, else a path; a FIFO is fine that has a reader.  Replaced
 *		when it is there
 * @snaplen:	Bytes kept of a frame, 0 for all
 *
 * Frames are written as they would be on a wire: checksums that the device was to finish are
 * finished (draft-ietf-opsawg-pcapng; tshark finds no wrong one), frames with @gso are
 * written whole.  Nobody waits for a reader that is too slow: what does not fit into a buffer of
 * 8 MiB is missing, and counted here and in the file.  When the file cannot be written the capture
 * ends, and nic_capture_stats() says why; the nic goes on.  On success @below belongs to the
 * wrapper.
 *
 * Return: 0; -ENXIO for a FIFO without a reader, -ENOTTY for a terminal, errors of open(2)
 */
int nic_capture_new(struct nic **ret, struct nic *below, const char *file, uint32_t snaplen,
		    struct nerr *err);

/* Frames in the file or on their way there, their bytes on the link, frames that are missing; and
 * the negative errno that ended it.
 */
struct nic_capture_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped;
	int error;
};

/* -EINVAL when @nic is no capture.  Of nic_open() it is when capture= was given. */
int nic_capture_stats(const struct nic *nic, struct nic_capture_stats *ret);

/**
 * struct nic_fault_conf - What goes wrong, of both directions
 * @seed:	Of all chance: the same packets in the same order meet the same fate
 * @loss_ppm, @dup_ppm, @corrupt_ppm: In a million packets.  Corruption is one bit of an IP packet
 *		(a wrong one elsewhere in a frame is what Ethernet's own checksum is for)
 * @reorder_ppm: Those are late by up to a millisecond more
 * @delay_us, @jitter_us: Later by so much, and up to so much more; with jitter packets
 *		overtake each other
 * @queue:	Packets that may be late at once, in each direction, 0 for 1000; more are lost
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

/**
 * nic_fault_parse() - "loss=1%,delay=5ms,jitter=1ms,reorder=0.5%,dup=1%,corrupt=10ppm,seed=7"
 *
 * Shares are "%" or "ppm", times "us", "ms" or "s", with decimals or without; and "queue=500".  In a
 * nic's spec the commas are '+'.  -EINVAL: @err names the fault and its value
 */
int nic_fault_parse(struct nic_fault_conf *ret, const char *text, struct nerr *err);

/**
 * nic_fault_new() - A bad line
 *
 * What is late leaves and arrives by a timer of its own, a descriptor in the loop of @below: it
 * needs nothing of who serves the nic, and wakes its thread when it sleeps.  On success @below
 * belongs to the wrapper.
 *
 * Return: 0; -EINVAL for a share of more than 100 %, -ENOMEM, -EMFILE
 */
int nic_fault_new(struct nic **ret, struct nic *below, const struct nic_fault_conf *conf,
		  struct nerr *err);

/* What it did so far, in packets; those that were lost because the queue or the device below
 * was full are @overflowed.
 */
struct nic_fault_stats {
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t delayed;
	uint64_t overflowed;
};

/* -EINVAL when @nic is none of nic_fault_new(). */
int nic_fault_stats(const struct nic *nic, struct nic_fault_stats *ret);

/**
 * struct nic_count - Packets by what they are
 * @packets, @bytes: In all
 * @segments:	As the wire would have it: those of a frame with @gso, 1 of another
 * @tcp, @udp, @icmp, @arp, @other: One of them each, ICMP of both families
 * @tcp_pure_ack: Of @tcp, those with nothing but an acknowledgment
 * @size:	Of so many bytes, 2^i to 2^(i + 1) - 1
 */
struct nic_count {
	uint64_t packets;
	uint64_t bytes;
	uint64_t segments;
	uint64_t tcp, tcp_pure_ack, udp, icmp, arp, other;
	uint64_t size[17];
};

/* For benchmarks and tests.  On success @below belongs to the wrapper.  -ENOMEM */
int nic_count_new(struct nic **ret, struct nic *below, struct nerr *err);

/* What came in, and what was taken; either may be NULL.  @nic is one of nic_count_new(). */
void nic_count_get(const struct nic *nic, struct nic_count *rx, struct nic_count *tx);

#endif /* NIC_WRAPPERS_H */
