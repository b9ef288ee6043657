/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/icmp_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/netstack/core_fixture.h"

struct world {
	struct core_fixture f;
	struct ip_params params;
	struct icmp_limit l;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	core_fixture_init(&w->f, 1);
	ip_params_default(&w->params);
}

static void world_done(struct world *w)
{
	icmp_limit_done(&w->l, &w->f.c);
	core_fixture_done(&w->f);
}

static struct ip6_addr host(uint32_t n)
{
	return ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 0) + n);
}

/* Errors of @n attempts, one each @ns, to @peers hosts in turn. */
static unsigned allowed(struct world *w, unsigned n, uint64_t ns, unsigned peers)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < n; i++) {
		ret += icmp_limit_allow(&w->l, &w->f.c, &w->params, host(i % peers));
		w->f.c.now_ns += ns;
	}
	return ret;
}

static void a_peer_gets_a_burst_and_then_one_a_second(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(allowed(&w, 100, 0, 1), ICMP_LIMIT_PEER_BURST);
	assert_in_range(allowed(&w, 1000, 10 * NS_PER_MS, 1), 9, 10);
	/* After a pause the burst is there again, no more. */
	w.f.c.now_ns += 1000 * NS_PER_S;
	assert_int_equal(allowed(&w, 100, 0, 1), ICMP_LIMIT_PEER_BURST);
	/* Others have their own. */
	assert_true(icmp_limit_allow(&w.l, &w.f.c, &w.params, host(5)));
	world_done(&w);
}

static void addresses_of_a_prefix_are_one_peer(void **state)
{
	struct world w;
	unsigned n = 0;

	(void)state;
	world_init(&w);
	for (uint64_t i = 0; i < 40; i++)
		n += icmp_limit_allow(&w.l, &w.f.c, &w.params, (struct ip6_addr){ 5, i });
	assert_int_equal(n, ICMP_LIMIT_PEER_BURST);
	assert_true(icmp_limit_allow(&w.l, &w.f.c, &w.params, (struct ip6_addr){ 6, 0 }));
	world_done(&w);
}

/* About one token is lost for each: 0, 1 or 2. */
static void all_together_get_a_thousand_a_second(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.params.icmp_peer_ms = 0;
	assert_in_range(allowed(&w, 10000, 0, 1000), 35, 75);
	assert_in_range(allowed(&w, 100000, 100 * NS_PER_US, 1000), 9000, 11000);
	w.f.c.now_ns += 1000 * NS_PER_S;
	assert_in_range(allowed(&w, 10000, 0, 1000), 35, 75);
	world_done(&w);
}

/* Nobody can tell by counting how many errors went to others. */
static void what_is_lost_is_random(void **state)
{
	struct world w;
	unsigned seen[120] = { 0 }, kinds = 0;

	(void)state;
	world_init(&w);
	w.params.icmp_peer_ms = 0;
	for (unsigned i = 0; i < 200; i++) {
		w.f.c.now_ns += 10 * NS_PER_S;
		seen[allowed(&w, 110, 0, 10)]++;
	}
	for (unsigned i = 0; i < 120; i++)
		kinds += seen[i] != 0;
	assert_true(kinds > 10);
	world_done(&w);
}

static void zero_per_second_is_none(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.params.icmp_per_s = 0;
	assert_int_equal(allowed(&w, 1000, NS_PER_S, 10), 0);
	world_done(&w);
}

/* More peers than buckets: the limit of all holds, and a peer that goes on is not forgotten. */
static void many_peers_do_not_wash_a_busy_one_away(void **state)
{
	struct world w;
	unsigned n = 0;

	(void)state;
	world_init(&w);
	w.params.icmp_per_s = 1000000;
	w.params.icmp_burst = 1000000;
	for (unsigned i = 0; i < 20000; i++) {
		n += icmp_limit_allow(&w.l, &w.f.c, &w.params, host(0));
		(void)icmp_limit_allow(&w.l, &w.f.c, &w.params, host(1 + i));
		w.f.c.now_ns += NS_PER_MS;
	}
	assert_in_range(n, 20 + ICMP_LIMIT_PEER_BURST - 2, 20 + ICMP_LIMIT_PEER_BURST + 1);
	world_done(&w);
}

static void without_memory_the_limit_of_all_holds(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.f.tm.fail_in = 1;
	assert_true(icmp_limit_allow(&w.l, &w.f.c, &w.params, host(1)));
	assert_null(w.l.peer);
	assert_int_equal(allowed(&w, 100, 0, 1), ICMP_LIMIT_PEER_BURST);
	assert_non_null(w.l.peer);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_gets_a_burst_and_then_one_a_second),
		cmocka_unit_test(addresses_of_a_prefix_are_one_peer),
		cmocka_unit_test(all_together_get_a_thousand_a_second),
		cmocka_unit_test(what_is_lost_is_random),
		cmocka_unit_test(zero_per_second_is_none),
		cmocka_unit_test(many_peers_do_not_wash_a_busy_one_away),
		cmocka_unit_test(without_memory_the_limit_of_all_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
