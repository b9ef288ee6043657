/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seccomp notifications (seccomp_unotify(2); kernel/seccomp.c).
 *
 * A listener is only read when it says that something is there, since reading it sleeps
 * otherwise.  A task that dies between the two makes the read fail with ENOENT, not sleep.
 */
#include "attach/notify.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/loop.h"

#ifndef SECCOMP_ADDFD_FLAG_SEND
#	define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* Linux 5.14 */
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#	define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, uint64_t)
#	define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#if defined(__x86_64__)
#	define NATIVE_ARCH AUDIT_ARCH_X86_64
#	define FOREIGN_NR  0x40000000 /* x32 */
#elif defined(__aarch64__)
#	define NATIVE_ARCH AUDIT_ARCH_AARCH64
#	define FOREIGN_NR  0
#elif defined(__riscv) && __riscv_xlen == 64
#	define NATIVE_ARCH AUDIT_ARCH_RISCV64
#	define FOREIGN_NR  0
#else
#	error "name the architecture of seccomp's notifications"
#endif

#define HELD_BUCKETS 256 /* a power of two */
#define SWEEP_MIN    64

/* Of a listener, before others have their turn: so many calls, or as many as take so long. */
#define CALLS_AT_ONCE 16
#define CALLS_NS      1000000

/* What the kernel reads and writes may be longer than what we know of it. */
union notif_buf {
	struct seccomp_notif notif;
	struct seccomp_notif_resp resp;
	char room[512];
};

/**
 * struct listener - One filter's notifications
 * @idx:	In the notifier's table
 */
struct listener {
	struct notifier *n;
	struct loop_watch watch;
	unsigned int idx;
};

/**
 * struct notifier - All of them
 * @listeners:	Table of @n_listeners, with room for @room
 * @held:	Calls that wait, by task
 * @sweep_at:	When so many wait, those whose task is gone are looked for
 * @timer:	Wakes for the first deadline, @timer_ns (LOOP_FOREVER: it is off)
 */
struct notifier {
	struct loop *loop;
	struct notifier_ops ops;
	void *arg;
	struct listener **listeners;
	unsigned int n_listeners;
	unsigned int room;
	struct notify_held *held[HELD_BUCKETS];
	unsigned int n_held;
	unsigned int sweep_at;
	struct loop_watch timer;
	uint64_t timer_ns;
};

/* --- answers --- */

/* Whose call was ended while it was being answered is gone as one whose was before. */
static int answer_error(int e)
{
	return e == ESRCH || e == EINPROGRESS ? -ENOENT : -e;
}

static int notif_ioctl(int fd, unsigned long request, void *arg)
{
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? answer_error(errno) : r;
}

int notify_return(const struct notify_call *call, int64_t ret)
{
	union notif_buf b = { .room = { 0 } };

	b.resp.id = call->id;
	if (ret < 0)
		b.resp.error = (int32_t)ret;
	else
		b.resp.val = ret;
	return notif_ioctl(call->listener, SECCOMP_IOCTL_NOTIF_SEND, &b);
}

int notify_continue(const struct notify_call *call)
{
	union notif_buf b = { .room = { 0 } };

	b.resp.id = call->id;
	b.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	return notif_ioctl(call->listener, SECCOMP_IOCTL_NOTIF_SEND, &b);
}

/* The task puts the descriptor into its table itself: this lasts until it has, or was woken by a
 * signal.
 */
static int add_fd(const struct notify_call *call, int fd, int at, uint32_t flags, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.flags = flags,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)at,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};
	int r = notif_ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	return r < 0 ? r : 0;
}

int notify_return_fd(const struct notify_call *call, int fd, bool cloexec)
{
	return add_fd(call, fd, 0, SECCOMP_ADDFD_FLAG_SEND, cloexec);
}

int notify_set_fd(const struct notify_call *call, int fd, int at, bool cloexec)
{
	return add_fd(call, fd, at, SECCOMP_ADDFD_FLAG_SETFD, cloexec);
}

bool notify_is_valid(const struct notify_call *call)
{
	uint64_t id = call->id;

	return notif_ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* --- calls that wait --- */

static struct notify_held **bucket_of(struct notifier *n, const struct notify_call *call)
{
	uint32_t x = (uint32_t)call->tid * 2654435761U + (uint32_t)call->listener * 40503U;

	return &n->held[(x >> 16) & (HELD_BUCKETS - 1)];
}

static void list_add(struct notify_held **head, struct notify_held *h)
{
	h->next = *head;
	h->prev = head;
	if (h->next)
		h->next->prev = &h->next;
	*head = h;
}

static void list_del(struct notify_held *h)
{
	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	h->next = NULL;
	h->prev = NULL;
}

/* One that is early finds nothing to do and is set again. */
static void set_timer(struct notifier *n, uint64_t at_ns)
{
	struct itimerspec its = { .it_value = { .tv_nsec = 0 } };

	if (at_ns != LOOP_FOREVER) {
		its.it_value.tv_sec = (time_t)(at_ns / 1000000000);
		its.it_value.tv_nsec = (long)(at_ns % 1000000000);
		if (at_ns == 0)
			its.it_value.tv_nsec = 1; /* 0 would switch it off */
	}
	n->timer_ns = at_ns;
	(void)timerfd_settime(n->timer.fd, TFD_TIMER_ABSTIME, &its, NULL); /* EINVAL only */
}

void notify_hold(struct notifier *n, struct notify_held *h)
{
	assert(!h->is_held);
	assert(h->over);
	list_add(bucket_of(n, &h->call), h);
	h->is_held = true;
	n->n_held++;
	if (h->deadline_ns < n->timer_ns)
		set_timer(n, h->deadline_ns);
}

void notify_release(struct notifier *n, struct notify_held *h)
{
	if (!h->is_held)
		return;
	list_del(h);
	h->is_held = false;
	assert(n->n_held > 0);
	n->n_held--;
	if (n->sweep_at > SWEEP_MIN && n->n_held < n->sweep_at / 4)
		n->sweep_at /= 2;
}

/* Those that @is_due says move to a list of their own first: what is called may hold and release
 * whatever it likes.
 */
static void end_those(struct notifier *n, bool (*is_due)(const struct notify_held *h, uint64_t x),
		      uint64_t x, bool timed_out)
{
	struct notify_held *due = NULL;

	for (unsigned int i = 0; i < HELD_BUCKETS; i++) {
		struct notify_held *next;

		for (struct notify_held *h = n->held[i]; h; h = next) {
			next = h->next;
			if (!is_due(h, x))
				continue;
			list_del(h);
			list_add(&due, h);
		}
	}
	while (due) {
		struct notify_held *h = due;

		notify_release(n, h);
		h->over(h, timed_out);
	}
}

static bool is_late(const struct notify_held *h, uint64_t now)
{
	return h->deadline_ns <= now;
}

static bool is_gone(const struct notify_held *h, uint64_t unused)
{
	(void)unused;
	return !notify_is_valid(&h->call);
}

static bool is_of_listener(const struct notify_held *h, uint64_t fd)
{
	return h->call.listener == (int)fd;
}

static void on_timer(struct loop_watch *w, uint32_t events)
{
	struct notifier *n = w->arg;
	uint64_t first = LOOP_FOREVER;
	uint64_t ticks;

	(void)events;
	if (read(w->fd, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
		return; /* it was set anew */
	n->timer_ns = LOOP_FOREVER;
	end_those(n, is_late, loop_clock(), true);
	for (unsigned int i = 0; i < HELD_BUCKETS; i++)
		for (const struct notify_held *h = n->held[i]; h; h = h->next)
			if (h->deadline_ns < first)
				first = h->deadline_ns;
	set_timer(n, first);
}

/* A task that was killed says nothing.  So many are held at most as twice those that are alive. */
static void sweep(struct notifier *n)
{
	end_those(n, is_gone, 0, false);
	n->sweep_at = n->n_held * 2 > SWEEP_MIN ? n->n_held * 2 : SWEEP_MIN;
}

/* The task makes a call: what it waited for before is over. */
static void end_older(struct notifier *n, const struct notify_call *call)
{
	struct notify_held *h = *bucket_of(n, call);

	while (h && (h->call.tid != call->tid || h->call.listener != call->listener))
		h = h->next;
	if (!h)
		return;
	notify_release(n, h);
	h->over(h, false);
}

/* --- listeners --- */

static void drop_listener(struct listener *l)
{
	struct notifier *n = l->n;

	loop_watch_del(n->loop, &l->watch);
	(void)close(l->watch.fd);
	n->listeners[l->idx] = n->listeners[--n->n_listeners];
	n->listeners[l->idx]->idx = l->idx;
	free(l);
}

static void listener_gone(struct listener *l)
{
	struct notifier *n = l->n;

	end_those(n, is_of_listener, (uint64_t)l->watch.fd, false);
	drop_listener(l);
	n->ops.gone(n->arg);
}

/* One notification, if there is still one. */
static void receive(struct listener *l)
{
	struct notifier *n = l->n;
	union notif_buf b = { .room = { 0 } }; /* EINVAL unless it is zero */
	struct notify_call call = { .listener = l->watch.fd };

	if (notif_ioctl(l->watch.fd, SECCOMP_IOCTL_NOTIF_RECV, &b) < 0)
		return; /* ENOENT: it was killed meanwhile */
	call.id = b.notif.id;
	call.tid = (pid_t)b.notif.pid;
	call.nr = b.notif.data.nr;
	for (unsigned int i = 0; i < ARRAY_SIZE(call.arg); i++)
		call.arg[i] = b.notif.data.args[i];

	/* Somebody whom we cannot see (0: another PID namespace) cannot be served either. */
	if (b.notif.data.arch != NATIVE_ARCH || (call.nr & FOREIGN_NR) || call.tid <= 0) {
		(void)notify_return(&call, -ENOSYS); /* or nobody waits */
		return;
	}
	end_older(n, &call);
	n->ops.call(n->arg, &call);
}

static void on_listener(struct loop_watch *w, uint32_t events)
{
	struct listener *l = w->arg;
	struct pollfd p = { .fd = w->fd, .events = POLLIN, .revents = (short)events };
	const uint64_t end = loop_clock() + CALLS_NS;

	if (l->n->n_held >= l->n->sweep_at)
		sweep(l->n);
	for (unsigned int i = 0; i < CALLS_AT_ONCE && (p.revents & POLLIN); i++) {
		receive(l);
		p.revents = 0;
		(void)poll(&p, 1, 0); /* on failure: the loop tells of it again */
		if (loop_clock() >= end)
			break;
	}
	if ((p.revents & (POLLHUP | POLLERR)) && !(p.revents & POLLIN))
		listener_gone(l);
}

/* The kernel knows no other call by which a listener could be told from other descriptors.  No
 * notification has the id 0 but by a chance of 2^-64.
 */
static int check_listener(int fd, struct nerr *err)
{
	struct notify_call none = { .listener = fd };
	uint64_t id = none.id;
	int r = notif_ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);

	if (r == 0 || r == -ENOENT)
		return 0;
	return nerr_set(err, -EINVAL, "descriptor %d is no seccomp listener: %s", fd, strerror(-r));
}

static int make_room(struct notifier *n)
{
	unsigned int room = n->room ? n->room * 2 : 16;
	struct listener **more;

	if (n->n_listeners < n->room)
		return 0;
	more = reallocarray(n->listeners, room, sizeof(struct listener *));
	if (!more)
		return -ENOMEM;
	n->listeners = more;
	n->room = room;
	return 0;
}

int notifier_add(struct notifier *n, int fd, struct nerr *err)
{
	cleanup_close int own = fd;
	cleanup_free struct listener *l = NULL;
	int r = check_listener(fd, err);

	if (r < 0)
		return r;
	if (n->n_listeners >= NOTIFY_LISTENERS_MAX)
		return nerr_set(err, -ENOSPC, "there are %u seccomp listeners already",
				n->n_listeners);
	l = calloc(1, sizeof(*l));
	if (!l || make_room(n) < 0)
		return nerr_oom(err);
	*l = (struct listener){
		.n = n,
		.watch = { .fd = own, .events = POLLIN, .ready = on_listener, .arg = l },
		.idx = n->n_listeners,
	};
	/* The woken task takes our CPU, as we wait for its next call.  Not there before Linux 6.6,
	 * and only a matter of speed.
	 */
	(void)ioctl(own, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	r = loop_watch_add(n->loop, &l->watch);
	if (r < 0)
		return nerr_set(err, r, "cannot wait for seccomp listener %d: %s", own,
				strerror(-r));
	n->listeners[n->n_listeners++] = TAKE_PTR(l);
	(void)TAKE_FD(own);
	return 0;
}

unsigned int notifier_n(const struct notifier *n)
{
	return n->n_listeners;
}

/* --- the whole --- */

static int check_sizes(struct nerr *err)
{
	struct seccomp_notif_sizes sizes = { .seccomp_notif = 0 };

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return nerr_set(err, -ENOTSUP, "the kernel has no seccomp notifications: %m");
	if (sizes.seccomp_notif > sizeof(union notif_buf) ||
	    sizes.seccomp_notif_resp > sizeof(union notif_buf))
		return nerr_set(err, -ENOTSUP,
				"seccomp notifications of %u bytes are longer than %zu",
				sizes.seccomp_notif, sizeof(union notif_buf));
	return 0;
}

int notifier_new(struct notifier **ret, struct loop *loop, const struct notifier_ops *ops,
		 void *arg, struct nerr *err)
{
	cleanup_free struct notifier *n = calloc(1, sizeof(*n));
	cleanup_close int fd = -1;
	int r;

	if (!n)
		return nerr_oom(err);
	r = check_sizes(err);
	if (r < 0)
		return r;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a timer: %m");
	*n = (struct notifier){
		.loop = loop,
		.ops = *ops,
		.arg = arg,
		.sweep_at = SWEEP_MIN,
		.timer = { .fd = fd, .events = POLLIN, .ready = on_timer, .arg = n },
		.timer_ns = LOOP_FOREVER,
	};
	r = loop_watch_add(loop, &n->timer);
	if (r < 0)
		return nerr_set(err, r, "cannot wait for a timer: %s", strerror(-r));
	(void)TAKE_FD(fd);
	*ret = TAKE_PTR(n);
	return 0;
}

void notifier_free(struct notifier *n)
{
	if (!n)
		return;
	for (unsigned int i = 0; i < HELD_BUCKETS; i++) {
		while (n->held[i]) {
			struct notify_held *h = n->held[i];

			notify_release(n, h);
			/* Somebody else may have a copy of the listener: closing ours is not
			 * enough.
			 */
			(void)notify_return(&h->call, -ENOSYS);
		}
	}
	while (n->n_listeners)
		drop_listener(n->listeners[n->n_listeners - 1]);
	loop_watch_del(n->loop, &n->timer);
	(void)close(n->timer.fd);
	free(n->listeners);
	free(n);
}
