/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "netstack/socket/socket_priv.h"
#include "netstack/tcp/tcp.h"
#include "netstack/transport/dgram.h"
#include "netstack/transport/raw.h"
#include "netstack/transport/udp.h"

#define TYPE_FLAGS   (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPES        11 /* SOCK_MAX of Linux */
#define PROTOCOL_MAX 255

int socket_get(struct socket_table *t, int fd, struct sock **ret)
{
	struct sock *sk = fdtable_get(&t->fds, fd);

	if (!sk)
		return -EBADF;
	if (socket_is_epoll(sk))
		return -ENOTSOCK;
	*ret = sk;
	return 0;
}

int socket_autobind(struct sock *sk)
{
	if (sk->type->type != SOCK_DGRAM || sk->lport || sk->flags & SOCK_BIND_NO_PORT)
		return 0;
	return sk->type->bind(sk, sk->laddr, 0) < 0 ? -EAGAIN : 0;
}

/* --- descriptors --- */

static int create(struct socket_table *t, bool is_ip6, int type, int protocol, struct sock **ret)
{
	const int icmp = is_ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	switch (type) {
	case SOCK_STREAM:
		if (protocol && protocol != IPPROTO_TCP)
			return -EPROTONOSUPPORT;
		return tcp_socket(t->tcp, is_ip6, ret);
	case SOCK_DGRAM:
		if (protocol == icmp)
			return ping_socket(t->raw, is_ip6, ret);
		if (protocol && protocol != IPPROTO_UDP)
			return -EPROTONOSUPPORT;
		return udp_socket(t->udp, is_ip6, ret);
	case SOCK_RAW:
		return raw_socket(t->raw, is_ip6, protocol, ret);
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static void install(struct socket_table *t, int fd, struct sock *sk, int flags)
{
	sk->fd = fd;
	if (flags & SOCK_NONBLOCK)
		sk->flags |= SOCK_FILE_NONBLOCK;
	socket_hold(sk);
	fdtable_set(&t->fds, fd, sk);
}

int ns_socket(struct netstack *st, int domain, int type, int protocol)
{
	struct socket_table *t = netstack_sockets(st);
	const int kind = type & ~TYPE_FLAGS;
	struct sock *sk;
	int fd, r;

	if (kind < 0 || kind >= TYPES)
		return -EINVAL;
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if (protocol < 0 || protocol > PROTOCOL_MAX)
		return -EINVAL;
	fd = fdtable_reserve(&t->fds, 0);
	if (fd < 0)
		return fd;
	r = create(t, domain == AF_INET6, kind, protocol, &sk);
	if (r < 0)
		return r;
	install(t, fd, sk, type);
	return fd;
}

/* Linux's close() waits, blocking socket or not, until what was written was acknowledged, or the
 * time is over; then it goes on all the same.
 */
static void linger(struct socket_table *t, struct sock *sk)
{
	struct wait w;
	uint32_t left;

	if (sk->type->type != SOCK_STREAM || !(sk->flags & SOCK_LINGER) || !sk->linger_s)
		return;
	if (sk->refs > 1 || !sk->type->inq || sk->type->inq(sk, &left) < 0 || left)
		return; /* not the last one; a listener; data nobody read: a reset */
	(void)sk->type->shutdown(sk, SHUT_WR); /* which close() would do now */
	w = wait_begin(t, sk, sk->linger_s * 1000U, false);
	while (sk->type->outq(sk, &left) == 0 && left)
		if (wait_turn(&w) < 0)
			break;
	wait_end(&w);
}

int ns_close(struct netstack *st, int fd)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk = fdtable_get(&t->fds, fd);

	if (!sk)
		return -EBADF;
	fdtable_clear(&t->fds, fd);
	linger(t, sk);
	socket_put(t, sk);
	return 0;
}

static int dup_from(struct socket_table *t, int fd, uint32_t min)
{
	struct sock *sk = fdtable_get(&t->fds, fd);
	int to;

	if (!sk)
		return -EBADF;
	to = fdtable_reserve(&t->fds, min);
	if (to < 0)
		return to;
	socket_hold(sk);
	fdtable_set(&t->fds, to, sk);
	return to;
}

int ns_dup(struct netstack *st, int fd)
{
	return dup_from(netstack_sockets(st), fd, 0);
}

static void set_nonblock(struct sock *sk, bool on)
{
	sk->flags = on ? sk->flags | SOCK_FILE_NONBLOCK : sk->flags & ~(uint32_t)SOCK_FILE_NONBLOCK;
}

int ns_fcntl(struct netstack *st, int fd, int cmd, int arg)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk = fdtable_get(&t->fds, fd);

	if (!sk)
		return -EBADF;
	switch (cmd) {
	case F_GETFL:
		return O_RDWR | (sk->flags & SOCK_FILE_NONBLOCK ? O_NONBLOCK : 0);
	case F_SETFL:
		set_nonblock(sk, arg & O_NONBLOCK);
		return 0;
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg < 0 || (uint32_t)arg >= t->fds.n_max)
			return -EINVAL;
		return dup_from(t, fd, (uint32_t)arg);
	default:
		return -EINVAL;
	}
}

static int ioctl_u32(int (*fn)(const struct sock *sk, uint32_t *ret), const struct sock *sk,
		     int *arg)
{
	uint32_t v;
	int r;

	if (!fn)
		return -ENOTTY;
	r = fn(sk, &v);
	if (r == 0)
		*arg = (int)v;
	return r;
}

int ns_ioctl(struct netstack *st, int fd, unsigned long request, int *arg)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk = fdtable_get(&t->fds, fd);
	int r;

	if (!sk)
		return -EBADF;
	switch (request) {
	case FIONBIO:
		set_nonblock(sk, *arg);
		return 0;
	case SIOCINQ: /* FIONREAD */
		return ioctl_u32(sk->type->inq, sk, arg);
	case SIOCOUTQ:
		return ioctl_u32(sk->type->outq, sk, arg);
	case SIOCOUTQNSD:
		return ioctl_u32(sk->type->outq_unsent, sk, arg);
	case SIOCATMARK:
		r = sk->type->at_mark ? sk->type->at_mark(sk) : -ENOTTY;
		if (r < 0)
			return r;
		*arg = r;
		return 0;
	default:
		return -ENOTTY;
	}
}

int ns_set_error(struct netstack *st, int fd, int error)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r == 0)
		sk->error = (int16_t)error;
	return r;
}

/* --- addresses --- */

static bool is_group(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) ? ip4_addr_is_multicast((uint32_t)a.lo)
				     : ip6_addr_is_multicast(a);
}

/* What no stream can be connected to. */
static bool is_many(const struct socket_table *t, struct ip6_addr a)
{
	return is_group(a) ||
	       (ip6_addr_is_mapped(a) && ip_addr_type(t->net, a, 0) == IP_ADDR_BROADCAST);
}

/* A link-local address says on which link: the socket is then bound to it. */
static int apply_scope(struct socket_table *t, struct sock *sk, const struct sock_addr *a,
		       bool may_change)
{
	uint32_t oif = sk->oif;

	if (!addr_needs_scope(a->addr))
		return 0;
	if (a->scope) {
		if (oif && oif != a->scope && !may_change)
			return -EINVAL;
		oif = a->scope;
	}
	if (!oif && is_group(a->addr) && sk->type->type != SOCK_STREAM)
		oif = dgram_of(sk)->mcast_if6;
	if (!oif)
		return -EINVAL;
	if (!iface_get(net_ifaces(t->net), oif))
		return may_change ? -ENODEV : -ENETUNREACH;
	if (oif == sk->oif)
		return 0;
	sk->oif = (uint16_t)oif;
	if (sk->type->changed)
		sk->type->changed(sk, SO_BINDTODEVICE);
	return 0;
}

/* Bound to an address of IPv6 it has nothing to do with IPv4 any more: IPV6_V6ONLY is on. */
static int bind_to(struct sock *sk, const struct sock_addr *a)
{
	const uint32_t v6only = sk->flags & SOCK_V6ONLY;
	int r;

	if (sk->is_ip6 && !sock_addr_is_any(a->addr) && !ip6_addr_is_mapped(a->addr))
		sk->flags |= SOCK_V6ONLY;
	r = sk->type->bind(sk, a->addr, a->port);
	if (r < 0)
		sk->flags = (sk->flags & ~(uint32_t)SOCK_V6ONLY) | v6only;
	return r;
}

int ns_bind(struct netstack *st, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct socket_table *t = netstack_sockets(st);
	const uint32_t nonlocal = SOCK_FREEBIND | SOCK_TRANSPARENT;
	struct sock_addr a;
	struct sock *sk;
	int r = socket_get(t, fd, &sk);

	if (r < 0)
		return r;
	r = addr_read(sk, ADDR_BIND, addr, len, &a);
	if (r < 0)
		return r;
	if (sk->is_ip6) {
		if (ip6_addr_is_multicast(a.addr) && sk->type->type == SOCK_STREAM)
			return -EINVAL;
		if (sk->flags & SOCK_HAS_PORT)
			return -EINVAL; /* bound already: before the address is looked at */
		r = apply_scope(t, sk, &a, true);
		if (r < 0)
			return r;
	}
	if (!sock_addr_is_any(a.addr) && !(sk->flags & nonlocal)) {
		r = ip_addr_check_bind(t->net, a.addr, sk->oif);
		if (r < 0)
			return r;
	}
	return bind_to(sk, &a);
}

/* @r is what connect() said: under way, then we may have to wait. */
static int connect_wait(struct socket_table *t, struct sock *sk, int r)
{
	struct wait w;

	if (r != -EINPROGRESS && r != -EALREADY)
		return r;
	w = wait_begin(t, sk, sk->sndtimeo_ms, sk->flags & SOCK_FILE_NONBLOCK);
	for (;;) {
		const int first = r;
		const int woken = wait_turn(&w);

		if (woken < 0) {
			r = woken == -EAGAIN ? first : woken;
			break;
		}
		r = sk->type->connect_state(sk);
		if (r != -EALREADY)
			break;
		r = first;
	}
	wait_end(&w);
	return r;
}

int ns_connect(struct netstack *st, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock_addr a;
	struct sock *sk;
	int r = socket_get(t, fd, &sk);

	if (r < 0)
		return r;
	if (!addr || addr_is_short(len))
		return -EINVAL;
	if (addr_is_unspec(addr, len))
		return sk->type->connect(sk, IP6_UNSPECIFIED, 0);
	if (sk->type->connect_state) {
		r = sk->type->connect_state(sk);
		if (r <= 0)
			return connect_wait(t, sk, r);
	}
	r = socket_autobind(sk);
	if (r < 0)
		return r;
	r = addr_read(sk, ADDR_CONNECT, addr, len, &a);
	if (r < 0)
		return r;
	if (sk->type->type == SOCK_STREAM && is_many(t, a.addr))
		return -ENETUNREACH;
	r = apply_scope(t, sk, &a, false);
	if (r < 0)
		return r;
	a.addr = addr_of_nobody(sk, a.addr);
	r = addr_check_family(t, sk, a.addr);
	if (r == 0)
		r = sk->type->connect(sk, a.addr, a.port);
	return connect_wait(t, sk, r);
}

static bool has_peer(const struct sock *sk)
{
	return sk->type->has_peer ? sk->type->has_peer(sk) : sk->rport != 0;
}

int ns_getsockname(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	if (*len > INT32_MAX)
		return -EINVAL;
	addr_write(sk->is_ip6, sk->laddr, sk->lport, sk->oif, addr, len);
	return 0;
}

int ns_getpeername(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	if (!has_peer(sk))
		return -ENOTCONN;
	if (*len > INT32_MAX)
		return -EINVAL;
	addr_write(sk->is_ip6, sk->raddr, sk->rport, sk->oif, addr, len);
	return 0;
}

/* --- connections --- */

int ns_listen(struct netstack *st, int fd, int backlog)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	return sk->type->listen ? sk->type->listen(sk, backlog) : -EOPNOTSUPP;
}

static int accept_one(struct socket_table *t, struct sock *sk, struct sock **ret)
{
	struct wait w = wait_begin(t, sk, sk->rcvtimeo_ms, sk->flags & SOCK_FILE_NONBLOCK);
	int r;

	do {
		r = sk->type->accept(sk, ret);
		if (r != -EAGAIN)
			break;
		r = wait_turn(&w);
	} while (r == 0);
	wait_end(&w);
	return r;
}

int ns_accept4(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk, *child = NULL;
	int to, r = socket_get(t, fd, &sk);

	if (flags & ~TYPE_FLAGS)
		return -EINVAL;
	if (r < 0)
		return r;
	if (!sk->type->accept)
		return -EOPNOTSUPP;
	if (addr && (!len || *len > INT32_MAX))
		return -EINVAL;
	to = fdtable_reserve(&t->fds, 0);
	if (to < 0)
		return to;
	r = accept_one(t, sk, &child);
	if (r < 0)
		return r;
	/* While it waited others may have taken the place. */
	to = fdtable_reserve(&t->fds, 0);
	if (to < 0) {
		socket_hold(child);
		socket_put(t, child);
		return to;
	}
	install(t, to, child, flags);
	if (addr)
		addr_write(child->is_ip6, child->raddr, child->rport, child->oif, addr, len);
	return to;
}

int ns_shutdown(struct netstack *st, int fd, int how)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk;
	int r = socket_get(t, fd, &sk);

	if (r < 0)
		return r;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	r = sk->type->shutdown(sk, how);
	sock_wake(t->core, sk, SOCK_WAKE_STATE);
	return r;
}
