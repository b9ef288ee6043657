/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstack_priv.h - an instance from the inside: for stack*.c
 *
 *	stack.c		made, run, freed; accounting
 *	stack_conf.c	links, addresses, routes, neighbours, hooks
 *	stack_rx.c	the way of a packet up
 *	stack_owner.c	whether it is ours at all, on a link that is shared
 *
 * The way down needs nothing of an instance: net/ip_out.c.
 */
#ifndef NETSTACK_NETSTACK_PRIV_H
#define NETSTACK_NETSTACK_PRIV_H

#include <stdbool.h>

#include "netstack/core/core.h"
#include "netstack/net/net_priv.h"
#include "netstack/netstack.h"
#include "netstack/socket/socket_priv.h"
#include "netstack/tcp/tcp.h"
#include "netstack/transport/raw.h"
#include "netstack/transport/udp.h"

#define OWNER_FRAGS 32

/**
 * struct owner_frag - Whose the fragments of a packet are (stack_owner.c)
 * @key:	Hash of its addresses and identification
 * @until_ns:	No more are awaited then
 * @owner:	As of the first one
 */
struct owner_frag {
	uint64_t key;
	uint64_t until_ns;
	enum netstack_owner owner;
};

/**
 * struct netstack - An instance
 * @core:	Time, memory, timers, counters
 * @net:	Links and network layer
 * @udp, @raw, @tcp: Transport
 * @sockets:	Descriptors
 * @owner_frag:	Of TCP, on shared links, by @key
 * @running:	Within netstack_input() or netstack_advance(): they do not call each other
 */
struct netstack {
	struct core core;
	struct net net;
	struct udp *udp;
	struct raw *raw;
	struct tcp *tcp;
	struct socket_table sockets;
	struct owner_frag owner_frag[OWNER_FRAGS];
	bool running;
};

/* --- stack_rx.c --- */

/* Frames of a device, each to its end. */
void stack_rx(struct netstack *st, struct iface *ifc, struct pbuf *const *burst, unsigned int n);

/* Packets to ourselves, at most @n. */
void stack_rx_loop(struct netstack *st, unsigned int n);

/* An ICMP error, to the protocol it is about: net.error. */
void stack_rx_error(void *arg, const struct ip_error *e);

#endif /* NETSTACK_NETSTACK_PRIV_H */
