/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

#define IP      (pkt.b + ETH_HDR_LEN)
#define FAR4    rig_ip4(10, 1, 0, 2)
#define FAR6    rig_ip6(RIG_NET6 + 1, 2)
#define NARROW  1400
#define US4_FAR rig_ip4(10, 1, 0, 1)

/* A router between link 0 and link 1. */
static void router(struct rig *r, uint32_t features, uint32_t mtu)
{
	rig_host(r);
	(void)rig_link_add(r, IFACE_ETHERNET, mtu, features);
	rig_addr_add(r, 1, US4_FAR, 24);
	rig_addr_add(r, 1, rig_ip6(RIG_NET6 + 1, 1), 64);
	rig_neigh_add(r, 1, FAR4);
	rig_neigh_add(r, 1, FAR6);
	netstack_ip_params(r->st)->ip4_forward = true;
	netstack_ip_params(r->st)->ip6_forward = true;
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

static void to_far(struct rig *r, bool is_ip4, uint16_t len)
{
	rig_udp(r, 0, &pkt, is_ip4 ? RIG_PEER4 : RIG_PEER6, is_ip4 ? FAR4 : FAR6, len);
}

static void fix_csum(void)
{
	const uint32_t len = (IP[0] & 0xfU) * 4;

	put_be16(IP + 10, 0);
	put_be16(IP + 10, csum_finish(csum_bytes(IP, len)));
}

static void a_packet_goes_on(void **state)
{
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	to_far(&r, true, 100);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[1].n, 1);
	assert_int_equal(rig_sent4(&r, 1, 0).ttl, 63);
	assert_memory_equal(r.link[1].frame[0].data, r.link[1].peer.b, 6);
	/* All but TTL and header checksum is as it was. */
	assert_memory_equal(rig_sent_ip(&r, 1, 0, true), IP, 8);
	assert_memory_equal(rig_sent_ip(&r, 1, 0, true) + 12, IP + 12, 116);
	to_far(&r, false, 100);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_sent6(&r, 1, 1).hop_limit, 63);
	assert_memory_equal(rig_sent_ip(&r, 1, 1, false) + 8, IP + 8, 140);
	assert_int_equal(netstack_ip_stats(r.st)->forwarded, 2);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

static void only_routers_forward(void **state)
{
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	netstack_ip_params(r.st)->ip4_forward = false;
	to_far(&r, true, 100);
	rig_in_pkt(&r, 0, &pkt);
	to_far(&r, false, 100);
	rig_in_pkt(&r, 0, &pkt);
	netstack_ip_params(r.st)->ip6_forward = false;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[1].n, 1);
	assert_int_equal(rig_drops(&r, DROP_IP_NOT_OURS), 2);
	rig_done(&r);
}

static void assert_icmp(struct rig *r, bool is_ip4, uint8_t type, uint8_t code)
{
	const uint8_t *icmp;

	assert_int_equal(r->link[1].n, 0);
	assert_int_equal(r->link[0].n, 1);
	icmp = rig_sent_ip(r, 0, 0, is_ip4) + (is_ip4 ? 20 : 40);
	assert_int_equal(icmp[0], type);
	assert_int_equal(icmp[1], code);
	rig_forget(r);
}

static void the_last_hop(void **state)
{
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	to_far(&r, true, 10);
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		IP[8] = ttl;
		fix_csum();
		rig_in_pkt(&r, 0, &pkt);
		assert_icmp(&r, true, ICMP4_TYPE_TIME_EXCEEDED, ICMP4_TIME_EXCEEDED_TTL);
	}
	IP[8] = 2;
	fix_csum();
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_sent4(&r, 1, 0).ttl, 1);
	rig_forget(&r);
	to_far(&r, false, 10);
	IP[7] = 1;
	rig_in_pkt(&r, 0, &pkt);
	assert_icmp(&r, false, ICMP6_TYPE_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED_HOP_LIMIT);
	assert_int_equal(rig_drops(&r, DROP_IP_TTL), 3);
	rig_done(&r);
}

static void add_no_way(struct rig *r, uint8_t net, enum route_type type)
{
	const struct route_conf c = {
		.dst = rig_ip4(20, net, 0, 0), .dst_len = 16, .is_ip4 = true, .type = (uint8_t)type
	};

	assert_int_equal(netstack_route_add(r->st, &c), 0);
}

static void no_way(void **state)
{
	static const struct {
		uint8_t net;
		uint8_t code;
		enum drop_reason why;
	} t[] = {
		{ 2, ICMP4_UNREACHABLE_HOST, DROP_ROUTE_UNREACHABLE },
		{ 3, ICMP4_UNREACHABLE_PROHIBITED, DROP_ROUTE_PROHIBIT },
		{ 4, ICMP4_UNREACHABLE_NET, DROP_NO_ROUTE },
	};
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	add_no_way(&r, 1, ROUTE_BLACKHOLE);
	add_no_way(&r, 2, ROUTE_UNREACHABLE);
	add_no_way(&r, 3, ROUTE_PROHIBIT);
	for (unsigned int i = 0; i < 3; i++) {
		rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(20, t[i].net, 0, 1), 1);
		rig_in_pkt(&r, 0, &pkt);
		assert_icmp(&r, true, ICMP4_TYPE_UNREACHABLE, t[i].code);
		assert_int_equal(rig_drops(&r, t[i].why), 1);
	}
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(20, 1, 0, 1), 1);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(rig_drops(&r, DROP_ROUTE_BLACKHOLE), 1);
	rig_udp(&r, 0, &pkt, RIG_PEER6, rig_ip6(UINT64_C(0x3fff) << 48, 1), 1);
	rig_in_pkt(&r, 0, &pkt);
	assert_icmp(&r, false, ICMP6_TYPE_UNREACHABLE, ICMP6_UNREACHABLE_NO_ROUTE);
	rig_done(&r);
}

/* Frames of a type, of which reports of groups are not. */
static unsigned int count(const struct rig *r, unsigned int link, uint16_t type, uint8_t proto)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->link[link].n; i++) {
		const uint8_t *f = r->link[link].frame[i].data;

		n += get_be16(f + 12) == type && (!proto || f[ETH_HDR_LEN + 9] == proto);
	}
	return n;
}

static void a_neighbour_that_does_not_answer(void **state)
{
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	rig_sleep(&r, 20000);
	rig_forget(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(10, 1, 0, 77), 1);
	rig_in_pkt(&r, 0, &pkt);
	rig_sleep(&r, 4000);
	assert_int_equal(count(&r, 1, ETH_TYPE_ARP, 0), 3);
	assert_int_equal(count(&r, 0, ETH_TYPE_IPV4, IP_PROTO_ICMP), 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[20], ICMP4_TYPE_UNREACHABLE);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[21], ICMP4_UNREACHABLE_HOST);
	assert_int_equal(rig_drops(&r, DROP_NEIGH_FAILED), 1);
	rig_done(&r);
}

/* --- what is not for routers --- */

static void frames_to_many_are_not_forwarded(void **state)
{
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	to_far(&r, true, 10);
	memset(pkt.b, 0xff, 6);
	rig_in_pkt(&r, 0, &pkt);
	to_far(&r, false, 10);
	memcpy(pkt.b, ((const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }), 6);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[1].n, 0);
	assert_int_equal(rig_drops(&r, DROP_IP_NOT_OURS), 2);
	rig_done(&r);
}

static void ip6_scopes(void **state)
{
	const struct ip6_addr ll = { UINT64_C(0xfe80) << 48, 2 };
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	rig_neigh_add(&r, 0, ll);
	rig_udp(&r, 0, &pkt, ll, FAR6, 1);
	rig_in_pkt(&r, 0, &pkt);
	assert_icmp(&r, false, ICMP6_TYPE_UNREACHABLE, ICMP6_UNREACHABLE_SCOPE);
	rig_udp(&r, 0, &pkt, RIG_PEER6, ll, 1);
	rig_in_pkt(&r, 0, &pkt);
	rig_udp(&r, 0, &pkt, IP6_UNSPECIFIED, FAR6, 1);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[0].n + r.link[1].n, 0);
	assert_int_equal(rig_drops(&r, DROP_IP_SRC), 2);
	assert_int_equal(rig_drops(&r, DROP_IP_NOT_OURS), 1);
	rig_done(&r);
}

/* --- sizes --- */

static void a_narrower_link(void **state)
{
	const uint8_t *icmp;
	struct rig r;

	(void)state;
	router(&r, 0, NARROW);
	to_far(&r, true, 1400);
	IP[6] = 0x40; /* DF */
	fix_csum();
	rig_in_pkt(&r, 0, &pkt);
	icmp = rig_sent_ip(&r, 0, 0, true) + 20;
	assert_int_equal(get_be16(icmp + 6), NARROW);
	assert_icmp(&r, true, ICMP4_TYPE_UNREACHABLE, ICMP4_UNREACHABLE_FRAG_NEEDED);
	IP[6] = 0;
	fix_csum();
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(r.link[1].n, 2);
	assert_int_equal(rig_sent4(&r, 1, 0).id, 7);
	assert_true(rig_sent4(&r, 1, 0).more_frags);
	assert_int_equal(rig_sent4(&r, 1, 1).frag_off, rig_sent4(&r, 1, 0).payload_len);
	rig_forget(&r);
	to_far(&r, false, 1400);
	rig_in_pkt(&r, 0, &pkt);
	icmp = rig_sent_ip(&r, 0, 0, false) + 40;
	assert_int_equal(get_be32(icmp + 4), NARROW);
	assert_icmp(&r, false, ICMP6_TYPE_PACKET_TOO_BIG, 0);
	assert_int_equal(rig_drops(&r, DROP_IP_TOO_BIG), 2);
	rig_done(&r);
}

static struct pbuf *gso_packet(struct rig *r, uint16_t len, uint16_t gso_size, bool dont_frag)
{
	struct pbuf *pb;

	rig_eth(r, 0, &pkt, ETH_TYPE_IPV4);
	rig_ip(&pkt, RIG_PEER4, FAR4, IP_PROTO_TCP, 64, (uint16_t)(20 + len));
	memset(pkt.b + pkt.len, 0, 20U + len);
	pkt.b[pkt.len + 12] = 5 << 4;
	pkt.len += 20U + len;
	if (dont_frag) {
		IP[6] = 0x40;
		fix_csum();
	}
	pb = rig_pbuf(r, pkt.b, pkt.len);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 16;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
	put_be16(pbuf_l4(pb) + 16,
		 csum_fold(csum_pseudo4(IP4_ADDR(10, 0, 0, 2), IP4_ADDR(10, 1, 0, 2), IP_PROTO_TCP,
					20U + len)));
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = gso_size;
	return pb;
}

/* A packet of many segments is as long as one of them: no error. */
static void segments_that_fit_pass(void **state)
{
	struct rig r;

	(void)state;
	for (unsigned int whole = 0; whole < 2; whole++) {
		router(&r, whole ? IFACE_TX_CSUM | IFACE_TSO4 : 0, NARROW);
		rig_in_pbuf(&r, 0, gso_packet(&r, 6800, NARROW - 40, true));
		assert_int_equal(r.link[0].n, 0);
		assert_int_equal(r.link[1].n, whole ? 1 : 5);
		for (unsigned int i = 0; i < r.link[1].n; i++) {
			const struct ipv4_repr ip = rig_sent4(&r, 1, i);
			const uint8_t *at = rig_sent_ip(&r, 1, i, true);

			assert_int_equal(ip.ttl, 63);
			if (!whole) {
				assert_true(ip.payload_len + 20 <= NARROW);
				assert_true(csum_ok(
					csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, ip.payload_len) +
					csum_bytes(at + 20, ip.payload_len)));
			}
		}
		rig_forget(&r);
		/* One byte more in each: the source must know. */
		rig_in_pbuf(&r, 0, gso_packet(&r, 6800, NARROW - 39, true));
		assert_icmp(&r, true, ICMP4_TYPE_UNREACHABLE, ICMP4_UNREACHABLE_FRAG_NEEDED);
		/* Or each segment is cut. */
		rig_in_pbuf(&r, 0, gso_packet(&r, 2 * (NARROW - 39), NARROW - 39, false));
		assert_int_equal(r.link[1].n, 4);
		rig_done(&r);
	}
}

/* The same with IPv6, where nobody but the source may cut. */
static void segments_of_ip6(void **state)
{
	static const uint16_t gso_size[] = { NARROW - 60, NARROW - 59 };
	struct pbuf *pb;
	struct rig r;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		router(&r, 0, NARROW);
		rig_eth(&r, 0, &pkt, ETH_TYPE_IPV6);
		rig_ip(&pkt, RIG_PEER6, FAR6, IP_PROTO_TCP, 64, 20 + 5000);
		memset(pkt.b + pkt.len, 0, 5020);
		pkt.b[pkt.len + 12] = 5 << 4;
		pkt.len += 5020;
		pb = rig_pbuf(&r, pkt.b, pkt.len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = 16;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + 54);
		pb->gso = PBUF_GSO_TCP6;
		pb->gso_size = gso_size[i];
		rig_in_pbuf(&r, 0, pb);
		if (i) {
			assert_icmp(&r, false, ICMP6_TYPE_PACKET_TOO_BIG, 0);
		} else {
			assert_int_equal(r.link[1].n, 4);
			assert_int_equal(rig_sent6(&r, 1, 0).payload_len, NARROW - 40);
			assert_int_equal(rig_sent6(&r, 1, 3).hop_limit, 63);
		}
		rig_done(&r);
	}
}

/* A checksum that is not there yet goes on as it is, or is finished. */
static void unfinished_checksums(void **state)
{
	struct pbuf *pb;
	struct rig r;

	(void)state;
	for (unsigned int offload = 0; offload < 2; offload++) {
		router(&r, offload ? IFACE_TX_CSUM : 0, NARROW);
		pb = gso_packet(&r, 100, 0, true);
		pb->gso = PBUF_GSO_NONE;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(r.link[1].n, 1);
		assert_int_equal(r.link[1].frame[0].csum,
				 offload ? PBUF_CSUM_PARTIAL : PBUF_CSUM_NONE);
		if (!offload) {
			const struct ipv4_repr ip = rig_sent4(&r, 1, 0);

			assert_true(csum_ok(
				csum_pseudo4(ip.src, ip.dst, 6, ip.payload_len) +
				csum_bytes(rig_sent_ip(&r, 1, 0, true) + 20, ip.payload_len)));
		}
		rig_done(&r);
	}
}

/* What was put together for a hook leaves in pieces no longer than it came in. */
static void fragments_are_made_again(void **state)
{
	struct rig_hook h;
	struct ipv4_repr ip;
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	rig_catch(&r, &h, HOOK_FORWARD, HOOK_ACCEPT);
	/* Also a packet that is as a whole too long, and must not be cut: it has been. */
	for (unsigned int i = 0; i < 4; i++) {
		to_far(&r, true, 2008);
		assert_int_equal(ipv4_parse(IP, 2036, &ip), 20);
		ip.frag_off = (uint16_t)(i * 504);
		ip.payload_len = 504;
		ip.more_frags = i < 3;
		ip.dont_frag = true;
		memmove(IP + 20, IP + 20 + ip.frag_off, 504);
		assert_int_equal(ipv4_emit(IP, 20, &ip), 20);
		pkt.len = ETH_HDR_LEN + 524;
		rig_in_pkt(&r, 0, &pkt);
	}
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 2036);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(r.link[1].n, 4);
	assert_int_equal(rig_sent4(&r, 1, 0).payload_len, 504);
	assert_int_equal(rig_sent4(&r, 1, 3).frag_off, 3 * 504);
	rig_done(&r);
}

/* Without hooks fragments go on one by one. */
static void fragments_pass(void **state)
{
	struct ipv4_repr ip;
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	to_far(&r, true, 1000);
	assert_int_equal(ipv4_parse(IP, 1028, &ip), 20);
	ip.frag_off = 4096;
	ip.payload_len = 504;
	assert_int_equal(ipv4_emit(IP, 20, &ip), 20);
	pkt.len = ETH_HDR_LEN + 524;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_sent4(&r, 1, 0).frag_off, 4096);
	assert_int_equal(r.st->net.reass.bytes, 0);
	rig_done(&r);
}

/* --- options --- */

static void with_options(struct rig *r, const uint8_t *opts, unsigned int len)
{
	to_far(r, true, 4);
	memmove(IP + 20 + len, IP + 20, 12);
	memcpy(IP + 20, opts, len);
	IP[0] = (uint8_t)(0x45 + len / 4);
	put_be16(IP + 2, (uint16_t)(32 + len));
	fix_csum();
	pkt.len += len;
}

static void record_route(void **state)
{
	static const uint8_t record[] = { 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t stamp[] = { 68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t source[] = { 131, 7, 4, 10, 1, 0, 2, 0 };
	const uint8_t *opt;
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	with_options(&r, record, sizeof(record));
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_sent4(&r, 1, 0).opts_len, 12); /* and the checksum is right */
	opt = rig_sent_ip(&r, 1, 0, true) + 20;
	assert_int_equal(opt[2], 8);
	assert_int_equal(get_be32(opt + 3), IP4_ADDR(10, 1, 0, 1));
	with_options(&r, stamp, sizeof(stamp));
	rig_in_pkt(&r, 0, &pkt);
	opt = rig_sent_ip(&r, 1, 1, true) + 20;
	assert_int_equal(opt[2], 13);
	assert_int_equal(get_be32(opt + 4), IP4_ADDR(10, 1, 0, 1));
	assert_int_equal(get_be32(opt + 8), 1000U | 1U << 31); /* not since midnight */
	with_options(&r, source, sizeof(source));
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_OPTIONS), 1);
	assert_int_equal(r.link[1].n, 2);
	rig_done(&r);
}

static void hop_by_hop_options(void **state)
{
	static const uint8_t unknown[] = { 17, 0, 0x9e, 4, 0, 0, 0, 0 };
	static const uint8_t alert[] = { 17, 0, 5, 2, 0, 0, 1, 0 };
	struct rig r;

	(void)state;
	router(&r, 0, RIG_MTU);
	for (unsigned int i = 0; i < 2; i++) {
		to_far(&r, false, 8);
		memmove(IP + 48, IP + 40, 16);
		memcpy(IP + 40, i ? alert : unknown, 8);
		IP[6] = IP_PROTO_HOPOPTS;
		put_be16(IP + 4, 24);
		pkt.len += 8;
		rig_in_pkt(&r, 0, &pkt);
		if (!i)
			assert_icmp(&r, false, ICMP6_TYPE_PARAM_PROBLEM, IPV6_PROBLEM_OPTION);
	}
	assert_int_equal(r.link[1].n, 1);
	rig_done(&r);
}

/* --- memory --- */

/* Somebody has a reference to the packet; its bytes do not change for him. */
static struct pbuf *kept;

static void keep(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	kept = pbuf_clone(pb);
}

static void a_shared_packet_is_not_written_to(void **state)
{
	struct rig_hook h;
	struct rig r;
	uint8_t bytes[800];

	(void)state;
	router(&r, 0, RIG_MTU);
	rig_catch(&r, &h, HOOK_PREROUTING, HOOK_ACCEPT);
	h.change = keep;
	to_far(&r, true, 700);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_sent4(&r, 1, 0).ttl, 63);
	pbuf_copy_out(kept, 0, bytes, 728);
	assert_memory_equal(bytes, IP, 728);
	pbuf_free(kept);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_goes_on),
		cmocka_unit_test(only_routers_forward),
		cmocka_unit_test(the_last_hop),
		cmocka_unit_test(no_way),
		cmocka_unit_test(a_neighbour_that_does_not_answer),
		cmocka_unit_test(frames_to_many_are_not_forwarded),
		cmocka_unit_test(ip6_scopes),
		cmocka_unit_test(a_narrower_link),
		cmocka_unit_test(segments_that_fit_pass),
		cmocka_unit_test(segments_of_ip6),
		cmocka_unit_test(unfinished_checksums),
		cmocka_unit_test(fragments_are_made_again),
		cmocka_unit_test(fragments_pass),
		cmocka_unit_test(record_route),
		cmocka_unit_test(hop_by_hop_options),
		cmocka_unit_test(a_shared_packet_is_not_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
