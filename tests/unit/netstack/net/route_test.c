/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

static bool all_up(const void *arg, uint32_t ifindex)
{
	(void)arg;
	(void)ifindex;
	return true;
}

/* @arg: a bit for each interface that is up */
static bool is_up(const void *arg, uint32_t ifindex)
{
	return *(const uint32_t *)arg >> ifindex & 1;
}

static struct ip6_addr ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip6_addr_of_ip4(IP4_ADDR(a, b, c, d));
}

static struct route_conf route4(struct ip6_addr dst, uint8_t len, uint32_t ifindex, uint32_t metric)
{
	return (struct route_conf){
		.dst = dst,
		.dst_len = len,
		.is_ip4 = true,
		.ifindex = ifindex,
		.metric = metric,
	};
}

static uint32_t via(const struct route_table *t, struct ip6_addr dst, uint32_t oif)
{
	const struct route_conf *r = route_lookup(t, dst, oif, all_up, NULL);

	return r ? r->ifindex : 0;
}

#define ADD(t, ...)                                                                                \
	do {                                                                                       \
		const struct route_conf r_ = route4(__VA_ARGS__);                                  \
		assert_int_equal(route_add(t, &r_), 0);                                            \
	} while (0)

static void the_longest_prefix_wins(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct route_table *t;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	ADD(t, ip4(0, 0, 0, 0), 0, 1, 0);
	ADD(t, ip4(10, 0, 0, 0), 8, 2, 500);
	ADD(t, ip4(10, 1, 0, 0), 16, 3, 900);
	ADD(t, ip4(10, 1, 2, 3), 32, 4, 0);
	assert_int_equal(via(t, ip4(11, 0, 0, 1), 0), 1);
	assert_int_equal(via(t, ip4(10, 200, 0, 1), 0), 2);
	assert_int_equal(via(t, ip4(10, 1, 0, 1), 0), 3);
	assert_int_equal(via(t, ip4(10, 1, 2, 3), 0), 4);
	assert_int_equal(via(t, ip4(10, 1, 2, 2), 0), 3);
	route_table_free(t);
	test_mem_done(&tm);
}

static void families_do_not_mix(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	const struct route_conf all6 = { .ifindex = 7 };
	struct route_table *t;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	assert_int_equal(route_add(t, &all6), 0);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 0), 0);
	assert_int_equal(via(t, (struct ip6_addr){ 1, 1 }, 0), 7);
	ADD(t, ip4(0, 0, 0, 0), 0, 8, 0);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 0), 8);
	assert_int_equal(via(t, (struct ip6_addr){ 0, 1 }, 0), 7);
	route_table_free(t);
	test_mem_done(&tm);
}

static void the_lowest_metric_wins_then_the_first_one(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct route_table *t;
	struct route_conf r;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	ADD(t, ip4(10, 0, 0, 0), 8, 1, 100);
	ADD(t, ip4(10, 0, 0, 0), 8, 2, 50);
	ADD(t, ip4(10, 0, 0, 0), 8, 3, 50);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 0), 2);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 3), 3);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 1), 1);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 4), 0);
	r = route4(ip4(10, 0, 0, 0), 8, 2, 50);
	assert_int_equal(route_add(t, &r), -EEXIST);
	assert_int_equal(route_del(t, &r), 0);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 0), 3);
	assert_int_equal(route_del(t, &r), -ESRCH);
	route_table_free(t);
	test_mem_done(&tm);
}

static void routes_over_links_that_are_down_do_not_count(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	uint32_t up = 1U << 1 | 1U << 2;
	const struct route_conf hole = {
		.dst = ip4(10, 1, 0, 0), .dst_len = 16, .is_ip4 = true, .type = ROUTE_BLACKHOLE
	};
	const struct route_conf *r;
	struct route_table *t;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	ADD(t, ip4(0, 0, 0, 0), 0, 1, 0);
	ADD(t, ip4(10, 0, 0, 0), 8, 2, 0);
	ADD(t, ip4(10, 0, 0, 0), 24, 3, 0);
	r = route_lookup(t, ip4(10, 0, 0, 1), 0, is_up, &up);
	assert_int_equal(r->ifindex, 2);
	up = 1U << 1;
	r = route_lookup(t, ip4(10, 0, 0, 1), 0, is_up, &up);
	assert_int_equal(r->ifindex, 1);
	/* One that is no way has no link that could be down. */
	assert_int_equal(route_add(t, &hole), 0);
	r = route_lookup(t, ip4(10, 1, 0, 1), 0, is_up, &up);
	assert_int_equal(r->type, ROUTE_BLACKHOLE);
	r = route_lookup(t, ip4(10, 1, 0, 1), 1, is_up, &up);
	assert_int_equal(r->ifindex, 1);
	route_table_free(t);
	test_mem_done(&tm);
}

static void own_addresses_come_first_and_are_not_deleted_by_accident(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	const struct route_conf own = { .dst = ip4(10, 0, 0, 1),
					.dst_len = 32,
					.is_ip4 = true,
					.ifindex = 1,
					.metric = 1000,
					.type = ROUTE_LOCAL };
	struct route_table *t;
	struct route_conf r = route4(ip4(10, 0, 0, 1), 32, 2, 0);

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	assert_int_equal(route_add(t, &r), 0);
	assert_int_equal(route_add(t, &own), 0);
	assert_int_equal(route_lookup(t, ip4(10, 0, 0, 1), 0, all_up, NULL)->type, ROUTE_LOCAL);
	r = route4(ip4(10, 0, 0, 1), 32, 1, 1000);
	assert_int_equal(route_del(t, &r), -ESRCH);
	assert_int_equal(route_del(t, &own), 0);
	assert_int_equal(via(t, ip4(10, 0, 0, 1), 0), 2);
	route_table_free(t);
	test_mem_done(&tm);
}

static void what_is_deleted_must_be_what_is_meant(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct route_conf r = route4(ip4(10, 0, 0, 0), 8, 1, 0);
	struct route_conf other;
	struct route_table *t;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	r.has_gateway = true;
	r.gateway = ip4(192, 168, 0, 1);
	assert_int_equal(route_add(t, &r), 0);
	other = r;
	other.gateway = ip4(192, 168, 0, 2);
	assert_int_equal(route_del(t, &other), -ESRCH);
	other = r;
	other.ifindex = 2;
	assert_int_equal(route_del(t, &other), -ESRCH);
	other = r;
	other.metric = 1;
	assert_int_equal(route_del(t, &other), -ESRCH);
	other = r;
	other.dst_len = 9;
	assert_int_equal(route_del(t, &other), -ESRCH);
	other = r;
	other.type = ROUTE_BLACKHOLE;
	assert_int_equal(route_del(t, &other), -ESRCH);
	other = (struct route_conf){ .dst = r.dst, .dst_len = 8, .is_ip4 = true };
	assert_int_equal(route_del(t, &other), 0);
	assert_int_equal(route_n(t), 0);
	route_table_free(t);
	test_mem_done(&tm);
}

static void nonsense_is_refused(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct route_table *t;
	struct route_conf r;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	r = route4(ip4(10, 0, 0, 1), 8, 1, 0); /* bits behind the prefix */
	assert_int_equal(route_add(t, &r), -EINVAL);
	r = route4(ip4(10, 0, 0, 0), 33, 1, 0);
	assert_int_equal(route_add(t, &r), -EINVAL);
	assert_int_equal(route_del(t, &r), -EINVAL);
	r = route4(ip4(10, 0, 0, 0), 8, 0, 0); /* no interface */
	assert_int_equal(route_add(t, &r), -EINVAL);
	r = route4((struct ip6_addr){ 1, 0 }, 8, 1, 0); /* family */
	assert_int_equal(route_add(t, &r), -EINVAL);
	r = route4(ip4(10, 0, 0, 0), 8, 1, 0);
	r.type = 99;
	assert_int_equal(route_add(t, &r), -EINVAL);
	r = (struct route_conf){ .dst_len = 129, .ifindex = 1 };
	assert_int_equal(route_add(t, &r), -EINVAL);
	r = (struct route_conf){ .dst = ip4(10, 0, 0, 0), .dst_len = 128, .ifindex = 1 };
	assert_int_equal(route_add(t, &r), -EINVAL); /* mapped, but not of IPv4 */
	assert_int_equal(route_n(t), 0);
	route_table_free(t);
	test_mem_done(&tm);
}

/* Whatever allocation fails: nothing changed, and it works the next time. */
static void memory_may_be_short(void **state)
{
	uint64_t fail = 0;
	int r;

	(void)state;
	do {
		struct test_mem tm = TEST_MEM_INIT(&tm);
		struct route_conf more = route4(ip4(10, 64, 0, 0), 10, 5, 0);
		struct route_table *t;
		uint64_t bytes;

		fail++;
		assert_int_equal(route_table_new(&t, &tm.mem), 0);
		ADD(t, ip4(10, 0, 0, 0), 16, 1, 0);
		bytes = route_bytes(t);
		tm.fail_in = fail;
		r = route_add(t, &more);
		tm.fail_in = 0;
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(via(t, ip4(10, 0, 3, 4), 0), 1);
		assert_int_equal(via(t, ip4(10, 65, 3, 4), 0), r ? 0 : 5);
		if (r)
			assert_int_equal(route_bytes(t), bytes);
		assert_int_equal(route_add(t, &more), r ? 0 : -EEXIST);
		assert_int_equal(via(t, ip4(10, 65, 3, 4), 0), 5);
		route_table_free(t);
		test_mem_done(&tm);
	} while (r);
	assert_true(fail > 3);
}

/* --- against a list that is searched from end to end --- */

#define MODEL_MAX 400

struct model {
	struct route_conf r[MODEL_MAX];
	unsigned int n;
};

static unsigned int len128(const struct route_conf *r)
{
	return r->dst_len + (r->is_ip4 ? 96U : 0U);
}

static const struct route_conf *model_lookup(const struct model *m, struct ip6_addr dst,
					     uint32_t oif, uint32_t up)
{
	const struct route_conf *best = NULL;

	for (unsigned int i = 0; i < m->n; i++) {
		const struct route_conf *r = &m->r[i];

		if (r->is_ip4 != ip6_addr_is_mapped(dst) ||
		    !ip6_addr_eq(ip6_addr_prefix(dst, len128(r)), r->dst))
			continue;
		if ((oif && r->ifindex != oif) || !is_up(&up, r->ifindex))
			continue;
		if (!best || len128(r) > len128(best) ||
		    (len128(r) == len128(best) && r->metric < best->metric))
			best = r;
	}
	return best;
}

/* Few bits, so that prefixes are in each other. */
static struct ip6_addr random_addr(struct dice *d, bool is_ip4)
{
	const uint32_t bits = dice_roll(d);

	if (is_ip4)
		return ip6_addr_of_ip4((bits & 3) << 30 | (bits & 0x70) << 17 | (bits >> 8 & 7));
	return (struct ip6_addr){ (uint64_t)(bits & 7) << 61 | (bits >> 3 & 3),
				  (uint64_t)(bits >> 5 & 3) << 62 | (bits >> 7 & 3) };
}

static struct route_conf random_route(struct dice *d)
{
	struct route_conf r = { .is_ip4 = dice_roll(d) & 1 };

	r.dst_len = (uint8_t)(dice_roll(d) % (r.is_ip4 ? 33 : 129));
	r.dst = ip6_addr_prefix(random_addr(d, r.is_ip4), len128(&r));
	r.ifindex = 1 + dice_roll(d) % 3;
	r.metric = dice_roll(d) % 3;
	return r;
}

static int model_find(const struct model *m, const struct route_conf *r)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->r[i].is_ip4 == r->is_ip4 && m->r[i].dst_len == r->dst_len &&
		    ip6_addr_eq(m->r[i].dst, r->dst) && m->r[i].metric == r->metric &&
		    m->r[i].ifindex == r->ifindex)
			return (int)i;
	return -1;
}

static void model_remove(struct model *m, unsigned int i)
{
	memmove(&m->r[i], &m->r[i + 1], (m->n - i - 1) * sizeof(m->r[0]));
	m->n--;
}

static int count(void *arg, const struct route_conf *r)
{
	assert_true(model_find(arg, r) >= 0);
	return 0;
}

static void check_lookups(const struct route_table *t, const struct model *m, struct dice *d)
{
	for (unsigned int i = 0; i < 20; i++) {
		const struct ip6_addr dst = random_addr(d, dice_roll(d) & 1);
		const uint32_t oif = dice_roll(d) % 4, up = dice_roll(d) & 0xe;
		const struct route_conf *want = model_lookup(m, dst, oif, up);
		const struct route_conf *have = route_lookup(t, dst, oif, is_up, &up);

		assert_int_equal(want != NULL, have != NULL);
		if (want)
			assert_memory_equal(want, have, sizeof(*want));
	}
}

static void it_is_as_a_list_would_be(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	static struct model m;
	struct dice d = { 5 };
	struct route_table *t;
	uint64_t empty;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	empty = route_bytes(t);
	for (unsigned int step = 0; step < 20000; step++) {
		const struct route_conf r = random_route(&d);
		const int at = model_find(&m, &r);

		if (m.n < MODEL_MAX && dice_roll(&d) % 5 < 3) {
			assert_int_equal(route_add(t, &r), at < 0 ? 0 : -EEXIST);
			if (at < 0)
				m.r[m.n++] = r;
		} else if (m.n && dice_roll(&d) & 1) {
			const struct route_conf gone = m.r[dice_roll(&d) % m.n];

			assert_int_equal(route_del(t, &gone), 0);
			model_remove(&m, (unsigned int)model_find(&m, &gone));
		} else {
			assert_int_equal(route_del(t, &r), at < 0 ? -ESRCH : 0);
			if (at >= 0)
				model_remove(&m, (unsigned int)at);
		}
		if (step % 1000 == 999) {
			route_del_iface(t, 2);
			for (unsigned int i = m.n; i > 0; i--)
				if (m.r[i - 1].ifindex == 2)
					model_remove(&m, i - 1);
		}
		assert_int_equal(route_n(t), m.n);
		check_lookups(t, &m, &d);
		if (step % 100 == 0)
			assert_int_equal(route_walk(t, count, &m), 0);
	}
	while (m.n) {
		assert_int_equal(route_del(t, &m.r[0]), 0);
		model_remove(&m, 0);
	}
	assert_int_equal(route_bytes(t), empty); /* no node is left over */
	route_table_free(t);
	test_mem_done(&tm);
}

static int stop_at_second(void *arg, const struct route_conf *r)
{
	unsigned int *n = arg;

	(void)r;
	return ++*n == 2 ? 77 : 0;
}

static void a_walk_ends_when_told_to(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct route_table *t;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	ADD(t, ip4(10, 0, 0, 0), 8, 1, 0);
	ADD(t, ip4(11, 0, 0, 0), 8, 1, 0);
	ADD(t, ip4(12, 0, 0, 0), 8, 1, 0);
	assert_int_equal(route_walk(t, stop_at_second, &n), 77);
	assert_int_equal(n, 2);
	route_table_free(t);
	test_mem_done(&tm);
}

/* As many as the Internet had not long ago, and a deep path. */
static void many_routes(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct dice d = { 9 };
	struct route_table *t;

	(void)state;
	assert_int_equal(route_table_new(&t, &tm.mem), 0);
	for (unsigned int i = 0; i < 100000; i++) {
		struct route_conf r =
			route4(ip6_addr_of_ip4((0x0a000000U + i) << 8), 24, 1 + i % 9, 0);

		assert_int_equal(route_add(t, &r), 0);
	}
	for (unsigned int len = 0; len <= 128; len++) {
		const struct route_conf r = {
			.dst = ip6_addr_prefix((struct ip6_addr){ UINT64_MAX, UINT64_MAX }, len),
			.dst_len = (uint8_t)len,
			.ifindex = 1 + len
		};

		assert_int_equal(route_add(t, &r), 0);
	}
	for (unsigned int i = 0; i < 1000; i++) {
		const uint32_t k = dice_roll(&d) % 100000;

		assert_int_equal(via(t, ip6_addr_of_ip4((0x0a000000U + k) << 8 | (i & 0xff)), 0),
				 1 + k % 9);
	}
	for (unsigned int len = 0; len < 128; len++) {
		struct ip6_addr a = { UINT64_MAX, UINT64_MAX };

		/* The first bit that is not in the prefix of that length and longer ones. */
		if (len < 64)
			a.hi ^= UINT64_C(1) << (63 - len);
		else
			a.lo ^= UINT64_C(1) << (127 - len);
		assert_int_equal(via(t, a, 0), 1 + len);
	}
	route_table_free(t);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_wins),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(the_lowest_metric_wins_then_the_first_one),
		cmocka_unit_test(routes_over_links_that_are_down_do_not_count),
		cmocka_unit_test(own_addresses_come_first_and_are_not_deleted_by_accident),
		cmocka_unit_test(what_is_deleted_must_be_what_is_meant),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(memory_may_be_short),
		cmocka_unit_test(it_is_as_a_list_would_be),
		cmocka_unit_test(a_walk_ends_when_told_to),
		cmocka_unit_test(many_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
