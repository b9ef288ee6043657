/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - what the configuration, the runtime and CNI_ARGS ask of "static"
 */
#ifndef IPAM_STATIC_CONF_PRIV_H
#define IPAM_STATIC_CONF_PRIV_H

#include <stddef.h>

#include "base/ipaddr.h"
#include "base/json_table.h"
#include "cni/result.h"

struct cni_call;
struct nerr;

/* @gateway: family 0 for none. */
struct static_address {
	struct ipnet address;
	struct ipaddr gateway;
};

/**
 * struct static_conf - What to answer
 * @addresses:	In the order of the answer
 * @routes:	Of struct cni_route
 */
struct static_conf {
	struct static_address *addresses;
	size_t n_addresses;
	struct json_array routes;
	struct cni_dns dns;
};

/**
 * static_conf_read() - Read what is asked
 *
 * Addresses come from "ipam", with those of CNI_ARGS behind them; "args" replaces them all, and
 * "runtimeConfig" replaces again.
 *
 * Return: 0 or negative errno with the message of the reference plugin.  Memory is the
 *         call's arena
 */
int static_conf_read(struct cni_call *call, struct static_conf *ret, struct nerr *err);

#endif /* IPAM_STATIC_CONF_PRIV_H */
