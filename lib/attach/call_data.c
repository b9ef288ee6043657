/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shutdown(), and those of the calls with data that are notified because AF_UNIX does otherwise
 * than TCP: with an address, for the error queue, for fast open.
 */
#include <errno.h>
#include <sys/socket.h>

#include "attach/attach_priv.h"
#include "attach/dgram_priv.h"
#include "netstack/socket.h"

/* --- shutdown (net/ipv4/af_inet.c: inet_shutdown()) --- */

/* Ends what the socket is doing, so that it can do something else. */
static int start_over(struct acall *c)
{
	int r;

	connect_wake(c->s, -ECONNRESET);
	r = asock_replace(c);
	return r == -EMFILE || r == -ENFILE ? -ENOBUFS : r;
}

/* The kernel does it: our end sees the end of what is written. */
static void shut_connected(struct acall *c, int how)
{
	struct asock *s = c->s;

	if (s->is_local && local_tcp_state(s, c->fd) == LOCAL_CLOSE) {
		(void)acall_return(c, -ENOTCONN);
		return;
	}
	if (s->is_local && how == SHUT_RD)
		local_uncut(c); /* the other program is not to hear of it */
	if (how != SHUT_RD) {
		s->no_write = true;
		if (s->pump)
			pump_no_write(s->pump);
	}
	if (how != SHUT_WR) {
		s->no_read = true;
		if (s->pump)
			pump_no_read(s->pump);
	}
	asock_widen(c);
	acall_continue(c);
}

/* It is done to one that is not connected, too: who waits for a datagram is woken, and what is
 * written fails.
 */
static void shut_dgram(struct acall *c, int how)
{
	int r;

	adgram_drain(c->s->dgram); /* what was written before goes out */
	r = ns_shutdown(c->a->conf.stack, c->s->ns_fd, how);
	if (r == 0 || r == -ENOTCONN)
		adgram_shut(c->s->dgram, how);
	(void)acall_return(c, r);
}

void acall_shutdown(struct acall *c)
{
	const int how = (int)(uint32_t)c->call.arg[1];

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
		(void)acall_return(c, -EINVAL);
		return;
	}
	if (c->s->dgram) {
		shut_dgram(c, how);
		return;
	}
	switch (c->s->state) {
	case ASOCK_CONNECTED:
		shut_connected(c, how);
		return;
	case ASOCK_CONNECTING:
		(void)acall_return(c, start_over(c));
		return;
	case ASOCK_LISTENING:
		(void)acall_return(c, how == SHUT_WR ? 0 : start_over(c));
		return;
	case ASOCK_FRESH:
		/* It fails, and poll() shows it all the same. */
		(void)shutdown(c->fd, how); /* of a socket */
		c->s->is_shut = true;
		(void)acall_return(c, -ENOTCONN);
		return;
	case ASOCK_FAILED:
	case ASOCK_DEAD:
		(void)acall_return(c, -ENOTCONN);
		return;
	}
}

/* --- data --- */

static bool is_connected(const struct asock *s)
{
	return s->state == ASOCK_CONNECTED || s->state == ASOCK_DEAD;
}

/* TCP passes over an address once it is connected, AF_UNIX says EISCONN, which POSIX has, too.  The
 * call cannot be made in the program's place: when a signal ends it meanwhile, it comes again, and
 * nobody can tell whether it is the same one, for even an answer that the kernel has taken may not
 * have reached the task (notify.h).  Its data would be sent twice.
 */
void acall_sendto(struct acall *c)
{
	const int flags = (int)(uint32_t)c->call.arg[3];

	asock_widen(c);
	if (flags & MSG_OOB && c->s->pump)
		pump_urgent(c->s->pump);
	if (flags & MSG_FASTOPEN)
		(void)acall_return(c, -EOPNOTSUPP);
	else if (is_connected(c->s) || !c->call.arg[4])
		acall_continue(c);
	else
		(void)acall_return(c, c->s->state == ASOCK_CONNECTING ? -EAGAIN : -EPIPE);
}

void acall_sendmsg(struct acall *c)
{
	const int flags = (int)(uint32_t)c->call.arg[2];

	asock_widen(c);
	if (flags & MSG_OOB && c->s->pump)
		pump_urgent(c->s->pump);
	if (flags & MSG_FASTOPEN)
		(void)acall_return(c, -EOPNOTSUPP);
	else
		acall_continue(c);
}

/* AF_UNIX would hand out the stream for the error queue, in which there is never anything. */
static void receive(struct acall *c, int flags)
{
	asock_widen(c);
	if (flags & MSG_ERRQUEUE)
		(void)acall_return(c, -EAGAIN);
	else
		acall_continue(c);
}

void acall_recvfrom(struct acall *c)
{
	receive(c, (int)(uint32_t)c->call.arg[3]);
}

void acall_recvmsg(struct acall *c)
{
	receive(c, (int)(uint32_t)c->call.arg[2]);
}
