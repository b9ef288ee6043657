/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ndp_priv.h - what the files of neighbour discovery share
 */
#ifndef NETSTACK_NET_NDP_PRIV_H
#define NETSTACK_NET_NDP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/link/iface.h"
#include "netstack/net/net_priv.h"
#include "wire/addr.h"
#include "wire/ndp.h"

/* RFC 4861, 10 */
#define NDP_RETRANS_MS         1000
#define NDP_RS_DELAY_MS_MAX    1000
#define NDP_RS_INTERVAL_MS     4000
#define NDP_RS_INTERVAL_MS_MAX 3600000 /* RFC 7559, 2 */

static inline uint32_t ndp_retrans_ms(const struct iface *ifc)
{
	return ifc->retrans_ms ? ifc->retrans_ms : NDP_RETRANS_MS;
}

/**
 * struct ndp_msg - A message to be sent
 * @src:	May be unspecified
 * @dst:	A group, or a neighbour
 * @fixed:	Fixed part
 * @opt:	Options
 * @n_opts:	Of them
 */
struct ndp_msg {
	struct ip6_addr src;
	struct ip6_addr dst;
	struct ndp_repr fixed;
	struct ndp_opt opt[2];
	unsigned int n_opts;
};

/* Send it on a link, past the routes.  Not sent when there is no memory. */
void ndp_send(struct net *net, struct iface *ifc, const struct ndp_msg *msg);

/* --- ndp_dad.c --- */

/* Another node's probe for an address that we are probing for; @nonce NULL for none. */
void ndp_dad_probe_in(struct net *net, struct net_addr *a, const uint8_t *nonce);

/* Another node has it. */
void ndp_dad_advert_in(struct net *net, struct net_addr *a);

/* Lifetimes of an address out of an advertisement; after DAD its timer is theirs. */
void ndp_lifetime_arm(struct net *net, struct net_addr *a);

/* --- ndp_router.c --- */

/* A router advertisement: @msg of @len bytes with options from @opts on. */
int ndp_router_in(struct net *net, struct net_iface *nif, struct ip6_addr from,
		  const struct ndp_repr *fixed, const uint8_t *msg, size_t len, size_t opts);

/* It says that it is no router any more. */
void ndp_router_gone(struct net *net, struct net_iface *nif, struct ip6_addr addr);

#endif /* NETSTACK_NET_NDP_PRIV_H */
