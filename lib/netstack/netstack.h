/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netstack.h - a TCP/IP stack as an object
 *
 * An instance serves one network namespace.  It has no thread, makes no system call and
 * knows no time but what it is told: whoever owns it calls
 *
 *	netstack_input()	when frames have come in,
 *	netstack_advance()	when its deadline has passed, or after calls to sockets,
 *	netstack_deadline()	to know how long it may sleep,
 *
 * and it calls back, from within these two alone: the transmit function of its links, and
 * the callbacks of sockets that have news.  Calls to sockets (socket.h) only queue packets.
 * All calls of one instance come from one thread at a time; instances share nothing.
 *
 * Times are nanoseconds of a clock that never goes back.  Functions return 0 (or a count) or a
 * negative errno.
 */
#ifndef NETSTACK_NETSTACK_H
#define NETSTACK_NETSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/drop.h"
#include "netstack/core/trace.h"
#include "netstack/link/iface.h"
#include "netstack/net/addr.h"
#include "netstack/net/hook.h"
#include "netstack/net/params.h"
#include "netstack/net/route.h"
#include "netstack/tcp/params.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

struct netstack;

/**
 * struct netstack_conf - What an instance is made with
 * @seed:	Its only source of chance and of secrets: 32 random bytes, or those of a
 *		simulation
 * @mem:	Memory; @mem.alloc NULL for malloc() and free()
 * @pool_bytes_max: Limit of packet memory, 0 for the default (NETSTACK_POOL_BYTES)
 * @sockets_max: Limit of open descriptors, 0 for the default
 * @ip:		Parameters of the network layer, ip_params_default() to begin with
 * @tcp:	Parameters of TCP, tcp_params_default() to begin with
 * @wait:	Lets a call on a blocking socket wait (socket.h, "Blocking"); NULL: every call
 *		that would have to wait returns -EAGAIN
 * @wait_arg:	Of @wait
 * @trace:	Sees every packet and note, NULL for none
 * @trace_arg:	Of @trace
 * @shard, @n_shards: This is one of @n_shards instances that have the same addresses, number
 *		@shard from 0 on (nic/steer.h).  Ports and echo identifiers that it chooses itself
 *		are those with port % @n_shards == @shard, so that answers can be brought to it.
 *		@n_shards 0 or 1: it is alone
 */
struct netstack_conf {
	uint8_t seed[32];
	struct pbuf_mem mem;
	uint64_t pool_bytes_max;
	uint32_t sockets_max;
	struct ip_params ip;
	struct tcp_params tcp;
	int (*wait)(void *arg, struct netstack *st, uint64_t deadline_ns);
	void *wait_arg;
	trace_fn *trace;
	void *trace_arg;
	uint16_t shard;
	uint16_t n_shards;
};

#define NETSTACK_POOL_BYTES  (UINT64_C(64) << 20)
#define NETSTACK_SOCKETS_MAX (1U << 20)

void netstack_conf_default(struct netstack_conf *conf);

/**
 * netstack_new() - Make an instance
 * @ret:	The instance, on success
 * @now_ns:	The time
 *
 * It has a loopback interface, lo, with index 1, 127.0.0.1/8 and ::1/128, up.
 *
 * Return: 0, -ENOMEM, -EINVAL for parameters out of range
 */
int netstack_new(struct netstack **ret, const struct netstack_conf *conf, uint64_t now_ns);

/* Sockets are closed without a word to their peers, packets freed.  NULL is fine. */
void netstack_free(struct netstack *st);

/* --- running --- */

/**
 * netstack_input() - Frames that came in on a link
 * @burst:	They become the stack's, all of them
 * @n:		Up to any number; 64 is a good one
 *
 * Processes them to the end, answers included, sends what is queued, and calls back.  What waits
 * is the plain acknowledgement of data in order: until netstack_advance(), which the deadline asks
 * for at once.  Whoever reads the data and answers before it saves a packet.
 */
void netstack_input(struct netstack *st, uint32_t ifindex, struct pbuf *const *burst,
		    unsigned int n, uint64_t now_ns);

enum netstack_owner {
	NETSTACK_OURS,
	NETSTACK_THEIRS,
	NETSTACK_BOTH,
};

/**
 * netstack_owner() - Whose a frame is, of a link that is shared with a kernel
 * @ifindex:	A link with iface_conf.is_shared
 * @pb:		Frame, from its Ethernet header on
 *
 * OURS are segments to an address of the link that belong to a connection (handshakes and
 * TIME-WAIT count) or a listener, and ICMP errors about segments of such.  BOTH are ARP, what ND
 * says to a host, redirects, and fragments of TCP that came before the first one.  THEIRS is
 * everything else: what cannot be read, has a VLAN tag, or is for another station.
 */
enum netstack_owner netstack_owner(struct netstack *st, uint32_t ifindex, const struct pbuf *pb);

/* Timers that are due, packets that are queued, callbacks. */
void netstack_advance(struct netstack *st, uint64_t now_ns);

/* What time it is, for calls to sockets that follow a sleep: packets are stamped and timers
 * started by the last time that was told, here or by the two functions above.
 */
void netstack_set_now(struct netstack *st, uint64_t now_ns);

/* When netstack_advance() is to be called: at once (0) when something is queued, else the next
 * timer, TIMER_NEVER without one.
 */
uint64_t netstack_deadline(const struct netstack *st);

/* Counts whatever may have made a socket ready.  The same number before and after a turn: no call
 * that had to wait has a reason to look again.
 */
uint64_t netstack_news(const struct netstack *st);

/* Where drivers and zero-copy senders get their memory. */
struct pbuf_pool *netstack_pool(struct netstack *st);

/* --- configuration --- */

/* Return: the index, or -EEXIST (name), -ENOMEM, -EINVAL */
int netstack_link_add(struct netstack *st, const struct iface_conf *conf);

/* With its addresses, routes and neighbours.  -ENODEV */
int netstack_link_del(struct netstack *st, uint32_t ifindex);

/* Up or down: queues are emptied, neighbours forgotten, routes over it stop to count. */
int netstack_link_set_up(struct netstack *st, uint32_t ifindex, bool up);

/* -EINVAL below the least MTU (68; below 1280 the interface has no IPv6) */
int netstack_link_set_mtu(struct netstack *st, uint32_t ifindex, uint32_t mtu);
int netstack_link_set_mac(struct netstack *st, uint32_t ifindex, struct eth_addr mac);

/* Adds the prefix route, announces it (gratuitous ARP), begins DAD for IPv6.  -EEXIST */
int netstack_addr_add(struct netstack *st, const struct net_addr_conf *addr);
int netstack_addr_del(struct netstack *st, const struct net_addr_conf *addr);

/**
 * netstack_tcp_reset() - End connections that have nowhere to go any more
 * @local:	Address on this side, which was taken away for good; without that they would
 *		wait for it as long as they send again
 *
 * The peer is sent a RST, the program sees ECONNABORTED; as "ss --kill".  Return: how many
 */
unsigned int netstack_tcp_reset(struct netstack *st, struct ip6_addr local);

int netstack_route_add(struct netstack *st, const struct route_conf *route);
int netstack_route_del(struct netstack *st, const struct route_conf *route);

/* A neighbour that is configured, not learned.  Replaces what is there. */
int netstack_neigh_add(struct netstack *st, uint32_t ifindex, struct ip6_addr addr,
		       struct eth_addr mac);
int netstack_neigh_del(struct netstack *st, uint32_t ifindex, struct ip6_addr addr);

/* NULL for none. */
void netstack_hook_set(struct netstack *st, enum hook_point point, hook_fn *fn, void *arg);

struct ip_params *netstack_ip_params(struct netstack *st);
struct tcp_params *netstack_tcp_params(struct netstack *st);

/* --- looking in --- */

/**
 * struct netstack_addr - An address as it is now
 * @conf:	As it was configured, or made of a router's advertisement
 * @state:	enum net_addr_state
 */
struct netstack_addr {
	struct net_addr_conf conf;
	uint8_t state;
};

/* The first @n addresses, by interface.  Return: how many there are in all */
unsigned int netstack_addrs(const struct netstack *st, struct netstack_addr *ret, unsigned int n);

/**
 * struct netstack_neigh - A neighbour as it is now
 * @addr:	An IPv4 one mapped
 * @mac:	All zeros when it is not known
 * @state:	"REACHABLE", as ip-neighbour(8) has them
 * @is_router:	By its advertisements
 */
struct netstack_neigh {
	uint32_t ifindex;
	struct ip6_addr addr;
	struct eth_addr mac;
	const char *state;
	bool is_router;
};

/* As netstack_addrs(), in no order. */
unsigned int netstack_neighs(const struct netstack *st, struct netstack_neigh *ret, unsigned int n);

/* As netstack_addrs(), by prefix; with those of local addresses. */
unsigned int netstack_routes(const struct netstack *st, struct route_conf *ret, unsigned int n);

const uint64_t *netstack_drops(const struct netstack *st); /* DROP_N of them */
int netstack_link_stats(const struct netstack *st, uint32_t ifindex, struct iface_stats *ret);

struct ip_stats;
struct tcp_stats;

const struct ip_stats *netstack_ip_stats(const struct netstack *st);
const struct tcp_stats *netstack_tcp_stats(const struct netstack *st);

/**
 * struct netstack_memory - What an instance holds at this moment
 *
 * After the last socket is closed, TIME-WAIT is over and all packets have been sent, all but
 * @packet_taken, @tables and @neighs is 0.
 */
struct netstack_memory {
	uint64_t packets; /* pbufs */
	uint64_t packet_bytes;
	uint64_t packet_taken; /* bytes, for packets that are and will be */
	uint64_t sockets;      /* descriptors */
	uint64_t conns;        /* TCP sockets, those nobody has a descriptor of any more too */
	uint64_t syn_rcvd;
	uint64_t time_wait;
	uint64_t reassembly_bytes;
	uint64_t neighs;
	uint64_t tables; /* bytes of hash tables and slabs */
};

void netstack_memory(const struct netstack *st, struct netstack_memory *ret);

/**
 * netstack_trim() - Free the memory that is kept for more traffic
 *
 * Of packets that were freed, of connections that have ended.  It looks at all of that, and more
 * traffic has to get it again: for quiet moments.  Not from callbacks.
 */
void netstack_trim(struct netstack *st);

#endif /* NETSTACK_NETSTACK_H */
