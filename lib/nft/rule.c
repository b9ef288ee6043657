/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rule.c - life of a rule, its user data, and the expressions all builders use
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>

#include "base/str.h"
#include "nft/rule_priv.h"
#include "nft/udata_priv.h"

/* Most expressions of a rule (NFT_RULE_MAXEXPRS of the kernel). */
#define RULE_EXPRS_MAX 128

/* Table, chain, user data, and the headers around them. */
#define RULE_BASE_LEN 1024
/* Name and numbers of any expression of ours, with their headers. */
#define EXPR_BASE_LEN 160

void nft_rule_fail(struct nft_rule *r, int code, const char *why)
{
	assert(code < 0);
	if (!r || r->fail)
		return;
	r->fail = code;
	r->why = why;
}

struct nft_rule *nft_rule_new(uint8_t family, const char *table, const char *chain)
{
	CLEANUP(nft_rule_freep) struct nft_rule *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->nftnl = nftnl_rule_alloc();
	if (!r->nftnl)
		return NULL;
	r->family = family;
	if (family == NFPROTO_IPV4 || family == NFPROTO_IPV6)
		r->l3 = family;
	r->len = RULE_BASE_LEN;
	if (strlen(table) >= NFT_NAME_LEN || strlen(chain) >= NFT_NAME_LEN)
		nft_rule_fail(r, -ENAMETOOLONG, "the name of its table or chain is too long");
	nftnl_rule_set_u32(r->nftnl, NFTNL_RULE_FAMILY, family);
	if (nftnl_rule_set_str(r->nftnl, NFTNL_RULE_TABLE, table) < 0 ||
	    nftnl_rule_set_str(r->nftnl, NFTNL_RULE_CHAIN, chain) < 0)
		return NULL;
	return TAKE_PTR(r);
}

void nft_rule_free(struct nft_rule *r)
{
	if (!r)
		return;
	if (r->nftnl)
		nftnl_rule_free(r->nftnl);
	free(r);
}

/* --- user data --- */

void nft_rule_comment(struct nft_rule *r, const char *comment)
{
	size_t len;

	if (!r)
		return;
	len = strnlen(comment, NFT_COMMENT_MAX + 1);
	if (len > NFT_COMMENT_MAX) {
		/* Not between the bytes of a character (UTF-8: 10xxxxxx
		 * continues one): "nft -j" would print text that its readers
		 * refuse.
		 */
		len = NFT_COMMENT_MAX;
		for (unsigned i = 0; i < 3 && ((unsigned char)comment[len] & 0xc0) == 0x80; i++)
			len--;
	}
	memcpy(r->comment, comment, len);
	r->comment[len] = '\0';
}

void nft_rule_tag(struct nft_rule *r, const char *tag)
{
	if (!r)
		return;
	if (str_copy(r->tag, sizeof(r->tag), tag) < 0)
		nft_rule_fail(r, -ENAMETOOLONG, "its tag is too long");
}

void nft_rule_finish(struct nft_rule *r)
{
	uint8_t data[NFT_USERDATA_MAXLEN];
	size_t len = 0;

	static_assert(UDATA_LEN(NFT_COMMENT_MAX) + UDATA_LEN(NFT_TAG_MAX) <= NFT_USERDATA_MAXLEN,
		      "user data of a rule must fit");
	if (r->fail)
		return;
	if (*r->comment)
		len += udata_put(data + len, UDATA_COMMENT, r->comment);
	if (*r->tag)
		len += udata_put(data + len, UDATA_TAG, r->tag);
	if (len && nftnl_rule_set_data(r->nftnl, NFTNL_RULE_USERDATA, data, (uint32_t)len) < 0)
		nft_rule_fail(r, -ENOMEM, "out of memory");
	/* For which protocol x_tables extensions are checked; iptables-nft
	 * always says.
	 */
	if (r->has_xt) {
		nftnl_rule_set_u32(r->nftnl, NFTNL_RULE_COMPAT_PROTO, 0);
		nftnl_rule_set_u32(r->nftnl, NFTNL_RULE_COMPAT_FLAGS, 0);
	}
}

/* --- expressions --- */

struct nftnl_expr *nft_expr_put(struct nft_rule *r, const char *name, size_t data_len)
{
	struct nftnl_expr *e;

	if (!r || r->fail)
		return NULL;
	if (r->n_exprs == RULE_EXPRS_MAX || r->len + EXPR_BASE_LEN + data_len > NFT_RULE_LEN_MAX) {
		nft_rule_fail(r, -E2BIG, "it has too many expressions");
		return NULL;
	}
	e = nftnl_expr_alloc(name);
	if (!e) {
		nft_rule_fail(r, -ENOMEM, "out of memory");
		return NULL;
	}
	nftnl_rule_add_expr(r->nftnl, e);
	r->n_exprs++;
	r->len += EXPR_BASE_LEN + data_len;
	return e;
}

/* An attribute of any length. @e may be NULL. */
static void expr_set_data(struct nft_rule *r, struct nftnl_expr *e, uint16_t attr, const void *data,
			  uint32_t len)
{
	if (e && nftnl_expr_set(e, attr, data, len) < 0)
		nft_rule_fail(r, -ENOMEM, "out of memory");
}

void nft_expr_meta(struct nft_rule *r, enum nft_meta_keys key)
{
	struct nftnl_expr *e = nft_expr_put(r, "meta", 0);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void nft_expr_payload(struct nft_rule *r, enum nft_payload_bases base, uint32_t offset,
		      uint32_t len)
{
	struct nftnl_expr *e = nft_expr_put(r, "payload", 0);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
}

void nft_expr_mask(struct nft_rule *r, const void *mask, uint32_t len)
{
	static const uint8_t zero[NFT_REG_SIZE];
	struct nftnl_expr *e = nft_expr_put(r, "bitwise", (size_t)len * 2);

	assert(len <= sizeof(zero));
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	expr_set_data(r, e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	expr_set_data(r, e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void nft_expr_cmp(struct nft_rule *r, enum nft_cmp_ops op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_expr_put(r, "cmp", len);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	expr_set_data(r, e, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_expr_immediate(struct nft_rule *r, enum nft_registers reg, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nft_expr_put(r, "immediate", len);

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
	expr_set_data(r, e, NFTNL_EXPR_IMM_DATA, data, len);
}
