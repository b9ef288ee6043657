/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Round-trip time and retransmission timeout (RFC 6298), in microseconds.
 *
 * Every ACK gives a sample, not one per round trip, so the variation would be forgotten within a
 * few packets of a round trip.  As Linux does it: the mean deviation follows the samples, RTTVAR
 * its largest value of a round trip, upwards at once, downwards once per round trip.
 *
 * The bound below, params.rto_min_ms, is for the variation instead of for the whole: a peer
 * that delays its ACKs does so on top of the round-trip time.
 */
#include "netstack/tcp/snd_priv.h"

/* For how long a minimum counts. */
#define MIN_RTT_S  300

#define RTT_MAX_US 60000000

void tcp_rtt_init(struct tcp_conn *c)
{
	c->cs.srtt_us = 0;
	c->cs.min_rtt_us = 0;
	c->rttvar_us = 0;
	c->rto_us = c->tcp->params.rto_initial_ms * 1000;
	c->backoff = 0;
}

/* a += (b - a) / n, rounded */
static uint32_t towards(uint32_t a, uint32_t b, int32_t n)
{
	const int32_t d = (int32_t)(b - a);

	return a + (uint32_t)((d + (d < 0 ? -n / 2 : n / 2)) / n);
}

static void min_rtt(struct tcp_conn *c, uint32_t rtt_us)
{
	const uint16_t now = (uint16_t)tcp_now_s(c->tcp);

	if (c->cs.min_rtt_us && rtt_us > c->cs.min_rtt_us &&
	    (uint16_t)(now - c->min_rtt_at_s) < MIN_RTT_S)
		return;
	c->cs.min_rtt_us = rtt_us;
	c->min_rtt_at_s = now;
}

/* RFC 6298, 2.3; alpha is 1/8, beta 1/4.  A sample far below SRTT is good news: counted in full it
 * would make the timeout longer.
 */
static uint32_t deviation(uint32_t mdev, uint32_t srtt, uint32_t rtt)
{
	const uint32_t dev = rtt > srtt ? rtt - srtt : srtt - rtt;

	return towards(mdev, dev, rtt < srtt && dev > mdev ? 32 : 4);
}

static void variation(struct tcp_conn *c, uint32_t rtt_us)
{
	struct tcp_flight *fl = c->fl;

	if (!fl) {
		c->rttvar_us = deviation(c->rttvar_us, c->cs.srtt_us, rtt_us);
		return;
	}
	fl->mdev_us = deviation(fl->mdev_us, c->cs.srtt_us, rtt_us);
	fl->mdev_max_us = tcp_max(fl->mdev_max_us, fl->mdev_us);
	c->rttvar_us = tcp_max(c->rttvar_us, fl->mdev_us);
	if (!seq_gt(c->snd_una, fl->rtt_seq))
		return;
	c->rttvar_us = towards(c->rttvar_us, fl->mdev_max_us, 4);
	fl->mdev_max_us = 0;
	fl->rtt_seq = c->snd_nxt;
}

void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us)
{
	const uint32_t var_min = c->tcp->params.rto_min_ms * 1000;

	rtt_us = tcp_max(tcp_min(rtt_us, RTT_MAX_US), 1);
	min_rtt(c, rtt_us);
	if (!c->cs.srtt_us) {
		c->cs.srtt_us = rtt_us;
		c->rttvar_us = rtt_us / 2;
		if (c->fl)
			c->fl->mdev_us = c->rttvar_us;
	} else {
		variation(c, rtt_us);
		c->cs.srtt_us = tcp_max(towards(c->cs.srtt_us, rtt_us, 8), 1);
	}
	c->rto_us = c->cs.srtt_us + tcp_max(var_min, 4 * c->rttvar_us);
}

uint64_t tcp_rto_ns(const struct tcp_conn *c)
{
	const uint64_t max = c->tcp->params.rto_max_ms * NS_PER_MS;
	const uint64_t rto = c->rto_us * NS_PER_US;

	if (c->backoff >= 32 || rto > max >> c->backoff)
		return max;
	return rto << c->backoff;
}
