/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netstack/tcp/cc.h"

/**
 * struct reno - State
 * @acked:	Bytes since cwnd grew by a segment (RFC 3465, 2.1)
 * @prior_cwnd:	Before the last loss
 */
struct reno {
	uint32_t acked;
	uint32_t prior_cwnd;
};

_Static_assert(sizeof(struct reno) <= TCP_CC_PRIV_LEN, "fits");

static struct reno *reno_of(struct tcp_cc_state *cc)
{
	return (struct reno *)(void *)cc->priv;
}

static void reno_init(struct tcp_cc_state *cc)
{
	*reno_of(cc) = (struct reno){ .acked = 0 };
}

/* RFC 5681, equation 4. */
static uint32_t reno_ssthresh(struct tcp_cc_state *cc, uint32_t in_flight)
{
	struct reno *r = reno_of(cc);

	r->prior_cwnd = cc->cwnd;
	r->acked = 0;
	return in_flight / 2 > 2U * cc->mss ? in_flight / 2 : 2U * cc->mss;
}

static void reno_cong_avoid(struct tcp_cc_state *cc, uint32_t acked,
			    const struct tcp_rate_sample *rs)
{
	struct reno *r = reno_of(cc);
	uint64_t sum;

	(void)rs; /* it counts bytes only */
	if (!cc->cwnd_limited)
		return;
	if (cc->cwnd < cc->ssthresh) {
		acked = tcp_cc_slow_start(cc, acked);
		if (!acked)
			return;
	}
	sum = (uint64_t)r->acked + acked;
	r->acked = (uint32_t)(sum % cc->cwnd);
	tcp_cc_grow(cc, sum / cc->cwnd * cc->mss);
}

static uint32_t reno_undo(struct tcp_cc_state *cc)
{
	const struct reno *r = reno_of(cc);

	return cc->cwnd > r->prior_cwnd ? cc->cwnd : r->prior_cwnd;
}

const struct tcp_cc tcp_cc_reno = {
	.name = "reno",
	.init = reno_init,
	.ssthresh = reno_ssthresh,
	.cong_avoid = reno_cong_avoid,
	.undo = reno_undo,
};
