/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rules_priv.h - the rules of an attachment, and how they are recognised
 *
 * In tables "ip cni_hostport" and "ip6 cni_hostport", as the reference suite has them:
 *
 *	hostports:	[ip daddr HOSTIP] tcp dport HOSTPORT [CONDITIONS] dnat to ADDR:PORT
 *	masquerading:	ip saddr ADDR ip daddr ADDR masquerade
 *			ip saddr 127.0.0.1 ip daddr ADDR masquerade
 *
 * Each has the container's id as its comment, by which the reference suite finds
 * it, and a tag of ours, which tells the networks of a container apart:
 *
 *	<identity>[ <protocol> <host port> <host address or *>[ <hash of conditions>]]
 */
#ifndef PLUGINS_PORTMAP_RULES_PRIV_H
#define PLUGINS_PORTMAP_RULES_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugins/portmap/plan_priv.h"

struct cni_call;
struct nerr;

#define PORTMAP_TABLE        "cni_hostport"
#define PORTMAP_HOSTPORTS    "hostports"
#define PORTMAP_HOSTIP       "hostip_hostports"
#define PORTMAP_MASQUERADING "masquerading"

#define PORTMAP_IDENTITY_LEN (sizeof(((struct identity *)NULL)->text) - 1)

/* Whose rules: an attachment, and the container's id as a comment holds it. */
struct portmap_owner {
	struct identity id;
	char comment[NFT_COMMENT_MAX + 1];
};

int portmap_owner_init(const struct cni_call *call, struct portmap_owner *ret, struct nerr *err);

/**
 * portmap_owner_has() - A rule belongs to the attachment
 *
 * One without a tag is the reference suite's, and belongs to every attachment of
 * the container its comment names.
 */
bool portmap_owner_has(const struct portmap_owner *o, const struct nft_rule_info *rule);

/* --- building --- */

/* What a mapping's rule begins with: [ip daddr HOSTIP] tcp dport HOSTPORT. */
void portmap_put_listener(struct nft_rule *rule, const struct portmap_mapping *m);
/* The rule of a mapping. NULL on OOM. */
struct nft_rule *portmap_hostport_rule(const struct portmap_target *t,
				       const struct portmap_mapping *m,
				       const struct portmap_owner *o);

/* Masquerade rules a target has. */
size_t portmap_n_masq_rules(const struct portmap_target *t);
/* The @i-th of them. NULL on OOM. */
struct nft_rule *portmap_masq_rule(const struct portmap_target *t, size_t i,
				   const struct portmap_owner *o);

/* --- reading --- */

/**
 * struct portmap_listener - What a rule of "hostports" listens on, from its tag
 * @ip:		Not set: any address
 * @conds_hash:	"" for no conditions
 */
struct portmap_listener {
	uint8_t proto;
	uint16_t port;
	struct ipaddr ip;
	char conds_hash[CONDITIONS_HASH_LEN + 1];
};

/* False when the tag carries none. */
bool portmap_listener_from_tag(const char *tag, struct portmap_listener *ret);

/**
 * portmap_check_taken() - No other container listens where the target's mappings are to
 * @rules:	Of chain "hostports"
 * @before_own:	Only rules that stand before the first of @o count
 *
 * As bind(2) has it: any address overlaps with each.  Mappings with different
 * conditions do not meet; one without any meets all.
 *
 * Return: 0; -EADDRINUSE with a message that names port and container; -ENOMEM
 */
int portmap_check_taken(const struct portmap_target *t, const struct portmap_owner *o,
			const struct nft_rules *rules, bool before_own, struct nerr *err);

#endif /* PLUGINS_PORTMAP_RULES_PRIV_H */
