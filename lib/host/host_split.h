/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host_split.h - one device for our stack and a kernel's: host_conf.kernel
 *
 *	device --> netstack_owner() --> instance
 *	                           \--> tap in the kernel's namespace
 *	device <----------------------- tap
 */
#ifndef HOST_HOST_SPLIT_H
#define HOST_HOST_SPLIT_H

#include <stdint.h>

#include "host/host.h"

struct host_splitter;
struct pbuf;

/* Of the tap's nic, in the service: no interface of an instance has it. */
#define HOST_SPLIT_COOKIE 0

/**
 * host_split_new() - Make the kernel's interface, and serve it
 * @h:		Its device is open, and an interface of its instance
 * @conf:	@kernel, @kernel_netns, @split
 *
 * The interface is there and down when this returns, with the device's MTU if it is new.  Its MAC
 * address is that of the device, for which frames to another one would be lost, except where
 * the device is one end of a wire (a tap): any will do there.
 */
int host_split_new(struct host_splitter **ret, struct host *h, const struct host_conf *conf,
		   struct nerr *err);
void host_split_free(struct host_splitter *sp); /* NULL is fine */

/* A burst of the device: all of it is taken. */
void host_split_input(struct host_splitter *sp, struct pbuf *const *burst, unsigned int n,
		      uint64_t now_ns);

/* A burst of the kernel: all of it is taken. */
void host_split_output(struct host_splitter *sp, struct pbuf *const *burst, unsigned int n);

/* Memory that is kept for more packets is given back (host_trim()). */
void host_split_trim(struct host_splitter *sp);

#endif /* HOST_HOST_SPLIT_H */
