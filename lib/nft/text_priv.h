/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * text_priv.h - a rule's bytecode as text, by which rules are compared
 */
#ifndef NFT_TEXT_PRIV_H
#define NFT_TEXT_PRIV_H

#include <linux/netlink.h>

struct strbuf;

/**
 * nft_text_put() - Print the bytecode of a rule that was read
 * @buf:	Is appended to
 * @nlh:	NFT_MSG_NEWRULE
 * @exprs:	Its NFTA_RULE_EXPRESSIONS
 *
 * What libnftnl 1.2.4 does not know or does not print in full is printed as the
 * bytes of the message, so that rules which differ never have the same text.
 * For rules that we have built see nft_rule_text().
 *
 * Return: 0 or -ENOMEM
 */
int nft_text_put(struct strbuf *buf, const struct nlmsghdr *nlh, const struct nlattr *exprs);

#endif /* NFT_TEXT_PRIV_H */
