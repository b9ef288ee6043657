/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the tuning plugin
 */
#ifndef PLUGINS_TUNING_CONF_PRIV_H
#define PLUGINS_TUNING_CONF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "base/json_table.h"

struct cni_call;
struct nerr;

/**
 * struct tuning_attrs - Wanted attributes of the interface
 * @mac:	As written, NULL or "" for no change
 * @promisc:	Only true has an effect
 * @mtu:	0 for no change
 */
struct tuning_attrs {
	struct json_map sysctl;
	const char *mac;
	bool promisc;
	int64_t mtu;
	int64_t txqlen;
	bool allmulti;
	bool has_sysctl;
	bool has_mac;
	bool has_promisc;
	bool has_mtu;
	bool has_txqlen;
	bool has_allmulti;
};

/**
 * struct tuning_sysctl - A sysctl to be set
 * @key:	As the configuration has it, with the interface's name put in
 * @path:	Relative to /proc/sys, below net/
 */
struct tuning_sysctl {
	const char *key;
	const char *path;
	const char *value;
};

/**
 * struct tuning_conf - What the configuration says, checked
 * @attrs:	What counts after all sources were merged, but for the MAC
 * @mac:	Wanted MAC, len 0 for no change
 * @mac_text:	As it was written, which is how the result shows it
 */
struct tuning_conf {
	const char *data_dir;
	struct tuning_attrs attrs;
	struct macaddr mac;
	const char *mac_text;
	struct tuning_sysctl *sysctls;
	size_t n_sysctls;
};

int tuning_conf_read(struct cni_call *call, struct tuning_conf *ret, struct nerr *err);
/* Only where the backup lies: all that DEL and GC need. */
int tuning_conf_read_del(struct cni_call *call, struct tuning_conf *ret, struct nerr *err);

/* Some attribute of the link is to change. */
static inline bool tuning_conf_has_link(const struct tuning_conf *conf)
{
	const struct tuning_attrs *a = &conf->attrs;

	return conf->mac.len || a->promisc || a->mtu || a->has_txqlen || a->has_allmulti;
}

#endif /* PLUGINS_TUNING_CONF_PRIV_H */
