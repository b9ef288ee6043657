/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tcp.h - TCP as the rest of the stack sees it (RFC 9293)
 */
#ifndef NETSTACK_TCP_TCP_H
#define NETSTACK_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/net/ip.h"
#include "netstack/tcp/params.h"
#include "netstack/transport/sock.h"

struct tcp;

int tcp_new(struct tcp **ret, struct core *core, struct net *net, const struct tcp_params *params);

/* Connections vanish without a word. */
void tcp_free(struct tcp *tcp);

struct tcp_params *tcp_params(struct tcp *tcp);

/* A socket in state CLOSED. */
int tcp_socket(struct tcp *tcp, bool is_ip6, struct sock **ret);

/* A segment: TCP header at data, ip_rx() filled; consumes the packet. */
void tcp_in(struct tcp *tcp, struct pbuf *pb);

/* An ICMP error about a segment of ours (RFC 5927).
 * Return: it belongs to something we have in flight
 */
bool tcp_error(struct tcp *tcp, const struct ip_error *e);

/* A segment with these addresses, the first one ours, belongs to a connection (handshakes and
 * TIME-WAIT count) or to a listener.
 */
bool tcp_owns(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
	      uint16_t rport, uint32_t ifindex);

/* The end of a burst: acknowledgements that waited for it are sent (one per connection and
 * burst), and what connections may send.  With @input those that are owed for data in order wait
 * for the next call: who receives the data may answer, and the answer acknowledges it.
 */
void tcp_run(struct tcp *tcp, bool input);

/* tcp_run() has something to do. */
bool tcp_pending(const struct tcp *tcp);

/* X(field): counters with the names of /proc/net/snmp and netstat where those exist. */
#define TCP_STATS(X)                                                                               \
	X(active_opens)                                                                            \
	X(passive_opens)                                                                           \
	X(attempt_fails)                                                                           \
	X(estab_resets)                                                                            \
	X(in_segs)                                                                                 \
	X(out_segs)                                                                                \
	X(retrans_segs)                                                                            \
	X(out_rsts)                                                                                \
	X(syncookies_sent)                                                                         \
	X(syncookies_recv)                                                                         \
	X(syncookies_failed)                                                                       \
	X(listen_overflows)                                                                        \
	X(listen_drops)                                                                            \
	X(delayed_acks)                                                                            \
	X(delayed_acks_lost)                                                                       \
	X(ofo_queue)                                                                               \
	X(ofo_pruned)                                                                              \
	X(ofo_merge)                                                                               \
	X(rcv_coalesce)                                                                            \
	X(paws_active)                                                                             \
	X(paws_estab)                                                                              \
	X(challenge_acks)                                                                          \
	X(time_wait)                                                                               \
	X(time_wait_recycled)                                                                      \
	X(time_wait_overflow)                                                                      \
	X(fast_retrans)                                                                            \
	X(slow_start_retrans)                                                                      \
	X(timeouts)                                                                                \
	X(spurious_rtos)                                                                           \
	X(sack_recovery)                                                                           \
	X(reno_recovery)                                                                           \
	X(sack_reneging)                                                                           \
	X(sack_reorder)                                                                            \
	X(dsack_sent)                                                                              \
	X(dsack_recv)                                                                              \
	X(dsack_ignored)                                                                           \
	X(zero_window_probes)                                                                      \
	X(to_zero_window)                                                                          \
	X(from_zero_window)                                                                        \
	X(keepalives)                                                                              \
	X(abort_on_data)                                                                           \
	X(abort_on_close)                                                                          \
	X(abort_on_memory)                                                                         \
	X(abort_on_timeout)                                                                        \
	X(abort_on_linger)                                                                         \
	X(mtu_failed)                                                                              \
	X(mtu_updates)

/* struct tcp_stats - Counters since the instance was made */
struct tcp_stats {
#define X(field) uint64_t field;
	TCP_STATS(X)
#undef X
};

const struct tcp_stats *tcp_stats(const struct tcp *tcp);

/* See netstack_tcp_reset(). */
unsigned int tcp_reset_from(struct tcp *tcp, struct ip6_addr laddr);

/* How many objects there are, for struct netstack_memory. */
struct tcp_counts {
	uint64_t conns;
	uint64_t syn_rcvd;
	uint64_t time_wait;
	uint64_t queue_bytes;
	uint64_t table_bytes;
};

void tcp_counts(const struct tcp *tcp, struct tcp_counts *ret);

/* What is not in use is given back. */
void tcp_trim(struct tcp *tcp);

#endif /* NETSTACK_TCP_TCP_H */
