/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment for a socket in LISTEN (RFC 9293, 3.10.7.2), that no record of SYN-RCVD is for.
 */
#include "netstack/tcp/in_priv.h"

/* The last ACK of a handshake that we kept nothing of. */
static int in_cookie(struct tcp_conn *c, struct tcp_segment *seg)
{
	struct tcp_stats *stats = &c->tcp->stats;
	struct tcp_passive p;
	struct tcp_conn *child;

	if (!tcp_cookie_check(c->tcp, seg, &p)) {
		stats->syncookies_failed++;
		/* Data may have overtaken the ACK or the data before it, which have the cookie:
		 * it comes again.  Linux resets such a connection.
		 */
		if (seg->len == 0)
			tcp_reply_reset(c->tcp, seg);
		return DROP_TCP_COOKIE_BAD;
	}
	if (p.snd_wscale != TCP_SYN_NO_WSCALE)
		p.rcv_wscale =
			tcp_initial_window(&c->tcp->params, c->sk.rcvbuf, c->window_clamp, 0, true)
				.wscale;
	stats->syncookies_recv++;
	if (tcp_accept_full(c)) {
		stats->listen_overflows++;
		stats->listen_drops++;
		return DROP_TCP_ACCEPT_QUEUE;
	}
	child = tcp_accept_new(c, seg, &p, SLAB_NONE);
	if (!child) {
		stats->listen_drops++;
		return DROP_NO_MEMORY;
	}
	return tcp_in_text(child, seg);
}

int tcp_in_listen(struct tcp_conn *c, struct tcp_segment *seg)
{
	const uint16_t flags = seg->h.flags;

	/* First: an RST. */
	if (flags & TCP_RST)
		return DROP_TCP_LISTEN;
	/* Second: an ACK of nothing we have sent, unless it was a cookie. */
	if (flags & TCP_ACK) {
		if (!(flags & TCP_SYN) && tcp_cookie_expected(c))
			return in_cookie(c, seg);
		tcp_reply_reset(c->tcp, seg);
		return DROP_TCP_NO_CONN;
	}
	/* Third: a SYN.  Nobody begins with the end, and nobody connects to a group. */
	if (!(flags & TCP_SYN))
		return DROP_TCP_NO_FLAGS;
	if (flags & TCP_FIN || seg->pb->dest == PBUF_TO_ALL || seg->pb->dest == PBUF_TO_GROUP ||
	    ip_addr_type(c->tcp->net, seg->rx->dst, seg->pb->ifindex) == IP_ADDR_MULTICAST ||
	    ip_addr_type(c->tcp->net, seg->rx->dst, seg->pb->ifindex) == IP_ADDR_BROADCAST)
		return DROP_TCP_LISTEN;
	return tcp_syn_in(c, seg);
}
