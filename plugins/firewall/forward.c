/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cni/cni.h"
#include "nft/iptables.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/firewall/forward_priv.h"
#include "plugins/firewall/table_priv.h"

#define FORWARD_CHAIN	"CNI-FORWARD"
#define FORWARD_COMMENT "CNI firewall plugin rules"
#define ADMIN_COMMENT	"CNI firewall plugin admin overrides"

/* Rules of one address. */
#define ADDRESS_RULES 2

static uint8_t nfproto_of(const struct cni_ip *ip)
{
	return ip->address.addr.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* -d IP -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT, and -s IP -j ACCEPT.
 * @host is filled and borrowed by @ret.
 */
static void address_rule(const struct cni_ip *ip, unsigned which, struct ipnet *host,
			 struct nft_ipt_rule *ret)
{
	*host = (struct ipnet){ ip->address.addr, ipaddr_bits(&ip->address.addr) };
	*ret = (struct nft_ipt_rule){ .family = nfproto_of(ip),
				      .table = FILTER_TABLE,
				      .chain = FORWARD_CHAIN,
				      .verdict = NF_ACCEPT };
	if (which == 0) {
		ret->dst = host;
		ret->ctstate = NF_CT_STATE_BIT(IP_CT_RELATED) | NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
	} else {
		ret->src = host;
	}
}

static struct nft_ipt_rule jump_rule(uint8_t family, const char *chain, const char *comment,
				     const char *target)
{
	return (struct nft_ipt_rule){ .family = family,
				      .table = FILTER_TABLE,
				      .chain = chain,
				      .comment = comment,
				      .verdict = NFT_JUMP,
				      .target = target };
}

static void put_jump_first(struct nft_batch *batch, uint8_t family, const char *chain,
			   const char *comment, const char *target)
{
	struct nft_ipt_rule ipt = jump_rule(family, chain, comment, target);

	nft_batch_insert(batch, nft_ipt_rule_new(&ipt));
}

/* Chains and the jumps between them, as far as they are missing. */
static int put_base(const struct firewall_conf *conf, uint8_t family, struct nlsock *nft,
		    const struct nft_rules *own, bool own_there, struct nft_batch *batch,
		    bool *depends, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules forward = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, FILTER_FORWARD, &forward, &there, err);
	if (r < 0)
		return r;
	if (there && own_there && table_has_jump(&forward, FORWARD_CHAIN) &&
	    table_has_jump(own, conf->admin_chain))
		return 0;
	*depends = true;
	if (!there)
		table_put_forward(batch, family);
	if (!own_there)
		table_put_chain(batch, family, FORWARD_CHAIN);
	if (!table_has_jump(own, conf->admin_chain)) {
		r = nft_chain_exists(nft, family, FILTER_TABLE, conf->admin_chain, NULL, err);
		if (r < 0)
			return r;
		if (r == 0)
			table_put_chain(batch, family, conf->admin_chain);
		put_jump_first(batch, family, FORWARD_CHAIN, ADMIN_COMMENT, conf->admin_chain);
	}
	if (!table_has_jump(&forward, FORWARD_CHAIN))
		put_jump_first(batch, family, FILTER_FORWARD, FORWARD_COMMENT, FORWARD_CHAIN);
	return 0;
}

static void put_del_tagged(uint8_t family, const struct nft_rules *rules,
			   const struct identity *id, struct nft_batch *batch)
{
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(rules->v[i].tag, id->text) == 0)
			nft_batch_del_rule(batch, family, FILTER_TABLE, FORWARD_CHAIN,
					   rules->v[i].handle);
}

int forward_put_add(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		    const struct identity *id, struct nlsock *nft, struct nft_batch *batch,
		    bool *depends, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules own = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, FORWARD_CHAIN, &own, &there, err);
	if (r < 0)
		return r;
	r = put_base(conf, family, nft, &own, there, batch, depends, err);
	if (r < 0)
		return r;
	put_del_tagged(family, &own, id, batch);
	for (size_t i = 0; i < call->prev->n_ips; i++) {
		const struct cni_ip *ip = &call->prev->ips[i];

		for (unsigned k = 0; k < ADDRESS_RULES && nfproto_of(ip) == family; k++) {
			struct nft_ipt_rule ipt;
			struct nft_rule *rule;
			struct ipnet host;

			address_rule(ip, k, &host, &ipt);
			rule = nft_ipt_rule_new(&ipt);
			nft_rule_tag(rule, id->text);
			nft_batch_append(batch, rule);
		}
	}
	return 0;
}

/* Rules of the reference suite have no tag: one each of the content that it would make. */
static int put_del_untagged(struct cni_call *call, uint8_t family, const struct nft_rules *rules,
			    struct nft_batch *batch, struct nerr *err)
{
	for (size_t i = 0; call->prev && i < call->prev->n_ips; i++) {
		const struct cni_ip *ip = &call->prev->ips[i];

		for (unsigned k = 0; k < ADDRESS_RULES && nfproto_of(ip) == family; k++) {
			struct nft_ipt_rule ipt;
			struct ipnet host;
			size_t at;
			int r;

			address_rule(ip, k, &host, &ipt);
			r = table_find(rules, &ipt, &at, err);
			if (r < 0)
				return r;
			if (at < rules->n && !*rules->v[at].tag)
				nft_batch_del_rule(batch, family, FILTER_TABLE, FORWARD_CHAIN,
						   rules->v[at].handle);
		}
	}
	return 0;
}

int forward_put_del(struct cni_call *call, uint8_t family, const struct identity *id,
		    struct nlsock *nft, struct nft_batch *batch, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = table_get(nft, family, FORWARD_CHAIN, &rules, err);
	if (r < 0)
		return r;
	put_del_tagged(family, &rules, id, batch);
	return put_del_untagged(call, family, &rules, batch, err);
}

int forward_put_gc(struct cni_call *call, uint8_t family, const struct identity *valid,
		   struct nlsock *nft, struct nft_batch *batch, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, FORWARD_CHAIN, &rules, &there, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rules.n; i++)
		if (identity_is_garbage(call, rules.v[i].tag, valid))
			nft_batch_del_rule(batch, family, FILTER_TABLE, FORWARD_CHAIN,
					   rules.v[i].handle);
	return 0;
}

static int check_addresses(struct cni_call *call, uint8_t family, const struct nft_rules *rules,
			   struct nerr *err)
{
	char text[IPADDR_STR_LEN];

	for (size_t i = 0; i < call->prev->n_ips; i++) {
		const struct cni_ip *ip = &call->prev->ips[i];

		for (unsigned k = 0; k < ADDRESS_RULES && nfproto_of(ip) == family; k++) {
			struct nft_ipt_rule ipt;
			struct ipnet host;
			size_t at;
			int r;

			address_rule(ip, k, &host, &ipt);
			r = table_find(rules, &ipt, &at, err);
			if (r < 0)
				return r;
			if (at == rules->n)
				return nerr_set(err, -ENOENT,
						"expected rule [-A " FORWARD_CHAIN " %s %s%s -j ACCEPT] not found",
						k ? "-s" : "-d",
						ipaddr_to_str(&ip->address.addr, text),
						k ? "" :
						    " -m conntrack --ctstate RELATED,ESTABLISHED");
		}
	}
	return 0;
}

int forward_check(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		  struct nlsock *nft, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules forward = { .n = 0 };
	CLEANUP(nft_rules_done) struct nft_rules own = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, FILTER_FORWARD, &forward, &there, err);
	if (r < 0)
		return r;
	if (!table_has_jump(&forward, FORWARD_CHAIN))
		return nerr_set(err, -ENOENT, "expected FORWARD rule [-j %s] not found",
				FORWARD_CHAIN);
	r = table_get(nft, family, FORWARD_CHAIN, &own, err);
	if (r < 0)
		return r;
	if (!table_has_jump(&own, conf->admin_chain))
		return nerr_set(err, -ENOENT, "expected CNI-FORWARD rule [-j %s] not found",
				conf->admin_chain);
	return check_addresses(call, family, &own, err);
}
