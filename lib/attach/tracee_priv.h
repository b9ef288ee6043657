/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tracee_priv.h - handles of tasks, shared by tracee.c and replace.c
 */
#ifndef ATTACH_TRACEE_PRIV_H
#define ATTACH_TRACEE_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#define TRACEE_HANDLES 128 /* a power of two */

/* A namespace's name. */
struct nsid {
	dev_t dev;
	ino_t ino;
};

/**
 * struct tracees - What is known of tasks
 * @proc_fd:	/proc, open (O_PATH): also after a chroot()
 * @own_user:	User namespace of ours, and @owner_user that to which our network namespace belongs
 * @own_net:	Network namespace of the thread, as it was at tracees_new()
 * @closer:	Closes what was got of them
 * @no_threads:	pidfd_open() knows no PIDFD_THREAD (before Linux 6.9)
 * @handle:	pidfds, by thread id
 */
struct tracees {
	int proc_fd;
	struct nsid own_user;
	struct nsid owner_user;
	struct nsid own_net;
	struct closer *closer;
	bool no_threads;
	struct {
		pid_t tid; /* 0: none */
		int pidfd;
	} handle[TRACEE_HANDLES];
};

/* /proc/<tid>/<name>, a descriptor or -ESRCH and others */
int tracee_open_proc(const struct tracees *t, pid_t tid, const char *name, int flags);

#endif /* ATTACH_TRACEE_PRIV_H */
