/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "netlink/nlsock.h"
#include "plugin/bridge.h"
#include "plugin/bridge_conf.h"
#include "plugin/bridge_vlan.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugins/bridge/check_priv.h"

/* The host's end is the port of the bridge that is the other end of @cont. */
static int check_port(struct cni_call *call, const struct bridge_conf *conf, struct nlsock *nl,
		      const struct link_info *bridge, const struct link_info *cont,
		      struct nerr *err)
{
	for (size_t i = 0; i < call->prev->n_interfaces; i++) {
		const struct cni_interface *e = &call->prev->interfaces[i];
		struct link_info li;

		if ((e->sandbox && *e->sandbox) || strcmp(e->name, conf->bridge) == 0)
			continue;
		if (link_get(nl, e->name, &li, NULL) < 0 || strcmp(li.kind, "veth") != 0)
			continue;
		if (li.ifindex != cont->peer || li.peer != cont->ifindex ||
		    li.master != bridge->ifindex)
			continue;
		if (li.hairpin != conf->hairpin_mode)
			return nerr_set(err, -EINVAL,
					"Interface %s hairpin mode doesn't match configured %s",
					e->name, conf->hairpin_mode ? "true" : "false");
		return bridge_vlan_check_port(nl, conf, &li, err);
	}
	return nerr_set(err, -ENODEV, "CNI veth created for bridge %s was not found", conf->bridge);
}

int bridge_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct bridge_dev_conf dev;
	struct bridge_conf conf;
	struct link_info bridge;
	struct link_info cont;
	int r;

	r = bridge_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	r = plugin_nets_open(&nets, call->netns, err);
	if (r < 0)
		return r;
	if (conf.l3) {
		r = cni_ipam_check(call, conf.ipam.type, err);
		if (r < 0)
			return r;
	}
	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	dev = bridge_conf_dev(&conf);
	/* Only where it is a gateway it has a MAC of its own; else that of one of its ports. */
	r = bridge_dev_check(call, &dev, nets.host, conf.l3 && conf.is_gateway && !conf.vlan,
			     &bridge, err);
	if (r < 0)
		return r;
	r = iface_check_cont(call, nets.cont, "", "veth", "veth", &cont, err);
	if (r < 0)
		return r;
	r = check_port(call, &conf, nets.host, &bridge, &cont, err);
	if (r < 0)
		return r;
	r = bridge_vlan_check_gateway(nets.host, &conf, err);
	if (r < 0)
		return r;
	r = iface_check(nets.cont, call->ifname, call->prev, err);
	if (r < 0)
		return r;
	return conf.l3 && conf.ip_masq ? masq_check(call, &nets, call->prev, err) : 0;
}
