/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * redirect.h - better first hops, as routers tell them (RFC 792, RFC 1122 3.2.2.2, RFC 4861 8)
 *
 * Only with params accept_redirects, and never on a router.  A redirect that is obeyed is a
 * route to its host, for a time.
 */
#ifndef NETSTACK_NET_REDIRECT_H
#define NETSTACK_NET_REDIRECT_H

#include <stdint.h>

#include "netstack/net/timer.h"
#include "wire/addr.h"

struct net;
struct net_iface;

#define REDIRECTS_MAX 16               /* of an interface; the oldest goes */
#define REDIRECT_MS   UINT64_C(300000) /* net.ipv4.route.gc_timeout, as on Linux */

/* @until_ns 0 for a free slot. */
struct redirect {
	struct ip6_addr dst;
	uint32_t metric;
	uint64_t until_ns;
};

struct redirect_iface {
	struct net_timer timer;
	struct redirect slot[REDIRECTS_MAX];
};

void redirect_init(struct net_iface *nif);

/* The interface is about to go down or away: they are forgotten. */
void redirect_down(struct net *net, struct net_iface *nif);

/**
 * redirect_in() - A router says that there is a better first hop
 * @from:	It; obeyed when it is the first hop to @dst now, on this interface
 * @dst:	Of the packet it got
 * @gateway:	The better one, on this link and not ours; @dst itself: that is on link
 *
 * Return: RX_PASS, or a drop reason
 */
int redirect_in(struct net *net, struct net_iface *nif, struct ip6_addr from, struct ip6_addr dst,
		struct ip6_addr gateway);

#endif /* NETSTACK_NET_REDIRECT_H */
