/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host.h - an instance of the stack on devices of this machine, served by the calling thread
 *
 * What a program needs that has its TCP/IP in itself: memory, random numbers, time, a device,
 * its configuration from the kernel or from the caller.  Calls to sockets (socket.h) may block:
 * host_turn() is called within them.
 *
 *	struct host *h;
 *	host_new(&h, &(struct host_conf){ .nic = "macvtap:mv0" }, &err);
 *	fd = ns_socket(host_stack(h), AF_INET, SOCK_STREAM, 0);
 *	...
 *	host_free(h);
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/netstack.h"
#include "nic/nic.h"
#include "nic/service.h"

struct host;
struct nerr;

#define HOST_ADDRS_MAX 8

/**
 * enum host_split - One device for two stacks, ours and that of a namespace's kernel
 *
 * HOST_SPLIT_TCP	Frames for TCP connections and listeners of the instance, and ICMP errors
 *			about them, are its own; ARP, redirects and what ICMPv6 says of neighbours
 *			and routers go to both; everything else goes to the kernel
 *			(netstack_owner()).  The kernel answers for the addresses (ARP, ND, DAD,
 *			IGMP, MLD, router solicitations), the instance does not.  What the kernel
 *			sends goes out of the device unchanged, offload and all
 * HOST_SPLIT_ALL	Everything is the instance's, the questions about its addresses too (DAD);
 *			the kernel's interface carries addresses and routes, and what it sends is
 *			thrown away by the kernel itself
 */
enum host_split {
	HOST_SPLIT_TCP,
	HOST_SPLIT_ALL,
};

/**
 * struct host_conf - What it is made of
 * @nic:	Device (nic/drivers.h): "macvtap:mv0", "tap:t0,no-offload", ...
 * @netns:	Path of the namespace of the device, NULL for the thread's own
 * @follow:	Interface whose addresses, routes, neighbours, MTU and state in that namespace
 *		are obeyed; "" for none.  NULL: the device's own for macvtap, af_packet and
 *		af_xdp, none for tap, whose interface is the kernel's end
 * @kernel:	Name of a tap to be made in @kernel_netns, whose other end is ours: the stack shares
 *		the device with that namespace's kernel ("eth0"), NULL not to.  @follow is that
 *		interface then.  See host_split
 * @kernel_netns: Descriptor of that namespace, with @kernel; not kept
 * @split:	What the kernel gets
 * @addr:	More addresses, "ADDRESS/LEN", NULL at the end
 * @gateway:	Default routes, one for each family, NULL for none
 * @mtu:	0 for the device's; not with @follow, which has one
 * @engine:	Of the loop
 * @service:	Budget, spinning, GRO
 * @shard, @n_shards: Queue of the device, and of how many (nic/steer.h); 0 and 0 for one
 * @steer:	Of all shards, with @n_shards
 * @tune:	May change the parameters of the stack, NULL for the defaults
 * @tune_arg:	Of @tune
 */
struct host_conf {
	const char *nic;
	const char *netns;
	const char *follow;
	const char *kernel;
	int kernel_netns;
	enum host_split split;
	const char *addr[HOST_ADDRS_MAX + 1];
	const char *gateway[2];
	uint32_t mtu;
	enum loop_engine engine;
	struct service_conf service;
	unsigned int shard;
	unsigned int n_shards;
	struct steer *steer;
	void (*tune)(void *arg, struct netstack_conf *conf);
	void *tune_arg;
};

/* -EINVAL for what cannot be read; errors of drivers and of rtnetlink.  @err says which. */
int host_new(struct host **ret, const struct host_conf *conf, struct nerr *err);

/* Sockets are closed without a word to their peers.  NULL is fine. */
void host_free(struct host *h);

struct netstack *host_stack(struct host *h);
struct loop *host_loop(struct host *h); /* for descriptors of one's own */
struct nic *host_nic(struct host *h);
uint32_t host_ifindex(const struct host *h); /* of the device, in the instance */
uint64_t host_now(const struct host *h);     /* ns, of CLOCK_MONOTONIC */

/**
 * host_turn() - Receive, run what is due, send, and sleep when there is nothing to do
 * @until_ns:	Sleep until then at the latest; 0 not at all, LOOP_FOREVER
 *
 * Return: 0; -EINTR; -ENODEV when the device is gone
 */
int host_turn(struct host *h, uint64_t until_ns);

/**
 * host_trim() - Give the kernel back what more traffic would use
 *
 * It costs some hundred microseconds or, after bulk traffic, milliseconds, and the next packets pay
 * for getting some of it again: for when there has been nothing to do for a while.
 */
void host_trim(struct host *h);

/* Until all of our data was acknowledged and no connection is left but TIME-WAIT ones, or
 * @timeout_ms is over: before host_free().  -ETIMEDOUT, -EINTR
 */
int host_drain(struct host *h, unsigned int timeout_ms);

/* Until an address may be used that is not the link-local one (DAD), or the time is over. */
int host_wait_addr(struct host *h, unsigned int timeout_ms);

/**
 * struct host_split_stats - Between the device and the kernel of host_conf.kernel
 * @to_kernel, @from_kernel: Packets handed on
 * @to_both:	Of the first, those the instance got a copy of
 * @dropped:	Not taken by the other side: full, down, or no memory
 */
struct host_split_stats {
	uint64_t to_kernel;
	uint64_t from_kernel;
	uint64_t to_both;
	uint64_t dropped;
};

/* All 0 without host_conf.kernel. */
void host_split_stats(const struct host *h, struct host_split_stats *ret);

void host_service_stats(const struct host *h, struct service_stats *ret);

#endif /* HOST_HOST_H */
