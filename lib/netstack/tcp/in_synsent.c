/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment for a connection in SYN-SENT: RFC 9293, 3.10.7.3, step by step.
 */
#include <errno.h>

#include "netstack/tcp/in_priv.h"

/* First: the ACK.  It has to be of our SYN, and its timestamp (RFC 7323, 3) is not one that we
 * have not come to yet.
 */
static int step1_ack(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const uint32_t now = core_ms(c->tcp->core) + c->ts_offset;
	int r = RX_PASS;

	if (!(seg->h.flags & TCP_ACK))
		return RX_PASS;
	if (seq_leq(seg->h.ack, c->iss))
		r = DROP_TCP_ACK_TOO_OLD;
	else if (seq_gt(seg->h.ack, c->snd_nxt))
		r = DROP_TCP_ACK_TOO_NEW;
	if (r == RX_PASS && seg->opt.has_ts && seg->opt.ts_ecr && c->tcp->params.timestamps &&
	    seq_gt(seq_of(seg->opt.ts_ecr), seq_of(now))) {
		c->tcp->stats.paws_active++;
		r = DROP_TCP_PAWS;
	}
	if (r != RX_PASS)
		tcp_reply_reset(c->tcp, seg);
	return r;
}

/* Second: the RST, which is only believed with an ACK. */
static int step2_rst(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!(seg->h.flags & TCP_RST))
		return RX_PASS;
	if (!(seg->h.flags & TCP_ACK))
		return DROP_TCP_RST_UNKNOWN;
	c->flags |= TCPF_GOT_RST;
	tcp_conn_end(c, ECONNREFUSED);
	return DROP_TCP_RESET;
}

/* What the peer has of what we offered. */
static void agree(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const struct tcp_params *params = &c->tcp->params;
	const struct tcp_options_repr *o = &seg->opt;

	c->peer_mss = o->mss ? o->mss : seg->rx->is_ip4 ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
	c->flags &= ~(uint32_t)(TCPF_TS | TCPF_SACK | TCPF_WSCALE);
	if (o->sack_permitted && params->sack)
		c->flags |= TCPF_SACK;
	if (o->has_wscale && params->window_scaling) {
		c->flags |= TCPF_WSCALE;
		c->snd_wscale = o->wscale;
	} else {
		c->snd_wscale = 0;
		c->rcv_wscale = 0;
	}
	if (o->has_ts && params->timestamps) {
		c->flags |= TCPF_TS;
		c->ts_recent = o->ts_val;
		c->ts_recent_s = tcp_now_s(c->tcp);
	}
}

static void synchronize(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const uint32_t wnd = tcp_rcv_room(c); /* offered with our SYN */

	agree(c, seg);
	c->rcv_nxt = seq_add(seg->h.seq, 1);
	c->rcv_wup = c->rcv_nxt;
	c->rcv_adv = seq_add(c->rcv_nxt, wnd);
}

static int established(struct tcp_conn *c, struct tcp_segment *seg)
{
	tcp_snd_established(c, seg);
	tcp_set_state(c, TCPS_ESTABLISHED);
	tcp_rcv_established(c);
	tcp_keepalive_update(c);
	sock_wake(c->tcp->core, &c->sk, SOCK_WAKE_STATE);
	tcp_work(c, TCPF_ACK_NOW | TCPF_OUTPUT); /* data that waits carries the ACK */

	/* Text and FIN may be behind it. */
	seg->h.flags &= (uint16_t)~TCP_SYN;
	seg->h.seq = c->rcv_nxt;
	seg->len--;
	return tcp_in_text(c, seg);
}

int tcp_in_synsent(struct tcp_conn *c, struct tcp_segment *seg)
{
	int r = step1_ack(c, seg);

	if (r == RX_PASS)
		r = step2_rst(c, seg);
	if (r != RX_PASS)
		return r;
	/* Third is security, fifth: */
	if (!(seg->h.flags & TCP_SYN))
		return DROP_TCP_NO_FLAGS;
	/* Fourth: the SYN. */
	synchronize(c, seg);
	if (seg->h.flags & TCP_ACK)
		return established(c, seg);
	/* Both began.  What is behind the SYN is not acknowledged and comes again. */
	tcp_set_state(c, TCPS_SYN_RCVD);
	c->snd_wnd = c->max_wnd = seg->h.wnd;
	c->snd_wl1 = seg->h.seq;
	c->snd_wl2 = c->snd_una;
	(void)tcp_send_syn(c); /* lost or not sent: the timer sends it again */
	return RX_TAKEN;
}
