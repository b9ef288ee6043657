/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ioctl(): what is on its way, and addresses of interfaces, for which programs take whatever socket
 * they have.  Of all others AF_UNIX says the same as TCP and UDP.
 */
#include <net/if.h>

#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* What the program wrote and the peer has not acknowledged, or the stack not sent: what is still on
 * its way to the stack is neither.  Two programs that are cut through have nothing in between.
 */
static int unsent(const struct asock *s, unsigned long request, int *ret)
{
	int r = 0;

	*ret = 0;
	if (s->ns_fd >= 0 && !s->is_local)
		r = ns_ioctl(s->a->conf.stack, s->ns_fd, request, ret);
	if (s->relay)
		*ret = (int)relay_unsent(s->relay); /* two buffers at most */
	if (r == 0 && s->pump) {
		const uint32_t more = pump_unsent(s->pump);

		*ret = more < (uint32_t)(INT_MAX - *ret) ? *ret + (int)more : INT_MAX;
	}
	return r;
}

static void outq(struct acall *c, unsigned long request)
{
	int n = 0;
	int r = unsent(c->s, request, &n);

	if (r == 0)
		r = tracee_write(c->a->tracees, &c->call, c->call.arg[2], &n, sizeof(n));
	(void)acall_return(c, r);
}

/* The kernel has the namespace's interfaces, and all that asking them needs is a socket of AF_INET
 * in it (net/ipv4/devinet.c: devinet_ioctl()), as ours are.
 */
static void address(struct acall *c, unsigned long request)
{
	cleanup_close int fd = -1;
	struct ifreq ifr;
	int r = tracee_read(c->a->tracees, &c->call, c->call.arg[2], &ifr, sizeof(ifr));

	if (r == 0) {
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		r = fd < 0 || ioctl(fd, request, &ifr) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = tracee_write(c->a->tracees, &c->call, c->call.arg[2], &ifr, sizeof(ifr));
	(void)acall_return(c, r == -EMFILE ? -ENFILE : r);
}

void acall_ioctl(struct acall *c)
{
	const unsigned long request = (uint32_t)c->call.arg[1];

	asock_widen(c);
	switch (request) {
	case SIOCOUTQ:
	case SIOCOUTQNSD:
		outq(c, request);
		return;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
		if (c->s->domain == AF_INET) {
			address(c, request);
			return;
		}
		break;
	}
	acall_continue(c);
}
