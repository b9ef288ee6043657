/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports_priv.h - port tables from the inside
 *
 *	ports.c		records, binding, shares
 *	port_claim.c	conflicts
 *	port_group.c	who receives what
 *	port_lookup.c	and gets this packet
 */
#ifndef NETSTACK_TRANSPORT_PORTS_PRIV_H
#define NETSTACK_TRANSPORT_PORTS_PRIV_H

#include "netstack/transport/ports.h"

#define PAGE_PORTS (1U << PORT_PAGE_SHIFT)

/* Numbers of records + 1, 0 for ports nobody has. */
struct port_page {
	uint32_t record[PAGE_PORTS];
};

/* What matters in conflicts. */
struct port_claim {
	struct ip6_addr laddr;
	uint16_t oif;
	bool is_ip6;
	bool v6only;
	bool reuseaddr;
	bool reuseport;
	bool listening;
	bool connected; /* connect() chose the port */
};

_Static_assert(sizeof(struct port_claim) == 24, "no padding");

/* What is known of all that have a port with SO_REUSEPORT. */
enum port_fast {
	FAST_NONE,
	FAST_ANY,    /* all of them have it */
	FAST_STRICT, /* some have: only who has the address of @fast, too, may join unasked */
};

/**
 * struct port_record - A port in use
 * @binds:	Sockets, the last one first but for those of AF_INET6 with SO_REUSEPORT, which
 *		come behind all others: Linux's order, in which UDP asks them for conflicts
 * @binds_last:	Where the next one of these goes
 * @groups:	Number + 1 of the first one, without those in port_table.connected
 * @shares:	Number + 1 of the first one
 * @n_bound:	Binds of kind PORT_BOUND
 * @n_connected: Groups in port_table.connected
 * @fast:	TCP: the last one with SO_REUSEPORT that was asked about conflicts
 * @fast_port:	enum port_fast
 * @fast_addr:	All that were bound had SO_REUSEADDR then, and did not listen
 */
struct port_record {
	struct port_bind *binds;
	struct port_bind **binds_last;
	uint32_t groups;
	uint32_t shares;
	uint32_t n_bound;
	uint32_t n_connected;
	struct port_claim fast;
	uint8_t fast_port;
	bool fast_addr;
};

/* Who gets what.  Zero-initialised: compared as bytes. */
struct port_key {
	struct ip6_addr laddr;
	struct ip6_addr raddr;
	uint16_t lport;
	uint16_t rport;
	uint16_t oif;
	bool is_ip6;
	bool v6only;
};

_Static_assert(sizeof(struct port_key) == 40, "no padding");

/**
 * struct port_group - Sockets that receive the same packets
 * @key:	Which
 * @next:	Number + 1, of the record
 * @hash:	Of the 4-tuple, in port_table.connected; else 0
 * @n:		Members
 * @size:	Room in @many, 0: there is one member
 * @one, @many:	Members; the last one bound is the last one here
 */
struct port_group {
	struct port_key key;
	uint32_t next;
	uint32_t hash;
	uint32_t n;
	uint32_t size;
	union {
		struct port_bind *one;
		struct port_bind **many;
	};
};

/**
 * struct port_share - Users of a port that are in no list
 * @claim:	What they have in common
 * @next:	Number + 1, of the record
 * @n:		How many
 */
struct port_share {
	struct port_claim claim;
	uint32_t next;
	uint32_t n;
};

/* --- ports.c --- */

/* NULL for a port that nobody has. */
struct port_record *port_record_lookup(const struct port_table *t, uint16_t port);

/* --- port_claim.c --- */

struct port_claim port_claim_of(const struct port_bind *b);

/* Does somebody have the port in a way that conflicts?  @strict: options do not help, as in the
 * search for a free port.
 */
bool port_claim_conflicts(const struct port_table *t, const struct port_record *rec,
			  const struct port_bind *wants, bool strict);

/* TCP: need others not be asked?  @listen: it is about to. */
bool port_claim_is_let_in(const struct port_table *t, const struct port_record *rec,
			  const struct port_bind *b, bool listen);

/* @b has the port now, @first of all. */
void port_claim_let_in(struct port_record *rec, const struct port_bind *b, bool first, bool listen);

/* --- port_group.c --- */

/* @number is that of the group + 1; NULL for 0. */
struct port_group *port_group_at(const struct port_table *t, uint32_t number);

struct port_key port_key_of(const struct port_table *t, const struct sock *sk);

/* Found by its 4-tuple instead of by walking the groups of the port. */
bool port_key_is_tuple(const struct port_key *key);

uint32_t port_tuple_hash(const struct port_table *t, struct ip6_addr laddr, uint16_t lport,
			 struct ip6_addr raddr, uint16_t rport);

/* Let @b receive.  False without memory. */
bool port_group_join(struct port_table *t, struct port_record *rec, struct port_bind *b);

/* Nothing happens when it is in none. */
void port_group_leave(struct port_table *t, struct port_record *rec, struct port_bind *b);

#endif /* NETSTACK_TRANSPORT_PORTS_PRIV_H */
