/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * firewall.c - CNI plugin "firewall"
 *
 * One transaction per call, for both families: forward_priv.h and ingress_priv.h say
 * what it holds.  Where firewalld runs the addresses become sources of a zone, too
 * (firewalld_priv.h), after the transaction: its rules remember them, so that no
 * source is left whatever happens.
 */
#include "plugins/firewall/firewall.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/undo.h"
#include "dbus/dbus.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/firewall/firewalld_priv.h"
#include "plugins/firewall/forward_priv.h"
#include "plugins/firewall/ingress_priv.h"
#include "plugins/firewall/source_priv.h"

static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

/**
 * struct firewall_job - A call being worked off
 * @bus:	Connection to firewalld, NULL while there is none
 * @valid:	Under GC
 * @gone:	Sources that rules which were deleted stood for
 */
struct firewall_job {
	struct cni_call *call;
	struct firewall_conf conf;
	struct plugin_nets nets;
	struct dbus *bus;
	struct identity id;
	const struct identity *valid;
	struct source_list gone;
};

static struct firewall_job job_of(struct cni_call *call)
{
	return (struct firewall_job){ .call = call,
				      .nets = PLUGIN_NETS_INIT,
				      .gone = { .mem = json_doc_arena(call->doc) } };
}

static void job_done(struct firewall_job *job)
{
	dbus_close(job->bus);
	plugin_nets_done(&job->nets);
}

/* For another try of building, too: nothing is gone yet. */
static struct forward_job forward_of(struct firewall_job *job)
{
	job->gone.first = NULL;
	return (struct forward_job){ .call = job->call,
				     .conf = &job->conf,
				     .id = job->valid ? NULL : &job->id,
				     .valid = job->valid,
				     .gone = &job->gone };
}

static bool has_family(const struct cni_result *res, uint8_t nfproto)
{
	const uint8_t af = nfproto == NFPROTO_IPV4 ? AF_INET : AF_INET6;

	for (size_t i = 0; i < res->n_ips; i++)
		if (res->ips[i].address.addr.family == af)
			return true;
	return false;
}

/* --- DEL, and ADD that fails --- */

static int build_del(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	const struct forward_job fwd = forward_of(arg);

	(void)depends; /* handles are never given twice */
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = forward_put_del(&fwd, families[i], nft, batch, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_back(struct firewall_job *job, struct nerr *err)
{
	int r = transact_del(&job->nets, build_del, job, err);

	if (r < 0)
		return r;
	firewalld_remove(&job->bus, &job->gone);
	return 0;
}

static int firewall_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(job_done) struct firewall_job job = job_of(call);
	int r;

	r = firewall_conf_read_del(call, &job.conf, err);
	if (r == 0)
		r = identity_of_call(call, &job.id, err);
	return r < 0 ? r : take_back(&job, err);
}

/* --- ADD --- */

static int build_add(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	struct firewall_job *job = arg;
	const struct forward_job fwd = forward_of(job);

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		if (!has_family(job->call->prev, families[i]))
			continue;
		r = forward_put_add(&fwd, families[i], nft, batch, depends, err);
		if (r == 0)
			r = ingress_put_add(job->call, &job->conf, families[i], nft, batch, depends,
					    err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void undo_add(void *arg)
{
	struct nerr err = NERR_INIT;

	if (take_back(arg, &err) < 0)
		log_warn("cannot remove the rules of an ADD that failed: %s", err.msg);
}

/* What configuration and prevResult say, and whether firewalld is to be used. */
static int read_call(struct firewall_job *job, struct nerr *err)
{
	int r = firewall_conf_read(job->call, &job->conf, err);

	if (r == 0 && !job->call->prev)
		r = nerr_set(err, -EINVAL, "missing prevResult from earlier plugin");
	if (r == 0)
		r = firewalld_find(job->conf.backend, &job->bus, err);
	job->conf.firewalld = job->bus != NULL;
	return r;
}

static int firewall_add(struct cni_call *call, struct nerr *err)
{
	CLEANUP(job_done) struct firewall_job job = job_of(call);
	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
	int r;

	r = read_call(&job, err);
	if (r == 0)
		r = identity_of_call(call, &job.id, err);
	if (r < 0)
		return r;
	/* Also when the transaction fails: it may be that only its answer got lost. */
	undo_push(&undo, undo_add, &job);
	r = transact(&job.nets, build_add, &job, err);
	if (r < 0)
		return r;
	/* Those of a former ADD first: an address is in one zone at most. */
	firewalld_remove(&job.bus, &job.gone);
	if (job.conf.firewalld)
		r = firewalld_add(job.bus, job.conf.zone, call->prev, err);
	if (r < 0)
		return r;
	undo_commit(&undo);
	call->result = *call->prev;
	return 0;
}

/* --- CHECK, GC, STATUS --- */

static int firewall_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(job_done) struct firewall_job job = job_of(call);
	int r;

	r = read_call(&job, err);
	if (r == 0 && job.conf.firewalld)
		r = firewalld_check(job.bus, job.conf.zone, call->prev, err);
	if (r == 0)
		r = plugin_nets_nft(&job.nets, err);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		if (!has_family(call->prev, families[i]))
			continue;
		r = forward_check(call, &job.conf, families[i], job.nets.nft, err);
		if (r == 0)
			r = ingress_check(&job.conf, families[i], job.nets.nft, err);
	}
	return r;
}

static int build_gc(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		    struct nerr *err)
{
	struct firewall_job *job = arg;
	const struct forward_job fwd = forward_of(job);

	(void)depends;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = forward_put_gc(&fwd, families[i], nft, batch, err);

		if (r == 0)
			r = ingress_put_gc(job->call, families[i], nft, batch, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int firewall_gc(struct cni_call *call, struct nerr *err)
{
	CLEANUP(job_done) struct firewall_job job = job_of(call);
	int r;

	job.valid = identity_set_valid(call, err);
	if (!job.valid)
		return -ENOMEM;
	r = firewall_conf_read_del(call, &job.conf, err);
	if (r == 0)
		r = transact_del(&job.nets, build_gc, &job, err);
	if (r < 0)
		return r;
	firewalld_remove(&job.bus, &job.gone);
	return 0;
}

static int firewall_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(job_done) struct firewall_job job = job_of(call);
	int r;

	r = firewall_conf_read(call, &job.conf, err);
	if (r == 0)
		r = transact_status(&job.nets, err);
	if (r < 0)
		return r;
	r = firewalld_find(job.conf.backend, &job.bus, err);
	if (r < 0)
		err->num = CNI_NOT_AVAILABLE;
	return r;
}

const struct cni_plugin firewall_plugin = {
	.name = "firewall",
	.versions = cni_versions_since_0_4_0,
	.add = firewall_add,
	.del = firewall_del,
	.check = firewall_check,
	.gc = firewall_gc,
	.status = firewall_status,
};
