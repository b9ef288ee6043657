/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * timer.h - timers of the network layer that say themselves what is to be done
 *
 * DAD, IGMP, MLD and router discovery have timers in objects of different kinds; all of
 * them are TIMER_IFACE on the wheel.
 */
#ifndef NETSTACK_NET_TIMER_H
#define NETSTACK_NET_TIMER_H

#include <stdint.h>

#include "netstack/core/core.h"
#include "netstack/core/timer.h"

struct net;

/**
 * struct net_timer - A timer and its function
 * @t:		On the wheel
 * @fn:		Called when it is due; may arm it again or free the object it is in
 * @arg:	That object
 */
struct net_timer {
	struct timer t;
	void (*fn)(struct net *net, void *arg);
	void *arg;
};

static inline void net_timer_init(struct net_timer *nt, void (*fn)(struct net *net, void *arg),
				  void *arg)
{
	*nt = (struct net_timer){ .t.kind = TIMER_IFACE, .fn = fn, .arg = arg };
}

static inline void net_timer_set(struct core *c, struct net_timer *nt, uint64_t at_ns)
{
	timer_set(&c->wheel, &nt->t, at_ns);
}

static inline void net_timer_del(struct core *c, struct net_timer *nt)
{
	timer_del(&c->wheel, &nt->t);
}

#endif /* NETSTACK_NET_TIMER_H */
