/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Byte l of a tick, counted from the lowest, is the slot it has in level l.  A timer is in
 * the level of the highest byte in which its tick differs from where the wheel stands: in level
 * 0 it shares all but the lowest byte, so each slot there is one tick, and everything in
 * level 0 is before everything in level 1, and so on.  When the wheel enters a slot of an
 * upper level, its timers move down ("cascade").
 *
 * Lists have the last set first, and are turned round when they are moved or fired.  As a slot
 * is emptied into lower ones before anything is set there directly, timers of the same tick
 * are always in the order in which they were set.
 */
#include "netstack/core/timer.h"

#include <assert.h>
#include <stddef.h>

#define TOP       (TIMER_LEVELS - 1)
#define SLOT_MASK (TIMER_SLOTS - 1)
#define TICK_NS   (UINT64_C(1) << TIMER_TICK_SHIFT)

/* So far may the tick be for the slot of the top level not to be that where we stand: all
 * its slots but one.
 */
#define TICKS_MAX (((uint64_t)SLOT_MASK << (TOP * TIMER_SLOT_BITS)) - 1)

/* timer_wheel_next_ns() looks at so many timers of a slot. */
#define SCAN_MAX 32

static unsigned int slot_of(uint64_t tick, unsigned int level)
{
	return tick >> (level * TIMER_SLOT_BITS) & SLOT_MASK;
}

void timer_wheel_init(struct timer_wheel *w, uint64_t now_ns, void *arg)
{
	*w = (struct timer_wheel){
		.tick = now_ns >> TIMER_TICK_SHIFT,
		.target = now_ns >> TIMER_TICK_SHIFT,
		.arg = arg,
	};
}

static void link_timer(struct timer **list, struct timer *t)
{
	t->next = *list;
	if (t->next)
		t->next->pprev = &t->next;
	t->pprev = list;
	*list = t;
}

/* Put @t, whose tick is not before the wheel's, where it belongs. */
static void place(struct timer_wheel *w, struct timer *t)
{
	const uint64_t ahead = t->tick - w->tick;
	const uint64_t tick = ahead > TICKS_MAX ? w->tick + TICKS_MAX : t->tick;
	const unsigned int bits = 63 - (unsigned int)__builtin_clzll((tick ^ w->tick) | 1);
	const unsigned int level = bits / TIMER_SLOT_BITS < TOP ? bits / TIMER_SLOT_BITS : TOP;
	const unsigned int slot = slot_of(tick, level);

	link_timer(&w->slot[level][slot], t);
	w->map[level][slot / 64] |= UINT64_C(1) << slot % 64;
}

static void unlink_timer(struct timer_wheel *w, struct timer *t)
{
	const uintptr_t at = (uintptr_t)t->pprev - (uintptr_t)w->slot;

	*t->pprev = t->next;
	if (t->next) {
		t->next->pprev = t->pprev;
	} else if (at < sizeof(w->slot)) {
		const size_t i = (size_t)(t->pprev - w->slot[0]);

		w->map[i / TIMER_SLOTS][i % TIMER_SLOTS / 64] &= ~(UINT64_C(1) << i % 64);
	}
	t->pprev = NULL;
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t at_ns)
{
	uint64_t tick = (at_ns >> TIMER_TICK_SHIFT) + ((at_ns & (TICK_NS - 1)) != 0);

	if (at_ns > TIMER_NEVER - TICK_NS) {
		timer_del(w, t);
		return;
	}
	if (tick < w->target)
		tick = w->target;
	if (t->pprev) {
		if (t->tick == tick)
			return;
		unlink_timer(w, t);
	} else {
		assert(t->kind < TIMER_KINDS);
		assert(w->handler[t->kind]);
		w->n++;
	}
	t->tick = tick;
	place(w, t);
}

void timer_del(struct timer_wheel *w, struct timer *t)
{
	if (!t->pprev)
		return;
	unlink_timer(w, t);
	w->n--;
}

/* How many slots behind @from the next one with a timer is, in circles; 0 for none. */
static unsigned int distance(const uint64_t map[static TIMER_SLOTS / 64], unsigned int from)
{
	for (unsigned int d = 1; d < TIMER_SLOTS;) {
		const unsigned int slot = (from + d) & SLOT_MASK;
		const uint64_t bits = map[slot / 64] >> slot % 64;

		if (bits) {
			d += (unsigned int)__builtin_ctzll(bits);
			return d < TIMER_SLOTS ? d : 0;
		}
		d += 64 - slot % 64;
	}
	return 0;
}

/* The next tick for which there is something to do: to fire in level 0, to cascade above.
 * TIMER_NEVER for none; @ret_level is the level.
 */
static uint64_t next_event(const struct timer_wheel *w, unsigned int *ret_level)
{
	for (unsigned int level = 0; level < TIMER_LEVELS; level++) {
		const unsigned int shift = level * TIMER_SLOT_BITS;
		const unsigned int d = distance(w->map[level], slot_of(w->tick, level));

		if (d) {
			*ret_level = level;
			return ((w->tick >> shift) + d) << shift;
		}
	}
	return TIMER_NEVER;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *w)
{
	const unsigned int now = slot_of(w->tick, 0);
	const struct timer *t;
	unsigned int level = 0;
	uint64_t first, tick;

	if (!w->n)
		return TIMER_NEVER;
	if (w->slot[0][now] || w->firing)
		return w->tick << TIMER_TICK_SHIFT;
	tick = next_event(w, &level);
	assert(tick != TIMER_NEVER);
	if (level == 0)
		return tick << TIMER_TICK_SHIFT;

	t = w->slot[level][slot_of(tick, level)];
	first = t->tick;
	for (unsigned int i = 1; i < SCAN_MAX && t->next; i++) {
		t = t->next;
		if (t->tick < first)
			first = t->tick;
	}
	/* Too many to look at, or of a later round. */
	if (t->next || (first ^ tick) >> (level * TIMER_SLOT_BITS))
		first = tick;
	return first << TIMER_TICK_SHIFT;
}

/* Take a slot's list, first set first; timers may still be deleted from it. */
static void take_slot(struct timer_wheel *w, unsigned int level, unsigned int slot,
		      struct timer **ret)
{
	struct timer *t = w->slot[level][slot];

	*ret = NULL;
	while (t) {
		struct timer *next = t->next;

		link_timer(ret, t);
		t = next;
	}
	w->slot[level][slot] = NULL;
	w->map[level][slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* The wheel stands at the first tick of this slot. */
static void cascade(struct timer_wheel *w, unsigned int level)
{
	struct timer *list, *next;

	take_slot(w, level, slot_of(w->tick, level), &list);
	for (struct timer *t = list; t; t = next) {
		next = t->next;
		place(w, t);
	}
}

static void fire(struct timer_wheel *w)
{
	struct timer *t;

	take_slot(w, 0, slot_of(w->tick, 0), &w->firing);
	while ((t = w->firing)) {
		unlink_timer(w, t);
		w->n--;
		w->handler[t->kind](w->arg, t);
	}
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns)
{
	const uint64_t target = now_ns >> TIMER_TICK_SHIFT;

	assert(!w->firing);
	if (target < w->tick)
		return;
	w->target = target;
	for (;;) {
		unsigned int level = 0;
		uint64_t next;

		if (w->slot[0][slot_of(w->tick, 0)])
			fire(w);
		if (w->tick == target)
			break;
		next = next_event(w, &level);
		if (next > target) {
			w->tick = target; /* all slots that it is in are empty */
			break;
		}
		w->tick = next;
		if (level > 0)
			cascade(w, level);
	}
}
