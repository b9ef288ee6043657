/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include <linux/netfilter/nf_conntrack_common.h>

#include "tests/unit/nft/nft_fixture.h"

static void saddr(struct nft_rule *r, const char *net, bool neq)
{
	struct ipnet n = net_of(net);

	nft_rule_saddr(r, &n, neq);
}

static void daddr(struct nft_rule *r, const char *net, bool neq)
{
	struct ipnet n = net_of(net);

	nft_rule_daddr(r, &n, neq);
}

static void ether_saddr(struct nft_rule *r, const char *mac)
{
	struct macaddr m;

	assert_int_equal(macaddr_from_str(mac, &m), 0);
	nft_rule_ether_saddr(r, &m);
}

static void accept_it(struct nft_rule *r)
{
	nft_rule_verdict(r, NF_ACCEPT);
}

/* --- addresses --- */

static void v4_host(struct nft_rule *r)
{
	saddr(r, "10.1.2.3/32", false);
	accept_it(r);
}

static void v4_all_but_a_network(struct nft_rule *r)
{
	saddr(r, "10.1.2.3/32", false);
	daddr(r, "10.1.2.77/24", true); /* host bits are ignored */
	accept_it(r);
}

static void v4_1_byte(struct nft_rule *r)
{
	saddr(r, "10.0.0.0/8", false);
	accept_it(r);
}

static void v4_2_bytes(struct nft_rule *r)
{
	daddr(r, "10.1.0.0/16", false);
	accept_it(r);
}

static void v4_odd(struct nft_rule *r)
{
	daddr(r, "224.0.0.0/4", false);
	accept_it(r);
}

static void v4_31(struct nft_rule *r)
{
	daddr(r, "10.1.2.2/31", true);
	accept_it(r);
}

static void v4_any(struct nft_rule *r)
{
	saddr(r, "0.0.0.0/0", false);
	accept_it(r);
}

static void v6_host(struct nft_rule *r)
{
	daddr(r, "fd00::3/128", false);
	accept_it(r);
}

static void v6_all_but_a_network(struct nft_rule *r)
{
	saddr(r, "fd00::3/128", false);
	daddr(r, "fd00::/20", true);
	accept_it(r);
}

static void v6_1_byte(struct nft_rule *r)
{
	daddr(r, "ff00::/8", false);
	accept_it(r);
}

static void v6_8_bytes(struct nft_rule *r)
{
	saddr(r, "fd00:1:2:3::/64", false);
	accept_it(r);
}

static void v6_15_bytes(struct nft_rule *r)
{
	saddr(r, "fd00::100/120", false);
	accept_it(r);
}

static void v6_127(struct nft_rule *r)
{
	saddr(r, "fd00::2/127", false);
	accept_it(r);
}

static void v6_any(struct nft_rule *r)
{
	saddr(r, "::/0", false);
	accept_it(r);
}

static void addresses_are_those_of_nft(void **state)
{
	static const struct same_rule in_v4[] = {
		{ NFPROTO_IPV4, "ip saddr 10.1.2.3 accept", v4_host },
		{ NFPROTO_IPV4, "ip saddr 10.1.2.3 ip daddr != 10.1.2.0/24 accept",
		  v4_all_but_a_network },
		{ NFPROTO_IPV4, "ip saddr 10.0.0.0/8 accept", v4_1_byte },
		{ NFPROTO_IPV4, "ip daddr 10.1.0.0/16 accept", v4_2_bytes },
		{ NFPROTO_IPV4, "ip daddr 224.0.0.0/4 accept", v4_odd },
		{ NFPROTO_IPV4, "ip daddr != 10.1.2.2/31 accept", v4_31 },
		{ NFPROTO_IPV4, "ip saddr 0.0.0.0/0 accept", v4_any },
	};
	static const struct same_rule in_v6[] = {
		{ NFPROTO_IPV6, "ip6 daddr fd00::3 accept", v6_host },
		{ NFPROTO_IPV6, "ip6 saddr fd00::3 ip6 daddr != fd00::/20 accept",
		  v6_all_but_a_network },
		{ NFPROTO_IPV6, "ip6 daddr ff00::/8 accept", v6_1_byte },
		{ NFPROTO_IPV6, "ip6 saddr fd00:1:2:3::/64 accept", v6_8_bytes },
		{ NFPROTO_IPV6, "ip6 saddr fd00::100/120 accept", v6_15_bytes },
		{ NFPROTO_IPV6, "ip6 saddr fd00::2/127 accept", v6_127 },
		{ NFPROTO_IPV6, "ip6 saddr ::/0 accept", v6_any },
	};
	static const uint8_t both[] = { NFPROTO_INET, NFPROTO_BRIDGE };

	for (size_t i = 0; i < ARRAY_SIZE(in_v4); i++) {
		struct same_rule c = in_v4[i];

		assert_same_rule(*state, &c);
		for (size_t k = 0; k < ARRAY_SIZE(both); k++) {
			c.family = both[k];
			assert_same_rule(*state, &c);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(in_v6); i++) {
		struct same_rule c = in_v6[i];

		assert_same_rule(*state, &c);
		for (size_t k = 0; k < ARRAY_SIZE(both); k++) {
			c.family = both[k];
			assert_same_rule(*state, &c);
		}
	}
}

/* Every prefix length has one of the two forms. */
static void every_prefix_length_is_that_of_nft(void **state)
{
	struct nlsock *nl = *state;
	struct nft_batch *b = batch_new();
	struct nft_rules theirs;
	struct nft_rules ours;

	nft("add table inet t; add chain inet t ours; add chain inet t theirs");
	for (unsigned len = 0; len <= 160; len++) {
		bool v6 = len > 32;
		struct ipnet n = net_of(v6 ? "fd12:3456:789a:bcde:f012:3456:789a:bcde/0"
					   : "172.29.187.213/0");
		struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "ours");
		char text[IPNET_STR_LEN];
		char command[256];

		n.prefix_len = (uint8_t)(v6 ? len - 32 : len);
		nft_rule_daddr(r, &n, false);
		nft_batch_append(b, r);
		(void)snprintf(command, sizeof(command), "add rule inet t theirs %s daddr %s",
			       v6 ? "ip6" : "ip", ipnet_to_str(&n, text));
		nft(command);
	}
	commit_ok(b, nl);
	theirs = rules_of(nl, NFPROTO_INET, "t", "theirs");
	ours = rules_of(nl, NFPROTO_INET, "t", "ours");
	assert_int_equal(theirs.n, 161);
	assert_int_equal(ours.n, 161);
	for (size_t i = 0; i < ours.n; i++)
		assert_string_equal(ours.v[i].text, theirs.v[i].text);
	nft_rules_done(&theirs);
	nft_rules_done(&ours);
}

/* --- families --- */

static void nfproto_v4(struct nft_rule *r)
{
	nft_rule_nfproto(r, NFPROTO_IPV4);
	accept_it(r);
}

static void nfproto_v6(struct nft_rule *r)
{
	nft_rule_nfproto(r, NFPROTO_IPV6);
	accept_it(r);
}

static void nfproto_once(struct nft_rule *r)
{
	nft_rule_nfproto(r, NFPROTO_IPV4);
	saddr(r, "1.2.3.4/32", false);
	accept_it(r);
}

static void nfproto_nothing(struct nft_rule *r)
{
	nft_rule_nfproto(r, NFPROTO_IPV6);
	accept_it(r);
}

static void families_are_those_of_nft(void **state)
{
	static const struct same_rule cases[] = {
		{ NFPROTO_INET, "meta nfproto ipv4 accept", nfproto_v4 },
		{ NFPROTO_INET, "meta nfproto ipv6 accept", nfproto_v6 },
		{ NFPROTO_BRIDGE, "meta protocol ip accept", nfproto_v4 },
		{ NFPROTO_BRIDGE, "meta protocol ip6 accept", nfproto_v6 },
		{ NFPROTO_INET, "ip saddr 1.2.3.4 accept", nfproto_once },
		{ NFPROTO_IPV6, "accept", nfproto_nothing },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_same_rule(*state, &cases[i]);
}

/* --- interfaces --- */

static void in_name(struct nft_rule *r)
{
	nft_rule_iifname(r, "eth0", false);
	accept_it(r);
}

static void out_not_prefix(struct nft_rule *r)
{
	nft_rule_iifname(r, "cni0", false);
	nft_rule_oifname(r, "veth*", true);
	accept_it(r);
}

static void longest_name(struct nft_rule *r)
{
	nft_rule_oifname(r, "0123456789abcde", true);
	accept_it(r);
}

static void longest_prefix(struct nft_rule *r)
{
	nft_rule_oifname(r, "0123456789abcd*", false);
	accept_it(r);
}

static void any_name(struct nft_rule *r)
{
	nft_rule_iifname(r, "*", false);
	accept_it(r);
}

static void interfaces_are_those_of_nft(void **state)
{
	static const struct same_rule cases[] = {
		{ NFPROTO_INET, "iifname \"eth0\" accept", in_name },
		{ NFPROTO_BRIDGE, "iifname \"eth0\" accept", in_name },
		{ NFPROTO_INET, "iifname \"cni0\" oifname != \"veth*\" accept", out_not_prefix },
		{ NFPROTO_IPV4, "oifname != \"0123456789abcde\" accept", longest_name },
		{ NFPROTO_IPV6, "oifname \"0123456789abcd*\" accept", longest_prefix },
		{ NFPROTO_INET, "accept", any_name },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_same_rule(*state, &cases[i]);
}

/* --- headers --- */

static void ether(struct nft_rule *r)
{
	ether_saddr(r, "02:00:00:ab:cd:01");
	accept_it(r);
}

static void ether_then_addr(struct nft_rule *r)
{
	ether_saddr(r, "02:00:00:ab:cd:01");
	saddr(r, "1.2.3.4/32", false);
	accept_it(r);
}

static void tcp_port(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_TCP, 80, 0);
	accept_it(r);
}

static void udp_range(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_UDP, 80, 90);
	accept_it(r);
}

static void sctp_range_of_one(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_SCTP, 65535, 65535);
	accept_it(r);
}

static void addr_and_port(struct nft_rule *r)
{
	saddr(r, "1.2.3.4/32", false);
	nft_rule_dport(r, IPPROTO_TCP, 443, 0);
	accept_it(r);
}

static void port_and_addr(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_TCP, 443, 0);
	daddr(r, "1.2.3.0/24", false);
	accept_it(r);
}

static void headers_are_those_of_nft(void **state)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_INET, NFPROTO_BRIDGE };
	static const struct same_rule cases[] = {
		{ 0, "ether saddr 02:00:00:ab:cd:01 accept", ether },
		{ 0, "ether saddr 02:00:00:ab:cd:01 ip saddr 1.2.3.4 accept", ether_then_addr },
		{ 0, "tcp dport 80 accept", tcp_port },
		{ 0, "udp dport 80-90 accept", udp_range },
		{ 0, "sctp dport 65535 accept", sctp_range_of_one },
		{ 0, "ip saddr 1.2.3.4 tcp dport 443 accept", addr_and_port },
		{ 0, "tcp dport 443 ip daddr 1.2.3.0/24 accept", port_and_addr },
	};

	for (size_t k = 0; k < ARRAY_SIZE(families); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct same_rule c = cases[i];

			c.family = families[k];
			if (c.family != NFPROTO_INET || c.build != ether_then_addr)
				assert_same_rule(*state, &c);
		}
	}
}

static void an_address_after_ether_in_inet_prints_alike(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
	char line[256];

	nft("add table inet t; add chain inet t c");
	ether_then_addr(r);
	append_ok(*state, r);
	listed_rule("inet", "c", line, sizeof(line));
	assert_string_equal(line, "ether saddr 02:00:00:ab:cd:01 ip saddr 1.2.3.4 accept");
}

/* --- the kernel's own knowledge --- */

static void mark_bit(struct nft_rule *r)
{
	nft_rule_mark(r, 0x2000, 0x2000);
	accept_it(r);
}

static void mark_bit_off(struct nft_rule *r)
{
	nft_rule_mark(r, 0x2000, 0);
	accept_it(r);
}

static void mark_whole(struct nft_rule *r)
{
	nft_rule_mark(r, UINT32_MAX, 0x1234);
	accept_it(r);
}

static void fib_local(struct nft_rule *r)
{
	nft_rule_fib_daddr_local(r);
	accept_it(r);
}

static void ct_two(struct nft_rule *r)
{
	nft_rule_ct_state(r, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	accept_it(r);
}

static void ct_one(struct nft_rule *r)
{
	nft_rule_ct_state(r, NF_CT_STATE_BIT(IP_CT_NEW));
	accept_it(r);
}

static void kernel_knowledge_is_that_of_nft(void **state)
{
	static const struct same_rule cases[] = {
		{ NFPROTO_INET, "meta mark & 0x00002000 == 0x00002000 accept", mark_bit },
		{ NFPROTO_IPV4, "meta mark & 0x00002000 == 0x00000000 accept", mark_bit_off },
		{ NFPROTO_BRIDGE, "meta mark 0x00001234 accept", mark_whole },
		{ NFPROTO_IPV4, "fib daddr type local accept", fib_local },
		{ NFPROTO_IPV6, "fib daddr type local accept", fib_local },
		{ NFPROTO_INET, "fib daddr type local accept", fib_local },
		{ NFPROTO_INET, "ct state established,related accept", ct_two },
		{ NFPROTO_IPV6, "ct state new accept", ct_one },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_same_rule(*state, &cases[i]);
}

/* --- what cannot be matched --- */

static void two_families(struct nft_rule *r)
{
	saddr(r, "1.2.3.4/32", false);
	daddr(r, "fd00::1/128", false);
}

static void two_protocols(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_TCP, 1, 0);
	nft_rule_dport(r, IPPROTO_UDP, 1, 0);
}

static void portless(struct nft_rule *r)
{
	nft_rule_dport(r, IPPROTO_ICMP, 1, 0);
}

static void empty_name(struct nft_rule *r)
{
	nft_rule_iifname(r, "", false);
}

static void long_name(struct nft_rule *r)
{
	nft_rule_iifname(r, "0123456789abcdef", false);
}

static void long_prefix(struct nft_rule *r)
{
	nft_rule_iifname(r, "0123456789abcdef*", false);
}

static void no_name(struct nft_rule *r)
{
	nft_rule_iifname(r, "*", true);
}

static void no_addr(struct nft_rule *r)
{
	nft_rule_saddr(r, &(struct ipnet){ .prefix_len = 0 }, false);
}

static void bad_prefix(struct nft_rule *r)
{
	struct ipnet n = { .addr = addr_of("1.2.3.4"), .prefix_len = 33 };

	nft_rule_saddr(r, &n, false);
}

static void no_family(struct nft_rule *r)
{
	nft_rule_nfproto(r, NFPROTO_ARP);
}

static void infiniband(struct nft_rule *r)
{
	nft_rule_ether_saddr(r, &(struct macaddr){ .len = 8 });
}

static void what_cannot_be_matched_is_refused_before_the_kernel(void **state)
{
	static void (*const builders[])(struct nft_rule * r) = {
		two_families, two_protocols, portless,   empty_name, long_name,  long_prefix,
		no_name,      no_addr,       bad_prefix, no_family,  infiniband,
	};

	nft("add table inet t; add chain inet t c");
	for (size_t i = 0; i < ARRAY_SIZE(builders); i++) {
		struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
		struct nft_batch *b = batch_new();
		struct nerr err = NERR_INIT;

		builders[i](r);
		accept_it(r);
		assert_null(nft_rule_text(r));
		nft_batch_append(b, r);
		assert_false(nft_batch_is_empty(b));
		assert_int_equal(nft_batch_commit(b, *state, 0, &err), -EINVAL);
		assert_contains(err.msg, "cannot add a rule to chain 'c' of table 'inet t': it ");
		assert_true(nft_batch_is_empty(b));
		nft_batch_free(b);
	}
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "c"), 0);
}

static void an_address_of_the_other_family_is_refused(void **state)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_IPV4, "t", "c");

	(void)state;
	saddr(r, "fd00::1/128", false);
	assert_null(nft_rule_text(r));
	nft_rule_free(r);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(addresses_are_those_of_nft),
		T(every_prefix_length_is_that_of_nft),
		T(families_are_those_of_nft),
		T(interfaces_are_those_of_nft),
		T(headers_are_those_of_nft),
		T(an_address_after_ether_in_inet_prints_alike),
		T(kernel_knowledge_is_that_of_nft),
		T(what_cannot_be_matched_is_refused_before_the_kernel),
		T(an_address_of_the_other_family_is_refused),
	};

	return cmocka_run_group_tests_name("nft/match", tests, mounts_private, NULL);
}
