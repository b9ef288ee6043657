/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cni/cni.h"
#include "plugins/netstack/kernel_priv.h"

int kernel_check(struct nerr *err)
{
	const uint32_t action = SECCOMP_RET_USER_NOTIF;
	cleanup_close int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	cleanup_close int self = -1;
	cleanup_close int copy = -1;

	if (tun < 0)
		return nerr_num(err, -errno, CNI_NOT_AVAILABLE, "cannot open '/dev/net/tun': %m");
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return nerr_num(err, -errno, CNI_NOT_AVAILABLE,
				"this kernel cannot notify of system calls (seccomp): %m");
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self >= 0)
		copy = (int)syscall(SYS_pidfd_getfd, self, tun, 0);
	if (copy < 0)
		return nerr_num(
			err, -errno, CNI_NOT_AVAILABLE,
			"this kernel cannot take descriptors of processes (pidfd_getfd): %m");
	return 0;
}
