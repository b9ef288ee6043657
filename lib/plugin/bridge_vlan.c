/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/bridge_vlan.h"

#include <net/if.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/sysctl.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "plugin/bridge.h"
#include "plugin/bridge_conf.h"
#include "plugin/iface.h"
#include "plugin/nets.h"

#define VID_DEFAULT 1

static bool vids_any(const struct link_vids *vids)
{
	for (size_t i = 0; i < sizeof(vids->bit); i++)
		if (vids->bit[i])
			return true;
	return false;
}

static int put_del_present(struct plugin_nets *nets, const struct link_info *port, struct nerr *err)
{
	struct link_vids present;
	int r;

	r = link_get_vids(nets->host, port->ifindex, &present, err);
	if (r < 0)
		return r;
	for (uint16_t vid = 1; vid < LINK_VID_MAX; vid++)
		if (link_vids_has(&present, vid))
			link_put_vid_del(nets->host, port->ifindex, port->name, vid);
	return 0;
}

bool bridge_vlan_wanted(const struct bridge_conf *conf)
{
	return conf->vlan != 0 || vids_any(&conf->trunk);
}

/* The VLAN of frames without a tag. */
static uint16_t native_vid(const struct bridge_conf *conf)
{
	return conf->vlan ? (uint16_t)conf->vlan : VID_DEFAULT;
}

int bridge_vlan_set_port(struct plugin_nets *nets, const struct bridge_conf *conf,
			 const struct link_info *port, struct nerr *err)
{
	int r;

	if (!bridge_vlan_wanted(conf))
		return 0;
	if (!conf->preserve_default_vlan) {
		r = put_del_present(nets, port, err);
		if (r < 0)
			return nerr_ctx(err, "failed to remove default vlan of \"%s\"", port->name);
	}
	/* The trunk first: a VID that is both is in the end the untagged one. */
	for (uint16_t vid = 1; vid < LINK_VID_MAX; vid++)
		if (link_vids_has(&conf->trunk, vid))
			link_put_vid(nets->host, port->ifindex, port->name, vid, false, false);
	link_put_vid(nets->host, port->ifindex, port->name, native_vid(conf), true, true);
	r = nlsock_commit(nets->host, err);
	return r < 0 ? nerr_ctx(err, "failed to setup vlans of \"%s\"", port->name) : 0;
}

int bridge_vlan_check_port(struct nlsock *nl, const struct bridge_conf *conf,
			   const struct link_info *port, struct nerr *err)
{
	struct link_vids present;
	int r;

	if (!bridge_vlan_wanted(conf))
		return 0;
	r = link_get_vids(nl, port->ifindex, &present, err);
	if (r < 0)
		return r;
	for (uint16_t vid = 1; vid < LINK_VID_MAX; vid++)
		if ((vid == native_vid(conf) || link_vids_has(&conf->trunk, vid)) &&
		    !link_vids_has(&present, vid))
			return nerr_set(err, -EINVAL, "Interface %s is not in VLAN %u", port->name,
					vid);
	return 0;
}

/* --- the gateway of a VLAN --- */

int bridge_vlan_gateway_name(const struct bridge_conf *conf, char ret[static IFNAMSIZ],
			     struct nerr *err)
{
	int n = snprintf(ret, IFNAMSIZ, "%s.%d", conf->bridge, (int)conf->vlan);

	if (n < 0 || n >= IFNAMSIZ)
		return nerr_set(err, -ENAMETOOLONG,
				"interface name \"%s.%d\" for the gateway of VLAN %d is too long",
				conf->bridge, (int)conf->vlan, (int)conf->vlan);
	return 0;
}

int bridge_vlan_check_gateway(struct nlsock *nl, const struct bridge_conf *conf, struct nerr *err)
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

/* The last step sets it up, which tells the next ADD that nothing is missing. */
static int finish_gateway(struct plugin_nets *nets, const struct bridge_conf *conf,
			  const struct link_info *port, const struct link_info *self,
			  struct nerr *err)
{
	const struct bridge_conf access = { .vlan = conf->vlan };
	int r = bridge_vlan_set_port(nets, &access, port, err);

	if (r < 0)
		return r;
	/* As for the bridge itself, in bridge.c. */
	(void)sysctl_write_if("ipv6", port->name, "accept_ra", "0", NULL);
	(void)sysctl_write_if("ipv6", self->name, "accept_ra", "0", NULL);
	(void)sysctl_write_if("ipv6", self->name, "accept_dad", "0", NULL);
	link_put_up(nets->host, self->ifindex, self->name);
	return nlsock_commit(nets->host, err);
}

static int make_gateway(struct bridge_dev *dev, const struct bridge_conf *conf, const char *name,
			struct nerr *err)
{
	struct plugin_nets *nets = dev->nets;
	struct iface_undo_link undo = { .nets = nets };
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
	if (r == -EEXIST)
		return r; /* another ADD was first, the caller looks again */
	if (r == 0)
		r = link_get(nets->host, undo.name, &port, err);
	if (r == 0)
		r = link_get(nets->host, name, &self, err);
	if (r == 0)
		r = finish_gateway(nets, conf, &port, &self, err);
	if (r < 0) {
		iface_undo_link(&undo); /* also when it was the answer that got lost */
		return r;
	}
	dev->vlan = (uint16_t)conf->vlan;
	dev->vlan_port = port.ifindex;
	return 0;
}

/* One that is not up was left by an ADD that was killed, or another ADD is at it.  One of
 * another make is the administrator's, who knows.
 */
static int complete_gateway(struct bridge_dev *dev, const struct bridge_conf *conf,
			    const struct link_info *self, struct nerr *err)
{
	struct link_info port;
	int r;

	if ((self->flags & IFF_UP) || strcmp(self->kind, "veth") != 0)
		return 0;
	r = link_get_index(dev->nets->host, self->peer, &port, err);
	if (r < 0 || port.master != dev->link.ifindex)
		return r;
	return finish_gateway(dev->nets, conf, &port, self, err);
}

int bridge_vlan_gateway(struct bridge_dev *dev, const struct bridge_conf *conf,
			struct link_info *ret, struct nerr *err)
{
	char name[IFNAMSIZ];
	struct link_info gateway;
	int r = bridge_vlan_gateway_name(conf, name, err);

	if (r < 0)
		return r;
	r = link_get(dev->nets->host, name, &gateway, err);
	if (r == -ENODEV) {
		r = make_gateway(dev, conf, name, err);
		if (r == 0 || r == -EEXIST)
			r = link_get(dev->nets->host, name, &gateway, err);
	}
	if (r == 0)
		r = complete_gateway(dev, conf, &gateway, err);
	if (r < 0)
		return nerr_ctx(err, "failed to setup vlan gateway \"%s\"", name);
	*ret = gateway;
	return 0;
}
