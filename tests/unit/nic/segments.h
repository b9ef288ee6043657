/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * segments.h - TCP segments to be merged, and what must be the same when they are cut again;
 * for unit tests and fuzzers of GRO
 */
#ifndef TESTS_UNIT_NIC_SEGMENTS_H
#define TESTS_UNIT_NIC_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "nic/pbuf.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/l4.h"
#include "wire/tcp.h"

#define SEGMENTS        __attribute__((unused)) static

#define SEGMENT_LEN_MAX (UINT16_MAX + 64)

/**
 * struct segment_spec - A segment, from host @src to host 1 of 10.2.0.0/16 or fd00:0:0:2::/64
 * @is_ip:	Without an Ethernet header
 * @n_vlans:	Tags in it, for VLAN @vid
 * @mac:	Last byte of the sender's address
 * @flow:	IPv6
 * @len:	Bytes of payload; each is a function of its sequence number
 * @pad:	Bytes behind it that are not part of it
 */
struct segment_spec {
	bool is_ip4;
	bool is_ip;
	uint8_t n_vlans;
	uint16_t vid;
	uint8_t mac;
	uint8_t src;
	uint8_t tos;
	uint8_t ttl;
	uint16_t id;
	bool dont_frag;
	uint32_t flow;
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t seq;
	uint32_t ack;
	uint16_t flags;
	uint16_t wnd;
	uint16_t urg;
	uint8_t opts_len;
	uint8_t opts[TCP_OPTS_LEN_MAX];
	uint32_t len;
	uint32_t pad;
};

/* The byte of a stream at this sequence number. */
SEGMENTS uint8_t segment_byte(uint32_t seq)
{
	seq *= 0x9e3779b1U;
	return (uint8_t)(seq >> 24 ^ seq >> 11);
}

SEGMENTS uint32_t segment_put_eth(const struct segment_spec *s, uint8_t *frame)
{
	struct eth_repr eth = {
		.dst = { { 2, 0, 0, 2, 0, 1 } },
		.src = { { 2, 0, 0, 2, 1, s->mac } },
		.type = s->is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6,
		.n_vlans = s->n_vlans,
	};

	if (s->is_ip)
		return 0;
	for (unsigned int i = 0; i < s->n_vlans; i++)
		eth.vlan[i].vid = (uint16_t)(s->vid + i);
	return (uint32_t)eth_emit(frame, ETH_HDR_LEN_MAX, &eth);
}

/* Headers of IP for @l4_len bytes; @ret_pseudo is the sum of the pseudo header. */
SEGMENTS uint32_t segment_put_ip(const struct segment_spec *s, uint8_t *at, uint32_t l4_len,
				 uint64_t *ret_pseudo)
{
	if (s->is_ip4) {
		const struct ipv4_repr ip = {
			.src = IP4_ADDR(10, 2, 0, 0) + s->src,
			.dst = IP4_ADDR(10, 2, 0, 1),
			.payload_len = (uint16_t)l4_len,
			.id = s->id,
			.tos = s->tos,
			.ttl = s->ttl,
			.proto = IP_PROTO_TCP,
			.dont_frag = s->dont_frag,
		};

		*ret_pseudo = csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, l4_len);
		return (uint32_t)ipv4_emit(at, IPV4_HDR_LEN, &ip);
	}

	const struct ipv6_repr ip = {
		.src = { UINT64_C(0xfd00000000000002), s->src },
		.dst = { UINT64_C(0xfd00000000000002), 1 },
		.payload_len = (uint16_t)l4_len,
		.next_hdr = IP_PROTO_TCP,
		.hop_limit = s->ttl,
		.tclass = s->tos,
		.flow = s->flow & IPV6_FLOW_MAX,
	};

	*ret_pseudo = csum_pseudo6(ip.src, ip.dst, IP_PROTO_TCP, l4_len);
	return (uint32_t)ipv6_emit(at, IPV6_HDR_LEN, &ip);
}

/**
 * segment_build() - Make a frame
 * @frame:	Of SEGMENT_LEN_MAX bytes
 * @partial:	The checksum is left to be finished
 * @ret_l4:	Where TCP begins
 *
 * Return: its length
 */
SEGMENTS uint32_t segment_build(const struct segment_spec *s, uint8_t *frame, bool partial,
				uint32_t *ret_l4)
{
	const uint32_t l3 = segment_put_eth(s, frame);
	const uint32_t l4_len = TCP_HDR_LEN + s->opts_len + s->len;
	uint64_t pseudo;
	const uint32_t l4 = l3 + segment_put_ip(s, frame + l3, l4_len, &pseudo);
	uint8_t *tcp = frame + l4;
	const struct tcp_repr h = {
		.seq = { s->seq },
		.ack = { s->ack },
		.src_port = s->src_port,
		.dst_port = s->dst_port,
		.flags = s->flags & TCP_FLAGS,
		.wnd = s->wnd,
		.urg = s->urg,
		.opts_len = s->opts_len,
	};

	(void)tcp_emit(tcp, TCP_HDR_LEN_MAX, &h); /* the caller's options are possible */
	memcpy(tcp + TCP_HDR_LEN, s->opts, s->opts_len);
	for (uint32_t i = 0; i < s->len; i++)
		tcp[TCP_HDR_LEN + s->opts_len + i] = segment_byte(s->seq + i);
	put_be16(tcp + TCP_CSUM_OFFSET,
		 partial ? csum_fold(pseudo) : csum_finish(pseudo + csum_bytes(tcp, l4_len)));
	memset(tcp + l4_len, 0xee, s->pad);
	*ret_l4 = l4;
	return l4 + l4_len + s->pad;
}

/* A packet of this frame whose payload lies in one to three pieces. */
SEGMENTS struct pbuf *segment_pbuf(struct pbuf_pool *pool, const uint8_t *frame, uint32_t len,
				   uint32_t linear)
{
	struct pbuf *pb;
	uint32_t at, n;

	if (linear > len)
		linear = len;
	pb = pbuf_alloc_rx(pool, 64, linear ? linear : 1);
	if (!pb)
		return NULL;
	memcpy(pbuf_put(pb, linear), frame, linear);
	for (at = linear; at < len; at += n) {
		struct pbuf_block *b;

		n = (len - linear) / 2 + 1;
		n = n < len - at ? n : len - at;
		b = pbuf_block_alloc(pool, n);
		if (!b) {
			pbuf_free(pb);
			return NULL;
		}
		memcpy(b->data, frame + at, n);
		(void)pbuf_add_frag(pb, b, 0, n); /* there are two of them at most */
		pbuf_block_unref(b);
	}
	return pb;
}

/* Leave of a frame what merging and cutting again must not change.  Return: its length then */
SEGMENTS uint32_t segment_normal(uint8_t *frame, uint32_t len, bool is_ip)
{
	struct l4_repr l4;
	uint8_t *ip, *tcp;

	if ((is_ip ? l4_find_ip(frame, len, &l4) : l4_find(frame, len, &l4)) < 0 ||
	    l4.proto != IP_PROTO_TCP || l4.part != L4_WHOLE || l4.l4_len < TCP_HDR_LEN)
		return len;
	ip = frame + (is_ip ? 0 : l4.l3_at);
	tcp = frame + l4.l4_at;
	if (l4.ip_version == 4 && ip[6] & 0x40)
		ipv4_put16(ip, 4, 0);
	if (get_be16(tcp + TCP_CSUM_OFFSET) == 0xffff)
		put_be16(tcp + TCP_CSUM_OFFSET, 0);
	return (uint32_t)l4.l4_at + l4.l4_len;
}

#endif /* TESTS_UNIT_NIC_SEGMENTS_H */
