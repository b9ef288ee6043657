/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

/* Where the IP header of a frame is. */
#define IP (pkt.b + ETH_HDR_LEN)

static void fix_csum(void)
{
	const uint32_t len = (IP[0] & 0xfU) * 4;

	put_be16(IP + 10, 0);
	put_be16(IP + 10, csum_finish(csum_bytes(IP, len)));
}

static void setup(struct rig *r, struct rig_hook *h)
{
	rig_host(r);
	rig_catch(r, h, HOOK_INPUT, HOOK_DROP);
}

/* One datagram from the peer to us. */
static void datagram(struct rig *r, uint16_t len)
{
	rig_udp(r, 0, &pkt, RIG_PEER4, RIG_US4, len);
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
	assert_int_equal(h.len, 20 + 8 + 3);
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
	assert_taken(&r, &h);
	rig_done(&r);
}

static void malformed_headers(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	datagram(&r, 30);
	IP[8]--; /* the checksum no longer fits */
	assert_dropped(&r, &h, DROP_IP_CSUM);
	datagram(&r, 30);
	IP[0] = 0x65;
	assert_dropped(&r, &h, DROP_IP_BAD);
	IP[0] = 0x44;
	assert_dropped(&r, &h, DROP_IP_BAD);
	IP[0] = 0x46; /* options that are not there: the checksum says so */
	assert_dropped(&r, &h, DROP_IP_CSUM);
	rig_done(&r);
}

static void sources_that_cannot_send(void **state)
{
	static const struct {
		uint32_t src;
		enum drop_reason why;
	} t[] = {
		{ IP4_ADDR(0, 0, 0, 0), DROP_IP_SRC },

		{ IP4_ADDR(224, 0, 0, 1), DROP_IP_SRC },
		{ IP4_ADDR(239, 9, 9, 9), DROP_IP_SRC },
		{ IP4_ADDR(255, 255, 255, 255), DROP_IP_SRC },
		{ IP4_ADDR(127, 0, 0, 1), DROP_MARTIAN },
		{ IP4_ADDR(127, 9, 9, 9), DROP_MARTIAN },
		{ IP4_ADDR(10, 0, 0, 1), DROP_MARTIAN },
	};
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		rig_udp(&r, 0, &pkt, ip6_addr_of_ip4(t[i].src), RIG_US4, 1);
		assert_dropped(&r, &h, t[i].why);
	}
	/* Who has no address yet speaks to many. */
	rig_udp(&r, 0, &pkt, ip6_addr_of_ip4(0), ip6_addr_of_ip4(IP4_BROADCAST), 1);
	assert_taken(&r, &h);
	rig_udp(&r, 0, &pkt, ip6_addr_of_ip4(0), ip6_addr_of_ip4(IP4_ALL_HOSTS), 1);
	assert_taken(&r, &h);
	/* Class E is no longer refused; who knows. */
	rig_udp(&r, 0, &pkt, rig_ip4(240, 0, 0, 1), RIG_US4, 1);
	assert_taken(&r, &h);
	rig_done(&r);
}

static void destinations(void **state)
{
	static const struct {
		uint32_t dst;
		enum drop_reason why;
	} t[] = {
		{ IP4_ADDR(127, 0, 0, 1), DROP_MARTIAN },
		{ IP4_ADDR(0, 0, 0, 0), DROP_IP_DST },
		{ IP4_ADDR(10, 0, 0, 9), DROP_IP_NOT_OURS },
		{ IP4_ADDR(8, 8, 8, 8), DROP_IP_NOT_OURS },
		{ IP4_ADDR(224, 0, 0, 251), DROP_NOT_MEMBER },
	};
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		rig_udp(&r, 0, &pkt, RIG_PEER4, ip6_addr_of_ip4(t[i].dst), 1);
		assert_dropped(&r, &h, t[i].why);
	}
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(10, 0, 0, 255), 1);
	assert_taken(&r, &h);
	rig_udp(&r, 0, &pkt, RIG_PEER4, ip6_addr_of_ip4(IP4_BROADCAST), 1);
	assert_taken(&r, &h);
	assert_int_equal(
		ip_group_join(&r.st->net, r.link[0].ifindex, rig_ip4(224, 0, 0, 251), NULL), 0);
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(224, 0, 0, 251), 1);
	assert_taken(&r, &h);
	rig_done(&r);
}

/* A network that is ours as a whole ("ip route add local"). */
static void networks_of_ours(void **state)
{
	struct route_conf c;
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	c = (struct route_conf){ .dst = rig_ip4(20, 0, 0, 0),
				 .dst_len = 8,
				 .is_ip4 = true,
				 .ifindex = IFACE_LO,
				 .type = ROUTE_LOCAL };
	assert_int_equal(netstack_route_add(r.st, &c), 0);
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(20, 1, 2, 3), 1);
	assert_taken(&r, &h);
	rig_done(&r);
}

/* RFC 1122, 3.3.6: a broadcast frame with a packet for one host. */
static void link_broadcast_of_a_packet_for_one(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	datagram(&r, 1);
	memset(pkt.b, 0xff, 6);
	assert_dropped(&r, &h, DROP_IP_DST);
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(10, 0, 0, 255), 1);
	memset(pkt.b, 0xff, 6);
	assert_taken(&r, &h);
	rig_done(&r);
}

/* --- options --- */

static void with_options(struct rig *r, const uint8_t *opts, unsigned int len)
{
	datagram(r, 4);
	memmove(IP + 20 + len, IP + 20, 12);
	memcpy(IP + 20, opts, len);
	IP[0] = (uint8_t)(0x45 + len / 4);
	put_be16(IP + 2, (uint16_t)(32 + len));
	fix_csum();
	pkt.len += len;
}

static void options(void **state)
{
	static const uint8_t nops[] = { 1, 1, 1, 0 };
	static const uint8_t record[] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	static const uint8_t loose[] = { 131, 7, 4, 10, 0, 0, 9, 0 };
	static const uint8_t strict[] = { 137, 7, 8, 10, 0, 0, 9, 0 };
	static const uint8_t bad[] = { 7, 2, 4, 0 };
	struct rig_hook h;
	struct rig r;

	(void)state;
	setup(&r, &h);
	with_options(&r, nops, sizeof(nops));
	assert_taken(&r, &h);
	with_options(&r, record, sizeof(record));
	assert_taken(&r, &h);
	assert_int_equal(h.len, 20 + 8 + 12);
	with_options(&r, loose, sizeof(loose));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	with_options(&r, strict, sizeof(strict));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	rig_forget(&r);
	with_options(&r, bad, sizeof(bad));
	assert_dropped(&r, &h, DROP_IP_OPTIONS);
	/* The source is told which byte was wrong. */
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[20], ICMP4_TYPE_PARAM_PROBLEM);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[24], 21);
	rig_done(&r);
}

/* --- fragments --- */

static void fragment(struct rig *r, struct rig_pkt *out, uint16_t off, uint16_t len, bool more)
{
	struct ipv4_repr ip;

	datagram(r, 1000);
	assert_true(ipv4_parse(IP, pkt.len - ETH_HDR_LEN, &ip) == 20);
	ip.frag_off = off;
	ip.payload_len = len;
	ip.more_frags = more;
	memmove(IP + 20, IP + 20 + off, len);
	assert_int_equal(ipv4_emit(IP, 20, &ip), 20);
	pkt.len = ETH_HDR_LEN + 20U + len;
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
	rig_in_pkt(&r, 0, &b);
	assert_int_equal(h.n, 0);
	rig_in_pkt(&r, 0, &a);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 1028);
	assert_int_equal(get_be16(h.first + 6), 0);
	rig_done(&r);
}

/* Hooks from PREROUTING on see whole packets, for whom ever they are. */
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
	assert_int_equal(h.len, 1028);
	rig_done(&r);
}

/* --- what devices say --- */

static void offloads_must_fit_the_headers(void **state)
{
	struct rig_hook h;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int i = 0; i < 9; i++) {
		const bool ok = i < 2 || i == 5;

		datagram(&r, 104);
		pb = rig_pbuf(&r, pkt.b, pkt.len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
		pb->csum_offset = 6;
		switch (i) {
		case 1: /* of a packet inside of this one: finished, below */
			pb->l4 += 2;
			break;
		case 2:
			pb->csum_offset = 16;
			break;
		case 3: /* no TCP */
			pb->gso = PBUF_GSO_TCP4;
			pb->gso_size = 50;
			break;
		case 4:
			pb->gso = PBUF_GSO_UDP; /* cut into nothing */
			break;
		case 5: /* more than one datagram: cut behind the hook */
			pb->gso = PBUF_GSO_UDP;
			pb->gso_size = 50;
			break;
		case 6:
			pb->gso = 77;
			pb->gso_size = 50;
			break;
		case 7: /* a fragment */
			pb->data[20] |= 0x20;
			put_be16(pb->data + 24, 0);
			put_be16(pb->data + 24, csum_finish(csum_bytes(pb->data + 14, 20)));
			break;
		case 8: /* a protocol without a checksum */
			pb->data[23] = 200;
			put_be16(pb->data + 24, 0);
			put_be16(pb->data + 24, csum_finish(csum_bytes(pb->data + 14, 20)));
			break;
		default:
			break;
		}
		h.n = 0;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(h.n, ok ? 1 : 0);
	}
	assert_int_equal(rig_drops(&r, DROP_IP_BAD), 5);
	assert_int_equal(rig_drops(&r, DROP_FRAG_BAD), 1);
	rig_done(&r);
}

/* A tunnel's device says where the inner checksum is: it is right before anybody looks. */
static void the_checksum_of_a_packet_inside(void **state)
{
	struct rig_hook h;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int i = 0; i < 4; i++) {
		datagram(&r, 60);
		memset(IP + 28, 0x11, 60);
		pb = rig_pbuf(&r, pkt.b, pkt.len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + ETH_HDR_LEN + 28);
		pb->csum_offset = 20;
		if (i == 1)
			pb->csum_offset = 59; /* behind the end */
		if (i == 2)
			pb->l4 = PBUF_NO_OFFSET;
		if (i == 3)
			pb->l4 = (uint16_t)(pbuf_headroom(pb) + ETH_HDR_LEN + 4); /* the header */
		h.n = 0;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(h.n, i == 0);
		if (i == 0) {
			assert_int_equal(h.csum, PBUF_CSUM_NONE);
			/* With what the field held before: a pseudo header, elsewhere. */
			assert_true(csum_ok(csum_bytes(h.first + 28, 60) + 0x1111U));
		}
	}
	assert_int_equal(rig_drops(&r, DROP_IP_BAD), 3);
	rig_done(&r);
}

static void a_tcp_header_that_ends_too_early(void **state)
{
	struct rig_hook h;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r, &h);
	for (unsigned int hdr = 0; hdr < 16; hdr++) {
		rig_eth(&r, 0, &pkt, ETH_TYPE_IPV4);
		rig_ip(&pkt, RIG_PEER4, RIG_US4, IP_PROTO_TCP, 64, 40);
		memset(pkt.b + pkt.len, 0, 40);
		pkt.b[pkt.len + 12] = (uint8_t)(hdr << 4);
		pkt.len += 40;
		pb = rig_pbuf(&r, pkt.b, pkt.len);
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
		pb->csum_offset = 16;
		h.n = 0;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(h.n, hdr >= 5 && hdr <= 10);
	}
	assert_int_equal(rig_drops(&r, DROP_TCP_BAD), 10);
	rig_done(&r);
}

/* Each byte of the headers in its own piece of memory. */
static void headers_in_pieces(void **state)
{
	struct pbuf_block *b;
	struct rig_hook h;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r, &h);
	datagram(&r, 40);
	for (uint32_t cut = 1; cut < 60; cut++) {
		b = pbuf_block_alloc(netstack_pool(r.st), 256);
		memcpy(b->data, pkt.b, pkt.len);
		pb = pbuf_alloc(netstack_pool(r.st));
		assert_true(pbuf_add_frag(pb, b, 0, cut));
		/* Not behind the first piece, which would make them one. */
		memmove(b->data + cut + 1, pkt.b + cut, pkt.len - cut);
		assert_true(pbuf_add_frag(pb, b, cut + 1, pkt.len - cut));
		pbuf_block_unref(b);
		h.n = 0;
		rig_in_pbuf(&r, 0, pb);
		assert_int_equal(h.n, 1);
		assert_memory_equal(h.first, IP, 68);
	}
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(every_truncation_is_dropped),
		cmocka_unit_test(malformed_headers),
		cmocka_unit_test(sources_that_cannot_send),
		cmocka_unit_test(destinations),
		cmocka_unit_test(networks_of_ours),
		cmocka_unit_test(link_broadcast_of_a_packet_for_one),
		cmocka_unit_test(options),
		cmocka_unit_test(fragments_become_a_packet),
		cmocka_unit_test(prerouting_sees_whole_packets),
		cmocka_unit_test(offloads_must_fit_the_headers),
		cmocka_unit_test(the_checksum_of_a_packet_inside),
		cmocka_unit_test(a_tcp_header_that_ends_too_early),
		cmocka_unit_test(headers_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
