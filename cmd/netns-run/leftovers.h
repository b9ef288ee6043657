/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * leftovers.h - attachments of ours that no session knows
 *
 * Sessions are in /run and end with the host; leases, rules that some daemon restored,
 * and the cache of results do not.  The cache says what has to be deleted: container
 * ids of ours are recognised by their shape.
 */
#ifndef NETNS_RUN_LEFTOVERS_H
#define NETNS_RUN_LEFTOVERS_H

#include <stddef.h>

#include "base/arena.h"

struct nerr;

/* An attachment that is left over: session's name, network, interface. */
struct leftover {
	const char *name;
	const char *network;
	const char *ifname;
};

/**
 * leftovers_list() - Find them
 * @all_fd:	From state_lock_all(): no session may appear meanwhile
 * @arena:	Owns what is found
 */
int leftovers_list(int all_fd, struct arena *arena, struct leftover **ret, size_t *ret_n,
		   struct nerr *err);

/**
 * leftovers_remove() - DEL for those of a session, or all
 * @name:	Session, NULL for all
 * @ret_n:	How many there were
 *
 * All are tried, the first failure is reported.
 */
int leftovers_remove(int all_fd, const char *name, size_t *ret_n, struct nerr *err);

/* GC of the built-in network: what belongs to no session goes. */
int leftovers_collect(int all_fd, struct nerr *err);

#endif /* NETNS_RUN_LEFTOVERS_H */
