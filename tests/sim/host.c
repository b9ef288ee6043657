/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host.c - instances: their memory, what their applications wait for
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define POLLERS_MAX 64

/* --- memory that is counted and may fail --- */

static void *host_alloc(void *arg, size_t size)
{
	struct host *h = arg;
	void *p;

	if (rng_chance(&h->fail_rng, h->fail_ppm))
		return NULL;
	p = malloc(size);
	if (p)
		h->mem += size;
	return p;
}

static void host_free_mem(void *arg, void *p, size_t size)
{
	struct host *h = arg;

	if (!p)
		return;
	assert(h->mem >= size);
	h->mem -= size;
	/* what is used after it was freed shall be seen without a sanitizer, too */
	memset(p, 0xdb, size);
	free(p);
}

/* --- life --- */

static void trace_line(void *arg, const struct trace_event *ev)
{
	const struct host *h = arg;
	char line[512];

	(void)trace_event_to_str(line, sizeof(line), ev); /* cut is fine */
	(void)printf("%11.6f %s: %s\n", (double)h->w->now_ns / 1e9, h->name, line);
}

static int host_wait(void *arg, struct netstack *st, uint64_t deadline_ns)
{
	struct host *h = arg;

	(void)st; /* the host's own */
	return world_wait(h->w, deadline_ns);
}

struct host *host_new(struct world *w, const char *name, const struct netstack_conf *conf)
{
	struct netstack_conf c = *conf;
	struct host *h = calloc(1, sizeof(*h));
	int r;

	assert(h && w->n_hosts < SIM_HOSTS_MAX);
	h->w = w;
	h->index = w->n_hosts;
	(void)snprintf(h->name, sizeof(h->name), "%s", name); /* ours are short */
	h->fail_rng = rng_fork(&w->rng);
	for (size_t i = 0; i < sizeof(c.seed); i++)
		c.seed[i] = (uint8_t)rng_next(&w->rng);
	c.mem = (struct pbuf_mem){ host_alloc, host_free_mem, h };
	c.wait = host_wait;
	c.wait_arg = h;
	c.trace = w->trace ? trace_line : NULL;
	c.trace_arg = h;
	r = netstack_new(&h->st, &c, w->now_ns);
	assert(r == 0);
	h->epfd = ns_epoll_create(h->st);
	assert(h->epfd >= 0);
	(void)r; /* hosts are made before memory fails */
	w->host[w->n_hosts++] = h;
	return h;
}

void host_free(struct host *h)
{
	netstack_free(h->st);
	assert(h->mem == 0);
	hooks_free(h);
	free(h);
}

struct ip6_addr host_addr(const struct host *h, bool ip6)
{
	const struct link_end *e = h->end[0];

	return net_addr(e->link->net, e->side, ip6);
}

/* --- waiting --- */

uint32_t host_poll(const struct host *h, int fd, uint32_t events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	const int n = ns_poll(h->st, &p, 1, 0);

	assert(n >= 0 && n <= 1 && (n == 1) == (p.revents != 0));
	(void)n; /* looking does not fail */
	return (uint16_t)p.revents;
}

void host_poll_add(struct host *h, struct app *a, int fd, short events)
{
	host_poll_del(h, a);
	a->poll_fd = fd;
	a->poll_events = events;
	a->next = h->pollers;
	h->pollers = a;
}

void host_poll_del(struct host *h, struct app *a)
{
	for (struct app **at = &h->pollers; *at; at = &(*at)->next) {
		if (*at == a) {
			*at = a->next;
			return;
		}
	}
}

static void poll_news(struct world *w, struct host *h)
{
	struct pollfd fds[POLLERS_MAX];
	struct app *app[POLLERS_MAX];
	unsigned int n = 0;

	for (struct app *a = h->pollers; a && n < POLLERS_MAX; a = a->next) {
		app[n] = a;
		fds[n++] = (struct pollfd){ .fd = a->poll_fd, .events = a->poll_events };
	}
	if (!n || ns_poll(h->st, fds, n, 0) <= 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		if (fds[i].revents)
			app[i]->event(w, app[i], (uint16_t)fds[i].revents);
}

/* An application that lingers in close() lets the world go on, this function with it: news that
 * are on their way then are not late.
 */
void host_news(struct world *w, struct host *h)
{
	struct epoll_event ev[SIM_EVENTS_MAX];
	const int n = ns_epoll_wait(h->st, h->epfd, ev, SIM_EVENTS_MAX, 0);
	const bool nested = h->in_news;

	h->in_news = true;
	h->dirty = n == SIM_EVENTS_MAX;
	/* What calls have changed since, as memory that another stream gave back, is told with the
	 * next turn.
	 */
	if (!h->dirty && !nested && netstack_deadline(h->st) != 0)
		streams_audit_epoll(w, h, ev, n);
	for (int i = 0; i < n; i++) {
		struct app *a = ev[i].data.ptr;

		a->event(w, a, ev[i].events);
	}
	poll_news(w, h);
	/* callbacks that are still to come are no reason to complain */
	if (!h->dirty && !nested && netstack_deadline(h->st) > w->now_ns)
		streams_audit_wakeups(w, h);
	h->in_news = nested;
}

/* --- what is left --- */

/* What is for others on the link, and what TCP drops as a matter of course. */
static bool is_harmless(enum drop_reason why)
{
	static const enum drop_reason harmless[] = {
		DROP_ARP_NOT_OURS,  DROP_ND_NOT_OURS,     DROP_NOT_MEMBER,
		DROP_TCP_NO_CONN,   DROP_TCP_RESET,       DROP_TCP_OLD_DATA,
		DROP_TCP_TIME_WAIT, DROP_TCP_RST_UNKNOWN, DROP_TCP_CLOSED_DATA,
	};

	for (unsigned int i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (harmless[i] == why)
			return true;
	return false;
}

uint64_t host_drops(const struct host *h)
{
	const uint64_t *drops = netstack_drops(h->st);
	uint64_t n = hooks_stole(h);

	for (unsigned int i = 0; i < DROP_N; i++)
		n += is_harmless((enum drop_reason)i) ? 0 : drops[i];
	return n;
}

void host_check_empty(struct world *w, struct host *h)
{
	struct netstack_memory m;

	netstack_memory(h->st, &m);
	if (m.packets || m.packet_bytes || m.sockets || m.conns || m.syn_rcvd || m.time_wait ||
	    m.reassembly_bytes)
		world_fail(w,
			   "%s still holds %llu packets (%llu bytes), %llu sockets, %llu "
			   "connections, %llu SYN-RCVD, %llu TIME-WAIT, %llu bytes of fragments",
			   h->name, (unsigned long long)m.packets,
			   (unsigned long long)m.packet_bytes, (unsigned long long)m.sockets,
			   (unsigned long long)m.conns, (unsigned long long)m.syn_rcvd,
			   (unsigned long long)m.time_wait, (unsigned long long)m.reassembly_bytes);
	if (netstack_deadline(h->st) != TIMER_NEVER)
		world_fail(w, "%s has nothing to do and does not sleep", h->name);
}
