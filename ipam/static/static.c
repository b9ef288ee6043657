/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The answer is what the configuration says; nothing is stored, so there is nothing to
 * release, to collect or to run out of.
 */
#include "ipam/static/static.h"

#include <errno.h>

#include "base/error.h"
#include "ipam/static/conf_priv.h"

static int static_add(struct cni_call *call, struct nerr *err)
{
	struct static_conf conf;
	int r;

	r = static_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < conf.n_addresses; i++) {
		struct cni_ip *ip = cni_result_add_ip(&call->result, json_doc_arena(call->doc));

		if (!ip)
			return nerr_oom(err);
		ip->address = conf.addresses[i].address;
		ip->gateway = conf.addresses[i].gateway;
	}
	call->result.routes = conf.routes.v;
	call->result.n_routes = conf.routes.n;
	call->result.dns = conf.dns;
	return 0;
}

/* @ip is the address, with another gateway. */
static bool is_changed(const struct cni_ip *ip, const struct static_address *wanted)
{
	return ipaddr_eq(&ip->address.addr, &wanted->address.addr) &&
	       !ipaddr_eq(&ip->gateway, &wanted->gateway);
}

/* An address that is not in prevResult has been taken away by a later plugin: no error. */
static int static_check(struct cni_call *call, struct nerr *err)
{
	struct static_conf conf;
	int r;

	if (!call->prev)
		return nerr_set(err, -EINVAL, "Required prevResult missing");
	r = static_conf_read(call, &conf, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < conf.n_addresses; i++) {
		for (size_t j = 0; j < call->prev->n_ips; j++) {
			char buf[IPADDR_STR_LEN];

			if (!is_changed(&call->prev->ips[j], &conf.addresses[i]))
				continue;
			return nerr_set(
				err, -EINVAL, "static: Failed to match addr %s on interface %s",
				ipaddr_to_str(&conf.addresses[i].address.addr, buf), call->ifname);
		}
	}
	return 0;
}

static int static_nothing(struct cni_call *call, struct nerr *err)
{
	(void)call;
	(void)err;
	return 0;
}

/* Whether the configuration can be answered needs no container. */
static int static_status(struct cni_call *call, struct nerr *err)
{
	struct static_conf conf;

	return static_conf_read(call, &conf, err);
}

const struct cni_plugin static_plugin = {
	.name = "static",
	.versions = cni_versions_all,
	.add = static_add,
	.del = static_nothing,
	.check = static_check,
	.gc = static_nothing,
	.status = static_status,
};
