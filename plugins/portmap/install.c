/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * install.c - see install_priv.h
 *
 * Theory of operation
 *
 * The shared chains are read before each ADD.  When they are not as they must be, the
 * batch writes them, and is good only for the generation under which all was read:
 * of several first calls at once one wins, the others read again.
 *
 * When they are right, which is the rule, the batch only appends (and replaces the
 * attachment's own old rules), so it is right whatever others do meanwhile, and
 * never has to be repeated because of them.  One thing could go wrong: another
 * container takes the same port between our look and our commit.  The generation
 * tells whether anybody wrote; if so, hostports is read once more, and when the other's
 * rule stands before ours, ours go again.  The order of the chain decides, so that
 * exactly one of two rivals stays.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/nlsock.h"
#include "plugin/nets.h"
#include "plugins/portmap/install_priv.h"
#include "plugins/portmap/table_priv.h"

/* Each repetition means that another transaction succeeded; so many in a row are a fault. */
#define INSTALL_TRIES 200

struct install {
	struct nlsock *nl;
	const struct portmap_plan *plan;
	const struct portmap_owner *owner;
};

static void put_del_own(const struct portmap_owner *o, struct nft_batch *b, uint8_t family,
			const char *chain, const struct nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (portmap_owner_has(o, &rules->v[i]))
			nft_batch_del_rule(b, family, PORTMAP_TABLE, chain, rules->v[i].handle);
}

/* Some rule of another container was made by the reference suite, or by hand. */
static bool has_untagged(const struct portmap_owner *o, const struct nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (!*rules->v[i].tag && !portmap_owner_has(o, &rules->v[i]))
			return true;
	return false;
}

/* The rules of hostports, with their texts where those are needed. */
static int read_hostports(const struct install *in, uint8_t family, struct nft_rules *ret,
			  struct nerr *err)
{
	int r = nft_rules_list(in->nl, family, PORTMAP_TABLE, PORTMAP_HOSTPORTS, ret, err);

	if (r < 0 || !has_untagged(in->owner, ret))
		return r;
	nft_rules_done(ret);
	return nft_rules_get(in->nl, family, PORTMAP_TABLE, PORTMAP_HOSTPORTS, ret, err);
}

/* What a family's chains hold before. */
struct before {
	struct nft_rules hostports;
	struct nft_rules masquerading;
	bool has_masquerading;
};

static void before_done(struct before *b)
{
	nft_rules_done(&b->hostports);
	nft_rules_done(&b->masquerading);
}

static int read_before(const struct install *in, uint8_t family, struct before *ret,
		       struct nerr *err)
{
	int r = read_hostports(in, family, &ret->hostports, err);

	/* Without hostports there is no table. */
	if (r == 0)
		r = nft_rules_list(in->nl, family, PORTMAP_TABLE, PORTMAP_MASQUERADING,
				   &ret->masquerading, err);
	ret->has_masquerading = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* The removal of the attachment's old rules, then the new ones. */
static void put_rules(const struct install *in, const struct portmap_target *t,
		      const struct before *before, struct nft_batch *b)
{
	size_t n_masq = portmap_n_masq_rules(t);

	put_del_own(in->owner, b, t->family, PORTMAP_HOSTPORTS, &before->hostports);
	put_del_own(in->owner, b, t->family, PORTMAP_MASQUERADING, &before->masquerading);
	if (n_masq && !before->has_masquerading)
		portmap_table_put_masquerading(b, t->family);
	for (size_t i = 0; i < t->n; i++)
		nft_batch_append(b, portmap_hostport_rule(t, t->v[i], in->owner));
	for (size_t i = 0; i < n_masq; i++)
		nft_batch_append(b, portmap_masq_rule(t, i, in->owner));
}

/* @ret_depends: set when the batch writes shared chains. */
static int build(const struct install *in, struct nft_batch *b, bool *ret_depends, struct nerr *err)
{
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		CLEANUP(before_done) struct before before = { .has_masquerading = false };
		const struct portmap_target *t = &in->plan->target[i];
		int r = t->n ? portmap_table_check(in->nl, t->family, err) : 1;

		if (r == 0) {
			*ret_depends = true;
			portmap_table_put(b, t->family);
		}
		if (r >= 0)
			r = read_before(in, t->family, &before, err);
		if (r == 0)
			r = portmap_check_taken(t, in->owner, &before.hostports, false, err);
		if (r < 0)
			return r;
		put_rules(in, t, &before, b);
	}
	return 0;
}

/* @ret_alone: nobody else can have written between reading and the commit. */
static int install_once(const struct install *in, bool *ret_alone, struct nerr *err)
{
	CLEANUP(nft_batch_freep) struct nft_batch *batch = NULL;
	uint32_t before;
	uint32_t after;
	bool depends = false;
	int r;

	r = nft_batch_new(&batch, err);
	if (r == 0)
		r = nft_generation(in->nl, &before, err);
	if (r == 0)
		r = build(in, batch, &depends, err);
	if (r < 0)
		return r;
	r = nft_batch_commit(batch, in->nl, depends ? before : 0, err);
	if (r == -ENOENT && depends) {
		/* Nothing changed meanwhile, so asking again is in vain. */
		(void)nerr_ctx(err, "the kernel lacks what port mappings need");
		return -EOPNOTSUPP;
	}
	if (r < 0)
		return r;
	/* A commit counts one.  Where it cannot be told, somebody may have written. */
	*ret_alone = depends || (nft_generation(in->nl, &after, NULL) == 0 && after == before + 1);
	return 0;
}

static int install_retry(const struct install *in, bool *ret_alone, struct nerr *err)
{
	int r = -EAGAIN;

	/* -ERESTART: another transaction came between.  -ENOENT: what the batch names has
	 * gone meanwhile.  -EINTR: a dump was disturbed over and over.
	 */
	for (int i = 0; i < INSTALL_TRIES; i++) {
		r = install_once(in, ret_alone, err);
		if (r != -ERESTART && r != -ENOENT && r != -EINTR)
			break;
	}
	return r;
}

static int check_rivals_once(const struct install *in, struct nerr *err)
{
	for (size_t i = 0; i < PORTMAP_FAMILIES; i++) {
		CLEANUP(nft_rules_done) struct nft_rules rules = { .n = 0 };
		const struct portmap_target *t = &in->plan->target[i];
		int r;

		if (!t->n)
			continue;
		r = read_hostports(in, t->family, &rules, err);
		if (r == 0)
			r = portmap_check_taken(t, in->owner, &rules, true, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_rivals(const struct install *in, struct nerr *err)
{
	int r = -EAGAIN;

	for (int i = 0; i < INSTALL_TRIES; i++) {
		r = check_rivals_once(in, err);
		if (r != -EINTR)
			break;
	}
	return r;
}

int portmap_install(struct plugin_nets *nets, const struct portmap_plan *plan,
		    const struct portmap_owner *owner, struct arena *arena, struct nerr *err)
{
	struct install in = { .plan = plan, .owner = owner };
	struct portmap_removed removed;
	bool alone = false;
	int r;

	r = plugin_nets_nft(nets, err);
	if (r < 0)
		return r;
	in.nl = nets->nft;
	r = install_retry(&in, &alone, err);
	if (r == -EADDRINUSE || (r == 0 && alone))
		return r;
	if (r == 0)
		r = check_rivals(&in, err);
	/* After an error too: when it was the answer that got lost, the rules are there.
	 * Why they go is what the caller wants to know, not how that went.
	 */
	if (r < 0)
		(void)portmap_remove_own(nets, owner, arena, &removed, NULL);
	return r;
}
