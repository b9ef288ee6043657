/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * getsockname() and getpeername(), and addresses in and out of programs' memory
 * (net/socket.c: move_addr_to_kernel(), move_addr_to_user()).
 */
#include <errno.h>
#include <string.h>

#include "attach/attach_priv.h"
#include "netstack/socket.h"

int acall_get_addr(struct acall *c, uint64_t addr, uint64_t len, union asock_addr *ret,
		   socklen_t *ret_len)
{
	const int n = (int)(uint32_t)len; /* the kernel's argument is an int */
	union asock_addr val;
	int r = 0;

	if (n < 0 || (size_t)n > sizeof(val.ss))
		return -EINVAL;
	memset(&val, 0, sizeof(val));
	if (n > 0)
		r = tracee_read(c->a->tracees, &c->call, addr, &val, (size_t)n);
	if (r < 0)
		return -EFAULT;
	*ret = val;
	*ret_len = (socklen_t)n;
	return 0;
}

int acall_put_addr(struct acall *c, uint64_t addr, uint64_t len_addr, const union asock_addr *val,
		   socklen_t val_len)
{
	struct tracees *t = c->a->tracees;
	const int full = (int)val_len;
	int n;

	if (tracee_read(t, &c->call, len_addr, &n, sizeof(n)) < 0)
		return -EFAULT;
	if (n > full)
		n = full;
	if (n < 0)
		return -EINVAL;
	if (n > 0 && tracee_write(t, &c->call, addr, val, (size_t)n) < 0)
		return -EFAULT;
	return tracee_write(t, &c->call, len_addr, &full, sizeof(full)) < 0 ? -EFAULT : 0;
}

/* Two programs that were cut through have names that the stack knows nothing of. */
static bool are_kept(const struct asock *s, socklen_t len)
{
	return s->ns_fd < 0 || (s->is_local && len);
}

static void set_port(union asock_addr *addr, in_port_t port)
{
	if (addr->sa.sa_family == AF_INET6)
		addr->in6.sin6_port = port;
	else
		addr->in.sin_port = port;
}

void acall_getsockname(struct acall *c)
{
	struct asock *s = c->s;
	union asock_addr name = s->local;
	socklen_t len = s->local_len;
	int r = 0;

	if (!are_kept(s, len)) {
		len = sizeof(name);
		r = ns_getsockname(c->a->conf.stack, s->ns_fd, &name.sa, &len);
	}
	if (r == 0 && !asock_port(&name))
		set_port(&name, s->old_port);
	if (r == 0)
		r = acall_put_addr(c, c->call.arg[1], c->call.arg[2], &name, len);
	acall_return(c, r);
}

void acall_getpeername(struct acall *c)
{
	struct asock *s = c->s;
	union asock_addr name = s->peer;
	socklen_t len = s->peer_len;
	int r = len ? 0 : -ENOTCONN;

	if (s->is_local && s->state == ASOCK_CONNECTED &&
	    local_tcp_state(s, c->fd) == LOCAL_CLOSE) {
		(void)acall_return(c, -ENOTCONN);
		return;
	}
	if (!are_kept(s, len)) {
		len = sizeof(name);
		r = ns_getpeername(c->a->conf.stack, s->ns_fd, &name.sa, &len);
	}
	if (r == 0)
		r = acall_put_addr(c, c->call.arg[1], c->call.arg[2], &name, len);
	acall_return(c, r);
}
