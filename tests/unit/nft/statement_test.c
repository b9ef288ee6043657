/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include <linux/netfilter/xt_comment.h>

#include "tests/unit/nft/nft_fixture.h"

static void dnat(struct nft_rule *r, const char *to, uint16_t port)
{
	struct ipaddr a = addr_of(to);

	nft_rule_dnat(r, &a, port);
}

/* --- verdicts --- */

static void accept_it(struct nft_rule *r)
{
	nft_rule_verdict(r, NF_ACCEPT);
}

static void drop_it(struct nft_rule *r)
{
	nft_rule_counter(r);
	nft_rule_verdict(r, NF_DROP);
}

static void return_it(struct nft_rule *r)
{
	nft_rule_verdict(r, NFT_RETURN);
}

static void jump(struct nft_rule *r)
{
	nft_rule_jump(r, NFT_JUMP, "target");
}

static void go_to(struct nft_rule *r)
{
	nft_rule_jump(r, NFT_GOTO, "target");
}

static void count(struct nft_rule *r)
{
	nft_rule_counter(r);
}

static void verdicts_are_those_of_nft(void **state)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET,
					    NFPROTO_BRIDGE };
	static const struct same_rule cases[] = {
		{ 0, "accept", accept_it },  { 0, "counter drop", drop_it },
		{ 0, "return", return_it },  { 0, "jump target", jump },
		{ 0, "goto target", go_to }, { 0, "counter", count },
	};

	for (size_t k = 0; k < ARRAY_SIZE(families); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct same_rule c = cases[i];

			c.family = families[k];
			assert_same_rule(*state, &c);
		}
	}
}

/* --- address translation --- */

static void masquerade(struct nft_rule *r)
{
	nft_rule_masquerade(r);
}

static void masquerade_v4(struct nft_rule *r)
{
	struct ipnet host = net_of("10.1.2.3/32");
	struct ipnet network = net_of("10.1.2.0/24");

	nft_rule_saddr(r, &host, false);
	nft_rule_daddr(r, &network, true);
	nft_rule_masquerade(r);
	nft_rule_comment(r, "abc, net: x");
}

static void masquerade_v6(struct nft_rule *r)
{
	struct ipnet host = net_of("fd00::3/128");
	struct ipnet network = net_of("fd00::/64");

	nft_rule_saddr(r, &host, false);
	nft_rule_daddr(r, &network, true);
	nft_rule_masquerade(r);
}

static void dnat_v4(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_TCP, 80, 0);
	dnat(r, "10.1.2.3", 8080);
}

static void dnat_v4_host_ip(struct nft_rule *r)
{
	struct ipnet host = net_of("1.2.3.4/32");

	nft_rule_daddr(r, &host, false);
	nft_rule_dport(r, IPPROTO_UDP, 53, 0);
	dnat(r, "10.1.2.3", 53);
}

static void dnat_v4_range(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_SCTP, 80, 99);
	dnat(r, "10.1.2.3", 0);
}

static void dnat_v6(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_TCP, 80, 0);
	dnat(r, "fd00::1", 8080);
}

static void dnat_v6_addr(struct nft_rule *r)
{
	struct ipnet host = net_of("fd00::2/128");

	nft_rule_daddr(r, &host, false);
	dnat(r, "fd00::1", 0);
}

static void translations_are_those_of_nft(void **state)
{
	static const struct same_rule cases[] = {
		{ NFPROTO_IPV4, "masquerade", masquerade },
		{ NFPROTO_IPV6, "masquerade", masquerade },
		{ NFPROTO_INET,
		  "ip saddr 10.1.2.3 ip daddr != 10.1.2.0/24 masquerade comment \"abc, net: x\"",
		  masquerade_v4 },
		{ NFPROTO_INET, "ip6 saddr fd00::3 ip6 daddr != fd00::/64 masquerade",
		  masquerade_v6 },
		{ NFPROTO_IPV4, "tcp dport 80 dnat to 10.1.2.3:8080", dnat_v4 },
		{ NFPROTO_INET, "tcp dport 80 dnat ip to 10.1.2.3:8080", dnat_v4 },
		{ NFPROTO_IPV4, "ip daddr 1.2.3.4 udp dport 53 dnat to 10.1.2.3:53",
		  dnat_v4_host_ip },
		{ NFPROTO_INET, "ip daddr 1.2.3.4 udp dport 53 dnat ip to 10.1.2.3:53",
		  dnat_v4_host_ip },
		{ NFPROTO_IPV4, "sctp dport 80-99 dnat to 10.1.2.3", dnat_v4_range },
		{ NFPROTO_IPV6, "tcp dport 80 dnat to [fd00::1]:8080", dnat_v6 },
		{ NFPROTO_INET, "tcp dport 80 dnat ip6 to [fd00::1]:8080", dnat_v6 },
		{ NFPROTO_IPV6, "ip6 daddr fd00::2 dnat to fd00::1", dnat_v6_addr },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_same_rule(*state, &cases[i]);
}

static void a_translation_to_the_other_family_or_without_protocol_is_refused(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");

	(void)state;
	dnat(r, "fd00::1", 0);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);

	r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	dnat(r, "10.0.0.1", 80);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);

	r = nft_rule_new(NFPROTO_INET, "t", "c");
	nft_rule_dnat(r, &(struct ipaddr){ .family = 0 }, 0);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);
}

/* --- x_tables --- */

static void an_extension_is_read_back_as_it_was_written(void **state)
{
	const struct xt_comment_info info = { .comment = "hello" };
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	struct nft_rules rules;
	char *local;

	nft("add table ip t; add chain ip t c");
	nft_rule_xt_match(r, "comment", 0, &info, sizeof(info));
	accept_it(r);
	local = nft_rule_text(r);
	append_ok(*state, r);
	rules = rules_of(*state, NFPROTO_IPV4, "t", "c");
	assert_string_equal(rules.v[0].text, local);
	assert_string_equal(local, "[ match name comment rev 0 0x68656c6c6f ] "
				   "[ immediate reg 0 accept ]");
	nft_rules_done(&rules);
	free(local);
}

static void extensions_of_impossible_size_or_name_are_refused(void **state)
{
	static const char data[4096];
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");

	(void)state;
	nft_rule_xt_match(r, "comment", 0, data, sizeof(data));
	assert_null(nft_rule_text(r));
	nft_rule_free(r);

	r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	nft_rule_xt_match(r, "comment", 0, data, 0);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);

	r = nft_rule_new(NFPROTO_IPV4, "t", "c");
	nft_rule_xt_match(r, "a-name-that-has-28-characters-", 0, data, 8);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(verdicts_are_those_of_nft),
		T(translations_are_those_of_nft),
		T(a_translation_to_the_other_family_or_without_protocol_is_refused),
		T(an_extension_is_read_back_as_it_was_written),
		T(extensions_of_impossible_size_or_name_are_refused),
	};

	return cmocka_run_group_tests_name("nft/statement", tests, mounts_private, NULL);
}
