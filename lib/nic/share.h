/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * share.h - what the queues of one device have in common, inside a process
 *
 * Each queue of a device is opened by the thread that serves it; the fanout group or the program
 * they share is made by the first one and goes with the last one.  A table of the process, with
 * a lock, is where they find each other; it is for opening and closing, not for packets.
 */
#ifndef NIC_SHARE_H
#define NIC_SHARE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nerr;
struct netdev;
struct nic_env;
struct share;

#define SHARE_QUEUES_MAX 64

/**
 * struct share_ops - Of a kind of driver; its address tells kinds apart
 * @size:	Of the struct that begins with struct share
 * @first:	Make what is shared
 * @join:	A queue comes to what is there, its first one too
 * @leave:	A queue goes
 * @last:	Undo @first
 *
 * All are called with the lock held, one at a time in the whole process.
 */
struct share_ops {
	size_t size;
	int (*first)(struct share *s, void *queue, struct nerr *err);
	int (*join)(struct share *s, void *queue, struct nerr *err);
	void (*leave)(struct share *s, void *queue);
	void (*last)(struct share *s);
};

/**
 * struct share - Device that has open queues
 * @next:	In the table
 * @ops:	Of its driver
 * @ns_dev, @ns_ino, @ifindex: Which device
 * @n_queues:	It is served with so many
 * @queues:	Those that are open, as bits
 */
struct share {
	struct share *next;
	const struct share_ops *ops;
	dev_t ns_dev;
	ino_t ns_ino;
	uint32_t ifindex;
	unsigned int n_queues;
	uint64_t queues;
};

/**
 * share_join() - Open a queue
 * @ret:	Set on 0
 * @nd:		Device
 * @queue:	Handed to @ops
 *
 * Return: 0; -EBUSY when this queue is open in this process; -EINVAL when the device is served
 *         with another number of queues, or with too many; -ENOMEM; what @ops say
 */
int share_join(struct share **ret, const struct share_ops *ops, const struct netdev *nd,
	       const struct nic_env *env, void *queue, struct nerr *err);

void share_leave(struct share *s, unsigned int queue_idx, void *queue);

#endif /* NIC_SHARE_H */
