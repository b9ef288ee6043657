/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Segments of who has no connection, and how many of them may leave.
 */
#include <assert.h>

#include "netstack/tcp/in_priv.h"
#include "wire/checksum.h"

/* Pseudo header's sum, for who finishes the checksum. */
static uint16_t pseudo(const struct tcp_reply *r, uint32_t len)
{
	uint64_t sum;

	if (ip6_addr_is_mapped(r->raddr))
		sum = csum_pseudo4((uint32_t)r->laddr.lo, (uint32_t)r->raddr.lo, IP_PROTO_TCP, len);
	else
		sum = csum_pseudo6(r->laddr, r->raddr, IP_PROTO_TCP, len);
	return csum_fold(sum);
}

void tcp_reply(struct tcp *tcp, struct tcp_reply *r)
{
	const int opts_len = tcp_options_len(&r->opt);
	struct pbuf *pb = pbuf_alloc(tcp->core->pool);
	struct ip_path path = { .gen = 0 };
	struct ip_flow f = {
		.src = r->laddr,
		.dst = r->raddr,
		.oif = r->oif,
		.mark = r->mark,
		.proto = IP_PROTO_TCP,
		.tos = r->tos,
		.ttl = r->ttl,
		.dont_frag = true,
		.transparent = r->transparent,
	};
	uint8_t *at;

	assert(opts_len >= 0); /* it is we who say what is in it */
	if (!pb) {
		core_count(tcp->core, DROP_NO_MEMORY);
		return;
	}
	r->h.opts_len = (uint8_t)opts_len;
	at = pbuf_put(pb, TCP_HDR_LEN + r->h.opts_len);
	(void)tcp_emit(at, TCP_HDR_LEN + r->h.opts_len, &r->h); /* there is so much room */
	(void)tcp_options_emit(at + TCP_HDR_LEN, r->h.opts_len, &r->opt);
	put_be16(at + TCP_CSUM_OFFSET, pseudo(r, pb->len));
	pbuf_mark_l4(pb);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	tcp->stats.out_segs++;
	if (r->h.flags & TCP_RST)
		tcp->stats.out_rsts++;
	(void)ip_out(tcp->net, pb, &f, &path); /* it counts the loss, and the peer asks again */
}

void tcp_reply_init(struct tcp_reply *r, const struct tcp_segment *seg)
{
	const struct ip6_addr raddr = seg->rx->src;

	*r = (struct tcp_reply){
		.laddr = seg->rx->dst,
		.raddr = raddr,
		/* A link-local peer is only there where it is. */
		.oif = ip6_addr_is_link_local(raddr) ? seg->pb->ifindex : 0,
		.h = { .src_port = seg->h.dst_port, .dst_port = seg->h.src_port },
	};
}

void tcp_reply_reset(struct tcp *tcp, const struct tcp_segment *seg)
{
	struct tcp_reply r;

	if (seg->h.flags & TCP_RST || seg->pb->dest == PBUF_TO_ALL ||
	    seg->pb->dest == PBUF_TO_GROUP)
		return;
	/* RFC 1122, 4.2.3.10: a broadcast address is nobody's connection. */
	if (ip_addr_type(tcp->net, seg->rx->dst, seg->pb->ifindex) != IP_ADDR_LOCAL)
		return;
	tcp_reply_init(&r, seg);
	if (seg->h.flags & TCP_ACK) {
		r.h.flags = TCP_RST;
		r.h.seq = seg->h.ack;
	} else {
		r.h.flags = TCP_RST | TCP_ACK;
		r.h.ack = seq_add(seg->h.seq, seg->len);
	}
	tcp_reply(tcp, &r);
}

/* --- limits --- */

bool tcp_dupack_allowed(const struct tcp *tcp, uint32_t *last_ms)
{
	const uint32_t now = core_ms(tcp->core);

	if (*last_ms && now - *last_ms < tcp->params.invalid_ratelimit_ms)
		return false;
	*last_ms = now ? now : 1;
	return true;
}

/* In each second another number, around the limit: who counts them learns nothing of other
 * connections (RFC 5961, 10; CVE-2016-5696).
 */
bool tcp_challenge_allowed(struct tcp *tcp, uint32_t *last_ms)
{
	const uint32_t limit = tcp->params.challenge_ack_per_s;
	const uint32_t second = tcp_now_s(tcp) + 1; /* 0 is none yet */

	if (!tcp_dupack_allowed(tcp, last_ms))
		return false;
	if (tcp->challenge_second != second) {
		tcp->challenge_second = second;
		tcp->challenge_left = limit / 2 + (limit ? core_random_below(tcp->core, limit) : 0);
	}
	if (!tcp->challenge_left)
		return false;
	tcp->challenge_left--;
	tcp->stats.challenge_acks++;
	return true;
}
