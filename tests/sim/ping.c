/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ping.c - echo requests by a ping socket, and what comes back
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "wire/bytes.h"

#define HEADER_LEN   8
#define DATA_MAX     3000 /* some fragments */
#define LAST_WAIT_NS (65 * SIM_S)

/* One socket and whom it asks. */
struct pings {
	struct app app;
	struct pings *next;
	struct host *host;
	struct ip6_addr addr;
	struct rng rng;
	uint64_t key;
	int fd;
	bool ip6;
	bool done;
	unsigned int left;
	unsigned int sent;
	unsigned int replies;
};

static void fill(const struct pings *p, unsigned int seq, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)rng_mix(p->key + seq * UINT64_C(100000) + i);
}

static void end(struct world *w, void *arg)
{
	struct pings *p = arg;

	if (p->fd >= 0)
		(void)ns_close(p->host->st, p->fd); /* it is open */
	p->host->dirty = true;
	p->done = true;
	w->n_unfinished--;
	world_note(w, "pings: %u sent, %u replies", p->sent, p->replies);
}

static void send_next(struct world *w, void *arg)
{
	struct pings *p = arg;
	const size_t len = HEADER_LEN + rng_log(&p->rng, DATA_MAX) - 1;
	uint8_t buf[HEADER_LEN + DATA_MAX] = { p->ip6 ? 128 : 8 };
	ssize_t n;

	if (p->left == 0) {
		world_at(w, w->now_ns + LAST_WAIT_NS, end, NULL, p);
		return;
	}
	put_be16(buf + 6, (uint16_t)p->sent);
	fill(p, p->sent, buf + HEADER_LEN, len - HEADER_LEN);
	n = ns_send(p->host->st, p->fd, buf, len, 0);
	if (n > 0 && n != (ssize_t)len)
		world_fail(w, "pings: %zd of %zu bytes sent", n, len);
	p->sent++;
	p->left--;
	p->host->dirty = true;
	world_at(w, w->now_ns + rng_log(&p->rng, SIM_S), send_next, NULL, p);
}

static void reply(struct world *w, struct app *a, uint32_t events)
{
	struct pings *p = (struct pings *)(void *)a;
	uint8_t buf[HEADER_LEN + DATA_MAX + 1], want[DATA_MAX + 1];

	(void)events; /* the calls tell */
	while (!p->done) {
		const uint32_t mask = host_poll(p->host, p->fd, POLLIN);
		const ssize_t n = ns_recv(p->host->st, p->fd, buf, sizeof(buf), 0);

		if ((n == -EAGAIN) != !mask)
			world_fail(w, "pings: poll() said %#x, recv() %zd", mask, n);
		if (n == -EAGAIN)
			return;
		if (n < 0) /* an ICMP error */
			continue;
		if (n < HEADER_LEN || buf[0] != (p->ip6 ? 129 : 0) || get_be16(buf + 6) >= p->sent)
			world_fail(w, "pings: %s got %zd bytes that are no reply", p->host->name,
				   n);
		fill(p, get_be16(buf + 6), want, sizeof(want));
		if (n >= HEADER_LEN && memcmp(want, buf + HEADER_LEN, (size_t)n - HEADER_LEN) != 0)
			world_fail(w, "pings: %s got a wrong reply", p->host->name);
		p->replies++;
	}
}

static void begin(struct world *w, void *arg)
{
	struct pings *p = arg;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &p->app };
	struct sockaddr_storage addr;
	const socklen_t len = address_of(p->ip6, p->addr, 0, &addr);
	int r;

	r = p->fd = ns_socket(p->host->st, addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK,
			      p->ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (r >= 0)
		r = ns_connect(p->host->st, p->fd, (struct sockaddr *)&addr, len);
	if (r >= 0)
		r = ns_epoll_ctl(p->host->st, p->host->epfd, EPOLL_CTL_ADD, p->fd, &ev);
	if (r >= 0) {
		send_next(w, p);
		return;
	}
	if (!w->lenient)
		world_fail(w, "pings: cannot begin: %s", strerror(-r));
	end(w, p);
}

void pings_new(struct world *w, struct host *client, bool ip6, struct ip6_addr addr)
{
	struct pings *p = calloc(1, sizeof(*p));

	assert(p);
	*p = (struct pings){ .app.event = reply,
			     .next = w->pings,
			     .host = client,
			     .addr = addr,
			     .rng = rng_fork(&w->rng),
			     .fd = -1,
			     .ip6 = ip6 };
	p->key = rng_next(&p->rng);
	p->left = (unsigned int)rng_log(&p->rng, 30);
	w->pings = p;
	w->n_unfinished++;
	world_at(w, w->now_ns + rng_log(&p->rng, SIM_S), begin, NULL, p);
}

static bool links_repeat(const struct world *w)
{
	for (unsigned int i = 0; i < w->n_links; i++)
		for (unsigned int side = 0; side < 2; side++)
			if (w->link[i]->end[side].conf.dup_ppm)
				return true;
	return false;
}

/* Where nothing is lost on the way or dropped by anybody, all of them come back. */
void pings_check(struct world *w)
{
	const uint64_t gone = world_lost(w);

	for (const struct pings *p = w->pings; p; p = p->next) {
		if (!p->done)
			world_fail(w, "pings: not done");
		if (p->replies > p->sent && !links_repeat(w))
			world_fail(w, "pings: %u replies to %u", p->replies, p->sent);
		if (p->replies < p->sent && !gone && !w->lenient)
			world_fail(w, "pings: %u replies to %u, and nothing was lost", p->replies,
				   p->sent);
	}
}

void pings_free(struct world *w)
{
	while (w->pings) {
		struct pings *p = w->pings;

		w->pings = p->next;
		free(p);
	}
}
