/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/macspoof.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugin/transact.h"

#define SPOOF_TABLE    "nat"
#define SPOOF_BASE     "PREROUTING"
#define SPOOF_PRIORITY (-300) /* NF_BR_PRI_NAT_DST_BRIDGED */
#define SPOOF_CHAIN    "cni-br-iface-"
#define SPOOF_COMMENT  "macspoofchk-"

/* The names made from an attachment. */
struct spoof_names {
	char iface[NFT_NAME_LEN];
	char mac[NFT_NAME_LEN];
	char comment[NFT_NAME_LEN];
};

static int spoof_names_of(const char *container_id, const char *ifname, struct spoof_names *ret,
			  struct nerr *err)
{
	int a = snprintf(ret->iface, sizeof(ret->iface), SPOOF_CHAIN "%s-%s", container_id, ifname);
	int b = snprintf(ret->mac, sizeof(ret->mac), SPOOF_CHAIN "%s-%s-mac", container_id, ifname);
	int c = snprintf(ret->comment, sizeof(ret->comment), SPOOF_COMMENT "%s-%s", container_id,
			 ifname);

	if (a < 0 || b < 0 || c < 0 || (size_t)b >= sizeof(ret->mac))
		return nerr_set(err, -ENAMETOOLONG,
				"container id \"%s\" is too long for a chain name of macspoofchk",
				container_id);
	return 0;
}

struct spoof_job {
	struct cni_call *call;
	struct spoof_names names;
	struct identity id;
	const char *port;
	const struct macaddr *mac;
};

static void put_chain(struct nft_batch *b, const char *name)
{
	nft_batch_chain(b, &(struct nft_chain){
				   .family = NFPROTO_BRIDGE, .table = SPOOF_TABLE, .name = name });
	nft_batch_flush_chain(b, NFPROTO_BRIDGE, SPOOF_TABLE, name);
}

static struct nft_rule *spoof_rule(const struct spoof_job *job, const char *chain)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_BRIDGE, SPOOF_TABLE, chain);

	nft_rule_comment(r, job->names.comment);
	return r;
}

/* PREROUTING rules of this attachment; those of its chains go with the chains. */
static int put_del_base(const struct spoof_job *job, struct nlsock *nft, struct nft_batch *batch,
			struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = nft_rules_list(nft, NFPROTO_BRIDGE, SPOOF_TABLE, SPOOF_BASE, &rules, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < rules.n; i++)
		if (strcmp(rules.v[i].jump, job->names.iface) == 0)
			nft_batch_del_rule(batch, NFPROTO_BRIDGE, SPOOF_TABLE, SPOOF_BASE,
					   rules.v[i].handle);
	return 0;
}

static int build_add(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	const struct spoof_job *job = arg;
	struct nft_rule *rule;
	int r;

	(void)depends; /* only objects of this attachment are touched */
	nft_batch_table(batch, NFPROTO_BRIDGE, SPOOF_TABLE, NULL);
	nft_batch_chain(batch, &(struct nft_chain){ .family = NFPROTO_BRIDGE,
						    .table = SPOOF_TABLE,
						    .name = SPOOF_BASE,
						    .type = "filter",
						    .hook = NF_BR_PRE_ROUTING,
						    .priority = SPOOF_PRIORITY,
						    .policy = NF_ACCEPT });
	r = put_del_base(job, nft, batch, err);
	if (r < 0)
		return r;
	put_chain(batch, job->names.iface);
	put_chain(batch, job->names.mac);

	rule = spoof_rule(job, SPOOF_BASE);
	nft_rule_iifname(rule, job->port, false);
	nft_rule_jump(rule, NFT_JUMP, job->names.iface);
	nft_rule_tag(rule, job->id.text);
	nft_batch_append(batch, rule);

	rule = spoof_rule(job, job->names.iface);
	nft_rule_jump(rule, NFT_JUMP, job->names.mac);
	nft_batch_append(batch, rule);

	rule = spoof_rule(job, job->names.mac);
	nft_rule_ether_saddr(rule, job->mac);
	nft_rule_verdict(rule, NFT_RETURN);
	nft_batch_append(batch, rule);

	rule = spoof_rule(job, job->names.mac);
	nft_rule_verdict(rule, NF_DROP);
	nft_batch_append(batch, rule);
	return 0;
}

int macspoof_add(struct cni_call *call, struct plugin_nets *nets, const char *port,
		 const struct macaddr *mac, struct nerr *err)
{
	struct spoof_job job = { .call = call, .port = port, .mac = mac };
	int r;

	r = spoof_names_of(call->container_id, call->ifname, &job.names, err);
	if (r == 0)
		r = identity_of_call(call, &job.id, err);
	if (r == 0)
		r = transact(nets, build_add, &job, err);
	if (r < 0)
		return nerr_ctx(err, "failed to setup spoof-check");
	return 0;
}

/* Flush before delete, and the jumping chain before the one it jumps to. */
static int put_del_chains(struct nlsock *nft, struct nft_batch *batch, const char *iface,
			  const char *mac, struct nerr *err)
{
	const char *const names[] = { iface, mac };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int r = nft_chain_exists(nft, NFPROTO_BRIDGE, SPOOF_TABLE, names[i], NULL, err);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		nft_batch_flush_chain(batch, NFPROTO_BRIDGE, SPOOF_TABLE, names[i]);
		nft_batch_del_chain(batch, NFPROTO_BRIDGE, SPOOF_TABLE, names[i]);
	}
	return 0;
}

int macspoof_put_del(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		     struct nerr *err)
{
	struct spoof_job job = { .call = call };
	int r;

	/* Names too long for ADD were never made. */
	if (spoof_names_of(call->container_id, call->ifname, &job.names, NULL) < 0)
		return 0;
	r = put_del_base(&job, nft, batch, err);
	if (r < 0)
		return r;
	return put_del_chains(nft, batch, job.names.iface, job.names.mac, err);
}

int macspoof_put_gc(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		    struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	const struct identity *valid = identity_set_valid(call, err);
	int r;

	if (!valid)
		return -ENOMEM;
	r = nft_rules_list(nft, NFPROTO_BRIDGE, SPOOF_TABLE, SPOOF_BASE, &rules, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < rules.n; i++) {
		const struct nft_rule_info *rule = &rules.v[i];
		char mac[NFT_NAME_LEN];
		int n;

		if (!identity_is_garbage(call, rule->tag, valid) ||
		    !str_has_prefix(rule->jump, SPOOF_CHAIN))
			continue;
		nft_batch_del_rule(batch, NFPROTO_BRIDGE, SPOOF_TABLE, SPOOF_BASE, rule->handle);
		n = snprintf(mac, sizeof(mac), "%s-mac", rule->jump);
		if (n < 0 || (size_t)n >= sizeof(mac))
			continue;
		r = put_del_chains(nft, batch, rule->jump, mac, err);
		if (r < 0)
			return r;
	}
	return 0;
}
