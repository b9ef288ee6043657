/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstack.c - CNI plugin "netstack"
 *
 * ADD: as the bridge plugin, but where that makes a veth pair a netstackd is started: it makes the
 * port of the bridge, a tap, and the container's interface, another one, whose addresses and routes
 * are set as those of any interface and which it follows.  For a pod that asks for the
 * kernel's stack it is a veth pair after all.
 */
#include "plugins/netstack/netstack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysctl.h"
#include "base/undo.h"
#include "netlink/nlsock.h"
#include "plugin/attachment.h"
#include "plugin/bridge.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/netstack/check_priv.h"
#include "plugins/netstack/conf_priv.h"
#include "plugins/netstack/daemon_priv.h"

static const struct attachment_rules netstack_rules[] = {
	{ masq_put_del, masq_put_gc },
	{ 0 },
};

/**
 * struct netstack_add - An ADD on its way
 * @bridge:	Not with a macvtap
 * @port:	Host's end
 * @cont:	Container's interface
 * @i_cont:	Its place in the result's interfaces
 * @fell_back:	It has the kernel's stack, for want of netstackd
 */
struct netstack_add {
	struct attachment at;
	struct netstack_conf conf;
	struct bridge_dev bridge;
	struct daemon daemon;
	struct link_info port;
	struct link_info cont;
	int i_cont;
	bool fell_back;
};

/* --- the two ends --- */

static bool is_user(const struct netstack_add *add)
{
	return add->conf.is_user && !add->fell_back;
}

static int add_veth(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	const struct netstack_conf *conf = &add->conf;
	int r;

	r = iface_add_veth(&add->at.nets, add->at.call->ifname, add->bridge.link.ifindex,
			   (uint32_t)conf->mtu, &conf->mac, &add->port, &add->cont, err);
	if (r == 0)
		attachment_push_link(&add->at, undo, add->port.name);
	return r;
}

/* The ends that netstackd has made. */
static int take_ends(struct netstack_add *add, struct nerr *err)
{
	struct nlsock *host = add->at.nets.host;
	int r;

	r = link_get(host, add->daemon.info.uplink, &add->port, err);
	if (r == 0)
		r = link_get(add->at.nets.cont, add->at.call->ifname, &add->cont, err);
	if (r < 0)
		return nerr_ctx(err, "interfaces of netstackd");
	/* As of the host's end of a veth pair, in lib/plugin. */
	(void)sysctl_write_if("ipv6", add->port.name, "accept_ra", "0", NULL);
	if (add->conf.mtu)
		link_put_mtu(host, add->port.ifindex, add->port.name, (uint32_t)add->conf.mtu);
	if (!add->conf.master)
		link_put_master(host, add->port.ifindex, add->port.name, add->bridge.link.ifindex);
	link_put_up(host, add->port.ifindex, add->port.name);
	return nlsock_commit(host, err);
}

static int add_daemon(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	int r;

	r = daemon_open(add->at.call, &add->at.nets, &add->conf, &add->daemon, err);
	if (r < 0) {
		/* The namespace of another attachment is not ours to fall back in. */
		if (!add->conf.fallback || r == -EEXIST)
			return r;
		(void)fprintf(stderr, "falling back to the kernel's stack: %s\n", err->msg);
		add->fell_back = true;
		return 0;
	}
	if (!add->daemon.resumed)
		attachment_push_link(&add->at, undo, add->daemon.info.uplink);
	undo_push(undo, daemon_undo, &add->daemon);
	return take_ends(add, err);
}

static int add_port(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	const struct netstack_conf *conf = &add->conf;
	int r = 0;

	if (conf->is_user)
		r = add_daemon(add, undo, err);
	if (r == 0 && !is_user(add))
		r = add_veth(add, undo, err);
	if (r < 0 || conf->master || (!conf->hairpin_mode && !conf->port_isolation))
		return r;
	link_put_bridge_port(add->at.nets.host, add->port.ifindex, add->port.name,
			     conf->hairpin_mode, conf->port_isolation);
	return nlsock_commit(add->at.nets.host, err);
}

/* --- the result --- */

static int add_interface(struct netstack_add *add, const struct link_info *link,
			 const char *sandbox, struct nerr *err)
{
	struct arena *arena = json_doc_arena(add->at.call->doc);
	struct cni_interface *e = cni_result_add_interface(&add->at.call->result, arena);

	if (!e)
		return nerr_oom(err);
	e->name = arena_strdup(arena, link->name);
	e->sandbox = sandbox;
	return e->name ? 0 : nerr_oom(err);
}

static int add_interfaces(struct netstack_add *add, struct nerr *err)
{
	struct cni_result *res = &add->at.call->result;
	int r = 0;

	res->interfaces = NULL;
	res->n_interfaces = 0;
	if (!add->conf.master)
		r = add_interface(add, &add->bridge.link, NULL, err);
	if (r == 0)
		r = add_interface(add, &add->port, NULL, err);
	if (r < 0)
		return r;
	add->i_cont = (int)res->n_interfaces;
	return add_interface(add, &add->cont, add->at.call->netns, err);
}

static int set_mac(struct netstack_add *add, int i, const struct link_info *link, struct nerr *err)
{
	struct cni_interface *e = &add->at.call->result.interfaces[i];
	char text[MACADDR_STR_LEN];

	e->mac = arena_strdup(json_doc_arena(add->at.call->doc), macaddr_to_str(&link->mac, text));
	return e->mac ? 0 : nerr_oom(err);
}

/* The port forwards once its carrier is seen; then the MACs are final. */
static int finish(struct netstack_add *add, struct nerr *err)
{
	int r;

	if (add->conf.master) /* whose carrier is the device's */
		r = link_get_index(add->at.nets.host, add->port.ifindex, &add->port, err);
	else
		r = bridge_dev_wait_port(&add->at.nets, &add->port, err);
	if (r == 0)
		r = link_get_index(add->at.nets.cont, add->cont.ifindex, &add->cont, err);
	if (r == 0 && !add->conf.master) {
		r = link_get_index(add->at.nets.host, add->bridge.link.ifindex, &add->bridge.link,
				   err);
		if (r == 0)
			r = set_mac(add, 0, &add->bridge.link, err);
	}
	if (r == 0)
		r = set_mac(add, add->i_cont - 1, &add->port, err);
	if (r == 0)
		r = set_mac(add, add->i_cont, &add->cont, err);
	return r;
}

/* --- addresses --- */

static int configure(struct netstack_add *add, struct nerr *err)
{
	const struct cni_result *res = &add->at.call->result;
	enum iface_dad dad = add->conf.enabledad ? IFACE_DAD_ON : IFACE_DAD_OFF;
	int r = 0;

	if (is_user(add) && add->daemon.resumed) {
		dad = IFACE_DAD_KEEP;
		r = daemon_put_stale(&add->daemon, &add->cont, res, err);
	}
	return r < 0 ? r : iface_configure(&add->at.nets, &add->cont, add->i_cont, res, dad, err);
}

static int add_l3(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	const struct bridge_dev_conf dev = netstack_conf_dev(&add->conf);
	struct cni_result *res = &add->at.call->result;
	struct cni_result ipam;
	int r;

	r = attachment_add_ipam(&add->at, undo, &ipam, err);
	if (r == 0)
		r = bridge_dev_complete_ips(&ipam, json_doc_arena(add->at.call->doc), add->i_cont,
					    add->conf.is_gateway, add->conf.is_default_gateway,
					    err);
	if (r < 0)
		return r;
	res->ips = ipam.ips;
	res->n_ips = ipam.n_ips;
	res->routes = ipam.routes;
	res->n_routes = ipam.n_routes;
	res->dns = ipam.dns;
	r = configure(add, err);
	if (r == 0 && add->conf.is_gateway)
		r = bridge_dev_add_gateways(&add->bridge, add->bridge.link.ifindex,
					    add->bridge.link.name, &dev, res, err);
	if (r < 0)
		return r;
	return add->conf.ip_masq ? attachment_add_masq(&add->at, undo, res, err) : 0;
}

static int set_cont_up(struct netstack_add *add, struct nerr *err)
{
	link_put_up(add->at.nets.cont, add->cont.ifindex, add->cont.name);
	return nlsock_commit(add->at.nets.cont, err);
}

/* --- the verbs --- */

static void netstack_add_done(struct netstack_add *add)
{
	attachment_done(&add->at);
}

static int open_bridge(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	const struct bridge_dev_conf dev = netstack_conf_dev(&add->conf);
	int r = bridge_dev_open(&add->at.nets, &dev, &add->bridge, err);

	if (r == 0)
		undo_push(undo, bridge_dev_undo, &add->bridge);
	return r;
}

static int netstack_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(netstack_add_done)
	struct netstack_add add = { .at = ATTACHMENT_INIT(call, netstack_rules) };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	int r;

	r = netstack_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	add.at.ipam = add.conf.ipam.type;
	r = plugin_nets_open(&add.at.nets, call->netns, err);
	if (r == 0 && !add.conf.master)
		r = open_bridge(&add, &undo, err);
	if (r == 0)
		r = add_port(&add, &undo, err);
	if (r == 0)
		r = add_interfaces(&add, err);
	if (r == 0)
		r = add.conf.l3 ? add_l3(&add, &undo, err) : set_cont_up(&add, err);
	if (r == 0)
		r = finish(&add, err);
	if (r < 0)
		return r;
	plugin_dns_override(&call->result, &add.conf.dns);
	undo_commit(&undo);
	return 0;
}

static int netstack_del(struct cni_call *call, struct nerr *err)
{
	struct netstack_conf conf;
	int r;

	r = netstack_conf_read_del(call, &conf, err);
	return r < 0 ? r
		     : attachment_del_by(call, netstack_rules, conf.ipam.type, daemon_del, &conf,
					 err);
}

static int netstack_gc(struct cni_call *call, struct nerr *err)
{
	struct nerr first = NERR_INIT;
	struct nerr said = NERR_INIT;
	struct netstack_conf conf;
	int r;

	r = netstack_conf_read_del(call, &conf, err);
	if (r < 0)
		return r;
	/* Before the addresses are given to others. */
	if (daemon_gc(call, &said) < 0)
		first = said;
	if (attachment_gc(call, netstack_rules, conf.ipam.type, &said) < 0 && !first.code)
		first = said;
	if (err)
		*err = first;
	return first.code;
}

static int netstack_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct bridge_dev_conf dev;
	struct netstack_conf conf;
	int r;

	r = netstack_conf_read(call, &conf, err);
	if (r == 0)
		r = plugin_nets_open_host(&nets, err);
	if (r == 0 && !conf.master) {
		dev = netstack_conf_dev(&conf);
		r = bridge_dev_status(nets.host, &dev, err);
	}
	if (r == 0 && conf.is_user && !conf.fallback)
		r = daemon_status(call, &conf, err);
	if (r == 0 && conf.l3 && conf.ip_masq)
		r = transact_status(&nets, err);
	if (r < 0)
		return r;
	return conf.l3 ? cni_ipam_status(call, conf.ipam.type, err) : 0;
}

const struct cni_plugin netstack_plugin = {
	.name = "netstack",
	.versions = cni_versions_all,
	.add = netstack_add,
	.del = netstack_del,
	.check = netstack_check,
	.gc = netstack_gc,
	.status = netstack_status,
};
