/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * api_kernel.c - the kernel's sockets
 */
#include <errno.h>
#include <unistd.h>

#include "tests/stack/peer.h"

static ssize_t result(ssize_t r)
{
	return r < 0 ? -errno : r;
}

static int k_socket(int domain, int type, int protocol)
{
	return (int)result(socket(domain, type | SOCK_CLOEXEC, protocol));
}

static int k_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)result(bind(fd, addr, len));
}

static int k_listen(int fd, int backlog)
{
	return (int)result(listen(fd, backlog));
}

static int k_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)result(accept4(fd, addr, len, SOCK_CLOEXEC));
}

static int k_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)result(connect(fd, addr, len));
}

static int k_shutdown(int fd, int how)
{
	return (int)result(shutdown(fd, how));
}

static int k_close(int fd)
{
	return (int)result(close(fd));
}

static ssize_t k_send(int fd, const void *buf, size_t len, int flags)
{
	return result(send(fd, buf, len, flags | MSG_NOSIGNAL));
}

static ssize_t k_recv(int fd, void *buf, size_t len, int flags)
{
	return result(recv(fd, buf, len, flags));
}

static ssize_t k_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return result(recvmsg(fd, msg, flags));
}

static ssize_t k_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return result(sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

static int k_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return (int)result(setsockopt(fd, level, name, val, len));
}

static int k_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)result(getsockopt(fd, level, name, val, len));
}

static int k_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)result(getsockname(fd, addr, len));
}

static int k_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)result(getpeername(fd, addr, len));
}

static int k_atmark(int fd)
{
	return (int)result(sockatmark(fd));
}

static int k_poll(struct pollfd *fds, unsigned int n, int timeout_ms)
{
	return (int)result(poll(fds, n, timeout_ms));
}

const struct api api_kernel = {
	.socket = k_socket,
	.bind = k_bind,
	.listen = k_listen,
	.accept = k_accept,
	.connect = k_connect,
	.shutdown = k_shutdown,
	.close = k_close,
	.send = k_send,
	.recv = k_recv,
	.recvmsg = k_recvmsg,
	.sendmsg = k_sendmsg,
	.setsockopt = k_setsockopt,
	.getsockopt = k_getsockopt,
	.getsockname = k_getsockname,
	.getpeername = k_getpeername,
	.atmark = k_atmark,
	.poll = k_poll,
};
