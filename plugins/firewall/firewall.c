/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * firewall.c - CNI plugin "firewall"
 *
 * One transaction per call, for both families: forward_priv.h and ingress_priv.h say
 * what it holds.
 */
#include "plugins/firewall/firewall.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/nft.h"
#include "plugin/identity.h"
#include "plugin/nets.h"
#include "plugin/transact.h"
#include "plugins/firewall/conf_priv.h"
#include "plugins/firewall/forward_priv.h"
#include "plugins/firewall/ingress_priv.h"

static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

struct firewall_job {
	struct cni_call *call;
	struct firewall_conf conf;
	struct identity id;
};

static bool has_family(const struct cni_result *res, uint8_t nfproto)
{
	const uint8_t af = nfproto == NFPROTO_IPV4 ? AF_INET : AF_INET6;

	for (size_t i = 0; i < res->n_ips; i++)
		if (res->ips[i].address.addr.family == af)
			return true;
	return false;
}

static int build_add(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	struct firewall_job *job = arg;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		if (!has_family(job->call->prev, families[i]))
			continue;
		r = forward_put_add(job->call, &job->conf, families[i], &job->id, nft, batch,
				    depends, err);
		if (r == 0)
			r = ingress_put_add(job->call, &job->conf, families[i], nft, batch, depends,
					    err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int firewall_add(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct firewall_job job = { .call = call };
	int r;

	r = firewall_conf_read(call, &job.conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "missing prevResult from earlier plugin");
	r = identity_of_call(call, &job.id, err);
	if (r == 0)
		r = transact(&nets, build_add, &job, err);
	if (r < 0)
		return r;
	call->result = *call->prev;
	return 0;
}

static int build_del(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		     struct nerr *err)
{
	struct firewall_job *job = arg;

	(void)depends; /* handles are never given twice */
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = forward_put_del(job->call, families[i], &job->id, nft, batch, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int firewall_del(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct firewall_job job = { .call = call };
	int r;

	r = firewall_conf_read_del(call, &job.conf, err);
	if (r == 0)
		r = identity_of_call(call, &job.id, err);
	return r < 0 ? r : transact_del(&nets, build_del, &job, err);
}

static int firewall_check(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct firewall_conf conf;
	int r;

	r = firewall_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	if (!call->prev)
		return nerr_set(err, -EINVAL, "missing prevResult from earlier plugin");
	r = plugin_nets_nft(&nets, err);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		if (!has_family(call->prev, families[i]))
			continue;
		r = forward_check(call, &conf, families[i], nets.nft, err);
		if (r == 0)
			r = ingress_check(&conf, families[i], nets.nft, err);
	}
	return r;
}

struct gc_job {
	struct cni_call *call;
	const struct identity *valid;
};

static int build_gc(struct nlsock *nft, struct nft_batch *batch, bool *depends, void *arg,
		    struct nerr *err)
{
	struct gc_job *job = arg;

	(void)depends;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = forward_put_gc(job->call, families[i], job->valid, nft, batch, err);

		if (r == 0)
			r = ingress_put_gc(job->call, families[i], nft, batch, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int firewall_gc(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct gc_job job = { .call = call, .valid = identity_set_valid(call, err) };
	struct firewall_conf conf;
	int r;

	if (!job.valid)
		return -ENOMEM;
	r = firewall_conf_read_del(call, &conf, err);
	return r < 0 ? r : transact_del(&nets, build_gc, &job, err);
}

static int firewall_status(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct firewall_conf conf;
	int r;

	r = firewall_conf_read(call, &conf, err);
	return r < 0 ? r : transact_status(&nets, err);
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
