/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.c - a TCP peer made of numbers: learns what the instance says, says anything
 *
 * It has no state machine: what it says next is the fuzzer's business.  What it knows of the
 * instance it knows from the instance's segments.
 */
#include <string.h>

#include "tests/fuzz/netstack/scene.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp_options.h"

#define PEER_MSS      1000
#define PEER_WSCALE   2
#define PEER_DATA_MAX 65000 /* with all headers it is an IP packet */

struct peer_conn *peer_new(struct scene *s, bool ip6, uint16_t lport)
{
	struct peer_conn *c = &s->conn[s->n_conns];

	if (s->n_conns == PEER_CONNS)
		return NULL;
	*c = (struct peer_conn){
		.i = s->n_conns,
		.ip6 = ip6,
		.lport = lport,
		.rport = (uint16_t)(PEER_PORT + s->n_conns),
		.fd = -1,
		.sure = true,
		/* Of every second one the numbers wrap soon. */
		.irs = seq_of(s->n_conns & 1 ? UINT32_MAX - 700 : 100000 * (s->n_conns + 1)),
	};
	c->nxt = c->irs;
	s->n_conns++;
	return c;
}

/* --- streams --- */

void peer_fill(const struct peer_conn *c, bool to_peer, uint32_t off, uint8_t *ret, uint32_t len)
{
	const uint32_t key = c->i * 2 + to_peer;

	for (uint32_t i = 0; i < len; i++) {
		const uint32_t at = off + i;

		ret[i] = (uint8_t)(at ^ at >> 7 ^ at >> 13 ^ key * 73);
	}
}

/* What is between two spans is taken for said when there are too many of them: one
 * knows less then, and never something wrong.
 */
void peer_notes(struct peer_conn *c, uint32_t off, uint32_t len)
{
	struct peer_span *p = c->said;
	unsigned int at = 0, last;

	if (!len || off + len < off)
		return;
	while (at < c->n_said && p[at].to < off)
		at++;
	if (at == c->n_said && at == PEER_SPANS) {
		p[at - 1].to = off + len;
		return;
	}
	if (at == c->n_said || (p[at].from > off + len && c->n_said < PEER_SPANS)) {
		memmove(p + at + 1, p + at, (c->n_said - at) * sizeof(*p));
		p[at] = (struct peer_span){ off, off + len };
		c->n_said++;
		return;
	}
	p[at].from = p[at].from < off ? p[at].from : off;
	p[at].to = p[at].to > off + len ? p[at].to : off + len;
	for (last = at; last + 1 < c->n_said && p[last + 1].from <= p[at].to;)
		last++;
	p[at].to = p[last].to > p[at].to ? p[last].to : p[at].to;
	memmove(p + at + 1, p + last + 1, (c->n_said - last - 1) * sizeof(*p));
	c->n_said -= last - at;
}

uint32_t peer_said(const struct peer_conn *c)
{
	return c->n_said && c->said[0].from == 0 ? c->said[0].to : 0;
}

/* --- what it hears --- */

/* What the program wrote, and an acknowledgement of no more than was said. */
static void check_heard(const struct peer_conn *c, uint32_t off, const uint8_t *data, uint32_t len)
{
	static uint8_t want[SCENE_FRAME_MAX]; /* one thread */

	if (len) {
		peer_fill(c, true, off, want, len);
		MUST(memcmp(want, data, len) == 0);
		MUST(off + len <= c->written);
	}
	/* SYN and perhaps FIN are not part of the stream. */
	if (c->acked)
		MUST((uint32_t)seq_diff(c->rcv_nxt, c->irs) <= peer_said(c) + 2);
}

static void hears_syn(struct peer_conn *c, const struct tcp_repr *h, const uint8_t *opts)
{
	const bool again = c->heard && seq_eq(c->iss, h->seq) && !c->left;
	struct tcp_options_repr o;

	if (!again) {
		c->sure = !c->heard;
		c->heard = true;
		c->left = false;
		c->acked = false;
		c->iss = h->seq;
		c->snd_nxt = h->seq;
		c->una = h->seq;
		c->edge = seq_add(h->seq, 1);
	}
	if (h->flags & TCP_ACK && !seq_eq(h->ack, seq_add(c->irs, 1))) {
		c->sure = false; /* it answers a SYN that was none of peer_says() */
		c->irs = seq_sub(h->ack, 1);
	}
	(void)tcp_options_parse(opts, h->opts_len, &o); /* what is wrong in it is not there */
	c->ts = o.has_ts;
	c->wscales = o.has_wscale;
	c->wscale = o.wscale;
}

static void hears_ack(const struct scene *s, struct peer_conn *c, const struct tcp_repr *h)
{
	uint32_t wnd = h->wnd;

	if (c->wscales && !(h->flags & TCP_SYN))
		wnd <<= c->wscale;
	if (s->strict && c->sure && c->acked) {
		/* What was acknowledged or offered is not taken back (RFC 9293, 3.8.6), but for
		 * what scaling rounds off and, before it is accepted, another MTU.
		 */
		MUST(seq_geq(h->ack, c->rcv_nxt));
		MUST(seq_gt(seq_add(h->ack, wnd + (1U << c->wscale)), c->rcv_edge) ||
		     (s->rough && c->fd < 0));
	}
	if (!c->acked || seq_gt(h->ack, c->rcv_nxt))
		c->rcv_nxt = h->ack;
	c->rcv_edge = seq_add(h->ack, wnd);
	c->acked = true;
}

void peer_hears(struct scene *s, struct peer_conn *c, const struct tcp_repr *h, const uint8_t *opts,
		const uint8_t *data, uint32_t len)
{
	const struct seq first = h->flags & TCP_SYN ? seq_add(h->seq, 1) : h->seq;
	const struct seq end = seq_add(first, len + !!(h->flags & TCP_FIN));
	struct tcp_options_repr o;

	if (h->flags & TCP_RST) {
		c->reset = true;
		return; /* its number may be one that we have named */
	}
	if (h->flags & TCP_SYN)
		hears_syn(c, h, opts);
	if (!c->heard)
		return; /* nothing of a connection that we know */
	if (h->flags & TCP_ACK)
		hears_ack(s, c, h);
	(void)tcp_options_parse(opts, h->opts_len, &o); /* as above */
	if (o.has_ts)
		c->ts_val = o.ts_val;
	if (seq_gt(end, c->snd_nxt))
		c->snd_nxt = end;
	if (len)
		c->cut[c->n_cuts++ % PEER_CUTS] = first;
	/* A byte may be sent into a closed window, to probe it (RFC 9293, 3.8.6.1). */
	MUST(!c->sure || !len || seq_leq(seq_add(first, len), seq_add(c->edge, 1)));
	if (s->strict && c->sure)
		check_heard(c, (uint32_t)seq_diff(first, c->iss) - 1, data, len);
}

/* --- what it says --- */

static void put_header(const struct scene *s, const struct peer_conn *c, uint8_t *p, uint32_t size,
		       uint32_t len)
{
	int n;

	if (c->ip6)
		n = ipv6_emit(p, size,
			      &(struct ipv6_repr){
				      .src = SCENE_PEER6(0),
				      .dst = SCENE_US6(0),
				      .payload_len = (uint16_t)len,
				      .next_hdr = IP_PROTO_TCP,
				      .hop_limit = 64,
			      });
	else
		n = ipv4_emit(p, size,
			      &(struct ipv4_repr){
				      .src = SCENE_PEER4(0),
				      .dst = SCENE_US4(0),
				      .payload_len = (uint16_t)len,
				      .id = (uint16_t)(s->now_ns / SCENE_MS),
				      .ttl = 64,
				      .proto = IP_PROTO_TCP,
			      });
	MUST(n > 0);
}

/* The widest window it was offered; acknowledgements of what was not sent do not count. */
static void note_edge(struct peer_conn *c, const struct peer_seg *seg)
{
	const uint32_t wnd = (uint32_t)seg->wnd << (seg->flags & TCP_SYN ? 0 : PEER_WSCALE);

	if (!(seg->flags & TCP_ACK)) {
		if (seg->flags & TCP_SYN && seq_gt(seq_add(c->iss, 1 + wnd), c->edge))
			c->edge = seq_add(c->iss, 1 + wnd);
		return;
	}
	if (!seq_between(c->iss, seg->ack, c->snd_nxt))
		return;
	if (seq_gt(seg->ack, c->una))
		c->una = seg->ack;
	if (seq_gt(seq_add(seg->ack, wnd), c->edge))
		c->edge = seq_add(seg->ack, wnd);
}

void peer_sends(struct scene *s, struct peer_conn *c, const struct peer_seg *seg,
		const struct scene_shape *shape)
{
	static uint8_t packet[SCENE_FRAME_MAX]; /* one thread */
	const uint32_t ip = c->ip6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
	const uint32_t len = seg->len < PEER_DATA_MAX ? seg->len : PEER_DATA_MAX;
	const uint32_t hdr = (uint32_t)TCP_HDR_LEN + seg->opts_len;
	const struct tcp_repr h = {
		.seq = seg->seq,
		.ack = seg->ack,
		.src_port = c->rport,
		.dst_port = c->lport,
		.flags = seg->flags & TCP_FLAGS,
		.wnd = seg->wnd,
		.urg = seg->urg,
		.opts_len = seg->opts_len,
	};
	struct scene_shape sh = *shape;

	put_header(s, c, packet, sizeof(packet), hdr + len);
	MUST(tcp_emit(packet + ip, sizeof(packet) - ip, &h) == (int)hdr);
	memcpy(packet + ip + TCP_HDR_LEN, seg->opts, seg->opts_len);
	if (len)
		memcpy(packet + ip + hdr, seg->data, len);
	sums_fix(packet, ip + hdr + len, false);
	note_edge(c, seg);
	c->left |= seg->flags & TCP_RST && c->heard;
	if (sh.gso)
		sh.gso = c->ip6 ? PBUF_GSO_TCP6 : PBUF_GSO_TCP4;
	if (sh.csum == PBUF_CSUM_PARTIAL || sh.gso)
		sh.l4 = (uint16_t)ip;
	scene_input_ip(s, &sh, packet, ip + hdr + len);
}

uint8_t peer_options(const struct scene *s, const struct peer_conn *c, uint16_t flags, uint8_t *ret)
{
	const bool syn = flags & TCP_SYN;
	const struct tcp_options_repr o = {
		.mss = syn ? PEER_MSS : 0,
		.has_wscale = syn,
		.wscale = syn ? PEER_WSCALE : 0,
		.sack_permitted = syn,
		.has_ts = syn || c->ts,
		.ts_val = syn || c->ts ? (uint32_t)(s->now_ns / SCENE_MS) + 1000 * c->i : 0,
		.ts_ecr = c->ts ? c->ts_val : 0,
	};
	const int n = tcp_options_emit(ret, TCP_OPTS_LEN_MAX, &o);

	MUST(n >= 0);
	return (uint8_t)n;
}

void peer_says(struct scene *s, struct peer_conn *c, uint16_t flags, uint32_t len)
{
	static uint8_t data[SCENE_FRAME_MAX]; /* one thread */
	const uint32_t off = flags & TCP_SYN ? 0 : (uint32_t)seq_diff(c->nxt, c->irs) - 1;
	struct peer_seg seg = {
		.seq = c->nxt,
		.flags = flags & TCP_FLAGS,
		.wnd = PEER_WND,
		.data = data,
		.len = len,
	};

	MUST(len <= sizeof(data));
	peer_fill(c, false, off, data, len);
	peer_notes(c, off, len);

	if (flags & TCP_ACK)
		seg.ack = flags & PEER_DEAF ? c->una : c->snd_nxt;
	seg.opts_len = peer_options(s, c, flags, seg.opts);
	c->nxt = seq_add(c->nxt, len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
	peer_sends(s, c, &seg, &(struct scene_shape){ .link = 0 });
}

/* --- what it complains about --- */

static void put_icmp_header(uint8_t *p, uint32_t size, bool ip6, uint32_t len)
{
	int n;

	if (ip6)
		n = ipv6_emit(p, size,
			      &(struct ipv6_repr){
				      .src = SCENE_OTHER6(0),
				      .dst = SCENE_US6(0),
				      .payload_len = (uint16_t)len,
				      .next_hdr = IP_PROTO_ICMP6,
				      .hop_limit = 64,
			      });
	else
		n = ipv4_emit(p, size,
			      &(struct ipv4_repr){
				      .src = SCENE_OTHER4(0),
				      .dst = SCENE_US4(0),
				      .payload_len = (uint16_t)len,
				      .ttl = 64,
				      .proto = IP_PROTO_ICMP,
			      });
	MUST(n > 0);
}

void peer_complains(struct scene *s, const struct peer_conn *c, uint8_t type, uint8_t code,
		    uint32_t rest, uint32_t by)
{
	const uint32_t ip = c->ip6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
	uint8_t packet[sizeof(c->quote) + IPV6_HDR_LEN + ICMP6_HDR_LEN];
	uint8_t *icmp = packet + ip;
	uint8_t *quote = icmp + ICMP4_HDR_LEN;

	if (c->quote_len < ip + TCP_HDR_LEN)
		return;
	put_icmp_header(packet, sizeof(packet), c->ip6, ICMP4_HDR_LEN + c->quote_len);
	icmp[0] = type;
	icmp[1] = code;
	put_be16(icmp + 2, 0);
	put_be32(icmp + 4, rest);
	memcpy(quote, c->quote, c->quote_len);
	put_be32(quote + ip + 4, get_be32(quote + ip + 4) + by);
	sums_fix(packet, ip + ICMP4_HDR_LEN + c->quote_len, false);
	scene_input_ip(s, &(struct scene_shape){ .link = 0 }, packet,
		       ip + ICMP4_HDR_LEN + c->quote_len);
}
