/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What nf_tables holds.  Expressions are shown as their bytes; a person will want
 * "nft list ruleset" besides.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "tests/faults/lines.h"
#include "tests/faults/state.h"
#include "tests/faults/state_priv.h"

/* Rules are numbered within their chain: their order counts. */
struct reader {
	struct lines *to;
	const char *ns;
	char chain[512];
	unsigned at;
};

static const char *family_name(const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *nfg = msg_body(nlh);

	switch (nfg->nfgen_family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "other";
	}
}

/* User data: comments and tags, readable. */
static void put_text(FILE *f, const struct nlattr *a)
{
	const unsigned char *p = a ? attr_data(a) : NULL;

	(void)fputc('\'', f);
	for (size_t i = 0; a && i < attr_len(a); i++) {
		if (isprint(p[i]))
			(void)fputc(p[i], f);
		else
			(void)fprintf(f, "\\%02x", p[i]);
	}
	(void)fputc('\'', f);
}

static FILE *begin_text(const struct reader *rd, const struct nlmsghdr *nlh, const char *table,
			char **text)
{
	static size_t size;
	FILE *f = open_memstream(text, &size);

	if (!f)
		die("out of memory");
	(void)fprintf(f, "%s nft %s %s ", rd->ns, family_name(nlh), table);
	return f;
}

static void add_text(const struct reader *rd, FILE *f, char **text)
{
	if (fclose(f) != 0)
		die("out of memory");
	lines_addf(rd->to, "%s", *text);
	free(*text);
}

static void see_table(const struct nlmsghdr *nlh, void *arg)
{
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(struct nfgenmsg));
	f = begin_text(rd, nlh, attr_text(at.v[NFTA_TABLE_NAME]), &text);
	(void)fprintf(f, "table flags %x ", attr_u32(at.v[NFTA_TABLE_FLAGS]));
	put_text(f, at.v[NFTA_TABLE_USERDATA]);
	add_text(rd, f, &text);
}

static void see_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct reader *rd = arg;
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(struct nfgenmsg));
	f = begin_text(rd, nlh, attr_text(at.v[NFTA_CHAIN_TABLE]), &text);
	(void)fprintf(f, "chain %s type '%s' policy %u hook ", attr_text(at.v[NFTA_CHAIN_NAME]),
		      attr_text(at.v[NFTA_CHAIN_TYPE]), ntohl(attr_u32(at.v[NFTA_CHAIN_POLICY])));
	put_hex(f, at.v[NFTA_CHAIN_HOOK]);
	(void)fputc(' ', f);
	put_text(f, at.v[NFTA_CHAIN_USERDATA]);
	add_text(rd, f, &text);
}

static void put_expressions(FILE *f, const struct nlattr *list)
{
	const char *p = list ? attr_data(list) : NULL;
	size_t left = list ? attr_len(list) : 0;

	while (left >= NLA_HDRLEN) {
		const struct nlattr *elem = (const struct nlattr *)p;
		size_t step = NLA_ALIGN(elem->nla_len);
		struct attrs at;

		attrs_read_nest(&at, elem);
		(void)fprintf(f, " [%s ", attr_text(at.v[NFTA_EXPR_NAME]));
		if (strcmp(attr_text(at.v[NFTA_EXPR_NAME]), "counter") != 0)
			put_hex(f, at.v[NFTA_EXPR_DATA]);
		(void)fputc(']', f);
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
}

static void see_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct reader *rd = arg;
	char chain[sizeof(rd->chain)];
	struct attrs at;
	char *text;
	FILE *f;

	attrs_read_msg(&at, nlh, sizeof(struct nfgenmsg));
	(void)snprintf(chain, sizeof(chain), "%s %s %s", family_name(nlh),
		       attr_text(at.v[NFTA_RULE_TABLE]), attr_text(at.v[NFTA_RULE_CHAIN]));
	if (strcmp(chain, rd->chain) != 0)
		rd->at = 0;
	memcpy(rd->chain, chain, sizeof(chain));

	f = begin_text(rd, nlh, attr_text(at.v[NFTA_RULE_TABLE]), &text);
	(void)fprintf(f, "rule %s %04u ", attr_text(at.v[NFTA_RULE_CHAIN]), rd->at++);
	put_text(f, at.v[NFTA_RULE_USERDATA]);
	put_expressions(f, at.v[NFTA_RULE_EXPRESSIONS]);
	add_text(rd, f, &text);
}

static void see_set(const struct nlmsghdr *nlh, void *arg)
{
	const struct reader *rd = arg;
	struct attrs at;

	attrs_read_msg(&at, nlh, sizeof(struct nfgenmsg));
	lines_addf(rd->to, "%s nft %s %s set %s", rd->ns, family_name(nlh),
		   attr_text(at.v[NFTA_SET_TABLE]), attr_text(at.v[NFTA_SET_NAME]));
}

void state_read_nft(struct lines *l, const struct netns *ns)
{
	static const struct {
		uint16_t type;
		void (*see)(const struct nlmsghdr *nlh, void *arg);
	} kinds[] = {
		{ NFT_MSG_GETTABLE, see_table },
		{ NFT_MSG_GETCHAIN, see_chain },
		{ NFT_MSG_GETRULE, see_rule },
		{ NFT_MSG_GETSET, see_set },
	};
	const struct nfgenmsg all = { .nfgen_family = NFPROTO_UNSPEC };
	struct reader rd = { .to = l, .ns = ns->name };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		dump(ns->nft, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kinds[i].type), &all,
		     sizeof(all), kinds[i].see, &rd);
}

void state_clear_nft(struct netns *ns)
{
	enum {
		BEGIN,
		CLEAR,
		END,
		N_MESSAGES
	};
	struct {
		struct nlmsghdr nlh;
		struct nfgenmsg nfg;
	} batch[N_MESSAGES] = {
		[BEGIN].nlh.nlmsg_type = NFNL_MSG_BATCH_BEGIN,
		[BEGIN].nfg.res_id = htons(NFNL_SUBSYS_NFTABLES),
		/* Of no family and without a name: all. */
		[CLEAR].nlh.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
		[END].nlh.nlmsg_type = NFNL_MSG_BATCH_END,
		[END].nfg.res_id = htons(NFNL_SUBSYS_NFTABLES),
	};

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		batch[i].nlh.nlmsg_len = sizeof(batch[i]);
		batch[i].nlh.nlmsg_flags = NLM_F_REQUEST;
	}
	change(ns->nft, batch, sizeof(batch), 0);
}
