/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket(): a descriptor for the program, a socket of the stack, and the record of both.  That of
 * datagrams is adgram_open()'s.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

#define TYPE_MASK    0xf /* SOCK_TYPE_MASK of linux/net.h */
#define PROTOCOL_MAX 263 /* IPPROTO_MAX since Linux 5.6, with IPPROTO_MPTCP */

/* What a stream may be.  MPTCP and SCTP: programs that ask for them can do without. */
static int check_stream(int flags, int protocol)
{
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (protocol < 0 || protocol >= PROTOCOL_MAX)
		return -EINVAL;
	return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
}

/* Sockets whose programs have closed them unseen may fill the stack. */
static int open_in_stack(struct attach *a, int domain)
{
	int fd = ns_socket(a->conf.stack, domain, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd != -EMFILE && fd != -ENFILE)
		return fd;
	asock_sweep_full(a);
	fd = ns_socket(a->conf.stack, domain, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
	return fd == -EMFILE ? -ENFILE : fd;
}

/* Return: the program's descriptor, still ours */
static int open_stream(struct acall *c, int domain, bool nonblock)
{
	struct attach *a = c->a;
	cleanup_close int fd = -1;
	uint64_t cookie = 0;
	uint32_t ino = 0;
	int ns_fd = open_in_stack(a, domain);
	int r;

	if (ns_fd < 0)
		return ns_fd;
	fd = unixend_fresh(&cookie, &ino);
	r = fd < 0 ? fd : 0;
	if (r == 0 && nonblock && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = asock_new(a, &c->s, (struct unixend_id){ cookie, ino }, domain, SOCK_STREAM,
			      IPPROTO_TCP, ns_fd, acall_pid(c));
	if (r < 0) {
		(void)ns_close(a->conf.stack, ns_fd);
		return r == -EMFILE ? -ENFILE : r; /* the limit is ours, not the program's */
	}
	return TAKE_FD(fd);
}

static void socket_stream(struct acall *c, int domain, int flags, int protocol)
{
	int r = check_stream(flags, protocol);

	if (r == 0)
		r = open_stream(c, domain, flags & SOCK_NONBLOCK);
	if (r < 0) {
		(void)acall_return(c, r); /* there is nothing to take back */
		return;
	}
	c->fd = r;
	r = acall_return_fd(c, c->fd, flags & SOCK_CLOEXEC);
	if (r < 0)
		asock_free(TAKE_PTR(c->s), false);
	if (r < 0 && r != -ENOENT)
		(void)acall_return(c, r);
}

static void socket_dgram(struct acall *c, int domain, int flags, int protocol)
{
	int r = -EINVAL;

	if (protocol > UINT8_MAX && protocol < PROTOCOL_MAX)
		r = -EPROTONOSUPPORT; /* of no packet: IPPROTO_MPTCP */
	else if (!(flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)))
		r = adgram_open(c, domain, SOCK_DGRAM | flags, protocol ? protocol : IPPROTO_UDP);
	if (r < 0)
		(void)acall_return(c, r);
}

void acall_socket(struct acall *c)
{
	const int domain = (int)(uint32_t)c->call.arg[0];
	const int type = (int)(uint32_t)c->call.arg[1];
	const int protocol = (int)(uint32_t)c->call.arg[2];
	const int flags = type & ~TYPE_MASK;
	const bool is_inet = domain == AF_INET || domain == AF_INET6;

	/* A program takes its filter along when it goes to another network namespace.  What it
	 * opens there is that one's: a sandbox without a network is to have none.
	 */
	if (is_inet && tracee_is_elsewhere(c->a->tracees, c->call.tid))
		acall_continue(c);
	else if (is_inet && (type & TYPE_MASK) == SOCK_STREAM)
		socket_stream(c, domain, flags, protocol);
	else if (is_inet && (type & TYPE_MASK) == SOCK_DGRAM && c->a->conf.mode == ATTACH_FULL)
		socket_dgram(c, domain, flags, protocol);
	else
		acall_continue(c);
}
