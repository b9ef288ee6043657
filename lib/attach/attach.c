/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The layer: made, freed; a call comes in and finds its handler.
 *
 * Which of a program's descriptors are ours is known by the cookie of what is behind them, looked
 * up anew in each call: however it was duplicated, passed on or replaced.  All others are the
 * kernel's.  So are those that a program opens after it has gone to another network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "attach/filter.h"
#include "base/cleanup.h"
#include "base/error.h"

#define SWEEPS_AFTER     3 /* the last program of a listener */

#define PORT_START_PATH  "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define PING_GROUPS_PATH "/proc/sys/net/ipv4/ping_group_range"

/* --- calls --- */

static void connect_dgram(struct acall *c)
{
	union asock_addr to;
	socklen_t len;
	int r = acall_get_addr(c, c->call.arg[1], c->call.arg[2], &to, &len);

	if (r < 0)
		(void)acall_return(c, r);
	else
		adgram_connect(c, &to, len);
}

/* By call: of TCP sockets, and of those for datagrams.  NULL: the kernel's */
static const struct handler {
	int nr;
	void (*stream)(struct acall *c);
	void (*dgram)(struct acall *c);
} handlers[] = {
	{ SYS_bind, acall_bind, acall_bind },
	{ SYS_listen, acall_listen, acall_listen },
	{ SYS_accept, acall_accept, acall_accept },
	{ SYS_accept4, acall_accept, acall_accept },
	{ SYS_connect, acall_connect, connect_dgram },
	{ SYS_getsockname, acall_getsockname, acall_getsockname },
	{ SYS_getpeername, acall_getpeername, acall_getpeername },
	{ SYS_getsockopt, acall_getsockopt, acall_getsockopt },
	{ SYS_setsockopt, acall_setsockopt, acall_setsockopt },
	{ SYS_ioctl, acall_ioctl, acall_ioctl },
	{ SYS_shutdown, acall_shutdown, acall_shutdown },
	{ SYS_sendto, acall_sendto, adgram_sendto },
	{ SYS_sendmsg, acall_sendmsg, adgram_sendmsg },
	{ SYS_sendmmsg, NULL, adgram_sendmsg },
	{ SYS_recvfrom, acall_recvfrom, adgram_recvfrom },
	{ SYS_recvmsg, acall_recvmsg, adgram_recvmsg },
	{ SYS_recvmmsg, NULL, adgram_recvmsg },
};

static const struct handler *handler_of(int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handlers[i].nr == nr)
			return &handlers[i];
	return NULL;
}

int acall_return(struct acall *c, int64_t ret)
{
	struct attach_stats *stats = &c->a->stats;
	int r = notify_return(&c->call, ret);

	if (r < 0)
		stats->vanished++;
	else if (ret == -ENFILE || ret == -EMFILE || ret == -ENOMEM || ret == -ENOBUFS)
		stats->refused++;
	return r;
}

int acall_return_fd(struct acall *c, int fd, bool cloexec)
{
	int r = notify_return_fd(&c->call, fd, cloexec);

	if (r == -ENOENT)
		c->a->stats.vanished++;
	return r;
}

void acall_continue(struct acall *c)
{
	c->a->stats.passed++;
	if (notify_continue(&c->call) < 0)
		c->a->stats.vanished++;
}

pid_t acall_pid(struct acall *c)
{
	struct attach *a = c->a;
	const pid_t tid = c->call.tid;
	const unsigned int i = (unsigned int)tid % ATTACH_SEEN;

	if (a->seen[i].tid != tid) {
		const pid_t tgid = tracee_tgid(a->tracees, tid);

		if (tgid < 0)
			return tid;
		a->seen[i].tid = tid;
		a->seen[i].tgid = tgid;
	}
	return a->seen[i].tgid;
}

/* The descriptor that the call names, if it is ours.  Where we cannot look, the kernel can: it says
 * EBADF, or it is a task that we may not trace, none of whose sockets we have made.
 */
static bool find_socket(struct acall *c)
{
	uint64_t cookie;
	int flags;

	c->fd = tracee_getfd(c->a->tracees, c->call.tid, (int)(uint32_t)c->call.arg[0]);
	if (c->fd == -EMFILE || c->fd == -ENFILE || c->fd == -ENOMEM) {
		(void)acall_return(c, c->fd == -ENOMEM ? -ENOMEM : -ENFILE);
		return false;
	}
	if (c->fd >= 0 && unixend_cookie(c->fd, &cookie) == 0)
		c->s = asock_lookup(c->a, cookie);
	if (!c->s) {
		acall_continue(c);
		return false;
	}
	/* The number may be another task's by now, and the socket that one's. */
	if (!notify_is_valid(&c->call)) {
		c->a->stats.vanished++;
		return false;
	}
	c->s->user = c->call.tid;
	c->s->user_fd = (int)(uint32_t)c->call.arg[0];
	flags = fcntl(c->fd, F_GETFL);
	c->nonblock = flags >= 0 && flags & O_NONBLOCK;
	return true;
}

static void on_socket_call(struct acall *c, const struct handler *h)
{
	void (*fn)(struct acall *) = c->s->dgram ? h->dgram : h->stream;

	if (fn)
		fn(c);
	else
		acall_continue(c);
}

static void on_call(void *arg, const struct notify_call *call)
{
	struct attach *a = arg;
	struct acall c = { .a = a, .call = *call, .fd = -1 };
	const struct handler *h = handler_of(call->nr);

	a->stats.calls++;
	a->caller = call->listener;
	if (call->nr == SYS_socket)
		acall_socket(&c);
	else if (!h)
		acall_continue(&c);
	else if (find_socket(&c))
		on_socket_call(&c, h);
	if (c.fd >= 0 && c.s)
		(void)close(c.fd); /* a copy of a socket of ours */
	else if (c.fd >= 0)
		tracee_putfd(a->tracees, c.fd);
}

/* What its programs had bound and never connected was not seen to close.  A task lets go of its
 * filter before its descriptors (do_exit() of Linux), so that it is looked for a little later.
 */
static void set_timer(struct attach *a)
{
	struct itimerspec its = { .it_value.tv_sec = 2 };

	if (a->n_sweeps > 1)
		its.it_value =
			(struct timespec){ .tv_nsec = a->n_sweeps > 2 ? 10000000 : 200000000 };
	(void)timerfd_settime(a->timer.fd, 0, &its, NULL); /* EINVAL only */
	a->is_timed = true;
}

void attach_sweep_later(struct attach *a)
{
	if (!a->is_timed)
		set_timer(a);
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct attach *a = w->arg;
	uint64_t ticks;

	(void)events;
	if (read(w->fd, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
		return; /* it was set anew */
	a->is_timed = false;
	if (a->n_sweeps) {
		if (asock_sweep(a))
			a->n_sweeps--;
		else if (a->n_sweeps < SWEEPS_AFTER)
			a->n_sweeps++; /* it goes on sooner */
		if (a->n_sweeps)
			set_timer(a);
	} else if (asock_sweep_over(a)) {
		set_timer(a);
	}
}

static void on_gone(void *arg)
{
	struct attach *a = arg;

	a->n_sweeps = SWEEPS_AFTER;
	set_timer(a);
	if (a->conf.listener_gone)
		a->conf.listener_gone(a->conf.arg);
}

/* --- made --- */

static int make_timer(struct attach *a, struct nerr *err)
{
	int r;

	a->timer = (struct loop_watch){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.events = POLLIN,
		.ready = on_timer,
		.arg = a,
	};
	if (a->timer.fd < 0)
		return nerr_set(err, -errno, "cannot make a timer: %m");
	r = loop_watch_add(a->conf.loop, &a->timer);
	return r < 0 ? nerr_set(err, r, "cannot wait for a timer: %s", strerror(-r)) : 0;
}

static int make(struct attach *a, struct nerr *err)
{
	static const struct notifier_ops ops = { .call = on_call, .gone = on_gone };
	const struct pumps_conf pc = {
		.stack = a->conf.stack,
		.loop = a->conf.loop,
		.ended = asock_pump_ended,
		.is_open = asock_is_open,
		.tx_bytes = &a->stats.tx_bytes,
		.rx_bytes = &a->stats.rx_bytes,
	};
	int r = attach_filter_check(err);

	if (r == 0)
		r = tracees_new(&a->tracees, err);
	if (r == 0)
		r = rendezvous_new(&a->rv, err);
	if (r == 0)
		r = unixdiag_new(&a->diag, err);
	if (r == 0)
		r = make_timer(a, err);
	if (r < 0)
		return r;
	r = pumps_new(&a->pumps, &pc);
	if (r < 0)
		return nerr_set(err, r, "cannot prepare the transfer of bytes: %s", strerror(-r));
	a->port_start_fd = open(PORT_START_PATH, O_RDONLY | O_CLOEXEC);
	a->ping_groups_fd = open(PING_GROUPS_PATH, O_RDONLY | O_CLOEXEC);
	return notifier_new(&a->notifier, a->conf.loop, &ops, a, err);
}

int attach_new(struct attach **ret, const struct attach_conf *conf, struct nerr *err)
{
	struct attach *a;
	int r;

	a = calloc(1, sizeof(*a));
	if (!a)
		return nerr_oom(err);
	a->conf = *conf;
	a->port_start_fd = -1;
	a->caller = -1;
	a->ping_groups_fd = -1;
	a->timer.fd = -1;
	r = make(a, err);
	if (r < 0) {
		attach_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

/* One by one: the end of one may bring about that of others. */
static void free_sockets(struct attach *a)
{
	a->is_ending = true;
	for (uint32_t i = 0; i < a->hash_size; i++) {
		while (a->hash[i]) {
			connect_wake(a->hash[i], -ENOSYS);
			asock_free(a->hash[i], true);
		}
	}
	free(a->hash);
	free(a->owned);
}

void attach_free(struct attach *a)
{
	if (!a)
		return;
	free_sockets(a);
	notifier_free(a->notifier);
	pumps_free(a->pumps);
	unixdiag_free(a->diag);
	rendezvous_free(a->rv);
	tracees_free(a->tracees);
	if (a->timer.priv)
		loop_watch_del(a->conf.loop, &a->timer);
	if (a->timer.fd >= 0)
		(void)close(a->timer.fd); /* a timer */
	if (a->port_start_fd >= 0)
		(void)close(a->port_start_fd); /* only read */
	if (a->ping_groups_fd >= 0)
		(void)close(a->ping_groups_fd); /* only read */
	free(a);
}

int attach_add_listener(struct attach *a, int fd, struct nerr *err)
{
	return notifier_add(a->notifier, fd, err);
}

unsigned int attach_n_listeners(const struct attach *a)
{
	return notifier_n(a->notifier);
}

/* --- looking in --- */

void attach_stats(const struct attach *a, struct attach_stats *ret)
{
	*ret = a->stats;
	ret->listeners = notifier_n(a->notifier);
	ret->sockets = a->n_socks;
	ret->held = 0;
	for (uint32_t i = 0; i < a->hash_size; i++)
		for (const struct asock *s = a->hash[i]; s; s = s->hash_next)
			ret->held += listen_held(s) + s->connect.is_held + adgram_held(s);
}

void attach_each(const struct attach *a, bool (*fn)(void *arg, const struct attach_socket *s),
		 void *arg)
{
	for (uint32_t i = 0; i < a->hash_size; i++) {
		for (const struct asock *s = a->hash[i]; s; s = s->hash_next) {
			const struct attach_socket x = {
				.ns_fd = s->ns_fd,
				.pid = s->pid,
				.is_listening = s->state == ASOCK_LISTENING,
				.is_local = s->is_local,
				.queued = listen_pending(s),
			};

			if (!fn(arg, &x))
				return;
		}
	}
}
