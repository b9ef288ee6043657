/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sock.h - what sockets of all protocols have in common
 *
 * A protocol embeds struct sock first in its own structure.  It owns the object; the
 * socket layer holds it between its creation (or accept()) and sock_ops.close(), after which
 * the object lives on as long as the protocol needs (a TCP connection that still sends).
 *
 * Protocols report news with sock_wake(); the socket layer looks at woken sockets when the
 * instance is done with its turn, never in the middle of protocol code.
 */
#ifndef NETSTACK_TRANSPORT_SOCK_H
#define NETSTACK_TRANSPORT_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "netstack/core/core.h"
#include "wire/addr.h"

struct epoll_item;
struct ip_flow;
struct sock;
struct sock_notify;
struct sock_type;

/* Options that are on or off, of SOL_SOCKET and IPPROTO_IP, and states. */
enum sock_flag {
	SOCK_REUSEADDR = 1 << 0,
	SOCK_REUSEPORT = 1 << 1,
	SOCK_KEEPALIVE = 1 << 2,
	SOCK_BROADCAST = 1 << 3,
	SOCK_OOBINLINE = 1 << 4,
	SOCK_LINGER = 1 << 5,
	SOCK_V6ONLY = 1 << 6,
	SOCK_TRANSPARENT = 1 << 7,
	SOCK_FREEBIND = 1 << 8,
	SOCK_RECVERR = 1 << 9,
	SOCK_PKTINFO = 1 << 10,
	SOCK_RECVTTL = 1 << 11,
	SOCK_RECVTOS = 1 << 12,
	SOCK_TIMESTAMPS = 1 << 13,
	SOCK_HDRINCL = 1 << 14,
	SOCK_MCAST_NO_LOOP = 1 << 15,
	SOCK_RCVBUF_LOCKED = 1 << 16, /* set by the user: no autotuning */
	SOCK_SNDBUF_LOCKED = 1 << 17,
	SOCK_BOUND_ADDR = 1 << 18, /* bind() gave it an address */
	SOCK_BOUND_PORT = 1 << 19, /* bind() gave it a port that is not 0 */
	SOCK_RD_SHUT = 1 << 20,
	SOCK_WR_SHUT = 1 << 21,
	SOCK_NO_CHECK = 1 << 22,
	SOCK_DEAD = 1 << 23,           /* no descriptor any more */
	SOCK_LISTED = 1 << 24,         /* in core.woken */
	SOCK_FILE_NONBLOCK = 1 << 25,  /* O_NONBLOCK: the socket layer's */
	SOCK_BIND_NO_PORT = 1 << 26,   /* IP_BIND_ADDRESS_NO_PORT: bind() to port 0 leaves the
				      * choice to connect()
				      */
	SOCK_MCAST_ONLY_OWN = 1 << 27, /* IP_MULTICAST_ALL off */
	SOCK_LISTENING = 1 << 28,      /* SO_ACCEPTCONN: port_listen() */
	SOCK_HAS_PORT = 1 << 29,       /* in a port table: bind() is -EINVAL */
};

/* More of them. */
enum sock_opt {
	SOCKOPT6_RECVERR = 1 << 0,
	SOCKOPT6_PKTINFO = 1 << 1,
	SOCKOPT6_HOPLIMIT = 1 << 2,
	SOCKOPT6_TCLASS = 1 << 3,
	SOCKOPT6_DONTFRAG = 1 << 4,
	SOCKOPT6_MCAST_NO_LOOP = 1 << 5,
	SOCKOPT6_MCAST_ONLY_OWN = 1 << 6,
	SOCKOPT6_HDRINCL = 1 << 7,
	SOCKOPT_TIMESTAMPNS = 1 << 8, /* with SOCK_TIMESTAMPS: in that form */
	SOCKOPT_ORIGDSTADDR = 1 << 9,
	SOCKOPT6_ORIGDSTADDR = 1 << 10,
	SOCKOPT_RXQ_OVFL = 1 << 11,
	SOCKOPT_TS_NEW = 1 << 12, /* SO_TIMESTAMP*_NEW */
	SOCKOPT_INQ = 1 << 13,    /* TCP_INQ */
	SOCKOPT_DONTROUTE = 1 << 14,
	SOCKOPT_RECVOPTS = 1 << 15, /* kept: options of packets are not handed out */
	SOCKOPT_RETOPTS = 1 << 16,
};

/* Events of sock_wake(): what Linux's sk_state_change() does, which wakes whoever waits for
 * anything: connected, reset, FIN received, shut down.
 */
#define SOCK_WAKE_STATE UINT32_C(0xffff)

/* Timeouts: */
#define SOCK_TIMEO_NEVER 0
#define SOCK_TIMEO_NONE  UINT32_MAX /* do not wait at all: a negative one was set */

/**
 * struct sock - Common part of a socket
 * @type:	Its protocol
 * @laddr, @raddr: Addresses; IPv4 mapped, unspecified is :: for both families.  @laddr of an
 *		AF_INET6 socket bound to ::ffff:0.0.0.0 is that (sock_laddr_is_any())
 * @lport, @rport: Ports, 0 for none
 * @flags:	enum sock_flag
 * @opts:	enum sock_opt
 * @id:		Number, for the tables: of the protocol's slab
 * @fd:		Descriptor, -1 for none; of several the one it got first
 * @refs:	Descriptors and calls that wait, of the socket layer
 * @oif:	SO_BINDTODEVICE
 * @linger_s:	SO_LINGER, with SOCK_LINGER
 * @mark, @priority: SO_MARK, SO_PRIORITY
 * @tos, @ttl:	IP_TOS, IP_TTL; 0 for the default
 * @tclass, @hop_limit: The same for IPv6
 * @pmtudisc, @pmtudisc6: IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
 * @min_ttl, @min_hops: IP_MINTTL, IPV6_MINHOPCOUNT: of TCP
 * @is_ip6:	AF_INET6: addresses are reported in that form
 * @error:	SO_ERROR, positive; reported once
 * @soft_error:	Last ICMP error that did not end anything, or why there was no way: reported on
 *		a timeout; of TCP, since the last ACK
 * @rcvbuf, @sndbuf: Limits, in bytes of memory as Linux counts them
 * @rcvlowat:	SO_RCVLOWAT
 * @rcv_charge, @snd_charge: Memory in use
 * @rcvtimeo_ms, @sndtimeo_ms: SOCK_TIMEO_NEVER for ever
 * @events:	News since the socket layer looked, as poll() has them
 * @woken:	Next one with news
 * @items:	epoll sets it is in
 * @notify:	Who is called with news (socket.h), NULL for nobody
 */
struct sock {
	const struct sock_type *type;
	struct ip6_addr laddr;
	struct ip6_addr raddr;
	uint16_t lport;
	uint16_t rport;
	uint32_t flags;
	uint32_t opts;
	uint32_t id;
	int32_t fd;
	uint32_t refs;
	uint16_t oif;
	uint16_t linger_s;
	uint32_t mark;
	uint8_t priority;
	uint8_t tos;
	uint8_t ttl;
	uint8_t tclass;
	uint8_t hop_limit;
	uint8_t pmtudisc;
	uint8_t pmtudisc6;
	bool is_ip6;
	int16_t error;
	int16_t soft_error;
	uint32_t rcvbuf;
	uint32_t sndbuf;
	uint32_t rcvlowat;
	uint32_t rcv_charge;
	uint32_t snd_charge;
	uint32_t rcvtimeo_ms;
	uint32_t sndtimeo_ms;
	uint32_t events;
	uint8_t min_ttl;
	uint8_t min_hops;
	struct sock *woken;
	struct epoll_item *items;
	struct sock_notify *notify;
};

/**
 * struct sock_msg - Arguments of sendmsg() and recvmsg()
 * @iov, @n_iov: Data
 * @flags:	MSG_* as given; for receiving, after it, those of the result
 * @has_addr:	@addr and @port are given
 * @has_local:	@local is given
 * @has_inq:	Received: @inq is to be told (TCP_INQ)
 * @begun:	To receive: the same read() has bytes already, and goes on
 * @stop:	Received: what comes next does not belong to the same read() even when that
 *		may wait for more: the end of the stream, an error, the urgent mark
 * @port, @addr: Destination or, received, source
 * @ifindex:	IP_PKTINFO: to be used, or where it came in
 * @local:	IP_PKTINFO: source to be used, or destination it was sent to
 * @ttl, @tos:	Received; to be used when not negative
 * @dont_frag:	IPV6_DONTFRAG: to be used when not negative
 * @gso_size:	UDP_SEGMENT: to be used when not 0.  UDP_GRO: received
 * @mark:	SO_MARK, with @has_mark
 * @lost:	SO_RXQ_OVFL: datagrams dropped so far
 * @inq:	Bytes that can be read at once after this call, one more for the end of the stream
 * @time_ns:	When it came in
 * @err:	MSG_ERRQUEUE: what it is about, NULL for data
 */
struct sock_msg {
	const struct iovec *iov;
	size_t n_iov;
	int flags;
	bool has_addr;
	bool has_local;
	bool has_mark;
	bool has_inq;
	bool begun;
	bool stop;
	uint16_t port;
	uint16_t gso_size;
	struct ip6_addr addr;
	struct ip6_addr local;
	uint32_t ifindex;
	int ttl;
	int tos;
	int dont_frag;
	uint32_t mark;
	uint32_t lost;
	uint32_t inq;
	uint64_t time_ns;
	struct sock_err *err;
};

/**
 * struct sock_err - An entry of the error queue (IP_RECVERR)
 * @from:	Who sent the ICMP error; unspecified for our own
 * @info:	The MTU, with EMSGSIZE
 * @error:	errno, positive
 * @origin, @type, @code: As in struct sock_extended_err
 */
struct sock_err {
	struct ip6_addr from;
	uint32_t info;
	uint16_t error;
	uint8_t origin;
	uint8_t type;
	uint8_t code;
};

/**
 * struct sock_type - Functions of a protocol
 *
 * None of them waits: -EAGAIN says that it would have to.  NULL where a protocol has no such
 * call (-EOPNOTSUPP).
 *
 * @bind:	@addr is one that this socket may have.  -EINVAL when it is bound
 * @connect_state: Streams: may connect() begin?  1: yes; else what it says whatever the address:
 *		as @connect when it is asked again
 * @connect:	-EINPROGRESS: under way.  Asked again: -EALREADY until it is over, then once 0
 *		or why it failed, then -EISCONN; as Linux's inet_stream_connect().  A @port of 0
 *		and an unspecified address disconnect (AF_UNSPEC)
 * @accept:	*@ret is a new socket of the same type
 * @send:	Return: bytes taken, perhaps not all of them (streams)
 * @recv:	@iov is to be filled.  Datagrams: the return value is the length of the whole
 *		one with MSG_TRUNC, else that of what was copied; streams: 0 at the end
 * @shutdown:	SHUT_RD and so on; readers and writers are woken by the caller
 * @close:	The descriptor is gone; SOCK_DEAD is set.  SO_LINGER with 0 is in it
 * @poll:	What poll() would say now: EPOLL* bits, ERR and HUP always
 * @setopt, @getopt: Levels of the protocol; -ENOPROTOOPT for those it does not have.  @val was
 *		copied already.  getopt: *@len is the room, then the length
 * @changed:	An option that the protocol may have to act on is another one now: SO_KEEPALIVE,
 *		SO_RCVLOWAT, SO_RCVBUF, SO_SNDBUF, SO_BINDTODEVICE (tables keyed by
 *		@oif), SO_DONTROUTE, SO_PRIORITY, IP_TOS …  By its name of SOL_SOCKET, or 0 for
 *		those of the IP levels.  May be NULL
 * @has_peer:	May getpeername() tell who it is?  NULL: when there is an @rport
 * @inq, @outq:	SIOCINQ, SIOCOUTQ
 * @outq_unsent: SIOCOUTQNSD
 * @at_mark:	SIOCATMARK: 0 or 1
 */
struct sock_type {
	int type; /* SOCK_STREAM … */
	int protocol;
	const char *name;
	int (*bind)(struct sock *sk, struct ip6_addr addr, uint16_t port);
	int (*connect_state)(struct sock *sk);
	int (*connect)(struct sock *sk, struct ip6_addr addr, uint16_t port);
	int (*listen)(struct sock *sk, int backlog);
	int (*accept)(struct sock *sk, struct sock **ret);
	int64_t (*send)(struct sock *sk, struct sock_msg *msg);
	int64_t (*recv)(struct sock *sk, struct sock_msg *msg);
	int (*shutdown)(struct sock *sk, int how);
	void (*close)(struct sock *sk);
	uint32_t (*poll)(const struct sock *sk);
	int (*setopt)(struct sock *sk, int level, int name, const void *val, uint32_t len);
	int (*getopt)(struct sock *sk, int level, int name, void *val, uint32_t *len);
	void (*changed)(struct sock *sk, int name);
	bool (*has_peer)(const struct sock *sk);
	int (*inq)(const struct sock *sk, uint32_t *ret);
	int (*outq)(const struct sock *sk, uint32_t *ret);
	int (*outq_unsent)(const struct sock *sk, uint32_t *ret);
	int (*at_mark)(const struct sock *sk);
	/* Zero copy, streams only; NULL where it is not done. */
	int64_t (*send_block)(struct sock *sk, struct pbuf_block *block, uint32_t off,
			      uint32_t len);
	int (*view)(struct sock *sk, struct pbuf_frag *ret, unsigned int n);
	int (*consume)(struct sock *sk, uint32_t len);
};

/* SO_RCVBUF and SO_SNDBUF of a new socket: net.core.rmem_default, wmem_default. */
#define SOCK_BUF_DEFAULT 212992

/* Fields of a new socket: defaults of all but id. */
void sock_init(struct sock *sk, const struct sock_type *type, bool is_ip6);

/* What all packets of a socket to @f->dst have in common: source, interface, mark, TOS, TTL (of
 * the family of @f->dst), permissions.  Other fields of @f are 0.
 */
void sock_flow(const struct sock *sk, struct ip_flow *f, struct ip6_addr dst);

/* No address: :: or ::ffff:0.0.0.0. */
static inline bool sock_addr_is_any(struct ip6_addr a)
{
	return a.hi == 0 && (a.lo == 0 || a.lo == UINT64_C(0xffff) << 32);
}

/* The sockets that share this one's port by a wildcard address may have packets of that
 * family: AF_INET6 has IPv4 unless IPV6_V6ONLY.
 */
static inline bool sock_takes_family(const struct sock *sk, bool is_ip4)
{
	if (!sk->is_ip6)
		return is_ip4;
	if (ip6_addr_is_unspecified(sk->laddr))
		return !is_ip4 || !(sk->flags & SOCK_V6ONLY);
	return ip6_addr_is_mapped(sk->laddr) == is_ip4;
}

/* There is news: @events are bits that became true in this moment (EPOLLIN for new data …), or
 * SOCK_WAKE_STATE.  May be called any number of times in a turn.
 */
static inline void sock_wake(struct core *core, struct sock *sk, uint32_t events)
{
	core->news++;
	if (!sk->items && !sk->notify)
		return; /* who calls and waits looks by himself */
	sk->events |= events;
	if (sk->flags & SOCK_LISTED)
		return;
	sk->flags |= SOCK_LISTED;
	sk->woken = core->woken;
	core->woken = sk;
}

/* The object goes away: it is in no list any more. */
void sock_forget(struct core *core, struct sock *sk);

/* Take the pending error: as a negative errno, 0 for none. */
static inline int sock_take_error(struct sock *sk)
{
	int e = sk->error;

	sk->error = 0;
	return -e;
}

#endif /* NETSTACK_TRANSPORT_SOCK_H */
