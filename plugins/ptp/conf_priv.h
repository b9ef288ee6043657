/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the ptp plugin
 */
#ifndef PLUGINS_PTP_CONF_PRIV_H
#define PLUGINS_PTP_CONF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "cni/result.h"
#include "plugin/conf.h"

struct cni_call;
struct nerr;

struct ptp_conf {
	const char *ip_masq_backend;
	bool ip_masq;
	int64_t mtu;
	struct plugin_ipam ipam;
	struct cni_dns dns;
};

/* Read and check the configuration of a call. */
int ptp_conf_read(struct cni_call *call, struct ptp_conf *ret, struct nerr *err);

/**
 * ptp_conf_read_del() - Read as much as DEL and GC need
 *
 * Values that only ADD uses are not checked: a configuration that ADD would
 * refuse must not keep what an earlier one made.
 */
int ptp_conf_read_del(struct cni_call *call, struct ptp_conf *ret, struct nerr *err);

#endif /* PLUGINS_PTP_CONF_PRIV_H */
