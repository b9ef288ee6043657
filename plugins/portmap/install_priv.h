/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * install_priv.h - put an attachment's rules into the kernel, take them out again
 */
#ifndef PLUGINS_PORTMAP_INSTALL_PRIV_H
#define PLUGINS_PORTMAP_INSTALL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/portmap/plan_priv.h"
#include "plugins/portmap/rules_priv.h"

struct arena;
struct nerr;
struct plugin_nets;

/**
 * portmap_install() - Make the rules of a plan
 *
 * @arena:	For what the call needs
 *
 * Rules that the attachment has already are replaced.  One transaction for both
 * families.
 *
 * Return: 0; -EADDRINUSE when another container has a port; another errno.  Nothing
 *         is left then
 */
int portmap_install(struct plugin_nets *nets, const struct portmap_plan *plan,
		    const struct portmap_owner *owner, struct arena *arena, struct nerr *err);

/* Compare the rules there are with the plan. 0, -ENOENT when one is missing, another errno. */
int portmap_check(struct plugin_nets *nets, const struct portmap_plan *plan,
		  const struct portmap_owner *owner, struct nerr *err);

/**
 * struct portmap_gone - What was removed in one family
 * @untagged:	Some rules were the reference suite's, which do not say their ports
 * @udp:	Host ports of the UDP mappings among the others; room for @udp_size
 */
struct portmap_gone {
	bool untagged;
	uint16_t *udp;
	size_t n_udp;
	size_t udp_size;
};

struct portmap_removed {
	struct portmap_gone family[PORTMAP_FAMILIES];
};

/* A rule is to go. */
typedef bool portmap_match(const struct nft_rule_info *rule, const void *arg);

/**
 * portmap_remove() - Remove the rules that @match says to, of both families
 * @arena:	Memory of @ret
 * @ret:	Filled on 0
 *
 * A table that is missing is success.
 */
int portmap_remove(struct plugin_nets *nets, portmap_match *match, const void *arg,
		   struct arena *arena, struct portmap_removed *ret, struct nerr *err);

/* portmap_remove() of an attachment's rules. */
int portmap_remove_own(struct plugin_nets *nets, const struct portmap_owner *owner,
		       struct arena *arena, struct portmap_removed *ret, struct nerr *err);

#endif /* PLUGINS_PORTMAP_INSTALL_PRIV_H */
