/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data out of order, and the SACK blocks that report it (RFC 2018, RFC 2883).
 *
 * It is kept in pieces of sequence space, none of which overlaps or touches another: what comes
 * next to a piece becomes part of it, so many small segments in a row are one.  What is
 * there already stays, and of new segments only the rest is taken.  A piece costs more than its
 * bytes, all of which counts in the receive buffer: with many holes the pieces that are
 * furthest away go first, or the new one is refused.
 */
#include "netstack/tcp/in_priv.h"

/* Memory of a piece besides its bytes. */
#define PIECE_CHARGE ((uint32_t)(sizeof(struct tcp_ofoseg) + sizeof(struct dataq_node)))

static struct tcp_ofoseg *piece_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct tcp_ofoseg, node) : NULL;
}

static struct tcp_ofoseg *piece_next(const struct tcp_ofoseg *p)
{
	return piece_of(rb_next(&p->node));
}

/* --- the block of what is only there with disorder --- */

static struct tcp_disorder *disorder_get(struct tcp_conn *c)
{
	uint32_t id;

	if (!c->ofo) {
		c->ofo = slab_alloc(&c->tcp->disorders, &id);
		if (c->ofo)
			c->ofo->id = id;
	}
	return c->ofo;
}

static bool dsack_is_set(const struct tcp_disorder *d)
{
	return !seq_eq(d->dsack.left, d->dsack.right);
}

/* It goes when there is nothing in it. */
static void disorder_put(struct tcp_conn *c)
{
	struct tcp_disorder *d = c->ofo;

	if (!d || d->n || dsack_is_set(d) || c->flags & TCPF_FIN_OFO)
		return;
	slab_free(&c->tcp->disorders, d->id);
	c->ofo = NULL;
}

/* --- pieces --- */

static void charge(struct tcp_disorder *d, const struct tcp_ofoseg *p, bool add)
{
	if (add) {
		d->bytes += p->q.len;
		d->charge += p->q.charge;
	} else {
		d->bytes -= p->q.len;
		d->charge -= p->q.charge;
	}
}

/* The last piece that does not begin behind @seq.  Most segments go behind all there is. */
static struct tcp_ofoseg *piece_before(const struct tcp_disorder *d, struct seq seq)
{
	struct rb_node *n = d->tree.root;
	struct tcp_ofoseg *found = piece_of(rb_last(&d->tree));

	if (!found || seq_leq(found->seq, seq))
		return found;
	found = NULL;
	while (n) {
		struct tcp_ofoseg *p = piece_of(n);

		if (seq_leq(p->seq, seq)) {
			found = p;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return found;
}

static struct tcp_ofoseg *piece_new(struct tcp *tcp, struct tcp_disorder *d, struct seq seq)
{
	struct rb_node **link = &d->tree.root;
	struct rb_node *parent = NULL;
	uint32_t id;
	struct tcp_ofoseg *p = slab_alloc(&tcp->ofosegs, &id);

	if (!p)
		return NULL;
	p->id = id;
	p->seq = seq;
	p->end = seq;
	while (*link) {
		parent = *link;
		link = seq_lt(seq, piece_of(parent)->seq) ? &parent->left : &parent->right;
	}
	rb_insert(&d->tree, &p->node, parent, link);
	d->n++;
	d->charge += PIECE_CHARGE;
	return p;
}

static void piece_free(struct tcp *tcp, struct tcp_disorder *d, struct tcp_ofoseg *p)
{
	charge(d, p, false);
	rb_remove(&d->tree, &p->node);
	dataq_clear(&p->q, &tcp->nodes);
	d->n--;
	d->charge -= PIECE_CHARGE;
	slab_free(&tcp->ofosegs, p->id);
}

/* --- what is reported --- */

/* This block is the newest; those that are part of it go, as does the oldest. */
static void recent_add(struct tcp_disorder *d, struct seq left, struct seq right)
{
	struct tcp_sack old[TCP_SACK_MAX];
	const unsigned int n_old = d->n_recent;
	unsigned int n = 1;

	for (unsigned int i = 0; i < n_old; i++)
		old[i] = d->recent[i];
	d->recent[0] = (struct tcp_sack){ left, right };
	for (unsigned int i = 0; i < n_old && n < TCP_SACK_MAX; i++)
		if (seq_lt(old[i].right, left) || seq_gt(old[i].left, right))
			d->recent[n++] = old[i];
	d->n_recent = (uint8_t)n;
}

/* Blocks that begin before @from and end behind @to no longer are: they were delivered, or
 * thrown away.
 */
static void recent_del(struct tcp_disorder *d, struct seq before, struct seq behind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < d->n_recent; i++)
		if (seq_geq(d->recent[i].left, before) && seq_leq(d->recent[i].right, behind))
			d->recent[n++] = d->recent[i];
	d->n_recent = (uint8_t)n;
}

void tcp_dsack(struct tcp_conn *c, struct seq left, struct seq right)
{
	struct tcp_disorder *d = c->ofo;

	if (!(c->flags & TCPF_SACK) || !c->tcp->params.dsack || seq_geq(left, right))
		return;
	if (d && dsack_is_set(d)) {
		if (seq_leq(left, d->dsack.right) && seq_geq(right, d->dsack.left)) {
			d->dsack.left = seq_min(left, d->dsack.left);
			d->dsack.right = seq_max(right, d->dsack.right);
		}
		return; /* of a segment that is a duplicate in two places, the first one */
	}
	d = disorder_get(c);
	if (d)
		d->dsack = (struct tcp_sack){ left, right };
}

void tcp_dsack_flush(struct tcp_conn *c, struct seq seq)
{
	const struct tcp_disorder *d = c->ofo;

	if (!d || !dsack_is_set(d) || seq_eq(seq, d->dsack.right))
		return;
	if (d->n || seq_lt(seq, c->rcv_nxt))
		tcp_send_ack(c);
}

void tcp_dsack_sent(struct tcp_conn *c)
{
	struct tcp_disorder *d = c->ofo;

	if (!dsack_is_set(d))
		return;
	d->dsack.right = d->dsack.left;
	c->tcp->stats.dsack_sent++;
	disorder_put(c);
}

unsigned int tcp_rcv_sacks(const struct tcp_conn *c, struct tcp_sack *ret, unsigned int max)
{
	const struct tcp_disorder *d = c->ofo;
	unsigned int n = 0;

	if (!d || !max || !(c->flags & TCPF_SACK))
		return 0;
	if (dsack_is_set(d))
		ret[n++] = d->dsack;
	for (unsigned int i = 0; i < d->n_recent && n < max; i++)
		ret[n++] = d->recent[i];
	return n;
}

/* --- coming in --- */

/* Room in the receive buffer for one more piece at @seq: at the cost of what is behind it. */
static bool make_room(struct tcp_conn *c, struct tcp_disorder *d, struct seq seq, uint32_t len)
{
	struct tcp_ofoseg *last;

	while (tcp_rcv_used(c) + len + PIECE_CHARGE > c->sk.rcvbuf) {
		last = piece_of(rb_last(&d->tree));
		if (!last || seq_leq(last->seq, seq))
			return false;
		recent_del(d, c->rcv_nxt, last->seq);
		piece_free(c->tcp, d, last);
		tcp_rcv_charge(c);
		c->tcp->stats.ofo_pruned++;
	}
	return true;
}

/* What follows @seq and is in the segment altogether goes; of the next piece the segment gets no
 * more than the beginning.
 */
static void cut_back(struct tcp_conn *c, struct tcp_disorder *d, struct tcp_segment *seg)
{
	const struct seq end = seq_add(seg->h.seq, seg->data_len);
	struct tcp_ofoseg *p = piece_before(d, seg->h.seq);

	p = p ? piece_next(p) : piece_of(rb_first(&d->tree));
	while (p && seq_leq(p->end, end)) {
		struct tcp_ofoseg *next = piece_next(p);

		tcp_dsack(c, p->seq, p->end);
		piece_free(c->tcp, d, p);
		p = next;
	}
	if (!p || seq_geq(p->seq, end))
		return;
	tcp_dsack(c, p->seq, end);
	seg->data_len = (uint32_t)seq_diff(p->seq, seg->h.seq);
	pbuf_trim(seg->pb, seg->data_len);
}

/* What the piece @p, which begins before it, has of the segment.  False: all of it */
static bool cut_front(struct tcp_conn *c, const struct tcp_ofoseg *p, struct tcp_segment *seg)
{
	const struct seq end = seq_add(seg->h.seq, seg->data_len);
	uint32_t n;

	if (!p || seq_leq(p->end, seg->h.seq))
		return true;
	tcp_dsack(c, seg->h.seq, seq_min(p->end, end));
	if (seq_geq(p->end, end))
		return false;
	n = (uint32_t)seq_diff(p->end, seg->h.seq);
	pbuf_skip(seg->pb, n);
	seg->h.seq = p->end;
	seg->data_len -= n;
	return true;
}

/* To the end of @p, which it continues; then @p may touch the next piece. */
static bool extend(struct tcp_conn *c, struct tcp_disorder *d, struct tcp_ofoseg *p,
		   const struct tcp_segment *seg)
{
	struct tcp_ofoseg *next = piece_next(p);
	bool ok;

	charge(d, p, false);
	ok = dataq_add_packet(&p->q, &c->tcp->nodes, seg->pb, 0);
	if (ok)
		p->end = seq_add(p->end, seg->data_len);
	if (ok && next && seq_eq(next->seq, p->end)) {
		charge(d, next, false);
		dataq_splice(&p->q, &next->q);
		p->end = next->end;
		piece_free(c->tcp, d, next);
		c->tcp->stats.ofo_merge++;
	}
	charge(d, p, true);
	return ok;
}

int tcp_ofo_in(struct tcp_conn *c, struct tcp_segment *seg)
{
	struct tcp_disorder *d = disorder_get(c);
	struct tcp_ofoseg *p;

	if (!d)
		return DROP_TCP_OFO_LIMIT;
	c->tcp->stats.ofo_queue++;
	p = piece_before(d, seg->h.seq);
	if (!cut_front(c, p, seg)) {
		recent_add(d, p->seq, p->end);
		return DROP_TCP_OLD_DATA;
	}
	if (!make_room(c, d, seg->h.seq, seg->data_len)) {
		disorder_put(c);
		return DROP_TCP_OFO_LIMIT;
	}
	cut_back(c, d, seg);
	if (p && seq_eq(p->end, seg->h.seq))
		c->tcp->stats.rcv_coalesce++;
	else
		p = piece_new(c->tcp, d, seg->h.seq);
	if (!p || !extend(c, d, p, seg)) {
		if (p && !p->q.len)
			piece_free(c->tcp, d, p);
		disorder_put(c);
		return DROP_NO_MEMORY;
	}
	recent_add(d, p->seq, p->end);
	return RX_TAKEN;
}

void tcp_ofo_fin(struct tcp_conn *c, struct seq seq)
{
	if (!disorder_get(c))
		return;
	c->ofo->fin_seq = seq;
	c->flags |= TCPF_FIN_OFO;
}

/* --- going on, or away --- */

void tcp_ofo_merge(struct tcp_conn *c)
{
	struct tcp_disorder *d = c->ofo;
	struct tcp_ofoseg *p;

	while ((p = piece_of(rb_first(&d->tree))) && seq_leq(p->seq, c->rcv_nxt)) {
		tcp_dsack(c, p->seq, seq_min(p->end, c->rcv_nxt));
		charge(d, p, false);
		if (seq_gt(p->end, c->rcv_nxt)) {
			dataq_drop(&p->q, &c->tcp->nodes, (uint32_t)seq_diff(c->rcv_nxt, p->seq));
			c->bytes_received += p->q.len;
			c->rcv_nxt = p->end;
			dataq_splice(&c->rxq, &p->q);
		} else {
			dataq_clear(&p->q, &c->tcp->nodes);
		}
		piece_free(c->tcp, d, p);
	}
	recent_del(d, c->rcv_nxt, seq_add(c->rcv_nxt, INT32_MAX));
	disorder_put(c);
}

void tcp_ofo_clear(struct tcp_conn *c)
{
	struct tcp_disorder *d = c->ofo;
	struct tcp_ofoseg *p;

	if (!d)
		return;
	while ((p = piece_of(rb_first(&d->tree))))
		piece_free(c->tcp, d, p);
	slab_free(&c->tcp->disorders, d->id);
	c->ofo = NULL;
	c->flags &= ~(uint32_t)TCPF_FIN_OFO;
	tcp_rcv_charge(c);
}

bool tcp_ofo_prune(struct tcp_conn *c)
{
	if (!c->ofo || !c->ofo->n)
		return false;
	c->tcp->stats.ofo_pruned += c->ofo->n;
	tcp_ofo_clear(c);
	return true;
}
