/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ndp.h - IPv6 neighbour discovery and address configuration
 *
 * RFC 4861 (solicitations, advertisements), RFC 4862 with RFC 7527 (duplicate address
 * detection), and with params accept_ra routers, prefixes and parameters of their
 * advertisements (RFC 4861 6.3, RFC 4862 5.5, RFC 4191, RFC 7559).  The neighbour cache is in
 * link/neigh.h.
 */
#ifndef NETSTACK_NET_NDP_H
#define NETSTACK_NET_NDP_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/link/iface.h"
#include "netstack/net/timer.h"
#include "nic/pbuf.h"
#include "wire/addr.h"
#include "wire/ndp.h"

struct net;
struct net_addr;
struct net_iface;

#define NDP_ROUTERS_MAX  8  /* default routers of an interface */
#define NDP_PREFIXES_MAX 16 /* on-link prefixes that were advertised */

/* Of default routes that are made of advertisements, as Linux has it.  No two have the same:
 * interface, preference (RFC 4191) and place in the list are added.
 */
#define NDP_ROUTE_METRIC 1024

/**
 * struct ndp_router - A default router
 * @addr:	Link-local; unspecified for a free slot
 * @until_ns:	When its lifetime ends, TIMER_NEVER for never
 * @metric:	Of its route
 */
struct ndp_router {
	struct ip6_addr addr;
	uint64_t until_ns;
	uint32_t metric;
};

/* A prefix that is on link, whose route is ours; @len 0 for a free slot. */
struct ndp_prefix {
	struct ip6_addr addr;
	uint64_t until_ns;
	uint8_t len;
};

/**
 * struct ndp_iface - State of an interface
 * @timer:	For solicitations and lifetimes of @router and @prefix
 * @rs_ns:	When the next router solicitation is sent, 0 for never
 * @rs_ms:	How long after it the next one (RFC 7559), 0 before the first
 * @mtu:	That a router said, 0 for none
 * @hop_limit:	For packets sent from here, 0 for the default
 * @router:	Default routers
 * @prefix:	On-link prefixes
 */
struct ndp_iface {
	struct net_timer timer;
	uint64_t rs_ns;
	uint32_t rs_ms;
	uint32_t mtu;
	uint8_t hop_limit;
	struct ndp_router router[NDP_ROUTERS_MAX];
	struct ndp_prefix prefix[NDP_PREFIXES_MAX];
};

void ndp_init(struct net_iface *nif);

/* The interface went up: routers are asked, with params accept_ra.  It is about to go down or
 * away: what was learned of routers is forgotten, with its routes and addresses.
 */
void ndp_up(struct net *net, struct net_iface *nif);
void ndp_down(struct net *net, struct net_iface *nif);

/* MTU of IPv6 on an interface: what a router said, when it is less than the link's. */
uint32_t ndp_mtu(const struct net_iface *nif);

/* Hop limit of packets sent there: what a router said, or params ttl. */
uint8_t ndp_hop_limit(const struct net *net, const struct net_iface *nif);

/**
 * ndp_in() - A message of neighbour discovery; by icmp6_in()
 * @pb:		ICMPv6 header at data, its checksum verified, linear as a whole
 *
 * Return: RX_TAKEN (heard, freed), or a drop reason
 */
int ndp_in(struct net *net, const struct iface *in, struct pbuf *pb);

/* Ask for the link address of @target, on this link: what struct neigh_table's @solicit does
 * for IPv6.
 */
void ndp_solicit(struct net *net, struct iface *ifc, struct ip6_addr target,
		 const struct eth_addr *to_mac);

/**
 * ndp_dad_start() - Begin duplicate address detection (RFC 4862, 5.4)
 * @a:		Tentative, its solicited-node group joined
 *
 * In the end addr_dad_done() or addr_dad_failed() is called; at once, when params
 * dad_transmits is 0 or the interface has no link layer.
 */
void ndp_dad_start(struct net *net, struct net_iface *nif, struct net_addr *a);

/* The address goes, or its interface down: its timer is no longer needed. */
void ndp_addr_stop(struct net *net, struct net_addr *a);

/* Tell all nodes that we have it (RFC 4861, 7.2.6). */
void ndp_announce(struct net *net, struct net_iface *nif, const struct net_addr *a);

#endif /* NETSTACK_NET_NDP_H */
