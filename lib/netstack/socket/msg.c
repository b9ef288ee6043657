/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The calls that send and receive.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>

#include "netstack/socket.h"
#include "netstack/socket/socket_priv.h"

#define IOV_N_MAX 1024 /* UIO_MAXIOV of Linux */

struct sock_msg msg_init(const struct iovec *iov, size_t n, int flags)
{
	return (struct sock_msg){
		.iov = iov,
		.n_iov = n,
		.flags = flags,
		.ttl = -1,
		.tos = -1,
		.dont_frag = -1,
	};
}

static int check_iov(const struct iovec *iov, size_t n)
{
	uint64_t total = 0;

	if (n > IOV_N_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return -EINVAL;
		total += iov[i].iov_len;
	}
	return 0;
}

/* Where to, of a socket that looks at it: a stream does not.  AF_UNSPEC to an AF_INET6 socket
 * is as if there were none.
 */
static int read_dest(const struct socket_table *t, struct sock *sk, const struct sockaddr *addr,
		     socklen_t len, struct sock_msg *msg)
{
	struct sock_addr a;
	int r;

	if (!addr || sk->type->type == SOCK_STREAM)
		return 0;
	if (sk->type->type == SOCK_RAW && !sk->is_ip6 && !len)
		return 0; /* there Linux looks at the length */
	if (len > SOCKADDR_MAX)
		return -EINVAL;
	r = socket_autobind(sk);
	if (r < 0)
		return r;
	if (sk->is_ip6 && sk->type->protocol == IPPROTO_UDP && addr_is_unspec(addr, len))
		return 0;
	r = addr_read(sk, ADDR_SEND, addr, len, &a);
	if (r < 0)
		return r;
	a.addr = addr_of_nobody(sk, a.addr);
	r = addr_check_family(t, sk, a.addr);
	if (r < 0)
		return r;
	if (a.scope && sk->type->type != SOCK_RAW && !iface_get(net_ifaces(t->net), a.scope))
		return -ENETUNREACH;
	msg->has_addr = true;
	msg->addr = a.addr;
	msg->port = a.port;
	msg->ifindex = a.scope;
	return 0;
}

static ssize_t send_iov(struct netstack *st, int fd, const struct iovec *iov, size_t n, int flags,
			const struct sockaddr *addr, socklen_t addr_len)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock_msg msg = msg_init(iov, n, flags);
	struct sock *sk;
	int r = socket_get(t, fd, &sk);

	if (r == 0)
		r = check_iov(iov, n);
	if (r == 0)
		r = read_dest(t, sk, addr, addr_len, &msg);
	return r < 0 ? r : socket_send(t, sk, &msg);
}

static ssize_t recv_iov(struct netstack *st, int fd, const struct iovec *iov, size_t n, int flags,
			struct sockaddr *addr, socklen_t *addr_len)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock_msg msg = msg_init(iov, n, flags);
	struct sock *sk;
	int64_t got;
	int r = socket_get(t, fd, &sk);

	if (r == 0)
		r = check_iov(iov, n);
	if (r == 0 && addr && (!addr_len || *addr_len > INT32_MAX))
		r = -EINVAL;
	if (r < 0)
		return r;
	socket_hold(sk);
	got = socket_recv(t, sk, &msg);
	if (got >= 0 && addr) {
		if (msg.has_addr)
			addr_write(sk->is_ip6, msg.addr, msg.port, msg.ifindex, addr, addr_len);
		else
			*addr_len = 0;
	}
	socket_put(t, sk);
	return got;
}

ssize_t ns_sendmsg(struct netstack *st, int fd, const struct msghdr *m, int flags)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock_msg msg = msg_init(m->msg_iov, m->msg_iovlen, flags);
	struct sock *sk;
	int r = socket_get(t, fd, &sk);

	if (r == 0)
		r = check_iov(m->msg_iov, m->msg_iovlen);
	if (r == 0)
		r = read_dest(t, sk, m->msg_name, m->msg_namelen, &msg);
	if (r == 0 && m->msg_controllen)
		r = cmsg_read(sk, m, &msg);
	return r < 0 ? r : socket_send(t, sk, &msg);
}

ssize_t ns_recvmsg(struct netstack *st, int fd, struct msghdr *m, int flags)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock_msg msg = msg_init(m->msg_iov, m->msg_iovlen, flags);
	struct sock_err err = { 0 };
	struct sock *sk;
	int64_t got;
	int r = socket_get(t, fd, &sk);

	if (r == 0)
		r = check_iov(m->msg_iov, m->msg_iovlen);
	if (r < 0)
		return r;
	msg.err = flags & MSG_ERRQUEUE ? &err : NULL;
	socket_hold(sk);
	got = socket_recv(t, sk, &msg);
	if (got >= 0) {
		m->msg_flags = msg.flags;
		if (m->msg_name && msg.has_addr)
			addr_write(sk->is_ip6, msg.addr, msg.port, msg.ifindex, m->msg_name,
				   &m->msg_namelen);
		else
			m->msg_namelen = 0;
		cmsg_write(t, sk, &msg, m);
	}
	socket_put(t, sk);
	return got;
}

ssize_t ns_read(struct netstack *st, int fd, void *buf, size_t len)
{
	return ns_recv(st, fd, buf, len, 0);
}

ssize_t ns_write(struct netstack *st, int fd, const void *buf, size_t len)
{
	return ns_send(st, fd, buf, len, 0);
}

ssize_t ns_readv(struct netstack *st, int fd, const struct iovec *iov, int n)
{
	return n < 0 ? -EINVAL : recv_iov(st, fd, iov, (size_t)n, 0, NULL, NULL);
}

ssize_t ns_writev(struct netstack *st, int fd, const struct iovec *iov, int n)
{
	return n < 0 ? -EINVAL : send_iov(st, fd, iov, (size_t)n, 0, NULL, 0);
}

ssize_t ns_recv(struct netstack *st, int fd, void *buf, size_t len, int flags)
{
	return ns_recvfrom(st, fd, buf, len, flags, NULL, NULL);
}

ssize_t ns_send(struct netstack *st, int fd, const void *buf, size_t len, int flags)
{
	return ns_sendto(st, fd, buf, len, flags, NULL, 0);
}

ssize_t ns_recvfrom(struct netstack *st, int fd, void *buf, size_t len, int flags,
		    struct sockaddr *addr, socklen_t *addr_len)
{
	const struct iovec iov = { buf, len };

	return recv_iov(st, fd, &iov, 1, flags, addr, addr_len);
}

ssize_t ns_sendto(struct netstack *st, int fd, const void *buf, size_t len, int flags,
		  const struct sockaddr *addr, socklen_t addr_len)
{
	/* What is sent is only read, whatever struct iovec says. */
	const struct iovec iov = { (void *)(uintptr_t)buf, len };

	return send_iov(st, fd, &iov, 1, flags, addr, addr_len);
}

/* --- without a copy --- */

ssize_t ns_send_block(struct netstack *st, int fd, struct pbuf_block *block, uint32_t off,
		      uint32_t len)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	if (off > block->size || len > block->size - off)
		return -EINVAL;
	return sk->type->send_block ? sk->type->send_block(sk, block, off, len) : -EOPNOTSUPP;
}

int ns_view(struct netstack *st, int fd, struct pbuf_frag *ret, unsigned int n)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	return sk->type->view ? sk->type->view(sk, ret, n) : -EOPNOTSUPP;
}

int ns_consume(struct netstack *st, int fd, uint32_t len)
{
	struct sock *sk;
	int r = socket_get(netstack_sockets(st), fd, &sk);

	if (r < 0)
		return r;
	return sk->type->consume ? sk->type->consume(sk, len) : -EOPNOTSUPP;
}
