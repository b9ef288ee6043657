/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/netstack/rig.h"

#define LL(id) rig_ip6(UINT64_C(0xfe80) << 48, id)

static void add(struct rig *r, unsigned int link, struct ip6_addr addr, uint8_t len,
		bool deprecated)
{
	const struct net_addr_conf c = {
		.ifindex = r->link[link].ifindex,
		.addr = addr,
		.prefix_len = len,
		.no_dad = true,
		.deprecated = deprecated,
	};

	assert_int_equal(netstack_addr_add(r->st, &c), 0);
}

static void setup(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
}

static struct ip6_addr selected(struct rig *r, unsigned int link, struct ip6_addr dst)
{
	const struct net_addr *a = addr_select(&r->st->net, r->link[link].ifindex, dst);

	return a ? a->conf.addr : IP6_UNSPECIFIED;
}

#define assert_selected(r, link, dst, want)                                                        \
	assert_true(ip6_addr_eq(selected((r), (link), (dst)), (want)))

static void ip4_prefers_the_network_then_the_first(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	assert_selected(&r, 0, rig_ip4(8, 8, 8, 8), IP6_UNSPECIFIED); /* not 127.0.0.1 */
	add(&r, 0, rig_ip4(10, 0, 0, 1), 24, false);
	add(&r, 0, rig_ip4(10, 1, 0, 1), 24, false);
	add(&r, 1, rig_ip4(10, 2, 0, 1), 24, false);
	assert_selected(&r, 0, rig_ip4(8, 8, 8, 8), rig_ip4(10, 0, 0, 1));
	assert_selected(&r, 0, rig_ip4(10, 1, 0, 9), rig_ip4(10, 1, 0, 1));
	assert_selected(&r, 1, rig_ip4(10, 1, 0, 9), rig_ip4(10, 2, 0, 1));
	rig_done(&r);
}

static void ip4_of_another_interface_if_need_be(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, rig_ip4(169, 254, 0, 1), 16, false);
	assert_selected(&r, 1, rig_ip4(8, 8, 8, 8), IP6_UNSPECIFIED);
	assert_selected(&r, 0, rig_ip4(169, 254, 0, 9), rig_ip4(169, 254, 0, 1));
	add(&r, 0, rig_ip4(10, 0, 0, 1), 24, true);
	assert_selected(&r, 0, rig_ip4(8, 8, 8, 8), rig_ip4(169, 254, 0, 1));
	rig_done(&r);

	setup(&r);
	add(&r, 0, rig_ip4(10, 0, 0, 1), 24, false);
	assert_selected(&r, 1, rig_ip4(8, 8, 8, 8), rig_ip4(10, 0, 0, 1));
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_selected(&r, 1, rig_ip4(8, 8, 8, 8), rig_ip4(10, 0, 0, 1));
	rig_done(&r);
}

static void rule_1_the_same_address(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, RIG_US6, 64, false);
	add(&r, 0, rig_ip6(RIG_NET6, 5), 64, true);
	assert_selected(&r, 0, rig_ip6(RIG_NET6, 5), rig_ip6(RIG_NET6, 5));
	rig_done(&r);
}

static void rule_2_scope(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, LL(1), 64, false);
	add(&r, 0, RIG_US6, 64, true);
	assert_selected(&r, 0, rig_ip6(RIG_NET6 + 5, 1), RIG_US6); /* although deprecated */
	assert_selected(&r, 0, LL(9), LL(1));
	assert_selected(&r, 0, IP6_ALL_NODES, LL(1));
	assert_selected(&r, 0, rig_ip6(UINT64_C(0xff0e) << 48, 9), RIG_US6);
	/* Of another link a link-local address says nothing. */
	assert_selected(&r, 1, LL(9), IP6_UNSPECIFIED);
	assert_selected(&r, 1, IP6_ALL_NODES, IP6_UNSPECIFIED);
	assert_selected(&r, 1, rig_ip6(RIG_NET6 + 5, 1), RIG_US6);
	rig_done(&r);
}

static void rule_3_deprecated(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, rig_ip6(RIG_NET6, 1), 64, true);
	add(&r, 0, rig_ip6(RIG_NET6 + 1, 1), 64, false);
	assert_selected(&r, 0, rig_ip6(RIG_NET6, 9), rig_ip6(RIG_NET6 + 1, 1));
	rig_done(&r);
}

static void rule_5_outgoing_interface(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, rig_ip6(RIG_NET6, 1), 64, false);
	add(&r, 1, rig_ip6(RIG_NET6 + (1ULL << 32), 1), 64, false);
	assert_selected(&r, 1, rig_ip6(RIG_NET6, 9), rig_ip6(RIG_NET6 + (1ULL << 32), 1));
	assert_selected(&r, 0, rig_ip6(RIG_NET6, 9), rig_ip6(RIG_NET6, 1));
	rig_done(&r);
}

static void rule_6_label(void **state)
{
	const struct ip6_addr ula = { UINT64_C(0xfd00) << 48 | 1, 1 };
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, ula, 64, false);
	add(&r, 0, RIG_US6, 64, false);
	assert_selected(&r, 0, rig_ip6(UINT64_C(0x2a00) << 48, 9), RIG_US6);
	assert_selected(&r, 0, rig_ip6(UINT64_C(0xfd77) << 48, 9), ula);
	rig_done(&r);
}

static void rule_8_longest_prefix(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	add(&r, 0, rig_ip6(UINT64_C(0x20010db8aaaa0000), 1), 64, false);
	add(&r, 0, rig_ip6(UINT64_C(0x20010db8bbbb0000), 1), 64, false);
	assert_selected(&r, 0, rig_ip6(UINT64_C(0x20010db8bbbb0001), 1),
			rig_ip6(UINT64_C(0x20010db8bbbb0000), 1));
	assert_selected(&r, 0, rig_ip6(UINT64_C(0x20010db8aaaa0001), 1),
			rig_ip6(UINT64_C(0x20010db8aaaa0000), 1));
	rig_done(&r);
}

static void tentative_ones_do_not_count(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = (struct net_addr_conf){ .ifindex = r.link[0].ifindex,
				    .addr = RIG_US6,
				    .prefix_len = 64 };
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_selected(&r, 0, RIG_PEER6, IP6_UNSPECIFIED);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_prefers_the_network_then_the_first),
		cmocka_unit_test(ip4_of_another_interface_if_need_be),
		cmocka_unit_test(rule_1_the_same_address),
		cmocka_unit_test(rule_2_scope),
		cmocka_unit_test(rule_3_deprecated),
		cmocka_unit_test(rule_5_outgoing_interface),
		cmocka_unit_test(rule_6_label),
		cmocka_unit_test(rule_8_longest_prefix),
		cmocka_unit_test(tentative_ones_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
