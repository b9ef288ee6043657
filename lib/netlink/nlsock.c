/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nlsock.c - the only code that sends and receives on netlink
 *
 * rtnetlink and nfnetlink work a request off inside sendto(): when it returns,
 * the answers lie in the receive queue (those of a dump are made as they are
 * read).  So receiving tries first and polls only if there is nothing, which
 * costs the usual request no extra system call for its deadline.
 */
#include "netlink/nlsock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/nlsock_priv.h"

#define DUMP_TRIES 6

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t nlsock_deadline(int timeout_ms)
{
	return now_ms() + timeout_ms;
}

/* --- life --- */

int nlsock_open(struct nlsock **ret, int bus, struct nerr *err)
{
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	static const int on = 1;
	struct nlsock *nl;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open a netlink socket (protocol %d): %m", bus);
	/* Kernels without one of these answer as if it were off. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (bus == NETLINK_ROUTE)
		(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));

	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return nerr_oom(err);
	nl->rx = malloc(NLSOCK_RX_LEN); /* pages are touched only as far as answers reach */
	if (!nl->rx || nlsock_queue_init(&nl->queue) < 0) {
		nl->fd = -1;
		nlsock_close(nl);
		return nerr_oom(err);
	}
	nl->fd = TAKE_FD(fd);
	*ret = nl;
	return 0;
}

void nlsock_close(struct nlsock *nl)
{
	if (!nl)
		return;
	cleanup_closep(&nl->fd);
	nlsock_queue_done(&nl->queue);
	free(nl->rx);
	free(nl);
}

int nlsock_fd(const struct nlsock *nl)
{
	return nl->fd;
}

int nlsock_release_fd(struct nlsock *nl)
{
	int fd = TAKE_FD(nl->fd);

	nlsock_close(nl);
	return fd;
}

uint32_t nlsock_seq(struct nlsock *nl)
{
	if (++nl->seq == 0) /* 0 marks notifications, and "no message" */
		nl->seq++;
	return nl->seq;
}

/* --- one sends, one receives --- */

int nlsock_send(struct nlsock *nl, const void *buf, size_t len, struct nerr *err)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(nl->fd, buf, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return nerr_set(err, -errno, "cannot send to the kernel: %m");
	if ((size_t)n != len)
		return nerr_set(err, -EIO, "the kernel took %zd of %zu bytes", n, len);
	return 0;
}

/* Until there is something to read. 0 or -ETIMEDOUT or another errno. */
static int nlsock_poll(const struct nlsock *nl, int64_t deadline)
{
	struct pollfd pfd = { .fd = nl->fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - now_ms();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

int nlsock_recv(struct nlsock *nl, int64_t deadline, size_t *ret, struct nerr *err)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { .iov_base = nl->rx, .iov_len = NLSOCK_RX_LEN };
		struct msghdr msg = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(nl->fd, &msg, MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS)
			return nerr_set(err, -ENOBUFS, "answers of the kernel were lost: %m");
		if (n < 0 && errno != EAGAIN)
			return nerr_set(err, -errno, "cannot receive from the kernel: %m");
		if (n < 0) {
			r = nlsock_poll(nl, deadline);
			if (r == -ETIMEDOUT)
				return r;
			if (r < 0)
				return nerr_set(err, r, "cannot wait for the kernel: %m");
			continue;
		}
		if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		if (msg.msg_flags & MSG_TRUNC)
			return nerr_set(err, -EMSGSIZE,
					"an answer of the kernel is longer than %d bytes",
					NLSOCK_RX_LEN);
		*ret = (size_t)n;
		return 0;
	}
}

int nlsock_no_answer(struct nerr *err)
{
	return nerr_set(err, -ETIMEDOUT, "no answer from the kernel within %d s", NLSOCK_TIMEOUT_S);
}

/* --- answers --- */

/* The kernel's words among the attributes behind @offset, NULL if it has none. */
static const char *ext_ack_text(const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *a;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || offset > mnl_nlmsg_get_payload_len(nlh))
		return NULL;
	attr_foreach(a, nlh, offset) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			return mnl_attr_get_str(a);
	}
	return NULL;
}

int nlsock_answer(const struct nlmsghdr *nlh, const char **ret_text)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t len = mnl_nlmsg_get_payload_len(nlh);
	size_t offset = sizeof(*e);

	*ret_text = NULL;
	if (nlh->nlmsg_type == NLMSG_DONE) {
		int code;

		if (len < sizeof(code))
			return 0; /* old kernels end a dump without a code */
		memcpy(&code, e, sizeof(code));
		if (code >= 0)
			return 0;
		*ret_text = ext_ack_text(nlh, sizeof(code));
		return code;
	}

	if (len < sizeof(*e) || e->error > 0)
		return -EBADMSG;
	if (e->error == 0)
		return 0;
	/* The refused message follows unless the kernel can leave it out. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	*ret_text = ext_ack_text(nlh, offset);
	return e->error;
}

int nlsock_refused(struct nerr *err, int code, const char *what, const char *text)
{
	const char *sep = what[0] ? ": " : "";

	if (text)
		return nerr_set(err, code, "%s%s%s (%m)", what, sep, text);
	return nerr_set(err, code, "%s%s%m", what, sep);
}

/* --- requests with answers --- */

/**
 * struct talk - A request waiting for its end
 * @code:	Result: of the kernel or of @cb
 * @ended:	The kernel has said all
 */
struct talk {
	uint32_t seq;
	int (*cb)(const struct nlmsghdr *nlh, void *arg);
	void *arg;
	int code;
	bool interrupted;
	bool ended;
};

static void talk_answer(struct talk *t, const struct nlmsghdr *nlh, struct nerr *err)
{
	const char *text;
	int r;

	if (nlh->nlmsg_seq != t->seq || t->ended)
		return;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		t->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		t->ended = true;
		r = nlsock_answer(nlh, &text);
		if (r < 0 && !t->code)
			t->code = nlsock_refused(err, r, "", text);
		return;
	}
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || !t->cb || t->code)
		return;
	r = t->cb(nlh, t->arg);
	if (r >= 0)
		return;
	t->code = r;
	if (err && err->code != r)
		(void)nerr_set(err, r, "%m");
}

int nlsock_talk(struct nlsock *nl, struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg, struct nerr *err)
{
	int64_t deadline = nlsock_deadline(NLSOCK_TIMEOUT_S * 1000);
	struct talk t = { .seq = nlsock_seq(nl), .cb = cb, .arg = arg };
	int r;

	nlh->nlmsg_seq = t.seq;
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	if ((nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (err)
		err->code = 0; /* an older error is not @cb's */
	r = nlsock_send(nl, nlh, nlh->nlmsg_len, err);
	if (r < 0)
		return r;

	/* Also after @cb stopped: a dump left unread makes the next one fail with EBUSY. */
	while (!t.ended) {
		const struct nlmsghdr *ans = (const struct nlmsghdr *)nl->rx;
		struct nerr *why = t.code ? NULL : err;
		size_t n;
		int left;

		r = nlsock_recv(nl, deadline, &n, why);
		if (r == -ETIMEDOUT)
			(void)nlsock_no_answer(why);
		if (r < 0)
			return t.code ? t.code : r;
		left = (int)n;
		for (; mnl_nlmsg_ok(ans, left); ans = mnl_nlmsg_next(ans, &left))
			talk_answer(&t, ans, t.code ? NULL : err);
	}
	if (!t.code && t.interrupted)
		return nerr_set(err, -EINTR, "the kernel's list changed while it was read");
	return t.code;
}

int nlsock_dump(struct nlsock *nl, struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void (*restart)(void *arg),
		void *arg, struct nerr *err)
{
	for (unsigned i = 1;; i++) {
		int r = nlsock_talk(nl, nlh, cb, arg, err);

		if (r != -EINTR || i == DUMP_TRIES)
			return r;
		if (restart)
			restart(arg);
	}
}

/* --- notifications --- */

int nlsock_subscribe(struct nlsock *nl, unsigned group, struct nerr *err)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(name);
	int g = (int)group;

	/* A socket without a port gets no notifications; one that has a port (from the first
	 * message sent, or here) cannot be bound again.
	 */
	if (getsockname(nl->fd, (struct sockaddr *)&name, &len) < 0)
		return nerr_set(err, -errno, "cannot read the port of a netlink socket: %m");
	if (name.nl_pid == 0 && bind(nl->fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return nerr_set(err, -errno, "cannot bind a netlink socket: %m");
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &g, sizeof(g)) < 0)
		return nerr_set(err, -errno, "cannot join netlink group %u: %m", group);
	return 0;
}

int nlsock_wait(struct nlsock *nl, int64_t deadline,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg, struct nerr *err)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
	size_t n;
	int left;
	int r = nlsock_recv(nl, deadline, &n, err);

	if (r == -ETIMEDOUT)
		return nerr_set(err, r, "no notification in time");
	if (r < 0)
		return r;
	left = (int)n;
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		r = cb(nlh, arg);
		if (r < 0)
			return r;
	}
	return 0;
}
