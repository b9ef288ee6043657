/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conditions_priv.h - conditionsV4 and conditionsV6: which packets a mapping is for
 *
 * Configurations carry the arguments of an iptables or an nft command.  There is no
 * parser of either language here: the forms in use are known, anything else is
 * refused by name, so that a mapping is never wider than what was written.
 */
#ifndef PLUGINS_PORTMAP_CONDITIONS_PRIV_H
#define PLUGINS_PORTMAP_CONDITIONS_PRIV_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"

struct json_strings;
struct nerr;
struct nft_rule;

/* A rule has room for 128 expressions; one condition takes up to three. */
#define CONDITIONS_MAX 16

enum condition_kind {
	CONDITION_SADDR,
	CONDITION_DADDR,
	CONDITION_IIFNAME,
	CONDITION_OIFNAME,
	CONDITION_MARK,
};

/**
 * struct condition - One match
 * @neq:	The packet must differ from it; never set for CONDITION_MARK
 * @net:	Of CONDITION_SADDR, CONDITION_DADDR
 * @ifname:	Of the interface kinds; a trailing * matches a prefix
 * @mask, @mark: Of CONDITION_MARK
 */
struct condition {
	enum condition_kind kind;
	bool neq;
	struct ipnet net;
	char ifname[IFNAMSIZ];
	uint32_t mask;
	uint32_t mark;
};

/* All of them must hold. */
struct conditions {
	struct condition v[CONDITIONS_MAX];
	size_t n;
};

/**
 * conditions_parse() - Translate the conditions of one family
 * @key:	Key they were given under, for messages
 * @family:	AF_INET or AF_INET6; an address of the other one is refused
 * @args:	Arguments.  A first one that begins with '-' or '!' makes them
 *		iptables', else they are nft's.  Blanks separate within one, too
 * @ret:	Filled on 0.  What always holds is left out
 *
 * iptables: [!] -s|-d NET, [!] -i|-o IF, -m mark --mark V[/M], -m addrtype
 * --dst-type LOCAL, and their long names.  nft: ip|ip6 saddr|daddr [!=] NET,
 * [meta] iifname|oifname [!=] IF, [meta] mark [and M ==] V, fib daddr type local.
 *
 * Return: 0, -EINVAL with a message that names the argument, -E2BIG
 */
int conditions_parse(const char *key, uint8_t family, const struct json_strings *args,
		     struct conditions *ret, struct nerr *err);

/* Append the matches to a rule. */
void conditions_put(const struct conditions *conds, struct nft_rule *rule);

/* Hex digits by which two sets of conditions are told apart. */
#define CONDITIONS_HASH_LEN 8

/* "" for no conditions.  @ret has CONDITIONS_HASH_LEN + 1 bytes. 0 or -ENOMEM. */
int conditions_hash(const struct conditions *conds, char *ret, struct nerr *err);

#endif /* PLUGINS_PORTMAP_CONDITIONS_PRIV_H */
