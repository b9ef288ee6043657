/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

static struct net *net_of(struct rig *r)
{
	return &r->st->net;
}

static struct ip_flow flow_to(struct ip6_addr dst)
{
	return (struct ip_flow){
		.src = ip6_addr_is_mapped(dst) ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED,
		.dst = dst,
		.proto = IP_PROTO_UDP,
	};
}

static int find(struct rig *r, struct ip_flow *f, struct ip_path *path)
{
	*path = (struct ip_path){ 0 };
	return ip_path_find(net_of(r), f, path);
}

static int find_to(struct rig *r, struct ip6_addr dst)
{
	struct ip_flow f = flow_to(dst);
	struct ip_path path;

	return find(r, &f, &path);
}

static void route_add_to(struct rig *r, struct ip6_addr dst, uint8_t len, enum route_type type,
			 struct ip6_addr gateway)
{
	const struct route_conf c = {
		.dst = dst,
		.dst_len = len,
		.is_ip4 = ip6_addr_is_mapped(dst),
		.ifindex = type < ROUTE_BLACKHOLE ? r->link[0].ifindex : 0,
		.type = (uint8_t)type,
		.has_gateway = !ip6_addr_is_unspecified(gateway),
		.gateway = gateway,
	};

	assert_int_equal(netstack_route_add(r->st, &c), 0);
}

static void a_neighbour(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, RIG_US4));
	assert_int_equal(path.ifindex, r.link[0].ifindex);
	assert_int_equal(path.mtu, RIG_MTU);
	assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr, RIG_PEER4));
	f = flow_to(RIG_PEER6);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, RIG_US6));
	assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr, RIG_PEER6));
	rig_done(&r);
}

static void behind_a_gateway(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(8, 8, 8, 8));
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find(&r, &f, &path), -ENETUNREACH);
	route_add_to(&r, rig_ip4(0, 0, 0, 0), 0, ROUTE_UNICAST, RIG_PEER4);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr, RIG_PEER4));
	/* A gateway of the other family (RFC 5549). */
	route_add_to(&r, rig_ip4(9, 0, 0, 0), 8, ROUTE_UNICAST, RIG_PEER6);
	f = flow_to(rig_ip4(9, 8, 8, 8));
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, RIG_US4));
	assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr, RIG_PEER6));
	rig_done(&r);
}

static void ourselves(void **state)
{
	const struct ip6_addr to[] = { RIG_US4, RIG_US6, rig_ip4(127, 0, 0, 1), IP6_LOOPBACK };
	struct ip_flow f;
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < 4; i++) {
		f = flow_to(to[i]);
		assert_int_equal(find(&r, &f, &path), 0);
		assert_int_equal(path.ifindex, IFACE_LO);
		assert_int_equal(path.neigh, SLAB_NONE);
		assert_int_equal(path.mtu, IFACE_MTU_MAX);
		assert_true(ip6_addr_eq(f.src, to[i]));
	}
	f = flow_to(rig_ip4(127, 9, 9, 9));
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.ifindex, IFACE_LO);
	assert_true(ip6_addr_eq(f.src, rig_ip4(127, 0, 0, 1)));
	/* An unspecified destination is this host, as connect(2) has it on Linux. */
	f = flow_to(ip6_addr_of_ip4(0));
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.dst, rig_ip4(127, 0, 0, 1)));
	assert_true(ip6_addr_eq(f.src, rig_ip4(127, 0, 0, 1)));
	f = flow_to(IP6_UNSPECIFIED);
	f.src = RIG_US6;
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.dst, RIG_US6));
	rig_done(&r);
}

static void routes_that_lead_nowhere(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	route_add_to(&r, rig_ip4(20, 1, 0, 0), 16, ROUTE_BLACKHOLE, IP6_UNSPECIFIED);
	route_add_to(&r, rig_ip4(20, 2, 0, 0), 16, ROUTE_UNREACHABLE, IP6_UNSPECIFIED);
	route_add_to(&r, rig_ip4(20, 3, 0, 0), 16, ROUTE_PROHIBIT, IP6_UNSPECIFIED);
	assert_int_equal(find_to(&r, rig_ip4(20, 1, 0, 1)), -EINVAL);
	assert_int_equal(find_to(&r, rig_ip4(20, 2, 0, 1)), -EHOSTUNREACH);
	assert_int_equal(find_to(&r, rig_ip4(20, 3, 0, 1)), -EACCES);
	assert_int_equal(find_to(&r, rig_ip4(20, 4, 0, 1)), -ENETUNREACH);
	assert_int_equal(find_to(&r, rig_ip6(1, 1)), -ENETUNREACH);
	rig_done(&r);
}

static void a_source_must_be_ours(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	f.src = rig_ip4(10, 0, 0, 99);
	assert_int_equal(find(&r, &f, &path), -EADDRNOTAVAIL);
	f.transparent = true;
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, rig_ip4(10, 0, 0, 99)));
	f.src = ip6_addr_of_ip4(0);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip_is_unspecified(f.src)); /* stays so */
	f = flow_to(RIG_PEER4);
	f.src = rig_ip4(127, 0, 0, 1); /* never on a link */
	assert_int_equal(find(&r, &f, &path), -EINVAL);
	f = flow_to(RIG_PEER6);
	f.src = IP6_LOOPBACK;
	assert_int_equal(find(&r, &f, &path), -EINVAL);
	f.src = RIG_US4; /* family */
	assert_int_equal(find(&r, &f, &path), -EADDRNOTAVAIL);
	rig_done(&r);
}

static void a_source_is_there_or_there_is_no_way(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(8, 8, 8, 8));
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_init(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	route_add_to(&r, rig_ip4(0, 0, 0, 0), 0, ROUTE_UNICAST, IP6_UNSPECIFIED);
	assert_int_equal(find(&r, &f, &path), -ENETUNREACH);
	/* DHCP: who has no address asks all for one. */
	f = flow_to(ip6_addr_of_ip4(IP4_BROADCAST));
	f.broadcast = true;
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip_is_unspecified(f.src));
	rig_done(&r);
}

static void the_route_may_prefer_a_source(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(8, 8, 8, 8));
	struct route_conf c;
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_addr_add(&r, 0, rig_ip4(10, 0, 5, 1), 24);
	c = (struct route_conf){ .dst = rig_ip4(8, 0, 0, 0),
				 .dst_len = 8,
				 .is_ip4 = true,
				 .ifindex = r.link[0].ifindex,
				 .has_src = true,
				 .src = rig_ip4(10, 0, 5, 1),
				 .mtu = 1400 };
	assert_int_equal(netstack_route_add(r.st, &c), 0);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, rig_ip4(10, 0, 5, 1)));
	assert_int_equal(path.mtu, 1400);
	/* When it is not in use, another one is chosen. */
	assert_int_equal(addr_del(net_of(&r), r.link[0].ifindex, c.src, 24), 0);
	f = flow_to(rig_ip4(8, 8, 8, 8));
	assert_int_equal(find(&r, &f, &path), 0);
	assert_true(ip6_addr_eq(f.src, RIG_US4));
	rig_done(&r);
}

static void a_named_interface(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(8, 8, 8, 8));
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 1, 0, 1), 24);
	f.oif = r.link[1].ifindex;
	assert_int_equal(find(&r, &f, &path), 0); /* without a route: it is on link */
	assert_int_equal(path.ifindex, r.link[1].ifindex);
	assert_true(ip6_addr_eq(f.src, rig_ip4(10, 1, 0, 1)));
	assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr, f.dst));
	f = flow_to(rig_ip6(1, 1));
	f.oif = r.link[1].ifindex;
	assert_int_equal(find(&r, &f, &path), -ENETUNREACH); /* but not for IPv6 */
	f = flow_to(rig_ip6(UINT64_C(0xfe80) << 48, 9));
	f.oif = r.link[1].ifindex;
	assert_int_equal(find(&r, &f, &path), -ENETUNREACH); /* there is no address for it, */
	rig_addr_add(&r, 1, rig_ip6(UINT64_C(0xfe80) << 48, 1), 64);
	assert_int_equal(find(&r, &f, &path), 0); /* and now there is */
	f.oif = 44;
	assert_int_equal(find(&r, &f, &path), -ENODEV);
	assert_int_equal(netstack_link_set_up(r.st, r.link[1].ifindex, false), 0);
	f.oif = r.link[1].ifindex;
	assert_int_equal(find(&r, &f, &path), -ENETDOWN);
	rig_done(&r);
}

static void groups_and_broadcast(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(224, 0, 0, 251));
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 1, 0, 1), 24);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.ifindex, r.link[0].ifindex);
	assert_int_equal(path.neigh, SLAB_NONE);
	assert_true(ip6_addr_eq(f.src, RIG_US4));
	f = flow_to(rig_ip4(224, 0, 0, 251)); /* the source says which link */
	f.src = rig_ip4(10, 1, 0, 1);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.ifindex, r.link[1].ifindex);

	f = flow_to(ip6_addr_of_ip4(IP4_BROADCAST));
	assert_int_equal(find(&r, &f, &path), -EACCES);
	f.broadcast = true;
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.neigh, SLAB_NONE);
	f = flow_to(rig_ip4(10, 1, 0, 255));
	assert_int_equal(find(&r, &f, &path), -EACCES);
	f.broadcast = true;
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.ifindex, r.link[1].ifindex);
	assert_int_equal(path.neigh, SLAB_NONE);
	rig_done(&r);
}

static void no_ip6_on_a_narrow_link(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find_to(&r, RIG_PEER6), 0);
	assert_int_equal(netstack_link_set_mtu(r.st, r.link[0].ifindex, 1279), 0);
	assert_int_equal(find_to(&r, RIG_PEER6), -ENETUNREACH);
	assert_int_equal(find_to(&r, RIG_PEER4), 0);
	rig_done(&r);
}

/* A path that is remembered is used as it is, until something changes. */
static void paths_hold_until_something_changes(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path, other;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find(&r, &f, &path), 0);
	other = path;
	other.mtu = 77;
	assert_int_equal(ip_path_find(net_of(&r), &f, &other), 0);
	assert_int_equal(other.mtu, 77); /* it was not looked at */
	rig_addr_add(&r, 0, rig_ip4(10, 0, 7, 1), 24);
	assert_int_equal(ip_path_find(net_of(&r), &f, &other), 0);
	assert_int_equal(other.mtu, RIG_MTU);
	other.mtu = 77;
	route_add_to(&r, rig_ip4(8, 0, 0, 0), 8, ROUTE_UNICAST, RIG_PEER4);
	assert_int_equal(ip_path_find(net_of(&r), &f, &other), 0);
	assert_int_equal(other.mtu, RIG_MTU);
	assert_int_equal(netstack_link_set_mtu(r.st, r.link[0].ifindex, 1400), 0);
	assert_int_equal(ip_path_find(net_of(&r), &f, &other), 0);
	assert_int_equal(other.mtu, 1400);
	assert_int_equal(netstack_neigh_del(r.st, r.link[0].ifindex, RIG_PEER4), 0);
	assert_int_not_equal(other.gen, net_of(&r)->neigh.gen);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(ip_path_find(net_of(&r), &f, &other), -ENETUNREACH);
	rig_done(&r);
}

static void generation_0_never_is(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	net_of(&r)->neigh.gen = UINT32_MAX;
	net_changed(net_of(&r));
	assert_int_equal(net_of(&r)->neigh.gen, 1);
	net_of(&r)->neigh.gen = UINT32_MAX;
	assert_int_equal(netstack_neigh_del(r.st, r.link[0].ifindex, RIG_PEER4), 0);
	assert_int_equal(net_of(&r)->neigh.gen, 1);
	rig_done(&r);
}

static void a_path_may_be_narrower(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find(&r, &f, &path), 0);
	ip_pmtu_update(net_of(&r), RIG_PEER4, 1000);
	assert_int_equal(netstack_ip_stats(r.st)->pmtu_updates, 1);
	assert_int_not_equal(path.gen, net_of(&r)->neigh.gen);
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	assert_int_equal(path.mtu, 1000);
	assert_false(path.mtu_locked);
	ip_pmtu_update(net_of(&r), RIG_PEER4, 1600); /* no news */
	ip_pmtu_update(net_of(&r), RIG_US4, 100);    /* nonsense */
	ip_pmtu_update(net_of(&r), rig_ip4(99, 9, 9, 9), 1000);
	assert_int_equal(netstack_ip_stats(r.st)->pmtu_updates, 1);
	f.pmtu_probe = true; /* what is known does not count */
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.mtu, RIG_MTU);
	f.pmtu_probe = false;
	ip_pmtu_update(net_of(&r), RIG_PEER4, 100); /* less than anybody believes */
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.mtu, 552);
	assert_true(path.mtu_locked);
	rig_sleep(&r, 600 * 1000 + 1000);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(path.mtu, RIG_MTU);
	rig_done(&r);
}

static void progress_confirms_the_neighbour(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(10, 0, 0, 3));
	struct ip_path path;
	struct neigh *n;
	struct rig r;

	(void)state;
	rig_host(&r);
	neigh_learn(&net_of(&r)->neigh, r.link[0].ifindex, f.dst, &r.link[0].peer, false, true,
		    true);
	assert_int_equal(find(&r, &f, &path), 0);
	n = neigh_by_id(&net_of(&r)->neigh, path.neigh);
	assert_int_equal(n->state, NEIGH_STALE);
	ip_path_confirm(net_of(&r), &path);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(neigh_del(&net_of(&r)->neigh, r.link[0].ifindex, f.dst), 0);
	ip_path_confirm(net_of(&r), &path); /* no longer holds: nothing */
	f = flow_to(RIG_US4);
	assert_int_equal(find(&r, &f, &path), 0);
	ip_path_confirm(net_of(&r), &path); /* has none */
	rig_done(&r);
}

static void how_much_at_once(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(find(&r, &f, &path), 0);
	assert_int_equal(ip_path_gso_max(net_of(&r), &path, true), 65535 - 20);
	assert_int_equal(ip_path_gso_max(net_of(&r), &path, false), 65535 - 40);
	iface_get(&net_of(&r)->ifaces, r.link[0].ifindex)->gso_max = 5000;
	assert_int_equal(ip_path_gso_max(net_of(&r), &path, true), 4980);
	path.ifindex = 50;
	assert_int_equal(ip_path_gso_max(net_of(&r), &path, true), 0);
	rig_done(&r);
}

static void the_neighbour_table_may_be_full(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; net_of(&r)->neigh.slab.n < NEIGH_TABLE_MAX; i++)
		assert_int_equal(netstack_neigh_add(r.st, r.link[0].ifindex,
						    ip6_addr_of_ip4(0x14000001U + i),
						    r.link[0].peer),
				 0);
	assert_int_equal(find_to(&r, rig_ip4(10, 0, 0, 77)), -ENOBUFS);
	assert_int_equal(find_to(&r, RIG_PEER4), 0);
	rig_done(&r);
}

/* More destinations than ways are remembered; each is right, again and again. */
static void many_destinations(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < 4; i++) {
		const struct route_conf c = { .dst = rig_ip4((uint8_t)(20 + i), 0, 0, 0),
					      .dst_len = 8,
					      .is_ip4 = true,
					      .ifindex = r.link[0].ifindex,
					      .has_gateway = true,
					      .gateway = rig_ip4(10, 0, 0, (uint8_t)(10 + i)) };

		assert_int_equal(netstack_route_add(r.st, &c), 0);
	}
	for (unsigned int k = 0; k < 3; k++) {
		for (uint32_t i = 0; i < 1000; i++) {
			struct ip_flow f = flow_to(
				rig_ip4((uint8_t)(20 + i % 4), 1, (uint8_t)(i >> 8), (uint8_t)i));
			struct ip_path path;

			assert_int_equal(find(&r, &f, &path), 0);
			assert_true(ip6_addr_eq(neigh_by_id(&net_of(&r)->neigh, path.neigh)->addr,
						rig_ip4(10, 0, 0, (uint8_t)(10 + i % 4))));
		}
	}
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_neighbour),
		cmocka_unit_test(behind_a_gateway),
		cmocka_unit_test(ourselves),
		cmocka_unit_test(routes_that_lead_nowhere),
		cmocka_unit_test(a_source_must_be_ours),
		cmocka_unit_test(a_source_is_there_or_there_is_no_way),
		cmocka_unit_test(the_route_may_prefer_a_source),
		cmocka_unit_test(a_named_interface),
		cmocka_unit_test(groups_and_broadcast),
		cmocka_unit_test(no_ip6_on_a_narrow_link),
		cmocka_unit_test(paths_hold_until_something_changes),
		cmocka_unit_test(generation_0_never_is),
		cmocka_unit_test(a_path_may_be_narrower),
		cmocka_unit_test(progress_confirms_the_neighbour),
		cmocka_unit_test(how_much_at_once),
		cmocka_unit_test(the_neighbour_table_may_be_full),
		cmocka_unit_test(many_destinations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
