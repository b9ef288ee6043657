/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap_priv.h - what tap and macvtap share: a character device with a frame in each read and write
 *
 *	tap.c, macvtap.c	opening the one and the other
 *	tap_dev.c		what both do in the device's namespace, and with its descriptor
 *	tap_queue.c		a nic over such a descriptor
 *	tap_rx.c, tap_tx.c	its two directions
 *	tap_stats.c		what the kernel lost
 */
#ifndef NIC_TAP_PRIV_H
#define NIC_TAP_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nic/loop.h"
#include "nic/nic.h"
#include "nic/vnet_io.h"

struct io_uring_buf_ring;

/* --- tap_dev.c --- */

/**
 * struct tap_dev - An opened device
 * @fd:		Character device, O_NONBLOCK
 * @link_fd:	Tells of changes of links in the device's namespace; sockets' ioctls work on it
 * @stat_fd:	Asks there for the interface's counters
 * @group_fd:	While it is open, frames to all groups come; of a macvtap only, -1 without the
 *		right to it
 * @info:	Of the nic
 * @no_offload:	As in the configuration
 */
struct tap_dev {
	int fd;
	int link_fd;
	int stat_fd;
	int group_fd;
	struct nic_info info;
	bool no_offload;
};

#define TAP_DEV_INIT                                                                               \
	((struct tap_dev){                                                                         \
		.fd = -1, .link_fd = -1, .stat_fd = -1, .group_fd = -1, .info.netns = -1 })

/* May be called again, and on what was opened by half. */
void tap_dev_close(struct tap_dev *d);

/* Fills in @info.name; -EINVAL for what is no name. */
int tap_dev_name(struct tap_dev *d, const char *name, struct nerr *err);

/* Call @fn(@arg) in the namespace of @env; sets @d->info.netns. */
int tap_dev_in_netns(struct tap_dev *d, const struct nic_env *env,
		     int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err);

/* @d->link_fd and @d->stat_fd of the namespace we are in. */
int tap_dev_open_link(struct tap_dev *d, struct nerr *err);

/* A file system of this type that is mounted nowhere; what it shows of namespaces are ours.
 * Return: descriptor of its root
 */
int tap_dev_mount(const char *type);

/* @path when it is the device @rdev, else a node that nobody sees. */
int tap_dev_open_node(const char *path, dev_t rdev, int *ret, struct nerr *err);

/* The descriptor becomes a queue of the interface, with a header of 10 bytes, little endian,
 * offloads as the kernel has them, and no limit of what may be under way.  Sets @info.
 */
int tap_dev_attach(struct tap_dev *d, const struct nic_env *env, struct nerr *err);

/* -ENODEV when the interface is gone; else @mtu is brought up to date where it can be. */
int tap_dev_check(const struct tap_dev *d, uint32_t *mtu);

/* --- tap_stats.c --- */

/* Frames for us that found no room, of all queues and times; false when nobody knows. */
bool tap_stats_lost(const struct tap_dev *d, bool is_macvlan, uint64_t *ret);

/* --- tap_rx.c --- */

#define TAP_RX_RING 4 /* power of two */

/**
 * struct tap_rx - Receiving
 * @op:		Multishot read, which fills @ring's buffers
 * @watch:	Instead of it: the descriptor is readable
 * @has_multishot: The kernel has it
 * @is_armed:	nic.ready() is to be called
 * @is_watching: @watch was added
 * @has_more:	Reading was stopped before the device was empty
 * @drained:	Packets since it was armed last
 * @errors:	Reads that failed one after the other
 * @group:	Of @ring in its io_uring
 * @ring:	Buffers, shared with the kernel
 * @posted:	Blocks in @ring, by their id
 * @free_ids:	Bits of the ids that are free
 * @n_posted:	How many
 * @spare:	Blocks whose frame was copied out of them
 * @n_spare:	How many
 * @reserve:	The last block, for when the pool has none: what does not fit in a copy is lost
 *		then, but not everything that comes after it
 * @block_len:	Size of blocks
 * @list:	Received, not asked for yet
 */
struct tap_rx {
	struct loop_op op;
	struct loop_watch watch;
	bool has_multishot;
	bool is_armed;
	bool is_watching;
	bool has_more;
	unsigned int drained;
	unsigned int errors;
	uint16_t group;
	struct io_uring_buf_ring *ring;
	struct pbuf_block *posted[TAP_RX_RING];
	uint32_t free_ids;
	unsigned int n_posted;
	struct pbuf_block *spare[TAP_RX_RING];
	unsigned int n_spare;
	struct pbuf_block *reserve;
	uint32_t block_len;
	struct pbuf_queue list;
};

struct tap;

/* -ENOMEM */
int tap_rx_init(struct tap *t);
void tap_rx_done(struct tap *t);
unsigned int tap_rx(struct nic *nic, struct pbuf **burst, unsigned int n);
bool tap_rx_arm(struct nic *nic);
void tap_rx_disarm(struct nic *nic);
void tap_rx_trim(struct tap *t);

/* --- tap_tx.c --- */

/* A TCP window of 4 MiB in frames of an MTU, and some: they may all be sent in one turn. */
#define TAP_TX_SLOTS 4096

/**
 * struct tap_tx_slot - A packet under way
 * @op:		Its write
 * @t:		Device
 * @pb:		The packet, ours until it is written
 * @hdr:	Of the device, where the packet has no room for it
 * @iov:	All of it
 */
struct tap_tx_slot {
	struct loop_op op;
	struct tap *t;
	struct pbuf *pb;
	uint8_t hdr[VNET_HDR_LEN];
	struct iovec iov[VNET_IO_IOV_MAX];
};

/**
 * struct tap_tx - Sending
 * @slot:	TAP_TX_SLOTS
 * @free:	Indexes of those that are free: the one used last is taken first
 * @n_free:	How many
 */
struct tap_tx {
	struct tap_tx_slot *slot;
	uint16_t free[TAP_TX_SLOTS];
	unsigned int n_free;
};

/* -ENOMEM */
int tap_tx_init(struct tap *t);
void tap_tx_done(struct tap *t);
unsigned int tap_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n);
void tap_tx_trim(struct tap *t);

/* --- tap_queue.c --- */

enum tap_kind {
	TAP_OF_TUN,
	TAP_OF_MACVLAN,
};

/**
 * struct tap - A nic
 * @link_watch:	Of @dev.link_fd
 * @lost:	Frames the interface had lost when it was opened
 */
struct tap {
	struct nic nic;
	enum tap_kind kind;
	uint64_t lost;
	struct tap_dev dev;
	struct loop_watch link_watch;
	struct tap_rx rx;
	struct tap_tx tx;
};

/* A nic over what was opened; @d is its own then, or closed. */
int tap_queue_new(struct nic **ret, enum tap_kind kind, struct tap_dev *d,
		  const struct nic_env *env, struct nerr *err);

/* The device cannot be used any more.  Last thing that is done in a callback: the nic may be gone
 * afterwards.
 */
void tap_queue_fail(struct tap *t, int error);

/* What is in the whole pages of this memory is of no value: they are the kernel's until they are
 * touched again, and zeros then.
 */
void tap_discard(void *p, size_t len);

#endif /* NIC_TAP_PRIV_H */
