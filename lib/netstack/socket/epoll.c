/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * epoll, as Linux's fs/eventpoll.c has it.
 *
 * News of a socket put its items into the ready lists of their sets.  What is there may have
 * events: epoll_wait() asks, and forgets those that have none.  Level-triggered ones that
 * have some go to the end of the list, to be asked again next time; edge-triggered ones
 * leave it until there is news again.
 */
#include <errno.h>

#include "netstack/socket.h"
#include "netstack/socket/socket_priv.h"

#define PRIVATE_BITS ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))
#define ALWAYS       ((uint32_t)(EPOLLERR | EPOLLHUP))
#define WRITABLE     ((uint32_t)(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND))
#define EXCLUSIVE_OK                                                                               \
	(ALWAYS | (uint32_t)(EPOLLIN | EPOLLOUT | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

/* Sets in sets in sets: how many links a chain of them may have. */
#define NESTS_MAX  4
#define LOOP       (NESTS_MAX + 1) /* depth of what would reach itself */

#define EVENTS_MAX ((int)(INT32_MAX / sizeof(struct epoll_event)))

/* --- the ready list --- */

static void ready_put(struct epoll_item *it)
{
	struct epoll *ep = it->ep;

	if (it->ready_pprev)
		return;
	it->ready_next = NULL;
	it->ready_pprev = ep->ready.last;
	*ep->ready.last = it;
	ep->ready.last = &it->ready_next;
	ep->n_ready++;
}

static void ready_remove(struct epoll_item *it)
{
	struct epoll *ep = it->ep;

	if (!it->ready_pprev)
		return;
	*it->ready_pprev = it->ready_next;
	if (it->ready_next)
		it->ready_next->ready_pprev = it->ready_pprev;
	else
		ep->ready.last = it->ready_pprev;
	it->ready_pprev = NULL;
	ep->n_ready--;
}

/* What it has of what was asked for. */
static uint32_t item_poll(const struct epoll_item *it)
{
	return it->sk->type->poll(it->sk) & it->events;
}

/* A set is readable when an item of it has events.  Those in front that have none are forgotten
 * here, too, which nobody sees: the set is not what "const" is about.
 */
static uint32_t epoll_poll(const struct sock *sk)
{
	struct epoll *ep = (struct epoll *)(uintptr_t)sk;
	struct epoll_item *it;

	while ((it = ep->ready.first)) {
		if (item_poll(it))
			return EPOLLIN | EPOLLRDNORM;
		ready_remove(it);
	}
	return 0;
}

/* It may be that @it has events: tell the sets that have its set, too. */
static void item_ready(struct epoll_item *it)
{
	struct sock *set = &it->ep->sk;

	ready_put(it);
	epoll_wake(set, EPOLLIN | EPOLLRDNORM);
	if (set->notify)
		notify_wake(it->ep->t, set->notify, EPOLLIN | EPOLLRDNORM);
}

/* Somebody waits for this set, and for such news: other exclusive ones need not know. */
static bool takes_alone(const struct epoll_item *it, uint32_t events)
{
	const uint32_t in_out = events & (EPOLLIN | EPOLLOUT);

	return it->events & EPOLLEXCLUSIVE && it->ep->n_waiting && events != SOCK_WAKE_STATE &&
	       (!in_out || it->events & in_out);
}

static void wake_items(struct sock *sk, uint32_t events)
{
	for (struct epoll_item *it = sk->items; it; it = it->sk_next) {
		if (!(it->events & ~PRIVATE_BITS) || !(it->events & events))
			continue;
		item_ready(it);
		if (takes_alone(it, events))
			return;
	}
}

void epoll_wake(struct sock *sk, uint32_t events)
{
	const uint32_t in = events & ~WRITABLE, out = events & WRITABLE;

	/* Several news in one turn: who takes one alone must not keep the other from others. */
	if (!sk->items || events == SOCK_WAKE_STATE || !in || !out) {
		wake_items(sk, events);
	} else {
		wake_items(sk, in);
		wake_items(sk, out);
	}
}

/* --- items --- */

static void link_to_sock(struct epoll_item *it, struct sock *sk)
{
	struct epoll_item **at = &sk->items;

	/* The last one is told first, exclusive ones in their order behind all others. */
	if (it->events & EPOLLEXCLUSIVE)
		while (*at)
			at = &(*at)->sk_next;
	it->sk_next = *at;
	it->sk_pprev = at;
	if (it->sk_next)
		it->sk_next->sk_pprev = &it->sk_next;
	*at = it;
}

static void link_to_set(struct epoll_item *it, struct epoll *ep)
{
	it->ep_next = ep->items;
	it->ep_pprev = &ep->items;
	if (it->ep_next)
		it->ep_next->ep_pprev = &it->ep_next;
	ep->items = it;
}

static void item_free(struct socket_table *t, struct epoll_item *it)
{
	ready_remove(it);
	*it->sk_pprev = it->sk_next;
	if (it->sk_next)
		it->sk_next->sk_pprev = it->sk_pprev;
	*it->ep_pprev = it->ep_next;
	if (it->ep_next)
		it->ep_next->ep_pprev = it->ep_pprev;
	slab_free(&t->items, it->id);
}

void epoll_forget(struct socket_table *t, struct sock *sk)
{
	while (sk->items)
		item_free(t, sk->items);
}

/* A socket is in few sets, so this is shorter than a search in the set. */
static struct epoll_item *item_find(const struct epoll *ep, const struct sock *sk, int fd)
{
	struct epoll_item *it = sk->items;

	while (it && !(it->ep == ep && it->fd == fd))
		it = it->sk_next;
	return it;
}

/* --- calls --- */

static int item_add(struct epoll *ep, struct sock *sk, int fd, const struct epoll_event *ev)
{
	struct socket_table *t = ep->t;
	struct epoll_item *it;
	uint32_t id;

	if (socket_is_epoll(sk) && !epoll_may_nest(t, epoll_of(sk), ep))
		return -ELOOP;
	if (item_find(ep, sk, fd))
		return -EEXIST;
	it = slab_alloc(&t->items, &id);
	if (!it)
		return -ENOMEM;
	it->id = id;
	it->ep = ep;
	it->sk = sk;
	it->fd = fd;
	it->events = (ev->events & ~(uint32_t)EPOLLWAKEUP) | ALWAYS;
	it->data = ev->data.u64;
	link_to_sock(it, sk);
	link_to_set(it, ep);
	if ((ep->sk.items || socket_is_epoll(sk)) && epoll_has_too_many_paths(t, sk)) {
		item_free(t, it);
		return -EINVAL;
	}
	if (item_poll(it))
		item_ready(it);
	return 0;
}

static int item_mod(struct epoll_item *it, const struct epoll_event *ev)
{
	if (it->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	it->events = (ev->events & ~(uint32_t)EPOLLWAKEUP) | ALWAYS;
	it->data = ev->data.u64;
	if (item_poll(it) && !it->ready_pprev)
		item_ready(it);
	return 0;
}

int ns_epoll_create(struct netstack *st)
{
	struct socket_table *t = netstack_sockets(st);
	const int fd = fdtable_reserve(&t->fds, 0);
	struct epoll *ep;
	uint32_t id;

	if (fd < 0)
		return fd;
	ep = slab_alloc(&t->epolls, &id);
	if (!ep)
		return -ENOMEM;
	sock_init(&ep->sk, &epoll_type, false);
	ep->sk.id = id;
	ep->sk.fd = fd;
	ep->t = t;
	ep->ready.last = &ep->ready.first;
	socket_hold(&ep->sk);
	fdtable_set(&t->fds, fd, &ep->sk);
	return fd;
}

int ns_epoll_ctl(struct netstack *st, int epfd, int op, int fd, const struct epoll_event *ev)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *set = fdtable_get(&t->fds, epfd);
	struct sock *sk = fdtable_get(&t->fds, fd);
	struct epoll_item *it;

	if (op != EPOLL_CTL_DEL && !ev)
		return -EFAULT;
	if (!set || !sk)
		return -EBADF;
	if (set == sk || !socket_is_epoll(set))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE &&
	    (op != EPOLL_CTL_ADD || socket_is_epoll(sk) || ev->events & ~EXCLUSIVE_OK))
		return -EINVAL;
	socket_collect(t);
	if (op == EPOLL_CTL_ADD)
		return item_add(epoll_of(set), sk, fd, ev);
	it = item_find(epoll_of(set), sk, fd);
	switch (op) {
	case EPOLL_CTL_MOD:
		return it ? item_mod(it, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_free(t, it);
		return 0;
	default:
		return -EINVAL;
	}
}

/* Up to @n events of those that are ready now.  What was not looked at stays first. */
static int take_events(struct epoll *ep, struct epoll_event *ret, int n)
{
	uint32_t left = ep->n_ready;
	int got = 0;

	while (left-- && got < n) {
		struct epoll_item *it = ep->ready.first;
		const uint32_t events = item_poll(it);

		ready_remove(it);
		if (!events)
			continue;
		ret[got++] = (struct epoll_event){ .events = events, .data.u64 = it->data };
		if (it->events & EPOLLONESHOT)
			it->events &= PRIVATE_BITS;
		else if (!(it->events & EPOLLET))
			ready_put(it);
	}
	return got;
}

int ns_epoll_wait(struct netstack *st, int epfd, struct epoll_event *ret, int n, int timeout_ms)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk = fdtable_get(&t->fds, epfd);
	struct epoll *ep;
	struct wait w;
	int got, r;

	if (n <= 0 || n > EVENTS_MAX)
		return -EINVAL;
	if (!sk)
		return -EBADF;
	if (!socket_is_epoll(sk))
		return -EINVAL;
	ep = epoll_of(sk);
	w = wait_begin(t, sk, timeout_ms < 0 ? SOCK_TIMEO_NEVER : (uint32_t)timeout_ms,
		       timeout_ms == 0);
	ep->n_waiting++;
	do {
		socket_collect(t);
		got = take_events(ep, ret, n);
		r = got ? 0 : wait_turn(&w);
	} while (!got && r == 0);
	ep->n_waiting--;
	wait_end(&w);
	return r < 0 && r != -EAGAIN ? r : got;
}

static void epoll_close(struct sock *sk)
{
	struct epoll *ep = epoll_of(sk);
	struct socket_table *t = ep->t;

	while (ep->items)
		item_free(t, ep->items);
	slab_free(&t->epolls, sk->id);
}

const struct sock_type epoll_type = {
	.name = "epoll",
	.close = epoll_close,
	.poll = epoll_poll,
};
