/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * counters.h - names of counters in the answer "counters": a netstackd writes them, others read them
 *
 * Each list is an object of that name (in lower case) in the answer, and has the fields of struct
 * nic_stats, host_split_stats, iface_stats, ip_stats, attach_stats, service_stats and
 * netstack_memory.  The list of "tcp" is TCP_STATS of netstack/tcp/tcp.h.
 */
#ifndef CTL_COUNTERS_H
#define CTL_COUNTERS_H

/* clang-format off */
#define COUNTERS_NIC(Y) \
	Y(rx_packets) Y(rx_bytes) Y(rx_bad) Y(rx_no_memory) Y(rx_missed) Y(tx_packets) \
	Y(tx_bytes) Y(tx_busy) Y(tx_errors) Y(rx_calls) Y(tx_calls)
#define COUNTERS_KERNEL(Y) Y(to_kernel) Y(from_kernel) Y(to_both) Y(dropped)
#define COUNTERS_LINK(Y) \
	Y(rx_packets) Y(rx_bytes) Y(rx_dropped) Y(tx_packets) Y(tx_bytes) Y(tx_dropped)
#define COUNTERS_IP(Y) \
	Y(in_receives) Y(in_delivers) Y(forwarded) Y(out_requests) Y(frag_created) Y(frag_oks) \
	Y(reass_requests) Y(reass_oks) Y(icmp_in) Y(icmp_out) Y(icmp_errors_in) \
	Y(icmp_errors_out) Y(pmtu_updates) Y(dad_duplicates)
#define COUNTERS_ATTACH(Y) \
	Y(listeners) Y(sockets) Y(local) Y(held) Y(calls) Y(passed) Y(vanished) Y(replaced) \
	Y(refused) Y(swept) Y(tx_bytes) Y(rx_bytes)
#define COUNTERS_SERVICE(Y) Y(turns) Y(sleeps) Y(spins) Y(spin_hits) Y(bursts) Y(packets)
#define COUNTERS_MEMORY(Y) \
	Y(packets) Y(packet_bytes) Y(packet_taken) Y(sockets) Y(conns) Y(syn_rcvd) Y(time_wait) \
	Y(reassembly_bytes) Y(neighs) Y(tables)
/* clang-format on */

#endif /* CTL_COUNTERS_H */
