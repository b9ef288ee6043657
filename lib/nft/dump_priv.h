/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dump_priv.h - what the kernel says about a chain
 */
#ifndef NFT_DUMP_PRIV_H
#define NFT_DUMP_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/nft.h"

struct nerr;
struct nlsock;

/* Longest chain type and its NUL ("filter", "nat", "route"). */
#define CHAIN_TYPE_LEN 16

/**
 * struct chain_info - A chain as the kernel describes it
 * @is_base:	It has a hook; the rest is zero for one that has none
 */
struct chain_info {
	bool is_base;
	char type[CHAIN_TYPE_LEN];
	uint32_t hook;
	int32_t priority;
	uint32_t policy;
};

/* 1, 0 when there is no such chain or table, or negative errno. @ret is written
 * on 1.
 */
int chain_get(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
	      struct chain_info *ret, struct nerr *err);

/* "ip", "ip6", "inet", "bridge" ... for messages. */
const char *nft_family_str(uint8_t family);

#endif /* NFT_DUMP_PRIV_H */
