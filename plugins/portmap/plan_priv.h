/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plan_priv.h - which mappings lead to which address of the container
 */
#ifndef PLUGINS_PORTMAP_PLAN_PRIV_H
#define PLUGINS_PORTMAP_PLAN_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "plugins/portmap/conf_priv.h"

struct cni_call;
struct nerr;

/* Families as AF_*, which nf_tables numbers alike. */
#define PORTMAP_FAMILIES 2
extern const uint8_t portmap_families[PORTMAP_FAMILIES];

/**
 * struct portmap_target - What one family gets
 * @family:	AF_INET or AF_INET6
 * @addr:	The container's address
 * @snat:	Masquerade what would not find its way back (hairpin, localhost)
 * @masq_all:	Masquerade all that goes to the container
 * @conds:	Packets the mappings are for
 * @conds_hash:	Of @conds, "" for none
 * @v:		Mappings in the order of their rules: an address before "any", else
 *		as given.  None twice
 * @by_port:	The same, sorted by protocol and host port
 * @n:		0 when the family gets nothing
 */
struct portmap_target {
	uint8_t family;
	struct ipaddr addr;
	bool snat;
	bool masq_all;
	const struct conditions *conds;
	char conds_hash[CONDITIONS_HASH_LEN + 1];
	const struct portmap_mapping **v;
	const struct portmap_mapping **by_port;
	size_t n;
};

struct portmap_plan {
	struct portmap_target target[PORTMAP_FAMILIES];
};

/**
 * portmap_plan() - Plan the mappings of an attachment
 * @call:	ADD or CHECK with a prevResult
 * @conf:	Must outlive @ret
 * @ret:	Memory of the call's document
 *
 * A host port that the configuration leads to two ports of the container is an
 * error, -EINVAL.
 */
int portmap_plan(struct cni_call *call, const struct portmap_conf *conf, struct portmap_plan *ret,
		 struct nerr *err);

/* Nothing to do for either family. */
bool portmap_plan_is_empty(const struct portmap_plan *plan);

/* By protocol, then by host port: < 0, 0, > 0. */
int portmap_port_cmp(uint8_t proto_a, uint16_t port_a, uint8_t proto_b, uint16_t port_b);

#endif /* PLUGINS_PORTMAP_PLAN_PRIV_H */
