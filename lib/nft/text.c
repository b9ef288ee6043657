/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <libnftnl/common.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "nft/attr_priv.h"
#include "nft/rule_priv.h"
#include "nft/text_priv.h"

DEFINE_CLEANUP(struct nftnl_rule *, nftnl_rule_free);

/* Most characters of an expression that are printed.  Only foreign ones with a
 * very long prefix of a log, say, come near; they are then printed as their
 * bytes.
 */
#define EXPR_TEXT_LEN 1024

/* The expressions our rules are made of, and the last attribute that libnftnl
 * 1.2.4 prints of each (numbers of linux/netfilter/nf_tables.h).  Later kernels
 * may add more: a bitwise with a second register, say, is printed by libnftnl
 * as if it had none.
 */
static const struct known_expr {
	const char *name;
	uint16_t attr_max;
} known_exprs[] = {
	{ "bitwise", NFTA_BITWISE_DATA },
	{ "cmp", NFTA_CMP_DATA },
	{ "ct", NFTA_CT_SREG },
	{ "fib", NFTA_FIB_FLAGS },
	{ "immediate", NFTA_IMMEDIATE_DATA },
	{ "masq", NFTA_MASQ_REG_PROTO_MAX },
	{ "meta", NFTA_META_SREG },
	{ "nat", NFTA_NAT_FLAGS },
	{ "payload", NFTA_PAYLOAD_CSUM_FLAGS },
};

static void put_bytes(struct strbuf *buf, const void *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = data;

	strbuf_add(buf, "0x");
	for (size_t i = 0; i < len; i++) {
		char pair[2] = { hex[p[i] >> 4], hex[p[i] & 0xf] };

		strbuf_add_mem(buf, pair, sizeof(pair));
	}
	strbuf_add(buf, " ");
}

/* libnftnl prints all that this expression of a message says. */
static bool is_known(const struct nlattr *elem)
{
	const struct nlattr *data = attr_nested(elem, NFTA_EXPR_DATA);
	const char *name = attr_text(attr_nested(elem, NFTA_EXPR_NAME));

	for (size_t i = 0; i < ARRAY_SIZE(known_exprs); i++) {
		const struct nlattr *a;

		if (strcmp(name, known_exprs[i].name) != 0)
			continue;
		if (data) {
			attr_foreach_nested(a, data)
				if (mnl_attr_get_type(a) > known_exprs[i].attr_max)
					return false;
		}
		return true;
	}
	return false;
}

static bool is_counter(const char *name)
{
	return strcmp(name, "counter") == 0;
}

static void put_begin(struct strbuf *buf, const char *name)
{
	strbuf_addf(buf, "%s[ %s ", buf->len ? " " : "", name);
}

/* The bytes of an expression. */
static void put_data(struct strbuf *buf, const struct nlattr *elem)
{
	const struct nlattr *data = attr_nested(elem, NFTA_EXPR_DATA);

	if (data)
		put_bytes(buf, mnl_attr_get_payload(data), mnl_attr_get_payload_len(data));
}

/* An expression nothing is known of but its bytes. */
static void put_raw(struct strbuf *buf, const struct nlattr *elem)
{
	const char *name = attr_text(attr_nested(elem, NFTA_EXPR_NAME));

	if (is_counter(name))
		return;
	put_begin(buf, name);
	put_data(buf, elem);
	strbuf_add(buf, "]");
}

/* @elem: its bytes in the message, NULL for none. */
static void put_expr(struct strbuf *buf, const struct nftnl_expr *e, const struct nlattr *elem)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	char text[EXPR_TEXT_LEN];
	bool printed;
	int n;

	if (is_counter(name))
		return;
	n = nftnl_expr_snprintf(text, sizeof(text), e, NFTNL_OUTPUT_DEFAULT, 0);
	printed = n >= 0 && (size_t)n < sizeof(text);

	put_begin(buf, name);
	if (printed)
		strbuf_add(buf, text);
	if (strcmp(name, "match") == 0) {
		/* libnftnl prints name and revision, which decide the length of
		 * the rest.
		 */
		uint32_t len = 0;
		const uint8_t *info = nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &len);

		while (info && len && info[len - 1] == 0)
			len--;
		if (info)
			put_bytes(buf, info, len);
	} else if (elem && !(printed && is_known(elem))) {
		put_data(buf, elem);
	}
	strbuf_add(buf, "]");
}

/* libnftnl takes for granted that each expression has a name and data. */
static bool is_sound(const struct nlattr *exprs)
{
	const struct nlattr *elem;

	attr_foreach_nested(elem, exprs)
		if (mnl_attr_get_type(elem) != NFTA_LIST_ELEM ||
		    !*attr_text(attr_nested(elem, NFTA_EXPR_NAME)) ||
		    !attr_nested(elem, NFTA_EXPR_DATA))
			return false;
	return true;
}

int nft_text_put(struct strbuf *buf, const struct nlmsghdr *nlh, const struct nlattr *exprs)
{
	CLEANUP(nftnl_rule_freep) struct nftnl_rule *rule = nftnl_rule_alloc();
	struct nftnl_expr_iter *iter = NULL;
	const struct nlattr *elem;

	if (!rule)
		return -ENOMEM;
	if (is_sound(exprs) && nftnl_rule_nlmsg_parse(nlh, rule) == 0) {
		iter = nftnl_expr_iter_create(rule);
		if (!iter)
			return -ENOMEM;
	}
	attr_foreach_nested(elem, exprs) {
		const struct nftnl_expr *e = iter ? nftnl_expr_iter_next(iter) : NULL;

		if (e)
			put_expr(buf, e, elem);
		else
			put_raw(buf, elem);
	}
	if (iter)
		nftnl_expr_iter_destroy(iter);
	return buf->failed ? -ENOMEM : 0;
}

char *nft_rule_text(const struct nft_rule *r)
{
	CLEANUP(strbuf_done) struct strbuf buf = STRBUF_INIT;
	struct nftnl_expr_iter *iter;
	const struct nftnl_expr *e;

	if (!r || r->fail)
		return NULL;
	iter = nftnl_expr_iter_create(r->nftnl);
	if (!iter)
		return NULL;
	while ((e = nftnl_expr_iter_next(iter)))
		put_expr(&buf, e, NULL);
	nftnl_expr_iter_destroy(iter);
	if (buf.failed)
		return NULL;
	return buf.s ? TAKE_PTR(buf.s) : strdup("");
}
