/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One segment: options and header in the packet's own room, payload behind them by reference,
 * or copied when it fits in there as well.  The checksum is left to the end of the way
 * (PBUF_CSUM_PARTIAL), and to there as well the cutting of what is longer than a segment.
 *
 * Every segment carries the ACK and the window: what the receiving half owes is paid with it.
 */
#include <errno.h>

#include "netstack/tcp/snd_priv.h"
#include "wire/checksum.h"

/* Options of the next segment. */
struct opts {
	struct tcp_options_repr r;
	uint32_t len;
};

static uint32_t ts_now(const struct tcp_conn *c)
{
	return core_ms(c->tcp->core) + c->ts_offset;
}

static void opts_make(struct tcp_conn *c, struct opts *o)
{
	*o = (struct opts){ .len = 0 };
	if (c->flags & TCPF_TS) {
		o->r.has_ts = true;
		o->r.ts_val = ts_now(c);
		o->r.ts_ecr = c->ts_recent;
		o->len = TCP_OPTS_TS_LEN;
	}
	if (c->ofo && c->flags & TCPF_SACK) {
		const unsigned int max = tcp_options_sack_max(o->r.has_ts);

		o->r.n_sack = (uint8_t)tcp_rcv_sacks(c, o->r.sack, max);
		if (o->r.n_sack)
			o->len = (uint32_t)tcp_options_len(&o->r);
	}
}

uint32_t tcp_emit_opts_len(struct tcp_conn *c)
{
	struct opts o;

	if (!c->ofo)
		return c->flags & TCPF_TS ? TCP_OPTS_TS_LEN : 0;
	opts_make(c, &o);
	return o.len;
}

/* Room for it was left. */
static void put_header(struct tcp_conn *c, struct pbuf *pb, struct tcp_repr *h,
		       const struct opts *o)
{
	const struct sock *sk = &c->sk;
	const uint32_t hdr_len = TCP_HDR_LEN + o->len;
	uint8_t *p = pbuf_push(pb, hdr_len);
	uint64_t pseudo;

	h->src_port = sk->lport;
	h->dst_port = sk->rport;
	h->opts_len = (uint8_t)o->len;
	(void)tcp_emit(p, hdr_len, h); /* it is legal and fits */
	(void)tcp_options_emit(p + TCP_HDR_LEN, o->len, &o->r);

	if (ip6_addr_is_mapped(sk->raddr))
		pseudo = csum_pseudo4((uint32_t)sk->laddr.lo, (uint32_t)sk->raddr.lo, IP_PROTO_TCP,
				      pb->len);
	else
		pseudo = csum_pseudo6(sk->laddr, sk->raddr, IP_PROTO_TCP, pb->len);
	put_be16(p + TCP_CSUM_OFFSET, csum_fold(pseudo));
	pbuf_mark_l4(pb);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pb->hash = c->hash;
}

/* RFC 9293, 3.8.5, RFC 6093, 3: the pointer is to what follows the urgent byte. */
static void urgent(const struct tcp_conn *c, struct tcp_repr *h)
{
	uint32_t ahead;

	h->flags &= (uint16_t)~TCP_URG;
	if (!(c->flags & TCPF_URG_SENT) || seq_leq(c->snd_up, h->seq))
		return;
	ahead = (uint32_t)seq_diff(c->snd_up, h->seq);
	h->urg = (uint16_t)tcp_min(ahead, UINT16_MAX);
	h->flags |= TCP_URG;
}

/* Whatever becomes of it, it is gone.  Return: of ip_out() */
static int hand_down(struct tcp_conn *c, struct pbuf *pb, uint32_t n_pkts)
{
	struct tcp *tcp = c->tcp;
	struct ip_flow f;
	int r;

	tcp_flow(c, &f);
	r = ip_out(tcp->net, pb, &f, &c->path);
	if (r < 0)
		return r;
	tcp->stats.out_segs += n_pkts;
	c->segs_out += n_pkts;
	return 0;
}

static int put_and_send(struct tcp_conn *c, struct pbuf *pb, struct tcp_repr *h,
			const struct opts *o, uint32_t n_pkts)
{
	int r;

	h->flags |= TCP_ACK;
	h->ack = c->rcv_nxt;
	h->wnd = (uint16_t)(tcp_rcv_window(c) >> c->rcv_wscale);
	put_header(c, pb, h, o);
	r = hand_down(c, pb, n_pkts);
	if (r < 0)
		return r;
	tcp_ack_sent(c);
	return 0;
}

/* --- data --- */

/* Return: bytes attached, 0 when not one piece of them is */
static uint32_t attach(struct pbuf *pb, struct dataq_cursor data, uint32_t len)
{
	uint8_t *to = len <= PBUF_ROOM - PBUF_HEADROOM ? pbuf_put(pb, len) : NULL;

	if (!to)
		return dataq_attach(&data, pb, len);
	dataq_copy(data, to, len);
	return len;
}

int tcp_emit_data(struct tcp_conn *c, const struct tcp_emit *e)
{
	struct tcp_repr h = { .seq = e->seq, .flags = e->flags };
	struct pbuf *pb = pbuf_alloc(c->tcp->core->pool);
	uint32_t len, n_pkts = 1;
	struct opts o;
	int r;

	if (!pb)
		return -ENOBUFS;
	len = e->len ? attach(pb, e->data, e->len) : 0;
	if (len < e->len)
		h.flags &= (uint16_t) ~(TCP_FIN | TCP_PSH);
	if (len > e->mss) {
		pb->gso = ip6_addr_is_mapped(c->sk.raddr) ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
		pb->gso_size = (uint16_t)e->mss;
		n_pkts = (len + e->mss - 1) / e->mss;
	}
	urgent(c, &h);
	opts_make(c, &o);
	r = put_and_send(c, pb, &h, &o, n_pkts);
	if (r < 0)
		return r;
	c->data_segs_out += n_pkts;
	return (int)len;
}

/* --- without data --- */

int tcp_emit_bare(struct tcp_conn *c, struct seq seq, uint16_t flags)
{
	struct tcp_repr h = { .seq = seq, .flags = flags };
	struct pbuf *pb = pbuf_alloc(c->tcp->core->pool);
	struct opts o;

	if (!pb)
		return -ENOBUFS;
	if (flags & TCP_URG)
		urgent(c, &h);
	opts_make(c, &o);
	return put_and_send(c, pb, &h, &o, 1);
}

/* What we offer; of a SYN+ACK (both ends began) what is agreed on. */
static void syn_opts(const struct tcp_conn *c, struct opts *o)
{
	const struct tcp_params *params = &c->tcp->params;
	const bool is_ack = c->state != TCPS_SYN_SENT;

	*o = (struct opts){ .r.mss = c->adv_mss };
	o->r.sack_permitted = is_ack ? c->flags & TCPF_SACK : params->sack;
	o->r.has_wscale = is_ack ? c->flags & TCPF_WSCALE : params->window_scaling;
	if (o->r.has_wscale)
		o->r.wscale = c->rcv_wscale;
	o->r.has_ts = is_ack ? c->flags & TCPF_TS : params->timestamps;
	if (o->r.has_ts) {
		o->r.ts_val = ts_now(c);
		o->r.ts_ecr = c->ts_recent;
	}
	o->len = (uint32_t)tcp_options_len(&o->r);
}

int tcp_emit_syn(struct tcp_conn *c)
{
	struct tcp_repr h = { .seq = c->iss, .flags = TCP_SYN };
	struct pbuf *pb = pbuf_alloc(c->tcp->core->pool);
	struct opts o;

	if (!pb)
		return -ENOBUFS;
	if (c->state != TCPS_SYN_SENT) {
		h.flags |= TCP_ACK;
		h.ack = c->rcv_nxt;
	}
	h.wnd = (uint16_t)tcp_min(tcp_rcv_window(c), UINT16_MAX);
	syn_opts(c, &o);
	put_header(c, pb, &h, &o);
	return hand_down(c, pb, 1);
}

/* Within the window, even when the peer has moved its edge left: what lies beyond would be
 * dropped with its ACK.
 */
static struct seq acceptable_seq(const struct tcp_conn *c)
{
	const struct seq end = seq_add(c->snd_una, c->snd_wnd);

	/* The unit in which windows are told is no retreat. */
	return seq_diff(c->snd_nxt, end) >= 1 << c->snd_wscale ? end : c->snd_nxt;
}

void tcp_send_ack(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;

	if (tcp_emit_bare(c, acceptable_seq(c), 0) == 0)
		return;
	/* Not now: later. */
	c->flags &= ~(uint32_t)(TCPF_ACK_NOW | TCPF_ACK_SOON);
	c->flags |= TCPF_ACK_DELAYED;
	c->delack_at_ns = c->tcp->core->now_ns + params->delack_max_ms * NS_PER_MS;
	tcp_timers_update(c);
}

void tcp_send_reset(struct tcp_conn *c)
{
	c->tcp->stats.out_rsts++;
	(void)tcp_emit_bare(c, acceptable_seq(c), TCP_RST); /* nothing is to be sent again */
}

int tcp_path(struct tcp_conn *c)
{
	struct ip_flow f;

	tcp_flow(c, &f);
	return ip_path_find(c->tcp->net, &f, &c->path);
}
