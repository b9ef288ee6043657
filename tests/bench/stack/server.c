/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The server: one event loop over a struct end, level-triggered, as one writes it for Linux.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Pieces of one connection in a row, before others have their turn. */
#define ROUNDS 16

/**
 * struct conn - A connection, by its descriptor
 * @left:	WORK_TX: still to be sent
 * @got:	Bytes of the request
 */
struct conn {
	uint64_t left;
	unsigned int got;
	char request[MESSAGE_LEN];
};

struct server {
	const struct options *o;
	struct end *e;
	int listener;
	struct conn *conn[2 * CONNS_MAX];
	char *chunk;
	uint64_t count;
};

static void conn_close(struct server *s, int fd)
{
	s->e->close(s->e, fd);
	free(s->conn[fd]);
	s->conn[fd] = NULL;
}

static void accept_all(struct server *s)
{
	for (;;) {
		int fd = s->e->accept(s->e, s->listener);

		if (fd < 0) {
			if (fd != -EAGAIN && fd != -ECONNABORTED)
				die("accept", -fd);
			return;
		}
		if ((unsigned int)fd >= 2 * CONNS_MAX)
			die("accept", EMFILE);
		s->conn[fd] = calloc(1, sizeof(struct conn));
		if (!s->conn[fd])
			die("memory", ENOMEM);
		s->e->watch(s->e, fd,
			    s->o->work == WORK_TX ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN);
	}
}

/* All of it in, then the end from both sides. */
static void receive(struct server *s, int fd)
{
	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n = s->e->read(s->e, fd, s->chunk, CHUNK);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			die("read", (int)-n);
		if (n == 0) {
			conn_close(s, fd);
			return;
		}
		s->count += (uint64_t)n;
	}
}

/* How much is wanted comes in; so much goes out. */
static void send_all(struct server *s, int fd)
{
	struct conn *c = s->conn[fd];

	if (!c->left) {
		ssize_t n = s->e->read(s->e, fd, &c->left, sizeof(c->left));

		if (n == -EAGAIN)
			return;
		if (n != (ssize_t)sizeof(c->left)) {
			conn_close(s, fd);
			return;
		}
	}
	while (c->left) {
		const size_t len = c->left < CHUNK ? (size_t)c->left : CHUNK;
		ssize_t n = s->e->write(s->e, fd, s->chunk, len);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			die("write", (int)-n);
		c->left -= (uint64_t)n;
		s->count += (uint64_t)n;
	}
	conn_close(s, fd);
}

static void answer(struct server *s, int fd)
{
	struct conn *c = s->conn[fd];

	for (;;) {
		ssize_t n = s->e->read(s->e, fd, c->request + c->got, MESSAGE_LEN - c->got);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			conn_close(s, fd); /* the client is through, by a FIN or a reset */
			return;
		}
		c->got += (unsigned int)n;
		if (c->got < MESSAGE_LEN)
			continue;
		c->got = 0;
		s->count++;
		n = s->e->write(s->e, fd, c->request, MESSAGE_LEN);
		if (n != MESSAGE_LEN)
			die("write", n < 0 ? (int)-n : EMSGSIZE);
		return; /* one at a time: the next one is on its way at the earliest now */
	}
}

static void handle(struct server *s, int fd)
{
	switch (s->o->work) {
	case WORK_RX:
		receive(s, fd);
		return;
	case WORK_TX:
		send_all(s, fd);
		return;
	case WORK_RR:
	case WORK_CRR:
		answer(s, fd);
		return;
	}
}

void serve(const struct options *o, int ctl, struct result *ret)
{
	static struct server s;
	struct epoll_event ev[64];
	double cpu, wall;

	s.o = o;
	s.e = strcmp(o->nic, "kernel") == 0 ? kernel_end_new(o, ctl) : our_end_new(o, ctl);
	s.chunk = malloc(CHUNK);
	if (!s.chunk)
		die("memory", ENOMEM);
	memset(s.chunk, 'x', CHUNK);
	s.listener = s.e->listen(s.e, PORT);
	s.e->watch(s.e, s.listener, EPOLLIN);
	if (write(ctl, "r", 1) != 1)
		die("control", errno);
	cpu = cpu_now();
	wall = wall_now();
	while (!s.e->stop) {
		int n = s.e->wait(s.e, ev, 64);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == s.listener)
				accept_all(&s);
			else if (s.conn[ev[i].data.fd])
				handle(&s, ev[i].data.fd);
		}
	}
	ret->cpu = cpu_now() - cpu;
	ret->wall = wall_now() - wall;
	ret->count = s.count;
	memcpy(ret->info, s.e->info, sizeof(ret->info));
	for (int fd = 0; fd < 2 * CONNS_MAX; fd++)
		if (s.conn[fd])
			conn_close(&s, fd);
	s.e->close(s.e, s.listener);
	s.e->free(s.e);
	free(s.chunk);
}
