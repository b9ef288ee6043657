/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream_wait.c - how an end waits, and that it does so in vain never
 *
 * With epoll by level, by edge or for one event, with a callback, with poll(), or in calls that
 * block.  Of those that block only one at a time does: the world goes on inside its call.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "stream.h"

#define TIMEOUT_MAX_MS 1000

static struct stream_end *end_of(struct app *a)
{
	return (struct stream_end *)(void *)((char *)a - offsetof(struct stream_end, app));
}

/* What it waits for at this moment. */
static uint32_t wanted(const struct stream_end *e)
{
	uint32_t events = 0;

	if (e->state == END_WAITING)
		return EPOLLOUT;
	if (!e->wr_done && !e->wr_paused)
		events |= EPOLLOUT;
	if (!e->rd_done && !e->rd_paused)
		events |= EPOLLIN;
	return events;
}

/* --- the handshake --- */

/* True when it is over and went well. */
static bool is_open(struct world *w, struct stream_end *e, uint32_t events)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (e->state != END_WAITING)
		return e->state == END_OPEN;
	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return false;
	(void)ns_getsockopt(e->host->st, e->fd, SOL_SOCKET, SO_ERROR, &error,
			    &len); /* it is there */
	if (error) {
		end_finish(w, e, error);
		return false;
	}
	if (events & EPOLLERR && !w->memory)
		world_fail(w, "stream %u: %s: poll() says POLLERR, SO_ERROR is 0", e->s->number,
			   e->host->name);
	e->state = END_OPEN;
	e->progress_ns = w->now_ns;
	return true;
}

/* --- waiting --- */

/* Arm it again where an event disarms, or where there is something else to wait for. */
static void rearm(struct stream_end *e)
{
	struct epoll_event ev = { .events = wanted(e), .data.ptr = &e->app };

	if (e->wait == WAIT_ONESHOT)
		ev.events |= EPOLLONESHOT;
	if (e->wait == WAIT_LEVEL || e->wait == WAIT_ONESHOT)
		(void)ns_epoll_ctl(e->host->st, e->host->epfd, EPOLL_CTL_MOD, e->fd,
				   &ev); /* needs no memory */
	if (e->wait == WAIT_POLL)
		host_poll_add(e->host, &e->app, e->fd, (short)ev.events);
}

void end_pump(struct world *w, struct stream_end *e)
{
	if (e->state != END_OPEN || e->wait == WAIT_BLOCKING)
		return;
	end_write(w, e);
	end_read(w, e);
	e->host->dirty = true;
	if (e->state != END_OPEN)
		return;
	if (e->rd_done && e->wr_done)
		end_finish(w, e, 0);
	else
		rearm(e);
}

static void end_event(struct world *w, struct app *a, uint32_t events)
{
	struct stream_end *e = end_of(a);

	if (e->state == END_DONE)
		return;
	if (is_open(w, e, events))
		end_pump(w, e);
	else if (e->state == END_WAITING)
		rearm(e);
}

static void notified(void *arg, int fd, uint32_t events)
{
	struct stream_end *e = arg;

	(void)fd; /* its own */
	end_event(e->s->w, &e->app, events);
}

/* --- calls that block --- */

static void set_timeouts(struct stream_end *e)
{
	const uint64_t ms = rng_log(&e->rng, TIMEOUT_MAX_MS);
	const struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	(void)ns_setsockopt(e->host->st, e->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)ns_setsockopt(e->host->st, e->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* A timeout is over when a call says EAGAIN. */
static void check_timeout(struct world *w, const struct stream_end *e, uint64_t began, ssize_t n,
			  int option)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	uint64_t timeout;

	/* calls without copies never wait */
	if (n != -EAGAIN || e->state != END_OPEN || e->copy == COPY_BLOCK || e->copy == COPY_WRAP)
		return;
	(void)ns_getsockopt(e->host->st, e->fd, SOL_SOCKET, option, &tv, &len); /* it is there */
	timeout = (uint64_t)tv.tv_sec * SIM_S + (uint64_t)tv.tv_usec * 1000;
	if (w->now_ns - began < timeout)
		world_fail(w, "stream %u: %s waited for %llu ns of %llu", e->s->number,
			   e->host->name, (unsigned long long)(w->now_ns - began),
			   (unsigned long long)timeout);
}

static void block(struct world *w, void *arg)
{
	struct stream_end *e = arg;
	uint64_t began = w->now_ns, again = 1 + rng_log(&e->rng, 20 * SIM_MS);
	ssize_t n = 1;

	if (e->state == END_DONE)
		return;
	/* somebody else's world goes round inside his call */
	if (w->blocking) {
		world_at(w, w->now_ns + again, block, NULL, e);
		return;
	}
	w->blocking = true;
	if (e->state == END_WAITING && !is_open(w, e, host_poll(e->host, e->fd, POLLOUT | POLLERR)))
		again = 10 * SIM_MS;
	for (unsigned int i = 0; i < 8 && n > 0 && e->state == END_OPEN; i++) {
		began = w->now_ns;
		n = end_write_once(w, e);
	}
	check_timeout(w, e, began, n, SO_SNDTIMEO);
	n = 1;
	for (unsigned int i = 0; i < 8 && n > 0 && e->state == END_OPEN && !e->rd_done; i++) {
		began = w->now_ns;
		n = end_read_once(w, e);
	}
	check_timeout(w, e, began, n, SO_RCVTIMEO);
	w->blocking = false;
	e->host->dirty = true;
	if (e->state == END_OPEN && e->rd_done && e->wr_done)
		end_finish(w, e, 0);
	if (e->state != END_DONE)
		world_at(w, w->now_ns + again, block, NULL, e);
}

int end_watch(struct world *w, struct stream_end *e)
{
	struct epoll_event ev = { .events = wanted(e), .data.ptr = &e->app };

	e->app.event = end_event;
	switch (e->wait) {
	case WAIT_EDGE:
		ev.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
		break;
	case WAIT_ONESHOT:
		ev.events |= EPOLLONESHOT;
		break;
	case WAIT_NOTIFY:
		return ns_set_notify(e->host->st, e->fd, notified, e);
	case WAIT_POLL:
		host_poll_add(e->host, &e->app, e->fd, (short)ev.events);
		return 0;
	case WAIT_BLOCKING:
		(void)ns_fcntl(e->host->st, e->fd, F_SETFL, 0); /* it is there */
		set_timeouts(e);
		world_at(w, w->now_ns + SIM_MS, block, NULL, e);
		return 0;
	case WAIT_LEVEL:
	case WAIT_N:
		break;
	}
	return ns_epoll_ctl(e->host->st, e->host->epfd, EPOLL_CTL_ADD, e->fd, &ev);
}

void end_unwatch(struct stream_end *e)
{
	if (e->wait == WAIT_POLL)
		host_poll_del(e->host, &e->app);
}

/* --- oracles --- */

static bool is_among(const struct epoll_event *ev, int n, const struct app *a)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr == a)
			return true;
	return false;
}

static void audit_epoll(struct world *w, const struct stream_end *e, const struct epoll_event *ev,
			int n)
{
	const uint32_t mask = host_poll(e->host, e->fd, wanted(e));

	if (is_among(ev, n, &e->app) == (mask != 0))
		return;
	world_fail(w, "stream %u: %s: poll() says %#x, epoll %s", e->s->number, e->host->name, mask,
		   mask ? "nothing" : "something");
}

void streams_audit_epoll(struct world *w, const struct host *h, const struct epoll_event *ev, int n)
{
	for (const struct stream *s = w->streams; s; s = s->next)
		for (unsigned int side = 0; side < 2; side++) {
			const struct stream_end *e = &s->end[side];

			if (e->host == h && e->fd >= 0 && e->wait == WAIT_LEVEL)
				audit_epoll(w, e, ev, n);
		}
}

/* Whoever was told has done what he could: where there is more to do, he was not told. */
void streams_audit_wakeups(struct world *w, const struct host *h)
{
	for (const struct stream *s = w->streams; s; s = s->next)
		for (unsigned int side = 0; side < 2; side++) {
			const struct stream_end *e = &s->end[side];
			uint32_t mask;

			if (e->host != h || e->fd < 0 || e->wait == WAIT_BLOCKING || w->memory)
				continue;
			mask = host_poll(h, e->fd, wanted(e)) & (wanted(e) | EPOLLERR | EPOLLHUP);
			if (!(mask & wanted(e)))
				continue;
			world_fail(w, "stream %u: %s sleeps (kind %d) and poll() says %#x",
				   s->number, h->name, (int)e->wait, mask);
		}
}
