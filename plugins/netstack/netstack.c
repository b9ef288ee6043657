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

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sysctl.h"
#include "base/undo.h"
#include "netlink/nlsock.h"
#include "plugin/bridge_attach.h"
#include "plugin/iface.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/netstack/check_priv.h"
#include "plugins/netstack/conf_priv.h"
#include "plugins/netstack/daemon_priv.h"

/**
 * struct netstack_add - An ADD on its way
 * @br:		With a macvtap there is no bridge
 * @fell_back:	It has the kernel's stack, for want of netstackd
 */
struct netstack_add {
	struct bridge_attach br;
	struct netstack_conf conf;
	struct daemon daemon;
	bool fell_back;
};

/* --- the two ends --- */

static bool is_user(const struct netstack_add *add)
{
	return add->conf.is_user && !add->fell_back;
}

static int add_veth(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	struct bridge_attach *a = &add->br;
	int r;

	r = iface_add_veth(&a->at.nets, a->at.call->ifname, a->dev.link.ifindex,
			   (uint32_t)a->conf.mtu, &a->conf.mac, &a->port, &a->cont, err);
	if (r == 0)
		attachment_push_link(&a->at, undo, a->port.name);
	return r;
}

/* The ends that netstackd has made. */
static int take_ends(struct netstack_add *add, struct nerr *err)
{
	struct bridge_attach *a = &add->br;
	struct nlsock *host = a->at.nets.host;
	struct link_info *port = &a->port;
	int r;

	r = link_get(host, add->daemon.info.uplink, port, err);
	if (r == 0)
		r = link_get(a->at.nets.cont, a->at.call->ifname, &a->cont, err);
	if (r < 0)
		return nerr_ctx(err, "interfaces of netstackd");
	/* As of the host's end of a veth pair, in lib/plugin. */
	(void)sysctl_write_if("ipv6", port->name, "accept_ra", "0", NULL);
	if (a->conf.mtu)
		link_put_mtu(host, port->ifindex, port->name, (uint32_t)a->conf.mtu);
	if (!add->conf.master)
		link_put_master(host, port->ifindex, port->name, a->dev.link.ifindex);
	link_put_up(host, port->ifindex, port->name);
	return nlsock_commit(host, err);
}

static int add_daemon(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	struct bridge_attach *a = &add->br;
	int r;

	r = daemon_open(a->at.call, &a->at.nets, &add->conf, &add->daemon, err);
	if (r < 0) {
		/* The namespace of another attachment is not ours to fall back in. */
		if (!add->conf.fallback || r == -EEXIST)
			return r;
		(void)fprintf(stderr, "falling back to the kernel's stack: %s\n", err->msg);
		add->fell_back = true;
		return 0;
	}
	if (!add->daemon.resumed)
		attachment_push_link(&a->at, undo, add->daemon.info.uplink);
	undo_push(undo, daemon_undo, &add->daemon);
	return take_ends(add, err);
}

static int add_port(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	int r = 0;

	if (add->conf.is_user)
		r = add_daemon(add, undo, err);
	if (r == 0 && !is_user(add))
		r = add_veth(add, undo, err);
	return r < 0 || add->conf.master ? r : bridge_attach_port(&add->br, undo, err);
}

/* --- addresses --- */

static int configure(struct netstack_add *add, struct nerr *err)
{
	struct bridge_attach *a = &add->br;
	const struct cni_result *res = &a->at.call->result;
	enum iface_dad dad = a->conf.enabledad ? IFACE_DAD_ON : IFACE_DAD_OFF;
	int r = 0;

	if (is_user(add) && add->daemon.resumed) {
		dad = IFACE_DAD_KEEP;
		r = daemon_put_stale(&add->daemon, &a->cont, res, err);
	}
	return r < 0 ? r : iface_configure(&a->at.nets, &a->cont, a->i_cont, res, dad, err);
}

static int add_l3(struct netstack_add *add, struct undo *undo, struct nerr *err)
{
	int r = bridge_attach_ipam(&add->br, undo, err);

	if (r == 0)
		r = configure(add, err);
	return r < 0 ? r : bridge_attach_gateway(&add->br, undo, err);
}

/* --- the verbs --- */

static void netstack_add_done(struct netstack_add *add)
{
	attachment_done(&add->br.at);
}

static int netstack_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(netstack_add_done)
	struct netstack_add add = { .br = BRIDGE_ATTACH_INIT(call) };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	int r;

	r = netstack_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	add.br.conf = add.conf.br;
	add.br.no_bridge = add.conf.master != NULL;
	/* A macvtap's carrier is its device's; the other is left down by wish. */
	add.br.fixed_port = add.br.no_bridge || add.conf.br.disable_container_interface;
	r = bridge_attach_open(&add.br, &undo, err);
	if (r == 0)
		r = add_port(&add, &undo, err);
	if (r == 0)
		r = bridge_attach_interfaces(&add.br, err);
	if (r < 0)
		return r;
	if (add.conf.br.l3)
		r = add_l3(&add, &undo, err);
	else if (!add.conf.br.disable_container_interface)
		r = bridge_attach_cont_up(&add.br, err);
	if (r == 0)
		r = bridge_attach_finish(&add.br, err);
	if (r < 0)
		return r;
	plugin_dns_override(&call->result, &add.conf.br.dns);
	undo_commit(&undo);
	return 0;
}

static int netstack_del(struct cni_call *call, struct nerr *err)
{
	struct netstack_conf conf;
	int r;

	r = netstack_conf_read_del(call, &conf, err);
	return r < 0 ? r
		     : attachment_del_by(call, bridge_attach_rules, conf.br.ipam.type, daemon_del,
					 &conf, err);
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
	if (attachment_gc(call, bridge_attach_rules, conf.br.ipam.type, &said) < 0 && !first.code)
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
		dev = bridge_conf_dev(&conf.br);
		r = bridge_dev_status(nets.host, &dev, err);
	}
	if (r == 0 && conf.is_user && !conf.fallback)
		r = daemon_status(call, &conf, err);
	if (r == 0 && ((conf.br.l3 && conf.br.ip_masq) || conf.br.macspoofchk))
		r = transact_status(&nets, err);
	if (r < 0)
		return r;
	return conf.br.l3 ? cni_ipam_status(call, conf.br.ipam.type, err) : 0;
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
