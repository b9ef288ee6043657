/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nlsock_priv.h - what the nlsock*.c files share
 */
#ifndef NETLINK_NLSOCK_PRIV_H
#define NETLINK_NLSOCK_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "netlink/nlsock.h"

/* The kernel fills at most this much per read of a dump (net/netlink/af_netlink.c,
 * netlink_recvmsg()), and no single answer of those asked for here is longer.
 */
#define NLSOCK_RX_LEN 32768

/* Sent at once without asking for a larger send queue: half of the default one. */
#define NLSOCK_TX_LEN (96u << 10)

/* Longest text kept of what a message does. */
#define NLSOCK_WHAT_LEN 256

/**
 * struct nlsock_queue - Messages that wait for nlsock_commit()
 * @buf:	The messages.  The last is being filled while @is_open
 * @scrap:	Stands in for @buf when that cannot grow
 * @item:	One for each message
 * @what:	Descriptions of the messages, NUL-terminated each
 * @fail_code:	Why the queue cannot be sent, 0 if it can
 * @fail_text:	The same in words
 */
struct nlsock_queue {
	uint8_t *buf;
	size_t len;
	size_t cap;
	uint8_t *scrap;
	bool is_open;
	struct nlsock_queued *item;
	size_t n_items;
	size_t items_cap;
	struct strbuf what;
	int fail_code;
	char fail_text[NLSOCK_WHAT_LEN * 2];
};

/**
 * struct nlsock - A netlink socket and its queue
 * @seq:	Last sequence number used
 * @rx:		NLSOCK_RX_LEN bytes, what nlsock_recv() received last
 */
struct nlsock {
	int fd;
	uint32_t seq;
	uint8_t *rx;
	struct nlsock_queue queue;
};

/* 0 or -ENOMEM; nlsock_queue_done() takes a queue of zeros, too. */
int nlsock_queue_init(struct nlsock_queue *q);
void nlsock_queue_done(struct nlsock_queue *q);

/* One datagram to the kernel. 0 or negative errno with a message. */
int nlsock_send(struct nlsock *nl, const void *buf, size_t len, struct nerr *err);

/**
 * nlsock_recv() - The next datagram of the kernel, into @nl->rx
 * @deadline:	Of nlsock_deadline(); 0 takes only what has arrived
 * @ret:	Its length
 *
 * What other processes send to our port is dropped.
 *
 * Return: 0, -ETIMEDOUT without a message, or another errno
 */
int nlsock_recv(struct nlsock *nl, int64_t deadline, size_t *ret, struct nerr *err);

/* The message for an answer that did not come. Return: -ETIMEDOUT */
int nlsock_no_answer(struct nerr *err);

/**
 * nlsock_answer() - What an NLMSG_ERROR or NLMSG_DONE says
 * @ret_text:	The kernel's words, NULL for none.  Borrowed from @nlh
 *
 * Return: 0 or negative errno
 */
int nlsock_answer(const struct nlmsghdr *nlh, const char **ret_text);

/* Set "<words of the kernel> (<errno's text>)", with "<what>: " before it unless @what is "".
 * Return: @code
 */
int nlsock_refused(struct nerr *err, int code, const char *what, const char *text);

#endif /* NETLINK_NLSOCK_PRIV_H */
