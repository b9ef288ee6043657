/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf.h - keys that the configurations of several plugins share
 */
#ifndef PLUGIN_CONF_H
#define PLUGIN_CONF_H

#include "base/ipaddr.h"
#include "base/json_table.h"

struct cni_call;
struct cni_dns;
struct cni_result;
struct nerr;

/* "ipam", as far as a main plugin reads it. "{}" is the same as none at all. */
struct plugin_ipam {
	const char *type;
};
extern const struct json_field plugin_ipam_fields[];

/* An object with a "mac": runtimeConfig, and args.cni. */
struct plugin_mac_args {
	const char *mac;
};
extern const struct json_field plugin_mac_fields[];

/* "args": {"cni": {"mac": ...}} */
struct plugin_args {
	struct plugin_mac_args cni;
};
extern const struct json_field plugin_args_fields[];

/* There is an IPAM plugin to ask. */
static inline bool plugin_ipam_is_set(const struct plugin_ipam *ipam)
{
	return ipam->type && *ipam->type;
}

/**
 * plugin_mac() - The MAC wanted for the container's interface
 * @runtime:	runtimeConfig.mac, the strongest
 * @args:	args.cni.mac
 * @ret:	len 0 when none is wanted
 *
 * The weakest is CNI_ARGS, whose "MAC" key is read here.
 */
int plugin_mac(struct cni_call *call, const char *runtime, const char *args, struct macaddr *ret,
	       struct nerr *err);

/* The configuration's dns replaces the IPAM plugin's when any of its fields is set. */
void plugin_dns_override(struct cni_result *res, const struct cni_dns *dns);

#endif /* PLUGIN_CONF_H */
