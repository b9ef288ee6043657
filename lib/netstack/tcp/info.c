/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP_INFO: struct tcp_info of linux/tcp.h.  What Linux counts in packets is counted in packets.
 */
#include <string.h>

#include <linux/tcp.h>

#include "netstack/tcp/snd_priv.h"

#define SSTHRESH_NONE 0x7fffffff /* TCP_INFINITE_SSTHRESH */

static void info_listener(const struct tcp_conn *c, struct tcp_info *i)
{
	i->tcpi_unacked = c->listener->n_accept;
	i->tcpi_sacked = c->listener->backlog;
}

static void info_options(const struct tcp_conn *c, struct tcp_info *i)
{
	if (c->flags & TCPF_TS)
		i->tcpi_options |= TCPI_OPT_TIMESTAMPS;
	if (c->flags & TCPF_SACK)
		i->tcpi_options |= TCPI_OPT_SACK;
	if (c->flags & TCPF_WSCALE) {
		i->tcpi_options |= TCPI_OPT_WSCALE;
		i->tcpi_snd_wscale = c->snd_wscale & 0xf;
		i->tcpi_rcv_wscale = c->rcv_wscale & 0xf;
	}
}

static void info_flight(const struct tcp_conn *c, struct tcp_info *i)
{
	const struct tcp_flight *fl = c->fl;

	if (!fl)
		return;
	for (const struct tcp_txseg *s = fl->segs; s; s = s->next) {
		i->tcpi_unacked += s->n_pkts;
		if (s->flags & TXSEG_LOST)
			i->tcpi_lost += s->n_pkts;
		if (s->flags & TXSEG_RETRANS)
			i->tcpi_retrans += s->n_pkts;
	}
	i->tcpi_sacked = c->flags & TCPF_SACK ? fl->sacked_pkts : fl->n_dupacks;
	i->tcpi_notsent_bytes = fl->unsent;
}

static void info_times(const struct tcp_conn *c, struct tcp_info *i)
{
	const uint32_t now = core_ms(c->tcp->core);

	i->tcpi_last_data_sent = now - c->last_tx_ms;
	i->tcpi_last_data_recv = now - c->last_data_ms;
	i->tcpi_last_ack_recv = now - c->last_rx_ms;
	i->tcpi_rto = (uint32_t)(tcp_rto_ns(c) / NS_PER_US);
	i->tcpi_ato = c->ato_ms * 1000U;
	i->tcpi_rtt = c->cs.srtt_us;
	i->tcpi_rttvar = c->rttvar_us;
	i->tcpi_min_rtt = c->cs.min_rtt_us ? c->cs.min_rtt_us : UINT32_MAX;
	i->tcpi_rcv_rtt = c->rcv_rtt_us;
}

/* With the stretch of time that has not ended yet. */
static void info_chrono(const struct tcp_conn *c, struct tcp_info *i)
{
	const struct tcp_flight *fl = c->fl;
	const uint32_t since = fl ? core_ms(c->tcp->core) - fl->chrono_ms : 0;
	uint64_t busy = c->busy_ms, rwnd = c->rwnd_ms, sndbuf = c->sndbuf_ms;

	if (fl) {
		busy += since;
		rwnd += fl->chrono == TCP_CHRONO_RWND ? since : 0;
		sndbuf += fl->chrono == TCP_CHRONO_SNDBUF ? since : 0;
	}
	i->tcpi_busy_time = busy * 1000;
	i->tcpi_rwnd_limited = rwnd * 1000;
	i->tcpi_sndbuf_limited = sndbuf * 1000;
}

static void info_window(const struct tcp_conn *c, struct tcp_info *i)
{
	const uint32_t mss = tcp_max(c->cs.mss, 1);
	const uint32_t ssthresh = c->cs.ssthresh;

	i->tcpi_snd_mss = c->cs.mss;
	i->tcpi_rcv_mss = c->rcv_mss;
	i->tcpi_advmss = c->adv_mss;
	i->tcpi_pmtu = c->path.mtu;
	i->tcpi_snd_cwnd = c->cs.cwnd / mss;
	i->tcpi_snd_ssthresh = ssthresh == TCP_SSTHRESH_INFINITE ? SSTHRESH_NONE : ssthresh / mss;
	i->tcpi_snd_wnd = c->snd_wnd;
	i->tcpi_rcv_ssthresh = tcp_rcv_room(c);
	i->tcpi_rcv_space = c->rcvq_space;
	i->tcpi_reordering = c->reordering;
	i->tcpi_pacing_rate = c->cs.pacing_rate ? c->cs.pacing_rate : UINT64_MAX;
	i->tcpi_max_pacing_rate = UINT64_MAX;
}

static void info_counters(const struct tcp_conn *c, struct tcp_info *i)
{
	const uint32_t in_flight = c->txq.len - tcp_unsent(c);

	i->tcpi_retransmits = c->n_retries;
	i->tcpi_probes = c->n_probes;
	i->tcpi_backoff = c->backoff;
	i->tcpi_total_retrans = c->total_retrans;
	i->tcpi_bytes_acked = c->bytes_acked;
	i->tcpi_bytes_received = c->bytes_received;
	i->tcpi_bytes_sent = c->bytes_acked + in_flight + c->bytes_retrans;
	i->tcpi_bytes_retrans = c->bytes_retrans;
	i->tcpi_segs_out = c->segs_out;
	i->tcpi_segs_in = c->segs_in;
	i->tcpi_data_segs_out = c->data_segs_out;
	i->tcpi_data_segs_in = c->data_segs_in;
	i->tcpi_delivered = c->delivered_pkts;
	i->tcpi_delivery_rate = c->delivery_rate;
	i->tcpi_delivery_rate_app_limited = !!(c->flags & TCPF_RATE_LIMITED);
	i->tcpi_dsack_dups = c->n_dsacks;
	i->tcpi_reord_seen = c->n_reordered;
}

uint32_t tcp_info_get(const struct tcp_conn *c, void *ret, uint32_t size)
{
	const uint32_t len = tcp_min(size, sizeof(struct tcp_info));
	struct tcp_info i;

	memset(&i, 0, sizeof(i));
	i.tcpi_state = c->state;
	i.tcpi_ca_state = c->ca_state;
	info_window(c, &i);
	info_times(c, &i);
	if (c->state == TCPS_LISTEN) {
		info_listener(c, &i);
	} else {
		info_options(c, &i);
		info_flight(c, &i);
		info_chrono(c, &i);
		info_counters(c, &i);
	}
	memcpy(ret, &i, len);
	return len;
}
