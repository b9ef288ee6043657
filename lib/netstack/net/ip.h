/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ip.h - the network layer as transport sees it
 *
 * Both families in one: an IPv4 address is a mapped IPv6 address (wire/addr.h), and only
 * the files that read and write headers know the difference.
 */
#ifndef NETSTACK_NET_IP_H
#define NETSTACK_NET_IP_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "netstack/link/iface.h"
#include "netstack/link/neigh.h"
#include "netstack/net/addr.h"
#include "netstack/net/hook.h"
#include "netstack/net/params.h"
#include "netstack/net/route.h"
#include "nic/pbuf.h"
#include "wire/addr.h"
#include "wire/ip.h"

struct core;
struct net; /* the network layer of an instance: net_priv.h */

/* Its sysctls and interfaces, live: for transport and sockets (port range, SO_BINDTODEVICE). */
struct ip_params *net_params(struct net *net);
struct iface_table *net_ifaces(struct net *net);

/**
 * struct ip_rx - What transport has to know of a packet that came in; in its cb
 * @src, @dst:	Addresses
 * @l4_len:	Bytes of the transport header and what follows: the packet's length
 * @proto:	enum ip_proto
 * @tos:	TOS or traffic class, with ECN
 * @ttl:	TTL or hop limit
 * @is_ip4:	Which
 * @router_alert: IPv6: there was that option, for MLD
 */
struct ip_rx {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint16_t l4_len;
	uint8_t proto;
	uint8_t tos;
	uint8_t ttl;
	bool is_ip4;
	bool router_alert;
};

_Static_assert(sizeof(struct ip_rx) <= PBUF_CB_LEN, "cb");

static inline struct ip_rx *ip_rx(struct pbuf *pb)
{
	return (struct ip_rx *)(void *)pb->cb;
}

/**
 * struct ip_flow - Packets to be sent
 * @src:	Unspecified (:: or ::ffff:0.0.0.0): ip_path_find() chooses
 * @dst:	Where to; tells the family
 * @oif:	Only out of this interface, 0 for any
 * @mark:	Of the socket
 * @flow_label:	IPv6
 * @proto:	enum ip_proto
 * @tos:	TOS or traffic class
 * @ttl:	0 for the default; of multicast 1 is
 * @dont_frag:	DF; IPv6: -EMSGSIZE instead of fragments
 * @pmtu_probe:	DF, and the known path MTU does not count (IP_PMTUDISC_PROBE)
 * @no_loop:	Multicast: no copy for our own members
 * @transparent: @src need not be ours and is not chosen: an unspecified one stays so
 * @broadcast:	Sending to a broadcast address is allowed (SO_BROADCAST)
 * @header_included: Raw sockets: @data is a whole IP header, which is sent as it is but for
 *		length, checksum and what is 0 in it (source, identification)
 * @router_alert: With that option (RFC 2113, RFC 2711): IGMP and MLD
 * @dont_route:	IPv4: not by way of a router (SO_DONTROUTE)
 */
struct ip_flow {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint32_t oif;
	uint32_t mark;
	uint32_t flow_label;
	uint8_t proto;
	uint8_t tos;
	uint8_t ttl;
	bool dont_frag : 1;
	bool pmtu_probe : 1;
	bool no_loop : 1;
	bool transparent : 1;
	bool broadcast : 1;
	bool header_included : 1;
	bool router_alert : 1;
	bool dont_route : 1;
};

/**
 * struct ip_path - The way of a flow, remembered by who sends more than once
 * @gen:	It holds while it is the network layer's; 0 never is
 * @neigh:	Number of the next hop's entry, SLAB_NONE for none (loopback, tun, multicast)
 * @mtu:	Of the path, link and route
 * @ifindex:	Interface
 * @mtu_locked:	IPv4: the path is narrower than we believe anybody (pmtu.h); DF is not set
 */
struct ip_path {
	uint32_t gen;
	uint32_t neigh;
	uint32_t mtu;
	uint16_t ifindex;
	bool mtu_locked;
};

/**
 * ip_path_find() - Route a flow
 * @f:		An unspecified @src is filled in, unless @transparent; an unspecified @dst is
 *		this host, as on Linux, and becomes @src or the loopback address
 * @path:	Used as it is while it holds, else found anew
 *
 * Return: 0, -ENETUNREACH (no route, no address), -EHOSTUNREACH, -EACCES, -EINVAL (route says
 *         so), -EACCES (broadcast without permission), -EADDRNOTAVAIL (@src is not ours),
 *         -ENODEV (no such @oif), -ENETDOWN (it is down), -ENOBUFS (neighbour table)
 */
int ip_path_find(struct net *net, struct ip_flow *f, struct ip_path *path);

/* As Linux tells a user whose address is gone: there is no way from it. */
static inline int ip_path_errno(int r)
{
	return r == -EADDRNOTAVAIL ? -ENETUNREACH : r;
}

/**
 * ip_out() - Send a packet of transport
 * @pb:		Transport header at data; always consumed.  @csum PARTIAL with @l4 and
 *		@csum_offset set, or complete
 * @f:		With a source address
 * @path:	As ip_path_find() left it; found anew when it no longer holds
 *
 * OUTPUT and POSTROUTING hooks, fragments or GSO, neighbour.
 *
 * Return: 0, or an error of ip_path_find(), -EMSGSIZE (@dont_frag), -ENOBUFS (no memory),
 *         -EPERM (a hook)
 */
int ip_out(struct net *net, struct pbuf *pb, const struct ip_flow *f, struct ip_path *path);

/* Transport made progress with the peer: its neighbour entry is confirmed. */
void ip_path_confirm(struct net *net, const struct ip_path *path);

/* The way out: how many bytes, transport header included, may a GSO packet have?  0: none.  What
 * the device does not cut, the stack cuts at the end of the turn.
 */
uint32_t ip_path_gso_max(const struct net *net, const struct ip_path *path, bool is_ip4);

/* The path to @dst is narrower: by an ICMP error that transport found to be about a packet of
 * its own (struct ip_error), or by TCP, which learns it by itself (PLPMTUD).
 */
void ip_pmtu_update(struct net *net, struct ip6_addr dst, uint32_t mtu);

/* --- what is ours --- */

enum ip_addr_type {
	IP_ADDR_NONE, /* not ours */
	IP_ADDR_LOCAL,
	IP_ADDR_BROADCAST,
	IP_ADDR_MULTICAST,
};

/* Whatever interface has it (RFC 1122, 3.3.4.2: the weak model, as on Linux); only link-local
 * addresses of IPv6 are those of @ifindex, where that is not 0.  Tentative ones are not ours.
 */
enum ip_addr_type ip_addr_type(const struct net *net, struct ip6_addr addr, uint32_t ifindex);

/* Which interface has it, as its own; lo has those of 127.0.0.0/8 that nobody gave it.  0: none */
uint32_t ip_addr_iface(const struct net *net, struct ip6_addr addr);

/* bind(): may a socket have this address?  0, -EADDRNOTAVAIL */
int ip_addr_check_bind(const struct net *net, struct ip6_addr addr, uint32_t ifindex);

/* --- multicast membership, counted per socket by the caller --- */

/**
 * ip_group_join() - Listen to a multicast group
 * @ifindex:	Where; 0: on the interface that a route to the group names
 * @ret_ifindex: That interface, for ip_group_leave().  May be NULL
 *
 * On the link all sources are asked for: a socket that wants some of them looks at the
 * others' packets and drops them.
 *
 * Return: 0, -EINVAL (no group), -ENODEV, -ENOMEM
 */
int ip_group_join(struct net *net, uint32_t ifindex, struct ip6_addr group, uint32_t *ret_ifindex);

/* One of the joins is undone.  0, -EADDRNOTAVAIL */
int ip_group_leave(struct net *net, uint32_t ifindex, struct ip6_addr group);

/* --- errors that came in by ICMP --- */

/**
 * struct ip_error - What an ICMP error says about a packet of ours
 * @src, @dst:	Of our packet
 * @src_port, @dst_port: TCP, UDP; identifier of an echo in @src_port
 * @seq:	TCP: sequence number of that segment
 * @from:	Who sent the error
 * @error:	errno for the socket, positive
 * @mtu:	With EMSGSIZE: what would have fitted, within the bounds of net/pmtu.h.  Anybody
 *		can send such an error, so nothing has changed yet: transport that knows the
 *		packet (a socket of these ports; TCP: @seq in flight, RFC 5927 4 and 7) calls
 *		ip_pmtu_update(net, dst, mtu), before it sends again
 * @proto:	enum ip_proto
 * @hard:	Ends a connection attempt (RFC 1122, 4.2.3.9; RFC 5461)
 * @type, @code: As they came, of ICMP or ICMPv6, for IP_RECVERR
 * @ttl, @tos, @ifindex, @time_ns: Of the packet with the error: how far it had to go, its class,
 *		where and when it came in
 * @left_ttl:	Of our packet, when it came to who complains
 * @data:	What is quoted behind our header of UDP, or of IP for others: for
 *		IP_RECVERR.  NULL for nothing
 * @data_len:	Its length
 */
struct ip_error {
	struct ip6_addr src;
	struct ip6_addr dst;
	struct ip6_addr from;
	uint32_t seq;
	uint32_t mtu;
	uint16_t src_port;
	uint16_t dst_port;
	int error;
	uint8_t proto;
	uint8_t type;
	uint8_t code;
	bool hard;
	bool is_ip4;
	uint8_t ttl;
	uint8_t tos;
	uint8_t left_ttl;
	uint32_t ifindex;
	uint64_t time_ns;
	const uint8_t *data;
	uint32_t data_len;
};

/* Answer a packet with an ICMP error: what transport has no socket for.  Does not free it.
 * @pb:		Its l3 mark is the IP header
 */
enum ip_reject {
	IP_REJECT_PORT,
	IP_REJECT_PROTO,
	IP_REJECT_PROHIBITED
};
void ip_reject(struct net *net, struct pbuf *pb, enum ip_reject what);

/**
 * struct ip_stats - Counters of the network layer
 */
struct ip_stats {
	uint64_t in_receives;
	uint64_t in_delivers;
	uint64_t forwarded;
	uint64_t out_requests;
	uint64_t frag_created;
	uint64_t frag_oks;
	uint64_t reass_requests;
	uint64_t reass_oks;
	uint64_t icmp_in;
	uint64_t icmp_out;
	uint64_t icmp_errors_in;
	uint64_t icmp_errors_out;
	uint64_t pmtu_updates;
	uint64_t dad_duplicates;
};

#endif /* NETSTACK_NET_IP_H */
