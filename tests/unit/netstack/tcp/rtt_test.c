/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/netstack/tcp/conn_fixture.h"

#define MS 1000U /* in microseconds */

static struct conn_fixture x;

/* A round trip of its own: something is acknowledged that was sent after the one before. */
static void sample(uint32_t us)
{
	x.c.snd_una = x.c.snd_nxt = seq_add(x.c.snd_nxt, 1000);
	tcp_rtt_sample(&x.c, us);
}

static void begin(void)
{
	conn_fixture_init(&x, 1, 1000);
	conn_fixture_flight(&x);
}

static void end(void)
{
	x.c.snd_una = x.c.snd_nxt;
	conn_fixture_done(&x);
}

static uint64_t rto_us(void)
{
	return tcp_rto_ns(&x.c) / NS_PER_US;
}

/* RFC 6298, 2.1 and 2.2. */
static void before_and_after_the_first_sample(void **state)
{
	(void)state;
	begin();
	assert_int_equal(rto_us(), 1000 * MS);
	sample(100 * MS);
	assert_int_equal(x.c.cs.srtt_us, 100 * MS);
	assert_int_equal(x.c.rttvar_us, 50 * MS);
	assert_int_equal(rto_us(), 300 * MS); /* SRTT + 4 * RTTVAR */
	end();
}

/* 2.3, reckoned by hand: SRTT by 1/8, mean deviation by 1/4 upwards. */
static void vectors(void **state)
{
	static const struct {
		uint32_t us, srtt, rttvar, rto;
	} v[] = {
		{ 100000, 100000, 50000, 300000 },
		/* |100 - 100| = 0: the deviation is 37500, RTTVAR a quarter of the way to it. */
		{ 100000, 100000, 46875, 300000 },
		/* |500 - 100| = 400 ms: 37500 + (400000 - 37500) / 4 = 128125, at once. */
		{ 500000, 150000, 128125, 662500 },
		/* |150 - 150| = 0: 96094, a quarter of the way: 120117. */
		{ 150000, 150000, 120117, 630468 },
		/* |50 - 150| = 100 ms, more than 96094 and below SRTT: a 32nd of it, 96216. */
		{ 50000, 137500, 114142, 594068 },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		sample(v[i].us);
		assert_int_equal(x.c.cs.srtt_us, v[i].srtt);
		assert_in_range(x.c.rttvar_us, v[i].rttvar - 2, v[i].rttvar + 2);
		assert_in_range(rto_us(), v[i].rto - 8, v[i].rto + 8);
	}
	end();
}

/* The variation counts as params.rto_min_ms at least, on top of the round-trip time. */
static void a_steady_path(void **state)
{
	(void)state;
	begin();
	for (unsigned int i = 0; i < 100; i++)
		sample(10 * MS);
	assert_int_equal(x.c.cs.srtt_us, 10 * MS);
	assert_true(x.c.rttvar_us < 100);
	assert_int_equal(rto_us(), 210 * MS);
	for (unsigned int i = 0; i < 200; i++)
		sample(1);
	assert_true(x.c.cs.srtt_us <= 4);
	assert_true(x.c.cs.srtt_us > 0);
	end();
}

/* RTTVAR falls once per round trip, whatever the number of samples in it. */
static void many_samples_in_a_round_trip(void **state)
{
	uint32_t before;

	(void)state;
	begin();
	sample(400 * MS);
	sample(400 * MS);
	before = x.c.rttvar_us;
	x.c.snd_nxt = seq_add(x.c.snd_nxt, 1000000);
	x.c.fl->rtt_seq = x.c.snd_nxt;
	for (unsigned int i = 0; i < 1000; i++) {
		x.c.snd_una = seq_add(x.c.snd_una, 1000);
		tcp_rtt_sample(&x.c, 400 * MS);
	}
	assert_int_equal(x.c.rttvar_us, before);
	/* The next round trip: once. */
	x.c.snd_nxt = seq_add(x.c.snd_nxt, 1000000);
	x.c.snd_una = seq_add(x.c.snd_una, 1000);
	tcp_rtt_sample(&x.c, 400 * MS);
	assert_true(x.c.rttvar_us < before);
	before = x.c.rttvar_us;
	for (unsigned int i = 0; i < 10; i++) {
		x.c.snd_una = seq_add(x.c.snd_una, 1000);
		tcp_rtt_sample(&x.c, 400 * MS);
	}
	assert_int_equal(x.c.rttvar_us, before);
	end();
}

/* A peak is remembered at once. */
static void a_peak(void **state)
{
	(void)state;
	begin();
	for (unsigned int i = 0; i < 50; i++)
		sample(20 * MS);
	sample(1020 * MS);
	assert_true(x.c.rttvar_us >= 250 * MS);
	assert_true(rto_us() >= 1100 * MS);
	end();
}

/* 5.5, 2.5. */
static void backing_off(void **state)
{
	(void)state;
	begin();
	sample(100 * MS);
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t want = i < 32 ? (uint64_t)300 * MS << i : UINT64_MAX;

		x.c.backoff = (uint8_t)i;
		assert_int_equal(rto_us(), want < 120000 * MS ? want : 120000 * MS);
	}
	end();
}

static void bounds(void **state)
{
	(void)state;
	begin();
	sample(0);
	assert_int_equal(x.c.cs.srtt_us, 1);
	sample(UINT32_MAX);
	assert_true(rto_us() <= 120000 * MS);
	for (unsigned int i = 0; i < 100; i++)
		sample(UINT32_MAX);
	assert_in_range(rto_us(), 60190 * MS, 60200 * MS);
	end();
}

static void the_minimum_ages(void **state)
{
	(void)state;
	begin();
	sample(50 * MS);
	sample(20 * MS);
	sample(90 * MS);
	assert_int_equal(x.c.cs.min_rtt_us, 20 * MS);
	conn_fixture_pass(&x, UINT64_C(299000000));
	sample(90 * MS);
	assert_int_equal(x.c.cs.min_rtt_us, 20 * MS);
	conn_fixture_pass(&x, 2000000);
	sample(90 * MS);
	assert_int_equal(x.c.cs.min_rtt_us, 90 * MS);
	end();
}

/* Nothing is in flight between samples: as request and answer have it. */
static void flights_come_and_go(void **state)
{
	(void)state;
	begin();
	for (unsigned int i = 0; i < 100; i++) {
		sample(30 * MS);
		tcp_flight_put(&x.c);
		assert_null(x.c.fl);
		conn_fixture_flight(&x);
	}
	assert_int_equal(x.c.cs.srtt_us, 30 * MS);
	assert_true(x.c.rttvar_us < 100);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_and_after_the_first_sample),
		cmocka_unit_test(vectors),
		cmocka_unit_test(a_steady_path),
		cmocka_unit_test(many_samples_in_a_round_trip),
		cmocka_unit_test(a_peak),
		cmocka_unit_test(backing_off),
		cmocka_unit_test(bounds),
		cmocka_unit_test(the_minimum_ages),
		cmocka_unit_test(flights_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
