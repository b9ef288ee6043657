/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "cni/cni.h"
#include "nft/iptables.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/firewall/ingress_priv.h"
#include "plugins/firewall/table_priv.h"

#define STAGE_1 "CNI-ISOLATION-STAGE-1"
#define STAGE_2 "CNI-ISOLATION-STAGE-2"

/* Rules that belong to no bridge say so. */
#define COMMENT_ANY         "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"
#define COMMENT_SAME_BRIDGE "CNI firewall plugin rules (ingressPolicy: same-bridge)"
#define COMMENT_ISOLATED    "CNI firewall plugin rules (ingressPolicy: isolated)"

/* "net-" and the network's hash: the tag of rules that belong to a network's bridge. */
#define NET_TAG     "net-"
#define NET_TAG_LEN (sizeof(NET_TAG) - 1 + IDENTITY_HASH_LEN)

static void net_tag(const struct cni_call *call, char ret[static NET_TAG_LEN + 1])
{
	memcpy(ret, NET_TAG, sizeof(NET_TAG));
	hash_name(ret + sizeof(NET_TAG) - 1, IDENTITY_HASH_LEN, "", call->net_name);
}

static const char *policy_comment(const struct firewall_conf *conf)
{
	return conf->policy == INGRESS_ISOLATED ? COMMENT_ISOLATED : COMMENT_SAME_BRIDGE;
}

/* The rules of a bridge. */
enum bridge_rule {
	RULE_STAGE_1, /* from the bridge to elsewhere: see where it goes */
	RULE_STAGE_2, /* from another bridge to this one */
	RULE_SELF,    /* from the bridge to itself, for INGRESS_ISOLATED */
	BRIDGE_RULES,
};

static struct nft_ipt_rule bridge_rule(const struct firewall_conf *conf, uint8_t family,
				       enum bridge_rule which)
{
	struct nft_ipt_rule ipt = { .family = family,
				    .table = FILTER_TABLE,
				    .chain = which == RULE_STAGE_2 ? STAGE_2 : STAGE_1,
				    .comment = policy_comment(conf),
				    .out = conf->bridge,
				    .verdict = NF_DROP };

	if (which != RULE_STAGE_2)
		ipt.in = conf->bridge;
	if (which == RULE_STAGE_1) {
		ipt.not_out = true;
		ipt.verdict = NFT_JUMP;
		ipt.target = STAGE_2;
	}
	return ipt;
}

static bool wants_rule(const struct firewall_conf *conf, enum bridge_rule which)
{
	return which != RULE_SELF || conf->policy == INGRESS_ISOLATED;
}

/* A stage: the chain with RETURN at its end. */
static void put_stage(struct nft_batch *batch, uint8_t family, const char *chain)
{
	const struct nft_ipt_rule last = { .family = family,
					   .table = FILTER_TABLE,
					   .chain = chain,
					   .comment = COMMENT_ANY,
					   .verdict = NFT_RETURN };

	table_put_chain(batch, family, chain);
	nft_batch_append(batch, nft_ipt_rule_new(&last));
}

static int put_base(uint8_t family, struct nlsock *nft, struct nft_batch *batch, bool *depends,
		    struct nerr *err)
{
	static const char *const stages[] = { STAGE_2, STAGE_1 };
	CLEANUP(nft_rules_done) struct nft_rules forward = { .n = 0 };
	const struct nft_ipt_rule jump = { .family = family,
					   .table = FILTER_TABLE,
					   .chain = FILTER_FORWARD,
					   .comment = COMMENT_ANY,
					   .verdict = NFT_JUMP,
					   .target = STAGE_1 };
	bool there;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		r = nft_chain_exists(nft, family, FILTER_TABLE, stages[i], NULL, err);
		if (r < 0)
			return r;
		if (r == 0) {
			put_stage(batch, family, stages[i]);
			*depends = true;
		}
	}
	r = table_list(nft, family, FILTER_FORWARD, &forward, &there, err);
	if (r < 0)
		return r;
	if (!table_has_jump(&forward, STAGE_1)) {
		nft_batch_insert(batch, nft_ipt_rule_new(&jump));
		*depends = true;
	}
	return 0;
}

int ingress_put_add(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		    struct nlsock *nft, struct nft_batch *batch, bool *depends, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules stage1 = { .n = 0 };
	CLEANUP(nft_rules_done) struct nft_rules stage2 = { .n = 0 };
	char tag[NET_TAG_LEN + 1];
	int r;

	if (conf->policy == INGRESS_OPEN)
		return 0;
	net_tag(call, tag);
	r = put_base(family, nft, batch, depends, err);
	if (r == 0)
		r = table_get(nft, family, STAGE_1, &stage1, err);
	if (r == 0)
		r = table_get(nft, family, STAGE_2, &stage2, err);
	for (unsigned k = 0; k < BRIDGE_RULES && r == 0; k++) {
		struct nft_ipt_rule ipt = bridge_rule(conf, family, k);
		const struct nft_rules *rules = k == RULE_STAGE_2 ? &stage2 : &stage1;
		struct nft_rule *rule;
		size_t at;

		if (!wants_rule(conf, k))
			continue;
		r = table_find(rules, &ipt, &at, err);
		if (r < 0 || at < rules->n)
			continue;
		rule = nft_ipt_rule_new(&ipt);
		nft_rule_tag(rule, tag);
		nft_batch_insert(batch, rule);
		*depends = true; /* of two containers at once only one puts it */
	}
	return r;
}

static int put_del_tagged(uint8_t family, const char *chain, const char *tag, struct nlsock *nft,
			  struct nft_batch *batch, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, chain, &rules, &there, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rules.n; i++)
		if (strcmp(rules.v[i].tag, tag) == 0)
			nft_batch_del_rule(batch, family, FILTER_TABLE, chain, rules.v[i].handle);
	return 0;
}

int ingress_put_gc(struct cni_call *call, uint8_t family, struct nlsock *nft,
		   struct nft_batch *batch, struct nerr *err)
{
	char tag[NET_TAG_LEN + 1];
	int r;

	if (call->n_valid)
		return 0;
	net_tag(call, tag);
	r = put_del_tagged(family, STAGE_1, tag, nft, batch, err);
	return r < 0 ? r : put_del_tagged(family, STAGE_2, tag, nft, batch, err);
}

int ingress_check(const struct firewall_conf *conf, uint8_t family, struct nlsock *nft,
		  struct nerr *err)
{
	for (unsigned k = 0; k < BRIDGE_RULES; k++) {
		CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
		struct nft_ipt_rule ipt = bridge_rule(conf, family, k);
		size_t at;
		int r;

		if (conf->policy == INGRESS_OPEN || !wants_rule(conf, k))
			continue;
		r = table_get(nft, family, ipt.chain, &rules, err);
		if (r == 0)
			r = table_find(&rules, &ipt, &at, err);
		if (r < 0)
			return r;
		if (at == rules.n)
			return nerr_set(
				err, -ENOENT,
				"expected rule of ingress policy \"%s\" for bridge \"%s\" in chain %s not found",
				conf->policy_text, conf->bridge, ipt.chain);
	}
	return 0;
}
