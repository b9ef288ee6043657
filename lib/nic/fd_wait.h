/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fd_wait.h - the interrupt of a driver whose device is a descriptor with rings in memory
 *
 * It is asked for before every sleep, so it costs no system call of its own: a poll that is
 * submitted with the sleep (io_uring), or a registration for good that tells edges (epoll).
 * Who asks looks into the ring before and after, so an edge in between is not lost.
 */
#ifndef NIC_FD_WAIT_H
#define NIC_FD_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/loop.h"

/**
 * struct fd_wait - Waiting for a descriptor to become readable
 * @loop:	NULL before fd_wait_open()
 * @fd:		The caller's
 * @is_armed:	Asked for, and not told yet
 * @is_uring:	@op is used, else @watch
 * @told:	Called once for each fd_wait_arm(), with poll events, from a turn of the loop; it
 *		may arm again.  POLLERR comes unasked as well
 * @arg:	Of @told
 */
struct fd_wait {
	struct loop_op op;
	struct loop_watch watch;
	struct loop *loop;
	int fd;
	bool is_armed;
	bool is_uring;
	void (*told)(void *arg, uint32_t events);
	void *arg;
};

/* -ENOMEM or what loop_watch_add() says */
int fd_wait_open(struct fd_wait *fw, struct loop *loop, int fd,
		 void (*told)(void *arg, uint32_t events), void *arg);

void fd_wait_arm(struct fd_wait *fw);
void fd_wait_disarm(struct fd_wait *fw);

/* @told is not called any more; may turn the loop.  Also of one that is zeros. */
void fd_wait_close(struct fd_wait *fw);

#endif /* NIC_FD_WAIT_H */
