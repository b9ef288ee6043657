/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections between two instances over lines of all kinds: every byte arrives, in a time that
 * is not far from what the line allows, and nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "tests/unit/netstack/tcp/pair.h"

#define OFFLOAD (IFACE_TX_CSUM | IFACE_TSO4)

/* What is agreed on, by bits. */
static struct tcp_params params_of(unsigned int bits)
{
	struct tcp_params p;

	tcp_params_default(&p);
	p.sack = bits & 1;
	p.timestamps = bits & 2;
	p.window_scaling = bits & 4;
	p.gso = bits & 8;
	if (bits & 16)
		memcpy(p.cc, "reno", 5);
	p.dsack = bits & 32;
	return p;
}

static void all_kinds_of_lines(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 400; seed++) {
		const struct tcp_params params = params_of(seed * 37);
		struct pair p;

		pair_init(&p, seed & 1 ? OFFLOAD : 0, &params);
		p.d.state = seed;
		p.loss = seed % 5 * 100;
		p.dup = seed % 3 * 50;
		p.late_ns = 20 * PAIR_MS;
		p.jitter_ns = seed % 4 * PAIR_MS;
		pair_connect(&p);
		(void)pair_transfer(&p, 600000, 600000);
		pair_close(&p);
		pair_done(&p);
	}
}

/* A line of 2 MB/s with a queue of 50 ms, 20 ms long: it is kept busy. */
static void the_line_is_full(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 64; bits++) {
		const struct tcp_params params = params_of(bits);
		struct pair p;
		uint64_t ms;

		if (!(bits & 4))
			continue; /* 64 KiB are not enough */
		pair_init(&p, 0, &params);
		p.delay_ns = 10 * PAIR_MS;
		p.rate = 2000000;
		p.queue_ns = 50 * PAIR_MS;
		pair_connect(&p);
		(void)pair_transfer(&p, 2000000, 20000);
		ms = pair_transfer(&p, 10000000, 60000);
		/* 5 s and the headers; without SACK a window with many losses takes its time. */
		assert_in_range(ms, 5000, bits & 1 ? 5800 : 7500);
		pair_close(&p);
		pair_done(&p);
	}
}

/* Without loss and limits nothing is ever sent twice. */
static void nothing_is_resent_for_nothing(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 64; bits++) {
		const struct tcp_params params = params_of(bits);
		struct pair p;

		pair_init(&p, bits & 1 ? OFFLOAD : 0, &params);
		pair_connect(&p);
		(void)pair_transfer(&p, 1000000, 60000);
		assert_int_equal(netstack_tcp_stats(p.st[0])->retrans_segs, 0);
		pair_close(&p);
		pair_done(&p);
	}
}

/* Random loss of 0.5 %, 20 ms: no timeout is needed for what SACK tells. */
static void sack_recovers_without_timeouts(void **state)
{
	const struct tcp_params params = params_of(~0U);
	struct pair p;

	(void)state;
	pair_init(&p, 0, &params);
	p.delay_ns = 10 * PAIR_MS;
	p.loss = 50;
	pair_connect(&p);
	(void)pair_transfer(&p, 20000000, 600000);
	assert_true(netstack_tcp_stats(p.st[0])->sack_recovery > 10);
	/* Only when what was resent is lost again, or the last segment of all. */
	assert_true(netstack_tcp_stats(p.st[0])->timeouts < 8);
	pair_close(&p);
	pair_done(&p);
}

/* Each packet is late by up to 3 ms: that is learnt, and then no loss is seen in it. */
static void reordering_is_no_loss(void **state)
{
	const struct tcp_params params = params_of(~0U);
	struct pair p;
	uint64_t resent;

	(void)state;
	pair_init(&p, 0, &params);
	p.rate = 5000000;
	p.queue_ns = 1000 * PAIR_MS;
	p.jitter_ns = 3 * PAIR_MS;
	pair_connect(&p);
	(void)pair_transfer(&p, 5000000, 60000);
	resent = netstack_tcp_stats(p.st[0])->retrans_segs;
	(void)pair_transfer(&p, 5000000, 60000);
	assert_true(netstack_tcp_stats(p.st[0])->retrans_segs - resent < 10);
	assert_true(pair_info(&p, 0).tcpi_reordering > 3);
	pair_close(&p);
	pair_done(&p);
}

/* The path gets 300 ms longer for a moment: what timed out comes after all, and cwnd stays. */
static void a_delay_is_no_loss(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		const struct tcp_params params = params_of(~3U | bits);
		struct pair p;

		pair_init(&p, 0, &params);
		p.rate = 3000000;
		p.queue_ns = 1000 * PAIR_MS;
		pair_connect(&p);
		(void)pair_transfer(&p, 100000, 60000);
		for (unsigned int i = 0; i < 2; i++)
			p.busy_until[i] = p.now + 300 * PAIR_MS;
		(void)pair_transfer(&p, 300000, 60000);
		assert_true(netstack_tcp_stats(p.st[0])->timeouts >= 1);
		assert_true(netstack_tcp_stats(p.st[0])->spurious_rtos >= 1);
		assert_true(netstack_tcp_stats(p.st[0])->retrans_segs < 30);
		pair_close(&p);
		pair_done(&p);
	}
}

/* No memory for packets now and then: that is like loss. */
static void memory_comes_and_goes(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed < 20; seed++) {
		struct pair p;

		pair_init(&p, seed & 1 ? OFFLOAD : 0, NULL);
		p.d.state = seed;
		pair_connect(&p);
		for (unsigned int i = 0; i < 50; i++) {
			struct pbuf_pool *pool = netstack_pool(p.st[i & 1]);
			struct pbuf_pool_stats stats;

			pbuf_pool_stats(pool, &stats);
			pbuf_pool_set_limit(pool, stats.bytes + dice_below(&p.d, 20000));
			p.want += 20000;
			pair_write(&p);
			pair_run(&p, dice_below(&p.d, 100));
			pair_read(&p);
			pbuf_pool_set_limit(pool, UINT64_MAX);
		}
		(void)pair_transfer(&p, 1000, 600000);
		pair_close(&p);
		pair_done(&p);
	}
}

/* Any allocation that fails, of objects as well. */
static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 60; n++) {
		struct pair p;

		pair_init(&p, 0, NULL);
		p.loss = 200;
		pair_connect(&p);
		for (unsigned int i = 0; i < 10; i++) {
			p.tm[0].fail_in = n;
			p.tm[1].fail_in = n;
			p.want += 30000;
			pair_write(&p);
			pair_run(&p, 50);
			pair_read(&p);
		}
		p.tm[0].fail_in = 0;
		p.tm[1].fail_in = 0;
		(void)pair_transfer(&p, 1000, 600000);
		pair_close(&p);
		pair_done(&p);
	}
}

/* The receiver reads when it likes: the window closes and opens. */
static void a_slow_reader(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, OFFLOAD, NULL);
	pair_connect(&p);
	p.want = 20000000;
	for (unsigned int i = 0; p.got < p.want; i++) {
		assert_true(i < 1000);
		pair_write(&p);
		pair_run(&p, dice_below(&p.d, 2000));
		pair_read(&p);
	}
	assert_true(pair_info(&p, 0).tcpi_rwnd_limited > 0);
	assert_true(pair_info(&p, 0).tcpi_rwnd_limited <= pair_info(&p, 0).tcpi_busy_time);
	assert_int_equal(netstack_tcp_stats(p.st[0])->retrans_segs, 0);
	pair_close(&p);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_lines),
		cmocka_unit_test(the_line_is_full),
		cmocka_unit_test(nothing_is_resent_for_nothing),
		cmocka_unit_test(sack_recovers_without_timeouts),
		cmocka_unit_test(reordering_is_no_loss),
		cmocka_unit_test(a_delay_is_no_loss),
		cmocka_unit_test(memory_comes_and_goes),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_slow_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
