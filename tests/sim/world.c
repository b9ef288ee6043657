/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * world.c - clock, events, hosts
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Steps without the clock moving: more is a livelock. */
#define STEPS_AT_ONE_TIME_MAX 200000

/* --- trace --- */

void world_hash(struct world *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = w->hash ^ w->now_ns;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	w->hash = rng_mix(h + len);
}

void world_note(struct world *w, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	world_hash(w, line, strlen(line));
	if (w->trace)
		(void)printf("%11.6f %s\n", (double)w->now_ns / 1e9, line);
}

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->failure[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
	va_end(ap);
	world_note(w, "FAILED: %s", w->failure);
}

static void trace_line(void *arg, const struct trace_event *ev)
{
	const struct host *h = arg;
	char line[512];

	(void)trace_event_to_str(line, sizeof(line), ev);
	(void)printf("%11.6f %s: %s\n", (double)h->w->now_ns / 1e9, h->name, line);
}

/* --- events: a heap, the next one first --- */

static bool event_before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

static void event_swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

void world_at(struct world *w, uint64_t at_ns, void (*fn)(struct world *w, void *arg),
	      void (*drop)(void *arg), void *arg)
{
	size_t i = w->n_events++;

	if (w->n_events > w->events_size) {
		w->events_size = w->events_size ? w->events_size * 2 : 256;
		w->heap = realloc(w->heap, w->events_size * sizeof(*w->heap));
		assert(w->heap);
	}
	w->heap[i] = (struct event){ at_ns, w->seq++, fn, drop, arg };
	for (; i && event_before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		event_swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct event take_event(struct world *w)
{
	const struct event ret = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->n_events];
	for (;;) {
		size_t least = i, child = 2 * i + 1;

		for (size_t c = child; c < child + 2 && c < w->n_events; c++)
			if (event_before(&w->heap[c], &w->heap[least]))
				least = c;
		if (least == i)
			return ret;
		event_swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

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

/* --- hosts --- */

struct host *host_new(struct world *w, const char *name, const struct netstack_conf *conf)
{
	struct netstack_conf c = *conf;
	struct host *h = calloc(1, sizeof(*h));
	int r;

	assert(h && w->n_hosts < SIM_HOSTS_MAX);
	h->w = w;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	h->fail_rng = rng_fork(&w->rng);
	for (size_t i = 0; i < sizeof(c.seed); i++)
		c.seed[i] = (uint8_t)rng_next(&w->rng);
	c.mem = (struct pbuf_mem){ host_alloc, host_free_mem, h };
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

static void host_news(struct world *w, struct host *h)
{
	struct epoll_event ev[16];
	int n = ns_epoll_wait(h->st, h->epfd, ev, 16, 0);

	h->dirty = n == 16;
	for (int i = 0; i < n; i++) {
		struct app *a = ev[i].data.ptr;

		a->event(w, a, ev[i].events);
	}
}

/* --- the loop --- */

struct world *world_new(uint64_t seed, bool trace)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w);
	w->seed = seed;
	w->rng.state = seed;
	w->trace = trace;
	w->now_ns = SIM_S;
	return w;
}

/* When something happens next. */
static uint64_t next_ns(const struct world *w)
{
	uint64_t next = w->n_events ? w->heap[0].at_ns : UINT64_MAX;

	for (unsigned int i = 0; i < w->n_hosts; i++) {
		const uint64_t at = netstack_deadline(w->host[i]->st);

		if (at < next)
			next = at;
	}
	return next > w->now_ns ? next : w->now_ns;
}

static void step(struct world *w)
{
	for (unsigned int i = 0; i < w->n_hosts; i++) {
		struct host *h = w->host[i];

		netstack_set_now(h->st, w->now_ns);
		if (netstack_deadline(h->st) > w->now_ns)
			continue;
		netstack_advance(h->st, w->now_ns);
		h->dirty = true;
	}
	while (w->n_events && w->heap[0].at_ns <= w->now_ns) {
		const struct event e = take_event(w);

		e.fn(w, e.arg);
	}
	for (unsigned int i = 0; i < w->n_hosts; i++)
		if (w->host[i]->dirty)
			host_news(w, w->host[i]);
}

static bool is_quiet(const struct world *w)
{
	for (unsigned int i = 0; i < w->n_links; i++)
		if (w->link[i]->stats.in_flight)
			return false;
	return w->n_unfinished == 0;
}

static void run_until(struct world *w, uint64_t end_ns, bool stop_when_quiet)
{
	unsigned int steps = 0;

	while (!w->failure[0] && !(stop_when_quiet && is_quiet(w))) {
		const uint64_t next = next_ns(w);

		if (next > end_ns) {
			w->now_ns = end_ns > w->now_ns ? end_ns : w->now_ns;
			break;
		}
		steps = next > w->now_ns ? 0 : steps + 1;
		if (steps > STEPS_AT_ONE_TIME_MAX)
			world_fail(w, "livelock: %u steps and the clock does not move", steps);
		w->now_ns = next;
		step(w);
	}
}

bool world_run(struct world *w, uint64_t end_ns)
{
	run_until(w, end_ns, true);
	streams_check(w);
	datagrams_check(w);
	return !w->failure[0];
}

/* Every packet a host sent is somewhere. */
static void check_links(struct world *w)
{
	for (unsigned int i = 0; i < w->n_links; i++) {
		const struct link_stats *s = &w->link[i]->stats;

		if (s->sent + s->duplicated != s->delivered + s->lost + s->no_buffer + s->in_flight)
			world_fail(w, "link %u: %llu frames sent, %llu delivered, %llu lost", i,
				   (unsigned long long)s->sent, (unsigned long long)s->delivered,
				   (unsigned long long)s->lost);
	}
}

static void check_host(struct world *w, struct host *h)
{
	struct netstack_memory m;

	netstack_memory(h->st, &m);
	if (m.packets || m.packet_bytes || m.sockets || m.syn_rcvd || m.time_wait ||
	    m.reassembly_bytes)
		world_fail(w,
			   "%s still holds %llu packets (%llu bytes), %llu sockets, %llu "
			   "SYN-RCVD, %llu TIME-WAIT, %llu bytes of fragments",
			   h->name, (unsigned long long)m.packets,
			   (unsigned long long)m.packet_bytes, (unsigned long long)m.sockets,
			   (unsigned long long)m.syn_rcvd, (unsigned long long)m.time_wait,
			   (unsigned long long)m.reassembly_bytes);
	if (netstack_deadline(h->st) != TIMER_NEVER)
		world_fail(w, "%s has nothing to do and does not sleep", h->name);
}

bool world_settle(struct world *w)
{
	if (w->failure[0])
		return false;
	for (unsigned int i = 0; i < w->n_hosts; i++)
		(void)ns_close(w->host[i]->st, w->host[i]->epfd);
	/* TIME-WAIT, orphans that resend, neighbours that are waited for */
	run_until(w, w->now_ns + 1200 * SIM_S, false);
	check_links(w);
	for (unsigned int i = 0; i < w->n_hosts; i++)
		check_host(w, w->host[i]);
	return !w->failure[0];
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < w->n_events; i++)
		if (w->heap[i].drop)
			w->heap[i].drop(w->heap[i].arg);
	streams_free(w);
	datagrams_free(w);
	for (unsigned int i = 0; i < w->n_hosts; i++) {
		netstack_free(w->host[i]->st);
		assert(w->host[i]->mem == 0 || w->failure[0]);
		free(w->host[i]);
	}
	for (unsigned int i = 0; i < w->n_links; i++)
		free(w->link[i]);
	free(w->heap);
	free(w);
}
