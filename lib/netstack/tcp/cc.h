/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cc.h - congestion control behind a table of functions
 *
 * An algorithm sees a connection through struct tcp_cc_state and rate samples, and sets cwnd and
 * ssthresh (bytes).  Who detects losses (recovery.h) tells it; it does not decide what is
 * sent again.
 */
#ifndef NETSTACK_TCP_CC_H
#define NETSTACK_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_CC_PRIV_LEN       64 /* an algorithm that needs more keeps a pointer in it */
#define TCP_SSTHRESH_INFINITE UINT32_MAX

/**
 * struct tcp_rate_sample - What one ACK taught about the path
 *
 * draft-cheng-iccrg-delivery-rate-estimation.
 *
 * @prior_delivered:	Delivered when the segment that was acknowledged last had been sent
 * @delivered:		Bytes delivered since then, -1 for no sample
 * @interval_us:	In this time
 * @rtt_us:		Of this ACK, -1 for none
 * @newly_acked:	Bytes this ACK acknowledged or SACKed for the first time
 * @newly_lost:		Bytes it made us think are lost
 * @prior_in_flight:	Bytes in flight before it
 * @is_app_limited:	The sender had nothing to send in between
 * @is_ack_delayed:	It seems to be a delayed ACK of one segment
 */
struct tcp_rate_sample {
	uint64_t prior_delivered;
	int64_t delivered;
	int64_t interval_us;
	int64_t rtt_us;
	uint32_t newly_acked;
	uint32_t newly_lost;
	uint32_t prior_in_flight;
	bool is_app_limited;
	bool is_ack_delayed;
};

/**
 * struct tcp_cc_state - What an algorithm works on; part of the connection
 * @cwnd:	Congestion window, bytes
 * @ssthresh:	Slow start threshold, bytes
 * @mss:	Of the sender (effective, without options)
 * @cwnd_limited: The last flight used the whole window: it may grow
 * @now_ms:	Time of the ACK or event; wraps
 * @srtt_us, @min_rtt_us: 0 for none yet
 * @pacing_rate: Bytes per second, 0: not paced
 * @priv:	Of the algorithm
 */
struct tcp_cc_state {
	uint32_t cwnd;
	uint32_t ssthresh;
	uint16_t mss;
	bool cwnd_limited;
	uint32_t now_ms;
	uint32_t srtt_us;
	uint32_t min_rtt_us;
	uint64_t pacing_rate;
	_Alignas(8) uint8_t priv[TCP_CC_PRIV_LEN];
};

enum tcp_cc_event {
	TCP_CC_TX_START,     /* first transmission after idle */
	TCP_CC_CWND_RESTART, /* idle longer than the RTO: cwnd was cut (RFC 5681, 4.1) */
	TCP_CC_LOSS,         /* RTO: cwnd is one segment now */
	TCP_CC_ECE,          /* later: ECN */
};

/**
 * struct tcp_cc - An algorithm
 * @name:	As in TCP_CONGESTION
 * @init:	cwnd and ssthresh are set already
 * @ssthresh:	A loss: what the threshold shall be.  May remember things.  @in_flight is RFC
 *		5681's FlightSize: all that is not acknowledged
 * @cong_avoid:	An ACK outside of fast recovery: grow cwnd, slow start included.  @acked are the
 *		bytes that it acknowledged or SACKed for the first time
 * @recovered:	Recovery is over; cwnd is ssthresh.  May be NULL
 * @undo:	The loss was none: the cwnd to go back to.  Once at most after each @ssthresh
 * @event:	May be NULL
 * @cong_control: Instead of @cong_avoid for who does everything itself (BBR), NULL for others
 */
struct tcp_cc {
	const char *name;
	void (*init)(struct tcp_cc_state *cc);
	uint32_t (*ssthresh)(struct tcp_cc_state *cc, uint32_t in_flight);
	void (*cong_avoid)(struct tcp_cc_state *cc, uint32_t acked,
			   const struct tcp_rate_sample *rs);
	void (*recovered)(struct tcp_cc_state *cc);
	uint32_t (*undo)(struct tcp_cc_state *cc);
	void (*event)(struct tcp_cc_state *cc, enum tcp_cc_event ev);
	void (*cong_control)(struct tcp_cc_state *cc, const struct tcp_rate_sample *rs);
};

/* NULL for a name nobody has. */
const struct tcp_cc *tcp_cc_lookup(const char *name);

extern const struct tcp_cc tcp_cc_reno;  /* RFC 5681, RFC 6582 */
extern const struct tcp_cc tcp_cc_cubic; /* RFC 9438 */

/* Slow start with byte counting (RFC 3465).  What an ACK may add has no limit L, as on Linux: a
 * receiver acknowledges a super-segment of 64 KiB once.  Return: bytes of @acked that are left
 * for congestion avoidance
 */
uint32_t tcp_cc_slow_start(struct tcp_cc_state *cc, uint32_t acked);

/* No window beyond it can be offered (RFC 7323, 2.3). */
#define TCP_CWND_MAX (1U << 30)

/* Add to cwnd, to TCP_CWND_MAX at most. */
void tcp_cc_grow(struct tcp_cc_state *cc, uint64_t by);

#endif /* NETSTACK_TCP_CC_H */
