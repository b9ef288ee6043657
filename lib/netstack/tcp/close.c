/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a connection comes to its end from this side: shutdown(), close(), and what becomes of a
 * connection that nobody has a descriptor of any more (an orphan).
 */
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"

unsigned int tcp_reset_from(struct tcp *tcp, struct ip6_addr laddr)
{
	unsigned int n = 0;

	for (uint32_t id = tcp->all; id != SLAB_NONE;) {
		struct tcp_conn *c = tcp_conn_get(tcp, id);

		id = c->next;
		if (c->state == TCPS_LISTEN || c->state == TCPS_CLOSED ||
		    !ip6_addr_eq(c->sk.laddr, laddr))
			continue;
		tcp_conn_abort(c, ECONNABORTED); /* it is freed by tcp_run() */
		n++;
	}
	return n;
}

/* RFC 9293, 3.10.4: what sends a FIN.  Return: there is one to be sent */
static bool close_state(struct tcp_conn *c)
{
	switch (c->state) {
	case TCPS_SYN_RCVD:
	case TCPS_ESTABLISHED:
		tcp_set_state(c, TCPS_FIN_WAIT1);
		return true;
	case TCPS_CLOSE_WAIT:
		tcp_set_state(c, TCPS_LAST_ACK);
		return true;
	default:
		return false;
	}
}

/* States in which a peer that is there has to be told of an end with RST (RFC 9293, 3.10.5). */
static bool needs_reset(const struct tcp_conn *c)
{
	switch (c->state) {
	case TCPS_SYN_RCVD:
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
	case TCPS_FIN_WAIT1:
	case TCPS_FIN_WAIT2:
		return true;
	default:
		return false;
	}
}

void tcp_listen_stop(struct tcp_conn *c)
{
	struct tcp_listener *l = c->listener;

	assert(c->state == TCPS_LISTEN);
	tcp_syn_forget(c);
	tcp_accept_forget(c);
	port_unlisten(&c->tcp->ports, &c->bind);
	if (!(c->sk.flags & SOCK_BOUND_PORT))
		port_release(&c->tcp->ports, &c->bind);
	c->listener = NULL;
	slab_free(&c->tcp->listeners, l->id);
	tcp_set_state(c, TCPS_CLOSED);
}

/* The connection ends now: with RST where the peer is to know, or unsent data is lost. */
static void end(struct tcp_conn *c, int error)
{
	if (needs_reset(c) ||
	    ((c->state == TCPS_LAST_ACK || c->state == TCPS_CLOSING) && c->txq.len))
		tcp_conn_abort(c, error);
	else
		tcp_conn_end(c, error);
}

/* The user is to hear of it, too, as on Linux. */
static bool is_cut_short(const struct tcp_conn *c)
{
	return needs_reset(c) || c->state == TCPS_SYN_SENT ||
	       ((c->state == TCPS_LAST_ACK || c->state == TCPS_CLOSING) && c->txq.len);
}

void tcp_disconnect(struct tcp_conn *c)
{
	struct sock *sk = &c->sk;

	if (c->state == TCPS_LISTEN)
		tcp_listen_stop(c);
	else
		end(c, is_cut_short(c) ? ECONNRESET : 0);
	dataq_clear(&c->rxq, &c->tcp->nodes);
	tcp_rcv_charge(c);

	if (!(sk->flags & SOCK_BOUND_PORT)) {
		port_release(&c->tcp->ports, &c->bind);
		sk->lport = 0;
	}
	if (!(sk->flags & SOCK_BOUND_ADDR))
		sk->laddr = IP6_UNSPECIFIED;
	sk->raddr = IP6_UNSPECIFIED;
	sk->rport = 0;
	if (c->bind.kind != PORT_NONE)
		(void)port_moved(&c->tcp->ports, &c->bind); /* it receives nothing */
	sk->flags &= ~(uint32_t)(SOCK_RD_SHUT | SOCK_WR_SHUT);
	c->flags &= TCPF_NODELAY | TCPF_CORK | TCPF_QUICKACK | TCPF_WORK;
	c->path.gen = 0;
	c->snd_wscale = c->rcv_wscale = 0;
	c->snd_wnd = c->max_wnd = 0;
	c->ato_ms = c->n_quick = 0;
	c->ts_recent = 0;
	c->last_challenge_ms = 0;
	c->rcv_rtt_us = c->rcv_rtt_at_us = 0;
	c->rcvq_copied = 0;
	c->backoff = c->n_probes = c->n_retries = 0;
	sock_wake(c->tcp->core, sk, EPOLLERR);
}

/* What connect() began is no longer to be asked for: inet_shutdown() of Linux. */
static void shutdown_connecting(struct tcp_conn *c)
{
	if (!(c->flags & TCPF_CONNECTING))
		return;
	c->flags &= ~(uint32_t)TCPF_CONNECTING;
	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD || c->state == TCPS_CLOSED)
		c->flags |= TCPF_DISCONNECTING;
	else
		c->flags |= TCPF_CONNECTED;
}

int tcp_shutdown(struct sock *sk, int how)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	const bool rd = how == SHUT_RD || how == SHUT_RDWR;
	const bool wr = how == SHUT_WR || how == SHUT_RDWR;
	int r = 0;

	shutdown_connecting(c);
	if (c->state == TCPS_SYN_SENT || (c->state == TCPS_LISTEN && rd)) {
		tcp_disconnect(c);
		return 0;
	}
	if (c->state == TCPS_LISTEN)
		return 0;
	if (c->state == TCPS_CLOSED)
		r = -ENOTCONN;
	if (rd)
		sk->flags |= SOCK_RD_SHUT;
	if (wr) {
		sk->flags |= SOCK_WR_SHUT;
		if (close_state(c))
			tcp_send_fin(c);
	}
	return r;
}

/* --- orphans --- */

void tcp_orphan_fin_wait2(struct tcp_conn *c)
{
	uint32_t s = c->tcp->params.fin_timeout_s;

	if (c->linger2_s < 0) { /* TCP_LINGER2: not a moment */
		c->tcp->stats.abort_on_linger++;
		tcp_conn_abort(c, 0);
		return;
	}
	if (c->linger2_s > 0)
		s = tcp_min(s, (uint32_t)c->linger2_s);
	tcp_fin_timeout_start(c, s);
}

static void orphan(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;

	if (c->state == TCPS_FIN_WAIT2)
		tcp_orphan_fin_wait2(c);
	if (c->state == TCPS_CLOSED)
		return;
	if (tcp->n_orphans > tcp->params.orphans_max ||
	    (c->sk.snd_charge > tcp->params.wmem_min && tcp->queue_bytes > tcp->params.bytes_max)) {
		tcp->stats.abort_on_memory++;
		tcp_conn_abort(c, 0);
	}
}

/* What has not been read is lost: the peer must not believe that it was (RFC 1122, 4.2.2.13). */
static void close_conn(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	const bool unread = c->rxq.len;

	dataq_clear(&c->rxq, &tcp->nodes);
	tcp_ofo_clear(c);
	tcp_rcv_charge(c);
	tcp->n_orphans++;
	if (unread && c->state != TCPS_SYN_SENT) {
		tcp->stats.abort_on_close++;
		tcp_conn_abort(c, 0);
		return;
	}
	if (c->sk.flags & SOCK_LINGER && c->sk.linger_s == 0) {
		tcp->stats.abort_on_data++;
		end(c, 0);
		return;
	}
	if (c->state == TCPS_SYN_SENT) {
		tcp_conn_end(c, 0);
		return;
	}
	if (close_state(c))
		tcp_send_fin(c);
	if (c->state != TCPS_CLOSED)
		orphan(c);
}

void tcp_close(struct sock *sk)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	assert(sk->flags & SOCK_DEAD);
	sk->flags |= SOCK_RD_SHUT | SOCK_WR_SHUT;
	if (c->state == TCPS_LISTEN)
		tcp_listen_stop(c);
	else if (c->state != TCPS_CLOSED)
		close_conn(c);
	if (c->state == TCPS_CLOSED) {
		dataq_clear(&c->rxq, &c->tcp->nodes);
		tcp_rcv_charge(c);
		port_release(&c->tcp->ports, &c->bind);
		tcp_work(c, 0);
	}
}
