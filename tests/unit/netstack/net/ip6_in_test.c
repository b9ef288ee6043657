/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

#define IP (pkt.b + ETH_HDR_LEN)

static void setup(struct rig *r, struct rig_hook *h)
{
	rig_host(r);
	rig_catch(r, h, HOOK_INPUT, HOOK_DROP);
}

static void datagram(struct rig *r, uint16_t len)
{
	rig_udp(r, 0, &pkt, RIG_PEER6, RIG_US6, len);
}

#define assert_dropped(r, h, why)                                                                  \
	do {                                                                                       \
		const uint64_t before_ = rig_drops((r), (why));                                    \
		(h)->n = 0;                                                                        \
		rig_in_pkt((r), 0, &pkt);                                                          \
		assert_int_equal((h)->n, 0);                                                       \
		assert_int_equal(rig_drops((r), (why)), before_ + 1);                              \
	} while (0)

#define assert_taken(r, h)                                                                         \
	do {                                                                                       \
		(h)->n = 0;                                                                        \
		rig_in_pkt((r), 0, &pkt);                                                          \
		assert_int_equal((h)->n, 1);                                                       \
	} while (0)

/* Put @len bytes of extension headers before the payload, which begin with type @type. */
static void with_headers(struct rig *r, uint8_t type, const uint8_t *hdrs, unsigned int len)
{
	datagram(r, 8);
	memmove(IP + 40 + len, IP + 40, 16);
	memcpy(IP + 40, hdrs, len);
	IP[6] = type;
	put_be16(IP + 4, (uint16_t)(16 + len));
	pkt.len += len;
}

static void padding_is_cut_off(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	datagram(&r, 3);
	memset(pkt.b + pkt.len, 0xaa, 20);
	pkt.len += 20;
	assert_taken(&r, &h);
	assert_int_equal(h.len, 40 + 8 + 3);
	rig_done(&r);
}

static void every_truncation_is_dropped(void **state)
{
	struct rig_hook h;
	struct rig r;
	uint32_t len;

	(void)state;
	setup(&r, &h);
	datagram(&r, 30);
	len = pkt.len;
	for (pkt.len = ETH_HDR_LEN; pkt.len < len; pkt.len++)
		assert_dropped(&r, &h, DROP_IP_SHORT);
	IP[0] = 0x45;
	pkt.len = len;
	assert_dropped(&r, &h, DROP_IP_BAD);
	rig_done(&r);
}

static void addresses(void **state)
{
	static const struct {
		struct ip6_addr src;
		struct ip6_addr dst;
		enum drop_reason why;
	} t[] = {
		{ { UINT64_C(0xff02) << 48, 1 }, { RIG_NET6, 1 }, DROP_IP_SRC },
		{ { 0, UINT64_C(0xffff) << 32 | 0x0a000002 }, { RIG_NET6, 1 }, DROP_IP_SRC },
		{ { RIG_NET6, 2 }, { 0, UINT64_C(0xffff) << 32 | 0x0a000001 }, DROP_IP_DST },
		{ { 0, 0 }, { RIG_NET6, 1 }, DROP_IP_SRC }, /* an answer would go to us */
		{ { RIG_NET6, 2 }, { 0, 0 }, DROP_IP_DST },
		{ { RIG_NET6, 2 }, { UINT64_C(0xff01) << 48, 1 }, DROP_IP_DST },
		{ { RIG_NET6, 2 }, { UINT64_C(0xff00) << 48, 1 }, DROP_IP_DST },
		{ { RIG_NET6, 2 }, { 0, 1 }, DROP_MARTIAN },
		{ { 0, 1 }, { RIG_NET6, 1 }, DROP_MARTIAN },
		{ { RIG_NET6, 1 }, { RIG_NET6, 1 }, DROP_MARTIAN },
		{ { RIG_NET6, 2 }, { RIG_NET6, 9 }, DROP_IP_NOT_OURS },
		{ { RIG_NET6, 2 }, { UINT64_C(0xff05) << 48, 99 }, DROP_NOT_MEMBER },
		{ { RIG_NET6, 2 }, { UINT64_C(0xfe80) << 48, 99 }, DROP_IP_NOT_OURS },
	};
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		datagram(&r, 8);
		ip6_addr_put(IP + 8, t[i].src);
		ip6_addr_put(IP + 24, t[i].dst);
		assert_dropped(&r, &h, t[i].why);
	}
	rig_udp(&r, 0, &pkt, RIG_PEER6, IP6_ALL_NODES, 1);
	assert_taken(&r, &h);
	rig_udp(&r, 0, &pkt, RIG_PEER6, ip6_addr_solicited(RIG_US6), 1);
	assert_taken(&r, &h);
	rig_udp(&r, 0, &pkt, IP6_UNSPECIFIED, IP6_ALL_NODES, 1); /* DAD */
	assert_taken(&r, &h);
	rig_done(&r);
}

/* A link-local address is that of one link. */
static void link_local_of_another_link(void **state)
{
	const struct ip6_addr ll = { UINT64_C(0xfe80) << 48, 1 };
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 1, ll, 64);
	rig_udp(&r, 0, &pkt, RIG_PEER6, ll, 1);
	assert_dropped(&r, &h, DROP_IP_NOT_OURS);
	rig_udp(&r, 1, &pkt, RIG_PEER6, ll, 1);
	h.n = 0;
	rig_in_pkt(&r, 1, &pkt);
	assert_int_equal(h.n, 1);
	rig_done(&r);
}

/* An IPv4 neighbour is a mapped address in the cache; discovery of IPv6 cannot reach it. */
static void discovery_of_a_mapped_address(void **state)
{
	const struct ip6_addr host4 = rig_ip4(10, 0, 0, 9);
	const struct eth_addr evil = { { 2, 6, 6, 6, 6, 6 } };
	struct ndp_repr na = { .type = NDP_TYPE_NEIGH_ADVERT };
	struct ndp_opt opt = { .type = NDP_OPT_TARGET_LLADDR, .known = true, .lladdr = evil };
	struct neigh_table *t;
	struct rig r;

	(void)state;
	rig_host(&r);
	t = &r.st->net.neigh;
	neigh_learn(t, r.link[0].ifindex, host4, &r.link[0].peer, true, true, true);
	na.na.target = host4;
	na.na.override = true;
	rig_eth(&r, 0, &pkt, ETH_TYPE_IPV6);
	rig_ip(&pkt, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, 255, 32);
	assert_int_equal(ndp_emit(IP + 40, 32, &na), 24);
	assert_int_equal(ndp_opt_emit(IP + 64, 8, &opt), 8);
	icmp6_put_csum(IP + 40, 32, RIG_PEER6, RIG_US6);
	pkt.len += 32;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_ND_BAD), 1);
	assert_true(eth_addr_eq(neigh_lookup(t, r.link[0].ifindex, host4)->mac, r.link[0].peer));
	rig_done(&r);
}

static void extension_headers_are_passed(void **state)
{
	static const uint8_t hdrs[] = {
		60, 0, 5, 2, 0, 0, 1, 0, /* hop-by-hop: router alert */
		43, 0, 1, 4, 0, 0, 0, 0, /* destination options: padding */
		17, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* routing, done */
	};
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	with_headers(&r, IP_PROTO_HOPOPTS, hdrs, sizeof(hdrs));
	assert_taken(&r, &h);
	netstack_hook_set(r.st, HOOK_INPUT, NULL, NULL);
	rig_forget(&r);
	rig_in_pkt(&r, 0, &pkt); /* to UDP, which has no such port */
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 1);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, false)[40], ICMP6_TYPE_UNREACHABLE);
	rig_done(&r);
}

/* Errors are as RFC 8200, 4.2 and RFC 4443, 3.4 have them. */
static void what_is_wrong_is_reported(void **state)
{
	static const uint8_t unknown[] = { 17, 0, 0x9e, 4, 0, 0, 0, 0 };
	static const uint8_t silent[] = { 17, 0, 0x5e, 4, 0, 0, 0, 0 };
	static const uint8_t skipped[] = { 17, 0, 0x1e, 4, 0, 0, 0, 0 };
	static const uint8_t routed[] = { 17, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
					  0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	const uint8_t *icmp;
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	with_headers(&r, IP_PROTO_DSTOPTS, unknown, sizeof(unknown));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	icmp = rig_sent_ip(&r, 0, 0, false) + 40;
	assert_int_equal(icmp[0], ICMP6_TYPE_PARAM_PROBLEM);
	assert_int_equal(icmp[1], IPV6_PROBLEM_OPTION);
	assert_int_equal(get_be32(icmp + 4), 42);
	with_headers(&r, IP_PROTO_DSTOPTS, silent, sizeof(silent));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	assert_int_equal(r.link[0].n, 1);
	with_headers(&r, IP_PROTO_DSTOPTS, skipped, sizeof(skipped));
	assert_taken(&r, &h);
	with_headers(&r, IP_PROTO_ROUTING, routed, sizeof(routed));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	icmp = rig_sent_ip(&r, 0, 1, false) + 40;
	assert_int_equal(icmp[1], IPV6_PROBLEM_FIELD);
	assert_int_equal(get_be32(icmp + 4), 42);
	rig_done(&r);
}

static void an_unknown_protocol(void **state)
{
	const uint8_t *icmp;
	struct rig r;

	(void)state;
	rig_host(&r);
	datagram(&r, 8);
	IP[6] = 200;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_PROTO), 1);
	icmp = rig_sent_ip(&r, 0, 0, false) + 40;
	assert_int_equal(icmp[0], ICMP6_TYPE_PARAM_PROBLEM);
	assert_int_equal(icmp[1], IPV6_PROBLEM_NEXT_HDR);
	assert_int_equal(get_be32(icmp + 4), 6);
	rig_forget(&r);
	/* Behind an extension header: the pointer is into that. */
	with_headers(&r, IP_PROTO_DSTOPTS, (const uint8_t[]){ 200, 0, 1, 4, 0, 0, 0, 0 }, 8);
	rig_in_pkt(&r, 0, &pkt);
	icmp = rig_sent_ip(&r, 0, 0, false) + 40;
	assert_int_equal(get_be32(icmp + 4), 40);
	rig_forget(&r);
	/* No next header: no packet of a protocol, no error (RFC 8200, 4.7). */
	datagram(&r, 8);
	IP[6] = IP_PROTO_NONE;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_PROTO), 3);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

static void too_many_bytes_of_headers(void **state)
{
	static uint8_t hdrs[2048];
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	hdrs[0] = 17;
	hdrs[1] = 255;
	for (unsigned int i = 2; i < 2040; i += 252) { /* an option that is skipped */
		hdrs[i] = 0x1e;
		hdrs[i + 1] = 250;
	}
	with_headers(&r, IP_PROTO_DSTOPTS, hdrs, sizeof(hdrs));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	assert_int_equal(r.link[0].n, 0); /* nothing about it is known to be wrong */
	rig_done(&r);
}

/* --- fragments --- */

static void fragment(struct rig *r, struct rig_pkt *out, uint16_t off, uint16_t len, bool more)
{
	datagram(r, 1000);
	memmove(IP + 48, IP + 40 + off, len);
	IP[40] = 17;
	IP[41] = 0;
	put_be16(IP + 42, (uint16_t)(off | more));
	put_be32(IP + 44, 4711);
	IP[6] = IP_PROTO_FRAGMENT;
	put_be16(IP + 4, (uint16_t)(8 + len));
	pkt.len = ETH_HDR_LEN + 48U + len;
	*out = pkt;
}

static void fragments_become_a_packet(void **state)
{
	static struct rig_pkt a, b;
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	fragment(&r, &a, 0, 504, true);
	fragment(&r, &b, 504, 504, false);
	rig_in_pkt(&r, 0, &a);
	assert_int_equal(h.n, 0);
	rig_in_pkt(&r, 0, &b);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 1048);
	assert_int_equal(h.first[6], 17);
	rig_done(&r);
}

/* However the device put them into memory. */
static void fragments_in_pieces(void **state)
{
	static struct rig_pkt part[2];
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	fragment(&r, &part[0], 0, 504, true);
	fragment(&r, &part[1], 504, 504, false);
	for (uint32_t cut = 1; cut < part[0].len; cut += 3) {
		h.n = 0;
		for (unsigned int i = 0; i < 2; i++) {
			struct pbuf *pb = pbuf_alloc_rx(netstack_pool(r.st), 32, cut);
			struct pbuf_block *b = pbuf_block_alloc(netstack_pool(r.st), 1024);
			const uint32_t rest = part[i].len - cut;

			put_be32(part[i].b + ETH_HDR_LEN + 44, cut); /* identification */
			memcpy(pbuf_put(pb, cut), part[i].b, cut);
			memcpy(b->data, part[i].b + cut, rest);
			assert_true(pbuf_add_frag(pb, b, 0, rest));
			pbuf_block_unref(b);
			rig_in_pbuf(&r, 0, pb);
		}
		assert_int_equal(h.n, 1);
		assert_int_equal(h.len, 1048);
	}
	rig_done(&r);
}

static void a_lone_fragment_is_a_packet(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	fragment(&r, &pkt, 0, 1008, false);
	assert_taken(&r, &h);
	rig_done(&r);
}

/* RFC 8200, 4.5: a length that is no multiple of 8. */
static void an_illegal_fragment_is_reported(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	fragment(&r, &pkt, 0, 500, true);
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, false)[40], ICMP6_TYPE_PARAM_PROBLEM);
	rig_done(&r);
}

static void prerouting_sees_whole_packets(void **state)
{
	static struct rig_pkt a, b;
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_PREROUTING, HOOK_DROP);
	fragment(&r, &a, 0, 504, true);
	fragment(&r, &b, 504, 504, false);
	rig_in_pkt(&r, 0, &a);
	assert_int_equal(h.n, 0);
	rig_in_pkt(&r, 0, &b);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 1048);
	rig_done(&r);
}

/* A packet that is made of fragments may be a fragment; not without end. */
static void fragments_of_fragments(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int depth = 2; depth < 6; depth++) {
		const uint16_t hdrs = (uint16_t)(8 * depth);

		h.n = 0;
		for (unsigned int i = 0; i < 2; i++) {
			/* The inner ones are first fragments without an end: never whole. */
			datagram(&r, 1000);
			memmove(IP + 40 + hdrs, IP + 40, 504);
			for (unsigned int k = 0; k < depth; k++) {
				uint8_t *f = IP + 40 + 8 * k;

				f[0] = k + 1 < depth ? IP_PROTO_FRAGMENT : 17;
				f[1] = 0;
				put_be16(f + 2, k == 0 && i ? 8 * 63 : 1);
				put_be32(f + 4, 100 * depth + k);
			}
			IP[6] = IP_PROTO_FRAGMENT;
			put_be16(IP + 4, (uint16_t)(hdrs + 504));
			pkt.len = ETH_HDR_LEN + 40U + hdrs + 504;
			rig_in_pkt(&r, 0, &pkt);
		}
		assert_int_equal(h.n, 0);
	}
	rig_sleep(&r, 70000);
	assert_int_equal(r.st->net.reass.bytes, 0);
	rig_done(&r);
}

/* Each byte of the headers in its own piece of memory. */
static void headers_in_pieces(void **state)
{
	static const uint8_t hdrs[] = { 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0 };
	struct pbuf_block *b;
	struct rig_hook h;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r, &h);
	with_headers(&r, IP_PROTO_HOPOPTS, hdrs, sizeof(hdrs));
	for (uint32_t cut = 1; cut < pkt.len; cut++) {
		b = pbuf_block_alloc(netstack_pool(r.st), 256);
		memcpy(b->data, pkt.b, pkt.len);
		pb = pbuf_alloc(netstack_pool(r.st));
		assert_true(pbuf_add_frag(pb, b, 0, cut));
		memmove(b->data + cut + 1, pkt.b + cut, pkt.len - cut);
		assert_true(pbuf_add_frag(pb, b, cut + 1, pkt.len - cut));
		pbuf_block_unref(b);
		h.n = 0;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(h.n, 1);
		assert_memory_equal(h.first, IP, pkt.len - ETH_HDR_LEN);
	}
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(every_truncation_is_dropped),
		cmocka_unit_test(addresses),
		cmocka_unit_test(link_local_of_another_link),
		cmocka_unit_test(discovery_of_a_mapped_address),
		cmocka_unit_test(extension_headers_are_passed),
		cmocka_unit_test(what_is_wrong_is_reported),
		cmocka_unit_test(an_unknown_protocol),
		cmocka_unit_test(too_many_bytes_of_headers),
		cmocka_unit_test(fragments_become_a_packet),
		cmocka_unit_test(fragments_in_pieces),
		cmocka_unit_test(a_lone_fragment_is_a_packet),
		cmocka_unit_test(an_illegal_fragment_is_reported),
		cmocka_unit_test(prerouting_sees_whole_packets),
		cmocka_unit_test(fragments_of_fragments),
		cmocka_unit_test(headers_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
