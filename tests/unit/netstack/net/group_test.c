/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

#define GROUP4 rig_ip4(239, 1, 2, 3)
#define GROUP6 rig_ip6(UINT64_C(0xff05) << 48, 0x77)

static struct net *net_of(struct rig *r)
{
	return &r->st->net;
}

static void setup(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
}

static void every_host_is_in_the_groups_of_all_hosts(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	assert_non_null(
		group_lookup(net_of(&r), r.link[0].ifindex, ip6_addr_of_ip4(IP4_ALL_HOSTS)));
	assert_non_null(group_lookup(net_of(&r), r.link[1].ifindex, IP6_ALL_NODES));
	assert_null(group_lookup(net_of(&r), r.link[1].ifindex, IP6_ALL_ROUTERS));
	assert_null(group_lookup(net_of(&r), 33, IP6_ALL_NODES));
	rig_done(&r);
}

static void joins_are_counted(void **state)
{
	const struct ip6_addr group[] = { GROUP4, GROUP6 };
	uint32_t ifindex;
	struct rig r;

	(void)state;
	setup(&r);
	for (unsigned int i = 0; i < 2; i++) {
		const uint32_t at = r.link[0].ifindex;

		assert_int_equal(ip_group_join(net_of(&r), at, group[i], &ifindex), 0);
		assert_int_equal(ifindex, at);
		assert_int_equal(ip_group_join(net_of(&r), at, group[i], NULL), 0);
		assert_null(group_lookup(net_of(&r), r.link[1].ifindex, group[i]));
		assert_int_equal(ip_group_leave(net_of(&r), at, group[i]), 0);
		assert_non_null(group_lookup(net_of(&r), at, group[i]));
		assert_int_equal(ip_group_leave(net_of(&r), at, group[i]), 0);
		assert_null(group_lookup(net_of(&r), at, group[i]));
		assert_int_equal(ip_group_leave(net_of(&r), at, group[i]), -EADDRNOTAVAIL);
	}
	rig_done(&r);
}

static void addresses_join_their_solicited_node_group(void **state)
{
	const struct ip6_addr same = { RIG_NET6 + 1, 1 }; /* of the same group */
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	rig_addr_add(&r, 0, RIG_US6, 64);
	rig_addr_add(&r, 0, same, 64);
	c = (struct net_addr_conf){ .ifindex = r.link[0].ifindex,
				    .addr = RIG_US6,
				    .prefix_len = 64 };
	assert_int_equal(netstack_addr_del(r.st, &c), 0);
	assert_non_null(group_lookup(net_of(&r), r.link[0].ifindex, ip6_addr_solicited(same)));
	c.addr = same;
	assert_int_equal(netstack_addr_del(r.st, &c), 0);
	assert_null(group_lookup(net_of(&r), r.link[0].ifindex, ip6_addr_solicited(same)));
	rig_done(&r);
}

static void the_interface_may_be_left_open(void **state)
{
	struct route_conf route;
	uint32_t ifindex;
	struct rig r;

	(void)state;
	setup(&r);
	assert_int_equal(ip_group_join(net_of(&r), 0, GROUP4, &ifindex), 0);
	assert_int_equal(ifindex, r.link[0].ifindex); /* the first one that is up */
	route = (struct route_conf){ .dst = rig_ip4(224, 0, 0, 0),
				     .dst_len = 4,
				     .is_ip4 = true,
				     .ifindex = r.link[1].ifindex };
	assert_int_equal(netstack_route_add(r.st, &route), 0);
	assert_int_equal(ip_group_join(net_of(&r), 0, GROUP4, &ifindex), 0);
	assert_int_equal(ifindex, r.link[1].ifindex);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[1].ifindex, false), 0);
	assert_int_equal(ip_group_join(net_of(&r), 0, GROUP6, &ifindex), -ENODEV);
	rig_done(&r);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	assert_int_equal(ip_group_join(net_of(&r), 2, RIG_US4, NULL), -EINVAL);
	assert_int_equal(ip_group_join(net_of(&r), 2, RIG_US6, NULL), -EINVAL);
	assert_int_equal(ip_group_join(net_of(&r), 99, GROUP4, NULL), -ENODEV);
	assert_int_equal(ip_group_leave(net_of(&r), 99, GROUP4), -EADDRNOTAVAIL);
	r.tm.fail_in = 1;
	assert_int_equal(ip_group_join(net_of(&r), 2, GROUP4, NULL), -ENOMEM);
	assert_null(group_lookup(net_of(&r), 2, GROUP4));
	rig_done(&r);
}

static void groups_go_with_their_interface(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	assert_int_equal(ip_group_join(net_of(&r), r.link[0].ifindex, GROUP4, NULL), 0);
	assert_int_equal(ip_group_join(net_of(&r), r.link[0].ifindex, GROUP6, NULL), 0);
	assert_int_equal(ip_group_join(net_of(&r), IFACE_LO, GROUP6, NULL), 0);
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_null(group_lookup(net_of(&r), r.link[0].ifindex, GROUP4));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_host_is_in_the_groups_of_all_hosts),
		cmocka_unit_test(joins_are_counted),
		cmocka_unit_test(addresses_join_their_solicited_node_group),
		cmocka_unit_test(the_interface_may_be_left_open),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(groups_go_with_their_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
