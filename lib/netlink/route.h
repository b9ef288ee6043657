/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * route.h - routes over rtnetlink
 */
#ifndef NETLINK_ROUTE_H
#define NETLINK_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"

struct nerr;
struct nlsock;

/**
 * struct route - A unicast route
 * @dst:	Destination; prefix length 0 for a default route
 * @gw:		Next hop, family 0 for none
 * @src:	Preferred source, family 0 for none
 * @oif:	ifindex, 0 for none
 * @table:	RT_TABLE_*, 0 for main
 * @scope:	RT_SCOPE_*
 * @priority:	Metric, 0 for the kernel's default
 * @mtu, @advmss: Metrics, 0 for none
 */
struct route {
	struct ipnet dst;
	struct ipaddr gw;
	struct ipaddr src;
	int oif;
	uint32_t table;
	uint8_t scope;
	uint8_t protocol;
	uint32_t priority;
	uint32_t mtu;
	uint32_t advmss;
};

/* Routes of @family (AF_UNSPEC for both) in @table (0 for all), unicast only.  A multipath route
 * comes once for each of its next hops.  A negative return of @cb stops and is the result.
 */
int route_dump(struct nlsock *nl, uint8_t family, uint32_t table,
	       int (*cb)(const struct route *rt, void *arg), void *arg, struct nerr *err);

/**
 * route_put() - Queue a route to be added
 * @flags:	NLM_F_* besides NLM_F_CREATE: NLM_F_APPEND, NLM_F_EXCL, NLM_F_REPLACE or 0
 * @ignore:	Negative errno that counts as success, or 0
 *
 * Protocol boot, as iproute2's default.
 */
void route_put(struct nlsock *nl, const struct route *rt, uint16_t flags, int ignore);
/* Missing (-ESRCH) counts as success. */
void route_put_del(struct nlsock *nl, const struct route *rt);

/* ifindex of the interface packets to @dst leave by. -ENETUNREACH when there is no route,
 * -EHOSTUNREACH, -EACCES, -EINVAL for one that is unreachable, prohibit, blackhole.
 */
int route_lookup_oif(struct nlsock *nl, const struct ipaddr *dst, int *ret, struct nerr *err);

/* "10.0.0.0/8 via 10.1.0.1 dev 3 metric 5", for messages. */
#define ROUTE_STR_LEN 192
const char *route_to_str(const struct route *rt, char buf[static ROUTE_STR_LEN]);

#endif /* NETLINK_ROUTE_H */
