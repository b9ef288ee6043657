/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link_priv.h - what the link_*.c files share
 */
#ifndef NETLINK_LINK_PRIV_H
#define NETLINK_LINK_PRIV_H

#include <stdint.h>

#include "netlink/link.h"

struct nlmsghdr;

/* RTM_NEWLINK or RTM_DELLINK to a value. 0 or -EBADMSG, @ret untouched then. */
int link_parse(const struct nlmsghdr *nlh, struct link_info *ret);

/* The two ways to ask for the VIDs of a port: kernels since 5.6 answer for one port, older
 * ones list all ports of all bridges.
 */
int link_vids_of_port(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err);
int link_vids_of_all(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err);

#endif /* NETLINK_LINK_PRIV_H */
