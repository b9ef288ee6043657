/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ethernet.h - the Ethernet header of packets
 */
#ifndef NETSTACK_LINK_ETHERNET_H
#define NETSTACK_LINK_ETHERNET_H

#include <stdint.h>

#include "netstack/link/iface.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

/**
 * ethernet_in() - Strip the header of a frame
 * @pb:		Frame at data; then what is behind the header, @l2 and @dest set
 * @ret_type:	EtherType behind all tags, on RX_PASS
 *
 * Frames for other stations pass: @dest is PBUF_TO_OTHER.  A tag of VLAN 0 carries nothing but
 * a priority and is stripped, others are for nobody here.
 *
 * Return: RX_PASS or a drop reason
 */
int ethernet_in(const struct iface *ifc, struct pbuf *pb, uint16_t *ret_type);

/* Prepend a header from us to @dst and queue the frame.  Its l3 mark is set.  Consumed. */
void ethernet_out(struct iface_table *t, struct iface *ifc, struct pbuf *pb, struct eth_addr dst,
		  uint16_t type);

#endif /* NETSTACK_LINK_ETHERNET_H */
