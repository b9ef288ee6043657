/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/lock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/file.h>

#define LOCK_PAUSE_MAX_MS 32

int lock_wait(int fd, int operation, int timeout_ms)
{
	int pause_ms = 1;

	for (;;) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (timeout_ms <= 0)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, pause_ms); /* nothing to wait for but time */
		timeout_ms -= pause_ms;
		if (pause_ms < LOCK_PAUSE_MAX_MS)
			pause_ms *= 2;
	}
}
