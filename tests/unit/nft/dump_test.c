/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>

#include <linux/netfilter/xt_comment.h>

#include "tests/unit/nft/nft_fixture.h"
#include "tests/unit/oom.h"

static struct nft_rule *numbered(uint32_t n)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", "c");
	char text[32];

	nft_rule_mark(r, UINT32_MAX, n);
	nft_rule_verdict(r, NF_ACCEPT);
	(void)snprintf(text, sizeof(text), "comment %u", n);
	nft_rule_comment(r, text);
	(void)snprintf(text, sizeof(text), "tag %u", n);
	nft_rule_tag(r, text);
	return r;
}

static void make_numbered(struct nlsock *nl, uint32_t n)
{
	struct nft_batch *b = batch_new();

	nft_batch_table(b, NFPROTO_INET, "t", NULL);
	nft_batch_chain(b,
			&(struct nft_chain){ .family = NFPROTO_INET, .table = "t", .name = "c" });
	for (uint32_t i = 0; i < n; i++)
		nft_batch_append(b, numbered(i));
	commit_ok(b, nl);
}

/* --- rules --- */

static void two_thousand_rules_are_read_in_order(void **state)
{
	struct nft_rules rules;
	struct nft_rules list;
	struct nerr err;

	make_numbered(*state, 2000);
	rules = rules_of(*state, NFPROTO_INET, "t", "c");
	assert_ok(nft_rules_list(*state, NFPROTO_INET, "t", "c", &list, &err), err);
	assert_int_equal(rules.n, 2000);
	assert_int_equal(list.n, 2000);
	for (uint32_t i = 0; i < 2000; i++) {
		struct nft_rule *r = numbered(i);
		char *text = nft_rule_text(r);
		char buf[32];

		assert_string_equal(rules.v[i].text, text);
		(void)snprintf(buf, sizeof(buf), "comment %u", i);
		assert_string_equal(rules.v[i].comment, buf);
		assert_string_equal(list.v[i].comment, buf);
		(void)snprintf(buf, sizeof(buf), "tag %u", i);
		assert_string_equal(rules.v[i].tag, buf);
		assert_string_equal(list.v[i].tag, buf);
		assert_string_equal(rules.v[i].jump, "");
		assert_null(list.v[i].text);
		assert_int_equal(list.v[i].handle, rules.v[i].handle);
		assert_true(i == 0 || rules.v[i].handle > rules.v[i - 1].handle);
		free(text);
		nft_rule_free(r);
	}
	nft_rules_done(&rules);
	assert_int_equal(rules.n, 0);
	nft_rules_done(&rules); /* twice is allowed */
	nft_rules_done(&list);
}

static void only_the_chain_asked_for_is_read(void **state)
{
	struct nft_rules rules;

	nft("add table inet t; add chain inet t c; add chain inet t d; add chain inet t cc;"
	    "add table ip t; add chain ip t c; add table inet tt; add chain inet tt c;"
	    "add rule inet t c accept; add rule inet t d drop; add rule inet t cc drop;"
	    "add rule ip t c drop; add rule inet tt c drop");
	rules = rules_of(*state, NFPROTO_INET, "t", "c");
	assert_int_equal(rules.n, 1);
	assert_string_equal(rules.v[0].text, "[ immediate reg 0 accept ]");
	nft_rules_done(&rules);
}

static void an_empty_chain_is_not_a_missing_one(void **state)
{
	struct nft_rules rules = { .n = 99 };
	struct nerr err = NERR_INIT;

	nft("add table inet t; add chain inet t c");
	assert_int_equal(nft_rules_get(*state, NFPROTO_INET, "t", "c", &rules, &err), 0);
	assert_int_equal(rules.n, 0);
	rules.n = 99;
	assert_int_equal(nft_rules_get(*state, NFPROTO_INET, "t", "d", &rules, &err), -ENOENT);
	assert_int_equal(rules.n, 0);
	assert_string_equal(err.msg, "no chain 'd' in table 'inet t'");
	assert_int_equal(nft_rules_get(*state, NFPROTO_INET, "u", "c", &rules, &err), -ENOENT);
	assert_int_equal(nft_rules_get(*state, NFPROTO_IPV6, "t", "c", &rules, &err), -ENOENT);
	assert_int_equal(nft_rules_list(*state, NFPROTO_BRIDGE, "t", "c", &rules, &err), -ENOENT);
	nft_rules_done(&rules);
}

static void names_that_are_too_long_are_refused(void **state)
{
	struct nft_rules rules;
	char name[NFT_NAME_LEN + 1];
	struct nerr err;

	memset(name, 'n', NFT_NAME_LEN);
	name[NFT_NAME_LEN] = '\0';
	assert_int_equal(nft_rules_get(*state, NFPROTO_INET, "t", name, &rules, &err),
			 -ENAMETOOLONG);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_INET, name, "c", NULL, &err),
			 -ENAMETOOLONG);
	name[NFT_NAME_LEN - 1] = '\0';
	assert_int_equal(nft_chain_exists(*state, NFPROTO_INET, name, name, NULL, &err), 0);
}

static void jumps_are_told(void **state)
{
	struct nft_rules rules;

	nft("add table ip t; add chain ip t c; add chain ip t d;"
	    "add rule ip t c jump d; add rule ip t c goto d; add rule ip t c return;"
	    "add rule ip t c tcp dport 1 counter jump d comment \"x\"");
	rules = rules_of(*state, NFPROTO_IPV4, "t", "c");
	assert_int_equal(rules.n, 4);
	assert_string_equal(rules.v[0].jump, "d");
	assert_string_equal(rules.v[1].jump, "d");
	assert_string_equal(rules.v[2].jump, "");
	assert_string_equal(rules.v[3].jump, "d");
	assert_string_equal(rules.v[3].comment, "x");
	nft_rules_done(&rules);
}

static void comments_of_iptables_are_told(void **state)
{
	struct nft_rules rules;

	run_ok(out, sizeof(out), "iptables", "-N", "X");
	run_ok(out, sizeof(out), "iptables", "-A", "X", "-s", "10.0.0.1", "-m", "comment",
	       "--comment", "of \"iptables\"", "-j", "RETURN");
	rules = rules_of(*state, NFPROTO_IPV4, "filter", "X");
	assert_int_equal(rules.n, 1);
	assert_string_equal(rules.v[0].comment, "of \"iptables\"");
	nft_rules_done(&rules);
}

/* Everything that nft 1.0.6 can say and this kernel takes, around one rule of
 * ours.
 */
static void foreign_expressions_do_not_break_reading(void **state)
{
	static const char *const foreign[] = {
		"ip saddr { 10.0.0.1, 10.0.0.2 } accept",
		"tcp dport vmap { 80 : jump d, 81 : drop }",
		"ip saddr . tcp dport { 10.0.0.1 . 80 } accept",
		"limit rate 10/second burst 5 packets accept",
		"quota over 100 mbytes drop",
		"ct mark set meta mark",
		"meta mark set 0x10",
		"meta mark set ct mark and 0xff",
		"meta mark set numgen inc mod 3",
		"meta mark set jhash ip saddr mod 4",
		"ip ttl set 64",
		"tcp flags syn tcp option maxseg size set rt mtu",
		"reject with icmp type admin-prohibited",
		"log prefix \"a prefix\" group 3",
		"ct helper \"ftp-standard\" accept",
		"ct count over 10 drop",
		"meta skuid 0 accept",
		"meta time > \"2020-01-01 00:00:00\" accept",
		"fib saddr . iif oif missing drop",
		"socket transparent 1 accept",
		"notrack",
		"ct state vmap { established : accept, related : accept }",
		"exthdr frag exists drop",
		"add @s { ip saddr timeout 10s }",
		"iifname { \"a\", \"b\" } drop",
		"th dport 22 continue",
		"last",
		"tcp dport 1-1000 redirect to :2000",
		"snat ip to 10.0.0.1-10.0.0.9:100-200 random",
		"dup to 10.0.0.1",
		"masquerade random",
	};
	struct nft_rule *r = numbered(7);
	struct nft_rules rules;
	char *want = nft_rule_text(r);
	size_t taken = 0;

	nft("add table inet t; add chain inet t c; add chain inet t d;"
	    "add set inet t s { type ipv4_addr; flags dynamic,timeout; }");
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		taken += run_program(RUN_ARGS("nft", "add", "rule", "inet", "t", "c", foreign[i],
					      "comment", "\"foreign\""),
				     out, sizeof(out)) == 0;
	assert_true(taken > ARRAY_SIZE(foreign) / 2); /* the rest is not in this kernel */
	append_ok(*state, r);

	rules = rules_of(*state, NFPROTO_INET, "t", "c");
	assert_int_equal(rules.n, taken + 1);
	for (size_t i = 0; i < taken; i++) {
		assert_string_equal(rules.v[i].comment, "foreign");
		assert_int_equal(rules.v[i].text[0], '[');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(rules.v[i].text, rules.v[k].text);
	}
	assert_string_equal(rules.v[taken].text, want);
	assert_string_equal(rules.v[taken].comment, "comment 7");
	assert_string_equal(rules.v[taken].tag, "tag 7");
	nft_rules_done(&rules);
	free(want);
}

/* --- while others write --- */

struct writer {
	struct nlsock *nl;
	bool stop;
	bool failed;
};

/* Adds and deletes a rule in another table, over and over. */
static void *write_elsewhere(void *arg)
{
	struct writer *w = arg;
	struct nft_batch *b;
	struct nerr err;

	w->failed = nft_batch_new(&b, &err) < 0;
	while (!w->failed && !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		nft_batch_append(b, nft_rule_new(NFPROTO_IPV4, "u", "c"));
		w->failed = nft_batch_commit(b, w->nl, 0, &err) < 0;
		nft_batch_flush_chain(b, NFPROTO_IPV4, "u", "c");
		w->failed |= nft_batch_commit(b, w->nl, 0, &err) < 0;
		(void)poll(NULL, 0, 1); /* others write often, not without pause */
	}
	nft_batch_free(b);
	return NULL;
}

static void a_list_read_while_others_write_is_whole(void **state)
{
	struct writer w = { .stop = false };
	pthread_t thread;
	struct nerr err;

	make_numbered(*state, 300);
	nft("add table ip u; add chain ip u c");
	assert_ok(nlsock_open(&w.nl, NETLINK_NETFILTER, &err), err);
	assert_int_equal(pthread_create(&thread, NULL, write_elsewhere, &w), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct nft_rules rules;

		assert_ok(nft_rules_list(*state, NFPROTO_INET, "t", "c", &rules, &err), err);
		assert_int_equal(rules.n, 300);
		for (size_t k = 1; k < rules.n; k++)
			assert_true(rules.v[k].handle > rules.v[k - 1].handle);
		nft_rules_done(&rules);
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(w.failed);
	nlsock_close(w.nl);
}

/* --- chains --- */

static void chains_and_policies_are_told(void **state)
{
	uint32_t policy = 4711;
	struct nerr err = NERR_INIT;

	nft("add table ip6 t; add chain ip6 t regular;"
	    "add chain ip6 t open { type filter hook input priority 0; policy accept; };"
	    "add chain ip6 t closed { type filter hook forward priority -5; policy drop; }");
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "t", "nowhere", &policy, &err), 0);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "u", "closed", &policy, &err), 0);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV4, "t", "closed", &policy, &err), 0);
	assert_int_equal(err.code, 0);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "t", "regular", &policy, &err), 1);
	assert_int_equal(policy, 4711);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "t", "closed", &policy, &err), 1);
	assert_int_equal(policy, NF_DROP);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "t", "open", &policy, &err), 1);
	assert_int_equal(policy, NF_ACCEPT);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV6, "t", "open", NULL, &err), 1);
}

/* --- generation --- */

static void the_generation_counts_transactions(void **state)
{
	uint32_t before;
	uint32_t after;
	struct nerr err;

	assert_ok(nft_generation(*state, &before, &err), err);
	assert_ok(nft_generation(*state, &after, &err), err);
	assert_int_equal(after, before);
	nft("add table inet t");
	assert_ok(nft_generation(*state, &after, &err), err);
	assert_int_equal(after, before + 1);
}

static void a_socket_of_another_protocol_fails_with_a_message(void **state)
{
	struct nlsock *nl;
	struct nft_rules rules;
	struct nerr err = NERR_INIT;
	uint32_t g = 77;

	(void)state;
	assert_ok(nlsock_open(&nl, NETLINK_ROUTE, &err), err);
	assert_true(nft_generation(nl, &g, &err) < 0);
	assert_int_equal(g, 77);
	assert_contains(err.msg, "cannot read the generation of nf_tables: ");
	assert_true(nft_rules_get(nl, NFPROTO_INET, "t", "c", &rules, &err) < 0);
	assert_int_equal(rules.n, 0);
	assert_true(nft_chain_exists(nl, NFPROTO_INET, "t", "c", NULL, &err) < 0);
	assert_contains(err.msg, "cannot read chain 'c' of table 'inet t': ");
	nlsock_close(nl);
}

/* --- out of memory --- */

#if OOM_WORKS
static void no_allocation_is_missed(void **state)
{
	make_numbered(*state, 40);
	for (unsigned n = 1;; n++) {
		struct nft_rules rules;
		struct nerr err;
		bool done;
		int r;

		oom_begin(n);
		r = nft_rules_get(*state, NFPROTO_INET, "t", "c", &rules, &err);
		done = oom_countdown > 0;
		if (r < 0) {
			assert_int_equal(rules.n, 0);
			assert_int_equal(oom_end(), 0);
		}
		nft_rules_done(&rules);
		assert_int_equal(oom_end(), 0);
		if (done) {
			assert_int_equal(r, 0);
			assert_true(n > 100);
			break;
		}
		/* libnftnl may take a failure for a rule that it does not know.
		 */
		assert_true(r == -ENOMEM || r == 0);
	}
}
#endif

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_thousand_rules_are_read_in_order),
		T(only_the_chain_asked_for_is_read),
		T(an_empty_chain_is_not_a_missing_one),
		T(names_that_are_too_long_are_refused),
		T(jumps_are_told),
		T(comments_of_iptables_are_told),
		T(foreign_expressions_do_not_break_reading),
		T(a_list_read_while_others_write_is_whole),
		T(chains_and_policies_are_told),
		T(the_generation_counts_transactions),
		T(a_socket_of_another_protocol_fails_with_a_message),
#if OOM_WORKS
		T(no_allocation_is_missed),
#endif
	};

	return cmocka_run_group_tests_name("nft/dump", tests, mounts_private, NULL);
}
