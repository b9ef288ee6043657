/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ops_segment.c - segments and ICMP errors relative to what the instance expects
 *
 * Payload is always what belongs at its place in the stream, so whatever the instance takes of
 * it, programs must read the right bytes.
 */
#include <string.h>

#include "tests/fuzz/netstack/ops.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp_options.h"

#define DATA_MAX 4000
#define SPAN_MAX (1 << 24) /* offsets that are written down */

/* A small number, often 0 or a boundary's neighbour. */
static int32_t take_delta(struct ops *o)
{
	static const uint8_t shift[] = { 0, 0, 4, 9 };
	const int8_t v = (int8_t)ops_take(o);

	return (v >> 2) * (1 << shift[v & 3]);
}

static struct seq take_seq(struct ops *o, const struct peer_conn *c, uint8_t base)
{
	struct seq seq = c->nxt;

	if (c->acked && base == 0)
		seq = c->rcv_nxt;
	else if (c->acked && base == 1)
		seq = c->rcv_edge;
	else if (base == 2)
		seq = c->irs;
	return seq_add(seq, (uint32_t)take_delta(o));
}

static struct seq take_ack(struct ops *o, const struct peer_conn *c, uint8_t base)
{
	struct seq ack = c->snd_nxt;

	if (base == 1)
		ack = c->una;
	else if (base == 2)
		ack = c->iss;
	else if (base == 3)
		ack = seq_add(c->una, (uint32_t)seq_diff(c->snd_nxt, c->una) / 2);
	return seq_add(ack, (uint32_t)take_delta(o));
}

static uint32_t take_len(struct ops *o)
{
	const uint32_t v = ops_take(o);

	return v < 200 ? v : (v - 199) * 64;
}

/* --- options --- */

static void take_sacks(struct ops *o, const struct peer_conn *c, struct tcp_options_repr *opt)
{
	const unsigned int n = 1 + ops_take(o) % tcp_options_sack_max(opt->has_ts);

	for (unsigned int i = 0; i < n; i++) {
		const struct seq left = seq_add(c->una, (uint32_t)take_delta(o));

		opt->sack[i] = (struct tcp_sack){ left, seq_add(left, 1U + 100U * ops_take(o)) };
	}
	opt->n_sack = (uint8_t)n;
}

static void take_syn_options(struct ops *o, struct tcp_options_repr *opt)
{
	const uint8_t v = ops_take(o);

	opt->mss = (uint16_t)(v & 1 ? ops_take(o) : 8 * ops_take(o));
	opt->sack_permitted = v & 2;
	opt->has_wscale = v & 4;
	opt->wscale = opt->has_wscale ? v >> 4 : 0;
	if (opt->wscale > TCP_WSCALE_MAX)
		opt->wscale = TCP_WSCALE_MAX;
}

enum options {
	OPTIONS_USUAL,
	OPTIONS_NONE,
	OPTIONS_OLD_TS,
	OPTIONS_NEW_TS,
	OPTIONS_SACK,
	OPTIONS_SYN,
	OPTIONS_ECHO, /* a timestamp of ours that is none */
	OPTIONS_RAW,
	OPTIONS_N,
};

static void take_options(struct ops *o, const struct peer_conn *c, struct peer_seg *seg)
{
	const enum options how = (enum options)(ops_take(o) % OPTIONS_N);
	struct tcp_options_repr opt;
	int n;

	if (how == OPTIONS_NONE)
		return;
	seg->opts_len = peer_options(o->s, c, seg->flags, seg->opts);
	if (how == OPTIONS_USUAL)
		return;
	if (how == OPTIONS_RAW) {
		seg->opts_len = (uint8_t)(ops_take(o) % 11 * 4);
		for (unsigned int i = 0; i < seg->opts_len; i++)
			seg->opts[i] = ops_take(o);
		return;
	}
	(void)tcp_options_parse(seg->opts, seg->opts_len, &opt); /* our own */
	if (how == OPTIONS_OLD_TS)
		opt.ts_val -= opt.has_ts ? 1U + ops_take(o) : 0;
	else if (how == OPTIONS_NEW_TS)
		opt.ts_val += opt.has_ts ? 1000U * ops_take(o) : 0;
	else if (how == OPTIONS_ECHO)
		opt.ts_ecr += opt.has_ts ? (uint32_t)take_delta(o) : 0;
	else if (how == OPTIONS_SACK)
		take_sacks(o, c, &opt);
	else
		take_syn_options(o, &opt);
	n = tcp_options_emit(seg->opts, sizeof(seg->opts), &opt);
	seg->opts_len = n < 0 ? 0 : (uint8_t)n;
}

/* --- segments --- */

/* Nobody will say what was taken of an answer to a call: which number, which options. */
static bool is_usual_answer(const struct ops *o, const struct peer_conn *c,
			    const struct peer_seg *seg)
{
	uint8_t opts[TCP_OPTS_LEN_MAX];

	return seq_eq(seg->seq, c->irs) &&
	       peer_options(o->s, c, seg->flags, opts) == seg->opts_len &&
	       memcmp(opts, seg->opts, seg->opts_len) == 0;
}

static void say(struct ops *o, struct peer_conn *c, struct peer_seg *seg,
		const struct scene_shape *shape)
{
	static uint8_t data[DATA_MAX]; /* one thread */
	const int32_t off = seq_diff(seg->seq, c->irs) - !(seg->flags & TCP_SYN);

	MUST(seg->len <= sizeof(data));
	if (seg->flags & TCP_SYN && c->heard && !c->acked && !is_usual_answer(o, c, seg))
		c->sure = false;
	peer_fill(c, false, (uint32_t)off, data, seg->len);
	if (off > -DATA_MAX && off < SPAN_MAX) {
		const uint32_t before = off < 0 ? (uint32_t)-off : 0;

		if (seg->len > before)
			peer_notes(c, (uint32_t)off + before, seg->len - before);
	}
	seg->data = data;
	peer_sends(o->s, c, seg, shape);
}

static void take_shape(struct ops *o, struct scene_shape *shape)
{
	const uint8_t v = ops_take(o);

	*shape = (struct scene_shape){ .link = 0 };
	if (v & 1)
		shape->linear = 1U + (v >> 2);
	if (v & 2)
		shape->csum = PBUF_CSUM_VALID;
	if ((v & 0xe0) == 0xe0) {
		shape->gso = PBUF_GSO_TCP4; /* or 6: peer_sends() knows */
		shape->gso_size = (uint16_t)(8U + (v & 0x1c) * 8U);
		shape->csum = PBUF_CSUM_PARTIAL;
	}
}

void ops_segment(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t base = ops_take(o);
	struct peer_seg seg = { .flags = ops_take(o) };
	struct scene_shape shape;

	seg.seq = take_seq(o, c, base & 3);
	seg.ack = take_ack(o, c, base >> 2 & 3);
	seg.wnd = (uint16_t)(ops_take(o) * 257);
	take_options(o, c, &seg);
	seg.len = take_len(o);
	if (seg.flags & TCP_URG) {
		seg.urg = ops_take(o);
		c->urgent = true;
	}
	take_shape(o, &shape);
	say(o, c, &seg, &shape);
}

static void init_next(const struct ops *o, const struct peer_conn *c, uint16_t flags,
		      struct peer_seg *seg)
{
	*seg = (struct peer_seg){
		.seq = c->acked ? c->rcv_nxt : c->nxt,
		.ack = c->snd_nxt,
		.flags = flags,
		.wnd = PEER_WND,
	};
	seg->opts_len = peer_options(o->s, c, flags, seg->opts);
}

void ops_data(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	struct peer_seg seg;

	init_next(o, c, TCP_ACK | TCP_PSH, &seg);
	seg.len = take_len(o);
	say(o, c, &seg, &(struct scene_shape){ .link = 0 });
}

void ops_ack(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t how = ops_take(o);
	const uint32_t flight = (uint32_t)seq_diff(c->snd_nxt, c->una);
	struct peer_seg seg;

	init_next(o, c, TCP_ACK, &seg);
	seg.ack = seq_add(c->una, (uint32_t)((uint64_t)flight * (how & 15) / 15));
	seg.wnd = (uint16_t)(ops_take(o) * 257);
	/* the same one some times */
	for (unsigned int i = 0; i <= how >> 6; i++)
		say(o, c, &seg, &(struct scene_shape){ .link = 0 });
}

/* Where a segment began, or the end of the last one. */
static struct seq take_cut(struct ops *o, const struct peer_conn *c)
{
	const unsigned int n = c->n_cuts < PEER_CUTS ? c->n_cuts : PEER_CUTS;
	const uint8_t i = ops_take(o);

	return n && i % (n + 1) < n ? c->cut[i % (n + 1)] : c->snd_nxt;
}

void ops_sack(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t how = ops_take(o);
	struct tcp_options_repr opt;
	struct peer_seg seg;
	int n;

	init_next(o, c, TCP_ACK, &seg);
	seg.ack = how & 1 ? take_cut(o, c) : c->una;
	(void)tcp_options_parse(seg.opts, seg.opts_len, &opt); /* our own */
	for (unsigned int i = 0; i <= (how >> 1 & 3) && i < tcp_options_sack_max(opt.has_ts); i++) {
		const struct seq a = take_cut(o, c), b = take_cut(o, c);

		if (seq_eq(a, b))
			continue;
		opt.sack[opt.n_sack++] = (struct tcp_sack){ seq_min(a, b), seq_max(a, b) };
	}
	n = tcp_options_emit(seg.opts, sizeof(seg.opts), &opt);
	MUST(n >= 0);
	seg.opts_len = (uint8_t)n;
	say(o, c, &seg, &(struct scene_shape){ .link = 0 });
}

void ops_end(struct ops *o)
{
	struct peer_conn *c = ops_conn(o);
	const uint8_t how = ops_take(o);
	struct peer_seg seg;

	init_next(o, c, how & 1 ? TCP_RST : TCP_FIN | TCP_ACK, &seg);
	if (how & 2)
		seg.ack = c->una;
	if (how & 4)
		seg.seq = seq_add(seg.seq, 1U + (how >> 3));
	say(o, c, &seg, &(struct scene_shape){ .link = 0 });
}

void ops_icmp(struct ops *o)
{
	const struct peer_conn *c = ops_conn(o);
	const uint8_t what = ops_take(o);
	const uint32_t mtu = 8U * ops_take(o);
	const uint32_t by = (uint32_t)take_delta(o);

	switch (what % 4) {
	case 0:
		peer_complains(o->s, c, c->ip6 ? 2 : ICMP4_TYPE_UNREACHABLE,
			       c->ip6 ? 0 : ICMP4_UNREACHABLE_FRAG_NEEDED, mtu, by);
		break;
	case 1:
		peer_complains(o->s, c, c->ip6 ? 1 : ICMP4_TYPE_UNREACHABLE, what >> 2 & 15, 0, by);
		break;
	case 2:
		peer_complains(o->s, c, c->ip6 ? 3 : ICMP4_TYPE_TIME_EXCEEDED, what >> 2 & 1, 0,
			       by);
		break;
	default:
		peer_complains(o->s, c, c->ip6 ? 4 : ICMP4_TYPE_PARAM_PROBLEM, what >> 2 & 3, mtu,
			       by);
		break;
	}
}

/* --- handshakes --- */

void ops_open(struct ops *o)
{
	const uint8_t how = ops_take(o);
	struct peer_conn *c;

	switch (how % 4) {
	case 0:
		(void)states_open_passive(o->s, how & 4, STATES_PORT); /* there are enough then */
		break;
	case 1:
		(void)states_call(o->s, how & 4); /* the same */
		break;
	case 2: /* an answer to a call */
		c = ops_conn(o);
		if (seq_eq(c->nxt, c->irs))
			peer_says(o->s, c, TCP_SYN | (how & 4 ? 0 : TCP_ACK), 0);
		break;
	default:
		(void)states_accept(o->s, how >> 2 & 1); /* often there is nothing */
		break;
	}
}

/* --- to the other sockets --- */

static uint32_t put_ip(uint8_t *p, uint32_t size, bool ip6, uint8_t proto, uint32_t len,
		       bool to_group)
{
	int n;

	if (ip6)
		n = ipv6_emit(p, size,
			      &(struct ipv6_repr){
				      .src = SCENE_PEER6(0),
				      .dst = to_group ? SCENE_GROUP6 : SCENE_US6(0),
				      .payload_len = (uint16_t)len,
				      .next_hdr = proto,
				      .hop_limit = 5,
			      });
	else
		n = ipv4_emit(p, size,
			      &(struct ipv4_repr){
				      .src = SCENE_PEER4(0),
				      .dst = to_group ? SCENE_GROUP4 : SCENE_US4(0),
				      .payload_len = (uint16_t)len,
				      .ttl = 5,
				      .proto = proto,
			      });
	MUST(n > 0);
	return (uint32_t)n;
}

void ops_datagram(struct ops *o)
{
	uint8_t packet[IPV6_HDR_LEN + DATA_MAX] = { 0 };
	const uint8_t how = ops_take(o);
	const bool ip6 = how & 1, echo = how & 2;
	const uint32_t len = 8 + take_len(o) % 2000;
	const uint8_t icmp = ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	uint8_t *p;
	uint32_t n;

	n = put_ip(packet, sizeof(packet), ip6, echo ? icmp : IP_PROTO_UDP, len, how & 4);
	p = packet + n;
	if (echo) {
		p[0] = ip6 ? ICMP6_TYPE_ECHO_REPLY : ICMP4_TYPE_ECHO_REPLY;
		put_be16(p + 4, how & 8 ? ops_take(o) : 77 + ip6);
	} else {
		put_be16(p, 6000);
		put_be16(p + 2, (uint16_t)(how & 8 ? 5000 + ops_take(o) : 5000 + ip6));
	}
	sums_fix(packet, n + len, true);
	scene_input_ip(o->s, &(struct scene_shape){ .link = how >> 4 & 1 }, packet, n + len);
}
