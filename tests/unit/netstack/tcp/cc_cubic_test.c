/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CUBIC in integers against the formulas of RFC 9438 in floating point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netstack/tcp/cc.h"

#define MSS  1448
#define C    0.4
#define BETA 0.7

static const struct tcp_rate_sample no_sample = { .delivered = -1 };

static double cube(double x)
{
	return x * x * x;
}

/* Newton's method: no library of mathematics is linked. */
static double cube_root(double v)
{
	double r = v > 1 ? v : 1;

	for (int i = 0; i < 200; i++)
		r -= (cube(r) - v) / (3 * r * r);
	return r;
}

static double max(double a, double b)
{
	return a > b ? a : b;
}

static struct tcp_cc_state cc_at(double segments, uint32_t rtt_ms)
{
	struct tcp_cc_state cc = {
		.cwnd = (uint32_t)(segments * MSS),
		.ssthresh = TCP_SSTHRESH_INFINITE,
		.mss = MSS,
		.cwnd_limited = true,
		.now_ms = 1000000,
		.srtt_us = rtt_ms * 1000,
	};

	tcp_cc_cubic.init(&cc);
	return cc;
}

static void lose(struct tcp_cc_state *cc)
{
	cc->ssthresh = tcp_cc_cubic.ssthresh(cc, cc->cwnd);
	cc->cwnd = cc->ssthresh;
}

/* A round trip in which each segment of the window is acknowledged, evenly spread. */
static void round_trip(struct tcp_cc_state *cc)
{
	const uint32_t n = cc->cwnd / MSS;
	const uint32_t begin = cc->now_ms, rtt_ms = cc->srtt_us / 1000;

	for (uint32_t i = 1; i <= n; i++) {
		cc->now_ms = begin + rtt_ms * i / n;
		tcp_cc_cubic.cong_avoid(cc, MSS, &no_sample);
	}
}

/* After a loss at @w_max, what the window is from round trip to round trip. */
static void follows_the_cubic_function(double w_max, uint32_t rtt_ms, double seconds)
{
	struct tcp_cc_state cc = cc_at(w_max, rtt_ms);
	double k, t0, w_est;

	lose(&cc);
	assert_in_range(cc.cwnd, (uint32_t)(w_max * BETA * MSS) - 2,
			(uint32_t)(w_max * BETA * MSS));
	k = cube_root(w_max * (1 - BETA) / C);
	w_est = cc.cwnd / (double)MSS;
	t0 = cc.now_ms / 1000.0 + rtt_ms / 1000.0 / (cc.cwnd / MSS); /* of the first ACK */
	while (cc.now_ms / 1000.0 - t0 < seconds) {
		const double before = cc.cwnd / (double)MSS;
		double t, cubic, want;

		round_trip(&cc);
		t = cc.now_ms / 1000.0 - t0;
		cubic = w_max + C * cube(t + rtt_ms / 1000.0 - k);
		w_est += (w_est < w_max ? 9.0 / 17 : 1) * 1.0; /* a window's worth of ACKs */
		want = max(cubic, w_est);
		/* A window that grows lags behind its target by less than what it grew in this
		 * round trip; it may not be ahead of it.
		 */
		assert_true(cc.cwnd / (double)MSS <= want * 1.02 + 2);
		assert_true(cc.cwnd / (double)MSS >=
			    want - 1.02 * (want - before) - 0.02 * want - 2);
	}
}

static void window_is_the_function_of_time(void **state)
{
	(void)state;
	/* Long fat paths: the cubic function decides. */
	follows_the_cubic_function(1000, 100, 15);
	follows_the_cubic_function(5000, 50, 20);
	follows_the_cubic_function(20000, 20, 30);
	/* Short ones: what Reno would have. */
	follows_the_cubic_function(30, 5, 2);
	follows_the_cubic_function(100, 1, 3);
}

/* The time back to the window of before the loss is K. */
static void is_back_after_k(void **state)
{
	struct tcp_cc_state cc = cc_at(10000, 50);
	const double k = cube_root(10000 * (1 - BETA) / C);
	uint32_t begin = cc.now_ms;

	(void)state;
	lose(&cc);
	while (cc.cwnd < 9990U * MSS)
		round_trip(&cc);
	assert_true((cc.now_ms - begin) / 1000.0 > k * 0.85);
	assert_true((cc.now_ms - begin) / 1000.0 < k * 1.05);
}

/* Section 4.7: a flow that loses below its last maximum gives way. */
static void fast_convergence(void **state)
{
	struct tcp_cc_state cc = cc_at(1000, 100);

	(void)state;
	lose(&cc); /* W_max 1000, cwnd 700 */
	lose(&cc); /* below it: W_max = 700 * 0.85 = 595, cwnd 490 */
	for (int i = 0; i < 90; i++)
		round_trip(&cc); /* K = cbrt(105 / 0.4) = 6.4 s: at 9 s it is above 595 */
	assert_in_range(cc.cwnd / MSS, 595, 610);
}

static void growth_is_half_the_window_at_most(void **state)
{
	struct tcp_cc_state cc = cc_at(100, 10);
	uint32_t before;

	(void)state;
	lose(&cc);
	round_trip(&cc);
	cc.now_ms += 100000; /* the function is far above */
	before = cc.cwnd;
	round_trip(&cc);
	assert_true(cc.cwnd > before + before / 3);
	/* Each ACK of a window adds its share of half of the window as it is by then. */
	assert_true(cc.cwnd < before + before * 7 / 10);
}

/* Section 4.8: in the stage after a timeout K is 0. */
static void after_a_timeout_it_is_convex(void **state)
{
	struct tcp_cc_state cc = cc_at(2000, 100);
	double t, want;
	uint32_t begin;

	(void)state;
	cc.ssthresh = tcp_cc_cubic.ssthresh(&cc, cc.cwnd);
	tcp_cc_cubic.event(&cc, TCP_CC_LOSS);
	cc.cwnd = MSS;
	while (cc.cwnd < cc.ssthresh)
		round_trip(&cc);
	begin = cc.now_ms;
	for (int i = 0; i < 150; i++)
		round_trip(&cc);
	t = (cc.now_ms - begin) / 1000.0;
	want = 1400 + C * cube(t);
	assert_true(cc.cwnd / (double)MSS > want * 0.9);
	assert_true(cc.cwnd / (double)MSS < want * 1.15 + 100);
}

static void time_without_need_does_not_count(void **state)
{
	struct tcp_cc_state a = cc_at(1000, 100), b = cc_at(1000, 100);

	(void)state;
	lose(&a);
	lose(&b);
	for (int i = 0; i < 20; i++) {
		round_trip(&a);
		round_trip(&b);
	}
	/* The application of b has little to send for 100 s, and then nothing at all. */
	b.cwnd_limited = false;
	for (int i = 0; i < 1000; i++) {
		b.now_ms += 100;
		tcp_cc_cubic.cong_avoid(&b, MSS, &no_sample);
	}
	b.cwnd_limited = true;
	b.now_ms += 100000;
	tcp_cc_cubic.event(&b, TCP_CC_TX_START);
	for (int i = 0; i < 20; i++) {
		round_trip(&a);
		round_trip(&b);
	}
	assert_in_range(b.cwnd, a.cwnd - a.cwnd / 100, a.cwnd + a.cwnd / 100);
}

static void undo_goes_back(void **state)
{
	struct tcp_cc_state cc = cc_at(1000, 100), other;

	(void)state;
	lose(&cc);
	for (int i = 0; i < 50; i++)
		round_trip(&cc);
	other = cc;
	/* A loss that was none. */
	cc.ssthresh = tcp_cc_cubic.ssthresh(&cc, cc.cwnd);
	cc.cwnd = cc.ssthresh;
	cc.cwnd = tcp_cc_cubic.undo(&cc);
	cc.ssthresh = other.ssthresh;
	assert_int_equal(cc.cwnd, other.cwnd);
	for (int i = 0; i < 50; i++) {
		round_trip(&cc);
		round_trip(&other);
	}
	assert_in_range(cc.cwnd, other.cwnd - MSS, other.cwnd + MSS);
}

static void slow_start_doubles_and_ends_at_ssthresh(void **state)
{
	struct tcp_cc_state cc = cc_at(10, 10);

	(void)state;
	cc.ssthresh = 100 * MSS;
	round_trip(&cc);
	assert_int_equal(cc.cwnd, 20 * MSS);
	tcp_cc_cubic.cong_avoid(&cc, 1000 * MSS, &no_sample); /* one ACK of very much */
	assert_true(cc.cwnd >= 100 * MSS && cc.cwnd <= 150 * MSS);
}

/* Whatever happens, windows stay in their bounds. */
static void windows_have_bounds(void **state)
{
	struct tcp_cc_state cc = cc_at(600000, 1);

	(void)state;
	lose(&cc);
	for (int i = 0; i < 2000; i++) {
		cc.now_ms += 10000;
		tcp_cc_cubic.cong_avoid(&cc, 1U << 30, &no_sample);
	}
	assert_int_equal(cc.cwnd, TCP_CWND_MAX);
	for (int i = 0; i < 100; i++)
		lose(&cc);
	assert_int_equal(cc.cwnd, 2 * MSS);
	cc = cc_at(2, 1);
	cc.mss = 8;
	lose(&cc);
	tcp_cc_cubic.cong_avoid(&cc, 8, &no_sample);
	assert_true(cc.cwnd >= 16);
}

static void reno_adds_a_segment_per_window(void **state)
{
	struct tcp_cc_state cc = cc_at(20, 10);

	(void)state;
	tcp_cc_reno.init(&cc);
	cc.ssthresh = tcp_cc_reno.ssthresh(&cc, cc.cwnd);
	assert_int_equal(cc.ssthresh, 10 * MSS);
	cc.cwnd = cc.ssthresh;
	for (int i = 0; i < 10; i++)
		tcp_cc_reno.cong_avoid(&cc, MSS, &no_sample);
	assert_int_equal(cc.cwnd, 11 * MSS);
	tcp_cc_reno.cong_avoid(&cc, 22 * MSS, &no_sample); /* two windows at once */
	assert_int_equal(cc.cwnd, 13 * MSS);
	cc.cwnd_limited = false;
	tcp_cc_reno.cong_avoid(&cc, 100 * MSS, &no_sample);
	assert_int_equal(cc.cwnd, 13 * MSS);
	assert_int_equal(tcp_cc_reno.undo(&cc), 20 * MSS);
	assert_int_equal(tcp_cc_reno.ssthresh(&cc, 100), 2 * MSS);
}

static void names(void **state)
{
	(void)state;
	assert_ptr_equal(tcp_cc_lookup("cubic"), &tcp_cc_cubic);
	assert_ptr_equal(tcp_cc_lookup("reno"), &tcp_cc_reno);
	assert_null(tcp_cc_lookup("bbr"));
	assert_null(tcp_cc_lookup(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_is_the_function_of_time),
		cmocka_unit_test(is_back_after_k),
		cmocka_unit_test(fast_convergence),
		cmocka_unit_test(growth_is_half_the_window_at_most),
		cmocka_unit_test(after_a_timeout_it_is_convex),
		cmocka_unit_test(time_without_need_does_not_count),
		cmocka_unit_test(undo_goes_back),
		cmocka_unit_test(slow_start_doubles_and_ends_at_ssthresh),
		cmocka_unit_test(windows_have_bounds),
		cmocka_unit_test(reno_adds_a_segment_per_window),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
