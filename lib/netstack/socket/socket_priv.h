/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket_priv.h - descriptors, epoll sets and what the calls of socket.h share
 *
 * For the files of lib/netstack/socket and the instance itself (stack.c), which has a struct
 * socket_table in struct netstack and does four things with it:
 *
 *	netstack_new()	socket_table_init(), when all layers below are there
 *	a turn		socket_run() as the last step of netstack_input() and
 *			netstack_advance(): callbacks; what they queue is sent with the same
 *			turn or the next one
 *	the deadline	socket_pending(): at once
 *	netstack_free()	socket_table_done(), before the layers below
 *
 * A descriptor is a slot with a pointer to a struct sock.  An epoll set is one, too: it has a
 * struct sock of its own type, so it can be in another set, polled, duplicated and closed as
 * any other.
 *
 * From a packet to epoll_wait():
 *
 *	protocol	sock_wake(): the socket is in core.woken
 *	socket_collect() its items in epoll sets are put into those sets' ready lists, and its
 *			callback is noted; called by socket_run() and by whoever is going to
 *			look at a ready list
 *	epoll_wait()	asks the ready ones what poll() would say
 */
#ifndef NETSTACK_SOCKET_SOCKET_PRIV_H
#define NETSTACK_SOCKET_SOCKET_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "netstack/core/core.h"
#include "netstack/core/slab.h"
#include "netstack/net/ip.h"
#include "netstack/transport/sock.h"

struct netstack;
struct raw;
struct tcp;
struct udp;

/**
 * struct fdtable - Descriptors: from 0, the lowest free one first
 * @mem:	Where memory comes from
 * @sk:		Slots, NULL for free ones
 * @used:	A bit for each slot in use
 * @full:	A bit for each word of @used that has no free slot
 * @size:	Slots: a power of two, 64 at least
 * @n:		In use
 * @n_max:	Limit
 * @next:	No slot below it is free
 */
struct fdtable {
	const struct pbuf_mem *mem;
	struct sock **sk;
	uint64_t *used;
	uint64_t *full;
	uint32_t size;
	uint32_t n;
	uint32_t n_max;
	uint32_t next;
};

/**
 * struct epoll_item - A descriptor in an epoll set
 * @ep:		The set
 * @sk:		The socket, or another set
 * @sk_next, @sk_pprev: Of @sk: exclusive ones behind the others
 * @ep_next, @ep_pprev: Of @ep
 * @ready_next, @ready_pprev: Of the ready list of @ep; @ready_pprev NULL while not in it
 * @data:	Of the user
 * @events:	As asked for, with EPOLLERR and EPOLLHUP; without any event it is disabled
 *		(EPOLLONESHOT)
 * @fd:		As added; that and @sk are the key
 * @id:		In the slab
 */
struct epoll_item {
	struct epoll *ep;
	struct sock *sk;
	struct epoll_item *sk_next;
	struct epoll_item **sk_pprev;
	struct epoll_item *ep_next;
	struct epoll_item **ep_pprev;
	struct epoll_item *ready_next;
	struct epoll_item **ready_pprev;
	uint64_t data;
	uint32_t events;
	int32_t fd;
	uint32_t id;
};

/**
 * struct epoll_list - Items in order; a queue
 * @first:	NULL for empty
 * @last:	Where the next one goes
 */
struct epoll_list {
	struct epoll_item *first;
	struct epoll_item **last;
};

/**
 * struct epoll - An epoll set
 * @sk:		First: as a descriptor
 * @t:		Of its instance
 * @items:	All of it
 * @ready:	Those that may have events
 * @n_ready:	How many
 * @n_waiting:	Calls that wait for it now
 * @mark:	Of the search for loops: visited in that round,
 * @depth:	with this result
 */
struct epoll {
	struct sock sk;
	struct socket_table *t;
	struct epoll_item *items;
	struct epoll_list ready;
	uint32_t n_ready;
	uint32_t n_waiting;
	uint32_t mark;
	uint32_t depth;
};

/**
 * struct sock_notify - A callback (ns_set_notify())
 * @sk:		Whose
 * @fn, @arg:	To be called
 * @next, @pprev: Of those that are to be called; @pprev NULL while not among them
 * @events:	News
 * @fd:		Under which it was set
 * @id:		In the slab
 */
struct sock_notify {
	struct sock *sk;
	void (*fn)(void *arg, int fd, uint32_t events);
	void *arg;
	struct sock_notify *next;
	struct sock_notify **pprev;
	uint32_t events;
	int32_t fd;
	uint32_t id;
};

/**
 * struct socket_table - All that the calls of socket.h work on
 *
 * The first six are filled in before socket_table_init(); they outlive it.
 *
 * @st:		For conf.wait
 * @wait, @wait_arg: Of struct netstack_conf
 * @fds:	Descriptors
 * @epolls, @items, @notifies: Objects
 * @called:	Callbacks to be made
 * @called_last: Where the next one goes
 * @n_called:	How many
 * @calling:	In a callback: it cannot wait
 * @epoll_mark:	Last round of a search for loops
 */
struct socket_table {
	struct netstack *st;
	struct core *core;
	struct net *net;
	struct udp *udp;
	struct raw *raw;
	struct tcp *tcp;
	int (*wait)(void *arg, struct netstack *st, uint64_t deadline_ns);
	void *wait_arg;
	struct fdtable fds;
	struct slab epolls;
	struct slab items;
	struct slab notifies;
	struct sock_notify *called;
	struct sock_notify **called_last;
	uint32_t n_called;
	bool calling;
	uint32_t epoll_mark;
};

/* The table of an instance: stack.c has it. */
struct socket_table *netstack_sockets(struct netstack *st);

/* --- for the instance: run.c --- */

struct netstack_conf;

/* Takes no memory yet.  Of @conf: wait, wait_arg, sockets_max. */
void socket_table_init(struct socket_table *t, const struct netstack_conf *conf);

/* Closes everything.  What protocols queue for it is the instance's to throw away. */
void socket_table_done(struct socket_table *t);

/* The last step of a turn: readiness of epoll sets, callbacks. */
void socket_run(struct socket_table *t);

/* socket_run() has something to do. */
bool socket_pending(const struct socket_table *t);

/* For struct netstack_memory: descriptors, and bytes of tables. */
uint32_t socket_count(const struct socket_table *t);
uint64_t socket_bytes(const struct socket_table *t);

/* What is not in use is given back, but for the table of descriptors. */
void socket_trim(struct socket_table *t);

/* --- run.c, for the others --- */

/* Sockets with news: to the ready lists of their epoll sets, and to the callbacks. */
void socket_collect(struct socket_table *t);

/* Another descriptor or waiting call of a socket. */
static inline void socket_hold(struct sock *sk)
{
	sk->refs++;
}

/* One less; the last one closes it. */
void socket_put(struct socket_table *t, struct sock *sk);

/* --- fdtable.c --- */

void fdtable_init(struct fdtable *ft, const struct pbuf_mem *mem, uint32_t n_max);
void fdtable_done(struct fdtable *ft); /* it is empty */

/* The lowest free descriptor from @min on, without taking it: a slot for it is there.
 * -EMFILE, -ENOMEM
 */
int fdtable_reserve(struct fdtable *ft, uint32_t min);

/* Put a socket there; it is free. */
void fdtable_set(struct fdtable *ft, int fd, struct sock *sk);

/* Free it. */
void fdtable_clear(struct fdtable *ft, int fd);

/* NULL for one that is not open. */
static inline struct sock *fdtable_get(const struct fdtable *ft, int fd)
{
	return (unsigned int)fd < ft->size ? ft->sk[fd] : NULL;
}

uint64_t fdtable_bytes(const struct fdtable *ft);

/* --- wait.c --- */

/**
 * struct wait - A call that may have to wait
 * @t:		Where
 * @sk:		Held while it waits, NULL for none
 * @deadline_ns: When it gives up; TIMER_NEVER; 0: it does not wait at all
 */
struct wait {
	struct socket_table *t;
	struct sock *sk;
	uint64_t deadline_ns;
};

/* @timeo_ms as SO_RCVTIMEO; @dont: MSG_DONTWAIT, or the socket is non-blocking. */
struct wait wait_begin(struct socket_table *t, struct sock *sk, uint32_t timeo_ms, bool dont);

/* Let the instance run once.  0: look again; -EAGAIN: no waiting, or time is over; what
 * conf.wait said.
 */
int wait_turn(struct wait *w);

/* Must follow. */
void wait_end(struct wait *w);

/* --- addr.c: struct sockaddr --- */

#define SOCKADDR_MAX ((socklen_t)sizeof(struct sockaddr_storage))

/* No family in it, or longer than any: refused before anything is looked at. */
static inline bool addr_is_short(socklen_t len)
{
	return len < sizeof(sa_family_t) || len > SOCKADDR_MAX;
}

/* What an address is for: they differ in what they accept. */
enum addr_use {
	ADDR_BIND,
	ADDR_CONNECT,
	ADDR_SEND,
};

/**
 * struct sock_addr - A struct sockaddr, read
 * @addr:	IPv4 mapped; unspecified is :: (::ffff:0.0.0.0 when given so to AF_INET6)
 * @port:	Host byte order
 * @scope:	sin6_scope_id of a link-local address, else 0
 */
struct sock_addr {
	struct ip6_addr addr;
	uint16_t port;
	uint32_t scope;
};

/* -EINVAL (too short, wrong scope), -EAFNOSUPPORT, as Linux has them for a socket of this
 * kind.
 */
int addr_read(const struct sock *sk, enum addr_use use, const struct sockaddr *sa, socklen_t len,
	      struct sock_addr *ret);

/* connect() to it ends a connection; sendto() to it is send(), of AF_INET6. */
bool addr_is_unspec(const struct sockaddr *sa, socklen_t len);

/* Whom a socket talks to at this address: nobody's, 0.0.0.0 or ::, is this host. */
struct ip6_addr addr_of_nobody(const struct sock *sk, struct ip6_addr addr);

/* May a socket talk to that address?  -ENETUNREACH, -EAFNOSUPPORT */
int addr_check_family(const struct socket_table *t, const struct sock *sk, struct ip6_addr addr);

/* Link-local addresses are of a link. */
bool addr_needs_scope(struct ip6_addr a);

/* As the family of the socket has it; *@len is the room, then the length: it may be larger. */
void addr_write(bool is_ip6, struct ip6_addr addr, uint16_t port, uint32_t scope,
		struct sockaddr *sa, socklen_t *len);

/* --- socket.c --- */

/* The socket of a descriptor.  -EBADF; -ENOTSOCK for an epoll set. */
int socket_get(struct socket_table *t, int fd, struct sock **ret);

/* A datagram socket that sends or connects gets a port first, even if nothing comes of it. */
int socket_autobind(struct sock *sk);

/* --- stream.c, msg.c, cmsg.c: data --- */

/* Send and receive with all there is; a stream goes on until all is done or it may not wait. */
int64_t socket_send(struct socket_table *t, struct sock *sk, struct sock_msg *msg);
int64_t socket_recv(struct socket_table *t, struct sock *sk, struct sock_msg *msg);

/* A message without anything special. */
struct sock_msg msg_init(const struct iovec *iov, size_t n, int flags);

/* What the user wants, of msg_control.  -EINVAL */
int cmsg_read(const struct sock *sk, const struct msghdr *m, struct sock_msg *ret);

/* What the user asked for, into msg_control; sets msg_controllen and MSG_CTRUNC in msg_flags. */
void cmsg_write(struct socket_table *t, const struct sock *sk, const struct sock_msg *msg,
		struct msghdr *m);

/* --- epoll.c --- */

extern const struct sock_type epoll_type;

static inline bool socket_is_epoll(const struct sock *sk)
{
	return sk->type == &epoll_type;
}

static inline struct epoll *epoll_of(struct sock *sk)
{
	return (struct epoll *)(void *)sk; /* which socket_is_epoll() */
}

/* News of a socket: its items become ready.  @events as of sock_wake(). */
void epoll_wake(struct sock *sk, uint32_t events);

/* The socket goes: it is in no set any more. */
void epoll_forget(struct socket_table *t, struct sock *sk);

/* --- epoll_nest.c --- */

/* May a set be put into another one?  Not when that made a loop or a chain that is too long. */
bool epoll_may_nest(struct socket_table *t, struct epoll *ep, struct epoll *into);

/* Of a socket, or one in or below a set. */
bool epoll_has_too_many_paths(struct socket_table *t, struct sock *sk);

/* --- notify.c --- */

/* To be called with @events when the turn is over. */
void notify_wake(struct socket_table *t, struct sock_notify *n, uint32_t events);
void notify_free(struct socket_table *t, struct sock *sk);

/* Make the calls that are due. */
void notify_run(struct socket_table *t);

#endif /* NETSTACK_SOCKET_SOCKET_PRIV_H */
