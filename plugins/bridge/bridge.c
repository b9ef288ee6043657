/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bridge.c - CNI plugin "bridge"
 *
 * ADD: the bridge (made if it is missing), a veth pair whose host end is a port
 * of it, addresses from the IPAM plugin on the container's end, the gateway's
 * addresses on the bridge, masquerading.  Every step that made something pushes
 * its undoing.  DEL and GC are those of every attachment (plugin/attachment.h).
 */
#include "plugins/bridge/bridge.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "cni/cni.h"
#include "plugin/bridge_attach.h"
#include "plugin/iface.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/bridge/check_priv.h"

/* --- ADD --- */

static int add_port(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	int r = iface_add_veth(&a->at.nets, a->at.call->ifname, a->dev.link.ifindex,
			       (uint32_t)a->conf.mtu, &a->conf.mac, &a->port, &a->cont, err);

	if (r < 0)
		return r;
	attachment_push_link(&a->at, undo, a->port.name);
	return bridge_attach_port(a, undo, err);
}

static int add_l3(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	int r = bridge_attach_ipam(a, undo, err);

	if (r == 0)
		r = iface_configure(&a->at.nets, &a->cont, a->i_cont, &a->at.call->result,
				    a->conf.enabledad ? IFACE_DAD_ON : IFACE_DAD_OFF, err);
	return r < 0 ? r : bridge_attach_gateway(a, undo, err);
}

static void bridge_add_done(struct bridge_attach *a)
{
	attachment_done(&a->at);
}

static int bridge_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(bridge_add_done) struct bridge_attach a = BRIDGE_ATTACH_INIT(call);
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	int r;

	r = bridge_conf_read(call, &a.conf, err);
	if (r < 0)
		return r;
	a.fixed_port = a.conf.disable_container_interface;
	r = bridge_attach_open(&a, &undo, err);
	if (r == 0)
		r = add_port(&a, &undo, err);
	if (r == 0)
		r = bridge_attach_interfaces(&a, err);
	if (r < 0)
		return r;
	if (a.conf.l3)
		r = add_l3(&a, &undo, err);
	else if (!a.conf.disable_container_interface)
		r = bridge_attach_cont_up(&a, err);
	if (r == 0)
		r = bridge_attach_finish(&a, err);
	if (r < 0)
		return r;
	plugin_dns_override(&call->result, &a.conf.dns);
	undo_commit(&undo);
	return 0;
}

/* --- the other verbs --- */

static int bridge_del(struct cni_call *call, struct nerr *err)
{
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_del(call, bridge_attach_rules, conf.ipam.type, err);
}

static int bridge_gc(struct cni_call *call, struct nerr *err)
{
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_gc(call, bridge_attach_rules, conf.ipam.type, err);
}

static int bridge_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct bridge_dev_conf dev;
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	r = plugin_nets_open_host(&nets, err);
	if (r < 0)
		return r;
	dev = bridge_conf_dev(&conf);
	r = bridge_dev_status(nets.host, &dev, err);
	if (r < 0)
		return r;
	if ((conf.l3 && conf.ip_masq) || conf.macspoofchk) {
		r = transact_status(&nets, err);
		if (r < 0)
			return r;
	}
	return conf.l3 ? cni_ipam_status(call, conf.ipam.type, err) : 0;
}

const struct cni_plugin bridge_plugin = {
	.name = "bridge",
	.versions = cni_versions_all,
	.add = bridge_add,
	.del = bridge_del,
	.check = bridge_check,
	.gc = bridge_gc,
	.status = bridge_status,
};
