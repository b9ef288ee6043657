/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SACK blocks into the scoreboard (RFC 2018, 5), D-SACK (RFC 2883, 5).
 *
 * A peer may say anything.  Blocks outside of what is in flight are ignored; a block is cut to
 * whole packets, so that no peer makes us resend crumbs or keep a record of each byte; what
 * an ACK costs is bounded by the tree's depth and by what it reports for the first time.
 */
#include "netstack/tcp/snd_priv.h"

/* Beyond what its buffer holds in memory, a connection gets no more records by SACK. */
static bool may_split(const struct tcp_conn *c)
{
	return (uint64_t)c->fl->n_segs * sizeof(struct tcp_txseg) < tcp_max(c->sk.sndbuf, 65536);
}

/* The part of @s that the block covers as whole packets, as a piece of its own.  NULL when that
 * is nothing, or there is no memory: then it counts as not SACKed.
 */
static struct tcp_txseg *cut(struct tcp_conn *c, struct tcp_txseg *s, const struct tcp_sack *b)
{
	if (seq_lt(s->seq, b->left)) {
		uint32_t off = (uint32_t)seq_diff(b->left, s->seq);

		off = (off + s->mss - 1) / s->mss * s->mss;
		if (off >= s->len || !may_split(c) || !tcp_txseg_split(c, s, off))
			return NULL;
		s = s->next;
	}
	if (seq_gt(tcp_txseg_end(s), b->right)) {
		uint32_t len = seq_gt(b->right, s->seq) ? (uint32_t)seq_diff(b->right, s->seq) : 0;

		len -= len % s->mss;
		if (!len || !may_split(c) || !tcp_txseg_split(c, s, len))
			return NULL;
	}
	return s;
}

/* For the first time. */
static struct tcp_txseg *sacked(struct tcp_conn *c, struct tcp_txseg *s, struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;

	a->sacked_any = true;
	a->delivered += s->len;
	c->delivered_pkts += s->n_pkts;
	tcp_rate_delivered(c, s, a);
	if (!(s->flags & TXSEG_EVER_RETRANS)) {
		if (a->sack_rtt_us < 0)
			a->sack_rtt_us = (int64_t)(tcp_now_us(c) - s->sent_us);
		if (seq_lt(s->seq, a->prior_high_sacked) &&
		    (!a->has_low || seq_lt(s->seq, a->low))) {
			a->has_low = true;
			a->low = s->seq;
		}
		if (seq_leq(tcp_txseg_end(s), fl->recover))
			a->orig_delivered = true;
	}
	fl->high_sacked = seq_max(fl->high_sacked, tcp_txseg_end(s));
	return tcp_txseg_mark_sacked(c, s);
}

static void block_in(struct tcp_conn *c, const struct tcp_sack *block, struct tcp_ack *a)
{
	const struct tcp_sack b = {
		.left = seq_max(block->left, c->snd_una),
		.right = block->right,
	};
	struct tcp_txseg *s = tcp_txseg_find(c, b.left);

	for (; s && seq_lt(s->seq, b.right); s = s->next) {
		if (s->flags & TXSEG_SACKED)
			continue;
		if (seq_lt(s->seq, b.left) || seq_gt(tcp_txseg_end(s), b.right)) {
			struct tcp_txseg *part = cut(c, s, &b);

			if (!part)
				continue;
			s = part;
		}
		s = sacked(c, s, a);
	}
}

/* RFC 2883, 4: the first block reports a duplicate when it is below the ACK, or lies within the
 * second one.
 */
static bool is_dsack(const struct tcp_options_repr *o, struct seq ack)
{
	const struct tcp_sack *b = o->sack;

	if (seq_leq(b[0].right, ack))
		return true;
	return o->n_sack > 1 && seq_geq(b[0].left, b[1].left) && seq_leq(b[0].right, b[1].right);
}

/* A duplicate came to the peer: if it was of our resending, that may have been needless. */
static void dsack_in(struct tcp_conn *c, const struct tcp_sack *b, struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;
	const uint32_t len = (uint32_t)seq_diff(b->right, b->left);

	if (seq_gt(b->right, c->snd_nxt) || len > c->max_wnd) {
		c->tcp->stats.dsack_ignored++;
		return;
	}
	c->tcp->stats.dsack_recv++;
	if (c->n_dsacks < UINT16_MAX)
		c->n_dsacks++;
	a->is_dsack = true;
	if (!fl || !fl->prior_cwnd || fl->undo_retrans == TCP_UNDO_NONE)
		return;
	if (seq_geq(b->left, fl->undo_marker) && seq_leq(b->right, c->snd_nxt))
		fl->undo_retrans -= tcp_min(fl->undo_retrans, len);
}

void tcp_sack_in(struct tcp_conn *c, struct tcp_ack *a)
{
	const struct tcp_options_repr *o = &a->seg->opt;
	const bool dup = is_dsack(o, a->seg->h.ack);

	if (dup)
		dsack_in(c, &o->sack[0], a);
	for (unsigned int i = dup; i < o->n_sack; i++) {
		const struct tcp_sack *b = &o->sack[i];

		if (seq_gt(b->right, c->snd_nxt) || seq_leq(b->right, c->snd_una) ||
		    seq_gt(b->left, b->right))
			continue;
		block_in(c, b, a);
	}
}
