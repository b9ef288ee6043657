/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/transact.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cni/cni.h"
#include "nft/nft.h"
#include "plugin/nets.h"

/* Each -ERESTART or -EINTR means that somebody else's transaction succeeded, so that
 * all get through; so many in a row are a fault.
 */
#define TRANSACT_TRIES 200

/* An object of the batch has gone meanwhile, or the kernel lacks an expression: the same
 * code.  The former does not happen many times in a row.
 */
#define TRANSACT_MISSING_TRIES 8

static int transact_once(struct plugin_nets *nets, transact_build *build, void *arg,
			 struct nerr *err)
{
	CLEANUP(nft_batch_freep) struct nft_batch *batch = NULL;
	uint32_t generation;
	bool depends = false;
	int r;

	r = nft_batch_new(&batch, err);
	if (r < 0)
		return r;
	r = nft_generation(nets->nft, &generation, err);
	if (r < 0)
		return r;
	r = build(nets->nft, batch, &depends, arg, err);
	if (r < 0)
		return r;
	return nft_batch_commit(batch, nets->nft, depends ? generation : 0, err);
}

int transact(struct plugin_nets *nets, transact_build *build, void *arg, struct nerr *err)
{
	int r;

	r = plugin_nets_nft(nets, err);
	if (r < 0)
		return r;
	for (int i = 0, missing = 0; i < TRANSACT_TRIES; i++) {
		r = transact_once(nets, build, arg, err);
		if (r != -ERESTART && r != -ENOENT && r != -EINTR)
			return r;
		if (r == -ENOENT && ++missing == TRANSACT_MISSING_TRIES)
			return r;
	}
	return r;
}

int transact_del(struct plugin_nets *nets, transact_build *build, void *arg, struct nerr *err)
{
	uint32_t generation;
	int r;

	/* No nfnetlink at all, or nfnetlink without nf_tables: the codes of socket(2) and of
	 * nfnetlink_rcv_msg() in net/netfilter/nfnetlink.c.
	 */
	r = plugin_nets_nft(nets, err);
	if (r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT)
		return 0;
	if (r == 0)
		r = nft_generation(nets->nft, &generation, err);
	if (r == -EINVAL || r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? r : transact(nets, build, arg, err);
}

int transact_status(struct plugin_nets *nets, struct nerr *err)
{
	uint32_t generation;
	int r;

	r = plugin_nets_nft(nets, err);
	if (r == 0)
		r = nft_generation(nets->nft, &generation, err);
	if (r == 0)
		return 0;
	(void)nerr_ctx(err, "nf_tables is not usable");
	err->num = CNI_NOT_AVAILABLE;
	return r;
}
