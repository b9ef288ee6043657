/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sending and receiving until it is enough: protocols do what they can at once, here is who
 * waits for the rest.
 */
#include <errno.h>
#include <sys/socket.h>

#include "netstack/socket/socket_priv.h"

/**
 * struct progress - What is left of a message
 * @m:		The caller's, @iov moved on
 * @one:	What is left of a piece
 * @off:	Done of the first piece
 */
struct progress {
	struct sock_msg m;
	struct iovec one;
	const struct iovec *iov;
	size_t n_iov;
	size_t off;
};

static uint64_t total_of(const struct sock_msg *msg)
{
	uint64_t n = 0;

	for (size_t i = 0; i < msg->n_iov; i++)
		n += msg->iov[i].iov_len;
	return n;
}

static void progress_by(struct progress *p, uint64_t n)
{
	p->off += n;
	while (p->n_iov && p->off >= p->iov->iov_len) {
		p->off -= p->iov->iov_len;
		p->iov++;
		p->n_iov--;
	}
}

/* The message for the next try: a piece that was begun goes alone. */
static struct sock_msg *progress_next(struct progress *p, int flags)
{
	p->m.flags = flags;
	p->m.stop = false;
	p->m.iov = p->iov;
	p->m.n_iov = p->n_iov;
	if (p->off) {
		p->one.iov_base = (char *)p->iov->iov_base + p->off;
		p->one.iov_len = p->iov->iov_len - p->off;
		p->m.iov = &p->one;
		p->m.n_iov = 1;
	}
	return &p->m;
}

static bool is_blocking(const struct sock *sk, int flags)
{
	return !(sk->flags & SOCK_FILE_NONBLOCK) && !(flags & MSG_DONTWAIT);
}

/* Bytes that were done count more than an error, which is kept for the next call. */
static int64_t result(struct sock *sk, uint64_t done, int64_t r)
{
	if (!done)
		return r;
	if (r < 0 && r != -EAGAIN && r != -EPIPE && r != -EINTR && !sk->error)
		sk->error = (int16_t)-r;
	return (int64_t)done;
}

static int64_t send_stream(struct socket_table *t, struct sock *sk, struct sock_msg *msg)
{
	struct progress p = { .m = *msg, .iov = msg->iov, .n_iov = msg->n_iov };
	const uint64_t total = total_of(msg);
	const int flags = msg->flags;
	uint64_t done = 0;
	struct wait w;
	int64_t r;

	w = wait_begin(t, sk, sk->sndtimeo_ms, !is_blocking(sk, flags));
	do {
		r = sk->type->send(sk, progress_next(&p, flags));
		if (r == 0)
			break;
		if (r > 0) {
			done += (uint64_t)r;
			progress_by(&p, (uint64_t)r);
		} else if (r == -EAGAIN) {
			r = wait_turn(&w);
		}
	} while (r >= 0 && done < total);
	r = result(sk, done, r);
	wait_end(&w);
	return r;
}

int64_t socket_send(struct socket_table *t, struct sock *sk, struct sock_msg *msg)
{
	const int flags = msg->flags;
	struct wait w;
	int64_t r;

	if (sk->type->type == SOCK_STREAM)
		return send_stream(t, sk, msg);
	r = sk->type->send(sk, msg);
	if (r != -EAGAIN)
		return r;
	w = wait_begin(t, sk, sk->sndtimeo_ms, !is_blocking(sk, flags));
	while (r == -EAGAIN) {
		r = wait_turn(&w);
		if (r < 0)
			break;
		msg->flags = flags;
		r = sk->type->send(sk, msg);
	}
	wait_end(&w);
	return r;
}

/* Bytes that a call wants before it returns. */
static uint64_t target_of(const struct sock *sk, int flags, uint64_t total)
{
	uint64_t target = flags & MSG_WAITALL || sk->rcvlowat > total ? total : sk->rcvlowat;

	return target ? target : 1;
}

static int64_t recv_stream(struct socket_table *t, struct sock *sk, struct sock_msg *msg)
{
	struct progress p = { .m = *msg, .iov = msg->iov, .n_iov = msg->n_iov };
	const int flags = msg->flags;
	const uint64_t total = total_of(msg);
	const uint64_t target = target_of(sk, flags, total);
	uint64_t done = 0;
	struct wait w;
	int64_t r;

	w = wait_begin(t, sk, sk->rcvtimeo_ms, !is_blocking(sk, flags));
	for (;;) {
		r = sk->type->recv(sk, progress_next(&p, flags));
		if (r > 0 && flags & MSG_PEEK) {
			done = (uint64_t)r; /* it begins at the front each time */
		} else if (r > 0) {
			done += (uint64_t)r;
			p.m.begun = true;
			progress_by(&p, (uint64_t)r);
		}
		if ((r < 0 && r != -EAGAIN) || r == 0 || done >= target || p.m.stop)
			break;
		r = wait_turn(&w);
		if (r < 0)
			break;
	}
	msg->flags = p.m.flags;
	msg->has_addr = p.m.has_addr;
	msg->has_inq = p.m.has_inq;
	msg->inq = p.m.inq;
	r = result(sk, done, r);
	wait_end(&w);
	return r;
}

static int64_t recv_datagram(struct socket_table *t, struct sock *sk, struct sock_msg *msg)
{
	const int flags = msg->flags;
	struct wait w;
	int64_t r;

	msg->stop = false;
	r = sk->type->recv(sk, msg);
	if (r != -EAGAIN || flags & MSG_ERRQUEUE)
		return r;
	w = wait_begin(t, sk, sk->rcvtimeo_ms, !is_blocking(sk, flags));
	while (r == -EAGAIN) {
		/* shutdown(): who waits is told of the end. */
		if (msg->stop && w.deadline_ns) {
			msg->flags = 0;
			r = 0;
			break;
		}
		r = wait_turn(&w);
		if (r < 0)
			break;
		msg->flags = flags;
		r = sk->type->recv(sk, msg);
	}
	wait_end(&w);
	return r;
}

int64_t socket_recv(struct socket_table *t, struct sock *sk, struct sock_msg *msg)
{
	if (sk->type->type == SOCK_STREAM && !(msg->flags & (MSG_ERRQUEUE | MSG_OOB)))
		return recv_stream(t, sk, msg);
	if (sk->type->type == SOCK_STREAM)
		return sk->type->recv(sk, msg);
	return recv_datagram(t, sk, msg);
}
