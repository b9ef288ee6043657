/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * connect(): addresses, a port, the SYN.
 */
#include <errno.h>

#include "netstack/tcp/in_priv.h"

/* A peer we can have: the wildcard is this host itself (as on Linux), groups are nobody. */
static int check_peer(const struct tcp_conn *c, struct ip6_addr *addr)
{
	const bool is_ip4 = ip6_addr_is_mapped(*addr);
	enum ip_addr_type type;

	if (!c->sk.is_ip6 && !is_ip4)
		return -EAFNOSUPPORT;
	if (is_ip4 && c->sk.is_ip6 && c->sk.flags & SOCK_V6ONLY)
		return -ENETUNREACH;
	/* One bound to an address of one family does not connect to the other. */
	if (!ip6_addr_is_unspecified(c->sk.laddr) && ip6_addr_is_mapped(c->sk.laddr) != is_ip4)
		return is_ip4 ? -EINVAL : -ENETUNREACH;
	if (sock_addr_is_any(*addr))
		*addr = is_ip4 ? ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1)) : IP6_LOOPBACK;
	type = ip_addr_type(c->tcp->net, *addr, c->sk.oif);
	if (type == IP_ADDR_MULTICAST || type == IP_ADDR_BROADCAST)
		return -ENETUNREACH;
	if (is_ip4 ? ip4_addr_is_multicast((uint32_t)addr->lo) : ip6_addr_is_multicast(*addr))
		return -ENETUNREACH;
	return 0;
}

/* May this owner of the 4-tuple be cut short for us?  A closed connection whose peer has not closed
 * yet is to Linux as one in TIME-WAIT.
 */
static bool may_replace(const struct tcp_conn *c, uint32_t v)
{
	const bool bound = c->bind.kind == PORT_BOUND;
	const struct tcp_conn *old;

	switch (v & TCP_OWNER_MASK) {
	case TCP_OWNER_TW:
		return tcp_tw_reusable(c->tcp, v & ~TCP_OWNER_MASK, bound);
	case TCP_OWNER_CONN:
		old = tcp_conn_get(c->tcp, v & ~TCP_OWNER_MASK);
		return bound && old->state == TCPS_FIN_WAIT2 && old->sk.flags & SOCK_DEAD &&
		       old->flags & TCPF_TS;
	default:
		return false;
	}
}

/**
 * struct candidate - A 4-tuple that a connection may have
 * @c:		Who wants it, with all but the local port
 * @hash:	Of the one that was asked for last
 * @old:	Who has that, FLOWTAB_NONE for nobody
 */
struct candidate {
	const struct tcp_conn *c;
	uint32_t hash;
	uint32_t old;
};

/* Is the 4-tuple with this port in use, and not to be had? */
static bool is_taken(void *arg, uint16_t port)
{
	struct candidate *k = arg;
	const struct sock *sk = &k->c->sk;

	k->hash = tcp_hash(k->c->tcp, sk->laddr, port, sk->raddr, sk->rport);
	k->old = tcp_lookup(k->c->tcp, k->hash, sk->laddr, port, sk->raddr, sk->rport);
	return k->old != FLOWTAB_NONE && !may_replace(k->c, k->old);
}

/* The old connection makes room; its numbers are not used again. */
static void replace(struct tcp_conn *c, uint32_t v)
{
	struct tcp_conn *old;

	if ((v & TCP_OWNER_MASK) == TCP_OWNER_TW) {
		tcp_tw_reuse(c, v & ~TCP_OWNER_MASK);
		return;
	}
	old = tcp_conn_get(c->tcp, v & ~TCP_OWNER_MASK);
	c->iss = seq_max(c->iss, seq_add(old->snd_nxt, 65535 + 2));
	tcp_conn_end(old, 0);
}

/* A port, so that the 4-tuple is ours alone; with it the place in the table. */
static int take_port(struct tcp_conn *c)
{
	struct candidate k = { .c = c };
	int r;

	if (c->bind.kind == PORT_NONE) {
		r = port_bind_connect(&c->tcp->ports, &c->bind, is_taken, &k); /* the last one */
		if (r < 0)
			return r;
	} else if (is_taken(&k, c->sk.lport)) {
		return -EADDRNOTAVAIL;
	}
	c->iss = tcp_isn(c->tcp, c->sk.laddr, c->sk.lport, c->sk.raddr, c->sk.rport);
	if (k.old != FLOWTAB_NONE)
		replace(c, k.old);
	return tcp_conn_insert(c, k.hash);
}

static void numbers(struct tcp_conn *c)
{
	c->ts_offset = tcp_ts_offset(c->tcp, c->sk.laddr, c->sk.raddr);
	c->snd_una = c->snd_nxt = c->snd_up = c->snd_sml = c->iss;
	c->rcv_nxt = c->rcv_wup = seq_of(0);
	c->peer_mss = ip6_addr_is_mapped(c->sk.raddr) ? TCP_MSS_DEFAULT4 : TCP_MSS_DEFAULT6;
}

/* As it was before connect(). */
static void undo(struct tcp_conn *c, struct ip6_addr laddr)
{
	tcp_conn_unhash(c);
	tcp_snd_clear(c);
	if (!(c->sk.flags & SOCK_BOUND_PORT)) {
		port_release(&c->tcp->ports, &c->bind);
		c->sk.lport = 0;
	}
	c->sk.laddr = laddr;
	c->sk.raddr = IP6_UNSPECIFIED;
	c->sk.rport = 0;
	if (c->bind.kind != PORT_NONE)
		(void)port_moved(&c->tcp->ports, &c->bind); /* it receives nothing */
}

/* From CLOSED to SYN-SENT. */
static int start(struct tcp_conn *c, struct ip6_addr addr, uint16_t port)
{
	const struct ip6_addr laddr = c->sk.laddr;
	struct ip_flow f;
	int r = check_peer(c, &addr);

	if (r < 0)
		return r;
	c->sk.raddr = addr;
	c->sk.rport = port;
	c->path.gen = 0;
	tcp_flow(c, &f);
	r = ip_path_errno(ip_path_find(c->tcp->net, &f, &c->path));
	if (r < 0)
		goto fail;
	c->sk.laddr = f.src;
	if (c->bind.kind != PORT_NONE && !ip6_addr_eq(laddr, f.src)) {
		r = port_moved(&c->tcp->ports, &c->bind);
		if (r < 0)
			goto fail;
	}
	r = take_port(c);
	if (r < 0)
		goto fail;
	numbers(c);
	r = tcp_snd_init(c);
	if (r < 0)
		goto fail;
	tcp_rcv_init(c);
	c->flags |= TCPF_CONNECTING;
	c->sk.error = 0;
	c->sk.soft_error = 0;
	tcp_set_state(c, TCPS_SYN_SENT);
	r = tcp_send_syn(c);
	/* What a hook drops, or finds no memory, is as good as lost: it is sent again. */
	if (r < 0 && r != -ENOBUFS && r != -EPERM) {
		c->flags &= ~(uint32_t)TCPF_CONNECTING;
		c->sk.error = 0;
		timer_del(&c->tcp->core->wheel, &c->timer);
		c->rexmit_at_ns = TIMER_NEVER;
		tcp_set_state(c, TCPS_CLOSED);
		goto fail;
	}
	c->tcp->stats.active_opens++;
	return -EINPROGRESS;

fail:
	undo(c, laddr);
	return r;
}

/* The attempt is over: once the result, then a socket that may try again (or is connected). */
static int result(struct tcp_conn *c)
{
	int r;

	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD)
		return -EALREADY;
	c->flags &= ~(uint32_t)TCPF_CONNECTING;
	if (c->state != TCPS_CLOSED) {
		c->flags |= TCPF_CONNECTED;
		return 0;
	}
	r = sock_take_error(&c->sk);
	tcp_disconnect(c);
	return r ? r : -ECONNABORTED;
}

int tcp_connect_state(struct sock *sk)
{
	struct tcp_conn *c = tcp_conn_of(sk);

	if (c->flags & TCPF_DISCONNECTING)
		return -EINVAL;
	if (c->flags & TCPF_CONNECTING)
		return result(c);
	return c->flags & TCPF_CONNECTED || c->state != TCPS_CLOSED ? -EISCONN : 1;
}

int tcp_connect(struct sock *sk, struct ip6_addr addr, uint16_t port)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	int r;

	if (port == 0 && ip6_addr_is_unspecified(addr)) {
		tcp_disconnect(c);
		return 0;
	}
	r = tcp_connect_state(sk);
	return r <= 0 ? r : start(c, addr, port);
}
