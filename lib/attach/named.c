/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sendto() with an address on a connection: TCP passes over the address, AF_UNIX says EISCONN.  So
 * the bytes are sent by us, with a copy of the program's descriptor.
 *
 * A signal that ends the call in the instant between sending and answering makes it come again, or
 * makes the program call again: the same task with the same bytes is told what was sent then.
 *
 * A call that waits for room keeps the copy until it is over; that is looked at once a second,
 * for a descriptor of which we have a copy is not seen to close.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"

#define BYTES_MAX 65536 /* more is a short write */
#define LOOK_NS   UINT64_C(1000000000)

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/**
 * struct named - A call that waits for room
 * @next, @prev: In attach.named
 * @room:	The program's end becomes writable: @room.fd is our copy
 * @cookie:	Its record
 * @until_ns:	SO_SNDTIMEO
 */
struct named {
	struct named *next;
	struct named **prev;
	struct attach *a;
	struct notify_held held;
	struct loop_watch room;
	uint64_t cookie;
	uint64_t until_ns;
};

/* --- what nobody was told --- */

static uint64_t hash_of(const uint8_t *buf, size_t len)
{
	uint64_t hash = FNV_BASIS;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ buf[i]) * FNV_PRIME;
	return hash ^ len;
}

/* The same call again: what it would have been told, or 0 */
static ssize_t take_untold(struct acall *c, uint64_t hash)
{
	struct asock *s = c->s;
	const ssize_t n = s->untold.n;

	if (s->untold.tid != c->call.tid)
		return 0;
	s->untold.n = 0;
	s->untold.tid = 0;
	return s->untold.hash == hash ? n : 0;
}

/* --- sending --- */

/* Bytes, or why not. */
static ssize_t send_named(struct acall *c, uint64_t *ret_hash)
{
	const size_t len = c->call.arg[2] < BYTES_MAX ? (size_t)c->call.arg[2] : BYTES_MAX;
	const int flags = (int)(uint32_t)c->call.arg[3];
	cleanup_free uint8_t *buf = malloc(len ? len : 1);
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	if (len && tracee_read(c->a->tracees, &c->call, c->call.arg[1], buf, len) < 0)
		return -EFAULT;
	*ret_hash = hash_of(buf, len);
	n = take_untold(c, *ret_hash);
	if (n)
		return n;
	n = send(c->fd, buf, len, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void answer(struct acall *c, ssize_t n, uint64_t hash)
{
	struct asock *s = c->s;

	if (acall_return(c, n) == 0 || n <= 0)
		return;
	s->untold.tid = c->call.tid;
	s->untold.n = n;
	s->untold.hash = hash;
}

/* --- waiting --- */

static void named_free(struct named *w)
{
	notify_release(w->a->notifier, &w->held);
	if (w->room.priv)
		loop_watch_del(w->a->conf.loop, &w->room);
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	(void)close(w->room.fd); /* a copy */
	free(w);
}

void named_free_all(struct attach *a)
{
	while (a->named) {
		struct acall c = { .a = a, .call = a->named->held.call, .fd = -1 };

		named_free(a->named);
		(void)acall_return(&c, -ENOSYS);
	}
}

static uint64_t next_look(const struct named *w)
{
	const uint64_t look = loop_clock() + LOOK_NS;

	return look < w->until_ns ? look : w->until_ns;
}

static void on_over(struct notify_held *h, bool timed_out)
{
	struct named *w = h->arg;
	struct acall c = { .a = w->a, .call = h->call, .fd = -1 };

	if (timed_out && loop_clock() < w->until_ns && notify_is_valid(&h->call)) {
		h->deadline_ns = next_look(w);
		notify_hold(w->a->notifier, h);
		return;
	}
	named_free(w);
	if (timed_out)
		(void)acall_return(&c, -EAGAIN); /* to nobody, if it is over */
}

static void on_room(struct loop_watch *watch, uint32_t events)
{
	struct named *w = watch->arg;
	struct acall c = {
		.a = w->a,
		.call = w->held.call,
		.s = asock_lookup(w->a, w->cookie),
		.fd = watch->fd,
	};
	uint64_t hash = 0;
	ssize_t n;

	(void)events; /* sending will tell */
	if (c.s && notify_is_valid(&c.call)) {
		n = send_named(&c, &hash);
		if (n == -EAGAIN)
			return; /* somebody was faster */
		answer(&c, n, hash);
	} else if (!c.s) {
		(void)acall_return(&c, -EPIPE);
	}
	named_free(w);
}

static int wait_for_room(struct acall *c)
{
	struct attach *a = c->a;
	struct named *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->a = a;
	w->cookie = c->s->cookie;
	w->until_ns = connect_deadline(c->fd);
	w->held.call = c->call;
	w->held.deadline_ns = next_look(w);
	w->held.over = on_over;
	w->held.arg = w;
	w->room.fd = c->fd;
	w->room.events = POLLOUT;
	w->room.ready = on_room;
	w->room.arg = w;
	r = loop_watch_add(a->conf.loop, &w->room);
	if (r < 0) {
		free(w);
		return r;
	}
	c->fd = -1; /* it is ours to close now */
	w->next = a->named;
	w->prev = &a->named;
	if (w->next)
		w->next->prev = &w->next;
	a->named = w;
	notify_hold(a->notifier, &w->held);
	return 0;
}

void named_sendto(struct acall *c)
{
	const int flags = (int)(uint32_t)c->call.arg[3];
	union asock_addr unused;
	socklen_t unused_len;
	uint64_t hash = 0;
	ssize_t n = acall_get_addr(c, c->call.arg[4], c->call.arg[5], &unused, &unused_len);

	if (n == 0)
		n = send_named(c, &hash);
	if (n == -EAGAIN && !c->nonblock && !(flags & MSG_DONTWAIT)) {
		n = wait_for_room(c);
		if (n == 0)
			return;
	}
	answer(c, n, hash);
}
