/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gso.h - generic segmentation offload: a packet of many segments is cut into them
 *
 * For devices that do not do it; gro.h is the way back.
 */
#ifndef NIC_GSO_H
#define NIC_GSO_H

#include <stdint.h>

#include "nic/pbuf.h"

/**
 * gso_cut() - Make the segments of a GSO packet
 * @pb:		@gso is not PBUF_GSO_NONE; data is the link or the IP header, the l3 and l4 marks
 *		are set, all headers are linear
 * @ret:	Segments are appended, in order
 *
 * Segments have headers of their own and share the payload's blocks.  In each:
 *
 *	IPv4	length, an identification one higher than that of the segment before, checksum
 *	IPv6	payload length
 *	TCP	sequence number; FIN and PSH in the last only, CWR in the first only (RFC 3168,
 *		6.1.2) when @gso_ecn
 *	UDP	length
 *
 * The transport checksum is PBUF_CSUM_PARTIAL, whatever it was: the pseudo header's sum is
 * in the field.  pbuf_finish_csum() completes it where the device does not.  A packet that is
 * one segment is appended itself, its @gso PBUF_GSO_NONE.
 *
 * Return: how many, and @pb is theirs; 0, and @pb is still the caller's and nothing was
 *         appended: no memory, or headers that do not fit @gso
 */
uint32_t gso_cut(struct pbuf *pb, struct pbuf_queue *ret);

#endif /* NIC_GSO_H */
