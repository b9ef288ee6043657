/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "plugin/iface.h"
#include "plugin/nets.h"
#include "plugins/bridge/conf_priv.h"
#include "plugins/bridge/device_priv.h"
#include "plugins/bridge/vlan_priv.h"

#define VID_DEFAULT 1

static bool vid_is_set(const struct link_vids *vids, unsigned vid)
{
	return vids->bit[vid / 8] & (1u << (vid % 8));
}

static bool vids_any(const struct link_vids *vids)
{
	for (size_t i = 0; i < sizeof(vids->bit); i++)
		if (vids->bit[i])
			return true;
	return false;
}

static int put_del_present(struct plugin_nets *nets, const struct link_info *port,
			   struct nerr *err)
{
	struct link_vids present;
	int r;

	r = link_get_vids(nets->host, port->ifindex, &present, err);
	if (r < 0)
		return r;
	for (unsigned vid = 1; vid < LINK_VID_MAX; vid++)
		if (vid_is_set(&present, vid))
			link_put_vid_del(nets->host, port->ifindex, port->name, (uint16_t)vid);
	return 0;
}

int bridge_vlan_set_port(struct plugin_nets *nets, const struct bridge_conf *conf,
			 const struct link_info *port, struct nerr *err)
{
	bool trunk = vids_any(&conf->trunk);
	int r;

	if (conf->vlan == 0 && !trunk)
		return 0;
	if (!conf->preserve_default_vlan) {
		r = put_del_present(nets, port, err);
		if (r < 0)
			return nerr_ctx(err, "failed to remove default vlan of \"%s\"", port->name);
	}
	link_put_vid(nets->host, port->ifindex, port->name,
		     conf->vlan ? (uint16_t)conf->vlan : VID_DEFAULT, true, true);
	for (unsigned vid = 1; trunk && vid < LINK_VID_MAX; vid++)
		if (vid_is_set(&conf->trunk, vid))
			link_put_vid(nets->host, port->ifindex, port->name, (uint16_t)vid, false,
				     false);
	r = nlsock_commit(nets->host, err);
	return r < 0 ? nerr_ctx(err, "failed to setup vlans of \"%s\"", port->name) : 0;
}

static int make_gateway(struct bridge_dev *dev, const struct bridge_conf *conf, const char *name,
			struct nerr *err)
{
	struct plugin_nets *nets = dev->nets;
	struct iface_undo_link undo = { .nets = nets };
	const struct bridge_conf access = { .vlan = conf->vlan };
	struct link_info port;
	struct link_info self;
	int r;

	r = link_random_name(undo.name, err);
	if (r < 0)
		return r;
	link_put_veth(nets->host, &(struct link_veth){ .name = undo.name,
						       .master = dev->link.ifindex,
						       .up = true,
						       .peer_name = name,
						       .peer_ns = -1,
						       .mtu = dev->link.mtu });
	r = nlsock_commit(nets->host, err);
	if (r < 0)
		return r; /* -EEXIST as well: another ADD was first, the caller looks again */
	r = link_get(nets->host, undo.name, &port, err);
	if (r == 0)
		r = bridge_vlan_set_port(nets, &access, &port, err);
	if (r == 0)
		r = link_get(nets->host, name, &self, err);
	if (r == 0) {
		link_put_up(nets->host, self.ifindex, name);
		r = nlsock_commit(nets->host, err);
	}
	if (r < 0)
		iface_undo_link(&undo);
	else
		dev->vlan_port = port.ifindex;
	return r;
}

int bridge_vlan_gateway(struct bridge_dev *dev, const struct bridge_conf *conf,
			struct link_info *ret, struct nerr *err)
{
	char name[IFNAMSIZ];
	int n = snprintf(name, sizeof(name), "%s.%d", conf->bridge, (int)conf->vlan);
	int r;

	if (n < 0 || (size_t)n >= sizeof(name))
		return nerr_set(err, -ENAMETOOLONG,
				"interface name \"%s.%d\" for the gateway of VLAN %d is too long",
				conf->bridge, (int)conf->vlan, (int)conf->vlan);
	r = link_get(dev->nets->host, name, ret, err);
	if (r != -ENODEV)
		return r;
	r = make_gateway(dev, conf, name, err);
	if (r < 0 && r != -EEXIST)
		return nerr_ctx(err, "failed to setup vlan gateway \"%s\"", name);
	return link_get(dev->nets->host, name, ret, err);
}
