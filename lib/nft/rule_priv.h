/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rule_priv.h - a rule while it is being built, and the expressions it is made of
 *
 * All matches use register 1, as nft(8) does: load, perhaps mask, compare.  The
 * nft_expr_*() functions append one expression each; like the public builders
 * they do nothing for NULL and after a failure.
 */
#ifndef NFT_RULE_PRIV_H
#define NFT_RULE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h> /* libnftnl/expr.h needs it */

#include <linux/netfilter/nf_tables.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include "base/cleanup.h"
#include "nft/nft.h"

/* Most bytes of a rule in a message, its attributes' headers included: an
 * attribute has 16 bits for its length.  The kernel's own limit is below (4 KiB
 * of private data).
 */
#define NFT_RULE_LEN_MAX 49152

/**
 * struct nft_rule - A rule being built
 * @nftnl:	Table, chain and the expressions so far
 * @l3:		Family that the packet is known to have from here on
 *		(NFPROTO_*), 0 for any
 * @l4:		Protocol that it is known to have (IPPROTO_*), 0 for any
 * @ether:	It is known to come from an Ethernet device
 * @len:	Upper bound of the message so far
 * @fail:	Negative errno: why the rule cannot be built.  The first counts
 * @why:	The same for a person
 */
struct nft_rule {
	struct nftnl_rule *nftnl;
	uint8_t family;
	uint8_t l3;
	uint8_t l4;
	bool ether;
	bool has_xt;
	unsigned n_exprs;
	size_t len;
	int fail;
	const char *why;
	char comment[NFT_COMMENT_MAX + 1];
	char tag[NFT_TAG_MAX + 1];
};

/* Remember that the rule cannot be built. @why is a literal. */
void nft_rule_fail(struct nft_rule *r, int code, const char *why);
/* User data and what else is set last. Call it before the rule goes into a
 * message.
 */
void nft_rule_finish(struct nft_rule *r);

/* An expression at the end of the rule, for the caller to fill, or NULL.
 * @data_len: bytes of data it will carry besides its numbers.
 */
struct nftnl_expr *nft_expr_put(struct nft_rule *r, const char *name, size_t data_len);
/* [ meta load KEY => reg 1 ] */
void nft_expr_meta(struct nft_rule *r, enum nft_meta_keys key);
/* [ payload load LENb @ BASE header + OFFSET => reg 1 ] */
void nft_expr_payload(struct nft_rule *r, enum nft_payload_bases base, uint32_t offset,
		      uint32_t len);
/* [ bitwise reg 1 = ( reg 1 & MASK ) ^ 0 ] */
void nft_expr_mask(struct nft_rule *r, const void *mask, uint32_t len);
/* [ cmp OP reg 1 DATA ] */
void nft_expr_cmp(struct nft_rule *r, enum nft_cmp_ops op, const void *data, uint32_t len);
/* [ immediate reg REG DATA ] */
void nft_expr_immediate(struct nft_rule *r, enum nft_registers reg, const void *data, uint32_t len);

/* Bytes of an IP header that hold an address, with what its family needs before
 * it.
 */
void nft_match_addr(struct nft_rule *r, const struct ipnet *net, bool source, bool neq);
/* The first @len bytes of the name; the register holds IFNAMSIZ, padded with
 * zeros.
 */
void nft_match_ifname(struct nft_rule *r, enum nft_meta_keys key, const char *name, uint32_t len,
		      bool neq);

#endif /* NFT_RULE_PRIV_H */
