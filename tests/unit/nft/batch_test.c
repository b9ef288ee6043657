/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include "tests/unit/nft/nft_fixture.h"
#include "tests/unit/oom.h"

static const struct nft_chain base_chain = {
	.family = NFPROTO_INET,
	.table = "t",
	.name = "post",
	.type = "nat",
	.hook = NF_INET_POST_ROUTING,
	.priority = 100,
	.policy = NF_ACCEPT,
	.comment = "a base chain",
};
static const struct nft_chain regular_chain = {
	.family = NFPROTO_INET,
	.table = "t",
	.name = "checks",
	.comment = "a \"regular\" chain",
};

/* A rule that says "meta mark @n". */
static struct nft_rule *numbered(const char *chain, uint32_t n)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", chain);

	nft_rule_mark(r, UINT32_MAX, n);
	return r;
}

static struct nft_rule *jump_to(const char *chain, const char *target)
{
	struct nft_rule *r = nft_rule_new(NFPROTO_INET, "t", chain);

	nft_rule_jump(r, NFT_JUMP, target);
	return r;
}

static void put_ground(struct nft_batch *b)
{
	nft_batch_table(b, NFPROTO_INET, "t", "a table");
	nft_batch_chain(b, &regular_chain);
	nft_batch_chain(b, &base_chain);
}

static void make_ground(struct nlsock *nl)
{
	struct nft_batch *b = batch_new();

	put_ground(b);
	commit_ok(b, nl);
}

static uint32_t generation(struct nlsock *nl)
{
	uint32_t g = 0;
	struct nerr err;

	assert_ok(nft_generation(nl, &g, &err), err);
	assert_int_not_equal(g, 0);
	return g;
}

/* --- making --- */

static void tables_and_chains_are_printed_as_asked(void **state)
{
	make_ground(*state);
	nft("list ruleset");
	assert_string_equal(out, "table inet t {\n"
				 "\tcomment \"a table\"\n"
				 "\tchain checks {\n"
				 "\t\tcomment \"a \"regular\" chain\"\n"
				 "\t}\n"
				 "\n"
				 "\tchain post {\n"
				 "\t\tcomment \"a base chain\"\n"
				 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
				 "\t}\n"
				 "}\n");
}

static void chains_of_all_families_are_made(void **state)
{
	static const struct {
		struct nft_chain chain;
		const char *printed;
	} cases[] = {
		{ { .family = NFPROTO_IPV4,
		    .table = "t",
		    .name = "c",
		    .type = "nat",
		    .hook = NF_INET_PRE_ROUTING,
		    .priority = -100,
		    .policy = NF_ACCEPT },
		  "type nat hook prerouting priority dstnat; policy accept;" },
		{ { .family = NFPROTO_IPV6,
		    .table = "t",
		    .name = "c",
		    .type = "filter",
		    .hook = NF_INET_FORWARD,
		    .policy = NF_DROP },
		  "type filter hook forward priority filter; policy drop;" },
		{ { .family = NFPROTO_BRIDGE,
		    .table = "t",
		    .name = "c",
		    .type = "filter",
		    .hook = NF_INET_PRE_ROUTING, /* NF_BR_PRE_ROUTING has the same number */
		    .priority = -300,
		    .policy = NF_ACCEPT },
		  "type filter hook prerouting priority dstnat; policy accept;" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nft_batch *b = batch_new();

		nft_batch_table(b, cases[i].chain.family, "t", NULL);
		nft_batch_chain(b, &cases[i].chain);
		commit_ok(b, *state);
		nft("list ruleset");
		assert_contains(out, cases[i].printed);
		nft("flush ruleset");
	}
}

static void rules_are_appended_and_inserted_in_order(void **state)
{
	struct nft_batch *b = batch_new();

	put_ground(b);
	nft_batch_append(b, numbered("checks", 3));
	nft_batch_append(b, numbered("checks", 4));
	nft_batch_insert(b, numbered("checks", 2));
	nft_batch_insert(b, numbered("checks", 1));
	commit_ok(b, *state);
	nft("list chain inet t checks");
	assert_contains(out, "\t\tmeta mark 0x00000001\n\t\tmeta mark 0x00000002\n"
			     "\t\tmeta mark 0x00000003\n\t\tmeta mark 0x00000004\n");
}

static void a_batch_can_be_used_again(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err;

	assert_true(nft_batch_is_empty(b));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), 0);
	put_ground(b);
	assert_false(nft_batch_is_empty(b));
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	assert_true(nft_batch_is_empty(b));
	nft_batch_append(b, numbered("nowhere", 1));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_true(nft_batch_is_empty(b));
	nft_batch_append(b, numbered("checks", 1));
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	nft_batch_free(b);
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "checks"), 1);
}

/* More than the buffers of a socket hold by default. */
static void thousands_of_rules_are_one_transaction(void **state)
{
	struct nft_batch *b = batch_new();
	uint32_t before;

	make_ground(*state);
	before = generation(*state);
	for (uint32_t i = 0; i < 5000; i++)
		nft_batch_append(b, numbered("checks", i));
	commit_ok(b, *state);
	assert_int_equal(generation(*state), before + 1);
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "checks"), 5000);
}

/* --- all or nothing --- */

static void one_bad_rule_leaves_nothing(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err = NERR_INIT;

	put_ground(b);
	nft_batch_append(b, numbered("checks", 1));
	nft_batch_append(b, jump_to("checks", "nowhere"));
	nft_batch_append(b, numbered("checks", 2));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_contains(err.msg, "cannot add a rule to chain 'checks' of table 'inet t': ");
	assert_false(nft_batch_destroyed(b));
	nft_batch_free(b);
	nft("list ruleset");
	assert_string_equal(out, "");
}

/* Refused only when all is put together: a loop of jumps. */
static void what_is_refused_at_the_end_leaves_nothing_either(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err = NERR_INIT;

	put_ground(b);
	nft_batch_append(b, jump_to("post", "checks"));
	nft_batch_append(b, jump_to("checks", "checks"));
	assert_true(nft_batch_commit(b, *state, 0, &err) < 0);
	assert_int_not_equal(err.msg[0], '\0');
	nft_batch_free(b);
	nft("list ruleset");
	assert_string_equal(out, "");
}

static void what_is_missing_is_named(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err = NERR_INIT;

	nft_batch_append(b, numbered("checks", 1));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot add a rule to chain 'checks' of table 'inet t'");
	nft_batch_chain(b, &regular_chain);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot make chain 'checks' of table 'inet t'");

	make_ground(*state);
	nft_batch_append(b, numbered("nowhere", 1));
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	nft_batch_del_rule(b, NFPROTO_INET, "t", "checks", 4711);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot delete rule 4711 of chain 'checks' of table 'inet t'");
	nft_batch_flush_chain(b, NFPROTO_INET, "t", "nowhere");
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot empty chain 'nowhere' of table 'inet t'");
	nft_batch_del_chain(b, NFPROTO_INET, "t", "nowhere");
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot delete chain 'nowhere' of table 'inet t'");
	nft_batch_free(b);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	struct nft_batch *b = batch_new();
	char name[NFT_NAME_LEN + 1];
	struct nerr err;

	memset(name, 'n', NFT_NAME_LEN);
	name[NFT_NAME_LEN] = '\0';
	nft_batch_table(b, NFPROTO_INET, name, NULL);
	nft_batch_table(b, NFPROTO_INET, "t", NULL);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENAMETOOLONG);
	assert_contains(err.msg, "cannot make table 'inet nnnn");
	name[NFT_NAME_LEN - 1] = '\0';
	nft_batch_table(b, NFPROTO_INET, name, NULL);
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	nft_batch_free(b);
}

/* --- generations --- */

static void a_passed_generation_is_refused(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err = NERR_INIT;
	uint32_t g;

	make_ground(*state);
	g = generation(*state);
	nft("add table inet between");
	nft_batch_append(b, numbered("checks", 1));
	assert_int_equal(nft_batch_commit(b, *state, g, &err), -ERESTART);
	assert_contains(err.msg, "nf_tables has changed since generation ");
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "checks"), 0);

	g = generation(*state);
	nft_batch_append(b, numbered("checks", 1));
	assert_ok(nft_batch_commit(b, *state, g, &err), err);
	assert_int_equal(generation(*state), g + 1);
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "checks"), 1);

	nft("add table inet again");
	nft_batch_append(b, numbered("checks", 2));
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	nft_batch_free(b);
}

/* --- chains that exist --- */

static void a_chain_that_exists_is_left_alone(void **state)
{
	struct nft_batch *b = batch_new();
	uint32_t policy = NF_ACCEPT;
	struct nft_chain c = {
		.family = NFPROTO_IPV4,
		.table = "filter",
		.name = "FORWARD",
		.type = "filter",
		.hook = NF_INET_FORWARD,
		.policy = NF_ACCEPT,
	};
	struct nerr err;
	uint32_t g;

	nft("add table ip filter;"
	    "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
	g = generation(*state);
	nft_batch_chain(b, &c);
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	assert_int_equal(generation(*state), g); /* there was nothing to say */
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV4, "filter", "FORWARD", &policy, &err),
			 1);
	assert_int_equal(policy, NF_DROP);

	/* Together with what is new. */
	nft_batch_table(b, NFPROTO_IPV4, "filter", NULL);
	nft_batch_chain(b, &c);
	c.name = "CNI-FORWARD";
	c.type = NULL;
	nft_batch_chain(b, &c);
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	assert_int_equal(
		nft_chain_exists(*state, NFPROTO_IPV4, "filter", "CNI-FORWARD", NULL, &err), 1);
	assert_int_equal(nft_chain_exists(*state, NFPROTO_IPV4, "filter", "FORWARD", &policy, &err),
			 1);
	assert_int_equal(policy, NF_DROP);
	assert_false(nft_batch_destroyed(b));
	nft_batch_free(b);
}

static void another_base_chain_of_that_name_is_an_error(void **state)
{
	static const char *const others[] = {
		"type filter hook postrouting priority 100;",
		"type nat hook input priority 100;",
		"type nat hook postrouting priority 101;",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct nft_batch *b = batch_new();
		struct nerr err = NERR_INIT;
		char command[256];

		(void)snprintf(command, sizeof(command),
			       "add table inet t; add chain inet t post { %s }", others[i]);
		nft(command);
		put_ground(b);
		assert_true(nft_batch_commit(b, *state, 0, &err) < 0);
		assert_contains(err.msg, "cannot make chain 'post' of table 'inet t'");
		nft_batch_free(b);
		assert_int_equal(nft_chain_exists(*state, NFPROTO_INET, "t", "checks", NULL, &err),
				 0);
		nft("flush ruleset");
	}
}

static void a_chain_deleted_in_the_batch_is_made_again(void **state)
{
	struct nft_batch *b = batch_new();

	make_ground(*state);
	nft("add rule inet t checks accept");
	nft_batch_flush_chain(b, NFPROTO_INET, "t", "checks");
	nft_batch_del_chain(b, NFPROTO_INET, "t", "checks");
	nft_batch_chain(b, &regular_chain);
	nft_batch_append(b, numbered("checks", 7));
	commit_ok(b, *state);
	nft("list chain inet t checks");
	assert_contains(out, "\t\tmeta mark 0x00000007\n\t}");
}

/* Also when some of the batch's chains were left out, the error is that of the
 * rest.
 */
static void a_refusal_beside_a_chain_that_exists_is_reported(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err;

	make_ground(*state);
	nft_batch_chain(b, &regular_chain);
	nft_batch_append(b, numbered("checks", 7));
	nft_batch_del_rule(b, NFPROTO_INET, "t", "checks", 4711);
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -ENOENT);
	assert_contains(err.msg, "cannot delete rule 4711");
	nft_batch_free(b);
	assert_int_equal(n_rules(*state, NFPROTO_INET, "t", "checks"), 0);
}

/* --- deleting --- */

static void rules_are_deleted_by_handle(void **state)
{
	struct nft_batch *b = batch_new();
	struct nft_rules rules;
	struct nerr err;

	make_ground(*state);
	for (uint32_t i = 1; i <= 3; i++)
		nft_batch_append(b, numbered("checks", i));
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	assert_false(nft_batch_destroyed(b));
	rules = rules_of(*state, NFPROTO_INET, "t", "checks");
	nft_batch_del_rule(b, NFPROTO_INET, "t", "checks", rules.v[1].handle);
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	assert_true(nft_batch_destroyed(b));
	nft_batch_free(b);
	nft_rules_done(&rules);
	nft("list chain inet t checks");
	assert_contains(out, "\t\tmeta mark 0x00000001\n\t\tmeta mark 0x00000003\n\t}");
}

static void a_chain_is_flushed_and_refilled_at_once(void **state)
{
	struct nft_batch *b = batch_new();

	make_ground(*state);
	nft("add rule inet t checks accept; add rule inet t checks drop");
	nft_batch_flush_chain(b, NFPROTO_INET, "t", "checks");
	nft_batch_append(b, numbered("checks", 9));
	commit_ok(b, *state);
	nft("list chain inet t checks");
	assert_contains(out, "chain\"\n\t\tmeta mark 0x00000009\n\t}");
}

static void a_chain_in_use_is_not_deleted(void **state)
{
	struct nft_batch *b = batch_new();
	struct nerr err;

	make_ground(*state);
	nft("add rule inet t post jump checks");
	nft_batch_del_chain(b, NFPROTO_INET, "t", "checks");
	assert_int_equal(nft_batch_commit(b, *state, 0, &err), -EBUSY);
	assert_contains(err.msg, "cannot delete chain 'checks' of table 'inet t'");
	assert_false(nft_batch_destroyed(b));
	nft_batch_flush_chain(b, NFPROTO_INET, "t", "post");
	nft_batch_del_chain(b, NFPROTO_INET, "t", "checks");
	nft_batch_del_chain(b, NFPROTO_INET, "t", "post");
	assert_ok(nft_batch_commit(b, *state, 0, &err), err);
	nft_batch_free(b);
	nft("list ruleset");
	assert_contains(out, "\tcomment \"a table\"\n}");
}

/* --- out of memory --- */

#if OOM_WORKS
static int change(struct nlsock *nl)
{
	struct nft_batch *b = NULL;
	struct ipnet net = net_of("10.0.0.0/9");
	struct ipaddr to = addr_of("10.1.2.3");
	struct nft_rule *r;
	struct nerr err;
	int ret;

	if (nft_batch_new(&b, &err) < 0)
		return -ENOMEM;
	put_ground(b);
	for (unsigned i = 0; i < 20; i++) {
		r = nft_rule_new(NFPROTO_INET, "t", "checks");
		nft_rule_saddr(r, &net, true);
		nft_rule_dport(r, IPPROTO_TCP, 1, 9);
		nft_rule_fib_daddr_local(r);
		nft_rule_ct_state(r, 8);
		nft_rule_counter(r);
		nft_rule_dnat(r, &to, 80);
		nft_rule_comment(r, "comment");
		nft_rule_tag(r, "tag");
		nft_batch_append(b, r);
	}
	r = nft_rule_new(NFPROTO_INET, "t", "post");
	nft_rule_xt_match(r, "comment", 0, "hello", 6);
	nft_rule_jump(r, NFT_JUMP, "checks");
	free(nft_rule_text(r));
	nft_rule_free(r);
	nft_batch_flush_chain(b, NFPROTO_INET, "t", "checks");
	ret = nft_batch_commit(b, nl, 0, &err);
	nft_batch_free(b);
	return ret;
}

static void no_allocation_is_missed(void **state)
{
	unsigned failures = 0;

	for (unsigned n = 1;; n++) {
		long left;
		int r;

		oom_begin(n);
		r = change(*state);
		if (oom_countdown > 0) { /* none failed */
			assert_int_equal(r, 0);
			assert_int_equal(oom_end(), 0);
			break;
		}
		left = oom_end();
		assert_int_equal(left, 0);
		/* The text of a rule is the only thing that is allowed to be
		 * missing.
		 */
		assert_true(r == -ENOMEM || r == 0);
		failures += r == -ENOMEM;
	}
	assert_true(failures > 200);
}
#endif

#define T(fn) cmocka_unit_test_setup_teardown(fn, nft_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tables_and_chains_are_printed_as_asked),
		T(chains_of_all_families_are_made),
		T(rules_are_appended_and_inserted_in_order),
		T(a_batch_can_be_used_again),
		T(thousands_of_rules_are_one_transaction),
		T(one_bad_rule_leaves_nothing),
		T(what_is_refused_at_the_end_leaves_nothing_either),
		T(what_is_missing_is_named),
		T(a_name_that_is_too_long_is_refused),
		T(a_passed_generation_is_refused),
		T(a_chain_that_exists_is_left_alone),
		T(another_base_chain_of_that_name_is_an_error),
		T(a_chain_deleted_in_the_batch_is_made_again),
		T(a_refusal_beside_a_chain_that_exists_is_reported),
		T(rules_are_deleted_by_handle),
		T(a_chain_is_flushed_and_refilled_at_once),
		T(a_chain_in_use_is_not_deleted),
#if OOM_WORKS
		T(no_allocation_is_missed),
#endif
	};

	return cmocka_run_group_tests_name("nft/batch", tests, mounts_private, NULL);
}
