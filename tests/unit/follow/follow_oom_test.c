/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each allocation fails in turn: nothing leaks, and who cannot follow says so.
 */
#include "tests/unit/follow/model.h"
#include "tests/unit/oom.h"

#if OOM_WORKS
static char out[4096];

#	define ip(...) run_ok(out, sizeof(out), "ip", __VA_ARGS__)

static void every_allocation_fails_in_turn(void **state)
{
	static struct model m;
	unsigned int n_failed = 0;
	char net[32];

	(void)state;
	netns_fresh();
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
	ip("link", "set", "v0", "up");
	ip("addr", "add", "10.0.0.1/24", "dev", "v0");
	ip("neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
	for (unsigned int i = 0; i < 40; i++) { /* more than the first table holds */
		(void)snprintf(net, sizeof(net), "20.%u.0.0/16", i);
		ip("route", "add", "blackhole", net);
	}
	for (unsigned int n = 1;; n++) {
		bool struck;
		struct nerr err;
		int r;

		m = (struct model){ .told = 0 };
		oom_begin(n);
		r = follow_new(&m.f, -1, "v0", true, &model_ops, &m, &err);
		struck = oom_countdown == 0;
		oom_countdown = 0;
		if (r == 0)
			follow_free(m.f);
		assert_int_equal(oom_end(), 0);
		if (!struck)
			break;
		n_failed += r < 0;
		if (r < 0) {
			assert_int_equal(r, err.code);
			assert_int_not_equal(err.msg[0], 0);
		}
	}
	assert_true(n_failed > 40);
	assert_int_equal(m.n_neighs, 1);
	assert_non_null(model_find_addr(&m, ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1)), 24));
	(void)umount2("/sys", MNT_DETACH);
}
#else
static void every_allocation_fails_in_turn(void **state)
{
	(void)state;
	skip_because("a sanitizer has its own allocator");
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_in_turn),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
