/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * verdict.h - what a step on a packet's way up says
 *
 * An int: one of these, or an enum drop_reason, which is not negative.  With a drop reason
 * the caller still has the packet and drops it; so drops are written in one place, stack_rx.c.
 */
#ifndef NETSTACK_CORE_VERDICT_H
#define NETSTACK_CORE_VERDICT_H

#include "netstack/core/drop.h"

#define RX_PASS  (-1) /* go on with the next step; the packet is still the caller's */
#define RX_TAKEN (-2) /* the packet found its end, or is in somebody's queue */

#endif /* NETSTACK_CORE_VERDICT_H */
