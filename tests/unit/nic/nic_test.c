/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/nic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nic/fake.h"

static unsigned int stats_calls;

static void bring_up_to_date(struct nic *nic)
{
	stats_calls++;
	nic->counters.rx_missed = 77;
}

static void counters_are_brought_up_to_date(void **state)
{
	struct nic_ops ops = fake_ops;
	struct nic_stats stats;
	struct desk k;
	struct fake *f;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	f = fake_new(&k);
	f->nic.counters.tx_busy = 3;
	nic_stats(&f->nic, &stats); /* a driver whose counters always are */
	assert_int_equal(stats.tx_busy, 3);
	assert_int_equal(stats.rx_missed, 0);

	ops.stats = bring_up_to_date;
	f->nic.ops = &ops;
	nic_stats(&f->nic, &stats);
	assert_int_equal(stats_calls, 1);
	assert_int_equal(stats.tx_busy, 3);
	assert_int_equal(stats.rx_missed, 77);
	nic_close(&f->nic);
	desk_done(&k);
}

static unsigned int trim_calls;

static void count_trim(struct nic *nic)
{
	(void)nic;
	trim_calls++;
}

static void trimming_is_the_drivers_if_it_can(void **state)
{
	struct nic_ops ops = fake_ops;
	struct desk k;
	struct fake *f;

	(void)state;
	desk_init(&k, LOOP_EPOLL);
	f = fake_new(&k);
	nic_trim(&f->nic);
	ops.trim = count_trim;
	f->nic.ops = &ops;
	nic_trim(&f->nic);
	assert_int_equal(trim_calls, 1);
	nic_close(&f->nic);
	desk_done(&k);
}

static void closing_is_the_drivers(void **state)
{
	struct desk k;
	struct fake *f;

	(void)state;
	nic_close(NULL);
	desk_init(&k, LOOP_EPOLL);
	f = fake_new(&k);
	pbuf_queue_put(&f->in, frame_arp(k.pool));
	assert_false(k.closed);
	nic_close(&f->nic);
	assert_true(k.closed);
	desk_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_brought_up_to_date),
		cmocka_unit_test(trimming_is_the_drivers_if_it_can),
		cmocka_unit_test(closing_is_the_drivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
