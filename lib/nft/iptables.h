/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iptables.h - rules in the form of iptables-nft, so that iptables(8) can print them
 *
 * In tables named filter, nat ... of family ip and ip6 iptables-nft works, and
 * "iptables -S" refuses the whole table when it meets an expression that it
 * does not understand (1.8.9: ct, among others).  Rules put there must be made
 * as iptables-nft makes them: connection state and comment are extensions of
 * x_tables, interface names are compared with their NUL instead of padded, a
 * counter stands before the verdict.  Such rules are also deleted and checked
 * with "iptables -D" and "-C".
 *
 * Chains that are built in are made with nft_batch_chain() as iptables-nft
 * does: FORWARD of table filter has type "filter", hook forward, priority 0.
 */
#ifndef NFT_IPTABLES_H
#define NFT_IPTABLES_H

#include <stdbool.h>
#include <stdint.h>

struct ipnet;
struct nft_rule;

/* --ctstate DNAT: the connection's destination was translated. */
#define NFT_IPT_CTSTATE_DNAT (1u << 7)

/* Longest comment of "-m comment"; what is longer is cut. */
#define NFT_IPT_COMMENT_MAX 255

/**
 * struct nft_ipt_rule - A rule as its options
 * @family:	NFPROTO_IPV4 or NFPROTO_IPV6
 * @in, @out:	-i and -o.  A trailing + matches a prefix, "+" alone and NULL
 *		all
 * @src, @dst:	-s and -d, NULL for any.  A prefix length of 0 is any, too
 * @not_in, @not_out, @not_src, @not_dst: The option with "!" before it
 * @ctstate:	-m conntrack --ctstate: bits as NF_CT_STATE_BIT(),
 *		NF_CT_STATE_INVALID_BIT of
 *		linux/netfilter/nf_conntrack_common.h, 0 for none
 * @comment:	-m comment --comment, NULL or "" for none
 * @verdict:	-j ACCEPT, DROP, RETURN: NF_ACCEPT, NF_DROP, NFT_RETURN; -j and
 *		-g @target: NFT_JUMP, NFT_GOTO
 * @target:	Chain, of NFT_JUMP and NFT_GOTO
 */
struct nft_ipt_rule {
	uint8_t family;
	const char *table;
	const char *chain;
	const char *in;
	const char *out;
	const struct ipnet *src;
	const struct ipnet *dst;
	bool not_in;
	bool not_out;
	bool not_src;
	bool not_dst;
	uint32_t ctstate;
	const char *comment;
	int verdict;
	const char *target;
};

/**
 * nft_ipt_rule_new() - Make a rule
 *
 * Return: rule as that of nft_rule_new(), to which a tag may be added.  NULL on
 *         OOM
 */
struct nft_rule *nft_ipt_rule_new(const struct nft_ipt_rule *ipt);

#endif /* NFT_IPTABLES_H */
