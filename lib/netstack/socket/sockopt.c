/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "netstack/socket.h"
#include "netstack/socket/sockopt_priv.h"

int opt_return(struct opt_call *c, const void *data, uint32_t size)
{
	memcpy(c->data, data, size);
	c->size = size;
	return 0;
}

int opt_copy(const struct opt_call *c, void *to, uint32_t size)
{
	if (c->len < size)
		return -EINVAL;
	memcpy(to, c->val, size);
	return 0;
}

int opt_byte(const struct opt_call *c, int min, int max, int dflt, uint8_t *ret)
{
	const int v = c->v == -1 ? dflt : c->v;

	if (c->v != -1 && (v < min || v > max))
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

static const struct opt_level *const levels[] = {
	&opt_level_socket,
	&opt_level_ip,
	&opt_level_ip6,
};

/* Which levels a socket has: the older IP below the newer one, but not under raw sockets. */
static bool has_level(const struct sock *sk, int level)
{
	if (level == IPPROTO_IPV6)
		return sk->is_ip6;
	return level != IPPROTO_IP || !sk->is_ip6 || sk->type->type != SOCK_RAW;
}

static const struct opt *opt_find(const struct sock *sk, int level, int name,
				  const struct opt_level **ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		const struct opt_level *l = levels[i];

		if (l->level != level || !has_level(sk, level))
			continue;
		*ret = l;
		for (size_t k = 0; k < l->n; k++)
			if (l->opts[k].name == name)
				return &l->opts[k];
	}
	return NULL;
}

static int check_type(const struct opt_level *l, const struct opt *o, const struct sock *sk)
{
	if (o->rules & OPT_NOT_STREAM && sk->type->type == SOCK_STREAM)
		return l->stream;
	if (o->rules & OPT_RAW && sk->type->type != SOCK_RAW)
		return -ENOPROTOOPT;
	return 0;
}

/* --- setting --- */

static int read_number(const struct opt_level *l, const struct opt *o, struct opt_call *c)
{
	uint8_t byte;

	if ((c->len < l->least && !(o->rules & OPT_MAY_BE_SHORT)) ||
	    (o->rules & OPT_NOT_EMPTY && !c->len))
		return -EINVAL;
	if (c->len >= sizeof(c->v)) {
		memcpy(&c->v, c->val, sizeof(c->v));
	} else if (c->len && !l->least) {
		memcpy(&byte, c->val, 1); /* as BSD had them */
		c->v = byte;
	}
	return 0;
}

static void set_bit(uint32_t *word, uint32_t bit, bool on)
{
	*word = on ? *word | bit : *word & ~bit;
}

static int opt_set(const struct opt_level *l, const struct opt *o, struct opt_call *c)
{
	int r = check_type(l, o, c->sk);

	if (r == 0 && !(o->rules & OPT_ANY_LEN))
		r = read_number(l, o, c);
	if (r < 0)
		return r;
	if (o->rules & OPT_ONE && (c->v < 0 || c->v > 1))
		return -EINVAL;
	switch (o->kind) {
	case OPT_FLAG:
	case OPT_FLAG_OFF:
		set_bit(&c->sk->flags, o->bit, (c->v != 0) == (o->kind == OPT_FLAG));
		break;
	case OPT_OPT:
	case OPT_OPT_OFF:
		set_bit(&c->sk->opts, o->bit, (c->v != 0) == (o->kind == OPT_OPT));
		break;
	case OPT_FN:
		break;
	}
	if (o->set)
		r = o->set(c);
	else if (o->kind == OPT_FN)
		r = -ENOPROTOOPT;
	if (r == 0 && c->sk->type->changed)
		c->sk->type->changed(c->sk, l->level == SOL_SOCKET ? c->name : 0);
	return r;
}

int ns_setsockopt(struct netstack *st, int fd, int level, int name, const void *val, socklen_t len)
{
	struct socket_table *t = netstack_sockets(st);
	const struct opt_level *l = NULL;
	struct opt_call c = { .t = t, .name = name, .val = val, .len = len };
	const struct opt *o;
	int r = socket_get(t, fd, &c.sk);

	if (r < 0)
		return r;
	if (len > INT32_MAX)
		return -EINVAL;
	if (!val && len)
		return -EFAULT;
	o = opt_find(c.sk, level, name, &l);
	if (o)
		return opt_set(l, o, &c);
	if (level == SOL_SOCKET)
		return len < sizeof(int) ? -EINVAL : -ENOPROTOOPT;
	return c.sk->type->setopt ? c.sk->type->setopt(c.sk, level, name, val, len) : -ENOPROTOOPT;
}

/* --- getting --- */

/* All may ask for what they may not set. */
static int opt_get(const struct opt *o, struct opt_call *c)
{
	switch (o->kind) {
	case OPT_FLAG:
	case OPT_FLAG_OFF:
		c->v = ((c->sk->flags & o->bit) != 0) == (o->kind == OPT_FLAG);
		return 0;
	case OPT_OPT:
	case OPT_OPT_OFF:
		c->v = ((c->sk->opts & o->bit) != 0) == (o->kind == OPT_OPT);
		return 0;
	case OPT_FN:
		break;
	}
	return o->get ? o->get(c) : -ENOPROTOOPT;
}

/* What no table has: the protocol's, or nobody's. */
static int get_other(const struct sock *sk, struct opt_call *c, int level, void *val,
		     socklen_t *len)
{
	const int own = sk->type->type == SOCK_RAW ? SOL_RAW : sk->type->protocol;

	if (level == SOL_SOCKET || level == IPPROTO_IP)
		return -ENOPROTOOPT;
	if (!sk->is_ip6 && level != own)
		return -EOPNOTSUPP; /* setsockopt() has the other error */
	return sk->type->getopt ? sk->type->getopt(c->sk, level, c->name, val, len) : -ENOPROTOOPT;
}

int ns_getsockopt(struct netstack *st, int fd, int level, int name, void *val, socklen_t *len)
{
	struct socket_table *t = netstack_sockets(st);
	const struct opt_level *l = NULL;
	struct opt_call c = { .t = t, .name = name, .len = *len };
	const struct opt *o;
	int r = socket_get(t, fd, &c.sk);

	if (r < 0)
		return r;
	if (*len > INT32_MAX)
		return -EINVAL;
	o = opt_find(c.sk, level, name, &l);
	if (!o)
		return get_other(c.sk, &c, level, val, len);
	r = opt_get(o, &c);
	if (r < 0)
		return r;
	if (!c.size) {
		(void)opt_return(&c, &c.v, sizeof(c.v));
		/* A short buffer gets a small number as a byte at level IP. */
		if (level == IPPROTO_IP && *len && *len < sizeof(c.v) && c.v >= 0 && c.v <= 255) {
			c.data[0] = (uint8_t)c.v;
			c.size = 1;
		}
	}
	if (c.size == OPT_NOTHING)
		c.size = 0;
	if (*len > c.size)
		*len = c.size;
	memcpy(val, c.data, *len);
	return 0;
}
