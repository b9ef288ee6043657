/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conf_priv.h - configuration of the netstack plugin
 */
#ifndef PLUGINS_NETSTACK_CONF_PRIV_H
#define PLUGINS_NETSTACK_CONF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/bridge_conf.h"

struct cni_call;
struct nerr;

/* Annotations of a pod, which are stronger than the configuration. */
struct netstack_annotations {
	const char *stack;
	const char *mode;
};

/* runtimeConfig, but for what the bridge's part reads of it. */
struct netstack_runtime {
	struct netstack_annotations pod;
};

/**
 * struct netstack_conf - What the configuration says, checked
 * @br:		All that the bridge plugin reads, too
 * @stack:	"user", "kernel"
 * @mode:	"hybrid", "full"
 * @nic:	"bridge", "macvtap:DEV"
 * @master:	DEV of a macvtap, NULL for a port of the bridge
 * @daemon:	Path of netstackd, "" for where it is looked for
 * @fallback:	Where netstackd cannot be started the container gets the kernel's stack
 * @is_user:	Of @stack
 */
struct netstack_conf {
	struct bridge_conf br;
	const char *stack;
	const char *mode;
	const char *nic;
	const char *master;
	const char *daemon;
	bool fallback;
	int64_t spin_us;
	bool is_user;
	struct netstack_runtime runtime;
};

/* Read and check the configuration of a call. */
int netstack_conf_read(struct cni_call *call, struct netstack_conf *ret, struct nerr *err);

/* Read as much as DEL and GC need: what an ADD would refuse must not keep what an earlier one
 * made.
 */
int netstack_conf_read_del(struct cni_call *call, struct netstack_conf *ret, struct nerr *err);

#endif /* PLUGINS_NETSTACK_CONF_PRIV_H */
