/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ops.h - operations of fuzz_netstack_ops
 *
 *	ops_segment.c	segments and ICMP errors relative to what the instance expects
 *	ops_call.c	calls of programs
 *	ops_check.c	what must hold between two of them
 *
 * Each reads its arguments from the input; behind the end of it they are 0.
 */
#ifndef TESTS_FUZZ_NETSTACK_OPS_H
#define TESTS_FUZZ_NETSTACK_OPS_H

#include "tests/fuzz/netstack/scene.h"

struct ops {
	const uint8_t *p;
	size_t len;
	struct scene *s;
	int epfd;   /* of all sockets */
	int set[3]; /* others, also in each other */
};

static inline uint8_t ops_take(struct ops *o)
{
	if (!o->len)
		return 0;
	o->len--;
	return *o->p++;
}

static inline struct peer_conn *ops_conn(struct ops *o)
{
	return &o->s->conn[ops_take(o) % o->s->n_conns];
}

/* --- ops_segment.c --- */

void ops_segment(struct ops *o); /* anything */
void ops_data(struct ops *o);    /* the next bytes, all acknowledged */
void ops_ack(struct ops *o);     /* all, some, nothing new; any window */
void ops_sack(struct ops *o);    /* whole segments */
void ops_end(struct ops *o);     /* FIN or RST, where it is expected */
void ops_icmp(struct ops *o);
void ops_open(struct ops *o); /* handshakes */
void ops_datagram(struct ops *o);

/* --- ops_call.c --- */

void ops_read(struct ops *o);
void ops_write(struct ops *o);
void ops_block(struct ops *o); /* zero-copy */
void ops_option(struct ops *o);
void ops_message(struct ops *o); /* with control messages */
void ops_other(struct ops *o);
void ops_close(struct ops *o);
void ops_notify(struct ops *o);
void ops_epoll(struct ops *o);

/* --- ops_check.c --- */

/* Readiness of one socket and what its calls say. */
void ops_check_fd(struct ops *o, int fd);

/* All of them, and the epoll set. */
void ops_check(struct ops *o);

#endif /* TESTS_FUZZ_NETSTACK_OPS_H */
