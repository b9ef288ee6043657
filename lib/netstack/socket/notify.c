/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/socket.h"
#include "netstack/socket/socket_priv.h"

static void unlist(struct socket_table *t, struct sock_notify *n)
{
	if (!n->pprev)
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	else
		t->called_last = n->pprev;
	n->next = NULL;
	n->pprev = NULL;
	t->n_called--;
}

void notify_wake(struct socket_table *t, struct sock_notify *n, uint32_t events)
{
	n->events |= events;
	if (n->pprev)
		return;
	n->pprev = t->called_last;
	*t->called_last = n;
	t->called_last = &n->next;
	t->n_called++;
}

void notify_free(struct socket_table *t, struct sock *sk)
{
	struct sock_notify *n = sk->notify;

	if (!n)
		return;
	unlist(t, n);
	sk->notify = NULL;
	slab_free(&t->notifies, n->id);
}

/* Only what is still so: the user, or another callback, may have dealt with it. */
static void call(struct socket_table *t, struct sock_notify *n)
{
	const uint32_t events = n->events & n->sk->type->poll(n->sk);

	unlist(t, n);
	n->events = 0;
	if (events)
		n->fn(n->arg, n->fd, events); /* which may free it */
}

/* Those of now; what callbacks bring about is for the next turn. */
void notify_run(struct socket_table *t)
{
	uint32_t left = t->n_called;

	t->calling = true;
	while (left-- && t->called)
		call(t, t->called);
	t->calling = false;
}

int ns_set_notify(struct netstack *st, int fd, void (*fn)(void *arg, int fd, uint32_t events),
		  void *arg)
{
	struct socket_table *t = netstack_sockets(st);
	struct sock *sk = fdtable_get(&t->fds, fd);
	struct sock_notify *n;
	uint32_t id;

	if (!sk)
		return -EBADF;
	/* What happened before is news for nobody. */
	socket_collect(t);
	if (!fn) {
		notify_free(t, sk);
		return 0;
	}
	n = sk->notify;
	if (!n) {
		n = slab_alloc(&t->notifies, &id);
		if (!n)
			return -ENOMEM;
		n->id = id;
		n->sk = sk;
		sk->notify = n;
	}
	n->fn = fn;
	n->arg = arg;
	n->fd = fd;
	return 0;
}
