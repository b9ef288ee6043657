/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/wrappers.h"

static struct nic_fault_conf parsed(const char *text)
{
	struct nic_fault_conf conf;
	struct nerr err = NERR_INIT;

	if (nic_fault_parse(&conf, text, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return conf;
}

static void everything_has_a_name(void **state)
{
	struct nic_fault_conf c =
		parsed("loss=1%,delay=5ms,jitter=1ms,reorder=0.5%,dup=2%,corrupt=10ppm,"
		       "seed=18446744073709551615,queue=77");

	(void)state;
	assert_int_equal(c.loss_ppm, 10000);
	assert_int_equal(c.delay_us, 5000);
	assert_int_equal(c.jitter_us, 1000);
	assert_int_equal(c.reorder_ppm, 5000);
	assert_int_equal(c.dup_ppm, 20000);
	assert_int_equal(c.corrupt_ppm, 10);
	assert_true(c.seed == UINT64_MAX);
	assert_int_equal(c.queue, 77);
	c = parsed("loss=1%");
	assert_int_equal(c.queue, 0);
	assert_int_equal(c.delay_us, 0);
}

static void units_have_decimals(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
	} sample[] = {
		{ "loss=0%", 0 },      { "loss=100%", 1000000 },     { "loss=100.0%", 1000000 },
		{ "loss=0.0001%", 1 }, { "loss=12.3456%", 123456 },  { "loss=1000000ppm", 1000000 },
		{ "loss=7.0ppm", 7 },  { "loss=99.99990%", 999999 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sample); i++)
		assert_int_equal(parsed(sample[i].text).loss_ppm, sample[i].value);
	assert_int_equal(parsed("delay=1.5ms").delay_us, 1500);
	assert_int_equal(parsed("delay=60s").delay_us, 60000000);
	assert_int_equal(parsed("delay=0.000001s").delay_us, 1);
	assert_int_equal(parsed("delay=250us").delay_us, 250);
}

static void what_cannot_be_read_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} sample[] = {
		{ "", "fault '' has no value" },
		{ "loss", "fault 'loss' has no value" },
		{ "loss=", "fault 'loss=' has no value" },
		{ "=1%", "fault '=1%' has no value" },
		{ "loss=1%,", "fault '' has no value" },
		{ "lose=1%", "no fault 'lose': there is loss, dup, reorder, corrupt, delay, "
			     "jitter, queue and seed" },
		{ "loss=1",
		  "fault 'loss': '1' is not 0 to 100 and '%', or 0 to 1000000 and 'ppm'" },
		{ "dup=101%",
		  "fault 'dup': '101%' is not 0 to 100 and '%', or 0 to 1000000 and 'ppm'" },
		{ "delay=5",
		  "fault 'delay': '5' is not a number and 'us', 'ms' or 's', up to 60s" },
		{ "queue=0", "fault 'queue': '0' is not 1 to 1048576 packets" },
		{ "seed=x", "fault 'seed': 'x' is not a number" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sample); i++) {
		struct nic_fault_conf conf = { .seed = 99 };
		struct nerr err = NERR_INIT;

		assert_int_equal(nic_fault_parse(&conf, sample[i].text, &err), -EINVAL);
		assert_string_equal(err.msg, sample[i].msg);
		assert_int_equal(conf.seed, 99);
	}
}

static void numbers_are_numbers(void **state)
{
	static const char *const bad[] = {
		"loss=-1%",        "loss=1.%",
		"loss=.5%",        "loss=1.2.3%",
		"loss=0.00001%",   "loss=100.1%",
		"loss=1e2%",       "loss= 1%",
		"loss=1 %",        "loss=%",
		"loss=1000001ppm", "loss=0.5ppm",
		"delay=1min",      "delay=60.1s",
		"delay=61s",       "delay=0.1us",
		"jitter=1h",       "queue=1048577",
		"seed=-1",         "loss=00000000000000000000000000000000001%",
	};
	struct nic_fault_conf conf;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		if (nic_fault_parse(&conf, bad[i], NULL) != -EINVAL)
			fail_msg("%s was read", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_a_name),
		cmocka_unit_test(units_have_decimals),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(numbers_are_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
