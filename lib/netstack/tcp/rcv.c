/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Receiving: data in order, the window, acknowledgements, autotuning.
 *
 * Acknowledgements leave with data or, at the end of a burst, alone: at once when a full
 * segment or more is not acknowledged, something is out of order, or the sender is thought
 * to wait for it (the first ones of a connection and those after an idle time, as its window
 * still grows); else after a time (RFC 9293, 3.8.6.3).  That time, ato, follows the distance
 * of segments.  When the user answers what he reads ("ping-pong"), his answers carry the ACKs.
 *
 * The window is a share of the receive buffer that is free.  Its right edge never moves left,
 * and moves right by no less than a segment or half of the buffer (3.8.6.2.2).  The buffer
 * grows with what the user reads per round trip, up to params.rmem_max, as Linux's does
 * (tcp_rcv_space_adjust(), "dynamic right-sizing").
 */
#include <assert.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"

/* Of ato; the upper one is params.delack_max_ms. */
#define ATO_MIN_MS 40

/* Segments that the first window of the peer has (RFC 6928). */
#define INIT_SEGMENTS 10

#define MSS_GUESS     536 /* of the peer's segments, before one came */
#define MSS_LEAST     88

static uint32_t now_us(const struct tcp_conn *c)
{
	return (uint32_t)tcp_now_us(c);
}

/* --- memory --- */

void tcp_rcv_charge(struct tcp_conn *c)
{
	const uint32_t charge = c->rxq.charge + (c->ofo ? c->ofo->charge : 0);

	c->tcp->queue_bytes += (uint64_t)charge - c->sk.rcv_charge;
	c->sk.rcv_charge = charge;
}

/* Of the receive buffer.  Bytes count, and memory for half, for blocks are filled up and emptied
 * byte by byte but come and go whole.
 */
uint32_t tcp_rcv_used(const struct tcp_conn *c)
{
	return tcp_max(c->rxq.len + (c->ofo ? c->ofo->bytes : 0), c->sk.rcv_charge / 2);
}

/* Three quarters of the instance's limit: no window grows. */
static bool under_pressure(const struct tcp *tcp)
{
	return tcp->queue_bytes > tcp->params.bytes_max / 4 * 3;
}

/* At the limit whoever has something to read already gets no more. */
static bool memory_allows(struct tcp_conn *c)
{
	const struct tcp *tcp = c->tcp;

	if (tcp->queue_bytes <= tcp->params.bytes_max || c->rxq.len == 0)
		return true;
	return tcp_ofo_prune(c) && tcp->queue_bytes <= tcp->params.bytes_max;
}

/* --- window --- */

/* Share of a buffer that is window, as tcp_win_from_space(). */
static uint32_t win_from_space(const struct tcp_params *params, uint32_t space)
{
	const int8_t scale = params->adv_win_scale;

	return scale <= 0 ? space >> -scale : space - (space >> scale);
}

static uint32_t space_from_win(const struct tcp_params *params, uint32_t win)
{
	const int8_t scale = params->adv_win_scale;
	uint64_t w = win;

	if (scale <= 0)
		w <<= -scale;
	else
		w = (w << scale) / ((UINT64_C(1) << scale) - 1);
	return (uint32_t)(w < UINT32_MAX ? w : UINT32_MAX);
}

struct tcp_initial_window tcp_initial_window(const struct tcp_params *params, uint32_t rcvbuf,
					     uint32_t clamp, uint32_t mss, bool scale)
{
	struct tcp_initial_window ret = { .wnd = win_from_space(params, rcvbuf) };
	uint32_t space = tcp_max(rcvbuf, params->rmem_max);

	if (clamp) {
		ret.wnd = tcp_min(ret.wnd, clamp);
		space = tcp_min(space, clamp);
	}
	ret.wnd = tcp_min(ret.wnd, UINT16_MAX);
	if (mss && ret.wnd > mss)
		ret.wnd -= ret.wnd % mss;
	if (scale && space > UINT16_MAX)
		ret.wscale = (uint8_t)tcp_min(31U - (uint32_t)__builtin_clz(space) - 15U,
					      TCP_WSCALE_MAX);
	return ret;
}

void tcp_rcv_init(struct tcp_conn *c)
{
	const struct tcp_initial_window w =
		tcp_initial_window(&c->tcp->params, c->sk.rcvbuf, c->window_clamp, c->adv_mss,
				   c->tcp->params.window_scaling);

	c->rcv_wscale = w.wscale;
	c->rcv_adv = seq_add(c->rcv_nxt, w.wnd);
	c->rcv_wup = c->rcv_nxt;
}

uint32_t tcp_rcv_room(const struct tcp_conn *c)
{
	const int32_t room = seq_diff(c->rcv_adv, c->rcv_nxt);

	return room > 0 ? (uint32_t)room : 0;
}

/* What the buffer has room for. */
static uint32_t free_space(const struct tcp_conn *c)
{
	const uint32_t used = tcp_rcv_used(c);
	uint32_t space = c->sk.rcvbuf > used ? c->sk.rcvbuf - used : 0;

	space = win_from_space(&c->tcp->params, space);
	return c->window_clamp ? tcp_min(space, c->window_clamp) : space;
}

/* The new window: the old one, unless it may grow by enough. */
static uint32_t select_window(struct tcp_conn *c, uint32_t now)
{
	const uint32_t full = win_from_space(&c->tcp->params, c->sk.rcvbuf);
	const uint32_t space = free_space(c);

	if (space < full / 2)
		c->n_quick = 0;
	if (space <= now || space - now < tcp_min(c->rcv_mss, full / 2))
		return now;
	return under_pressure(c->tcp) && now ? now : space;
}

uint32_t tcp_rcv_window(struct tcp_conn *c)
{
	const bool is_syn = c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD;
	const unsigned int scale = is_syn ? 0 : c->rcv_wscale;
	const uint32_t now = tcp_rcv_room(c);
	uint32_t wnd = is_syn ? now : select_window(c, now);

	/* Up, not down: a window that shrinks by less than the scale's unit shrinks, too. */
	wnd = (wnd + (1U << scale) - 1) >> scale << scale;
	wnd = tcp_min(wnd, (uint32_t)UINT16_MAX << scale);
	if ((wnd == 0) != !!(c->flags & TCPF_RCV_ZERO)) {
		c->tcp->stats.to_zero_window += wnd == 0;
		c->tcp->stats.from_zero_window += wnd != 0;
		c->flags ^= TCPF_RCV_ZERO;
	}
	if (wnd > now)
		c->rcv_adv = seq_add(c->rcv_nxt, wnd);
	return wnd;
}

/* --- acknowledgements --- */

/* The next ones are not delayed, unless it is a conversation. */
static void more_quickacks(struct tcp_conn *c, unsigned int max)
{
	uint32_t n = tcp_rcv_room(c) / (2 * tcp_max(c->rcv_mss, 1));

	n = tcp_min(tcp_max(n, 2), max);
	c->n_quick = (uint8_t)tcp_max(c->n_quick, n);
	c->ato_ms = ATO_MIN_MS;
}

void tcp_quickack(struct tcp_conn *c, unsigned int max)
{
	more_quickacks(c, max);
	c->flags &= ~(uint32_t)TCPF_PINGPONG;
}

void tcp_pingpong(struct tcp_conn *c)
{
	/* It counts as well when the ACK has left already: a user that is another process never
	 * answers before the end of the burst.
	 */
	if (c->ato_ms && core_ms(c->tcp->core) - c->last_data_ms <= c->ato_ms)
		c->flags |= TCPF_PINGPONG;
}

void tcp_ack_sent(struct tcp_conn *c)
{
	c->rcv_wup = c->rcv_nxt;
	if (c->ofo)
		tcp_dsack_sent(c);
	if (!(c->flags & (TCPF_ACK_NOW | TCPF_ACK_DELAYED)))
		return;
	c->flags &= ~(uint32_t)(TCPF_ACK_NOW | TCPF_ACK_SOON | TCPF_ACK_DELAYED);
	c->delack_at_ns = TIMER_NEVER; /* the timer may fire for nothing */
	if (c->n_quick && --c->n_quick == 0)
		c->ato_ms = ATO_MIN_MS;
}

void tcp_delack_expired(struct tcp_conn *c)
{
	c->delack_at_ns = TIMER_NEVER;
	if (!(c->flags & TCPF_ACK_DELAYED))
		return;
	if (c->flags & TCPF_PINGPONG) {
		/* The answer did not come: this is no conversation. */
		c->flags &= ~(uint32_t)TCPF_PINGPONG;
		c->ato_ms = ATO_MIN_MS;
	} else {
		c->ato_ms = (uint8_t)tcp_min(2U * c->ato_ms, c->tcp->params.delack_max_ms);
	}
	c->tcp->stats.delayed_acks++;
	tcp_send_ack(c);
}

static void ack_later(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;
	uint32_t ms = tcp_max(c->ato_ms, params->delack_min_ms);
	uint64_t at;

	/* Longer than a round trip nobody should wait for the ACK of what he sent in it. */
	if (c->cs.srtt_us && c->cs.srtt_us / 1000 < ms)
		ms = tcp_max(c->cs.srtt_us / 1000, params->delack_min_ms);
	ms = tcp_min(ms, params->delack_max_ms);
	at = c->tcp->core->now_ns + ms * NS_PER_MS;
	c->flags |= TCPF_ACK_DELAYED;
	if (at >= c->delack_at_ns)
		return;
	c->delack_at_ns = at;
	tcp_timers_update(c);
}

/* Data was received: when is it acknowledged? */
static void ack_data(struct tcp_conn *c)
{
	const uint32_t owed = (uint32_t)seq_diff(c->rcv_nxt, c->rcv_wup);
	const bool pingpong = c->flags & TCPF_PINGPONG;

	if (c->flags & TCPF_ACK_NOW)
		return;
	if (c->flags & TCPF_QUICKACK || c->ofo)
		tcp_ack_now(c);
	else if ((c->n_quick && !pingpong) || owed >= c->rcv_mss + pingpong)
		tcp_work(c, TCPF_ACK_NOW | TCPF_ACK_SOON);
	else
		ack_later(c);
}

/* --- what segments teach --- */

/* The largest of the peer's segments, or the size two in a row had: ACKs are counted by it, and
 * the window grows in steps of it.
 */
static void learn_size(struct tcp_conn *c, uint32_t len)
{
	if (len > c->rcv_mss)
		c->rcv_mss = tcp_min(len, tcp_max(c->adv_mss, c->rcv_mss));
	else if (len < c->rcv_mss && len >= MSS_GUESS && len == c->last_rx_len)
		c->rcv_mss = len;
	c->last_rx_len = (uint16_t)tcp_min(len, UINT16_MAX);
}

/* A packet of several teaches what they would have one by one. */
static void learn_mss(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const uint32_t n = tcp_segments_in(seg), size = seg->pb->gso_size;

	if (n == 1) {
		learn_size(c, seg->data_len);
		return;
	}
	learn_size(c, size);
	if (n > 2)
		learn_size(c, size);
	learn_size(c, seg->data_len - (n - 1) * size);
}

/* A smoothed one for measurements that say what it is, the least of those that say what it
 * is at most (the time for a window's worth of data).
 */
static void rtt_sample(struct tcp_conn *c, uint32_t us, bool at_most)
{
	us = tcp_max(us, 1);
	if (!c->rcv_rtt_us)
		c->rcv_rtt_us = us;
	else if (!at_most)
		c->rcv_rtt_us = (uint32_t)(((uint64_t)c->rcv_rtt_us * 7 + us) / 8);
	else
		c->rcv_rtt_us = tcp_min(c->rcv_rtt_us, us);
}

/* What was in the window when we offered it takes a round trip to come in. */
static void learn_rtt(struct tcp_conn *c)
{
	if (!seq_geq(c->rcv_nxt, c->rcv_rtt_seq))
		return;
	if (c->rcv_rtt_at_us)
		rtt_sample(c, now_us(c) - c->rcv_rtt_at_us, true);
	c->rcv_rtt_seq = seq_add(c->rcv_nxt, tcp_rcv_room(c));
	c->rcv_rtt_at_us = now_us(c) | 1;
}

/* The peer's echo tells as well, when the clock of milliseconds is fine enough. */
static void learn_rtt_ts(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const uint32_t ms = core_ms(c->tcp->core) + c->ts_offset - seg->opt.ts_ecr;

	if (!(c->flags & TCPF_TS) || !seg->opt.has_ts || seg->data_len < c->rcv_mss)
		return;
	if (ms >= 10 && ms < 60000)
		rtt_sample(c, ms * 1000, false);
}

/* How fast segments follow each other; @idle_ms since the last one. */
static void learn_ato(struct tcp_conn *c, uint32_t idle_ms)
{
	if (!c->ato_ms) {
		more_quickacks(c, TCP_QUICK_MAX);
	} else if (idle_ms <= ATO_MIN_MS / 2) {
		c->ato_ms = (uint8_t)(c->ato_ms / 2 + ATO_MIN_MS / 2);
	} else if (idle_ms < c->ato_ms) {
		c->ato_ms = (uint8_t)(c->ato_ms / 2 + idle_ms);
	} else if (idle_ms > c->rto_us / 1000 && !(c->flags & TCPF_PINGPONG)) {
		tcp_quickack(c, TCP_QUICK_MAX); /* it may have begun with a small window again */
	}
}

static void learn(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const uint32_t now = core_ms(c->tcp->core);

	learn_mss(c, seg);
	learn_rtt(c);
	learn_rtt_ts(c, seg);
	learn_ato(c, now - c->last_data_ms);
	/* The others of a packet came with the first one: it takes some of them to forget. */
	for (uint32_t n = tcp_min(tcp_segments_in(seg), 10); n > 1; n--)
		learn_ato(c, 0);
	c->last_data_ms = now;
}

void tcp_rcv_established(struct tcp_conn *c)
{
	uint32_t mss = tcp_min(c->adv_mss, c->peer_mss);

	mss = tcp_min(mss, tcp_rcv_room(c) / 2);
	c->rcv_mss = tcp_max(tcp_min(mss, MSS_GUESS), MSS_LEAST);
	c->rcvq_space = tcp_min(tcp_rcv_room(c), INIT_SEGMENTS * (uint32_t)c->adv_mss);
	c->rcvq_at_us = now_us(c);
	c->rcv_rtt_seq = c->rcv_nxt;
	c->last_data_ms = core_ms(c->tcp->core);
}

/* --- data --- */

bool tcp_readable(const struct tcp_conn *c, uint32_t target)
{
	const uint32_t avail = c->rxq.len;

	if (!avail)
		return false;
	return avail >= target || under_pressure(c->tcp) || tcp_rcv_room(c) <= c->rcv_mss;
}

static void wake_reader(struct tcp_conn *c)
{
	if (tcp_readable(c, c->sk.rcvlowat))
		sock_wake(c->tcp->core, &c->sk, EPOLLIN | EPOLLRDNORM);
}

/* To the end of rxq; it is at rcv_nxt and within the window. */
static bool append(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!dataq_add_packet(&c->rxq, &c->tcp->nodes, seg->pb, 0))
		return false;
	c->rcv_nxt = seq_add(c->rcv_nxt, seg->data_len);
	c->bytes_received += seg->data_len;
	tcp_rcv_charge(c);
	learn(c, seg);
	return true;
}

bool tcp_data_append(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!memory_allows(c) || !append(c, seg))
		return false;
	ack_data(c);
	wake_reader(c);
	return true;
}

/* Step 8: everything up to the FIN is here. */
static void fin(struct tcp_conn *c)
{
	c->rcv_nxt = seq_add(c->rcv_nxt, 1);
	c->flags |= TCPF_FIN_RCVD;
	c->sk.flags |= SOCK_RD_SHUT;
	tcp_ofo_clear(c); /* nothing comes behind it */
	tcp_ack_now(c);
	sock_wake(c->tcp->core, &c->sk, SOCK_WAKE_STATE);

	switch (c->state) {
	case TCPS_SYN_RCVD:
	case TCPS_ESTABLISHED:
		tcp_set_state(c, TCPS_CLOSE_WAIT);
		break;
	case TCPS_FIN_WAIT1:
		/* Had our FIN been acknowledged, this were FIN-WAIT-2: simultaneous close. */
		tcp_set_state(c, TCPS_CLOSING);
		break;
	case TCPS_FIN_WAIT2:
		tcp_send_ack(c);
		tcp_time_wait(c);
		break;
	default:
		break; /* it cannot come twice: rcv_nxt is behind it */
	}
}

/* The peer did not hear of our ACK in time. */
static void answer_old(struct tcp_conn *c)
{
	c->tcp->stats.delayed_acks_lost++;
	tcp_quickack(c, TCP_QUICK_MAX);
	tcp_ack_now(c);
}

/* Nothing of it is new. */
static int old_data(struct tcp_conn *c, const struct tcp_segment *seg)
{
	tcp_dsack(c, seg->h.seq, seq_add(seg->h.seq, seg->len));
	answer_old(c);
	return DROP_TCP_OLD_DATA;
}

/* Take what we have off its front: SYN, data.  Something is left. */
static void trim_front(struct tcp_conn *c, struct tcp_segment *seg)
{
	const uint32_t syn = !!(seg->h.flags & TCP_SYN);
	const uint32_t old = (uint32_t)seq_diff(c->rcv_nxt, seg->h.seq);

	if (old > syn)
		tcp_dsack(c, seg->h.seq, c->rcv_nxt);
	if (seg->pb->gso_size && old >= seg->pb->gso_size)
		answer_old(c); /* whole segments of it are */
	seg->h.seq = c->rcv_nxt;
	seg->h.flags &= (uint16_t)~TCP_SYN;
	seg->len -= old;
	seg->data_len -= old - syn;
	pbuf_skip(seg->pb, old - syn);
}

/* What is beyond the window's right edge, FIN included, was sent without leave. */
static void trim_back(struct tcp_conn *c, struct tcp_segment *seg)
{
	const uint32_t room = (uint32_t)seq_diff(seq_add(c->rcv_nxt, tcp_rcv_room(c)), seg->h.seq);

	if (seg->data_len > room) {
		pbuf_trim(seg->pb, room);
		seg->data_len = room;
		seg->h.flags &= (uint16_t)~TCP_FIN;
		tcp_ack_now(c); /* where the edge is it did not know, or we would not be here */
	}
	seg->len = seg->data_len + !!(seg->h.flags & TCP_FIN);
}

static int out_of_order(struct tcp_conn *c, struct tcp_segment *seg)
{
	const struct seq end = seq_add(seg->h.seq, seg->data_len);
	const bool has_fin = seg->h.flags & TCP_FIN;
	uint32_t n = tcp_segments_in(seg);
	int r = RX_TAKEN;

	learn_mss(c, seg);
	if (seg->data_len)
		r = memory_allows(c) ? tcp_ofo_in(c, seg) : DROP_TCP_OFO_LIMIT;
	if (r == RX_TAKEN && has_fin)
		tcp_ofo_fin(c, end);
	tcp_rcv_charge(c);
	tcp_quickack(c, TCP_QUICK_MAX);
	/* Who knows no SACK counts duplicates: each segment is to be one (RFC 5681, 4.2). */
	if (c->flags & TCPF_SACK) {
		tcp_ack_now(c);
		return r;
	}
	for (; n; n--)
		tcp_send_ack(c);
	return r;
}

/* At rcv_nxt. */
static int in_order(struct tcp_conn *c, struct tcp_segment *seg)
{
	bool at_fin = seg->h.flags & TCP_FIN;

	if (seg->data_len) {
		if (!memory_allows(c) || !append(c, seg))
			return DROP_NO_MEMORY;
	}
	if (c->ofo && !at_fin) {
		tcp_ofo_merge(c);
		tcp_rcv_charge(c);
		at_fin = c->flags & TCPF_FIN_OFO && seq_eq(c->ofo->fin_seq, c->rcv_nxt);
		tcp_ack_now(c); /* a hole was filled, at least in part (RFC 5681, 4.2) */
	}
	if (at_fin) {
		fin(c);
		return RX_TAKEN;
	}
	ack_data(c);
	wake_reader(c);
	return RX_TAKEN;
}

int tcp_data_in(struct tcp_conn *c, struct tcp_segment *seg)
{
	tcp_dsack_flush(c, seg->h.seq);
	if (seq_leq(seq_add(seg->h.seq, seg->len), c->rcv_nxt))
		return old_data(c, seg);
	if (seq_lt(seg->h.seq, c->rcv_nxt))
		trim_front(c, seg);
	trim_back(c, seg);
	if (seg->len == 0) {
		tcp_ack_now(c); /* a probe of the closed window (RFC 9293, 3.8.6.1) */
		return DROP_TCP_ZERO_WINDOW;
	}
	return seq_eq(seg->h.seq, c->rcv_nxt) ? in_order(c, seg) : out_of_order(c, seg);
}

/* --- the user reads --- */

/* The shortest round trip we know of: as the sender has it, since the handshake, or the receiver.
 * 0 for none.
 */
static uint32_t least_rtt(const struct tcp_conn *c)
{
	if (!c->cs.srtt_us || !c->rcv_rtt_us)
		return tcp_max(c->cs.srtt_us, c->rcv_rtt_us);
	return tcp_min(c->cs.srtt_us, c->rcv_rtt_us);
}

/* Per round trip: what he took is what the sender was let send; twice that, and room for what
 * slow start adds meanwhile, is what the window should allow.
 */
static void autotune(struct tcp_conn *c, uint32_t n)
{
	const struct tcp_params *params = &c->tcp->params;
	const uint32_t rtt = least_rtt(c);
	uint64_t want;

	c->rcvq_copied += n;
	if (!rtt || now_us(c) - c->rcvq_at_us < rtt)
		return;
	if (c->rcvq_copied > c->rcvq_space) {
		want = 2 * (uint64_t)c->rcvq_copied + 16U * c->adv_mss;
		if (c->rcvq_space)
			want += 2 * want * (c->rcvq_copied - c->rcvq_space) / c->rcvq_space;
		want = space_from_win(params,
				      want < UINT32_MAX / 2 ? (uint32_t)want : UINT32_MAX / 2);
		want = want < params->rmem_max ? want : params->rmem_max;
		if (params->moderate_rcvbuf && !(c->sk.flags & SOCK_RCVBUF_LOCKED) &&
		    want > c->sk.rcvbuf && !under_pressure(c->tcp))
			c->sk.rcvbuf = (uint32_t)want;
		c->rcvq_space = c->rcvq_copied;
	}
	c->rcvq_copied = 0;
	c->rcvq_at_us = now_us(c);
}

/* Is the window that could be offered so much larger that the sender should hear of it? */
static bool update_is_worth(struct tcp_conn *c)
{
	const uint32_t full = win_from_space(&c->tcp->params, c->sk.rcvbuf);
	const uint32_t now = tcp_rcv_room(c);
	const uint32_t new = select_window(c, now);

	return new > now && (new >= 2 * now || new - now >= full / 4);
}

void tcp_rcv_read(struct tcp_conn *c, uint32_t n)
{
	tcp_rcv_charge(c);
	if (c->state == TCPS_CLOSED)
		return;
	autotune(c, n);
	if (c->flags & (TCPF_FIN_RCVD | TCPF_ACK_NOW))
		return;
	if (update_is_worth(c))
		tcp_ack_now(c);
}
