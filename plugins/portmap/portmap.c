/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * portmap.c - the five verbs
 *
 * Purpose: ports of the host lead into the container, by destination NAT in
 * nf_tables.  Chained: the addresses come from prevResult, which is passed on.
 *
 * conf.c reads the configuration, plan.c decides which mapping goes to which
 * address, rules.c makes rules of it, install.c puts them into the kernel.
 * Everything made carries the attachment's identity; DEL and GC need nothing else to
 * find it again, in particular no valid configuration.
 *
 * What it does not do: open sockets on the mapped ports.  A process of the host that
 * listens on one keeps its connections, new ones go to the container.
 */
#include "plugins/portmap/portmap.h"

#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sysctl.h"
#include "netlink/conntrack.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "plugin/legacy.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/portmap/conf_priv.h"
#include "plugins/portmap/install_priv.h"
#include "plugins/portmap/plan_priv.h"
#include "plugins/portmap/rules_priv.h"
#include "plugins/portmap/table_priv.h"

#define SYSCTL_NAME_LEN (sizeof("net/ipv4/conf//route_localnet") + IFNAMSIZ)

/* iptables' limit for the name of a chain. */
#define LEGACY_CHAIN_LEN 28

/* @prefix: what the reference puts before a configuration's error. */
static int read_conf(struct cni_call *call, const char *prefix, struct portmap_conf *ret,
		     struct nerr *err)
{
	int r = portmap_conf_read(call->doc, ret, err);

	return r < 0 && r != -ENOMEM && prefix ? nerr_ctx(err, "%s", prefix) : r;
}

/* --- what follows from the rules --- */

/* The kernel drops packets to 127.0.0.0/8 that would leave by an interface without it. */
static int enable_route_localnet(struct plugin_nets *nets, const struct ipaddr *to,
				 struct nerr *err)
{
	char name[SYSCTL_NAME_LEN];
	struct link_info link;
	int ifindex;
	int r;

	r = nlsock_open(&nets->host, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	/* Without a route nothing from localhost gets there anyhow. */
	if (route_lookup_oif(nets->host, to, &ifindex, NULL) < 0)
		return 0;
	r = link_get_index(nets->host, ifindex, &link, err);
	if (r == 0) {
		(void)snprintf(name, sizeof(name), "net/ipv4/conf/%s/route_localnet", link.name);
		r = sysctl_ensure(name, "1", err);
	}
	return r < 0 ? nerr_ctx(err, "unable to enable route_localnet") : 0;
}

/* A flow goes on to where its first packet went, until it has been silent for long: new
 * rules would not be seen by a client that sends without a pause, gone ones would not be
 * missed.  The rules are what was asked for, so failing here is only worth a note.
 */
static void flush_udp(struct plugin_nets *nets, uint8_t family, const uint16_t *ports, size_t n)
{
	struct nerr err = NERR_INIT;

	if (n && conntrack_flush_dport(nets->nft, family, IPPROTO_UDP, ports, n, &err) < 0)
		log_warn("cannot flush the connections to mapped UDP ports: %s", err.msg);
}

static void flush_udp_of_target(struct cni_call *call, struct plugin_nets *nets,
				const struct portmap_target *t)
{
	uint16_t *ports = arena_calloc(json_doc_arena(call->doc), t->n, sizeof(*ports));
	size_t n = 0;

	for (size_t i = 0; ports && i < t->n; i++)
		if (t->v[i]->proto == IPPROTO_UDP)
			ports[n++] = t->v[i]->host_port;
	flush_udp(nets, t->family, ports, n);
}

/* --- ADD --- */

static int portmap_add(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	const struct portmap_target *v4;
	struct portmap_owner owner;
	struct portmap_conf conf;
	struct portmap_plan plan;
	int r;

	r = read_conf(call, "failed to parse config", &conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "must be called as chained plugin");
	r = portmap_plan(call, &conf, &plan, err);
	if (r == 0)
		r = portmap_owner_init(call, &owner, err);
	if (r < 0)
		return r;
	call->result = *call->prev;
	if (portmap_plan_is_empty(&plan))
		return 0;

	if (conf.set_mark_chain)
		log_warn(
			"externalSetMarkChain '%s' is ignored: what needs it is masqueraded by rules of our own",
			conf.set_mark_chain);
	v4 = &plan.target[0];
	if (v4->n && v4->snat) {
		r = enable_route_localnet(&nets, &v4->addr, err);
		if (r < 0)
			return r;
	}
	r = portmap_install(&nets, &plan, &owner, json_doc_arena(call->doc), err);
	if (r == -EADDRINUSE)
		return r;
	if (r < 0)
		return nerr_ctx(err, "unable to set up nftables rules for port mappings");
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++)
		flush_udp_of_target(call, &nets, &plan.target[i]);
	return 0;
}

/* --- DEL --- */

/* Whether @r, which reading the rules said, means that the kernel has no nf_tables: it has
 * none of our rules then.
 */
static bool is_no_nf_tables(struct plugin_nets *nets, int r)
{
	uint32_t generation;

	if (nets->nft)
		r = nft_generation(nets->nft, &generation, NULL);
	return r == -EPROTONOSUPPORT || r == -EINVAL;
}

struct legacy_removal {
	struct cni_call *call;
	bool found;
};

static int build_legacy_removal(struct nlsock *nl, struct nft_batch *batch, bool *depends,
				void *arg, struct nerr *err)
{
	static const char *const from[] = { "CNI-HOSTPORT-DNAT", NULL };
	char chain[LEGACY_CHAIN_LEN + 1];
	struct legacy_removal *lr = arg;
	char *id;

	*depends = false;
	id = arena_printf(json_doc_arena(lr->call->doc), "%s%s", lr->call->net_name,
			  lr->call->container_id);
	if (!id)
		return nerr_oom(err);
	hash_name(chain, LEGACY_CHAIN_LEN, "CNI-DN-", id);
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		int r = legacy_put_del_chain(nl, batch, portmap_families[i], "nat", chain, from,
					     err);

		if (r < 0)
			return r;
	}
	lr->found = !nft_batch_is_empty(batch);
	return 0;
}

/* What the reference suite's iptables backend left for this container in iptables-nft
 * tables.  It is not ours, so a failure is only worth a note.  True when there was any.
 */
static bool remove_legacy(struct cni_call *call, struct plugin_nets *nets)
{
	struct legacy_removal lr = { .call = call };
	struct nerr err = NERR_INIT;

	if (transact(nets, build_legacy_removal, &lr, &err) < 0)
		log_warn("cannot remove the iptables rules of an older portmap plugin: %s",
			 err.msg);
	return lr.found;
}

/* The UDP ports of a configuration, for rules that do not tell theirs. */
static void flush_udp_of_conf(struct cni_call *call, struct plugin_nets *nets, uint8_t family)
{
	struct nerr err = NERR_INIT;
	struct portmap_conf conf;
	uint16_t *ports;
	size_t n = 0;

	if (portmap_conf_read(call->doc, &conf, &err) < 0) {
		log_warn("cannot tell which UDP ports were mapped: %s", err.msg);
		return;
	}
	ports = arena_calloc(json_doc_arena(call->doc), conf.n_mappings, sizeof(*ports));
	for (size_t i = 0; ports && i < conf.n_mappings; i++) {
		const struct portmap_mapping *m = &conf.mappings[i];

		if (m->proto == IPPROTO_UDP && (!m->family || m->family == family))
			ports[n++] = m->host_port;
	}
	flush_udp(nets, family, ports, n);
}

/* Reads no configuration: none, or one that is wrong, must not keep rules alive. */
static int portmap_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct portmap_removed removed;
	struct portmap_owner owner;
	bool legacy;
	int r;

	r = portmap_owner_init(call, &owner, err);
	if (r == 0)
		r = portmap_remove_own(&nets, &owner, json_doc_arena(call->doc), &removed, err);
	if (r < 0 && is_no_nf_tables(&nets, r))
		return 0;
	if (r < 0)
		return nerr_ctx(err, "error deleting nftables rules");
	legacy = remove_legacy(call, &nets);
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		const struct portmap_gone *gone = &removed.family[i];

		flush_udp(&nets, portmap_families[i], gone->udp, gone->n_udp);
		if (gone->untagged || legacy)
			flush_udp_of_conf(call, &nets, portmap_families[i]);
	}
	return 0;
}

/* --- CHECK, GC, STATUS --- */

static int portmap_check_call(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct portmap_owner owner;
	struct portmap_conf conf;
	struct portmap_plan plan;
	int r;

	r = read_conf(call, NULL, &conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	r = portmap_plan(call, &conf, &plan, err);
	if (r == 0)
		r = portmap_owner_init(call, &owner, err);
	if (r < 0 || portmap_plan_is_empty(&plan))
		return r;
	return portmap_check(&nets, &plan, &owner, err);
}

struct garbage {
	const struct cni_call *call;
	const struct identity *valid;
};

static bool is_garbage(const struct nft_rule_info *rule, const void *arg)
{
	const struct garbage *g = arg;

	return identity_is_garbage(g->call, rule->tag, g->valid);
}

/* Rules without our tag do not say which network they belong to, and stay. */
static int portmap_gc(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct garbage g = { .call = call };
	struct portmap_removed removed;
	int r;

	g.valid = identity_set_valid(call, err);
	if (!g.valid)
		return -ENOMEM;
	r = portmap_remove(&nets, is_garbage, &g, json_doc_arena(call->doc), &removed, err);
	if (r < 0 && is_no_nf_tables(&nets, r))
		return 0;
	if (r < 0)
		return nerr_ctx(err, "error deleting nftables rules");
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++)
		flush_udp(&nets, portmap_families[i], removed.family[i].udp,
			  removed.family[i].n_udp);
	return 0;
}

/* IPv4 only: a host without IPv6 maps ports all the same. */
static int portmap_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct portmap_conf conf;
	int r;

	r = read_conf(call, "failed to parse config", &conf, err);
	if (r < 0)
		return r;
	r = transact_status(&nets, err);
	if (r < 0)
		return r;
	/* A table that is there is proof enough. */
	if (portmap_table_check(nets.nft, AF_INET, NULL) == 1)
		return 0;
	r = portmap_table_probe(nets.nft, AF_INET, err);
	if (r == 0)
		return 0;
	err->num = CNI_NOT_AVAILABLE;
	return nerr_ctx(err, "nf_tables lacks what port mappings need");
}

const struct cni_plugin portmap_plugin = {
	.name = "portmap",
	.versions = cni_versions_all,
	.add = portmap_add,
	.del = portmap_del,
	.check = portmap_check_call,
	.gc = portmap_gc,
	.status = portmap_status,
};
