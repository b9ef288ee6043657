/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ctl_priv.h - between the files of lib/ctl
 */
#ifndef CTL_CTL_PRIV_H
#define CTL_CTL_PRIV_H

#include <stdint.h>

/* Until a netstackd takes a connection: it turns its loop, unless it is stopped. */
#define CTL_CONNECT_MS 1000

/* And until it says how it is. */
#define CTL_STATUS_MS 2000

/* For the lock of the directory, which nobody holds for long. */
#define CTL_LOCK_MS 10000

/* CLOCK_MONOTONIC */
uint64_t ctl_now_ms(void);

/* Wait for one of @events, until @end_ms.  0, -ETIMEDOUT */
int ctl_wait(int fd, short events, uint64_t end_ms);

/* A blocking socket that is connected.  -ENOENT, -ECONNREFUSED, -ETIMEDOUT */
int ctl_connect(const char *path, unsigned int timeout_ms, int *ret);

#endif /* CTL_CTL_PRIV_H */
