/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * timer.h - hierarchical timer wheel
 *
 * Four levels of 256 slots of 2^20 ns (about a millisecond); what is further away than the 51
 * days of the last level goes round in it.  Setting and deleting cost O(1).  A timer never fires
 * before its time and, when the wheel is advanced in time, less than two ticks after it.
 *
 * An object has one timer for all its deadlines: it keeps them itself and arms the
 * timer for the earliest.  A deadline that moves away is not worth a timer_set(): let it fire,
 * see that there is nothing to do yet, and arm it again.
 */
#ifndef NETSTACK_CORE_TIMER_H
#define NETSTACK_CORE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK_SHIFT 20
#define TIMER_SLOT_BITS  8
#define TIMER_SLOTS      (1 << TIMER_SLOT_BITS)
#define TIMER_LEVELS     4
#define TIMER_NEVER      UINT64_MAX

/* Whose timer it is: index of the wheel's handlers. */
enum timer_kind {
	TIMER_NEIGH,
	TIMER_IFACE, /* DAD, IGMP and MLD reports */
	TIMER_REASS,
	TIMER_PMTU,
	TIMER_ADDR,
	TIMER_TCP,
	TIMER_TCP_SYNQ,
	TIMER_TCP_TIME_WAIT,
	TIMER_SOCK,
	TIMER_TEST,
	TIMER_KINDS,
};

/**
 * struct timer - A timer, part of the object it is for
 * @next:	In its slot
 * @pprev:	What points to it; NULL while it is not set
 * @tick:	When it fires
 * @kind:	enum timer_kind, written by its owner before it is set
 *
 * Zero-initialised is "not set".
 */
struct timer {
	struct timer *next;
	struct timer **pprev;
	uint64_t tick : 48;
	uint64_t kind : 8;
};

/**
 * struct timer_wheel - All timers of an instance
 * @tick:	Where the wheel stands: all timers before it have fired
 * @target:	Where it is being advanced to, else @tick; no timer is set before it
 * @n:		Timers that are set
 * @handler:	By enum timer_kind; called with the timer no longer set, may set and delete
 *		any timer, free the object itself
 * @arg:	Of the handlers
 * @firing:	Those of @tick that are being fired
 * @slot:	Lists, last set first
 * @map:	A bit for each slot that has a timer
 */
struct timer_wheel {
	uint64_t tick;
	uint64_t target;
	uint32_t n;
	struct timer *firing;
	void (*handler[TIMER_KINDS])(void *arg, struct timer *t);
	void *arg;
	struct timer *slot[TIMER_LEVELS][TIMER_SLOTS];
	uint64_t map[TIMER_LEVELS][TIMER_SLOTS / 64];
};

/* Without handlers: they are put in after it, before the first timer of their kind is set. */
void timer_wheel_init(struct timer_wheel *w, uint64_t now_ns, void *arg);

/* Arm, or move when it is set; one that is set to the same tick already keeps its place.
 * @at_ns in the past means the next advance, TIMER_NEVER timer_del().
 */
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t at_ns);

/* Nothing happens when it is not set. */
void timer_del(struct timer_wheel *w, struct timer *t);

static inline bool timer_is_set(const struct timer *t)
{
	return t->pprev;
}

/* When it fires, to the tick.  Only of one that is set. */
static inline uint64_t timer_at_ns(const struct timer *t)
{
	return (uint64_t)t->tick << TIMER_TICK_SHIFT;
}

/* When the wheel wants to be advanced: when the first timer fires.  It may be some time before,
 * to move timers, only when that is more than a quarter of a second away and there are more than
 * 32 timers near it, or one was set for more than 51 days.  TIMER_NEVER when there is none.
 */
uint64_t timer_wheel_next_ns(const struct timer_wheel *w);

/* Fire what is due, in order of ticks; within a tick in the order in which they were set,
 * except for those that were set for more than 51 days.
 * What a handler sets for a time that has passed waits for the end of this call or for the
 * next one.  A @now_ns before the last one does nothing.
 */
void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);

#endif /* NETSTACK_CORE_TIMER_H */
