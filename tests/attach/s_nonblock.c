/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_nonblock.c - connect() that does not block, and who waits for it
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP)

/* Events that are there: "1 IN|OUT". */
static void events(const char *name, int ep)
{
	struct epoll_event ev[8];
	unsigned int mask = 0, count = 0;
	int n;

	/* With EPOLLET it says each thing once. */
	while (count < 100 && (n = epoll_wait(ep, ev, 8, 0)) > 0)
		for (int i = 0; i < n; i++, count++)
			mask |= ev[i].events;
	say(name, "%u %s", count, mask_name(mask));
}

static int epoll_of(int fd, uint32_t flags)
{
	struct epoll_event ev = { .events = ALL | flags, .data.fd = fd };
	const int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		say("epoll", "%s", err_name(errno));
	return ep;
}

static void succeeds(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);

	nonblock(fd, true);
	result("connect", connect_to(fd, &to));
	mask_when("mask", fd, POLLOUT);
	so_error("error", fd);
	result("second", connect_to(fd, &to));
	result("third", connect_to(fd, &to));
	result("read", read(fd, &(char){ 0 }, 1));
	result("write", write(fd, "hello", 5));
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, (int)ask(e, ASK_ACCEPT, l, 0).r, 5).r);
	(void)close(fd); /* over */
}

static void selects(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to);
	struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
	fd_set rd, wr;

	for (int i = 0; i < 2; i++) {
		const union addr nobody = closed_port(e);
		const int fd = tcp_socket(e);

		nonblock(fd, true);
		(void)connect_to(fd, i ? &nobody : &to); /* EINPROGRESS */
		FD_ZERO(&rd);
		FD_ZERO(&wr);
		FD_SET(fd, &rd);
		FD_SET(fd, &wr);
		result(i ? "refused" : "select", select(fd + 1, &rd, &wr, NULL, &tv));
		say(i ? "refused-sets" : "sets", "%s%s", FD_ISSET(fd, &rd) ? "r" : "",
		    FD_ISSET(fd, &wr) ? "w" : "");
		so_error(i ? "refused-error" : "error", fd);
		(void)close(fd); /* over */
	}
	(void)ask(e, ASK_CLOSE, l, 0); /* over */
}

static void refused(const struct env *e)
{
	const union addr nobody = closed_port(e);
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);

	nonblock(fd, true);
	result("connect", connect_to(fd, &nobody));
	mask_when("mask", fd, POLLERR | POLLHUP);
	so_error("error", fd);
	so_error("error-again", fd);
	mask_now("after", fd);
	result("second", connect_to(fd, &to));
	result("third", connect_to(fd, &to));
	mask_when("connected", fd, POLLOUT);
	so_error("connected-error", fd);
	say("accepted", "%s", ask(e, ASK_ACCEPT, l, 0).r >= 0 ? "yes" : "no");
	(void)close(fd); /* over */
}

/* connect() itself takes the error. */
static void refused_connect(const struct env *e)
{
	const union addr nobody = closed_port(e);
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e);

	nonblock(fd, true);
	result("connect", connect_to(fd, &nobody));
	(void)wait_for(fd, POLLERR | POLLHUP); /* said above */
	result("second", connect_to(fd, &to));
	so_error("error", fd);
	mask_now("mask", fd);
	nonblock(fd, false);
	result("third", connect_to(fd, &to));
	mask_now("connected", fd);
	result("fourth", connect_to(fd, &to));
	(void)ask(e, ASK_ACCEPT, l, 0); /* for nobody to be in its queue */
	(void)close(fd);                /* over */
}

static void refused_read(const struct env *e)
{
	const union addr nobody = closed_port(e);

	for (int i = 0; i < 2; i++) {
		const int fd = tcp_socket(e);
		char c;

		nonblock(fd, true);
		(void)connect_to(fd, &nobody);         /* EINPROGRESS */
		(void)wait_for(fd, POLLERR | POLLHUP); /* said elsewhere */
		if (i) {
			result_pipe("write", write(fd, "x", 1));
			result_pipe("write-again", write(fd, "x", 1));
		} else {
			result("read", read(fd, &c, 1));
			result("read-again", read(fd, &c, 1));
		}
		so_error(i ? "error-written" : "error-read", fd);
		(void)close(fd); /* over */
	}
}

/* While nobody answers. */
static void pending(const struct env *e)
{
	const union addr to = addr_with(&e->silent, 80);
	union addr a;
	socklen_t len = sizeof(a);
	int fd, r;
	char c;

	if (e->is_local)
		return;
	fd = tcp_socket(e);
	nonblock(fd, true);
	result("connect", connect_to(fd, &to));
	result("again", connect_to(fd, &to));
	mask_now("mask", fd);
	result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	result("recv", recv(fd, &c, 1, 0));
	r = getsockname(fd, &a.sa, &len);
	name_of("name", r, &a, len, e);
	len = sizeof(a);
	r = getpeername(fd, &a.sa, &len);
	name_of("peer", r, &a, len, e);
	so_error("error", fd);
	result("listen", listen(fd, 1));
	mask_when("end", fd, POLLERR | POLLHUP);
	so_error("end-error", fd);
	(void)close(fd); /* over */
	fd = tcp_socket(e);
	nonblock(fd, true);
	(void)connect_to(fd, &to); /* said above */
	result("shutdown", shutdown(fd, SHUT_WR));
	result("close", close(fd));
}

static void edges(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e), ep = epoll_of(fd, EPOLLET);
	char buf[64];
	int slot;

	events("fresh", ep);
	events("fresh-again", ep);
	nonblock(fd, true);
	result("connect", connect_to(fd, &to));
	(void)wait_for(fd, POLLOUT); /* the edge says it */
	slot = (int)ask(e, ASK_ACCEPT, l, 0).r;
	events("connected", ep);
	events("connected-again", ep);
	for (int i = 0; i < 5; i++)
		(void)send(fd, "hello", 5, 0); /* counted below */
	say("arrives", "%lld", (long long)ask(e, ASK_RECV, slot, 25).r);
	(void)wait_sent(fd); /* acknowledgements are no news */
	events("written", ep);
	(void)ask(e, ASK_SEND, slot, 10);
	(void)wait_readable(fd, 10); /* the edge says it */
	events("data", ep);
	events("data-again", ep);
	result("read", read(fd, buf, 4));
	events("part", ep);
	(void)ask(e, ASK_SEND, slot, 10);
	(void)wait_readable(fd, 16); /* the edge says it */
	events("more", ep);
	result("read-all", read(fd, buf, sizeof(buf)));
	events("empty", ep);
	(void)ask(e, ASK_SHUTDOWN, slot, SHUT_WR);
	(void)wait_for(fd, POLLRDHUP); /* the edge says it */
	events("end", ep);
	events("end-again", ep);
	result("shutdown", shutdown(fd, SHUT_WR));
	(void)wait_for(fd, POLLHUP); /* the edge says it */
	events("both", ep);
	(void)close(fd); /* over */
	events("closed", ep);
}

static void edges_refused(const struct env *e)
{
	const union addr nobody = closed_port(e);
	const int fd = tcp_socket(e), ep = epoll_of(fd, EPOLLET);

	events("fresh", ep);
	nonblock(fd, true);
	result("connect", connect_to(fd, &nobody));
	(void)wait_for(fd, POLLERR | POLLHUP); /* the edge says it */
	events("refused", ep);
	events("refused-again", ep);
	so_error("error", fd);
	(void)close(fd); /* over */
}

/* A socket stays in its epoll, whatever connect() said. */
static void epoll_retry(const struct env *e)
{
	const union addr nobody = closed_port(e);
	union addr to;
	const int l = peer_listen(e, &to), fd = tcp_socket(e), ep = epoll_of(fd, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	int slot;

	result("refused", connect_to(fd, &nobody));
	result("connect", connect_to(fd, &to));
	slot = (int)ask(e, ASK_ACCEPT, l, 0).r;
	result("wait", epoll_wait(ep, &ev, 1, 0));
	say("events", "%s %s", mask_name(ev.events), ev.data.fd == fd ? "own" : "other");
	ev.events = EPOLLIN;
	result("mod", epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	result("none", epoll_wait(ep, &ev, 1, 0));
	(void)ask(e, ASK_SEND, slot, 1);
	result("data", epoll_wait(ep, &ev, 1, WAIT_MS));
	say("data-events", "%s", mask_name(ev.events));
	result("add", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	result("del", epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev));
	result("del-again", epoll_ctl(ep, EPOLL_CTL_DEL, fd, &ev));
	(void)close(fd); /* over */
}

static void oneshot(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), ep = epoll_of(fd, EPOLLONESHOT);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };

	result("first", epoll_wait(ep, &ev, 1, WAIT_MS));
	say("events", "%s", mask_name(ev.events));
	(void)ask(e, ASK_SEND, slot, 1);
	(void)wait_readable(fd, 1); /* disarmed: nothing is said */
	result("second", epoll_wait(ep, &ev, 1, 0));
	ev.events = EPOLLIN | EPOLLONESHOT;
	result("rearm", epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	result("third", epoll_wait(ep, &ev, 1, WAIT_MS));
	(void)close(fd); /* over */
}

const struct section sections_nonblock[] = {
	{ "nonblock", succeeds, true },
	{ "nonblock-select", selects, true },
	{ "nonblock-refused", refused, true },
	{ "nonblock-refused-connect", refused_connect, true },
	{ "nonblock-refused-io", refused_read, true },
	{ "nonblock-pending", pending, true },
	{ "edges", edges, true },
	{ "edges-refused", edges_refused, true },
	{ "epoll-retry", epoll_retry, true },
	{ "epoll-oneshot", oneshot, false },
	{ 0 },
};
