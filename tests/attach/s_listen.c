/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_listen.c - listeners, what they say of themselves, and accept()
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void accepts(const struct env *e)
{
	union addr at, from;
	socklen_t len = sizeof(from);
	const int l = tcp_listener(e, 8, &at);
	int fd, slot, r;
	char buf[16];

	mask_now("empty", l);
	int_option("acceptconn", l, SOL_SOCKET, SO_ACCEPTCONN);
	slot = peer_connect(e, &at);
	mask_when("pending", l, POLLIN);
	fd = accept(l, &from.sa, &len);
	result_fd("accept", fd);
	name_of("from", fd < 0 ? -1 : 0, &from, len, e);
	mask_now("accepted", fd);
	mask_now("none", l);
	len = sizeof(from);
	r = getsockname(fd, &from.sa, &len);
	name_of("name", r, &from, len, e);
	say("port", "%s", addr_port(&from) == addr_port(&at) ? "same" : "other");
	len = sizeof(from);
	r = getpeername(fd, &from.sa, &len);
	name_of("peer", r, &from, len, e);
	say("cloexec", "%d", fcntl(fd, F_GETFD) & FD_CLOEXEC);
	say("nonblock", "%d", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	(void)ask(e, ASK_SEND, slot, 5);
	result("read", recv(fd, buf, 5, MSG_WAITALL));
	result("write", write(fd, buf, 5));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 5).r);
	result("close-listener", close(l));
	(void)ask(e, ASK_SEND, slot, 3);
	result("still", recv(fd, buf, 3, MSG_WAITALL));
	(void)close(fd); /* over */
}

static void accept_flags(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at), fresh = tcp_socket(e);
	int fd;
	socklen_t len = 3;
	char few[3];

	nonblock(l, true);
	result_fd("none", accept(l, NULL, NULL));
	result_fd("fresh", accept(fresh, NULL, NULL));
	result_fd("bad-flags", accept4(l, NULL, NULL, 1));
	(void)peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	fd = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	result_fd("accept4", fd);
	say("cloexec", "%d", fcntl(fd, F_GETFD) & FD_CLOEXEC);
	say("nonblock", "%d", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	(void)close(fd); /* over */
	(void)peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	fd = accept(l, (struct sockaddr *)few, &len);
	result_fd("cut", fd);
	say("full", "%u", (unsigned int)len);
	say("inherits", "%d", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	(void)close(fd); /* over */
	(void)peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	len = (socklen_t)-1;
	result_fd("negative", accept(l, (struct sockaddr *)few, &len));
	(void)close(l); /* over */
}

static void listen_calls(const struct env *e)
{
	const int l = tcp_socket(e);
	union addr a;
	socklen_t len = sizeof(a);
	int r;

	result("unbound", listen(l, 4));
	r = getsockname(l, &a.sa, &len);
	name_of("name", r, &a, len, e);
	result("again", listen(l, 8));
	result("negative", listen(l, -1));
	result("connect", connect_to(l, &a));
	len = sizeof(a);
	result("peer", getpeername(l, &a.sa, &len));
	so_error("error", l);
	result("bind", bind(l, &a.sa, addr_len(&a)));
	(void)close(l); /* over */
}

static void token_edges(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP };

	nonblock(l, true);
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev); /* seen below */
	result("none", epoll_wait(ep, &ev, 1, 0));
	for (int i = 0; i < 3; i++) {
		(void)peer_connect(e, &at);
		result("edge", epoll_wait(ep, &ev, 1, WAIT_MS));
		say("events", "%s", mask_name(ev.events));
		result("no-more", epoll_wait(ep, &ev, 1, 0));
	}
	result_fd("first", accept(l, NULL, NULL));
	result("quiet", epoll_wait(ep, &ev, 1, 0));
	mask_now("two-left", l);
	result_fd("second", accept(l, NULL, NULL));
	result_fd("third", accept(l, NULL, NULL));
	mask_now("empty", l);
	result_fd("fourth", accept(l, NULL, NULL));
	(void)peer_connect(e, &at);
	result("new-edge", epoll_wait(ep, &ev, 1, WAIT_MS));
	(void)close(l); /* over */
}

/* Somebody who went before accept() is accepted all the same. */
static void gone_before(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at);
	char buf[16];
	int fd, slot;

	slot = peer_connect(e, &at);
	(void)ask(e, ASK_SEND, slot, 10);
	(void)ask(e, ASK_CLOSE, slot, 0);
	(void)wait_for(l, POLLIN); /* for it to be there */
	fd = accept(l, NULL, NULL);
	result_fd("closed", fd);
	result("read", recv(fd, buf, sizeof(buf), MSG_WAITALL));
	result("end", read(fd, buf, sizeof(buf)));
	(void)close(fd); /* over */
	(void)close(l);  /* over */
}

static void closed_listener(const struct env *e)
{
	union addr at;
	int slot;
	const int l = tcp_listener(e, 8, &at);
	struct ask q = { .op = ASK_CONNECT, .addr = at };

	slot = peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	result("close", close(l));
	say("pending", "%s", err_name((int)-ask(e, ASK_RECV, slot, 1).r));
	say("next", "%s", err_name((int)-ask_full(e, &q).r));
}

static void shutdown_listener(const struct env *e)
{
	union addr at, now;
	socklen_t len = sizeof(now);
	const int l = tcp_listener(e, 8, &at);
	struct ask q = { .op = ASK_CONNECT, .addr = at };

	nonblock(l, true);
	result("write", shutdown(l, SHUT_WR));
	mask_now("write-mask", l);
	result("read", shutdown(l, SHUT_RD));
	mask_now("mask", l);
	result_fd("accept", accept(l, NULL, NULL));
	say("peer", "%s", err_name((int)-ask_full(e, &q).r));
	result("listen", listen(l, 8));
	mask_now("listening", l);
	/* The port was any, so it may be another one. */
	result("name", getsockname(l, &now.sa, &len));
	at = addr_with(&at, addr_port(&now));
	(void)peer_connect(e, &at);
	(void)wait_for(l, POLLIN); /* for it to be there */
	result_fd("accept-again", accept(l, NULL, NULL));
	(void)close(l); /* over */
}

static void backlog(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 2, &at);
	int n = 0;

	/* A queue of 2 takes 3 (kernel: sk_acceptq_is_full()). */
	for (int i = 0; i < 3; i++)
		(void)peer_connect(e, &at);
	nonblock(l, true);
	(void)wait_for(l, POLLIN); /* for one to be there */
	while (n < 3 && wait_for(l, POLLIN) && accept(l, NULL, NULL) >= 0)
		n++;
	say("accepted", "%d", n);
	result_fd("no-more", accept(l, NULL, NULL));
	(void)close(l); /* over */
}

struct child {
	int l;
	int n;
};

static int accept_some(void *arg)
{
	const struct child *c = arg;
	char byte = 'k';
	int n = 0;

	while (n < c->n) {
		const int fd = accept(c->l, NULL, NULL);

		if (fd < 0)
			return 100;
		if (write(fd, &byte, 1) != 1)
			return 101;
		(void)close(fd); /* the byte is on its way */
		n++;
	}
	return n;
}

/* Children of one listener, each of which takes its share and ends. */
static void several(const struct env *e)
{
	union addr at;
	struct child c = { .l = tcp_listener(e, 64, &at), .n = 5 };
	pid_t pids[4];
	int ok = 0;

	for (size_t i = 0; i < N_ELEMS(pids); i++)
		pids[i] = spawn(accept_some, &c);
	for (size_t i = 0; i < N_ELEMS(pids) * 5; i++)
		ok += ask(e, ASK_RECV, peer_connect(e, &at), 10).r == 1;
	say("served", "%d", ok);
	for (size_t i = 0; i < N_ELEMS(pids); i++)
		say("child", "%d", reap(pids[i]));
	nonblock(c.l, true);
	result_fd("none", accept(c.l, NULL, NULL));
	(void)close(c.l); /* over */
}

static int wait_exclusive(void *arg)
{
	const struct child *c = arg;
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int fd;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->l, &ev) < 0)
		return 100;
	if (write(c->n, "r", 1) != 1) /* ready */
		return 105;
	if (epoll_wait(ep, &ev, 1, WAIT_MS) != 1)
		return 101;
	fd = accept(c->l, NULL, NULL);
	if (fd < 0)
		return errno == EAGAIN ? 102 : 103;
	return write(fd, "k", 1) == 1 ? 0 : 104;
}

static void exclusive(const struct env *e)
{
	union addr at;
	int p[2], ends = 0;
	ssize_t ready = 0;
	struct child c = { .l = tcp_listener(e, 64, &at) };
	pid_t pids[2];
	char buf[2];

	if (pipe(p) < 0)
		return;
	c.n = p[1];
	nonblock(c.l, true);
	for (int i = 0; i < 2; i++)
		pids[i] = spawn(wait_exclusive, &c);
	for (int i = 0; i < 2; i++)
		ready += read(p[0], buf, 1);
	say("waiting", "%zd", ready);
	/* One is woken by each. */
	say("first", "%lld", (long long)ask(e, ASK_RECV, peer_connect(e, &at), 1).r);
	say("second", "%lld", (long long)ask(e, ASK_RECV, peer_connect(e, &at), 1).r);
	for (int i = 0; i < 2; i++)
		ends += reap(pids[i]);
	say("children", "%d", ends);
	(void)close(c.l); /* over */
}

/* accept() that waits, in a child that does nothing else. */
static int accept_one(void *arg)
{
	const struct child *c = arg;
	const int fd = accept(c->l, NULL, NULL);
	char buf[8];

	return fd < 0 ? 100 : (int)recv(fd, buf, sizeof(buf), MSG_WAITALL);
}

static void blocking(const struct env *e)
{
	union addr at;
	struct child c = { .l = tcp_listener(e, 64, &at) };
	const pid_t pid = spawn(accept_one, &c);
	const int slot = peer_connect(e, &at);

	(void)ask(e, ASK_SEND, slot, 5);
	(void)ask(e, ASK_CLOSE, slot, 0);
	say("child", "%d", reap(pid));
	(void)close(c.l); /* over */
}

static void inherited_options(const struct env *e)
{
	union addr at;
	const int l = tcp_listener(e, 8, &at), one = 1, size = 50000;
	const struct timeval tv = { .tv_sec = 3 };
	struct timeval got = { 0 };
	socklen_t len = sizeof(got);
	int fd;

	(void)setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));         /* seen below */
	(void)setsockopt(l, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));          /* seen below */
	(void)setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));            /* seen below */
	(void)setsockopt(l, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one)); /* seen below */
	linger(l, 1, 9);
	(void)peer_connect(e, &at);
	fd = accept(l, NULL, NULL);
	int_option("keepalive", fd, SOL_SOCKET, SO_KEEPALIVE);
	int_option("rcvbuf", fd, SOL_SOCKET, SO_RCVBUF);
	int_option("nodelay", fd, IPPROTO_TCP, 1);
	int_option("acceptconn", fd, SOL_SOCKET, SO_ACCEPTCONN);
	(void)getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len); /* 0 if it fails */
	say("timeout", "%ld", (long)got.tv_sec);
	(void)close(fd); /* over */
	(void)close(l);  /* over */
}

const struct section sections_listen[] = {
	{ "accept", accepts, true },
	{ "accept-flags", accept_flags, true },
	{ "listen", listen_calls, true },
	{ "listen-edges", token_edges, true },
	{ "accept-gone", gone_before, true },
	{ "listen-closed", closed_listener, true },
	{ "listen-shutdown", shutdown_listener, true },
	{ "backlog", backlog, true },
	{ "accept-several", several, true },
	{ "accept-exclusive", exclusive, true },
	{ "accept-blocking", blocking, true },
	{ "accept-options", inherited_options, true },
	{ 0 },
};
