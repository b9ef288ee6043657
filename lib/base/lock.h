/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lock.h - flock(2) with a deadline
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

/**
 * lock_wait() - Take a lock on an open file
 * @fd:		Descriptor; the lock goes with it
 * @operation:	LOCK_SH or LOCK_EX, of sys/file.h
 * @timeout_ms:	Most milliseconds to wait
 *
 * flock(2) has no deadline of its own, and a signal to interrupt it would be the
 * whole process's business, so a lock that is taken is asked for again, after
 * 1 ms, 2 ms ... at most 32 ms.  A lock held shared is given up before it is
 * held exclusively.
 *
 * Return: 0, -ETIMEDOUT, or another errno
 */
int lock_wait(int fd, int operation, int timeout_ms);

#endif /* BASE_LOCK_H */
