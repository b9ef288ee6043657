/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * reass.h - reassembly of IPv4 and IPv6 fragments
 *
 * Fragments wait in the order of their offsets, as they came; when the last hole is filled
 * their payloads become the pieces of one packet, without being copied as long as there
 * are at most PBUF_FRAGS_MAX of them.
 *
 * What is refused, and why (RFC 1858, RFC 3128, RFC 5722, RFC 8200 4.5, RFC 8900):
 *
 * - An overlap.  IPv4: the datagram is dropped, as Linux does since 4.20; what brings nothing
 *   new is dropped alone.  IPv6: the datagram is dropped, and what else comes of it until its
 *   time is over; only an exact duplicate is ignored.
 * - An IPv6 first fragment without all headers up to the transport's (RFC 7112).
 * - A datagram of more than REASS_PIECES_MAX pieces or IP_LEN_MAX bytes.
 * - More memory than params reass_bytes_max, shared blocks counted whole: the datagrams that
 *   began first go first.
 */
#ifndef NETSTACK_NET_REASS_H
#define NETSTACK_NET_REASS_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/core.h"
#include "netstack/core/flowtab.h"
#include "netstack/core/slab.h"
#include "netstack/core/timer.h"
#include "netstack/net/ip.h"
#include "netstack/net/params.h"
#include "nic/pbuf.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

/* Enough for the largest datagram on the least link a host must reassemble for. */
#define REASS_PIECES_MAX 128

/* Datagrams at once, whatever memory they take. */
#define REASS_DATAGRAMS_MAX 4096

/**
 * struct reass_table - Datagrams that are not complete
 * @core:	Of the instance
 * @params:	reass_bytes_max, reass_ms (IPv6: twice that)
 * @stats:	reass_requests, reass_oks
 * @datagrams:	struct reass_datagram (reass.c)
 * @by_key:	They by addresses, identification, protocol
 * @oldest:	Number of the one that began first, SLAB_NONE for none
 * @newest:	and last
 * @bytes:	Charged now, as pbuf_truesize() has it
 * @expired:	The time of a datagram is over whose first fragment is there: that has its l3
 *		mark at the IP header, and stays the caller's.  For ICMP's "time exceeded"
 * @arg:	Of @expired
 */
struct reass_table {
	struct core *core;
	const struct ip_params *params;
	struct ip_stats *stats;
	struct slab datagrams;
	struct flowtab by_key;
	uint32_t oldest;
	uint32_t newest;
	uint64_t bytes;
	void (*expired)(void *arg, struct pbuf *first);
	void *arg;
};

/* Takes no memory yet. */
void reass_init(struct reass_table *r, struct core *core, const struct ip_params *params,
		struct ip_stats *stats, void (*expired)(void *arg, struct pbuf *first), void *arg);

/* Fragments that wait are dropped. */
void reass_done(struct reass_table *r);

/**
 * reass4_in() - An IPv4 fragment
 * @pb:		With its IPv4 header at data, linear, its length cut to what the header
 *		says, its l3 mark set.  Becomes reassembly's
 * @ip:		That header, ipv4_is_fragment()
 *
 * Return: the whole packet with its header at data, length, checksum and ECN (RFC 3168, 5.3)
 *         put right, DF set if all its fragments had it, @frag_max set and ip_rx() as it
 *         was in the first fragment, but for ECN; or NULL, the fragment waits or is dropped
 */
struct pbuf *reass4_in(struct reass_table *r, struct pbuf *pb, const struct ipv4_repr *ip);

/**
 * reass6_in() - An IPv6 fragment
 * @pb:		With its IPv6 header at data, @hdrs_len bytes linear, cut, marked.  Becomes
 *		reassembly's
 * @ip:		That header
 * @ext:	Its extension headers, with @is_fragment
 * @hdrs_len:	What ipv6_ext_parse() returned: where the payload begins
 * @ret_problem: Always written.  @report is not IPV6_REPORT_NONE when the fragment is illegal
 *		in a way that its source is to be told about (RFC 8200, 4.5); the packet is then
 *		still the caller's, who answers and drops it (DROP_FRAG_BAD)
 *
 * Return: the whole packet with its IPv6 header at data and without a fragment header, to be
 *         parsed anew; or NULL, as above.  Lone fragments (RFC 6946) never come here: for
 *         ipv6_ext_parse() they are none
 */
struct pbuf *reass6_in(struct reass_table *r, struct pbuf *pb, const struct ipv6_repr *ip,
		       const struct ipv6_ext *ext, uint32_t hdrs_len,
		       struct ipv6_problem *ret_problem);

/* Handler of TIMER_REASS. */
void reass_timer(struct reass_table *r, struct timer *t);

/* All that came in over an interface, which goes away. */
void reass_flush(struct reass_table *r, uint32_t ifindex);

#endif /* NETSTACK_NET_REASS_H */
