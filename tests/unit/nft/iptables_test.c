/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/iptables.h"

#include <netinet/in.h>

#include <linux/netfilter/nf_conntrack_common.h>

#include "tests/unit/nft/nft_fixture.h"

#define STATES (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))

/**
 * struct ipt_case - A rule for iptables(8), and by our builder
 * @options:	As "iptables -S" prints them
 * @ipt:	Without table, chain, addresses
 */
struct ipt_case {
	const char *options;
	const char *src;
	const char *dst;
	struct nft_ipt_rule ipt;
};

static const struct ipt_case cases_v4[] = {
	{ "-j ACCEPT", NULL, NULL, { .verdict = NF_ACCEPT } },
	{ "-j DROP", NULL, NULL, { .verdict = NF_DROP } },
	{ "-j RETURN", NULL, NULL, { .verdict = NFT_RETURN } },
	{ "-j TARGET", NULL, NULL, { .verdict = NFT_JUMP, .target = "TARGET" } },
	{ "-g TARGET", NULL, NULL, { .verdict = NFT_GOTO, .target = "TARGET" } },
	{ "-s 10.1.2.3/32 -j ACCEPT", "10.1.2.3/32", NULL, { .verdict = NF_ACCEPT } },
	{ "-s 10.1.0.0/16 -d 10.2.0.0/17 -j ACCEPT",
	  "10.1.2.3/16",
	  "10.2.0.0/17",
	  { .verdict = NF_ACCEPT } },
	{ "! -s 10.0.0.0/8 ! -d 10.2.3.4/32 -j ACCEPT",
	  "10.0.0.0/8",
	  "10.2.3.4/32",
	  { .not_src = true, .not_dst = true, .verdict = NF_ACCEPT } },
	{ "-j ACCEPT", "0.0.0.0/0", "0.0.0.0/0", { .verdict = NF_ACCEPT } },
	{ "-d 10.1.2.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
	  NULL,
	  "10.1.2.3/32",
	  { .ctstate = STATES, .verdict = NF_ACCEPT } },
	{ "-m conntrack --ctstate INVALID -j DROP",
	  NULL,
	  NULL,
	  { .ctstate = NF_CT_STATE_INVALID_BIT, .verdict = NF_DROP } },
	{ "-m conntrack --ctstate NEW,UNTRACKED -j DROP",
	  NULL,
	  NULL,
	  { .ctstate = NF_CT_STATE_BIT(IP_CT_NEW) | 1u << 6, .verdict = NF_DROP } },
	{ "-i cni0 ! -o cni0 -j TARGET",
	  NULL,
	  NULL,
	  { .in = "cni0",
	    .out = "cni0",
	    .not_out = true,
	    .verdict = NFT_JUMP,
	    .target = "TARGET" } },
	{ "! -i cni+ -o 0123456789abcde -j DROP",
	  NULL,
	  NULL,
	  { .in = "cni+", .not_in = true, .out = "0123456789abcde", .verdict = NF_DROP } },
	{ "-o 0123456789abcd+ -j DROP",
	  NULL,
	  NULL,
	  { .in = "+", .out = "0123456789abcd+", .verdict = NF_DROP } },
	{ "-m comment --comment \"CNI firewall plugin rules\" -j TARGET",
	  NULL,
	  NULL,
	  { .comment = "CNI firewall plugin rules", .verdict = NFT_JUMP, .target = "TARGET" } },
	{ "-m comment --comment \"a\\\"b \xc3\xa9\" -j DROP",
	  NULL,
	  NULL,
	  { .comment = "a\"b \xc3\xa9", .verdict = NF_DROP } },
	{ "-s 10.0.0.1/32 -d 10.0.0.2/32 -i eth0 -o eth1 -m conntrack --ctstate NEW "
	  "-m comment --comment all -j ACCEPT",
	  "10.0.0.1/32",
	  "10.0.0.2/32",
	  { .in = "eth0",
	    .out = "eth1",
	    .ctstate = NF_CT_STATE_BIT(IP_CT_NEW),
	    .comment = "all",
	    .verdict = NF_ACCEPT } },
};

static const struct ipt_case cases_v6[] = {
	{ "-s fd00::1/128 -d fd00::/64 -j ACCEPT",
	  "fd00::1/128",
	  "fd00::/64",
	  { .verdict = NF_ACCEPT } },
	{ "! -s fd00::/20 -i eth0 -j ACCEPT",
	  "fd00::/20",
	  NULL,
	  { .not_src = true, .in = "eth0", .verdict = NF_ACCEPT } },
	{ "-d fd00::1/128 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment x "
	  "-j ACCEPT",
	  NULL,
	  "fd00::1/128",
	  { .ctstate = STATES, .comment = "x", .verdict = NF_ACCEPT } },
	{ "-j DROP", "::/0", NULL, { .verdict = NF_DROP } },
};

static struct nft_rule *build(const struct ipt_case *c, uint8_t family, const char *chain)
{
	struct nft_ipt_rule ipt = c->ipt;
	struct ipnet src;
	struct ipnet dst;

	ipt.family = family;
	ipt.table = "filter";
	ipt.chain = chain;
	if (c->src) {
		src = net_of(c->src);
		ipt.src = &src;
	}
	if (c->dst) {
		dst = net_of(c->dst);
		ipt.dst = &dst;
	}
	return nft_ipt_rule_new(&ipt);
}

/* "iptables -w OP CHAIN OPTIONS", split by a shell as a person's would be.
 * Return: exit status
 */
static int iptables(const char *program, const char *op, const char *chain, const char *options)
{
	char command[1024];

	(void)snprintf(command, sizeof(command), "%s -w %s %s %s", program, op, chain, options);
	return run_program(RUN_ARGS("sh", "-c", command), out, sizeof(out));
}

#define iptables_ok(...)                                                                           \
	do {                                                                                       \
		if (iptables(__VA_ARGS__) != 0)                                                    \
			fail_msg("%s", out);                                                       \
	} while (0)

/* The same bytecode as iptables(8) makes, which prints, checks and deletes it.
 */
static void assert_same_ipt(struct nlsock *nl, const struct ipt_case *c, uint8_t family)
{
	const char *program = family == NFPROTO_IPV4 ? "iptables" : "ip6tables";
	struct nft_rule *r = build(c, family, "OURS");
	char *local = nft_rule_text(r);
	struct nft_rules theirs;
	struct nft_rules ours;
	char want[1024];

	if (!local)
		fail_msg("'%s' cannot be built", c->options);
	iptables_ok(program, "-F", "", "");
	iptables_ok(program, "-A", "THEIRS", c->options);
	nft_rule_tag(r, "our own tag");
	append_ok(nl, r);

	theirs = rules_of(nl, family, "filter", "THEIRS");
	ours = rules_of(nl, family, "filter", "OURS");
	assert_int_equal(theirs.n, 1);
	assert_int_equal(ours.n, 1);
	assert_string_equal(ours.v[0].text, theirs.v[0].text);
	assert_string_equal(local, theirs.v[0].text);
	assert_same_bytes(nl, family, "filter", "OURS", "THEIRS");
	assert_string_equal(ours.v[0].comment, c->ipt.comment ? c->ipt.comment : "");
	assert_string_equal(ours.v[0].comment, theirs.v[0].comment);
	assert_string_equal(ours.v[0].tag, "our own tag");
	assert_string_equal(ours.v[0].jump, c->ipt.target ? c->ipt.target : "");
	nft_rules_done(&theirs);
	nft_rules_done(&ours);
	free(local);

	(void)snprintf(want, sizeof(want), "-A OURS %s\n", c->options);
	iptables_ok(program, "-S", "OURS", "");
	assert_contains(out, want);
	run_ok(out, sizeof(out), family == NFPROTO_IPV4 ? "iptables-save" : "ip6tables-save");
	assert_contains(out, want);
	run_ok(out, sizeof(out), "nft", "list", "chain", family_name(family), "filter", "OURS");
	iptables_ok(program, "-C", "OURS", c->options);
	iptables_ok(program, "-D", "OURS", c->options);
	assert_int_equal(n_rules(nl, family, "filter", "OURS"), 0);
}

static void make_chains(const char *program)
{
	iptables_ok(program, "-N", "OURS", "");
	iptables_ok(program, "-N", "THEIRS", "");
	iptables_ok(program, "-N", "TARGET", "");
}

static void rules_are_those_of_iptables(void **state)
{
	make_chains("iptables");
	make_chains("ip6tables");
	for (size_t i = 0; i < ARRAY_SIZE(cases_v4); i++)
		assert_same_ipt(*state, &cases_v4[i], NFPROTO_IPV4);
	for (size_t i = 0; i < ARRAY_SIZE(cases_v6); i++)
		assert_same_ipt(*state, &cases_v6[i], NFPROTO_IPV6);
}

/* The table as the firewall plugin makes it where iptables has never run. */
static void a_table_that_we_made_is_one_of_iptables(void **state)
{
	static const struct ipt_case to = { .options = "",
					    .dst = "10.1.2.3/32",
					    .ipt = { .ctstate = STATES, .verdict = NF_ACCEPT } };
	static const struct ipt_case from = { .options = "",
					      .src = "10.1.2.3/32",
					      .ipt = { .verdict = NF_ACCEPT } };
	static const struct ipt_case admin = {
		.options = "",
		.ipt = { .comment = "CNI firewall plugin admin overrides",
			 .verdict = NFT_JUMP,
			 .target = "CNI-ADMIN" }
	};
	static const struct ipt_case forward = { .options = "",
						 .ipt = { .comment = "CNI firewall plugin rules",
							  .verdict = NFT_JUMP,
							  .target = "CNI-FORWARD" } };
	struct nft_chain c = {
		.family = NFPROTO_IPV4,
		.table = "filter",
		.name = "FORWARD",
		.type = "filter",
		.hook = NF_INET_FORWARD,
		.policy = NF_ACCEPT,
	};
	struct nft_batch *b = batch_new();

	nft_batch_table(b, NFPROTO_IPV4, "filter", NULL);
	nft_batch_chain(b, &c);
	c.type = NULL;
	c.name = "CNI-FORWARD";
	nft_batch_chain(b, &c);
	c.name = "CNI-ADMIN";
	nft_batch_chain(b, &c);
	nft_batch_insert(b, build(&forward, NFPROTO_IPV4, "FORWARD"));
	nft_batch_append(b, build(&to, NFPROTO_IPV4, "CNI-FORWARD"));
	nft_batch_append(b, build(&from, NFPROTO_IPV4, "CNI-FORWARD"));
	nft_batch_insert(b, build(&admin, NFPROTO_IPV4, "CNI-FORWARD"));
	commit_ok(b, *state);

	iptables_ok("iptables", "-S", "", "");
	assert_string_equal(out, "-P INPUT ACCEPT\n"
				 "-P FORWARD ACCEPT\n"
				 "-P OUTPUT ACCEPT\n"
				 "-N CNI-ADMIN\n"
				 "-N CNI-FORWARD\n"
				 "-A FORWARD -m comment --comment \"CNI firewall plugin rules\" "
				 "-j CNI-FORWARD\n"
				 "-A CNI-FORWARD -m comment --comment "
				 "\"CNI firewall plugin admin overrides\" -j CNI-ADMIN\n"
				 "-A CNI-FORWARD -d 10.1.2.3/32 -m conntrack --ctstate "
				 "RELATED,ESTABLISHED -j ACCEPT\n"
				 "-A CNI-FORWARD -s 10.1.2.3/32 -j ACCEPT\n");
	iptables_ok("iptables", "-P", "FORWARD", "DROP");
	iptables_ok("iptables", "-A", "FORWARD", "-j CNI-ADMIN");
	iptables_ok("iptables", "-L", "-n -v", "");
	run_ok(out, sizeof(out), "sh", "-c", "iptables-save | iptables-restore");
	iptables_ok("iptables", "-S", "CNI-FORWARD", "");
	assert_contains(out, "-A CNI-FORWARD -s 10.1.2.3/32 -j ACCEPT\n");
}

/* Rules that nft(8) prints as a comment of its own are printed by iptables,
 * too.
 */
static void user_data_does_not_disturb_iptables(void **state)
{
	static const struct ipt_case from = { .options = "",
					      .src = "10.1.2.3/32",
					      .ipt = { .verdict = NF_ACCEPT } };
	struct nft_rule *r = build(&from, NFPROTO_IPV4, "OURS");
	struct nft_rules rules;

	make_chains("iptables");
	nft_rule_comment(r, "of nft");
	nft_rule_tag(r, "a tag");
	append_ok(*state, r);
	iptables_ok("iptables", "-S", "OURS", "");
	assert_contains(out, "-A OURS -s 10.1.2.3/32 -m comment --comment \"of nft\" -j ACCEPT\n");
	nft("list chain ip filter OURS");
	assert_contains(out, "accept comment \"of nft\"\n");

	/* Nor does iptables disturb it when it changes other rules. */
	iptables_ok("iptables", "-I", "OURS", "-j RETURN");
	iptables_ok("iptables", "-A", "OURS", "-j DROP");
	iptables_ok("iptables", "-N", "MORE", "");
	rules = rules_of(*state, NFPROTO_IPV4, "filter", "OURS");
	assert_int_equal(rules.n, 3);
	assert_string_equal(rules.v[1].comment, "of nft");
	assert_string_equal(rules.v[1].tag, "a tag");
	nft_rules_done(&rules);
}

static void the_longest_comment_is_cut(void **state)
{
	char comment[NFT_IPT_COMMENT_MAX + 3];
	struct ipt_case c = { .options = "", .ipt = { .comment = comment, .verdict = NF_ACCEPT } };
	struct nft_rules rules;

	make_chains("iptables");
	memset(comment, 'c', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	append_ok(*state, build(&c, NFPROTO_IPV4, "OURS"));
	rules = rules_of(*state, NFPROTO_IPV4, "filter", "OURS");
	comment[NFT_IPT_COMMENT_MAX] = '\0';
	assert_string_equal(rules.v[0].comment, comment);
	nft_rules_done(&rules);
	iptables_ok("iptables", "-S", "OURS", "");
	assert_contains(out, comment);
}

static void what_iptables_cannot_say_is_refused(void **state)
{
	static const struct ipt_case bad[] = {
		{ "", NULL, NULL, { .in = "0123456789abcdef", .verdict = NF_ACCEPT } },
		{ "", NULL, NULL, { .in = "0123456789abcdefg+", .verdict = NF_ACCEPT } },
		{ "", NULL, NULL, { .in = "+", .not_in = true, .verdict = NF_ACCEPT } },
		{ "", NULL, NULL, { .out = "", .verdict = NF_ACCEPT } },
		{ "", "0.0.0.0/0", NULL, { .not_src = true, .verdict = NF_ACCEPT } },
		{ "", NULL, "fd00::1/128", { .verdict = NF_ACCEPT } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nft_rule *r = build(&bad[i], NFPROTO_IPV4, "OURS");

		assert_non_null(r);
		assert_null(nft_rule_text(r));
		nft_rule_free(r);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rules_are_those_of_iptables),         T(a_table_that_we_made_is_one_of_iptables),
		T(user_data_does_not_disturb_iptables), T(the_longest_comment_is_cut),
		T(what_iptables_cannot_say_is_refused),
	};

	return cmocka_run_group_tests_name("nft/iptables", tests, mounts_private, NULL);
}
