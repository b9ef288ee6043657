/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * route.h - routing table: the longest prefix, then the lowest metric
 */
#ifndef NETSTACK_NET_ROUTE_H
#define NETSTACK_NET_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/addr.h"

enum route_type {
	ROUTE_UNICAST,
	ROUTE_LOCAL, /* our own addresses; made by addr.c */
	ROUTE_BROADCAST,
	ROUTE_BLACKHOLE,   /* drop silently; connect() says EINVAL as Linux's does */
	ROUTE_UNREACHABLE, /* ICMP host unreachable, EHOSTUNREACH */
	ROUTE_PROHIBIT,    /* ICMP administratively prohibited, EACCES */
};

/**
 * struct route_conf - A route
 * @dst:	Prefix, an IPv4 one mapped; bits behind @dst_len are 0
 * @dst_len:	As people write it: 0 to 32 for IPv4
 * @is_ip4:	Which family 0/0 is of
 * @has_gateway: @gateway is there (on the link of @ifindex), else the destination is on link
 * @gateway:	Next hop; may be of the other family (RFC 5549)
 * @ifindex:	Out of this interface
 * @has_src:	@src is the source address to prefer
 * @src:	One of ours
 * @metric:	Lower is better; routes of one prefix differ in it
 * @type:	enum route_type
 * @mtu:	0 for the interface's
 */
struct route_conf {
	struct ip6_addr dst;
	struct ip6_addr gateway;
	struct ip6_addr src;
	uint32_t ifindex;
	uint32_t metric;
	uint32_t mtu;
	uint8_t dst_len;
	uint8_t type;
	bool is_ip4;
	bool has_gateway;
	bool has_src;
};

struct route_table;
struct pbuf_mem;

int route_table_new(struct route_table **ret, const struct pbuf_mem *mem);
void route_table_free(struct route_table *t);

/* -EEXIST for same prefix, metric and interface; -ENOMEM, -EINVAL.  Prefixes of both families
 * may be in it: an IPv4 route is for mapped addresses and no IPv6 one is.
 */
int route_add(struct route_table *t, const struct route_conf *r);

/* By prefix, metric, and where given type (one that is not ROUTE_UNICAST), gateway and
 * interface; routes of type LOCAL and BROADCAST only when the type says so.  -ESRCH
 */
int route_del(struct route_table *t, const struct route_conf *r);

/* All routes over an interface. */
void route_del_iface(struct route_table *t, uint32_t ifindex);

/* Routes in it, and bytes of memory. */
uint32_t route_n(const struct route_table *t);
uint64_t route_bytes(const struct route_table *t);

/**
 * route_lookup() - The best route to an address
 * @oif:	Only routes over this interface; 0 for any
 * @usable:	Asked about each interface: routes over one that is down do not count.  Routes
 *		of types that are no way (ROUTE_BLACKHOLE and behind) have none and always do
 *
 * Return: the route, or NULL
 */
const struct route_conf *route_lookup(const struct route_table *t, struct ip6_addr dst,
				      uint32_t oif,
				      bool (*usable)(const void *arg, uint32_t ifindex),
				      const void *arg);

/* Each route in turn; the callback's non-zero ends it and is returned. */
int route_walk(const struct route_table *t, int (*fn)(void *arg, const struct route_conf *r),
	       void *arg);

#endif /* NETSTACK_NET_ROUTE_H */
