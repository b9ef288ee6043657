/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ip_sample.h - IP packets to be cut and put together
 */
#ifndef TESTS_UNIT_NETSTACK_NET_IP_SAMPLE_H
#define TESTS_UNIT_NETSTACK_NET_IP_SAMPLE_H

#include "tests/unit/netstack/core_fixture.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

/**
 * struct ip_sample - A packet
 * @bytes:	From the IP header on
 * @len:	All of it
 * @hdrs_len:	IPv4: header with options; IPv6: what every fragment has
 */
struct ip_sample {
	uint8_t bytes[PACKET_MAX];
	uint32_t len;
	uint32_t hdrs_len;
	struct ipv4_repr ip4;
	struct ipv6_repr ip6;
};

/* Options for an IPv4 header: one to be copied, one not, padding. */
static const uint8_t some_opts[12] = { 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0 };

__attribute__((unused)) static void make_sample4(struct core_fixture *f, struct ip_sample *s,
						 uint32_t data, bool opts)
{
	s->ip4 = (struct ipv4_repr){
		.src = IP4_ADDR(10, 0, 0, 1),
		.dst = IP4_ADDR(10, 0, 0, 2),
		.payload_len = (uint16_t)data,
		.id = (uint16_t)dice_roll(&f->d),
		.tos = 4,
		.ttl = 64,
		.proto = 200,
		.opts_len = opts ? sizeof(some_opts) : 0,
	};
	memcpy(s->bytes + IPV4_HDR_LEN, some_opts, s->ip4.opts_len);
	s->hdrs_len = (uint32_t)ipv4_emit(s->bytes, sizeof(s->bytes), &s->ip4);
	fill_random(f, s->bytes + s->hdrs_len, data);
	s->len = s->hdrs_len + data;
}

/* @ext: with hop-by-hop options, which are in each fragment, and destination options. */
__attribute__((unused)) static void make_sample6(struct core_fixture *f, struct ip_sample *s,
						 uint32_t data, bool ext)
{
	uint8_t *at = s->bytes + IPV6_HDR_LEN;

	s->ip6 = (struct ipv6_repr){
		.src = { 0x20010db800000000, 1 },
		.dst = { 0x20010db800000000, 2 },
		.flow = 5,
		.payload_len = (uint16_t)(data + (ext ? 16 : 0)),
		.next_hdr = ext ? IP_PROTO_HOPOPTS : 200,
		.hop_limit = 64,
	};
	assert_int_equal(ipv6_emit(s->bytes, sizeof(s->bytes), &s->ip6), IPV6_HDR_LEN);
	s->hdrs_len = IPV6_HDR_LEN;
	s->len = IPV6_HDR_LEN + data;
	if (ext) {
		assert_int_equal(ipv6_ext_emit_router_alert(at, 8, IP_PROTO_DSTOPTS, 1), 8);
		memcpy(at + 8, (uint8_t[]){ 200, 0, 1, 4, 0, 0, 0, 0 }, 8);
		at += 16;
		s->hdrs_len += 8;
		s->len += 16;
	}
	fill_random(f, at, data);
}

#endif /* TESTS_UNIT_NETSTACK_NET_IP_SAMPLE_H */
