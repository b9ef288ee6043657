/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net_priv.h - the network layer of an instance, from the inside
 *
 * For the files of lib/netstack/net and the instance itself (stack*.c); all others see
 * struct net through net/ip.h.
 *
 * A packet on its way up has @l3 marked at its IP header and @ifindex set.  Until it is
 * delivered @data stays at the IP header; behind it, ip_rx() holds what transport needs, @data
 * is the transport header and @l4 marks it.  On its way down @data is the IP header from the
 * OUTPUT hook on.
 */
#ifndef NETSTACK_NET_NET_PRIV_H
#define NETSTACK_NET_NET_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/core.h"
#include "netstack/core/verdict.h"
#include "netstack/link/iface.h"
#include "netstack/link/neigh.h"
#include "netstack/net/addr.h"
#include "netstack/net/hook.h"
#include "netstack/net/icmp.h"
#include "netstack/net/igmp.h"
#include "netstack/net/ip.h"
#include "netstack/net/mcast.h"
#include "netstack/net/mld.h"
#include "netstack/net/ndp.h"
#include "netstack/net/params.h"
#include "netstack/net/pmtu.h"
#include "netstack/net/reass.h"
#include "netstack/net/redirect.h"
#include "netstack/net/route.h"
#include "netstack/net/timer.h"
#include "nic/pbuf.h"
#include "wire/addr.h"
#include "wire/ip.h"

/* Packets to ourselves that wait to come in again; those beyond it are dropped, as by a
 * device whose ring is full.
 */
#define NET_LOOP_MAX 4096

/* Re-routing of one packet inside the instance (hooks that change addresses, loopback of what
 * came from loopback): more than any sane ruleset does.
 */
#define NET_HOPS_MAX 8

/**
 * struct net_addr - An address of an interface
 * @next:	Of its interface
 * @hash_next:	Of its bucket
 * @conf:	As configured; @conf.addr is mapped for IPv4
 * @state:	enum net_addr_state; TENTATIVE as well while its interface is down
 * @joined:	Its solicited-node group is joined
 * @routed:	Its routes of type LOCAL and BROADCAST are there
 * @timer:	DAD and lifetimes: its function is ndp.c's
 * @dad_left:	Solicitations still to be sent
 * @nonce:	In them (RFC 7527)
 * @valid_ns, @preferred_ns: When they end; 0 for never
 * @autoconf:	Made of a router advertisement
 */
struct net_addr {
	struct net_addr *next;
	struct net_addr *hash_next;
	struct net_addr_conf conf;
	uint8_t state;
	bool joined;
	bool routed;
	struct net_timer timer;
	uint8_t dad_left;
	uint8_t nonce[6];
	uint64_t valid_ns;
	uint64_t preferred_ns;
	bool autoconf;
};

/**
 * struct net_group - A multicast group an interface listens to
 * @next:	Of its interface
 * @addr:	Mapped for IPv4
 * @ifindex:	Interface
 * @refs:	Joins
 * @member:	What IGMP or MLD still has to say of it (mcast.c)
 */
struct net_group {
	struct net_group *next;
	struct ip6_addr addr;
	uint32_t ifindex;
	uint32_t refs;
	struct mcast_member member;
};

/**
 * struct net_iface - What the network layer has of an interface
 * @net:	Of its instance
 * @ifc:	The interface
 * @addrs:	Its addresses, in the order they were added
 * @groups:	Its groups
 * @igmp, @mld, @ndp, @redirect: State of those protocols
 */
struct net_iface {
	struct net *net;
	struct iface *ifc;
	struct net_addr *addrs;
	struct net_group *groups;
	struct igmp_iface igmp;
	struct mld_iface mld;
	struct ndp_iface ndp;
	struct redirect_iface redirect;
};

struct hook_slot {
	hook_fn *fn;
	void *arg;
};

/* Addresses by hash, doubled as they become many. */
struct addr_table {
	struct net_addr **bucket;
	uint32_t mask;
	uint32_t n;
};

#define NET_IP4_IDS 256

/**
 * struct net_way - Where packets to an address go, before anybody asks from which one of ours
 * @dst:	The address
 * @gen:	It holds while it is the network layer's
 * @error:	There is no way: negative errno; what is below means nothing then
 * @type:	enum route_type: UNICAST, LOCAL or BROADCAST
 * @ifindex:	Out of this interface
 * @mtu:	Of link and route
 * @has_neigh:	@next_hop is asked for on the link
 * @neigh:	Number of its entry; SLAB_NONE when nobody has needed it yet
 * @has_src:	The route prefers the source address @src
 */
struct net_way {
	struct ip6_addr dst;
	struct ip6_addr next_hop;
	struct ip6_addr src;
	uint32_t gen;
	uint32_t mtu;
	uint32_t neigh;
	int16_t error;
	uint16_t ifindex;
	uint8_t type;
	bool has_neigh;
	bool has_src;
};

/* Ways that are remembered, in the slot of their hash: one for each destination we talk to
 * at a time, where packets do not bring a path of their own (forwarding, datagrams).
 */
#define NET_WAYS 128

/**
 * struct net - The network layer of an instance
 * @core:	Below everything
 * @ifaces:	Interfaces
 * @ifc:	What we have of each, by index
 * @neigh:	Neighbours.  Its @gen is the generation of all paths (net_changed())
 * @addrs:	Own addresses
 * @routes:	Routes, those to own addresses and broadcast ones among them
 * @params:	sysctls
 * @stats:	Counters
 * @hook:	Hooks, @fn NULL for none
 * @loop:	Packets to ourselves, and our copies of those to groups: they come in again on
 *		@ifindex, without a link header
 * @way:	Ways
 * @ip4_id:	Next identification, by hash of the addresses (RFC 6864, 4.1 wants it
 *		unique per source, destination and protocol)
 * @reass, @pmtu, @icmp: State of those parts
 * @error:	ICMP errors about our packets go there, to transport
 * @up_arg:	Of @error
 */
struct net {
	struct core *core;
	struct iface_table ifaces;
	struct net_iface *ifc[IFACE_MAX + 1];
	struct neigh_table neigh;
	struct addr_table addrs;
	struct route_table *routes;
	struct ip_params params;
	struct ip_stats stats;
	struct hook_slot hook[HOOK_N];
	struct pbuf_queue loop;
	struct net_way way[NET_WAYS];
	uint16_t ip4_id[NET_IP4_IDS];
	struct reass_table reass;
	struct pmtu_table pmtu;
	struct icmp_limit icmp;
	void (*error)(void *arg, const struct ip_error *e);
	void *up_arg;
};

/* --- net.c --- */

int net_init(struct net *net, struct core *core, const struct ip_params *params);
void net_done(struct net *net);

/* Of the interface: added, about to go, went up or down. */
int net_iface_add(struct net *net, uint32_t ifindex);
void net_iface_del(struct net *net, uint32_t ifindex);
void net_iface_set_up(struct net *net, uint32_t ifindex, bool up);

/* Timers of kind TIMER_IFACE and TIMER_ADDR. */
void net_timer_fired(struct net *net, struct timer *t);

/* Whoever remembers a path has to find it anew. */
static inline void net_changed(struct net *net)
{
	if (++net->neigh.gen == 0)
		net->neigh.gen = 1; /* 0 is no path */
}

static inline struct net_iface *net_iface_get(const struct net *net, uint32_t ifindex)
{
	return ifindex <= IFACE_MAX ? net->ifc[ifindex] : NULL;
}

/* Routes over it count: it is there and up (route_lookup()). */
bool net_iface_usable(const void *net, uint32_t ifindex);

/* --- addr.c --- */

/* -EINVAL, -ENODEV, -EEXIST, -ENOMEM */
int addr_add(struct net *net, const struct net_addr_conf *conf);

/* -EADDRNOTAVAIL */
int addr_del(struct net *net, uint32_t ifindex, struct ip6_addr addr, uint8_t prefix_len);
void addr_remove(struct net *net, struct net_addr *a); /* one that was found */

/* Our address, in any state; @ifindex 0 for any interface.  NULL when it is not ours. */
struct net_addr *addr_lookup(const struct net *net, struct ip6_addr addr, uint32_t ifindex);

/* It may be used: not tentative, not duplicated. */
static inline bool addr_is_usable(const struct net_addr *a)
{
	return a->state == NET_ADDR_PREFERRED || a->state == NET_ADDR_DEPRECATED;
}

/* The addresses of an interface begin to be used when it goes up (IPv6: after DAD), and are
 * not any more when it goes down.
 */
void addr_iface_up(struct net *net, struct net_iface *nif);
void addr_iface_down(struct net *net, struct net_iface *nif);
void addr_iface_announce(struct net *net, struct net_iface *nif); /* its link address changed */
void addr_table_done(struct net *net);

/* Duplicate address detection ended: nobody else has it / somebody has. */
void addr_dad_done(struct net *net, struct net_addr *a);
void addr_dad_failed(struct net *net, struct net_addr *a);

/* --- addr_select.c --- */

/* The best address to send from @ifindex to @dst with (RFC 6724, 5), of its family, of that
 * interface or where scopes allow of another one; NULL for none.
 */
const struct net_addr *addr_select(const struct net *net, uint32_t ifindex, struct ip6_addr dst);

/* --- group.c --- */

/* The group, when @ifindex listens to it. */
struct net_group *group_lookup(const struct net *net, uint32_t ifindex, struct ip6_addr group);

int group_join(struct net *net, struct net_iface *nif, struct ip6_addr group);
void group_leave(struct net *net, struct net_iface *nif, struct net_group *g);
void group_iface_del(struct net *net, struct net_iface *nif); /* all of them */

/* --- hook.c --- */

/* Run the hook of a point.  RX_PASS; RX_TAKEN (stolen) or a drop reason: as core/verdict.h */
int hook_run(struct net *net, enum hook_point point, const struct iface *in,
	     const struct iface *out, bool is_ip4, struct pbuf *pb);

static inline int net_hook(struct net *net, enum hook_point point, const struct iface *in,
			   const struct iface *out, bool is_ip4, struct pbuf *pb)
{
	if (__builtin_expect(!net->hook[point].fn, 1))
		return RX_PASS;
	return hook_run(net, point, in, out, is_ip4, pb);
}

/* --- ip4_in.c, ip6_in.c, ip_in.c: a packet that came in --- */

/* Header, checksum, length (padding is cut off), addresses.  @l3 is marked, ip_rx() filled in but
 * for @l4_len; @proto of IPv6 is the next header.  What a device says about checksum and
 * segments fits the headers.
 */
int ip4_in(struct net *net, const struct iface *in, struct pbuf *pb);
int ip6_in(struct net *net, const struct iface *in, struct pbuf *pb);

/* Whom it is for: one of these, which are no other verdict, or a drop reason. */
#define IP_FOR_US     (-10)
#define IP_FOR_OTHERS (-11)

int ip4_classify(struct net *net, const struct iface *in, const struct pbuf *pb,
		 const struct ip_rx *rx);
int ip6_classify(struct net *net, const struct iface *in, const struct pbuf *pb,
		 const struct ip_rx *rx);

/* A packet that hooks want to see whole.  *@pb becomes the whole packet when its last fragment
 * came, and NULL when reassembly has it.
 */
int ip4_defrag(struct net *net, struct pbuf **pb);
int ip6_defrag(struct net *net, struct pbuf **pb);

/* Before delivery: options or extension headers, fragments.  *@pb as above.  On RX_PASS @l4 is
 * marked and ip_rx() says which protocol; @data is still the IP header.
 */
int ip4_local_in(struct net *net, struct pbuf **pb);
int ip6_local_in(struct net *net, struct pbuf **pb);

/* Options of a packet; with @record we put that address of ours into those that want it. */
int ip4_options_in(struct net *net, struct pbuf *pb, uint32_t record);

/* Hop-by-hop options, as a router. */
int ip6_hop_in(struct net *net, struct pbuf *pb);

/* Checksum and GSO metadata of a device against the headers. */
int ip_check_offload(struct pbuf *pb, uint32_t l4_at, uint8_t proto, bool is_ip4);

/* ip_rx() anew from the header at the l3 mark: after a hook.  As ip4_in() and ip6_in() leave it. */
void ip_rx_refresh(struct pbuf *pb, bool is_ip4);

/* --- forward.c --- */

/* A packet for somebody else, behind PREROUTING; @data is the IP header. */
int forward(struct net *net, const struct iface *in, struct pbuf *pb);

/* --- ip_path.c --- */

/* The way to one host, or all of a network; holds until the next call. */
struct net_way *ip_way_get(struct net *net, struct ip6_addr dst);

/* --- ip_push.c --- */

/* Prepend the IP header, or complete the one a raw socket brought.  @data is at it then, l3 and
 * l4 are marked.  0, -EMSGSIZE, -ENOBUFS, -EINVAL; the packet stays the caller's.
 */
int ip_push_header(struct net *net, struct pbuf *pb, const struct ip_flow *f,
		   const struct ip_path *path);

/* The identification of a packet that may be fragmented, which will be @n packets (GSO). */
uint16_t ip4_next_id(struct net *net, uint32_t src, uint32_t dst, uint8_t proto, uint32_t n);

/* --- ip_out.c --- */

/* Drop a packet on its way down.  Return: @error */
int ip_refuse(struct net *net, struct pbuf *pb, enum drop_reason why, int error);

/* --- ip_xmit.c: below ip_out() --- */

/**
 * ip_xmit() - A whole IP packet to its link: POSTROUTING, then fragments, then neighbour
 * @pb:		@data is the IP header, @l3 marks it; always consumed
 * @path:	Its way; holds
 * @in:		Interface it came from, NULL for our own
 * @dst:	For multicast and broadcast, which have no neighbour
 *
 * Return: 0, -EPERM (a hook), -EMSGSIZE, -ENOBUFS
 */
int ip_xmit(struct net *net, struct pbuf *pb, const struct ip_path *path, const struct iface *in,
	    struct ip6_addr dst);

/* Give a packet (or fragment) that fits to the neighbour, past all hooks; consumed. */
void ip_to_neigh(struct net *net, struct pbuf *pb, const struct ip_path *path, struct ip6_addr dst);

/* Put a packet into net.loop: it comes in again on @ifindex.  Consumed. */
void ip_loop(struct net *net, struct pbuf *pb, uint32_t ifindex);

/* Bytes of the longest packet that goes out for this one: itself, or of GSO a segment. */
uint32_t ip_segment_len(const struct pbuf *pb);

static inline bool ip_is_multicast(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) ? ip4_addr_is_multicast((uint32_t)a.lo)
				     : ip6_addr_is_multicast(a);
}

static inline bool ip_is_unspecified(struct ip6_addr a)
{
	return a.hi == 0 && (a.lo == 0 || a.lo == UINT64_C(0xffff) << 32);
}

#endif /* NETSTACK_NET_NET_PRIV_H */
