/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/bridge_attach.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/undo.h"
#include "cni/cni.h"
#include "netlink/nlsock.h"
#include "plugin/bridge_vlan.h"
#include "plugin/macspoof.h"
#include "plugin/masq.h"

const struct attachment_rules bridge_attach_rules[] = {
	{ masq_put_del, masq_put_gc },
	{ macspoof_put_del, macspoof_put_gc },
	{ 0 },
};

int bridge_attach_open(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	const struct bridge_dev_conf dev = bridge_conf_dev(&a->conf);
	int r;

	a->at.ipam = a->conf.ipam.type;
	r = plugin_nets_open(&a->at.nets, a->at.call->netns, err);
	if (r < 0 || a->no_bridge)
		return r;
	r = bridge_dev_open(&a->at.nets, &dev, &a->dev, err);
	if (r == 0)
		undo_push(undo, bridge_dev_undo, &a->dev);
	return r;
}

int bridge_attach_port(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	const struct bridge_conf *conf = &a->conf;
	struct nlsock *nl = a->at.nets.host;
	int r;

	if (conf->hairpin_mode || conf->port_isolation)
		link_put_bridge_port(nl, a->port.ifindex, a->port.name, conf->hairpin_mode,
				     conf->port_isolation);
	r = nlsock_commit(nl, err);
	if (r == 0)
		r = bridge_vlan_set_port(&a->at.nets, conf, &a->port, err);
	if (r < 0 || !conf->macspoofchk)
		return r;
	attachment_push_rules(&a->at, undo);
	return macspoof_add(a->at.call, &a->at.nets, a->port.name, &a->cont.mac, err);
}

/* --- the result --- */

static struct arena *arena_of(const struct bridge_attach *a)
{
	return json_doc_arena(a->at.call->doc);
}

static int add_interface(struct bridge_attach *a, const struct link_info *link, const char *sandbox,
			 struct nerr *err)
{
	struct cni_interface *e = cni_result_add_interface(&a->at.call->result, arena_of(a));

	if (!e)
		return nerr_oom(err);
	e->name = arena_strdup(arena_of(a), link->name);
	e->sandbox = sandbox;
	return e->name ? 0 : nerr_oom(err);
}

int bridge_attach_interfaces(struct bridge_attach *a, struct nerr *err)
{
	struct cni_result *res = &a->at.call->result;
	int r = 0;

	res->interfaces = NULL;
	res->n_interfaces = 0;
	if (!a->no_bridge)
		r = add_interface(a, &a->dev.link, NULL, err);
	if (r == 0)
		r = add_interface(a, &a->port, NULL, err);
	if (r < 0)
		return r;
	a->i_cont = (int)res->n_interfaces;
	return add_interface(a, &a->cont, a->at.call->netns, err);
}

static int set_mac(struct bridge_attach *a, size_t i, const struct link_info *link,
		   struct nerr *err)
{
	struct cni_interface *e = &a->at.call->result.interfaces[i];
	char text[MACADDR_STR_LEN];

	e->mac = arena_strdup(arena_of(a), macaddr_to_str(&link->mac, text));
	return e->mac ? 0 : nerr_oom(err);
}

int bridge_attach_finish(struct bridge_attach *a, struct nerr *err)
{
	struct nlsock *nl = a->at.nets.host;
	int r;

	if (a->fixed_port)
		r = link_get_index(nl, a->port.ifindex, &a->port, err);
	else
		r = bridge_dev_wait_port(&a->at.nets, &a->port, err);
	if (r == 0 && !a->no_bridge) {
		r = link_get_index(nl, a->dev.link.ifindex, &a->dev.link, err);
		if (r == 0)
			r = set_mac(a, 0, &a->dev.link, err);
	}
	if (r == 0)
		r = set_mac(a, (size_t)a->i_cont - 1, &a->port, err);
	return r < 0 ? r : set_mac(a, (size_t)a->i_cont, &a->cont, err);
}

/* --- addresses --- */

int bridge_attach_ipam(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	struct cni_result *res = &a->at.call->result;
	struct cni_result ipam;
	int r;

	r = attachment_add_ipam(&a->at, undo, &ipam, err);
	if (r == 0)
		r = bridge_dev_complete_ips(&ipam, arena_of(a), a->i_cont, a->conf.is_gateway,
					    a->conf.is_default_gateway, err);
	if (r < 0)
		return r;
	res->ips = ipam.ips;
	res->n_ips = ipam.n_ips;
	res->routes = ipam.routes;
	res->n_routes = ipam.n_routes;
	res->dns = ipam.dns;
	return 0;
}

/* The interface that stands for the port's VLAN. */
static int add_vlan_gateway(struct bridge_attach *a, struct link_info *ret, struct nerr *err)
{
	int r = bridge_vlan_gateway(&a->dev, &a->conf, ret, err);

	if (r == 0)
		r = add_interface(a, ret, NULL, err);
	return r < 0 ? r : set_mac(a, a->at.call->result.n_interfaces - 1, ret, err);
}

int bridge_attach_gateway(struct bridge_attach *a, struct undo *undo, struct nerr *err)
{
	const struct bridge_dev_conf dev = bridge_conf_dev(&a->conf);
	const struct cni_result *res = &a->at.call->result;
	struct link_info gateway = a->dev.link;
	int r = 0;

	if (a->conf.is_gateway && a->conf.vlan)
		r = add_vlan_gateway(a, &gateway, err);
	if (r == 0 && a->conf.is_gateway)
		r = bridge_dev_add_gateways(&a->dev, gateway.ifindex, gateway.name, &dev, res, err);
	if (r < 0)
		return r;
	return a->conf.ip_masq ? attachment_add_masq(&a->at, undo, res, err) : 0;
}

int bridge_attach_cont_up(struct bridge_attach *a, struct nerr *err)
{
	link_put_up(a->at.nets.cont, a->cont.ifindex, a->cont.name);
	return nlsock_commit(a->at.nets.cont, err);
}
