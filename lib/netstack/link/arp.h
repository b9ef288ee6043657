/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * arp.h - ARP (RFC 826), for the neighbour cache
 */
#ifndef NETSTACK_LINK_ARP_H
#define NETSTACK_LINK_ARP_H

#include <stdint.h>

#include "netstack/link/iface.h"
#include "netstack/link/neigh.h"
#include "nic/pbuf.h"

/**
 * arp_in() - A packet behind its Ethernet header
 *
 * Requests for one of our addresses (neigh_table.ours) are answered, and the cache learns who
 * asked; of others it only learns new link addresses of entries it has (RFC 826).
 *
 * Return: RX_TAKEN or a drop reason
 */
int arp_in(struct neigh_table *t, struct iface *ifc, struct pbuf *pb);

/* Who has @tpa?  @to: the station that is thought to have it, NULL for all. */
void arp_solicit(struct neigh_table *t, struct iface *ifc, uint32_t spa, uint32_t tpa,
		 const struct eth_addr *to);

/* Tell all stations that we have @addr (RFC 5227, 2.3). */
void arp_announce(struct neigh_table *t, struct iface *ifc, uint32_t addr);

#endif /* NETSTACK_LINK_ARP_H */
