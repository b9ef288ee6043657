/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * icmp_priv.h - what the files of ICMP share
 */
#ifndef NETSTACK_NET_ICMP_PRIV_H
#define NETSTACK_NET_ICMP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netstack/net/ip.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

struct net;

/* Bytes of an error message that are looked at: its header, the quoted IP header with options
 * or extension headers, and what is quoted of transport.
 */
#define ICMP_LOOK_LEN 256

/* An errno for a type and code, and whether it ends a connection attempt; as Linux's
 * icmp_err_convert and icmpv6_err_convert().
 */
struct icmp_errno {
	int error;
	bool hard;
};

/* A packet that came in goes out again: it is ours now. */
static inline void icmp_reset(struct pbuf *pb)
{
	pb->ifindex = 0;
	pb->hash = 0;
	pb->frag_max = 0;
	pb->dest = PBUF_TO_US;
}

/**
 * icmp_answer() - Send a message back to the source of a packet
 * @pb:		The message, ICMP header at data; always consumed
 * @to:		Source of that packet
 * @us:		Its destination: our source address, if it is ours
 * @ifindex:	Where it came in
 * @proto:	IP_PROTO_ICMP, whose checksum is complete; or IP_PROTO_ICMP6, whose checksum
 *		field counts: it is updated from the sum for the addresses @us and @to to that
 *		for those in use
 */
void icmp_answer(struct net *net, struct pbuf *pb, struct ip6_addr to, struct ip6_addr us,
		 uint32_t ifindex, uint8_t proto, uint8_t tos);

/**
 * icmp_error_up() - Give an error to transport
 * @e:		All but ports and sequence number are filled in
 * @l4:		What is quoted of the transport header
 *
 * Return: RX_TAKEN without the packet being freed, or a drop reason
 */
int icmp_error_up(struct net *net, struct ip_error *e, const uint8_t *l4, size_t len);

#endif /* NETSTACK_NET_ICMP_PRIV_H */
