/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/deferred_close.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/io_uring.h>

#include "base/cleanup.h"
#include "netlink/nlsock.h"

/* Close @fd, whose file the kernel keeps.  As long as this is not the last
 * reference, it does not wait.
 */
static void drop_fd(int fd)
{
	(void)close(fd); /* a netlink socket has nothing to write back */
}

/* Hand @fd to a ring that is then closed. 0, and @fd is closed, or negative
 * errno.
 */
static int give_to_ring(int fd)
{
	struct io_uring_params params = { .flags = 0 };
	cleanup_close int ring = -1;

	ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (ring < 0)
		return -errno;
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) < 0)
		return -errno;
	drop_fd(fd);
	return 0;
}

/* Hand @fd to a pair of sockets that is then closed. 0, and @fd is closed, or
 * negative errno.
 */
static int give_to_cycle(int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} control = { .buf = "" };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2];
	int fds[2];
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fds[0] = fd;
	fds[1] = pair[1];
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	if (sendmsg(pair[0], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		r = -errno;
	/* The end that holds itself first: closing the other one starts the
	 * collector.
	 */
	if (r == 0)
		drop_fd(fd);
	(void)close(pair[1]);
	(void)close(pair[0]);
	return r;
}

void nlsock_close_deferred(struct nlsock *nl)
{
	int fd;

	if (!nl)
		return;
	fd = nlsock_release_fd(nl);
	if (give_to_ring(fd) < 0 && give_to_cycle(fd) < 0)
		drop_fd(fd);
}
