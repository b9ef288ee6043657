/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp.h - UDP (RFC 768, RFC 1122 4.1, RFC 8085)
 */
#ifndef NETSTACK_TRANSPORT_UDP_H
#define NETSTACK_TRANSPORT_UDP_H

#include "netstack/net/ip.h"
#include "netstack/transport/ports.h"
#include "netstack/transport/sock.h"

struct udp;

int udp_new(struct udp **ret, struct core *core, struct net *net);

/* All sockets are closed. */
void udp_free(struct udp *udp);

int udp_socket(struct udp *udp, bool is_ip6, struct sock **ret);

/* Transport header at data, ip_rx() filled; consumes the packet. */
void udp_in(struct udp *udp, struct pbuf *pb);

/* A packet of many datagrams (PBUF_GSO_UDP), its l4 mark at their header: is it for a socket that
 * takes them at once (UDP_GRO)?
 */
bool udp_wants_whole(const struct udp *udp, const struct pbuf *pb);

/* An ICMP error about a datagram of ours. */
void udp_error(struct udp *udp, const struct ip_error *e);

/* The end of a turn: what was sent has left. */
void udp_run(struct udp *udp);

/* For struct netstack_memory. */
uint32_t udp_count(const struct udp *udp);
uint64_t udp_bytes(const struct udp *udp);

/* What is not in use is given back. */
void udp_trim(struct udp *udp);

#endif /* NETSTACK_TRANSPORT_UDP_H */
