/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two programs of one instance: each gets an end of one AF_UNIX pair, and no packet is made.
 *
 *	connect()	the client's socket is paired as usual; the other end waits in the
 *			listener's queue, with a byte of residue in it: when the listener is
 *			closed, closing that end tells the client of a reset
 *	accept()	the residue is taken out, the end becomes the server's descriptor
 *
 * A listener takes one more than its backlog, as on Linux; who comes then waits, filled, as if its
 * SYN had been dropped.
 *
 * The stack has no connection, but the client's socket there holds a port for as long as the
 * record lives, so that names are unique.  It is bound to the wildcard address and not to the
 * one it is seen with: disconnecting gives it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"

#ifndef SO_BINDTOIFINDEX
#	define SO_BINDTOIFINDEX 62
#endif

#define SIN6_LEN_LEAST 24 /* RFC 2133 had no sin6_scope_id */
#define ADDRS_AT_ONCE  64

/* An address and a port, as a struct sockaddr of either family has them; IPv4 mapped. */
struct name {
	struct ip6_addr addr;
	uint16_t port;
};

/**
 * struct cut - A connection that nobody has accepted yet
 * @l:		Where
 * @client:	Waits for room, and has the end; NULL: it is connected
 * @end:	The server's, -1 with @client
 * @junk:	Bytes at the head of its queue that are not the client's
 * @cookie:	The client's record, which may be gone
 * @from, @to:	Names
 */
struct cut {
	struct cut *next;
	struct cut **prev;
	struct cut_listener *l;
	struct asock *client;
	int end;
	uint32_t junk;
	uint64_t cookie;
	struct name from;
	struct name to;
};

/* In order; @last is where the next one goes. */
struct cut_list {
	struct cut *first;
	struct cut **last;
};

/**
 * struct cut_listener - A listening program
 * @at:		Its name
 * @backlog:	Connected ones: at most one more than this
 * @ready:	Those, @n_ready of them
 * @waiting:	For room
 */
struct cut_listener {
	struct cut_listener *next;
	struct cut_listener **prev;
	struct asock *s;
	struct name at;
	bool v6only;
	uint32_t backlog;
	struct cut_list ready;
	uint32_t n_ready;
	struct cut_list waiting;
};

/* --- names --- */

static struct name name_read(const union asock_addr *a)
{
	if (a->sa.sa_family == AF_INET6)
		return (struct name){ ip6_addr_get(a->in6.sin6_addr.s6_addr),
				      ntohs(a->in6.sin6_port) };
	return (struct name){ ip6_addr_of_ip4(ntohl(a->in.sin_addr.s_addr)),
			      ntohs(a->in.sin_port) };
}

static void name_write(int domain, struct name n, union asock_addr *ret, socklen_t *ret_len)
{
	memset(ret, 0, sizeof(*ret));
	if (domain == AF_INET6) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(n.port);
		ip6_addr_put(ret->in6.sin6_addr.s6_addr, n.addr);
		*ret_len = sizeof(ret->in6);
		return;
	}
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = htons(n.port);
	ret->in.sin_addr.s_addr = htonl((uint32_t)n.addr.lo);
	*ret_len = sizeof(ret->in);
}

static int stack_name(const struct asock *s, struct name *ret)
{
	union asock_addr a;
	socklen_t len = sizeof(a);
	int r = ns_getsockname(s->a->conf.stack, s->ns_fd, &a.sa, &len);

	if (r == 0)
		*ret = name_read(&a);
	return r;
}

static bool is_any(struct ip6_addr a)
{
	return ip6_addr_is_unspecified(a) || (ip6_addr_is_mapped(a) && !(uint32_t)a.lo);
}

static bool is_loopback(struct ip6_addr a)
{
	return ip6_addr_is_mapped(a) ? ip4_addr_is_loopback((uint32_t)a.lo)
				     : ip6_addr_eq(a, IP6_LOOPBACK);
}

static bool is_usable(const struct netstack_addr *a)
{
	return a->state == NET_ADDR_PREFERRED || a->state == NET_ADDR_DEPRECATED;
}

/* Is it one of the instance's? */
static bool is_own(const struct attach *a, struct ip6_addr addr)
{
	struct netstack_addr some[ADDRS_AT_ONCE];
	cleanup_free struct netstack_addr *more = NULL;
	const struct netstack_addr *all = some;
	unsigned int n = netstack_addrs(a->conf.stack, some, ADDRS_AT_ONCE);

	if (is_loopback(addr))
		return true;
	if (n > ADDRS_AT_ONCE) {
		more = calloc(n, sizeof(*more));
		if (!more)
			return false; /* the stack knows by itself */
		n = netstack_addrs(a->conf.stack, more, n);
		all = more;
	}
	for (unsigned int i = 0; i < n; i++)
		if (is_usable(&all[i]) && ip6_addr_eq(all[i].conf.addr, addr))
			return true;
	return false;
}

static int get_flag(const struct asock *s, int level, int name)
{
	int val = 0;
	socklen_t len = sizeof(val);
	int r = ns_getsockopt(s->a->conf.stack, s->ns_fd, level, name, &val, &len);

	return r < 0 ? 0 : val;
}

/* --- queues --- */

static void append(struct cut_list *list, struct cut *c)
{
	c->next = NULL;
	c->prev = list->last;
	*list->last = c;
	list->last = &c->next;
}

static void take_out(struct cut_list *list, struct cut *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		list->last = c->prev;
}

static bool is_full(const struct cut_listener *l)
{
	return l->n_ready > l->backlog;
}

uint32_t local_queued(const struct asock *listener)
{
	return listener->cut_listener ? listener->cut_listener->n_ready : 0;
}

/* There is room: whoever has waited longest is connected.  The listener counts them by itself. */
static void admit(struct cut_listener *l)
{
	while (l->waiting.first && !is_full(l)) {
		struct cut *c = l->waiting.first;
		struct asock *client = TAKE_PTR(c->client);

		take_out(&l->waiting, c);
		append(&l->ready, c);
		l->n_ready++;
		asock_unwatch(client);
		c->end = TAKE_FD(client->end);
		c->junk = client->junk;
		client->cut = NULL;
		client->is_local = true;
		connect_over(client, 0);
	}
}

/* The connection of a client that was not accepted yet. */
static struct cut *find_ready(const struct attach *a, uint64_t cookie)
{
	for (struct cut_listener *l = a->cut_listeners; l; l = l->next)
		for (struct cut *c = l->ready.first; c; c = c->next)
			if (c->cookie == cookie)
				return c;
	return NULL;
}

int local_waiting_end(const struct asock *client)
{
	const struct cut *c = client->peer_cookie ? NULL : find_ready(client->a, client->cookie);

	return c ? c->end : -1;
}

void local_renamed(struct asock *s, uint64_t before)
{
	struct asock *peer = s->peer_cookie ? asock_lookup(s->a, s->peer_cookie) : NULL;
	struct cut *c = s->peer_cookie ? NULL : find_ready(s->a, before);

	if (peer)
		peer->peer_cookie = s->cookie;
	if (c)
		c->cookie = s->cookie;
}

void local_forget(struct asock *s)
{
	struct cut *c = TAKE_PTR(s->cut);

	if (!c)
		return;
	take_out(&c->l->waiting, c);
	free(c);
}

/* --- listeners --- */

/* Bound to an interface it does not hear of what is said in the host: the stack knows. */
int local_listen(struct asock *listener, int backlog)
{
	struct attach *a = listener->a;
	struct cut_listener *l = listener->cut_listener;
	struct name at;
	int r = stack_name(listener, &at);

	if (r < 0 || get_flag(listener, SOL_SOCKET, SO_BINDTOIFINDEX))
		return r;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return -ENOMEM;
		l->s = listener;
		l->ready.last = &l->ready.first;
		l->waiting.last = &l->waiting.first;
		l->next = a->cut_listeners;
		l->prev = &a->cut_listeners;
		if (l->next)
			l->next->prev = &l->next;
		a->cut_listeners = l;
		listener->cut_listener = l;
	}
	l->at = at;
	l->v6only = listener->domain == AF_INET6 && get_flag(listener, IPPROTO_IPV6, IPV6_V6ONLY);
	l->backlog = (uint32_t)backlog > SOMAXCONN ? SOMAXCONN : (uint32_t)backlog;
	admit(l);
	return 0;
}

void local_listener_gone(struct asock *listener)
{
	struct cut_listener *l = TAKE_PTR(listener->cut_listener);

	if (!l)
		return;
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	while (l->ready.first) {
		struct cut *c = l->ready.first;

		take_out(&l->ready, c);
		(void)close(c->end); /* with its residue: a reset */
		free(c);
	}
	while (l->waiting.first) {
		struct asock *client = l->waiting.first->client;

		local_forget(client);
		connect_over(client, -ECONNREFUSED);
	}
	free(l);
}

/* How well it fits, 0 not at all; Linux's compute_score(). */
static int score(const struct cut_listener *l, struct name to)
{
	const bool is_ip4 = ip6_addr_is_mapped(to.addr);

	if (l->at.port != to.port)
		return 0;
	if (!is_any(l->at.addr))
		return ip6_addr_eq(l->at.addr, to.addr) ? 3 : 0;
	if (l->s->domain == AF_INET)
		return is_ip4 ? 2 : 0;
	if (is_ip4)
		return l->v6only ? 0 : 1;
	return 2;
}

/* Of several that share a port (SO_REUSEPORT) each has its turn. */
static struct cut_listener *find(struct attach *a, struct name to)
{
	struct cut_listener *best = NULL;
	int best_score = 0;
	uint32_t n = 0, turn;

	for (struct cut_listener *l = a->cut_listeners; l; l = l->next) {
		const int x = score(l, to);

		n = x > best_score ? 0 : n;
		if (x && x >= best_score) {
			best_score = x;
			best = l;
			n++;
		}
	}
	if (n < 2)
		return best;
	turn = a->cut_turn++ % n;
	for (struct cut_listener *l = a->cut_listeners; l; l = l->next)
		if (score(l, to) == best_score && turn-- == 0)
			return l;
	return best;
}

/* --- connect() --- */

/* Whom the call means; false for what the stack is to judge, mistakes and link-local addresses. */
static bool read_target(const struct asock *s, const union asock_addr *to, socklen_t len,
			struct name *ret)
{
	if (s->domain == AF_INET ? len < sizeof(to->in) : len < SIN6_LEN_LEAST)
		return false;
	if (to->sa.sa_family != s->domain)
		return false;
	*ret = name_read(to);
	if (ip6_addr_is_link_local(ret->addr) || !ret->port)
		return false;
	return s->domain == AF_INET || !ip6_addr_is_mapped(ret->addr) ||
	       !get_flag(s, IPPROTO_IPV6, IPV6_V6ONLY);
}

/* Nobody's address is this host; a socket bound to one of IPv4 talks to that. */
static void resolve_any(struct name *to, struct ip6_addr from)
{
	const struct ip6_addr lo4 = ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1));
	const bool from4 = ip6_addr_is_mapped(from);

	if (!is_any(to->addr))
		return;
	if (ip6_addr_is_unspecified(to->addr))
		to->addr = from4 ? lo4 : IP6_LOOPBACK;
	else
		to->addr = from4 && !is_any(from) ? from : lo4;
}

/* The client's own name: bound to, or the address it talks to, which is ours as well.  False: the
 * stack is to judge.
 */
static bool source_of(const struct asock *s, struct name *to, struct name *ret)
{
	const struct ip6_addr lo4 = ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1));

	if (stack_name(s, ret) < 0)
		return false;
	resolve_any(to, ret->addr);
	if (!is_any(ret->addr))
		return ip6_addr_is_mapped(ret->addr) == ip6_addr_is_mapped(to->addr);
	ret->addr = to->addr;
	if (ip6_addr_is_mapped(to->addr) && is_loopback(to->addr))
		ret->addr = lo4;
	return true;
}

/* A port of its own.  -EADDRNOTAVAIL */
static int take_port(struct asock *s, struct name *from)
{
	union asock_addr any;
	socklen_t len;
	struct name at;
	int r;

	if (from->port)
		return 0;
	name_write(s->domain, (struct name){ .port = 0 }, &any, &len);
	r = ns_bind(s->a->conf.stack, s->ns_fd, &any.sa, len);
	if (r == 0)
		r = stack_name(s, &at);
	if (r < 0)
		return r == -EADDRINUSE ? -EADDRNOTAVAIL : r;
	from->port = at.port;
	return at.port ? 0 : -EADDRNOTAVAIL;
}

/* The client's description gets its other end: @x->end, or the client's while it waits. */
static int pair(struct acall *c, struct cut *x)
{
	struct asock *s = c->s;
	cleanup_close int end = -1;
	int r = rendezvous_join(c->a->rv, c->fd, &end);

	if (r < 0) {
		end = -1;
		return r == -EMFILE || r == -ENFILE ? -ENOBUFS : r;
	}
	if (!is_full(x->l)) {
		r = unixend_residue(c->fd);
		if (r < 0)
			goto fail;
		x->junk = 1;
		x->end = TAKE_FD(end);
		return 0;
	}
	r = unixend_fill(c->fd, &s->junk);
	if (r < 0)
		goto fail;
	s->end = TAKE_FD(end);
	r = connect_watch(s);
	if (r == 0)
		return 0;
fail:
	asock_close_end(s);
	(void)asock_replace(c); /* else it stays connected to nothing */
	return r;
}

/* Connected at once; a non-blocking call says that it will be, as on Linux. */
static void connected(struct acall *c, struct cut *x)
{
	struct cut_listener *l = x->l;
	struct asock *s = c->s;

	append(&l->ready, x);
	l->n_ready++;
	s->is_local = true;
	s->state = ASOCK_CONNECTED;
	s->is_narrow = unixend_open(c->fd) < 0;
	listen_on_stack(l->s, EPOLLIN); /* first: the program may look as soon as it is back */
	s->is_told = acall_return(c, c->nonblock ? -EINPROGRESS : 0) == 0 && !c->nonblock;
}

static void waits(struct acall *c, struct cut *x)
{
	struct asock *s = c->s;

	x->client = s;
	s->cut = x;
	append(&x->l->waiting, x);
	s->state = ASOCK_CONNECTING;
	s->is_told = false;
	connect_begun(c);
}

static int begin(struct acall *c, struct cut_listener *l, struct name to, struct name from)
{
	struct asock *s = c->s;
	cleanup_free struct cut *x = calloc(1, sizeof(*x));
	int r = x ? take_port(s, &from) : -ENOMEM;

	if (r < 0)
		return r;
	*x = (struct cut){ .l = l, .end = -1, .cookie = s->cookie, .from = from, .to = to };
	r = pair(c, x);
	if (r < 0)
		return r;
	s->error = 0;
	s->no_write = false;
	s->peer_cookie = 0;
	name_write(s->domain, from, &s->local, &s->local_len);
	name_write(s->domain, to, &s->peer, &s->peer_len);
	if (x->end >= 0)
		connected(c, TAKE_PTR(x));
	else
		waits(c, TAKE_PTR(x));
	return 0;
}

/* The program has just closed it: the loop tells of that only after this call.  Unless somebody
 * still waits in accept(), as if in the kernel.
 */
static bool is_closed(struct asock *listener)
{
	struct pollfd p = { .fd = listener->end };

	if (poll(&p, 1, 0) != 1 || !(p.revents & (POLLHUP | POLLERR)))
		return false;
	listen_prune(listener);
	return !listen_held(listener);
}

/* What AF_UNIX does not know, and was asked for before there was a connection: TCP does it.  Later
 * there is local_uncut().
 */
static bool wants_tcp(const struct asock *s)
{
	struct linger l = { .l_onoff = 0 };
	socklen_t len = sizeof(l);

	if (ns_getsockopt(s->a->conf.stack, s->ns_fd, SOL_SOCKET, SO_LINGER, &l, &len) < 0)
		l.l_onoff = 0;
	return (l.l_onoff && !l.l_linger) || get_flag(s, SOL_SOCKET, SO_RCVLOWAT) > 1;
}

bool local_connect(struct acall *c, const union asock_addr *to, socklen_t len)
{
	struct name target, from;
	struct cut_listener *l;
	int r;

	if ((!c->a->cut_listeners && !c->a->conf.reserve) || !read_target(c->s, to, len, &target) ||
	    !source_of(c->s, &target, &from) || get_flag(c->s, SOL_SOCKET, SO_BINDTOIFINDEX))
		return false;
	l = find(c->a, target);
	if (l && is_closed(l->s) && asock_sweep_port(c->a, to))
		l = find(c->a, target);
	if ((!l && !c->a->conf.reserve) || !is_own(c->a, target.addr))
		return false;
	if (!l)
		return outside_connect(c, to, len);
	if (wants_tcp(c->s) || wants_tcp(l->s))
		return false;
	r = begin(c, l, target, from);
	if (r < 0)
		(void)acall_return(c, r);
	return true;
}

/* --- accept() --- */

/* Its first bytes are not the client's. */
static void drain(int fd, uint32_t junk)
{
	char buf[1024];

	while (junk) {
		ssize_t n = recv(fd, buf, junk < sizeof(buf) ? junk : sizeof(buf), MSG_DONTWAIT);

		if (n <= 0)
			return; /* the client is gone, and its reset came first */
		junk -= (uint32_t)n;
	}
}

static int server_record(struct cut *c, struct asock **ret)
{
	struct asock *l = c->l->s;
	struct asock *client = asock_lookup(l->a, c->cookie);
	struct asock *s = NULL;
	uint64_t cookie = 0;
	struct stat st;
	int r = unixend_cookie(c->end, &cookie);

	if (r < 0)
		return r;
	if (fstat(c->end, &st) < 0)
		return -errno;
	r = asock_new(l->a, &s, (struct unixend_id){ cookie, (uint32_t)st.st_ino }, l->domain,
		      l->type, l->protocol, -1, l->pid);
	if (r < 0)
		return r;
	s->state = ASOCK_CONNECTED;
	s->is_local = true;
	s->is_told = true;
	name_write(s->domain, c->to, &s->local, &s->local_len);
	name_write(s->domain, c->from, &s->peer, &s->peer_len);
	if (client) {
		client->peer_cookie = s->cookie;
		s->peer_cookie = client->cookie;
	}
	inherit_give(l, s);
	*ret = s;
	return 0;
}

int local_accept(struct asock *listener, int *ret, union asock_addr *peer, socklen_t *peer_len,
		 struct asock **ret_sock)
{
	struct cut_listener *l = listener->cut_listener;
	struct cut *c = l ? l->ready.first : NULL;
	struct asock *s = NULL;
	int flags, r;

	if (!c)
		return -EAGAIN;
	r = server_record(c, &s);
	if (r < 0)
		return r;
	take_out(&l->ready, c);
	l->n_ready--;
	drain(c->end, c->junk);
	s->is_narrow = unixend_open(c->end) < 0;
	flags = fcntl(c->end, F_GETFL);
	if (flags >= 0)
		(void)fcntl(c->end, F_SETFL, flags & ~O_NONBLOCK); /* cannot fail for a socket */
	*peer = s->peer;
	*peer_len = s->peer_len;
	*ret_sock = s;
	*ret = c->end;
	free(c);
	admit(l);
	return 0;
}
