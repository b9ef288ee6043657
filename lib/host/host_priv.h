/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host_priv.h - between host.c, which makes and runs, and host_conf.c, which configures
 */
#ifndef HOST_HOST_PRIV_H
#define HOST_HOST_PRIV_H

#include "host/host.h"
#include "nic/loop.h"

struct host_follow;
struct host_splitter;

/**
 * struct host - An instance and what it stands on
 * @netns:	Of the device, -1 for the thread's own
 * @nic:	The device, NULL when it is gone
 * @ifindex:	Of the device, in @stack
 * @split:	Shares @nic with a kernel, NULL not to
 * @follow:	The kernel's configuration, NULL for none
 * @follow_watch: Of its descriptor
 * @error:	Negative errno: the device is gone, or the kernel's configuration cannot be
 *		followed any more
 */
struct host {
	struct netstack *stack;
	struct loop *loop;
	struct service *service;
	struct nic *nic;
	int netns;
	uint32_t ifindex;
	struct host_splitter *split;
	struct host_follow *follow;
	struct loop_watch follow_watch;
	int error;
};

/* Addresses and routes of @conf, and those that every interface has. */
int host_configure(struct host *h, const struct host_conf *conf, struct nerr *err);

#endif /* HOST_HOST_PRIV_H */
