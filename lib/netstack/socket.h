/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket.h - sockets of an instance: POSIX's calls, by Linux's rules
 *
 * Names, arguments and constants are those of <sys/socket.h>, <netinet/in.h>, <netinet/tcp.h>
 * and <sys/epoll.h>, with the instance before them; results are 0 or a count, or a
 * negative errno.  Descriptors are the instance's own, from 0, the lowest free one first.
 *
 * Blocking: a socket is blocking unless SOCK_NONBLOCK, ns_fcntl() or MSG_DONTWAIT says
 * otherwise, and a blocking call waits by calling netstack_conf.wait() again and again until it
 * is done or its timeout (SO_RCVTIMEO, SO_SNDTIMEO) is over.  That function lets the instance
 * have one turn, sleeping before it until there is something to do but not longer than the given
 * time, and returns 0; a negative errno, as -EINTR, ends the call.  Without that function, and
 * in callbacks, all sockets are non-blocking.
 *
 * Calls only queue packets: they leave with the next netstack_advance(), which
 * netstack_deadline() then asks for at once.
 */
#ifndef NETSTACK_SOCKET_H
#define NETSTACK_SOCKET_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct netstack;
struct pbuf_block;
struct pbuf_frag;

/* AF_INET, AF_INET6; SOCK_STREAM, SOCK_DGRAM, SOCK_RAW with SOCK_NONBLOCK; IPPROTO_TCP, _UDP,
 * _ICMP, _ICMPV6 or, raw, any.  -EMFILE, -ENFILE, -EAFNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM
 */
int ns_socket(struct netstack *st, int domain, int type, int protocol);
int ns_bind(struct netstack *st, int fd, const struct sockaddr *addr, socklen_t len);
int ns_listen(struct netstack *st, int fd, int backlog);
int ns_accept4(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len, int flags);
int ns_connect(struct netstack *st, int fd, const struct sockaddr *addr, socklen_t len);
int ns_shutdown(struct netstack *st, int fd, int how);
int ns_close(struct netstack *st, int fd);

ssize_t ns_read(struct netstack *st, int fd, void *buf, size_t len);
ssize_t ns_write(struct netstack *st, int fd, const void *buf, size_t len);
ssize_t ns_readv(struct netstack *st, int fd, const struct iovec *iov, int n);
ssize_t ns_writev(struct netstack *st, int fd, const struct iovec *iov, int n);
ssize_t ns_recv(struct netstack *st, int fd, void *buf, size_t len, int flags);
ssize_t ns_send(struct netstack *st, int fd, const void *buf, size_t len, int flags);
ssize_t ns_recvfrom(struct netstack *st, int fd, void *buf, size_t len, int flags,
		    struct sockaddr *addr, socklen_t *addr_len);
ssize_t ns_sendto(struct netstack *st, int fd, const void *buf, size_t len, int flags,
		  const struct sockaddr *addr, socklen_t addr_len);
ssize_t ns_recvmsg(struct netstack *st, int fd, struct msghdr *msg, int flags);
ssize_t ns_sendmsg(struct netstack *st, int fd, const struct msghdr *msg, int flags);

int ns_getsockopt(struct netstack *st, int fd, int level, int name, void *val, socklen_t *len);
int ns_setsockopt(struct netstack *st, int fd, int level, int name, const void *val, socklen_t len);
int ns_getsockname(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len);
int ns_getpeername(struct netstack *st, int fd, struct sockaddr *addr, socklen_t *len);

/* F_GETFL and F_SETFL (O_NONBLOCK); F_DUPFD */
int ns_fcntl(struct netstack *st, int fd, int cmd, int arg);

/* FIONREAD, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO */
int ns_ioctl(struct netstack *st, int fd, unsigned long request, int *arg);

/* Another descriptor of the same socket. */
int ns_dup(struct netstack *st, int fd);

/* --- waiting --- */

/* @timeout_ms 0 looks, -1 waits for ever; waiting needs netstack_conf.wait(). */
int ns_poll(struct netstack *st, struct pollfd *fds, unsigned int n, int timeout_ms);

/* epoll sets are descriptors too, and may be in others (to a depth of 5, without loops). */
int ns_epoll_create(struct netstack *st);
int ns_epoll_ctl(struct netstack *st, int epfd, int op, int fd, const struct epoll_event *ev);
int ns_epoll_wait(struct netstack *st, int epfd, struct epoll_event *ret, int n, int timeout_ms);

/* --- beyond POSIX: for front ends --- */

/**
 * ns_set_notify() - Be called when there is news
 * @fn:		With the bits of poll() that became true (each time again when more data comes:
 *		edges); from within netstack_input() and netstack_advance() only, when
 *		everything else is done.  It may make any call to sockets.  NULL for nobody
 */
int ns_set_notify(struct netstack *st, int fd, void (*fn)(void *arg, int fd, uint32_t events),
		  void *arg);

/* SO_ERROR is @error (positive), for the next call to tell. */
int ns_set_error(struct netstack *st, int fd, int error);

/**
 * ns_send_block() - Send without a copy (streams)
 * @block:	Its bytes stay as they are until its last reference is gone: the stack takes
 *		one of its own (pbuf_block_wrap() for memory of the caller, with a callback)
 *
 * Return: bytes taken, -EAGAIN when the send buffer is full, or an error of send()
 */
ssize_t ns_send_block(struct netstack *st, int fd, struct pbuf_block *block, uint32_t off,
		      uint32_t len);

/**
 * ns_view() - Look at received bytes where they are (streams)
 * @ret:	Up to @n pieces, in order, valid until the next call for this socket; take a
 *		reference of a block in order to keep it
 *
 * Return: number of pieces, 0 at the end of the stream, -EAGAIN
 */
int ns_view(struct netstack *st, int fd, struct pbuf_frag *ret, unsigned int n);

/* What was looked at is done with: @len bytes leave the receive buffer. */
int ns_consume(struct netstack *st, int fd, uint32_t len);

#endif /* NETSTACK_SOCKET_H */
