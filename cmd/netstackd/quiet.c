/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "quiet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon.h"
#include "host/host.h"

/* Turns that take memory worth giving back: not those of a neighbour's questions. */
#define TURNS_WORK 64

/* Turns in a second that are none. */
#define TURNS_FEW 8

/* Turns in a second that are little work, bytes of packets that is too much for, and how many
 * seconds it has to be so.
 */
#define TURNS_CALM 1000
#define MUCH       (UINT64_C(1) << 20)
#define CALM_LOOKS 10

/* Connections in TIME-WAIT whose end, a minute later, is worth looking. */
#define TIME_WAIT_MANY 256

static void start(struct quiet *q)
{
	const struct itimerspec its = { .it_value.tv_sec = 1 };

	(void)timerfd_settime(q->timer.fd, 0, &its, NULL); /* EINVAL only */
	q->is_running = true;
	q->turns = 0;
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct daemon *d = w->arg;
	uint64_t ticks;

	(void)events; /* POLLIN */
	d->quiet.has_fired = read(w->fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks);
}

static bool is_quiet(struct quiet *q, const struct netstack_memory *m)
{
	if (q->turns <= TURNS_FEW)
		return true;
	if (q->turns > TURNS_CALM || m->packet_taken - m->packet_bytes < MUCH)
		q->n_calm = 0;
	else
		q->n_calm++;
	return q->n_calm == CALM_LOOKS;
}

/* Not from on_timer(), which is called in the middle of a turn. */
static void look(struct daemon *d)
{
	struct quiet *q = &d->quiet;
	struct netstack_memory m;

	q->has_fired = false;
	netstack_memory(host_stack(d->host), &m);
	if (!is_quiet(q, &m)) {
		start(q);
		return;
	}
	q->is_running = false;
	q->n_calm = 0;
	q->turns = 0;
	host_trim(d->host);
	q->is_ending = m.time_wait >= TIME_WAIT_MANY;
}

void quiet_turn(struct daemon *d)
{
	struct quiet *q = &d->quiet;

	if (q->turns < UINT_MAX)
		q->turns++;
	if (q->has_fired)
		look(d);
	else if (!q->is_running && (q->is_ending || q->turns >= TURNS_WORK))
		start(q);
}

void quiet_soon(struct daemon *d)
{
	if (!d->quiet.is_running)
		start(&d->quiet);
}

int quiet_open(struct daemon *d, struct nerr *err)
{
	struct loop_watch *w = &d->quiet.timer;
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a timer: %m");
	*w = (struct loop_watch){ .fd = fd, .events = POLLIN, .ready = on_timer, .arg = d };
	r = loop_watch_add(host_loop(d->host), w);
	if (r < 0) {
		w->ready = NULL;
		(void)close(fd); /* a timer */
		return nerr_set(err, r, "cannot wait for a timer: %s", strerror(-r));
	}
	return 0;
}

void quiet_close(struct daemon *d)
{
	struct loop_watch *w = &d->quiet.timer;

	if (!w->ready)
		return;
	loop_watch_del(host_loop(d->host), w);
	(void)close(w->fd); /* a timer */
	w->ready = NULL;
}
