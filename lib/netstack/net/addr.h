/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * addr.h - addresses of interfaces and multicast memberships, as configuration gives them
 */
#ifndef NETSTACK_NET_ADDR_H
#define NETSTACK_NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/addr.h"

/* State of an IPv6 address (RFC 4862, 5.4); IPv4 ones are PREFERRED at once. */
enum net_addr_state {
	NET_ADDR_TENTATIVE, /* DAD is under way: not used, not answered for */
	NET_ADDR_PREFERRED,
	NET_ADDR_DEPRECATED, /* still valid, not chosen for new connections */
	NET_ADDR_DUPLICATED, /* somebody else has it */
};

/**
 * struct net_addr_conf - An address of an interface
 * @ifindex:	Which
 * @addr:	An IPv4 one mapped
 * @prefix_len:	Of its network: 0 to 32 for IPv4, 0 to 128
 * @no_dad:	Use it at once
 * @deprecated:	See NET_ADDR_DEPRECATED
 * @no_prefix_route: Do not add the route to its network
 */
struct net_addr_conf {
	uint32_t ifindex;
	struct ip6_addr addr;
	uint8_t prefix_len;
	bool no_dad;
	bool deprecated;
	bool no_prefix_route;
};

#endif /* NETSTACK_NET_ADDR_H */
