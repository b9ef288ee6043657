/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IP headers of packets we send.
 */
#include "tests/unit/netstack/net/send.h"

static void ip4_header(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ipv4_repr ip;
	struct rig r;

	(void)state;
	rig_host(&r);
	f.tos = 0x2e;
	f.dont_frag = true;
	assert_int_equal(send_flow(&r, &f, 100), 0);
	ip = rig_sent4(&r, 0, 0);
	assert_int_equal(ip.src, IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(ip.dst, IP4_ADDR(10, 0, 0, 2));
	assert_int_equal(ip.payload_len, 100);
	assert_int_equal(ip.ttl, 64);
	assert_int_equal(ip.tos, 0x2e);
	assert_int_equal(ip.proto, 253);
	assert_int_equal(ip.id, 0); /* RFC 6864: it will not be cut */
	assert_true(ip.dont_frag);
	assert_true(counts_up(rig_sent_ip(&r, 0, 0, true) + 20, 0, 100));
	assert_memory_equal(r.link[0].frame[0].data, r.link[0].peer.b, 6);
	f.dont_frag = false;
	f.ttl = 7;
	assert_int_equal(send_flow(&r, &f, 0), 0);
	ip = rig_sent4(&r, 0, 1);
	assert_false(ip.dont_frag);
	assert_int_equal(ip.ttl, 7);
	assert_int_equal(netstack_ip_stats(r.st)->out_requests, 2);
	rig_done(&r);
}

static void ip6_header(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER6);
	struct ipv6_repr ip;
	struct rig r;

	(void)state;
	rig_host(&r);
	f.tos = 0x2e;
	f.flow_label = 0x12345;
	assert_int_equal(send_flow(&r, &f, 100), 0);
	ip = rig_sent6(&r, 0, 0);
	assert_true(ip6_addr_eq(ip.src, RIG_US6));
	assert_true(ip6_addr_eq(ip.dst, RIG_PEER6));
	assert_int_equal(ip.payload_len, 100);
	assert_int_equal(ip.hop_limit, 64);
	assert_int_equal(ip.tclass, 0x2e);
	assert_int_equal(ip.flow, 0x12345);
	assert_int_equal(ip.next_hdr, 253);
	rig_done(&r);
}

/* Packets that may be cut differ in their identification, those to others tell nothing. */
static void identifications(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	uint16_t first;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_flow(&r, &f, 1), 0);
	assert_int_equal(send_flow(&r, &f, 1), 0);
	first = rig_sent4(&r, 0, 0).id;
	assert_int_equal(rig_sent4(&r, 0, 1).id, (uint16_t)(first + 1));
	f.proto = 17;
	assert_int_equal(send_flow(&r, &f, 1), 0);
	assert_int_not_equal(rig_sent4(&r, 0, 2).id, (uint16_t)(first + 2));
	rig_done(&r);
}

static void router_alert(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	const uint8_t *ip;
	struct rig r;

	(void)state;
	rig_host(&r);
	f.router_alert = true;
	assert_int_equal(send_flow(&r, &f, 8), 0);
	ip = rig_sent_ip(&r, 0, 0, true);
	assert_int_equal(rig_sent4(&r, 0, 0).opts_len, 4);
	assert_memory_equal(ip + 20, ((const uint8_t[]){ 148, 4, 0, 0 }), 4);
	assert_true(counts_up(ip + 24, 0, 8));
	f = flow_to(RIG_PEER6);
	f.router_alert = true;
	assert_int_equal(send_flow(&r, &f, 8), 0);
	ip = rig_sent_ip(&r, 0, 1, false);
	assert_int_equal(rig_sent6(&r, 0, 1).next_hdr, IP_PROTO_HOPOPTS);
	assert_int_equal(rig_sent6(&r, 0, 1).payload_len, 16);
	assert_memory_equal(ip + 40, ((const uint8_t[]){ 253, 0, 5, 2, 0, 0, 1, 0 }), 8);
	assert_true(counts_up(ip + 48, 0, 8));
	rig_done(&r);
}

static void no_packet_is_longer_than_its_length_can_say(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_flow(&r, &f, 65535 - 20), 0);
	assert_int_equal(send_flow(&r, &f, 65535 - 19), -EMSGSIZE);
	f = flow_to(RIG_PEER6);
	assert_int_equal(send_flow(&r, &f, 65535), 0); /* without the header */
	assert_int_equal(send_flow(&r, &f, 65536), -EMSGSIZE);
	f.router_alert = true;
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	assert_int_equal(ip_out(net_of(&r), payload(&r, 65535 - 7), &f, &path), -EMSGSIZE);
	rig_done(&r);
}

static int send_raw(struct rig *r, struct ip6_addr dst, const uint8_t *bytes, uint32_t len)
{
	struct ip_flow f = flow_to(dst);
	struct ip_path path = { 0 };
	int err;

	f.header_included = true;
	assert_int_equal(ip_path_find(net_of(r), &f, &path), 0);
	err = ip_out(net_of(r), rig_pbuf(r, bytes, len), &f, &path);
	netstack_advance(r->st, r->now);
	return err;
}

static void a_header_that_was_brought_is_completed(void **state)
{
	uint8_t hdr[60] = {
		0x45, 0x11, 99, 99, 0, 0, 0, 0, 33, 200, 1, 2, 0, 0, 0, 0, 10, 0, 0, 2
	};
	struct ipv4_repr ip;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 24), 0);
	ip = rig_sent4(&r, 0, 0); /* checks length and checksum */
	assert_int_equal(ip.src, IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(ip.ttl, 33);
	assert_int_equal(ip.proto, 200);
	assert_int_equal(ip.payload_len, 4);
	put_be32(hdr + 12, IP4_ADDR(7, 7, 7, 7)); /* whatever it wants to be */
	put_be16(hdr + 4, 0x1234);
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 24), 0);
	ip = rig_sent4(&r, 0, 1);
	assert_int_equal(ip.src, IP4_ADDR(7, 7, 7, 7));
	assert_int_equal(ip.id, 0x1234);

	memset(hdr, 0, sizeof(hdr));
	hdr[0] = 0x60;
	hdr[6] = 59;
	ip6_addr_put(hdr + 8, RIG_US6);
	ip6_addr_put(hdr + 24, RIG_PEER6);
	assert_int_equal(send_raw(&r, RIG_PEER6, hdr, 45), 0);
	assert_int_equal(rig_sent6(&r, 0, 2).payload_len, 5);
	rig_done(&r);
}

static void a_header_that_is_none_is_refused(void **state)
{
	uint8_t hdr[2000] = { 0x45 };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 19), -EINVAL);
	assert_int_equal(send_raw(&r, RIG_PEER6, hdr, 39), -EINVAL);
	assert_int_equal(send_raw(&r, RIG_PEER6, hdr, 40), -EINVAL);
	hdr[0] = 0x44;
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 60), -EINVAL);
	hdr[0] = 0x4f;
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 59), -EINVAL);
	hdr[0] = 0x65;
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, 60), -EINVAL);
	hdr[0] = 0x45;
	assert_int_equal(send_raw(&r, RIG_PEER4, hdr, RIG_MTU + 1), -EMSGSIZE);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_header),
		cmocka_unit_test(ip6_header),
		cmocka_unit_test(identifications),
		cmocka_unit_test(router_alert),
		cmocka_unit_test(no_packet_is_longer_than_its_length_can_say),
		cmocka_unit_test(a_header_that_was_brought_is_completed),
		cmocka_unit_test(a_header_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
