/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * api_ours.c - sockets of an instance of ours
 */
#include <linux/sockios.h>

#include "host/host.h"
#include "netstack/socket.h"
#include "tests/stack/peer.h"

static struct netstack *st;

void api_ours_init(struct host *h)
{
	st = host_stack(h);
}

static int o_socket(int domain, int type, int protocol)
{
	return ns_socket(st, domain, type, protocol);
}

static int o_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return ns_bind(st, fd, addr, len);
}

static int o_listen(int fd, int backlog)
{
	return ns_listen(st, fd, backlog);
}

static int o_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return ns_accept4(st, fd, addr, len, 0);
}

static int o_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return ns_connect(st, fd, addr, len);
}

static int o_shutdown(int fd, int how)
{
	return ns_shutdown(st, fd, how);
}

static int o_close(int fd)
{
	return ns_close(st, fd);
}

static ssize_t o_send(int fd, const void *buf, size_t len, int flags)
{
	return ns_send(st, fd, buf, len, flags);
}

static ssize_t o_recv(int fd, void *buf, size_t len, int flags)
{
	return ns_recv(st, fd, buf, len, flags);
}

static ssize_t o_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return ns_recvmsg(st, fd, msg, flags);
}

static ssize_t o_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return ns_sendmsg(st, fd, msg, flags);
}

static int o_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return ns_setsockopt(st, fd, level, name, val, len);
}

static int o_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return ns_getsockopt(st, fd, level, name, val, len);
}

static int o_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return ns_getsockname(st, fd, addr, len);
}

static int o_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return ns_getpeername(st, fd, addr, len);
}

static int o_atmark(int fd)
{
	int at = 0;
	int r = ns_ioctl(st, fd, SIOCATMARK, &at);

	return r < 0 ? r : at;
}

static int o_poll(struct pollfd *fds, unsigned int n, int timeout_ms)
{
	return ns_poll(st, fds, n, timeout_ms);
}

const struct api api_ours = {
	.socket = o_socket,
	.bind = o_bind,
	.listen = o_listen,
	.accept = o_accept,
	.connect = o_connect,
	.shutdown = o_shutdown,
	.close = o_close,
	.send = o_send,
	.recv = o_recv,
	.recvmsg = o_recvmsg,
	.sendmsg = o_sendmsg,
	.setsockopt = o_setsockopt,
	.getsockopt = o_getsockopt,
	.getsockname = o_getsockname,
	.getpeername = o_getpeername,
	.atmark = o_atmark,
	.poll = o_poll,
};
