/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment comes in: read, checked, given to whose it is.  The packet is freed here and
 * nowhere else: used, or dropped for a reason.
 */
#include "netstack/tcp/in_priv.h"
#include "wire/checksum.h"

static bool csum_is_ok(const struct pbuf *pb, const struct ip_rx *rx)
{
	uint64_t sum;

	/* Finished or checked by a device, or not yet made and so never on a wire. */
	if (pb->csum != PBUF_CSUM_NONE)
		return true;
	sum = pbuf_csum(pb, 0, pb->len);
	if (rx->is_ip4)
		sum += csum_pseudo4((uint32_t)rx->src.lo, (uint32_t)rx->dst.lo, IP_PROTO_TCP,
				    pb->len);
	else
		sum += csum_pseudo6(rx->src, rx->dst, IP_PROTO_TCP, pb->len);
	return csum_ok(sum);
}

static int parse(struct pbuf *pb, struct tcp_segment *ret)
{
	const struct ip_rx *rx = ip_rx(pb);
	int n;

	if (pb->len < TCP_HDR_LEN)
		return DROP_TCP_SHORT;
	if (!pbuf_pullup(pb, TCP_HDR_LEN))
		return DROP_NO_MEMORY;
	if (!csum_is_ok(pb, rx))
		return DROP_TCP_CSUM;
	n = tcp_parse(pb->data, pb->len, &ret->h);
	if (n < 0)
		return n == -ENODATA ? DROP_TCP_SHORT : DROP_TCP_BAD;
	if (!pbuf_pullup(pb, (uint32_t)n))
		return DROP_NO_MEMORY;
	/* Options behind one of an impossible length do not count: as on Linux. */
	(void)tcp_options_parse(pb->data + TCP_HDR_LEN, ret->h.opts_len, &ret->opt);
	pbuf_pull(pb, (uint32_t)n);

	ret->pb = pb;
	ret->rx = rx;
	ret->data_len = pb->len;
	ret->len = pb->len + !!(ret->h.flags & TCP_SYN) + !!(ret->h.flags & TCP_FIN);
	ret->has_isn = false;
	return RX_PASS;
}

/* Who shares the link with us may have this connection: it answers when it has not. */
static bool may_be_of_others(const struct tcp *tcp, const struct tcp_segment *seg)
{
	const struct iface *in = iface_get(net_ifaces(tcp->net), seg->pb->ifindex);

	return in && in->is_shared;
}

/* RFC 9293, 3.10.7.1 */
static int in_closed(struct tcp *tcp, const struct tcp_segment *seg)
{
	if (seg->h.flags & TCP_RST)
		return DROP_TCP_RST_UNKNOWN;
	if (!may_be_of_others(tcp, seg))
		tcp_reply_reset(tcp, seg);
	return DROP_TCP_NO_CONN;
}

/* No connection and no record has this 4-tuple. */
static int in_unknown(struct tcp *tcp, struct tcp_segment *seg)
{
	const struct ip_rx *rx = seg->rx;
	struct sock *sk = port_lookup(&tcp->ports, rx->dst, seg->h.dst_port, rx->src,
				      seg->h.src_port, seg->pb->ifindex, seg->hash);

	if (!sk)
		return in_closed(tcp, seg);
	return tcp_is_too_far(sk, rx) ? DROP_TCP_MINTTL : tcp_in_listen(tcp_conn_of(sk), seg);
}

static int in_conn(struct tcp_conn *c, struct tcp_segment *seg)
{
	const uint32_t n = tcp_segments_in(seg);

	if (tcp_is_too_far(&c->sk, seg->rx))
		return DROP_TCP_MINTTL;
	c->segs_in += n;
	c->data_segs_in += seg->data_len > 0 ? n : 0;
	c->last_rx_ms = core_ms(c->tcp->core);
	return c->state == TCPS_SYN_SENT ? tcp_in_synsent(c, seg) : tcp_in_sync(c, seg);
}

static int in_owner(struct tcp *tcp, struct tcp_segment *seg)
{
	const struct ip_rx *rx = seg->rx;
	uint32_t v, id;
	int r;

	seg->hash = tcp_hash(tcp, rx->dst, seg->h.dst_port, rx->src, seg->h.src_port);
	v = tcp_lookup(tcp, seg->hash, rx->dst, seg->h.dst_port, rx->src, seg->h.src_port);
	id = v & ~TCP_OWNER_MASK;
	switch (v & TCP_OWNER_MASK) {
	case TCP_OWNER_CONN:
		return in_conn(tcp_conn_get(tcp, id), seg);
	case TCP_OWNER_SYN:
		return tcp_syn_segment(tcp, id, seg);
	case TCP_OWNER_TW:
		r = tcp_tw_segment(tcp, id, seg);
		return r == RX_PASS ? in_unknown(tcp, seg) : r;
	default:
		return in_unknown(tcp, seg);
	}
}

bool tcp_owns(const struct tcp *tcp, struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
	      uint16_t rport, uint32_t ifindex)
{
	const uint32_t hash = tcp_hash(tcp, laddr, lport, raddr, rport);

	return tcp_lookup(tcp, hash, laddr, lport, raddr, rport) != FLOWTAB_NONE ||
	       port_lookup(&tcp->ports, laddr, lport, raddr, rport, ifindex, hash);
}

void tcp_in(struct tcp *tcp, struct pbuf *pb)
{
	struct tcp_segment seg;
	int r;

	tcp->stats.in_segs++;
	r = parse(pb, &seg);
	if (r == RX_PASS)
		r = in_owner(tcp, &seg);
	if (r >= 0)
		core_drop(tcp->core, pb, (enum drop_reason)r);
	else
		pbuf_free(pb);
}
