/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_agent_message.c - any bytes as what a runtime sends to fairlead-agent
 *
 * The first byte says how many descriptors go with how many pieces.  Laws: a message that is taken
 * has a descriptor and a name of a namespace that ends within its bounds; what is refused is
 * explained; no descriptor is left.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "cmd/fairlead-agent/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

#define FDS_MAX 7

static void send_piece(int fd, const void *data, size_t len, unsigned int n_fds)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl = { .room = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MAX];

	for (unsigned int i = 0; i < FDS_MAX; i++)
		fds[i] = STDERR_FILENO;
	if (n_fds) {
		m.msg_control = &ctl;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		ctl.hdr.cmsg_level = SOL_SOCKET;
		ctl.hdr.cmsg_type = SCM_RIGHTS;
		ctl.hdr.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&ctl.hdr), fds, n_fds * sizeof(int));
	}
	(void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The lowest number that is free. */
static int lowest(void)
{
	const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	LAW(fd >= 0 && close(fd) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m = MESSAGE_INIT;
	struct nerr err = NERR_INIT;
	unsigned int n_fds, pieces;
	const int before = lowest();
	int sv[2];

	if (size < 1 || size > 65536)
		return 0;
	n_fds = data[0] & 7;
	pieces = 1 + (data[0] >> 3 & 3);
	data++;
	size--;
	LAW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	for (unsigned int i = 0; i < pieces; i++)
		send_piece(sv[1], data + size * i / pieces,
			   size * (i + 1) / pieces - size * i / pieces, i % 2 ? 0 : n_fds);
	(void)close(sv[1]);
	if (message_read(sv[0], 1000, &m, &err) < 0)
		LAW(*err.msg);
	else
		LAW(m.listener >= 0 && m.pid >= 0 && strlen(m.key) < sizeof(m.key) &&
		    strlen(m.id) < sizeof(m.id));
	message_done(&m);
	(void)close(sv[0]);
	LAW(lowest() == before);
	return 0;
}
