/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp_priv.h - UDP inside: udp.c has the functions of sockets, udp_in.c takes packets
 */
#ifndef NETSTACK_TRANSPORT_UDP_PRIV_H
#define NETSTACK_TRANSPORT_UDP_PRIV_H

#include "netstack/core/slab.h"
#include "netstack/transport/dgram.h"
#include "netstack/transport/udp.h"

/* Segments of one UDP_SEGMENT call: Linux's UDP_MAX_SEGMENTS. */
#define UDP_SEGMENTS_MAX 128

/**
 * struct udp_sock - A UDP socket
 * @d:		First
 * @udp:	Module
 * @cork:	Data of a datagram that is not complete (MSG_MORE, UDP_CORK), NULL for none
 * @cork_len:	Bytes of it
 * @cork_out:	Where it goes
 * @cork_port:	and to which port
 * @cork_gso:	In segments of that size
 * @gso_size:	UDP_SEGMENT
 * @corked:	UDP_CORK
 * @gro:	UDP_GRO: takes packets of many datagrams
 * @no_check6_tx, @no_check6_rx: UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX (RFC 6935)
 */
struct udp_sock {
	struct dgram d;
	struct udp *udp;
	struct pbuf_block *cork;
	uint32_t cork_len;
	struct dgram_out cork_out;
	uint16_t cork_port;
	uint16_t cork_gso;
	uint16_t gso_size;
	bool corked;
	bool gro;
	bool no_check6_tx;
	bool no_check6_rx;
};

/**
 * struct udp - The module
 * @l:		First
 * @ports:	Who is bound where
 * @socks:	Objects
 * @n_gro:	Those with UDP_GRO
 */
struct udp {
	struct dgram_layer l;
	struct port_table ports;
	struct slab socks;
	uint32_t n_gro;
};

static inline struct udp_sock *udp_sock_of(struct sock *sk)
{
	return (struct udp_sock *)(void *)sk;
}

#endif /* NETSTACK_TRANSPORT_UDP_PRIV_H */
