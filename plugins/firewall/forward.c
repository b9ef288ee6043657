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
#include "plugins/firewall/source_priv.h"
#include "plugins/firewall/table_priv.h"

#define FORWARD_CHAIN   "CNI-FORWARD"
#define FORWARD_COMMENT "CNI firewall plugin rules"
#define ADMIN_COMMENT   "CNI firewall plugin admin overrides"

/* Rules of one address. The reference suite makes the first two. */
enum address_rule {
	RULE_ANSWERS,   /* -d IP -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT */
	RULE_FROM,      /* -s IP -j ACCEPT */
	RULE_PUBLISHED, /* -d IP -m conntrack --ctstate DNAT -j ACCEPT: published ports */
	ADDRESS_RULES,
};

static uint8_t nfproto_of(const struct cni_ip *ip)
{
	return ip->address.addr.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* @host is filled and borrowed by @ret. */
static void address_rule(const struct cni_ip *ip, enum address_rule which, struct ipnet *host,
			 struct nft_ipt_rule *ret)
{
	*host = (struct ipnet){ ip->address.addr, ipaddr_bits(&ip->address.addr) };
	*ret = (struct nft_ipt_rule){ .family = nfproto_of(ip),
				      .table = FILTER_TABLE,
				      .chain = FORWARD_CHAIN,
				      .verdict = NF_ACCEPT };
	if (which == RULE_FROM)
		ret->src = host;
	else
		ret->dst = host;
	if (which == RULE_ANSWERS)
		ret->ctstate = NF_CT_STATE_BIT(IP_CT_RELATED) | NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
	if (which == RULE_PUBLISHED)
		ret->ctstate = NFT_IPT_CTSTATE_DNAT;
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

/* What is there before an ADD: rules of FORWARD and of the plugin's own chain. */
struct found {
	struct nft_rules forward;
	struct nft_rules own;
	bool has_forward;
	bool has_own;
};

static void found_done(struct found *f)
{
	nft_rules_done(&f->forward);
	nft_rules_done(&f->own);
}

static int find(uint8_t family, struct nlsock *nft, struct found *f, struct nerr *err)
{
	int r = table_list(nft, family, FORWARD_CHAIN, &f->own, &f->has_own, err);

	return r < 0 ? r
		     : table_list(nft, family, FILTER_FORWARD, &f->forward, &f->has_forward, err);
}

/* Chains and the jumps between them, as far as they are missing. */
static int put_base(const struct firewall_conf *conf, uint8_t family, struct nlsock *nft,
		    const struct found *found, struct nft_batch *batch, bool *depends,
		    struct nerr *err)
{
	int r;

	if (found->has_forward && found->has_own &&
	    table_has_jump(&found->forward, FORWARD_CHAIN) &&
	    table_has_jump(&found->own, conf->admin_chain))
		return 0;
	*depends = true;
	if (!found->has_forward)
		table_put_forward(batch, family);
	if (!found->has_own)
		table_put_chain(batch, family, FORWARD_CHAIN);
	if (!table_has_jump(&found->own, conf->admin_chain)) {
		r = nft_chain_exists(nft, family, FILTER_TABLE, conf->admin_chain, NULL, err);
		if (r < 0)
			return r;
		if (r == 0)
			table_put_chain(batch, family, conf->admin_chain);
		put_jump_first(batch, family, FORWARD_CHAIN, ADMIN_COMMENT, conf->admin_chain);
	}
	if (!table_has_jump(&found->forward, FORWARD_CHAIN))
		put_jump_first(batch, family, FILTER_FORWARD, FORWARD_COMMENT, FORWARD_CHAIN);
	return 0;
}

/* firewalld's backend "iptables" decides in this chain: since 0.9, and before. */
static bool has_firewalld(const struct nft_rules *forward)
{
	return table_has_jump(forward, "FORWARD_ZONES") ||
	       table_has_jump(forward, "FORWARD_IN_ZONES");
}

/* --- deleting --- */

/* A rule that this job deletes. */
static bool goes(const struct forward_job *job, const struct nft_rule_info *rule)
{
	return job->id ? source_tag_is_of(rule->tag, job->id)
		       : identity_is_garbage(job->call, rule->tag, job->valid);
}

/* The source is gone unless a rule that stays names it, too. */
static int put_gone(const struct forward_job *job, const struct nft_rules *rules, const char *mark,
		    struct nerr *err)
{
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(source_tag_mark(rules->v[i].tag), mark) == 0 && !goes(job, &rules->v[i]))
			return 0;
	return source_list_add(job->gone, mark, err);
}

/* @ret_n: how many rules go. */
static int put_del_tagged(const struct forward_job *job, uint8_t family,
			  const struct nft_rules *rules, struct nft_batch *batch, size_t *ret_n,
			  struct nerr *err)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++) {
		const char *mark = source_tag_mark(rules->v[i].tag);
		int r;

		if (!goes(job, &rules->v[i]))
			continue;
		n++;
		nft_batch_del_rule(batch, family, FILTER_TABLE, FORWARD_CHAIN, rules->v[i].handle);
		r = *mark ? put_gone(job, rules, mark, err) : 0;
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return 0;
}

/* --- the verbs --- */

/* Rule @which of an address, its tag included. */
static int put_address_rule(const struct forward_job *job, const struct cni_ip *ip, unsigned which,
			    struct nft_batch *batch, struct nerr *err)
{
	struct source_mark mark = { .text = "" };
	char tag[NFT_TAG_MAX + 1];
	struct nft_ipt_rule ipt;
	struct nft_rule *rule;
	struct ipnet host;

	address_rule(ip, which, &host, &ipt);
	if (ipt.src && job->conf->firewalld) {
		if (source_mark_of(job->conf->zone, &host.addr, &mark) < 0)
			return nerr_set(err, -ENAMETOOLONG, "zone name \"%s\" is too long",
					job->conf->zone);
		source_list_drop(job->gone, mark.text);
	}
	source_tag(job->id, mark.text, tag);
	rule = nft_ipt_rule_new(&ipt);
	nft_rule_tag(rule, tag);
	nft_batch_append(batch, rule);
	return 0;
}

int forward_put_add(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		    struct nft_batch *batch, bool *depends, struct nerr *err)
{
	CLEANUP(found_done) struct found found = { .has_own = false };
	const struct cni_result *prev = job->call->prev;
	size_t n;
	int r;

	r = find(family, nft, &found, err);
	if (r == 0)
		r = put_del_tagged(job, family, &found.own, batch, &n, err);
	if (r < 0 || (job->conf->firewalld && has_firewalld(&found.forward)))
		return r;
	r = put_base(job->conf, family, nft, &found, batch, depends, err);
	for (size_t i = 0; i < prev->n_ips && r == 0; i++) {
		if (nfproto_of(&prev->ips[i]) != family)
			continue;
		for (unsigned k = 0; k < ADDRESS_RULES && r == 0; k++)
			r = put_address_rule(job, &prev->ips[i], k, batch, err);
	}
	return r;
}

/* Rules of the reference suite have no tag: one each of the content that it would make. */
static int put_del_untagged(const struct forward_job *job, uint8_t family,
			    const struct nft_rules *rules, struct nft_batch *batch, size_t *n,
			    struct nerr *err)
{
	const struct cni_result *prev = job->call->prev;

	for (size_t i = 0; i < prev->n_ips; i++) {
		const struct cni_ip *ip = &prev->ips[i];

		for (unsigned k = 0; k < ADDRESS_RULES && nfproto_of(ip) == family; k++) {
			struct nft_ipt_rule ipt;
			struct ipnet host;
			size_t at;
			int r;

			address_rule(ip, k, &host, &ipt);
			r = table_find(rules, &ipt, &at, err);
			if (r < 0)
				return r;
			if (at == rules->n || *rules->v[at].tag)
				continue;
			(*n)++;
			nft_batch_del_rule(batch, family, FILTER_TABLE, FORWARD_CHAIN,
					   rules->v[at].handle);
		}
	}
	return 0;
}

/* No rule says what was done: each address may be a source. */
static int put_gone_addresses(const struct forward_job *job, uint8_t family,
			      const struct nft_rules *rules, struct nerr *err)
{
	const struct cni_result *prev = job->call->prev;
	int r = 0;

	for (size_t i = 0; i < prev->n_ips && r == 0; i++) {
		struct source_mark mark;

		if (nfproto_of(&prev->ips[i]) == family &&
		    source_mark_of(job->conf->zone, &prev->ips[i].address.addr, &mark) == 0)
			r = put_gone(job, rules, mark.text, err);
	}
	return r;
}

int forward_put_del(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		    struct nft_batch *batch, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	size_t n;
	int r;

	r = table_get(nft, family, FORWARD_CHAIN, &rules, err);
	if (r == 0)
		r = put_del_tagged(job, family, &rules, batch, &n, err);
	if (r < 0 || !job->call->prev)
		return r;
	r = put_del_untagged(job, family, &rules, batch, &n, err);
	if (r == 0 && n == 0 && job->conf->backend != BACKEND_IPTABLES)
		r = put_gone_addresses(job, family, &rules, err);
	return r;
}

int forward_put_gc(const struct forward_job *job, uint8_t family, struct nlsock *nft,
		   struct nft_batch *batch, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	bool there;
	size_t n;
	int r;

	r = table_list(nft, family, FORWARD_CHAIN, &rules, &there, err);
	return r < 0 ? r : put_del_tagged(job, family, &rules, batch, &n, err);
}

static int check_address(const struct cni_ip *ip, const struct nft_rules *rules, struct nerr *err)
{
	static const char *const text[ADDRESS_RULES] = {
		[RULE_ANSWERS] = "-d %s -m conntrack --ctstate RELATED,ESTABLISHED",
		[RULE_FROM] = "-s %s",
		[RULE_PUBLISHED] = "-d %s -m conntrack --ctstate DNAT",
	};
	char addr[IPADDR_STR_LEN];
	bool is_ours = true;

	(void)ipaddr_to_str(&ip->address.addr, addr);
	for (unsigned k = 0; k < ADDRESS_RULES; k++) {
		const char *mark = strstr(text[k], "%s");
		struct nft_ipt_rule ipt;
		struct ipnet host;
		size_t at;
		int r;

		if (k == RULE_PUBLISHED && !is_ours)
			break;
		address_rule(ip, k, &host, &ipt);
		r = table_find(rules, &ipt, &at, err);
		if (r < 0)
			return r;
		if (at == rules->n)
			return nerr_set(err, -ENOENT,
					"expected rule [-A " FORWARD_CHAIN
					" %.*s%s%s -j ACCEPT] not found",
					(int)(mark - text[k]), text[k], addr, mark + 2);
		is_ours = is_ours && *rules->v[at].tag;
	}
	return 0;
}

static int check_addresses(struct cni_call *call, uint8_t family, const struct nft_rules *rules,
			   struct nerr *err)
{
	int r = 0;

	for (size_t i = 0; i < call->prev->n_ips && r == 0; i++)
		if (nfproto_of(&call->prev->ips[i]) == family)
			r = check_address(&call->prev->ips[i], rules, err);
	return r;
}

/* firewalld lets packets through; somebody's policy may still drop them.  1, 0 or an error. */
static int needs_rules(uint8_t family, const struct nft_rules *forward, struct nlsock *nft,
		       struct nerr *err)
{
	uint32_t policy = NF_ACCEPT;
	int r;

	if (has_firewalld(forward))
		return 0;
	r = nft_chain_exists(nft, family, FILTER_TABLE, FILTER_FORWARD, &policy, err);
	return r < 0 ? r : policy == NF_DROP;
}

int forward_check(struct cni_call *call, const struct firewall_conf *conf, uint8_t family,
		  struct nlsock *nft, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules forward = { .n = 0 };
	CLEANUP(nft_rules_done) struct nft_rules own = { .n = 0 };
	bool there;
	int r;

	r = table_list(nft, family, FILTER_FORWARD, &forward, &there, err);
	if (r == 0 && conf->firewalld) {
		r = needs_rules(family, &forward, nft, err);
		if (r == 0)
			return 0;
	}
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
