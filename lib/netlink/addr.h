/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * addr.h - addresses of interfaces over rtnetlink
 */
#ifndef NETLINK_ADDR_H
#define NETLINK_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"

struct nerr;
struct nlsock;

/**
 * struct addr_info - An address as the kernel describes it
 * @net:	Address (IFA_LOCAL where there is one) and prefix length
 * @flags:	IFA_F_* of linux/if_addr.h (tentative, dadfailed ...)
 * @scope:	RT_SCOPE_*
 */
struct addr_info {
	int ifindex;
	struct ipnet net;
	uint32_t flags;
	uint8_t scope;
};

/* Addresses of @ifindex (0 for all) of @family (AF_UNSPEC for both).  A negative return of @cb
 * stops and is the result.  -ENODEV when the link does not exist.
 */
int addr_dump(struct nlsock *nl, int ifindex, uint8_t family,
	      int (*cb)(const struct addr_info *ai, void *arg), void *arg, struct nerr *err);

/**
 * addr_put() - Queue an address to be added
 * @nodad:	IPv6: usable at once (IFA_F_NODAD)
 *
 * Scope universe; IPv4 shorter than /31 also gets its broadcast address, as the
 * reference suite and ip-address(8) do.
 */
void addr_put(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net,
	      bool nodad);
/* An address that exists already counts as success. */
void addr_put_keep(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net,
		   bool nodad);
/* Missing (-EADDRNOTAVAIL) counts as success. */
void addr_put_del(struct nlsock *nl, int ifindex, const char *ifname, const struct ipnet *net);

/**
 * addr_wait_dad() - Wait until no IPv6 address of a link is tentative
 * @timeout_ms:	Most milliseconds to wait
 *
 * Waits on rtnetlink notifications, opened in the calling thread's namespace.
 *
 * Return: 0; -EADDRNOTAVAIL when duplicate address detection failed for an
 *         address (named in the message); -ETIMEDOUT
 */
int addr_wait_dad(int ifindex, const char *ifname, int timeout_ms, struct nerr *err);

#endif /* NETLINK_ADDR_H */
