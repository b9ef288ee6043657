/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge_conf.h - configuration of a plugin whose containers are on a bridge
 */
#ifndef PLUGIN_BRIDGE_CONF_H
#define PLUGIN_BRIDGE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "cni/result.h"
#include "netlink/link.h"
#include "plugin/bridge.h"
#include "plugin/conf.h"

struct cni_call;
struct nerr;

/**
 * struct bridge_conf - What the configuration says, checked
 * @vlan:	Access VLAN of the port, 0 for none
 * @has_trunk:	vlanTrunk was given, also as an empty array
 * @trunk:	VLANs the port carries tagged
 * @mac:	Wanted for the container's interface, len 0 for any
 * @l3:		There is an IPAM plugin
 */
struct bridge_conf {
	const char *bridge;
	bool is_gateway;
	bool is_default_gateway;
	bool force_address;
	bool ip_masq;
	const char *ip_masq_backend;
	int64_t mtu;
	bool hairpin_mode;
	bool promisc_mode;
	int64_t vlan;
	bool has_trunk;
	struct json_array trunk_ranges;
	struct link_vids trunk;
	bool preserve_default_vlan;
	bool macspoofchk;
	bool enabledad;
	bool disable_container_interface;
	bool port_isolation;
	struct plugin_mac_args runtime;
	struct plugin_args args;
	struct macaddr mac;
	struct plugin_ipam ipam;
	struct cni_dns dns;
	bool l3;
};

/* Read and check the configuration of a call. */
int bridge_conf_read(struct cni_call *call, struct bridge_conf *ret, struct nerr *err);

/**
 * bridge_conf_read_del() - Read as much as DEL and GC need
 *
 * Values that only ADD uses are not checked: a configuration that ADD would
 * refuse must not keep what an earlier one made.
 */
int bridge_conf_read_del(struct cni_call *call, struct bridge_conf *ret, struct nerr *err);

/* What the configuration says of the bridge itself. */
struct bridge_dev_conf bridge_conf_dev(const struct bridge_conf *conf);

/* VLAN filtering is needed on the bridge. */
static inline bool bridge_conf_has_vlans(const struct bridge_conf *conf)
{
	return conf->vlan != 0 || conf->has_trunk;
}

#endif /* PLUGIN_BRIDGE_CONF_H */
