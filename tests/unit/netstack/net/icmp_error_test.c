/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/icmp.h"
#include "tests/unit/netstack/net/messages.h"

/* A packet as it came in, for icmp_error() to be about; its IP header is at data. */
static struct pbuf *packet(struct rig *r, struct ip6_addr src, struct ip6_addr dst, uint8_t proto,
			   const uint8_t *data, uint16_t len)
{
	struct pbuf *pb;

	frame_of(r, src, dst, proto, 64, data, len);
	pb = rig_pbuf(r, pkt.b, pkt.len);
	pbuf_pull(pb, ETH_HDR_LEN);
	pbuf_mark_l3(pb);
	pb->ifindex = r->link[0].ifindex;
	return pb;
}

static const uint8_t zeros[2000];

/* Tells its source and frees it.  Return: frames that were sent. */
static unsigned int tell_source(struct rig *r, struct pbuf *pb, enum icmp_why why, uint32_t info)
{
	rig_forget(r);
	icmp_error(&r->st->net, pb, why, info);
	pbuf_free(pb);
	netstack_advance(r->st, r->now);
	return r->link[0].n;
}

static struct pbuf *some4(struct rig *r, uint16_t len)
{
	return packet(r, RIG_PEER4, RIG_US4, IP_PROTO_UDP, zeros, len);
}

static struct pbuf *some6(struct rig *r, uint16_t len)
{
	return packet(r, RIG_PEER6, RIG_US6, IP_PROTO_UDP, zeros, len);
}

/* --- what is said --- */

static void ip4_errors_say_why(void **state)
{
	static const struct {
		enum icmp_why why;
		uint32_t info;
		uint8_t type;
		uint8_t code;
		uint32_t rest;
	} want[] = {
		{ ICMP_WHY_NO_ROUTE, 0, 3, 0, 0 },      { ICMP_WHY_HOST, 0, 3, 1, 0 },
		{ ICMP_WHY_PROTO, 0, 3, 2, 0 },         { ICMP_WHY_PORT, 0, 3, 3, 0 },
		{ ICMP_WHY_TOO_BIG, 1400, 3, 4, 1400 }, { ICMP_WHY_TOO_BIG, 70000, 3, 4, 65535 },
		{ ICMP_WHY_PROHIBITED, 0, 3, 13, 0 },   { ICMP_WHY_TTL, 0, 11, 0, 0 },
		{ ICMP_WHY_REASSEMBLY, 0, 11, 1, 0 },   { ICMP_WHY_OPTION, 20, 12, 0, 20U << 24 },
	};
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->icmp_peer_ms = 0;
	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_int_equal(tell_source(&r, some4(&r, 30), want[i].why, want[i].info), 1);
		s = see4(&r, 0, IP_PROTO_ICMP);
		assert_addr(s.src, RIG_US4);
		assert_addr(s.dst, RIG_PEER4);
		assert_int_equal(s.tos, 0xc0);
		assert_int_equal(s.msg[0], want[i].type);
		assert_int_equal(s.msg[1], want[i].code);
		assert_int_equal(get_be32(s.msg + 4), want[i].rest);
		assert_int_equal(s.len, 8 + 50);
		assert_memory_equal(s.msg + 8, pkt.b + ETH_HDR_LEN, 50);
	}
	rig_done(&r);
}

static void ip6_errors_say_why(void **state)
{
	static const struct {
		enum icmp_why why;
		uint32_t info;
		uint8_t type;
		uint8_t code;
	} want[] = {
		{ ICMP_WHY_NO_ROUTE, 0, 1, 0 },   { ICMP_WHY_HOST, 0, 1, 3 },
		{ ICMP_WHY_PORT, 0, 1, 4 },       { ICMP_WHY_TOO_BIG, 1400, 2, 0 },
		{ ICMP_WHY_PROHIBITED, 0, 1, 1 }, { ICMP_WHY_TTL, 0, 3, 0 },
		{ ICMP_WHY_REASSEMBLY, 0, 3, 1 }, { ICMP_WHY_PROTO, 6, 4, 1 },
		{ ICMP_WHY_OPTION, 42, 4, 0 },
	};
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->icmp_peer_ms = 0;
	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_int_equal(tell_source(&r, some6(&r, 30), want[i].why, want[i].info), 1);
		s = see6(&r, 0);
		assert_addr(s.src, RIG_US6);
		assert_addr(s.dst, RIG_PEER6);
		assert_int_equal(s.msg[0], want[i].type);
		assert_int_equal(s.msg[1], want[i].code);
		assert_int_equal(get_be32(s.msg + 4), want[i].info);
		assert_int_equal(s.len, 8 + 70);
		assert_memory_equal(s.msg + 8, pkt.b + ETH_HDR_LEN, 70);
	}
	rig_done(&r);
}

/* As much as fits, wherever data is by now. */
static void they_quote_from_the_ip_header_on(void **state)
{
	struct pbuf *pb;
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(tell_source(&r, some4(&r, 1400), ICMP_WHY_PORT, 0), 1);
	assert_int_equal(rig_sent4(&r, 0, 0).payload_len, 556);
	assert_int_equal(tell_source(&r, some6(&r, 1400), ICMP_WHY_PORT, 0), 1);
	assert_int_equal(rig_sent6(&r, 0, 0).payload_len, 1240);
	pb = some4(&r, 1400);
	pbuf_pull(pb, 28);
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_PORT, 0), 1);
	s = see4(&r, 0, IP_PROTO_ICMP);
	assert_int_equal(s.len, 556);
	assert_memory_equal(s.msg + 8, pkt.b + ETH_HDR_LEN, 548);
	rig_done(&r);
}

static void a_forwarded_packet_is_answered_from_our_side(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(
		tell_source(&r,
			    packet(&r, RIG_PEER4, rig_ip4(192, 0, 2, 9), IP_PROTO_UDP, zeros, 30),
			    ICMP_WHY_TTL, 0),
		1);
	assert_addr(see4(&r, 0, IP_PROTO_ICMP).src, RIG_US4);
	assert_int_equal(tell_source(&r,
				     packet(&r, RIG_PEER6, rig_ip6(9, 9), IP_PROTO_UDP, zeros, 30),
				     ICMP_WHY_TTL, 0),
			 1);
	assert_addr(see6(&r, 0).src, RIG_US6);
	rig_done(&r);
}

/* --- what is not said --- */

/* RFC 1122, 3.2.2; RFC 1812, 4.3.2.7 */
static void ip4_nobody_is_told_of(void **state)
{
	static const uint8_t errors[] = { 3, 4, 5, 11, 12, 19, 200 };
	static const uint8_t others[] = { 0, 8, 13, 14 };
	const struct ip6_addr to[] = { rig_ip4(10, 0, 0, 255), rig_ip4(255, 255, 255, 255),
				       rig_ip4(224, 0, 0, 1) };
	const struct ip6_addr from[] = { rig_ip4(0, 0, 0, 0), rig_ip4(10, 0, 0, 255),
					 rig_ip4(224, 0, 0, 1), rig_ip4(240, 0, 0, 1),
					 rig_ip4(255, 255, 255, 255) };
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->icmp_peer_ms = 0;
	for (unsigned i = 0; i < sizeof(to) / sizeof(*to); i++)
		assert_int_equal(tell_source(&r,
					     packet(&r, RIG_PEER4, to[i], IP_PROTO_UDP, zeros, 9),
					     ICMP_WHY_PORT, 0),
				 0);
	for (unsigned i = 0; i < sizeof(from) / sizeof(*from); i++)
		assert_int_equal(tell_source(&r,
					     packet(&r, from[i], RIG_US4, IP_PROTO_UDP, zeros, 9),
					     ICMP_WHY_PORT, 0),
				 0);
	for (unsigned i = 0; i < sizeof(errors); i++)
		assert_int_equal(
			tell_source(&r,
				    packet(&r, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, &errors[i], 1),
				    ICMP_WHY_TTL, 0),
			0);
	assert_int_equal(tell_source(&r, packet(&r, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, zeros, 0),
				     ICMP_WHY_TTL, 0),
			 0);
	for (unsigned i = 0; i < sizeof(others); i++)
		assert_int_equal(
			tell_source(&r,
				    packet(&r, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, &others[i], 1),
				    ICMP_WHY_TTL, 0),
			1);
	pb = some4(&r, 16);
	put_be16(pb->data + 6, 1); /* not the first fragment */
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_TTL, 0), 0);
	pb = some4(&r, 16);
	pb->dest = PBUF_TO_ALL;
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_TTL, 0), 0);
	pb = some4(&r, 16);
	pb->l3 = PBUF_NO_OFFSET;
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_TTL, 0), 0);
	rig_done(&r);
}

/* RFC 4443, 2.4 (e) */
static void ip6_nobody_is_told_of(void **state)
{
	static const uint8_t types[] = { 0, 1, 4, 127, 137 };
	static const uint8_t cut[8] = { IP_PROTO_UDP, 9 };
	const uint8_t echo = 128;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_ip_params(r.st)->icmp_peer_ms = 0;
	for (unsigned i = 0; i < sizeof(types); i++)
		assert_int_equal(
			tell_source(&r,
				    packet(&r, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, &types[i], 1),
				    ICMP_WHY_TTL, 0),
			0);
	assert_int_equal(tell_source(&r, packet(&r, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, &echo, 1),
				     ICMP_WHY_TTL, 0),
			 1);
	assert_int_equal(tell_source(&r, packet(&r, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, &echo, 0),
				     ICMP_WHY_TTL, 0),
			 0);
	assert_int_equal(tell_source(&r, packet(&r, RIG_PEER6, RIG_US6, IP_PROTO_DSTOPTS, cut, 8),
				     ICMP_WHY_TTL, 0),
			 0);
	assert_int_equal(tell_source(&r, packet(&r, rig_ip6(0, 0), RIG_US6, IP_PROTO_UDP, zeros, 9),
				     ICMP_WHY_PORT, 0),
			 0);
	assert_int_equal(tell_source(&r, packet(&r, IP6_ALL_NODES, RIG_US6, IP_PROTO_UDP, zeros, 9),
				     ICMP_WHY_PORT, 0),
			 0);
	pb = packet(&r, RIG_PEER6, IP6_ALL_NODES, IP_PROTO_UDP, zeros, 9);
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_PORT, 0), 0);
	/* But for the path's MTU. */
	pb = packet(&r, RIG_PEER6, IP6_ALL_NODES, IP_PROTO_UDP, zeros, 9);
	pb->dest = PBUF_TO_GROUP;
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_TOO_BIG, 1280), 1);
	assert_addr(see6(&r, 0).src, RIG_US6);
	rig_done(&r);
}

static void problems_are_reported_as_they_say(void **state)
{
	struct ipv6_problem p = { IPV6_REPORT_ALWAYS, IPV6_PROBLEM_OPTION, 44 };
	struct pbuf *pb;
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	pb = packet(&r, RIG_PEER6, IP6_ALL_NODES, IP_PROTO_UDP, zeros, 9);
	icmp6_problem(&r.st->net, pb, &p);
	netstack_advance(r.st, r.now);
	s = see6(&r, 0);
	assert_int_equal(s.msg[0], 4);
	assert_int_equal(s.msg[1], 2);
	assert_int_equal(get_be32(s.msg + 4), 44);
	p.report = IPV6_REPORT_UNICAST;
	icmp6_problem(&r.st->net, pb, &p);
	p.report = IPV6_REPORT_NONE;
	icmp6_problem(&r.st->net, pb, &p);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 1);
	pbuf_free(pb);
	rig_done(&r);
}

/* --- how much is said --- */

static void there_is_a_limit_but_for_path_mtus(void **state)
{
	unsigned int n = 0;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned i = 0; i < 20; i++)
		n += tell_source(&r, some4(&r, 9), ICMP_WHY_PORT, 0);
	assert_int_equal(n, ICMP_LIMIT_PEER_BURST);
	assert_int_equal(rig_drops(&r, DROP_ICMP_RATE), 20 - ICMP_LIMIT_PEER_BURST);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(tell_source(&r, some4(&r, 9), ICMP_WHY_TOO_BIG, 1400), 1);
	assert_int_equal(netstack_ip_stats(r.st)->icmp_errors_out, 20 + ICMP_LIMIT_PEER_BURST);
	rig_done(&r);
}

/* What cannot be sent is told to ourselves: a neighbour that does not answer. */
static void our_own_packets_come_back(void **state)
{
	struct ip_path path = { .gen = 0 };
	const struct ip_flow f = {
		.src = RIG_US4,
		.dst = rig_ip4(10, 0, 0, 77),
		.proto = IP_PROTO_UDP,
	};
	struct told t;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	pb = rig_pbuf(&r, zeros, 8);
	put_be16(pb->data, 1234);
	assert_int_equal(ip_out(&r.st->net, pb, &f, &path), 0);
	rig_sleep(&r, 10000);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.e.src_port, 1234);
	assert_addr(t.e.dst, f.dst);
	rig_done(&r);
}

static void without_memory_nothing_is_sent(void **state)
{
	struct pbuf_pool_stats stats;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	pb = some4(&r, 1400);
	pbuf_pool_stats(netstack_pool(r.st), &stats);
	pbuf_pool_set_limit(netstack_pool(r.st), stats.bytes + 600);
	icmp_error(&r.st->net, pb, ICMP_WHY_PORT, 0);
	assert_int_equal(rig_drops(&r, DROP_NO_MEMORY), 1);
	pbuf_pool_set_limit(netstack_pool(r.st), UINT64_MAX);
	assert_int_equal(tell_source(&r, pb, ICMP_WHY_PORT, 0), 1);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip4_errors_say_why),
		cmocka_unit_test(ip6_errors_say_why),
		cmocka_unit_test(they_quote_from_the_ip_header_on),
		cmocka_unit_test(a_forwarded_packet_is_answered_from_our_side),
		cmocka_unit_test(ip4_nobody_is_told_of),
		cmocka_unit_test(ip6_nobody_is_told_of),
		cmocka_unit_test(problems_are_reported_as_they_say),
		cmocka_unit_test(there_is_a_limit_but_for_path_mtus),
		cmocka_unit_test(our_own_packets_come_back),
		cmocka_unit_test(without_memory_nothing_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
