/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether an AF_UNIX socket is still there, by asking sock_diag for exactly that one
 * (net/unix/diag.c, unix_diag_get_exact()).  The answer is made while the request is sent, so
 * nothing waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "attach/unixend.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Answers to older requests, which a full queue may have left behind, are skipped. */
#define ANSWERS_MAX 16

struct unixdiag {
	int fd;
	uint32_t seq;
};

int unixdiag_new(struct unixdiag **ret, struct nerr *err)
{
	cleanup_free struct unixdiag *d = calloc(1, sizeof(*d));
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (!d)
		return nerr_oom(err);
	d->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (d->fd < 0)
		return nerr_set(err, -errno, "cannot ask for sockets (sock_diag): %m");
	if (connect(d->fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		int r = nerr_set(err, -errno, "cannot reach sock_diag: %m");

		(void)close(d->fd);
		return r;
	}
	*ret = TAKE_PTR(d);
	return 0;
}

void unixdiag_free(struct unixdiag *d)
{
	if (!d)
		return;
	(void)close(d->fd);
	free(d);
}

/* 1, 0; -EAGAIN when it answers something else */
static int read_answer(const char *buf, size_t len, uint32_t seq, uint32_t ino)
{
	struct nlmsghdr nlh;
	struct nlmsgerr e;
	struct unix_diag_msg msg;

	if (len < sizeof(nlh))
		return -EPROTO;
	memcpy(&nlh, buf, sizeof(nlh));
	if (nlh.nlmsg_len < sizeof(nlh) || nlh.nlmsg_len > len)
		return -EPROTO;
	if (nlh.nlmsg_seq != seq)
		return -EAGAIN;
	if (nlh.nlmsg_type == NLMSG_ERROR) {
		if (nlh.nlmsg_len < NLMSG_LENGTH(sizeof(e)))
			return -EPROTO;
		memcpy(&e, buf + NLMSG_HDRLEN, sizeof(e));
		/* -ESTALE: another one has its inode number now */
		return e.error == -ENOENT || e.error == -ESTALE ? 0 : e.error;
	}
	if (nlh.nlmsg_type != SOCK_DIAG_BY_FAMILY || nlh.nlmsg_len < NLMSG_LENGTH(sizeof(msg)))
		return -EPROTO;
	memcpy(&msg, buf + NLMSG_HDRLEN, sizeof(msg));
	return msg.udiag_family == AF_UNIX && msg.udiag_ino == ino ? 1 : -EPROTO;
}

int unixdiag_is_alive(struct unixdiag *d, uint32_t ino, uint64_t cookie)
{
	struct {
		struct nlmsghdr nlh;
		struct unix_diag_req req;
	} q = {
		.nlh.nlmsg_len = sizeof(q),
		.nlh.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlh.nlmsg_flags = NLM_F_REQUEST,
		.nlh.nlmsg_seq = ++d->seq,
		.req.sdiag_family = AF_UNIX,
		.req.udiag_states = UINT32_MAX,
		.req.udiag_ino = ino,
		.req.udiag_cookie = { (uint32_t)cookie, (uint32_t)(cookie >> 32) },
	};
	char buf[1024];
	int r = -EAGAIN;

	if (send(d->fd, &q, sizeof(q), 0) < 0)
		return -errno;
	for (unsigned int i = 0; r == -EAGAIN && i < ANSWERS_MAX; i++) {
		ssize_t n = recv(d->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			return -errno;
		r = read_answer(buf, (size_t)n, q.nlh.nlmsg_seq, ino);
	}
	return r;
}
