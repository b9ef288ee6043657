/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quiet.h - after work, when there is none any more, memory is given back
 *
 * A timer runs once there was some work.  When it fires and there was work meanwhile it runs again,
 * else memory is given back, and it stands still: who is busy pays for a wake-up in a second, and
 * who is idle is not woken.  Where there is always something, but little, as on a link on which
 * others talk, what bulk traffic took before goes when nobody has wanted it for a while.
 */
#ifndef NETSTACKD_QUIET_H
#define NETSTACKD_QUIET_H

#include <stdbool.h>

#include "nic/loop.h"

struct daemon;
struct nerr;

/**
 * struct quiet - When to do it
 * @timer:	A timerfd
 * @is_running:	It will fire
 * @has_fired:	It has, and nobody looked
 * @is_ending:	Connections are about to end by themselves, and their memory is to go, too
 * @n_calm:	Looks in a row that found little work, and much memory for more
 * @turns:	Of the loop, since memory was given back or the timer fired
 */
struct quiet {
	struct loop_watch timer;
	bool is_running;
	bool has_fired;
	bool is_ending;
	unsigned int n_calm;
	unsigned int turns;
};

int quiet_open(struct daemon *d, struct nerr *err);
void quiet_close(struct daemon *d); /* also when it was not opened */

/* After each turn. */
void quiet_turn(struct daemon *d);

/* There is something to give back, however little work there was. */
void quiet_soon(struct daemon *d);

#endif /* NETSTACKD_QUIET_H */
