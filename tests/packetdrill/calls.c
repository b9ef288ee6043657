/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * calls.c - packetdrill's table
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "netstack/core/timer.h"
#include "netstack/socket.h"

#define NS_PER_US UINT64_C(1000)
#define POLL_MAX  64

/* Results are errno's negative in the stack, -1 and errno here. */
static ssize_t result(ssize_t r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

/* A call is made with the lock and ends with what it queued being sent. */
#define CALL(a, expr)                                                                              \
	({                                                                                         \
		ssize_t call_;                                                                     \
		adapter_enter(a);                                                                  \
		call_ = (expr);                                                                    \
		adapter_leave(a);                                                                  \
		result(call_);                                                                     \
	})

/* --- sockets --- */

static int pd_socket(void *ud, int domain, int type, int protocol)
{
	struct adapter *a = ud;
	int fd;

	adapter_enter(a);
	if (a->sysctls)
		sysctls_apply(a->sysctls, netstack_tcp_params(a->st), netstack_ip_params(a->st));
	fd = ns_socket(a->st, domain, type, protocol);
	if (fd >= 0) {
		fd = adapter_fd_new(a, fd);
		adapter_leave(a);
		return fd;
	}
	adapter_leave(a);
	return (int)result(fd);
}

static int pd_bind(void *ud, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_bind(a->st, adapter_fd(a, fd), addr, len));
}

static int pd_listen(void *ud, int fd, int backlog)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_listen(a->st, adapter_fd(a, fd), backlog));
}

static int pd_accept(void *ud, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct adapter *a = ud;
	int r;

	adapter_enter(a);
	r = ns_accept4(a->st, adapter_fd(a, fd), addr, len, 0);
	if (r >= 0) {
		r = adapter_fd_new(a, r);
		adapter_leave(a);
		return r;
	}
	adapter_leave(a);
	return (int)result(r);
}

static int pd_connect(void *ud, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_connect(a->st, adapter_fd(a, fd), addr, len));
}

static ssize_t pd_read(void *ud, int fd, void *buf, size_t len)
{
	struct adapter *a = ud;

	return CALL(a, ns_read(a->st, adapter_fd(a, fd), buf, len));
}

static ssize_t pd_readv(void *ud, int fd, const struct iovec *iov, int n)
{
	struct adapter *a = ud;

	return CALL(a, ns_readv(a->st, adapter_fd(a, fd), iov, n));
}

static ssize_t pd_recv(void *ud, int fd, void *buf, size_t len, int flags)
{
	struct adapter *a = ud;

	return CALL(a, ns_recv(a->st, adapter_fd(a, fd), buf, len, flags));
}

static ssize_t pd_recvfrom(void *ud, int fd, void *buf, size_t len, int flags,
			   struct sockaddr *addr, socklen_t *addr_len)
{
	struct adapter *a = ud;

	return CALL(a, ns_recvfrom(a->st, adapter_fd(a, fd), buf, len, flags, addr, addr_len));
}

static ssize_t pd_recvmsg(void *ud, int fd, struct msghdr *msg, int flags)
{
	struct adapter *a = ud;

	return CALL(a, ns_recvmsg(a->st, adapter_fd(a, fd), msg, flags));
}

static ssize_t pd_write(void *ud, int fd, const void *buf, size_t len)
{
	struct adapter *a = ud;

	return CALL(a, ns_write(a->st, adapter_fd(a, fd), buf, len));
}

static ssize_t pd_writev(void *ud, int fd, const struct iovec *iov, int n)
{
	struct adapter *a = ud;

	return CALL(a, ns_writev(a->st, adapter_fd(a, fd), iov, n));
}

static ssize_t pd_send(void *ud, int fd, const void *buf, size_t len, int flags)
{
	struct adapter *a = ud;

	return CALL(a, ns_send(a->st, adapter_fd(a, fd), buf, len, flags));
}

static ssize_t pd_sendto(void *ud, int fd, const void *buf, size_t len, int flags,
			 const struct sockaddr *addr, socklen_t addr_len)
{
	struct adapter *a = ud;

	return CALL(a, ns_sendto(a->st, adapter_fd(a, fd), buf, len, flags, addr, addr_len));
}

static ssize_t pd_sendmsg(void *ud, int fd, const struct msghdr *msg, int flags)
{
	struct adapter *a = ud;

	return CALL(a, ns_sendmsg(a->st, adapter_fd(a, fd), msg, flags));
}

static int pd_fcntl(void *ud, int fd, int cmd, ...)
{
	struct adapter *a = ud;
	va_list ap;
	int arg;

	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	return (int)CALL(a, ns_fcntl(a->st, adapter_fd(a, fd), cmd, arg));
}

static int pd_ioctl(void *ud, int fd, unsigned long request, ...)
{
	struct adapter *a = ud;
	va_list ap;
	int *arg;

	va_start(ap, request);
	arg = va_arg(ap, int *);
	va_end(ap);
	return (int)CALL(a, ns_ioctl(a->st, adapter_fd(a, fd), request, arg));
}

static int pd_close(void *ud, int fd)
{
	struct adapter *a = ud;
	const int r = (int)CALL(a, ns_close(a->st, adapter_fd(a, fd)));

	if (r == 0)
		adapter_fd_close(a, fd);
	return r;
}

static int pd_shutdown(void *ud, int fd, int how)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_shutdown(a->st, adapter_fd(a, fd), how));
}

static int pd_getsockopt(void *ud, int fd, int level, int name, void *val, socklen_t *len)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_getsockopt(a->st, adapter_fd(a, fd), level, name, val, len));
}

static int pd_setsockopt(void *ud, int fd, int level, int name, const void *val, socklen_t len)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_setsockopt(a->st, adapter_fd(a, fd), level, name, val, len));
}

static int pd_poll(void *ud, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct adapter *a = ud;
	struct pollfd p[POLL_MAX];
	int r;

	if (n > POLL_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (nfds_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ adapter_fd(a, fds[i].fd), fds[i].events, 0 };
	r = (int)CALL(a, ns_poll(a->st, p, (unsigned int)n, timeout_ms));
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = p[i].revents;
	return r;
}

static int pd_epoll_create(void *ud, int size)
{
	struct adapter *a = ud;
	int fd;

	(void)size; /* means nothing, in Linux either */
	adapter_enter(a);
	fd = ns_epoll_create(a->st);
	if (fd >= 0) {
		fd = adapter_fd_new(a, fd);
		adapter_leave(a);
		return fd;
	}
	adapter_leave(a);
	return (int)result(fd);
}

static int pd_epoll_ctl(void *ud, int epfd, int op, int fd, struct epoll_event *ev)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_epoll_ctl(a->st, adapter_fd(a, epfd), op, adapter_fd(a, fd), ev));
}

static int pd_epoll_wait(void *ud, int epfd, struct epoll_event *ret, int n, int timeout_ms)
{
	struct adapter *a = ud;

	return (int)CALL(a, ns_epoll_wait(a->st, adapter_fd(a, epfd), ret, n, timeout_ms));
}

static int pd_pipe(void *ud, int fds[2])
{
	(void)ud; /* the kernel's pipes are as good as any */
	return pipe(fds);
}

static int pd_splice(void *ud, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
		     unsigned int flags)
{
	(void)ud;
	(void)fd_in;
	(void)off_in;
	(void)fd_out;
	(void)off_out;
	(void)len;
	(void)flags;
	errno = EOPNOTSUPP; /* the stack has no splice() */
	return -1;
}

/* --- device and clock --- */

static int pd_netdev_send(void *ud, const void *buf, size_t len)
{
	struct adapter *a = ud;
	struct pbuf *pb;
	uint8_t *p;

	adapter_enter(a);
	pb = pbuf_alloc_rx(netstack_pool(a->st), 64, (uint32_t)len);
	p = pb ? pbuf_put(pb, (uint32_t)len) : NULL;
	if (!p) {
		pbuf_free(pb);
		adapter_leave(a);
		errno = ENOBUFS;
		return -1;
	}
	memcpy(p, buf, len);
	netstack_input(a->st, a->ifindex, &pb, 1, a->now_ns);
	adapter_settle(a);
	adapter_leave(a);
	return 0;
}

/* There is a packet, or time passes until there is one. */
static void wait_packet(struct adapter *a)
{
	const uint64_t end = a->now_ns + a->limit_ns;

	adapter_settle(a);
	while (!a->out) {
		const uint64_t next = netstack_deadline(a->st);

		if (next == TIMER_NEVER || next > end) {
			(void)fprintf(
				stderr,
				"netstack_packetdrill: no packet within %llu virtual seconds\n",
				(unsigned long long)(a->limit_ns / 1000000000));
			_exit(1);
		}
		adapter_until(a, next);
	}
}

static int pd_netdev_receive(void *ud, void *buf, size_t *len, long long *usec)
{
	struct adapter *a = ud;
	struct out_packet *p;

	adapter_enter(a);
	wait_packet(a);
	p = a->out;
	a->out = p->next;
	if (!a->out)
		a->out_last = &a->out;
	adapter_leave(a);
	if (p->len > *len) {
		free(p);
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(buf, p->bytes, p->len);
	*len = p->len;
	*usec = (long long)(p->at_ns / NS_PER_US);
	free(p);
	return 0;
}

static int pd_usleep(void *ud, useconds_t usec)
{
	struct adapter *a = ud;

	adapter_enter(a);
	adapter_until(a, a->now_ns + usec * NS_PER_US);
	adapter_leave(a);
	return 0;
}

static int pd_gettimeofday(void *ud, struct timeval *tv, struct timezone *tz)
{
	struct adapter *a = ud;
	uint64_t usec;

	(void)tz; /* nobody uses it */
	adapter_enter(a);
	if (pthread_equal(pthread_self(), a->main)) {
		adapter_until(a, a->now_ns + NS_PER_US);
	} else {
		a->holding = false;
		(void)pthread_cond_broadcast(&a->settled); /* cannot fail */
	}
	usec = a->now_ns / NS_PER_US;
	adapter_leave(a);
	*tv = (struct timeval){ (time_t)(usec / 1000000), (suseconds_t)(usec % 1000000) };
	return 0;
}

/* --- the library --- */

static struct adapter *current; /* packetdrill has one */

static void pd_free(void *ud)
{
	current = NULL;
	adapter_free(ud);
}

/* What packetdrill asks the kernel for its "%{ }%": TCP_INFO and two more that only have to be
 * there.
 */
static int getsockopt_of_packetdrill(int fd, int level, int name, void *val, socklen_t *len)
{
	const socklen_t size = *len;
	int r;

	if (!current || adapter_fd(current, fd) < 0)
		return NOT_OURS;
	memset(val, 0, size);
	r = pd_getsockopt(current, fd, level, name, val, len);
	if (r < 0 && (errno != ENOPROTOOPT && errno != EOPNOTSUPP))
		return r;
	*len = size;
	return 0;
}

void adapter_fill_table(struct packetdrill_table *ret, struct adapter *a)
{
	*ret = (struct packetdrill_table){
		.userdata = a,
		.free = pd_free,
		.socket = pd_socket,
		.bind = pd_bind,
		.listen = pd_listen,
		.accept = pd_accept,
		.connect = pd_connect,
		.read = pd_read,
		.readv = pd_readv,
		.recv = pd_recv,
		.recvfrom = pd_recvfrom,
		.recvmsg = pd_recvmsg,
		.write = pd_write,
		.writev = pd_writev,
		.send = pd_send,
		.sendto = pd_sendto,
		.sendmsg = pd_sendmsg,
		.fcntl = pd_fcntl,
		.ioctl = pd_ioctl,
		.close = pd_close,
		.shutdown = pd_shutdown,
		.getsockopt = pd_getsockopt,
		.setsockopt = pd_setsockopt,
		.poll = pd_poll,
		.netdev_send = pd_netdev_send,
		.netdev_receive = pd_netdev_receive,
		.usleep = pd_usleep,
		.gettimeofday = pd_gettimeofday,
		.epoll_create = pd_epoll_create,
		.epoll_ctl = pd_epoll_ctl,
		.epoll_wait = pd_epoll_wait,
		.pipe = pd_pipe,
		.splice = pd_splice,
	};
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct packetdrill_table *ret)
{
	void (*reg)(getsockopt_fn * fn);

	current = adapter_new(flags);
	if (!current)
		exit(1); /* there is no way to say no */
	adapter_fill_table(ret, current);
	*(void **)&reg = dlsym(RTLD_DEFAULT, "netstack_packetdrill_register");
	if (reg)
		reg(getsockopt_of_packetdrill);
}
