/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * getsockopt() and setsockopt().
 *
 * Options are the stack's, in values that are copied once, but for those of the description that
 * the program reads, writes and waits on: its timeouts, its low water mark, urgent data,
 * peeking.  These the kernel knows from the AF_UNIX socket, which is a socket of AF_UNIX in
 * nothing that a program is told.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/capability.h>

#include "attach/attach_priv.h"
#include "attach/dgram_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

/* Constants of Linux that C libraries have later, or not at all. */
#define OPT_PASSSEC          34
#define OPT_SELECT_ERR_QUEUE 45
#define OPT_INCOMING_CPU     49
#define OPT_MEMINFO          55
#define OPT_INCOMING_NAPI_ID 56
#define OPT_COOKIE           57
#define OPT_PEERGROUPS       59
#define OPT_ZEROCOPY         60
#define OPT_RCVTIMEO_NEW     66
#define OPT_SNDTIMEO_NEW     67
#define OPT_PREFER_BUSY_POLL 69
#define OPT_BUSY_POLL_BUDGET 70
#define OPT_NETNS_COOKIE     71
#define OPT_PASSPIDFD        76
#define OPT_PEERPIDFD        77
#define OPT_PASSRIGHTS       83

#define VALUE_MAX            4096 /* longer ones are cut: no option has them */
#define PRIORITY_FREE        6    /* above: CAP_NET_ADMIN */

enum sol_kind {
	SOL_STACK,  /* the stack's */
	SOL_NATIVE, /* the description's */
	SOL_RCVLOWAT,
	SOL_KEPT, /* of the record */
	SOL_ERROR,
	SOL_PEERCRED,
	SOL_REFUSED, /* with @error, to get and to set */
};

/**
 * struct sol_opt - An option of SOL_SOCKET that is not simply the stack's
 * @cap:	That setting it needs, 0 for none
 */
struct sol_opt {
	int name;
	enum sol_kind kind;
	int error;
	int cap;
};

/* clang-format off */
static const struct sol_opt sol_opts[] = {
	{ SO_RCVTIMEO,          SOL_NATIVE,   0, 0 },
	{ SO_SNDTIMEO,          SOL_NATIVE,   0, 0 },
	{ OPT_RCVTIMEO_NEW,     SOL_NATIVE,   0, 0 },
	{ OPT_SNDTIMEO_NEW,     SOL_NATIVE,   0, 0 },
	{ SO_RCVLOWAT,          SOL_RCVLOWAT, 0, 0 },
	{ SO_OOBINLINE,         SOL_NATIVE,   0, 0 },
	{ SO_PEEK_OFF,          SOL_NATIVE,   0, 0 },
	{ SO_DEBUG,             SOL_NATIVE,   0, 0 },
	{ SO_BSDCOMPAT,         SOL_NATIVE,   0, 0 },
	{ SO_BUSY_POLL,         SOL_NATIVE,   0, 0 },
	{ OPT_PREFER_BUSY_POLL, SOL_NATIVE,   0, 0 },
	{ OPT_BUSY_POLL_BUDGET, SOL_NATIVE,   0, 0 },
	{ OPT_INCOMING_CPU,     SOL_NATIVE,   0, 0 },
	{ OPT_INCOMING_NAPI_ID, SOL_NATIVE,   0, 0 },
	{ OPT_SELECT_ERR_QUEUE, SOL_NATIVE,   0, 0 },
	{ OPT_MEMINFO,          SOL_NATIVE,   0, 0 },
	{ OPT_COOKIE,           SOL_NATIVE,   0, 0 },
	{ OPT_NETNS_COOKIE,     SOL_NATIVE,   0, 0 },
	{ SO_TYPE,              SOL_KEPT,     0, 0 },
	{ SO_DOMAIN,            SOL_KEPT,     0, 0 },
	{ SO_PROTOCOL,          SOL_KEPT,     0, 0 },
	{ SO_ACCEPTCONN,        SOL_KEPT,     0, 0 },
	{ SO_ERROR,             SOL_ERROR,    0, 0 },
	{ SO_PEERCRED,          SOL_PEERCRED, 0, 0 },
	/* What other sockets than AF_UNIX say to these (net/core/sock.c). */
	{ SO_PASSCRED,          SOL_REFUSED,  EOPNOTSUPP, 0 },
	{ OPT_PASSSEC,          SOL_REFUSED,  EOPNOTSUPP, 0 },
	{ OPT_PASSPIDFD,        SOL_REFUSED,  EOPNOTSUPP, 0 },
	{ OPT_PASSRIGHTS,       SOL_REFUSED,  EOPNOTSUPP, 0 },
	{ SO_PEERSEC,           SOL_REFUSED,  ENOPROTOOPT, 0 },
	{ OPT_PEERGROUPS,       SOL_REFUSED,  ENODATA, 0 },
	{ OPT_PEERPIDFD,        SOL_REFUSED,  ENODATA, 0 },
	/* There would be no completions. */
	{ OPT_ZEROCOPY,         SOL_REFUSED,  EOPNOTSUPP, 0 },
	{ SO_RCVBUFFORCE,       SOL_STACK,    0, CAP_NET_ADMIN },
	{ SO_SNDBUFFORCE,       SOL_STACK,    0, CAP_NET_ADMIN },
	{ SO_MARK,              SOL_STACK,    0, CAP_NET_ADMIN },
};
/* clang-format on */

static struct sol_opt sol_opt_of(int level, int name)
{
	if (level == SOL_SOCKET)
		for (size_t i = 0; i < ARRAY_SIZE(sol_opts); i++)
			if (sol_opts[i].name == name)
				return sol_opts[i];
	return (struct sol_opt){ .name = name, .kind = SOL_STACK };
}

/* --- whose options --- */

/* One that is over has those of a new one; one that is cut through on the server's side gets a
 * socket of the stack only for them, when somebody asks first.
 *
 * Return: descriptor; *@ret_temp says that it is to be closed
 */
static int options_of(struct asock *s, bool *ret_temp)
{
	int fd;

	*ret_temp = false;
	if (s->ns_fd >= 0)
		return s->ns_fd;
	fd = ns_socket(s->a->conf.stack, s->domain, s->type | SOCK_NONBLOCK, s->protocol);
	if (fd < 0)
		return fd;
	if (s->state == ASOCK_CONNECTED) {
		s->ns_fd = fd;
		inherit_take(s);
	} else {
		*ret_temp = true;
	}
	return fd;
}

static int stack_get(struct asock *s, int level, int name, void *val, socklen_t *len)
{
	struct netstack *st = s->a->conf.stack;
	bool temp = false;
	int r, fd = options_of(s, &temp);

	if (fd < 0)
		return fd;
	r = ns_getsockopt(st, fd, level, name, val, len);
	if (temp)
		(void)ns_close(st, fd); /* just made */
	return r;
}

static int stack_set(struct asock *s, int level, int name, const void *val, socklen_t len)
{
	struct netstack *st = s->a->conf.stack;
	bool temp = false;
	int r, fd = options_of(s, &temp);

	if (fd < 0)
		return fd;
	r = ns_setsockopt(st, fd, level, name, val, len);
	if (r == 0 && !temp)
		inherit_note(s, level, name);
	if (temp)
		(void)ns_close(st, fd); /* just made */
	return r;
}

/* --- getting --- */

static int kept_value(const struct asock *s, int name)
{
	switch (name) {
	case SO_TYPE:
		return s->type;
	case SO_DOMAIN:
		return s->domain;
	case SO_PROTOCOL:
		return s->protocol ? s->protocol : IPPROTO_TCP;
	default: /* SO_ACCEPTCONN */
		return s->state == ASOCK_LISTENING;
	}
}

/* Of a connection that ended the kernel knows by itself, and gives it once; but it calls everything
 * a reset.
 */
static int take_error(struct acall *c)
{
	struct asock *s = c->s;
	int error = 0, kept;
	socklen_t len = sizeof(error);

	if (s->dgram || s->state == ASOCK_FRESH || s->state == ASOCK_LISTENING) {
		if (s->dgram)
			adgram_hide_error(c);
		(void)ns_getsockopt(c->a->conf.stack, s->ns_fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (s->dgram) {
			adgram_unmark(c);
			adgram_feed(s->dgram);
		}
		return error;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || !error)
		return 0;
	kept = s->error;
	s->error = 0;
	return s->state == ASOCK_FAILED || kept ? kept : error;
}

static int get_number(int val, void *ret, socklen_t *len)
{
	if (*len > sizeof(val))
		*len = sizeof(val);
	memcpy(ret, &val, *len);
	return 0;
}

/* Nobody's, as on every other socket than AF_UNIX. */
static int get_peercred(void *ret, socklen_t *len)
{
	const struct ucred nobody = { .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };

	if (*len > sizeof(nobody))
		*len = sizeof(nobody);
	memcpy(ret, &nobody, *len);
	return 0;
}

static int get_value(struct acall *c, const struct sol_opt *o, int level, void *val, socklen_t *len)
{
	switch (o->kind) {
	case SOL_KEPT:
		return get_number(kept_value(c->s, o->name), val, len);
	case SOL_ERROR:
		return get_number(take_error(c), val, len);
	case SOL_PEERCRED:
		return get_peercred(val, len);
	case SOL_REFUSED:
		return -o->error;
	case SOL_STACK:
	case SOL_NATIVE:
	case SOL_RCVLOWAT:
		break;
	}
	if (level == IPPROTO_TCP && o->name == TCP_INFO && c->s->is_local &&
	    c->s->state == ASOCK_CONNECTED) {
		local_tcp_info(c->s, c->fd, val, len);
		return 0;
	}
	return stack_get(c->s, level, o->name, val, len);
}

void acall_getsockopt(struct acall *c)
{
	struct tracees *t = c->a->tracees;
	const int level = (int)(uint32_t)c->call.arg[1];
	const int name = (int)(uint32_t)c->call.arg[2];
	const struct sol_opt o = sol_opt_of(level, name);
	uint8_t val[VALUE_MAX];
	socklen_t len = 0;
	int r;

	asock_widen(c);
	if (o.kind == SOL_NATIVE || o.kind == SOL_RCVLOWAT) {
		acall_continue(c);
		return;
	}
	r = tracee_read(t, &c->call, c->call.arg[4], &len, sizeof(len));
	if (r == 0 && len > INT_MAX)
		r = -EINVAL;
	if (r == 0) {
		len = len < sizeof(val) ? len : sizeof(val);
		r = get_value(c, &o, level, val, &len);
	}
	if (r == 0 && len)
		r = tracee_write(t, &c->call, c->call.arg[3], val, len);
	if (r == 0)
		r = tracee_write(t, &c->call, c->call.arg[4], &len, sizeof(len));
	(void)acall_return(c, r);
}

/* --- setting --- */

static bool may_set(struct acall *c, const struct sol_opt *o, int level, const void *val,
		    socklen_t len)
{
	int v = 0;

	if (o->cap)
		return tracee_capable(c->a->tracees, &c->call, o->cap) ||
		       (o->name == SO_MARK && tracee_capable(c->a->tracees, &c->call, CAP_NET_RAW));
	if (len >= sizeof(v))
		memcpy(&v, val, sizeof(v));
	else if (len)
		v = *(const uint8_t *)val; /* of IPPROTO_IP; others need an int */
	if ((level == SOL_SOCKET && o->name == SO_PRIORITY && (v < 0 || v > PRIORITY_FREE)) ||
	    (level == IPPROTO_IP && o->name == IP_TRANSPARENT && v) ||
	    (level == IPPROTO_IPV6 && o->name == IPV6_TRANSPARENT && v))
		return tracee_capable(c->a->tracees, &c->call, CAP_NET_ADMIN) ||
		       tracee_capable(c->a->tracees, &c->call, CAP_NET_RAW);
	return true;
}

/* The kernel's for who reads, and the pump's, which withholds what is less; before there is one
 * the stack's, of which the pump and who is accepted get it.  What is too short the kernel refuses.
 */
static void set_rcvlowat(struct acall *c, const void *val, socklen_t len)
{
	struct asock *s = c->s;
	int v = 0;

	if (len >= sizeof(v)) {
		memcpy(&v, val, sizeof(v));
		if (s->is_local && s->state == ASOCK_CONNECTED && (v < 0 || v > 1))
			local_uncut(c);
		if (s->relay)
			relay_set_lowat(s->relay, v < 0 ? INT_MAX : v ? (uint32_t)v : 1);
		if (s->pump)
			pump_set_lowat(s->pump, v < 0 ? INT_MAX : v ? (uint32_t)v : 1);
		else
			(void)stack_set(s, SOL_SOCKET, SO_RCVLOWAT, &v,
					sizeof(v)); /* any will do */
	}
	acall_continue(c);
}

/* SO_LINGER with no time: close() is a reset. */
static bool is_hasty(const struct sol_opt *o, int level, const void *val, socklen_t len)
{
	struct linger l;

	if (level != SOL_SOCKET || o->name != SO_LINGER || len < sizeof(l))
		return false;
	memcpy(&l, val, sizeof(l));
	return l.l_onoff && !l.l_linger;
}

static int set_value(struct acall *c, const struct sol_opt *o, int level, const void *val,
		     socklen_t len)
{
	int r;

	switch (o->kind) {
	case SOL_REFUSED:
		return -o->error;
	case SOL_KEPT:
	case SOL_ERROR:
	case SOL_PEERCRED:
		return len < sizeof(int) ? -EINVAL : -ENOPROTOOPT;
	case SOL_STACK:
	case SOL_NATIVE:
	case SOL_RCVLOWAT:
		break;
	}
	if (!may_set(c, o, level, val, len))
		return -EPERM;
	r = stack_set(c->s, level, o->name, val, len);
	if (r == 0 && c->s->is_local && c->s->state == ASOCK_CONNECTED &&
	    is_hasty(o, level, val, len))
		local_uncut(c);
	return r;
}

void acall_setsockopt(struct acall *c)
{
	const int level = (int)(uint32_t)c->call.arg[1];
	const int name = (int)(uint32_t)c->call.arg[2];
	const struct sol_opt o = sol_opt_of(level, name);
	const int given = (int)(uint32_t)c->call.arg[4];
	uint8_t val[VALUE_MAX];
	socklen_t len;
	int r = 0;

	asock_widen(c);
	c->s->is_native_set |= o.kind == SOL_NATIVE || o.kind == SOL_RCVLOWAT;
	if (o.kind == SOL_NATIVE) {
		acall_continue(c);
		return;
	}
	if (given < 0) {
		(void)acall_return(c, -EINVAL);
		return;
	}
	len = (size_t)given < sizeof(val) ? (socklen_t)given : sizeof(val);
	if (len)
		r = tracee_read(c->a->tracees, &c->call, c->call.arg[3], val, len);
	if (r == 0 && o.kind == SOL_RCVLOWAT) {
		set_rcvlowat(c, val, len);
		return;
	}
	if (r == 0)
		r = set_value(c, &o, level, val, len);
	(void)acall_return(c, r);
}
