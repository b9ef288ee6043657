/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sockopt_priv.h - socket options as tables
 *
 *	sockopt.c		the two calls, and what most options are: a bit or a byte
 *	sockopt_socket.c	SOL_SOCKET
 *	sockopt_ip.c		IPPROTO_IP, IPPROTO_IPV6
 *	sockopt_mcast.c		of these, the ones about multicast
 *
 * Other levels are the protocols' (sock_type.setopt).
 */
#ifndef NETSTACK_SOCKET_SOCKOPT_PRIV_H
#define NETSTACK_SOCKET_SOCKOPT_PRIV_H

#include "netstack/socket/socket_priv.h"

/* Longest value that getsockopt() gives. */
#define OPT_DATA_MAX 64

/* opt_call.size of a result of no bytes. */
#define OPT_NOTHING UINT32_MAX

/**
 * struct opt_call - A call
 * @t, @sk, @name: What it is about
 * @val, @len:	Set: as given
 * @v:		Set: @val as a number.  Get: result, unless @size
 * @data, @size: Get: a result that is no number
 */
struct opt_call {
	struct socket_table *t;
	struct sock *sk;
	int name;
	const void *val;
	uint32_t len;
	int v;
	uint8_t data[OPT_DATA_MAX];
	uint32_t size;
};

enum opt_kind {
	OPT_FN,       /* @set and @get */
	OPT_FLAG,     /* @bit of sk->flags */
	OPT_FLAG_OFF, /* the bit says the opposite */
	OPT_OPT,      /* @bit of sk->opts */
	OPT_OPT_OFF,
};

/* Which sockets have it, and how it is read. */
enum opt_rule {
	OPT_ANY_LEN = 1 << 0,      /* @val is not a number: @set looks at @len */
	OPT_NOT_STREAM = 1 << 1,   /* -EINVAL (IP) or -ENOPROTOOPT (IPv6) for streams */
	OPT_RAW = 1 << 2,          /* raw sockets only */
	OPT_ONE = 1 << 3,          /* nothing but 0 and 1 */
	OPT_NOT_EMPTY = 1 << 4,    /* at least a byte */
	OPT_MAY_BE_SHORT = 1 << 5, /* whatever the level says */
};

/* Options without @set or @get cannot be set or got. */
struct opt {
	int name;
	enum opt_kind kind;
	uint32_t bit;
	uint32_t rules;
	int (*set)(struct opt_call *c);
	int (*get)(struct opt_call *c);
};

/**
 * struct opt_level - The options of a level
 * @least:	Shortest number
 * @stream:	What a stream says to OPT_NOT_STREAM
 */
struct opt_level {
	int level;
	uint32_t least;
	int stream;
	const struct opt *opts;
	size_t n;
};

extern const struct opt_level opt_level_socket;
extern const struct opt_level opt_level_ip;
extern const struct opt_level opt_level_ip6;

/* The result is these bytes. */
int opt_return(struct opt_call *c, const void *data, uint32_t size);

/* Copy the value into a structure, which it must fill. -EINVAL */
int opt_copy(const struct opt_call *c, void *to, uint32_t size);

/* A value from @min to @max; -1: @dflt.  -EINVAL */
int opt_byte(const struct opt_call *c, int min, int max, int dflt, uint8_t *ret);

/* --- sockopt_mcast.c --- */

int opt_set_mcast_ttl(struct opt_call *c);
int opt_get_mcast_ttl(struct opt_call *c);
int opt_set_mcast_hops(struct opt_call *c);
int opt_get_mcast_hops(struct opt_call *c);
int opt_set_mcast_if(struct opt_call *c);
int opt_get_mcast_if(struct opt_call *c);
int opt_set_mcast_if6(struct opt_call *c);
int opt_get_mcast_if6(struct opt_call *c);
int opt_membership(struct opt_call *c);
int opt_membership6(struct opt_call *c);
int opt_source_membership(struct opt_call *c);
int opt_group_req(struct opt_call *c);
int opt_group_source_req(struct opt_call *c);

#endif /* NETSTACK_SOCKET_SOCKOPT_PRIV_H */
