/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * walk_priv.h - the order in which the addresses of a set are tried
 *
 * Round robin, as the reference has it: from the address after the one given out
 * last to the end of its range, through the other ranges in their order, and from
 * the start of the first range of the walk to that last address, which is tried
 * last of all.  Without a last address, or with one outside the set: range after
 * range.
 *
 * Each address of the set has one position in that order, counted from 0, and one
 * can be computed from the other.  So the first free address is found from the
 * addresses that are taken, however many free ones an IPv6 range has.
 */
#ifndef IPAM_HOST_LOCAL_WALK_PRIV_H
#define IPAM_HOST_LOCAL_WALK_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "ipam/host-local/range_priv.h"

/**
 * struct hl_walk - A round through a set
 * @set:	Borrowed
 * @first:	Range the walk begins in
 * @last:	Address given out last, not set when unknown
 * @total:	Number of positions, UINT64_MAX also for more
 */
struct hl_walk {
	const struct hl_range_set *set;
	size_t first;
	struct ipaddr last;
	uint64_t total;
};

/* @last: NULL, or an address that counts only when it lies in the set. */
void hl_walk_init(struct hl_walk *w, const struct hl_range_set *set, const struct ipaddr *last);

/**
 * hl_walk_at() - The address at a position
 * @pos:	Less than w->total
 * @ret:	The address.  It may be the range's gateway, which is not to be given out
 *
 * Return: its range
 */
const struct hl_range *hl_walk_at(const struct hl_walk *w, uint64_t pos, struct ipaddr *ret);

/* The position of @a; false when it is outside the set or beyond UINT64_MAX - 1. */
bool hl_walk_pos(const struct hl_walk *w, const struct ipaddr *a, uint64_t *ret);

#endif /* IPAM_HOST_LOCAL_WALK_PRIV_H */
