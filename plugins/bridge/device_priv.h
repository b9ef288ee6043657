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

/* An address of the bridge, or of the interface that stands for one of its VLANs. */
struct bridge_addr {
	int ifindex;
	char name[IFNAMSIZ];
	struct ipnet net;
};

/* IPv6 settings of a bridge that an ADD writes before it sets it up. */
#define BRIDGE_SETTINGS    2
#define BRIDGE_SETTING_LEN 8

/**
 * struct bridge_dev - The bridge during an ADD
 * @link:	As it was found, or made
 * @name:	Its name
 * @created:	This call made it
 * @set_up, @set_promisc: This call switched that on, of a bridge that was there
 * @setting:	Its settings before that, "" for unknown
 * @vlan:	VLAN that this call made a gateway for, 0 for none
 * @vlan_port:	ifindex of the port it made for that, 0 for none
 * @added:	Gateway addresses this call added
 * @removed:	Others that had to go (forceAddress)
 *
 * All of these are noted before the kernel is asked: when it is the answer that gets
 * lost, the thing is there.
 */
struct bridge_dev {
	struct plugin_nets *nets;
	struct link_info link;
	const char *name;
	bool created;
	bool set_up;
	bool set_promisc;
	char setting[BRIDGE_SETTINGS][BRIDGE_SETTING_LEN];
	uint16_t vlan;
	int vlan_port;
	struct bridge_addr added[BRIDGE_GATEWAYS_MAX];
	unsigned n_added;
	struct bridge_addr removed[BRIDGE_GATEWAYS_MAX];
	unsigned n_removed;
};

/* An existing bridge that does not filter VLANs is no bridge for VLANs: -EINVAL. */
int bridge_dev_check_vlans(const struct bridge_conf *conf, const struct link_info *bridge,
			   struct nerr *err);

/* Find or make the bridge and set it up. Takes the shared lock. */
int bridge_dev_open(struct plugin_nets *nets, const struct bridge_conf *conf,
		    struct bridge_dev *ret, struct nerr *err);

/* Undo step: put it as it was.  What others may use by now (it has other ports) stays. */
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
