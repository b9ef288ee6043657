/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gso.h - cut a packet of many segments, for a device that does not
 */
#ifndef NETSTACK_LINK_GSO_H
#define NETSTACK_LINK_GSO_H

#include <stdbool.h>

#include "netstack/core/core.h"
#include "nic/pbuf.h"

/**
 * gso_segment() - Make the segments of a GSO packet
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
 * Return: true, and @pb is the segments'; false, and it is still the caller's and nothing was
 *         appended: no memory, or headers that do not fit @gso.  It is then dropped by
 *         the caller (DROP_NO_MEMORY)
 */
bool gso_segment(struct core *c, struct pbuf *pb, struct pbuf_queue *ret);

#endif /* NETSTACK_LINK_GSO_H */
