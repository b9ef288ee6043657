/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Records of programs' sockets.
 *
 * A record is found by the cookie of the program's description, which the kernel never gives twice.
 * Where we have the other end of the pair (CONNECTING, LISTENING, a pump) it tells when the program
 * has closed its last descriptor.  Where we have not (FRESH, FAILED, DEAD, two programs cut
 * through) the kernel must be asked: for one that is in the way (asock_sweep_port()), and for all
 * from time to time (asock_sweep()).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* What programs do not read waits in queues of the kernel, which no control group of theirs pays
 * for.  So many of them may be as long as they come; beyond, each new one is shorter.
 */
#define QUEUES_WHOLE    64U
#define QUEUES_BYTES    (QUEUES_WHOLE * UNIXEND_SNDBUF_OURS)

#define SHARE           3

#define HASH_SIZE_LEAST 64U
#define SWEEP_LEAST     64U

/* The kernel goes through all its sockets of AF_UNIX for each that it is asked for
 * (unix_lookup_by_ino()), so that many take long.  A sweep goes on later after a while, and for
 * want of room until one was found, or so long.  One that took long and found none is not done
 * again for each call.
 */
#define SWEEP_SLICE_NS UINT64_C(2000000)
#define SWEEP_FULL_NS  UINT64_C(30000000)
#define SWEEP_LONG_NS  UINT64_C(5000000)
#define SWEEP_REST     4 /* times as long is none */

/* --- the table --- */

static struct asock **bucket_of(const struct attach *a, uint64_t cookie)
{
	/* Cookies are counters of the kernel: nobody chooses them. */
	return &a->hash[(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (a->hash_size - 1)];
}

/* Twice as large.  Without memory it stays as it is, with longer chains. */
static void grow(struct attach *a)
{
	const uint32_t old_size = a->hash_size;
	struct asock **old = a->hash;
	uint32_t size = old_size ? old_size * 2 : HASH_SIZE_LEAST;
	struct asock **hash = calloc(size, sizeof(struct asock *));

	if (!hash)
		return;
	a->hash = hash;
	a->hash_size = size;
	for (uint32_t i = 0; i < old_size; i++) {
		struct asock *s = old[i];

		while (s) {
			struct asock *next = s->hash_next;
			struct asock **b = bucket_of(a, s->cookie);

			s->hash_next = *b;
			*b = s;
			s = next;
		}
	}
	free(old);
}

static void insert(struct asock *s)
{
	struct attach *a = s->a;
	struct asock **b = bucket_of(a, s->cookie);

	s->hash_next = *b;
	*b = s;
	a->n_socks++;
}

static void take_out(struct asock *s)
{
	struct attach *a = s->a;
	struct asock **p = bucket_of(a, s->cookie);

	while (*p != s)
		p = &(*p)->hash_next;
	*p = s->hash_next;
	s->hash_next = NULL;
	a->n_socks--;
}

struct asock *asock_lookup(struct attach *a, uint64_t cookie)
{
	struct asock *s;

	if (!a->hash_size)
		return NULL;
	for (s = *bucket_of(a, cookie); s && s->cookie != cookie; s = s->hash_next)
		;
	return s;
}

/* --- life --- */

/* How many its programs have; NULL without memory. */
static uint32_t *owned_by(struct attach *a, int owner)
{
	const uint32_t i = owner < 0 ? 0 : (uint32_t)owner;
	uint32_t n = a->n_owned ? a->n_owned : 64;
	uint32_t *more;

	while (n <= i)
		n *= 2;
	if (n == a->n_owned)
		return &a->owned[i];
	more = reallocarray(a->owned, n, sizeof(*more));
	if (!more)
		return NULL;
	memset(more + a->n_owned, 0, (n - a->n_owned) * sizeof(*more));
	a->owned = more;
	a->n_owned = n;
	return &more[i];
}

/* Programs of one listener get SHARE times what they leave to all others: something is left. */
static bool has_share(struct attach *a, uint32_t max)
{
	const uint32_t *own = owned_by(a, a->caller);

	return own && a->n_socks < max && *own / SHARE <= max - a->n_socks;
}

/* One, after a sweep if it must be. */
static bool has_room(struct attach *a)
{
	const uint32_t max = a->conf.sockets_max ? a->conf.sockets_max : ATTACH_SOCKETS_MAX;

	if (a->sweep_in == 0)
		(void)asock_sweep(a); /* it goes on with the next ones */
	if (!has_share(a, max))
		asock_sweep_full(a);
	if (a->n_socks >= a->hash_size)
		grow(a);
	return has_share(a, max) && a->hash_size;
}

int asock_new(struct attach *a, struct asock **ret, struct unixend_id id, int domain, int type,
	      int protocol, int ns_fd, pid_t pid)
{
	struct asock *s;
	int r;

	if (!has_room(a))
		return -ENFILE;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct asock){
		.a = a,
		.cookie = id.cookie,
		.ino = id.ino,
		.domain = domain,
		.type = type,
		.protocol = protocol,
		.state = ASOCK_FRESH,
		.ns_fd = ns_fd,
		.pid = pid,
		.end = -1,
		.owner = a->caller,
		.user_id = (uid_t)-1,
	};
	if (ns_fd >= 0) {
		r = ns_set_notify(a->conf.stack, ns_fd, asock_on_stack, s);
		if (r < 0) {
			free(s);
			return r;
		}
	}
	insert(s);
	++*owned_by(a, s->owner); /* has_room() has made it */
	if (a->sweep_in)
		a->sweep_in--;
	*ret = s;
	return 0;
}

void asock_rename(struct asock *s, uint64_t cookie, uint32_t ino)
{
	take_out(s);
	s->cookie = cookie;
	s->ino = ino;
	insert(s);
}

/* close() of the stack waits when SO_LINGER says so; nobody waits here. */
static void set_linger(struct asock *s, bool abort)
{
	struct netstack *st = s->a->conf.stack;
	struct linger l = { .l_onoff = 0 };
	socklen_t len = sizeof(l);

	if (!abort && ns_getsockopt(st, s->ns_fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 &&
	    (!l.l_onoff || !l.l_linger))
		return;
	l = (struct linger){ .l_onoff = abort };
	(void)ns_setsockopt(st, s->ns_fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)); /* it is there */
}

void asock_close_stack(struct asock *s, bool abort)
{
	if (s->ns_fd < 0)
		return;
	set_linger(s, abort);
	(void)ns_close(s->a->conf.stack, s->ns_fd); /* it is there */
	s->ns_fd = -1;
}

void asock_close_end(struct asock *s)
{
	asock_unwatch(s);
	if (s->end < 0)
		return;
	(void)close(s->end); /* a socket */
	s->end = -1;
}

void asock_free(struct asock *s, bool abort)
{
	listen_done(s);
	local_forget(s);
	notify_release(s->a->notifier, &s->connect);
	connect_wait_end(s, -EPIPE);
	pump_stop(TAKE_PTR(s->pump));
	relay_stop(TAKE_PTR(s->relay), abort);
	adgram_free(s);
	asock_close_end(s);
	reserve_free(TAKE_PTR(s->reserve));
	asock_close_stack(s, abort);
	inherit_put(s->inherit);
	take_out(s);
	--*owned_by(s->a, s->owner); /* it was counted */
	free(s);
}

/* --- names --- */

in_port_t asock_port(const union asock_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port : addr->in.sin_port;
}

void asock_save_names(struct asock *s)
{
	struct netstack *st = s->a->conf.stack;
	union asock_addr addr;
	socklen_t len = sizeof(addr);

	if (s->ns_fd < 0)
		return;
	if (ns_getsockname(st, s->ns_fd, &addr.sa, &len) == 0) {
		s->local = addr;
		s->local_len = len;
	}
	len = sizeof(addr);
	if (ns_getpeername(st, s->ns_fd, &addr.sa, &len) == 0) {
		s->peer = addr;
		s->peer_len = len;
	}
}

/* --- our end --- */

int asock_watch(struct asock *s, uint32_t events,
		void (*ready)(struct loop_watch *w, uint32_t events))
{
	asock_unwatch(s);
	s->watch = (struct loop_watch){
		.fd = s->end,
		.events = events,
		/* io_uring tells of RDHUP unasked, and one that listens has shut down writing. */
		.edge = true,
		.ready = ready,
		.arg = s,
	};
	return loop_watch_add(s->a->conf.loop, &s->watch);
}

void asock_unwatch(struct asock *s)
{
	if (s->watch.priv)
		loop_watch_del(s->a->conf.loop, &s->watch);
}

int asock_start_pump(struct asock *s)
{
	struct attach *a = s->a;
	socklen_t len = sizeof(int);
	int lowat = 1;
	int r;

	assert(!s->pump);
	asock_unwatch(s);
	if (a->n_socks > QUEUES_WHOLE)
		unixend_limit(s->end, QUEUES_BYTES / a->n_socks);
	r = pump_start(a->pumps, &s->pump, s->end, s->ns_fd, s->junk, s);
	if (r < 0)
		return r;
	s->end = -1;
	s->state = ASOCK_CONNECTED;
	if (ns_getsockopt(a->conf.stack, s->ns_fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, &len) == 0 &&
	    lowat > 1)
		pump_set_lowat(s->pump, (uint32_t)lowat);
	if (s->no_read)
		pump_no_read(s->pump);
	return 0;
}

/* Why: the kernel will call whatever it was a reset. */
static int stack_error(const struct asock *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)ns_getsockopt(s->a->conf.stack, s->ns_fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

void asock_pump_ended(void *arg, enum pump_end how)
{
	struct asock *s = arg;

	s->pump = NULL;
	if (how != PUMP_RESET) {
		asock_free(s, how == PUMP_ABORTED);
		return;
	}
	asock_save_names(s);
	s->error = stack_error(s);
	asock_close_stack(s, false);
	s->peer_len = 0; /* it has none any more */
	asock_set_over(s, ASOCK_DEAD);
}

void asock_set_over(struct asock *s, enum asock_state state)
{
	s->state = state;
	attach_sweep_later(s->a);
}

/* --- news of the stack --- */

void asock_on_stack(void *arg, int ns_fd, uint32_t events)
{
	struct asock *s = arg;

	assert(ns_fd == s->ns_fd);
	switch (s->state) {
	case ASOCK_CONNECTING:
		connect_on_stack(s, events);
		return;
	case ASOCK_CONNECTED:
		if (s->pump)
			pump_stack(s->pump, events);
		return;
	case ASOCK_LISTENING:
		listen_on_stack(s, events);
		return;
	case ASOCK_FRESH:
	case ASOCK_FAILED:
	case ASOCK_DEAD:
		return; /* the program hears of it by its next call */
	}
}

/* --- the sweep --- */

static bool is_unseen(const struct asock *s)
{
	if (s->dgram)
		return false; /* we have the other end */
	return s->state == ASOCK_FRESH || s->state == ASOCK_FAILED || s->state == ASOCK_DEAD ||
	       (s->state == ASOCK_CONNECTED && s->is_local && !s->relay);
}

/* When the kernel does not tell, it lives on. */
bool asock_is_open(void *arg)
{
	const struct asock *s = arg;

	return unixdiag_is_alive(s->a->diag, s->ino, s->cookie) != 0;
}

static bool has_port(const struct asock *s, in_port_t port)
{
	union asock_addr addr;
	socklen_t len = sizeof(addr);

	return s->ns_fd >= 0 && ns_getsockname(s->a->conf.stack, s->ns_fd, &addr.sa, &len) == 0 &&
	       asock_port(&addr) == port;
}

/**
 * struct sweep - One of them
 * @port:	Only those that have it, 0 for all
 * @over:	Only FAILED and DEAD ones
 * @freed:	How many
 * @left:	That are unseen and alive
 */
struct sweep {
	in_port_t port;
	bool over;
	uint32_t freed;
	uint32_t left;
};

/* One whose end is watched, and whose program has just closed it, counts when it is in the way: the
 * loop tells of it only after this call.  Unless somebody still waits in accept(), as if in the
 * kernel.
 */
static bool is_candidate(const struct sweep *w, struct asock *s)
{
	if (w->over)
		return s->state == ASOCK_FAILED || s->state == ASOCK_DEAD;
	if (!w->port || is_unseen(s))
		return is_unseen(s) && (!w->port || has_port(s, w->port));
	if ((!s->dgram && s->state != ASOCK_LISTENING) || !has_port(s, w->port))
		return false;
	listen_prune(s);
	return !listen_held(s);
}

#define BATCH 16

/* Freeing one may bring about anything: another listener's turn, records that are made or end.  So
 * they are gathered first, by name.  Return: there may be more in the bucket
 */
static bool sweep_bucket(struct attach *a, struct sweep *w, uint32_t i)
{
	uint64_t gone[BATCH];
	unsigned int n = 0;

	for (struct asock *s = a->hash[i]; s && n < BATCH; s = s->hash_next) {
		if (!is_candidate(w, s))
			continue;
		if (!asock_is_open(s))
			gone[n++] = s->cookie;
		else
			w->left++;
	}
	for (unsigned int k = 0; k < n; k++) {
		struct asock *s = asock_lookup(a, gone[k]);

		if (!s || !is_candidate(w, s))
			continue;
		asock_free(s, false);
		a->stats.swept++;
		w->freed++;
	}
	return n == BATCH;
}

/* When the table grows meanwhile, what is in a bucket goes there or to a higher one. */
static void sweep_run(struct attach *a, struct sweep *w)
{
	if (a->is_sweeping)
		return;
	a->is_sweeping = true;
	for (uint32_t i = 0; i < a->hash_size; i++)
		while (sweep_bucket(a, w, i))
			;
	a->is_sweeping = false;
}

bool asock_sweep(struct attach *a)
{
	const uint64_t end = loop_clock() + SWEEP_SLICE_NS;
	struct sweep w = { .port = 0 };
	uint32_t next;

	if (a->is_sweeping)
		return true;
	a->is_sweeping = true;
	while (a->sweep_at < a->hash_size && loop_clock() < end) {
		while (sweep_bucket(a, &w, a->sweep_at))
			;
		a->sweep_at++;
	}
	a->is_sweeping = false;
	a->sweep_left += w.left;
	a->sweep_in = SWEEP_LEAST;
	if (a->sweep_at < a->hash_size)
		return false;
	/* Each new one pays for a part of the next sweep, with the walk over those that are
	 * seen.
	 */
	next = a->sweep_left > a->n_socks / 8 ? a->sweep_left : a->n_socks / 8;
	if (next > SWEEP_LEAST)
		a->sweep_in = next;
	a->sweep_at = 0;
	a->sweep_left = 0;
	return true;
}

/* A program makes as many calls as it likes, and others wait meanwhile. */
void asock_sweep_full(struct attach *a)
{
	const uint64_t begin = loop_clock();
	const uint64_t before = a->stats.swept;
	uint64_t took;
	bool done;

	if (begin < a->sweep_rest_ns)
		return;
	do {
		done = asock_sweep(a);
		took = loop_clock() - begin;
	} while (!done && a->stats.swept == before && took < SWEEP_FULL_NS);
	if (took > SWEEP_LONG_NS && a->stats.swept == before)
		a->sweep_rest_ns = begin + took + SWEEP_REST * took;
}

bool asock_sweep_over(struct attach *a)
{
	struct sweep w = { .over = true };

	sweep_run(a, &w);
	return w.freed && w.left;
}

bool asock_sweep_port(struct attach *a, const union asock_addr *addr)
{
	struct sweep w = { .port = asock_port(addr) };

	if (w.port)
		sweep_run(a, &w);
	return w.freed > 0;
}
