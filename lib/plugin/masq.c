/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * masq.c - see masq.h
 *
 * The postrouting chain is read before each ADD and written only when it is not
 * as it must be, under the generation at which it was read: of two first calls
 * at once, one wins and the other reads again.  With the chain in place an ADD is
 * one append that depends on nothing.
 */
#include "plugin/masq.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugin/legacy.h"
#include "plugin/nets.h"
#include "plugin/transact.h"

#define MASQ_TABLE         "cni_plugins_masquerade"
#define MASQ_TABLE_COMMENT "Masquerading for plugins from github.com/containernetworking/plugins"
#define MASQ_CHECKS        "masq_checks"
#define MASQ_CHECKS_COMMENT                                                                        \
	"Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
#define MASQ_POSTROUTING "postrouting"
#define MASQ_PRIORITY    100 /* NF_IP_PRI_NAT_SRC */

#define MASQ_BASE_RULES  3

int masq_check_backend(const char *backend, struct nerr *err)
{
	if (!backend || !*backend || strcmp(backend, "nftables") == 0 ||
	    strcmp(backend, "iptables") == 0)
		return 0;
	return nerr_set(err, -EINVAL, "unknown ipmasq backend \"%s\"", backend);
}

/* The rules of the postrouting chain, in order. NULL on OOM. */
static struct nft_rule *base_rule(unsigned i)
{
	const struct ipnet mcast4 = { .addr = { AF_INET, { 224 } }, .prefix_len = 4 };
	const struct ipnet mcast6 = { .addr = { AF_INET6, { 0xff } }, .prefix_len = 8 };
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, MASQ_TABLE, MASQ_POSTROUTING);

	switch (i) {
	case 0:
		nft_rule_daddr(r, &mcast4, false);
		nft_rule_verdict(r, NFT_RETURN);
		break;
	case 1:
		nft_rule_daddr(r, &mcast6, false);
		nft_rule_verdict(r, NFT_RETURN);
		break;
	default:
		nft_rule_jump(r, NFT_GOTO, MASQ_CHECKS);
		break;
	}
	return r;
}

/* 1 when the postrouting chain is as it must be, 0 when not, negative errno. */
static int base_is_right(struct nlsock *nl, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = nft_rules_get(nl, NFPROTO_INET, MASQ_TABLE, MASQ_POSTROUTING, &rules, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (rules.n != MASQ_BASE_RULES)
		return 0;
	for (unsigned i = 0; i < MASQ_BASE_RULES; i++) {
		struct nft_rule *want = base_rule(i);
		cleanup_free char *text = want ? nft_rule_text(want) : NULL;

		nft_rule_free(want);
		if (!text)
			return nerr_oom(err);
		if (strcmp(text, rules.v[i].text) != 0)
			return 0;
	}
	return 1;
}

static void put_base(struct nft_batch *b)
{
	nft_batch_table(b, NFPROTO_INET, MASQ_TABLE, MASQ_TABLE_COMMENT);
	nft_batch_chain(b, &(struct nft_chain){ .family = NFPROTO_INET,
						.table = MASQ_TABLE,
						.name = MASQ_CHECKS,
						.comment = MASQ_CHECKS_COMMENT });
	nft_batch_chain(b, &(struct nft_chain){ .family = NFPROTO_INET,
						.table = MASQ_TABLE,
						.name = MASQ_POSTROUTING,
						.type = "nat",
						.hook = NF_INET_POST_ROUTING,
						.priority = MASQ_PRIORITY,
						.policy = NF_ACCEPT });
	nft_batch_flush_chain(b, NFPROTO_INET, MASQ_TABLE, MASQ_POSTROUTING);
	for (unsigned i = 0; i < MASQ_BASE_RULES; i++)
		nft_batch_append(b, base_rule(i));
}

/* "<identity>, net: ..., if: ..., id: ...", quotes left out as the reference does. */
static char *rule_comment(struct cni_call *call, struct nerr *err)
{
	struct identity id;
	char *text;
	char *out;

	if (identity_of_call(call, &id, err) < 0)
		return NULL;
	text = arena_printf(json_doc_arena(call->doc), "%s, net: %s, if: %s, id: %s", id.text,
			    call->net_name, call->ifname, call->container_id);
	if (!text) {
		(void)nerr_oom(err);
		return NULL;
	}
	out = text;
	for (const char *p = text; *p; p++)
		if (*p != '"')
			*out++ = *p;
	*out = '\0';
	return text;
}

static struct nft_rule *address_rule(const struct cni_ip *ip, const char *comment)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, MASQ_TABLE, MASQ_CHECKS);
	struct ipnet host = { .addr = ip->address.addr,
			      .prefix_len = ipaddr_bits(&ip->address.addr) };
	struct ipnet network = { .addr = ipnet_network(&ip->address),
				 .prefix_len = ip->address.prefix_len };

	nft_rule_saddr(r, &host, false);
	nft_rule_daddr(r, &network, true);
	nft_rule_masquerade(r);
	nft_rule_comment(r, comment);
	return r;
}

struct masq_job {
	const struct cni_result *res;
	const char *comment;
};

static int build_add(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	const struct masq_job *job = arg;
	int right = base_is_right(nft, err);

	if (right < 0)
		return right;
	if (!right) {
		*depends = true;
		put_base(batch);
	}
	for (size_t i = 0; i < job->res->n_ips; i++)
		nft_batch_append(batch, address_rule(&job->res->ips[i], job->comment));
	return 0;
}

int masq_add(struct cni_call *call, struct plugin_nets *nets, const struct cni_result *res,
	     struct nerr *err)
{
	struct masq_job job = { .res = res, .comment = rule_comment(call, err) };
	int r;

	if (!job.comment)
		return -ENOMEM;
	r = transact(nets, build_add, &job, err);
	if (r < 0)
		return nerr_ctx(err, "failed to setup masquerading");
	return 0;
}

/* Rules for which @is_mine says so go into the batch. */
static int put_del_where(struct nlsock *nft, struct nft_batch *batch,
			 bool (*is_mine)(const struct nft_rule_info *rule, const void *arg),
			 const void *arg, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = nft_rules_list(nft, NFPROTO_INET, MASQ_TABLE, MASQ_CHECKS, &rules, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < rules.n; i++)
		if (is_mine(&rules.v[i], arg))
			nft_batch_del_rule(batch, NFPROTO_INET, MASQ_TABLE, MASQ_CHECKS,
					   rules.v[i].handle);
	return 0;
}

static bool has_identity(const struct nft_rule_info *rule, const void *arg)
{
	const struct identity *id = arg;

	return str_has_prefix(rule->comment, id->text);
}

int masq_put_del(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		 struct nerr *err)
{
	struct identity id;
	int r;

	r = identity_of_call(call, &id, err);
	if (r == 0)
		r = put_del_where(nft, batch, has_identity, &id, err);
	if (r < 0)
		return r;
	return legacy_put_del_masq(call, nft, batch, err);
}

struct garbage_search {
	const struct cni_call *call;
	const struct identity *valid;
};

static bool is_garbage(const struct nft_rule_info *rule, const void *arg)
{
	const struct garbage_search *s = arg;

	return identity_is_garbage(s->call, rule->comment, s->valid);
}

int masq_put_gc(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
		struct nerr *err)
{
	struct garbage_search s = { .call = call, .valid = identity_set_valid(call, err) };

	if (!s.valid)
		return -ENOMEM;
	return put_del_where(nft, batch, is_garbage, &s, err);
}

int masq_check(struct cni_call *call, struct plugin_nets *nets, const struct cni_result *res,
	       struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	char text[IPNET_STR_LEN];
	struct identity id;
	int r;

	r = plugin_nets_nft(nets, err);
	if (r == 0)
		r = identity_of_call(call, &id, err);
	if (r == 0)
		r = nft_rules_get(nets->nft, NFPROTO_INET, MASQ_TABLE, MASQ_CHECKS, &rules, err);
	if (r < 0)
		return nerr_ctx(err, "cannot read masquerade rules");
	for (size_t i = 0; i < res->n_ips; i++) {
		struct nft_rule *want = address_rule(&res->ips[i], "");
		cleanup_free char *expr = want ? nft_rule_text(want) : NULL;
		bool found = false;

		nft_rule_free(want);
		if (!expr)
			return nerr_oom(err);
		for (size_t k = 0; k < rules.n && !found; k++)
			found = has_identity(&rules.v[k], &id) &&
				strcmp(rules.v[k].text, expr) == 0;
		if (!found)
			return nerr_set(err, -ENOENT,
					"missing masquerade rule for %s in chain \"%s\"",
					ipnet_to_str(&res->ips[i].address, text), MASQ_CHECKS);
	}
	return 0;
}
