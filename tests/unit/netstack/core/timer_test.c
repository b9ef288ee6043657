/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/test_mem.h"

#define N    200
#define TICK (UINT64_C(1) << TIMER_TICK_SHIFT)

/* --- a wheel beside a list that is searched from end to end --- */

/* A timer, and what the model says about it. */
struct entry {
	struct timer t;
	bool set;
	uint64_t tick; /* when it is to fire */
	uint64_t at_ns;
	uint64_t order; /* of setting */
	bool far;       /* when it was set it was beyond the last level */
};

struct world {
	struct timer_wheel w;
	struct entry e[N];
	struct dice d;
	uint64_t now_ns;
	uint64_t target; /* tick that the wheel has reached or is being advanced to */
	uint64_t order;
	uint64_t n_fired;
	bool busy;         /* handlers set and delete timers */
	unsigned bits_max; /* of times ahead */
};

static void model_set(struct world *wo, struct entry *e, uint64_t at_ns)
{
	uint64_t tick = at_ns / TICK + (at_ns % TICK != 0);

	if (tick < wo->target)
		tick = wo->target;
	timer_set(&wo->w, &e->t, at_ns);
	if (!e->set || e->tick != tick)
		e->order = wo->order++;
	e->set = true;
	e->tick = tick;
	e->at_ns = at_ns;
	e->far = tick - wo->w.tick > UINT64_C(255) << 24;
}

static void model_del(struct world *wo, struct entry *e)
{
	timer_del(&wo->w, &e->t);
	e->set = false;
}

static const struct entry *model_first(const struct world *wo)
{
	const struct entry *first = NULL;

	for (unsigned i = 0; i < N; i++) {
		const struct entry *e = &wo->e[i];

		if (e->set && (!first || e->tick < first->tick ||
			       (e->tick == first->tick && e->order < first->order)))
			first = e;
	}
	return first;
}

/* From the past to beyond the last level, near times more often. */
static uint64_t some_time(struct world *wo)
{
	const unsigned bits = dice_below(&wo->d, wo->bits_max);
	const uint64_t r = (uint64_t)dice_roll(&wo->d) << 32 | dice_roll(&wo->d);

	switch (dice_below(&wo->d, 8)) {
	case 0:
		return wo->now_ns > 1000 * TICK ? wo->now_ns - r % (1000 * TICK) : 0;
	case 1:
		/* On the edges of slots of all levels. */
		return ((wo->now_ns >> bits) + 1) << bits;
	default:
		return wo->now_ns + r % (UINT64_C(1) << bits);
	}
}

static void fired(void *arg, struct timer *t)
{
	struct world *wo = arg;
	struct entry *e = (struct entry *)(void *)t;

	if (wo->bits_max <= 50)
		assert_ptr_equal(e, model_first(wo));
	else
		assert_int_equal(e->tick, model_first(wo)->tick);
	assert_false(timer_is_set(t));
	assert_true(e->at_ns <= wo->now_ns);
	e->set = false;
	wo->n_fired++;
	if (!wo->busy)
		return;
	for (unsigned n = dice_below(&wo->d, 3); n; n--) {
		struct entry *other = &wo->e[dice_below(&wo->d, N)];

		if (dice_below(&wo->d, 3) == 0)
			model_del(wo, other);
		else if (dice_below(&wo->d, 2) == 0)
			model_set(wo, other, wo->now_ns + 1 + some_time(wo) % (300 * TICK));
		else
			model_set(wo, other, some_time(wo));
	}
}

static void world_init(struct world *wo, uint64_t seed, uint64_t now_ns)
{
	*wo = (struct world){ .d = { seed }, .now_ns = now_ns, .target = now_ns / TICK };
	timer_wheel_init(&wo->w, now_ns, wo);
	wo->w.handler[TIMER_TEST] = fired;
	for (unsigned i = 0; i < N; i++)
		wo->e[i].t.kind = TIMER_TEST;
}

static void advance(struct world *wo, uint64_t now_ns)
{
	wo->now_ns = now_ns;
	wo->target = now_ns / TICK;
	timer_wheel_advance(&wo->w, now_ns);
}

static void leap(struct world *wo)
{
	const uint64_t to = some_time(wo);

	advance(wo, to > wo->now_ns ? to : wo->now_ns);
}

static void check(const struct world *wo)
{
	const struct entry *first = model_first(wo);
	bool exact = true;
	unsigned n = 0;

	for (unsigned i = 0; i < N; i++) {
		const struct entry *e = &wo->e[i];

		n += e->set;
		exact &= !(e->set && e->far);
		assert_int_equal(timer_is_set(&e->t), e->set);
		if (e->set)
			assert_int_equal(timer_at_ns(&e->t), e->tick * TICK);
	}
	assert_int_equal(wo->w.n, n);
	if (!first)
		assert_true(timer_wheel_next_ns(&wo->w) == TIMER_NEVER);
	else if (n <= 32 && exact)
		assert_int_equal(timer_wheel_next_ns(&wo->w), first->tick * TICK);
	else
		assert_true(timer_wheel_next_ns(&wo->w) <= first->tick * TICK);
}

/* @n_max: timers that are in use.  Time goes by leaps and by the wheel's own word. */
static void random_walk(uint64_t seed, unsigned n_max, unsigned bits_max, bool busy)
{
	static struct world wo;

	world_init(&wo, seed, (uint64_t)seed << 50 | 12345);
	wo.busy = busy;
	wo.bits_max = bits_max;
	for (unsigned i = 0; i < 30000; i++) {
		struct entry *e = &wo.e[dice_below(&wo.d, n_max)];
		const uint64_t next = timer_wheel_next_ns(&wo.w);

		switch (dice_below(&wo.d, 4)) {
		case 0:
			if (dice_below(&wo.d, 4) == 0)
				model_del(&wo, e);
			break;
		case 1:
			if (next != TIMER_NEVER)
				advance(&wo, next > wo.now_ns ? next : wo.now_ns);
			break;
		case 2:
			if (dice_below(&wo.d, 50) == 0)
				leap(&wo);
			break;
		default:
			model_set(&wo, e, some_time(&wo));
			break;
		}
		check(&wo);
	}
	assert_true(wo.n_fired > 1000);
}

static void equals_a_sorted_list(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++)
		random_walk(seed, seed % 2 ? N : 20, 50, false);
}

static void equals_a_sorted_list_with_busy_handlers(void **state)
{
	(void)state;
	for (uint64_t seed = 9; seed <= 16; seed++)
		random_walk(seed, seed % 2 ? N : 20, 50, true);
}

/* Those beyond the last level fire in time, too; only their order within a tick is any. */
static void far_timers_go_round(void **state)
{
	(void)state;
	for (uint64_t seed = 17; seed <= 20; seed++)
		random_walk(seed, seed % 2 ? N : 20, 57, seed % 4 < 2);
}

/* --- single laws --- */

static void note_time(void *arg, struct timer *t)
{
	(void)t;
	++*(unsigned *)arg;
}

/* Who sleeps until next_ns() and then advances is never early and less than two ticks late,
 * and wakes up once for a timer.
 */
static void a_sleeper_wakes_once_and_in_time(void **state)
{
	struct dice d = { 3 };

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		const uint64_t start = (uint64_t)dice_roll(&d) << dice_below(&d, 31);
		const uint64_t at = start + ((uint64_t)dice_roll(&d) << dice_below(&d, 20));
		struct timer t = { .kind = TIMER_TEST };
		static struct timer_wheel w;
		unsigned n = 0;
		uint64_t next;

		timer_wheel_init(&w, start, &n);
		w.handler[TIMER_TEST] = note_time;
		timer_set(&w, &t, at);
		next = timer_wheel_next_ns(&w);
		assert_true(next >= at || next <= start);
		assert_true(next < at + 2 * TICK);
		if (next > start) {
			timer_wheel_advance(&w, next - 1);
			assert_int_equal(n, 0);
			assert_int_equal(timer_wheel_next_ns(&w), next);
		}
		timer_wheel_advance(&w, next);
		assert_int_equal(n, 1);
		assert_true(timer_wheel_next_ns(&w) == TIMER_NEVER);
	}
}

/* A million timers in a slot far away: looking for the next one stays cheap, and to spread
 * them takes one wake-up per level.
 */
static void many_timers_are_spread_in_few_wakes(void **state)
{
	enum {
		MANY = 50000
	};
	static struct timer t[MANY];
	static struct timer_wheel w;
	unsigned n = 0, wakes = 0;
	uint64_t next;

	(void)state;
	timer_wheel_init(&w, 0, &n);
	w.handler[TIMER_TEST] = note_time;
	for (unsigned i = 0; i < MANY; i++) {
		t[i].kind = TIMER_TEST;
		timer_set(&w, &t[i], (UINT64_C(30) << 44) + UINT64_C(1000) * i);
	}
	while ((next = timer_wheel_next_ns(&w)) != TIMER_NEVER) {
		timer_wheel_advance(&w, next);
		wakes++;
	}
	assert_int_equal(n, MANY);
	assert_true(wakes <= MANY / 1000 + 4);
}

static void never_is_a_time_that_does_not_come(void **state)
{
	struct timer t = { .kind = TIMER_TEST };
	static struct timer_wheel w;
	unsigned n = 0;

	(void)state;
	timer_wheel_init(&w, 0, &n);
	w.handler[TIMER_TEST] = note_time;
	timer_set(&w, &t, TIMER_NEVER);
	assert_false(timer_is_set(&t));
	timer_set(&w, &t, 5);
	timer_set(&w, &t, TIMER_NEVER);
	assert_false(timer_is_set(&t));
	assert_true(timer_wheel_next_ns(&w) == TIMER_NEVER);
	timer_del(&w, &t);
	timer_wheel_advance(&w, UINT64_C(1) << 62);
	assert_int_equal(n, 0);
}

/* A handler that always wants to be called at once is called once or twice per advance. */
static void again_at_once(void *arg, struct timer *t)
{
	struct timer_wheel *w = arg;

	timer_set(w, t, 0);
}

static void a_greedy_handler_does_not_hang_the_wheel(void **state)
{
	struct timer t = { .kind = TIMER_TEST };
	static struct timer_wheel w;

	(void)state;
	timer_wheel_init(&w, 0, &w);
	w.handler[TIMER_TEST] = again_at_once;
	timer_set(&w, &t, 0);
	for (uint64_t now = 0; now < 100 * TICK; now += 7 * TICK) {
		timer_wheel_advance(&w, now);
		assert_true(timer_is_set(&t));
		assert_true(timer_wheel_next_ns(&w) <= now);
	}
}

/* Time that goes back is a mistake of the caller that changes nothing. */
static void time_does_not_go_back(void **state)
{
	struct timer t = { .kind = TIMER_TEST };
	static struct timer_wheel w;
	unsigned n = 0;

	(void)state;
	timer_wheel_init(&w, 1000 * TICK, &n);
	w.handler[TIMER_TEST] = note_time;
	timer_set(&w, &t, 1500 * TICK);
	timer_wheel_advance(&w, 10 * TICK);
	assert_int_equal(timer_wheel_next_ns(&w), 1500 * TICK);
	timer_wheel_advance(&w, 1500 * TICK);
	assert_int_equal(n, 1);
}

/* It is in every connection. */
_Static_assert(sizeof(struct timer) == 24, "a timer has 24 bytes");

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_a_sorted_list),
		cmocka_unit_test(equals_a_sorted_list_with_busy_handlers),
		cmocka_unit_test(far_timers_go_round),
		cmocka_unit_test(a_sleeper_wakes_once_and_in_time),
		cmocka_unit_test(many_timers_are_spread_in_few_wakes),
		cmocka_unit_test(never_is_a_time_that_does_not_come),
		cmocka_unit_test(a_greedy_handler_does_not_hang_the_wheel),
		cmocka_unit_test(time_does_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
