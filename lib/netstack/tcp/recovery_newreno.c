/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Losses without SACK: NewReno (RFC 5681, RFC 6582).
 *
 * Where the RFCs inflate cwnd by a segment for each duplicate ACK, here a segment is counted as
 * delivered (tcp_flight.sacked), which one is not known.  To let new data out this is the same,
 * and all of recovery can reckon by what is in the network.
 */
#include "netstack/tcp/snd_priv.h"

void tcp_newreno_estimate(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	if (!(c->flags & TCPF_SACK))
		fl->sacked =
			tcp_min(fl->n_dupacks * (uint32_t)c->cs.mss, tcp_flight_size(c) - fl->lost);
}

static void count_dupacks(struct tcp_conn *c, const struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;

	if (a->acked) {
		/* The segment that was missing, and those that the duplicates were for. */
		const uint32_t pkts = a->acked / c->cs.mss;

		if (c->ca_state == TCPCA_RECOVERY && pkts)
			fl->n_dupacks -= (uint16_t)tcp_min(pkts - 1, fl->n_dupacks);
		else if (c->ca_state != TCPCA_RECOVERY)
			fl->n_dupacks = 0;
	} else if (a->is_dup && c->ca_state != TCPCA_LOSS && fl->n_dupacks < UINT16_MAX) {
		fl->n_dupacks++;
	}
}

/* RFC 6582, 3.2 step 2: not for duplicate ACKs that what we resent has caused. */
static bool is_lost(const struct tcp_conn *c)
{
	return c->ca_state < TCPCA_RECOVERY && c->fl->n_dupacks >= c->reordering &&
	       seq_gt(c->snd_una, c->fl->recover);
}

/* Step 3: a partial ACK: the next segment was lost, too. */
static bool is_partial(const struct tcp_conn *c, const struct tcp_ack *a)
{
	return c->ca_state == TCPCA_RECOVERY && a->acked && seq_lt(c->snd_una, c->fl->recover);
}

/* The first packet of what is in flight; the others may be there. */
static void head_is_lost(struct tcp_conn *c)
{
	struct tcp_txseg *s = c->fl->segs;

	if (s->len > s->mss && !(s->flags & (TXSEG_LOST | TXSEG_RETRANS)) &&
	    !tcp_txseg_split(c, s, s->mss))
		return; /* no memory: the timer will see to it */
	tcp_txseg_mark_lost(c, s);
}

static void newreno_ack(struct tcp_conn *c, const struct tcp_ack *a)
{
	count_dupacks(c, a);
	if (c->fl->segs && (is_lost(c) || is_partial(c, a)))
		head_is_lost(c);
	tcp_newreno_estimate(c);
}

static bool newreno_leave(const struct tcp_conn *c)
{
	return seq_gt(c->snd_una, c->fl->recover);
}

const struct tcp_recovery tcp_recovery_newreno = {
	.name = "newreno",
	.ack = newreno_ack,
	.leave = newreno_leave,
};
