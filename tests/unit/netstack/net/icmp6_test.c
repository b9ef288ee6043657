/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp6.h"

#include <errno.h>

#include "tests/unit/netstack/net/messages.h"

static uint16_t make_echo(uint8_t *msg, uint16_t data)
{
	const struct icmp6_repr echo = {
		.type = ICMP6_TYPE_ECHO,
		.echo = { .id = 77, .seq = 3 },
	};

	assert_int_equal(icmp6_emit(msg, ICMP6_HDR_LEN, &echo), ICMP6_HDR_LEN);
	for (unsigned i = 0; i < data; i++)
		msg[ICMP6_HDR_LEN + i] = (uint8_t)(i * 7);
	return (uint16_t)(ICMP6_HDR_LEN + data);
}

static void echo_is_answered(void **state)
{
	static const uint16_t lens[] = { 0, 1, 56, 1452 };
	uint8_t msg[1500];
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned i = 0; i < 4; i++) {
		const uint16_t len = make_echo(msg, lens[i]);

		send_icmp(&r, RIG_PEER6, RIG_US6, 3, msg, len);
		s = see6(&r, i);
		assert_addr(s.src, RIG_US6);
		assert_addr(s.dst, RIG_PEER6);
		assert_int_equal(s.ttl, 64);
		assert_int_equal(s.len, len);
		assert_int_equal(s.msg[0], ICMP6_TYPE_ECHO_REPLY);
		assert_memory_equal(s.msg + 4, msg + 4, len - 4U);
	}
	rig_done(&r);
}

/* A fragment of which only @linear bytes are linear. */
static void send_pieces(struct rig *r, uint32_t linear)
{
	struct pbuf *pb = rig_pbuf(r, pkt.b, linear);
	struct pbuf_block *b = pbuf_block_alloc(netstack_pool(r->st), pkt.len - linear);

	assert_non_null(b);
	memcpy(b->data, pkt.b + linear, pkt.len - linear);
	assert_true(pbuf_add_frag(pb, b, 0, pkt.len - linear));
	pbuf_block_unref(b);
	rig_in_pbuf(r, 0, pb);
}

/* In fragments both ways; those that come in are in pieces of odd lengths. */
static void a_long_echo_is_answered(void **state)
{
	static const uint32_t linear[] = { 1205, 1131, 60 };
	static uint8_t msg[4000], part[1500], joined[4000];
	const uint16_t len = make_echo(msg, 3500);
	uint32_t got = 0;
	struct rig r;

	(void)state;
	rig_host(&r);
	icmp6_put_csum(msg, len, RIG_PEER6, RIG_US6);
	for (unsigned i = 0; i < 3; i++) {
		const struct ipv6_frag_repr fr = {
			.id = 5,
			.offset = (uint16_t)(i * 1400),
			.next_hdr = IP_PROTO_ICMP6,
			.more = i < 2,
		};
		const uint16_t n = i < 2 ? 1400 : (uint16_t)(len - 2800);

		assert_int_equal(ipv6_frag_emit(part, 8, &fr), 8);
		memcpy(part + 8, msg + fr.offset, n);
		frame_of(&r, RIG_PEER6, RIG_US6, IP_PROTO_FRAGMENT, 64, part, (uint16_t)(n + 8));
		send_pieces(&r, linear[i]);
	}
	assert_int_equal(netstack_ip_stats(r.st)->reass_oks, 1);
	assert_int_equal(r.link[0].n, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct ipv6_repr out = rig_sent6(&r, 0, i);

		assert_int_equal(out.next_hdr, IP_PROTO_FRAGMENT);
		memcpy(joined + got, rig_sent_ip(&r, 0, i, false) + 48, out.payload_len - 8U);
		got += out.payload_len - 8U;
	}
	assert_int_equal(got, len);
	assert_int_equal(joined[0], ICMP6_TYPE_ECHO_REPLY);
	assert_true(icmp6_csum_ok(joined, got, RIG_US6, RIG_PEER6));
	assert_memory_equal(joined + 4, msg + 4, len - 4U);
	rig_done(&r);
}

/* RFC 4443, 4.2: from an address of the interface, on that link. */
static void echo_to_a_group_is_answered(void **state)
{
	const struct ip6_addr us = { 0xfe80000000000000, 5 }, peer = { 0xfe80000000000000, 6 };
	uint8_t msg[100];
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_addr_add(&r, 0, us, 64);
	rig_neigh_add(&r, 0, peer);
	rig_sleep(&r, 20000);
	rig_forget(&r);
	send_icmp(&r, peer, IP6_ALL_NODES, 64, msg, make_echo(msg, 20));
	assert_int_equal(r.link[0].n, 1);
	s = see6(&r, 0);
	assert_addr(s.src, us);
	assert_addr(s.dst, peer);
	assert_int_equal(s.msg[0], ICMP6_TYPE_ECHO_REPLY);
	send_icmp(&r, IP6_UNSPECIFIED, IP6_ALL_NODES, 64, msg, make_echo(msg, 20));
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_drops(&r, DROP_ICMP_BAD), 1);
	rig_done(&r);
}

static void what_is_wrong_is_dropped(void **state)
{
	uint8_t msg[100];
	uint16_t len;
	struct rig r;

	(void)state;
	rig_host(&r);
	len = make_echo(msg, 20);
	icmp6_put_csum(msg, len, RIG_PEER6, RIG_PEER6); /* for another packet */
	send_ip(&r, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, 64, msg, len);
	assert_int_equal(rig_drops(&r, DROP_ICMP_CSUM), 1);
	send_ip(&r, RIG_PEER6, RIG_US6, IP_PROTO_ICMP6, 64, msg, 7);
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 1);
	for (unsigned type = 0; type < 256; type++) {
		if (type == ICMP6_TYPE_ECHO)
			continue;
		memset(msg, 0, sizeof(msg));
		msg[0] = (uint8_t)type;
		send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, 20);
	}
	assert_true(rig_drops(&r, DROP_ICMP_TYPE) > 100);
	assert_int_equal(rig_drops(&r, DROP_ND_BAD), 5);
	assert_int_equal(rig_drops(&r, DROP_MLD_BAD), 4);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* --- errors --- */

static const uint8_t some_l4[8] = { 0x12, 0x34, 0, 80, 1, 2, 3, 4 };

static uint16_t make_error(uint8_t *msg, const struct icmp6_repr *m, const struct ipv6_repr *ip,
			   const uint8_t *l4, size_t len)
{
	assert_int_equal(icmp6_emit(msg, 100, m), ICMP6_HDR_LEN);
	assert_int_equal(ipv6_emit(msg + 8, 100, ip), IPV6_HDR_LEN);
	memcpy(msg + 48, l4, len);
	return (uint16_t)(48 + len);
}

static struct ipv6_repr some_ip(void)
{
	return (struct ipv6_repr){
		.src = RIG_US6,
		.dst = { 0x20010db9, 1 },
		.payload_len = 1400,
		.next_hdr = IP_PROTO_UDP,
		.hop_limit = 60,
	};
}

static void errors_go_to_transport(void **state)
{
	static const struct {
		uint8_t type;
		uint8_t code;
		int error;
		bool hard;
	} want[] = {
		{ 1, 0, ENETUNREACH, false },  { 1, 1, EACCES, true },
		{ 1, 2, EHOSTUNREACH, false }, { 1, 3, EHOSTUNREACH, false },
		{ 1, 4, ECONNREFUSED, true },  { 1, 5, EACCES, true },
		{ 1, 6, EACCES, true },        { 1, 7, EPROTO, true },
		{ 3, 0, EHOSTUNREACH, false }, { 3, 1, EHOSTUNREACH, false },
		{ 4, 0, EPROTO, true },        { 4, 1, EPROTO, true },
		{ 100, 0, EPROTO, false },
	};
	const struct ipv6_repr ip = some_ip();
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct icmp6_repr m = { .type = want[i].type, .code = want[i].code };

		send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
		assert_int_equal(t.n, i + 1);
		assert_int_equal(t.e.error, want[i].error);
		assert_int_equal(t.e.hard, want[i].hard);
		assert_int_equal(t.e.proto, IP_PROTO_UDP);
		assert_int_equal(t.e.src_port, 0x1234);
		assert_int_equal(t.e.dst_port, 80);
		assert_false(t.e.is_ip4);
		assert_addr(t.e.src, RIG_US6);
		assert_addr(t.e.dst, ip.dst);
		assert_addr(t.e.from, RIG_PEER6);
	}
	rig_done(&r);
}

static uint32_t mtu_of(struct rig *r, struct told *t, uint32_t mtu)
{
	const struct icmp6_repr m = { .type = ICMP6_TYPE_PACKET_TOO_BIG, .mtu = mtu };
	const struct ipv6_repr ip = some_ip();
	uint8_t msg[200];

	t->n = 0;
	send_icmp(r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	if (!t->n)
		return 0;
	assert_int_equal(t->e.error, EMSGSIZE);
	return t->e.mtu;
}

static void too_big_says_how_big(void **state)
{
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	assert_int_equal(mtu_of(&r, &t, 1400), 1400);
	assert_int_equal(mtu_of(&r, &t, 1280), 1280);
	assert_int_equal(mtu_of(&r, &t, 1279), 0); /* RFC 8201, 4 */
	assert_int_equal(mtu_of(&r, &t, 0), 0);
	assert_int_equal(mtu_of(&r, &t, 1440), 0); /* that fits */
	assert_int_equal(rig_drops(&r, DROP_ICMP_BAD), 3);
	rig_done(&r);
}

static void behind_extension_headers_is_transport(void **state)
{
	static const uint8_t hdrs[24] = { IP_PROTO_UDP, 0, 1, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 80 };
	const struct icmp6_repr m = { .type = ICMP6_TYPE_UNREACHABLE, .code = 4 };
	struct ipv6_repr ip = some_ip();
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	ip.next_hdr = IP_PROTO_DSTOPTS;
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, hdrs, 16));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.e.src_port, 0x1234);
	assert_int_equal(t.e.proto, IP_PROTO_UDP);
	/* Cut off within them. */
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, hdrs, 7));
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, hdrs, 12));
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 2);
	ip.src.lo++;
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, hdrs, 16));
	assert_int_equal(rig_drops(&r, DROP_ICMP_UNMATCHED), 1);
	assert_int_equal(t.n, 1);
	rig_done(&r);
}

static void an_echo_of_ours_has_its_identifier(void **state)
{
	static const uint8_t echo[8] = { ICMP6_TYPE_ECHO, 0, 0, 0, 0x56, 0x78, 0, 1 };
	struct icmp6_repr m = { .type = ICMP6_TYPE_UNREACHABLE, .quote_len = 48 };
	struct ipv6_repr ip = some_ip();
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	ip.next_hdr = IP_PROTO_ICMP6;
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, echo, 8));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.e.src_port, 0x5678);
	m.quote_len = 40; /* what follows is no part of the quotation (RFC 4884, 5.1) */
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, echo, 8));
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 1);
	m.quote_len = 0;
	ip.payload_len = 4; /* the packet was no longer */
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, echo, 8));
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 2);
	ip.payload_len = 8;
	send_icmp(&r, RIG_PEER6, RIG_US6, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	assert_int_equal(rig_drops(&r, DROP_ICMP_UNMATCHED), 1);
	assert_int_equal(t.n, 1);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(a_long_echo_is_answered),
		cmocka_unit_test(echo_to_a_group_is_answered),
		cmocka_unit_test(what_is_wrong_is_dropped),
		cmocka_unit_test(errors_go_to_transport),
		cmocka_unit_test(too_big_says_how_big),
		cmocka_unit_test(behind_extension_headers_is_transport),
		cmocka_unit_test(an_echo_of_ours_has_its_identifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
