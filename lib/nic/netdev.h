/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * netdev.h - the interface below a driver: what it is, and when that changes
 *
 * Drivers that work on an interface of the kernel (AF_PACKET, AF_XDP) learn from their sockets
 * that it went down at best, not that it was deleted.  A socket that hears all changes of links
 * tells them when to look again.
 */
#ifndef NIC_NETDEV_H
#define NIC_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/loop.h"
#include "nic/nic.h"

struct nerr;

/**
 * struct netdev - An interface of some namespace
 * @name:	As of the last look, by which it may be another than the one it was opened by
 * @ifindex:	What it is known by
 * @mac, @mtu:	As of the last look
 * @hw_type:	ARPHRD_*
 * @is_up:	Set up by an administrator (IFF_UP)
 * @is_virtual:	Not a device on a bus: its frames come from this machine
 * @netns:	Descriptor of the namespace, its own
 * @fd:		Hears changes; takes requests for this namespace, too
 * @loop:	While it is watched
 * @watch:	Of @fd
 * @changed:	Called from a turn of the loop when something may be different
 * @arg:	Of @changed
 */
struct netdev {
	char name[NIC_NAME_LEN];
	uint32_t ifindex;
	struct eth_addr mac;
	uint32_t mtu;
	uint16_t hw_type;
	bool is_up;
	bool is_virtual;
	int netns;
	int fd;
	struct loop *loop;
	struct loop_watch watch;
	void (*changed)(struct netdev *nd);
	void *arg;
};

#define NETDEV_INIT                                                                                \
	{                                                                                          \
		.netns = -1, .fd = -1                                                              \
	}

/**
 * netdev_open() - Find an Ethernet interface
 * @nd:		NETDEV_INIT
 * @name:	Of it
 * @env:	@netns is looked into
 *
 * Return: 0; -EINVAL for what is no name and for queues that cannot be; -ENODEV; -ENOTSUP for an
 *         interface that is not Ethernet; another errno.  @nd is as it was then
 */
int netdev_open(struct netdev *nd, const char *name, const struct nic_env *env, struct nerr *err);

/* Hear of changes.  -ENOMEM or another errno */
int netdev_watch(struct netdev *nd, struct loop *loop, void (*changed)(struct netdev *nd),
		 void *arg, struct nerr *err);

/* Look again.  False when it is gone, deleted or moved to another namespace; @nd is as it was
 * then, but not up.
 */
bool netdev_refresh(struct netdev *nd);

/* A socket of RTMGRP_LINK hears from now on of this interface alone, and not of what a bridge has
 * to say about it: on a machine with many others nobody is woken for them.
 */
void netdev_hear_only(int fd, uint32_t ifindex);

/* Receive queues that it has in use, 1 where it does not say. */
unsigned int netdev_rx_queues(const struct netdev *nd);

/* Call a function in the interface's namespace: there is no need to enter the thread's own, which
 * takes rights.
 */
int netdev_run_in(const struct netdev *nd, const struct nic_env *env,
		  int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err);

/* What is the same in the info of every driver. */
void netdev_fill_info(struct netdev *nd, const struct nic_env *env, struct nic_info *ret);

/* Also of one that is only NETDEV_INIT. */
void netdev_close(struct netdev *nd);

#endif /* NIC_NETDEV_H */
