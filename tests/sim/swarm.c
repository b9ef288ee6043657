/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * swarm.c - many short connections
 *
 * A client asks a server again and again, some questions at once: connect, a question, its
 * answer, close, on whichever side comes first.  The listener's backlog is small and the server
 * takes its time, so queues overflow; client ports are few and are used again while the old
 * connection is in TIME-WAIT.  Some questions go to a port where nobody listens and
 * must be refused.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define LISTEN_PORT 7000
#define CLOSED_PORT 7999
#define CALLS_MAX   100
#define TRIES_MAX   200
#define MESSAGE_LEN 64

enum call_state {
	CALL_WAITING,
	CALL_ASKED,
	CALL_DONE,
};

/* One end of a connection; servers' are made when they are accepted. */
struct call {
	struct app app;
	struct swarm *s;
	struct host *host;
	int fd;
	enum call_state state;
	bool is_server;
	bool closed_port;
	uint32_t number;
	unsigned int got;
	uint8_t message[MESSAGE_LEN];
};

/**
 * struct swarm - A client, its server and what is between them
 * @left:	Calls to be made
 * @sources:	Client ports it binds to, 0: the stack chooses
 * @refused, @answered, @failed: How calls ended
 */
struct swarm {
	struct app listener;
	struct swarm *next;
	struct world *w;
	struct host *host[2];
	struct rng rng;
	struct ip6_addr addr;
	bool ip6;
	bool server_first; /* to close */
	uint16_t port;
	int listen_fd;
	uint64_t accept_ns; /* it takes its time before it accepts */
	bool accepting;
	unsigned int tries; /* to accept, in vain */
	unsigned int left;
	unsigned int made;
	unsigned int open;
	unsigned int sources;
	unsigned int refused;
	unsigned int answered;
	unsigned int failed;
	unsigned int n_calls;
	struct call *call[2 * CALLS_MAX];
	bool done;
};

static void question(const struct swarm *s, uint32_t number, uint8_t *ret)
{
	for (unsigned int i = 0; i < MESSAGE_LEN; i++)
		ret[i] = (uint8_t)rng_mix(s->port + number * UINT64_C(1000) + i);
	memcpy(ret, &number, sizeof(number));
}

/* --- ending --- */

static void swarm_end(struct world *w, void *arg)
{
	struct swarm *s = arg;

	if (s->done)
		return;
	s->done = true;
	for (unsigned int i = 0; i < s->n_calls; i++)
		if (s->call[i]->fd >= 0)
			(void)ns_close(s->call[i]->host->st, s->call[i]->fd); /* it is open */
	if (s->listen_fd >= 0)
		(void)ns_close(s->host[1]->st, s->listen_fd); /* it is open */
	for (unsigned int i = 0; i < s->n_calls; i++)
		s->call[i]->state = CALL_DONE;
	s->host[0]->dirty = true;
	s->host[1]->dirty = true;
	w->n_unfinished--;
	world_note(w, "swarm: %u calls, %u answered, %u refused, %u failed", s->made, s->answered,
		   s->refused, s->failed);
}

static void call_end(struct world *w, struct call *c)
{
	if (c->state == CALL_DONE)
		return;
	c->state = CALL_DONE;
	if (c->fd >= 0)
		(void)ns_close(c->host->st, c->fd); /* it is open */
	c->fd = -1;
	c->host->dirty = true;
	if (!c->is_server && --c->s->open == 0 && c->s->left == 0)
		swarm_end(w, c->s);
}

static void call_failed(struct world *w, struct call *c, int error)
{
	struct swarm *s = c->s;

	if (c->closed_port && error == ECONNREFUSED)
		s->refused++;
	else
		s->failed++;
	if (!c->closed_port && error == ECONNREFUSED)
		world_fail(w, "swarm: %s was refused by a port that listens", c->host->name);
	world_note(w, "swarm: call %u: %s", c->number, strerror(error));
	call_end(w, c);
}

/* --- the two ends --- */

/* Reads a message.  1 when it is whole, 0 at the end of the stream, or a negative errno. */
static int listen_to(struct call *c)
{
	while (c->got < MESSAGE_LEN) {
		const ssize_t n =
			ns_recv(c->host->st, c->fd, c->message + c->got, MESSAGE_LEN - c->got, 0);

		if (n <= 0)
			return (int)n;
		c->got += (unsigned int)n;
	}
	return 1;
}

static void server_event(struct world *w, struct call *c)
{
	uint8_t want[MESSAGE_LEN];
	const int r = listen_to(c);
	uint32_t number;

	if (r == -EAGAIN)
		return;
	if (r <= 0) {
		call_end(w, c);
		return;
	}
	if (c->state == CALL_ASKED) { /* it waits for the client to close */
		uint8_t more;

		if (ns_recv(c->host->st, c->fd, &more, 1, 0) != -EAGAIN)
			call_end(w, c);
		return;
	}
	memcpy(&number, c->message, sizeof(number));
	question(c->s, number, want);
	if (memcmp(want, c->message, MESSAGE_LEN) != 0)
		world_fail(w, "swarm: %s was asked something wrong", c->host->name);
	c->state = CALL_ASKED;
	if (ns_send(c->host->st, c->fd, want, MESSAGE_LEN, MSG_NOSIGNAL) != MESSAGE_LEN ||
	    c->s->server_first)
		call_end(w, c);
	c->host->dirty = true;
}

static void client_ask(struct world *w, struct call *c)
{
	uint8_t q[MESSAGE_LEN];
	socklen_t len = sizeof(int);
	int error = 0;
	ssize_t n;

	(void)ns_getsockopt(c->host->st, c->fd, SOL_SOCKET, SO_ERROR, &error,
			    &len); /* it is there */
	if (error) {
		call_failed(w, c, error);
		return;
	}
	if (c->closed_port)
		world_fail(w, "swarm: %s got through to a closed port", c->host->name);
	question(c->s, c->number, q);
	n = ns_send(c->host->st, c->fd, q, sizeof(q), MSG_NOSIGNAL);
	if (n == -EAGAIN && w->memory)
		return;
	c->state = CALL_ASKED;
	if (n != sizeof(q))
		call_failed(w, c, n < 0 ? (int)-n : EIO);
	else
		c->host->dirty = true;
}

static void client_event(struct world *w, struct call *c)
{
	uint8_t want[MESSAGE_LEN];
	int r;

	if (c->state == CALL_WAITING) {
		client_ask(w, c);
		return;
	}
	r = listen_to(c);
	if (r == -EAGAIN)
		return;
	if (r <= 0) {
		call_failed(w, c, r < 0 ? -r : EPIPE);
		return;
	}
	question(c->s, c->number, want);
	if (memcmp(want, c->message, MESSAGE_LEN) != 0)
		world_fail(w, "swarm: %s got a wrong answer", c->host->name);
	c->s->answered++;
	call_end(w, c);
}

static void call_event(struct world *w, struct app *a, uint32_t events)
{
	struct call *c = (struct call *)(void *)a;

	(void)events; /* the calls tell */
	if (c->state == CALL_DONE)
		return;
	if (c->is_server)
		server_event(w, c);
	else
		client_event(w, c);
}

static int call_watch(struct call *c, uint32_t events)
{
	struct epoll_event ev = { .events = events | EPOLLET, .data.ptr = &c->app };

	return ns_epoll_ctl(c->host->st, c->host->epfd, EPOLL_CTL_ADD, c->fd, &ev);
}

static struct call *call_new(struct swarm *s, unsigned int side)
{
	struct call *c = s->n_calls < 2 * CALLS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	*c = (struct call){
		.app.event = call_event, .s = s, .host = s->host[side], .fd = -1, .is_server = side
	};
	s->call[s->n_calls++] = c;
	return c;
}

/* --- accepting --- */

static void accept_some(struct world *w, void *arg)
{
	struct swarm *s = arg;
	struct host *h = s->host[1];

	s->accepting = false;
	while (!s->done) {
		const int fd = ns_accept4(h->st, s->listen_fd, NULL, NULL, SOCK_NONBLOCK);
		struct call *c;

		if (fd == -EAGAIN)
			break;
		if (fd < 0) { /* no descriptor, no memory: perhaps later */
			if (++s->tries > TRIES_MAX) {
				swarm_end(w, s);
				return;
			}
			s->accepting = true;
			world_at(w, w->now_ns + SIM_S, accept_some, NULL, s);
			return;
		}
		c = call_new(s, 1);
		if (!c) {
			(void)ns_close(h->st, fd); /* a call that was given up, and once more */
			continue;
		}
		c->fd = fd;
		if (call_watch(c, EPOLLIN) < 0)
			call_end(w, c);
		else
			server_event(w, c);
	}
	h->dirty = true;
}

static void listener_event(struct world *w, struct app *a, uint32_t events)
{
	struct swarm *s = (struct swarm *)(void *)a;

	(void)events; /* there is only one kind */
	if (s->accepting || s->done)
		return;
	s->accepting = true;
	world_at(w, w->now_ns + s->accept_ns, accept_some, NULL, s);
}

/* --- calling --- */

static int dial(struct swarm *s, struct call *c)
{
	const uint16_t port = c->closed_port ? CLOSED_PORT : s->port;
	struct sockaddr_storage addr;
	socklen_t len = address_of(s->ip6, IP6_UNSPECIFIED, 0, &addr);
	const int on = 1, idle_s = 60, intvl_s = 20;
	int r;

	c->fd = ns_socket(c->host->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return c->fd;
	/* The reset of a server that gave up may be lost; these options are there. */
	(void)ns_setsockopt(c->host->st, c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)ns_setsockopt(c->host->st, c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)ns_setsockopt(c->host->st, c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &intvl_s,
			    sizeof(intvl_s));
	if (s->sources) {
		const uint16_t source = (uint16_t)(s->port * 2 + c->number % s->sources);

		(void)ns_setsockopt(c->host->st, c->fd, SOL_SOCKET, SO_REUSEADDR, &on,
				    sizeof(on)); /* it is there */
		len = address_of(s->ip6, IP6_UNSPECIFIED, source, &addr);
		r = ns_bind(c->host->st, c->fd, (struct sockaddr *)&addr, len);
		if (r < 0)
			return r;
	}
	r = call_watch(c, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	if (r < 0)
		return r;
	len = address_of(s->ip6, s->addr, port, &addr);
	r = ns_connect(c->host->st, c->fd, (struct sockaddr *)&addr, len);
	return r == -EINPROGRESS ? 0 : r;
}

static void next_call(struct world *w, void *arg)
{
	struct swarm *s = arg;
	struct call *c;
	int r;

	if (s->done)
		return;
	c = call_new(s, 0);
	assert(c);
	c->number = s->made++;
	c->closed_port = rng_chance(&s->rng, 100000);
	s->left--;
	s->open++;
	if (s->left)
		world_at(w, w->now_ns + rng_log(&s->rng, 200 * SIM_MS), next_call, NULL, s);
	r = dial(s, c);
	c->host->dirty = true;
	if (r < 0) {
		/* its port is not free again */
		if (!w->lenient && r != -EADDRINUSE && r != -EADDRNOTAVAIL)
			world_fail(w, "swarm: connect() says %s", strerror(-r));
		call_failed(w, c, -r);
	}
}

static int swarm_listen(struct swarm *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->listener };
	struct host *h = s->host[1];
	struct sockaddr_storage addr;
	const socklen_t len = address_of(s->ip6, IP6_UNSPECIFIED, s->port, &addr);
	int r;

	s->listen_fd = ns_socket(h->st, addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return s->listen_fd;
	r = ns_bind(h->st, s->listen_fd, (struct sockaddr *)&addr, len);
	if (r == 0)
		r = ns_listen(h->st, s->listen_fd, (int)rng_log(&s->rng, 16) - 1);
	if (r == 0)
		r = ns_epoll_ctl(h->st, h->epfd, EPOLL_CTL_ADD, s->listen_fd, &ev);
	return r;
}

static void begin(struct world *w, void *arg)
{
	struct swarm *s = arg;
	const int r = swarm_listen(s);

	if (r == 0) {
		next_call(w, s);
		return;
	}
	if (!w->lenient)
		world_fail(w, "swarm: cannot begin: %s", strerror(-r));
	swarm_end(w, s);
}

void swarm_new(struct world *w, struct host *client, struct host *server, bool ip6,
	       struct ip6_addr server_addr)
{
	struct swarm *s = calloc(1, sizeof(*s));

	assert(s);
	*s = (struct swarm){ .listener.event = listener_event,
			     .next = w->swarms,
			     .w = w,
			     .host = { client, server },
			     .rng = rng_fork(&w->rng),
			     .addr = server_addr,
			     .ip6 = ip6,
			     .listen_fd = -1 };
	s->left = (unsigned int)rng_log(&s->rng, CALLS_MAX);
	s->port = (uint16_t)(w->swarms ? w->swarms->port + 500 : LISTEN_PORT);
	s->server_first = rng_chance(&s->rng, 500000);
	s->sources = rng_chance(&s->rng, 400000) ? (unsigned int)rng_between(&s->rng, 1, 20) : 0;
	s->accept_ns = rng_log(&s->rng, SIM_S);
	w->swarms = s;
	w->n_unfinished++;
	world_at(w, w->now_ns + rng_log(&w->rng, SIM_S), begin, NULL, s);
}

/* A call may fail when queues are full whenever its SYN comes, or its port is not free again.
 * Where nothing was lost and all queues had room, none does.
 */
void swarms_check(struct world *w)
{
	for (const struct swarm *s = w->swarms; s; s = s->next) {
		if (!s->done)
			world_fail(w, "swarm: %u of %u calls are not done", s->open + s->left,
				   s->made + s->left);
		if (!w->lenient && s->answered + s->refused + s->failed != s->made)
			world_fail(w, "swarm: of %u calls %u were answered, %u refused, %u failed",
				   s->made, s->answered, s->refused, s->failed);
		if (!w->lenient && !s->sources && s->failed && !world_lost(w))
			world_fail(w, "swarm: of %u calls %u failed, and nothing was lost", s->made,
				   s->failed);
	}
}

void swarms_free(struct world *w)
{
	while (w->swarms) {
		struct swarm *s = w->swarms;

		w->swarms = s->next;
		for (unsigned int i = 0; i < s->n_calls; i++)
			free(s->call[i]);
		free(s);
	}
}
