/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/nft.h"
#include "plugins/portmap/rules_priv.h"
#include "plugins/portmap/table_priv.h"

#define TABLE_COMMENT    "CNI portmap plugin"
#define PRIORITY_DSTNAT  (-100)
#define PRIORITY_SRCNAT  100

#define CHAIN_ALL        "hostports_all"
#define CHAIN_PREROUTING "prerouting"
#define CHAIN_OUTPUT     "output"

/* The shared rules. A chain's stand together, in order. */
static const struct shared_rule {
	const char *chain;
	bool local; /* only for packets to an address of the host */
	const char *jump;
} shared_rules[] = {
	{ CHAIN_ALL, false, PORTMAP_HOSTIP },
	{ CHAIN_ALL, false, PORTMAP_HOSTPORTS },
	{ CHAIN_PREROUTING, true, CHAIN_ALL },
	{ CHAIN_OUTPUT, true, CHAIN_ALL },
};

static struct nft_rule *make_shared_rule(uint8_t family, const struct shared_rule *sr)
{
	struct nft_rule *r = nft_rule_new(family, PORTMAP_TABLE, sr->chain);

	if (sr->local)
		nft_rule_fib_daddr_local(r);
	nft_rule_jump(r, NFT_JUMP, sr->jump);
	return r;
}

/* 1 when @rule is as it must be, 0 when not, -ENOMEM. */
static int check_shared_rule(uint8_t family, const struct shared_rule *sr,
			     const struct nft_rule_info *rule)
{
	struct nft_rule *want = make_shared_rule(family, sr);
	cleanup_free char *text = want ? nft_rule_text(want) : NULL;

	nft_rule_free(want);
	if (!text)
		return -ENOMEM;
	return strcmp(text, rule->text) == 0;
}

/* Check the chain whose rules are the @n at @sr. */
static int check_chain(struct nlsock *nl, uint8_t family, const struct shared_rule *sr, size_t n,
		       struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = nft_rules_get(nl, family, PORTMAP_TABLE, sr->chain, &rules, err);
	if (r == -ENOENT || (r == 0 && rules.n != n))
		return 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = check_shared_rule(family, &sr[i], &rules.v[i]);
		if (r < 0)
			return nerr_oom(err);
		if (r == 0)
			return 0;
	}
	return 1;
}

int portmap_table_check(struct nlsock *nl, uint8_t family, struct nerr *err)
{
	size_t n;

	/* A chain that is jumped to exists, so these stand for all. */
	for (size_t i = 0; i < ARRAY_SIZE(shared_rules); i += n) {
		int r;

		for (n = 1; i + n < ARRAY_SIZE(shared_rules); n++)
			if (strcmp(shared_rules[i].chain, shared_rules[i + n].chain) != 0)
				break;
		r = check_chain(nl, family, &shared_rules[i], n, err);
		if (r <= 0)
			return r;
	}
	return 1;
}

static void put_chain(struct nft_batch *b, uint8_t family, const char *name)
{
	nft_batch_chain(
		b, &(struct nft_chain){ .family = family, .table = PORTMAP_TABLE, .name = name });
}

static void put_nat_chain(struct nft_batch *b, uint8_t family, const char *name, uint32_t hook,
			  int32_t priority)
{
	nft_batch_chain(b, &(struct nft_chain){ .family = family,
						.table = PORTMAP_TABLE,
						.name = name,
						.type = "nat",
						.hook = hook,
						.priority = priority,
						.policy = NF_ACCEPT });
}

void portmap_table_put(struct nft_batch *b, uint8_t family)
{
	nft_batch_table(b, family, PORTMAP_TABLE, TABLE_COMMENT);
	put_chain(b, family, PORTMAP_HOSTPORTS);
	put_chain(b, family, PORTMAP_HOSTIP);
	put_chain(b, family, CHAIN_ALL);
	put_nat_chain(b, family, CHAIN_PREROUTING, NF_INET_PRE_ROUTING, PRIORITY_DSTNAT);
	put_nat_chain(b, family, CHAIN_OUTPUT, NF_INET_LOCAL_OUT, PRIORITY_DSTNAT);
	nft_batch_flush_chain(b, family, PORTMAP_TABLE, CHAIN_ALL);
	nft_batch_flush_chain(b, family, PORTMAP_TABLE, CHAIN_PREROUTING);
	nft_batch_flush_chain(b, family, PORTMAP_TABLE, CHAIN_OUTPUT);
	for (size_t i = 0; i < ARRAY_SIZE(shared_rules); i++)
		nft_batch_append(b, make_shared_rule(family, &shared_rules[i]));
}

void portmap_table_put_masquerading(struct nft_batch *b, uint8_t family)
{
	put_nat_chain(b, family, PORTMAP_MASQUERADING, NF_INET_POST_ROUTING, PRIORITY_SRCNAT);
}

int portmap_table_probe(struct nlsock *nl, uint8_t family, struct nerr *err)
{
	CLEANUP(nft_batch_freep) struct nft_batch *batch = NULL;
	const struct ipaddr addr = { .family = family, .bytes = { 1 } };
	struct nft_rule *dnat;
	struct nft_rule *masq;
	int r;

	r = nft_batch_new(&batch, err);
	if (r < 0)
		return r;
	portmap_table_put(batch, family);
	portmap_table_put_masquerading(batch, family);
	dnat = nft_rule_new(family, PORTMAP_TABLE, PORTMAP_HOSTPORTS);
	nft_rule_dport(dnat, IPPROTO_TCP, 1, 1);
	nft_rule_dnat(dnat, &addr, 1);
	nft_batch_append(batch, dnat);
	masq = nft_rule_new(family, PORTMAP_TABLE, PORTMAP_MASQUERADING);
	nft_rule_masquerade(masq);
	nft_batch_append(batch, masq);
	/* The mistake: a chain that is jumped to cannot go. */
	nft_batch_del_chain(batch, family, PORTMAP_TABLE, CHAIN_ALL);
	r = nft_batch_commit(batch, nl, 0, err);
	if (r == 0)
		return nerr_set(err, -EIO, "the kernel took a chain away that is in use");
	return r == -EBUSY ? 0 : r;
}
