/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * neigh.h - neighbour cache: ARP and ND behind one state machine (RFC 4861, 7.3)
 *
 * One for both families, an IPv4 address being a mapped one.  ARP behaves as RFC 4861 wants
 * ND to (RFC 1122, 2.3.2.1 asks for no less): entries are confirmed by upper layers, and
 * probed by unicast before they are thrown away.
 */
#ifndef NETSTACK_LINK_NEIGH_H
#define NETSTACK_LINK_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/flowtab.h"
#include "netstack/core/slab.h"
#include "netstack/core/timer.h"
#include "netstack/link/iface.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

struct core;

/* RFC 4861, 7.3.2; FAILED and PERMANENT as Linux has them. */
enum neigh_state {
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,    /* did not answer; asked again when somebody needs it */
	NEIGH_PERMANENT, /* configured */
};

/* RFC 4861, 10. */
#define NEIGH_MAX_MULTICAST_SOLICIT 3
#define NEIGH_MAX_UNICAST_SOLICIT   3
#define NEIGH_RETRANS_MS            1000
#define NEIGH_REACHABLE_MS          30000
#define NEIGH_DELAY_FIRST_PROBE_MS  5000
#define NEIGH_QUEUE_MAX             192  /* packets that wait for one neighbour; Linux: 208 KiB */
#define NEIGH_WAITING_MAX           1024 /* and for all of them */
#define NEIGH_TABLE_MAX             4096
#define NEIGH_GC_MS                 60000 /* STALE ones nobody uses go after it */

/**
 * struct neigh - An entry
 * @timer:	Of its state
 * @next, @prev: In the table's list
 * @addr:	Protocol address
 * @ifindex:	Interface
 * @id:		Number in the slab
 * @mac:	Link address, of all states but INCOMPLETE and FAILED
 * @state:	enum neigh_state
 * @is_router:	By its advertisements
 * @probes:	Solicitations sent in this state
 * @used_ms:	Last use
 * @confirmed_ms: Last time it was heard of
 * @reachable_ms: So long it stays REACHABLE
 * @waiting:	Packets without their link header
 */
struct neigh {
	struct timer timer;
	struct neigh *next;
	struct neigh *prev;
	struct ip6_addr addr;
	uint32_t ifindex;
	uint32_t id;
	struct eth_addr mac;
	uint8_t state;
	bool is_router;
	uint8_t probes;
	uint32_t used_ms;
	uint32_t confirmed_ms;
	uint32_t reachable_ms;
	struct pbuf_queue waiting;
};

/**
 * struct neigh_table - The cache
 * @first:	Entries
 * @hand:	Where the search for one to be thrown away goes on, when the table is full
 * @n_waiting:	Packets that wait, in all entries
 * @solicit:	Asks on the link: @to_mac NULL for all; made by the layer above, which knows
 *		the source addresses
 * @failed:	A packet cannot be delivered: the layer above answers with an ICMP error and
 *		frees it
 * @ours:	May we be asked for this address on this interface?
 * @arg:	Of all three
 * @gen:	Changes when an entry goes: who remembers one must look it up again.  Never 0
 */
struct neigh_table {
	struct core *core;
	struct iface_table *ifaces;
	struct slab slab;
	struct flowtab by_addr;
	struct neigh *first;
	struct neigh *hand;
	uint32_t n_waiting;
	void (*solicit)(void *arg, struct iface *ifc, struct ip6_addr addr,
			const struct eth_addr *to_mac);
	void (*failed)(void *arg, struct pbuf *pb);
	bool (*ours)(void *arg, const struct iface *ifc, struct ip6_addr addr);
	void *arg;
	uint32_t gen;
};

void neigh_table_init(struct neigh_table *t, struct core *core, struct iface_table *ifaces);
void neigh_table_done(struct neigh_table *t);

/* NULL when there is none. */
struct neigh *neigh_lookup(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr);

/* Make one when there is none; NULL when the table is full of entries in use. */
struct neigh *neigh_get(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr);

/* Send an IP packet to a neighbour: with its link header at once, or when the address is known.
 * Owns the packet.
 */
void neigh_out(struct neigh_table *t, struct neigh *n, struct pbuf *pb, uint16_t eth_type);

/* Upper layers heard from it: no need to ask (RFC 4861, 7.3.1). */
void neigh_confirm(struct neigh_table *t, struct neigh *n);

/* By number, while @gen is what it was. */
static inline struct neigh *neigh_by_id(const struct neigh_table *t, uint32_t id)
{
	return slab_get(&t->slab, id);
}

/* What ARP or ND said.
 * @mac:	NULL: it did not say another one than we know
 * @solicited:	An answer to us: confirms reachability
 * @override:	Replaces another address
 * @create:	Make an entry (STALE) when there is none
 */
void neigh_learn(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr,
		 const struct eth_addr *mac, bool solicited, bool override, bool create);

int neigh_add_permanent(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr,
			struct eth_addr mac);
int neigh_del(struct neigh_table *t, uint32_t ifindex, struct ip6_addr addr);

/* All of an interface, the permanent ones as well when @all. */
void neigh_flush(struct neigh_table *t, uint32_t ifindex, bool all);

/* Handler of TIMER_NEIGH. */
void neigh_timer(struct neigh_table *t, struct timer *timer);

#endif /* NETSTACK_LINK_NEIGH_H */
