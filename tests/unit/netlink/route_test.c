/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/route.h"

#include <net/if.h>

#include <linux/rtnetlink.h>

#include "netlink/addr.h"
#include "tests/unit/netns_fixture.h"

/* Two pairs that are up, with an address of each family on a0. */
static int routed_setup(void **state)
{
	const struct ipnet v4 = net_of("10.1.0.2/24");
	const struct ipnet v6 = net_of("fd01::2/64");
	struct nlsock *nl;
	struct nerr err;

	netns_setup(state);
	nl = *state;
	veth_pair(nl, "a0", "b0");
	veth_pair(nl, "c0", "d0");
	links_up(nl, "a0", "b0");
	links_up(nl, "c0", "d0");
	addr_put(nl, ifindex_of(nl, "a0"), "a0", &v4, false);
	addr_put(nl, ifindex_of(nl, "a0"), "a0", &v6, true);
	assert_ok(nlsock_commit(nl, &err), err);
	return 0;
}

/* Routes to one destination. */
struct found {
	struct ipnet dst;
	unsigned n;
	struct route v[8];
};

static int find(const struct route *rt, void *arg)
{
	struct found *f = arg;

	if (!ipnet_eq(&rt->dst, &f->dst))
		return 0;
	if (f->n < sizeof(f->v) / sizeof(f->v[0]))
		f->v[f->n] = *rt;
	f->n++;
	return 0;
}

static struct found routes_to(struct nlsock *nl, const char *dst, uint32_t table)
{
	struct found f = { .dst = net_of(dst) };
	struct nerr err;

	assert_ok(route_dump(nl, f.dst.addr.family, table, find, &f, &err), err);
	return f;
}

static void add(struct nlsock *nl, const struct route *rt)
{
	struct nerr err;

	route_put(nl, rt, 0, 0);
	assert_ok(nlsock_commit(nl, &err), err);
}

#define IP4(out) run_ok(out, sizeof(out), "ip", "-4", "-d", "route", "show", "table", "all")
#define IP6(out) run_ok(out, sizeof(out), "ip", "-6", "-d", "route", "show", "table", "all")

/* --- adding --- */

static void routes_with_everything(void **state)
{
	struct nlsock *nl = *state;
	const struct route v4 = {
		.dst = net_of("10.20.0.0/16"),
		.gw = addr_of("10.1.0.1"),
		.src = addr_of("10.1.0.2"),
		.oif = ifindex_of(nl, "a0"),
		.table = 1000, /* does not fit rtm_table */
		.protocol = RTPROT_STATIC,
		.priority = 77,
		.mtu = 1300,
		.advmss = 1200,
	};
	const struct route v6 = {
		.dst = net_of("fd20::/16"),
		.gw = addr_of("fd01::1"),
		.src = addr_of("fd01::2"),
		.oif = ifindex_of(nl, "a0"),
		.table = 200,
		.protocol = RTPROT_STATIC,
		.priority = 78,
		.mtu = 1400,
		.advmss = 1220,
	};
	struct found f;
	char out[8192];

	add(nl, &v4);
	add(nl, &v6);
	IP4(out);
	assert_contains(out, "unicast 10.20.0.0/16 via 10.1.0.1 dev a0 table 1000 proto static "
			     "scope global src 10.1.0.2 metric 77 mtu 1300 advmss 1200");
	IP6(out);
	assert_contains(out, "unicast fd20::/16 via fd01::1 dev a0 table 200 proto static scope "
			     "global src fd01::2 metric 78 mtu 1400 advmss 1220");

	f = routes_to(nl, "10.20.0.0/16", 1000);
	assert_int_equal(f.n, 1);
	assert_true(ipnet_eq(&f.v[0].dst, &v4.dst));
	assert_true(ipaddr_eq(&f.v[0].gw, &v4.gw));
	assert_true(ipaddr_eq(&f.v[0].src, &v4.src));
	assert_int_equal(f.v[0].oif, v4.oif);
	assert_int_equal(f.v[0].table, 1000);
	assert_int_equal(f.v[0].protocol, RTPROT_STATIC);
	assert_int_equal(f.v[0].scope, RT_SCOPE_UNIVERSE);
	assert_int_equal(f.v[0].priority, 77);
	assert_int_equal(f.v[0].mtu, 1300);
	assert_int_equal(f.v[0].advmss, 1200);
	f = routes_to(nl, "fd20::/16", 200);
	assert_int_equal(f.n, 1);
	assert_true(ipaddr_eq(&f.v[0].gw, &v6.gw));
	assert_int_equal(f.v[0].mtu, 1400);
	assert_int_equal(f.v[0].priority, 78);
}

static void plain_default_routes(void **state)
{
	struct nlsock *nl = *state;
	struct found f;
	char out[8192];

	add(nl, &(struct route){ .dst = net_of("0.0.0.0/0"), .gw = addr_of("10.1.0.1") });
	add(nl, &(struct route){ .dst = net_of("::/0"), .gw = addr_of("fd01::1") });
	IP4(out);
	assert_contains(out, "unicast default via 10.1.0.1 dev a0 table main proto boot "
			     "scope global");
	IP6(out);
	assert_contains(out,
			"unicast default via fd01::1 dev a0 table main proto boot scope global "
			"metric 1024");
	f = routes_to(nl, "0.0.0.0/0", RT_TABLE_MAIN);
	assert_int_equal(f.n, 1);
	assert_true(ipnet_is_default(&f.v[0].dst));
	assert_int_equal(f.v[0].oif, ifindex_of(nl, "a0"));
	assert_int_equal(f.v[0].table, RT_TABLE_MAIN);
	assert_int_equal(f.v[0].mtu, 0);
	f = routes_to(nl, "::/0", RT_TABLE_MAIN);
	assert_int_equal(f.n, 1);
}

static void scopes(void **state)
{
	struct nlsock *nl = *state;
	char out[8192];

	add(nl, &(struct route){ .dst = net_of("10.30.0.1/32"),
				 .oif = ifindex_of(nl, "a0"),
				 .scope = RT_SCOPE_LINK,
				 .src = addr_of("10.1.0.2") });
	add(nl, &(struct route){ .dst = net_of("10.30.0.2/32"),
				 .oif = ifindex_of(nl, "a0"),
				 .scope = RT_SCOPE_HOST });
	IP4(out);
	assert_contains(out,
			"unicast 10.30.0.1 dev a0 table main proto boot scope link src 10.1.0.2");
	assert_contains(out, "unicast 10.30.0.2 dev a0 table main proto boot scope host");
	assert_int_equal(routes_to(nl, "10.30.0.1/32", 0).v[0].scope, RT_SCOPE_LINK);
}

static void ipv4_route_via_an_ipv6_next_hop(void **state)
{
	struct nlsock *nl = *state;
	const struct route rt = { .dst = net_of("10.40.0.0/16"),
				  .gw = addr_of("fd01::1"),
				  .oif = ifindex_of(nl, "a0") };
	struct found f;
	char out[8192];

	add(nl, &rt);
	IP4(out);
	assert_contains(out, "unicast 10.40.0.0/16 via inet6 fd01::1 dev a0");
	f = routes_to(nl, "10.40.0.0/16", 0);
	assert_int_equal(f.n, 1);
	assert_true(ipaddr_eq(&f.v[0].gw, &rt.gw));
}

/* What the flags make of a second route to the same destination: cni-parity, 2.5. */
static void second_route_to_one_destination(void **state)
{
	struct nlsock *nl = *state;
	struct route v4 = { .dst = net_of("10.50.0.0/16"), .gw = addr_of("10.1.0.1") };
	struct route v6 = { .dst = net_of("fd50::/16"), .gw = addr_of("fd01::1") };
	struct found f;
	struct nerr err;

	add(nl, &v4);
	add(nl, &v6);
	for (unsigned i = 0; i < 2; i++) {
		const struct route *rt = i ? &v6 : &v4;

		route_put(nl, rt, 0, 0);
		assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
		route_put(nl, rt, NLM_F_EXCL, 0);
		assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
		route_put(nl, rt, 0, -EEXIST);
		assert_ok(nlsock_commit(nl, &err), err);
	}
	assert_contains(err.msg, "cannot add route fd50::/16 via fd01::1: ");

	/* Another next hop: IPv4 appends a route, IPv6 joins it to the first. */
	v4.gw = addr_of("10.1.0.9");
	v6.gw = addr_of("fd01::9");
	route_put(nl, &v4, NLM_F_APPEND, 0);
	route_put(nl, &v6, NLM_F_APPEND, 0);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(routes_to(nl, "10.50.0.0/16", 0).n, 2);
	assert_int_equal(routes_to(nl, "fd50::/16", 0).n, 2);

	v4.gw = addr_of("10.1.0.10"); /* takes the place of the first */
	route_put(nl, &v4, NLM_F_REPLACE, 0);
	assert_ok(nlsock_commit(nl, &err), err);
	f = routes_to(nl, "10.50.0.0/16", 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.v[0].gw.bytes[3], 10);
	assert_int_equal(f.v[1].gw.bytes[3], 9);
}

static void multipath_route_is_listed_by_next_hop(void **state)
{
	struct nlsock *nl = *state;
	char out[8192];
	struct found f;

	run_ok(out, sizeof(out), "ip", "route", "add", "10.60.0.0/16", "nexthop", "via", "10.1.0.5",
	       "nexthop", "via", "10.1.0.6", "nexthop", "dev", "c0");
	run_ok(out, sizeof(out), "ip", "route", "add", "fd60::/16", "nexthop", "via", "fd01::5",
	       "nexthop", "via", "fd01::6");
	f = routes_to(nl, "10.60.0.0/16", 0);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.v[0].gw.bytes[3], 5);
	assert_int_equal(f.v[0].oif, ifindex_of(nl, "a0"));
	assert_int_equal(f.v[1].gw.bytes[3], 6);
	assert_false(ipaddr_is_set(&f.v[2].gw));
	assert_int_equal(f.v[2].oif, ifindex_of(nl, "c0"));
	f = routes_to(nl, "fd60::/16", 0);
	assert_int_equal(f.n, 2);
	assert_true(ipaddr_is_set(&f.v[0].gw) && ipaddr_is_set(&f.v[1].gw));
}

static void refused_routes_say_why(void **state)
{
	struct nlsock *nl = *state;
	const struct route cases[] = {
		{ .dst = net_of("10.70.0.0/16"), .gw = addr_of("172.16.0.1") },
		{ .dst = net_of("10.70.0.1/16"), .oif = ifindex_of(nl, "a0") }, /* host bits */
		{ .dst = net_of("10.70.0.0/16"), .oif = 4711 },
	};
	static const char *const why[] = {
		"10.70.0.0/16 via 172.16.0.1: Nexthop has invalid gateway (Network is unreachable)",
		": Invalid prefix for given prefix length (Invalid argument)",
		"10.70.0.0/16 dev 4711: No such device",
	};
	struct nerr err;

	for (unsigned i = 0; i < 3; i++) {
		route_put(nl, &cases[i], 0, 0);
		assert_true(nlsock_commit(nl, &err) < 0);
		assert_contains(err.msg, "cannot add route ");
		assert_contains(err.msg, why[i]);
	}
}

/* --- removing --- */

static void removing_and_removing_again(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	/* The connected routes, as ptp has to: any scope, any protocol. */
	for (unsigned i = 0; i < 2; i++) {
		route_put_del(nl, &(struct route){ .dst = net_of("10.1.0.0/24"),
						   .oif = ifindex_of(nl, "a0") });
		route_put_del(nl, &(struct route){ .dst = net_of("fd01::/64"),
						   .oif = ifindex_of(nl, "a0") });
		assert_ok(nlsock_commit(nl, &err), err);
		assert_int_equal(routes_to(nl, "10.1.0.0/24", RT_TABLE_MAIN).n, 0);
		assert_int_equal(routes_to(nl, "fd01::/64", RT_TABLE_MAIN).n, 0);
	}
	add(nl, &(struct route){ .dst = net_of("10.80.0.0/16"),
				 .oif = ifindex_of(nl, "c0"),
				 .table = 1000 });
	route_put_del(nl, &(struct route){ .dst = net_of("10.80.0.0/16") }); /* not in main */
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(routes_to(nl, "10.80.0.0/16", 1000).n, 1);
	route_put_del(nl, &(struct route){ .dst = net_of("10.80.0.0/16"), .table = 1000 });
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(routes_to(nl, "10.80.0.0/16", 1000).n, 0);
}

/* --- listing --- */

static int count(const struct route *rt, void *arg)
{
	unsigned *n = arg;

	(void)rt;
	(*n)++;
	return 0;
}

static int only_main_unicast(const struct route *rt, void *arg)
{
	struct nlsock *nl = arg;

	(void)nl;
	assert_int_equal(rt->table, RT_TABLE_MAIN);
	assert_false(ipaddr_is_multicast(&rt->dst.addr));
	return 0;
}

static void dump_is_filtered(void **state)
{
	struct nlsock *nl = *state;
	unsigned n4 = 0;
	unsigned n6 = 0;
	unsigned both = 0;
	unsigned none = 0;
	char out[1024];
	struct nerr err;

	run_ok(out, sizeof(out), "ip", "route", "add", "blackhole", "10.90.0.0/16");
	run_ok(out, sizeof(out), "ip", "-6", "route", "add", "unreachable", "fd90::/16");
	assert_ok(route_dump(nl, AF_UNSPEC, RT_TABLE_MAIN, only_main_unicast, nl, &err), err);
	assert_int_equal(routes_to(nl, "10.90.0.0/16", 0).n, 0);
	assert_int_equal(routes_to(nl, "fd90::/16", 0).n, 0);
	assert_ok(route_dump(nl, AF_INET, RT_TABLE_MAIN, count, &n4, &err), err);
	assert_ok(route_dump(nl, AF_INET6, RT_TABLE_MAIN, count, &n6, &err), err);
	assert_ok(route_dump(nl, AF_UNSPEC, RT_TABLE_MAIN, count, &both, &err), err);
	assert_int_equal(n4, 1);
	assert_true(n6 >= 1);
	assert_int_equal(both, n4 + n6);
	assert_ok(route_dump(nl, AF_UNSPEC, 54321, count, &none, &err), err); /* no such table */
	assert_int_equal(none, 0);
}

static void thousands_of_routes(void **state)
{
	enum {
		ROUTES = 3000
	};
	struct nlsock *nl = *state;
	int oif = ifindex_of(nl, "c0");
	unsigned n = 0;
	struct nerr err;

	for (unsigned i = 0; i < ROUTES; i++) {
		struct route rt = { .dst = net_of("10.0.0.0/32"), .oif = oif, .table = 500 };

		rt.dst.addr.bytes[1] = 200;
		rt.dst.addr.bytes[2] = (uint8_t)(i >> 8);
		rt.dst.addr.bytes[3] = (uint8_t)i;
		route_put(nl, &rt, 0, 0);
	}
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(route_dump(nl, AF_INET, 500, count, &n, &err), err);
	assert_int_equal(n, ROUTES);
}

/* --- looking up --- */

static int oif_to(struct nlsock *nl, const char *dst)
{
	const struct ipaddr a = addr_of(dst);
	struct nerr err;
	int oif = 0;

	assert_ok(route_lookup_oif(nl, &a, &oif, &err), err);
	return oif;
}

static void lookup_finds_the_way_out(void **state)
{
	struct nlsock *nl = *state;

	add(nl, &(struct route){ .dst = net_of("10.2.0.0/16"), .oif = ifindex_of(nl, "c0") });
	add(nl, &(struct route){ .dst = net_of("0.0.0.0/0"), .gw = addr_of("10.1.0.1") });
	add(nl, &(struct route){ .dst = net_of("fd02::/16"), .oif = ifindex_of(nl, "c0") });
	assert_int_equal(oif_to(nl, "10.1.0.77"), ifindex_of(nl, "a0"));
	assert_int_equal(oif_to(nl, "10.2.0.77"), ifindex_of(nl, "c0"));
	assert_int_equal(oif_to(nl, "192.0.2.1"), ifindex_of(nl, "a0"));
	assert_int_equal(oif_to(nl, "fd01::77"), ifindex_of(nl, "a0"));
	assert_int_equal(oif_to(nl, "fd02::77"), ifindex_of(nl, "c0"));
}

static void lookup_without_a_route(void **state)
{
	/* In the order of the errors below. */
	static const char *const dst[] = { "192.0.2.1", "2001:db8::1", "10.90.0.1",
					   "fd90::1",   "10.91.0.1",   "fd91::1" };
	static const int code[] = { -ENETUNREACH,  -ENETUNREACH, -EHOSTUNREACH,
				    -EHOSTUNREACH, -EINVAL,      -EINVAL };
	struct nlsock *nl = *state;
	char out[1024];
	struct nerr err;
	int oif = 77;

	run_ok(out, sizeof(out), "ip", "route", "add", "unreachable", "10.90.0.0/16");
	run_ok(out, sizeof(out), "ip", "route", "add", "unreachable", "fd90::/16");
	run_ok(out, sizeof(out), "ip", "route", "add", "blackhole", "10.91.0.0/16");
	run_ok(out, sizeof(out), "ip", "route", "add", "blackhole", "fd91::/16");
	for (unsigned i = 0; i < 6; i++) {
		const struct ipaddr a = addr_of(dst[i]);

		assert_int_equal(route_lookup_oif(nl, &a, &oif, &err), code[i]);
		assert_contains(err.msg, "cannot look up the route to ");
		assert_contains(err.msg, dst[i]);
	}
	assert_int_equal(oif, 77);
}

/* --- text --- */

static void text_form(void **state)
{
	char buf[ROUTE_STR_LEN];
	struct route rt = { .dst = net_of("0.0.0.0/0"), .gw = addr_of("10.1.0.1") };

	(void)state;
	assert_string_equal(route_to_str(&rt, buf), "default via 10.1.0.1");
	rt.dst = net_of("10.0.0.0/8");
	rt.oif = 3;
	rt.priority = 5;
	assert_string_equal(route_to_str(&rt, buf), "10.0.0.0/8 via 10.1.0.1 dev 3 metric 5");
	rt = (struct route){ .dst = net_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"),
			     .gw = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
			     .src = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd"),
			     .oif = 2147483647,
			     .priority = 4294967295u,
			     .table = 4294967295u };
	assert_string_equal(route_to_str(&rt, buf),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 via "
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe dev 2147483647 src "
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd metric 4294967295 table "
			    "4294967295");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, routed_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(routes_with_everything),
		T(plain_default_routes),
		T(scopes),
		T(ipv4_route_via_an_ipv6_next_hop),
		T(second_route_to_one_destination),
		T(multipath_route_is_listed_by_next_hop),
		T(refused_routes_say_why),
		T(removing_and_removing_again),
		T(dump_is_filtered),
		T(thousands_of_routes),
		T(lookup_finds_the_way_out),
		T(lookup_without_a_route),
		cmocka_unit_test(text_form),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
