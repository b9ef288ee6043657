/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * follow_priv.h - what was told, and how it is kept equal to what the kernel has
 *
 *	follow.c	sockets, dumps, what a notification sets off
 *	follow_link.c	the interface
 *	follow_addr.c	its addresses
 *	follow_route.c	routes
 *	follow_neigh.c	neighbours
 *	follow_set.c	tables of what was told
 *
 * A notification says that something changed; not all changes have one.  Links and addresses
 * change rarely: theirs only lead to another look.  Those of routes and neighbours are taken as
 * they are where that is safe, and lead to another look where it is not (follow_route.c).
 *
 * A look is a dump.  Everything in it is compared with what was told, and what was told
 * but is not in it is gone.  While a dump is read, notifications wait in their socket: they may
 * be older or newer than parts of the dump, but all of them are worked off behind it, in
 * their order, and the last one about a thing says how it is.
 */
#ifndef FOLLOW_FOLLOW_PRIV_H
#define FOLLOW_FOLLOW_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow/follow.h"

struct nl_msg;
struct nl_sock;
struct nlmsghdr;

/* More would be a mistake or an attack; each entry takes about 150 bytes. */
#define FOLLOW_ADDRS_MAX  4096
#define FOLLOW_ROUTES_MAX 65536
#define FOLLOW_NEIGHS_MAX 65536

/* What is looked at, in this order.  Bits of follow.dirty. */
enum follow_look {
	LOOK_LINK,
	LOOK_ADDR,
	LOOK_ROUTE4,
	LOOK_ROUTE6,
	LOOK_NEIGH,
	LOOK_N,
};

#define DIRTY(look)  (1U << (look))
#define DIRTY_ROUTES (DIRTY(LOOK_ROUTE4) | DIRTY(LOOK_ROUTE6))
#define DIRTY_ALL    (DIRTY(LOOK_N) - 1)

/* --- follow_set.c --- */

/* What makes a thing this one: @a and @b have what its address does not say. */
struct follow_key {
	struct ip6_addr addr;
	uint32_t a;
	uint32_t b;
};

/**
 * struct follow_entry - Something that was told
 * @next:	In its bucket
 * @n:		Things of the kernel with this key; the first one of them is told
 * @gen:	Dump that it was in last, or that came before its notification
 */
struct follow_entry {
	struct follow_entry *next;
	struct follow_key key;
	uint32_t n;
	uint32_t gen;
	union {
		struct follow_addr addr;
		struct follow_route route;
		struct follow_neigh neigh;
	};
};

struct follow_set {
	struct follow_entry **bucket;
	uint32_t mask;
	uint32_t n;
	uint32_t n_max;
};

void follow_set_done(struct follow_set *s);
struct follow_entry *follow_set_lookup(const struct follow_set *s, const struct follow_key *key);

/* A new one, zero but for its key.  NULL without memory or beyond @n_max. */
struct follow_entry *follow_set_add(struct follow_set *s, const struct follow_key *key);
void follow_set_del(struct follow_set *s, struct follow_entry *e);

/* Each in turn; @fn may delete the one it is called for. */
void follow_set_each(struct follow_set *s, void (*fn)(void *arg, struct follow_entry *e),
		     void *arg);

/* --- follow.c --- */

/**
 * struct follow - Who follows, and what they were told
 * @events:	Socket that is a member of groups
 * @asks:	Socket for dumps
 * @epoll:	Of both
 * @buf:	For one read
 * @ifname:	Interface that is followed,
 * @link:	as it was told; ifindex 0: it is not there
 * @addrs, @routes, @neighs: As they were told
 * @dirty:	Looks to be taken
 * @asked:	A look is under way:
 * @look:	this one,
 * @seq:	its answers have this number,
 * @gen:	its entries this one
 * @torn:	Something changed in the kernel while it was dumped: it is to be taken again
 * @n_torn:	So many times since all was well
 * @lost:	Notifications were lost; all looks since then are not taken yet
 */
struct follow {
	const struct follow_ops *ops;
	void *arg;
	struct nl_sock *events;
	struct nl_sock *asks;
	int epoll;
	uint8_t *buf;
	char ifname[FOLLOW_NAME_LEN];
	struct follow_link link;
	struct follow_set addrs;
	struct follow_set routes;
	struct follow_set neighs;
	uint32_t dirty;
	bool asked;
	enum follow_look look;
	uint32_t seq;
	uint32_t gen;
	bool torn;
	uint32_t n_torn;
	bool lost;
};

/**
 * follow_notify() - A notification
 *
 * Return: 0, -ENOMEM, -E2BIG
 */
int follow_notify(struct follow *f, struct nlmsghdr *nlh);

/* Something for @set that has no entry yet: 0, and @ret is one; -ENOMEM, -E2BIG. */
int follow_entry_new(struct follow_set *set, const struct follow_key *key,
		     struct follow_entry **ret);

/* --- the kinds: each has
 *
 *	x_ask()		the request for a look; false without room in @msg, which cannot be
 *	x_seen()	a message of the answer: 0, -ENOMEM, -E2BIG
 *	x_notify()	a notification: the same
 *	x_swept()	the look is over: what was not in it is gone
 *	x_forget()	all of them are gone
 *
 * where there is use for it.  What is not understood is not there.
 */

bool follow_link_ask(struct follow *f, struct nl_msg *msg);
void follow_link_seen(struct follow *f, struct nlmsghdr *nlh);
void follow_link_notify(struct follow *f, struct nlmsghdr *nlh);
void follow_link_gone(struct follow *f);

bool follow_addr_ask(struct follow *f, struct nl_msg *msg);
int follow_addr_seen(struct follow *f, struct nlmsghdr *nlh);
void follow_addr_notify(struct follow *f, struct nlmsghdr *nlh);
void follow_addr_swept(struct follow *f);
void follow_addr_forget(struct follow *f);

bool follow_route_ask(struct follow *f, struct nl_msg *msg);
int follow_route_seen(struct follow *f, struct nlmsghdr *nlh);
int follow_route_notify(struct follow *f, struct nlmsghdr *nlh);
void follow_route_swept(struct follow *f);
void follow_route_forget(struct follow *f);

bool follow_neigh_ask(struct follow *f, struct nl_msg *msg);
int follow_neigh_seen(struct follow *f, struct nlmsghdr *nlh);
int follow_neigh_notify(struct follow *f, struct nlmsghdr *nlh);
void follow_neigh_swept(struct follow *f);
void follow_neigh_forget(struct follow *f);

/* --- attributes --- */

struct nlattr;

/* An address of that family, an IPv4 one mapped; false when its length is another's. */
bool follow_get_addr(const struct nlattr *a, uint8_t family, struct ip6_addr *ret);

#endif /* FOLLOW_FOLLOW_PRIV_H */
