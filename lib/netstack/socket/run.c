/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Descriptors come and go, and news find their way from protocols to who asked for them.
 */
#include "netstack/netstack.h"
#include "netstack/socket/socket_priv.h"

void socket_table_init(struct socket_table *t, const struct netstack_conf *conf)
{
	const struct pbuf_mem *mem = &t->core->mem;
	const uint32_t n_max = conf->sockets_max ? conf->sockets_max : NETSTACK_SOCKETS_MAX;

	t->wait = conf->wait;
	t->wait_arg = conf->wait_arg;
	t->called_last = &t->called;
	fdtable_init(&t->fds, mem, n_max < INT32_MAX ? n_max : INT32_MAX);
	slab_init(&t->epolls, mem, sizeof(struct epoll), n_max);
	slab_init(&t->items, mem, sizeof(struct epoll_item), SLAB_NONE - 1);
	slab_init(&t->notifies, mem, sizeof(struct sock_notify), SLAB_NONE - 1);
}

void socket_table_done(struct socket_table *t)
{
	for (uint32_t fd = 0; fd < t->fds.size; fd++) {
		struct sock *sk = fdtable_get(&t->fds, (int)fd);

		if (!sk)
			continue;
		fdtable_clear(&t->fds, (int)fd);
		socket_put(t, sk);
	}
	fdtable_done(&t->fds);
	slab_done(&t->epolls);
	slab_done(&t->items);
	slab_done(&t->notifies);
}

uint32_t socket_count(const struct socket_table *t)
{
	return t->fds.n;
}

uint64_t socket_bytes(const struct socket_table *t)
{
	return fdtable_bytes(&t->fds) + slab_bytes(&t->epolls) + slab_bytes(&t->items) +
	       slab_bytes(&t->notifies);
}

void socket_trim(struct socket_table *t)
{
	slab_trim(&t->epolls);
	slab_trim(&t->items);
	slab_trim(&t->notifies);
}

/* core.woken has the last one first; who was woken first is to be told first. */
static struct sock *take_woken(struct core *core)
{
	struct sock *in_order = NULL, *next;

	for (struct sock *sk = core->woken; sk; sk = next) {
		next = sk->woken;
		sk->woken = in_order;
		in_order = sk;
	}
	core->woken = NULL;
	return in_order;
}

void socket_collect(struct socket_table *t)
{
	struct sock *sk = take_woken(t->core), *next;

	for (; sk; sk = next) {
		const uint32_t events = sk->events;

		next = sk->woken;
		sk->woken = NULL;
		sk->events = 0;
		sk->flags &= ~(uint32_t)SOCK_LISTED;
		epoll_wake(sk, events);
		if (sk->notify)
			notify_wake(t, sk->notify, events);
	}
}

void socket_run(struct socket_table *t)
{
	socket_collect(t);
	notify_run(t);
}

bool socket_pending(const struct socket_table *t)
{
	return t->core->woken || t->called;
}

void socket_put(struct socket_table *t, struct sock *sk)
{
	if (--sk->refs)
		return;
	/* All that have news at once: not a search through the list for each that is closed. */
	if (sk->flags & SOCK_LISTED)
		socket_collect(t);
	epoll_forget(t, sk);
	notify_free(t, sk);
	sk->fd = -1;
	sk->flags |= SOCK_DEAD;
	sk->type->close(sk);
}
