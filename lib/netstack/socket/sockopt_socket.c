/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SOL_SOCKET, as Linux's net/core/sock.c has it.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "netstack/socket/sockopt_priv.h"

#ifndef SO_RCVTIMEO_NEW
#	define SO_RCVTIMEO_NEW 66
#	define SO_SNDTIMEO_NEW 67
#endif
#ifndef SO_TIMESTAMP_NEW
#	define SO_TIMESTAMP_NEW   63
#	define SO_TIMESTAMPNS_NEW 64
#endif
#ifndef SO_BINDTOIFINDEX
#	define SO_BINDTOIFINDEX 62
#endif

/* net.core.rmem_max and wmem_max.  What is set is doubled: memory costs more than its bytes. */
#define BUF_MAX    4194304
#define RCVBUF_MIN 2304
#define SNDBUF_MIN 4608

static uint32_t buf_of(int v, bool force, uint32_t least)
{
	uint32_t size = v < 0 ? (force ? 0 : BUF_MAX) : (uint32_t)v;

	if (!force && size > BUF_MAX)
		size = BUF_MAX;
	if (size > INT_MAX / 2)
		size = INT_MAX / 2;
	return size * 2 > least ? size * 2 : least;
}

static int set_rcvbuf(struct opt_call *c)
{
	c->sk->rcvbuf = buf_of(c->v, c->name == SO_RCVBUFFORCE, RCVBUF_MIN);
	c->sk->flags |= SOCK_RCVBUF_LOCKED;
	c->name = SO_RCVBUF;
	return 0;
}

static int get_rcvbuf(struct opt_call *c)
{
	c->v = (int)c->sk->rcvbuf;
	return 0;
}

static int set_sndbuf(struct opt_call *c)
{
	c->sk->sndbuf = buf_of(c->v, c->name == SO_SNDBUFFORCE, SNDBUF_MIN);
	c->sk->flags |= SOCK_SNDBUF_LOCKED;
	c->name = SO_SNDBUF;
	sock_wake(c->t->core, c->sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	return 0;
}

static int get_sndbuf(struct opt_call *c)
{
	c->v = (int)c->sk->sndbuf;
	return 0;
}

static int set_rcvlowat(struct opt_call *c)
{
	c->sk->rcvlowat = c->v < 0 ? INT_MAX : c->v ? (uint32_t)c->v : 1;
	return 0;
}

static int get_rcvlowat(struct opt_call *c)
{
	c->v = (int)c->sk->rcvlowat;
	return 0;
}

static int get_sndlowat(struct opt_call *c)
{
	c->v = 1;
	return 0;
}

static int get_type(struct opt_call *c)
{
	c->v = c->sk->type->type;
	return 0;
}

static int get_protocol(struct opt_call *c)
{
	const int icmp = c->sk->is_ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	c->v = c->sk->type->protocol;
	if (c->sk->type->type == SOCK_RAW)
		c->v = c->sk->lport; /* raw sockets have it there */
	else if (!c->v)
		c->v = icmp;
	return 0;
}

static int get_domain(struct opt_call *c)
{
	c->v = c->sk->is_ip6 ? AF_INET6 : AF_INET;
	return 0;
}

static int get_error(struct opt_call *c)
{
	c->v = -sock_take_error(c->sk);
	if (!c->v) {
		c->v = c->sk->soft_error;
		c->sk->soft_error = 0;
	}
	return 0;
}

static int get_acceptconn(struct opt_call *c)
{
	c->v = (c->sk->flags & SOCK_LISTENING) != 0;
	return 0;
}

static int set_linger(struct opt_call *c)
{
	struct linger l;
	int r = opt_copy(c, &l, sizeof(l));

	if (r < 0)
		return r;
	c->sk->flags &= ~(uint32_t)SOCK_LINGER;
	if (!l.l_onoff)
		return 0;
	c->sk->flags |= SOCK_LINGER;
	c->sk->linger_s =
		l.l_linger < 0 || l.l_linger > UINT16_MAX ? UINT16_MAX : (uint16_t)l.l_linger;
	return 0;
}

static int get_linger(struct opt_call *c)
{
	const struct linger l = {
		.l_onoff = (c->sk->flags & SOCK_LINGER) != 0,
		.l_linger = c->sk->linger_s,
	};

	return opt_return(c, &l, sizeof(l));
}

static uint32_t *timeo_of(struct opt_call *c)
{
	return c->name == SO_RCVTIMEO || c->name == SO_RCVTIMEO_NEW ? &c->sk->rcvtimeo_ms
								    : &c->sk->sndtimeo_ms;
}

/* 0 is for ever, a negative time none at all (sock_set_timeout()). */
static int set_timeo(struct opt_call *c)
{
	struct timeval tv;
	uint64_t ms;
	int r = opt_copy(c, &tv, sizeof(tv));

	if (r < 0)
		return r;
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0) {
		*timeo_of(c) = SOCK_TIMEO_NONE;
		return 0;
	}
	if (tv.tv_sec >= INT32_MAX / 1000) {
		*timeo_of(c) = SOCK_TIMEO_NEVER;
		return 0;
	}
	ms = (uint64_t)tv.tv_sec * 1000 + ((uint64_t)tv.tv_usec + 999) / 1000;
	*timeo_of(c) = (uint32_t)ms;
	return 0;
}

static int get_timeo(struct opt_call *c)
{
	const uint32_t ms = *timeo_of(c) == SOCK_TIMEO_NONE ? 0 : *timeo_of(c);
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return opt_return(c, &tv, sizeof(tv));
}

static int set_oif(struct opt_call *c, uint32_t ifindex)
{
	c->sk->oif = (uint16_t)ifindex;
	c->name = SO_BINDTODEVICE; /* what sock_type.changed() knows */
	return 0;
}

static int set_bindtodevice(struct opt_call *c)
{
	const struct iface_table *ifaces = net_ifaces(c->t->net);
	char name[IFACE_NAME_LEN] = "";

	if (c->len)
		memcpy(name, c->val, c->len < sizeof(name) ? c->len : sizeof(name) - 1);
	if (!*name)
		return set_oif(c, 0);
	for (uint32_t i = 1; i <= IFACE_MAX; i++) {
		const struct iface *ifc = iface_get(ifaces, i);

		if (ifc && strcmp(ifc->name, name) == 0)
			return set_oif(c, i);
	}
	return -ENODEV;
}

static int get_bindtodevice(struct opt_call *c)
{
	const struct iface *ifc = iface_get(net_ifaces(c->t->net), c->sk->oif);

	if (!c->sk->oif) {
		c->size = OPT_NOTHING;
		return 0;
	}
	if (c->len < IFACE_NAME_LEN)
		return -EINVAL;
	return ifc ? opt_return(c, ifc->name, (uint32_t)strlen(ifc->name) + 1) : -ENODEV;
}

static int set_bindtoifindex(struct opt_call *c)
{
	if (c->v < 0)
		return -EINVAL;
	if (c->v && !iface_get(net_ifaces(c->t->net), (uint32_t)c->v))
		return -ENODEV;
	return set_oif(c, (uint32_t)c->v);
}

static int get_bindtoifindex(struct opt_call *c)
{
	c->v = c->sk->oif;
	return 0;
}

static int set_mark(struct opt_call *c)
{
	c->sk->mark = (uint32_t)c->v;
	return 0;
}

static int get_mark(struct opt_call *c)
{
	c->v = (int)c->sk->mark;
	return 0;
}

static int set_priority(struct opt_call *c)
{
	if (c->v < 0 || c->v > UINT8_MAX)
		return -EPERM;
	c->sk->priority = (uint8_t)c->v;
	return 0;
}

static int get_priority(struct opt_call *c)
{
	c->v = c->sk->priority;
	return 0;
}

/* Four names for one thing in two units; the last one that was set is the form. */
static int set_timestamp(struct opt_call *c)
{
	const uint32_t forms = SOCKOPT_TIMESTAMPNS | SOCKOPT_TS_NEW;
	struct sock *sk = c->sk;

	sk->flags &= ~(uint32_t)SOCK_TIMESTAMPS;
	sk->opts &= ~forms;
	if (!c->v)
		return 0;
	sk->flags |= SOCK_TIMESTAMPS;
	if (c->name == SO_TIMESTAMPNS || c->name == SO_TIMESTAMPNS_NEW)
		sk->opts |= SOCKOPT_TIMESTAMPNS;
	if (c->name == SO_TIMESTAMP_NEW || c->name == SO_TIMESTAMPNS_NEW)
		sk->opts |= SOCKOPT_TS_NEW;
	return 0;
}

static int get_timestamp(struct opt_call *c)
{
	const bool ns = c->name == SO_TIMESTAMPNS || c->name == SO_TIMESTAMPNS_NEW;
	const bool is_new = c->name == SO_TIMESTAMP_NEW || c->name == SO_TIMESTAMPNS_NEW;

	c->v = c->sk->flags & SOCK_TIMESTAMPS && ns == ((c->sk->opts & SOCKOPT_TIMESTAMPNS) != 0) &&
	       is_new == ((c->sk->opts & SOCKOPT_TS_NEW) != 0);
	return 0;
}

/* clang-format off */
static const struct opt socket_opts[] = {
	{ SO_REUSEADDR,       OPT_FLAG, SOCK_REUSEADDR, 0, NULL, NULL },
	{ SO_REUSEPORT,       OPT_FLAG, SOCK_REUSEPORT, 0, NULL, NULL },
	{ SO_KEEPALIVE,       OPT_FLAG, SOCK_KEEPALIVE, 0, NULL, NULL },
	{ SO_BROADCAST,       OPT_FLAG, SOCK_BROADCAST, 0, NULL, NULL },
	{ SO_DONTROUTE,       OPT_OPT, SOCKOPT_DONTROUTE, 0, NULL, NULL },
	{ SO_OOBINLINE,       OPT_FLAG, SOCK_OOBINLINE, 0, NULL, NULL },
	{ SO_NO_CHECK,        OPT_FLAG, SOCK_NO_CHECK, 0, NULL, NULL },
	{ SO_RXQ_OVFL,        OPT_OPT, SOCKOPT_RXQ_OVFL, 0, NULL, NULL },
	{ SO_TYPE,            OPT_FN, 0, 0, NULL, get_type },
	{ SO_PROTOCOL,        OPT_FN, 0, 0, NULL, get_protocol },
	{ SO_DOMAIN,          OPT_FN, 0, 0, NULL, get_domain },
	{ SO_ERROR,           OPT_FN, 0, 0, NULL, get_error },
	{ SO_ACCEPTCONN,      OPT_FN, 0, 0, NULL, get_acceptconn },
	{ SO_RCVBUF,          OPT_FN, 0, 0, set_rcvbuf, get_rcvbuf },
	{ SO_RCVBUFFORCE,     OPT_FN, 0, 0, set_rcvbuf, NULL },
	{ SO_SNDBUF,          OPT_FN, 0, 0, set_sndbuf, get_sndbuf },
	{ SO_SNDBUFFORCE,     OPT_FN, 0, 0, set_sndbuf, NULL },
	{ SO_RCVLOWAT,        OPT_FN, 0, 0, set_rcvlowat, get_rcvlowat },
	{ SO_SNDLOWAT,        OPT_FN, 0, 0, NULL, get_sndlowat },
	{ SO_LINGER,          OPT_FN, 0, OPT_ANY_LEN, set_linger, get_linger },
	{ SO_RCVTIMEO,        OPT_FN, 0, OPT_ANY_LEN, set_timeo, get_timeo },
	{ SO_SNDTIMEO,        OPT_FN, 0, OPT_ANY_LEN, set_timeo, get_timeo },
	{ SO_RCVTIMEO_NEW,    OPT_FN, 0, OPT_ANY_LEN, set_timeo, get_timeo },
	{ SO_SNDTIMEO_NEW,    OPT_FN, 0, OPT_ANY_LEN, set_timeo, get_timeo },
	{ SO_BINDTODEVICE,    OPT_FN, 0, OPT_ANY_LEN, set_bindtodevice, get_bindtodevice },
	{ SO_BINDTOIFINDEX,   OPT_FN, 0, 0, set_bindtoifindex, get_bindtoifindex },
	{ SO_MARK,            OPT_FN, 0, 0, set_mark, get_mark },
	{ SO_PRIORITY,        OPT_FN, 0, 0, set_priority, get_priority },
	{ SO_TIMESTAMP,       OPT_FN, 0, 0, set_timestamp, get_timestamp },
	{ SO_TIMESTAMPNS,     OPT_FN, 0, 0, set_timestamp, get_timestamp },
	{ SO_TIMESTAMP_NEW,   OPT_FN, 0, 0, set_timestamp, get_timestamp },
	{ SO_TIMESTAMPNS_NEW, OPT_FN, 0, 0, set_timestamp, get_timestamp },
};
/* clang-format on */

const struct opt_level opt_level_socket = {
	.level = SOL_SOCKET,
	.least = sizeof(int),
	.stream = -ENOPROTOOPT,
	.opts = socket_opts,
	.n = ARRAY_SIZE(socket_opts),
};
