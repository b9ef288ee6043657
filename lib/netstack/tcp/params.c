/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/tcp/params.h"

#include <errno.h>
#include <string.h>

#include "netstack/tcp/cc.h"
#include "wire/tcp.h"

#define KIB      1024U
#define MIB      (1024U * KIB)
#define BUF_MAX  (1U << 30) /* half of it is the largest window there is (RFC 7323, 2.3) */
#define RTO_MAX  (24U * 3600 * 1000)
#define HOUR_S   3600U
#define KEEP_MAX 32767U /* seconds: MAX_TCP_KEEPIDLE of Linux */

void tcp_params_default(struct tcp_params *p)
{
	*p = (struct tcp_params){
		.rmem_min = 4 * KIB,
		.rmem_default = 128 * KIB,
		.rmem_max = 6 * MIB,
		.wmem_min = 4 * KIB,
		.wmem_default = 16 * KIB,
		.wmem_max = 4 * MIB,
		.bytes_max = 48 * MIB,
		.moderate_rcvbuf = true,
		.adv_win_scale = 1,
		.window_scaling = true,
		.timestamps = true,
		.sack = true,
		.dsack = true,
		.syn_retries = 6,
		.synack_retries = 5,
		.retries1 = 3,
		.retries2 = 15,
		.orphan_retries = 0,
		.orphans_max = 8192,
		.keepalive_s = 2 * HOUR_S,
		.keepalive_probes = 9,
		.keepalive_intvl_s = 75,
		.fin_timeout_s = 60,
		.time_wait_s = 60,
		.time_wait_max = 16384,
		.tw_reuse = true,
		.syncookies = TCP_SYNCOOKIES_ON_OVERFLOW,
		.syn_backlog_max = 1024,
		.somaxconn = 4096,
		.challenge_ack_per_s = 1000,
		.invalid_ratelimit_ms = 500,
		.rto_min_ms = 200,
		.rto_max_ms = 120000,
		.rto_initial_ms = 1000,
		.delack_min_ms = 40,
		.delack_max_ms = 200,
		.initial_cwnd = 10,
		.slow_start_after_idle = true,
		.reordering = 3,
		.mtu_probing = 1,
		.base_mss = 1024,
		.min_snd_mss = 48,
		.limit_output_segs = 32,
		.gso = true,
		.cc = "cubic",
	};
}

static bool in_order(uint32_t a, uint32_t b, uint32_t c, uint32_t limit)
{
	return a > 0 && a <= b && b <= c && c <= limit;
}

static bool within(uint32_t v, uint32_t min, uint32_t max)
{
	return v >= min && v <= max;
}

static bool buffers_ok(const struct tcp_params *p)
{
	return in_order(p->rmem_min, p->rmem_default, p->rmem_max, BUF_MAX) &&
	       in_order(p->wmem_min, p->wmem_default, p->wmem_max, BUF_MAX) && p->bytes_max > 0 &&
	       p->adv_win_scale >= -31 && p->adv_win_scale <= 31;
}

static bool times_ok(const struct tcp_params *p)
{
	return in_order(p->rto_min_ms, p->rto_max_ms, p->rto_max_ms, RTO_MAX) &&
	       within(p->rto_initial_ms, 1, p->rto_max_ms) &&
	       in_order(p->delack_min_ms, p->delack_max_ms, p->delack_max_ms, UINT8_MAX) &&
	       within(p->keepalive_s, 1, KEEP_MAX) && within(p->keepalive_intvl_s, 1, KEEP_MAX) &&
	       p->keepalive_probes > 0 && within(p->fin_timeout_s, 1, HOUR_S) &&
	       within(p->time_wait_s, 1, HOUR_S);
}

static bool counts_ok(const struct tcp_params *p)
{
	return p->syn_retries <= 127 && p->syncookies <= TCP_SYNCOOKIES_ALWAYS &&
	       p->syn_backlog_max > 0 && p->somaxconn > 0 && p->retries1 > 0 && p->retries2 > 0;
}

static bool output_ok(const struct tcp_params *p)
{
	return within(p->initial_cwnd, 1, 1000) && within(p->reordering, 1, 300) &&
	       p->mtu_probing <= 2 && within(p->min_snd_mss, TCP_OPTS_LEN_MAX + 8, 1024) &&
	       within(p->base_mss, p->min_snd_mss, 65535) && p->limit_output_segs > 0;
}

int tcp_params_check(const struct tcp_params *p)
{
	if (!buffers_ok(p) || !times_ok(p) || !counts_ok(p) || !output_ok(p))
		return -EINVAL;
	if (!memchr(p->cc, '\0', sizeof(p->cc)))
		return -EINVAL;
	return tcp_cc_lookup(p->cc) ? 0 : -ENOENT;
}
