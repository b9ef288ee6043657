/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ends.h - what a netstackd ends for, besides being told by its control socket
 *
 *	SIGTERM, SIGINT
 *	the lifeline's end of file
 *	there is nothing to serve any more: the path of the namespace is not its any more, and no
 *	program has our filter
 */
#ifndef NETSTACKD_ENDS_H
#define NETSTACKD_ENDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "nic/loop.h"

struct daemon;
struct nerr;

/**
 * struct ends - Descriptors that are watched
 * @signals:	signalfd
 * @lifeline:	See struct opts
 * @mounts:	An epoll of @mountinfo: a mount came or went
 * @process:	pidfd, for a path of /proc
 * @mountinfo:	/proc/self/mountinfo
 * @dev, @ino:	Of the namespace
 *
 * Those that are not there have fd -1.
 */
struct ends {
	struct loop_watch signals;
	struct loop_watch lifeline;
	struct loop_watch mounts;
	struct loop_watch process;
	int mountinfo;
	dev_t dev;
	ino_t ino;
};

/* With all rights.  Blocks the signals. */
int ends_open(struct daemon *d, struct nerr *err);
void ends_close(struct daemon *d);

/* Is anybody left?  To be called when the last program has ended. */
void ends_look(struct daemon *d);

#endif /* NETSTACKD_ENDS_H */
