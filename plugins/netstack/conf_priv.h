/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the netstack plugin
 */
#ifndef PLUGINS_NETSTACK_CONF_PRIV_H
#define PLUGINS_NETSTACK_CONF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "cni/result.h"
#include "plugin/bridge.h"
#include "plugin/conf.h"

struct cni_call;
struct nerr;

/* Annotations of a pod, which are stronger than the configuration. */
struct netstack_annotations {
	const char *stack;
	const char *mode;
};

struct netstack_runtime {
	const char *mac;
	struct netstack_annotations pod;
};

/**
 * struct netstack_conf - What the configuration says, checked
 * @stack:	"user", "kernel"
 * @mode:	"hybrid", "full"
 * @nic:	"bridge", "macvtap:DEV"
 * @master:	DEV of a macvtap, NULL for a port of the bridge
 * @daemon:	Path of netstackd, "" for where it is looked for
 * @fallback:	Where netstackd cannot be started the container gets the kernel's stack
 * @is_user:	Of @stack
 * @mac:	Wanted for the container's interface, len 0 for any
 * @l3:		There is an IPAM plugin
 */
struct netstack_conf {
	const char *stack;
	const char *mode;
	const char *nic;
	const char *master;
	const char *daemon;
	bool fallback;
	int64_t spin_us;
	bool is_user;
	const char *bridge;
	bool is_gateway;
	bool is_default_gateway;
	bool force_address;
	bool ip_masq;
	const char *ip_masq_backend;
	int64_t mtu;
	bool hairpin_mode;
	bool promisc_mode;
	bool enabledad;
	bool port_isolation;
	struct netstack_runtime runtime;
	struct plugin_args args;
	struct macaddr mac;
	struct plugin_ipam ipam;
	struct cni_dns dns;
	bool l3;
};

/* Read and check the configuration of a call. */
int netstack_conf_read(struct cni_call *call, struct netstack_conf *ret, struct nerr *err);

/* Read as much as DEL and GC need: what an ADD would refuse must not keep what an earlier one
 * made.
 */
int netstack_conf_read_del(struct cni_call *call, struct netstack_conf *ret, struct nerr *err);

/* What the configuration says of the bridge itself. */
struct bridge_dev_conf netstack_conf_dev(const struct netstack_conf *conf);

#endif /* PLUGINS_NETSTACK_CONF_PRIV_H */
