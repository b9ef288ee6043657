/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * defnet.h - the built-in network, which needs no configuration file
 *
 * A bridge "fairlead0" with NAT, published ports, addresses from host-local.
 * 10.87.0.0/16 is next to what podman (10.88), CRI-O (10.85), nerdctl (10.4),
 * flannel (10.244), k3s (10.42) and Docker (172.17) take, and taken by none.
 * fd4e:6574:6e73::/64 is a unique local prefix ("Netns" in ASCII; RFC 4193 wants
 * random bits, which a prefix that is the same on every host cannot have).
 */
#ifndef NETNS_RUN_DEFNET_H
#define NETNS_RUN_DEFNET_H

#include <stdbool.h>

#include "cni/conflist.h"

struct nerr;

#define DEFNET_NAME "fairlead"

/**
 * struct defnet_conf - What of it can be chosen
 * @is_user:	Its programs are on a user stack
 * @mode:	Of that: "hybrid", "full"; NULL for the default
 * @nic:	"bridge", "macvtap:DEVICE"; NULL for the default.  With a macvtap it is a network of
 *		another name, whose addresses are those that are asked for
 */
struct defnet_conf {
	bool is_user;
	const char *mode;
	const char *nic;
};

/**
 * defnet_new() - The built-in network, as it fits this host
 * @conf:	How
 * @ret:	For cni_conflist_free()
 * @ret_note:	Why IPv6 is left out, NULL when it is not.  Static text
 *
 * A bridge with IPv6 turns this host into an IPv6 router, and the kernel drops what
 * default routes it has learned from router advertisements when that happens
 * (addrconf_fixup_forwarding() in net/ipv6/addrconf.c).  A host that lives on such a
 * route gets no IPv6 here rather than to lose its own.
 */
int defnet_new(const struct defnet_conf *conf, struct cni_conflist **ret, const char **ret_note,
	       struct nerr *err);

#endif /* NETNS_RUN_DEFNET_H */
