/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * send(): bytes into the write queue.  What becomes of them is for out.c, at the end of the
 * turn: several writes in a row go out together.
 */
#include <errno.h>

#include "netstack/tcp/snd_priv.h"

/* --- memory --- */

void tcp_snd_charge(struct tcp_conn *c)
{
	c->tcp->queue_bytes += (uint64_t)c->txq.charge - c->sk.snd_charge;
	c->sk.snd_charge = c->txq.charge;
}

/* What is in use; the rest of the last block is not yet. */
static uint32_t used(const struct tcp_conn *c)
{
	return c->txq.charge - c->txq.tail_room;
}

/* The instance is at its limit: the least for each, no more. */
static uint32_t limit(const struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;

	if (c->tcp->queue_bytes >= params->bytes_max) {
		c->tcp->told_full = true;
		return tcp_min(c->sk.sndbuf, params->wmem_min);
	}
	return c->sk.sndbuf;
}

uint32_t tcp_snd_room(const struct tcp_conn *c)
{
	const uint32_t n = used(c);
	const uint32_t max = limit(c);

	if (c->notsent_lowat && tcp_unsent(c) >= c->notsent_lowat)
		return 0;
	return max > n ? max - n : 0;
}

/* A third has to be free, in order that writers are not woken for each ACK. */
bool tcp_snd_writable(const struct tcp_conn *c)
{
	const uint32_t n = used(c);
	const uint32_t max = limit(c);

	if (c->notsent_lowat && tcp_unsent(c) >= (c->notsent_lowat + 1) / 2)
		return false;
	return max > n && max - n >= n / 2;
}

/* Twice of what may be in flight, and as much as makes up for memory around it. */
void tcp_sndbuf_grow(struct tcp_conn *c)
{
	const struct tcp_params *params = &c->tcp->params;
	uint64_t want = 3 * (uint64_t)tcp_max(c->cs.cwnd, params->initial_cwnd * c->cs.mss);

	if (c->sk.flags & SOCK_SNDBUF_LOCKED || want <= c->sk.sndbuf)
		return;
	if (c->tcp->queue_bytes > params->bytes_max / 4 * 3)
		return;
	want = want < params->wmem_max ? want : params->wmem_max;
	c->sk.sndbuf = tcp_max(c->sk.sndbuf, (uint32_t)want);
}

/* --- writing --- */

/* May anything be written? */
static int check(struct tcp_conn *c)
{
	const int r = sock_take_error(&c->sk);

	if (r)
		return r;
	switch (c->state) {
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
		return c->sk.flags & SOCK_WR_SHUT ? -EPIPE : 0;
	case TCPS_SYN_SENT:
	case TCPS_SYN_RCVD:
		return -EAGAIN; /* shut down or not, as on Linux */
	default:
		return -EPIPE; /* never connected, as on Linux */
	}
}

/* The user waits for room from now on: what he held back until there is more goes now. */
static int full(struct tcp_conn *c)
{
	if (c->fl && !c->fl->unsent)
		tcp_chrono_set(c, TCP_CHRONO_SNDBUF);
	if (c->flags & TCPF_MORE) {
		c->flags &= ~(uint32_t)TCPF_MORE;
		tcp_work(c, TCPF_OUTPUT);
	}
	return -EAGAIN;
}

/* Bytes are at the end of the queue. */
static void written(struct tcp_conn *c, uint32_t n)
{
	struct tcp_flight *fl = c->fl;

	if (!fl->unsent && n)
		dataq_settle(&c->txq, &fl->tx_next);
	fl->unsent += n;
	tcp_snd_charge(c);
}

/* Before something is appended: a place behind the last byte is a place for it. */
static void about_to_write(struct tcp_conn *c)
{
	tcp_rate_check_app_limited(c);
	if (!c->fl->unsent)
		c->fl->tx_next = dataq_tail(&c->txq);
}

static uint32_t write_iov(struct tcp_conn *c, const struct sock_msg *msg, uint32_t room)
{
	struct tcp *tcp = c->tcp;
	uint32_t done = 0;

	for (size_t i = 0; i < msg->n_iov && done < room; i++) {
		const struct iovec *v = &msg->iov[i];
		const uint32_t want = v->iov_len < room - done ? (uint32_t)v->iov_len : room - done;
		const uint32_t n =
			dataq_write(&c->txq, &tcp->nodes, tcp->core->pool, v->iov_base, want);

		done += n;
		if (n < want)
			break;
	}
	return done;
}

static size_t msg_len(const struct sock_msg *msg)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->n_iov; i++)
		n += msg->iov[i].iov_len;
	return n;
}

int64_t tcp_send(struct tcp_conn *c, struct sock_msg *msg)
{
	const size_t len = msg_len(msg);
	uint32_t room, n;
	int r = check(c);

	if (r < 0)
		return r;
	if (len == 0)
		return 0;
	room = tcp_snd_room(c);
	if (!room)
		return full(c);
	if (!tcp_flight_get(c))
		return -ENOBUFS;
	about_to_write(c);
	n = write_iov(c, msg, room);
	written(c, n);
	if (!n) {
		tcp_flight_put(c);
		return -ENOBUFS;
	}

	if (msg->flags & MSG_MORE && n == len)
		c->flags |= TCPF_MORE;
	else
		c->flags &= ~(uint32_t)TCPF_MORE;
	if (msg->flags & MSG_OOB && n == len) {
		c->snd_up = seq_add(c->snd_nxt, c->fl->unsent);
		c->flags |= TCPF_URG_SENT;
	}
	tcp_work(c, TCPF_OUTPUT);
	return n;
}

int64_t tcp_send_block(struct tcp_conn *c, struct pbuf_block *block, uint32_t off, uint32_t len)
{
	uint32_t n;
	bool ok;
	int r = check(c);

	if (r < 0)
		return r;
	n = tcp_min(len, tcp_snd_room(c));
	if (!n)
		return len ? full(c) : 0;
	if (!tcp_flight_get(c))
		return -ENOBUFS;
	about_to_write(c);
	ok = dataq_add(&c->txq, &c->tcp->nodes, block, off, n);
	written(c, ok ? n : 0);
	if (!ok) {
		tcp_flight_put(c);
		return -ENOBUFS;
	}
	c->flags &= ~(uint32_t)TCPF_MORE;
	tcp_work(c, TCPF_OUTPUT);
	return n;
}

void tcp_send_fin(struct tcp_conn *c)
{
	c->flags |= TCPF_FIN_QUEUED;
	tcp_work(c, TCPF_OUTPUT);
}
