/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/redirect.h"

#include "tests/unit/netstack/net/messages.h"
#include "wire/ndp.h"

/* Those of IPv4 are in icmp4_test.c. */

static const struct ip6_addr ROUTER = { 0xfe80000000000000, 0xa };
static const struct ip6_addr BETTER = { 0xfe80000000000000, 0xb };
static const struct eth_addr BETTER_MAC = { { 2, 0, 0, 0, 0, 0xbb } };

/* A host with a router, which it believes. */
static void host_init(struct rig *r)
{
	struct route_conf def = {
		.has_gateway = true,
		.gateway = ROUTER,
		.metric = 2000,
		.type = ROUTE_UNICAST,
	};

	rig_host(r);
	rig_addr_add(r, 0, rig_ip6(0xfe80000000000000, 5), 64);
	def.ifindex = r->link[0].ifindex;
	assert_int_equal(netstack_route_add(r->st, &def), 0);
	netstack_ip_params(r->st)->accept_redirects = true;
}

static struct ip6_addr far(uint64_t n)
{
	return rig_ip6(0x2001000000000000, n);
}

static void redirect(struct rig *r, struct ip6_addr from, struct ip6_addr dst,
		     struct ip6_addr target)
{
	const struct ndp_repr rd = {
		.type = NDP_TYPE_REDIRECT,
		.redirect = { .target = target, .dst = dst },
	};
	const struct ndp_opt opt = {
		.type = NDP_OPT_TARGET_LLADDR,
		.known = true,
		.lladdr = BETTER_MAC,
	};
	uint8_t msg[100];
	int n = ndp_emit(msg, sizeof(msg), &rd);

	n += ndp_opt_emit(msg + n, 50, &opt);
	send_icmp(r, from, RIG_US6, NDP_HOP_LIMIT, msg, (uint16_t)n);
}

static const struct route_conf *route_to(const struct rig *r, struct ip6_addr dst)
{
	const struct route_conf *rt =
		route_lookup(r->st->net.routes, dst, 0, net_iface_usable, &r->st->net);

	assert_non_null(rt);
	return rt;
}

static void a_better_router_is_used_for_a_time(void **state)
{
	const struct neigh *n;
	struct rig r;

	(void)state;
	host_init(&r);
	redirect(&r, BETTER, far(1), BETTER); /* who is that? */
	assert_addr(route_to(&r, far(1))->gateway, ROUTER);
	redirect(&r, ROUTER, far(1), BETTER);
	assert_addr(route_to(&r, far(1))->gateway, BETTER);
	assert_addr(route_to(&r, far(2))->gateway, ROUTER);
	n = neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, BETTER);
	assert_non_null(n);
	assert_memory_equal(n->mac.b, BETTER_MAC.b, 6);
	rig_sleep(&r, 301000);
	assert_addr(route_to(&r, far(1))->gateway, ROUTER);
	netstack_ip_params(r.st)->ip6_forward = true; /* a router knows better */
	redirect(&r, ROUTER, far(1), BETTER);
	assert_addr(route_to(&r, far(1))->gateway, ROUTER);
	rig_sleep(&r, 100000);
	rig_done(&r);
}

static void a_destination_may_be_on_link(void **state)
{
	struct rig r;

	(void)state;
	host_init(&r);
	redirect(&r, ROUTER, far(1), far(1));
	assert_false(route_to(&r, far(1))->has_gateway);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	assert_addr(route_to(&r, far(1))->gateway, ROUTER);
	rig_sleep(&r, 100000);
	rig_done(&r);
}

static void the_oldest_makes_room(void **state)
{
	unsigned int n = 0;
	struct rig r;

	(void)state;
	host_init(&r);
	for (uint64_t i = 0; i < REDIRECTS_MAX + 3; i++) {
		redirect(&r, ROUTER, far(i), BETTER);
		rig_sleep(&r, 1000);
	}
	for (uint64_t i = 0; i < REDIRECTS_MAX + 3; i++)
		if (ip6_addr_eq(route_to(&r, far(i))->gateway, BETTER)) {
			assert_true(i >= 3);
			n++;
		}
	assert_int_equal(n, REDIRECTS_MAX);
	rig_sleep(&r, 400000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_better_router_is_used_for_a_time),
		cmocka_unit_test(a_destination_may_be_on_link),
		cmocka_unit_test(the_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
