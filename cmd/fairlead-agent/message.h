/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * message.h - what a container runtime sends when a container with our rules starts
 *
 * One message with one descriptor, the listener of the container's seccomp filter: a "container
 * process state" (runtime-spec, config-linux.md, "The Container Process State").  runc and
 * crun differ in white space, and crun says no pid when a process is added.
 */
#ifndef FAIRLEAD_AGENT_MESSAGE_H
#define FAIRLEAD_AGENT_MESSAGE_H

#include <sys/types.h>

#include "ctl/ctl.h"

struct nerr;

#define MESSAGE_ID_LEN 128

/**
 * struct message - A container process that has a listener
 * @listener:	Descriptor
 * @pid:	A process of the container, 0 for not known
 * @id:		Of the container, for people
 * @key:	Network namespace that the rules were made for (ctl_key())
 */
struct message {
	int listener;
	pid_t pid;
	char id[MESSAGE_ID_LEN];
	char key[CTL_KEY_LEN];
};

#define MESSAGE_INIT ((struct message){ .listener = -1 })

/* Read it, to its end or until it is whole.  -ETIMEDOUT after @timeout_ms, -EBADMSG for what it
 * should not be
 */
int message_read(int fd, unsigned int timeout_ms, struct message *ret, struct nerr *err);
void message_done(struct message *m);

#endif /* FAIRLEAD_AGENT_MESSAGE_H */
