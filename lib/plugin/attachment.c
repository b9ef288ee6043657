/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/attachment.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/undo.h"
#include "cni/cni.h"
#include "nft/nft.h"
#include "plugin/masq.h"
#include "plugin/transact.h"

static bool is_set(const char *ipam)
{
	return ipam && *ipam;
}

void attachment_done(struct attachment *at)
{
	plugin_nets_done(&at->nets);
}

/* --- rules --- */

static int build_del(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	const struct attachment *at = arg;
	int r = 0;

	(void)depends; /* handles are never given twice */
	for (const struct attachment_rules *k = at->rules; k->put_del && r == 0; k++)
		r = k->put_del(at->call, nft, batch, err);
	return r;
}

static int build_gc(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		    struct nerr *err)
{
	const struct attachment *at = arg;
	int r = 0;

	(void)depends; /* as in build_del() */
	for (const struct attachment_rules *k = at->rules; k->put_gc && r == 0; k++)
		r = k->put_gc(at->call, nft, batch, err);
	return r;
}

/* --- ADD --- */

void attachment_push_link(struct attachment *at, struct undo *undo, const char *name)
{
	const size_t len = strnlen(name, sizeof(at->link.name));

	assert(len < sizeof(at->link.name));
	assert(!at->link.nets);
	at->link = (struct iface_undo_link){ .nets = &at->nets };
	memcpy(at->link.name, name, len);
	undo_push(undo, iface_undo_link, &at->link);
}

static void undo_rules(void *arg)
{
	struct attachment *at = arg;
	struct nerr err = NERR_INIT;

	if (transact(&at->nets, build_del, at, &err) < 0)
		(void)fprintf(stderr, "cannot remove rules again: %s\n", err.msg);
}

void attachment_push_rules(struct attachment *at, struct undo *undo)
{
	undo_push(undo, undo_rules, at);
}

static void undo_ipam(void *arg)
{
	struct attachment *at = arg;
	struct nerr err = NERR_INIT;

	if (cni_ipam_del(at->call, at->ipam, &err) < 0)
		(void)fprintf(stderr, "cannot release addresses again: %s\n", err.msg);
}

int attachment_add_ipam(struct attachment *at, struct undo *undo, struct cni_result *ret,
			struct nerr *err)
{
	struct cni_result res;
	int r;

	/* A type that is not found: the error of a plugin that cannot do without. */
	if (!at->ipam)
		at->ipam = "";
	r = cni_ipam_add(at->call, at->ipam, &res, err);
	if (r < 0)
		return r;
	undo_push(undo, undo_ipam, at);
	if (!res.n_ips)
		return nerr_set(err, -EINVAL, "IPAM plugin returned missing IP config");
	*ret = res;
	return 0;
}

int attachment_add_masq(struct attachment *at, struct undo *undo, const struct cni_result *res,
			struct nerr *err)
{
	attachment_push_rules(at, undo);
	return masq_add(at->call, &at->nets, res, err);
}

/* --- DEL and GC --- */

int attachment_del_by(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		      attachment_link *del_link, void *arg, struct nerr *err)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(call, rules);
	struct nerr first = NERR_INIT;
	struct nerr said = NERR_INIT;
	int r;

	r = plugin_nets_open_del(&at.nets, call->netns, err);
	if (r < 0)
		return r;
	r = transact_del(&at.nets, build_del, &at, &said);
	if (r < 0)
		first = said;
	r = del_link(call, &at.nets, arg, &said);
	if (r == 0 && is_set(ipam))
		r = cni_ipam_del(call, ipam, &said);
	if (r < 0 && !first.code)
		first = said;
	if (err)
		*err = first;
	return first.code;
}

static int del_cont(struct cni_call *call, struct plugin_nets *nets, void *arg, struct nerr *err)
{
	(void)arg; /* its name says it all */
	return iface_del(nets, call->ifname, err);
}

int attachment_del(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		   struct nerr *err)
{
	return attachment_del_by(call, rules, ipam, del_cont, NULL, err);
}

int attachment_gc(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		  struct nerr *err)
{
	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(call, rules);
	struct nerr first = NERR_INIT;
	struct nerr said = NERR_INIT;

	if (transact_del(&at.nets, build_gc, &at, &said) < 0)
		first = said;
	if (is_set(ipam) && cni_ipam_gc(call, ipam, &said) < 0 && !first.code)
		first = said;
	if (err)
		*err = first;
	return first.code;
}
