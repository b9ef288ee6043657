/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nft.h - writing nf_tables: tables, chains and rules in atomic transactions
 *
 * Theory of operation
 *
 * A change is a batch: it is built in memory, and nft_batch_commit() hands it
 * to the kernel, which applies all of it or none.  Reading is a dump of one
 * chain's rules into a list.
 *
 * Read, then write: a change that depends on what was read passes the
 * generation under which it was read (nft_generation()); the kernel refuses the
 * batch with -ERESTART when another transaction came between, and the caller
 * reads again.  A change that does not depend on it passes generation 0 and
 * never has to retry.
 *
 * Our rules are found again by their user data: the comment that nft(8) prints
 * (and by which the reference CNI suite finds its rules), and a tag of our own
 * that no other tool shows or changes, for what the comment cannot carry.
 *
 * Rules are built expression by expression; nft_rule_*() append in call order
 * and produce the same bytecode as nft(8) does for the text in their comment,
 * so that "nft list ruleset" prints that text.  Like nft(8) they put what a
 * match depends on before it (meta nfproto, meta l4proto), once.  What cannot
 * be built (out of memory, an address of the wrong family) is remembered and
 * reported by nft_batch_commit().
 *
 * What is destroyed is paid for when the socket is closed: the kernel then
 * waits for an RCU grace period, 6 to 20 ms.  netlink/deferred_close.h says how
 * not to wait; nft_batch_destroyed() says when.  In such a time rules with
 * extensions of x_tables wait too, when they are added
 * (net/netfilter/nft_compat.c, nft_compat_wait_for_destructors()).  So: destroy
 * nothing in an ADD, by reading a chain before flushing it.
 */
#ifndef NFT_NFT_H
#define NFT_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/ipaddr.h"

struct nerr;
struct nlsock;
struct nft_batch;
struct nft_rule;

/* The kernel's limit for the user data of a rule is 256 bytes
 * (NFT_USERDATA_MAXLEN).
 */
#define NFT_COMMENT_MAX 128
#define NFT_TAG_MAX     96
#define NFT_NAME_LEN    256

/* Families as NFPROTO_* of linux/netfilter.h: IPV4, IPV6, INET, BRIDGE. */

/**
 * struct nft_chain - A chain to be made
 * @type:	"filter" or "nat" for a base chain, NULL for a regular one
 * @hook:	NF_INET_* or NF_BR_*
 * @policy:	NF_ACCEPT or NF_DROP, of a base chain
 * @comment:	NULL for none
 */
struct nft_chain {
	uint8_t family;
	const char *table;
	const char *name;
	const char *type;
	uint32_t hook;
	int32_t priority;
	uint32_t policy;
	const char *comment;
};

/* --- transactions --- */

/* 0 or -ENOMEM. */
int nft_batch_new(struct nft_batch **ret, struct nerr *err);
void nft_batch_free(struct nft_batch *b);
/* True while nothing has been put. */
bool nft_batch_is_empty(const struct nft_batch *b);
/* A commit of it has destroyed something: see nlsock_close_deferred(). */
bool nft_batch_destroyed(const struct nft_batch *b);

/* Made unless it is there. @comment may be NULL. */
void nft_batch_table(struct nft_batch *b, uint8_t family, const char *name, const char *comment);
/**
 * nft_batch_chain() - Make a chain unless it is there
 *
 * A chain that is there stays as it is, also its policy.  For a base chain, one
 * of that name with another type, hook or priority or without a hook is an
 * error at commit.
 */
void nft_batch_chain(struct nft_batch *b, const struct nft_chain *c);
/* At the end of its chain. Takes @rule, also NULL (out of memory). */
void nft_batch_append(struct nft_batch *b, struct nft_rule *rule);
/* At the beginning of its chain. Takes @rule. */
void nft_batch_insert(struct nft_batch *b, struct nft_rule *rule);
void nft_batch_del_rule(struct nft_batch *b, uint8_t family, const char *table, const char *chain,
			uint64_t handle);
/* All rules of a chain. */
void nft_batch_flush_chain(struct nft_batch *b, uint8_t family, const char *table,
			   const char *chain);
/* The chain must be empty and not jumped to. */
void nft_batch_del_chain(struct nft_batch *b, uint8_t family, const char *table, const char *chain);

/**
 * nft_batch_commit() - Apply the batch
 * @b:		Batch; empty afterwards.  An empty batch is success without a
 *		call
 * @nl:		NETLINK_NETFILTER socket
 * @generation:	What nft_generation() said before reading, 0 for any
 *
 * Return: 0; -ERESTART when the generation has passed; -ENOENT when a table,
 *         chain or rule of the batch has gone; another errno.  The message
 *         names the object that was refused
 */
int nft_batch_commit(struct nft_batch *b, struct nlsock *nl, uint32_t generation, struct nerr *err);

/* The ruleset's generation. 0 is never one. -EPROTONOSUPPORT or -EINVAL: no
 * nf_tables.
 */
int nft_generation(struct nlsock *nl, uint32_t *ret, struct nerr *err);

/* --- reading --- */

/**
 * struct nft_rule_info - A rule that was read
 * @comment:	Of nft(8), else of "iptables -m comment"; "" for none
 * @tag:	Our own tag, "" for none
 * @jump:	Chain that the rule's verdict jumps or goes to, "" for none
 * @text:	The bytecode as libnftnl prints it, on one line, counters left
 *		out and the data of x_tables extensions added: equal texts are
 *		equal rules.  What libnftnl does not know is printed as its
 *		bytes.  NULL if not asked for
 *
 * The strings live as long as the list.
 */
struct nft_rule_info {
	uint64_t handle;
	const char *comment;
	const char *tag;
	const char *jump;
	const char *text;
};

struct nft_rules {
	struct nft_rule_info *v;
	size_t n;
	struct arena mem;
};

/**
 * nft_rules_get() - The rules of one chain, in order
 * @ret:	List for nft_rules_done(); empty on failure
 *
 * Return: 0; -ENOENT when the table or chain does not exist; -EINTR when other
 *         transactions came between each time the list was read; another errno
 */
int nft_rules_get(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		  struct nft_rules *ret, struct nerr *err);
/* As nft_rules_get() without the texts: half the time, for deleting by comment
 * or tag.
 */
int nft_rules_list(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		   struct nft_rules *ret, struct nerr *err);
void nft_rules_done(struct nft_rules *rules);

/* A chain exists: 1, 0, or negative errno.  @policy (may be NULL) is written
 * for a base chain.
 */
int nft_chain_exists(struct nlsock *nl, uint8_t family, const char *table, const char *chain,
		     uint32_t *policy, struct nerr *err);

/* --- rules --- */

/* NULL on OOM; all functions below accept NULL and do nothing. */
struct nft_rule *nft_rule_new(uint8_t family, const char *table, const char *chain);
void nft_rule_free(struct nft_rule *r);
/* As nft_rule_info.text. NULL on OOM and for a rule that cannot be built. For
 * free().
 */
char *nft_rule_text(const struct nft_rule *r);

/* comment "..." (cut at NFT_COMMENT_MAX bytes, before a character that would be
 * split) and tag (at most NFT_TAG_MAX bytes, or the rule cannot be built). Of
 * several calls the last counts.
 */
void nft_rule_comment(struct nft_rule *r, const char *comment);
void nft_rule_tag(struct nft_rule *r, const char *tag);

/* ip|ip6 saddr [!=] A/P, host bits ignored.  In an inet or bridge table the
 * family is matched first.
 */
void nft_rule_saddr(struct nft_rule *r, const struct ipnet *net, bool neq);
void nft_rule_daddr(struct nft_rule *r, const struct ipnet *net, bool neq);
/* meta nfproto ipv4|ipv6 (bridge: meta protocol); nothing in an ip or ip6
 * table.
 */
void nft_rule_nfproto(struct nft_rule *r, uint8_t nfproto);
/* iifname|oifname [!=] "name"; a trailing * matches a prefix, "*" alone puts
 * nothing.
 */
void nft_rule_iifname(struct nft_rule *r, const char *name, bool neq);
void nft_rule_oifname(struct nft_rule *r, const char *name, bool neq);
/* ether saddr M */
void nft_rule_ether_saddr(struct nft_rule *r, const struct macaddr *mac);
/* tcp|udp|sctp dport P, or P-Q when @last is above @port. */
void nft_rule_dport(struct nft_rule *r, uint8_t l4proto, uint16_t port, uint16_t last);
/* meta mark and MASK == VALUE */
void nft_rule_mark(struct nft_rule *r, uint32_t mask, uint32_t value);
/* fib daddr type local */
void nft_rule_fib_daddr_local(struct nft_rule *r);
/* ct state STATES, bits as NF_CT_STATE_BIT() */
void nft_rule_ct_state(struct nft_rule *r, uint32_t states);
/* counter */
void nft_rule_counter(struct nft_rule *r);
/* masquerade */
void nft_rule_masquerade(struct nft_rule *r);
/* dnat [ip|ip6] to A:P, in a chain of type nat.  @port 0: dnat to A */
void nft_rule_dnat(struct nft_rule *r, const struct ipaddr *to, uint16_t port);
/* accept, drop, return: NF_ACCEPT, NF_DROP, NFT_RETURN */
void nft_rule_verdict(struct nft_rule *r, int verdict);
/* jump CHAIN, goto CHAIN: NFT_JUMP, NFT_GOTO */
void nft_rule_jump(struct nft_rule *r, int verdict, const char *chain);
/* An extension of x_tables, as iptables-nft writes it. @data is copied. */
void nft_rule_xt_match(struct nft_rule *r, const char *name, uint32_t rev, const void *data,
		       size_t len);

DEFINE_CLEANUP(struct nft_batch *, nft_batch_free);
DEFINE_CLEANUP(struct nft_rule *, nft_rule_free);

#endif /* NFT_NFT_H */
