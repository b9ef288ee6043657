/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host_follow.h - the kernel's configuration of an interface (follow/follow.h), obeyed by an
 * instance
 */
#ifndef HOST_HOST_FOLLOW_H
#define HOST_HOST_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

struct host_follow;
struct nerr;
struct netstack;

/**
 * host_follow_new() - Begin
 * @ifindex:	Of the interface in the instance
 * @netns:	Descriptor of the namespace, -1 for the thread's own; not kept
 * @ifname:	Of the interface there: -ENODEV when it is missing
 * @own_dad:	The kernel asks nobody whether an address is taken: the instance does
 *
 * What is configured there is configured in the instance when it returns.
 */
int host_follow_new(struct host_follow **ret, struct netstack *st, uint32_t ifindex, int netns,
		    const char *ifname, bool own_dad, struct nerr *err);
void host_follow_free(struct host_follow *hf); /* NULL is fine */

/* Readable when host_follow_read() has something to do. */
int host_follow_fd(const struct host_follow *hf);

/* What has changed.  0, or an error after which nothing can be followed any more. */
int host_follow_read(struct host_follow *hf, uint64_t now_ns, struct nerr *err);

#endif /* HOST_HOST_FOLLOW_H */
