/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * procs.h - the processes in a network namespace
 */
#ifndef NETNS_RUN_PROCS_H
#define NETNS_RUN_PROCS_H

#include <sys/types.h>

struct nerr;

/* A process has this long to end after SIGTERM, and after SIGKILL. */
#define PROCS_TERM_MS 2000
#define PROCS_KILL_MS 10000

/**
 * procs_end() - End every process in a network namespace but the caller
 * @netns:	File of the namespace; one that is not there has no processes
 * @except:	This one is left alone, too; 0 for none
 *
 * SIGTERM first, SIGKILL to those that are left.  They are found by their link in /proc
 * and signalled through a descriptor, so no stranger that got a number anew is hit.
 *
 * Return: 0 when none is left; -ETIMEDOUT; another errno
 */
int procs_end(const char *netns, pid_t except, struct nerr *err);

#endif /* NETNS_RUN_PROCS_H */
