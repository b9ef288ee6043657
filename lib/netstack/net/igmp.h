/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * igmp.h - IPv4 multicast membership, told to routers (RFC 3376, RFC 2236, RFC 1112)
 */
#ifndef NETSTACK_NET_IGMP_H
#define NETSTACK_NET_IGMP_H

#include "netstack/link/iface.h"
#include "netstack/net/mcast.h"
#include "nic/pbuf.h"

struct net;
struct net_iface;
struct net_group;

/* On an interface; done by igmp_down(). */
struct igmp_iface {
	struct mcast_iface m;
};

void igmp_init(struct net_iface *nif);

/* The interface went up / is about to go down or away. */
void igmp_up(struct net *net, struct net_iface *nif);
void igmp_down(struct net *net, struct net_iface *nif);

/* The first join of a group, which is in the interface's list with @member zero; the last
 * leave, before it is taken out.  224.0.0.1 is never reported.
 */
void igmp_join(struct net *net, struct net_iface *nif, struct net_group *g);
void igmp_leave(struct net *net, struct net_iface *nif, struct net_group *g);

/**
 * igmp_in() - An IGMP message
 * @pb:		IGMP header at data, ip_rx() filled in, the l3 mark at the IP header
 *
 * Return: RX_TAKEN (heard, freed), or a drop reason
 */
int igmp_in(struct net *net, const struct iface *in, struct pbuf *pb);

#endif /* NETSTACK_NET_IGMP_H */
