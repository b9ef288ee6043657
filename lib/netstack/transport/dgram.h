/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dgram.h - what UDP, raw and ping sockets share: queues of packets, sending, groups
 *
 * Received packets are queued as they are and charged with what they take of the pool; a
 * datagram that does not fit into SO_RCVBUF is dropped, but an empty queue takes any.  Sent
 * ones count in SO_SNDBUF until the turn of the instance ends, when they have left for the
 * device or wait for a neighbour: who writes more than that between two turns has to wait.
 */
#ifndef NETSTACK_TRANSPORT_DGRAM_H
#define NETSTACK_TRANSPORT_DGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/net/ip.h"
#include "netstack/transport/ports.h"
#include "netstack/transport/sock.h"
#include "nic/pbuf.h"

struct dgram;

/* net.ipv4.igmp_max_memberships, igmp_max_msf */
#define DGRAM_GROUPS_MAX  20
#define DGRAM_SOURCES_MAX 10

/**
 * struct dgram_layer - First member of a protocol's state
 * @core, @net:	Of the instance
 * @charged:	Sockets that have sent something in this turn
 */
struct dgram_layer {
	struct core *core;
	struct net *net;
	struct dgram *charged;
};

/**
 * struct dgram_group - A group that a socket has joined
 * @next:	Of the socket
 * @group:	Mapped for IPv4
 * @ifindex:	Where
 * @exclude:	@source are those not to be heard, else the only ones
 * @has_list:	There was a source in it once: it stays of that kind, as on Linux
 * @n_sources:	In @source
 */
struct dgram_group {
	struct dgram_group *next;
	struct ip6_addr group;
	uint32_t ifindex;
	bool exclude;
	bool has_list;
	uint8_t n_sources;
	struct ip6_addr source[DGRAM_SOURCES_MAX];
};

/**
 * struct dgram - Common part of such a socket
 * @sk:		First
 * @bind:	Port; not of raw sockets
 * @layer:	Of the protocol
 * @rx:		Received, @data at what the user gets; ip_rx() is valid
 * @errq:	Errors (IP_RECVERR), struct dgram_err in their cb
 * @charged:	Next one in @layer->charged
 * @groups:	Multicast groups
 * @path:	Of what was sent last: valid for @path_key
 * @path_key:	Flow as asked for
 * @path_src, @path_dst: Addresses that were found
 * @mcast_src:	IP_MULTICAST_IF by address
 * @mcast_if, @mcast_if6: IP_MULTICAST_IF, IPV6_MULTICAST_IF
 * @unicast_if, @unicast_if6: IP_UNICAST_IF, IPV6_UNICAST_IF
 * @frag_size6:	IPV6_MTU: no longer packets, 0 for what the path takes
 * @mcast_ttl, @mcast_hops: IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS
 * @is_charged:	In @layer->charged
 * @n_groups:	In @groups
 * @lost:	Datagrams that did not fit
 */
struct dgram {
	struct sock sk;
	struct port_bind bind;
	struct dgram_layer *layer;
	struct pbuf_queue rx;
	struct pbuf_queue errq;
	struct dgram *charged;
	struct dgram_group *groups;
	struct ip_path path;
	struct ip_flow path_key;
	struct ip6_addr path_src;
	struct ip6_addr path_dst;
	struct ip6_addr mcast_src;
	uint16_t mcast_if;
	uint16_t mcast_if6;
	uint16_t unicast_if;
	uint16_t unicast_if6;
	uint16_t frag_size6;
	uint8_t mcast_ttl;
	uint8_t mcast_hops;
	bool is_charged;
	uint8_t n_groups;
	uint32_t lost;
};

static inline struct dgram *dgram_of(struct sock *sk)
{
	return (struct dgram *)(void *)sk;
}

static inline const struct dgram *dgram_of_const(const struct sock *sk)
{
	return (const struct dgram *)(const void *)sk;
}

/* sk.id is set. */
void dgram_init(struct dgram *d, struct dgram_layer *layer, const struct sock_type *type,
		bool is_ip6);

/* Queues are dropped, groups left, nobody knows the socket any more.  Its port is released by
 * the protocol.
 */
void dgram_done(struct dgram *d);

/* --- receiving --- */

/* A packet for the user, @data at its first byte; always consumed. */
void dgram_queue(struct dgram *d, struct pbuf *pb);

/* Of struct sock_type; @msg->addr is the source, @msg->port comes from @port_of (NULL: 0). */
int64_t dgram_recv(struct dgram *d, struct sock_msg *msg,
		   uint16_t (*port_of)(const struct pbuf *pb));

uint32_t dgram_poll(const struct sock *sk);
int dgram_shutdown(struct sock *sk, int how);
int dgram_inq(const struct sock *sk, uint32_t *ret);
int dgram_outq(const struct sock *sk, uint32_t *ret);

/* --- errors --- */

/* An ICMP error about a packet of this socket: SO_ERROR and error queue, as Linux decides. */
void dgram_error(struct dgram *d, const struct ip_error *e);

/* Our own: too long for the path (@mtu).  Only for the error queue. */
void dgram_local_error(struct dgram *d, int error, uint32_t mtu, struct ip6_addr dst,
		       uint16_t port);

/* IP_RECVERR off: nobody will read them. */
void dgram_errors_drop(struct dgram *d);

/* --- sending --- */

/* A datagram on its way out: @flow with both addresses; the path is the socket's. */
struct dgram_out {
	struct ip_flow flow;
};

/**
 * dgram_out_begin() - Where does it go?
 * @proto:	enum ip_proto
 * @dst:	Destination
 *
 * Options of socket and message are applied, the path is found.
 *
 * Return: 0, an error of ip_path_find()
 */
int dgram_out_begin(struct dgram *d, const struct sock_msg *msg, uint8_t proto, struct ip6_addr dst,
		    struct dgram_out *ret);

/* What one packet may have: the path's MTU, or what the user wants it to be. */
uint32_t dgram_out_mtu(const struct dgram *d, const struct dgram_out *o);

/* Find @d->path for it, as ip_path_find(). */
int dgram_out_path(struct dgram *d, struct ip_flow *f);

/**
 * dgram_out_fits() - Decide on fragments
 * @len:	Of the IP payload
 *
 * Return: 0 with @o->flow.dont_frag set, -EMSGSIZE
 */
int dgram_out_fits(struct dgram *d, const struct sock_msg *msg, struct dgram_out *o, uint32_t len,
		   uint16_t port);

/* Pending errors, shutdown and SO_SNDBUF, at which Linux looks when it knows that the datagram is
 * not too long.  The error, -EPIPE, -EAGAIN
 */
int dgram_out_may(struct dgram *d);

/* A packet with the data of @msg, which is @len bytes, and room before it.  NULL without
 * memory.
 */
struct pbuf *dgram_payload(struct dgram *d, const struct sock_msg *msg, uint32_t len);

/* Send it: transport header at data.  0, or an error of ip_out(). */
int dgram_out(struct dgram *d, struct dgram_out *o, struct pbuf *pb);

/* The turn is over: what was sent no longer counts. */
void dgram_layer_run(struct dgram_layer *l);

/* Bytes that @msg has; above INT32_MAX: -EMSGSIZE. */
int64_t sock_msg_len(const struct sock_msg *msg);

/* Bind a connected or sending socket to a source address: the part of connect() that all have
 * in common.  @dst is what the flow made of it.
 */
int dgram_connect(struct dgram *d, uint8_t proto, struct ip6_addr addr, uint16_t port);

/* The peer is gone; the address, too, unless bind() gave it. */
void dgram_disconnect(struct dgram *d);

/* --- groups (groups.c) --- */

/* @ifindex 0: a route decides.  0, -EADDRINUSE (is a member), -ENOBUFS (too many), -ENOMEM, or
 * an error of ip_group_join().
 */
int dgram_group_join(struct dgram *d, uint32_t ifindex, struct ip6_addr group);

/* @ifindex 0: any.  -EADDRNOTAVAIL when it is no member. */
int dgram_group_leave(struct dgram *d, uint32_t ifindex, struct ip6_addr group);

/* What MCAST_*_SOURCE options do to the sources of a group. */
enum dgram_source_op {
	DGRAM_SOURCE_JOIN,  /* hear this one, joining the group when needed */
	DGRAM_SOURCE_LEAVE, /* no longer; without any the group is left */
	DGRAM_SOURCE_BLOCK, /* of a group joined for all: all but this one */
	DGRAM_SOURCE_UNBLOCK,
};

int dgram_group_source(struct dgram *d, enum dgram_source_op op, uint32_t ifindex,
		       struct ip6_addr group, struct ip6_addr source);

void dgram_groups_leave_all(struct dgram *d);

/* May this socket hear a packet of @src to @group? */
bool dgram_group_hears(const struct dgram *d, uint32_t ifindex, struct ip6_addr group,
		       struct ip6_addr src);

#endif /* NETSTACK_TRANSPORT_DGRAM_H */
