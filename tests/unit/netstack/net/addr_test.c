/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/addr.h"

#include <errno.h>

#include "tests/unit/netstack/rig.h"

static struct net *net_of(struct rig *r)
{
	return &r->st->net;
}

static struct net_addr_conf conf_of(const struct rig *r, unsigned int link, struct ip6_addr addr,
				    uint8_t len)
{
	return (struct net_addr_conf){
		.ifindex = r->link[link].ifindex, .addr = addr, .prefix_len = len, .no_dad = true
	};
}

static void setup(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
}

static const struct route_conf *route_to(struct rig *r, struct ip6_addr dst)
{
	return route_lookup(net_of(r)->routes, dst, 0, net_iface_usable, net_of(r));
}

static void loopback_is_there(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(127, 0, 0, 1), 0), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(127, 255, 3, 4), 0), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(128, 0, 0, 1), 0), IP_ADDR_NONE);
	assert_int_equal(ip_addr_type(net_of(&r), IP6_LOOPBACK, 0), IP_ADDR_LOCAL);
	rig_done(&r);
}

static void an_address_brings_its_routes(void **state)
{
	struct net_addr_conf c;
	uint32_t routes;
	struct rig r;

	(void)state;
	setup(&r);
	routes = route_n(net_of(&r)->routes);
	c = conf_of(&r, 0, RIG_US4, 24);
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(route_to(&r, RIG_US4)->type, ROUTE_LOCAL);
	assert_int_equal(route_to(&r, RIG_PEER4)->type, ROUTE_UNICAST);
	assert_true(ip6_addr_eq(route_to(&r, RIG_PEER4)->src, RIG_US4));
	assert_int_equal(route_to(&r, rig_ip4(10, 0, 0, 255))->type, ROUTE_BROADCAST);
	assert_null(route_to(&r, rig_ip4(10, 0, 1, 0)));
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US4, 0), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(10, 0, 0, 255), 0), IP_ADDR_BROADCAST);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(10, 0, 0, 0), 0), IP_ADDR_NONE);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_PEER4, 0), IP_ADDR_NONE);
	assert_int_equal(netstack_addr_del(r.st, &c), 0);
	assert_int_equal(route_n(net_of(&r)->routes), routes);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US4, 0), IP_ADDR_NONE);

	c = conf_of(&r, 0, RIG_US6, 64);
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(route_to(&r, RIG_US6)->type, ROUTE_LOCAL);
	assert_int_equal(route_to(&r, RIG_PEER6)->metric, 256);
	assert_int_equal(netstack_addr_del(r.st, &c), 0);
	assert_int_equal(route_n(net_of(&r)->routes), routes);
	rig_done(&r);
}

static void networks_without_a_broadcast_address(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, rig_ip4(10, 0, 0, 2), 31); /* RFC 3021 */
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(route_to(&r, rig_ip4(10, 0, 0, 3))->type, ROUTE_UNICAST);
	c = conf_of(&r, 0, rig_ip4(10, 9, 0, 1), 32);
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(route_to(&r, rig_ip4(10, 9, 0, 1))->type, ROUTE_LOCAL);
	assert_null(route_to(&r, rig_ip4(10, 9, 0, 2)));
	c = conf_of(&r, 1, rig_ip4(10, 8, 0, 1), 0); /* everything is on link */
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(route_to(&r, rig_ip4(99, 9, 0, 2))->ifindex, r.link[1].ifindex);
	assert_int_equal(ip_addr_type(net_of(&r), ip6_addr_of_ip4(IP4_BROADCAST), 0),
			 IP_ADDR_BROADCAST);
	rig_done(&r);
}

static void two_addresses_in_one_network(void **state)
{
	struct net_addr_conf a, b;
	uint32_t routes;
	struct rig r;

	(void)state;
	setup(&r);
	routes = route_n(net_of(&r)->routes);
	a = conf_of(&r, 0, rig_ip4(10, 0, 0, 1), 24);
	b = conf_of(&r, 0, rig_ip4(10, 0, 0, 7), 24);
	assert_int_equal(netstack_addr_add(r.st, &a), 0);
	assert_int_equal(netstack_addr_add(r.st, &b), 0);
	assert_true(ip6_addr_eq(route_to(&r, RIG_PEER4)->src, a.addr));
	assert_int_equal(netstack_addr_del(r.st, &a), 0);
	assert_true(ip6_addr_eq(route_to(&r, RIG_PEER4)->src, b.addr));
	assert_int_equal(route_to(&r, rig_ip4(10, 0, 0, 255))->type, ROUTE_BROADCAST);
	assert_int_equal(netstack_addr_add(r.st, &a), 0);
	assert_int_equal(netstack_addr_del(r.st, &a), 0); /* the second one goes: nothing changes */
	assert_true(ip6_addr_eq(route_to(&r, RIG_PEER4)->src, b.addr));
	assert_int_equal(netstack_addr_del(r.st, &b), 0);
	assert_int_equal(route_n(net_of(&r)->routes), routes);
	rig_done(&r);
}

static void a_prefix_route_may_be_unwanted(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, RIG_US4, 24);
	c.no_prefix_route = true;
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_null(route_to(&r, RIG_PEER4));
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US4, 0), IP_ADDR_LOCAL);
	rig_done(&r);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, rig_ip4(224, 0, 0, 1), 24);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, rig_ip4(255, 255, 255, 255), 24);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, rig_ip4(0, 0, 0, 0), 24);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, RIG_US4, 33);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, IP6_UNSPECIFIED, 64);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, IP6_ALL_NODES, 64);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, RIG_US6, 129);
	assert_int_equal(netstack_addr_add(r.st, &c), -EINVAL);
	c = conf_of(&r, 0, RIG_US4, 24);
	c.ifindex = 9;
	assert_int_equal(netstack_addr_add(r.st, &c), -ENODEV);
	assert_int_equal(netstack_addr_del(r.st, &c), -EADDRNOTAVAIL);
	c = conf_of(&r, 0, RIG_US4, 24);
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(netstack_addr_add(r.st, &c), -EEXIST);
	c.prefix_len = 25;
	assert_int_equal(netstack_addr_del(r.st, &c), -EADDRNOTAVAIL);
	rig_done(&r);
}

/* Link-local addresses mean something on their link only; each link may have the same one. */
static void link_local_addresses(void **state)
{
	const struct ip6_addr ll = { UINT64_C(0xfe80) << 48, 1 };
	struct net_addr_conf a, b;
	struct rig r;

	(void)state;
	setup(&r);
	a = conf_of(&r, 0, ll, 64);
	b = conf_of(&r, 1, ll, 64);
	assert_int_equal(netstack_addr_add(r.st, &a), 0);
	assert_int_equal(ip_addr_type(net_of(&r), ll, r.link[0].ifindex), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), ll, 0), IP_ADDR_LOCAL);
	assert_int_equal(netstack_addr_add(r.st, &b), 0);
	assert_int_equal(netstack_addr_del(r.st, &a), 0);
	assert_int_equal(ip_addr_type(net_of(&r), ll, r.link[1].ifindex), IP_ADDR_LOCAL);
	assert_ptr_not_equal(addr_lookup(net_of(&r), ll, r.link[1].ifindex), NULL);
	assert_null(addr_lookup(net_of(&r), ll, r.link[0].ifindex));
	rig_done(&r);
}

/* While the link is down, IPv6 addresses are not in use; when it comes up again, they are.  IPv4
 * ones are ours all the time, as on Linux.
 */
static void addresses_of_a_link_that_is_down(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, RIG_US4, 24);
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US4, 0), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), rig_ip4(10, 0, 0, 255), 0), IP_ADDR_NONE);
	assert_null(route_to(&r, RIG_PEER4));
	c = conf_of(&r, 0, RIG_US6, 64); /* one more, in between */
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(addr_lookup(net_of(&r), RIG_US6, 0)->state, NET_ADDR_TENTATIVE);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US4, 0), IP_ADDR_LOCAL);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US6, 0), IP_ADDR_LOCAL);
	assert_non_null(route_to(&r, RIG_PEER4));
	rig_done(&r);
}

static void an_address_is_tentative_while_it_is_looked_for(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, RIG_US6, 64);
	c.no_dad = false;
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(addr_lookup(net_of(&r), RIG_US6, 0)->state, NET_ADDR_TENTATIVE);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US6, 0), IP_ADDR_NONE);
	assert_int_equal(ip_addr_check_bind(net_of(&r), RIG_US6, 0), -EADDRNOTAVAIL);
	rig_sleep(&r, 3000); /* a random second, and one for answers */
	assert_int_equal(addr_lookup(net_of(&r), RIG_US6, 0)->state, NET_ADDR_PREFERRED);
	assert_int_equal(ip_addr_check_bind(net_of(&r), RIG_US6, 0), 0);
	rig_done(&r);
}

static void a_duplicate_is_not_used(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, RIG_US6, 64);
	c.no_dad = false;
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	addr_dad_failed(net_of(&r), addr_lookup(net_of(&r), RIG_US6, 0));
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US6, 0), IP_ADDR_NONE);
	assert_int_equal(netstack_ip_stats(r.st)->dad_duplicates, 1);
	assert_int_equal(netstack_addr_del(r.st, &c), 0);
	rig_done(&r);
}

static void deprecated_ones_are_ours_still(void **state)
{
	struct net_addr_conf c;
	struct rig r;

	(void)state;
	setup(&r);
	c = conf_of(&r, 0, RIG_US6, 64);
	c.deprecated = true;
	assert_int_equal(netstack_addr_add(r.st, &c), 0);
	assert_int_equal(addr_lookup(net_of(&r), RIG_US6, 0)->state, NET_ADDR_DEPRECATED);
	assert_int_equal(ip_addr_type(net_of(&r), RIG_US6, 0), IP_ADDR_LOCAL);
	rig_done(&r);
}

static void what_sockets_may_bind_to(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	rig_addr_add(&r, 0, RIG_US4, 24);
	assert_int_equal(ip_addr_check_bind(net_of(&r), IP6_UNSPECIFIED, 0), 0);
	assert_int_equal(ip_addr_check_bind(net_of(&r), ip6_addr_of_ip4(0), 0), 0);
	assert_int_equal(ip_addr_check_bind(net_of(&r), RIG_US4, 0), 0);
	assert_int_equal(ip_addr_check_bind(net_of(&r), RIG_PEER4, 0), -EADDRNOTAVAIL);
	assert_int_equal(ip_addr_check_bind(net_of(&r), rig_ip4(224, 0, 0, 251), 0), 0);
	assert_int_equal(ip_addr_check_bind(net_of(&r), rig_ip4(10, 0, 0, 255), 0), 0);
	assert_int_equal(ip_addr_check_bind(net_of(&r), IP6_ALL_NODES, 0), 0);
	rig_done(&r);
}

/* So many that the hash table grows some times, in both directions. */
static void many_addresses(void **state)
{
	uint32_t routes;
	struct rig r;

	(void)state;
	setup(&r);
	routes = route_n(net_of(&r)->routes);
	for (uint32_t i = 0; i < 1000; i++) {
		rig_addr_add(&r, 0, ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1) + i), 16);
		rig_addr_add(&r, 0, rig_ip6(RIG_NET6, 1 + i), 64);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		const struct ip6_addr a = ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1) + i);

		assert_int_equal(ip_addr_type(net_of(&r), a, 0), IP_ADDR_LOCAL);
		assert_int_equal(addr_del(net_of(&r), r.link[0].ifindex, a, 16), 0);
		assert_int_equal(ip_addr_type(net_of(&r), a, 0), IP_ADDR_NONE);
		assert_int_equal(ip_addr_type(net_of(&r), rig_ip6(RIG_NET6, 1 + i), 0),
				 IP_ADDR_LOCAL);
	}
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_int_equal(route_n(net_of(&r)->routes), routes);
	rig_done(&r);
}

/* Whatever allocation fails: nothing is left, and it works the next time. */
static void memory_may_be_short(void **state)
{
	const struct ip6_addr addr[] = { RIG_US4, RIG_US6 };
	uint64_t fail = 0;
	uint32_t routes;
	struct rig r;

	(void)state;
	setup(&r);
	routes = route_n(net_of(&r)->routes);
	for (unsigned int i = 0; i < 2; i++) {
		const struct net_addr_conf c = conf_of(&r, 0, addr[i], 24);
		int err;

		do {
			r.tm.fail_in = ++fail;
			err = netstack_addr_add(r.st, &c);
			r.tm.fail_in = 0;
			if (err == 0)
				assert_int_equal(netstack_addr_del(r.st, &c), 0);
			else
				assert_int_equal(err, -ENOMEM);
			assert_int_equal(route_n(net_of(&r)->routes), routes);
			assert_null(addr_lookup(net_of(&r), addr[i], 0));
			assert_null(group_lookup(net_of(&r), r.link[0].ifindex,
						 ip6_addr_solicited(addr[i])));
		} while (err);
		fail = 0;
	}
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_there),
		cmocka_unit_test(an_address_brings_its_routes),
		cmocka_unit_test(networks_without_a_broadcast_address),
		cmocka_unit_test(two_addresses_in_one_network),
		cmocka_unit_test(a_prefix_route_may_be_unwanted),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(link_local_addresses),
		cmocka_unit_test(addresses_of_a_link_that_is_down),
		cmocka_unit_test(an_address_is_tentative_while_it_is_looked_for),
		cmocka_unit_test(a_duplicate_is_not_used),
		cmocka_unit_test(deprecated_ones_are_ours_still),
		cmocka_unit_test(what_sockets_may_bind_to),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(memory_may_be_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
