/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include "tests/unit/nft/nft_fixture.h"

/* A rule with user data, written and read back. For nft_rules_done(). */
static struct nft_rules written(struct nlsock *nl, const char *comment, const char *tag)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");

	nft("add table inet t; add chain inet t c; flush chain inet t c");
	if (comment)
		nft_rule_comment(r, comment);
	if (tag)
		nft_rule_tag(r, tag);
	nft_rule_verdict(r, NF_ACCEPT);
	append_ok(nl, r);
	return rules_of(nl, NFPROTO_INET, "t", "c");
}

static void assert_comment(struct nlsock *nl, const char *comment, const char *want)
{
	struct nft_rules rules = written(nl, comment, NULL);
	char printed[512];

	assert_string_equal(rules.v[0].comment, want);
	assert_string_equal(rules.v[0].tag, "");
	nft_rules_done(&rules);
	nft("list chain inet t c");
	(void)snprintf(printed, sizeof(printed), "accept comment \"%s\"\n", want);
	assert_contains(out, printed);
}

static void comments_are_printed_by_nft(void **state)
{
	assert_comment(*state, "a", "a");
	assert_comment(*state, "with \"quotes\" and \\ and \t", "with \"quotes\" and \\ and \t");
	assert_comment(*state, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
		       "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7");
}

/* "x" @n times, then @end. */
static const char *filled(size_t n, const char *end)
{
	static char text[512];

	memset(text, 'x', n);
	assert_true(n + strlen(end) < sizeof(text));
	memcpy(text + n, end, strlen(end) + 1);
	return text;
}

static void long_comments_are_cut_between_characters(void **state)
{
	char want[NFT_COMMENT_MAX + 1];

	(void)snprintf(want, sizeof(want), "%s", filled(NFT_COMMENT_MAX, ""));
	assert_comment(*state, filled(NFT_COMMENT_MAX, ""), want);
	assert_comment(*state, filled(NFT_COMMENT_MAX, "y"), want);
	assert_comment(*state, filled(NFT_COMMENT_MAX, "\xc3\xa9"), want);
	assert_comment(*state, filled(400, ""), want);
	/* A character of four bytes, of which one to three would fit. */
	for (size_t n = 1; n <= 3; n++) {
		want[NFT_COMMENT_MAX - n] = '\0';
		assert_comment(*state, filled(NFT_COMMENT_MAX - n, "\xf0\x9f\x90\xa7"), want);
	}
}

static void tag_and_comment_do_not_disturb_each_other(void **state)
{
	char comment[NFT_COMMENT_MAX + 1];
	char tag[NFT_TAG_MAX + 1];
	struct nft_rules rules;

	(void)snprintf(comment, sizeof(comment), "%s", filled(NFT_COMMENT_MAX, ""));
	(void)snprintf(tag, sizeof(tag), "%s", filled(NFT_TAG_MAX, ""));
	rules = written(*state, comment, tag);
	assert_string_equal(rules.v[0].comment, comment);
	assert_string_equal(rules.v[0].tag, tag);
	nft_rules_done(&rules);
	nft("list chain inet t c");
	assert_contains(out, comment);

	rules = written(*state, NULL, "only a tag");
	assert_string_equal(rules.v[0].comment, "");
	assert_string_equal(rules.v[0].tag, "only a tag");
	nft_rules_done(&rules);
	nft("list chain inet t c");
	assert_contains(out, "accept\n");

	rules = written(*state, NULL, NULL);
	assert_string_equal(rules.v[0].comment, "");
	assert_string_equal(rules.v[0].tag, "");
	nft_rules_done(&rules);
}

/* Rules are replaced and moved by nft(8) as a whole; what it does not touch
 * keeps its tag.
 */
static void tags_survive_what_nft_does_to_other_rules(void **state)
{
	struct nft_rules rules = written(*state, "c", "tag");

	nft_rules_done(&rules);
	nft("insert rule inet t c counter; add rule inet t c drop; add chain inet t d");
	rules = rules_of(*state, NFPROTO_INET, "t", "c");
	assert_int_equal(rules.n, 3);
	assert_string_equal(rules.v[1].tag, "tag");
	assert_string_equal(rules.v[0].tag, "");
	nft_rules_done(&rules);
}

static void a_tag_that_is_too_long_is_refused(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
	struct nft_batch *b = batch_new();
	struct nerr err;

	nft_rule_tag(r, filled(NFT_TAG_MAX + 1, ""));
	nft_batch_append(b, r);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENAMETOOLONG);
	assert_contains(err.msg, "its tag is too long");
	nft_batch_free(b);
}

static void names_that_are_too_long_are_refused(void **state)
{
	char name[NFT_NAME_LEN + 1];
	struct nft_batch *b = batch_new();
	struct nft_rule *r;
	struct nerr err;

	(void)snprintf(name, sizeof(name), "%s", filled(NFT_NAME_LEN, ""));
	nft_batch_append(b, nft_rule_new(NFPROTO_INET, "t", name));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENAMETOOLONG);
	r = nft_rule_new(NFPROTO_INET, "t", "c");
	nft_rule_jump(r, NFT_JUMP, name);
	nft_batch_append(b, r);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENAMETOOLONG);
	nft_batch_free(b);
}

static void a_rule_has_as_many_expressions_as_the_kernel_takes(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
	struct nft_batch *b = batch_new();
	struct nerr err;

	nft("add table inet t; add chain inet t c");
	for (unsigned i = 0; i < 64; i++)
		nft_rule_mark(r, UINT32_MAX, i); /* two expressions each */
	append_ok(*state, r);
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "c"), 1);

	r = nft_rule_new(NFPROTO_INET, "t", "c");
	for (unsigned i = 0; i < 65; i++)
		nft_rule_mark(r, UINT32_MAX, i);
	nft_batch_append(b, r);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -E2BIG);
	nft_batch_free(b);
}

/* Extensions are the longest expressions: the message stays within its bound.
 */
static void a_rule_of_many_extensions_is_refused_before_it_overflows(void **state)
{
	static const uint8_t data[2048] = { 1 };
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
	struct nft_batch *b = batch_new();
	struct nerr err;

	for (unsigned i = 0; i < 100; i++)
		nft_rule_xt_match(r, "bpf", 1, data, sizeof(data));
	nft_batch_append(b, r);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -E2BIG);

	/* The most that are not refused; the kernel does. */
	r = nft_rule_new(NFPROTO_INET, "t", "c");
	for (unsigned i = 0; i < 21; i++)
		nft_rule_xt_match(r, "bpf", 1, data, sizeof(data));
	nft_batch_append(b, r);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	nft_batch_free(b);
}

static void builders_take_null(void **state)
{
	const struct ipnet net = { .addr = { .family = AF_INET }, .prefix_len = 8 };
	const struct macaddr mac = { .len = 6 };
	struct nft_batch *b = batch_new();
	struct nerr err;

	nft_rule_comment(NULL, "x");
	nft_rule_tag(NULL, "x");
	nft_rule_saddr(NULL, &net, false);
	nft_rule_daddr(NULL, &net, false);
	nft_rule_nfproto(NULL, NFPROTO_IPV4);
	nft_rule_iifname(NULL, "x", false);
	nft_rule_oifname(NULL, "x", false);
	nft_rule_ether_saddr(NULL, &mac);
	nft_rule_dport(NULL, IPPROTO_TCP, 1, 0);
	nft_rule_mark(NULL, 1, 1);
	nft_rule_fib_daddr_local(NULL);
	nft_rule_ct_state(NULL, 1);
	nft_rule_counter(NULL);
	nft_rule_masquerade(NULL);
	nft_rule_dnat(NULL, &net.addr, 1);
	nft_rule_verdict(NULL, NF_ACCEPT);
	nft_rule_jump(NULL, NFT_JUMP, "x");
	nft_rule_xt_match(NULL, "comment", 0, "x", 1);
	nft_rule_free(NULL);
	assert_null(nft_rule_text(NULL));
	nft_batch_append(b, NULL);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOMEM);
	nft_batch_free(b);
	nft_batch_free(NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(comments_are_printed_by_nft),
		T(long_comments_are_cut_between_characters),
		T(tag_and_comment_do_not_disturb_each_other),
		T(tags_survive_what_nft_does_to_other_rules),
		T(a_tag_that_is_too_long_is_refused),
		T(names_that_are_too_long_are_refused),
		T(a_rule_has_as_many_expressions_as_the_kernel_takes),
		T(a_rule_of_many_extensions_is_refused_before_it_overflows),
		T(builders_take_null),
	};

	return cmocka_run_group_tests_name("nft/rule", tests, mounts_private, NULL);
}
