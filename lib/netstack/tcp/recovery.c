/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loss recovery: the states of the sender (enum tcp_sender_state), and cwnd in them.
 *
 *	OPEN, DISORDER	nothing is lost as far as we know.  What SACK or duplicate ACKs report
 *			as delivered leaves the network, so new data may follow: limited
 *			transmit (RFC 3042)
 *	RECOVERY	something is lost (recovery.h says what): cwnd is ssthresh and the
 *			pipe is kept full with what is lost, then with new data (RFC 6675)
 *	LOSS		after the timer: all is lost, slow start; F-RTO (RFC 5682) looks whether
 *			that was true
 *
 * The states end when all that was in flight at their beginning is acknowledged (@recover), or
 * earlier when it turns out that nothing was lost: because the first ACK is of the original, by
 * its timestamp (Eifel, RFC 3522), because D-SACK says that all we resent was superfluous (RFC
 * 3708), or by F-RTO.  Then cwnd and ssthresh are what they were (RFC 4015).
 *
 * Segments that come late show the degree of reordering on the path, in packets.  So many are
 * waited for before something is thought to be lost.
 */
#include "netstack/tcp/snd_priv.h"

#define REORDERING_MAX 300

static const struct tcp_recovery *algorithm(const struct tcp_conn *c)
{
	return c->flags & TCPF_SACK ? &tcp_recovery_sack : &tcp_recovery_newreno;
}

/* --- cwnd --- */

/* Remember what is about to be reduced. */
static void undo_init(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	fl->prior_cwnd = c->cs.cwnd;
	fl->prior_ssthresh = c->cs.ssthresh;
	fl->undo_marker = c->snd_una;
	fl->undo_retrans = TCP_UNDO_NONE;
}

static void event(struct tcp_conn *c, enum tcp_cc_event ev)
{
	if (c->cc->event)
		c->cc->event(&c->cs, ev);
}

static void reduce(struct tcp_conn *c)
{
	undo_init(c);
	c->cs.ssthresh = c->cc->ssthresh(&c->cs, tcp_flight_size(c));
}

static void undo(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	tcp_txsegs_unmark_lost(c);
	c->cs.cwnd = tcp_max(c->cs.cwnd, tcp_max(c->cc->undo(&c->cs), fl->prior_cwnd));
	c->cs.ssthresh = tcp_max(c->cs.ssthresh, fl->prior_ssthresh);
	fl->prior_cwnd = 0;
	fl->frto = TCP_FRTO_OFF;
	fl->n_dupacks = 0;
	c->backoff = 0;
	c->ca_state = TCPCA_OPEN;
}

/* --- reordering --- */

static void learn_reordering(struct tcp_conn *c, uint32_t pkts)
{
	if (pkts <= c->reordering)
		return;
	c->reordering = (uint16_t)tcp_min(pkts, REORDERING_MAX);
	if (c->n_reordered < UINT16_MAX)
		c->n_reordered++;
	c->tcp->stats.sack_reorder++;
}

/* Something was delivered behind what had been sent after it. */
static void check_reordering(struct tcp_conn *c, const struct tcp_ack *a)
{
	if (a->has_low)
		learn_reordering(c,
				 (uint32_t)seq_diff(a->prior_high_sacked, a->low) / c->cs.mss + 1);
}

/* --- was it a mistake? --- */

/* The ACK is older than what we resent first: it is of the original (Eifel). */
static bool is_of_original(const struct tcp_conn *c, const struct tcp_ack *a)
{
	const struct tcp_options_repr *o = &a->seg->opt;

	return a->acked && c->flags & TCPF_TS && o->has_ts && o->ts_ecr &&
	       c->fl->undo_retrans != TCP_UNDO_NONE &&
	       seq_lt(seq_of(o->ts_ecr), seq_of(c->fl->rexmit_ts));
}

static bool was_needless(const struct tcp_conn *c, const struct tcp_ack *a)
{
	const struct tcp_flight *fl = c->fl;

	if (!fl->prior_cwnd)
		return false;
	return fl->undo_retrans == 0 || (c->ca_state >= TCPCA_RECOVERY && is_of_original(c, a));
}

/* All that we thought of as lost was not.  D-SACK may say so when recovery is over already. */
static void try_undo(struct tcp_conn *c, const struct tcp_ack *a)
{
	if (!was_needless(c, a))
		return;
	if (c->ca_state == TCPCA_LOSS)
		c->tcp->stats.spurious_rtos++;
	else if (c->ca_state == TCPCA_RECOVERY && !(c->flags & TCPF_SACK))
		learn_reordering(c, c->fl->n_dupacks + 1U);
	undo(c);
}

/* --- fast recovery --- */

static void enter_recovery(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	if (c->flags & TCPF_SACK)
		c->tcp->stats.sack_recovery++;
	else
		c->tcp->stats.reno_recovery++;
	reduce(c);
	c->cs.cwnd = c->cs.ssthresh;
	fl->recover = c->snd_nxt;
	c->ca_state = TCPCA_RECOVERY;
}

static void leave(struct tcp_conn *c)
{
	if (c->ca_state == TCPCA_RECOVERY && c->cc->recovered)
		c->cc->recovered(&c->cs);
	/* No burst when much was acknowledged at once (RFC 6582, 3.2 step 3). */
	if (c->ca_state == TCPCA_RECOVERY && !(c->flags & TCPF_SACK))
		c->cs.cwnd =
			tcp_min(c->cs.ssthresh, tcp_max(tcp_flight_size(c), c->cs.mss) + c->cs.mss);
	c->fl->frto = TCP_FRTO_OFF;
	c->fl->n_dupacks = 0;
	c->ca_state = TCPCA_OPEN;
}

/* --- after the timer --- */

/* A segment of new data may be sent, as far as user and peer go. */
static bool has_new_data(const struct tcp_conn *c)
{
	const uint32_t least = tcp_min(c->fl->unsent, c->cs.mss);

	return c->fl->unsent && c->snd_wnd >= tcp_flight_size(c) + least;
}

/* F-RTO, with SACK or without (RFC 5682, 2.1 and 3.1). */
static void frto_ack(struct tcp_conn *c, const struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;

	if (fl->frto == TCP_FRTO_OFF)
		return;
	if (a->orig_delivered) {
		c->tcp->stats.spurious_rtos++;
		undo(c);
		return;
	}
	/* Step 2b: the first ACK moved on: new data tells more than what may not be lost. */
	if (fl->frto == TCP_FRTO_FIRST && a->acked && has_new_data(c)) {
		fl->frto = TCP_FRTO_SECOND;
		return;
	}
	/* Step 3a: the new data is in flight, and what was lost must not wait for it. */
	if (fl->frto == TCP_FRTO_SECOND && a->is_dup)
		c->cs.cwnd = tcp_max(c->cs.cwnd, 3U * c->cs.mss);
	if (fl->frto == TCP_FRTO_FIRST || a->is_dup || a->acked)
		fl->frto = TCP_FRTO_OFF;
}

void tcp_recovery_timeout(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	const bool is_first = c->ca_state < TCPCA_RECOVERY;

	/* RFC 2018, 8: the peer has thrown away what it had reported, it says so by not
	 * acknowledging it.
	 */
	if (fl->segs->flags & TXSEG_SACKED) {
		c->tcp->stats.sack_reneging++;
		tcp_txsegs_forget_sacks(c);
	}
	/* Once for a loss, not for each time that it is resent. */
	if (is_first || (c->ca_state == TCPCA_LOSS && !c->n_retries)) {
		reduce(c);
		event(c, TCP_CC_LOSS);
	}
	fl->frto = is_first || c->n_retries ? TCP_FRTO_FIRST : TCP_FRTO_OFF;
	/* Many duplicate ACKs, and a timeout nevertheless: too much was waited for. */
	if (c->ca_state == TCPCA_DISORDER)
		c->reordering = (uint16_t)tcp_min(c->reordering, c->tcp->params.reordering);

	c->cs.cwnd = c->cs.mss;
	fl->n_dupacks = 0;
	if (!(c->flags & TCPF_SACK))
		fl->sacked = 0;
	tcp_txsegs_mark_all_lost(c);
	if (fl->probe_size)
		(void)tcp_mtu_probe_check(c); /* it is lost, like everything */
	fl->recover = c->snd_nxt;
	c->ca_state = TCPCA_LOSS;
}

void tcp_recovery_simple(struct tcp_conn *c)
{
	tcp_newreno_estimate(c);
	if (c->ca_state < TCPCA_RECOVERY) {
		c->fl->recover = c->snd_nxt;
		c->fl->prior_cwnd = 0;
		c->ca_state = TCPCA_LOSS;
	}
	tcp_work(c, TCPF_OUTPUT);
}

void tcp_recovery_mtu(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	const uint32_t mss = tcp_snd_mss(c);

	if (!fl)
		return;
	for (struct tcp_txseg *s = fl->segs; s; s = s->next) {
		if (s->flags & TXSEG_SACKED || s->mss <= mss || s->len <= mss)
			continue;
		if (s->flags & TXSEG_RETRANS) {
			s->flags &= (uint8_t)~TXSEG_RETRANS;
			fl->retrans -= s->len;
			if (fl->resend && seq_lt(s->seq, fl->resend->seq))
				fl->resend = s;
		}
		tcp_txseg_mark_lost(c, s);
	}
	if (fl->lost)
		tcp_recovery_simple(c);
}

void tcp_recovery_idle(struct tcp_conn *c)
{
	if (c->ca_state >= TCPCA_CWR)
		leave(c);
	c->ca_state = TCPCA_OPEN;
}

/* --- an ACK --- */

/* RECOVERY or LOSS is over? */
static bool is_over(const struct tcp_conn *c)
{
	if (c->ca_state < TCPCA_CWR || seq_lt(c->snd_una, c->fl->recover))
		return false;
	return algorithm(c)->leave(c) || !c->fl->segs;
}

/* Numbers wrap: what is remembered must not fall behind too far. */
static void catch_up(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	fl->recover = seq_max(fl->recover, seq_sub(c->snd_una, 1));
	fl->high_sacked = seq_max(fl->high_sacked, c->snd_una);
	if (seq_diff(c->snd_una, fl->undo_marker) > 1 << 30)
		fl->prior_cwnd = 0;
}

void tcp_recovery_ack(struct tcp_conn *c, struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;
	const uint32_t lost = fl->lost;

	check_reordering(c, a);
	try_undo(c, a);
	if (is_over(c))
		leave(c);
	if (c->ca_state == TCPCA_LOSS)
		frto_ack(c, a);
	algorithm(c)->ack(c, a);
	if (fl->probe_size && tcp_mtu_probe_check(c))
		tcp_recovery_simple(c);

	if (c->ca_state < TCPCA_RECOVERY) {
		catch_up(c);
		if (fl->lost)
			enter_recovery(c);
		else
			c->ca_state = fl->sacked || fl->n_dupacks ? TCPCA_DISORDER : TCPCA_OPEN;
	}
	if (fl->lost > lost)
		a->rs.newly_lost = fl->lost - lost;
}
