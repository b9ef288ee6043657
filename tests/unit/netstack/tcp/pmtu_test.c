/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segments that are too large for a path: told so by ICMP, or by nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "tests/unit/netstack/tcp/pair.h"

/* Longer packets vanish. */
static uint32_t hole;

static enum pair_fate black_hole(struct pair *p, const struct pair_seg *s)
{
	(void)p;
	return s->ip_len > hole ? PAIR_LOSE : PAIR_PASS;
}

static void begin(struct pair *p, uint8_t mtu_probing)
{
	struct tcp_params params;

	tcp_params_default(&params);
	params.mtu_probing = mtu_probing;
	pair_init(p, 0, &params);
	p->fate = black_hole;
	hole = UINT32_MAX;
	pair_connect(p);
}

static void end(struct pair *p)
{
	pair_close(p);
	pair_done(p);
}

/* Without probing nothing gets through, and the connection ends in time. */
static void nobody_looks(void **state)
{
	struct pair p;
	int e;
	socklen_t len = sizeof(e);

	(void)state;
	begin(&p, 0);
	hole = 1000;
	p.want = 100000;
	pair_write(&p);
	pair_run(&p, 1000000);
	assert_int_equal(ns_getsockopt(p.st[0], p.fd[0], SOL_SOCKET, SO_ERROR, &e, &len), 0);
	assert_int_equal(e, ETIMEDOUT);
	assert_int_equal(p.got, 0);
	end(&p);
}

/* A hole is found by timeouts, then the largest size that passes by probes. */
static void a_black_hole_is_found(void **state)
{
	struct pair p;
	uint32_t retrans, ssthresh;
	uint64_t ms;

	(void)state;
	begin(&p, 1);
	hole = 1200;
	ms = pair_transfer(&p, 300000, 20000);
	assert_true(ms < 5000);
	assert_true(netstack_tcp_stats(p.st[0])->mtu_failed >= 1);
	ssthresh = pair_info(&p, 0).tcpi_snd_ssthresh;
	(void)pair_transfer(&p, 2000000, 60000);
	/* Within the step of the search. */
	assert_in_range(pair_info(&p, 0).tcpi_snd_mss, 1200 - 52 - 8, 1200 - 52);
	/* And that was not taken for congestion. */
	retrans = pair_info(&p, 0).tcpi_total_retrans;
	assert_int_equal(netstack_tcp_stats(p.st[0])->sack_recovery, 0);
	assert_true(pair_info(&p, 0).tcpi_snd_cwnd > ssthresh);
	(void)pair_transfer(&p, 1000000, 60000);
	assert_true(pair_info(&p, 0).tcpi_total_retrans - retrans < 10);
	end(&p);
}

/* It was another kind of trouble: full size is tried first and is back at once. */
static void a_false_alarm(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 1);
	hole = 0;
	p.want = 1;
	pair_write(&p);
	pair_run(&p, 4000);
	hole = UINT32_MAX;
	(void)pair_transfer(&p, 0, 60000);
	(void)pair_transfer(&p, 100000, 60000);
	assert_int_equal(pair_info(&p, 0).tcpi_snd_mss, 1448);
	end(&p);
}

/* From the least size upwards; no segment larger than the probe is ever resent. */
static void always_probing(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 2);
	hole = 1400;
	assert_int_equal(pair_info(&p, 0).tcpi_snd_mss, 1024 - 12);
	(void)pair_transfer(&p, 3000000, 60000);
	assert_in_range(pair_info(&p, 0).tcpi_snd_mss, 1400 - 52 - 8, 1400 - 52);
	assert_int_equal(netstack_tcp_stats(p.st[0])->timeouts, 0);
	end(&p);
}

/* With large segments, which are cut for the link. */
static void super_segments(void **state)
{
	struct pair p;
	struct tcp_params params;

	(void)state;
	tcp_params_default(&params);
	params.mtu_probing = 1;
	pair_init(&p, 0, &params);
	p.fate = black_hole;
	hole = UINT32_MAX;
	pair_connect(&p);
	(void)pair_transfer(&p, 5000000, 60000);
	hole = 900; /* the path changes */
	for (unsigned int i = 0; i < 12; i++)
		(void)pair_transfer(&p, 500000, 60000);
	assert_in_range(pair_info(&p, 0).tcpi_snd_mss, 900 - 52 - 8, 900 - 52);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_looks),   cmocka_unit_test(a_black_hole_is_found),
		cmocka_unit_test(a_false_alarm),  cmocka_unit_test(always_probing),
		cmocka_unit_test(super_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
