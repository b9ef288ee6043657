/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pumps begin and end; events of both sides come in here.
 *
 * Our end is watched for edges, for there is always a byte in its queue.  An edge is followed by
 * reading until there is nothing more, or until the stack takes nothing more and will say when it
 * does.
 *
 * POLLHUP says that both directions of the pair are shut down.  As long as the program has not
 * called shutdown() it must have closed, for of what we write only we can say that there is an
 * end.  After that is_open() knows.  There is another edge when it closes.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach/pump_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

#define EVENTS (POLLIN | POLLPRI | POLLRDHUP)

/* What io_uring tells of a single wakeup is not what there is but what the wakeup may be for:
 * sock_def_readable() has POLLPRI and POLLRDBAND for each message.  AF_UNIX has never got
 * POLLRDBAND, so it tells the two apart.
 */
#define HINT POLLRDBAND

/* --- ending --- */

static void unstarve(struct pump *p)
{
	struct pump **at = &p->ps->starved;

	if (!p->is_starved)
		return;
	while (*at != p)
		at = &(*at)->next_starved;
	*at = p->next_starved;
	p->is_starved = false;
}

void pump_stop(struct pump *p)
{
	if (!p)
		return;
	unstarve(p);
	loop_watch_del(p->ps->conf.loop, &p->in);
	if (p->is_out_on)
		loop_watch_del(p->ps->conf.loop, &p->out);
	if (p->block)
		pbuf_block_unref(p->block);
	(void)close(p->end);
	free(p);
}

bool pump_ended(struct pump *p, enum pump_end how)
{
	const struct pumps *ps = p->ps;
	void *arg = p->arg;

	pump_stop(p);
	ps->conf.ended(arg, how);
	return false;
}

bool pump_dead(struct pump *p)
{
	p->net_dead = true;
	p->tx_done = true;
	p->tx_blocked = false;
	if (p->block)
		pbuf_block_unref(TAKE_PTR(p->block));
	return pump_rx(p);
}

/* --- looking --- */

bool pump_is_net_dead(const struct pump *p)
{
	struct pollfd look = { .fd = p->ns_fd };

	return ns_poll(p->ps->conf.stack, &look, 1, 0) > 0 && look.revents & POLLHUP;
}

uint32_t pump_queued(const struct pump *p)
{
	int n = 0;

	return ioctl(p->end, FIONREAD, &n) == 0 && n > 0 ? (uint32_t)n : 0;
}

uint32_t pump_received(const struct pump *p)
{
	int n = 0;

	return ns_ioctl(p->ps->conf.stack, p->ns_fd, FIONREAD, &n) == 0 && n > 0 ? (uint32_t)n : 0;
}

uint32_t pump_unsent(const struct pump *p)
{
	const uint32_t queued = pump_queued(p);

	return (queued > p->held ? queued - p->held : 0) + (p->block ? p->len : 0);
}

/* --- no memory --- */

void pump_starve(struct pump *p)
{
	struct pumps *ps = p->ps;

	if (p->is_starved)
		return;
	p->is_starved = true;
	p->next_starved = ps->starved;
	ps->starved = p;
}

/* Each of those that are in the list now once: any of them may end. */
static void feed(struct pumps *ps)
{
	struct pump *last = NULL;

	while (ps->starved && ps->starved != last) {
		struct pump *p = ps->starved;

		unstarve(p);
		p->tx_blocked = false;
		if (pump_tx(p) && p->is_starved)
			last = p; /* there is still none: nor for those behind it */
	}
}

/* --- the program has closed? --- */

static bool has_closed(const struct pump *p)
{
	const struct pumps_conf *conf = &p->ps->conf;

	if (!p->no_write && !p->no_read)
		return true;
	return !conf->is_open || !conf->is_open(p->arg);
}

/* SO_LINGER with no time: what is not sent is thrown away. */
static bool is_hasty(const struct pump *p)
{
	struct linger l = { 0 };
	socklen_t len = sizeof(l);

	return ns_getsockopt(p->ps->conf.stack, p->ns_fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 &&
	       l.l_onoff && !l.l_linger;
}

/* False: it has ended */
static bool on_hup(struct pump *p)
{
	if (p->prog_closed || !has_closed(p))
		return true;
	p->prog_closed = true;
	if (!p->no_read && !p->net_dead && pump_received(p))
		return pump_ended(p, PUMP_ABORTED);
	if (p->tx_done || is_hasty(p))
		return pump_ended(p, PUMP_CLOSED);
	return true;
}

/* The kernel says of a program that it has closed with unread bytes. */
static bool is_aborted(const struct pump *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(p->end, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ECONNRESET;
}

/* --- events --- */

/* What the stack said before it had anybody to say it to.  False: it has ended */
static bool begin(struct pump *p)
{
	struct pollfd look = { .fd = p->ns_fd, .events = EVENTS };

	p->started = true;
	if (ns_poll(p->ps->conf.stack, &look, 1, 0) <= 0)
		return true;
	p->rx_urgent |= !!(look.revents & POLLPRI);
	p->net_fin |= (look.revents & (POLLRDHUP | POLLERR)) == POLLRDHUP;
	if ((look.revents & POLLERR) && (look.revents & POLLHUP))
		return pump_dead(p);
	return pump_rx(p);
}

/* Of what follows a single wakeup the first look shows everything; what follows later has an
 * edge of its own.
 */
static void note_wakeup(struct pump *p, uint32_t events)
{
	const bool is_one = events & HINT && !p->tx_blocked;

	p->tx_wary = !is_one;
	p->tx_maybe_urgent = events & POLLPRI && !is_one;
}

static bool on_end(struct pump *p, uint32_t events)
{
	note_wakeup(p, events);
	p->prog_fin |= !!(events & (POLLRDHUP | POLLHUP));
	if (events & POLLERR && is_aborted(p))
		return pump_ended(p, PUMP_ABORTED);
	if (!p->started && !begin(p))
		return false;
	if (events & POLLHUP && !on_hup(p))
		return false;
	return p->tx_blocked || pump_tx(p);
}

static void on_in(struct loop_watch *w, uint32_t events)
{
	struct pump *p = w->arg;
	struct pumps *ps = p->ps;

	(void)on_end(p, events); /* whether it is still there or not */
	if (ps->starved)
		feed(ps);
}

static void on_out(struct loop_watch *w, uint32_t events)
{
	struct pump *p = w->arg;

	(void)events; /* whatever it is, sending will tell */
	loop_watch_del(p->ps->conf.loop, w);
	p->is_out_on = false;
	p->rx_blocked = false;
	(void)(p->started ? pump_rx(p) : begin(p)); /* whether it is still there or not */
}

void pump_watch_out(struct pump *p, bool now)
{
	if (p->is_out_on && !now)
		return;
	if (p->is_out_on)
		loop_watch_del(p->ps->conf.loop, &p->out);
	p->out = (struct loop_watch){
		.fd = p->end,
		.events = now ? POLLOUT | POLLIN : POLLOUT,
		.ready = on_out,
		.arg = p,
	};
	/* Without memory the next event of either side has to do. */
	p->is_out_on = loop_watch_add(p->ps->conf.loop, &p->out) == 0;
}

void pump_stack(struct pump *p, uint32_t events)
{
	struct pumps *ps = p->ps;
	bool alive = true;

	p->rx_urgent |= !!(events & POLLPRI);
	p->net_fin |= (events & (POLLRDHUP | POLLERR)) == POLLRDHUP;
	if ((events & POLLERR) && (events & POLLHUP))
		alive = pump_dead(p);
	else if (events & (POLLIN | POLLPRI | POLLRDHUP | POLLHUP))
		alive = (p->rx_blocked && p->is_out_on) || pump_rx(p);
	if (alive && p->tx_blocked && events & (POLLOUT | POLLHUP)) {
		p->tx_blocked = false;
		(void)pump_tx(p); /* whether it is still there or not */
	}
	if (ps->starved)
		feed(ps);
}

/* --- the program's wishes --- */

/* For calls that nobody may be told in that it has ended. */
static void rx_quietly(struct pump *p)
{
	p->rx_blocked = false;
	if (pump_rx_data(p) != PUMP_RX_EMPTY || p->net_dead)
		pump_watch_out(p, true);
}

/* More memory around the bytes than the bytes themselves: the window must not close before. */
static uint32_t lowat_of_stack(struct pump *p, uint32_t bytes)
{
	struct netstack *st = p->ps->conf.stack;
	int buf = 0, want = bytes < INT32_MAX / 2 ? 2 * (int)bytes : INT32_MAX, one = 1;
	socklen_t len = sizeof(buf);

	/* Its buffer grows, and stays so. */
	(void)ns_setsockopt(st, p->ns_fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want));
	(void)ns_setsockopt(st, p->ns_fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	if (ns_getsockopt(st, p->ns_fd, SOL_SOCKET, SO_RCVBUF, &buf, &len) < 0 || buf < 4)
		return 1;
	return bytes < (uint32_t)buf / 4 ? bytes : (uint32_t)buf / 4;
}

void pump_set_lowat(struct pump *p, uint32_t bytes)
{
	p->lowat = bytes > 1 ? lowat_of_stack(p, bytes) : 1;
	rx_quietly(p);
}

void pump_no_read(struct pump *p)
{
	p->no_read = true;
	rx_quietly(p);
}

void pump_no_write(struct pump *p)
{
	p->no_write = true;
}

/* --- life --- */

int pump_start(struct pumps *ps, struct pump **ret, int end, int ns_fd, uint32_t junk, void *arg)
{
	cleanup_free struct pump *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct pump){
		.ps = ps,
		.arg = arg,
		.in = { .fd = end,
			.events = EVENTS | HINT,
			.edge = true,
			.ready = on_in,
			.arg = p },
		.end = end,
		.ns_fd = ns_fd,
		.held = junk,
		.lowat = 1,
	};
	pump_tx_begin(p);
	r = loop_watch_add(ps->conf.loop, &p->in);
	if (r < 0)
		return r;
	/* What is here already is there before the program knows of its connection. */
	r = pump_rx_data(p) == PUMP_RX_BLOCKED; /* else begin() looks again */
	if (r || !junk)
		pump_watch_out(p, !junk);
	*ret = TAKE_PTR(p);
	return 0;
}

int pumps_new(struct pumps **ret, const struct pumps_conf *conf)
{
	struct pumps *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return -ENOMEM;
	ps->conf = *conf;
	if (!ps->conf.tx_bytes)
		ps->conf.tx_bytes = &ps->none;
	if (!ps->conf.rx_bytes)
		ps->conf.rx_bytes = &ps->none;
	*ret = ps;
	return 0;
}

void pumps_free(struct pumps *ps)
{
	assert(!ps || !ps->starved);
	free(ps);
}
