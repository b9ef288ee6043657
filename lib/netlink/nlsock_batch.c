/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nlsock_batch.c - nfnetlink batches: all or nothing, prepared by the caller
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "base/error.h"
#include "netlink/nlsock_priv.h"

/* Queues that take @len bytes out and the answers to as many messages back.  The kernel
 * doubles the figure for its own overhead.
 */
static void grow_queues(const struct nlsock *nl, size_t len, unsigned n_acks)
{
	size_t want_rx = (size_t)n_acks * 1024;
	int size;

	/* Without the capability the default stays, and sending says EMSGSIZE. */
	if (len > NLSOCK_TX_LEN && len < INT_MAX / 2) {
		size = (int)len;
		(void)setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	}
	if (want_rx > NLSOCK_TX_LEN && want_rx < INT_MAX / 2) {
		size = (int)want_rx;
		(void)setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	}
}

/* Sequence numbers of @buf: the first, and how far the last is from it. */
static uint32_t seq_span(const void *buf, size_t len, uint32_t *ret_first)
{
	const struct nlmsghdr *nlh = buf;
	uint32_t span = 0;
	int left = (int)len;

	*ret_first = nlh->nlmsg_seq;
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq - *ret_first > span)
			span = nlh->nlmsg_seq - *ret_first;
	}
	return span;
}

/**
 * struct batch_answers - What came back for a batch
 * @n_open:	Acknowledgements still to come
 * @code:	First refusal
 * @seq:	Its message
 */
struct batch_answers {
	uint32_t first;
	uint32_t span;
	unsigned n_open;
	int code;
	uint32_t seq;
};

static void batch_answer(struct batch_answers *b, const struct nlmsghdr *nlh, struct nerr *err)
{
	const char *text;
	int code;

	if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_seq - b->first > b->span)
		return;
	code = nlsock_answer(nlh, &text);
	if (code == 0) {
		if (b->n_open)
			b->n_open--;
		return;
	}
	if (b->code)
		return;
	b->seq = nlh->nlmsg_seq;
	b->code = nlsock_refused(err, code, "", text);
}

int nlsock_send_raw(struct nlsock *nl, const void *buf, size_t len, unsigned n_acks,
		    uint32_t *failed_seq, struct nerr *err)
{
	int64_t deadline = nlsock_deadline(NLSOCK_TIMEOUT_S * 1000);
	struct batch_answers b = { .n_open = n_acks };
	bool lost = false;
	int r;

	assert(len >= NLMSG_HDRLEN && len < INT_MAX);
	if (failed_seq)
		*failed_seq = 0;
	b.span = seq_span(buf, len, &b.first);
	grow_queues(nl, len, n_acks);
	r = nlsock_send(nl, buf, len, err);
	if (r < 0)
		return r;

	/* How many answers come is not known beforehand: a refused message answers
	 * unasked, and a batch refused as a whole (EPERM, a stale generation) has one
	 * answer.  So all that is there is read.
	 */
	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
		bool settled = !b.n_open || b.code || lost;
		size_t n;
		int left;

		r = nlsock_recv(nl, settled ? 0 : deadline, &n, b.code ? NULL : err);
		if (r == -ENOBUFS && !lost) {
			lost = true; /* the first refusals are still in the queue */
			continue;
		}
		if (r == -ETIMEDOUT && settled)
			break;
		if (r == -ETIMEDOUT)
			return nlsock_no_answer(err);
		if (r < 0)
			return b.code ? b.code : r;
		left = (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			batch_answer(&b, nlh, err);
	}
	if (b.code && failed_seq)
		*failed_seq = b.seq;
	return b.code ? b.code : lost ? -ENOBUFS : 0;
}
