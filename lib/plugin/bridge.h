/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge.h - a bridge of the host: made, given addresses, checked, taken back
 *
 * A bridge is shared by all containers of its network, so taking it back is only
 * right when nobody else is about to use it.  Each ADD holds a shared lock on
 * the host's network namespace from before it looks for the bridge until its port
 * is attached; a failing ADD asks for the lock exclusively before it removes a
 * bridge that it made and that has no ports.
 */
#ifndef PLUGIN_BRIDGE_H
#define PLUGIN_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "netlink/link.h"

struct arena;
struct cni_call;
struct cni_result;
struct nerr;
struct nlsock;
struct plugin_nets;

/**
 * struct bridge_dev_conf - What a plugin wants of its bridge
 * @name:	Of the bridge
 * @mtu:	Of one that is made, 0 for the kernel's default
 * @vlan_filtering: One that is made filters VLANs
 * @needs_vlans: One that is there must filter them
 * @promisc:	Is to be promiscuous
 * @force_address: Other addresses in their way are removed
 */
struct bridge_dev_conf {
	const char *name;
	uint32_t mtu;
	bool vlan_filtering;
	bool needs_vlans;
	bool promisc;
	bool force_address;
};

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
int bridge_dev_check_vlans(const struct bridge_dev_conf *conf, const struct link_info *bridge,
			   struct nerr *err);

/* Find or make the bridge and set it up. Takes the shared lock. */
int bridge_dev_open(struct plugin_nets *nets, const struct bridge_dev_conf *conf,
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
			    const struct bridge_dev_conf *conf, const struct cni_result *res,
			    struct nerr *err);

/**
 * bridge_dev_complete_ips() - Add index, gateways and default routes to an IPAM plugin's answer
 * @res:	Changed
 * @index:	The container's interface in the result
 * @is_gateway:	An address without a gateway gets the first one of its network
 * @is_default_gateway: One default route a family, unless it has one
 */
int bridge_dev_complete_ips(struct cni_result *res, struct arena *arena, int index, bool is_gateway,
			    bool is_default_gateway, struct nerr *err);

/* Wait until a port forwards: its carrier is seen. @port is read anew; its MAC is final then. */
int bridge_dev_wait_port(struct plugin_nets *nets, struct link_info *port, struct nerr *err);

/**
 * bridge_dev_check() - CHECK: the bridge is there as prevResult and the configuration say
 * @has_mac:	Its MAC is its own, and must be that of prevResult
 * @ret:	The bridge
 */
int bridge_dev_check(struct cni_call *call, const struct bridge_dev_conf *conf, struct nlsock *nl,
		     bool has_mac, struct link_info *ret, struct nerr *err);

/* STATUS: what has the bridge's name is one, and filters VLANs if need be; none is fine. */
int bridge_dev_status(struct nlsock *nl, const struct bridge_dev_conf *conf, struct nerr *err);

#endif /* PLUGIN_BRIDGE_H */
