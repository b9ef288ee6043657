/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cni_floor.c - the kernel's own price of a chain: the same objects, nothing else
 *
 *	cni_floor bridge|portmap|firewall|tuning|loopback add|del NETNS NUMBER
 *
 * One process per plugin as in a real chain, which makes (removes) the objects that
 * the plugin makes, with fixed values: no configuration is read, nothing is
 * checked, nothing printed, and what is removed is known beforehand.  Bridge and
 * tables are there already ("cni_floor setup"), as on a host that runs containers.
 */
#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "base/sysctl.h"
#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "nft/nft.h"
#include "sandbox/netns.h"

#define FLOOR_BRIDGE "floor0"
#define FLOOR_TABLE  "floor"

struct floor_call {
	bool add;
	const char *netns;
	unsigned number;
};

static int cont_socket(void *arg, struct nerr *err)
{
	return nlsock_open(arg, NETLINK_ROUTE, err);
}

static struct ipnet container_net(unsigned number)
{
	return (struct ipnet){ { AF_INET, { 10, 90, (uint8_t)(number >> 8), (uint8_t)number } },
			       16 };
}

static void put_chain(struct nft_batch *b, const char *name, const char *type, uint32_t hook)
{
	nft_batch_chain(b, &(struct nft_chain){ .family = NFPROTO_IPV4,
						.table = FLOOR_TABLE,
						.name = name,
						.type = type,
						.hook = hook,
						.policy = NF_ACCEPT });
}

static int floor_setup(struct nerr *err)
{
	const struct ipnet gw = { { AF_INET, { 10, 90, 255, 254 } }, 16 };
	CLEANUP(nft_batch_freep) struct nft_batch *b = NULL;
	struct nlsock *nl = NULL;
	struct nlsock *nft = NULL;
	struct link_info br;
	int r;

	r = nlsock_open(&nl, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	link_put_bridge(nl, &(struct link_bridge){ .name = FLOOR_BRIDGE });
	r = nlsock_commit(nl, err);
	if (r == 0)
		r = link_get(nl, FLOOR_BRIDGE, &br, err);
	if (r < 0)
		return r;
	addr_put(nl, br.ifindex, FLOOR_BRIDGE, &gw, true);
	link_put_up(nl, br.ifindex, FLOOR_BRIDGE);
	r = nlsock_commit(nl, err);
	nlsock_close(nl);
	if (r == 0)
		r = sysctl_ensure("net/ipv4/ip_forward", "1", err);
	if (r == 0)
		r = nft_batch_new(&b, err);
	if (r == 0)
		r = nlsock_open(&nft, NETLINK_NETFILTER, err);
	if (r < 0)
		return r;
	nft_batch_table(b, NFPROTO_IPV4, FLOOR_TABLE, NULL);
	put_chain(b, "masq", "nat", NF_INET_POST_ROUTING);
	put_chain(b, "ports", "nat", NF_INET_PRE_ROUTING);
	put_chain(b, "forward", "filter", NF_INET_FORWARD);
	r = nft_batch_commit(b, nft, 0, err);
	nlsock_close(nft);
	return r;
}

static struct nft_rule *floor_rule(const char *chain, const char *tag)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, FLOOR_TABLE, chain);

	nft_rule_comment(r, tag);
	return r;
}

/* Rules of one chain: @n appended, or all that carry @tag removed. */
static int floor_rules(const struct floor_call *call, const char *chain, unsigned n,
		       void (*body)(struct nft_rule *, const struct floor_call *, unsigned),
		       struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	CLEANUP(nft_batch_freep) struct nft_batch *b = NULL;
	struct nlsock *nft = NULL;
	char tag[32];
	int r;

	(void)snprintf(tag, sizeof(tag), "c%u", call->number);
	r = nft_batch_new(&b, err);
	if (r == 0)
		r = nlsock_open(&nft, NETLINK_NETFILTER, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; call->add && i < n; i++) {
		struct nft_rule *rule = floor_rule(chain, tag);

		body(rule, call, i);
		nft_batch_append(b, rule);
	}
	if (!call->add)
		r = nft_rules_get(nft, NFPROTO_IPV4, FLOOR_TABLE, chain, &rules, err);
	for (size_t i = 0; i < rules.n; i++)
		if (strcmp(rules.v[i].comment, tag) == 0)
			nft_batch_del_rule(b, NFPROTO_IPV4, FLOOR_TABLE, chain, rules.v[i].handle);
	if (r == 0)
		r = nft_batch_commit(b, nft, 0, err);
	nlsock_close(nft);
	return r;
}

static void masq_body(struct nft_rule *rule, const struct floor_call *call, unsigned i)
{
	struct ipnet net = container_net(call->number);
	struct ipnet host = { net.addr, 32 };

	(void)i;
	nft_rule_saddr(rule, &host, false);
	net.addr = ipnet_network(&net);
	nft_rule_daddr(rule, &net, true);
	nft_rule_masquerade(rule);
}

static void forward_body(struct nft_rule *rule, const struct floor_call *call, unsigned i)
{
	struct ipnet host = { container_net(call->number).addr, 32 };

	if (i)
		nft_rule_saddr(rule, &host, false);
	else
		nft_rule_daddr(rule, &host, false);
	if (!i)
		nft_rule_ct_state(rule, 6 /* established, related */);
	nft_rule_verdict(rule, NF_ACCEPT);
}

static void ports_body(struct nft_rule *rule, const struct floor_call *call, unsigned i)
{
	struct ipaddr to = container_net(call->number).addr;

	(void)i;
	nft_rule_dport(rule, IPPROTO_TCP, (uint16_t)(10000 + call->number), 0);
	nft_rule_dnat(rule, &to, 80);
}

static int bridge_add(const struct floor_call *call, struct nlsock *nl, struct nlsock *cont, int ns,
		      struct nerr *err)
{
	struct ipnet net = container_net(call->number);
	struct route rt = { .gw = { AF_INET, { 10, 90, 255, 254 } } };
	struct link_info br;
	struct link_info eth;
	char name[IFNAMSIZ];
	int r;

	(void)snprintf(name, sizeof(name), "vf%u", call->number);
	r = link_get(nl, FLOOR_BRIDGE, &br, err);
	if (r < 0)
		return r;
	link_put_veth(nl, &(struct link_veth){ .name = name,
					       .master = br.ifindex,
					       .up = true,
					       .peer_name = "eth0",
					       .peer_ns = ns });
	r = nlsock_commit(nl, err);
	if (r == 0)
		r = link_get(cont, "eth0", &eth, err);
	if (r < 0)
		return r;
	rt.dst.addr.family = AF_INET;
	rt.oif = eth.ifindex;
	addr_put(cont, eth.ifindex, "eth0", &net, false);
	link_put_up(cont, eth.ifindex, "eth0");
	route_put(cont, &rt, 0, 0);
	r = nlsock_commit(cont, err);
	return r < 0 ? r : floor_rules(call, "masq", 1, masq_body, err);
}

static int bridge_del(const struct floor_call *call, struct nlsock *cont, struct nerr *err)
{
	struct link_info eth;
	int r;

	r = floor_rules(call, "masq", 1, masq_body, err);
	if (r == 0)
		r = link_get(cont, "eth0", &eth, err);
	if (r < 0)
		return r;
	link_put_del(cont, eth.ifindex, "eth0");
	return nlsock_commit(cont, err);
}

static int floor_bridge(const struct floor_call *call, struct nerr *err)
{
	struct nlsock *cont = NULL;
	struct nlsock *nl = NULL;
	int ns;
	int r;

	r = netns_open(call->netns, &ns, err);
	if (r == 0)
		r = nlsock_open(&nl, NETLINK_ROUTE, err);
	if (r == 0)
		r = netns_run_in(ns, cont_socket, &cont, err);
	if (r < 0)
		return r;
	return call->add ? bridge_add(call, nl, cont, ns, err) : bridge_del(call, cont, err);
}

static int floor_loopback(const struct floor_call *call, struct nerr *err)
{
	struct nlsock *cont = NULL;
	int ns;
	int r;

	r = netns_open(call->netns, &ns, err);
	if (r == 0)
		r = netns_run_in(ns, cont_socket, &cont, err);
	if (r < 0)
		return r;
	if (call->add)
		link_put_up(cont, 1, "lo");
	else
		link_put_down(cont, 1, "lo");
	return nlsock_commit(cont, err);
}

static int set_somaxconn(void *arg, struct nerr *err)
{
	(void)arg;
	return sysctl_write("net/core/somaxconn", "500", err);
}

static int floor_tuning(const struct floor_call *call, struct nerr *err)
{
	int ns;
	int r;

	if (!call->add)
		return 0;
	r = netns_open(call->netns, &ns, err);
	return r < 0 ? r : netns_run_in(ns, set_somaxconn, NULL, err);
}

static int floor_run(const char *plugin, const struct floor_call *call, struct nerr *err)
{
	if (strcmp(plugin, "bridge") == 0)
		return floor_bridge(call, err);
	if (strcmp(plugin, "portmap") == 0)
		return floor_rules(call, "ports", 1, ports_body, err);
	if (strcmp(plugin, "firewall") == 0)
		return floor_rules(call, "forward", 2, forward_body, err);
	if (strcmp(plugin, "tuning") == 0)
		return floor_tuning(call, err);
	if (strcmp(plugin, "loopback") == 0)
		return floor_loopback(call, err);
	return nerr_set(err, -EINVAL, "unknown plugin '%s'", plugin);
}

int main(int argc, char **argv)
{
	struct floor_call call = { .add = false };
	struct nerr err = NERR_INIT;
	int r;

	if (argc == 2 && strcmp(argv[1], "setup") == 0) {
		r = floor_setup(&err);
	} else if (argc == 5 && parse_u32(argv[4], 1, 60000, &call.number) == 0) {
		call.add = strcmp(argv[2], "add") == 0;
		call.netns = argv[3];
		r = floor_run(argv[1], &call, &err);
	} else {
		(void)fprintf(stderr, "usage: cni_floor setup | PLUGIN add|del NETNS NUMBER\n");
		return 2;
	}
	if (r < 0)
		(void)fprintf(stderr, "cni_floor: %s\n", err.msg);
	return r < 0;
}
