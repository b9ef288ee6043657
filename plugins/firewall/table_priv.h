/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * table_priv.h - table filter of iptables-nft, which the firewall plugin shares with others
 */
#ifndef PLUGINS_FIREWALL_TABLE_PRIV_H
#define PLUGINS_FIREWALL_TABLE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nerr;
struct nft_batch;
struct nft_ipt_rule;
struct nft_rules;
struct nlsock;

#define FILTER_TABLE   "filter"
#define FILTER_FORWARD "FORWARD"

/**
 * table_put_forward() - Put table filter and its chain FORWARD into a batch
 *
 * What is there stays as it is, policy included.
 */
void table_put_forward(struct nft_batch *batch, uint8_t family);
/* Put a regular chain unless it is there. */
void table_put_chain(struct nft_batch *batch, uint8_t family, const char *chain);

/* As nft_rules_list() and nft_rules_get(), a missing chain is empty. @ret_there says which. */
int table_list(struct nlsock *nft, uint8_t family, const char *chain, struct nft_rules *ret,
	       bool *ret_there, struct nerr *err);
int table_get(struct nlsock *nft, uint8_t family, const char *chain, struct nft_rules *ret,
	      struct nerr *err);

/* Some rule jumps to @chain. */
bool table_has_jump(const struct nft_rules *rules, const char *chain);

/**
 * table_find() - A rule of that content
 * @rules:	From table_get()
 * @ret:	Its place, or rules->n when there is none
 */
int table_find(const struct nft_rules *rules, const struct nft_ipt_rule *ipt, size_t *ret,
	       struct nerr *err);

#endif /* PLUGINS_FIREWALL_TABLE_PRIV_H */
