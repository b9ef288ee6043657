/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dump.c - reading nf_tables: rules of a chain, a chain, the generation
 *
 * A message is walked by us, so that handle, user data and jump of a rule are
 * found also when libnftnl does not know one of its expressions; only the text
 * is libnftnl's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "base/error.h"
#include "base/str.h"
#include "netlink/nlsock.h"
#include "nft/attr_priv.h"
#include "nft/dump_priv.h"
#include "nft/text_priv.h"
#include "nft/udata_priv.h"

/* Times a chain is read anew when other transactions come between, times those
 * that nlsock_dump() makes of its own.  A chain that one answer holds is never
 * interrupted.
 */
#define DUMP_TRIES 20

/* Header, table and chain. */
#define REQUEST_LEN 1024

union request {
	struct nlmsghdr nlh;
	char buf[REQUEST_LEN];
};

const char *nft_family_str(uint8_t family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_NETDEV:
		return "netdev";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_IPV6:
		return "ip6";
	default:
		return "unknown";
	}
}

/* --- requests --- */

static void request_init(union request *req, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nfgenmsg *nfg;

	(void)mnl_nlmsg_put_header(req->buf);
	req->nlh.nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	req->nlh.nlmsg_flags = flags;
	nfg = mnl_nlmsg_put_extra_header(&req->nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
}

/* Table and chain (or object) name, or -ENAMETOOLONG. */
static int request_put_names(union request *req, uint16_t table_attr, const char *table,
			     uint16_t chain_attr, const char *chain, struct nerr *err)
{
	if (strlen(table) >= NFT_NAME_LEN || strlen(chain) >= NFT_NAME_LEN)
		return nerr_set(err, -ENAMETOOLONG,
				"name of chain '%s' or table '%s' is longer than %d bytes", chain,
				table, NFT_NAME_LEN - 1);
	mnl_attr_put_strz(&req->nlh, table_attr, table);
	mnl_attr_put_strz(&req->nlh, chain_attr, chain);
	return 0;
}

static bool is_message(const struct nlmsghdr *nlh, uint16_t type)
{
	return nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type) &&
	       mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nfgenmsg);
}

/* --- generation --- */

static int generation_cb(const struct nlmsghdr *nlh, void *arg)
{
	uint32_t *ret = arg;
	const struct nlattr *a;

	if (!is_message(nlh, NFT_MSG_NEWGEN))
		return 0;
	attr_foreach(a, nlh)
		if (mnl_attr_get_type(a) == NFTA_GEN_ID)
			*ret = attr_u32(a);
	return 0;
}

int nft_generation(struct nlsock *nl, uint32_t *ret, struct nerr *err)
{
	union request req;
	uint32_t generation = 0;
	int r;

	request_init(&req, NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
	r = nlsock_talk(nl, &req.nlh, generation_cb, &generation, err);
	if (r < 0) {
		(void)nerr_ctx(err, "cannot read the generation of nf_tables");
		return r;
	}
	if (!generation)
		return nerr_set(err, -EBADMSG,
				"the kernel does not tell the generation of nf_tables");
	*ret = generation;
	return 0;
}

/* --- chains --- */

static void chain_parse(const struct nlmsghdr *nlh, struct chain_info *ret)
{
	const struct nlattr *a;

	attr_foreach(a, nlh) {
		switch (mnl_attr_get_type(a)) {
		case NFTA_CHAIN_HOOK:
			ret->is_base = true;
			ret->hook = attr_u32(attr_nested(a, NFTA_HOOK_HOOKNUM));
			ret->priority = (int32_t)attr_u32(attr_nested(a, NFTA_HOOK_PRIORITY));
			break;
		case NFTA_CHAIN_POLICY:
			ret->policy = attr_u32(a);
			break;
		case NFTA_CHAIN_TYPE:
			(void)str_copy(ret->type, sizeof(ret->type), attr_text(a)); /* "" differs */
			break;
		default:
			break;
		}
	}
}

static int chain_cb(const struct nlmsghdr *nlh, void *arg)
{
	if (is_message(nlh, NFT_MSG_NEWCHAIN))
		chain_parse(nlh, arg);
	return 0;
}

int chain_get(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
	      struct chain_info *ret, struct nerr *err)
{
	struct chain_info info = { .is_base = false };
	union request req;
	int r;

	request_init(&req, NFT_MSG_GETCHAIN, 0, family);
	r = request_put_names(&req, NFTA_CHAIN_TABLE, table, NFTA_CHAIN_NAME, chain, err);
	if (r < 0)
		return r;
	r = nlsock_talk(nl, &req.nlh, chain_cb, &info, err);
	if (r == -ENOENT) {
		if (err)
			*err = NERR_INIT; /* an answer, not an error */
		return 0;
	}
	if (r < 0) {
		(void)nerr_ctx(err, "cannot read chain '%s' of table '%s %s'", chain,
			       nft_family_str(family), table);
		return r;
	}
	*ret = info;
	return 1;
}

int nft_chain_exists(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		     uint32_t *policy, struct nerr *err)
{
	struct chain_info info;
	int r = chain_get(nl, family, table, chain, &info, err);

	if (r == 1 && policy && info.is_base)
		*policy = info.policy;
	return r;
}

/* --- rules --- */

struct rules_dump {
	const char *table;
	const char *chain;
	bool want_text;
	struct nft_rules rules;
	size_t cap;
	struct strbuf text;
};

static void rules_dump_done(struct rules_dump *d)
{
	nft_rules_done(&d->rules);
	strbuf_done(&d->text);
}

static void rules_dump_restart(void *arg)
{
	struct rules_dump *d = arg;

	arena_done(&d->rules.mem);
	d->rules.n = 0;
}

/* A copy of @s in the list's memory; "" needs none. NULL on OOM. */
static const char *rules_dump_copy(struct rules_dump *d, const char *s)
{
	return *s ? arena_strdup(&d->rules.mem, s) : "";
}

/* The chain an immediate expression jumps to, "" for none. */
static const char *expr_jump(const struct nlattr *data)
{
	const struct nlattr *a = attr_nested(data, NFTA_IMMEDIATE_DATA);
	int32_t code;

	a = a ? attr_nested(a, NFTA_DATA_VERDICT) : NULL;
	if (!a)
		return "";
	code = (int32_t)attr_u32(attr_nested(a, NFTA_VERDICT_CODE));
	if (code != NFT_JUMP && code != NFT_GOTO)
		return "";
	return attr_text(attr_nested(a, NFTA_VERDICT_CHAIN));
}

/* The text of an x_tables match "comment", "" if it is another. */
static const char *expr_xt_comment(const struct nlattr *data)
{
	const struct nlattr *info = attr_nested(data, NFTA_MATCH_INFO);

	if (!info || strcmp(attr_text(attr_nested(data, NFTA_MATCH_NAME)), "comment") != 0)
		return "";
	if (!memchr(mnl_attr_get_payload(info), '\0', mnl_attr_get_payload_len(info)))
		return "";
	return mnl_attr_get_str(info);
}

/* Jump and x_tables comment of a rule. */
static void exprs_parse(const struct nlattr *exprs, const char **ret_jump, const char **ret_comment)
{
	const struct nlattr *elem;

	attr_foreach_nested(elem, exprs) {
		const char *name = attr_text(attr_nested(elem, NFTA_EXPR_NAME));
		const struct nlattr *data = attr_nested(elem, NFTA_EXPR_DATA);

		if (!data)
			continue;
		if (strcmp(name, "immediate") == 0 && !**ret_jump)
			*ret_jump = expr_jump(data);
		else if (strcmp(name, "match") == 0 && !**ret_comment)
			*ret_comment = expr_xt_comment(data);
	}
}

/* The bytecode of a message, or NULL on OOM. */
static const char *rules_dump_text(struct rules_dump *d, const struct nlmsghdr *nlh,
				   const struct nlattr *exprs)
{
	d->text.len = 0;
	if (exprs && nft_text_put(&d->text, nlh, exprs) < 0)
		return NULL;
	return rules_dump_copy(d, d->text.len ? d->text.s : "");
}

static bool rules_dump_reserve(struct rules_dump *d)
{
	struct nft_rule_info *v;
	size_t cap;

	if (d->rules.n < d->cap)
		return true;
	cap = d->cap ? d->cap * 2 : 16;
	v = reallocarray(d->rules.v, cap, sizeof(*v));
	if (!v)
		return false;
	d->rules.v = v;
	d->cap = cap;
	return true;
}

static int rules_dump_cb(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *exprs = NULL;
	const char *xt_comment = "";
	const char *comment = "";
	const char *table = "";
	const char *chain = "";
	const char *jump = "";
	const char *tag = "";
	struct rules_dump *d = arg;
	struct nft_rule_info *info;
	const struct nlattr *a;
	uint64_t handle = 0;

	if (!is_message(nlh, NFT_MSG_NEWRULE))
		return 0;
	attr_foreach(a, nlh) {
		size_t len = mnl_attr_get_payload_len(a);

		switch (mnl_attr_get_type(a)) {
		case NFTA_RULE_TABLE:
			table = attr_text(a);
			break;
		case NFTA_RULE_CHAIN:
			chain = attr_text(a);
			break;
		case NFTA_RULE_HANDLE:
			handle = attr_u64(a);
			break;
		case NFTA_RULE_USERDATA:
			comment = udata_text(mnl_attr_get_payload(a), len, UDATA_COMMENT);
			tag = udata_text(mnl_attr_get_payload(a), len, UDATA_TAG);
			break;
		case NFTA_RULE_EXPRESSIONS:
			exprs = a;
			exprs_parse(a, &jump, &xt_comment);
			break;
		default:
			break;
		}
	}
	/* A kernel before 4.14 may not filter. */
	if (!handle || strcmp(table, d->table) != 0 || strcmp(chain, d->chain) != 0)
		return 0;

	if (!rules_dump_reserve(d))
		return -ENOMEM;
	info = &d->rules.v[d->rules.n];
	*info = (struct nft_rule_info){
		.handle = handle,
		.comment = rules_dump_copy(d, *comment ? comment : xt_comment),
		.tag = rules_dump_copy(d, tag),
		.jump = rules_dump_copy(d, jump),
	};
	if (d->want_text)
		info->text = rules_dump_text(d, nlh, exprs);
	if (!info->comment || !info->tag || !info->jump || (d->want_text && !info->text))
		return -ENOMEM;
	d->rules.n++;
	return 0;
}

static int rules_read(struct nlsock *nl, uint8_t family, bool want_text, const char *table,
		      const char *chain, struct nft_rules *ret, struct nerr *err)
{
	CLEANUP(rules_dump_done) struct rules_dump d = { .want_text = want_text };
	struct chain_info info;
	union request req;
	int r;

	d.table = table;
	d.chain = chain;
	*ret = (struct nft_rules){ .n = 0 };
	request_init(&req, NFT_MSG_GETRULE, NLM_F_DUMP, family);
	r = request_put_names(&req, NFTA_RULE_TABLE, table, NFTA_RULE_CHAIN, chain, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < DUMP_TRIES; i++) {
		rules_dump_restart(&d);
		r = nlsock_dump(nl, &req.nlh, rules_dump_cb, rules_dump_restart, &d, err);
		if (r != -EINTR)
			break;
	}
	if (r < 0) {
		(void)nerr_ctx(err, "cannot read chain '%s' of table '%s %s'", chain,
			       nft_family_str(family), table);
		return r;
	}
	/* A dump of what does not exist is an empty one. */
	if (d.rules.n == 0) {
		r = chain_get(nl, family, table, chain, &info, err);
		if (r < 0)
			return r;
		if (r == 0)
			return nerr_set(err, -ENOENT, "no chain '%s' in table '%s %s'", chain,
					nft_family_str(family), table);
	}
	*ret = d.rules;
	d.rules = (struct nft_rules){ .n = 0 };
	return 0;
}

int nft_rules_get(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		  struct nft_rules *ret, struct nerr *err)
{
	return rules_read(nl, family, true, table, chain, ret, err);
}

int nft_rules_list(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		   struct nft_rules *ret, struct nerr *err)
{
	return rules_read(nl, family, false, table, chain, ret, err);
}

void nft_rules_done(struct nft_rules *rules)
{
	free(rules->v);
	arena_done(&rules->mem);
	*rules = (struct nft_rules){ .n = 0 };
}
