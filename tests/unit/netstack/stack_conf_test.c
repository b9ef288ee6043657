/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

static void links(void **state)
{
	const struct eth_addr mac = { { 2, 5, 5, 5, 5, 5 } }, group = { { 1, 0, 0, 0, 0, 1 } };
	struct iface_stats s;
	struct rig r;
	uint32_t at;

	(void)state;
	rig_host(&r);
	at = r.link[0].ifindex;
	assert_int_equal(netstack_link_set_up(r.st, 9, true), -ENODEV);
	assert_int_equal(netstack_link_set_mtu(r.st, 9, 1500), -ENODEV);
	assert_int_equal(netstack_link_set_mac(r.st, 9, mac), -ENODEV);
	assert_int_equal(netstack_link_stats(r.st, 9, &s), -ENODEV);
	assert_int_equal(netstack_link_set_mtu(r.st, at, 67), -EINVAL);
	assert_int_equal(netstack_link_set_mtu(r.st, at, 65536), -EINVAL);
	assert_int_equal(netstack_link_set_mtu(r.st, at, 68), 0);
	assert_int_equal(netstack_link_set_mac(r.st, at, group), -EINVAL);
	assert_int_equal(netstack_link_set_mac(r.st, IFACE_LO, mac), -EINVAL);
	assert_int_equal(netstack_link_set_mac(r.st, at, mac), 0);
	assert_true(eth_addr_eq(iface_get(&r.st->net.ifaces, at)->mac, mac));
	rig_done(&r);
}

/* Own packets on their way to us when their interface goes. */
static void packets_to_ourselves_go_with_the_link(void **state)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0),
			     .dst = rig_ip4(10, 0, 0, 255),
			     .proto = 253,
			     .broadcast = true };
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pbuf_alloc(netstack_pool(r.st)), &f, &path), 0);
	f = (struct ip_flow){ .src = ip6_addr_of_ip4(0),
			      .dst = rig_ip4(127, 0, 0, 1),
			      .proto = 253 };
	path.gen = 0;
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pbuf_alloc(netstack_pool(r.st)), &f, &path), 0);
	assert_int_equal(r.st->net.loop.n, 2);
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_int_equal(r.st->net.loop.n, 1);
	assert_int_equal(netstack_link_set_up(r.st, IFACE_LO, false), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.st->net.loop.n, 0);
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 2); /* that, and one to be sent */
	rig_done(&r);
}

static void routes(void **state)
{
	struct route_conf c;
	struct rig r;
	uint32_t gen;

	(void)state;
	rig_host(&r);
	gen = r.st->net.neigh.gen;
	c = (struct route_conf){
		.dst = rig_ip4(20, 0, 0, 0), .dst_len = 8, .is_ip4 = true, .ifindex = 44
	};
	assert_int_equal(netstack_route_add(r.st, &c), -ENODEV);
	c.ifindex = r.link[0].ifindex;
	c.has_gateway = true;
	c.gateway = ip6_addr_of_ip4(0);
	assert_int_equal(netstack_route_add(r.st, &c), -EINVAL);
	c.gateway = rig_ip4(224, 0, 0, 1);
	assert_int_equal(netstack_route_add(r.st, &c), -EINVAL);
	c.gateway = RIG_PEER4;
	assert_int_equal(r.st->net.neigh.gen, gen);
	assert_int_equal(netstack_route_add(r.st, &c), 0);
	assert_int_not_equal(r.st->net.neigh.gen, gen);
	gen = r.st->net.neigh.gen;
	assert_int_equal(netstack_route_add(r.st, &c), -EEXIST);
	assert_int_equal(r.st->net.neigh.gen, gen);
	assert_int_equal(netstack_route_del(r.st, &c), 0);
	assert_int_not_equal(r.st->net.neigh.gen, gen);
	assert_int_equal(netstack_route_del(r.st, &c), -ESRCH);
	rig_done(&r);
}

static void neighbours(void **state)
{
	const struct eth_addr mac = { { 2, 5, 5, 5, 5, 5 } };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(netstack_neigh_add(r.st, 44, RIG_PEER4, mac), -ENODEV);
	assert_int_equal(netstack_neigh_add(r.st, IFACE_LO, RIG_PEER4, mac), -EINVAL);
	assert_int_equal(netstack_neigh_add(r.st, 2, IP6_UNSPECIFIED, mac), -EINVAL);
	assert_int_equal(netstack_neigh_add(r.st, 2, IP6_ALL_NODES, mac), -EINVAL);
	assert_int_equal(netstack_neigh_add(r.st, 2, rig_ip4(10, 0, 0, 50), mac), 0);
	assert_int_equal(netstack_neigh_del(r.st, 2, rig_ip4(10, 0, 0, 50)), 0);
	assert_int_equal(netstack_neigh_del(r.st, 2, rig_ip4(10, 0, 0, 50)), -ENOENT);
	rig_done(&r);
}

static void parameters_are_live(void **state)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0), .dst = RIG_PEER4, .proto = 253 };
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->ttl = 99;
	assert_non_null(netstack_tcp_params(r.st));
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pbuf_alloc(netstack_pool(r.st)), &f, &path), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(rig_sent4(&r, 0, 0).ttl, 99);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(packets_to_ourselves_go_with_the_link),
		cmocka_unit_test(routes),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(parameters_are_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
