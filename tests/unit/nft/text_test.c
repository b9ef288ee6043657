/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <cmocka.h>

#include "base/str.h"
#include "nft/attr_priv.h"
#include "nft/nft.h"
#include "nft/text_priv.h"

/* A later kernel's attribute of an expression. */
#define ATTR_UNKNOWN 40

/**
 * struct message - NFT_MSG_NEWRULE as a kernel may send it
 */
struct message {
	union {
		struct nlmsghdr nlh;
		char buf[4096];
	};
	struct nlattr *exprs;
};

static void message_begin(struct message *m)
{
	struct nfgenmsg *nfg;

	memset(m, 0, sizeof(*m));
	(void)mnl_nlmsg_put_header(m->buf);
	m->nlh.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
	nfg = mnl_nlmsg_put_extra_header(&m->nlh, sizeof(*nfg));
	nfg->nfgen_family = NFPROTO_IPV4;
	mnl_attr_put_strz(&m->nlh, NFTA_RULE_TABLE, "t");
	m->exprs = mnl_attr_nest_start(&m->nlh, NFTA_RULE_EXPRESSIONS);
}

/* An expression whose attributes are put by the caller, until
 * message_expr_end().
 */
static struct nlattr *message_expr(struct message *m, const char *name, struct nlattr **ret_data)
{
	struct nlattr *elem = mnl_attr_nest_start(&m->nlh, NFTA_LIST_ELEM);

	mnl_attr_put_strz(&m->nlh, NFTA_EXPR_NAME, name);
	*ret_data = mnl_attr_nest_start(&m->nlh, NFTA_EXPR_DATA);
	return elem;
}

static void message_expr_end(struct message *m, struct nlattr *elem, struct nlattr *data)
{
	mnl_attr_nest_end(&m->nlh, data);
	mnl_attr_nest_end(&m->nlh, elem);
}

/* "meta load mark => reg 1", with @extra more attributes. */
static void message_meta(struct message *m, bool extra)
{
	struct nlattr *data;
	struct nlattr *elem = message_expr(m, "meta", &data);

	mnl_attr_put_u32(&m->nlh, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(&m->nlh, NFTA_META_KEY, htonl(NFT_META_MARK));
	if (extra)
		mnl_attr_put_u32(&m->nlh, ATTR_UNKNOWN, htonl(5));
	message_expr_end(m, elem, data);
}

/* An expression that libnftnl has never heard of. */
static void message_foreign(struct message *m, const char *name, uint32_t value)
{
	struct nlattr *data;
	struct nlattr *elem = message_expr(m, name, &data);

	mnl_attr_put_u32(&m->nlh, 1, htonl(value));
	message_expr_end(m, elem, data);
}

/* The text, as dump.c makes it. For free(). */
static char *message_text(struct message *m)
{
	struct strbuf buf = STRBUF_INIT;

	mnl_attr_nest_end(&m->nlh, m->exprs);
	assert_int_equal(nft_text_put(&buf, &m->nlh, m->exprs), 0);
	return buf.s ? buf.s : strdup("");
}

static void assert_text(struct message *m, const char *want)
{
	char *text = message_text(m);

	assert_string_equal(text, want);
	free(text);
}

static void a_message_reads_as_the_rule_we_build(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	char *local;
	struct message m;

	(void)state;
	nft_rule_mark(r, UINT32_MAX, 0x10);
	local = nft_rule_text(r);
	assert_string_equal(local, "[ meta load mark => reg 1 ] [ cmp eq reg 1 0x00000010 ]");
	free(local);
	nft_rule_free(r);

	message_begin(&m);
	message_meta(&m, false);
	assert_text(&m, "[ meta load mark => reg 1 ]");
}

static void the_text_of_the_first_expressions_is_a_prefix(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	char *first;
	char *all;

	(void)state;
	nft_rule_mark(r, UINT32_MAX, 0x10);
	first = nft_rule_text(r);
	nft_rule_verdict(r, NF_ACCEPT);
	all = nft_rule_text(r);
	assert_true(str_has_prefix(all, first));
	assert_string_equal(all + strlen(first), " [ immediate reg 0 accept ]");
	free(first);
	free(all);
	nft_rule_free(r);
}

static void counters_are_left_out(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	char *text;
	struct message m;
	struct nlattr *data;
	struct nlattr *elem;

	(void)state;
	nft_rule_counter(r);
	text = nft_rule_text(r);
	assert_string_equal(text, "");
	free(text);
	nft_rule_free(r);

	message_begin(&m);
	elem = message_expr(&m, "counter", &data);
	mnl_attr_put_u64(&m.nlh, NFTA_COUNTER_BYTES, htobe64(4711));
	message_expr_end(&m, elem, data);
	message_meta(&m, false);
	assert_text(&m, "[ meta load mark => reg 1 ]");
}

/* libnftnl passes over what it does not know; the text must not. */
static void an_attribute_of_a_later_kernel_is_seen(void **state)
{
	struct message m;

	(void)state;
	message_begin(&m);
	message_meta(&m, true);
	assert_text(&m, "[ meta load mark => reg 1 0x0800010000000001080002000000000308002800"
			"00000005 ]");
}

static void an_expression_of_a_later_kernel_is_seen(void **state)
{
	struct message m;
	char *one;
	char *two;

	(void)state;
	message_begin(&m);
	message_meta(&m, false);
	message_foreign(&m, "telepathy", 1);
	one = message_text(&m);
	assert_non_null(strstr(one, "[ telepathy 0x0800010000000001 ]"));

	message_begin(&m);
	message_meta(&m, false);
	message_foreign(&m, "telepathy", 2);
	two = message_text(&m);
	assert_string_not_equal(one, two);
	free(one);
	free(two);
}

static void malformed_expressions_do_not_break_the_text(void **state)
{
	struct message m;
	struct nlattr *elem;

	(void)state;
	message_begin(&m); /* no expression at all */
	assert_text(&m, "");

	message_begin(&m); /* neither name nor data */
	elem = mnl_attr_nest_start(&m.nlh, NFTA_LIST_ELEM);
	mnl_attr_nest_end(&m.nlh, elem);
	assert_text(&m, "[  ]");

	message_begin(&m); /* a name without its end */
	elem = mnl_attr_nest_start(&m.nlh, NFTA_LIST_ELEM);
	mnl_attr_put(&m.nlh, NFTA_EXPR_NAME, 4, "meta");
	mnl_attr_nest_end(&m.nlh, elem);
	assert_text(&m, "[  ]");

	message_begin(&m); /* a name without data */
	elem = mnl_attr_nest_start(&m.nlh, NFTA_LIST_ELEM);
	mnl_attr_put_strz(&m.nlh, NFTA_EXPR_NAME, "telepathy");
	mnl_attr_nest_end(&m.nlh, elem);
	assert_text(&m, "[ telepathy ]");
}

/* Data that the kernel pads must not make a difference; data that differs must.
 */
static void extensions_are_compared_with_their_data(void **state)
{
	static const char *const datas[] = { "abc", "abc\0\0\0\0", "abd" };
	char *text[ARRAY_SIZE(datas)];
	struct message m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(datas); i++) {
		struct nlattr *data;
		struct nlattr *elem;

		message_begin(&m);
		elem = message_expr(&m, "match", &data);
		mnl_attr_put_strz(&m.nlh, NFTA_MATCH_NAME, "x");
		mnl_attr_put_u32(&m.nlh, NFTA_MATCH_REV, htonl(1));
		mnl_attr_put(&m.nlh, NFTA_MATCH_INFO, i == 1 ? 8 : 4, datas[i]);
		message_expr_end(&m, elem, data);
		text[i] = message_text(&m);
	}
	assert_string_equal(text[0], "[ match name x rev 1 0x616263 ]");
	assert_string_equal(text[1], text[0]);
	assert_string_not_equal(text[2], text[0]);
	for (size_t i = 0; i < ARRAY_SIZE(datas); i++)
		free(text[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reads_as_the_rule_we_build),
		cmocka_unit_test(the_text_of_the_first_expressions_is_a_prefix),
		cmocka_unit_test(counters_are_left_out),
		cmocka_unit_test(an_attribute_of_a_later_kernel_is_seen),
		cmocka_unit_test(an_expression_of_a_later_kernel_is_seen),
		cmocka_unit_test(malformed_expressions_do_not_break_the_text),
		cmocka_unit_test(extensions_are_compared_with_their_data),
	};

	return cmocka_run_group_tests_name("nft/text", tests, NULL, NULL);
}
