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
#include <inttypes.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "nft/nft.h"
#include "plugin/conf.h"
#include "plugin/iface.h"
#include "plugin/masq.h"
#include "plugin/nets.h"
#include "plugin/transact.h"

/* Places in the result's interfaces. */
#define RES_HOST 0
#define RES_CONT 1

struct ptp_conf {
	const char *ip_masq_backend;
	bool ip_masq;
	int64_t mtu;
	struct plugin_ipam ipam;
	struct cni_dns dns;
};

/* clang-format off */
#define F(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct ptp_conf, member) }
static const struct json_field ptp_fields[] = {
	F("ipMasq", JSON_BOOL, ip_masq),
	F("ipMasqBackend", JSON_STRING, ip_masq_backend),
	F("mtu", JSON_INT, mtu),
	{ .name = "ipam", .kind = JSON_OBJECT, .offset = offsetof(struct ptp_conf, ipam),
	  .sub = plugin_ipam_fields },
	{ .name = "dns", .kind = JSON_OBJECT, .offset = offsetof(struct ptp_conf, dns),
	  .sub = cni_dns_fields },
	{ 0 },
};
#undef F
/* clang-format on */

static int ptp_conf_read_del(struct cni_call *call, struct ptp_conf *ret, struct nerr *err)
{
	struct ptp_conf conf = { .mtu = 0 };
	int r = json_read(call->doc, NULL, "", ptp_fields, &conf, err);

	if (r < 0)
		return nerr_ctx(err, "failed to load netconf");
	*ret = conf;
	return 0;
}

static int ptp_conf_read(struct cni_call *call, struct ptp_conf *ret, struct nerr *err)
{
	int r = ptp_conf_read_del(call, ret, err);

	if (r < 0)
		return r;
	if (ret->mtu < 0 || ret->mtu > INT32_MAX)
		return nerr_set(err, -EINVAL, "key 'mtu' must not be negative, got %" PRId64,
				ret->mtu);
	return ret->ip_masq ? masq_check_backend(ret->ip_masq_backend, err) : 0;
}

/* An ADD on its way. */
struct ptp_add {
	struct cni_call *call;
	struct ptp_conf conf;
	struct plugin_nets nets;
	struct iface_undo_link link_undo;
	struct link_info host;
	struct link_info cont;
};

static void undo_ipam(void *arg)
{
	struct ptp_add *add = arg;
	struct nerr err = NERR_INIT;

	if (cni_ipam_del(add->call, add->conf.ipam.type, &err) < 0)
		(void)fprintf(stderr, "cannot release addresses again: %s\n", err.msg);
}

static int build_del(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	(void)depends; /* handles are never given twice */
	return masq_put_del(arg, nft, batch, err);
}

static void undo_masq(void *arg)
{
	struct ptp_add *add = arg;
	struct nerr err = NERR_INIT;

	if (transact(&add->nets, build_del, add->call, &err) < 0)
		(void)fprintf(stderr, "cannot remove rules again: %s\n", err.msg);
}

/* The container's routes: the gateway on the link, everything else behind it. */
static int route_cont(struct ptp_add *add, struct nerr *err)
{
	const struct cni_result *res = &add->call->result;
	struct nlsock *nl = add->nets.cont;

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
	const struct cni_result *res = &add->call->result;
	struct nlsock *nl = add->nets.host;

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
	struct arena *arena = json_doc_arena(add->call->doc);
	struct cni_interface *e = cni_result_add_interface(&add->call->result, arena);
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

	r = iface_add_veth(&add->nets, add->call->ifname, 0, (uint32_t)add->conf.mtu, &any,
			   &add->host, &add->cont, err);
	if (r < 0)
		return r;
	add->link_undo.nets = &add->nets;
	memcpy(add->link_undo.name, add->host.name, sizeof(add->link_undo.name));
	undo_push(undo, iface_undo_link, &add->link_undo);
	r = add_interface(add, &add->host, NULL, err);
	return r < 0 ? r : add_interface(add, &add->cont, add->call->netns, err);
}

/* Addresses first, the routes of the IPAM plugin after the gateway can be reached. */
static int configure(struct ptp_add *add, struct nerr *err)
{
	struct cni_result addresses = add->call->result;
	int r;

	addresses.n_routes = 0;
	r = iface_configure(&add->nets, &add->cont, RES_CONT, &addresses, IFACE_DAD_ALONE, err);
	if (r < 0)
		return r;
	r = route_cont(add, err);
	return r < 0 ? r : route_host(add, err);
}

static int check_ips(struct cni_result *res, struct nerr *err)
{
	char text[IPNET_STR_LEN];

	if (!res->n_ips)
		return nerr_set(err, -EINVAL, "IPAM plugin returned missing IP config");
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
	plugin_nets_done(&add->nets);
}

static int ptp_add(struct cni_call *call, struct nerr *err)
{
	/* Closed after the undo steps, which still need the sockets. */
	CLEANUP(ptp_add_done) struct ptp_add add = { .call = call, .nets = PLUGIN_NETS_INIT };
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	struct cni_result ipam;
	int r;

	r = ptp_conf_read(call, &add.conf, err);
	if (r < 0)
		return r;
	r = plugin_nets_open(&add.nets, call->netns, err);
	if (r < 0)
		return r;
	r = cni_ipam_add(call, add.conf.ipam.type ? add.conf.ipam.type : "", &ipam, err);
	if (r < 0)
		return r;
	undo_push(&undo, undo_ipam, &add);
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
		/* Pushed first: the rules are there also when it is the answer that gets
		 * lost.
		 */
		undo_push(&undo, undo_masq, &add);
		r = masq_add(call, &add.nets, &call->result, err);
		if (r < 0)
			return r;
	}
	plugin_dns_override(&call->result, &add.conf.dns);
	undo_commit(&undo);
	return 0;
}

static int ptp_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct nerr first = NERR_INIT;
	struct ptp_conf conf;
	int r;

	r = ptp_conf_read_del(call, &conf, err);
	if (r < 0)
		return r;
	r = plugin_nets_open_del(&nets, call->netns, err);
	if (r < 0)
		return r;
	/* One failing part does not keep the others. */
	r = transact_del(&nets, build_del, call, err);
	if (r < 0)
		first = *err;
	r = iface_del(&nets, call->ifname, err);
	if (r < 0 && !first.code)
		first = *err;
	if (r == 0 && plugin_ipam_is_set(&conf.ipam)) {
		r = cni_ipam_del(call, conf.ipam.type, err);
		if (r < 0 && !first.code)
			first = *err;
	}
	*err = first;
	return first.code;
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

static int build_gc(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		    struct nerr *err)
{
	(void)depends;
	return masq_put_gc(arg, nft, batch, err);
}

static int ptp_gc(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct ptp_conf conf;
	struct nerr first;
	int r;

	r = ptp_conf_read_del(call, &conf, err);
	if (r < 0)
		return r;
	r = transact_del(&nets, build_gc, call, err);
	first = *err;
	if (plugin_ipam_is_set(&conf.ipam)) {
		int ipam = cni_ipam_gc(call, conf.ipam.type, err);

		if (r == 0)
			return ipam;
	}
	*err = first;
	return r;
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
