/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * closer.h - descriptors whose end may take as long as it likes
 *
 * A copy of a program's descriptor may be the last one when it is closed, and closing the last one
 * may wait: for a TCP socket of the kernel as long as its SO_LINGER says, for a file of FUSE
 * until its server has answered.  The thread of the loop serves other programs, and must not.
 */
#ifndef ATTACH_CLOSER_H
#define ATTACH_CLOSER_H

struct closer;

/* Threads that wait; beyond them the ones that have waited are interrupted. */
#define CLOSER_THREADS_MAX 16

/* Without a thread, which the first closer_put() makes.  -ENOMEM */
int closer_new(struct closer **ret);

/* Those that wait are left to the end of the process.  NULL is fine. */
void closer_free(struct closer *c);

/* Close @fd: here and now if nothing can be waited for, as whoever closes his own and takes its
 * name or port again believes that it is free; else some time, and not here.
 */
void closer_put(struct closer *c, int fd);

/* For tests: descriptors that are not closed yet. */
unsigned int closer_left(struct closer *c);

#endif /* ATTACH_CLOSER_H */
