/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dump_priv.h - a dump gathered before anybody sees it
 *
 * An interrupted dump is asked again from its start, so entries cannot be handed
 * on while they arrive: the caller would see them twice.
 */
#ifndef NETLINK_DUMP_PRIV_H
#define NETLINK_DUMP_PRIV_H

#include <stddef.h>

#include <linux/netlink.h>

struct nerr;
struct nlsock;

/**
 * struct dump - Entries gathered
 * @v:		Array.  Owned, for dump_done()
 * @n:		Entries
 * @item_size:	Of one
 * @parse:	Adds what a message says with dump_add(); a negative return is the
 *		result of dump_gather()
 * @arg:	For @parse
 */
struct dump {
	void *v;
	size_t n;
	size_t cap;
	size_t item_size;
	int (*parse)(const struct nlmsghdr *nlh, struct dump *d, const void *arg);
	const void *arg;
};

/* Add a copy of an entry. 0 or -ENOMEM. */
int dump_add(struct dump *d, const void *item);
void dump_done(struct dump *d);

/**
 * dump_gather() - Ask, and gather all answers
 * @nl:		Socket
 * @nlh:	Dump request
 * @d:		With @item_size, @parse and @arg set
 *
 * A dump that is interrupted each time counts with what it found the last time,
 * as in the CNI reference suite: on a host where links come and go all the time a
 * plugin must not fail because of that, and each entry is true by itself.
 */
int dump_gather(struct nlsock *nl, struct nlmsghdr *nlh, struct dump *d, struct nerr *err);

#endif /* NETLINK_DUMP_PRIV_H */
