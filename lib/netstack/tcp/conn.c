/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Life of a connection: its object, its place in the table, its state, its end.
 *
 * A socket, its connection and its listener are one object, which lives from tcp_socket() or the
 * end of a handshake until both have left it: the descriptor (SOCK_DEAD) and the protocol (state
 * CLOSED).  Only tcp_run() frees it, so that no function has to fear that a callee did.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/siphash.h"
#include "netstack/tcp/in_priv.h"

/* Tells hashes of 4-tuples from those of others under the same key. */
#define HASH_SALT UINT32_C(0x74637068) /* "tcph" */

/* --- the object --- */

static void list_add(struct tcp *tcp, struct tcp_conn *c)
{
	c->next = tcp->all;
	c->prev = SLAB_NONE;
	if (tcp->all != SLAB_NONE)
		tcp_conn_get(tcp, tcp->all)->prev = c->sk.id;
	tcp->all = c->sk.id;
}

static void list_del(struct tcp *tcp, struct tcp_conn *c)
{
	if (c->prev == SLAB_NONE)
		tcp->all = c->next;
	else
		tcp_conn_get(tcp, c->prev)->next = c->next;
	if (c->next != SLAB_NONE)
		tcp_conn_get(tcp, c->next)->prev = c->prev;
}

struct tcp_conn *tcp_conn_new(struct tcp *tcp, bool is_ip6)
{
	uint32_t id;
	struct tcp_conn *c = slab_alloc(&tcp->conns, &id);
	const struct tcp_cc *cc = tcp_cc_lookup(tcp->params.cc);

	if (!c)
		return NULL;
	c->sk.id = id;
	sock_init(&c->sk, &tcp_sock_type, is_ip6);
	c->sk.rcvbuf = tcp->params.rmem_default;
	c->sk.sndbuf = tcp->params.wmem_default;
	c->bind.sk = &c->sk;
	c->timer.kind = TIMER_TCP;
	c->tcp = tcp;
	c->cc = cc ? cc : &tcp_cc_cubic;
	c->reordering = tcp->params.reordering;
	c->state = TCPS_CLOSED;
	c->rexmit_at_ns = TIMER_NEVER;
	c->delack_at_ns = TIMER_NEVER;
	c->keep_at_ns = TIMER_NEVER;
	list_add(tcp, c);
	return c;
}

void tcp_conn_free(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;

	assert(!(c->flags & TCPF_WORK));
	assert(c->state != TCPS_LISTEN);
	timer_del(&tcp->core->wheel, &c->timer);
	tcp_conn_unhash(c);
	tcp_snd_clear(c);
	tcp_ofo_clear(c);
	dataq_clear(&c->rxq, &tcp->nodes);
	tcp_rcv_charge(c);
	port_release(&tcp->ports, &c->bind);
	sock_forget(tcp->core, &c->sk);
	list_del(tcp, c);
	slab_free(&tcp->conns, c->sk.id);
}

/* --- the table --- */

uint32_t tcp_hash(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport,
		  struct ip6_addr raddr, uint16_t rport)
{
	const uint64_t msg[5] = {
		laddr.lo, raddr.lo, (uint64_t)HASH_SALT << 32 | (uint32_t)lport << 16 | rport,
		laddr.hi, raddr.hi,
	};
	const bool is_ip4 = (laddr.hi | raddr.hi) == 0;

	return (uint32_t)siphash13(&tcp->core->key, msg, is_ip4 ? 24 : sizeof(msg));
}

static bool is_it(const struct tcp *tcp, uint32_t v, struct ip6_addr laddr, uint16_t lport,
		  struct ip6_addr raddr, uint16_t rport)
{
	const uint32_t id = v & ~TCP_OWNER_MASK;

	if ((v & TCP_OWNER_MASK) == TCP_OWNER_CONN) {
		const struct sock *sk = &tcp_conn_get(tcp, id)->sk;

		return sk->rport == rport && sk->lport == lport && ip6_addr_eq(sk->raddr, raddr) &&
		       ip6_addr_eq(sk->laddr, laddr);
	}
	if ((v & TCP_OWNER_MASK) == TCP_OWNER_SYN) {
		const struct tcp_syn *s = tcp_syn_get(tcp, id);

		return s->rport == rport && ip6_addr_eq(s->rec.raddr, raddr) &&
		       ip6_addr_eq(s->rec.laddr, laddr) &&
		       tcp_conn_get(tcp, s->listener)->sk.lport == lport;
	}
	const struct tcp_tw *tw = tcp_tw_get(tcp, id);

	return tw->rport == rport && tw->lport == lport && ip6_addr_eq(tw->rec.raddr, raddr) &&
	       ip6_addr_eq(tw->rec.laddr, laddr);
}

uint32_t tcp_lookup(const struct tcp *tcp, uint32_t hash, struct ip6_addr laddr, uint16_t lport,
		    struct ip6_addr raddr, uint16_t rport)
{
	struct flowtab_iter it = flowtab_first(&tcp->table, hash);
	uint32_t v;

	while ((v = flowtab_next(&tcp->table, &it)) != FLOWTAB_NONE)
		if (is_it(tcp, v, laddr, lport, raddr, rport))
			return v;
	return FLOWTAB_NONE;
}

int tcp_conn_insert(struct tcp_conn *c, uint32_t hash)
{
	int r;

	assert(!(c->flags & TCPF_HASHED));
	r = flowtab_insert(&c->tcp->table, hash, c->sk.id | TCP_OWNER_CONN);
	if (r < 0)
		return r;
	c->hash = hash;
	c->flags |= TCPF_HASHED;
	return 0;
}

void tcp_conn_unhash(struct tcp_conn *c)
{
	if (!(c->flags & TCPF_HASHED))
		return;
	flowtab_remove(&c->tcp->table, c->hash, c->sk.id | TCP_OWNER_CONN);
	c->flags &= ~(uint32_t)TCPF_HASHED;
}

void tcp_flow(const struct tcp_conn *c, struct ip_flow *ret)
{
	const bool is_ip4 = ip6_addr_is_mapped(c->sk.raddr);
	const uint8_t disc = is_ip4 ? c->sk.pmtudisc : c->sk.pmtudisc6;

	sock_flow(&c->sk, ret, c->sk.raddr);
	ret->proto = IP_PROTO_TCP;
	ret->dont_frag = disc != IP_PMTUDISC_DONT;
	ret->pmtu_probe = disc == IP_PMTUDISC_PROBE;
}

/* --- states --- */

static const char *state_name(enum tcp_state state)
{
	static const char *const name[] = {
		[TCPS_ESTABLISHED] = "ESTABLISHED", [TCPS_SYN_SENT] = "SYN-SENT",
		[TCPS_SYN_RCVD] = "SYN-RCVD",       [TCPS_FIN_WAIT1] = "FIN-WAIT-1",
		[TCPS_FIN_WAIT2] = "FIN-WAIT-2",    [TCPS_TIME_WAIT] = "TIME-WAIT",
		[TCPS_CLOSED] = "CLOSED",           [TCPS_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCPS_LAST_ACK] = "LAST-ACK",       [TCPS_LISTEN] = "LISTEN",
		[TCPS_CLOSING] = "CLOSING",
	};

	return name[state];
}

void tcp_set_state(struct tcp_conn *c, enum tcp_state state)
{
	struct tcp_stats *stats = &c->tcp->stats;

	if (__builtin_expect(c->tcp->core->trace != NULL, 0))
		core_note(c->tcp->core, "tcp %u: port %u to port %u: %s, was %s", c->sk.id,
			  c->sk.lport, c->sk.rport, state_name(state), state_name(c->state));
	if (state == TCPS_CLOSED) {
		if (c->state == TCPS_ESTABLISHED || c->state == TCPS_CLOSE_WAIT)
			stats->estab_resets++;
		else if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD)
			stats->attempt_fails++;
	}
	c->state = state;
}

void tcp_conn_end(struct tcp_conn *c, int error)
{
	struct tcp *tcp = c->tcp;

	if (c->state == TCPS_CLOSED)
		return;
	assert(c->state != TCPS_LISTEN);
	timer_del(&tcp->core->wheel, &c->timer);
	c->rexmit_at_ns = TIMER_NEVER;
	c->delack_at_ns = TIMER_NEVER;
	c->keep_at_ns = TIMER_NEVER;
	c->flags &= ~(uint32_t)(TCPF_ACK_NOW | TCPF_ACK_SOON | TCPF_ACK_DELAYED | TCPF_OUTPUT);
	tcp_snd_clear(c);
	tcp_ofo_clear(c);
	tcp_conn_unhash(c);
	tcp_set_state(c, TCPS_CLOSED);
	if (!(c->sk.flags & SOCK_BOUND_PORT))
		port_release(&tcp->ports, &c->bind);

	c->sk.flags |= SOCK_RD_SHUT | SOCK_WR_SHUT;
	if (c->sk.flags & SOCK_DEAD) {
		tcp->n_orphans--;
		dataq_clear(&c->rxq, &tcp->nodes);
		tcp_rcv_charge(c);
		tcp_work(c, 0);
		return;
	}
	if (error)
		c->sk.error = (int16_t)error;
	sock_wake(tcp->core, &c->sk, SOCK_WAKE_STATE);
}

void tcp_conn_abort(struct tcp_conn *c, int error)
{
	if (c->state != TCPS_CLOSED && c->state != TCPS_SYN_SENT)
		tcp_send_reset(c);
	tcp_conn_end(c, error);
}

void tcp_work(struct tcp_conn *c, uint32_t flags)
{
	struct tcp *tcp = c->tcp;

	c->flags |= flags;
	if (c->flags & TCPF_WORK)
		return;
	c->flags |= TCPF_WORK;
	c->work_next = NULL;
	*tcp->work_last = c;
	tcp->work_last = &c->work_next;
}
