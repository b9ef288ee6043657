/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nlsock.h - netlink: one function sends, one receives
 *
 * A socket belongs to the network namespace in which it was opened and keeps
 * working there after the thread has moved on.
 *
 * Changes are queued: nlsock_msg() begins a message in the socket's buffer, the
 * caller adds attributes with mnl_attr_put_*(), and nlsock_commit() sends them
 * together (up to 64 in one system call) and collects one acknowledgement each.  The kernel
 * works them off in order and goes on after a failure; the first failure is what
 * nlsock_commit() reports, with the kernel's own words (extended ACK) where it
 * has any.
 *
 * Requests that answer (get, dump) are made with nlsock_talk().
 *
 * Replies are trusted only when their sender is the kernel (port id 0) and
 * their sequence number is ours.
 */
#ifndef NETLINK_NLSOCK_H
#define NETLINK_NLSOCK_H

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

struct nerr;
struct nlsock;

/* Longest wait for the kernel's answer, in seconds.  A link can take long to go. */
#define NLSOCK_TIMEOUT_S 30

/* Room for one queued message, its header included.  Ours need a few hundred bytes. */
#define NLSOCK_MSG_MAX 4096

/**
 * nlsock_open() - Open a socket in the calling thread's network namespace
 * @ret:	Socket on 0, for nlsock_close()
 * @bus:	NETLINK_ROUTE, NETLINK_NETFILTER
 *
 * Extended ACKs, capped ACKs and (NETLINK_ROUTE) strict checking are switched on
 * where the kernel has them.
 */
int nlsock_open(struct nlsock **ret, int bus, struct nerr *err);
void nlsock_close(struct nlsock *nl);
/* The descriptor. Borrowed. */
int nlsock_fd(const struct nlsock *nl);
/* As nlsock_close(), but the descriptor stays open and is the caller's. Return: it */
int nlsock_release_fd(struct nlsock *nl);

/**
 * nlsock_msg() - Begin a queued message
 * @nl:		Socket
 * @type:	nlmsg_type
 * @flags:	nlmsg_flags besides NLM_F_REQUEST | NLM_F_ACK
 * @ignore:	Negative errno that counts as success for this message, or 0
 * @fmt:	What the message does, for the error text: "cannot add address
 *		10.0.0.2/24 to 'eth0'"
 *
 * Return: header in the buffer, to be filled until the next call, up to
 *         NLSOCK_MSG_MAX bytes.  Never NULL: a queue that cannot grow makes
 *         nlsock_commit() fail
 */
struct nlmsghdr *nlsock_msg(struct nlsock *nl, uint16_t type, uint16_t flags, int ignore,
			    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/**
 * nlsock_fail() - Make nlsock_commit() fail without sending anything
 * @code:	Negative errno
 * @fmt:	Why the message begun last cannot be made: "name is longer than 15 bytes".
 *		The text given to nlsock_msg() is put before it
 *
 * For what the caller was given and no message can carry.  The first call counts.
 */
void nlsock_fail(struct nlsock *nl, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * nlsock_commit() - Send what is queued and wait for every acknowledgement
 *
 * The queue is empty afterwards, whatever happened.
 *
 * Return: 0, or the first failure, with a message
 */
int nlsock_commit(struct nlsock *nl, struct nerr *err);
/* Forget what is queued. */
void nlsock_reset(struct nlsock *nl);

/**
 * nlsock_talk() - Send one request and read all that it answers
 * @nl:		Socket with nothing queued
 * @nlh:	Request, built by the caller.  Sequence and flags REQUEST are set
 *		here; without NLM_F_DUMP, NLM_F_ACK is too
 * @cb:		Called for each answer, NULL for none.  A negative return stops
 *		and is the result; its message is @cb's, if it has put one with that
 *		code into @err, and else the errno's text
 * @arg:	For @cb
 *
 * An interrupted dump is -EINTR: the caller decides whether to ask again.
 *
 * Return: 0 or negative errno; @err has the kernel's text, without context
 */
int nlsock_talk(struct nlsock *nl, struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg, struct nerr *err);

/* As nlsock_talk() for a dump, asked again up to 5 times when interrupted.
 * @restart (may be NULL) is called before each repetition, to drop what was gathered.
 * -EINTR when the last one was interrupted too: what was gathered is then a partial answer.
 */
int nlsock_dump(struct nlsock *nl, struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void (*restart)(void *arg),
		void *arg, struct nerr *err);

/**
 * nlsock_send_raw() - Send a prepared nfnetlink batch and read its answers
 * @nl:		Socket
 * @buf, @len:	Messages, their sequence numbers set by the caller
 * @n_acks:	Messages in @buf that ask for an acknowledgement
 * @failed_seq:	Sequence number of the first message refused, 0 if none.  May be NULL
 *
 * Refusals of messages that did not ask for an acknowledgement are seen too.
 *
 * Return: 0 or the first negative errno; @err has the kernel's text, without context
 */
int nlsock_send_raw(struct nlsock *nl, const void *buf, size_t len, unsigned n_acks,
		    uint32_t *failed_seq, struct nerr *err);

/* The next unused sequence number, never 0. */
uint32_t nlsock_seq(struct nlsock *nl);

/* --- notifications --- */

/**
 * nlsock_subscribe() - Join a multicast group
 * @nl:		Socket kept for notifications: nlsock_talk() and nlsock_commit() would
 *		throw them away
 * @group:	RTNLGRP_*
 */
int nlsock_subscribe(struct nlsock *nl, unsigned group, struct nerr *err);

/* @timeout_ms from now, for nlsock_wait(). */
int64_t nlsock_deadline(int timeout_ms);

/**
 * nlsock_wait() - Read notifications, as many as come together
 * @nl:		Socket of nlsock_subscribe()
 * @deadline:	Of nlsock_deadline()
 * @cb:		Called for each; a negative return is the result
 * @arg:	For @cb
 *
 * Return: 0; -ETIMEDOUT; -ENOBUFS when notifications were lost, so that the
 *         caller must look for itself; another errno
 */
int nlsock_wait(struct nlsock *nl, int64_t deadline,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg, struct nerr *err);

#endif /* NETLINK_NLSOCK_H */
