/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin/conf.h"

#include <stddef.h>

#include "base/error.h"
#include "cni/cni.h"

/* clang-format off */
const struct json_field plugin_ipam_fields[] = {
	{ .name = "type", .kind = JSON_STRING, .offset = offsetof(struct plugin_ipam, type) },
	{ 0 },
};

const struct json_field plugin_mac_fields[] = {
	{ .name = "mac", .kind = JSON_STRING, .offset = offsetof(struct plugin_mac_args, mac) },
	{ 0 },
};

const struct json_field plugin_args_fields[] = {
	{ .name = "cni", .kind = JSON_OBJECT, .offset = offsetof(struct plugin_args, cni),
	  .sub = plugin_mac_fields },
	{ 0 },
};
/* clang-format on */

int plugin_mac(struct cni_call *call, const char *runtime, const char *args, struct macaddr *ret,
	       struct nerr *err)
{
	const char *mac = NULL;
	const struct cni_arg known[] = { { "MAC", &mac }, { 0 } };
	struct macaddr m = { .len = 0 };
	int r;

	r = cni_args_parse(call, known, err);
	if (r < 0)
		return r;
	if (args && *args)
		mac = args;
	if (runtime && *runtime)
		mac = runtime;
	if (mac && *mac) {
		r = macaddr_from_str(mac, &m);
		if (r < 0)
			return nerr_set(err, r,
					"failed to parse MAC: address %s: invalid MAC address",
					mac);
	}
	*ret = m;
	return 0;
}

void plugin_dns_override(struct cni_result *res, const struct cni_dns *dns)
{
	if (cni_dns_is_set(dns))
		res->dns = *dns;
}
