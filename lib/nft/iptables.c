/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iptables.c - bytecode of iptables-nft 1.8.9, in its order (compared in tests/unit/nft)
 */
#include "nft/iptables.h"

#include <net/if.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>

#include "base/ipaddr.h"
#include "nft/rule_priv.h"

#define CONNTRACK_REVISION 3
#define COMMENT_REVISION   0

/* NF_CT_STATE_UNTRACKED_BIT of the kernel, which its public header lacks. */
#define CT_STATE_UNTRACKED (1u << 6)

static void put_ifname(struct nft_rule *r, enum nft_meta_keys key, const char *name, bool neq)
{
	size_t len;

	if (!name)
		return;
	len = strlen(name);
	if (len && name[len - 1] == '+')
		len--;
	else
		len++; /* with the NUL */
	if (len > IFNAMSIZ)
		nft_rule_fail(r, -EINVAL, "it matches an interface name that is none");
	else if (len == 0 && neq)
		nft_rule_fail(r, -EINVAL, "it matches no interface name");
	else if (len > 0)
		nft_match_ifname(r, key, name, (uint32_t)len, neq);
}

static void put_addr(struct nft_rule *r, const struct ipnet *net, bool source, bool neq)
{
	if (!net)
		return;
	if (net->prefix_len > 0)
		nft_match_addr(r, net, source, neq);
	else if (neq)
		nft_rule_fail(r, -EINVAL, "it matches no address");
}

static void put_ctstate(struct nft_rule *r, uint32_t states)
{
	struct xt_conntrack_mtinfo3 info = { .match_flags = XT_CONNTRACK_STATE };

	if (!states)
		return;
	static_assert(NFT_IPT_CTSTATE_DNAT == XT_CONNTRACK_STATE_DNAT, "bits of x_tables");
	/* The bits of x_tables are those of the kernel, but for "untracked". */
	info.state_mask = (uint16_t)(states & ~CT_STATE_UNTRACKED);
	if (states & CT_STATE_UNTRACKED)
		info.state_mask |= XT_CONNTRACK_STATE_UNTRACKED;
	nft_rule_xt_match(r, "conntrack", CONNTRACK_REVISION, &info, sizeof(info));
}

static void put_comment(struct nft_rule *r, const char *comment)
{
	struct xt_comment_info info = { .comment = "" };

	static_assert(sizeof(info.comment) == NFT_IPT_COMMENT_MAX + 1, "length of a comment");
	if (!comment || !*comment)
		return;
	memcpy(info.comment, comment, strnlen(comment, NFT_IPT_COMMENT_MAX));
	nft_rule_xt_match(r, "comment", COMMENT_REVISION, &info, sizeof(info));
}

struct nft_rule *nft_ipt_rule_new(const struct nft_ipt_rule *ipt)
{
	struct nft_rule *r = nft_rule_new(ipt->family, ipt->table, ipt->chain);

	put_ifname(r, NFT_META_IIFNAME, ipt->in, ipt->not_in);
	put_ifname(r, NFT_META_OIFNAME, ipt->out, ipt->not_out);
	put_addr(r, ipt->src, true, ipt->not_src);
	put_addr(r, ipt->dst, false, ipt->not_dst);
	put_ctstate(r, ipt->ctstate);
	put_comment(r, ipt->comment);
	nft_rule_counter(r);
	if (ipt->verdict == NFT_JUMP || ipt->verdict == NFT_GOTO)
		nft_rule_jump(r, ipt->verdict, ipt->target);
	else
		nft_rule_verdict(r, ipt->verdict);
	return r;
}
