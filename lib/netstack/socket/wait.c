/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/socket/socket_priv.h"

static uint64_t deadline_of(const struct socket_table *t, uint32_t timeo_ms)
{
	if (timeo_ms == SOCK_TIMEO_NEVER)
		return TIMER_NEVER;
	return t->core->now_ns + timeo_ms * NS_PER_MS;
}

struct wait wait_begin(struct socket_table *t, struct sock *sk, uint32_t timeo_ms, bool dont)
{
	struct wait w = { .t = t, .sk = sk };

	if (!dont && t->wait && !t->calling && timeo_ms != SOCK_TIMEO_NONE)
		w.deadline_ns = deadline_of(t, timeo_ms);
	/* Somebody may close its descriptor meanwhile. */
	if (sk)
		socket_hold(sk);
	return w;
}

int wait_turn(struct wait *w)
{
	struct socket_table *t = w->t;

	if (t->core->now_ns >= w->deadline_ns)
		return -EAGAIN;
	return t->wait(t->wait_arg, t->st, w->deadline_ns);
}

void wait_end(struct wait *w)
{
	if (w->sk)
		socket_put(w->t, w->sk);
	w->sk = NULL;
}
