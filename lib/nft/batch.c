/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * batch.c - transactions: messages are built as they are put, sent at commit
 *
 * Only the last message asks for an acknowledgement: the kernel answers after
 * the whole batch, and messages that it refuses answer unasked
 * (net/netfilter/nfnetlink.c, nfnetlink_rcv_batch()).
 *
 * Making a chain that exists is not free: the kernel counts it as an update,
 * which leaves something to destroy, so that the socket's close waits as after
 * a deletion (nf_tables_commit(), NFT_MSG_NEWCHAIN).  It would also overwrite
 * the policy.  So at commit the kernel is asked for each chain first, about 10
 * us each, and messages for those that exist are left out.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nf_tables.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/nlsock.h"
#include "nft/attr_priv.h"
#include "nft/dump_priv.h"
#include "nft/rule_priv.h"
#include "nft/udata_priv.h"

/* Longest message that is not a rule: names, user data, numbers. */
#define SMALL_MSG_LEN 2048
static_assert(SMALL_MSG_LEN >= 3 * NFT_NAME_LEN + NFT_USERDATA_MAXLEN + 256, "must fit");

/* Begin (with the generation) and end of a batch. */
#define BATCH_ENDS_LEN 64

enum batch_op_kind {
	OP_TABLE,
	OP_CHAIN,
	OP_ADD_RULE,
	OP_DEL_RULE,
	OP_FLUSH_CHAIN,
	OP_DEL_CHAIN,
};

/**
 * struct batch_op - A message of a batch, and what it is about
 * @table, @chain: Live as long as the batch
 * @handle:	Of OP_DEL_RULE
 * @base:	Of OP_CHAIN
 * @exists:	OP_CHAIN has nothing to do
 * @offset, @len: The message, in nft_batch.buf
 * @seq:	As it was sent
 */
struct batch_op {
	enum batch_op_kind kind;
	uint8_t family;
	const char *table;
	const char *chain;
	uint64_t handle;
	struct chain_info base;
	bool exists;
	size_t offset;
	size_t len;
	uint32_t seq;
};

/**
 * struct nft_batch - A transaction being built
 * @fail:	Negative errno: why it cannot be sent.  The first counts
 * @fail_op:	Which part of it, unless out of memory
 * @why:	The same for a person
 */
struct nft_batch {
	uint8_t *buf;
	size_t len;
	size_t cap;
	struct batch_op *ops;
	size_t n_ops;
	size_t ops_cap;
	struct arena names;
	bool destroyed;
	int fail;
	struct batch_op fail_op;
	const char *why;
};

/* --- life --- */

int nft_batch_new(struct nft_batch **ret, struct nerr *err)
{
	struct nft_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return nerr_oom(err);
	*ret = b;
	return 0;
}

static void batch_reset(struct nft_batch *b)
{
	arena_done(&b->names);
	b->len = 0;
	b->n_ops = 0;
	b->fail = 0;
}

void nft_batch_free(struct nft_batch *b)
{
	if (!b)
		return;
	batch_reset(b);
	free(b->ops);
	free(b->buf);
	free(b);
}

bool nft_batch_is_empty(const struct nft_batch *b)
{
	return b->n_ops == 0 && !b->fail;
}

bool nft_batch_destroyed(const struct nft_batch *b)
{
	return b->destroyed;
}

/* --- building --- */

static void batch_fail(struct nft_batch *b, const struct batch_op *op, int code, const char *why)
{
	if (b->fail)
		return;
	b->fail = code;
	b->fail_op = *op;
	b->why = why;
}

/* Copies of names in a row are mostly the same. NULL on OOM. */
static const char *batch_name(struct nft_batch *b, const char *name, const char *last)
{
	if (last && strcmp(last, name) == 0)
		return last;
	return arena_strdup(&b->names, name);
}

/* Room for an operation and for @len bytes of its message. */
static bool batch_reserve(struct nft_batch *b, size_t len)
{
	if (b->n_ops == b->ops_cap) {
		size_t cap = b->ops_cap ? b->ops_cap * 2 : 16;
		struct batch_op *ops = reallocarray(b->ops, cap, sizeof(*ops));

		if (!ops)
			return false;
		b->ops = ops;
		b->ops_cap = cap;
	}
	if (b->cap - b->len < len) {
		size_t cap = b->cap ? b->cap * 2 : 16384;
		uint8_t *buf;

		while (cap - b->len < len)
			cap *= 2;
		buf = realloc(b->buf, cap);
		if (!buf)
			return false;
		b->buf = buf;
		b->cap = cap;
	}
	return true;
}

/**
 * batch_begin() - Begin a message
 * @op:		What it is about; names are copied.  @chain is "" for a table
 * @len:	Upper bound of its length
 *
 * Return: header to be filled, NULL when the batch cannot be sent any more
 */
static struct nlmsghdr *batch_begin(struct nft_batch *b, const struct batch_op *op, uint16_t type,
				    uint16_t flags, size_t len)
{
	const struct batch_op *last = b->n_ops ? &b->ops[b->n_ops - 1] : NULL;
	struct batch_op copy = *op;
	struct nlmsghdr *nlh;
	struct nfgenmsg *nfg;

	if (b->fail)
		return NULL;
	if (strlen(op->table) >= NFT_NAME_LEN || strlen(op->chain) >= NFT_NAME_LEN) {
		/* For the message, which is cut to fit. */
		copy.table = arena_strdup(&b->names, op->table);
		copy.chain = arena_strdup(&b->names, op->chain);
		batch_fail(b, &copy, copy.table && copy.chain ? -ENAMETOOLONG : -ENOMEM,
			   "the name is too long");
		return NULL;
	}
	copy.table = batch_name(b, op->table, last ? last->table : NULL);
	copy.chain = batch_name(b, op->chain, last ? last->chain : NULL);
	if (!copy.table || !copy.chain || !batch_reserve(b, len)) {
		batch_fail(b, &copy, -ENOMEM, "out of memory");
		return NULL;
	}
	copy.offset = b->len;
	b->ops[b->n_ops++] = copy;

	nlh = mnl_nlmsg_put_header(b->buf + b->len);
	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = op->family;
	nfg->version = NFNETLINK_V0;
	return nlh;
}

static void batch_end(struct nft_batch *b, const struct nlmsghdr *nlh, size_t len)
{
	struct batch_op *op = &b->ops[b->n_ops - 1];

	assert(nlh->nlmsg_len <= len);
	op->len = NLMSG_ALIGN(nlh->nlmsg_len);
	b->len += op->len;
}

/* Comment of a table or chain.  Kernels before 5.10 pass over it. */
static void put_comment(struct nlmsghdr *nlh, uint16_t attr, const char *comment)
{
	uint8_t data[UDATA_LEN(UDATA_TEXT_MAX)];
	char text[NFT_COMMENT_MAX + 1];
	size_t len;

	if (!comment || !*comment)
		return;
	len = strnlen(comment, NFT_COMMENT_MAX);
	memcpy(text, comment, len);
	text[len] = '\0';
	mnl_attr_put(nlh, attr, udata_put(data, UDATA_COMMENT, text), data);
}

void nft_batch_table(struct nft_batch *b, uint8_t family, const char *name, const char *comment)
{
	const struct batch_op op = {
		.kind = OP_TABLE,
		.family = family,
		.table = name,
		.chain = "",
	};
	struct nlmsghdr *nlh = batch_begin(b, &op, NFT_MSG_NEWTABLE, NLM_F_CREATE, SMALL_MSG_LEN);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, name);
	put_comment(nlh, NFTA_TABLE_USERDATA, comment);
	batch_end(b, nlh, SMALL_MSG_LEN);
}

void nft_batch_chain(struct nft_batch *b, const struct nft_chain *c)
{
	struct batch_op op = {
		.kind = OP_CHAIN,
		.family = c->family,
		.table = c->table,
		.chain = c->name,
	};
	struct nlmsghdr *nlh;

	if (c->type) {
		size_t len = strnlen(c->type, sizeof(op.base.type) - 1);

		op.base.is_base = true;
		op.base.hook = c->hook;
		op.base.priority = c->priority;
		op.base.policy = c->policy;
		memcpy(op.base.type, c->type, len);
		op.base.type[len] = '\0';
	}
	nlh = batch_begin(b, &op, NFT_MSG_NEWCHAIN, NLM_F_CREATE, SMALL_MSG_LEN);
	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, c->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, c->name);
	if (op.base.is_base) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

		mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(c->hook));
		mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)c->priority));
		mnl_attr_nest_end(nlh, nest);
		mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(c->policy));
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, op.base.type);
	}
	put_comment(nlh, NFTA_CHAIN_USERDATA, c->comment);
	batch_end(b, nlh, SMALL_MSG_LEN);
}

static void batch_add_rule(struct nft_batch *b, struct nft_rule *rule, uint16_t flags)
{
	struct batch_op op = { .kind = OP_ADD_RULE, .table = "", .chain = "" };
	struct nlmsghdr *nlh;

	if (!rule) {
		batch_fail(b, &op, -ENOMEM, "out of memory");
		return;
	}
	nft_rule_finish(rule);
	op.family = rule->family;
	op.table = nftnl_rule_get_str(rule->nftnl, NFTNL_RULE_TABLE);
	op.chain = nftnl_rule_get_str(rule->nftnl, NFTNL_RULE_CHAIN);
	nlh = batch_begin(b, &op, NFT_MSG_NEWRULE, flags, rule->len);
	if (nlh && rule->fail) {
		batch_fail(b, &b->ops[b->n_ops - 1], rule->fail, rule->why);
	} else if (nlh) {
		nftnl_rule_nlmsg_build_payload(nlh, rule->nftnl);
		batch_end(b, nlh, rule->len);
	}
	nft_rule_free(rule);
}

void nft_batch_append(struct nft_batch *b, struct nft_rule *rule)
{
	batch_add_rule(b, rule, NLM_F_CREATE | NLM_F_APPEND);
}

void nft_batch_insert(struct nft_batch *b, struct nft_rule *rule)
{
	batch_add_rule(b, rule, NLM_F_CREATE);
}

void nft_batch_del_rule(struct nft_batch *b, uint8_t family, const char *table, const char *chain,
			uint64_t handle)
{
	const struct batch_op op = {
		.kind = OP_DEL_RULE,
		.family = family,
		.table = table,
		.chain = chain,
		.handle = handle,
	};
	struct nlmsghdr *nlh = batch_begin(b, &op, NFT_MSG_DELRULE, 0, SMALL_MSG_LEN);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE, htobe64(handle));
	batch_end(b, nlh, SMALL_MSG_LEN);
}

void nft_batch_flush_chain(struct nft_batch *b, uint8_t family, const char *table,
			   const char *chain)
{
	const struct batch_op op = {
		.kind = OP_FLUSH_CHAIN,
		.family = family,
		.table = table,
		.chain = chain,
	};
	struct nlmsghdr *nlh = batch_begin(b, &op, NFT_MSG_DELRULE, 0, SMALL_MSG_LEN);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	batch_end(b, nlh, SMALL_MSG_LEN);
}

void nft_batch_del_chain(struct nft_batch *b, uint8_t family, const char *table, const char *chain)
{
	const struct batch_op op = {
		.kind = OP_DEL_CHAIN,
		.family = family,
		.table = table,
		.chain = chain,
	};
	struct nlmsghdr *nlh = batch_begin(b, &op, NFT_MSG_DELCHAIN, 0, SMALL_MSG_LEN);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	batch_end(b, nlh, SMALL_MSG_LEN);
}

/* --- sending --- */

/* Put what @op was about before the message of @err. */
static void op_ctx(const struct batch_op *op, struct nerr *err)
{
	const char *family = nft_family_str(op->family);

	switch (op->kind) {
	case OP_TABLE:
		(void)nerr_ctx(err, "cannot make table '%s %s'", family, op->table);
		break;
	case OP_CHAIN:
		(void)nerr_ctx(err, "cannot make chain '%s' of table '%s %s'", op->chain, family,
			       op->table);
		break;
	case OP_ADD_RULE:
		(void)nerr_ctx(err, "cannot add a rule to chain '%s' of table '%s %s'", op->chain,
			       family, op->table);
		break;
	case OP_DEL_RULE:
		(void)nerr_ctx(err, "cannot delete rule %llu of chain '%s' of table '%s %s'",
			       (unsigned long long)op->handle, op->chain, family, op->table);
		break;
	case OP_FLUSH_CHAIN:
		(void)nerr_ctx(err, "cannot empty chain '%s' of table '%s %s'", op->chain, family,
			       op->table);
		break;
	case OP_DEL_CHAIN:
		(void)nerr_ctx(err, "cannot delete chain '%s' of table '%s %s'", op->chain, family,
			       op->table);
		break;
	}
}

/* NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END. */
static struct nlmsghdr *put_batch_mark(uint8_t *at, uint16_t type, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return nlh;
}

/* What there is does for what is wanted. */
static bool chain_serves(const struct chain_info *have, const struct chain_info *want)
{
	if (!want->is_base)
		return true;
	return have->is_base && strcmp(have->type, want->type) == 0 && have->hook == want->hook &&
	       have->priority == want->priority;
}

/* Mark the chains that need not be made. Return: how many */
static size_t find_existing_chains(struct nft_batch *b, struct nlsock *nl)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_ops; i++)
		if (b->ops[i].kind == OP_DEL_CHAIN)
			return 0; /* it might be one that the batch makes again */
	for (size_t i = 0; i < b->n_ops; i++) {
		struct batch_op *op = &b->ops[i];
		struct chain_info info;

		/* What cannot be read is made, and the commit will tell why. */
		if (op->kind == OP_CHAIN &&
		    chain_get(nl, op->family, op->table, op->chain, &info, NULL) == 1 &&
		    chain_serves(&info, &op->base)) {
			op->exists = true;
			n++;
		}
	}
	return n;
}

/**
 * batch_assemble() - The bytes to send
 * @buf:	At least @b->len + BATCH_ENDS_LEN bytes
 * @ret_n:	Messages that are not left out
 *
 * Return: length
 */
static size_t batch_assemble(struct nft_batch *b, struct nlsock *nl, uint32_t generation,
			     uint8_t *buf, size_t *ret_n)
{
	struct nlmsghdr *nlh = put_batch_mark(buf, NFNL_MSG_BATCH_BEGIN, nlsock_seq(nl));
	struct nlmsghdr *last = NULL;
	size_t len;

	if (generation)
		mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(generation));
	len = NLMSG_ALIGN(nlh->nlmsg_len);
	*ret_n = 0;
	for (size_t i = 0; i < b->n_ops; i++) {
		struct batch_op *op = &b->ops[i];

		if (op->exists)
			continue;
		memcpy(buf + len, b->buf + op->offset, op->len);
		last = (struct nlmsghdr *)(buf + len);
		last->nlmsg_seq = nlsock_seq(nl);
		op->seq = last->nlmsg_seq;
		len += op->len;
		++*ret_n;
	}
	if (last)
		last->nlmsg_flags |= NLM_F_ACK;
	nlh = put_batch_mark(buf + len, NFNL_MSG_BATCH_END, nlsock_seq(nl));
	return len + NLMSG_ALIGN(nlh->nlmsg_len);
}

static int batch_send(struct nft_batch *b, struct nlsock *nl, uint32_t generation, struct nerr *err)
{
	cleanup_free uint8_t *buf = malloc(b->len + BATCH_ENDS_LEN);
	uint32_t failed_seq = 0;
	size_t len;
	size_t n;
	int r;

	if (!buf)
		return nerr_oom(err);
	len = batch_assemble(b, nl, generation, buf, &n);
	if (n == 0)
		return 0;
	r = nlsock_send_raw(nl, buf, len, 1, &failed_seq, err);
	if (r == 0)
		return 0;
	if (r == -ERESTART)
		return nerr_set(err, r, "nf_tables has changed since generation %u was read",
				generation);
	for (size_t i = 0; i < b->n_ops; i++) {
		if (!b->ops[i].exists && b->ops[i].seq == failed_seq) {
			op_ctx(&b->ops[i], err);
			return r;
		}
	}
	(void)nerr_ctx(err, "cannot change nf_tables");
	return r;
}

static bool op_destroys(const struct batch_op *op)
{
	return op->kind == OP_DEL_RULE || op->kind == OP_FLUSH_CHAIN || op->kind == OP_DEL_CHAIN;
}

static int batch_run(struct nft_batch *b, struct nlsock *nl, uint32_t generation, struct nerr *err)
{
	size_t n_existing;
	int r;

	if (b->fail == -ENOMEM)
		return nerr_oom(err); /* of which nothing more is to be said */
	if (b->fail) {
		r = nerr_set(err, b->fail, "%s", b->why);
		op_ctx(&b->fail_op, err);
		return r;
	}
	if (!b->n_ops)
		return 0;
	n_existing = find_existing_chains(b, nl);
	r = batch_send(b, nl, generation, err);
	if (r == -ENOENT && n_existing) {
		/* One of them may have gone since it was found. */
		for (size_t i = 0; i < b->n_ops; i++)
			b->ops[i].exists = false;
		r = batch_send(b, nl, generation, err);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < b->n_ops; i++)
		b->destroyed |= op_destroys(&b->ops[i]);
	return 0;
}

int nft_batch_commit(struct nft_batch *b, struct nlsock *nl, uint32_t generation, struct nerr *err)
{
	int r = batch_run(b, nl, generation, err);

	batch_reset(b);
	return r;
}
