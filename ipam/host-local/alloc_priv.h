/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * alloc_priv.h - one address of each range set for an attachment
 */
#ifndef IPAM_HOST_LOCAL_ALLOC_PRIV_H
#define IPAM_HOST_LOCAL_ALLOC_PRIV_H

#include <stddef.h>

#include "base/ipaddr.h"
#include "ipam/host-local/range_priv.h"

struct hl_conf;
struct hl_store;
struct nerr;

/* @range: where @addr is from; borrowed from the configuration. */
struct hl_lease {
	struct ipaddr addr;
	const struct hl_range *range;
};

/**
 * hl_alloc() - Reserve an address of each set
 * @st:		Open
 * @ret:	conf->n_sets of them, in the order of the sets
 *
 * All or nothing: after a failure nothing that this call reserved is left.
 * Messages are those of the reference suite.
 */
int hl_alloc(struct hl_store *st, const struct hl_conf *conf, const char *container_id,
	     const char *ifname, struct hl_lease *ret, struct nerr *err);

/* Give back @n leases. */
void hl_alloc_undo(struct hl_store *st, const struct hl_lease *leases, size_t n,
		   const char *container_id, const char *ifname);

/* 0 when each set has a free address; -EADDRNOTAVAIL with a message when one has not. */
int hl_alloc_possible(struct hl_store *st, const struct hl_conf *conf, struct nerr *err);

/* As that, for a network of which nothing is reserved. */
int hl_alloc_possible_empty(const struct hl_conf *conf, struct nerr *err);

#endif /* IPAM_HOST_LOCAL_ALLOC_PRIV_H */
