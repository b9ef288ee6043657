/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * handover.h - a runtime's connection: its listener goes to the stack of the container
 */
#ifndef FAIRLEAD_AGENT_HANDOVER_H
#define FAIRLEAD_AGENT_HANDOVER_H

struct nerr;

/* Of one message, and of the stack's answer. */
#define HANDOVER_MS 5000

/* Read the message, find the netstackd of the network namespace its process is in, and hand the
 * listener over.  What fails closes the listener: the container's socket calls then fail with
 * ENOSYS, they never reach the kernel's stack.
 */
int handover(int fd, struct nerr *err);

#endif /* FAIRLEAD_AGENT_HANDOVER_H */
