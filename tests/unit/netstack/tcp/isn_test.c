/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Initial sequence numbers: a clock for each 4-tuple, and nothing in common between two.
 */
#include "tests/unit/netstack/tcp/segments.h"

static struct rig rig;

static int setup(void **state)
{
	segments_init(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_done(*state);
	return 0;
}

static uint32_t isn(uint16_t rport)
{
	return tcp_isn(rig.st->tcp, RIG_US4, PORT, RIG_PEER4, rport).v;
}

/* RFC 9293, 3.4.1: up by one every 4 microseconds. */
static void test_clock(void **state)
{
	const uint32_t at = isn(1);

	(void)state;
	netstack_advance(rig.st, rig.now + 3999);
	assert_int_equal(isn(1), at);
	netstack_advance(rig.st, rig.now + 4000);
	assert_int_equal(isn(1), at + 1);
	netstack_advance(rig.st, rig.now + NS_PER_S);
	assert_int_equal(isn(1), at + 250000);
	rig.now += NS_PER_S;
}

/* Neither equal nor near to each other, whatever differs. */
static void test_nothing_in_common(void **state)
{
	struct tcp *tcp = rig.st->tcp;
	const uint32_t all[] = {
		tcp_isn(tcp, RIG_US4, 80, RIG_PEER4, 1).v,
		tcp_isn(tcp, RIG_US4, 80, RIG_PEER4, 2).v,
		tcp_isn(tcp, RIG_US4, 81, RIG_PEER4, 1).v,
		tcp_isn(tcp, RIG_US4, 1, RIG_PEER4, 80).v,
		tcp_isn(tcp, RIG_PEER4, 80, RIG_US4, 1).v,
		tcp_isn(tcp, rig_ip4(10, 0, 0, 9), 80, RIG_PEER4, 1).v,
		tcp_isn(tcp, RIG_US6, 80, RIG_PEER6, 1).v,
		tcp_ts_offset(tcp, RIG_US4, RIG_PEER4),
		tcp_ts_offset(tcp, RIG_PEER4, RIG_US4),
	};
	const unsigned int n = sizeof(all) / sizeof(*all);

	(void)state;
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = i + 1; k < n; k++)
			assert_true(all[i] - all[k] > 1000 && all[k] - all[i] > 1000);
}

/* Another secret gives other numbers. */
static void test_secret(void **state)
{
	const uint32_t at = isn(1);

	(void)state;
	rig.st->core.key.k[0]++;
	assert_int_not_equal(isn(1), at);
	rig.st->core.key.k[0]--;
	assert_int_equal(isn(1), at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_nothing_in_common),
		cmocka_unit_test(test_secret),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
