/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Step 5 of RFC 9293, 3.10.7.4: what an ACK acknowledges, and what follows from that.
 *
 *	window		RFC 9293; a closed one that opens ends the persist timer
 *	sack.c		SACK blocks into the scoreboard
 *	clean()		what is below SEG.ACK leaves the flight and the write queue
 *	rtt.c, rate.c	samples of both
 *	recovery.c	what is lost, states of the sender
 *	congestion	cwnd grows
 *
 * and in the end the timer starts again, writers are woken, and output is wanted.
 */
#include <sys/epoll.h>

#include "netstack/tcp/snd_priv.h"

/* --- window --- */

/* Beyond RFC 9293: what acknowledges more is newer, whatever its number.  A peer that resends
 * data says with it how much window is left now, and the old window from the new SND.UNA on would
 * be more than it has ever offered (tcp_may_update_window() of Linux).
 */
static bool is_newer(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (seq_lt(c->snd_wl1, seg->h.seq) || seq_gt(seg->h.ack, c->snd_una))
		return true;
	return seq_eq(c->snd_wl1, seg->h.seq) && seq_leq(c->snd_wl2, seg->h.ack);
}

/* Return: it is another one */
static bool window(struct tcp_conn *c, const struct tcp_segment *seg)
{
	/* Of a segment with SYN, as in a simultaneous open, it is not scaled (RFC 7323, 2.2). */
	const uint32_t wnd = (uint32_t)seg->h.wnd << (seg->h.flags & TCP_SYN ? 0 : c->snd_wscale);
	const bool changed = wnd != c->snd_wnd;

	if (!is_newer(c, seg))
		return false;
	c->snd_wl1 = seg->h.seq;
	c->snd_wl2 = seg->h.ack;
	c->snd_wnd = wnd;
	c->max_wnd = tcp_max(c->max_wnd, wnd);
	return changed;
}

/* --- what is acknowledged --- */

static void is_late(const struct tcp_txseg *s, struct tcp_ack *a)
{
	if (!seq_lt(s->seq, a->prior_high_sacked) || (a->has_low && !seq_lt(s->seq, a->low)))
		return;
	a->has_low = true;
	a->low = s->seq;
}

/* The first @len numbers of it, perhaps all, which are about to leave. */
static void acked(struct tcp_conn *c, const struct tcp_txseg *s, uint32_t len, struct tcp_ack *a)
{
	const bool sacked = s->flags & TXSEG_SACKED;

	if (s->flags & TXSEG_EVER_RETRANS) {
		a->resent_acked = true;
	} else {
		if (a->rtt_us < 0)
			a->rtt_us = (int64_t)(tcp_now_us(c) - s->sent_us);
		if (!sacked) {
			is_late(s, a);
			a->orig_delivered |= seq_leq(seq_add(s->seq, len), c->fl->recover);
		}
	}
	if (sacked)
		return;
	a->delivered += len;
	tcp_rate_delivered(c, s, a);
}

/* Off the scoreboard.  Return: numbers of SYN and FIN among them, which are no bytes */
static uint32_t clean_segs(struct tcp_conn *c, struct seq ack, struct tcp_ack *a)
{
	uint32_t n_flags = 0;
	struct tcp_txseg *s;

	while ((s = c->fl->segs) && seq_lt(s->seq, ack)) {
		const uint32_t len = tcp_min(s->len, (uint32_t)seq_diff(ack, s->seq));
		const uint32_t n_pkts = s->flags & TXSEG_SACKED ? 0 : s->n_pkts;

		acked(c, s, len, a);
		if (len < s->len) {
			tcp_txseg_trim(c, s, len);
			c->delivered_pkts += n_pkts ? n_pkts - s->n_pkts : 0;
			break;
		}
		c->delivered_pkts += n_pkts;
		n_flags += s->len - tcp_txseg_data_len(s);
		tcp_txseg_shift(c);
	}
	return n_flags;
}

static void clean(struct tcp_conn *c, struct tcp_ack *a)
{
	const struct seq ack = a->seg->h.ack;
	uint32_t n_flags, bytes;

	if (!a->acked)
		return;
	n_flags = clean_segs(c, ack, a);
	/* Which of them were resent is not known without SACK (RFC 5682, 2.1). */
	if (a->resent_acked && !(c->flags & TCPF_SACK))
		a->orig_delivered = false;
	bytes = a->acked - n_flags;
	c->snd_una = ack;
	c->bytes_acked += bytes;
	dataq_drop(&c->txq, &c->tcp->nodes, bytes);
	if (!c->txq.len)
		c->fl->tx_next = (struct dataq_cursor){ .node = NULL };
	tcp_snd_charge(c);
	if (c->flags & TCPF_URG_SENT && seq_geq(c->snd_una, c->snd_up))
		c->flags &= ~(uint32_t)TCPF_URG_SENT;
	if (!(c->flags & TCPF_URG_SENT))
		c->snd_up = c->snd_una;
	if (!seq_between(c->snd_una, c->snd_sml, c->snd_nxt))
		c->snd_sml = c->snd_una;
	c->n_retries = 0;
	c->fl->stalled_ms = core_ms(c->tcp->core);
	tcp_newreno_estimate(c);
}

/* --- samples --- */

/* What the timestamp says, in steps of a millisecond: for what was resent, where Karn's algorithm
 * takes no sample (RFC 7323, 4.1).
 */
static int64_t ts_rtt_us(const struct tcp_conn *c, const struct tcp_options_repr *o)
{
	const uint32_t ms = core_ms(c->tcp->core) + c->ts_offset - o->ts_ecr;

	if (!(c->flags & TCPF_TS) || !o->has_ts || !o->ts_ecr || ms > INT32_MAX / 1000)
		return -1;
	return (int64_t)tcp_max(ms, 1) * 1000;
}

static void rtt(struct tcp_conn *c, struct tcp_ack *a)
{
	int64_t us = a->rtt_us;

	if (us < 0)
		us = a->sack_rtt_us;
	if (us < 0 && a->acked)
		us = ts_rtt_us(c, &a->seg->opt);
	a->rs.rtt_us = us;
	if (us < 0)
		return;
	tcp_rtt_sample(c, us < UINT32_MAX ? (uint32_t)us : UINT32_MAX);
	c->backoff = 0; /* RFC 6298, 5.7 */
}

/* --- congestion --- */

static void congestion(struct tcp_conn *c, struct tcp_ack *a)
{
	struct tcp_cc_state *cs = &c->cs;

	cs->now_ms = core_ms(c->tcp->core);
	/* In slow start half of the window being used will be all of it a round trip later. */
	cs->cwnd_limited = c->flags & TCPF_CWND_LIMITED ||
			   (cs->cwnd < cs->ssthresh && cs->cwnd / 2 < a->rs.prior_in_flight);
	if (c->cc->cong_control)
		c->cc->cong_control(cs, &a->rs);
	else if (c->ca_state != TCPCA_RECOVERY && a->acked && a->delivered)
		c->cc->cong_avoid(cs, a->delivered, &a->rs);
}

/* --- the timer --- */

/* RFC 6298, 5.2 and 5.3. */
static void timer(struct tcp_conn *c, const struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;

	if (!fl->segs) {
		if (!(c->flags & TCPF_PERSIST))
			tcp_rexmit_stop(c);
		return;
	}
	/* The peer does not acknowledge what it SACKed: has it thrown that away?  It gets a moment
	 * in which ACKs that were overtaken may come in.
	 */
	if (fl->segs->flags & TXSEG_SACKED) {
		const uint64_t at =
			c->tcp->core->now_ns + tcp_max(c->cs.srtt_us / 2, 10000) * NS_PER_US;

		if (at < c->rexmit_at_ns) {
			c->rexmit_at_ns = at;
			tcp_timers_update(c);
		}
		return;
	}
	if (a->acked)
		tcp_rexmit_start(c);
}

/* --- the step --- */

static bool wants_output(struct tcp_conn *c)
{
	if (!c->fl)
		return false;
	return c->fl->unsent || tcp_fin_waits(c) || c->ca_state == TCPCA_RECOVERY ||
	       tcp_txseg_to_resend(c);
}

/* Nothing is in flight and nothing to be sent. */
static void ack_idle(struct tcp_conn *c, struct tcp_ack *a)
{
	(void)window(c, a->seg); /* nobody waits for it */
	if (c->flags & TCPF_SACK && a->seg->opt.n_sack)
		tcp_sack_in(c, a); /* of duplicates */
}

static void process(struct tcp_conn *c, struct tcp_ack *a)
{
	/* Others may have given memory back just now, and a writer been kept waiting until then. */
	const bool was_writable = !c->tcp->told_full && tcp_snd_writable(c);
	const struct tcp_segment *seg = a->seg;
	const bool new_wnd = window(c, seg);

	if (c->flags & TCPF_SACK && seg->opt.n_sack)
		tcp_sack_in(c, a);
	clean(c, a);
	a->is_dup = a->sacked_any || (!a->acked && c->fl->segs && seg->len == 0 && !new_wnd);
	rtt(c, a);
	tcp_rate_gen(c, a);
	tcp_recovery_ack(c, a);
	congestion(c, a);
	if (a->acked) {
		tcp_sndbuf_grow(c);
		ip_path_confirm(c->tcp->net, &c->path);
	}
	timer(c, a);
	if (!was_writable && tcp_snd_writable(c))
		sock_wake(c->tcp->core, &c->sk, EPOLLOUT | EPOLLWRNORM);
	if (wants_output(c))
		tcp_work(c, TCPF_OUTPUT);
	tcp_flight_put(c);
}

enum tcp_ack_verdict tcp_ack_in(struct tcp_conn *c, const struct tcp_segment *seg)
{
	struct tcp_ack a = {
		.seg = seg,
		.prior_una = c->snd_una,
		.acked = (uint32_t)seq_diff(seg->h.ack, c->snd_una),
		.rtt_us = -1,
		.sack_rtt_us = -1,
		.rs.prior_in_flight = tcp_in_flight(c),
	};

	if (seq_gt(seg->h.ack, c->snd_nxt))
		return TCP_ACK_FUTURE;
	if (seq_lt(seg->h.ack, c->snd_una))
		return TCP_ACK_OLD;
	c->n_probes = 0;
	c->sk.soft_error = 0; /* something gets through */
	if (!c->fl) {
		ack_idle(c, &a);
		return TCP_ACK_OK;
	}
	a.prior_high_sacked = c->fl->high_sacked;
	process(c, &a);
	return TCP_ACK_OK;
}
