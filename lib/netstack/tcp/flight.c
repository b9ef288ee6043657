/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sending half of a connection: how it begins, what it has while something is in flight,
 * and how it ends.
 */
#include <errno.h>
#include <string.h>

#include "netstack/tcp/snd_priv.h"

/* RFC 6298, 5.7: after a SYN was lost, without a sample. */
#define RTO_FALLBACK_US 3000000

struct tcp_flight *tcp_flight_get(struct tcp_conn *c)
{
	struct tcp_flight *fl;
	uint32_t id;

	if (c->fl)
		return c->fl;
	fl = slab_alloc(&c->tcp->flights, &id);
	if (!fl)
		return NULL;
	fl->id = id;
	fl->recover = seq_sub(c->snd_una, 1);
	fl->high_sacked = c->snd_una;
	fl->undo_marker = c->snd_una;
	fl->rtt_seq = c->snd_una;
	fl->app_limited = c->delivered ? c->delivered : 1;
	fl->stalled_ms = core_ms(c->tcp->core);
	fl->mdev_us = c->rttvar_us;
	c->fl = fl;
	tcp_chrono_set(c, TCP_CHRONO_BUSY);
	return fl;
}

static void flight_free(struct tcp_conn *c)
{
	tcp_chrono_set(c, TCP_CHRONO_NONE);
	slab_free(&c->tcp->flights, c->fl->id);
	c->fl = NULL;
}

void tcp_flight_put(struct tcp_conn *c)
{
	struct tcp_flight *fl = c->fl;

	if (!fl || fl->segs || c->txq.len || tcp_fin_waits(c))
		return;
	tcp_recovery_idle(c);
	flight_free(c);
}

void tcp_snd_clear(struct tcp_conn *c)
{
	dataq_clear(&c->txq, &c->tcp->nodes);
	tcp_snd_charge(c);
	if (!c->fl)
		return;
	while (c->fl->segs)
		tcp_txseg_shift(c);
	flight_free(c);
	c->ca_state = TCPCA_OPEN;
}

/* What the connection before on this socket has left. */
static void forget(struct tcp_conn *c)
{
	c->ca_state = TCPCA_OPEN;
	c->reordering = (uint16_t)c->tcp->params.reordering;
	c->n_retries = 0;
	c->n_probes = 0;
	c->delivered = 0;
	c->delivered_pkts = 0;
	c->delivery_rate = 0;
	c->total_retrans = 0;
	c->segs_out = c->data_segs_out = 0;
	c->segs_in = c->data_segs_in = 0;
	c->bytes_acked = c->bytes_received = c->bytes_retrans = 0;
	c->n_dsacks = c->n_reordered = 0;
	c->busy_ms = c->rwnd_ms = c->sndbuf_ms = 0;
}

int tcp_snd_init(struct tcp_conn *c)
{
	const uint32_t hdrs_len = tcp_ip_hdr_len(c) + TCP_HDR_LEN;
	uint32_t mss;
	int r = tcp_path(c);

	if (r < 0)
		return r;
	forget(c);
	tcp_rtt_init(c);
	/* RFC 9293, 3.7.1: of the link, not of the path to the peer, whose way to us is another. */
	mss = c->path.mtu > hdrs_len ? tcp_min(c->path.mtu - hdrs_len, UINT16_MAX) : 1;
	if (c->user_mss)
		mss = tcp_min(mss, c->user_mss);
	c->adv_mss = (uint16_t)mss;
	tcp_mtu_init(c);
	if (!c->peer_mss)
		c->peer_mss = hdrs_len == 40 ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
	memset(&c->cs, 0, sizeof(c->cs));
	c->cs.mss = (uint16_t)tcp_snd_mss(c);
	c->cs.cwnd = c->tcp->params.initial_cwnd * c->cs.mss;
	c->cs.ssthresh = TCP_SSTHRESH_INFINITE;
	c->last_tx_ms = core_ms(c->tcp->core);
	return 0;
}

/* Our SYN leaves the flight; what its round trip was. */
static void syn_acked(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const struct tcp_txseg *s = c->fl->segs;
	const bool resent = s->flags & TXSEG_EVER_RETRANS;

	if (!resent)
		tcp_rtt_sample(c, (uint32_t)(tcp_now_us(c) - s->sent_us));
	else if (c->flags & TCPF_TS && seg->opt.has_ts && seg->opt.ts_ecr)
		tcp_rtt_sample(c, 1000 * (core_ms(c->tcp->core) + c->ts_offset - seg->opt.ts_ecr));
	else
		c->rto_us = tcp_max(c->rto_us, RTO_FALLBACK_US);
	tcp_txseg_shift(c);
}

void tcp_snd_established(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const bool resent = c->n_retries;
	const bool is_syn = seg->h.flags & TCP_SYN;

	c->snd_una = seq_add(c->iss, 1);
	if (c->fl && c->fl->segs)
		syn_acked(c, seg);
	else
		c->snd_nxt = c->snd_una;
	c->snd_sml = c->snd_up = c->snd_una;
	c->snd_wnd = is_syn ? seg->h.wnd : (uint32_t)seg->h.wnd << c->snd_wscale;
	c->max_wnd = c->snd_wnd;
	c->snd_wl1 = seg->h.seq;
	c->snd_wl2 = seg->h.ack;

	c->cs.now_ms = core_ms(c->tcp->core);
	c->cs.mss = (uint16_t)tcp_snd_mss(c);
	/* RFC 5681, 3.1: a SYN that was lost is a loss; the first may be chance. */
	c->cs.cwnd = (resent && c->total_retrans > 1 ? 1 : c->tcp->params.initial_cwnd) * c->cs.mss;
	c->cc->init(&c->cs);
	c->n_retries = 0;
	c->backoff = 0;
	c->last_tx_ms = core_ms(c->tcp->core);
	tcp_sndbuf_grow(c);
	tcp_rexmit_stop(c);
	/* The FIN may be out already: CLOSE in SYN-RECEIVED (RFC 9293, 3.10.4). */
	if (c->fl && c->fl->segs)
		tcp_rexmit_start(c);
	tcp_flight_put(c);
}
