/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A handshake from outside is complete: the connection, and the accept queue it waits in.
 *
 * The queue takes one more than the backlog, as on Linux.  A connection that ends there stays
 * in it: accept() gives it out, and who reads it hears of the end.
 */
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"
#include "netstack/tcp/snd_priv.h"

/* States of a socket, which are not for its children. */
#define SOCK_STATES                                                                                \
	(SOCK_BOUND_ADDR | SOCK_BOUND_PORT | SOCK_DEAD | SOCK_LISTED | SOCK_FILE_NONBLOCK)

/* All that was set of the listener by options is as well of the connection. */
static void inherit(struct tcp_conn *c, const struct tcp_conn *listener)
{
	const uint32_t id = c->sk.id;

	c->sk = listener->sk;
	c->sk.id = id;
	c->sk.flags &= ~(uint32_t)SOCK_STATES;
	c->sk.fd = -1;
	c->sk.refs = 0;
	c->sk.priority = 0; /* the exception, as in sk_clone_lock() of Linux */
	c->sk.error = 0;
	c->sk.soft_error = 0;
	c->sk.rcv_charge = 0;
	c->sk.snd_charge = 0;
	c->sk.events = 0;
	c->sk.woken = NULL;
	c->sk.items = NULL;
	c->sk.notify = NULL;

	c->flags = listener->flags & (TCPF_NODELAY | TCPF_CORK | TCPF_QUICKACK);
	c->cc = listener->cc;
	c->user_mss = listener->user_mss;
	c->window_clamp = listener->window_clamp;
	c->user_timeout_ms = listener->user_timeout_ms;
	c->notsent_lowat = listener->notsent_lowat;
	c->keepidle_s = listener->keepidle_s;
	c->keepintvl_s = listener->keepintvl_s;
	c->keepcnt = listener->keepcnt;
	c->syncnt = listener->syncnt;
	c->linger2_s = listener->linger2_s;
}

static void addresses(struct tcp_conn *c, const struct tcp_segment *seg)
{
	c->sk.laddr = seg->rx->dst;
	c->sk.lport = seg->h.dst_port;
	c->sk.raddr = seg->rx->src;
	c->sk.rport = seg->h.src_port;
	if (ip6_addr_is_link_local(c->sk.raddr))
		c->sk.oif = (uint16_t)seg->pb->ifindex;
}

static void agreement(struct tcp_conn *c, const struct tcp_segment *seg,
		      const struct tcp_passive *p)
{
	c->peer_mss = p->mss;
	if (p->sack)
		c->flags |= TCPF_SACK;
	if (p->snd_wscale != TCP_SYN_NO_WSCALE) {
		c->flags |= TCPF_WSCALE;
		c->snd_wscale = p->snd_wscale;
		c->rcv_wscale = p->rcv_wscale;
	}
	if (!p->has_ts)
		return;
	c->flags |= TCPF_TS;
	c->ts_recent = seg->opt.has_ts ? seg->opt.ts_val : p->ts_recent;
	c->ts_recent_s = tcp_now_s(c->tcp);
}

/* Numbers, and the window that SYN+ACK has promised. */
static int start(struct tcp_conn *c, const struct tcp_passive *p)
{
	struct tcp_initial_window w;
	int r;

	c->iss = p->iss;
	c->snd_una = c->snd_nxt = c->snd_up = c->snd_sml = seq_add(p->iss, 1);
	c->rcv_nxt = c->rcv_wup = seq_add(p->irs, 1);
	c->ts_offset = tcp_ts_offset(c->tcp, c->sk.laddr, c->sk.raddr);
	r = tcp_snd_init(c);
	if (r < 0)
		return r;
	/* Whole segments of it were promised, but of which length?  The path may have become
	 * narrower meanwhile, and a window is not taken back.
	 */
	w = tcp_initial_window(&c->tcp->params, c->sk.rcvbuf, c->window_clamp, 0, true);
	c->rcv_adv = seq_add(c->rcv_nxt, w.wnd);
	return 0;
}

static int enter_table(struct tcp_conn *c, uint32_t hash, uint32_t syn_id)
{
	if (syn_id == SLAB_NONE)
		return tcp_conn_insert(c, hash);
	flowtab_replace(&c->tcp->table, hash, syn_id | TCP_OWNER_SYN, c->sk.id | TCP_OWNER_CONN);
	c->hash = hash;
	c->flags |= TCPF_HASHED;
	return 0;
}

static void enqueue(struct tcp_conn *c, struct tcp_conn *listener)
{
	struct tcp_listener *l = listener->listener;

	c->accept_next = NULL;
	*l->last = c;
	l->last = &c->accept_next;
	l->n_accept++;
	sock_wake(c->tcp->core, &listener->sk, EPOLLIN | EPOLLRDNORM);
}

struct tcp_conn *tcp_accept_new(struct tcp_conn *listener, const struct tcp_segment *seg,
				const struct tcp_passive *p, uint32_t syn_id)
{
	struct tcp *tcp = listener->tcp;
	struct tcp_conn *c = tcp_conn_new(tcp, listener->sk.is_ip6);

	if (!c)
		return NULL;
	inherit(c, listener);
	addresses(c, seg);
	agreement(c, seg, p);
	if (port_inherit(&tcp->ports, &c->bind) < 0 || start(c, p) < 0 ||
	    enter_table(c, seg->hash, syn_id) < 0) {
		tcp_conn_free(c);
		return NULL;
	}
	c->flags |= TCPF_ACCEPTED;
	c->segs_in = 2; /* the SYN, too */
	c->data_segs_in = seg->data_len > 0;
	c->last_rx_ms = core_ms(tcp->core);
	tcp_set_state(c, TCPS_ESTABLISHED);
	tcp_snd_established(c, seg);
	if (p->rtt_us && !c->cs.srtt_us)
		tcp_rtt_sample(c, p->rtt_us);
	tcp_rcv_established(c);
	tcp_keepalive_update(c);
	if (c->sk.flags & SOCK_WR_SHUT) {
		/* shutdown() before listen(): so are all that come from it, on Linux, too. */
		tcp_set_state(c, TCPS_FIN_WAIT1);
		tcp_send_fin(c);
	}
	tcp->stats.passive_opens++;
	enqueue(c, listener);
	return c;
}

bool tcp_accept_full(const struct tcp_conn *listener)
{
	return listener->listener->n_accept > listener->listener->backlog;
}

struct tcp_conn *tcp_accept_take(struct tcp_conn *listener)
{
	struct tcp_listener *l = listener->listener;
	struct tcp_conn *c = l->first;

	if (!c)
		return NULL;
	l->first = c->accept_next;
	if (!l->first)
		l->last = &l->first;
	l->n_accept--;
	c->accept_next = NULL;
	c->flags |= TCPF_CONNECTED;
	return c;
}

void tcp_accept_forget(struct tcp_conn *listener)
{
	struct tcp_conn *c;

	while ((c = tcp_accept_take(listener))) {
		c->sk.flags |= SOCK_DEAD;
		c->tcp->n_orphans += c->state != TCPS_CLOSED;
		tcp_conn_abort(c, 0);
		dataq_clear(&c->rxq, &c->tcp->nodes);
		tcp_rcv_charge(c);
		tcp_work(c, 0);
	}
}
