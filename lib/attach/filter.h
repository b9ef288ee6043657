/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * filter.h - the filter that hands a program's socket calls to us (seccomp user notification)
 */
#ifndef ATTACH_FILTER_H
#define ATTACH_FILTER_H

#include <sys/types.h>

#include "attach/rules.h"

struct nerr;

/* The kernel can do what is needed: user notification, ADDFD with SEND, pidfd_getfd().  -ENOTSUP
 * names what it lacks.
 */
int attach_filter_check(struct nerr *err);

/**
 * attach_filter_load() - The calling thread, and all it will start, is ours from now on
 * @ret_listener: Descriptor (close-on-exec) of the notifications: attach_add_listener().  When
 *		its last copy is closed, every call that would have been notified fails with
 *		ENOSYS
 *
 * Called by a process with one thread, right before it executes the program.  With
 * CAP_SYS_ADMIN no_new_privs is not set.
 *
 * From here on the process may sleep for ever in any call of the table, until somebody serves the
 * listener: in mode "full" also in sendmsg(), by which descriptors are sent.  So it hands
 * @ret_listener on with attach_filter_send(), which does without.
 *
 * Return: 0; -EBUSY when there is a listener already (it is nested); -ENOTSUP, -EPERM
 */
int attach_filter_load(enum attach_mode mode, int *ret_listener, struct nerr *err);

/**
 * attach_filter_send() - Let the parent take the listener
 * @sock:	One end of a socketpair(AF_UNIX, SOCK_STREAM), blocking
 * @listener:	Of attach_filter_load().  Still the caller's, and closed by it next
 *
 * By the process under the filter; returns when the other one has its copy.  Only read() and
 * send() without an address are called.
 *
 * Return: 0; -EPIPE when the parent is gone, or why it failed there
 */
int attach_filter_send(int sock, int listener, struct nerr *err);

/**
 * attach_filter_recv() - Take the listener of a process by pidfd_getfd()
 * @pid:	It has called attach_filter_send(), or will
 * @sock:	The other end, blocking.  The caller has closed its copy of the child's end: by
 *		that the child's death is noticed
 * @ret_listener: The caller's (close-on-exec)
 *
 * Needs the right to trace @pid.  Return: 0; -EPIPE when it ended before; -EPERM, -EBADF, -EMFILE
 */
int attach_filter_recv(pid_t pid, int sock, int *ret_listener, struct nerr *err);

#endif /* ATTACH_FILTER_H */
