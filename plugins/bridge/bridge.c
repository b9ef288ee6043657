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

#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "netlink/nlsock.h"
#include "plugin/attachment.h"
#include "plugin/bridge.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/bridge/check_priv.h"
#include "plugins/bridge/conf_priv.h"
#include "plugins/bridge/macspoof_priv.h"
#include "plugins/bridge/vlan_priv.h"

/* Places in the result's interfaces. */
#define RES_BRIDGE 0
#define RES_PORT   1
#define RES_CONT   2

static const struct attachment_rules bridge_rules[] = {
	{ masq_put_del, masq_put_gc },
	{ macspoof_put_del, macspoof_put_gc },
	{ 0 },
};

/* An ADD on its way. */
struct bridge_add {
	struct attachment at;
	struct bridge_conf conf;
	struct bridge_dev dev;
	struct link_info port;
	struct link_info cont;
};

/* --- steps of ADD --- */

static int add_interfaces(struct bridge_add *add, struct cni_result *res, struct nerr *err)
{
	struct arena *arena = json_doc_arena(add->at.call->doc);

	res->interfaces = NULL;
	res->n_interfaces = 0;
	for (int i = RES_BRIDGE; i <= RES_CONT; i++)
		if (!cni_result_add_interface(res, arena))
			return nerr_oom(err);
	res->interfaces[RES_BRIDGE].name = arena_strdup(arena, add->dev.link.name);
	res->interfaces[RES_PORT].name = arena_strdup(arena, add->port.name);
	res->interfaces[RES_CONT].name = arena_strdup(arena, add->at.call->ifname);
	res->interfaces[RES_CONT].sandbox = add->at.call->netns;
	for (int i = RES_BRIDGE; i <= RES_CONT; i++)
		if (!res->interfaces[i].name)
			return nerr_oom(err);
	return 0;
}

static int set_mac(struct bridge_add *add, unsigned i, const struct link_info *link,
		   struct nerr *err)
{
	char text[MACADDR_STR_LEN];

	add->at.call->result.interfaces[i].mac =
		arena_strdup(json_doc_arena(add->at.call->doc), macaddr_to_str(&link->mac, text));
	return add->at.call->result.interfaces[i].mac ? 0 : nerr_oom(err);
}

/* The port: VLANs, hairpin, isolation, spoof check. */
static int add_port(struct bridge_add *add, struct undo *undo, struct nerr *err)
{
	const struct bridge_conf *conf = &add->conf;
	int r;

	r = iface_add_veth(&add->at.nets, add->at.call->ifname, add->dev.link.ifindex,
			   (uint32_t)conf->mtu, &conf->mac, &add->port, &add->cont, err);
	if (r < 0)
		return r;
	attachment_push_link(&add->at, undo, add->port.name);

	if (conf->hairpin_mode || conf->port_isolation)
		link_put_bridge_port(add->at.nets.host, add->port.ifindex, add->port.name,
				     conf->hairpin_mode, conf->port_isolation);
	r = nlsock_commit(add->at.nets.host, err);
	if (r < 0)
		return r;
	r = bridge_vlan_set_port(&add->at.nets, conf, &add->port, err);
	if (r < 0 || !conf->macspoofchk)
		return r;
	attachment_push_rules(&add->at, undo);
	return macspoof_add(add->at.call, &add->at.nets, add->port.name, &add->cont.mac, err);
}

static int add_gateway(struct bridge_add *add, struct cni_result *res, struct nerr *err)
{
	const struct bridge_dev_conf dev_conf = bridge_conf_dev(&add->conf);
	struct link_info gateway = add->dev.link;
	struct cni_interface *entry;
	int r;

	if (add->conf.vlan) {
		r = bridge_vlan_gateway(&add->dev, &add->conf, &gateway, err);
		if (r < 0)
			return r;
		entry = cni_result_add_interface(res, json_doc_arena(add->at.call->doc));
		if (!entry)
			return nerr_oom(err);
		entry->name = arena_strdup(json_doc_arena(add->at.call->doc), gateway.name);
		if (!entry->name)
			return nerr_oom(err);
		r = set_mac(add, (unsigned)res->n_interfaces - 1, &gateway, err);
		if (r < 0)
			return r;
	}
	return bridge_dev_add_gateways(&add->dev, gateway.ifindex, gateway.name, &dev_conf, res,
				       err);
}

static int add_l3(struct bridge_add *add, struct undo *undo, struct nerr *err)
{
	struct cni_result *res = &add->at.call->result;
	struct cni_result ipam;
	int r;

	r = attachment_add_ipam(&add->at, undo, &ipam, err);
	if (r < 0)
		return r;
	r = bridge_dev_complete_ips(&ipam, json_doc_arena(add->at.call->doc), RES_CONT,
				    add->conf.is_gateway, add->conf.is_default_gateway, err);
	if (r < 0)
		return r;
	res->ips = ipam.ips;
	res->n_ips = ipam.n_ips;
	res->routes = ipam.routes;
	res->n_routes = ipam.n_routes;
	res->dns = ipam.dns;
	r = iface_configure(&add->at.nets, &add->cont, RES_CONT, res,
			    add->conf.enabledad ? IFACE_DAD_ON : IFACE_DAD_OFF, err);
	if (r < 0)
		return r;
	if (add->conf.is_gateway) {
		r = add_gateway(add, res, err);
		if (r < 0)
			return r;
	}
	return add->conf.ip_masq ? attachment_add_masq(&add->at, undo, res, err) : 0;
}

static int set_cont_up(struct bridge_add *add, struct nerr *err)
{
	link_put_up(add->at.nets.cont, add->cont.ifindex, add->cont.name);
	return nlsock_commit(add->at.nets.cont, err);
}

/* The port forwards once its carrier is seen; then the MACs are final. */
static int wait_port(struct bridge_add *add, struct nerr *err)
{
	if (add->conf.disable_container_interface)
		return link_get_index(add->at.nets.host, add->port.ifindex, &add->port, err);
	return bridge_dev_wait_port(&add->at.nets, &add->port, err);
}

static int finish(struct bridge_add *add, struct nerr *err)
{
	int r;

	r = wait_port(add, err);
	if (r == 0)
		r = link_get_index(add->at.nets.host, add->dev.link.ifindex, &add->dev.link, err);
	if (r == 0)
		r = set_mac(add, RES_BRIDGE, &add->dev.link, err);
	if (r == 0)
		r = set_mac(add, RES_PORT, &add->port, err);
	if (r == 0)
		r = set_mac(add, RES_CONT, &add->cont, err);
	return r;
}

static void bridge_add_done(struct bridge_add *add)
{
	attachment_done(&add->at);
}

static int bridge_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(bridge_add_done)
	struct bridge_add add = { .at = ATTACHMENT_INIT(call, bridge_rules) };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	struct bridge_dev_conf dev_conf;
	int r;

	r = bridge_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	add.at.ipam = add.conf.ipam.type;
	r = plugin_nets_open(&add.at.nets, call->netns, err);
	if (r < 0)
		return r;
	dev_conf = bridge_conf_dev(&add.conf);
	r = bridge_dev_open(&add.at.nets, &dev_conf, &add.dev, err);
	if (r < 0)
		return r;
	undo_push(&undo, bridge_dev_undo, &add.dev);
	r = add_port(&add, &undo, err);
	if (r < 0)
		return r;
	r = add_interfaces(&add, &call->result, err);
	if (r < 0)
		return r;
	if (add.conf.l3)
		r = add_l3(&add, &undo, err);
	else if (!add.conf.disable_container_interface)
		r = set_cont_up(&add, err);
	if (r < 0)
		return r;
	r = finish(&add, err);
	if (r < 0)
		return r;
	plugin_dns_override(&call->result, &add.conf.dns);
	undo_commit(&undo);
	return 0;
}

static int bridge_del(struct cni_call *call, struct nerr *err)
{
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_del(call, bridge_rules, conf.ipam.type, err);
}

static int bridge_gc(struct cni_call *call, struct nerr *err)
{
	struct bridge_conf conf;
	int r;

	r = bridge_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_gc(call, bridge_rules, conf.ipam.type, err);
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
