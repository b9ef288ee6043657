/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Functions of a TCP socket: what the socket layer calls.
 *
 * Results, their order and the masks of poll() are Linux's (net/ipv4/tcp.c, af_inet.c).
 */
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"
#include "netstack/tcp/snd_priv.h"

/* --- names, listening --- */

static int sock_bind(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	int r = 0;

	if (c->state != TCPS_CLOSED || c->bind.kind != PORT_NONE)
		return -EINVAL;
	sk->laddr = addr;
	if (port || !(sk->flags & SOCK_BIND_NO_PORT))
		r = port_bind(&c->tcp->ports, &c->bind, port);
	if (r < 0) {
		sk->laddr = IP6_UNSPECIFIED;
		return r;
	}
	if (!sock_addr_is_any(addr))
		sk->flags |= SOCK_BOUND_ADDR;
	if (port)
		sk->flags |= SOCK_BOUND_PORT;
	return 0;
}

static int listen_start(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	uint32_t id;
	struct tcp_listener *l = slab_alloc(&tcp->listeners, &id);
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->id = id;
	l->last = &l->first;
	if (c->bind.kind == PORT_NONE)
		r = port_bind(&tcp->ports, &c->bind, 0);
	if (r == 0)
		r = port_listen(&tcp->ports, &c->bind);
	if (r < 0) {
		slab_free(&tcp->listeners, id);
		return r;
	}
	c->listener = l;
	tcp_set_state(c, TCPS_LISTEN);
	return 0;
}

static int sock_listen(struct sock *sk, int backlog)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	int r = 0;

	if (c->flags & (TCPF_CONNECTING | TCPF_CONNECTED | TCPF_DISCONNECTING))
		return -EINVAL;
	if (c->state == TCPS_CLOSED)
		r = listen_start(c);
	else if (c->state != TCPS_LISTEN)
		return -EINVAL;
	if (r == 0)
		c->listener->backlog = tcp_min((uint32_t)backlog, c->tcp->params.somaxconn);
	return r;
}

static int sock_accept(struct sock *sk, struct sock **ret)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	struct tcp_conn *child;

	if (c->state != TCPS_LISTEN)
		return -EINVAL;
	child = tcp_accept_take(c);
	if (!child)
		return -EAGAIN;
	*ret = &child->sk;
	return 0;
}

/* --- reading --- */

/* How far it is from @off bytes behind the front of rxq to the urgent mark; UINT32_MAX for no
 * mark that is still to come.
 */
static uint32_t to_mark(const struct tcp_conn *c, uint32_t off)
{
	const int32_t n = seq_diff(c->rcv_up, seq_add(tcp_copied_seq(c), off));

	return c->flags & TCPF_URG_RCVD && n >= 0 ? (uint32_t)n : UINT32_MAX;
}

/* The mark was passed. */
static void check_mark(struct tcp_conn *c)
{
	if (c->flags & TCPF_URG_RCVD && seq_gt(tcp_copied_seq(c), c->rcv_up))
		c->flags &= ~(uint32_t)(TCPF_URG_RCVD | TCPF_URG_BYTE | TCPF_URG_READ);
}

static int64_t recv_urgent(struct tcp_conn *c, struct sock_msg *msg)
{
	if (c->sk.flags & SOCK_OOBINLINE || !(c->flags & TCPF_URG_RCVD) || c->flags & TCPF_URG_READ)
		return -EINVAL; /* there is none, or it is read like the others */
	if (c->state == TCPS_CLOSED && !(c->flags & TCPF_FIN_RCVD))
		return -ENOTCONN;
	if (!(c->flags & TCPF_URG_BYTE))
		return c->state == TCPS_CLOSED || c->sk.flags & SOCK_RD_SHUT ? 0 : -EAGAIN;

	if (!(msg->flags & MSG_PEEK)) {
		c->flags |= TCPF_URG_READ;
		c->flags &= ~(uint32_t)TCPF_URG_BYTE;
	}
	for (size_t i = 0; i < msg->n_iov; i++) {
		if (msg->iov[i].iov_len == 0)
			continue;
		if (!(msg->flags & MSG_TRUNC))
			*(uint8_t *)msg->iov[i].iov_base = c->urg_byte;
		msg->flags = MSG_OOB;
		return 1;
	}
	msg->flags = MSG_OOB | MSG_TRUNC;
	return 0;
}

/**
 * struct reader - recv() under way
 * @c:		Whose
 * @peek:	The bytes stay; @off of them were looked at
 * @trunc:	They are not wanted
 * @begun:	The same read() has bytes from before: it does not go beyond the urgent mark
 * @copied:	To the user
 * @dropped:	Out of rxq
 */
struct reader {
	struct tcp_conn *c;
	bool peek;
	bool trunc;
	bool begun;
	uint32_t off;
	uint32_t copied;
	uint32_t dropped;
};

static void reader_step(struct reader *r, uint8_t *dst, uint32_t n)
{
	struct tcp_conn *c = r->c;

	if (dst)
		dataq_peek(&c->rxq, r->off, dst, n);
	if (r->peek) {
		r->off += n;
		return;
	}
	dataq_drop(&c->rxq, &c->tcp->nodes, n);
	r->dropped += n;
}

/* Up to @len bytes.  Return: how many; 0: nothing more in this call */
static uint32_t reader_read(struct reader *r, uint8_t *dst, uint32_t len)
{
	struct tcp_conn *c = r->c;
	uint32_t n = tcp_min(c->rxq.len - r->off, len);
	uint32_t mark = to_mark(c, r->off);

	if (n == 0)
		return 0;
	if (mark == 0 && (r->copied || r->begun))
		return 0;
	if (mark == 0 && !(c->sk.flags & SOCK_OOBINLINE)) {
		reader_step(r, NULL, 1); /* not part of the stream */
		return reader_read(r, dst, len);
	}
	if (mark != 0)
		n = tcp_min(n, mark);
	reader_step(r, r->trunc ? NULL : dst, n);
	r->copied += n;
	return n;
}

/* All of @iov, or what there is. */
static void reader_fill(struct reader *r, const struct iovec *iov, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *dst = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left) {
			const uint32_t want = left < INT32_MAX ? (uint32_t)left : INT32_MAX;
			const uint32_t got = reader_read(r, dst, want);

			if (!got)
				return;
			dst += got;
			left -= got;
		}
	}
}

static bool is_empty(const struct sock_msg *msg)
{
	for (size_t i = 0; i < msg->n_iov; i++)
		if (msg->iov[i].iov_len)
			return false;
	return true;
}

/* There is nothing to read: why. */
static int64_t recv_nothing(struct tcp_conn *c)
{
	if (c->flags & TCPF_FIN_RCVD)
		return 0;
	if (c->sk.error)
		return sock_take_error(&c->sk);
	if (c->sk.flags & SOCK_RD_SHUT)
		return 0;
	return c->state == TCPS_CLOSED ? -ENOTCONN : -EAGAIN;
}

/* Who waits for more waits in vain: what was read ends at the mark, or nothing comes. */
static bool is_last(const struct tcp_conn *c, bool copied)
{
	return (copied && to_mark(c, 0) == 0) ||
	       (c->rxq.len == 0 &&
		(c->sk.flags & SOCK_RD_SHUT || c->sk.error || c->state == TCPS_CLOSED));
}

static int64_t sock_recv(struct sock *sk, struct sock_msg *msg)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	struct reader r = {
		.c = c,
		.peek = msg->flags & MSG_PEEK,
		.trunc = msg->flags & MSG_TRUNC,
		.begun = msg->begun,
	};

	if (msg->flags & MSG_ERRQUEUE)
		return -EAGAIN; /* errors are told by SO_ERROR: nothing is queued */
	if (c->state == TCPS_LISTEN)
		return -ENOTCONN;
	if (msg->flags & MSG_OOB)
		return recv_urgent(c, msg);
	reader_fill(&r, msg->iov, msg->n_iov);
	msg->flags = 0;
	if (r.dropped) {
		check_mark(c);
		tcp_rcv_read(c, r.dropped);
	}
	msg->stop = is_last(c, r.copied || r.begun);
	msg->has_inq = sk->opts & SOCKOPT_INQ;
	msg->inq = c->rxq.len + !!(c->flags & TCPF_FIN_RCVD);
	if (r.copied || (c->rxq.len && is_empty(msg)))
		return r.copied;
	return recv_nothing(c);
}

static int sock_view(struct sock *sk, struct pbuf_frag *ret, unsigned int n)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	struct reader r = { .c = c };
	uint32_t left;

	if (c->state == TCPS_LISTEN)
		return -ENOTCONN;
	if (to_mark(c, 0) == 0 && c->rxq.len && !(sk->flags & SOCK_OOBINLINE)) {
		reader_step(&r, NULL, 1);
		check_mark(c);
		tcp_rcv_read(c, 1);
	}
	if (!c->rxq.len)
		return (int)recv_nothing(c);
	left = to_mark(c, 0);
	left = left ? left : UINT32_MAX;
	n = dataq_view(&c->rxq, ret, n);
	for (unsigned int i = 0; i < n; i++) {
		if (ret[i].len >= left) {
			ret[i].len = left;
			return (int)i + 1;
		}
		left -= ret[i].len;
	}
	return (int)n;
}

static int sock_consume(struct sock *sk, uint32_t len)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	if (len > c->rxq.len)
		return -EINVAL;
	dataq_drop(&c->rxq, &c->tcp->nodes, len);
	check_mark(c);
	tcp_rcv_read(c, len);
	return 0;
}

/* --- writing --- */

static int64_t sock_send(struct sock *sk, struct sock_msg *msg)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	/* As Linux where it is not enabled: who asks for it knows what to do then. */
	if (msg->flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	tcp_pingpong(c);
	return tcp_send(c, msg);
}

static int64_t sock_send_block(struct sock *sk, struct pbuf_block *block, uint32_t off,
			       uint32_t len)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	tcp_pingpong(c);
	return tcp_send_block(c, block, off, len);
}

/* --- looking --- */

static bool is_handshake(const struct tcp_conn *c)
{
	return c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD;
}

static uint32_t sock_poll(const struct sock *sk)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;
	const bool rd_shut = sk->flags & SOCK_RD_SHUT;
	const bool wr_shut = sk->flags & SOCK_WR_SHUT;
	uint32_t mask = 0;
	uint32_t target;

	if (c->state == TCPS_LISTEN)
		return c->listener->first ? EPOLLIN | EPOLLRDNORM : 0;
	if ((rd_shut && wr_shut) || c->state == TCPS_CLOSED)
		mask |= EPOLLHUP;
	if (rd_shut)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (!is_handshake(c)) {
		target = sk->rcvlowat;
		if (to_mark(c, 0) == 0 && !(sk->flags & SOCK_OOBINLINE))
			target++;
		if (tcp_readable(c, target))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (wr_shut || tcp_snd_writable(c))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (c->flags & TCPF_URG_BYTE)
			mask |= EPOLLPRI;
	}
	return sk->error ? mask | EPOLLERR : mask;
}

static int sock_inq(const struct sock *sk, uint32_t *ret)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;
	uint32_t mark = to_mark(c, 0);

	if (c->state == TCPS_LISTEN)
		return -EINVAL;
	/* Up to the mark; the urgent byte itself is not counted before it was passed. */
	*ret = is_handshake(c) ? 0 : c->rxq.len;
	if (!(sk->flags & SOCK_OOBINLINE) && mark < *ret)
		*ret = mark;
	return 0;
}

static int sock_outq(const struct sock *sk, uint32_t *ret)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;

	if (c->state == TCPS_LISTEN)
		return -EINVAL;
	*ret = 0;
	if (!is_handshake(c) && c->state != TCPS_CLOSED)
		*ret = c->txq.len + (c->flags & TCPF_FIN_QUEUED && c->fl);
	return 0;
}

static int sock_outq_unsent(const struct sock *sk, uint32_t *ret)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;

	if (c->state == TCPS_LISTEN)
		return -EINVAL;
	*ret = 0;
	if (!is_handshake(c) && c->state != TCPS_CLOSED)
		*ret = tcp_unsent(c) + tcp_fin_waits(c);
	return 0;
}

static int sock_at_mark(const struct sock *sk)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;

	return c->state != TCPS_LISTEN && to_mark(c, 0) == 0;
}

static bool sock_has_peer(const struct sock *sk)
{
	const struct tcp_conn *c = (const struct tcp_conn *)(const void *)sk;

	return c->state != TCPS_CLOSED && c->state != TCPS_SYN_SENT && sk->rport;
}

/* --- options of other levels --- */

/* More is waited for than the buffer would hold: it grows (tcp_set_rcvlowat() of Linux). */
static void rcvlowat_changed(struct tcp_conn *c)
{
	struct sock *sk = &c->sk;
	const uint32_t cap = sk->flags & SOCK_RCVBUF_LOCKED ? sk->rcvbuf : c->tcp->params.rmem_max;

	sk->rcvlowat = tcp_min(sk->rcvlowat, cap / 2);
	if (!sk->rcvlowat)
		sk->rcvlowat = 1;
	if (!(sk->flags & SOCK_RCVBUF_LOCKED) && sk->rcvlowat > sk->rcvbuf / 2)
		sk->rcvbuf = 2 * sk->rcvlowat;
	if (c->flags & TCPF_FIN_RCVD || (c->state != TCPS_LISTEN && tcp_readable(c, sk->rcvlowat)))
		sock_wake(c->tcp->core, sk, EPOLLIN | EPOLLRDNORM);
}

static void sock_changed(struct sock *sk, int name)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	switch (name) {
	case SO_KEEPALIVE:
		tcp_keepalive_update(c);
		break;
	case SO_RCVLOWAT:
		rcvlowat_changed(c);
		break;
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		(void)port_moved(&c->tcp->ports, &c->bind); /* without memory it is as before */
		break;
	case SO_BINDTODEVICE:
		if (c->bind.kind != PORT_NONE)
			(void)port_moved(&c->tcp->ports, &c->bind); /* as on Linux: no check */
		c->path.gen = 0;
		break;
	case SO_MARK:
	case SO_DONTROUTE:
		c->path.gen = 0;
		break;
	default:
		break;
	}
}

const struct sock_type tcp_sock_type = {
	.type = SOCK_STREAM,
	.protocol = IP_PROTO_TCP,
	.name = "tcp",
	.bind = sock_bind,
	.connect_state = tcp_connect_state,
	.connect = tcp_connect,
	.listen = sock_listen,
	.accept = sock_accept,
	.send = sock_send,
	.recv = sock_recv,
	.shutdown = tcp_shutdown,
	.close = tcp_close,
	.poll = sock_poll,
	.setopt = tcp_setopt,
	.getopt = tcp_getopt,
	.changed = sock_changed,
	.has_peer = sock_has_peer,
	.inq = sock_inq,
	.outq = sock_outq,
	.outq_unsent = sock_outq_unsent,
	.at_mark = sock_at_mark,
	.send_block = sock_send_block,
	.view = sock_view,
	.consume = sock_consume,
};
