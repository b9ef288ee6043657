/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports.h - who has which local port, and who gets a packet that no connection claims
 *
 * One table per protocol.  A port that is in use has a record, found by indexing with its
 * number; the record has
 *
 *	binds	sockets that have it by bind() or by a search for a free one, connections
 *		from connect() among them,
 *	groups	of these the ones that take packets from port_lookup() (listeners, UDP), by
 *		address and interface: the members of a group of more than one are there by
 *		SO_REUSEPORT or, UDP, SO_REUSEADDR,
 *	shares	a count for all that keep the port busy without being in a list, by address
 *		and options: accepted connections and connections in TIME-WAIT.
 *
 * The conflict rules are Linux's (inet_csk_bind_conflict()): addresses conflict when they are
 * equal, or one is the wildcard of a family the other one has too (:: is that of both, unless
 * IPV6_V6ONLY); interfaces when they are equal or one is "any".  Both conflicting is allowed
 * with SO_REUSEADDR on both sockets unless one that is there listens, and with SO_REUSEPORT
 * on both.  Options are looked at when somebody binds, not when they were set.
 *
 * Ports that are chosen here are ephemeral ones, and those of this shard where the instance has
 * others beside it (struct core): port % n_shards == shard.
 */
#ifndef NETSTACK_TRANSPORT_PORTS_H
#define NETSTACK_TRANSPORT_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/flowtab.h"
#include "netstack/core/slab.h"
#include "netstack/transport/sock.h"

struct core;

/* What a bind is in a table. */
enum port_kind {
	PORT_NONE,
	PORT_BOUND,     /* bind() */
	PORT_CONNECTED, /* connect() chose the port; other connections may have it too */
	PORT_SHARED,    /* an accepted connection: counted only */
};

/**
 * struct port_bind - The port of a socket; embedded by protocols beside struct sock
 * @sk:		Whose
 * @next, @pprev: Of this port; not of PORT_SHARED
 * @in:		Number + 1 of its group or share, 0 for none
 * @kind:	enum port_kind
 * @listening:	TCP: takes connections
 * @receiving:	Takes packets from port_lookup(): all but those of TCP, and listeners
 */
struct port_bind {
	struct sock *sk;
	struct port_bind *next;
	struct port_bind **pprev;
	uint32_t in;
	uint8_t kind;
	bool listening;
	bool receiving;
};

#define PORT_PAGE_SHIFT 8
#define PORT_PAGES      (65536 >> PORT_PAGE_SHIFT)
#define PORT_PERTURB    256

struct port_page;

/* What differs between the tables. */
enum port_rules {
	PORT_TCP,  /* bind() and connect() search ports of different parity first, as on Linux */
	PORT_UDP,  /* all that are bound receive */
	PORT_PING, /* a number belongs to one socket, whatever its address */
};

/**
 * struct port_table - Ports of a protocol
 * @core:	Of its instance
 * @port_min, @port_max: Ephemeral ports, of struct ip_params, live
 * @rules:	Whose
 * @n:		Ports in use
 * @page:	Numbers of port records, by the upper byte of the port; made when needed and
 *		kept
 * @records, @groups, @shares: Objects
 * @connected:	Groups of connected datagram sockets, by 4-tuple
 * @perturb:	RFC 6056, 3.3.4: how far each class of destinations has come
 */
struct port_table {
	struct core *core;
	const uint16_t *port_min;
	const uint16_t *port_max;
	enum port_rules rules;
	uint32_t n;
	struct port_page *page[PORT_PAGES];
	struct slab records;
	struct slab groups;
	struct slab shares;
	struct flowtab connected;
	uint32_t perturb[PORT_PERTURB];
};

void port_table_init(struct port_table *t, struct core *core, const uint16_t *port_min,
		     const uint16_t *port_max, enum port_rules rules);

/* Nothing is bound any more (asserted). */
void port_table_done(struct port_table *t);

/* What is not in use is given back, but for the pages of the index. */
void port_table_trim(struct port_table *t);

/* Bytes of memory taken. */
uint64_t port_table_bytes(const struct port_table *t);

/**
 * port_bind() - Give a socket a local port
 * @b:		@b->sk has the address, interface and flags
 * @port:	Wanted, 0: an ephemeral one that nobody has in any form that conflicts
 *
 * Return: 0 with sk->lport set, -EADDRINUSE, -ENOMEM
 */
int port_bind(struct port_table *t, struct port_bind *b, uint16_t port);

/**
 * port_bind_connect() - An ephemeral port for a connection (RFC 6056, 3.3.4)
 * @b:		@b->sk has both addresses and the peer's port
 * @taken:	Asked for each candidate: is this 4-tuple in use?  Ports may be shared by
 *		connections to different peers
 *
 * Ports that somebody has by bind() are not considered.  One offset in the range of two is
 * preferred, so that bind() has the others to itself, unless many of those are taken: what a search
 * costs depends on how many are free, not on how many this peer has.
 *
 * Return: 0 with sk->lport set, -EADDRNOTAVAIL, -ENOMEM
 */
int port_bind_connect(struct port_table *t, struct port_bind *b,
		      bool (*taken)(void *arg, uint16_t port), void *arg);

/* An accepted connection shares its listener's port (sk->lport): it only counts in conflicts.
 * 0 or -ENOMEM.
 */
int port_inherit(struct port_table *t, struct port_bind *b);

/* Nothing happens when it is not bound.  sk->lport stays. */
void port_release(struct port_table *t, struct port_bind *b);

/**
 * port_hold() - Keep a port in use without a socket, as TIME-WAIT does
 * @b:		Of the socket; it stays bound and may be released now
 * @ret:	What port_unhold() takes
 *
 * Return: 0 or -ENOMEM
 */
int port_hold(struct port_table *t, const struct port_bind *b, uint32_t *ret);
void port_unhold(struct port_table *t, uint16_t port, uint32_t hold);

/* listen(): may it?  0 with @b listening and receiving, -EADDRINUSE when another one has the
 * port in a way that conflicts, -ENOMEM.
 */
int port_listen(struct port_table *t, struct port_bind *b);

/* A listener no longer is one; it keeps the port. */
void port_unlisten(struct port_table *t, struct port_bind *b);

/**
 * port_moved() - Addresses, peer, interface or options of a bound socket are others now
 *
 * To be called after sk->laddr, raddr, rport, oif, SO_REUSEADDR or SO_REUSEPORT were changed.
 * Nothing is checked for conflicts, as on Linux.
 *
 * Return: 0; -ENOMEM: it no longer receives, or counts as before
 */
int port_moved(struct port_table *t, struct port_bind *b);

/**
 * port_lookup() - Who receives for this address and port
 * @hash:	Chooses among sockets of a SO_REUSEPORT group: the same for all packets of a
 *		flow.  0: one is made when it is needed
 *
 * The best match as Linux scores it: connected to this peer, then own address, then
 * interface, then family.
 *
 * Return: the socket, or NULL
 */
struct sock *port_lookup(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
			 struct ip6_addr raddr, uint16_t rport, uint32_t ifindex, uint32_t hash);

/* Every receiver of a multicast or broadcast datagram in turn, not asking for membership; @prev
 * NULL begins.
 */
struct port_bind *port_lookup_next(const struct port_table *t, const struct port_bind *prev,
				   struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
				   uint16_t rport, uint32_t ifindex);

#endif /* NETSTACK_TRANSPORT_PORTS_H */
