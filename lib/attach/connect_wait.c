/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Further threads that call connect() while one of them, or nobody, waits in it: they wait, too,
 * and learn only whether there is a connection (net/ipv4/af_inet.c: __inet_stream_connect(),
 * EPIPE for all but the first).
 */
#include <errno.h>
#include <stdlib.h>

#include "attach/attach_priv.h"

struct connect_wait {
	struct connect_wait *next;
	struct asock *s;
	struct notify_held held;
};

static void take_out(struct connect_wait *w)
{
	struct connect_wait **at = &w->s->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void answer(struct connect_wait *w, int ret)
{
	struct acall c = { .a = w->s->a, .call = w->held.call, .s = w->s, .fd = -1 };

	(void)acall_return(&c, ret); /* counted when nobody waits any more */
	free(w);
}

static void on_over(struct notify_held *h, bool timed_out)
{
	struct connect_wait *w = h->arg;

	take_out(w);
	if (timed_out)
		answer(w, -EALREADY);
	else
		free(w);
}

void connect_wait_add(struct acall *c)
{
	struct connect_wait *w = calloc(1, sizeof(*w));
	struct asock *s = c->s;

	if (!w) {
		(void)acall_return(c, -EALREADY);
		return;
	}
	w->s = s;
	w->next = s->waits;
	s->waits = w;
	w->held.call = c->call;
	w->held.deadline_ns = connect_deadline(c->fd);
	w->held.over = on_over;
	w->held.arg = w;
	notify_hold(c->a->notifier, &w->held);
}

void connect_wait_end(struct asock *s, int ret)
{
	while (s->waits) {
		struct connect_wait *w = s->waits;

		s->waits = w->next;
		notify_release(s->a->notifier, &w->held);
		answer(w, s->a->is_ending ? -ENOSYS : ret);
	}
}
