/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge_vlan.h - VLANs of a port, and the gateway interface of one VLAN
 */
#ifndef PLUGIN_BRIDGE_VLAN_H
#define PLUGIN_BRIDGE_VLAN_H

#include <net/if.h>

#include <stdbool.h>

struct bridge_conf;
struct bridge_dev;
struct link_info;
struct nerr;
struct nlsock;
struct plugin_nets;

/* The configuration gives ports VLANs; an empty trunk is none. */
bool bridge_vlan_wanted(const struct bridge_conf *conf);

/* Give the port @port the VLANs of the configuration; without any, nothing changes. */
int bridge_vlan_set_port(struct plugin_nets *nets, const struct bridge_conf *conf,
			 const struct link_info *port, struct nerr *err);

/* CHECK: the port is in all of these VLANs. */
int bridge_vlan_check_port(struct nlsock *nl, const struct bridge_conf *conf,
			   const struct link_info *port, struct nerr *err);

/* "<bridge>.<vlan>". */
int bridge_vlan_gateway_name(const struct bridge_conf *conf, char ret[static IFNAMSIZ],
			     struct nerr *err);

/* CHECK: a VLAN that has a gateway has its interface. */
int bridge_vlan_check_gateway(struct nlsock *nl, const struct bridge_conf *conf, struct nerr *err);

/**
 * bridge_vlan_gateway() - The interface that carries a VLAN's gateway addresses
 * @ret:	"<bridge>.<vlan>": one end of a veth pair whose other end is an access
 *		port of that VLAN
 *
 * Made at the first call and shared from then on; it stays as the bridge does.  Any
 * interface of that name that somebody else made is used as it is.
 */
int bridge_vlan_gateway(struct bridge_dev *dev, const struct bridge_conf *conf,
			struct link_info *ret, struct nerr *err);

#endif /* PLUGIN_BRIDGE_VLAN_H */
