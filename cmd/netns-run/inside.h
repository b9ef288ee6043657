/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inside.h - going into a namespace to run a command there
 *
 * As ip-netns(8) does it: besides the network namespace a mount namespace of the
 * process's own, in which /sys shows the network namespace's devices and resolv.conf
 * and hosts are those of the session.  Mounts that the host makes later appear there,
 * none of these here appears on the host.
 */
#ifndef NETNS_RUN_INSIDE_H
#define NETNS_RUN_INSIDE_H

#include "session.h"

struct nerr;

/**
 * inside_enter() - Move the calling process into a session's namespaces
 * @s:		Session; without a name it has no /etc of its own
 * @netns_fd:	Its network namespace
 *
 * There is no way back: for a process that will exec.
 */
int inside_enter(const struct session *s, int netns_fd, struct nerr *err);

/**
 * inside_exec() - Become the command
 * @argv:	Command, ends with NULL
 *
 * Return: an exit status, because it failed: EXIT_NOT_FOUND or EXIT_NOT_RUNNABLE; the
 *         reason was said
 */
int inside_exec(char *const *argv);

#endif /* NETNS_RUN_INSIDE_H */
