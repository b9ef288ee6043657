/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mld.h - IPv6 multicast membership, told to routers (RFC 3810, RFC 2710)
 */
#ifndef NETSTACK_NET_MLD_H
#define NETSTACK_NET_MLD_H

#include "netstack/link/iface.h"
#include "netstack/net/mcast.h"
#include "nic/pbuf.h"

struct net;
struct net_iface;
struct net_group;

/* On an interface; done by mld_down(). */
struct mld_iface {
	struct mcast_iface m;
};

void mld_init(struct net_iface *nif);

/* The interface went up / is about to go down or away. */
void mld_up(struct net *net, struct net_iface *nif);
void mld_down(struct net *net, struct net_iface *nif);

/* As igmp_join(), igmp_leave().  ff02::1 and groups of interface scope are never reported. */
void mld_join(struct net *net, struct net_iface *nif, struct net_group *g);
void mld_leave(struct net *net, struct net_iface *nif, struct net_group *g);

/* An MLD message, its checksum verified, linear; by icmp6_in().  As igmp_in(). */
int mld_in(struct net *net, const struct iface *in, struct pbuf *pb);

#endif /* NETSTACK_NET_MLD_H */
