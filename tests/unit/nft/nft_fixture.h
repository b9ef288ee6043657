/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nft_fixture.h - an nfnetlink socket in a fresh namespace, and nft(8) to compare with
 */
#ifndef TESTS_UNIT_NFT_NFT_FIXTURE_H
#define TESTS_UNIT_NFT_NFT_FIXTURE_H

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nft/attr_priv.h"
#include "nft/nft.h"
#include "tests/unit/netns_fixture.h"

#define OUT_LEN 262144

/* Longer than any stack should hold; tests run one after the other. */
static char out[OUT_LEN];

FIXTURE int nft_setup(void **state)
{
	struct nlsock *nl;
	struct nerr err;

	netns_fresh();
	assert_ok(nlsock_open(&nl, NETLINK_NETFILTER, &err), err);
	*state = nl;
	return 0;
}

/* nft(8) commands that must succeed; what it prints is in @out. */
#define nft(commands) run_ok(out, sizeof(out), "nft", commands)

FIXTURE struct nft_batch *batch_new(void)
{
	struct nft_batch *b;
	struct nerr err;

	assert_ok(nft_batch_new(&b, &err), err);
	return b;
}

/* Commit what must succeed, and free the batch. */
FIXTURE void commit_ok(struct nft_batch *b, struct nlsock *nl)
{
	struct nerr err;

	assert_ok(nft_batch_commit(b, nl, 0, &err), err);
	nft_batch_free(b);
}

/* Append one rule. Takes it. */
FIXTURE void append_ok(struct nlsock *nl, struct nft_rule *r)
{
	struct nft_batch *b = batch_new();

	nft_batch_append(b, r);
	commit_ok(b, nl);
}

/* The rules of a chain that is there. For nft_rules_done(). */
FIXTURE struct nft_rules rules_of(struct nlsock *nl, uint8_t family, const char *table,
				  const char *chain)
{
	struct nft_rules rules;
	struct nerr err;

	assert_ok(nft_rules_get(nl, family, table, chain, &rules, &err), err);
	return rules;
}

FIXTURE size_t n_rules(struct nlsock *nl, uint8_t family, const char *table, const char *chain)
{
	struct nft_rules rules = rules_of(nl, family, table, chain);
	size_t n = rules.n;

	nft_rules_done(&rules);
	return n;
}

/* The expressions of a chain's only rule, as the kernel sends them. */
struct raw_exprs {
	const char *chain;
	uint8_t bytes[8192];
	size_t len;
	unsigned n_rules;
};

FIXTURE int raw_exprs_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct raw_exprs *raw = arg;
	const struct nlattr *exprs = NULL;
	const struct nlattr *a;
	bool mine = false;

	attr_foreach(a, nlh) {
		if (mnl_attr_get_type(a) == NFTA_RULE_CHAIN)
			mine = strcmp(mnl_attr_get_str(a), raw->chain) == 0;
		else if (mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS)
			exprs = a;
	}
	if (!mine)
		return 0;
	raw->n_rules++;
	raw->len = exprs ? mnl_attr_get_payload_len(exprs) : 0;
	assert_true(raw->len <= sizeof(raw->bytes));
	if (raw->len)
		memcpy(raw->bytes, mnl_attr_get_payload(exprs), raw->len);
	return 0;
}

FIXTURE void raw_exprs_get(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
			   struct raw_exprs *ret)
{
	union {
		struct nlmsghdr nlh;
		char buf[512];
	} req;
	struct nfgenmsg *nfg;
	struct nerr err;

	*ret = (struct raw_exprs){ .chain = chain };
	(void)mnl_nlmsg_put_header(req.buf);
	req.nlh.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	req.nlh.nlmsg_flags = NLM_F_DUMP;
	nfg = mnl_nlmsg_put_extra_header(&req.nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	mnl_attr_put_strz(&req.nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(&req.nlh, NFTA_RULE_CHAIN, chain);
	assert_ok(nlsock_dump(nl, &req.nlh, raw_exprs_cb, NULL, ret, &err), err);
	assert_int_equal(ret->n_rules, 1);
}

/* Two chains of one rule each have the same rule, to the last byte. */
FIXTURE void assert_same_bytes(struct nlsock *nl, uint8_t family, const char *table, const char *a,
			       const char *b)
{
	static struct raw_exprs x;
	static struct raw_exprs y;

	raw_exprs_get(nl, family, table, a, &x);
	raw_exprs_get(nl, family, table, b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.bytes, y.bytes, x.len);
}

/* Family as nft(8) names it. */
FIXTURE const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "inet";
	}
}

/**
 * struct same_rule - A rule in the language of nft(8), and by our builders
 * @text:	As nft(8) prints it
 */
struct same_rule {
	uint8_t family;
	const char *text;
	void (*build)(struct nft_rule *r);
};

/* The rule that "nft list chain" prints, without the lines around it. */
FIXTURE void listed_rule(const char *family, const char *chain, char *ret, size_t size)
{
	const char *p;
	size_t len;

	run_ok(out, sizeof(out), "nft", "-s", "list", "chain", family, "t", chain);
	p = strstr(out, "{\n");
	assert_non_null(p);
	p = strstr(p + 2, "{\n"); /* the chain's, after the table's */
	assert_non_null(p);
	p += 2;
	p += strspn(p, "\t");
	len = strcspn(p, "\n");
	assert_true(len < size);
	memcpy(ret, p, len);
	ret[len] = '\0';
}

/* nft(8) and the builder make the same bytecode, which nft(8) prints as the
 * text.
 */
FIXTURE void assert_same_rule(struct nlsock *nl, const struct same_rule *c)
{
	const char *family = family_name(c->family);
	struct nft_rule *r = nft_rule_new(c->family, "t", "ours");
	struct nft_rules theirs;
	struct nft_rules ours;
	char command[1024];
	char line[1024];
	char *local;

	(void)snprintf(command, sizeof(command),
		       "add table %s t; add chain %s t target; add chain %s t theirs;"
		       "add chain %s t ours; add rule %s t theirs %s",
		       family, family, family, family, family, c->text);
	nft(command);
	c->build(r);
	local = nft_rule_text(r);
	if (!local)
		fail_msg("%s: '%s' cannot be built", family, c->text);
	append_ok(nl, r);

	theirs = rules_of(nl, c->family, "t", "theirs");
	ours = rules_of(nl, c->family, "t", "ours");
	assert_int_equal(theirs.n, 1);
	assert_int_equal(ours.n, 1);
	assert_string_equal(ours.v[0].text, theirs.v[0].text);
	assert_string_equal(ours.v[0].comment, theirs.v[0].comment);
	assert_string_equal(local, theirs.v[0].text);
	assert_same_bytes(nl, c->family, "t", "ours", "theirs");
	listed_rule(family, "theirs", line, sizeof(line));
	assert_string_equal(line, c->text);
	listed_rule(family, "ours", line, sizeof(line));
	assert_string_equal(line, c->text);

	free(local);
	nft_rules_done(&theirs);
	nft_rules_done(&ours);
	(void)snprintf(command, sizeof(command), "delete table %s t", family);
	nft(command);
}

#endif /* TESTS_UNIT_NFT_NFT_FIXTURE_H */
