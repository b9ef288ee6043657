/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rate samples, by ACKs of a path with a known rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/netstack/tcp/conn_fixture.h"

#define MSS FIXTURE_MSS

static struct conn_fixture x;

static void begin(void)
{
	conn_fixture_init(&x, 1, 1000);
	conn_fixture_flight(&x);
}

static void end(void)
{
	conn_fixture_done(&x);
}

/* Acknowledge the next @len bytes.  Return: the sample */
static struct tcp_rate_sample ack(uint32_t len)
{
	struct tcp_conn *c = &x.c;
	struct tcp_ack a = { .rtt_us = -1 };
	const struct seq to = seq_add(c->snd_una, len);

	while (c->fl->segs && seq_leq(tcp_txseg_end(c->fl->segs), to)) {
		a.delivered += c->fl->segs->len;
		tcp_rate_delivered(c, c->fl->segs, &a);
		tcp_txseg_shift(c);
	}
	a.acked = len;
	c->snd_una = to;
	dataq_drop(&c->txq, &x.tcp.nodes, len);
	tcp_rate_gen(c, &a);
	return a.rs;
}

static double rate_of(const struct tcp_rate_sample *rs)
{
	return (double)rs->delivered * 1e6 / (double)rs->interval_us;
}

/* Packets leave and come back at 1 per ms, 20 ms later: 1 MB/s. */
static void a_steady_flow(void **state)
{
	struct tcp_rate_sample rs = { .delivered = -1 };

	(void)state;
	begin();
	x.c.cs.min_rtt_us = 20000;
	for (unsigned int ms = 0; ms < 200; ms++) {
		conn_fixture_send(&x, MSS);
		if (ms >= 20)
			rs = ack(MSS);
		/* The first window was sent when nothing had been delivered. */
		if (ms >= 60) {
			assert_int_equal(rs.delivered, 21 * MSS);
			assert_int_equal(rs.interval_us, 21000);
			assert_false(rs.is_app_limited);
		}
		conn_fixture_pass(&x, 1000);
	}
	assert_int_equal(x.c.delivered, 180 * MSS);
	assert_int_equal(x.c.delivery_rate, 1000000);
	end();
}

/* ACKs that were held up on their way and come at once do not make the path faster, and a burst
 * that was sent at once does not either.
 */
static void no_sample_is_too_fast(void **state)
{
	struct tcp_rate_sample rs;

	(void)state;
	begin();
	x.c.cs.min_rtt_us = 10000;
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 50; i++) {
			conn_fixture_send(&x, MSS);
			conn_fixture_pass(&x, 1000);
		}
		conn_fixture_pass(&x, 10000);
		for (unsigned int i = 0; i < 50; i++) {
			rs = ack(MSS);
			if (rs.interval_us > 0)
				assert_true(rate_of(&rs) <= 1000000 * 1.03);
		}
	}
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 50; i++)
			conn_fixture_send(&x, MSS);
		conn_fixture_pass(&x, 10000);
		for (unsigned int i = 0; i < 50; i++) {
			conn_fixture_pass(&x, 1000);
			rs = ack(MSS);
			if (rs.interval_us > 0)
				assert_true(rate_of(&rs) <= 1000000 * 1.03);
		}
	}
	end();
}

/* What is faster than the path's round trip is no sample. */
static void short_intervals_do_not_count(void **state)
{
	struct tcp_rate_sample rs;

	(void)state;
	begin();
	x.c.cs.min_rtt_us = 10000;
	conn_fixture_send(&x, MSS);
	conn_fixture_pass(&x, 100);
	rs = ack(MSS);
	assert_int_equal(rs.interval_us, -1);
	rs = ack(0);
	assert_int_equal(rs.delivered, -1);
	end();
}

/* The user had nothing: samples of that time say so, those of later no more. */
static void waiting_for_the_user(void **state)
{
	struct tcp_rate_sample rs;

	(void)state;
	begin();
	conn_fixture_send(&x, MSS);
	tcp_rate_check_app_limited(&x.c); /* he comes back */
	conn_fixture_send(&x, MSS);
	conn_fixture_pass(&x, 1000);
	rs = ack(MSS);
	assert_false(rs.is_app_limited);
	conn_fixture_send(&x, MSS);
	conn_fixture_pass(&x, 1000);
	rs = ack(MSS);
	assert_true(rs.is_app_limited);
	conn_fixture_send(&x, MSS);
	conn_fixture_pass(&x, 1000);
	rs = ack(MSS);
	assert_true(rs.is_app_limited); /* sent while that was so */
	conn_fixture_pass(&x, 1000);
	rs = ack(MSS);
	assert_false(rs.is_app_limited);

	/* With the window full, or something unsent, it is not for him. */
	x.c.cs.cwnd = MSS;
	conn_fixture_send(&x, MSS);
	tcp_rate_check_app_limited(&x.c);
	assert_int_equal(x.c.fl->app_limited, 0);
	x.c.cs.cwnd = 10 * MSS;
	x.c.fl->unsent = 1;
	tcp_rate_check_app_limited(&x.c);
	assert_int_equal(x.c.fl->app_limited, 0);
	x.c.fl->unsent = 0;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_flow),
		cmocka_unit_test(no_sample_is_too_fast),
		cmocka_unit_test(short_intervals_do_not_count),
		cmocka_unit_test(waiting_for_the_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
