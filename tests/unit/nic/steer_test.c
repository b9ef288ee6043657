/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/steer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/error.h"
#include "nic/steer_priv.h"
#include "tests/unit/test_mem.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/mld.h"
#include "wire/ndp.h"

#define N_SHARDS   4
#define PORT_FIRST 32768
#define PORT_LAST  60999
#define FRAME_MAX  70000

static const uint8_t mac_us[] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t mac_group[] = { 0x33, 0x33, 0, 0, 0, 1 };

struct rig {
	struct test_mem tm[N_SHARDS];
	struct pbuf_pool *pool[N_SHARDS];
	struct steer *s;
};

static void rig_init(struct rig *r, bool is_ip)
{
	const struct steer_conf conf = {
		.n_shards = N_SHARDS,
		.port_first = PORT_FIRST,
		.port_last = PORT_LAST,
		.is_ip = is_ip,
	};

	memset(r, 0, sizeof(*r));
	for (unsigned int i = 0; i < N_SHARDS; i++) {
		r->tm[i] = TEST_MEM_INIT(&r->tm[i]);
		assert_int_equal(pbuf_pool_new(&r->pool[i], &r->tm[i].mem, UINT64_C(16) << 20), 0);
	}
	assert_int_equal(steer_new(&r->s, &conf, NULL), 0);
}

static void rig_done(struct rig *r)
{
	for (unsigned int i = 0; i < N_SHARDS; i++) {
		struct pbuf_pool_stats stats;

		steer_leave(r->s, i);
		pbuf_pool_stats(r->pool[i], &stats);
		assert_int_equal(stats.pbufs, 0);
		assert_int_equal(stats.blocks, 0);
		pbuf_pool_free(r->pool[i]);
		test_mem_done(&r->tm[i]);
	}
	steer_free(r->s);
}

/* --- frames --- */

/**
 * struct flow - From a peer to us, of UDP when nothing else is said
 * @peer:	Its number, 0 for any
 * @more, @frag_off: A fragment
 * @ext:	Extension headers (IPv6) or options (IPv4)
 */
struct flow {
	bool is_ip6;
	bool is_ip;
	uint8_t n_vlans;
	bool ext;
	uint8_t peer;
	uint8_t proto;
	uint16_t peer_port;
	uint16_t our_port;
	bool more;
	uint16_t frag_off;
	uint16_t id;
	const uint8_t *dst_mac;
	uint32_t group4;
	bool group6;
};

#define FLOW(...) ((struct flow){ __VA_ARGS__ })

static uint8_t peer_of(const struct flow *f)
{
	return f->peer ? f->peer : 9;
}

static uint8_t proto_of(const struct flow *f)
{
	return f->proto ? f->proto : IP_PROTO_UDP;
}

static uint32_t put_eth(const struct flow *f, uint16_t type, uint8_t *at)
{
	struct eth_repr eth = {
		.src = { { 2, 0, 0, 0, 1, peer_of(f) } },
		.type = type,
		.n_vlans = f->n_vlans,
	};

	if (f->is_ip)
		return 0;
	memcpy(eth.dst.b, f->dst_mac ? f->dst_mac : mac_us, ETH_ADDR_LEN);
	for (unsigned int i = 0; i < f->n_vlans; i++)
		eth.vlan[i].vid = 7;
	return (uint32_t)eth_emit(at, ETH_HDR_LEN_MAX, &eth);
}

/* The IP header and what is behind it before @len bytes of payload; @back: from us to the peer. */
static uint32_t put_ip(const struct flow *f, uint8_t *at, uint32_t len, bool back)
{
	struct ip6_addr us = { UINT64_C(0xfd00) << 48, 1 };
	const struct ip6_addr peer = { UINT64_C(0xfd00) << 48, peer_of(f) };
	const uint32_t us4 = f->group4 ? f->group4 : IP4_ADDR(10, 0, 0, 1);
	const uint32_t peer4 = IP4_ADDR(10, 0, 0, 0) + peer_of(f);
	const bool is_fragment = f->more || f->frag_off;
	struct ipv6_repr ip6 = { .hop_limit = 64, .next_hdr = proto_of(f) };
	uint32_t n = IPV6_HDR_LEN;

	if (!f->is_ip6) {
		const struct ipv4_repr ip = {
			.src = back ? us4 : peer4,
			.dst = back ? peer4 : us4,
			.payload_len = (uint16_t)len,
			.id = f->id,
			.ttl = 64,
			.proto = proto_of(f),
			.opts_len = f->ext ? 4 : 0,
			.frag_off = f->frag_off,
			.more_frags = f->more,
		};

		memset(at + IPV4_HDR_LEN, 1, ip.opts_len);
		return (uint32_t)ipv4_emit(at, IPV4_HDR_LEN_MAX, &ip);
	}
	if (f->group6)
		us = IP6_ALL_NODES;
	ip6.src = back ? us : peer;
	ip6.dst = back ? peer : us;
	if (f->ext) {
		memset(at + n, 0, 8);
		at[n] = ip6.next_hdr;
		at[n + 2] = 1; /* PadN of the rest */
		at[n + 3] = 4;
		ip6.next_hdr = IP_PROTO_HOPOPTS;
		n += 8;
	}
	if (is_fragment) {
		memset(at + n, 0, 8);
		at[n] = proto_of(f);
		put_be16(at + n + 2, (uint16_t)(f->frag_off | f->more));
		put_be16(at + n + 6, f->id);
		if (f->ext)
			at[IPV6_HDR_LEN] = IP_PROTO_FRAGMENT;
		else
			ip6.next_hdr = IP_PROTO_FRAGMENT;
		n += 8;
	}
	ip6.payload_len = (uint16_t)(n - IPV6_HDR_LEN + len);
	(void)ipv6_emit(at, IPV6_HDR_LEN, &ip6); /* what is above is possible */
	return n;
}

static uint32_t put_ports(const struct flow *f, uint8_t *at, bool back)
{
	memset(at, 0, 20);
	put_be16(at, back ? f->our_port : f->peer_port);
	put_be16(at + 2, back ? f->peer_port : f->our_port);
	if (proto_of(f) == IP_PROTO_TCP)
		at[12] = 5 << 4;
	else
		put_be16(at + 4, 20);
	return 20;
}

static struct pbuf *packet_of(struct pbuf_pool *pool, const uint8_t *p, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(pool, 32, len);

	assert_non_null(pb);
	memcpy(pbuf_put(pb, len), p, len);
	return pb;
}

static uint32_t eth_type_of(const struct flow *f)
{
	return !f->is_ip6 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6;
}

/* A frame with @len bytes at @payload behind the IP header. */
static struct pbuf *frame_with(struct rig *r, unsigned int shard, const struct flow *f,
			       const uint8_t *payload, uint32_t len)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t n = put_eth(f, (uint16_t)eth_type_of(f), frame);

	n += put_ip(f, frame + n, len, false);
	memcpy(frame + n, payload, len);
	return packet_of(r->pool[shard], frame, n + len);
}

static struct pbuf *frame_of(struct rig *r, unsigned int shard, const struct flow *f)
{
	uint8_t ports[20];

	return frame_with(r, shard, f, ports, put_ports(f, ports, false));
}

static uint32_t shard_of_bytes(struct rig *r, const struct flow *f, const uint8_t *p, uint32_t len)
{
	struct pbuf *pb = frame_with(r, 0, f, p, len);
	const uint32_t shard = steer_shard(r->s, pb);

	pbuf_free(pb);
	return shard;
}

static uint32_t shard_of(struct rig *r, const struct flow *f)
{
	uint8_t ports[20];

	return shard_of_bytes(r, f, ports, put_ports(f, ports, false));
}

/* An ICMP error about what we sent, of which @quoted bytes behind the IP header come back. */
static uint32_t shard_of_error(struct rig *r, const struct flow *about, const uint8_t *payload,
			       uint32_t quoted)
{
	uint8_t icmp[256] = { about->is_ip6 ? ICMP6_TYPE_PACKET_TOO_BIG : ICMP4_TYPE_UNREACHABLE };
	struct flow f = FLOW(.is_ip6 = about->is_ip6, .peer = 77,
			     .proto = about->is_ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
			     .n_vlans = about->n_vlans, .is_ip = about->is_ip);
	uint32_t n = 8;

	n += put_ip(about, icmp + n, 1000, true);
	memcpy(icmp + n, payload, quoted);
	return shard_of_bytes(r, &f, icmp, n + quoted);
}

/* --- whose is it? --- */

static void ephemeral_ports_say_it_themselves(void **state)
{
	struct rig r;

	(void)state;
	for (unsigned int kind = 0; kind < 32; kind++) {
		rig_init(&r, kind >> 3 == 1);
		for (uint32_t port = PORT_FIRST; port <= PORT_LAST; port += 997) {
			const struct flow f =
				FLOW(.is_ip6 = kind & 1,
				     .proto = kind & 2 ? IP_PROTO_TCP : IP_PROTO_UDP,
				     .ext = kind & 4, .is_ip = kind >> 3 == 1,
				     .n_vlans = (uint8_t)(kind >> 3 > 1 ? (kind >> 3) - 1 : 0),
				     .peer_port = 53, .our_port = (uint16_t)port);
			uint8_t ports[20];

			assert_int_equal(shard_of(&r, &f), port % N_SHARDS);
			(void)put_ports(&f, ports, true);
			assert_int_equal(shard_of_error(&r, &f, ports, 8), port % N_SHARDS);
		}
		rig_done(&r);
	}
}

static void other_ports_are_spread_by_flow(void **state)
{
	unsigned int n[N_SHARDS] = { 0 };
	struct rig r;

	(void)state;
	rig_init(&r, false);
	for (unsigned int i = 0; i < 4000; i++) {
		const struct flow f =
			FLOW(.is_ip6 = i & 1, .proto = i & 2 ? IP_PROTO_TCP : IP_PROTO_UDP,
			     .peer = (uint8_t)(2 + i % 200), .our_port = 80,
			     .peer_port = (uint16_t)(1024 + i));
		const uint32_t shard = shard_of(&r, &f);
		uint8_t ports[20];

		assert_in_range(shard, 0, N_SHARDS - 1);
		n[shard]++;
		assert_int_equal(shard_of(&r, &f), shard);
		(void)put_ports(&f, ports, true);
		assert_int_equal(shard_of_error(&r, &f, ports, 20), shard);
	}
	for (unsigned int i = 0; i < N_SHARDS; i++)
		assert_in_range(n[i], 4000 / N_SHARDS * 8 / 10, 4000 / N_SHARDS * 12 / 10);
	rig_done(&r);
}

/* Long packets are not seen whole, and some lie in pieces. */
static void where_the_bytes_lie_does_not_matter(void **state)
{
	static uint8_t payload[60000];
	const struct flow f = FLOW(.proto = IP_PROTO_TCP, .our_port = 80, .peer_port = 5555);
	struct rig r;

	(void)state;
	rig_init(&r, false);
	(void)put_ports(&f, payload, false);
	for (uint32_t len = 20; len < sizeof(payload); len = len * 3 + 1) {
		struct pbuf *pb = frame_with(&r, 0, &f, payload, len), *parts;

		assert_int_equal(steer_shard(r.s, pb), shard_of(&r, &f));
		for (uint32_t linear = 1; linear < 60; linear += 13) {
			parts = pbuf_alloc_rx(r.pool[0], 32, linear);
			assert_non_null(parts);
			memcpy(pbuf_put(parts, linear), pb->data, linear);
			assert_true(pbuf_append(parts, pb, linear, pb->len - linear));
			assert_int_equal(steer_shard(r.s, parts), shard_of(&r, &f));
			pbuf_free(parts);
		}
		pbuf_free(pb);
	}
	rig_done(&r);
}

static void echo(uint8_t *at, uint8_t type, uint16_t id)
{
	memset(at, 0, 8);
	at[0] = type;
	put_be16(at + 4, id);
}

static void replies_to_our_echo_go_by_identifier(void **state)
{
	unsigned int n[N_SHARDS] = { 0 };
	struct rig r;

	(void)state;
	rig_init(&r, false);
	for (unsigned int i = 0; i < 400; i++) {
		const bool is_ip4 = i & 1;
		const struct flow f = FLOW(.is_ip6 = !is_ip4, .peer = (uint8_t)(2 + i % 100),
					   .proto = is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6);
		const uint8_t request = is_ip4 ? ICMP4_TYPE_ECHO : ICMP6_TYPE_ECHO;
		const uint8_t reply = is_ip4 ? ICMP4_TYPE_ECHO_REPLY : ICMP6_TYPE_ECHO_REPLY;
		const uint16_t id = (uint16_t)(i * 163);
		uint8_t icmp[8];
		uint32_t shard;

		echo(icmp, reply, id);
		assert_int_equal(shard_of_bytes(&r, &f, icmp, 8), id % N_SHARDS);
		echo(icmp, request, id);
		assert_int_equal(shard_of_error(&r, &f, icmp, 8), id % N_SHARDS);
		/* Theirs: one for all of a ping, and for errors about our answers. */
		shard = shard_of_bytes(&r, &f, icmp, 8);
		assert_in_range(shard, 0, N_SHARDS - 1);
		n[shard]++;
		echo(icmp, reply, id);
		assert_int_equal(shard_of_error(&r, &f, icmp, 8), shard);
	}
	for (unsigned int i = 0; i < N_SHARDS; i++)
		assert_true(n[i] > 50);
	rig_done(&r);
}

static uint32_t shard_of_arp(struct rig *r, enum arp_oper op, uint32_t spa, uint32_t tpa)
{
	const struct arp_repr arp = {
		.op = op,
		.spa = spa,
		.tpa = tpa,
		.sha = { { 2, 0, 0, 0, 1, 9 } },
	};
	uint8_t frame[60] = { 0 };
	const uint32_t n = put_eth(&FLOW(.dst_mac = mac_us), ETH_TYPE_ARP, frame);
	struct pbuf *pb;
	uint32_t shard;

	assert_int_equal(arp_emit(frame + n, ARP_LEN, &arp), ARP_LEN);
	pb = packet_of(r->pool[0], frame, sizeof(frame));
	shard = steer_shard(r->s, pb);
	pbuf_free(pb);
	return shard;
}

static void neighbours_ask_the_first_shard_and_tell_all(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t shard;
	} icmp6[] = {
		{ NDP_TYPE_ROUTER_SOLICIT, 0 },   { NDP_TYPE_ROUTER_ADVERT, STEER_ALL },
		{ NDP_TYPE_NEIGH_SOLICIT, 0 },    { NDP_TYPE_NEIGH_ADVERT, STEER_ALL },
		{ NDP_TYPE_REDIRECT, STEER_ALL }, { MLD_TYPE_QUERY, STEER_ALL },
		{ MLD_TYPE_REPORT2, STEER_ALL },
	};
	struct rig r;

	(void)state;
	rig_init(&r, false);
	assert_int_equal(shard_of_arp(&r, ARP_OP_REQUEST, 1, 2), 0);
	assert_int_equal(shard_of_arp(&r, ARP_OP_REQUEST, 0, 2), 0);
	assert_int_equal(shard_of_arp(&r, ARP_OP_REQUEST, 2, 2), STEER_ALL);
	assert_int_equal(shard_of_arp(&r, ARP_OP_REPLY, 1, 2), STEER_ALL);
	for (unsigned int i = 0; i < sizeof(icmp6) / sizeof(*icmp6); i++) {
		const uint8_t msg[24] = { icmp6[i].type };

		assert_int_equal(
			shard_of_bytes(&r,
				       &FLOW(.is_ip6 = true, .proto = IP_PROTO_ICMP6, .ext = i & 1,
					     .dst_mac = mac_group, .group6 = true),
				       msg, sizeof(msg)),
			icmp6[i].shard);
	}
	rig_done(&r);
}

static void what_is_for_a_group_is_for_all(void **state)
{
	const uint8_t msg[8] = { ICMP4_TYPE_ECHO };
	struct rig r;

	(void)state;
	rig_init(&r, false);
	assert_int_equal(shard_of(&r, &FLOW(.group4 = IP4_ADDR(224, 0, 0, 251))), STEER_ALL);
	assert_int_equal(shard_of(&r, &FLOW(.group4 = IP4_BROADCAST, .our_port = 40000)),
			 STEER_ALL);
	assert_int_equal(shard_of(&r, &FLOW(.dst_mac = mac_group)), STEER_ALL);
	assert_int_equal(shard_of(&r, &FLOW(.is_ip6 = true, .group6 = true)), STEER_ALL);
	assert_int_equal(shard_of(&r, &FLOW(.proto = IP_PROTO_IGMP)), STEER_ALL);
	assert_int_equal(shard_of_bytes(&r, &FLOW(.group4 = IP4_ADDR(224, 0, 0, 251), .more = true),
					msg, sizeof(msg)),
			 STEER_ALL);
	/* One answer is enough. */
	assert_in_range(
		shard_of_bytes(&r, &FLOW(.proto = IP_PROTO_ICMP, .group4 = IP4_ADDR(224, 0, 0, 1)),
			       msg, sizeof(msg)),
		0, N_SHARDS - 1);
	rig_done(&r);
}

static void anything_has_a_shard(void **state)
{
	struct dice d = { 5 };
	uint8_t frame[400];
	struct rig r;

	(void)state;
	for (unsigned int is_ip = 0; is_ip < 2; is_ip++) {
		rig_init(&r, is_ip);
		for (unsigned int i = 0; i < 20000; i++) {
			const uint32_t len = dice_below(&d, sizeof(frame)) + 1;
			struct flow f = FLOW(.is_ip6 = i & 1, .ext = i & 2, .more = i & 4,
					     .is_ip = is_ip, .proto = (uint8_t)(i & 8 ? 58 : 1));
			uint32_t n = put_eth(&f, (uint16_t)eth_type_of(&f), frame);
			struct pbuf *pb;
			uint32_t shard;

			for (unsigned int k = 0; k < sizeof(frame); k++)
				frame[k] = (uint8_t)dice_roll(&d);
			n = put_eth(&f, (uint16_t)eth_type_of(&f), frame);
			(void)put_ip(&f, frame + n, 64, false);
			frame[dice_below(&d, 100)] = (uint8_t)dice_roll(&d);
			pb = packet_of(r.pool[0], frame, len);
			shard = steer_shard(r.s, pb);
			assert_true(shard < N_SHARDS || shard == STEER_ALL);
			pbuf_free(pb);
		}
		rig_done(&r);
	}
}

/* --- on the way --- */

static unsigned int take_all(struct rig *r, unsigned int shard, struct pbuf **burst, unsigned int n)
{
	unsigned int got = 0, more;

	do {
		more = steer_take(r->s, shard, r->pool[shard], burst + got, n - got);
		got += more;
	} while (more);
	return got;
}

static void frames_come_to_their_shard_in_order(void **state)
{
	struct pbuf *burst[64], *got[64];
	struct steer_stats stats;
	unsigned int n;
	struct rig r;

	(void)state;
	rig_init(&r, false);
	for (uint16_t i = 0; i < 64; i++)
		burst[i] = frame_of(&r, 1, &FLOW(.our_port = (uint16_t)(40000 + i)));
	n = steer_burst(r.s, 1, burst, 64);
	assert_int_equal(n, 64 / N_SHARDS);
	for (uint16_t i = 0; i < n; i++) {
		assert_int_equal(get_be16(burst[i]->data + 14 + 20 + 2), 40001 + N_SHARDS * i);
		pbuf_free(burst[i]);
	}
	for (unsigned int shard = 0; shard < N_SHARDS; shard++) {
		n = take_all(&r, shard, got, 64);
		steer_stats(r.s, shard, &stats);
		assert_int_equal(stats.taken, n);
		assert_int_equal(stats.sent, shard == 1 ? 48 : 0);
		assert_int_equal(stats.lost, 0);
		assert_int_equal(n, shard == 1 ? 0 : 64 / N_SHARDS);
		for (uint16_t i = 0; i < n; i++) {
			assert_int_equal(get_be16(got[i]->data + 14 + 20 + 2),
					 40000 + shard + N_SHARDS * i);
			pbuf_free(got[i]);
		}
	}
	rig_done(&r);
}

static void what_is_for_all_comes_to_all(void **state)
{
	struct pbuf *pb, *got[4];
	struct rig r;

	(void)state;
	rig_init(&r, false);
	pb = frame_of(&r, 2, &FLOW(.dst_mac = mac_group));
	assert_int_equal(steer_burst(r.s, 2, &pb, 1), 1);
	for (unsigned int shard = 0; shard < N_SHARDS; shard++) {
		assert_int_equal(take_all(&r, shard, got, 4), shard != 2);
		if (shard != 2) {
			assert_int_equal(got[0]->len, pb->len);
			assert_memory_equal(got[0]->data, pb->data, pb->len);
			pbuf_free(got[0]);
		}
	}
	pbuf_free(pb);
	rig_done(&r);
}

static void what_is_known_of_a_packet_goes_with_it(void **state)
{
	static uint8_t payload[60000];
	const struct flow f = FLOW(.proto = IP_PROTO_TCP, .our_port = 40003);
	struct pbuf *pb, *got;
	struct rig r;

	(void)state;
	rig_init(&r, false);
	(void)put_ports(&f, payload, false);
	for (uint32_t i = 20; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 >> 3);
	for (unsigned int i = 0; i < 100; i++) { /* round the ring and round again */
		pb = frame_with(&r, 0, &f, payload, sizeof(payload) - 500 * i);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = 16;
		pb->l2 = PBUF_NO_OFFSET;
		pb->l3 = (uint16_t)(pbuf_headroom(pb) + 14);
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
		pb->gso = PBUF_GSO_TCP4;
		pb->gso_size = 1448;
		pb->gso_ecn = i & 1;
		pb->dest = PBUF_TO_GROUP;
		pb->mark = 0x12345678;
		pb->hash = 0x9abcdef0;
		assert_int_equal(steer_burst(r.s, 0, &pb, 1), 0);
		assert_int_equal(steer_take(r.s, 3, r.pool[3], &got, 1), 1);
		assert_int_equal(got->len, 34 + sizeof(payload) - 500 * i);
		assert_int_equal(got->linear, got->len);
		assert_memory_equal(got->data + 34, payload, sizeof(payload) - 500 * i);
		assert_int_equal(got->csum, PBUF_CSUM_PARTIAL);
		assert_int_equal(got->csum_offset, 16);
		assert_int_equal(got->l2, PBUF_NO_OFFSET);
		assert_ptr_equal(pbuf_l3(got), got->data + 14);
		assert_ptr_equal(pbuf_l4(got), got->data + 34);
		assert_int_equal(got->gso, PBUF_GSO_TCP4);
		assert_int_equal(got->gso_size, 1448);
		assert_int_equal(got->gso_ecn, i & 1);
		assert_int_equal(got->dest, PBUF_TO_GROUP);
		assert_int_equal(got->mark, 0x12345678);
		assert_int_equal(got->hash, 0x9abcdef0);
		pbuf_free(got);
	}
	rig_done(&r);
}

static void a_full_ring_loses_and_counts(void **state)
{
	static uint8_t payload[60000];
	const struct flow f = FLOW(.our_port = 40000);
	struct steer_stats stats;
	struct pbuf *pb, *got[64];
	struct rig r;

	(void)state;
	rig_init(&r, false);
	(void)put_ports(&f, payload, false);
	for (unsigned int i = 0; i < 30; i++) {
		pb = frame_with(&r, 3, &f, payload, sizeof(payload));
		assert_int_equal(steer_burst(r.s, 3, &pb, 1), 0);
	}
	steer_stats(r.s, 3, &stats);
	assert_in_range(stats.sent, 15, 17);
	assert_int_equal(stats.sent + stats.lost, 30);
	assert_int_equal(take_all(&r, 0, got, 64), stats.sent);
	for (unsigned int i = 0; i < stats.sent; i++)
		pbuf_free(got[i]);
	pb = frame_with(&r, 3, &f, payload, sizeof(payload));
	assert_int_equal(steer_burst(r.s, 3, &pb, 1), 0);
	assert_int_equal(take_all(&r, 0, got, 64), 1);
	pbuf_free(got[0]);
	rig_done(&r);
}

static void without_memory_a_frame_is_lost_and_counted(void **state)
{
	struct pbuf *pb, *got;
	struct steer_stats stats;
	struct rig r;

	(void)state;
	rig_init(&r, false);
	pb = frame_of(&r, 3, &FLOW(.our_port = 40000));
	assert_int_equal(steer_burst(r.s, 3, &pb, 1), 0);
	pbuf_pool_set_limit(r.pool[0], 0);
	assert_int_equal(steer_take(r.s, 0, r.pool[0], &got, 1), 0);
	steer_stats(r.s, 0, &stats);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.taken, 0);
	assert_false(steer_arm(r.s, 0));
	rig_done(&r);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void only_who_sleeps_is_woken(void **state)
{
	const struct flow f = FLOW(.our_port = 40002);
	struct pbuf *pb, *got[4];
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, false);
	fd = steer_fd(r.s, 2);
	pb = frame_of(&r, 0, &f);
	(void)steer_burst(r.s, 0, &pb, 1);
	assert_false(is_readable(fd)); /* nobody sleeps */
	assert_true(steer_arm(r.s, 2));
	assert_false(is_readable(fd));
	assert_int_equal(take_all(&r, 2, got, 4), 1);
	pbuf_free(got[0]);
	assert_false(steer_arm(r.s, 2));
	assert_false(is_readable(fd));
	for (unsigned int i = 0; i < 2; i++) {
		pb = frame_of(&r, i, &f);
		(void)steer_burst(r.s, i, &pb, 1);
		assert_true(is_readable(fd));
	}
	assert_int_equal(take_all(&r, 2, got, 4), 2);
	pbuf_free(got[0]);
	pbuf_free(got[1]);
	assert_false(is_readable(fd));
	rig_done(&r);
}

/* --- fragments --- */

/* @n of one packet in the order that @order says, each at any shard; all come to @owner. */
static void fragments_come_together(struct rig *r, const struct flow *of, const unsigned int *order,
				    unsigned int n, uint32_t owner, struct dice *d)
{
	struct pbuf *got[64];
	unsigned int come = 0;
	bool seen[8] = { false };

	for (unsigned int i = 0; i < n; i++) {
		const unsigned int at = dice_below(d, N_SHARDS);
		struct flow f = *of;
		uint8_t payload[24] = { 0 };
		struct pbuf *pb;

		f.frag_off = (uint16_t)(order[i] * 24);
		f.more = order[i] + 1 < n;
		if (order[i] == 0)
			(void)put_ports(&f, payload, false);
		payload[20] = (uint8_t)order[i];
		pb = frame_with(r, at, &f, payload, f.more ? 24 : 21);
		if (steer_burst(r->s, at, &pb, 1)) {
			assert_int_equal(at, owner);
			pbuf_free(pb);
			come++;
		}
	}
	/* To who gathers, and from there. */
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int shard = 0; shard < N_SHARDS; shard++) {
			const unsigned int k = take_all(r, shard, got, 64);

			for (unsigned int i = 0; i < k; i++) {
				const uint8_t *last = got[i]->data + got[i]->len;
				const unsigned int which = got[i]->len & 1 ? last[-1] : last[-4];

				assert_int_equal(shard, owner);
				assert_true(which < n && !seen[which]);
				seen[which] = true;
				come++;
				pbuf_free(got[i]);
			}
		}
	}
	assert_int_equal(come, n);
}

static void fragments_follow_the_first_one(void **state)
{
	static const unsigned int order[][4] = {
		{ 0, 1, 2, 3 },
		{ 3, 2, 1, 0 },
		{ 1, 0, 3, 2 },
		{ 2, 3, 0, 1 },
	};
	struct dice d = { 3 };
	struct rig r;

	(void)state;
	rig_init(&r, false);
	for (unsigned int i = 0; i < 400; i++) {
		const struct flow f = FLOW(.is_ip6 = i & 1, .peer = (uint8_t)(i / 8 + 2),
					   .id = (uint16_t)i, .ext = i & 2, .peer_port = 53,
					   .our_port = (uint16_t)(i & 4 ? 53 : 40000 + i));

		fragments_come_together(&r, &f, order[i % 4], 4, shard_of(&r, &f), &d);
	}
	rig_done(&r);
}

static void a_fragment_without_its_first_one_waits_in_vain(void **state)
{
	struct steer_stats stats;
	uint64_t lost = 0;
	struct rig r;

	(void)state;
	rig_init(&r, false);
	for (unsigned int i = 0; i < 1000; i++) {
		const uint8_t payload[16] = { 0 };
		const struct flow f = FLOW(.id = (uint16_t)i, .frag_off = 800);
		struct pbuf *pb = frame_with(&r, 0, &f, payload, sizeof(payload));
		struct pbuf *got[8];

		assert_int_equal(steer_burst(r.s, 0, &pb, 1), 0);
		for (unsigned int shard = 0; shard < N_SHARDS; shard++)
			assert_int_equal(take_all(&r, shard, got, 8), 0);
	}
	for (unsigned int shard = 0; shard < N_SHARDS; shard++) {
		steer_stats(r.s, shard, &stats);
		lost += stats.lost;
	}
	assert_in_range(lost, 1000 - STEER_FRAG_WAITING, 1000);
	rig_done(&r);
}

/* --- threads --- */

#define THREADS_FRAMES 20000
#define BYE            UINT32_MAX

/**
 * struct worker - A shard with a thread of its own
 * @next:	Number of the next frame from each shard
 * @gaps:	Numbers that did not come
 * @lost_byes:	Last words that had to be said again
 * @wrong:	Frames that were not what they should have been
 */
struct worker {
	struct rig *r;
	unsigned int shard;
	pthread_t thread;
	uint32_t next[N_SHARDS];
	uint64_t gaps;
	uint64_t lost_byes;
	uint64_t wrong;
	unsigned int byes;
	bool stuck;
};

/* Frame @number to @to: bytes that its length and number say.  Of a bye @end is the number of
 * the frame that does not come any more.
 */
static struct pbuf *make_frame(struct worker *w, unsigned int to, uint32_t number, uint32_t end,
			       uint32_t len)
{
	const struct flow f = FLOW(.our_port = (uint16_t)(40000 + to));
	struct pbuf *pb = pbuf_alloc_rx(w->r->pool[w->shard], 32, 100 + len);
	uint8_t *p;
	uint32_t n;

	if (!pb)
		return NULL;
	p = pb->data;
	n = put_eth(&f, ETH_TYPE_IPV4, p);
	n += put_ip(&f, p + n, 20 + len, false);
	(void)put_ports(&f, p + n, false);
	put_be32(p + n + 8, number);
	put_be32(p + n + 12, w->shard);
	put_be32(p + n + 16, end);
	for (uint32_t i = 0; i < len; i++)
		p[n + 20 + i] = (uint8_t)(number + i * w->shard);
	(void)pbuf_put(pb, n + 20 + len); /* the block has room for it */
	return pb;
}

static void look_at(struct worker *w, const struct pbuf *pb)
{
	const uint8_t *p = pb->data + 34;
	const uint32_t number = get_be32(p + 8), from = get_be32(p + 12), end = get_be32(p + 16);

	if (from >= N_SHARDS || get_be16(p + 2) != 40000 + w->shard) {
		w->wrong++;
		return;
	}
	for (uint32_t i = 0; i + 54 < pb->len; i++)
		w->wrong += p[20 + i] != (uint8_t)(number + i * from);
	if (number == BYE) {
		w->byes++;
		w->gaps += end - w->next[from];
		return;
	}
	w->wrong += number < w->next[from]; /* overtaken, or twice */
	w->gaps += number - w->next[from];
	w->next[from] = number + 1;
}

static unsigned int take_some(struct worker *w)
{
	struct pbuf *got[32];
	const unsigned int n = steer_take(w->r->s, w->shard, w->r->pool[w->shard], got, 32);

	for (unsigned int i = 0; i < n; i++) {
		look_at(w, got[i]);
		pbuf_free(got[i]);
	}
	return n;
}

static void send_some(struct worker *w, uint32_t *number, struct dice *d)
{
	const unsigned int n = dice_below(d, 32) + 1;
	struct pbuf *burst[32];
	unsigned int made = 0;

	for (unsigned int i = 0; i < n; i++) {
		const unsigned int to = dice_below(d, N_SHARDS);
		const uint32_t len = dice_below(d, 16) ? dice_below(d, 200) : dice_below(d, 20000);

		burst[made] = make_frame(w, to, number[to], 0, len);
		if (burst[made]) {
			number[to]++;
			made++;
		}
	}
	made = steer_burst(w->r->s, w->shard, burst, made);
	for (unsigned int i = 0; i < made; i++) {
		look_at(w, burst[i]);
		pbuf_free(burst[i]);
	}
}

/* To everyone else, again when the ring is full. */
static void say_bye(struct worker *w, unsigned int to, uint32_t end)
{
	struct steer_stats before, after;

	do {
		struct pbuf *pb = make_frame(w, to, BYE, end, 0);

		steer_stats(w->r->s, w->shard, &before);
		if (pb)
			(void)steer_burst(w->r->s, w->shard, &pb, 1); /* it is another's */
		steer_stats(w->r->s, w->shard, &after);
		(void)take_some(w);
		w->lost_byes += pb && after.sent == before.sent;
	} while (after.sent == before.sent);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct dice d = { w->shard };
	uint32_t number[N_SHARDS] = { 0 };

	for (uint32_t sent = 0; sent < THREADS_FRAMES / 16; sent++) {
		send_some(w, number, &d);
		if (dice_below(&d, 3))
			(void)take_some(w);
	}
	for (unsigned int to = 0; to < N_SHARDS; to++)
		if (to != w->shard)
			say_bye(w, to, number[to]);
	while (w->byes < N_SHARDS - 1) {
		struct pollfd p = { .fd = steer_fd(w->r->s, w->shard), .events = POLLIN };

		if (take_some(w) || steer_arm(w->r->s, w->shard))
			continue;
		if (poll(&p, 1, 20000) == 0) {
			w->stuck = true;
			break;
		}
	}
	return NULL;
}

static void threads_hand_on_all_that_they_do_not_count_as_lost(void **state)
{
	static struct worker w[N_SHARDS];
	uint64_t sent = 0, taken = 0, lost = 0, gaps = 0;
	struct rig r;

	(void)state;
	memset(w, 0, sizeof(w));
	rig_init(&r, false);
	for (unsigned int i = 0; i < N_SHARDS; i++) {
		w[i].r = &r;
		w[i].shard = i;
	}
	for (unsigned int i = 0; i < N_SHARDS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < N_SHARDS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	for (unsigned int i = 0; i < N_SHARDS; i++) {
		struct steer_stats stats;

		steer_stats(r.s, i, &stats);
		sent += stats.sent;
		taken += stats.taken;
		lost += stats.lost;
		gaps += w[i].gaps + w[i].lost_byes;
		assert_int_equal(w[i].wrong, 0);
		assert_false(w[i].stuck);
		assert_int_equal(w[i].byes, N_SHARDS - 1);
	}
	assert_int_equal(sent, taken);
	assert_true(taken > 10000);
	assert_int_equal(gaps, lost);
	rig_done(&r);
}

/* --- life --- */

static void what_cannot_be_is_refused(void **state)
{
	static const struct steer_conf bad[] = {
		{ .n_shards = 0, .port_first = 1, .port_last = 2 },
		{ .n_shards = 1, .port_first = 1, .port_last = 2 },
		{ .n_shards = STEER_SHARDS_MAX + 1, .port_first = 1, .port_last = 2 },
		{ .n_shards = 2, .port_first = 3, .port_last = 2 },
	};
	struct steer *s = NULL;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct nerr err = { 0 };

		assert_int_equal(steer_new(&s, &bad[i], &err), -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_null(s);
	}
	steer_free(NULL);
}

static void without_descriptors_nothing_is_left(void **state)
{
	const struct steer_conf conf = { .n_shards = 4, .port_first = 1, .port_last = 2 };
	struct rlimit old, few;
	struct nerr err = { 0 };
	struct steer *s = NULL;
	int r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 5;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = steer_new(&s, &conf, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EMFILE);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ephemeral_ports_say_it_themselves),
		cmocka_unit_test(other_ports_are_spread_by_flow),
		cmocka_unit_test(where_the_bytes_lie_does_not_matter),
		cmocka_unit_test(replies_to_our_echo_go_by_identifier),
		cmocka_unit_test(neighbours_ask_the_first_shard_and_tell_all),
		cmocka_unit_test(what_is_for_a_group_is_for_all),
		cmocka_unit_test(anything_has_a_shard),
		cmocka_unit_test(frames_come_to_their_shard_in_order),
		cmocka_unit_test(what_is_for_all_comes_to_all),
		cmocka_unit_test(what_is_known_of_a_packet_goes_with_it),
		cmocka_unit_test(a_full_ring_loses_and_counts),
		cmocka_unit_test(without_memory_a_frame_is_lost_and_counted),
		cmocka_unit_test(only_who_sleeps_is_woken),
		cmocka_unit_test(fragments_follow_the_first_one),
		cmocka_unit_test(a_fragment_without_its_first_one_waits_in_vain),
		cmocka_unit_test(threads_hand_on_all_that_they_do_not_count_as_lost),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(without_descriptors_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
