/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Queues of records.
 */
#include "netstack/tcp/in_priv.h"

static struct tcp_record *record(const struct slab *s, uint32_t id)
{
	return slab_get(s, id);
}

void tcp_fifo_init(struct tcp_fifo *f)
{
	*f = (struct tcp_fifo){ SLAB_NONE, SLAB_NONE };
}

void tcp_fifo_push(struct tcp_fifo *f, const struct slab *s, uint32_t id)
{
	struct tcp_record *r = record(s, id);

	r->next = SLAB_NONE;
	r->prev = f->last;
	if (f->last == SLAB_NONE)
		f->first = id;
	else
		record(s, f->last)->next = id;
	f->last = id;
}

void tcp_fifo_del(struct tcp_fifo *f, const struct slab *s, uint32_t id)
{
	const struct tcp_record *r = record(s, id);

	if (r->prev == SLAB_NONE)
		f->first = r->next;
	else
		record(s, r->prev)->next = r->next;
	if (r->next == SLAB_NONE)
		f->last = r->prev;
	else
		record(s, r->next)->prev = r->prev;
}
