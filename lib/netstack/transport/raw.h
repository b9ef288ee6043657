/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * raw.h - raw IP sockets and ICMP echo ("ping") sockets
 */
#ifndef NETSTACK_TRANSPORT_RAW_H
#define NETSTACK_TRANSPORT_RAW_H

#include "netstack/net/ip.h"
#include "netstack/transport/sock.h"

struct raw;

int raw_new(struct raw **ret, struct core *core, struct net *net);

/* All sockets are closed. */
void raw_free(struct raw *raw);

/* SOCK_RAW of a protocol; SOCK_DGRAM of IPPROTO_ICMP or IPPROTO_ICMPV6 is a ping socket. */
int raw_socket(struct raw *raw, bool is_ip6, int protocol, struct sock **ret);
int ping_socket(struct raw *raw, bool is_ip6, struct sock **ret);

/* Copies for the raw sockets of this protocol; the packet stays the caller's.  Called for each
 * packet that is for us, IP header at its l3 mark, before its protocol sees it.
 * Return: whether somebody took it: then there is no "protocol unreachable"
 */
bool raw_in(struct raw *raw, struct pbuf *pb);

/* An echo reply, ICMP header at data: for the ping socket of that identifier; consumes the
 * packet.
 */
void ping_in(struct raw *raw, struct pbuf *pb);

/* An ICMP error about a packet of a raw or a ping socket. */
void raw_error(struct raw *raw, const struct ip_error *e);

/* The end of a turn: what was sent has left. */
void raw_run(struct raw *raw);

/* For struct netstack_memory. */
uint32_t raw_count(const struct raw *raw);
uint64_t raw_bytes(const struct raw *raw);

#endif /* NETSTACK_TRANSPORT_RAW_H */
