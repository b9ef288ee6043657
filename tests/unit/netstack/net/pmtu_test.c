/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/pmtu.h"

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
	struct pmtu_table p;
	unsigned changed;
};

static struct world *current; /* of the test that runs: the wheel only knows the core */

static void on_timer(void *arg, struct timer *t)
{
	(void)arg;
	pmtu_timer(&current->p, t);
}

static void on_changed(void *arg)
{
	struct world *w = arg;

	w->changed++;
}

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	core_fixture_init(&w->f, 1);
	w->f.c.wheel.handler[TIMER_PMTU] = on_timer;
	ip_params_default(&w->params);
	pmtu_init(&w->p, &w->f.c, &w->params, on_changed, w);
	current = w;
}

static void world_done(struct world *w)
{
	pmtu_done(&w->p);
	core_fixture_done(&w->f);
}

static struct ip6_addr host4(uint32_t n)
{
	return ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 0) + n);
}

static struct ip6_addr host6(uint64_t n)
{
	return (struct ip6_addr){ 0x20010db800000000, n };
}

static uint32_t mtu_of(const struct world *w, struct ip6_addr dst)
{
	bool locked;

	return pmtu_lookup(&w->p, dst, 1500, &locked);
}

static bool is_locked(const struct world *w, struct ip6_addr dst)
{
	bool locked;

	(void)pmtu_lookup(&w->p, dst, 1500, &locked);
	return locked;
}

static void a_path_has_its_own_mtu(void **state)
{
	struct world w;
	bool locked = true;

	(void)state;
	world_init(&w);
	assert_int_equal(mtu_of(&w, host4(1)), 1500);
	assert_true(pmtu_update(&w.p, host4(1), 1400, 1500));
	assert_true(pmtu_update(&w.p, host6(1), 1300, 1500));
	assert_int_equal(mtu_of(&w, host4(1)), 1400);
	assert_int_equal(mtu_of(&w, host6(1)), 1300);
	assert_int_equal(mtu_of(&w, host4(2)), 1500);
	assert_int_equal(mtu_of(&w, host6(2)), 1500);
	assert_int_equal(pmtu_lookup(&w.p, host4(1), 1000, &locked), 1000);
	assert_false(locked);
	world_done(&w);
}

/* Only smaller values are news, until it is forgotten. */
static void it_only_becomes_smaller(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_false(pmtu_update(&w.p, host4(1), 1500, 1500));
	assert_false(pmtu_update(&w.p, host4(1), 9000, 1500));
	assert_int_equal(w.p.entries.n, 0);
	assert_true(pmtu_update(&w.p, host4(1), 1400, 1500));
	assert_false(pmtu_update(&w.p, host4(1), 1450, 1500));
	assert_false(pmtu_update(&w.p, host4(1), 1400, 1500));
	assert_true(pmtu_update(&w.p, host4(1), 1399, 1500));
	assert_int_equal(mtu_of(&w, host4(1)), 1399);
	world_done(&w);
}

static void there_are_bounds(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	/* IPv6: nothing below the least MTU. */
	assert_false(pmtu_update(&w.p, host6(1), 1279, 1500));
	assert_false(pmtu_update(&w.p, host6(1), 0, 1500));
	assert_int_equal(mtu_of(&w, host6(1)), 1500);
	assert_true(pmtu_update(&w.p, host6(1), 1280, 1500));
	assert_false(is_locked(&w, host6(1)));
	/* IPv4: the bound, and DF is no longer set. */
	assert_false(pmtu_update(&w.p, host4(1), 67, 1500));
	assert_true(pmtu_update(&w.p, host4(1), 600, 1500));
	assert_false(is_locked(&w, host4(1)));
	assert_true(pmtu_update(&w.p, host4(1), 100, 1500));
	assert_int_equal(mtu_of(&w, host4(1)), 552);
	assert_true(is_locked(&w, host4(1)));
	assert_false(pmtu_update(&w.p, host4(1), 68, 1500));
	world_done(&w);
}

static void it_is_forgotten_in_time(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_true(pmtu_update(&w.p, host4(1), 1400, 1500));
	core_fixture_pass(&w.f, 500 * NS_PER_S);
	assert_false(pmtu_update(&w.p, host4(1), 1400, 1500)); /* begins anew */
	core_fixture_pass(&w.f, 500 * NS_PER_S);
	assert_int_equal(mtu_of(&w, host4(1)), 1400);
	assert_int_equal(w.changed, 0);
	core_fixture_pass(&w.f, 101 * NS_PER_S);
	assert_int_equal(mtu_of(&w, host4(1)), 1500);
	assert_int_equal(w.changed, 1);
	assert_int_equal(w.p.entries.n, 0);
	world_done(&w);
}

static void there_are_only_so_many(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint32_t i = 0; i < PMTU_ENTRIES_MAX + 100; i++)
		assert_true(pmtu_update(&w.p, host4(i), 1400, 1500));
	assert_int_equal(w.p.entries.n, PMTU_ENTRIES_MAX);
	assert_int_equal(mtu_of(&w, host4(99)), 1500);
	assert_int_equal(mtu_of(&w, host4(100)), 1400);
	assert_int_equal(mtu_of(&w, host4(PMTU_ENTRIES_MAX + 99)), 1400);
	pmtu_flush(&w.p, &(struct ip6_addr){ host4(100).hi, host4(100).lo });
	assert_int_equal(mtu_of(&w, host4(100)), 1500);
	pmtu_flush(&w.p, &(struct ip6_addr){ 1, 1 });
	assert_int_equal(w.p.entries.n, PMTU_ENTRIES_MAX - 1);
	pmtu_flush(&w.p, NULL);
	assert_int_equal(w.p.entries.n, 0);
	assert_int_equal(w.f.c.wheel.n, 0);
	world_done(&w);
}

static void without_memory_nothing_is_known(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (unsigned i = 1; i < 3; i++) {
		w.f.tm.fail_in = i;
		assert_false(pmtu_update(&w.p, host4(1), 1400, 1500));
		assert_int_equal(mtu_of(&w, host4(1)), 1500);
		assert_int_equal(w.p.entries.n, 0);
	}
	w.f.tm.fail_in = 0;
	assert_true(pmtu_update(&w.p, host4(1), 1400, 1500));
	world_done(&w);
}

/* RFC 1191, 7.1 */
static void plateaus_go_down_to_the_least(void **state)
{
	(void)state;
	assert_int_equal(pmtu_plateau(65535), 32000);
	assert_int_equal(pmtu_plateau(1500), 1492);
	assert_int_equal(pmtu_plateau(1492), 1006);
	assert_int_equal(pmtu_plateau(576), 508);
	assert_int_equal(pmtu_plateau(296), 68);
	assert_int_equal(pmtu_plateau(20), 68);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_has_its_own_mtu),
		cmocka_unit_test(it_only_becomes_smaller),
		cmocka_unit_test(there_are_bounds),
		cmocka_unit_test(it_is_forgotten_in_time),
		cmocka_unit_test(there_are_only_so_many),
		cmocka_unit_test(without_memory_nothing_is_known),
		cmocka_unit_test(plateaus_go_down_to_the_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
