/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conntrack.h - entries of the kernel's connection tracking, over ctnetlink
 */
#ifndef NETLINK_CONNTRACK_H
#define NETLINK_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

struct nerr;
struct nlsock;

/**
 * conntrack_flush_dport() - Delete the entries that were opened to a port
 * @nl:		NETLINK_NETFILTER socket
 * @family:	AF_INET or AF_INET6
 * @proto:	IPPROTO_UDP, say
 * @ports:	Destination ports of the original direction, host byte order
 * @n:		How many
 *
 * One filtered dump per call, one delete per entry found (by tuple and id, so
 * that a kernel which ignores the filter cannot delete more than was meant).
 *
 * Return: entries deleted, or negative errno
 */
int conntrack_flush_dport(struct nlsock *nl, uint8_t family, uint8_t proto, const uint16_t *ports,
			  size_t n, struct nerr *err);

#endif /* NETLINK_CONNTRACK_H */
