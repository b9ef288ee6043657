/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment for a synchronized connection: the steps of RFC 9293, 3.10.7.4, in their order,
 * with PAWS (RFC 7323, 5) and what RFC 5961 makes of steps 2, 4 and 5.  Step 3, security, is
 * not for us.  Most segments take none of them: predicted().
 */
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"

/* A timestamp older than this says nothing (RFC 7323, 5.5). */
#define TS_RECENT_MAX_S (24U * 24 * 3600)

/* --- answers to what is not acceptable --- */

void tcp_challenge(struct tcp_conn *c)
{
	if (tcp_challenge_allowed(c->tcp, &c->last_challenge_ms))
		tcp_send_ack(c);
}

/* Tell the peer where we are.  One that resends data waits for that and shall have it, other
 * segments may be half of an endless exchange between two ends that disagree.
 */
static void ack_unacceptable(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (seg->h.flags & TCP_SYN) {
		tcp_challenge(c);
		return;
	}
	if (seg->len == 0) {
		if (tcp_dupack_allowed(c->tcp, &c->last_challenge_ms))
			tcp_ack_now(c);
		return;
	}
	if (seq_lt(seg->h.seq, c->rcv_nxt)) {
		c->tcp->stats.delayed_acks_lost++;
		tcp_quickack(c, TCP_QUICK_MAX);
		tcp_dsack_flush(c, seg->h.seq);
		tcp_dsack(c, seg->h.seq, seq_min(seq_add(seg->h.seq, seg->len), c->rcv_nxt));
	}
	tcp_ack_now(c);
}

/* --- timestamps --- */

/* RFC 7323, 5.3: R1.  The peer that stops to send timestamps is let through: middleboxes do
 * that to it, and we would only lose the connection (3.2 says SHOULD).
 */
static bool paws_rejects(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!(c->flags & TCPF_TS) || !seg->opt.has_ts || !c->ts_recent)
		return false;
	if (seq_geq(seq_of(seg->opt.ts_val), seq_of(c->ts_recent)))
		return false;
	return tcp_now_s(c->tcp) - c->ts_recent_s < TS_RECENT_MAX_S;
}

/* RFC 7323, 4.3: (2). */
static void update_ts_recent(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!(c->flags & TCPF_TS) || !seg->opt.has_ts || seq_gt(seg->h.seq, c->rcv_wup))
		return;
	c->ts_recent = seg->opt.ts_val;
	c->ts_recent_s = tcp_now_s(c->tcp);
}

/* --- step 1: sequence number --- */

/* Wider than the RFC's table by what Linux has found to be needed: what ends behind our last
 * ACK is not old for the peer, and a pure ACK may be at the window's right edge, when the data
 * before it was lost.
 */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	return seq_geq(seq_add(seg->h.seq, seg->len), c->rcv_wup) &&
	       seq_leq(seg->h.seq, seq_add(c->rcv_nxt, tcp_rcv_room(c)));
}

static int step1_sequence(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const bool rst = seg->h.flags & TCP_RST;

	if (!rst && paws_rejects(c, seg)) {
		c->tcp->stats.paws_estab++;
		ack_unacceptable(c, seg);
		return DROP_TCP_PAWS;
	}
	if (acceptable(c, seg))
		return RX_PASS;
	if (!rst)
		ack_unacceptable(c, seg);
	if (seq_lt(seg->h.seq, c->rcv_nxt))
		return DROP_TCP_OLD_DATA;
	return tcp_rcv_room(c) ? DROP_TCP_OUT_OF_WINDOW : DROP_TCP_ZERO_WINDOW;
}

/* --- step 2: RST --- */

static int reset_error(const struct tcp_conn *c)
{
	if (c->state == TCPS_SYN_RCVD)
		return ECONNREFUSED;
	return c->state == TCPS_CLOSE_WAIT ? EPIPE : ECONNRESET;
}

/* RFC 5961, 3.2.  Behind its FIN a peer may reset at the FIN's number: macOS does. */
static int step2_rst(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const bool at_fin = c->flags & TCPF_FIN_RCVD && seq_eq(seg->h.seq, seq_sub(c->rcv_nxt, 1));

	if (!(seg->h.flags & TCP_RST))
		return RX_PASS;
	if (!seq_eq(seg->h.seq, c->rcv_nxt) && !at_fin) {
		tcp_challenge(c);
		return DROP_TCP_RST_CHALLENGED;
	}
	c->flags |= TCPF_GOT_RST;
	tcp_conn_end(c, reset_error(c));
	return DROP_TCP_RESET;
}

/* --- step 4: SYN --- */

/* RFC 5961, 4.2.  The SYN+ACK of a simultaneous open (RFC 9293, figure 8) is no intruder. */
static int step4_syn(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!(seg->h.flags & TCP_SYN))
		return RX_PASS;
	if (c->state == TCPS_SYN_RCVD && seg->h.flags & TCP_ACK &&
	    seq_eq(seq_add(seg->h.seq, 1), c->rcv_nxt) && seq_eq(seg->h.ack, c->snd_nxt))
		return RX_PASS;
	tcp_challenge(c);
	return DROP_TCP_SYN_CHALLENGED;
}

/* --- step 5: ACK --- */

/* A simultaneous open whose SYN was not acknowledged: SYN-RCVD, or FIN-WAIT-1 when the user has
 * closed already.
 */
static bool is_handshake(const struct tcp_conn *c)
{
	return c->fl && c->fl->segs && c->fl->segs->flags & TXSEG_SYN;
}

static int ack_handshake(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (seq_leq(seg->h.ack, c->snd_una) || seq_gt(seg->h.ack, c->snd_nxt)) {
		tcp_reply_reset(c->tcp, seg);
		return seq_gt(seg->h.ack, c->snd_nxt) ? DROP_TCP_ACK_TOO_NEW : DROP_TCP_ACK_TOO_OLD;
	}
	tcp_snd_established(c, seg);
	if (c->state == TCPS_SYN_RCVD)
		tcp_set_state(c, TCPS_ESTABLISHED);
	tcp_rcv_established(c);
	tcp_keepalive_update(c);
	if (c->state == TCPS_ESTABLISHED && c->sk.flags & SOCK_WR_SHUT) {
		/* shutdown() before connect(), and the peer connected to us, too. */
		tcp_set_state(c, TCPS_FIN_WAIT1);
		tcp_send_fin(c);
	}
	tcp_work(c, TCPF_OUTPUT);
	sock_wake(c->tcp->core, &c->sk, SOCK_WAKE_STATE);
	return RX_PASS;
}

/* RFC 5961, 5.2: blind data injection. */
static int check_ack(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (seq_gt(seg->h.ack, c->snd_nxt)) {
		tcp_challenge(c);
		return DROP_TCP_ACK_TOO_NEW;
	}
	if (seq_lt(seg->h.ack, seq_sub(c->snd_una, c->max_wnd))) {
		tcp_challenge(c);
		return DROP_TCP_ACK_TOO_OLD;
	}
	return RX_PASS;
}

static bool fin_is_acked(const struct tcp_conn *c)
{
	return c->flags & TCPF_FIN_SENT && seq_eq(c->snd_una, c->snd_nxt);
}

/* FIN-WAIT-1 is over.  Nobody waits for the peer of a closed socket for ever. */
static void fin_wait2(struct tcp_conn *c)
{
	tcp_set_state(c, TCPS_FIN_WAIT2);
	c->sk.flags |= SOCK_WR_SHUT;
	if (c->sk.flags & SOCK_DEAD)
		tcp_orphan_fin_wait2(c);
	else
		sock_wake(c->tcp->core, &c->sk, SOCK_WAKE_STATE);
}

/* What the acknowledgement of our FIN does to the state. */
static int ack_of_fin(struct tcp_conn *c)
{
	if (c->state == TCPS_FIN_WAIT1) {
		fin_wait2(c);
		return c->state == TCPS_CLOSED ? RX_TAKEN : RX_PASS;
	}
	if (c->state == TCPS_CLOSING) {
		tcp_time_wait(c);
		return RX_TAKEN;
	}
	if (c->state == TCPS_LAST_ACK) {
		tcp_conn_end(c, 0);
		return RX_TAKEN;
	}
	return RX_PASS;
}

static int step5_ack(struct tcp_conn *c, const struct tcp_segment *seg)
{
	int r;

	if (!(seg->h.flags & TCP_ACK))
		return DROP_TCP_NO_FLAGS;
	r = is_handshake(c) ? ack_handshake(c, seg) : check_ack(c, seg);
	if (r != RX_PASS)
		return r;
	update_ts_recent(c, seg);
	(void)tcp_ack_in(c, seg); /* an old one may still bring data */
	if (c->state == TCPS_CLOSED)
		return RX_TAKEN;
	return fin_is_acked(c) ? ack_of_fin(c) : RX_PASS;
}

/* --- steps 6 to 8: urgent pointer, text, FIN --- */

/* The byte it points to, which is the one before what the pointer says (RFC 6093, 3: as everyone
 * but the RFC has it).
 */
static void new_mark(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const struct seq up = seq_add(seg->h.seq, seg->h.urg ? seg->h.urg - 1U : 0);

	/* The user is past it, or it is a duplicate, or not newer than the one we have. */
	if (seq_lt(up, tcp_copied_seq(c)) || seq_lt(up, c->rcv_nxt))
		return;
	if (c->flags & TCPF_URG_RCVD && seq_leq(up, c->rcv_up))
		return;
	/* He stands before the last urgent byte, which will not be taken out of the stream once
	 * it is not the mark any more: it goes now (tcp_check_urg() of Linux).
	 */
	if (c->flags & TCPF_URG_RCVD && !(c->sk.flags & SOCK_OOBINLINE) && c->rxq.len &&
	    seq_eq(c->rcv_up, tcp_copied_seq(c))) {
		dataq_drop(&c->rxq, &c->tcp->nodes, 1);
		tcp_rcv_charge(c);
	}
	c->rcv_up = up;
	c->flags |= TCPF_URG_RCVD;
	c->flags &= ~(uint32_t)(TCPF_URG_BYTE | TCPF_URG_READ);
}

static void step6_urgent(struct tcp_conn *c, const struct tcp_segment *seg)
{
	uint32_t at;

	if (seg->h.flags & TCP_URG)
		new_mark(c, seg);
	if ((c->flags & (TCPF_URG_RCVD | TCPF_URG_BYTE | TCPF_URG_READ)) != TCPF_URG_RCVD)
		return;
	at = c->rcv_up.v - seg->h.seq.v - !!(seg->h.flags & TCP_SYN);
	if (at >= seg->data_len)
		return;
	pbuf_copy_out(seg->pb, at, &c->urg_byte, 1);
	c->flags |= TCPF_URG_BYTE;
	sock_wake(c->tcp->core, &c->sk, EPOLLIN | EPOLLRDNORM | EPOLLPRI);
}

/* RFC 9293, 3.6.1 (MUST-17): data for somebody who will not read it. */
static bool nobody_reads(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (c->state != TCPS_FIN_WAIT1 && c->state != TCPS_FIN_WAIT2)
		return false;
	return c->sk.flags & SOCK_RD_SHUT && seg->data_len &&
	       seq_gt(seq_add(seg->h.seq, seg->data_len), c->rcv_nxt);
}

/* Text in CLOSE-WAIT, CLOSING, LAST-ACK: the peer had said that there is none. */
static bool is_behind_fin(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	return c->flags & TCPF_FIN_RCVD && seq_gt(seq_add(seg->h.seq, seg->len), c->rcv_nxt);
}

int tcp_in_text(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (is_behind_fin(c, seg))
		return DROP_TCP_CLOSED_DATA;
	if (seg->h.flags & TCP_URG || c->flags & TCPF_URG_RCVD)
		step6_urgent(c, seg);
	if (seg->len == 0)
		return RX_TAKEN;
	/* Nothing comes behind a FIN; what is before it may come again. */
	if (c->flags & TCPF_FIN_RCVD && seq_gt(seq_add(seg->h.seq, seg->len), c->rcv_nxt))
		return DROP_TCP_CLOSED_DATA;
	if (nobody_reads(c, seg)) {
		c->tcp->stats.abort_on_data++;
		tcp_reply_reset(c->tcp, seg);
		tcp_conn_end(c, ECONNRESET);
		return DROP_TCP_CLOSED_DATA;
	}
	return tcp_data_in(c, seg);
}

/* --- the usual segment --- */

/* Nothing about it is special: the next one in order, of an established connection that misses
 * nothing, with an acknowledgement of what is in flight (Van Jacobson's header prediction).
 */
static bool is_predicted(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (c->state != TCPS_ESTABLISHED || (seg->h.flags & ~TCP_PSH) != TCP_ACK ||
	    !seq_eq(seg->h.seq, c->rcv_nxt) || c->ofo || c->flags & TCPF_URG_RCVD)
		return false;
	if (!seq_between(c->snd_una, seg->h.ack, c->snd_nxt) || seg->data_len > tcp_rcv_room(c))
		return false;
	return !seg->opt.has_ts || !(c->flags & TCPF_TS) ||
	       seq_geq(seq_of(seg->opt.ts_val), seq_of(c->ts_recent));
}

/* The acknowledgement says nothing that the one before did not. */
static bool ack_is_news(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	return seg->data_len == 0 || seg->opt.n_sack || !seq_eq(seg->h.ack, c->snd_una) ||
	       (uint32_t)seg->h.wnd << c->snd_wscale != c->snd_wnd;
}

static int predicted(struct tcp_conn *c, const struct tcp_segment *seg)
{
	update_ts_recent(c, seg);
	if (ack_is_news(c, seg))
		(void)tcp_ack_in(c, seg); /* it is in range */
	else
		c->snd_wl1 = seg->h.seq;
	if (seg->data_len == 0 || c->state == TCPS_CLOSED)
		return RX_TAKEN;
	return tcp_data_append(c, seg) ? RX_TAKEN : DROP_NO_MEMORY;
}

int tcp_in_sync(struct tcp_conn *c, struct tcp_segment *seg)
{
	int r;

	if (is_predicted(c, seg))
		return predicted(c, seg);
	r = step1_sequence(c, seg);
	if (r == RX_PASS)
		r = step2_rst(c, seg);
	if (r == RX_PASS)
		r = step4_syn(c, seg);
	if (r == RX_PASS)
		r = step5_ack(c, seg);
	return r == RX_PASS ? tcp_in_text(c, seg) : r;
}
