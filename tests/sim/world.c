/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * world.c - clock, events, trace; the loop
 */
#include <assert.h>
#include <errno.h>
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
	uint64_t h = w->hash ^ w->now_ns, v;
	size_t i = 0;

	for (; i + sizeof(v) <= len; i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; i < len; i++)
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
	(void)vsnprintf(w->failure, sizeof(w->failure), fmt, ap); /* cut is fine */
	va_end(ap);
	world_note(w, "FAILED: %s", w->failure);
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

static void step(struct world *w, uint64_t next)
{
	w->n_steps++;
	w->steps = next > w->now_ns ? 0 : w->steps + 1;
	if (w->steps > STEPS_AT_ONE_TIME_MAX)
		world_fail(w, "livelock: %u steps and the clock does not move", w->steps);
	w->now_ns = next;
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
	links_check(w);
}

/* Events that a step of the caller's has not come to are done first: they are due. */
int world_wait(struct world *w, uint64_t deadline_ns)
{
	const uint64_t next = next_ns(w);

	if (w->failure[0] || (next > w->end_ns && deadline_ns > w->end_ns))
		return -EINTR;
	step(w, next < deadline_ns ? next : deadline_ns);
	return 0;
}

static bool is_quiet(const struct world *w)
{
	for (unsigned int i = 0; i < w->n_links; i++)
		if (!link_is_idle(w->link[i]))
			return false;
	return w->n_unfinished == 0;
}

static void run_until(struct world *w, uint64_t end_ns, bool stop_when_quiet)
{
	w->end_ns = end_ns;
	while (!w->failure[0] && !(stop_when_quiet && is_quiet(w))) {
		const uint64_t next = next_ns(w);

		if (next > end_ns) {
			w->now_ns = end_ns > w->now_ns ? end_ns : w->now_ns;
			break;
		}
		step(w, next);
	}
}

bool world_run(struct world *w, uint64_t end_ns)
{
	run_until(w, end_ns, true);
	streams_check(w);
	swarms_check(w);
	datagrams_check(w);
	pings_check(w);
	return !w->failure[0];
}

bool world_settle(struct world *w)
{
	if (w->failure[0])
		return false;
	for (unsigned int i = 0; i < w->n_hosts; i++)
		(void)ns_close(w->host[i]->st, w->host[i]->epfd); /* it is open */
	/* TIME-WAIT, orphans that resend, neighbours that are waited for */
	run_until(w, w->now_ns + 1200 * SIM_S, false);
	for (unsigned int i = 0; i < w->n_hosts; i++) {
		host_check_empty(w, w->host[i]);
		hooks_check(w, w->host[i]);
	}
	return !w->failure[0];
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < w->n_events; i++)
		if (w->heap[i].drop)
			w->heap[i].drop(w->heap[i].arg);
	for (unsigned int i = 0; i < w->n_hosts; i++)
		host_free(w->host[i]);
	streams_free(w);
	swarms_free(w);
	datagrams_free(w);
	pings_free(w);
	segments_free(w);
	for (unsigned int i = 0; i < w->n_links; i++) {
		for (unsigned int side = 0; side < 2; side++)
			while (w->link[i]->end[side].n_batch)
				free(w->link[i]->end[side].batch[--w->link[i]->end[side].n_batch]);
		free(w->link[i]);
	}
	free(w->heap);
	free(w);
}
