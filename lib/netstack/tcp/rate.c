/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Delivery rate estimation (draft-cheng-iccrg-delivery-rate-estimation): each segment remembers
 * what had been delivered when it was sent; when it is delivered itself, the difference and the
 * time are the rate.
 */
#include "netstack/tcp/snd_priv.h"

void tcp_rate_sent(struct tcp_conn *c, struct tcp_txseg *s)
{
	struct tcp_flight *fl = c->fl;
	const uint64_t now = tcp_now_us(c);

	/* Nothing is in flight: the time before it does not count. */
	if (!fl->segs) {
		fl->first_tx_us = now;
		fl->delivered_us = now;
	}
	s->sent_us = now;
	s->first_tx_us = fl->first_tx_us;
	s->delivered_us = fl->delivered_us;
	s->delivered = c->delivered;
	if (fl->app_limited)
		s->flags |= TXSEG_APP_LIMITED;
	else
		s->flags &= (uint8_t)~TXSEG_APP_LIMITED;
}

void tcp_rate_delivered(struct tcp_conn *c, const struct tcp_txseg *s, struct tcp_ack *a)
{
	/* Of several, the one that was sent last tells most. */
	if (a->has_rate && s->delivered < a->rs.prior_delivered)
		return;
	if (a->has_rate && s->delivered == a->rs.prior_delivered && s->sent_us < c->fl->first_tx_us)
		return;
	a->has_rate = true;
	a->prior_us = s->delivered_us;
	a->rs.prior_delivered = s->delivered;
	a->rs.is_app_limited = s->flags & TXSEG_APP_LIMITED;
	a->rs.interval_us = (int64_t)(s->sent_us - s->first_tx_us);
	c->fl->first_tx_us = s->sent_us;
}

/* For TCP_INFO: one that the network limited says more than one that the user did. */
static void remember(struct tcp_conn *c, const struct tcp_rate_sample *rs)
{
	uint64_t rate;

	if (rs->interval_us <= 0)
		return;
	rate = (uint64_t)rs->delivered * 1000000 / (uint64_t)rs->interval_us;
	if (rs->is_app_limited && !(c->flags & TCPF_RATE_LIMITED) && rate < c->delivery_rate)
		return;
	c->delivery_rate = rate;
	c->flags &= ~(uint32_t)TCPF_RATE_LIMITED;
	if (rs->is_app_limited)
		c->flags |= TCPF_RATE_LIMITED;
}

void tcp_rate_gen(struct tcp_conn *c, struct tcp_ack *a)
{
	struct tcp_flight *fl = c->fl;
	struct tcp_rate_sample *rs = &a->rs;
	const uint64_t now = tcp_now_us(c);
	int64_t ack_us;

	c->delivered += a->delivered;
	rs->newly_acked = a->delivered;
	if (fl->app_limited && c->delivered > fl->app_limited)
		fl->app_limited = 0;
	if (a->delivered)
		fl->delivered_us = now;
	if (!a->has_rate) {
		rs->delivered = -1;
		rs->interval_us = -1;
		return;
	}
	/* ACKs that come together make the time between them too short, a stretch of sending
	 * the time of sending: the longer one is right.
	 */
	ack_us = (int64_t)(now - a->prior_us);
	if (rs->interval_us < ack_us)
		rs->interval_us = ack_us;
	rs->delivered = (int64_t)(c->delivered - rs->prior_delivered);
	if (rs->interval_us < (int64_t)c->cs.min_rtt_us)
		rs->interval_us = -1;
	remember(c, rs);
	rs->is_ack_delayed = a->acked && a->acked <= c->cs.mss && !a->sacked_any;
}

void tcp_rate_check_app_limited(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	if (fl->unsent || fl->lost > fl->retrans || tcp_in_flight(c) >= c->cs.cwnd)
		return;
	fl->app_limited = c->delivered + tcp_in_flight(c);
	if (!fl->app_limited)
		fl->app_limited = 1;
}
