/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * follow.h - the kernel's configuration of an interface, live
 *
 * Addresses, routes, neighbours, link state, MAC address and MTU of one interface of a namespace
 * are read over rtnetlink (libnl-3) and followed as they change.  The kernel is the
 * control plane: what "ip" configures there, we obey.  Who follows gets the state as a series
 * of changes, first those that lead from nothing to what is there.
 *
 * When the kernel says that messages were lost (ENOBUFS), everything is read again, and only
 * the differences are told.
 */
#ifndef FOLLOW_FOLLOW_H
#define FOLLOW_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/addr.h"

struct follow;
struct nerr;

#define FOLLOW_NAME_LEN 16

/* An interface.  @running: up, and with a carrier.  @asks_dad: IPv6 asks whether an address is
 * taken before it uses it (accept_dad).
 */
struct follow_link {
	char name[FOLLOW_NAME_LEN];
	uint32_t ifindex;
	struct eth_addr mac;
	uint32_t mtu;
	bool up;
	bool running;
	bool asks_dad;
};

/* An address; IPv4 ones mapped. */
struct follow_addr {
	struct ip6_addr addr;
	uint8_t prefix_len;
	bool no_prefix_route;
	bool tentative; /* the kernel's DAD is under way */
	bool no_dad;    /* which it was told not to do */
	bool deprecated;
	bool is_permanent; /* not from a router's advertisement */
};

enum follow_route_type {
	FOLLOW_UNICAST,
	FOLLOW_BLACKHOLE,
	FOLLOW_UNREACHABLE,
	FOLLOW_PROHIBIT,
};

/* A route of the main table over the interface, or of a type that has none. */
struct follow_route {
	struct ip6_addr dst;
	struct ip6_addr gateway;
	struct ip6_addr src;
	uint32_t metric;
	uint32_t mtu;
	uint8_t dst_len;
	uint8_t type; /* enum follow_route_type */
	bool is_ip4;
	bool has_gateway;
	bool has_src;
};

/* A neighbour that is configured (NUD_PERMANENT), not learned. */
struct follow_neigh {
	struct ip6_addr addr;
	struct eth_addr mac;
};

/**
 * struct follow_ops - Who follows
 * @link:	The interface changed: all of it.  NULL: it is gone
 * @addr, @route, @neigh: One is there (@add), or gone.  An address (its length belongs to it)
 *		or a neighbour that is told once more has changed; a route that changes is gone
 *		first.  With the interface goes what is over it, before it
 * @lost:	Messages were lost, and everything was read again
 */
struct follow_ops {
	void (*link)(void *arg, const struct follow_link *link);
	void (*addr)(void *arg, const struct follow_addr *addr, bool add);
	void (*route)(void *arg, const struct follow_route *route, bool add);
	void (*neigh)(void *arg, const struct follow_neigh *neigh, bool add);
	void (*lost)(void *arg);
};

/**
 * follow_new() - Begin
 * @netns:	Descriptor of the namespace, -1 for the thread's own; not kept
 * @ifname:	Interface; one that is not there yet is waited for: -ENODEV only with @must_be
 * @ops:	Called from here and from follow_read()
 */
int follow_new(struct follow **ret, int netns, const char *ifname, bool must_be,
	       const struct follow_ops *ops, void *arg, struct nerr *err);
void follow_free(struct follow *f); /* NULL is fine */

/* Readable when follow_read() has something to do. */
int follow_fd(const struct follow *f);

/* What has come in.  0, or an error after which nothing can be followed any more. */
int follow_read(struct follow *f, struct nerr *err);

#endif /* FOLLOW_FOLLOW_H */
