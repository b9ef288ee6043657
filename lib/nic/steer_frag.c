/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Only the first fragment of a packet says to which flow it belongs.  All fragments between two
 * addresses are gathered by one shard, which knows from the first one where the others
 * go; what comes before the first one waits for it.  There is no clock: what waits for
 * nothing goes when its place is needed for another packet.
 */
#include "nic/steer_priv.h"

static struct steer_frag *lookup(struct steer_frags *f, uint64_t key)
{
	for (unsigned int i = 0; i < STEER_FRAG_PACKETS; i++)
		if (f->packet[i].used && f->packet[i].key == key)
			return &f->packet[i];
	return NULL;
}

static unsigned int forget(struct steer_frags *f, struct steer_frag *p)
{
	const unsigned int n = p->waiting.n;

	if (p->used)
		pbuf_queue_free(&p->waiting);
	f->waiting -= n;
	p->used = false;
	return n;
}

/* Return: how many waiting ones had to make room */
static unsigned int add(struct steer_frags *f, uint64_t key, struct steer_frag **ret)
{
	struct steer_frag *p = &f->packet[f->next++ % STEER_FRAG_PACKETS];
	const unsigned int lost = forget(f, p);

	*p = (struct steer_frag){ .key = key, .used = true };
	pbuf_queue_init(&p->waiting);
	*ret = p;
	return lost;
}

/* Something for the first one, then those that waited for it. */
static void go_on(struct steer_frags *f, struct steer_frag *p, struct pbuf *pb,
		  struct pbuf_queue *ret_go)
{
	pbuf_queue_put(ret_go, pb);
	f->waiting -= p->waiting.n;
	while ((pb = pbuf_queue_take(&p->waiting)))
		pbuf_queue_put(ret_go, pb);
}

unsigned int steer_frag_in(struct steer_frags *f, struct pbuf *pb, const struct steer_way *way,
			   struct pbuf_queue *ret_go, uint32_t *ret_owner)
{
	struct steer_frag *p = lookup(f, way->key);
	unsigned int lost = 0;

	if (!p)
		lost = add(f, way->key, &p);
	if (way->is_first) {
		p->known = true;
		p->owner = way->owner;
	}
	if (p->known) {
		*ret_owner = p->owner;
		go_on(f, p, pb, ret_go);
		return lost;
	}
	if (f->waiting == STEER_FRAG_WAITING) {
		pbuf_free(pb);
		return lost + 1;
	}
	pbuf_queue_put(&p->waiting, pb);
	f->waiting++;
	return lost;
}

void steer_frag_done(struct steer_frags *f)
{
	for (unsigned int i = 0; i < STEER_FRAG_PACKETS; i++)
		(void)forget(f, &f->packet[i]); /* nobody counts any more */
}
