/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * statement.c - what a rule does with a packet that it matches
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>

#include "nft/rule_priv.h"

/* More than any extension's data (bpf and hashlimit have about 600 bytes). */
#define XT_DATA_MAX 2048

void nft_rule_counter(struct nft_rule *r)
{
	(void)nft_expr_put(r, "counter", 0); /* starts at zero, there is nothing to fill */
}

void nft_rule_masquerade(struct nft_rule *r)
{
	(void)nft_expr_put(r, "masq", 0); /* without options */
}

void nft_rule_dnat(struct nft_rule *r, const struct ipaddr *to, uint16_t port)
{
	uint16_t port_be = htons(port);
	uint32_t flags = NF_NAT_RANGE_MAP_IPS;
	struct nftnl_expr *e;

	if (!r)
		return;
	if (!ipaddr_is_set(to) || (r->l3 && r->l3 != to->family)) {
		nft_rule_fail(r, -EINVAL, "it translates to an address of another family");
		return;
	}
	if (port && !r->l4) {
		nft_rule_fail(r, -EINVAL, "it translates the port of any protocol");
		return;
	}
	nft_expr_immediate(r, NFT_REG_1, to->bytes, (uint32_t)ipaddr_len(to));
	if (port)
		nft_expr_immediate(r, NFT_REG_2, &port_be, sizeof(port_be));

	e = nft_expr_put(r, "nat", 0);
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, to->family);
	/* The kernel reports both ends of a range, and flags that follow from
	 * the rest.
	 */
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
	if (port) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2);
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFT_REG_2);
		flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
	}
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, flags);
}

void nft_rule_verdict(struct nft_rule *r, int verdict)
{
	struct nftnl_expr *e = nft_expr_put(r, "immediate", 0);

	assert(verdict == NF_ACCEPT || verdict == NF_DROP || verdict == NFT_RETURN);
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
}

void nft_rule_jump(struct nft_rule *r, int verdict, const char *chain)
{
	struct nftnl_expr *e;

	assert(verdict == NFT_JUMP || verdict == NFT_GOTO);
	if (strlen(chain) >= NFT_NAME_LEN) {
		nft_rule_fail(r, -ENAMETOOLONG, "the name of the chain it jumps to is too long");
		return;
	}
	e = nft_expr_put(r, "immediate", NFT_NAME_LEN);
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain) < 0)
		nft_rule_fail(r, -ENOMEM, "out of memory");
}

void nft_rule_xt_match(struct nft_rule *r, const char *name, uint32_t rev, const void *data,
		       size_t len)
{
	struct nftnl_expr *e;
	void *info;

	if (strlen(name) >= XT_EXTENSION_MAXNAMELEN || len == 0 || len > XT_DATA_MAX) {
		nft_rule_fail(r, -EINVAL, "it has an extension with a wrong name or size");
		return;
	}
	e = nft_expr_put(r, "match", XT_DATA_MAX);
	if (!e)
		return;
	/* libnftnl keeps this very memory and frees it with free(). */
	info = calloc(1, XT_ALIGN(len));
	if (!info) {
		nft_rule_fail(r, -ENOMEM, "out of memory");
		return;
	}
	memcpy(info, data, len);
	if (nftnl_expr_set(e, NFTNL_EXPR_MT_INFO, info, (uint32_t)XT_ALIGN(len)) < 0) {
		free(info);
		nft_rule_fail(r, -ENOMEM, "out of memory");
		return;
	}
	if (nftnl_expr_set_str(e, NFTNL_EXPR_MT_NAME, name) < 0)
		nft_rule_fail(r, -ENOMEM, "out of memory");
	nftnl_expr_set_u32(e, NFTNL_EXPR_MT_REV, rev);
	r->has_xt = true;
}
