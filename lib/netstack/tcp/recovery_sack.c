/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Losses with SACK (RFC 6675): what is not SACKed is lost when so many packets behind it are as
 * reordering would explain (IsLost(), with packets for segments: pieces in flight are up to 64
 * KiB long).
 */
#include "netstack/tcp/snd_priv.h"

/* Behind the mark, which only moves forward while SACKs accumulate: each piece is looked at
 * once.
 */
static void sack_ack(struct tcp_conn *c, const struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;

	(void)a; /* all it said is in the scoreboard */
	while (fl->mark) {
		struct tcp_txseg *s = fl->mark;
		const uint32_t above = fl->sacked_pkts - fl->mark_sacked_pkts;

		if (s->flags & TXSEG_SACKED) {
			fl->mark_sacked_pkts += s->n_pkts;
		} else {
			if (above < c->reordering)
				return;
			tcp_txseg_mark_lost(c, s);
		}
		fl->mark = s->next;
	}
}

static bool sack_leave(const struct tcp_conn *c)
{
	(void)c; /* SACK tells apart of which time a duplicate is */
	return true;
}

const struct tcp_recovery tcp_recovery_sack = {
	.name = "sack",
	.ack = sack_ack,
	.leave = sack_leave,
};

struct tcp_txseg *tcp_recovery_guess(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_txseg *s = fl->mark;

	if (c->ca_state != TCPCA_RECOVERY || !(c->flags & TCPF_SACK))
		return NULL;
	/* Rule 3: something behind it was SACKed, not enough. */
	while (s && s->flags & TXSEG_SACKED) {
		fl->mark_sacked_pkts += s->n_pkts;
		s = fl->mark = s->next;
	}
	if (s && seq_lt(s->seq, fl->high_sacked)) {
		fl->mark = s->next;
		tcp_txseg_mark_lost(c, s);
		return s;
	}
	/* Rule 4: the last packet of then. */
	s = fl->segs_last;
	if (!s || s->flags & (TXSEG_SACKED | TXSEG_RETRANS) || seq_geq(s->seq, fl->recover))
		return NULL;
	if (s->n_pkts > 1) {
		if (!tcp_txseg_split(c, s, (s->len - 1) / s->mss * s->mss))
			return NULL;
		s = s->next;
	}
	tcp_txseg_mark_lost(c, s);
	return s;
}
