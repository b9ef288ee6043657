/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cni/cni.h"
#include "netlink/nlsock.h"
#include "plugin/bridge.h"
#include "plugin/bridge_vlan.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugins/netstack/check_priv.h"
#include "plugins/netstack/conf_priv.h"
#include "plugins/netstack/daemon_priv.h"

/* The port of the bridge that prevResult names. */
static int check_port(struct cni_call *call, const struct netstack_conf *conf, struct nlsock *nl,
		      const struct link_info *bridge, const char *uplink, struct nerr *err)
{
	for (size_t i = 0; i < call->prev->n_interfaces; i++) {
		const struct cni_interface *e = &call->prev->interfaces[i];
		struct link_info li;

		if ((e->sandbox && *e->sandbox) || strcmp(e->name, conf->br.bridge) == 0 ||
		    (*uplink && strcmp(e->name, uplink) != 0))
			continue;
		if (link_get(nl, e->name, &li, NULL) < 0 || li.master != bridge->ifindex)
			continue;
		if (li.hairpin != conf->br.hairpin_mode)
			return nerr_set(err, -EINVAL,
					"Interface %s hairpin mode doesn't match configured %s",
					e->name, conf->br.hairpin_mode ? "true" : "false");
		return bridge_vlan_check_port(nl, &conf->br, &li, err);
	}
	return nerr_set(err, -ENODEV, "uplink '%s' of prevResult is not a port of bridge '%s'",
			uplink, conf->br.bridge);
}

/* A pod's annotations are not there under CHECK with every runtime: its interface tells. */
static int check_stack(struct cni_call *call, struct plugin_nets *nets, struct daemon_info *ret,
		       bool *is_user, struct nerr *err)
{
	struct link_info cont;
	int r;

	if (link_get(nets->cont, call->ifname, &cont, NULL) == 0 &&
	    strcmp(cont.kind, "veth") == 0) {
		*is_user = false;
		return iface_check_cont(call, nets->cont, "", "veth", "veth", &cont, err);
	}
	*is_user = true;
	r = iface_check_cont(call, nets->cont, "", "tun", "tap", &cont, err);
	if (r < 0)
		return r;
	r = daemon_find(call, nets, ret, err);
	if (r == 0 || (r > 0 && ret->retired))
		return nerr_set(err, -ESRCH, "no netstackd serves '%s' for this attachment",
				call->netns);
	return r < 0 ? r : 0;
}

int netstack_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct daemon_info info = { .uplink = "" };
	struct bridge_dev_conf dev;
	struct netstack_conf conf;
	struct link_info link;
	bool is_user;
	int r;

	r = netstack_conf_read(call, &conf, err);
	if (r == 0)
		r = plugin_nets_open(&nets, call->netns, err);
	if (r == 0 && conf.br.l3)
		r = cni_ipam_check(call, conf.br.ipam.type, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	r = check_stack(call, &nets, &info, &is_user, err);
	if (r < 0)
		return r;
	if (conf.master) {
		r = link_get(nets.host, info.uplink, &link, err);
	} else {
		dev = bridge_conf_dev(&conf.br);
		r = bridge_dev_check(call, &dev, nets.host,
				     conf.br.l3 && conf.br.is_gateway && !conf.br.vlan, &link, err);
		if (r == 0)
			r = bridge_vlan_check_gateway(nets.host, &conf.br, err);
		if (r == 0)
			r = check_port(call, &conf, nets.host, &link, info.uplink, err);
	}
	if (r == 0)
		r = iface_check(nets.cont, call->ifname, call->prev, err);
	if (r < 0)
		return r;
	return conf.br.l3 && conf.br.ip_masq ? masq_check(call, &nets, call->prev, err) : 0;
}
