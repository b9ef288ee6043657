/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/iptables.h"
#include "nft/nft.h"
#include "plugins/firewall/table_priv.h"

void table_put_forward(struct nft_batch *batch, uint8_t family)
{
	nft_batch_table(batch, family, FILTER_TABLE, NULL);
	nft_batch_chain(batch, &(struct nft_chain){ .family = family,
						    .table = FILTER_TABLE,
						    .name = FILTER_FORWARD,
						    .type = "filter",
						    .hook = NF_INET_FORWARD,
						    .policy = NF_ACCEPT });
}

void table_put_chain(struct nft_batch *batch, uint8_t family, const char *chain)
{
	nft_batch_chain(batch, &(struct nft_chain){
				       .family = family, .table = FILTER_TABLE, .name = chain });
}

int table_list(struct nlsock *nft, uint8_t family, const char *chain, struct nft_rules *ret,
	       bool *ret_there, struct nerr *err)
{
	int r = nft_rules_list(nft, family, FILTER_TABLE, chain, ret, err);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_there = r == 0;
	return 0;
}

int table_get(struct nlsock *nft, uint8_t family, const char *chain, struct nft_rules *ret,
	      struct nerr *err)
{
	int r = nft_rules_get(nft, family, FILTER_TABLE, chain, ret, err);

	return r == -ENOENT ? 0 : r;
}

bool table_has_jump(const struct nft_rules *rules, const char *chain)
{
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(rules->v[i].jump, chain) == 0)
			return true;
	return false;
}

int table_find(const struct nft_rules *rules, const struct nft_ipt_rule *ipt, size_t *ret,
	       struct nerr *err)
{
	CLEANUP(nft_rule_freep) struct nft_rule *rule = nft_ipt_rule_new(ipt);
	cleanup_free char *text = rule ? nft_rule_text(rule) : NULL;
	size_t i = 0;

	if (!text)
		return nerr_oom(err);
	while (i < rules->n && strcmp(rules->v[i].text, text) != 0)
		i++;
	*ret = i;
	return 0;
}
