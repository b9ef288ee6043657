/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datagram.c - UDP applications: one asks, the other one answers with the same bytes
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define FIRST_PORT   9000
#define DATAGRAM_MAX 8000 /* several fragments */
#define HEADER_LEN   8
#define LAST_WAIT_NS (40 * SIM_S) /* reassembly gives up before */

/**
 * struct datagrams - A pair of sockets
 * @left:	Datagrams to be sent
 * @sent:	Datagrams that were
 * @accepted:	Of which the stack took for sending
 * @questions:	Right ones that came
 * @answers:	Right ones that came back
 */
struct datagrams {
	struct app client;
	struct app server;
	struct datagrams *next;
	struct world *w;
	struct host *host[2];
	int fd[2];
	uint16_t port;
	bool ip6;
	struct ip6_addr addr;
	uint64_t key;
	unsigned int left;
	unsigned int sent;
	unsigned int accepted;
	unsigned int questions;
	unsigned int answers;
	bool done;
	struct rng rng;
};

static void fill(uint64_t key, uint32_t number, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)rng_mix(key + number * UINT64_C(100000) + i);
	memcpy(ret, &number, sizeof(number));
}

static bool is_right(const struct datagrams *d, const uint8_t *buf, size_t len)
{
	uint8_t want[DATAGRAM_MAX];
	uint32_t number;

	if (len < HEADER_LEN || len > sizeof(want))
		return false;
	memcpy(&number, buf, sizeof(number));
	if (number >= d->sent)
		return false;
	fill(d->key, number, want, len);
	return memcmp(want, buf, len) == 0;
}

/* poll() has just said @mask, and a call @n. */
static void check_ready(struct world *w, uint32_t mask, ssize_t n)
{
	if ((n == -EAGAIN) != !(mask & (POLLIN | POLLERR)))
		world_fail(w, "datagrams: poll() said %#x, recv() %zd", mask, n);
}

static void end(struct world *w, void *arg)
{
	struct datagrams *d = arg;

	for (unsigned int i = 0; i < 2; i++)
		if (d->fd[i] >= 0)
			(void)ns_close(d->host[i]->st, d->fd[i]);
	d->done = true;
	w->n_unfinished--;
	world_note(w, "datagrams: %u sent, %u answers", d->sent, d->answers);
}

static void send_next(struct world *w, void *arg)
{
	struct datagrams *d = arg;
	uint8_t buf[DATAGRAM_MAX];
	const size_t len = HEADER_LEN + rng_log(&d->rng, DATAGRAM_MAX - HEADER_LEN);

	if (d->left == 0) {
		world_at(w, w->now_ns + LAST_WAIT_NS, end, NULL, d);
		return;
	}
	fill(d->key, d->sent, buf, len);
	d->sent++;
	d->left--;
	d->accepted += ns_send(d->host[0]->st, d->fd[0], buf, len, 0) == (ssize_t)len;
	d->host[0]->dirty = true;
	world_at(w, w->now_ns + rng_log(&d->rng, SIM_S), send_next, NULL, d);
}

static void serve(struct world *w, struct app *a, uint32_t events)
{
	struct datagrams *d =
		(struct datagrams *)(void *)((char *)a - offsetof(struct datagrams, server));
	struct sockaddr_storage from;
	uint8_t buf[DATAGRAM_MAX + 1];
	ssize_t n;

	(void)events; /* all of them are looked at by the call */
	for (;;) {
		socklen_t len = sizeof(from);

		const uint32_t mask = host_poll(d->host[1], d->fd[1], POLLIN);

		n = ns_recvfrom(d->host[1]->st, d->fd[1], buf, sizeof(buf), 0,
				(struct sockaddr *)&from, &len);
		check_ready(w, mask, n);
		if (n < 0)
			break;
		d->questions++;
		if (!is_right(d, buf, (size_t)n))
			world_fail(w, "datagrams: %s got a wrong one", d->host[1]->name);
		(void)ns_sendto(d->host[1]->st, d->fd[1], buf, (size_t)n, 0,
				(struct sockaddr *)&from, len); /* may fail: it is UDP */
	}
	d->host[1]->dirty = true;
}

static void answer(struct world *w, struct app *a, uint32_t events)
{
	struct datagrams *d =
		(struct datagrams *)(void *)((char *)a - offsetof(struct datagrams, client));
	uint8_t buf[DATAGRAM_MAX + 1];
	ssize_t n;

	(void)events;
	for (;;) {
		const uint32_t mask = host_poll(d->host[0], d->fd[0], POLLIN);

		n = ns_recv(d->host[0]->st, d->fd[0], buf, sizeof(buf), 0);
		check_ready(w, mask, n);
		if (n < 0 && n != -ECONNREFUSED && n != -EMSGSIZE && n != -EHOSTUNREACH)
			break;
		if (n < 0)
			continue;
		if (!is_right(d, buf, (size_t)n))
			world_fail(w, "datagrams: %s got a wrong answer", d->host[0]->name);
		d->answers++;
	}
}

static int open_end(struct datagrams *d, unsigned int side, struct app *app)
{
	struct host *h = d->host[side];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = app };
	struct sockaddr_storage addr;
	socklen_t len = address_of(d->ip6, side ? IP6_UNSPECIFIED : d->addr, d->port, &addr);
	int r;

	d->fd[side] = ns_socket(h->st, addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (d->fd[side] < 0)
		return d->fd[side];
	r = side ? ns_bind(h->st, d->fd[side], (struct sockaddr *)&addr, len)
		 : ns_connect(h->st, d->fd[side], (struct sockaddr *)&addr, len);
	if (r < 0)
		return r;
	return ns_epoll_ctl(h->st, h->epfd, EPOLL_CTL_ADD, d->fd[side], &ev);
}

static void begin(struct world *w, void *arg)
{
	struct datagrams *d = arg;
	int r = open_end(d, 1, &d->server);

	if (r == 0)
		r = open_end(d, 0, &d->client);
	if (r == 0) {
		send_next(w, d);
		return;
	}
	if (!w->lenient)
		world_fail(w, "datagrams: cannot begin: %s", strerror(-r));
	end(w, d);
}

void datagrams_new(struct world *w, struct host *client, struct host *server, bool ip6,
		   struct ip6_addr server_addr)
{
	struct datagrams *d = calloc(1, sizeof(*d));

	assert(d);
	*d = (struct datagrams){ .client.event = answer,
				 .server.event = serve,
				 .next = w->datagrams,
				 .w = w,
				 .host = { client, server },
				 .fd = { -1, -1 },
				 .ip6 = ip6,
				 .addr = server_addr };
	d->rng = rng_fork(&w->rng);
	d->key = rng_next(&d->rng);
	d->left = (unsigned int)rng_between(&d->rng, 1, 40);
	d->port = (uint16_t)(w->datagrams ? w->datagrams->port + 1 : FIRST_PORT);
	w->datagrams = d;
	w->n_unfinished++;
	world_at(w, w->now_ns + rng_log(&d->rng, SIM_S), begin, NULL, d);
}

/* No answer without a question, but for links that send everything twice; where nothing was lost
 * or dropped by anybody, all of them.
 */
void datagrams_check(struct world *w)
{
	const uint64_t gone = world_lost(w);
	bool dup = false;

	for (unsigned int i = 0; i < w->n_links; i++)
		dup = dup || w->link[i]->end[0].conf.dup_ppm || w->link[i]->end[1].conf.dup_ppm;
	for (const struct datagrams *d = w->datagrams; d; d = d->next) {
		if (!d->done)
			world_fail(w, "datagrams: not done");
		if ((d->questions > d->sent || d->answers > d->questions) && !dup)
			world_fail(w, "datagrams: %u sent, %u came, %u answers", d->sent,
				   d->questions, d->answers);
		if ((d->questions < d->accepted || d->answers < d->questions) && !gone &&
		    !w->lenient)
			world_fail(w, "datagrams: %u sent, %u came, %u answers; nothing was lost",
				   d->accepted, d->questions, d->answers);
	}
}

void datagrams_free(struct world *w)
{
	while (w->datagrams) {
		struct datagrams *d = w->datagrams;

		w->datagrams = d->next;
		free(d);
	}
}
