/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "netlink/nlsock.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugins/bridge/check_priv.h"
#include "plugins/bridge/conf_priv.h"
#include "plugins/bridge/vlan_priv.h"

static int check_bridge(struct cni_call *call, const struct bridge_conf *conf, struct nlsock *nl,
			struct link_info *ret, struct nerr *err)
{
	const struct cni_interface *want = NULL;
	char mac[MACADDR_STR_LEN];

	for (size_t i = 0; i < call->prev->n_interfaces && !want; i++)
		if (strcmp(call->prev->interfaces[i].name, conf->bridge) == 0)
			want = &call->prev->interfaces[i];
	if (!want)
		return nerr_set(err, -ENODEV,
				"CNI created bridge %s in host namespace was not found",
				conf->bridge);
	if (want->sandbox && *want->sandbox)
		return nerr_set(err, -EINVAL, "Interface %s should not be in sandbox",
				conf->bridge);
	if (link_get(nl, conf->bridge, ret, err) < 0)
		return nerr_set(err, -ENODEV, "Interface name %s not found", conf->bridge);
	if (strcmp(ret->kind, "bridge") != 0)
		return nerr_set(err, -EINVAL, "Interface %s does not have link type of bridge",
				conf->bridge);
	/* Only where it is a gateway it has a MAC of its own; else that of one of its ports. */
	if (conf->l3 && conf->is_gateway && !conf->vlan && want->mac && *want->mac &&
	    !str_eq_nocase(want->mac, macaddr_to_str(&ret->mac, mac)))
		return nerr_set(err, -EINVAL, "Bridge interface %s Mac doesn't match: %s",
				conf->bridge, want->mac);
	if (conf->promisc_mode && ret->promiscuity == 0)
		return nerr_set(
			err, -EINVAL,
			"Bridge interface %s configured Promisc Mode true doesn't match current state: false",
			conf->bridge);
	return 0;
}

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

static int check_vlan_gateway(const struct bridge_conf *conf, struct nlsock *nl, struct nerr *err)
{
	char name[IFNAMSIZ];
	struct link_info li;
	int r;

	if (!conf->l3 || !conf->is_gateway || !conf->vlan)
		return 0;
	r = bridge_vlan_gateway_name(conf, name, err);
	if (r < 0)
		return r;
	if (link_get(nl, name, &li, err) < 0)
		return nerr_set(err, -ENODEV, "Interface name %s not found", name);
	return 0;
}

int bridge_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
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
	r = check_bridge(call, &conf, nets.host, &bridge, err);
	if (r < 0)
		return r;
	r = iface_check_cont(call, nets.cont, "", "veth", "veth", &cont, err);
	if (r < 0)
		return r;
	r = check_port(call, &conf, nets.host, &bridge, &cont, err);
	if (r < 0)
		return r;
	r = check_vlan_gateway(&conf, nets.host, err);
	if (r < 0)
		return r;
	r = iface_check(nets.cont, call->ifname, call->prev, err);
	if (r < 0)
		return r;
	return conf.l3 && conf.ip_masq ? masq_check(call, &nets, call->prev, err) : 0;
}
