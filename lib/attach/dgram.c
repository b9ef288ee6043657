/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * UDP and ping sockets: made, fed, drained, freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "attach/dgram_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* One datagram of the greatest length is always taken (its truesize is more). */
#define PAIR_SNDBUF (512 << 10)

/* Beyond this a connected socket's datagrams wait in the stack, which has its own limit. */
#define PAIR_FULL       (128 << 10)

#define PIECES_TOO_MANY 1025 /* than UIO_MAXIOV */

/* So many of a program are taken at once, before others have their turn. */
#define DRAIN_MAX 64

static struct netstack *stack_of(const struct adgram *d)
{
	return d->s->a->conf.stack;
}

/* --- to the program --- */

static int queued_of(const struct adgram *d)
{
	int n;

	return ioctl(d->end, SIOCOUTQ, &n) == 0 ? n : 0;
}

bool adgram_is_in_flight(const struct adgram *d)
{
	return queued_of(d) > 0;
}

/* What has control data goes alone, too. */
static bool has_room(const struct adgram *d)
{
	if (d->is_connected && !d->head_control_len)
		return queued_of(d) < PAIR_FULL;
	return !adgram_is_in_flight(d);
}

/* One datagram.  False when there is none. */
static bool feed_one(struct adgram *d, uint8_t *buf)
{
	struct iovec iov = { .iov_base = buf, .iov_len = DGRAM_LEN_MAX };
	struct msghdr msg = {
		.msg_name = &d->head,
		.msg_namelen = sizeof(d->head),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = d->head_control,
		.msg_controllen = sizeof(d->head_control),
	};
	/* Its sockets do not wait; an error of the socket (ICMP) stays for SO_ERROR and the next
	 * call that is notified.
	 */
	const ssize_t n = ns_recvmsg(stack_of(d), d->s->ns_fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return false;
	d->is_head_alone = !adgram_is_in_flight(d);
	d->head_len = msg.msg_namelen;
	d->head_control_len = msg.msg_controllen;
	d->head_flags = msg.msg_flags;
	d->s->a->stats.rx_bytes += (uint64_t)n;
	/* There was room; a program that has shut its end down loses it, as it wished. */
	(void)send(d->end, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

/* Who waits for something to read is to see an error, too. */
static void mark_error(struct adgram *d)
{
	if (adgram_is_in_flight(d))
		return;
	d->is_error_mark = send(d->end, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) == 0;
}

/* It has an error queue, which it looks at when poll() says POLLERR. */
static bool has_error_queue(const struct adgram *d)
{
	int on = 0, on6 = 0;
	socklen_t len = sizeof(on);

	(void)ns_getsockopt(stack_of(d), d->s->ns_fd, IPPROTO_IP, IP_RECVERR, &on, &len);
	if (d->s->domain == AF_INET6)
		(void)ns_getsockopt(stack_of(d), d->s->ns_fd, IPPROTO_IPV6, IPV6_RECVERR, &on6,
				    &len);
	return on || on6;
}

/* The kernel keeps an error of recvmmsg() that comes behind the first message for the next call
 * (do_recvmmsg()), so for that of the program: it is EMSGSIZE, whatever ours is.  Somebody who is
 * about to receive may be faster, and has an empty message instead.
 */
static bool make_error(const struct adgram *d, int fd)
{
	const bool is_empty = !adgram_is_in_flight(d);
	char none;
	struct iovec iov = { .iov_base = &none, .iov_len = sizeof(none) };
	struct mmsghdr m[2] = {
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = PIECES_TOO_MANY } },
	};

	if (is_empty && send(d->end, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	return recvmmsg(fd, m, 2, MSG_DONTWAIT | (is_empty ? 0 : MSG_PEEK), NULL) == 1 || is_empty;
}

/* False when the program's descriptor is not where it was, or nobody would look. */
static bool show_error(struct adgram *d)
{
	const struct notify_call at = { .tid = d->s->user, .arg = { (uint32_t)d->s->user_fd } };
	int fd;

	if (d->is_error_shown)
		return true;
	if (!has_error_queue(d))
		return false;
	fd = asock_getfd(d->s, &at);
	if (fd < 0)
		return false;
	d->is_error_shown = make_error(d, fd);
	(void)close(fd); /* a copy */
	return d->is_error_shown;
}

void adgram_hide_error(struct acall *c)
{
	struct adgram *d = c->s->dgram;
	int error;
	socklen_t len = sizeof(error);

	if (!d->is_error_shown)
		return;
	d->is_error_shown = false;
	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* it may be gone */
}

/* What poll() says of the stack's socket. */
static uint32_t events_of(const struct adgram *d)
{
	struct pollfd p = { .fd = d->s->ns_fd, .events = POLLIN };

	return ns_poll(stack_of(d), &p, 1, 0) == 1 ? (uint32_t)p.revents : 0;
}

/* The error of the stack's socket, which is 0 then. */
static int take_error(struct adgram *d)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)ns_getsockopt(stack_of(d), d->s->ns_fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

void adgram_unmark(struct acall *c)
{
	struct adgram *d = c->s->dgram;
	char none;

	if (!d->is_error_mark || events_of(d) & POLLERR)
		return;
	d->is_error_mark = false;
	if (adgram_is_in_flight(d))
		(void)recv(c->fd, &none, sizeof(none), MSG_DONTWAIT); /* EAGAIN: it was read */
}

void adgram_feed(struct adgram *d)
{
	cleanup_free uint8_t *buf = NULL;
	uint32_t events;
	int error = 0;

	if (d->is_feeding || d->waits)
		return; /* who waits takes it from the stack */
	d->is_feeding = true;
	/* Somebody has read it, who was told of the error so. */
	if (d->is_error_mark && !adgram_is_in_flight(d)) {
		d->is_error_mark = false;
		(void)take_error(d); /* it is told */
	}
	/* The next call that can tell the number does; until then it is in nobody's way. */
	if (events_of(d) & POLLERR && show_error(d))
		error = take_error(d);
	while (has_room(d) && (events = events_of(d)) & (POLLIN | POLLERR)) {
		if (events & POLLERR && !d->is_error_shown) {
			mark_error(d);
			break;
		}
		if (!(events & POLLIN))
			break;
		if (!buf)
			buf = malloc(DGRAM_LEN_MAX);
		if (!buf || !feed_one(d, buf))
			break;
	}
	if (error)
		(void)ns_set_error(stack_of(d), d->s->ns_fd, error); /* it is there */
	d->is_feeding = false;
}

/* --- from the program --- */

/* False when the stack cannot take it now. */
static bool send_on(struct adgram *d, const uint8_t *buf, size_t len)
{
	ssize_t n = ns_send(stack_of(d), d->s->ns_fd, buf, len, MSG_DONTWAIT);

	/* The first one may be that of a datagram before, in whose place nothing was sent. */
	if (n < 0 && n != -EAGAIN)
		n = ns_send(stack_of(d), d->s->ns_fd, buf, len, MSG_DONTWAIT);
	if (n >= 0)
		d->s->a->stats.tx_bytes += (uint64_t)n;
	/* Other errors (no peer, refused) cannot be told to a write() that has returned. */
	return n != -EAGAIN;
}

static bool send_unsent(struct adgram *d)
{
	if (!d->unsent)
		return true;
	if (!send_on(d, d->unsent, d->unsent_len))
		return false;
	free(d->unsent);
	d->unsent = NULL;
	return true;
}

/* Nothing was read: the program has closed, or it has sent an empty one. */
static bool is_end(const struct adgram *d)
{
	struct pollfd p = { .fd = d->end, .events = POLLRDHUP };
	int n;

	return poll(&p, 1, 0) > 0 && (ioctl(d->end, SIOCINQ, &n) < 0 || n == 0);
}

/* Watched anew, the loop tells of what is there already. */
static void watch_again(struct adgram *d)
{
	struct loop *loop = d->s->a->conf.loop;

	if (d->watch.priv)
		loop_watch_del(loop, &d->watch);
	(void)loop_watch_add(loop, &d->watch); /* no memory: with the next news of the stack */
}

void adgram_drain(struct adgram *d)
{
	cleanup_free uint8_t *buf = NULL;
	unsigned int left = DRAIN_MAX;

	if (d->is_draining)
		return;
	d->is_draining = true;
	d->is_more = false;
	while (send_unsent(d)) {
		struct iovec iov = { .iov_len = DGRAM_LEN_MAX };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (!left--) {
			d->is_more = true;
			watch_again(d);
			break;
		}
		if (!buf)
			buf = malloc(DGRAM_LEN_MAX);
		iov.iov_base = buf;
		n = buf ? recvmsg(d->end, &msg, MSG_DONTWAIT) : -1;
		if (n < 0 || (n == 0 && is_end(d)))
			break;
		if (msg.msg_flags & MSG_TRUNC)
			continue; /* no datagram is so long: EMSGSIZE that nobody can be told */
		if (!send_on(d, buf, (size_t)n)) {
			d->unsent = TAKE_PTR(buf);
			d->unsent_len = (size_t)n;
		}
	}
	d->is_draining = false;
}

/* --- waiting calls --- */

static void unlink_wait(struct dwait *w)
{
	struct adgram *d = w->d;
	struct dwait **p = &d->waits;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	if (d->waits_last == &w->next)
		d->waits_last = p;
}

uint32_t adgram_held(const struct asock *s)
{
	uint32_t n = 0;

	if (s->dgram)
		for (const struct dwait *w = s->dgram->waits; w; w = w->next)
			n++;
	return n;
}

static void on_over(struct notify_held *h, bool timed_out)
{
	struct dwait *w = h->arg;
	struct adgram *d = w->d;

	unlink_wait(w);
	if (timed_out)
		(void)notify_return(&h->call, -EAGAIN); /* who is gone needs no answer */
	free(w);
	adgram_feed(d);
}

static uint64_t deadline_of(const struct acall *c, int timeout)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (getsockopt(c->fd, SOL_SOCKET, timeout, &tv, &len) < 0 || (!tv.tv_sec && !tv.tv_usec))
		return LOOP_FOREVER;
	return loop_clock() + (uint64_t)tv.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)tv.tv_usec * 1000;
}

/* A call that is done again keeps its deadline. */
static void hold(struct acall *c, uint64_t deadline_ns)
{
	struct adgram *d = c->s->dgram;
	struct dwait *w = calloc(1, sizeof(*w));

	if (!w) {
		acall_return(c, -ENOMEM);
		return;
	}
	w->d = d;
	w->held = (struct notify_held){
		.call = c->call,
		.deadline_ns = deadline_ns,
		.over = on_over,
		.arg = w,
	};
	*d->waits_last = w;
	d->waits_last = &w->next;
	notify_hold(c->a->notifier, &w->held);
}

void adgram_wait(struct acall *c, int timeout)
{
	hold(c, c->deadline_ns ? c->deadline_ns : deadline_of(c, timeout));
}

/* The call's socket is still the program's, and the call is done again. */
static void call_again(struct attach *a, struct asock *s, const struct notify_held *h)
{
	const int fd = tracee_getfd(a->tracees, h->call.tid, (int)h->call.arg[0]);
	struct acall c = {
		.a = a,
		.call = h->call,
		.s = s,
		.fd = fd,
		.deadline_ns = h->deadline_ns,
	};
	uint64_t cookie;

	if (fd < 0) {
		acall_return(&c, -EBADF);
	} else if (unixend_cookie(fd, &cookie) < 0 || cookie != s->cookie) {
		acall_return(&c, -EBADF);
		tracee_putfd(a->tracees, fd);
	} else {
		adgram_call(&c);
		(void)close(fd); /* a copy */
	}
}

static void wake(struct adgram *d)
{
	struct asock *s = d->s;
	struct dwait *list = d->waits;

	d->waits = NULL;
	d->waits_last = &d->waits;
	while (list) {
		struct dwait *w = list;

		list = w->next;
		notify_release(s->a->notifier, &w->held);
		/* One that a signal has ended: the memory its arguments name is in use again. */
		if (notify_is_valid(&w->held.call))
			call_again(s->a, s, &w->held);
		free(w);
	}
}

/* --- events --- */

/* The program has closed: when all that it wrote was sent. */
static bool free_if_sent(struct adgram *d)
{
	if (!d->is_closed || d->is_more || d->unsent)
		return false;
	asock_free(d->s, false);
	return true;
}

static void on_stack(void *arg, int ns_fd, uint32_t events)
{
	struct adgram *d = arg;

	(void)ns_fd; /* it is ours */
	if (d->waits)
		wake(d);
	adgram_feed(d); /* also what has waited for who was woken */
	if (events & POLLOUT)
		adgram_drain(d);
	if (!free_if_sent(d) && !d->watch.priv)
		watch_again(d);
}

void adgram_shut(struct adgram *d, int how)
{
	/* Ours is the other end of both.  They cannot fail: it is connected. */
	if (how != SHUT_WR)
		(void)shutdown(d->end, SHUT_WR);
	if (how != SHUT_RD)
		(void)shutdown(d->end, SHUT_RD);
	d->is_read_shut = d->is_read_shut || how != SHUT_WR;
	d->is_write_shut = d->is_write_shut || how != SHUT_RD;
}

/* One that is shut down both ways looks as one that is closed; its end wakes us all the same. */
static bool has_closed(struct adgram *d, uint32_t events)
{
	if (!(events & POLLHUP))
		return false;
	return !(d->is_read_shut && d->is_write_shut) || !asock_is_open(d->s);
}

static void on_end(struct loop_watch *w, uint32_t events)
{
	struct adgram *d = w->arg;

	adgram_drain(d);
	d->is_closed = d->is_closed || has_closed(d, events);
	if (!free_if_sent(d))
		adgram_feed(d);
}

/* --- made and freed --- */

static void drop(struct attach *a, struct adgram *d)
{
	if (d->watch.priv)
		loop_watch_del(a->conf.loop, &d->watch);
	(void)close(d->end); /* a socket: nothing is lost */
	free(d->unsent);
	free(d);
}

void adgram_free(struct asock *s)
{
	struct adgram *d = s->dgram;

	if (!d)
		return;
	adgram_drain(d); /* what it wrote before it closed */
	s->dgram = NULL;
	while (d->waits) {
		struct dwait *w = d->waits;

		d->waits = w->next;
		notify_release(s->a->notifier, &w->held);
		/* Who is gone needs no answer. */
		(void)notify_return(&w->held.call, s->a->is_ending ? -ENOSYS : -EBADF);
		free(w);
	}
	drop(s->a, d);
}

/* Both ends, of which @ret_end is ours. */
static int make_pair(int type, int *ret_program, int *ret_end)
{
	const int flags = SOCK_SEQPACKET | SOCK_CLOEXEC;
	const int size = PAIR_SNDBUF;
	int fds[2];

	if (socketpair(AF_UNIX, flags, 0, fds) < 0)
		return -errno;
	/* As much as may be; the default is enough for most. */
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if ((type & SOCK_NONBLOCK) && fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		const int r = -errno;

		(void)close(fds[0]);
		(void)close(fds[1]);
		return r;
	}
	*ret_program = fds[0];
	*ret_end = fds[1];
	return 0;
}

static int make_dgram(struct attach *a, struct adgram **ret, int end)
{
	struct adgram *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->end = end;
	d->waits_last = &d->waits;
	d->watch = (struct loop_watch){
		.fd = end,
		.events = POLLIN | POLLOUT,
		.edge = true,
		.ready = on_end,
		.arg = d,
	};
	r = loop_watch_add(a->conf.loop, &d->watch);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

static int make_record(struct acall *c, struct adgram *d, int program, int domain, int type,
		       int protocol, int ns_fd)
{
	struct stat st;
	uint64_t cookie;
	int r = unixend_cookie(program, &cookie);

	if (r == 0 && fstat(program, &st) < 0)
		r = -errno;
	if (r == 0)
		r = asock_new(c->a, &d->s, (struct unixend_id){ cookie, (uint32_t)st.st_ino },
			      domain, SOCK_DGRAM, protocol, ns_fd, acall_pid(c));
	if (r < 0) {
		drop(c->a, d);
		(void)ns_close(c->a->conf.stack, ns_fd); /* it is there */
		return r;
	}
	d->s->dgram = d;
	(void)ns_set_notify(c->a->conf.stack, ns_fd, on_stack, d); /* it is there */
	r = notify_return_fd(&c->call, program, type & SOCK_CLOEXEC);
	if (r < 0)
		asock_free(d->s, false);
	return r == -ENOENT ? 0 : r;
}

/* net.ipv4.ping_group_range, which is of both families (ping_init_sock()). */
static bool may_ping(struct acall *c)
{
	const int fd = c->a->ping_groups_fd;
	char text[32] = "";
	uint32_t low, high;
	char *end;

	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return true; /* there is no such setting */
	low = (uint32_t)strtoul(text, &end, 10);
	high = (uint32_t)strtoul(end, NULL, 10);
	return low <= high && tracee_in_groups(c->a->tracees, &c->call, low, high);
}

int adgram_open(struct acall *c, int domain, int type, int protocol)
{
	struct netstack *st = c->a->conf.stack;
	cleanup_close int program = -1;
	struct adgram *d = NULL;
	int end = -1;
	int ns_fd, r;

	if (protocol == (domain == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && !may_ping(c))
		return -EACCES;
	ns_fd = ns_socket(st, domain, SOCK_DGRAM | SOCK_NONBLOCK, protocol);
	if (ns_fd < 0)
		return ns_fd;
	r = make_pair(type, &program, &end);
	if (r == 0) {
		r = make_dgram(c->a, &d, end);
		if (r < 0)
			(void)close(end); /* nothing was written */
	}
	if (r < 0) {
		(void)ns_close(st, ns_fd); /* it is there */
		return r;
	}
	return make_record(c, d, program, domain, type, protocol, ns_fd);
}
