/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tracee.h - descriptors, memory and rights of the programs we serve
 *
 * A task is named by its thread id, as a notification has it.  Handles of tasks are kept for a
 * while (pidfds).  A number may be another task's when its call was ended meanwhile, and that may
 * be anybody's on the machine.  As long as the task waits in its call the number is its own; so its
 * memory and its rights are those of a call: what was read is given out only if the call waits
 * still, and nothing is written unless it did a moment ago.  (The kernel writes by number only:
 * between the question and the write the task may end, and the number be given away.)  Whoever acts
 * on what he got by a number first asks notify_is_valid().
 */
#ifndef ATTACH_TRACEE_H
#define ATTACH_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct nerr;
struct notify_call;
struct tracees;

/* -ENOTSUP, -EPERM when the kernel does not let us look into other tasks; @err says why */
int tracees_new(struct tracees **ret, struct nerr *err);
void tracees_free(struct tracees *t); /* NULL is fine */

/* A copy (close-on-exec) of the task's descriptor @fd: pidfd_getfd().  -EBADF, -ESRCH, -EPERM,
 * -EMFILE
 */
int tracee_getfd(struct tracees *t, pid_t tid, int fd);

/* Close it.  Only one that is known to be of a socket of ours may be closed by close(): any other
 * may be the last copy, of something whose end is waited for (attach/closer.h).
 */
void tracee_putfd(struct tracees *t, int fd);

/* All of @len bytes, or -EFAULT, -ESRCH (also when the call does not wait any more), -EPERM.  @addr
 * 0 with a length is -EFAULT.
 */
int tracee_read(struct tracees *t, const struct notify_call *call, uint64_t addr, void *buf,
		size_t len);
int tracee_write(struct tracees *t, const struct notify_call *call, uint64_t addr, const void *buf,
		 size_t len);

/* To and from pieces in the task's memory (already copied in and checked by the caller; up to
 * 1024).  Return: bytes, which may be fewer when a piece is not there; -EFAULT
 */
ssize_t tracee_readv(struct tracees *t, const struct notify_call *call, const struct iovec *remote,
		     unsigned int n, void *buf, size_t len);
ssize_t tracee_writev(struct tracees *t, const struct notify_call *call, const struct iovec *remote,
		      unsigned int n, const void *buf, size_t len);

/* The task waits in the call, and may do what needs CAP_@cap in the network namespace in which the
 * thread was at tracees_new(): it has it in CapEff of /proc, and its user namespace is that to
 * which this one belongs, or ours.
 */
bool tracee_capable(struct tracees *t, const struct notify_call *call, int cap);

/* The task is in another network namespace than the thread was at tracees_new(): it has left ours,
 * by unshare(), setns() or clone().  False where that cannot be seen.  The answer for a task that
 * waits in a call does not change: only it can go elsewhere.
 */
bool tracee_is_elsewhere(const struct tracees *t, pid_t tid);

/* Effective user of the task, which waits in the call.  -ESRCH */
int tracee_user(struct tracees *t, const struct notify_call *call, uid_t *ret);

/* The task waits in the call, and its effective group or one of the others is in that range. */
bool tracee_in_groups(struct tracees *t, const struct notify_call *call, uint32_t low,
		      uint32_t high);

/* The process of the task, -ESRCH */
pid_t tracee_tgid(struct tracees *t, pid_t tid);
/* The parent of a process, negative; up to @n of its children (kin.c).  Those that cannot be seen
 * are none.
 */
pid_t tracee_parent(struct tracees *t, pid_t pid);
unsigned int tracee_children(struct tracees *t, pid_t pid, pid_t *ret, unsigned int n);

/**
 * tracee_replace() - Another description behind a descriptor of the task, in its epolls, too
 * @call:	Held notification, whose task it is
 * @fd:		Its number there
 * @new_fd:	Ours, takes its place.  O_NONBLOCK, close-on-exec, SO_RCVTIMEO, SO_SNDTIMEO,
 *		SO_RCVLOWAT, SO_OOBINLINE, SO_PEEK_OFF, and F_SETOWN (of the process itself) are
 *		carried over from the old one
 *
 * It takes the place of the process's other descriptors of the old one, too, and every epoll of the
 * process that has the old one, under any number, has the new one with the same events and
 * data.  The old description lives on while another process has a copy of it.
 *
 * Return: 0; -ENOENT when the task is gone or was interrupted (the program has the old one);
 *	-EMFILE, -ENOMEM (the same)
 */
int tracee_replace(struct tracees *t, const struct notify_call *call, int fd, int new_fd);

#endif /* ATTACH_TRACEE_H */
