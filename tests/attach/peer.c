/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.c - the other side
 *
 * A session is a process with numbered sockets, and a connection over which it is told what to do
 * with them, one request and one answer at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

#define SLOTS 1024
#define CHUNK 65536

static int slots[SLOTS];

static int slot_new(int fd)
{
	if (fd < 0)
		return -errno;
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] < 0) {
			slots[i] = fd;
			return i;
		}
	(void)close(fd); /* unused */
	return -ENFILE;
}

static int slot_fd(const struct ask *q)
{
	return q->slot < 0 || q->slot >= SLOTS ? -1 : slots[q->slot];
}

/* For it to be readable or writable. */
static int wait_io(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static uint16_t port_of(int fd)
{
	union addr a;
	socklen_t len = sizeof(a);

	return getsockname(fd, &a.sa, &len) < 0 ? 0 : addr_port(&a);
}

static int64_t do_listen(const struct ask *q, struct answer *ret)
{
	const union addr any = addr_any(q->family, 0);
	int fd = socket(q->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (bind(fd, &any.sa, addr_len(&any)) < 0 || listen(fd, (int)q->n) < 0)) {
		const int err = errno;

		(void)close(fd); /* the error before counts */
		return -err;
	}
	if (fd >= 0)
		ret->port = port_of(fd);
	return slot_new(fd);
}

static int64_t do_accept(const struct ask *q)
{
	const int fd = slot_fd(q);
	int r = wait_io(fd, POLLIN);

	return r < 0 ? r : slot_new(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

static int64_t do_connect(const struct ask *q, struct answer *ret)
{
	const int flags = q->op == ASK_START ? SOCK_NONBLOCK : 0;
	const int fd = socket(q->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = connect(fd, &q->addr.sa, addr_len(&q->addr)) < 0 ? -errno : 0;
	if (r < 0 && !(flags && r == -EINPROGRESS)) {
		(void)close(fd); /* the error before counts */
		return r;
	}
	ret->port = port_of(fd);
	return slot_new(fd);
}

static int64_t do_send(const struct ask *q)
{
	const int fd = slot_fd(q);
	int64_t sent = 0;
	char buf[CHUNK];

	while (sent < q->n) {
		const size_t want = q->n - sent < CHUNK ? (size_t)(q->n - sent) : CHUNK;
		ssize_t n;
		int r;

		pattern_fill(buf, want, (uint64_t)(q->from + sent));
		r = wait_io(fd, POLLOUT);
		if (r < 0)
			return r;
		n = send(fd, buf, want, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0)
			sent += n;
	}
	return sent;
}

static int64_t do_recv(const struct ask *q, struct answer *ret)
{
	const int fd = slot_fd(q);
	int64_t got = 0;
	char buf[CHUNK];

	ret->hash = HASH_INIT;
	while (got < q->n) {
		const size_t want = q->n - got < CHUNK ? (size_t)(q->n - got) : CHUNK;
		ssize_t n;
		int r = wait_io(fd, POLLIN);

		if (r < 0)
			return r;
		n = recv(fd, buf, want, 0);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		ret->hash = hash_more(ret->hash, buf, (size_t)n);
		got += n;
	}
	return got;
}

static int64_t do_close(const struct ask *q)
{
	const int fd = slot_fd(q);

	if (q->op == ASK_RESET)
		linger(fd, 1, 0);
	if (fd >= 0)
		slots[q->slot] = -1;
	return close(fd) < 0 ? -errno : 0;
}

/* All of a descriptor back to it. */
static int64_t echo(int fd)
{
	char buf[CHUNK];

	for (;;) {
		ssize_t n;

		if (wait_io(fd, POLLIN) < 0)
			return -ETIMEDOUT;
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t at = 0; at < n;) {
			const ssize_t m = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL);

			if (m < 0)
				return -errno;
			at += m;
		}
	}
}

/* What one connection has: false when it is over. */
static bool serve_one(int fd)
{
	char buf[4096];
	const ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN;
	/* Requests are small: they fit. */
	return n > 0 && send(fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Connections that are served at the same time: how many there were. */
static int64_t do_serve(const struct ask *q)
{
	const int listener = slot_fd(q), ep = epoll_create1(EPOLL_CLOEXEC);
	int64_t accepted = 0, over = 0;
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener };

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) < 0)
		return -errno;
	while (over < q->n) {
		const int n = epoll_wait(ep, &ev, 1, WAIT_MS);

		if (n <= 0)
			break;
		if (ev.data.fd == listener) {
			ev.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			ev.events = EPOLLIN;
			if (ev.data.fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev) < 0)
				return -errno;
			accepted++;
		} else if (!serve_one(ev.data.fd)) {
			/* Not left to close(): our stack may have its copy for a moment still. */
			(void)epoll_ctl(ep, EPOLL_CTL_DEL, ev.data.fd, NULL);
			(void)close(ev.data.fd); /* whose end has come */
			over++;
		}
	}
	(void)close(ep); /* epoll has no errors left */
	return accepted;
}

static int64_t do_udp(const struct ask *q, struct answer *ret)
{
	const union addr any = addr_any(q->family, 0);
	const int fd = socket(q->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, &any.sa, addr_len(&any)) < 0) {
		(void)close(fd); /* never used */
		return -EADDRINUSE;
	}
	if (fd >= 0)
		ret->port = port_of(fd);
	return slot_new(fd);
}

static int64_t do_datagram(const struct ask *q, struct answer *ret)
{
	const int fd = slot_fd(q);
	char buf[CHUNK];
	union addr from;
	socklen_t len = sizeof(from);
	ssize_t n;

	if (q->op == ASK_SEND_TO) {
		const size_t want = (size_t)q->n % sizeof(buf);

		pattern_fill(buf, want, (uint64_t)q->from);
		n = sendto(fd, buf, want, 0, &q->addr.sa, addr_len(&q->addr));
		return n < 0 ? -errno : n;
	}
	if (wait_io(fd, POLLIN) < 0)
		return -ETIMEDOUT;
	n = recvfrom(fd, buf, sizeof(buf), 0, &from.sa, &len);
	if (n < 0)
		return -errno;
	ret->hash = hash_more(HASH_INIT, buf, (size_t)n);
	ret->port = addr_port(&from);
	return n;
}

static int64_t do_small(const struct ask *q)
{
	const int fd = slot_fd(q), val = (int)q->n;
	const char byte = (char)q->n;
	int64_t r = -1;

	if (q->op == ASK_SHUTDOWN)
		r = shutdown(fd, val);
	else if (q->op == ASK_OOB)
		r = send(fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL);
	else if (q->op == ASK_OPTION)
		r = setsockopt(fd, SOL_SOCKET, (int)q->from, &val, sizeof(val));
	return r < 0 ? -errno : r;
}

static int64_t perform(const struct ask *q, struct answer *ret)
{
	switch (q->op) {
	case ASK_LISTEN:
		return do_listen(q, ret);
	case ASK_ACCEPT:
		return do_accept(q);
	case ASK_CONNECT:
	case ASK_START:
		return do_connect(q, ret);
	case ASK_SEND:
		return do_send(q);
	case ASK_RECV:
		return do_recv(q, ret);
	case ASK_CLOSE:
	case ASK_RESET:
		return do_close(q);
	case ASK_SHUTDOWN:
	case ASK_OOB:
	case ASK_OPTION:
		return do_small(q);
	case ASK_WAIT:
		return poll_mask(slot_fd(q), (unsigned int)q->n);
	case ASK_UDP:
		return do_udp(q, ret);
	case ASK_SEND_TO:
	case ASK_RECV_FROM:
		return do_datagram(q, ret);
	case ASK_SERVE:
		return do_serve(q);
	case ASK_ECHO:
		return echo(slot_fd(q));
	}
	return -ENOSYS;
}

void peer_session(int ctl)
{
	for (int i = 0; i < SLOTS; i++)
		slots[i] = -1;
	for (;;) {
		struct answer a = { 0 };
		struct ask q;
		const ssize_t n = recv(ctl, &q, sizeof(q), 0);

		if (n != (ssize_t)sizeof(q))
			_exit(0);
		a.r = perform(&q, &a);
		if (send(ctl, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
			_exit(1);
	}
}

int peer_serve(const char *path)
{
	const struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)signal(SIGCHLD, SIG_IGN);         /* nobody waits for sessions */
	(void)setrlimit(RLIMIT_NOFILE, &files); /* many connections need it, and say so */
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	(void)unlink(path); /* of an earlier run */
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(fd, 64) < 0) {
		perror(path);
		return 1;
	}
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	for (;;) {
		const int ctl = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (ctl < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			perror("accept");
			return 1;
		}
		if (!fork()) {
			(void)close(fd);                        /* the parent's */
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to every kernel */
			peer_session(ctl);
		}
		(void)close(ctl); /* the child's */
	}
}
