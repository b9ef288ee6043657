/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

/* --- chance --- */

static void the_same_seed_gives_the_same_numbers(void **state)
{
	static struct core a, b;

	(void)state;
	a.key = b.key = (struct siphash_key){ { 1, 2 } };
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(core_random(&a), core_random(&b));
}

static void another_secret_gives_other_numbers(void **state)
{
	static struct core a, b;
	unsigned same = 0;

	(void)state;
	a.key = (struct siphash_key){ { 1, 2 } };
	b.key = (struct siphash_key){ { 1, 3 } };
	for (unsigned i = 0; i < 1000; i++)
		same += core_random(&a) == core_random(&b);
	assert_true(same < 3);
}

/* Each bit is set half of the time, whatever number came before: 10 000 draws, 6 sigma. */
static void bits_are_fair(void **state)
{
	static struct core c;
	unsigned ones[32] = { 0 }, changes[32] = { 0 };
	uint32_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		const uint32_t r = core_random(&c);

		for (unsigned bit = 0; bit < 32; bit++) {
			ones[bit] += r >> bit & 1;
			changes[bit] += (r ^ last) >> bit & 1;
		}
		last = r;
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		assert_in_range(ones[bit], 4700, 5300);
		assert_in_range(changes[bit], 4700, 5300);
	}
}

/* Also for the ranges in which a plain remainder would prefer small numbers most. */
static void below_is_below_and_fair(void **state)
{
	static const uint32_t limits[] = { 1, 2, 3, 10, 0x80000000, 0xc0000000, 0xffffffff };
	static struct core c;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const uint32_t n = limits[i];
		unsigned third[3] = { 0 };

		for (unsigned k = 0; k < 9000; k++) {
			const uint32_t r = core_random_below(&c, n);

			assert_true(r < n);
			third[(uint64_t)r * 3 / n]++;
		}
		if (n >= 0x80000000 || n == 3)
			for (unsigned k = 0; k < 3; k++)
				assert_in_range(third[k], 2700, 3300);
	}
}

/* --- drops --- */

struct seen {
	struct trace_event ev;
	char note[300];
	unsigned n;
	unsigned pb_len;
};

static void see(void *arg, const struct trace_event *ev)
{
	struct seen *s = arg;

	s->n++;
	s->ev = *ev;
	s->pb_len = ev->pb ? ev->pb->len : 0; /* it is still there */
	if (ev->note)
		(void)snprintf(s->note, sizeof(s->note), "%s", ev->note); /* cut is fine */
}

static void a_drop_is_counted_traced_and_freed(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	static struct core c;
	struct pbuf_pool_stats stats;
	struct seen seen = { .n = 0 };
	struct pbuf *pb;

	(void)state;
	assert_int_equal(pbuf_pool_new(&c.pool, &tm.mem, UINT64_MAX), 0);
	core_drop(&c, pbuf_alloc(c.pool), DROP_MARTIAN);
	assert_int_equal(c.drops[DROP_MARTIAN], 1);

	c.trace = see;
	c.trace_arg = &seen;
	c.now_ns = 77;
	pb = pbuf_alloc(c.pool);
	(void)pbuf_put(pb, 5);
	core_drop(&c, pb, DROP_MARTIAN);
	assert_int_equal(c.drops[DROP_MARTIAN], 2);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.ev.point, TRACE_DROP);
	assert_int_equal(seen.ev.drop, DROP_MARTIAN);
	assert_int_equal(seen.ev.time_ns, 77);
	assert_int_equal(seen.pb_len, 5);

	core_count(&c, DROP_NO_MEMORY);
	assert_int_equal(c.drops[DROP_NO_MEMORY], 1);
	assert_int_equal(seen.n, 2);
	assert_null(seen.ev.pb);

	pbuf_pool_stats(c.pool, &stats);
	assert_int_equal(stats.pbufs, 0);
	pbuf_pool_free(c.pool);
	test_mem_done(&tm);
}

/* --- trace --- */

static void notes_go_to_the_trace_if_there_is_one(void **state)
{
	struct seen seen = { .n = 0 };
	struct core c = { .now_ns = 5 };
	char longest[400];

	(void)state;
	core_note(&c, "nobody %s", "listens");
	c.trace = see;
	c.trace_arg = &seen;
	core_note(&c, "rto %u ms", 200U);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.ev.point, TRACE_NOTE);
	assert_string_equal(seen.note, "rto 200 ms");

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	seen.note[0] = '\0';
	core_note(&c, "%s", longest);
	assert_in_range(strlen(seen.note), 200, 299);
}

static void packets_go_to_the_trace_if_there_is_one(void **state)
{
	struct core c = { .now_ns = 5 };
	struct pbuf pb = { .len = 9 };
	struct seen seen = { .n = 0 };

	(void)state;
	core_trace(&c, TRACE_RX, &pb);
	c.trace = see;
	c.trace_arg = &seen;
	core_trace(&c, TRACE_TX, &pb);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.ev.point, TRACE_TX);
	assert_ptr_equal(seen.ev.pb, &pb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_gives_the_same_numbers),
		cmocka_unit_test(another_secret_gives_other_numbers),
		cmocka_unit_test(bits_are_fair),
		cmocka_unit_test(below_is_below_and_fair),
		cmocka_unit_test(a_drop_is_counted_traced_and_freed),
		cmocka_unit_test(notes_go_to_the_trace_if_there_is_one),
		cmocka_unit_test(packets_go_to_the_trace_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
