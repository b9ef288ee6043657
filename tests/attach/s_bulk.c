/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_bulk.c - many bytes and many connections
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

#define BULK  (20 << 20)
#define CONNS 300

static void sends(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	struct answer a;

	ask_begin(e, ASK_RECV, slot, BULK + 1);
	say("sent", "%zd", send_pattern(fd, BULK));
	result("shutdown", shutdown(fd, SHUT_WR));
	a = ask_end(e);
	say("arrives", "%lld %016llx", (long long)a.r, (unsigned long long)a.hash);
	(void)close(fd); /* over */
}

static void receives(const struct env *e)
{
	int slot;
	const int fd = tcp_accepted(e, &slot);
	static char buf[65536];
	uint64_t hash = HASH_INIT;
	long long got = 0;
	ssize_t n;

	ask_begin(e, ASK_SEND, slot, BULK);
	while (got < BULK && (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		hash = hash_more(hash, buf, (size_t)n);
		got += n;
	}
	say("sent", "%lld", (long long)ask_end(e).r);
	say("arrives", "%lld %016llx", got, (unsigned long long)hash);
	(void)close(fd); /* over */
}

/* Both directions at once, without blocking, woken by edges alone. */
struct duplex {
	int fd;
	long long sent, got;
	uint64_t hash;
	bool is_over;
};

static void duplex_write(struct duplex *d, long long total)
{
	static char buf[40000];

	while (d->sent < total) {
		const size_t want = total - d->sent < (long long)sizeof(buf)
					    ? (size_t)(total - d->sent)
					    : sizeof(buf);
		ssize_t n;

		pattern_fill(buf, want, (uint64_t)d->sent);
		n = write(d->fd, buf, want);
		if (n <= 0)
			return;
		d->sent += n;
		if (d->sent == total)
			(void)shutdown(d->fd, SHUT_WR); /* of a connected one */
	}
}

static void duplex_read(struct duplex *d)
{
	static char buf[30000];
	ssize_t n;

	while ((n = read(d->fd, buf, sizeof(buf))) > 0) {
		d->hash = hash_more(d->hash, buf, (size_t)n);
		d->got += n;
	}
	if (!n || errno != EAGAIN)
		d->is_over = true;
}

static void both(const struct env *e)
{
	int slot;
	struct duplex d = { .fd = tcp_pair(e, &slot), .hash = HASH_INIT };
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	nonblock(d.fd, true);
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, d.fd, &ev); /* seen below */
	ask_begin(e, ASK_ECHO, slot, 0);
	while (!d.is_over && epoll_wait(ep, &ev, 1, WAIT_MS) == 1) {
		duplex_write(&d, BULK / 2);
		duplex_read(&d);
		/* The peer ends when it has sent all back. */
		if (d.got >= BULK / 2)
			break;
	}
	say("sent", "%lld", d.sent);
	say("back", "%lld %016llx", d.got, (unsigned long long)d.hash);
	say("peer", "%lld", (long long)ask_end(e).r);
	(void)close(d.fd); /* over */
}

/* One byte each way at a time, which shows lost wake-ups. */
static void ping_pong(const struct env *e)
{
	int slot, n = 0;
	const int fd = tcp_pair(e, &slot);
	char c = 'p';

	ask_begin(e, ASK_ECHO, slot, 0);
	while (n < 2000 && write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1)
		n++;
	say("round-trips", "%d", n);
	(void)close(fd); /* the echo ends */
	say("peer", "%lld", (long long)ask_end(e).r);
}

/* All are open at the same time. */
static void many(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to);
	static int fds[CONNS];
	int connected = 0, sent = 0, back = 0;
	char buf[32];

	ask_begin(e, ASK_SERVE, l, CONNS);
	for (int i = 0; i < CONNS; i++) {
		fds[i] = tcp_socket(e);
		connected += connect_to(fds[i], &to) == 0;
	}
	say("connected", "%d", connected);
	for (int i = 0; i < CONNS; i++) {
		pattern_fill(buf, sizeof(buf), (uint64_t)i * 32);
		sent += write(fds[i], buf, sizeof(buf)) == (ssize_t)sizeof(buf);
	}
	say("sent", "%d", sent);
	for (int i = 0; i < CONNS; i++)
		back += recv(fds[i], buf, sizeof(buf), MSG_WAITALL) == (ssize_t)sizeof(buf) &&
			(uint8_t)buf[5] == pattern_at((uint64_t)i * 32 + 5);
	say("back", "%d", back);
	for (int i = 0; i < CONNS; i++)
		(void)close(fds[i]); /* over */
	say("peer", "%lld", (long long)ask_end(e).r);
}

/* One after the other: nothing is left that stops the next one. */
static void one_by_one(const struct env *e)
{
	union addr to;
	const int l = peer_listen(e, &to);
	int n = 0;
	char c = 'x';

	ask_begin(e, ASK_SERVE, l, CONNS);
	for (int i = 0; i < CONNS; i++) {
		const int fd = tcp_socket(e);

		n += connect_to(fd, &to) == 0 && write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1;
		(void)close(fd); /* over */
	}
	say("served", "%d", n);
	say("peer", "%lld", (long long)ask_end(e).r);
}

const struct section sections_bulk[] = {
	{ "bulk-send", sends, true },
	{ "bulk-receive", receives, true },
	{ "bulk-both", both, true },
	{ "ping-pong", ping_pong, true },
	{ "many", many, true },
	{ "one-by-one", one_by_one, true },
	{ 0 },
};
