/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frag.h - fragmentation of IPv4 and IPv6 packets
 *
 * The payload of fragments is that of the packet: they share its blocks.  Only what lies in
 * the packet's own room is copied.
 */
#ifndef NETSTACK_NET_FRAG_H
#define NETSTACK_NET_FRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/core.h"
#include "nic/pbuf.h"

/**
 * frag4_split() - Cut an IPv4 packet
 * @pb:		IPv4 header at data and valid, without DF (not looked at); longer than @mtu.
 *		Not GSO; a PARTIAL checksum is finished first.  May be a fragment itself
 * @mtu:	IPV4_MTU_MIN or more: no fragment is longer
 * @ret:	Fragments are appended, each with its header at data and its l3 mark
 *
 * Options go into the first fragment, those with the copy bit into all (RFC 791, 3.1).  The
 * identification stays: the caller has chosen one.
 *
 * Return: 0, and @pb is freed; or -ENOMEM, -EINVAL (a header that leaves no room in @mtu),
 *         with @pb still the caller's and nothing appended
 */
int frag4_split(struct core *c, struct pbuf *pb, uint32_t mtu, struct pbuf_queue *ret);

/**
 * frag6_split() - Cut an IPv6 packet at its source
 * @pb:		IPv6 header at data and valid; longer than @mtu; as for frag4_split()
 * @mtu:	IPV6_MTU_LEAST or more
 * @id:		Identification for the fragment header
 *
 * Hop-by-hop options, destination options before a routing header, and the routing header
 * are in every fragment (RFC 8200, 4.5).
 *
 * Return: as frag4_split(); -EINVAL for a packet that has a fragment header
 */
int frag6_split(struct core *c, struct pbuf *pb, uint32_t mtu, uint32_t id, struct pbuf_queue *ret);

#endif /* NETSTACK_NET_FRAG_H */
