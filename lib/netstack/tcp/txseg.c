/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is in flight: pieces of the write queue in the order of their numbers, in a list and in
 * a tree, so that a SACK block finds its place in O(log n).  All counters of struct tcp_flight
 * that follow from the pieces' flags change here and nowhere else.
 *
 *	in the network = all - SACKED - LOST + RETRANS
 *
 * A piece that is lost and was resent has both flags.  SACKED excludes both others.
 *
 * Pieces are split at the boundaries of packets only, and SACKed neighbours become one, so
 * there are never many more of them than packets in flight whatever the peer says.
 */
#include <assert.h>

#include "netstack/tcp/snd_priv.h"

static uint32_t packets(uint32_t len, uint32_t mss)
{
	return len > mss ? (len + mss - 1) / mss : 1;
}

/* --- list and tree --- */

static struct tcp_txseg *of_node(struct rb_node *n)
{
	return rb_entry(n, struct tcp_txseg, node);
}

static void tree_add(struct tcp_flight *fl, struct tcp_txseg *s)
{
	struct rb_node **link = &fl->tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = seq_lt(s->seq, of_node(parent)->seq) ? &parent->left : &parent->right;
	}
	rb_insert(&fl->tree, &s->node, parent, link);
}

static void insert_after(struct tcp_flight *fl, struct tcp_txseg *at, struct tcp_txseg *s)
{
	s->prev = at;
	s->next = at ? at->next : NULL;
	if (s->next)
		s->next->prev = s;
	else
		fl->segs_last = s;
	if (at)
		at->next = s;
	else
		fl->segs = s;
	tree_add(fl, s);
	fl->n_segs++;
}

static void unlink_seg(struct tcp_flight *fl, struct tcp_txseg *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		fl->segs = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		fl->segs_last = s->prev;
	rb_remove(&fl->tree, &s->node);
	fl->n_segs--;
	if (fl->resend == s)
		fl->resend = s->next;
}

struct tcp_txseg *tcp_txseg_new(struct tcp_conn *c)
{
	uint32_t id;
	struct tcp_txseg *s = slab_alloc(&c->tcp->txsegs, &id);

	if (!s)
		return NULL;
	s->id = id;
	s->seq = c->snd_nxt;
	return s;
}

void tcp_txseg_free(struct tcp_conn *c, struct tcp_txseg *s)
{
	slab_free(&c->tcp->txsegs, s->id);
}

void tcp_txseg_append(struct tcp_conn *c, struct tcp_txseg *s)
{
	struct tcp_flight *fl = c->fl;

	assert(seq_eq(s->seq, c->snd_nxt) && s->len > 0);
	s->n_pkts = packets(s->len, s->mss);
	/* Always the last one: an empty tree, or the right end. */
	insert_after(fl, fl->segs_last, s);
	if (!fl->mark) {
		fl->mark = s;
		fl->mark_sacked_pkts = fl->sacked_pkts;
	}
	c->snd_nxt = tcp_txseg_end(s);
}

struct tcp_txseg *tcp_txseg_find(const struct tcp_conn *c, struct seq seq)
{
	struct rb_node *n = c->fl ? c->fl->tree.root : NULL;

	while (n) {
		struct tcp_txseg *s = of_node(n);

		if (seq_lt(seq, s->seq))
			n = n->left;
		else if (seq_geq(seq, tcp_txseg_end(s)))
			n = n->right;
		else
			return s;
	}
	return NULL;
}

/* --- counters --- */

/* @sign: 1 to add, -1 to take off */
static void count(struct tcp_flight *fl, const struct tcp_txseg *s, int sign)
{
	const uint32_t len = sign > 0 ? s->len : -s->len;
	const uint32_t pkts = sign > 0 ? s->n_pkts : -s->n_pkts;

	if (s->flags & TXSEG_SACKED) {
		fl->sacked += len;
		fl->sacked_pkts += pkts;
	}
	if (s->flags & TXSEG_LOST)
		fl->lost += len;
	if (s->flags & TXSEG_RETRANS)
		fl->retrans += len;
}

/* It is before the mark: in the part where losses were looked for already. */
static bool is_before_mark(const struct tcp_flight *fl, const struct tcp_txseg *s)
{
	return !fl->mark || seq_lt(s->seq, fl->mark->seq);
}

/* --- changes --- */

bool tcp_txseg_split(struct tcp_conn *c, struct tcp_txseg *s, uint32_t len)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_txseg *rest = tcp_txseg_new(c);
	const uint32_t id = rest ? rest->id : 0;

	assert(len > 0 && len < s->len);
	if (!rest)
		return false;
	if (s->flags & TXSEG_SACKED && is_before_mark(fl, s))
		fl->mark_sacked_pkts -= s->n_pkts;
	count(fl, s, -1);
	*rest = *s;
	rest->id = id;
	rest->seq = seq_add(s->seq, len);
	rest->len = s->len - len;
	rest->n_pkts = packets(rest->len, s->mss);
	dataq_advance(&rest->data, tcp_min(len, tcp_txseg_data_len(s)));
	s->len = len;
	s->n_pkts = packets(len, s->mss);
	s->flags &= (uint8_t) ~(TXSEG_FIN | TXSEG_PSH);
	insert_after(fl, s, rest);
	count(fl, s, 1);
	count(fl, rest, 1);
	if (s->flags & TXSEG_SACKED && is_before_mark(fl, s))
		fl->mark_sacked_pkts += s->n_pkts + rest->n_pkts;
	return true;
}

void tcp_txseg_trim(struct tcp_conn *c, struct tcp_txseg *s, uint32_t len)
{
	struct tcp_flight *fl = c->fl;
	const bool before = s->flags & TXSEG_SACKED && is_before_mark(fl, s);

	assert(len > 0 && len < s->len);
	if (before)
		fl->mark_sacked_pkts -= s->n_pkts;
	count(fl, s, -1);
	dataq_advance(&s->data, tcp_min(len, tcp_txseg_data_len(s)));
	s->seq = seq_add(s->seq, len);
	s->len -= len;
	s->n_pkts = packets(s->len, s->mss);
	count(fl, s, 1);
	if (before)
		fl->mark_sacked_pkts += s->n_pkts;
}

void tcp_txseg_shift(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_txseg *s = fl->segs;

	if (fl->mark == s)
		fl->mark = s->next;
	else if (s->flags & TXSEG_SACKED)
		fl->mark_sacked_pkts -= s->n_pkts;
	count(fl, s, -1);
	unlink_seg(fl, s);
	slab_free(&c->tcp->txsegs, s->id);
	if (!fl->mark)
		fl->mark_sacked_pkts = fl->sacked_pkts;
}

/* Both are SACKed, @s is the one before @next. */
static void merge(struct tcp_conn *c, struct tcp_txseg *s, struct tcp_txseg *next)
{
	struct tcp_flight *fl = c->fl;

	/* Who looks for losses passes SACKed ones by. */
	if (fl->mark == next) {
		fl->mark = next->next;
		fl->mark_sacked_pkts += next->n_pkts;
	} else if (fl->mark == s) {
		fl->mark = next->next;
		fl->mark_sacked_pkts += s->n_pkts + next->n_pkts;
	}
	s->len += next->len;
	s->n_pkts += next->n_pkts;
	s->flags |= next->flags & (TXSEG_FIN | TXSEG_PSH | TXSEG_EVER_RETRANS);
	unlink_seg(fl, next);
	slab_free(&c->tcp->txsegs, next->id);
}

struct tcp_txseg *tcp_txseg_mark_sacked(struct tcp_conn *c, struct tcp_txseg *s)
{
	struct tcp_flight *fl = c->fl;

	assert(!(s->flags & TXSEG_SACKED));
	count(fl, s, -1);
	s->flags &= (uint8_t) ~(TXSEG_LOST | TXSEG_RETRANS);
	s->flags |= TXSEG_SACKED;
	count(fl, s, 1);
	if (is_before_mark(fl, s))
		fl->mark_sacked_pkts += s->n_pkts;
	if (s->next && s->next->flags & TXSEG_SACKED)
		merge(c, s, s->next);
	if (s->prev && s->prev->flags & TXSEG_SACKED) {
		s = s->prev;
		merge(c, s, s->next);
	}
	return s;
}

void tcp_txseg_mark_lost(struct tcp_conn *c, struct tcp_txseg *s)
{
	struct tcp_flight *fl = c->fl;

	assert(!(s->flags & TXSEG_SACKED));
	if (s->flags & TXSEG_LOST)
		return;
	s->flags |= TXSEG_LOST;
	fl->lost += s->len;
	if (!fl->resend || seq_lt(s->seq, fl->resend->seq))
		fl->resend = s;
}

void tcp_txseg_mark_resent(struct tcp_conn *c, struct tcp_txseg *s, uint32_t mss)
{
	struct tcp_flight *fl = c->fl;

	assert(!(s->flags & TXSEG_SACKED));
	if (!(s->flags & TXSEG_RETRANS))
		fl->retrans += s->len;
	s->flags |= TXSEG_RETRANS | TXSEG_EVER_RETRANS;
	s->mss = (uint16_t)mss;
	s->n_pkts = packets(s->len, mss);
	if (s->n_rexmit < UINT8_MAX)
		s->n_rexmit++;
}

void tcp_txsegs_unmark_lost(struct tcp_conn *c)
{
	for (struct tcp_txseg *s = c->fl->segs; s; s = s->next)
		s->flags &= (uint8_t)~TXSEG_LOST;
	c->fl->lost = 0;
	c->fl->resend = NULL;
	c->fl->mark = c->fl->segs;
	c->fl->mark_sacked_pkts = 0;
}

void tcp_txsegs_mark_all_lost(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	fl->lost = 0;
	fl->retrans = 0;
	for (struct tcp_txseg *s = fl->segs; s; s = s->next) {
		if (s->flags & TXSEG_SACKED)
			continue;
		s->flags &= (uint8_t)~TXSEG_RETRANS;
		s->flags |= TXSEG_LOST;
		fl->lost += s->len;
	}
	fl->resend = fl->segs;
	fl->mark = NULL;
	fl->mark_sacked_pkts = fl->sacked_pkts;
}

void tcp_txsegs_forget_sacks(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	for (struct tcp_txseg *s = fl->segs; s; s = s->next)
		s->flags &= (uint8_t)~TXSEG_SACKED;
	fl->sacked = 0;
	fl->sacked_pkts = 0;
	fl->mark_sacked_pkts = 0;
	fl->mark = fl->segs;
	fl->high_sacked = c->snd_una;
}

struct tcp_txseg *tcp_txseg_to_resend(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	/* What is lost and not in the network again: no need to look without it. */
	while (fl->resend && (fl->resend->flags & (TXSEG_LOST | TXSEG_RETRANS)) != TXSEG_LOST)
		fl->resend = fl->resend->next;
	return fl->resend;
}
