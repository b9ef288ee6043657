/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP errors about our segments (RFC 1122 4.2.3.9, RFC 5461, RFC 5927).
 *
 * Anybody can send one; it counts when it quotes a segment that is in flight.  It ends what
 * has not begun, as Linux has it, whatever it says: connect() hears at once that there is no way.
 * A connection that is established goes on, and the error is only what a timeout will report.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "netstack/tcp/in_priv.h"

static bool is_in_flight(const struct tcp_conn *c, struct seq seq)
{
	return seq_within(seq, c->snd_una, (uint32_t)seq_diff(c->snd_nxt, c->snd_una));
}

/* Our segment got further than anybody is who may speak to us: tcp_is_too_far(). */
static bool is_too_far(const struct tcp_conn *c, const struct ip_error *e)
{
	return e->left_ttl < (e->is_ip4 ? c->sk.min_ttl : c->sk.min_hops);
}

/* IP_RECVERR, IPV6_RECVERR: the user wants to hear of everything at once. */
static bool wants_errors(const struct tcp_conn *c, bool is_ip4)
{
	return is_ip4 ? c->sk.flags & SOCK_RECVERR : c->sk.opts & SOCKOPT6_RECVERR;
}

static void error_in_conn(struct tcp_conn *c, const struct ip_error *e)
{
	if (e->error == EMSGSIZE) {
		ip_pmtu_update(c->tcp->net, e->dst, e->mtu);
		tcp_mtu_changed(c);
		return;
	}
	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RCVD) {
		tcp_conn_end(c, e->error);
		return;
	}
	if (!wants_errors(c, e->is_ip4)) {
		c->sk.soft_error = (int16_t)e->error;
		return;
	}
	c->sk.error = (int16_t)e->error;
	sock_wake(c->tcp->core, &c->sk, EPOLLERR);
}

bool tcp_error(struct tcp *tcp, const struct ip_error *e)
{
	const uint32_t hash = tcp_hash(tcp, e->src, e->src_port, e->dst, e->dst_port);
	const uint32_t v = tcp_lookup(tcp, hash, e->src, e->src_port, e->dst, e->dst_port);
	const uint32_t id = v & ~TCP_OWNER_MASK;
	struct tcp_conn *c;

	if (v == FLOWTAB_NONE || (v & TCP_OWNER_MASK) == TCP_OWNER_TW)
		return false;
	if ((v & TCP_OWNER_MASK) == TCP_OWNER_SYN)
		return tcp_syn_error(tcp, id, e);
	c = tcp_conn_get(tcp, id);
	if (!is_in_flight(c, seq_of(e->seq)) || is_too_far(c, e))
		return false;
	error_in_conn(c, e);
	return true;
}
