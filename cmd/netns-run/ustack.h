/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ustack.h - commands whose TCP/IP is netstackd's (--stack=user)
 *
 * The network's plugin "netstack" starts the netstackd of the namespace.  A command is put under
 * its filter right before it is executed; from then on netstackd answers its socket calls, and
 * those of all that it starts.  A command that cannot be put there is not run.
 */
#ifndef NETNS_RUN_USTACK_H
#define NETNS_RUN_USTACK_H

#include <sys/types.h>

#include "session.h"

struct nerr;
struct opts;

/* --stack, --mode and --nic, as far as no network need be known: -EINVAL with a message. */
int ustack_check(const struct opts *o, struct nerr *err);

/* Settle whose stack a session has, from its networks and from --stack: -EINVAL. */
int ustack_settle(struct session *s, const struct opts *o, struct nerr *err);

/* The stack of a namespace that is no session's: @s gets is_user and mode.  -ENOENT,
 * -ECONNREFUSED when nobody serves it.
 */
int ustack_find(int netns_fd, struct session *s, struct nerr *err);

/* The process of the netstackd that a session's plugin has started; 0 for none, or one that does
 * not answer.
 */
pid_t ustack_pid(const struct session *s);

/**
 * ustack_enter() - Put the calling process on its session's stack
 * @netns_fd:	Network namespace of the session
 *
 * For a process with one thread that executes a program next; nothing is done for a session with
 * the kernel's stack.
 */
int ustack_enter(const struct session *s, int netns_fd, struct nerr *err);

#endif /* NETNS_RUN_USTACK_H */
