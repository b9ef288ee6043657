/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nlsock_queue.c - changes: queued, sent together, acknowledged each
 *
 * The receive queue of a socket is bounded (net.core.rmem_default, 208 KiB as a
 * rule) and the kernel drops acknowledgements that do not fit.  A queue of many
 * messages is therefore sent in portions of QUEUE_BURST, each acknowledged before
 * the next.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "base/error.h"
#include "netlink/nlsock_priv.h"

/* An acknowledgement with a text takes about 1 KiB of the receive queue. */
#define QUEUE_BURST 64

/**
 * struct nlsock_queued - A message that waits for nlsock_commit()
 * @offset:	Where it begins in nlsock_queue.buf
 * @what:	Where its description begins in nlsock_queue.what
 * @answered:	The kernel has acknowledged or refused it
 */
struct nlsock_queued {
	uint32_t seq;
	int ignore;
	size_t offset;
	size_t what;
	bool answered;
};

int nlsock_queue_init(struct nlsock_queue *q)
{
	*q = (struct nlsock_queue){ .scrap = malloc(NLSOCK_MSG_MAX) };
	return q->scrap ? 0 : -ENOMEM;
}

void nlsock_queue_done(struct nlsock_queue *q)
{
	strbuf_done(&q->what);
	free(q->item);
	free(q->scrap);
	free(q->buf);
	*q = (struct nlsock_queue){ .buf = NULL };
}

/* End the message being filled. */
static void queue_close(struct nlsock_queue *q)
{
	const struct nlmsghdr *nlh;

	if (!q->is_open)
		return;
	q->is_open = false;
	nlh = (const struct nlmsghdr *)(q->buf + q->len);
	assert(nlh->nlmsg_len <= NLSOCK_MSG_MAX);
	q->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

/* Room for one more message. */
static bool queue_reserve(struct nlsock_queue *q)
{
	if (q->n_items == q->items_cap) {
		size_t cap = q->items_cap ? q->items_cap * 2 : 16;
		struct nlsock_queued *item = reallocarray(q->item, cap, sizeof(*item));

		if (!item)
			return false;
		q->item = item;
		q->items_cap = cap;
	}
	if (q->cap - q->len < NLSOCK_MSG_MAX) {
		size_t cap = q->cap ? q->cap * 2 : (size_t)NLSOCK_MSG_MAX * 2;
		uint8_t *buf = realloc(q->buf, cap);

		if (!buf)
			return false;
		q->buf = buf;
		q->cap = cap;
	}
	return true;
}

/* What a message does, for messages. Borrowed. */
static const char *queue_what(const struct nlsock_queue *q, const struct nlsock_queued *item)
{
	return q->what.s + item->what;
}

/* The first call counts. */
static void queue_fail(struct nlsock_queue *q, int code, const char *what, const char *why)
{
	if (q->fail_code)
		return;
	q->fail_code = code;
	(void)snprintf(q->fail_text, sizeof(q->fail_text), "%s%s%s", what, what[0] ? ": " : "",
		       why); /* cut where it does not fit */
}

struct nlmsghdr *nlsock_msg(struct nlsock *nl, uint16_t type, uint16_t flags, int ignore,
			    const char *fmt, ...)
{
	struct nlsock_queue *q = &nl->queue;
	struct nlmsghdr *nlh;
	char what[NLSOCK_WHAT_LEN];
	size_t at;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
		what[0] = '\0';
	va_end(ap);

	queue_close(q);
	at = q->what.len;
	strbuf_add_mem(&q->what, what, strlen(what) + 1);
	if (q->what.failed || !queue_reserve(q)) {
		queue_fail(q, -ENOMEM, what, "out of memory");
		return mnl_nlmsg_put_header(q->scrap);
	}

	nlh = mnl_nlmsg_put_header(q->buf + q->len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = nlsock_seq(nl);
	q->item[q->n_items++] = (struct nlsock_queued){
		.seq = nlh->nlmsg_seq,
		.ignore = ignore,
		.offset = q->len,
		.what = at,
	};
	q->is_open = true;
	return nlh;
}

void nlsock_fail(struct nlsock *nl, int code, const char *fmt, ...)
{
	const struct nlsock_queue *q = &nl->queue;
	char why[NLSOCK_WHAT_LEN];
	va_list ap;

	assert(code < 0);
	va_start(ap, fmt);
	if (vsnprintf(why, sizeof(why), fmt, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	queue_fail(&nl->queue, code, q->n_items ? queue_what(q, &q->item[q->n_items - 1]) : "",
		   why);
}

void nlsock_reset(struct nlsock *nl)
{
	struct nlsock_queue *q = &nl->queue;

	q->is_open = false;
	q->len = 0;
	q->n_items = 0;
	q->what.len = 0;
	q->what.failed = false;
	q->fail_code = 0;
}

/* --- sending --- */

/**
 * struct burst - A portion of the queue on its way
 * @item:	Its first message
 * @n:		Messages
 * @len:	Their bytes
 * @next:	The one whose answer comes next, as the kernel keeps the order
 * @n_open:	Answers still to come
 * @code:	First refusal
 */
struct burst {
	struct nlsock_queued *item;
	size_t n;
	size_t len;
	size_t next;
	size_t n_open;
	int code;
};

/* As many messages from the @first on as go together. */
static struct burst burst_begin(const struct nlsock_queue *q, size_t first)
{
	struct burst b = { .item = &q->item[first] };

	while (b.n < QUEUE_BURST && first + b.n < q->n_items) {
		bool is_last = first + b.n + 1 == q->n_items;
		size_t end = is_last ? q->len : b.item[b.n + 1].offset;

		if (b.n && end - b.item[0].offset > NLSOCK_TX_LEN)
			break;
		b.len = end - b.item[0].offset;
		b.n++;
	}
	b.n_open = b.n;
	return b;
}

static struct nlsock_queued *burst_lookup(struct burst *b, uint32_t seq)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t at = (b->next + i) % b->n;

		if (b->item[at].seq == seq) {
			b->next = at + 1;
			return &b->item[at];
		}
	}
	return NULL;
}

static void burst_answer(const struct nlsock_queue *q, struct burst *b, const struct nlmsghdr *nlh,
			 struct nerr *err)
{
	struct nlsock_queued *item;
	const char *text;
	int code;

	if (nlh->nlmsg_type != NLMSG_ERROR)
		return;
	item = burst_lookup(b, nlh->nlmsg_seq);
	if (!item || item->answered)
		return;
	item->answered = true;
	b->n_open--;
	code = nlsock_answer(nlh, &text);
	if (code == 0 || code == item->ignore || b->code)
		return;
	b->code = nlsock_refused(err, code, queue_what(q, item), text);
}

/* Send a portion and wait for its answers; the first refusal is in @b->code.  0, or a failure
 * of the socket, after which nothing more can be sent.
 */
static int burst_run(struct nlsock *nl, struct burst *b, struct nerr *err)
{
	int64_t deadline = nlsock_deadline(NLSOCK_TIMEOUT_S * 1000);
	const struct nlsock_queue *q = &nl->queue;
	int r = nlsock_send(nl, q->buf + b->item[0].offset, b->len, err);

	if (r < 0) {
		(void)nerr_ctx(err, "%s", queue_what(q, &b->item[0]));
		return r;
	}
	while (b->n_open) {
		struct nerr *why = b->code ? NULL : err; /* keep the first */
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->rx;
		size_t n;
		int left;

		r = nlsock_recv(nl, deadline, &n, why);
		if (r == -ETIMEDOUT)
			(void)nlsock_no_answer(why);
		if (r < 0) {
			(void)nerr_ctx(why, "%s", queue_what(q, &b->item[b->next % b->n]));
			return r;
		}
		left = (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			burst_answer(q, b, nlh, why);
	}
	return 0;
}

/* The whole queue. 0, or the first failure. */
static int queue_send(struct nlsock *nl, struct nerr *err)
{
	int first = 0;
	size_t done = 0;

	while (done < nl->queue.n_items) {
		struct burst b = burst_begin(&nl->queue, done);
		int r = burst_run(nl, &b, first ? NULL : err);

		if (!first)
			first = b.code ? b.code : r;
		if (r < 0)
			return first;
		done += b.n;
	}
	return first;
}

int nlsock_commit(struct nlsock *nl, struct nerr *err)
{
	struct nlsock_queue *q = &nl->queue;
	int r;

	queue_close(q);
	if (q->fail_code)
		r = nerr_set(err, q->fail_code, "%s", q->fail_text);
	else
		r = queue_send(nl, err);
	nlsock_reset(nl);
	return r;
}
