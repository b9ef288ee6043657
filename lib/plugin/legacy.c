/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/legacy.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "cni/cni.h"
#include "nft/nft.h"

/* XT_EXTENSION_MAXNAMELEN less its NUL: longest chain name of iptables. */
#define LEGACY_CHAIN_LEN 28

static int put_del_jumps(struct nlsock *nl, struct nft_batch *batch, uint8_t family,
			 const char *table, const char *chain, const char *from, struct nerr *err)
{
	CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
	int r;

	r = nft_rules_list(nl, family, table, from, &rules, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < rules.n; i++)
		if (strcmp(rules.v[i].jump, chain) == 0)
			nft_batch_del_rule(batch, family, table, from, rules.v[i].handle);
	return 0;
}

int legacy_put_del_chain(struct nlsock *nl, struct nft_batch *batch, uint8_t family,
			 const char *table, const char *chain, const char *const *from,
			 struct nerr *err)
{
	int r;

	r = nft_chain_exists(nl, family, table, chain, NULL, err);
	if (r <= 0)
		return r;
	for (; *from; from++) {
		r = put_del_jumps(nl, batch, family, table, chain, *from, err);
		if (r < 0)
			return r;
	}
	nft_batch_flush_chain(batch, family, table, chain);
	nft_batch_del_chain(batch, family, table, chain);
	return 0;
}

int legacy_put_del_masq(struct cni_call *call, struct nlsock *nl, struct nft_batch *batch,
			struct nerr *err)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	static const char *const from[] = { "POSTROUTING", NULL };
	char chain[LEGACY_CHAIN_LEN + 1];
	char *id =
		arena_printf(json_doc_arena(call->doc), "%s%s", call->net_name, call->container_id);

	if (!id)
		return nerr_oom(err);
	hash_name(chain, LEGACY_CHAIN_LEN, "CNI-", id);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = legacy_put_del_chain(nl, batch, families[i], "nat", chain, from, err);

		if (r < 0)
			return r;
	}
	return 0;
}
