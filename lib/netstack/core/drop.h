/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * drop.h - why a packet went no further
 *
 * Every pbuf that the stack frees without having used it is counted under one of these.
 * Add to the end of a group; the name is what netstackctl shows.
 */
#ifndef NETSTACK_CORE_DROP_H
#define NETSTACK_CORE_DROP_H

/* X(symbol, "name", "sentence") */
#define DROP_REASONS(X)                                                                            \
	/* link */                                                                                 \
	X(LINK_DOWN, "link-down", "the interface is down")                                         \
	X(ETH_SHORT, "eth-short", "the frame ends in its Ethernet header")                         \
	X(ETH_BAD, "eth-bad", "the Ethernet header is malformed")                                  \
	X(ETH_TYPE, "eth-type", "no protocol for this EtherType")                                  \
	X(ETH_SRC, "eth-src", "the source address is no station's")                                \
	X(ETH_VLAN, "eth-vlan", "the frame has a VLAN tag that nobody here has")                   \
	X(OTHER_HOST, "other-host", "the frame is for another station")                            \
	X(ARP_BAD, "arp-bad", "the ARP packet is malformed or impossible")                         \
	X(ARP_NOT_OURS, "arp-not-ours", "the ARP request is for another host")                     \
	X(NEIGH_FAILED, "neigh-failed", "the next hop does not answer ARP or ND")                  \
	X(NEIGH_QUEUE, "neigh-queue", "too many packets wait for this next hop")                   \
	X(NEIGH_TABLE, "neigh-table", "the neighbour table is full")                               \
	X(TX_REFUSED, "tx-refused", "the device did not take it")                                  \
	X(TX_TOO_BIG, "tx-too-big", "longer than the device's MTU and not to be cut")              \
	/* hooks */                                                                                \
	X(HOOK_EARLY, "hook-early", "the early receive hook said so")                              \
	X(HOOK_INGRESS, "hook-ingress", "the ingress hook said so")                                \
	X(HOOK_PREROUTING, "hook-prerouting", "the prerouting hook said so")                       \
	X(HOOK_INPUT, "hook-input", "the input hook said so")                                      \
	X(HOOK_FORWARD, "hook-forward", "the forward hook said so")                                \
	X(HOOK_OUTPUT, "hook-output", "the output hook said so")                                   \
	X(HOOK_POSTROUTING, "hook-postrouting", "the postrouting hook said so")                    \
	/* IP */                                                                                   \
	X(IP_SHORT, "ip-short", "the packet is shorter than its header says")                      \
	X(IP_BAD, "ip-bad", "the IP header is malformed")                                          \
	X(IP_CSUM, "ip-csum", "the IPv4 header checksum is wrong")                                 \
	X(IP_SRC, "ip-src", "the source address cannot send packets")                              \
	X(IP_DST, "ip-dst", "the destination address is not for this link")                        \
	X(IP_NOT_OURS, "ip-not-ours", "for another host, and forwarding is off")                   \
	X(IP_OPTIONS, "ip-options", "options or extension headers we refuse")                      \
	X(IP_TTL, "ip-ttl", "TTL or hop limit exceeded")                                           \
	X(IP_TOO_BIG, "ip-too-big", "too big for the next link and not to be fragmented")          \
	X(IP_PROTO, "ip-proto", "no protocol of this number")                                      \
	X(IP_LOOP, "ip-loop", "goes round inside the instance")                                    \
	X(NO_ROUTE, "no-route", "no route to the destination")                                     \
	X(ROUTE_BLACKHOLE, "route-blackhole", "the route says blackhole")                          \
	X(ROUTE_UNREACHABLE, "route-unreachable", "the route says unreachable")                    \
	X(ROUTE_PROHIBIT, "route-prohibit", "the route says prohibit")                             \
	X(NO_ADDRESS, "no-address", "no source address for this destination")                      \
	X(MARTIAN, "martian", "addresses of this host or of loopback from a link")                 \
	X(FRAG_BAD, "frag-bad", "the fragment is malformed or overlaps")                           \
	X(FRAG_DUP, "frag-dup", "a fragment that came twice")                                      \
	X(FRAG_TIMEOUT, "frag-timeout", "the other fragments did not come in time")                \
	X(FRAG_LIMIT, "frag-limit", "too much memory or too many pieces in reassembly")            \
	/* ICMP, IGMP, MLD, ND */                                                                  \
	X(ICMP_SHORT, "icmp-short", "the message is cut short")                                    \
	X(ICMP_BAD, "icmp-bad", "the message is malformed")                                        \
	X(ICMP_CSUM, "icmp-csum", "the checksum of the message is wrong")                          \
	X(ICMP_TYPE, "icmp-type", "a type that hosts ignore")                                      \
	X(ICMP_RATE, "icmp-rate", "more messages than the rate limit allows")                      \
	X(ICMP_ECHO_IGNORED, "icmp-echo-ignored", "an echo request to many")                       \
	X(ICMP_UNMATCHED, "icmp-unmatched", "an error about nothing we sent")                      \
	X(ND_BAD, "nd-bad", "the neighbour discovery message breaks RFC 4861")                     \
	X(ND_NOT_OURS, "nd-not-ours", "the solicitation is for another host")                      \
	X(IGMP_BAD, "igmp-bad", "the IGMP message is malformed")                                   \
	X(MLD_BAD, "mld-bad", "the MLD message is malformed")                                      \
	X(NOT_MEMBER, "not-member", "a multicast group nobody here has joined")                    \
	/* transport */                                                                            \
	X(UDP_SHORT, "udp-short", "the datagram is cut short or its length is wrong")              \
	X(UDP_CSUM, "udp-csum", "the UDP checksum is wrong or missing")                            \
	X(NO_SOCKET, "no-socket", "no socket for this port")                                       \
	X(RCVBUF_FULL, "rcvbuf-full", "the receive buffer of the socket is full")                  \
	X(SOCKET_CLOSED, "socket-closed", "the socket was closed before it was read")              \
	X(SOCKET_FILTER, "socket-filter", "the socket's own filter said so")                       \
	X(TCP_SHORT, "tcp-short", "the segment is cut short")                                      \
	X(TCP_BAD, "tcp-bad", "the TCP header or its flags are impossible")                        \
	X(TCP_CSUM, "tcp-csum", "the TCP checksum is wrong")                                       \
	X(TCP_NO_CONN, "tcp-no-conn", "no connection and no listener: answered with RST")          \
	X(TCP_RST_UNKNOWN, "tcp-rst-unknown", "a RST for no connection")                           \
	X(TCP_PAWS, "tcp-paws", "an old timestamp (RFC 7323)")                                     \
	X(TCP_OUT_OF_WINDOW, "tcp-out-of-window", "outside of the receive window")                 \
	X(TCP_OLD_DATA, "tcp-old-data", "nothing but data we have")                                \
	X(TCP_ACK_TOO_NEW, "tcp-ack-too-new", "acknowledges what was never sent")                  \
	X(TCP_ACK_TOO_OLD, "tcp-ack-too-old", "an acknowledgement too old to be true (RFC 5961)")  \
	X(TCP_RST_CHALLENGED, "tcp-rst-challenged", "a RST not exactly at RCV.NXT (RFC 5961)")     \
	X(TCP_SYN_CHALLENGED, "tcp-syn-challenged", "a SYN on a connection (RFC 5961)")            \
	X(TCP_NO_FLAGS, "tcp-no-flags", "neither ACK nor RST nor SYN")                             \
	X(TCP_RESET, "tcp-reset", "the connection was reset by this segment")                      \
	X(TCP_CLOSED_DATA, "tcp-closed-data", "data for a socket that reads no more")              \
	X(TCP_ZERO_WINDOW, "tcp-zero-window", "data when the window is closed")                    \
	X(TCP_OFO_LIMIT, "tcp-ofo-limit", "no memory for data out of order")                       \
	X(TCP_SYN_QUEUE, "tcp-syn-queue", "the SYN queue is full and cookies are off")             \
	X(TCP_ACCEPT_QUEUE, "tcp-accept-queue", "the accept queue is full")                        \
	X(TCP_COOKIE_BAD, "tcp-cookie-bad", "an ACK with no valid SYN cookie")                     \
	X(TCP_TIME_WAIT, "tcp-time-wait", "for a connection in TIME-WAIT")                         \
	X(TCP_MINTTL, "tcp-minttl", "comes from further away than IP_MINTTL allows (RFC 5082)")    \
	X(TCP_LISTEN, "tcp-listen", "nothing a listener answers")                                  \
	/* everywhere */                                                                           \
	X(NO_MEMORY, "no-memory", "no memory, or the limit of the instance")                       \
	X(SHUTDOWN, "shutdown", "the instance or interface went away")

enum drop_reason {
#define X(symbol, name, sentence) DROP_##symbol,
	DROP_REASONS(X)
#undef X
	DROP_N,
};

/* "link-down" */
const char *drop_name(enum drop_reason r);

/* "the interface is down" */
const char *drop_sentence(enum drop_reason r);

#endif /* NETSTACK_CORE_DROP_H */
