/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * unixend.h - the AF_UNIX descriptors that stand for a program's TCP sockets
 *
 * A program's socket is an AF_UNIX stream: not connected at first (poll() says OUT|HUP as TCP
 * does), paired with an end of ours when it connects or listens.  The tricks that make it look
 * like TCP:
 *
 *	junk	bytes that the program's end has sent to ours before the program may: with the
 *		least send buffer they fill it (a connection that is not established is not
 *		writable); they stay unread, so that closing our end tells the program of a
 *		reset (ECONNRESET), and not of an end
 *	token	a byte to a listening program for each connection that waits: it is readable
 */
#ifndef ATTACH_UNIXEND_H
#define ATTACH_UNIXEND_H

#include <stdbool.h>
#include <stdint.h>

struct nerr;
struct rendezvous;

/* What the kernel calls a description: SO_COOKIE, which it never gives twice, and its inode. */
struct unixend_id {
	uint64_t cookie;
	uint32_t ino;
};

/* Bytes that the program's end of a pair may have under way, and ours. */
#define UNIXEND_SNDBUF_PROGRAM (512 << 10)
#define UNIXEND_SNDBUF_OURS    (4U << 20)
#define UNIXEND_SNDBUF_LEAST   (16U << 10)

/* An AF_UNIX stream that is not connected (close-on-exec), with the least send buffer until
 * unixend_open().  @ret_cookie: SO_COOKIE, its name for us.  Return: the descriptor
 */
int unixend_fresh(uint64_t *ret_cookie, uint32_t *ret_ino);

/* Our end has no more than @bytes, but UNIXEND_SNDBUF_LEAST, under way to the program. */
void unixend_limit(int ours, uint32_t bytes);

/* SO_COOKIE of a descriptor, -ENOTSOCK ... */
int unixend_cookie(int fd, uint64_t *ret);

/* A pair that is connected: @ret_program with a junk byte sent and writable, @ret_ours
 * non-blocking; for accept().
 */
int unixend_pair(int *ret_program, int *ret_ours, uint64_t *ret_cookie, uint32_t *ret_ino,
		 uint32_t *ret_junk);

/* A listening AF_UNIX socket that nobody else can reach: how a socket that a program has already
 * gets its other end.
 */
int rendezvous_new(struct rendezvous **ret, struct nerr *err);
void rendezvous_free(struct rendezvous *rv);

/* @program (a copy of the program's descriptor) is connected to a new end of ours (non-blocking).
 * Checked by a nonce, of which nothing stays: the queue is empty.  -EISCONN, -EMFILE
 */
int rendezvous_join(struct rendezvous *rv, int program, int *ret_ours);

/* --- on a copy of the program's descriptor --- */

/* Make it not writable.  @ret_junk: bytes that are now at the head of our end's queue */
int unixend_fill(int program, uint32_t *ret_junk);
/* Make it writable, with exactly one edge for epoll; the junk stays. */
int unixend_open(int program);
/* One byte of junk, for a socket that is writable from the beginning. */
int unixend_residue(int program);
/* It cannot write any more (listeners): EPIPE. */
int unixend_no_write(int program);

/* Bytes in the queue of either end; and take up to @n of a program's (tokens).  Return: how many */
int unixend_queued(int fd);
int unixend_take_tokens(int program, unsigned int n);
/* To the program, by our end of a listener. */
int unixend_put_token(int ours);

/* --- is it still there? --- */

/* sock_diag, in the namespace in which the thread was at unixdiag_new().  1, 0, or negative */
struct unixdiag;
int unixdiag_new(struct unixdiag **ret, struct nerr *err);
void unixdiag_free(struct unixdiag *d);
int unixdiag_is_alive(struct unixdiag *d, uint32_t ino, uint64_t cookie);

#endif /* ATTACH_UNIXEND_H */
