/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * device_priv.h - the bridge itself: made, given addresses, taken back
 *
 * A bridge is shared by all containers of its network, so taking it back is only
 * right when nobody else is about to use it.  Each ADD holds a shared lock on
 * the host's network namespace from before it looks for the bridge until its port
 * is attached; a failing ADD asks for the lock exclusively before it removes a
 * bridge that it made and that has no ports.
 */
#ifndef PLUGINS_BRIDGE_DEVICE_PRIV_H
#define PLUGINS_BRIDGE_DEVICE_PRIV_H

#include <stdbool.h>

#include "netlink/link.h"

struct bridge_conf;
struct cni_result;
struct nerr;
struct plugin_nets;

/* Gateway addresses one ADD can put on a bridge: more range sets than anyone has. */
#define BRIDGE_GATEWAYS_MAX 16

/**
 * struct bridge_dev - The bridge during an ADD
 * @created:	This call made it
 * @vlan_port:	ifindex of the port this call made for a VLAN's gateway, 0 for none
 * @added:	Gateway addresses this call put on it
 */
struct bridge_dev {
	struct plugin_nets *nets;
	struct link_info link;
	bool created;
	int vlan_port;
	struct ipnet added[BRIDGE_GATEWAYS_MAX];
	unsigned n_added;
};

/* Find or make the bridge and set it up. Takes the shared lock. */
int bridge_dev_open(struct plugin_nets *nets, const struct bridge_conf *conf,
		    struct bridge_dev *ret, struct nerr *err);

/* Undo step: remove what this call made of it, when nobody else uses it. */
void bridge_dev_undo(void *dev);

/**
 * bridge_dev_add_gateways() - Put the gateways of a result on an interface
 * @ifindex, @name: The bridge, or the interface that stands for one of its VLANs
 * @res:	Its ips' gateways
 *
 * Forwarding is switched on for their families.
 */
int bridge_dev_add_gateways(struct bridge_dev *dev, int ifindex, const char *name,
			    const struct bridge_conf *conf, const struct cni_result *res,
			    struct nerr *err);

#endif /* PLUGINS_BRIDGE_DEVICE_PRIV_H */
