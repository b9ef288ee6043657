/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/ndp.h"
#include "tests/unit/netstack/net/messages.h"

#define LINK_LOCAL UINT64_C(0xfe80000000000000)

static const struct ip6_addr ROUTER = { LINK_LOCAL, 0xa };
static const struct ip6_addr ROUTER2 = { LINK_LOCAL, 0xb };
static const struct ip6_addr FAR = { 0x2001, 1 };

/* A host that listens to routers, with a link-local address and no other. */
static void host_init(struct rig *r)
{
	rig_init(r);
	netstack_ip_params(r->st)->accept_ra = true;
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 0, rig_ip6(LINK_LOCAL, 5), 64);
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

static uint16_t add_prefix(uint8_t *msg, uint16_t at, uint64_t net, uint32_t valid_s,
			   uint32_t preferred_s, bool on_link, bool autonomous)
{
	const struct ndp_opt opt = {
		.type = NDP_OPT_PREFIX,
		.known = true,
		.prefix = { { net, 0 }, valid_s, preferred_s, 64, on_link, autonomous },
	};
	const int n = ndp_opt_emit(msg + at, 100, &opt);

	assert_true(n > 0);
	return (uint16_t)(at + n);
}

static uint16_t make(uint8_t *msg, const struct ndp_repr *ra)
{
	const struct ndp_opt opt = {
		.type = NDP_OPT_SOURCE_LLADDR,
		.known = true,
		.lladdr = { { 2, 0, 0, 0, 0, 0xaa } },
	};
	int n = ndp_emit(msg, 100, ra);

	n += ndp_opt_emit(msg + n, 100, &opt);
	return (uint16_t)n;
}

static struct ndp_repr advert(uint16_t lifetime_s, enum ndp_preference preference)
{
	return (struct ndp_repr){
		.type = NDP_TYPE_ROUTER_ADVERT,
		.ra = { .lifetime_s = lifetime_s, .preference = preference },
	};
}

static void router_says(struct rig *r, struct ip6_addr from, uint16_t lifetime_s,
			enum ndp_preference preference)
{
	const struct ndp_repr ra = advert(lifetime_s, preference);
	uint8_t msg[200];

	send_icmp(r, from, IP6_ALL_NODES, NDP_HOP_LIMIT, msg, make(msg, &ra));
}

static void prefix_says(struct rig *r, uint32_t valid_s, uint32_t preferred_s, bool on_link,
			bool autonomous)
{
	const struct ndp_repr ra = advert(0, NDP_PREFERENCE_MEDIUM);
	uint8_t msg[200];
	uint16_t n = make(msg, &ra);

	n = add_prefix(msg, n, 0x20010db8000000aa, valid_s, preferred_s, on_link, autonomous);
	send_icmp(r, ROUTER, IP6_ALL_NODES, NDP_HOP_LIMIT, msg, n);
}

static const struct route_conf *route_to(const struct rig *r, struct ip6_addr dst)
{
	return route_lookup(r->st->net.routes, dst, 0, net_iface_usable, &r->st->net);
}

/* The first hop out of the network, 0 for none. */
static uint64_t gateway(const struct rig *r)
{
	const struct route_conf *rt = route_to(r, FAR);

	return rt ? rt->gateway.lo : 0;
}

/* --- solicitations --- */

static unsigned int count_solicits(const struct rig *r)
{
	unsigned int n = 0;

	for (unsigned i = 0; i < r->link[0].n; i++) {
		const struct seen s = see6(r, i);

		if (s.msg[0] != NDP_TYPE_ROUTER_SOLICIT)
			continue;
		n++;
		assert_addr(s.dst, IP6_ALL_ROUTERS);
		assert_addr(s.src, rig_ip6(LINK_LOCAL, 5));
		assert_int_equal(s.ttl, NDP_HOP_LIMIT);
		assert_int_equal(s.len, 16);
		assert_memory_equal(s.msg + 10, r->link[0].mac.b, 6);
	}
	return n;
}

/* RFC 7559: at about 0.5, 4, 12, 28, 60 seconds and on, until a router answers. */
static void routers_are_asked_until_one_answers(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	rig_sleep(&r, 1001);
	assert_int_equal(count_solicits(&r), 1);
	rig_sleep(&r, 4400);
	assert_int_equal(count_solicits(&r), 2);
	rig_sleep(&r, 9000);
	assert_int_equal(count_solicits(&r), 3);
	rig_forget(&r);
	rig_sleep(&r, 24ULL * 3600 * 1000);
	assert_in_range(count_solicits(&r), 24, 40);
	rig_forget(&r);
	router_says(&r, ROUTER, 1800, NDP_PREFERENCE_MEDIUM);
	rig_sleep(&r, 1000ULL * 1000);
	assert_int_equal(count_solicits(&r), 0);
	rig_done(&r);
}

static void nobody_is_asked_unless_wanted(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_sleep(&r, 100000);
	rig_forget(&r);
	router_says(&r, ROUTER, 1800, NDP_PREFERENCE_MEDIUM);
	assert_int_equal(gateway(&r), 0);
	assert_int_equal(rig_drops(&r, DROP_ICMP_TYPE), 1);
	/* A router listens to no router. */
	netstack_ip_params(r.st)->accept_ra = true;
	netstack_ip_params(r.st)->ip6_forward = true;
	router_says(&r, ROUTER, 1800, NDP_PREFERENCE_MEDIUM);
	assert_int_equal(gateway(&r), 0);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* --- default routers --- */

static void the_best_router_is_used_while_it_lives(void **state)
{
	const struct neigh *n;
	struct rig r;

	(void)state;
	host_init(&r);
	router_says(&r, ROUTER, 1800, NDP_PREFERENCE_MEDIUM);
	assert_int_equal(gateway(&r), ROUTER.lo);
	n = neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, ROUTER);
	assert_non_null(n);
	assert_true(n->is_router);
	router_says(&r, ROUTER2, 100, NDP_PREFERENCE_HIGH);
	assert_int_equal(gateway(&r), ROUTER2.lo);
	router_says(&r, ROUTER2, 100, NDP_PREFERENCE_LOW);
	assert_int_equal(gateway(&r), ROUTER.lo);
	router_says(&r, ROUTER2, 100, NDP_PREFERENCE_HIGH);
	rig_sleep(&r, 99000);
	assert_int_equal(gateway(&r), ROUTER2.lo);
	rig_sleep(&r, 2000);
	assert_int_equal(gateway(&r), ROUTER.lo);
	router_says(&r, ROUTER, 0, NDP_PREFERENCE_MEDIUM); /* it is none any more */
	assert_int_equal(gateway(&r), 0);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

/* RFC 4861, 7.2.5 */
static void a_router_that_says_it_is_none_goes(void **state)
{
	const struct ndp_repr na = {
		.type = NDP_TYPE_NEIGH_ADVERT,
		.na = { .target = ROUTER, .override = true },
	};
	uint8_t msg[200];
	struct rig r;

	(void)state;
	host_init(&r);
	router_says(&r, ROUTER, 1800, NDP_PREFERENCE_MEDIUM);
	send_icmp(&r, ROUTER, IP6_ALL_NODES, NDP_HOP_LIMIT, msg, (uint16_t)ndp_emit(msg, 100, &na));
	assert_int_equal(gateway(&r), 0);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

static void there_are_only_so_many_routers(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	for (uint64_t i = 0; i < NDP_ROUTERS_MAX + 3; i++)
		router_says(&r, rig_ip6(LINK_LOCAL, 0x100 + i), 1800, NDP_PREFERENCE_MEDIUM);
	router_says(&r, rig_ip6(LINK_LOCAL, 0x100), 0, NDP_PREFERENCE_MEDIUM);
	assert_int_equal(gateway(&r), 0x101);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	assert_int_equal(gateway(&r), 0);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

/* --- parameters --- */

static void parameters_are_taken_within_bounds(void **state)
{
	struct ndp_repr ra = advert(0, NDP_PREFERENCE_MEDIUM);
	struct ndp_opt mtu = { .type = NDP_OPT_MTU, .known = true, .mtu = 1400 };
	const struct net_iface *nif;
	uint8_t msg[200];
	uint16_t n;
	struct rig r;

	(void)state;
	host_init(&r);
	nif = r.st->net.ifc[r.link[0].ifindex];
	ra.ra.hop_limit = 99;
	ra.ra.reachable_ms = 20000;
	ra.ra.retrans_ms = 1;
	n = make(msg, &ra);
	send_icmp(&r, ROUTER, IP6_ALL_NODES, NDP_HOP_LIMIT, msg,
		  (uint16_t)(n + ndp_opt_emit(msg + n, 100, &mtu)));
	assert_int_equal(ndp_hop_limit(&r.st->net, nif), 99);
	assert_int_equal(ndp_mtu(nif), 1400);
	assert_int_equal(nif->ifc->reachable_ms, 20000);
	assert_int_equal(nif->ifc->retrans_ms, 100);
	ra = advert(0, NDP_PREFERENCE_MEDIUM);
	ra.ra.reachable_ms = UINT32_MAX;
	ra.ra.retrans_ms = UINT32_MAX;
	for (unsigned i = 0; i < 2; i++) {
		mtu.mtu = i ? 1279 : 1501;
		n = make(msg, &ra);
		send_icmp(&r, ROUTER, IP6_ALL_NODES, NDP_HOP_LIMIT, msg,
			  (uint16_t)(n + ndp_opt_emit(msg + n, 100, &mtu)));
	}
	assert_int_equal(ndp_hop_limit(&r.st->net, nif), 99);
	assert_int_equal(ndp_mtu(nif), 1400);
	assert_int_equal(nif->ifc->reachable_ms, 20000);
	assert_int_equal(nif->ifc->retrans_ms, 100);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(ndp_hop_limit(&r.st->net, nif), 64);
	assert_int_equal(ndp_mtu(nif), 1500);
	rig_done(&r);
}

/* --- prefixes --- */

static bool is_on_link(const struct rig *r)
{
	return route_to(r, rig_ip6(0x20010db8000000aa, 77)) != NULL;
}

static void a_prefix_is_on_link_while_it_is_valid(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	prefix_says(&r, 100, 50, true, false);
	assert_true(is_on_link(&r));
	rig_sleep(&r, 90000);
	prefix_says(&r, 100, 50, true, false);
	rig_sleep(&r, 99000);
	assert_true(is_on_link(&r));
	rig_sleep(&r, 2000);
	assert_false(is_on_link(&r));
	prefix_says(&r, NDP_LIFETIME_FOREVER, 50, true, false);
	rig_sleep(&r, 100ULL * 3600 * 1000);
	assert_true(is_on_link(&r));
	prefix_says(&r, 0, 0, true, false);
	assert_false(is_on_link(&r));
	for (unsigned i = 0; i < 2; i++) { /* a configured one stays */
		const struct route_conf rt = {
			.dst = { 0x20010db8000000aa, 0 },
			.dst_len = 64,
			.ifindex = r.link[0].ifindex,
			.metric = 256,
			.type = ROUTE_UNICAST,
		};

		if (i == 0)
			assert_int_equal(netstack_route_add(r.st, &rt), 0);
		prefix_says(&r, i ? 0 : 100, 0, true, false);
		assert_true(is_on_link(&r));
	}
	rig_sleep(&r, 200000);
	assert_true(is_on_link(&r));
	rig_done(&r);
}

static struct net_addr *made(const struct rig *r)
{
	struct eth_addr mac = r->link[0].mac;

	return addr_lookup(&r->st->net, rig_ip6(0x20010db8000000aa, ip6_addr_link_local(mac).lo),
			   r->link[0].ifindex);
}

static void an_address_is_made_and_ages(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	prefix_says(&r, 10000, 5000, false, true);
	assert_non_null(made(&r));
	assert_int_equal(made(&r)->state, NET_ADDR_TENTATIVE);
	rig_sleep(&r, 3000);
	assert_int_equal(made(&r)->state, NET_ADDR_PREFERRED);
	rig_sleep(&r, 4900ULL * 1000);
	assert_int_equal(made(&r)->state, NET_ADDR_PREFERRED);
	rig_sleep(&r, 101000);
	assert_int_equal(made(&r)->state, NET_ADDR_DEPRECATED);
	prefix_says(&r, 10000, 5000, false, true);
	assert_int_equal(made(&r)->state, NET_ADDR_PREFERRED);
	prefix_says(&r, 10000, 0, false, true);
	assert_int_equal(made(&r)->state, NET_ADDR_DEPRECATED);
	rig_sleep(&r, 9990ULL * 1000);
	assert_non_null(made(&r));
	rig_sleep(&r, 11000);
	assert_null(made(&r));
	rig_sleep(&r, 200000);
	rig_done(&r);
}

/* RFC 4862, 5.5.3 (e): nobody makes it end at once. */
static void two_hours_are_left(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	prefix_says(&r, NDP_LIFETIME_FOREVER, NDP_LIFETIME_FOREVER, false, true);
	rig_sleep(&r, 3000);
	assert_int_equal(made(&r)->valid_ns, 0);
	prefix_says(&r, 1, 1, false, true);
	rig_sleep(&r, 7190ULL * 1000);
	assert_non_null(made(&r));
	assert_int_equal(made(&r)->state, NET_ADDR_DEPRECATED);
	prefix_says(&r, 1, 1, false, true); /* less than what is left: ignored */
	rig_sleep(&r, 5000);
	assert_non_null(made(&r));
	prefix_says(&r, 60, 60, false, true); /* more than that */
	rig_sleep(&r, 50000);
	assert_non_null(made(&r));
	rig_sleep(&r, 11000);
	assert_null(made(&r));
	rig_sleep(&r, 200000);
	rig_done(&r);
}

static void an_address_that_somebody_has_ages_too(void **state)
{
	const struct ndp_repr na = { .type = NDP_TYPE_NEIGH_ADVERT };
	struct ndp_repr theirs = na;
	uint8_t msg[200];
	struct rig r;

	(void)state;
	host_init(&r);
	prefix_says(&r, 10000, 5000, false, true);
	theirs.na.target = made(&r)->conf.addr;
	send_icmp(&r, theirs.na.target, IP6_ALL_NODES, NDP_HOP_LIMIT, msg,
		  (uint16_t)ndp_emit(msg, 100, &theirs));
	assert_int_equal(made(&r)->state, NET_ADDR_DUPLICATED);
	prefix_says(&r, 10000, 5000, false, true);
	assert_int_equal(made(&r)->state, NET_ADDR_DUPLICATED);
	rig_sleep(&r, 10001ULL * 1000);
	assert_null(made(&r));
	rig_sleep(&r, 200000);
	rig_done(&r);
}

static void nonsense_makes_no_address(void **state)
{
	const struct ndp_repr ra = advert(0, NDP_PREFERENCE_MEDIUM);
	uint8_t msg[1400];
	uint16_t n;
	struct rig r;

	(void)state;
	host_init(&r);
	prefix_says(&r, 100, 101, false, true); /* preferred for longer than valid */
	prefix_says(&r, 0, 0, false, true);
	assert_null(made(&r));
	n = make(msg, &ra);
	n = add_prefix(msg, n, LINK_LOCAL, 100, 50, true, true);
	for (uint64_t i = 0; i < 30; i++)
		n = add_prefix(msg, n, 0x20010db800000100 + i, 100, 50, true, true);
	send_icmp(&r, ROUTER, IP6_ALL_NODES, NDP_HOP_LIMIT, msg, n);
	n = 0;
	for (const struct net_addr *a = r.st->net.ifc[r.link[0].ifindex]->addrs; a; a = a->next)
		n += a->autoconf;
	assert_int_equal(n, 16);
	assert_non_null(route_to(&r, rig_ip6(0x20010db80000010f, 1)));
	assert_null(route_to(&r, rig_ip6(0x20010db800000110, 1)));
	/* All of it goes with the interface. */
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	for (const struct net_addr *a = r.st->net.ifc[r.link[0].ifindex]->addrs; a; a = a->next)
		assert_false(a->autoconf);
	rig_sleep(&r, 200000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routers_are_asked_until_one_answers),
		cmocka_unit_test(nobody_is_asked_unless_wanted),
		cmocka_unit_test(the_best_router_is_used_while_it_lives),
		cmocka_unit_test(a_router_that_says_it_is_none_goes),
		cmocka_unit_test(there_are_only_so_many_routers),
		cmocka_unit_test(parameters_are_taken_within_bounds),
		cmocka_unit_test(a_prefix_is_on_link_while_it_is_valid),
		cmocka_unit_test(an_address_is_made_and_ages),
		cmocka_unit_test(two_hours_are_left),
		cmocka_unit_test(an_address_that_somebody_has_ages_too),
		cmocka_unit_test(nonsense_makes_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
