/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * icmp.h - ICMP and ICMPv6: echo, errors out and errors in
 */
#ifndef NETSTACK_NET_ICMP_H
#define NETSTACK_NET_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/link/iface.h"
#include "netstack/net/icmp_limit.h"
#include "netstack/net/ip.h"
#include "nic/pbuf.h"
#include "wire/ipv6_ext.h"

struct net;

/**
 * icmp4_in() - An ICMP message for us
 * @pb:		ICMP header at data, ip_rx() filled in, the l3 mark at the IP header
 *
 * Echo and timestamp requests are answered in place, errors go to transport.
 *
 * Return: RX_TAKEN; a drop reason; RX_PASS for an echo reply, which is for transport (ping
 *         sockets): verified, ICMP header at data and linear
 */
int icmp4_in(struct net *net, const struct iface *in, struct pbuf *pb);

/* The same for ICMPv6; neighbour discovery (net/ndp.h) and MLD (net/mld.h) as well. */
int icmp6_in(struct net *net, const struct iface *in, struct pbuf *pb);

/* What happened to a packet that its source may be told about. */
enum icmp_why {
	ICMP_WHY_NO_ROUTE,
	ICMP_WHY_HOST,       /* the neighbour does not answer; a route says unreachable */
	ICMP_WHY_SCOPE,      /* IPv6: the source address means nothing behind this router */
	ICMP_WHY_PROHIBITED, /* a route or a filter says so */
	ICMP_WHY_PROTO,      /* @info of IPv6: offset of the next header byte from the IP header */
	ICMP_WHY_PORT,
	ICMP_WHY_TOO_BIG,    /* @info: MTU of the next link */
	ICMP_WHY_TTL,        /* or hop limit */
	ICMP_WHY_REASSEMBLY, /* took too long */
	ICMP_WHY_OPTION,     /* IPv4: malformed; @info: offset of the culprit */
};

/**
 * icmp_error() - Tell the source of a packet
 * @about:	Its l3 mark is at the IP header, which was valid when it came in; data may be
 *		there or at any byte behind it.  Stays the caller's and as it is
 * @info:	As enum icmp_why says, else 0
 *
 * Nothing is sent where RFC 1122 3.2.2, RFC 1812 4.3.2.7 and RFC 4443 2.4 (e) say so, and
 * not more than net/icmp_limit.h allows; PMTU discovery and the loopback interface are
 * beyond that limit, as on Linux.
 */
void icmp_error(struct net *net, const struct pbuf *about, enum icmp_why why, uint32_t info);

/* An ICMPv6 parameter problem, as the parsers of extension headers and reassembly have it.
 * IPV6_REPORT_NONE is fine.
 */
void icmp6_problem(struct net *net, const struct pbuf *about, const struct ipv6_problem *p);

#endif /* NETSTACK_NET_ICMP_H */
