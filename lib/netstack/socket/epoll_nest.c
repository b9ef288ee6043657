/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Epoll sets in epoll sets: no loops, chains that are not too long, and not too many ways from
 * a socket up, each of which its news have to go.  The limits are Linux's.
 */
#include "netstack/socket/socket_priv.h"

/* Links of a chain of sets. */
#define NESTS_MAX 4
#define LOOP      (NESTS_MAX + 1) /* depth of what would reach itself */

/* Ways up of so many links, to a set that is in no other. */
static const uint32_t paths_max[NESTS_MAX + 1] = { UINT32_MAX, 500, 100, 50, 10 };

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* The longest chain of sets below @ep; LOOP when it reaches @top or is too long. */
static uint32_t depth_below(struct epoll *ep, const struct epoll *top, uint32_t mark,
			    uint32_t level)
{
	uint32_t depth = 0;

	if (ep->mark == mark)
		return ep->depth;
	ep->mark = mark;
	for (struct epoll_item *it = ep->items; it && depth < LOOP; it = it->ep_next) {
		struct epoll *below;

		if (!socket_is_epoll(it->sk))
			continue;
		below = epoll_of(it->sk);
		if (below == top || level > NESTS_MAX)
			depth = LOOP;
		else
			depth = max_u32(depth, depth_below(below, top, mark, level + 1) + 1);
	}
	ep->depth = depth;
	return depth;
}

/* The longest chain of sets above @ep: there are no loops. */
static uint32_t depth_above(struct epoll *ep, uint32_t mark)
{
	uint32_t depth = 0;

	if (ep->mark == mark)
		return ep->depth;
	for (struct epoll_item *it = ep->sk.items; it; it = it->sk_next)
		depth = max_u32(depth, depth_above(it->ep, mark) + 1);
	ep->mark = mark;
	ep->depth = depth;
	return depth;
}

bool epoll_may_nest(struct socket_table *t, struct epoll *ep, struct epoll *into)
{
	const uint32_t below = depth_below(ep, into, ++t->epoll_mark, 0);

	return below <= NESTS_MAX && below + 1 + depth_above(into, ++t->epoll_mark) <= NESTS_MAX;
}

/* Count the ways up by their length. */
static bool counts_too_many(const struct sock *sk, unsigned int depth, uint32_t *count)
{
	if (depth > NESTS_MAX)
		return true;
	for (const struct epoll_item *it = sk->items; it; it = it->sk_next) {
		const struct sock *set = &it->ep->sk;

		if (set->items ? counts_too_many(set, depth + 1, count)
			       : ++count[depth] > paths_max[depth])
			return true;
	}
	return false;
}

/* Of all sockets in a set and in those below it. */
static bool any_below_has_too_many(struct epoll *ep, uint32_t mark)
{
	if (ep->mark == mark)
		return false;
	ep->mark = mark;
	for (const struct epoll_item *it = ep->items; it; it = it->ep_next) {
		uint32_t count[NESTS_MAX + 1] = { 0 };

		if (socket_is_epoll(it->sk) ? any_below_has_too_many(epoll_of(it->sk), mark)
					    : counts_too_many(it->sk, 0, count))
			return true;
	}
	return false;
}

bool epoll_has_too_many_paths(struct socket_table *t, struct sock *sk)
{
	uint32_t count[NESTS_MAX + 1] = { 0 };

	if (socket_is_epoll(sk))
		return any_below_has_too_many(epoll_of(sk), ++t->epoll_mark);
	return counts_too_many(sk, 0, count);
}
