/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * snd_priv.h - the output half of TCP: what its files have of each other
 */
#ifndef NETSTACK_TCP_SND_PRIV_H
#define NETSTACK_TCP_SND_PRIV_H

#include "netstack/tcp/recovery.h"
#include "netstack/tcp/tcp_priv.h"

/* Value of tcp_flight.undo_retrans: nothing was resent since cwnd was reduced. */
#define TCP_UNDO_NONE UINT32_MAX

/**
 * struct tcp_ack - What an ACK brought; filled step by step (ack.c)
 * @seg:	The segment
 * @prior_una:	snd_una before it
 * @prior_high_sacked: high_sacked before it
 * @acked:	Numbers that snd_una went up by
 * @delivered:	Bytes acknowledged or SACKed for the first time
 * @is_dup:	A duplicate ACK (RFC 5681, 2), or one with new SACK blocks
 * @is_dsack:	It reports a duplicate
 * @resent_acked: It acknowledges something that was resent
 * @orig_delivered: Something of before the last loss was delivered that was never resent
 * @sacked_any:	Its SACK blocks are news
 * @has_low:	Delivered late: something below what had been SACKed before, never resent;
 * @low:	the lowest of it
 * @rtt_us:	Round trip of the oldest acknowledged piece that was never resent, -1 for none
 * @sack_rtt_us: The same of the first SACKed one
 * @has_rate:	Something was delivered that tells the rate:
 * @prior_us:	time to which rs.prior_delivered belongs
 * @rs:		Rate sample
 */
struct tcp_ack {
	const struct tcp_segment *seg;
	struct seq prior_una;
	struct seq prior_high_sacked;
	uint32_t acked;
	uint32_t delivered;
	bool is_dup;
	bool is_dsack;
	bool resent_acked;
	bool orig_delivered;
	bool sacked_any;
	bool has_low;
	bool has_rate;
	struct seq low;
	int64_t rtt_us;
	int64_t sack_rtt_us;
	uint64_t prior_us;
	struct tcp_rate_sample rs;
};

/* Without options. */
static inline uint32_t tcp_ip_hdr_len(const struct tcp_conn *c)
{
	return ip6_addr_is_mapped(c->sk.raddr) ? 20 : 40;
}

/* Bytes that wait in the write queue, never sent. */
static inline uint32_t tcp_unsent(const struct tcp_conn *c)
{
	return c->fl ? c->fl->unsent : 0;
}

/* A FIN waits to be sent. */
static inline bool tcp_fin_waits(const struct tcp_conn *c)
{
	return (c->flags & (TCPF_FIN_QUEUED | TCPF_FIN_SENT)) == TCPF_FIN_QUEUED;
}

/* FlightSize of RFC 5681. */
static inline uint32_t tcp_flight_size(const struct tcp_conn *c)
{
	return (uint32_t)seq_diff(c->snd_nxt, c->snd_una);
}

/* --- txseg.c: what is in flight, and its counters in struct tcp_flight --- */

static inline struct seq tcp_txseg_end(const struct tcp_txseg *s)
{
	return seq_add(s->seq, s->len);
}

/* Bytes of the write queue that belong to it. */
static inline uint32_t tcp_txseg_data_len(const struct tcp_txseg *s)
{
	return s->len - !!(s->flags & TXSEG_SYN) - !!(s->flags & TXSEG_FIN);
}

/* A piece at snd_nxt, not in the list yet.  NULL without memory. */
struct tcp_txseg *tcp_txseg_new(struct tcp_conn *c);

/* Not in the list: goes without a trace. */
void tcp_txseg_free(struct tcp_conn *c, struct tcp_txseg *s);

/* Append it; snd_nxt moves behind it. */
void tcp_txseg_append(struct tcp_conn *c, struct tcp_txseg *s);

/* The one that @seq lies in; NULL for outside of the flight. */
struct tcp_txseg *tcp_txseg_find(const struct tcp_conn *c, struct seq seq);

/* Cut off what is behind the first @len numbers, as a piece of its own.  False without memory. */
bool tcp_txseg_split(struct tcp_conn *c, struct tcp_txseg *s, uint32_t len);

/* The first @len numbers are acknowledged, not all of them. */
void tcp_txseg_trim(struct tcp_conn *c, struct tcp_txseg *s, uint32_t len);

/* The first piece is acknowledged. */
void tcp_txseg_shift(struct tcp_conn *c);

/* It was SACKed; it may become one with its neighbours then.  Return: the piece it is in */
struct tcp_txseg *tcp_txseg_mark_sacked(struct tcp_conn *c, struct tcp_txseg *s);

/* It is thought to be lost: out.c resends it.  Not of a SACKed one. */
void tcp_txseg_mark_lost(struct tcp_conn *c, struct tcp_txseg *s);

/* It was sent again, in packets of @mss. */
void tcp_txseg_mark_resent(struct tcp_conn *c, struct tcp_txseg *s, uint32_t mss);

/* No piece is thought to be lost any more. */
void tcp_txsegs_unmark_lost(struct tcp_conn *c);

/* All that is not SACKED is lost, resent or not. */
void tcp_txsegs_mark_all_lost(struct tcp_conn *c);

/* The peer has thrown away what it had SACKed. */
void tcp_txsegs_forget_sacks(struct tcp_conn *c);

/* The next one to be resent, NULL for none. */
struct tcp_txseg *tcp_txseg_to_resend(struct tcp_conn *c);

/* --- sack.c --- */

/* Enter the SACK blocks of an ACK into the scoreboard. */
void tcp_sack_in(struct tcp_conn *c, struct tcp_ack *a);

/* --- recovery.c --- */

/* An ACK was entered into the scoreboard: states, cwnd. */
void tcp_recovery_ack(struct tcp_conn *c, struct tcp_ack *a);

/* The retransmission timer: all is lost. */
void tcp_recovery_timeout(struct tcp_conn *c);

/* Segments were too large for the path: those are resent, which is no congestion. */
void tcp_recovery_mtu(struct tcp_conn *c);

/* Resend what is marked as lost, with the window as it is. */
void tcp_recovery_simple(struct tcp_conn *c);

/* Nothing is in flight any more. */
void tcp_recovery_idle(struct tcp_conn *c);

/* Without SACK: what duplicate ACKs tell to have been delivered. */
void tcp_newreno_estimate(struct tcp_conn *c);

/* When nothing is known to be lost and there is nothing new to send: what is most likely lost
 * (RFC 6675, NextSeg() 3 and 4).  NULL for nothing.
 */
struct tcp_txseg *tcp_recovery_guess(struct tcp_conn *c);

/* --- rate.c --- */

/* A segment is about to be sent, or sent again. */
void tcp_rate_sent(struct tcp_conn *c, struct tcp_txseg *s);

/* It was acknowledged or SACKed. */
void tcp_rate_delivered(struct tcp_conn *c, const struct tcp_txseg *s, struct tcp_ack *a);

/* The ACK is done: the sample. */
void tcp_rate_gen(struct tcp_conn *c, struct tcp_ack *a);

/* The user is about to write: was the network waiting for him? */
void tcp_rate_check_app_limited(struct tcp_conn *c);

/* --- rtt.c --- */

/* No sample yet: the initial RTO. */
void tcp_rtt_init(struct tcp_conn *c);
void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us);

/* RTO as it is now, backed off, within the bounds. */
uint64_t tcp_rto_ns(const struct tcp_conn *c);

/* --- snd.c --- */

/* txq has changed: account for its memory. */
void tcp_snd_charge(struct tcp_conn *c);

/* Send autotuning: the buffer follows cwnd, up to params.wmem_max. */
void tcp_sndbuf_grow(struct tcp_conn *c);

/* --- chrono.c --- */

void tcp_chrono_set(struct tcp_conn *c, enum tcp_chrono to);

/* --- emit.c --- */

/**
 * struct tcp_emit - A segment with data to be sent
 * @seq:	First number
 * @flags:	TCP_FIN, TCP_PSH besides TCP_ACK
 * @len:	Payload; less is sent when it is in too many pieces: then FIN and PSH are not
 * @mss:	Payload of each packet
 * @data:	Where it is; not moved
 */
struct tcp_emit {
	struct seq seq;
	uint16_t flags;
	uint32_t len;
	uint32_t mss;
	struct dataq_cursor data;
};

/* Return: bytes of payload sent, or an error of ip_out() */
int tcp_emit_data(struct tcp_conn *c, const struct tcp_emit *e);

/* A SYN, or SYN+ACK. */
int tcp_emit_syn(struct tcp_conn *c);

/* A segment without data at @seq; with TCP_URG it points to urgent data if there is some. */
int tcp_emit_bare(struct tcp_conn *c, struct seq seq, uint16_t flags);

/* Length of the options of the next segment with data. */
uint32_t tcp_emit_opts_len(struct tcp_conn *c);

/* Find the path anew if it does not hold. */
int tcp_path(struct tcp_conn *c);

/* --- out.c --- */

/* The persist timer: whatever keeps data back, send some of it, or make the peer say its window
 * (RFC 9293, 3.8.6.1 and the override of 3.8.6.2.1).
 */
void tcp_send_forced(struct tcp_conn *c);

/* --- timers.c --- */

/* Data waits and nothing is in flight: look again after the RTO. */
void tcp_persist_start(struct tcp_conn *c);

/* --- pmtu.c --- */

/* What is known of the path: nothing, or with params.mtu_probing of 2 the least. */
void tcp_mtu_init(struct tcp_conn *c);

/* Payload of a segment with timestamps and no other options. */
uint32_t tcp_base_mss(const struct tcp_conn *c);

/* The retransmission timer came several times: a black hole for large packets? */
void tcp_mtu_black_hole(struct tcp_conn *c);

/* What was found out some time ago is tried again, in the way that costs least. */
void tcp_mtu_refresh(struct tcp_conn *c);

/* Payload of a packet that is larger than what is known to come through, to be tried now; 0 for
 * none.  *@ret_wait: as soon as the window has room for it, so nothing else should be sent.
 */
uint32_t tcp_mtu_probe_len(struct tcp_conn *c, bool *ret_wait);

/* It was sent: @s. */
void tcp_mtu_probe_sent(struct tcp_conn *c, const struct tcp_txseg *s);

/* The scoreboard has changed: what became of it?  That it was lost is no sign of congestion.
 * Return: it was lost, and nothing else
 */
bool tcp_mtu_probe_check(struct tcp_conn *c);

/* --- info.c --- */

/* TCP_INFO, cut off at @size.  Return: bytes */
uint32_t tcp_info_get(const struct tcp_conn *c, void *ret, uint32_t size);

#endif /* NETSTACK_TCP_SND_PRIV_H */
