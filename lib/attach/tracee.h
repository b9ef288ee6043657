/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tracee.h - descriptors, memory and rights of the programs we serve
 *
 * A task is named by its thread id, as a notification has it.  Handles of tasks are kept for a
 * while (pidfds).  A number may be another task's when its call was ended meanwhile: whoever acts
 * on what he got here (other than by answering the call, which fails then) first asks
 * notify_is_valid().
 */
#ifndef ATTACH_TRACEE_H
#define ATTACH_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct nerr;
struct tracees;

/* -ENOTSUP, -EPERM when the kernel does not let us look into other tasks; @err says why */
int tracees_new(struct tracees **ret, struct nerr *err);
void tracees_free(struct tracees *t); /* NULL is fine */

/* A copy (close-on-exec) of the task's descriptor @fd: pidfd_getfd().  -EBADF, -ESRCH, -EPERM,
 * -EMFILE
 */
int tracee_getfd(struct tracees *t, pid_t tid, int fd);

/* All of @len bytes, or -EFAULT, -ESRCH, -EPERM.  @addr 0 with a length is -EFAULT. */
int tracee_read(struct tracees *t, pid_t tid, uint64_t addr, void *buf, size_t len);
int tracee_write(struct tracees *t, pid_t tid, uint64_t addr, const void *buf, size_t len);

/* To and from pieces in the task's memory (already copied in and checked by the caller; up to
 * 1024).  Return: bytes, which may be fewer when a piece is not there; -EFAULT
 */
ssize_t tracee_readv(struct tracees *t, pid_t tid, const struct iovec *remote, unsigned int n,
		     void *buf, size_t len);
ssize_t tracee_writev(struct tracees *t, pid_t tid, const struct iovec *remote, unsigned int n,
		      const void *buf, size_t len);

/* The task may do what needs CAP_@cap in the network namespace in which the thread was at
 * tracees_new(): it has it in CapEff of /proc, and its user namespace is that to which this one
 * belongs, or ours.
 */
bool tracee_capable(struct tracees *t, pid_t tid, int cap);

/* The process of the task, -ESRCH */
pid_t tracee_tgid(struct tracees *t, pid_t tid);

/**
 * tracee_replace() - Another description behind a descriptor of the task, in its epolls, too
 * @call:	Held notification, whose task it is
 * @fd:		Its number there
 * @new_fd:	Ours, takes its place.  O_NONBLOCK, close-on-exec, SO_RCVTIMEO, SO_SNDTIMEO,
 *		SO_RCVLOWAT, and F_SETOWN (of the process itself) are carried over from the old one
 *
 * Every epoll of the process that has the old one under this number has the new one
 * with the same events and data.  The old description lives on while somebody has a copy of it.
 *
 * Return: 0; -ENOENT when the task is gone or was interrupted (the program has the old one);
 *	-EMFILE, -ENOMEM (the same)
 */
struct notify_call;
int tracee_replace(struct tracees *t, const struct notify_call *call, int fd, int new_fd);

#endif /* ATTACH_TRACEE_H */
