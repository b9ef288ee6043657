/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net.c - sockets in the states that sections start with
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/attach/sockdiff.h"

/* A step that is no check failed. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	say("setup", "%s: %s", what, err_name(errno));
	_exit(2);
}

socklen_t addr_len(const union addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

uint16_t addr_port(const union addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

union addr addr_with(const union addr *a, uint16_t port)
{
	union addr r = *a;

	if (r.sa.sa_family == AF_INET)
		r.in.sin_port = htons(port);
	else
		r.in6.sin6_port = htons(port);
	return r;
}

union addr addr_any(int family, uint16_t port)
{
	const union addr a = { .ss.ss_family = (sa_family_t)family };

	return addr_with(&a, port);
}

union addr addr_loopback(int family, uint16_t port)
{
	union addr a = addr_any(family, port);

	if (family == AF_INET)
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.in6.sin6_addr = in6addr_loopback;
	return a;
}

int connect_to(int fd, const union addr *a)
{
	return connect(fd, &a->sa, addr_len(a));
}

void nonblock(int fd, bool on)
{
	const int flags = fcntl(fd, F_GETFL);

	must(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0, "O_NONBLOCK");
}

void linger(int fd, int on, int seconds)
{
	const struct linger l = { .l_onoff = on, .l_linger = seconds };

	/* On any socket. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

int tcp_socket(const struct env *e)
{
	const int fd = socket(e->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	return fd;
}

int peer_listen(const struct env *e, union addr *ret)
{
	const struct answer a = ask(e, ASK_LISTEN, 0, 128);

	errno = (int)-a.r;
	must(a.r >= 0, "peer listens");
	*ret = addr_with(&e->to, a.port);
	return (int)a.r;
}

int tcp_pair(const struct env *e, int *ret_slot)
{
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);
	struct answer a;

	must(connect_to(fd, &to) == 0, "connect");
	a = ask(e, ASK_ACCEPT, l, 0);
	errno = (int)-a.r;
	must(a.r >= 0, "peer accepts");
	(void)ask(e, ASK_CLOSE, l, 0); /* used once */
	*ret_slot = (int)a.r;
	return fd;
}

union addr own_addr(const struct env *e)
{
	union addr a;
	socklen_t len = sizeof(a);
	const int fd = socket(e->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const union addr to = addr_with(&e->to, 9);

	must(fd >= 0 && connect_to(fd, &to) == 0, "own address");
	must(getsockname(fd, &a.sa, &len) == 0, "own address");
	(void)close(fd); /* nothing was sent */
	return addr_with(&a, 0);
}

int tcp_listener(const struct env *e, int backlog, union addr *ret)
{
	const union addr any = addr_any(e->family, 0), own = own_addr(e);
	const int fd = tcp_socket(e);
	socklen_t len = sizeof(*ret);

	must(bind(fd, &any.sa, addr_len(&any)) == 0, "bind");
	must(listen(fd, backlog) == 0, "listen");
	must(getsockname(fd, &ret->sa, &len) == 0, "getsockname");
	*ret = addr_with(&own, addr_port(ret));
	return fd;
}

int peer_connect(const struct env *e, const union addr *to)
{
	const struct ask q = { .op = ASK_CONNECT, .addr = *to };
	const struct answer a = ask_full(e, &q);

	errno = (int)-a.r;
	must(a.r >= 0, "peer connects");
	return (int)a.r;
}

int tcp_accepted(const struct env *e, int *ret_slot)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at);
	int fd;

	*ret_slot = peer_connect(e, &at);
	fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	must(fd >= 0, "accept");
	(void)close(l); /* used once */
	return fd;
}

union addr closed_port(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to);

	(void)ask(e, ASK_CLOSE, l, 0); /* that is the point */
	return to;
}

int wait_readable(int fd, int n)
{
	int have = 0, rounds = 0;

	do
		must(ioctl(fd, FIONREAD, &have) == 0, "FIONREAD");
	while (have < n && moment(&rounds));
	return have;
}

int wait_sent(int fd)
{
	int left = 0, rounds = 0;

	do
		must(ioctl(fd, SIOCOUTQ, &left) == 0, "SIOCOUTQ");
	while (left > 0 && moment(&rounds));
	return left;
}

ssize_t send_pattern(int fd, size_t len)
{
	static char buf[65536];
	size_t sent = 0;

	while (sent < len) {
		const size_t want = len - sent < sizeof(buf) ? len - sent : sizeof(buf);
		ssize_t n;

		pattern_fill(buf, want, sent);
		n = send(fd, buf, want, MSG_NOSIGNAL);
		if (n < 0)
			return -1;
		sent += (size_t)n;
	}
	return (ssize_t)sent;
}

ssize_t recv_to_end(int fd, uint64_t *ret_hash)
{
	static char buf[65536];
	ssize_t got = 0, n;

	*ret_hash = HASH_INIT;
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		*ret_hash = hash_more(*ret_hash, buf, (size_t)n);
		got += n;
	}
	return n < 0 ? -1 : got;
}

pid_t spawn(int (*fn)(void *arg), void *arg)
{
	const pid_t pid = fork();

	must(pid >= 0, "fork");
	if (!pid)
		_exit(fn(arg));
	return pid;
}

int reap(pid_t pid)
{
	int status = -1, r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
