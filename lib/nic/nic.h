/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nic.h - one queue of a network device, whatever drives it
 *
 * A driver is a table of functions (struct nic_ops).  A device with several queues is opened
 * once for each, by the thread that serves it: a struct nic, its pool and its loop
 * belong to that thread.  Frames begin with their Ethernet header, or with that of IP
 * (@info.kind).  What a device says about a frame (checksums, segmentation) is checked by its
 * driver against the bytes of the frame before anybody sees it.
 *
 * Service is NAPI's: while there is work, rx() is called, with a budget; when it found
 * nothing, arm() asks for an interrupt, and the loop's turn may sleep.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/loop.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

struct nerr;
struct nic;

#define NIC_NAME_LEN 16
#define NIC_BURST    64 /* packets of one rx() or tx() */

enum nic_kind {
	NIC_ETHERNET,
	NIC_IP,
};

/* What a device does for who sends.  The values are those of enum iface_feature. */
enum nic_feature {
	NIC_TX_CSUM = 1 << 0, /* finishes PBUF_CSUM_PARTIAL */
	NIC_TSO4 = 1 << 1,    /* cuts PBUF_GSO_TCP4 */
	NIC_TSO6 = 1 << 2,
	NIC_USO = 1 << 3,
};

/**
 * struct nic_info - What a device is
 * @name:	Of the interface
 * @kind:	enum nic_kind
 * @mac:	Its address, of Ethernet
 * @mtu:	Of IP
 * @features:	enum nic_feature
 * @gso_max:	Longest packet it cuts
 * @ifindex:	In its namespace, 0 for none
 * @netns:	Descriptor of its namespace, the nic's own; -1 for none
 * @queue:	This queue
 * @n_queues:	Of so many that are served by us
 */
struct nic_info {
	char name[NIC_NAME_LEN];
	enum nic_kind kind;
	struct eth_addr mac;
	uint32_t mtu;
	uint32_t features;
	uint32_t gso_max;
	uint32_t ifindex;
	int netns;
	unsigned int queue;
	unsigned int n_queues;
};

/**
 * struct nic_stats - Counters of a queue
 * @rx_packets, @rx_bytes, @tx_packets, @tx_bytes: Given to and taken from the stack
 * @rx_bad:	Frames whose offload header or descriptor was not possible
 * @rx_no_memory: Frames lost for want of a buffer
 * @rx_missed:	Lost by the device or the kernel before us, where it says so
 * @tx_busy:	Packets not taken because the device was full
 * @tx_errors:	Taken, and refused later
 * @rx_calls, @tx_calls: System calls, or operations in one
 */
struct nic_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_bad;
	uint64_t rx_no_memory;
	uint64_t rx_missed;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_busy;
	uint64_t tx_errors;
	uint64_t rx_calls;
	uint64_t tx_calls;
};

/**
 * struct nic_ops - A driver
 * @name:	"tap", ...
 * @rx:		Up to @n packets that are here, into @burst: the caller's from now on, with
 *		@csum, @gso and @gso_size set.  Return: how many; 0 says there is nothing now
 * @tx:		Send.  The first ones, as many as are returned, become the nic's and are
 *		freed when they are sent or lost; they leave with the next turn of the loop
 *		at the latest.  The others stay the caller's
 * @arm:	Interrupts on.  Return: true when there is something to receive already, and
 *		nothing was armed; else nic.ready() will be called, once, from a turn of the loop
 * @disarm:	Interrupts off.  nic.ready() may still be called once
 * @stats:	Bring nic.stats up to date, NULL when they always are
 * @trim:	Memory that is kept for more packets is given back; NULL for nothing to give
 * @close:	Free everything; packets that are under way are waited for or lost
 */
struct nic_ops {
	const char *name;
	unsigned int (*rx)(struct nic *nic, struct pbuf **burst, unsigned int n);
	unsigned int (*tx)(struct nic *nic, struct pbuf *const *burst, unsigned int n);
	bool (*arm)(struct nic *nic);
	void (*disarm)(struct nic *nic);
	void (*stats)(struct nic *nic);
	void (*trim)(struct nic *nic);
	void (*close)(struct nic *nic);
};

/**
 * struct nic - A queue of a device
 * @ops:	Its driver
 * @info:	What it is
 * @counters:	nic_stats() reads them
 * @loop:	Of its thread
 * @pool:	Where received packets come from
 * @ready:	Of whoever serves it: there is something to receive, or @error is set
 * @ready_arg:	Of @ready
 * @error:	Negative errno: the device is gone (-ENODEV) or cannot be used; rx() and tx()
 *		return 0 from then on
 *
 * The first member of each driver's own struct.
 */
struct nic {
	const struct nic_ops *ops;
	struct nic_info info;
	struct nic_stats counters;
	struct loop *loop;
	struct pbuf_pool *pool;
	void (*ready)(void *arg);
	void *ready_arg;
	int error;
};

/**
 * struct nic_env - What every driver is opened with
 * @loop, @pool: As in struct nic; they outlive it
 * @netns:	Descriptor of the namespace where the device is; -1 for the thread's own
 * @queue:	Which queue, 0 to @n_queues - 1
 * @n_queues:	1 for a device that is served by one thread
 */
struct nic_env {
	struct loop *loop;
	struct pbuf_pool *pool;
	int netns;
	unsigned int queue;
	unsigned int n_queues;
};

static inline unsigned int nic_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	return nic->ops->rx(nic, burst, n);
}

static inline unsigned int nic_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	return nic->ops->tx(nic, burst, n);
}

void nic_stats(struct nic *nic, struct nic_stats *ret);

/* Before pbuf_pool_trim(), to which some of it goes. */
void nic_trim(struct nic *nic);

/* NULL is fine. */
void nic_close(struct nic *nic);

#endif /* NIC_NIC_H */
