/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * range_priv.h - ranges of addresses and sets of ranges, without I/O
 *
 * A range is a part of one network.  A set holds ranges of one family that do not
 * overlap; an attachment gets one address of each set.
 */
#ifndef IPAM_HOST_LOCAL_RANGE_PRIV_H
#define IPAM_HOST_LOCAL_RANGE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ipaddr.h"

struct nerr;
struct strbuf;

/**
 * struct hl_range - Addresses that may be given out
 * @subnet:	Network they belong to
 * @start:	First one
 * @end:	Last one, included
 * @gateway:	Never given out; need not lie inside the range or even the subnet
 */
struct hl_range {
	struct ipnet subnet;
	struct ipaddr start;
	struct ipaddr end;
	struct ipaddr gateway;
};

struct hl_range_set {
	struct hl_range *v;
	size_t n;
};

/**
 * hl_range_complete() - Fill what was left out, and check
 * @r:		@subnet as configured; the others may be unset.  The gateway and the
 *		start become the first address of the subnet, the end its last one,
 *		without the broadcast address of IPv4
 *
 * Return: 0 or -EINVAL with the reference suite's message
 */
int hl_range_complete(struct hl_range *r, struct nerr *err);

/* @a may be given out (or is the gateway, when that lies in between). */
bool hl_range_contains(const struct hl_range *r, const struct ipaddr *a);

/* As hl_range_complete(), for each range; then one family and no overlap. */
int hl_range_set_complete(struct hl_range_set *set, struct nerr *err);

/* The range that holds @a, or NULL. */
const struct hl_range *hl_range_set_lookup(const struct hl_range_set *set, const struct ipaddr *a);
bool hl_range_set_overlaps(const struct hl_range_set *a, const struct hl_range_set *b);

/* Append "10.1.0.1-10.1.0.9,10.1.0.20-10.1.0.29". */
void hl_range_set_to_str(const struct hl_range_set *set, struct strbuf *ret);

#endif /* IPAM_HOST_LOCAL_RANGE_PRIV_H */
