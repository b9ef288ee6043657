/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What may be sent now.  In this order:
 *
 *	what is lost		while the pipe is not full (cwnd)
 *	new data		within cwnd and the peer's window
 *	what may be lost	RFC 6675, when there is nothing else
 *
 * New data leaves in segments as long as the link takes them, in units of the MSS.  Less than a
 * segment waits: for the ACK of another small one (Nagle's algorithm as modified by Minshall,
 * which Linux has), for the user (TCP_CORK, MSG_MORE), or for a larger window (RFC 9293,
 * 3.8.6.2.1); and less than a good part of the window waits for the next ACK when one is about
 * to come, so that segments stay large.  Whatever waits with nothing in flight has the persist
 * timer behind it.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/snd_priv.h"

/* Part of a window that is worth sending at once, as tcp_tso_win_divisor. */
#define WINDOW_SHARE 3

/**
 * struct turn - What a call of tcp_output() goes by
 * @mss:	Payload of a packet
 * @gso_max:	Of ip_path_gso_max(), 0 for one packet at a time
 * @most:	Payload of a segment
 * @budget:	Segments that may be sent
 * @by_cwnd, @by_wnd: That is what keeps data back
 */
struct turn {
	uint32_t mss;
	uint32_t gso_max;
	uint32_t most;
	uint32_t budget;
	bool by_cwnd;
	bool by_wnd;
};

/* Options differ from segment to segment. */
static void measure(struct tcp_conn *c, struct turn *t)
{
	const uint32_t hdr_len = TCP_HDR_LEN + tcp_emit_opts_len(c);

	t->mss = tcp_snd_mss(c);
	t->most = t->mss;
	if (t->gso_max > hdr_len + t->mss)
		t->most = (t->gso_max - hdr_len) / t->mss * t->mss;
}

/* False: there is no way to the peer now. */
static bool turn_begin(struct tcp_conn *c, struct turn *t)
{
	const struct tcp_params *params = &c->tcp->params;
	const int r = tcp_path(c);

	if (r < 0) {
		c->sk.soft_error = (int16_t)-ip_path_errno(r);
		return false;
	}
	if (c->probe_mtu)
		tcp_mtu_refresh(c);
	c->cs.mss = (uint16_t)tcp_base_mss(c);
	*t = (struct turn){ .budget = params->limit_output_segs };
	/* The urgent pointer is of one segment. */
	if (params->gso && !(c->flags & TCPF_URG_SENT))
		t->gso_max =
			ip_path_gso_max(c->tcp->net, &c->path, ip6_addr_is_mapped(c->sk.raddr));
	measure(c, t);
	return true;
}

static uint32_t cwnd_room(const struct tcp_conn *c)
{
	const uint32_t used = tcp_in_flight(c);

	if (used == 0)
		return tcp_max(c->cs.cwnd, c->cs.mss);
	return c->cs.cwnd > used ? c->cs.cwnd - used : 0;
}

/* --- again --- */

static void count_resent(struct tcp_conn *c, const struct tcp_txseg *s)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_stats *stats = &c->tcp->stats;

	stats->retrans_segs += s->n_pkts;
	if (s->flags & TXSEG_SYN)
		; /* neither */
	else if (c->ca_state == TCPCA_LOSS)
		stats->slow_start_retrans += s->n_pkts;
	else
		stats->fast_retrans += s->n_pkts;
	c->total_retrans += s->n_pkts;
	c->bytes_retrans += s->len;
	if (fl->undo_retrans == TCP_UNDO_NONE) {
		fl->undo_retrans = 0;
		fl->rexmit_ts = core_ms(c->tcp->core) + c->ts_offset;
	}
	fl->undo_retrans += s->len;
}

int tcp_resend(struct tcp_conn *c, struct tcp_txseg *s)
{
	const uint32_t len = tcp_txseg_data_len(s);
	const uint32_t mss = tcp_snd_mss(c);
	const struct tcp_emit e = {
		.seq = s->seq,
		.flags = (uint16_t)((s->flags & TXSEG_FIN ? TCP_FIN : 0) |
				    (s->flags & TXSEG_PSH ? TCP_PSH : 0)),
		.len = len,
		.mss = mss,
		.data = s->data,
	};
	int r = s->flags & TXSEG_SYN ? tcp_emit_syn(c) : tcp_emit_data(c, &e);

	if (r < 0)
		return r;
	/* In too many pieces for one packet. */
	if (!(s->flags & TXSEG_SYN) && (uint32_t)r < len && !tcp_txseg_split(c, s, (uint32_t)r))
		return -ENOBUFS;
	tcp_rate_sent(c, s);
	tcp_txseg_mark_resent(c, s, mss);
	count_resent(c, s);
	if (c->rexmit_at_ns == TIMER_NEVER)
		tcp_rexmit_start(c);
	return 0;
}

/* How much of it, 0 for not now.  The first one in fast recovery needs no leave of cwnd: it
 * takes the place of what was lost (RFC 6675, 5 (4.3); RFC 6582, 3.2 step 3).
 */
static uint32_t resend_len(const struct tcp_conn *c, const struct tcp_txseg *s,
			   const struct turn *t)
{
	const bool is_head = s == c->fl->segs;
	const struct seq wnd_end = seq_add(c->snd_una, c->snd_wnd);
	uint32_t len = tcp_min(s->len, t->most);
	uint32_t room = cwnd_room(c);

	if (is_head && c->ca_state == TCPCA_RECOVERY)
		room = tcp_max(room, t->mss);
	if (room < tcp_min(len, t->mss))
		return 0;
	if (!is_head && seq_gt(seq_add(s->seq, tcp_min(len, t->mss)), wnd_end))
		return 0;
	if (len > room)
		len = tcp_max(room - room % t->mss, t->mss);
	return tcp_min(len, s->len);
}

static void resend_lost(struct tcp_conn *c, struct turn *t)
{
	struct tcp_txseg *s;

	while (t->budget && (s = tcp_txseg_to_resend(c))) {
		uint32_t n;

		measure(c, t);
		n = resend_len(c, s, t);
		if (!n) {
			t->by_cwnd = true;
			return;
		}
		if (n < s->len && !tcp_txseg_split(c, s, n))
			return;
		if (tcp_resend(c, s) < 0)
			return;
		t->budget--;
	}
}

/* Room in the pipe, and nothing known to be lost or new that may be sent. */
static void resend_guesses(struct tcp_conn *c, struct turn *t)
{
	while (t->budget && cwnd_room(c) >= t->mss && tcp_recovery_guess(c)) {
		const uint32_t budget = t->budget;

		resend_lost(c, t);
		if (t->budget == budget)
			return;
	}
}

/* --- for the first time --- */

/* RFC 5681, 4.1: cwnd says nothing any more about a path that was not used for long.  It halves
 * for each RTO (RFC 2861).
 */
static void restart_after_idle(struct tcp_conn *c)
{
	struct tcp_cc_state *cs = &c->cs;
	const uint32_t restart = tcp_min(c->tcp->params.initial_cwnd * cs->mss, cs->cwnd);
	const uint32_t rto_ms = c->rto_us / 1000;
	const uint32_t now = core_ms(c->tcp->core);
	uint32_t idle = now - c->last_tx_ms;

	cs->now_ms = now;
	if (c->cc->event)
		c->cc->event(cs, TCP_CC_TX_START);
	if (!c->tcp->params.slow_start_after_idle || idle <= rto_ms || cs->cwnd <= restart)
		return;
	cs->ssthresh = tcp_max(cs->ssthresh, cs->cwnd / 4 * 3);
	for (; idle > rto_ms && cs->cwnd > restart; idle -= rto_ms)
		cs->cwnd /= 2;
	cs->cwnd = tcp_max(cs->cwnd, restart);
	if (c->cc->event)
		c->cc->event(cs, TCP_CC_CWND_RESTART);
}

/* It is in flight: bytes leave the unsent part of the queue. */
static void sent(struct tcp_conn *c, struct tcp_txseg *s, uint32_t len, uint16_t flags,
		 uint32_t mss)
{
	struct tcp_flight *fl = c->fl;

	s->len = len + !!(flags & TCP_FIN);
	s->mss = (uint16_t)mss;
	s->flags = (uint8_t)((flags & TCP_FIN ? TXSEG_FIN : 0) | (flags & TCP_PSH ? TXSEG_PSH : 0));
	s->data = fl->tx_next;
	if (len)
		dataq_advance(&fl->tx_next, len);
	fl->unsent -= len;
	tcp_rate_sent(c, s);
	tcp_txseg_append(c, s);
	if (flags & TCP_FIN)
		c->flags |= TCPF_FIN_SENT;
	if (len % mss)
		c->snd_sml = c->snd_nxt;
	c->last_tx_ms = core_ms(c->tcp->core);
	if (c->rexmit_at_ns == TIMER_NEVER || c->flags & TCPF_PERSIST)
		tcp_rexmit_start(c);
}

/* @len bytes, which may be sent, and the FIN if it is next.  Return: whether something was */
static bool send_new(struct tcp_conn *c, uint32_t len, uint32_t mss)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_txseg *s;
	struct tcp_emit e = { .seq = c->snd_nxt, .len = len, .mss = mss, .data = fl->tx_next };
	int r;

	if (len == fl->unsent) {
		if (len)
			e.flags |= TCP_PSH;
		if (tcp_fin_waits(c) && tcp_flight_size(c) + len < c->snd_wnd)
			e.flags |= TCP_FIN;
	}
	s = tcp_txseg_new(c);
	if (!s)
		return false;
	r = tcp_emit_data(c, &e);
	if (r < 0) {
		tcp_txseg_free(c, s);
		return false;
	}
	if ((uint32_t)r < len)
		e.flags = 0;
	sent(c, s, (uint32_t)r, e.flags, mss);
	return true;
}

/* May less than a segment go, which is all there is? */
static bool tail_may_go(const struct tcp_conn *c)
{
	if (tcp_fin_waits(c) || (c->flags & TCPF_URG_SENT && seq_gt(c->snd_up, c->snd_nxt)))
		return true;
	if (c->flags & (TCPF_CORK | TCPF_MORE))
		return false;
	return c->flags & TCPF_NODELAY || !seq_gt(c->snd_sml, c->snd_una);
}

/* An ACK will make more of it soon: not when it is a good part of the window already, or the
 * next ACK is far off.
 */
static bool is_worth_waiting(const struct tcp_conn *c, const struct turn *t, uint32_t len)
{
	const struct tcp_txseg *head = c->fl->segs;
	const uint32_t window = tcp_min(c->cs.cwnd, c->snd_wnd);

	if (!head || c->ca_state != TCPCA_OPEN || len >= tcp_min(t->most, window / WINDOW_SHARE))
		return false;
	return tcp_now_us(c) - head->sent_us >= c->cs.srtt_us / 2;
}

/* How many bytes may follow now. */
static uint32_t new_len(struct tcp_conn *c, struct turn *t)
{
	const uint32_t unsent = c->fl->unsent;
	const uint32_t flight = tcp_flight_size(c);
	const uint32_t wnd = c->snd_wnd > flight ? c->snd_wnd - flight : 0;
	const uint32_t cwnd = cwnd_room(c);
	uint32_t len = tcp_min(unsent, t->most);
	const uint32_t want = len;

	if (wnd < tcp_min(len, t->mss) || (wnd < len && wnd <= cwnd))
		t->by_wnd = true;
	else if (cwnd < len)
		t->by_cwnd = true;
	len = tcp_min(len, tcp_min(wnd, cwnd));
	if (len == unsent) {
		if (len % t->mss && !tail_may_go(c))
			len -= len % t->mss;
		return len;
	}
	if (len >= t->mss)
		len -= len % t->mss;
	else if (t->by_cwnd || 2 * len < c->max_wnd || !tail_may_go(c))
		return 0;
	return len < want && is_worth_waiting(c, t, len) ? 0 : len;
}

static bool fin_may_go(const struct tcp_conn *c)
{
	return tcp_fin_waits(c) && !c->fl->unsent && tcp_flight_size(c) < c->snd_wnd;
}

/* Return: there is more, for another turn */
static bool send_all_new(struct tcp_conn *c, struct turn *t)
{
	for (;;) {
		uint32_t len = 0;

		if (c->fl->unsent) {
			measure(c, t);
			len = new_len(c, t);
			if (!len)
				return false;
		} else if (!fin_may_go(c)) {
			t->by_wnd |= tcp_fin_waits(c);
			return false;
		}
		if (!t->budget)
			return true;
		if (!send_new(c, len, t->mss))
			return false;
		t->budget--;
	}
}

/* A packet larger than what is known to come through, when one is to be tried.
 * Return: room is saved for it
 */
static bool send_mtu_probe(struct tcp_conn *c, struct turn *t)
{
	bool wait;
	const uint32_t len = tcp_mtu_probe_len(c, &wait);

	if (!len || !t->budget || !send_new(c, len, len))
		return wait;
	t->budget--;
	if (c->fl->segs_last->len == len)
		tcp_mtu_probe_sent(c, c->fl->segs_last);
	return false;
}

/* --- all of it --- */

static bool may_send(const struct tcp_conn *c)
{
	switch (c->state) {
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
	case TCPS_FIN_WAIT1:
	case TCPS_CLOSING:
	case TCPS_LAST_ACK:
		return true;
	default:
		return false;
	}
}

/* What it was that ended the turn. */
static void finish(struct tcp_conn *c, const struct turn *t)
{
	const struct tcp_flight *fl = c->fl;

	if (t->by_cwnd || tcp_in_flight(c) + t->mss > c->cs.cwnd)
		c->flags |= TCPF_CWND_LIMITED;
	else
		c->flags &= ~(uint32_t)TCPF_CWND_LIMITED;
	if (t->by_wnd && fl->unsent)
		tcp_chrono_set(c, TCP_CHRONO_RWND);
	else if (fl->unsent || fl->chrono != TCP_CHRONO_SNDBUF)
		tcp_chrono_set(c, TCP_CHRONO_BUSY);
}

/* F-RTO wanted new data to be sent first (RFC 5682, 2.1 step 2b), but none may: the usual way. */
static void frto_in_vain(struct tcp_conn *c, struct turn *t)
{
	c->fl->frto = TCP_FRTO_OFF;
	resend_lost(c, t);
}

static void output(struct tcp_conn *c)
{
	const bool notsent_full = c->notsent_lowat && !tcp_snd_writable(c);
	struct turn t;
	bool more = false;

	if (!turn_begin(c, &t))
		return;
	if (!c->fl->segs)
		restart_after_idle(c);
	if (c->fl->frto != TCP_FRTO_SECOND)
		resend_lost(c, &t);
	if (c->probe_mtu && send_mtu_probe(c, &t))
		t.by_cwnd = true;
	else
		more = send_all_new(c, &t);
	if (c->fl->frto == TCP_FRTO_SECOND && tcp_in_flight(c) == 0)
		frto_in_vain(c, &t);
	if (!more)
		resend_guesses(c, &t);
	finish(c, &t);
	if (more || !t.budget)
		tcp_work(c, TCPF_OUTPUT);
	if (notsent_full && tcp_snd_writable(c))
		sock_wake(c->tcp->core, &c->sk, EPOLLOUT | EPOLLWRNORM);
}

void tcp_output(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	if (!may_send(c))
		return;
	if (!fl) {
		if (!tcp_fin_waits(c))
			return;
		fl = tcp_flight_get(c);
		if (!fl) {
			tcp_persist_start(c);
			return;
		}
	}
	output(c);
	if (!fl->segs && (fl->unsent || tcp_fin_waits(c)) && c->rexmit_at_ns == TIMER_NEVER)
		tcp_persist_start(c);
}

void tcp_send_forced(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;
	const uint32_t flight = tcp_flight_size(c);
	struct turn t;

	if (!turn_begin(c, &t))
		return;
	if (c->snd_wnd > flight && (fl->unsent || tcp_fin_waits(c))) {
		const uint32_t len = tcp_min(fl->unsent, tcp_min(c->snd_wnd - flight, t.mss));

		(void)send_new(c, len, t.mss); /* the timer will try again */
		return;
	}
	c->tcp->stats.zero_window_probes++;
	(void)tcp_emit_bare(c, seq_sub(c->snd_una, 1), TCP_URG); /* as well */
}

/* --- SYN --- */

int tcp_send_syn(struct tcp_conn *c)
{
	struct tcp_flight *fl = tcp_flight_get(c);
	struct tcp_txseg *s;

	tcp_rexmit_start(c);
	if (!fl)
		return -ENOBUFS;
	if (!fl->segs) {
		s = tcp_txseg_new(c);
		if (!s)
			return -ENOBUFS;
		s->len = 1;
		s->mss = 1;
		s->flags = TXSEG_SYN;
		tcp_rate_sent(c, s);
		tcp_txseg_append(c, s);
	}
	return tcp_emit_syn(c);
}
