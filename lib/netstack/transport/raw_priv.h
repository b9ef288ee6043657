/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * raw_priv.h - raw sockets (raw.c) and ping sockets (ping.c) inside
 */
#ifndef NETSTACK_TRANSPORT_RAW_PRIV_H
#define NETSTACK_TRANSPORT_RAW_PRIV_H

#include "netstack/core/slab.h"
#include "netstack/transport/dgram.h"
#include "netstack/transport/raw.h"

/**
 * struct raw_sock - A raw socket, or a ping socket
 * @d:		First
 * @raw:	Module
 * @next, @pprev: Of its protocol; raw sockets only
 * @filter:	ICMP_FILTER in the first word, ICMP6_FILTER: a bit set is a type not wanted
 * @csum_at:	IPV6_CHECKSUM: offset of a checksum that we make and verify, -1 for none
 * @protocol:	IPPROTO_*
 */
struct raw_sock {
	struct dgram d;
	struct raw *raw;
	struct raw_sock *next;
	struct raw_sock **pprev;
	uint32_t filter[8];
	int32_t csum_at;
	uint8_t protocol;
};

/**
 * struct raw - The module
 * @l:		First
 * @by_proto:	Raw sockets
 * @idents:	Ping sockets, by identifier
 * @socks:	Objects
 */
struct raw {
	struct dgram_layer l;
	struct raw_sock *by_proto[256];
	struct port_table idents;
	struct slab socks;
};

static inline struct raw_sock *raw_sock_of(struct sock *sk)
{
	return (struct raw_sock *)(void *)sk;
}

/* A socket of this type.  -ENOMEM */
int raw_sock_new(struct raw *raw, bool is_ip6, const struct sock_type *type, uint8_t protocol,
		 struct raw_sock **ret);

/* An ICMP error about an echo request. */
void ping_error(struct raw *raw, const struct ip_error *e);

#endif /* NETSTACK_TRANSPORT_RAW_PRIV_H */
