/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bind(), listen(), accept() and accept4().
 *
 * A listening program has one end of a pair, on which poll() finds a token for each connection that
 * waits, up to TOKENS_MAX.  The connections wait in the stack, and at its side those of programs of
 * the same instance (local.c) and of the kernel (reserve.c); the pair of a connection is made when
 * it is accepted.  What could not be handed over, because the task had gone or had too many
 * descriptors, is kept for the next who accepts.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* More would be there unread for nobody's good: each accept() makes up for the one it takes. */
#define TOKENS_MAX 64U

#define PORT_START 1024 /* of net.ipv4.ip_unprivileged_port_start */

/**
 * struct accepted - A connection on its way to a program
 * @fd:		The program's descriptor, ours until it is handed over
 * @cookie:	Of its record, 0 for one of the kernel's, which has none
 * @peer, @peer_len: Who has connected
 */
struct accepted {
	int fd;
	uint64_t cookie;
	union asock_addr peer;
	socklen_t peer_len;
};

/**
 * struct inherited - What the kernel would copy of the listening description itself
 * @any:	It is not what a new socket has
 */
struct inherited {
	struct timeval rcvtimeo;
	struct timeval sndtimeo;
	int rcvlowat;
	int oobinline;
	bool any;
};

/* A call of accept() that waits. */
struct held_accept {
	struct notify_held held;
	struct inherited opts;
	struct asock *s;
	struct held_accept *next;
};

/**
 * struct alisten - What a listening socket has
 * @first, @last: Calls that wait, the oldest first
 * @n_held:	Their number
 * @tokens:	In the program's queue, if it has not read any itself
 * @has_kept:	@kept is there: the next to be accepted
 * @is_closed:	The program has closed it, somebody still waits
 */
struct alisten {
	struct held_accept *first;
	struct held_accept **last;
	uint32_t n_held;
	uint32_t tokens;
	bool has_kept;
	bool is_closed;
	struct accepted kept;
};

/* --- bind --- */

static unsigned int port_start(const struct attach *a)
{
	char text[16] = "";
	char *end;
	unsigned long v;

	if (a->port_start_fd < 0 || pread(a->port_start_fd, text, sizeof(text) - 1, 0) <= 0)
		return PORT_START;
	v = strtoul(text, &end, 10);
	return end == text || v > UINT16_MAX ? PORT_START : (unsigned int)v;
}

/* Where the family is wrong or the length, the stack says so: before this, as Linux does. */
static bool may_bind(struct acall *c, const union asock_addr *addr, socklen_t len)
{
	const bool is_ip6 = c->s->domain == AF_INET6;
	const unsigned int port = ntohs(asock_port(addr));
	const int family = addr->sa.sa_family;

	if (len < (is_ip6 ? offsetof(struct sockaddr_in6, sin6_scope_id) : sizeof(addr->in)))
		return true;
	if (family != c->s->domain && (is_ip6 || family != AF_UNSPEC))
		return true;
	return !port || port >= port_start(c->a) ||
	       tracee_capable(c->a->tracees, &c->call, CAP_NET_BIND_SERVICE);
}

static int bind_in_stack(struct acall *c, const union asock_addr *addr, socklen_t len)
{
	struct netstack *st = c->a->conf.stack;
	int r = ns_bind(st, c->s->ns_fd, &addr->sa, len);

	if (r == -EADDRINUSE && asock_sweep_port(c->a, addr))
		r = ns_bind(st, c->s->ns_fd, &addr->sa, len);
	return r;
}

/* The same call again, after a signal had ended it: it is bound to that. */
static bool is_bound_to(const struct asock *s, const union asock_addr *addr)
{
	union asock_addr name;
	socklen_t len = sizeof(name);

	if (!s->is_bound || ns_getsockname(s->a->conf.stack, s->ns_fd, &name.sa, &len) < 0)
		return false;
	if (s->domain == AF_INET)
		return (!addr->in.sin_port || addr->in.sin_port == name.in.sin_port) &&
		       addr->in.sin_addr.s_addr == name.in.sin_addr.s_addr;
	return (!addr->in6.sin6_port || addr->in6.sin6_port == name.in6.sin6_port) &&
	       memcmp(&addr->in6.sin6_addr, &name.in6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

void acall_bind(struct acall *c)
{
	struct asock *s = c->s;
	union asock_addr addr;
	socklen_t len;
	int r = acall_get_addr(c, c->call.arg[1], c->call.arg[2], &addr, &len);

	if (r < 0) {
		(void)acall_return(c, r); /* also of one that was interrupted once more */
		return;
	}
	if (s->state != ASOCK_FRESH && s->state != ASOCK_FAILED)
		r = -EINVAL;
	if (r == 0 && is_bound_to(s, &addr)) {
		s->is_bound = acall_return(c, 0) < 0;
		return;
	}
	if (r == 0 && !may_bind(c, &addr, len))
		r = -EACCES;
	if (r == 0)
		r = share_check(c, &addr);
	if (r == 0)
		r = bind_in_stack(c, &addr, len);
	s->is_bound = acall_return(c, r) < 0 && r == 0;
}

/* --- what waits --- */

static uint32_t stack_pending(const struct asock *s)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t len = sizeof(info);

	if (ns_getsockopt(s->a->conf.stack, s->ns_fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    info.tcpi_state != TCP_LISTEN)
		return 0;
	return info.tcpi_unacked; /* of a listener: its accept queue */
}

uint32_t listen_pending(const struct asock *s)
{
	if (!s->listen)
		return 0;
	return stack_pending(s) + local_queued(s) + reserve_is_pending(s->reserve) +
	       s->listen->has_kept;
}

uint32_t listen_held(const struct asock *s)
{
	return s->listen ? s->listen->n_held : 0;
}

static uint32_t tokens_wanted(const struct asock *s)
{
	const uint32_t n = listen_pending(s);

	return n < TOKENS_MAX ? n : TOKENS_MAX;
}

/* When its queue is full it has enough of them. */
static void tokens_put(struct asock *s)
{
	const uint32_t want = tokens_wanted(s);

	while (s->listen->tokens < want && unixend_put_token(s->end) == 0)
		s->listen->tokens++;
}

/* As many as connections, by a look into the program's own queue: it may have read some. */
static void tokens_repair(struct asock *s, int program)
{
	const uint32_t want = tokens_wanted(s);
	const int n = unixend_queued(program);

	if (n >= 0)
		s->listen->tokens = (uint32_t)n;
	if (s->listen->tokens > want) {
		(void)unixend_take_tokens(program, s->listen->tokens - want); /* EAGAIN: none */
		s->listen->tokens = want;
	}
	tokens_put(s);
}

/* --- accept: the connection --- */

/* The pair first: what waits in the stack goes on waiting when there is no descriptor. */
static int take_of_stack(struct acall *c, struct accepted *ret)
{
	struct attach *a = c->a;
	const struct asock *l = c->s;
	cleanup_close int program = -1;
	cleanup_close int ours = -1;
	struct asock *s;
	uint64_t cookie = 0;
	uint32_t ino = 0, junk = 0;
	int r;

	if (!stack_pending(l))
		return -EAGAIN;
	r = unixend_pair(&program, &ours, &cookie, &ino, &junk);
	if (r == 0)
		r = asock_new(a, &s, (struct unixend_id){ cookie, ino }, l->domain, l->type,
			      l->protocol, -1, acall_pid(c));
	if (r < 0)
		return r;
	ret->peer_len = sizeof(ret->peer);
	r = ns_accept4(a->conf.stack, l->ns_fd, &ret->peer.sa, &ret->peer_len, SOCK_NONBLOCK);
	if (r >= 0) {
		s->ns_fd = r;
		s->end = TAKE_FD(ours);
		s->junk = junk;
		s->is_told = true; /* connect() says EISCONN */
		r = ns_set_notify(a->conf.stack, s->ns_fd, asock_on_stack, s);
	}
	if (r == 0)
		r = asock_start_pump(s);
	if (r < 0) {
		asock_free(s, true);
		return r;
	}
	ret->fd = TAKE_FD(program);
	ret->cookie = cookie;
	return 0;
}

static int take_of_local(struct asock *l, struct accepted *ret)
{
	struct asock *s = NULL;
	int r;

	ret->peer_len = sizeof(ret->peer);
	r = local_accept(l, &ret->fd, &ret->peer, &ret->peer_len, &s);
	if (r == 0)
		ret->cookie = s->cookie;
	return r;
}

/* Who accepts it is where it is looked for. */
static void note_user(struct attach *a, const struct accepted *x, pid_t tid)
{
	struct asock *s = x->cookie ? asock_lookup(a, x->cookie) : NULL;

	if (!s)
		return;
	s->user = tid;
	s->user_fd = -1;
}

static int take_of_kernel(struct asock *l, struct accepted *ret)
{
	int fd = reserve_accept(l->reserve);

	if (fd < 0)
		return fd;
	ret->peer_len = sizeof(ret->peer);
	if (getpeername(fd, &ret->peer.sa, &ret->peer_len) < 0)
		ret->peer_len = 0; /* it is over already, which the program will see */
	inherit_to_kernel(l, fd);
	ret->fd = fd;
	ret->cookie = 0;
	return 0;
}

/* One of the kernel's may linger. */
static void let_go(struct attach *a, const struct accepted *x)
{
	if (x->cookie)
		(void)close(x->fd); /* a socket */
	else
		tracee_putfd(a->tracees, x->fd);
}

static int take(struct acall *c, struct accepted *ret)
{
	struct asock *l = c->s;
	int r;

	if (l->listen->has_kept) {
		l->listen->has_kept = false;
		*ret = l->listen->kept;
		return 0;
	}
	r = take_of_stack(c, ret);
	if (r == -EAGAIN)
		r = take_of_local(l, ret);
	if (r == -EAGAIN)
		r = take_of_kernel(l, ret);
	return r == -EMFILE ? -ENFILE : r; /* the limit is ours, not the program's */
}

static void keep(struct asock *l, const struct accepted *x)
{
	assert(!l->listen->has_kept);
	l->listen->kept = *x;
	l->listen->has_kept = true;
}

/* --- accept: options --- */

static const struct {
	int name;
	size_t off;
	socklen_t len;
} inherited_opts[] = {
	{ SO_RCVTIMEO, offsetof(struct inherited, rcvtimeo), sizeof(struct timeval) },
	{ SO_SNDTIMEO, offsetof(struct inherited, sndtimeo), sizeof(struct timeval) },
	{ SO_RCVLOWAT, offsetof(struct inherited, rcvlowat), sizeof(int) },
	{ SO_OOBINLINE, offsetof(struct inherited, oobinline), sizeof(int) },
};

static struct inherited inherited_read(const struct asock *s, int listener)
{
	struct inherited x = { .rcvlowat = 1 };

	for (size_t i = 0; s->is_native_set && i < ARRAY_SIZE(inherited_opts); i++) {
		socklen_t len = inherited_opts[i].len;

		/* Cannot fail: it is a socket. */
		(void)getsockopt(listener, SOL_SOCKET, inherited_opts[i].name,
				 (char *)&x + inherited_opts[i].off, &len);
	}
	x.any = x.rcvtimeo.tv_sec || x.rcvtimeo.tv_usec || x.sndtimeo.tv_sec ||
		x.sndtimeo.tv_usec || x.rcvlowat != 1 || x.oobinline;
	return x;
}

static void inherited_apply(const struct inherited *x, int fd)
{
	for (size_t i = 0; x->any && i < ARRAY_SIZE(inherited_opts); i++)
		(void)setsockopt(fd, SOL_SOCKET, inherited_opts[i].name,
				 (const char *)x + inherited_opts[i].off,
				 inherited_opts[i].len); /* the values of a socket */
}

/* --- accept: the call --- */

static int accept_flags(const struct notify_call *call)
{
	return call->nr == SYS_accept4 ? (int)(uint32_t)call->arg[3] : 0;
}

/* Answers.  An address that cannot be written costs the connection, as in Linux: closing its only
 * descriptor ends it.
 */
static void give(struct acall *c, const struct accepted *x, const struct inherited *opts)
{
	const int flags = accept_flags(&c->call);
	int r = 0;

	if (c->call.arg[1])
		r = acall_put_addr(c, c->call.arg[1], c->call.arg[2], &x->peer, x->peer_len);
	if (r < 0 && notify_is_valid(&c->call)) {
		let_go(c->a, x);
		(void)acall_return(c, r);
		return;
	}
	if (r == 0 && fcntl(x->fd, F_SETFL, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0) < 0)
		r = -errno;
	inherited_apply(opts, x->fd);
	note_user(c->a, x, c->call.tid);
	if (r == 0)
		r = acall_return_fd(c, x->fd, flags & SOCK_CLOEXEC);
	if (r == 0) {
		let_go(c->a, x); /* a copy of what the program has */
		return;
	}
	keep(c->s, x);
	tokens_put(c->s);
	if (r != -ENOENT)
		(void)acall_return(c, r);
}

static void held_take_out(struct held_accept *h)
{
	struct alisten *l = h->s->listen;
	struct held_accept **p = &l->first;

	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
	if (!*p)
		l->last = p;
	l->n_held--;
}

/* Nobody waits in it any more, and nobody has it. */
static bool is_over(const struct asock *s)
{
	return s->listen->is_closed && !s->listen->n_held;
}

static void on_held_over(struct notify_held *held, bool timed_out)
{
	struct held_accept *h = held->arg;
	struct asock *s = h->s;
	struct acall c = { .a = s->a, .call = held->call, .s = s, .fd = -1 };

	held_take_out(h);
	free(h);
	if (timed_out)
		(void)acall_return(&c, -EAGAIN);
	if (is_over(s))
		asock_free(s, false);
}

/* LOOP_FOREVER without SO_RCVTIMEO. */
static uint64_t deadline_of(const struct inherited *opts)
{
	const struct timeval *tv = &opts->rcvtimeo;

	if (!tv->tv_sec && !tv->tv_usec)
		return LOOP_FOREVER;
	return loop_clock() + (uint64_t)tv->tv_sec * 1000000000 + (uint64_t)tv->tv_usec * 1000;
}

static void hold(struct acall *c, const struct inherited *opts)
{
	struct alisten *l = c->s->listen;
	struct held_accept *h = calloc(1, sizeof(*h));

	if (!h) {
		(void)acall_return(c, -ENOMEM);
		return;
	}
	h->s = c->s;
	h->opts = *opts;
	h->held = (struct notify_held){
		.call = c->call,
		.deadline_ns = deadline_of(opts),
		.over = on_held_over,
		.arg = h,
	};
	*l->last = h;
	l->last = &h->next;
	l->n_held++;
	notify_hold(c->a->notifier, &h->held);
}

void acall_accept(struct acall *c)
{
	struct asock *s = c->s;
	struct inherited opts;
	struct accepted x;
	int r;

	if (accept_flags(&c->call) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		(void)acall_return(c, -EINVAL);
		return;
	}
	if (s->state != ASOCK_LISTENING) {
		(void)acall_return(c, s->dgram ? -EOPNOTSUPP : -EINVAL);
		return;
	}
	opts = inherited_read(s, c->fd);
	r = take(c, &x);
	/* Before the answer: the program may call poll() as soon as it has it. */
	tokens_repair(s, c->fd);
	if (r == 0) {
		give(c, &x, &opts);
	} else if (r == -EAGAIN && !c->nonblock) {
		hold(c, &opts);
	} else {
		(void)acall_return(c, r);
	}
}

/* Those who wait get what there is.  @s may be gone afterwards: false */
static bool serve(struct asock *s)
{
	struct alisten *l = s->listen;

	while (l->first) {
		struct held_accept *h = l->first;
		struct acall c = { .a = s->a, .call = h->held.call, .s = s, .fd = -1 };
		struct inherited opts;
		struct accepted x;
		/* One that a signal has ended: the memory its arguments name is in use again. */
		const bool is_valid = notify_is_valid(&c.call);
		int r;

		s->a->caller = c.call.listener;
		r = is_valid ? take(&c, &x) : 0;

		if (r == -EAGAIN)
			break;
		notify_release(s->a->notifier, &h->held);
		held_take_out(h);
		opts = h->opts;
		free(h);
		if (!is_valid)
			continue;
		if (r == 0)
			give(&c, &x, &opts);
		else
			(void)acall_return(&c, r);
	}
	if (!is_over(s))
		return true;
	asock_free(s, false);
	return false;
}

void listen_on_stack(struct asock *s, uint32_t events)
{
	(void)events; /* what waits is counted */
	if (serve(s) && !s->listen->is_closed)
		tokens_put(s);
}

static void on_reserve(void *arg)
{
	struct asock *s = arg;

	if (s->state == ASOCK_LISTENING)
		listen_on_stack(s, POLLIN);
}

void listen_prune(struct asock *s)
{
	struct held_accept *h = s->listen ? s->listen->first : NULL;

	while (h) {
		struct held_accept *next = h->next;

		if (!notify_is_valid(&h->held.call)) {
			notify_release(s->a->notifier, &h->held);
			held_take_out(h);
			free(h);
		}
		h = next;
	}
}

/* --- listen --- */

/* The program has closed its last descriptor, or was killed while it waited. */
static void on_end(struct loop_watch *w, uint32_t events)
{
	struct asock *s = w->arg;

	if (!(events & (POLLHUP | POLLERR)))
		return;
	asock_unwatch(s);
	s->listen->is_closed = true;
	listen_prune(s);
	if (is_over(s))
		asock_free(s, false);
}

static int reserve_port(struct asock *s)
{
	struct netstack *st = s->a->conf.stack;
	union asock_addr name;
	socklen_t len = sizeof(name);
	int only = 0, reuse = 0;
	socklen_t only_len = sizeof(only), reuse_len = sizeof(reuse);
	int r = ns_getsockname(st, s->ns_fd, &name.sa, &len);

	if (r == 0)
		r = ns_getsockopt(st, s->ns_fd, SOL_SOCKET, SO_REUSEPORT, &reuse, &reuse_len);
	if (r == 0 && s->domain == AF_INET6)
		r = ns_getsockopt(st, s->ns_fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_len);
	if (r < 0)
		return r;
	return reserve_new(s->a, &s->reserve, &name, len, only, reuse, on_reserve, s);
}

/* Our end, on which we see that the program closes its own. */
static int make_end(struct acall *c)
{
	struct asock *s = c->s;
	int r = s->is_shut ? asock_replace(c) : 0;

	if (r == 0)
		r = rendezvous_join(c->a->rv, c->fd, &s->end);
	if (r < 0)
		return r == -EMFILE ? -ENFILE : r;
	r = unixend_fill(c->fd, &s->junk);
	if (r == 0)
		r = unixend_no_write(c->fd);
	if (r == 0)
		r = asock_watch(s, 0, on_end);
	if (r < 0) {
		/* Its descriptor is of no use any more; connect() would replace it. */
		asock_close_end(s);
		asock_set_over(s, ASOCK_FAILED);
		s->error = -r;
	}
	return r;
}

static int listen_in_stack(struct asock *s, int backlog)
{
	struct netstack *st = s->a->conf.stack;
	union asock_addr name;
	socklen_t len = sizeof(name);
	int r = ns_listen(st, s->ns_fd, backlog);

	if (r == -EADDRINUSE && ns_getsockname(st, s->ns_fd, &name.sa, &len) == 0 &&
	    asock_sweep_port(s->a, &name))
		r = ns_listen(st, s->ns_fd, backlog);
	return r;
}

/* It does not listen any more.  A port that was chosen for it, and not by it, is lost by that. */
static void undo_listen(struct asock *s, const union asock_addr *name, socklen_t len)
{
	struct netstack *st = s->a->conf.stack;

	(void)ns_shutdown(st, s->ns_fd, SHUT_RD); /* it listens */
	if (asock_port(name))
		(void)ns_bind(st, s->ns_fd, &name->sa, len); /* EINVAL: it is bound still */
}

static int begin_with(struct acall *c, int backlog)
{
	struct asock *s = c->s;
	union asock_addr name;
	socklen_t len = sizeof(name);
	int r = ns_getsockname(c->a->conf.stack, s->ns_fd, &name.sa, &len);

	if (r == 0)
		r = listen_in_stack(s, backlog);
	if (r < 0)
		return r;
	r = reserve_port(s);
	if (r == 0)
		r = local_listen(s, backlog);
	if (r == 0)
		r = make_end(c);
	if (r < 0) {
		local_listener_gone(s);
		reserve_free(TAKE_PTR(s->reserve));
		undo_listen(s, &name, len);
	}
	return r;
}

/* All of it or nothing: the stack's socket is as before when it fails. */
static int begin(struct acall *c, int backlog)
{
	struct alisten *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->last = &l->first;
	r = begin_with(c, backlog);
	if (r < 0) {
		free(l);
		return r;
	}
	c->s->listen = l;
	c->s->state = ASOCK_LISTENING;
	return 0;
}

void acall_listen(struct acall *c)
{
	const int backlog = (int)(uint32_t)c->call.arg[1];
	struct asock *s = c->s;
	int r = -EINVAL;

	if (s->state == ASOCK_LISTENING) {
		r = ns_listen(c->a->conf.stack, s->ns_fd, backlog);
		if (r == 0)
			r = local_listen(s, backlog);
	} else if (s->state == ASOCK_FRESH) {
		r = begin(c, backlog);
	}
	(void)acall_return(c, r); /* if it comes again it changes the backlog */
}

/* --- its end --- */

static void drop_kept(struct asock *s)
{
	struct accepted *x = &s->listen->kept;
	struct asock *child;

	if (!s->listen->has_kept)
		return;
	s->listen->has_kept = false;
	child = x->cookie ? asock_lookup(s->a, x->cookie) : NULL;
	if (child)
		asock_free(child, true);
	let_go(s->a, x);
}

static void drop_held(struct asock *s)
{
	struct held_accept *h;

	while ((h = s->listen->first)) {
		struct acall c = { .a = s->a, .call = h->held.call, .s = s, .fd = -1 };

		notify_release(s->a->notifier, &h->held);
		held_take_out(h);
		free(h);
		(void)acall_return(&c, s->a->is_ending ? -ENOSYS : -EINVAL);
	}
}

void listen_done(struct asock *s)
{
	if (!s->listen)
		return;
	drop_held(s);
	local_listener_gone(s);
	reserve_free(TAKE_PTR(s->reserve));
	drop_kept(s);
	asock_close_end(s);
	free(TAKE_PTR(s->listen));
	s->state = ASOCK_FRESH;
}
