/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ptp.c - CNI plugin "ptp"
 *
 * The container's end holds the address, the host's end the gateway's.  Nothing
 * else is on the link, so the container reaches even its own subnet by way of the
 * gateway:
 *
 *	container: 10.9.0.1 scope link src 10.9.0.2; 10.9.0.0/24 via 10.9.0.1 src 10.9.0.2
 *	host:      10.9.0.2 dev vethX scope host
 */
#include "plugins/ptp/ptp.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/rtnetlink.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "plugin/attachment.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/ptp/conf_priv.h"

/* Places in the result's interfaces. */
#define RES_HOST 0
#define RES_CONT 1

static const struct attachment_rules ptp_rules[] = {
	{ masq_put_del, masq_put_gc },
	{ 0 },
};

/* An ADD on its way. */
struct ptp_add {
	struct attachment at;
	struct ptp_conf conf;
	struct link_info host;
	struct link_info cont;
};

/* The container's routes: the gateway on the link, everything else behind it. */
static int route_cont(struct ptp_add *add, struct nerr *err)
{
	const struct cni_result *res = &add->at.call->result;
	struct nlsock *nl = add->at.nets.cont;

	for (size_t i = 0; i < res->n_ips; i++) {
		const struct cni_ip *ip = &res->ips[i];
		struct route connected = {
			.dst = { ipnet_network(&ip->address), ip->address.prefix_len },
			.oif = add->cont.ifindex,
			.scope = RT_SCOPE_NOWHERE,
		};
		struct route gateway = {
			.dst = { ip->gateway, ipaddr_bits(&ip->gateway) },
			.src = ip->address.addr,
			.oif = add->cont.ifindex,
			.scope = RT_SCOPE_LINK,
		};
		struct route network = connected;

		network.scope = RT_SCOPE_UNIVERSE;
		network.gw = ip->gateway;
		network.src = ip->address.addr;
		route_put_del(nl, &connected);
		route_put(nl, &gateway, NLM_F_EXCL, 0);
		if (ip->address.prefix_len < ipaddr_bits(&ip->gateway))
			route_put(nl, &network, NLM_F_EXCL, 0);
	}
	iface_put_routes(nl, &add->cont, RES_CONT, res);
	return nlsock_commit(nl, err);
}

static int route_host(struct ptp_add *add, struct nerr *err)
{
	const struct cni_result *res = &add->at.call->result;
	struct nlsock *nl = add->at.nets.host;

	for (size_t i = 0; i < res->n_ips; i++) {
		const struct cni_ip *ip = &res->ips[i];
		struct ipnet gateway = { ip->gateway, ipaddr_bits(&ip->gateway) };
		struct route rt = {
			.dst = { ip->address.addr, ipaddr_bits(&ip->address.addr) },
			.oif = add->host.ifindex,
			.scope = RT_SCOPE_HOST,
		};

		addr_put(nl, add->host.ifindex, add->host.name, &gateway, true);
		route_put(nl, &rt, NLM_F_EXCL, -EEXIST);
	}
	return nlsock_commit(nl, err);
}

static int add_interface(struct ptp_add *add, const struct link_info *link, const char *sandbox,
			 struct nerr *err)
{
	struct arena *arena = json_doc_arena(add->at.call->doc);
	struct cni_interface *e = cni_result_add_interface(&add->at.call->result, arena);
	char mac[MACADDR_STR_LEN];

	if (!e)
		return nerr_oom(err);
	e->name = arena_strdup(arena, link->name);
	e->mac = arena_strdup(arena, macaddr_to_str(&link->mac, mac));
	e->sandbox = sandbox;
	return e->name && e->mac ? 0 : nerr_oom(err);
}

static int add_link(struct ptp_add *add, struct undo *undo, struct nerr *err)
{
	const struct macaddr any = { .len = 0 };
	int r;

	r = iface_add_veth(&add->at.nets, add->at.call->ifname, 0, (uint32_t)add->conf.mtu, &any,
			   &add->host, &add->cont, err);
	if (r < 0)
		return r;
	attachment_push_link(&add->at, undo, add->host.name);
	r = add_interface(add, &add->host, NULL, err);
	return r < 0 ? r : add_interface(add, &add->cont, add->at.call->netns, err);
}

/* Addresses first, the routes of the IPAM plugin after the gateway can be reached. */
static int configure(struct ptp_add *add, struct nerr *err)
{
	struct cni_result addresses = add->at.call->result;
	int r;

	addresses.n_routes = 0;
	r = iface_configure(&add->at.nets, &add->cont, RES_CONT, &addresses, IFACE_DAD_ALONE, err);
	if (r < 0)
		return r;
	r = route_cont(add, err);
	return r < 0 ? r : route_host(add, err);
}

static int check_ips(struct cni_result *res, struct nerr *err)
{
	char text[IPNET_STR_LEN];

	for (size_t i = 0; i < res->n_ips; i++) {
		res->ips[i].interface = RES_CONT;
		if (!ipaddr_is_set(&res->ips[i].gateway))
			return nerr_set(
				err, -EINVAL,
				"IPAM plugin returned no gateway for address %s, and ptp needs one",
				ipnet_to_str(&res->ips[i].address, text));
	}
	return 0;
}

static void ptp_add_done(struct ptp_add *add)
{
	attachment_done(&add->at);
}

static int ptp_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(ptp_add_done) struct ptp_add add = { .at = ATTACHMENT_INIT(call, ptp_rules) };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	struct cni_result ipam;
	int r;

	r = ptp_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	add.at.ipam = add.conf.ipam.type;
	r = plugin_nets_open(&add.at.nets, call->netns, err);
	if (r < 0)
		return r;
	r = attachment_add_ipam(&add.at, &undo, &ipam, err);
	if (r < 0)
		return r;
	r = check_ips(&ipam, err);
	if (r < 0)
		return r;
	call->result = ipam;
	call->result.interfaces = NULL;
	call->result.n_interfaces = 0;
	r = iface_enable_forwarding(&call->result, err);
	if (r < 0)
		return r;
	r = add_link(&add, &undo, err);
	if (r < 0)
		return r;
	r = configure(&add, err);
	if (r < 0)
		return r;
	if (add.conf.ip_masq) {
		r = attachment_add_masq(&add.at, &undo, &call->result, err);
		if (r < 0)
			return r;
	}
	plugin_dns_override(&call->result, &add.conf.dns);
	undo_commit(&undo);
	return 0;
}

static int ptp_del(struct cni_call *call, struct nerr *err)
{
	struct ptp_conf conf;
	int r;

	r = ptp_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_del(call, ptp_rules, conf.ipam.type, err);
}

static int ptp_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct ptp_conf conf;
	struct link_info cont;
	int r;

	r = ptp_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	r = plugin_nets_open(&nets, call->netns, err);
	if (r < 0)
		return r;
	r = cni_ipam_check(call, conf.ipam.type ? conf.ipam.type : "", err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "ptp: Required prevResult missing");
	r = iface_check_cont(call, nets.cont, "ptp: ", "veth", "veth/p2p", &cont, err);
	if (r < 0)
		return r;
	r = iface_check(nets.cont, call->ifname, call->prev, err);
	if (r < 0)
		return r;
	return conf.ip_masq ? masq_check(call, &nets, call->prev, err) : 0;
}

static int ptp_gc(struct cni_call *call, struct nerr *err)
{
	struct ptp_conf conf;
	int r;

	r = ptp_conf_read_del(call, &conf, err);
	return r < 0 ? r : attachment_gc(call, ptp_rules, conf.ipam.type, err);
}

static int ptp_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct ptp_conf conf;
	int r;

	r = ptp_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	if (conf.ip_masq) {
		r = transact_status(&nets, err);
		if (r < 0)
			return r;
	}
	return cni_ipam_status(call, conf.ipam.type ? conf.ipam.type : "", err);
}

const struct cni_plugin ptp_plugin = {
	.name = "ptp",
	.versions = cni_versions_all,
	.add = ptp_add,
	.del = ptp_del,
	.check = ptp_check,
	.gc = ptp_gc,
	.status = ptp_status,
};
