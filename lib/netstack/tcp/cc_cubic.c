/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cc_cubic.c - CUBIC (RFC 9438), in integers
 *
 * The window in congestion avoidance is a function of the time since that began:
 *
 *	W_cubic(t) = C * (t - K)^3 + W_max		C = 0.4 segments per s^3
 *
 * Here windows are bytes and times are milliseconds, so C becomes 0.4 * mss / 10^9.
 *
 * Time in which the application and not the window limits what is sent does not count: the
 * beginning is moved by it (RFC 9438, 5.8).
 */

#include "netstack/tcp/cc.h"

/* beta_cubic = 7/10 */
#define BETA_NUM 7
#define BETA_DEN 10

/* alpha_cubic = 3 * (1 - beta) / (1 + beta) = 9/17 (section 4.3) */
#define ALPHA_NUM 9
#define ALPHA_DEN 17

/* |t - K| is cut to this, the function has left all possible windows by then. */
#define SPAN_MAX_MS (1 << 19)

/**
 * struct cubic - State; names as in RFC 9438, 4.1.2
 * @w_max:	Window before the last loss, or less (4.7)
 * @k_ms:	K
 * @epoch_ms:	When this stage of congestion avoidance began, if @in_epoch
 * @w_est:	Window that Reno would have
 * @cwnd_prior:	Window at the last loss
 * @cwnd_acc:	Growth that is not a byte yet, times cwnd
 * @est_acc:	The same of @w_est, times cwnd * ALPHA_DEN
 * @last_ms:	When the last ACK came
 * @undo_cwnd:	These are what a loss changed (4.9.2)
 */
struct cubic {
	uint32_t w_max;
	uint32_t k_ms;
	uint32_t epoch_ms;
	uint32_t w_est;
	uint32_t cwnd_prior;
	uint32_t cwnd_acc;
	uint64_t est_acc;
	uint32_t last_ms;
	uint32_t undo_cwnd;
	uint32_t undo_w_max;
	uint32_t undo_k_ms;
	uint32_t undo_epoch_ms;
	uint32_t undo_w_est;
	bool undo_in_epoch;
	bool in_epoch;
};

_Static_assert(sizeof(struct cubic) <= TCP_CC_PRIV_LEN, "fits");

static struct cubic *cubic_of(struct tcp_cc_state *cc)
{
	return (struct cubic *)(void *)cc->priv;
}

/* The largest r with r^3 <= v, a bit at a time. */
static uint32_t cube_root(uint64_t v)
{
	uint64_t r = 0;

	for (int shift = 63; shift >= 0; shift -= 3) {
		uint64_t b;

		r <<= 1;
		b = 3 * r * (r + 1) + 1;
		if (v >> shift >= b) {
			v -= b << shift;
			r++;
		}
	}
	return (uint32_t)r;
}

/* RFC 9438, equation 2: K = cbrt((W_max - cwnd_epoch) / C) */
static uint32_t cubic_k(uint32_t diff, uint32_t mss)
{
	return cube_root((uint64_t)diff * UINT64_C(2500000000) / mss);
}

/* Equation 1, never less than 0. */
static uint64_t cubic_window(const struct cubic *cu, uint32_t mss, uint32_t t_ms)
{
	int64_t d = (int64_t)t_ms - cu->k_ms;
	const bool before = d < 0;
	uint64_t delta;

	if (before)
		d = -d;
	if (d > SPAN_MAX_MS)
		d = SPAN_MAX_MS;
	delta = (uint64_t)(d * d * d) / 10000 * 4 * mss / 1000000;
	if (!before)
		return cu->w_max + delta;
	return cu->w_max > delta ? cu->w_max - delta : 0;
}

static void cubic_init(struct tcp_cc_state *cc)
{
	*cubic_of(cc) = (struct cubic){ .last_ms = cc->now_ms };
}

/* Section 4.6, with fast convergence (4.7). */
static uint32_t cubic_ssthresh(struct tcp_cc_state *cc, uint32_t in_flight)
{
	struct cubic *cu = cubic_of(cc);
	const uint64_t to = (uint64_t)in_flight * BETA_NUM / BETA_DEN;

	cu->undo_cwnd = cc->cwnd;
	cu->undo_w_max = cu->w_max;
	cu->undo_k_ms = cu->k_ms;
	cu->undo_epoch_ms = cu->epoch_ms;
	cu->undo_w_est = cu->w_est;
	cu->undo_in_epoch = cu->in_epoch;

	cu->cwnd_prior = cc->cwnd;
	cu->w_max = cc->cwnd;
	if (cc->cwnd < cu->undo_w_max)
		cu->w_max = (uint32_t)((uint64_t)cc->cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN));
	cu->in_epoch = false;
	return to > 2U * cc->mss ? (uint32_t)to : 2U * cc->mss;
}

static void epoch_begin(struct tcp_cc_state *cc, struct cubic *cu)
{
	cu->in_epoch = true;
	cu->epoch_ms = cc->now_ms;
	cu->w_est = cc->cwnd;
	cu->cwnd_acc = 0;
	cu->est_acc = 0;
	if (cc->cwnd < cu->w_max) {
		cu->k_ms = cubic_k(cu->w_max - cc->cwnd, cc->mss);
	} else {
		cu->k_ms = 0;
		cu->w_max = cc->cwnd;
	}
}

/* Equation 4: what Reno would do with a decrease to 0.7; as much as Reno itself once its window
 * is what it was at the loss.
 */
static void reno_estimate(const struct tcp_cc_state *cc, struct cubic *cu, uint32_t acked)
{
	const uint64_t unit = (uint64_t)cc->cwnd * ALPHA_DEN;
	const uint32_t alpha = cu->w_est < cu->cwnd_prior ? ALPHA_NUM : ALPHA_DEN;

	cu->est_acc += (uint64_t)acked * cc->mss * alpha;
	if (cu->w_est < TCP_CWND_MAX)
		cu->w_est += (uint32_t)(cu->est_acc / unit);
	cu->est_acc %= unit;
}

/* Sections 4.4 and 4.5: towards the window of one RTT later, at most half as much again. */
static void cubic_grow(struct tcp_cc_state *cc, struct cubic *cu, uint32_t acked, uint64_t target)
{
	const uint64_t most = (uint64_t)cc->cwnd + cc->cwnd / 2;
	uint64_t sum = cu->cwnd_acc;

	if (target > most)
		target = most;
	if (target <= cc->cwnd)
		return;
	sum += (target - cc->cwnd) * acked;
	cu->cwnd_acc = (uint32_t)(sum % cc->cwnd);
	tcp_cc_grow(cc, sum / cc->cwnd);
}

static void cubic_cong_avoid(struct tcp_cc_state *cc, uint32_t acked,
			     const struct tcp_rate_sample *rs)
{
	struct cubic *cu = cubic_of(cc);
	const uint32_t since = cc->now_ms - cu->last_ms;
	uint32_t t;

	(void)rs; /* it knows time and bytes only */
	cu->last_ms = cc->now_ms;
	if (!cc->cwnd_limited) {
		cu->epoch_ms += since;
		return;
	}
	if (cc->cwnd < cc->ssthresh) {
		acked = tcp_cc_slow_start(cc, acked);
		if (!acked)
			return;
	}
	if (!cu->in_epoch)
		epoch_begin(cc, cu);

	t = cc->now_ms - cu->epoch_ms;
	reno_estimate(cc, cu, acked);
	if (cubic_window(cu, cc->mss, t) < cu->w_est) {
		if (cc->cwnd < cu->w_est)
			tcp_cc_grow(cc, cu->w_est - cc->cwnd);
	} else {
		cubic_grow(cc, cu, acked, cubic_window(cu, cc->mss, t + cc->srtt_us / 1000));
	}
}

static uint32_t cubic_undo(struct tcp_cc_state *cc)
{
	struct cubic *cu = cubic_of(cc);

	cu->w_max = cu->undo_w_max;
	cu->k_ms = cu->undo_k_ms;
	cu->epoch_ms = cu->undo_epoch_ms;
	cu->w_est = cu->undo_w_est;
	cu->in_epoch = cu->undo_in_epoch;
	return cc->cwnd > cu->undo_cwnd ? cc->cwnd : cu->undo_cwnd;
}

static void cubic_event(struct tcp_cc_state *cc, enum tcp_cc_event ev)
{
	struct cubic *cu = cubic_of(cc);

	switch (ev) {
	case TCP_CC_TX_START:
		cu->epoch_ms += cc->now_ms - cu->last_ms;
		cu->last_ms = cc->now_ms;
		break;
	case TCP_CC_LOSS: /* section 4.8: K is 0 in the stage that follows */
		cu->w_max = 0;
		break;
	case TCP_CC_CWND_RESTART:
		cu->in_epoch = false;
		break;
	case TCP_CC_ECE:
	default:
		break;
	}
}

const struct tcp_cc tcp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.cong_avoid = cubic_cong_avoid,
	.undo = cubic_undo,
	.event = cubic_event,
};
