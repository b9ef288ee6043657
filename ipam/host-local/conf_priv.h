/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of host-local
 */
#ifndef IPAM_HOST_LOCAL_CONF_PRIV_H
#define IPAM_HOST_LOCAL_CONF_PRIV_H

#include <stddef.h>

#include "cni/result.h"
#include "ipam/host-local/range_priv.h"

struct cni_call;
struct nerr;

/* More ranges than anybody writes by hand; each is compared with every other. */
#define HL_RANGES_MAX 1024

/**
 * struct hl_conf - What the configuration says, checked
 * @data_dir:	NULL or "" for the default
 * @resolv_conf: File with DNS settings for the result, NULL or "" for none
 * @sets:	At least one: runtimeConfig.ipRanges, the legacy range, then ranges.  The
 *		place of a set is its number in messages and in file names
 * @requested:	Addresses asked for, each once: CNI_ARGS, args, runtimeConfig
 * @routes:	Copied to the result
 *
 * Memory is the document's.
 */
struct hl_conf {
	const char *data_dir;
	const char *resolv_conf;
	struct hl_range_set *sets;
	size_t n_sets;
	struct ipaddr *requested;
	size_t n_requested;
	struct cni_route *routes;
	size_t n_routes;
};

/* Read and check all, messages as the reference's. */
int hl_conf_read(struct cni_call *call, struct hl_conf *ret, struct nerr *err);

/**
 * hl_conf_read_data_dir() - Where the reservations are, and nothing else
 *
 * What DEL and GC need: a configuration whose ranges or arguments became invalid
 * must not keep addresses from being released.
 */
int hl_conf_read_data_dir(struct cni_call *call, const char **ret, struct nerr *err);

#endif /* IPAM_HOST_LOCAL_CONF_PRIV_H */
