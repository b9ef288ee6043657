/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A connection of two programs of the instance that is cut through no more.
 *
 * AF_UNIX tells the other program of things that TCP keeps to itself (SHUT_RD), does not
 * know of others (SO_LINGER of 0, SO_RCVLOWAT in poll()), and tells nobody that a descriptor was
 * closed.  A program that asks for one of them gets another end, and bytes are passed between that
 * and the old one:
 *
 *	program -- new end | near -- relay -- far (the program's old end) | the other program's
 *
 * The other program keeps what it has.  At least one byte of what was passed on stays in either
 * queue, so that closing that end tells of a reset.
 *
 *	program closes			what it wrote is passed on, then an end
 *	... with unread bytes, or with SO_LINGER 0	reset
 *	either shuts down writing	what it wrote is passed on, then an end
 *	program shuts down reading	what comes is thrown away
 *	the other one closes		an end; what is written then meets a hangup
 *	... with unread bytes		reset
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

#define BUF_SIZE   32768
#define ROUNDS_MAX 16 /* then others have a turn */

enum side {
	NEAR,
	FAR,
	SIDES,
};

/**
 * struct flow - What comes from one side
 * @r, @from:	Whose
 * @in:		Edges of that side; @out: the other side is to become writable, while in the loop
 * @held:	Bytes at the head of the queue that were passed on
 * @buf, @len, @off: What was taken and not passed on; NULL when there is none
 * @urgent:	It is one urgent byte
 * @fin:	There is nothing more to pass on, and the other side was told
 * @unwanted:	Nobody takes it
 */
struct flow {
	struct relay *r;
	enum side from;
	struct loop_watch in;
	struct loop_watch out;
	uint32_t held;
	uint32_t len;
	uint32_t off;
	bool urgent;
	bool fin;
	bool unwanted;
	uint8_t *buf;
};

/**
 * struct relay - Of a program's socket
 * @fd:		NEAR is the other end of what the program has, FAR what it had
 * @lowat:	SO_RCVLOWAT
 * @is_closed:	The program has closed
 */
struct relay {
	struct asock *s;
	int fd[SIDES];
	struct flow flow[SIDES];
	uint32_t lowat;
	bool is_closed;
};

static enum side other(enum side x)
{
	return x == NEAR ? FAR : NEAR;
}

int relay_far(const struct relay *r)
{
	return r->fd[FAR];
}

static uint32_t queued(const struct relay *r, enum side x)
{
	const int n = unixend_queued(r->fd[x]);

	return n > 0 ? (uint32_t)n : 0;
}

static uint32_t unread(const struct relay *r, const struct flow *f)
{
	const uint32_t n = queued(r, f->from);

	return n > f->held ? n - f->held : 0;
}

uint32_t relay_unsent(const struct relay *r)
{
	const struct flow *f = &r->flow[NEAR];

	return unread(r, f) + f->len;
}

/* --- one direction --- */

static void on_out(struct loop_watch *w, uint32_t events);

static void watch_out(struct flow *f)
{
	struct loop *loop = f->r->s->a->conf.loop;

	if (f->out.priv)
		return;
	f->out = (struct loop_watch){
		.fd = f->r->fd[other(f->from)],
		.events = POLLOUT,
		.ready = on_out,
		.arg = f,
	};
	/* Without memory the next event of either side has to do. */
	(void)loop_watch_add(loop, &f->out);
}

/* Is the next byte an urgent one? */
static bool is_at_mark(int fd)
{
	int is = 0;

	return ioctl(fd, SIOCATMARK, &is) == 0 && is;
}

static bool take(struct flow *f, int fd, uint32_t n)
{
	const ssize_t got = recv(fd, f->buf, n, MSG_DONTWAIT);

	f->len = got > 0 ? (uint32_t)got : 0;
	f->off = 0;
	return f->len > 0;
}

/* The last byte that is there is looked at, and stays. */
static bool take_last(struct flow *f, int fd)
{
	if (recv(fd, f->buf + f->len, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
		return f->len > 0;
	f->len++;
	f->held = 1;
	return true;
}

/* Up to a buffer of what is new.  An urgent byte goes by itself, and nothing stays for it. */
static bool fill(struct flow *f, uint32_t n)
{
	const int fd = f->r->fd[f->from];

	f->buf = malloc(BUF_SIZE);
	if (!f->buf) {
		watch_out(f); /* until there is memory */
		return false;
	}
	f->off = 0;
	if (f->held && recv(fd, f->buf, 1, MSG_DONTWAIT) == 1)
		f->held = 0;
	f->urgent = !f->held && is_at_mark(fd);
	if (f->urgent)
		return take(f, fd, 1);
	f->len = 0;
	if (n > 1 && !take(f, fd, n - 1 < BUF_SIZE - 1 ? n - 1 : BUF_SIZE - 1))
		return false;
	if (n > BUF_SIZE || f->len + 1 < n || is_at_mark(fd))
		return f->len > 0;
	return take_last(f, fd);
}

/* SO_RCVLOWAT: it is for poll(), which AF_UNIX has return when there is anything. */
static bool is_withheld(const struct relay *r, const struct flow *f, uint32_t n, bool at_end)
{
	int in_queue = 0;

	if (f->from == NEAR || r->lowat <= 1 || at_end || n >= r->lowat)
		return false;
	return ioctl(r->fd[NEAR], SIOCOUTQ, &in_queue) == 0 && !in_queue;
}

/* What is in the buffer: true when all of it is gone. */
static bool flush(struct flow *f)
{
	const int to = f->r->fd[other(f->from)];
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (f->urgent ? MSG_OOB : 0);

	while (f->len) {
		const ssize_t n =
			f->unwanted ? (ssize_t)f->len : send(to, f->buf + f->off, f->len, flags);

		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
			watch_out(f);
			return false;
		}
		if (n < 0) {
			f->unwanted = true;
			continue;
		}
		f->off += (uint32_t)n;
		f->len -= (uint32_t)n;
	}
	free(TAKE_PTR(f->buf));
	return true;
}

/* Both directions of the pair are shut down: by calls of the program, or because it has closed. */
static bool has_closed(const struct relay *r)
{
	const struct asock *s = r->s;

	return (!s->no_read && !s->no_write) || !asock_is_open(r->s);
}

/* Nothing more comes.  After a reset, or of a program that has closed, look_at_ends() says whether
 * that is an end.
 */
static void pass_end(struct relay *r, struct flow *f, int mask)
{
	if (mask & POLLERR && f->from == FAR)
		return;
	f->fin = true;
	if (f->from == FAR || !(mask & POLLHUP) || !has_closed(r))
		(void)shutdown(r->fd[other(f->from)], SHUT_WR); /* it is connected */
}

/* Something was passed on, and there may be more. */
static bool step(struct relay *r, struct flow *f)
{
	struct pollfd look = { .fd = r->fd[f->from], .events = POLLRDHUP };
	bool at_end, more;
	uint32_t n;

	if (f->fin || !flush(f))
		return false;
	at_end = poll(&look, 1, 0) > 0 && look.revents & (POLLRDHUP | POLLHUP);
	n = unread(r, f);
	if (!n && at_end)
		pass_end(r, f, look.revents);
	if (!n)
		return false;
	if (is_withheld(r, f, n, at_end))
		return false;
	more = fill(f, n);
	return flush(f) && more;
}

/* --- the end --- */

static void stop(struct relay *r)
{
	struct loop *loop = r->s->a->conf.loop;

	for (enum side x = NEAR; x < SIDES; x++) {
		if (r->flow[x].in.priv)
			loop_watch_del(loop, &r->flow[x].in);
		if (r->flow[x].out.priv)
			loop_watch_del(loop, &r->flow[x].out);
		free(TAKE_PTR(r->flow[x].buf));
	}
}

void relay_stop(struct relay *r, bool reset)
{
	if (!r)
		return;
	stop(r);
	if (reset)
		local_reset(r->s, r->fd[FAR]);
	for (enum side x = NEAR; x < SIDES; x++)
		if (r->fd[x] >= 0)
			(void)close(r->fd[x]); /* a socket */
	free(r);
}

/* All that is left was passed on: closing it is to be an end, not a reset. */
static void drain(int fd, uint32_t n)
{
	char buf[64];

	while (n) {
		const ssize_t got = recv(fd, buf, n < sizeof(buf) ? n : sizeof(buf), MSG_DONTWAIT);

		if (got <= 0)
			return;
		n -= (uint32_t)got;
	}
}

/* The kernel says of who closed that it was with unread bytes. */
static bool is_aborted(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == ECONNRESET;
}

/* SO_LINGER with no time: what is not passed on is thrown away. */
static bool is_hasty(const struct asock *s)
{
	struct linger l = { 0 };
	socklen_t len = sizeof(l);

	return s->ns_fd >= 0 &&
	       ns_getsockopt(s->a->conf.stack, s->ns_fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 &&
	       l.l_onoff && !l.l_linger;
}

/* The program has it no more: the record goes when all was passed on.  False: it is gone */
static bool closed(struct relay *r)
{
	struct asock *s = r->s;
	const bool aborted = is_aborted(r->fd[NEAR]);
	const struct flow *back = &r->flow[FAR];

	if (aborted || is_hasty(s) || back->len || unread(r, back)) {
		relay_stop(TAKE_PTR(s->relay), true);
		asock_free(s, false);
		return false;
	}
	r->is_closed = true;
	if (!r->flow[NEAR].fin)
		return true; /* on its way */
	drain(r->fd[FAR], r->flow[FAR].held);
	relay_stop(TAKE_PTR(s->relay), false);
	asock_free(s, false);
	return false;
}

/* The other program has reset it, or closed it and is written to: the program hears of it. */
static void dead(struct relay *r, bool reset)
{
	struct asock *s = r->s;

	if (!reset || r->flow[FAR].fin)
		drain(r->fd[NEAR], queued(r, NEAR)); /* who knows of the end is told no more */
	relay_stop(TAKE_PTR(s->relay), false);
	s->peer_len = 0; /* it has none any more */
	s->is_told = true;
	s->error = 0; /* the kernel's word for it is right */
	asock_set_over(s, ASOCK_DEAD);
}

static bool has_hung_up(int fd, unsigned int *ret)
{
	struct pollfd look = { .fd = fd };

	*ret = poll(&look, 1, 0) > 0 ? (unsigned int)look.revents : 0;
	return *ret & POLLHUP;
}

/* False: it is gone */
static bool look_at_ends(struct relay *r)
{
	unsigned int mask;

	if (has_hung_up(r->fd[FAR], &mask) && mask & POLLERR && is_aborted(r->fd[FAR])) {
		if (!r->is_closed) {
			dead(r, true);
			return false;
		}
		r->flow[NEAR].unwanted = true;
	}
	if (r->is_closed || (has_hung_up(r->fd[NEAR], &mask) && has_closed(r)))
		return closed(r);
	/* It has closed before, and was written to since. */
	if (r->flow[NEAR].unwanted && has_hung_up(r->fd[FAR], &mask)) {
		dead(r, false);
		return false;
	}
	return true;
}

/* --- events --- */

/* False: it is gone */
static bool turn(struct relay *r)
{
	bool more = true;

	for (unsigned int i = 0; more && i < ROUNDS_MAX; i++) {
		more = step(r, &r->flow[NEAR]);
		more |= step(r, &r->flow[FAR]);
	}
	if (more) {
		watch_out(&r->flow[NEAR]);
		watch_out(&r->flow[FAR]);
	}
	return look_at_ends(r);
}

static void on_out(struct loop_watch *w, uint32_t events)
{
	struct flow *f = w->arg;

	(void)events; /* sending will tell */
	loop_watch_del(f->r->s->a->conf.loop, w);
	(void)turn(f->r); /* whether it is still there or not */
}

static void on_in(struct loop_watch *w, uint32_t events)
{
	struct flow *f = w->arg;

	(void)events;     /* what there is is looked at */
	(void)turn(f->r); /* whether it is still there or not */
}

/* --- the program's wishes --- */

void relay_set_lowat(struct relay *r, uint32_t bytes)
{
	struct flow *f = &r->flow[FAR];

	r->lowat = bytes;
	while (step(r, f)) /* what is given now is not withheld any more */
		;
}

/* --- the beginning --- */

static int watch(struct relay *r)
{
	int ret = 0;

	for (enum side x = NEAR; x < SIDES && ret == 0; x++) {
		r->flow[x].in = (struct loop_watch){
			.fd = r->fd[x],
			.events = POLLIN | POLLPRI | POLLRDHUP,
			.edge = true,
			.ready = on_in,
			.arg = &r->flow[x],
		};
		ret = loop_watch_add(r->s->a->conf.loop, &r->flow[x].in);
	}
	return ret;
}

static void relay_freep(struct relay **r)
{
	if (*r)
		relay_stop(*r, false);
}

/* The ends are there, and watched; the program has its old one still. */
static int make(struct acall *c, struct relay **ret, int *ret_program, struct unixend_id *ret_id)
{
	CLEANUP(relay_freep) struct relay *r = calloc(1, sizeof(*r));
	uint32_t junk = 0;
	int x;

	if (!r)
		return -ENOMEM;
	r->s = c->s;
	r->lowat = 1;
	r->flow[NEAR] = (struct flow){ .r = r, .from = NEAR };
	r->flow[FAR] = (struct flow){ .r = r, .from = FAR };
	r->fd[NEAR] = -1;
	r->fd[FAR] = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	if (r->fd[FAR] < 0)
		return -errno;
	x = unixend_pair(ret_program, &r->fd[NEAR], &ret_id->cookie, &ret_id->ino, &junk);
	r->flow[NEAR].held = junk;
	if (x == 0)
		x = watch(r);
	if (x < 0)
		return x;
	*ret = TAKE_PTR(r);
	return 0;
}

int relay_begin(struct acall *c)
{
	CLEANUP(relay_freep) struct relay *r = NULL;
	cleanup_close int program = -1;
	struct unixend_id id = { 0 };
	struct asock *s = c->s;
	const uint64_t before = s->cookie;
	const int one = 1, no_offset = -1;
	int x = make(c, &r, &program, &id);

	if (x < 0)
		return x;
	if (s->no_read || s->no_write)
		(void)shutdown(program, !s->no_read    ? SHUT_WR
					: !s->no_write ? SHUT_RD
						       : SHUT_RDWR); /* it is connected */
	x = tracee_replace(s->a->tracees, &c->call, (int)c->call.arg[0], program);
	if (x < 0)
		return x;
	/* What it had for a program's reading is over: signals, and where urgent bytes and looks
	 * are.
	 */
	(void)fcntl(r->fd[FAR], F_SETFL, O_NONBLOCK);
	(void)setsockopt(r->fd[FAR], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	(void)setsockopt(r->fd[NEAR], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	(void)setsockopt(r->fd[FAR], SOL_SOCKET, SO_PEEK_OFF, &no_offset, sizeof(no_offset));
	(void)close(c->fd); /* a socket */
	c->fd = TAKE_FD(program);
	asock_rename(s, id.cookie, id.ino);
	local_renamed(s, before);
	s->is_narrow = false;
	s->a->stats.replaced++;
	s->relay = TAKE_PTR(r);
	while (step(s->relay, &s->relay->flow[FAR]))
		; /* what was there is there: as much as fits */
	return 0;
}
