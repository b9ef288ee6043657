/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * params.h - what can be set in TCP, with Linux's names and defaults (net.ipv4.tcp_*)
 */
#ifndef NETSTACK_TCP_PARAMS_H
#define NETSTACK_TCP_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_CC_NAME_LEN 16

enum tcp_syncookies {
	TCP_SYNCOOKIES_OFF,
	TCP_SYNCOOKIES_ON_OVERFLOW,
	TCP_SYNCOOKIES_ALWAYS,
};

/**
 * struct tcp_params - sysctls of TCP
 * @rmem_min, @rmem_default, @rmem_max: tcp_rmem (4096, 131072, 6 MiB)
 * @wmem_min, @wmem_default, @wmem_max: tcp_wmem (4096, 16384, 4 MiB)
 * @bytes_max:		tcp_mem, in bytes: all queues of the instance; beyond three quarters of it
 *			windows do not grow, beyond it data out of order is thrown away
 * @moderate_rcvbuf:	tcp_moderate_rcvbuf: receive autotuning (on)
 * @adv_win_scale:	Share of a receive buffer that is window, as tcp_adv_win_scale (1: half)
 * @window_scaling, @timestamps, @sack, @dsack: RFC 7323, 2018, 2883 (all on)
 * @syn_retries:	tcp_syn_retries (6)
 * @synack_retries:	tcp_synack_retries (5)
 * @retries1, @retries2: tcp_retries1 (3), tcp_retries2 (15): as times, RFC 1122's R1 and R2
 * @orphan_retries:	tcp_orphan_retries (0: 8)
 * @orphans_max:	tcp_max_orphans
 * @keepalive_s, @keepalive_probes, @keepalive_intvl_s: (7200, 9, 75)
 * @fin_timeout_s:	tcp_fin_timeout: FIN-WAIT-2 of closed sockets (60)
 * @time_wait_s:	2 MSL (60)
 * @time_wait_max:	tcp_max_tw_buckets
 * @tw_reuse:		tcp_tw_reuse: for connect(), when timestamps make it safe (on)
 * @syncookies:		tcp_syncookies (on overflow)
 * @syn_backlog_max:	tcp_max_syn_backlog (1024), per listener
 * @somaxconn:		net.core.somaxconn (4096)
 * @abort_on_overflow:	tcp_abort_on_overflow (off)
 * @challenge_ack_per_s: tcp_challenge_ack_limit, of the instance (1000, jittered: RFC 5961, 10)
 * @invalid_ratelimit_ms: tcp_invalid_ratelimit, per connection (500)
 * @rto_min_ms, @rto_max_ms: (200, 120000)
 * @rto_initial_ms:	RFC 6298, 2.1 (1000)
 * @delack_min_ms, @delack_max_ms: (40, 200)
 * @initial_cwnd:	In segments, RFC 6928 (10)
 * @slow_start_after_idle: tcp_slow_start_after_idle: RFC 2861 (on)
 * @reordering:		tcp_reordering (3)
 * @mtu_probing:	tcp_mtu_probing: 0 off, 1 after a black hole is found, 2 always (1; Linux
 *		has 0: a connection through a tunnel whose ICMP errors are lost stands still)
 * @base_mss:		tcp_base_mss (1024)
 * @min_snd_mss:	tcp_min_snd_mss (48)
 * @limit_output_segs:	Super-segments handed to the link per turn and connection
 * @gso:		Send segments larger than the MSS where the link takes them (on)
 * @rfc1337:		tcp_rfc1337: RST does not end TIME-WAIT (off)
 * @cc:			tcp_congestion_control ("cubic")
 */
struct tcp_params {
	uint32_t rmem_min, rmem_default, rmem_max;
	uint32_t wmem_min, wmem_default, wmem_max;
	uint64_t bytes_max;
	bool moderate_rcvbuf;
	int8_t adv_win_scale;
	bool window_scaling, timestamps, sack, dsack;
	uint8_t syn_retries, synack_retries, retries1, retries2, orphan_retries;
	uint32_t orphans_max;
	uint32_t keepalive_s;
	uint8_t keepalive_probes;
	uint32_t keepalive_intvl_s;
	uint32_t fin_timeout_s;
	uint32_t time_wait_s;
	uint32_t time_wait_max;
	bool tw_reuse;
	enum tcp_syncookies syncookies;
	uint32_t syn_backlog_max;
	uint32_t somaxconn;
	bool abort_on_overflow;
	uint32_t challenge_ack_per_s;
	uint32_t invalid_ratelimit_ms;
	uint32_t rto_min_ms, rto_max_ms, rto_initial_ms;
	uint32_t delack_min_ms, delack_max_ms;
	uint32_t initial_cwnd;
	bool slow_start_after_idle;
	uint32_t reordering;
	uint8_t mtu_probing;
	uint32_t base_mss;
	uint32_t min_snd_mss;
	uint32_t limit_output_segs;
	bool gso;
	bool rfc1337;
	char cc[TCP_CC_NAME_LEN];
};

void tcp_params_default(struct tcp_params *p);

/* -EINVAL for values that make no sense together, -ENOENT for an unknown @cc. */
int tcp_params_check(const struct tcp_params *p);

#endif /* NETSTACK_TCP_PARAMS_H */
