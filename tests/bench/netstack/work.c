/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * work.c - bulk, request and response, connect and close
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PORT        5000
#define CHUNK       131072 /* bytes per call of bulk */
#define REQUEST     64
#define EVENTS      64
#define CONNS_MAX   1024
#define LISTENER    UINT64_MAX
#define CRR_AT_ONCE 32

static void must(long r, const char *what)
{
	if (r < 0)
		die(what, r);
}

static int accept_one(struct stack *s, int listener)
{
	int fd = -EAGAIN;

	for (unsigned int i = 0; i < 1000 && fd == -EAGAIN; i++) {
		s->turn(s);
		fd = s->accept(s, listener);
	}
	must(fd, "accept");
	return fd;
}

/* --- bulk: one direction, one connection --- */

double work_bulk(struct stack *s, uint64_t bytes)
{
	static uint8_t out[CHUNK], in[CHUNK];
	uint64_t sent = 0, received = 0;
	int listener, client, server;
	double start;

	memset(out, 0x5a, sizeof(out));
	listener = s->listen(s, PORT, 8);
	must(listener, "listen");
	client = s->connect(s, 1, PORT);
	must(client, "connect");
	server = accept_one(s, listener);
	start = cpu_now();
	while (received < bytes) {
		ssize_t n = sent < bytes ? s->send(s, CLIENT, client, out, sizeof(out)) : 0;

		if (n > 0)
			sent += (uint64_t)n;
		else if (n != -EAGAIN)
			must(n, "send");
		s->turn(s);
		while ((n = s->recv(s, SERVER, server, in, sizeof(in))) > 0)
			received += (uint64_t)n;
		if (n != -EAGAIN)
			die("recv", n);
		s->turn(s);
	}
	start = cpu_now() - start;
	must(s->close(s, CLIENT, client), "close");
	must(s->close(s, SERVER, server), "close");
	must(s->close(s, SERVER, listener), "close");
	s->turn(s);
	return start;
}

/* --- request and response --- */

/* One message is read and one is written on each connection that has something. */
static unsigned int serve(struct stack *s, unsigned int side, const int *fds)
{
	struct epoll_event ev[EVENTS];
	uint8_t buf[REQUEST];
	int n = s->wait(s, side, ev, EVENTS);

	for (int i = 0; i < n; i++) {
		const int fd = fds[ev[i].data.u64];
		ssize_t r = s->recv(s, side, fd, buf, sizeof(buf));

		if (r != sizeof(buf))
			die("a message in pieces", r);
		r = s->send(s, side, fd, buf, sizeof(buf));
		if (r != sizeof(buf))
			die("a message taken in part", r);
	}
	return n > 0 ? (unsigned int)n : 0;
}

double work_rr(struct stack *s, unsigned int n_conns, unsigned int n_requests)
{
	static int fds[2][CONNS_MAX];
	uint8_t buf[REQUEST] = { 0 };
	unsigned int done = 0;
	int listener = s->listen(s, PORT + 1, CONNS_MAX);
	double start;

	must(listener, "listen");
	for (unsigned int i = 0; i < n_conns; i++) {
		fds[CLIENT][i] = s->connect(s, 1, PORT + 1);
		must(fds[CLIENT][i], "connect");
		fds[SERVER][i] = accept_one(s, listener);
		must(s->watch(s, CLIENT, fds[CLIENT][i], EPOLLIN, i), "epoll_ctl");
		must(s->watch(s, SERVER, fds[SERVER][i], EPOLLIN, i), "epoll_ctl");
	}
	for (unsigned int i = 0; i < n_conns; i++)
		must(s->send(s, CLIENT, fds[CLIENT][i], buf, sizeof(buf)), "send");
	start = cpu_now();
	while (done < n_requests) {
		s->turn(s);
		(void)serve(s, SERVER, fds[SERVER]);
		s->turn(s);
		done += serve(s, CLIENT, fds[CLIENT]);
	}
	start = cpu_now() - start;
	for (unsigned int i = 0; i < n_conns; i++) {
		must(s->close(s, CLIENT, fds[CLIENT][i]), "close");
		must(s->close(s, SERVER, fds[SERVER][i]), "close");
	}
	must(s->close(s, SERVER, listener), "close");
	s->turn(s);
	return start;
}

/* --- connect, request, response, close --- */

struct crr {
	struct stack *s;
	int listener;
	unsigned int started;
	unsigned int done;
	unsigned int n;
};

static void crr_start(struct crr *c)
{
	int fd = c->s->connect(c->s, 1 + c->started % ADDRESSES, PORT + 2);

	must(fd, "connect");
	c->started++;
	must(c->s->watch(c->s, CLIENT, fd, EPOLLOUT | EPOLLIN | EPOLLET, (uint64_t)fd),
	     "epoll_ctl");
}

static void crr_server(struct crr *c)
{
	struct epoll_event ev[EVENTS];
	uint8_t buf[REQUEST];
	int n = c->s->wait(c->s, SERVER, ev, EVENTS);

	for (int i = 0; i < n; i++) {
		int fd = (int)ev[i].data.u64;
		ssize_t r;

		if (ev[i].data.u64 == LISTENER) {
			while ((fd = c->s->accept(c->s, c->listener)) >= 0)
				must(c->s->watch(c->s, SERVER, fd, EPOLLIN, (uint64_t)fd),
				     "epoll_ctl");
			continue;
		}
		r = c->s->recv(c->s, SERVER, fd, buf, sizeof(buf));
		if (r > 0)
			must(c->s->send(c->s, SERVER, fd, buf, (size_t)r), "send");
		else if (r == 0)
			must(c->s->close(c->s, SERVER, fd), "close");
		else if (r != -EAGAIN)
			must(r, "recv");
	}
}

static void crr_client(struct crr *c)
{
	struct epoll_event ev[EVENTS];
	uint8_t buf[REQUEST] = { 0 };
	int n = c->s->wait(c->s, CLIENT, ev, EVENTS);

	for (int i = 0; i < n; i++) {
		const int fd = (int)ev[i].data.u64;

		if (ev[i].events & EPOLLIN) {
			ssize_t r = c->s->recv(c->s, CLIENT, fd, buf, sizeof(buf));

			if (r != sizeof(buf))
				die("a response in pieces", r);
			must(c->s->close(c->s, CLIENT, fd), "close");
			c->done++;
			if (c->started < c->n)
				crr_start(c);
		} else if (ev[i].events & EPOLLOUT) {
			must(c->s->send(c->s, CLIENT, fd, buf, sizeof(buf)), "send");
		}
	}
}

double work_crr(struct stack *s, unsigned int n)
{
	struct crr c = { .s = s, .n = n };
	double start;

	c.listener = s->listen(s, PORT + 2, 1024);
	must(c.listener, "listen");
	must(s->watch(s, SERVER, c.listener, EPOLLIN, LISTENER), "epoll_ctl");
	start = cpu_now();
	for (unsigned int i = 0; i < CRR_AT_ONCE && i < n; i++)
		crr_start(&c);
	while (c.done < n) {
		s->turn(s);
		crr_server(&c);
		s->turn(s);
		crr_client(&c);
	}
	start = cpu_now() - start;
	s->turn(s);
	crr_server(&c); /* the last ones to be closed */
	s->turn(s);
	must(s->close(s, SERVER, c.listener), "close");
	return start;
}
