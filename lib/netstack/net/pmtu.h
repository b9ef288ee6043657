/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pmtu.h - what is known of path MTUs (RFC 1191, RFC 8201)
 *
 * One entry for each destination whose path is narrower than our link.  It goes after params
 * pmtu_expires_ms, and the full MTU is tried again (RFC 1191, 6.3).  Values only become
 * smaller until then.  ICMP is believed only about packets that transport knows to have sent
 * (net/icmp.h), and never below a bound:
 *
 *	IPv6	1280: a smaller one is refused (RFC 8200, 5; RFC 8021)
 *	IPv4	params pmtu_min: one that is not above it means this bound, and packets that do not
 *		set DF any more: routers cut them (as Linux does, ip_rt_update_pmtu())
 */
#ifndef NETSTACK_NET_PMTU_H
#define NETSTACK_NET_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/core.h"
#include "netstack/core/flowtab.h"
#include "netstack/core/slab.h"
#include "netstack/core/timer.h"
#include "netstack/net/params.h"
#include "wire/addr.h"

#define PMTU_ENTRIES_MAX 4096

/**
 * struct pmtu_table - The cache
 * @core:	Of the instance
 * @params:	pmtu_expires_ms, pmtu_min
 * @entries:	struct pmtu_entry (pmtu.c)
 * @by_dst:	They by destination
 * @oldest:	Number of the one that was set first; it goes when there are too many
 * @newest:	and last
 * @changed:	An entry expired: remembered paths are to be found anew
 * @arg:	Of @changed
 */
struct pmtu_table {
	struct core *core;
	const struct ip_params *params;
	struct slab entries;
	struct flowtab by_dst;
	uint32_t oldest;
	uint32_t newest;
	void (*changed)(void *arg);
	void *arg;
};

/* Takes no memory yet. */
void pmtu_init(struct pmtu_table *p, struct core *core, const struct ip_params *params,
	       void (*changed)(void *arg), void *arg);
void pmtu_done(struct pmtu_table *p);

/**
 * pmtu_lookup() - What is known of a path
 * @link_mtu:	Of the way out (link and route)
 * @ret_locked:	Written; IPv4: do not set DF
 *
 * Return: the MTU of the path: @link_mtu when no less is known
 */
uint32_t pmtu_lookup(const struct pmtu_table *p, struct ip6_addr dst, uint32_t link_mtu,
		     bool *ret_locked);

/**
 * pmtu_update() - Somebody says that the path is narrower
 * @mtu:	Raised to the bound for IPv4, refused below it for IPv6
 * @link_mtu:	Not narrower than this is no news
 *
 * Return: the entry changed: remembered paths to @dst are to be found anew
 */
bool pmtu_update(struct pmtu_table *p, struct ip6_addr dst, uint32_t mtu, uint32_t link_mtu);

/* What @mtu becomes by the bounds above.  False: it is refused (IPv4: below what every link
 * carries, 68).
 */
bool pmtu_bound(const struct ip_params *params, bool is_ip4, uint32_t *mtu);

/* The MTU that an old router meant, which did not say it (RFC 1191, 5 and 7.1): the next
 * plateau below the length of the packet it refused.
 */
uint32_t pmtu_plateau(uint32_t len);

/* Forget a destination, or with NULL all: routes changed. */
void pmtu_flush(struct pmtu_table *p, const struct ip6_addr *dst);

/* Handler of TIMER_PMTU. */
void pmtu_timer(struct pmtu_table *p, struct timer *t);

#endif /* NETSTACK_NET_PMTU_H */
