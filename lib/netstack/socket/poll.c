/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/socket.h"
#include "netstack/socket/socket_priv.h"

/* POLL* and EPOLL* are the same bits. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR, "bits");
_Static_assert(POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP && POLLPRI == EPOLLPRI, "bits");

static int look(const struct socket_table *t, struct pollfd *fds, unsigned int n)
{
	int ready = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct sock *sk;

		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		sk = fdtable_get(&t->fds, fds[i].fd);
		if (sk)
			fds[i].revents = (short)(sk->type->poll(sk) &
						 ((uint16_t)fds[i].events | POLLERR | POLLHUP));
		else
			fds[i].revents = POLLNVAL;
		ready += fds[i].revents != 0;
	}
	return ready;
}

int ns_poll(struct netstack *st, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	struct socket_table *t = netstack_sockets(st);
	struct wait w = wait_begin(
		t, NULL, timeout_ms < 0 ? SOCK_TIMEO_NEVER : (uint32_t)timeout_ms, timeout_ms == 0);
	int ready, r;

	do {
		socket_collect(t); /* of epoll sets */
		ready = look(t, fds, n);
		r = ready ? 0 : wait_turn(&w);
	} while (!ready && r == 0);
	wait_end(&w);
	return r < 0 && r != -EAGAIN ? r : ready;
}
