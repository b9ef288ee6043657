/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/icmp4.h"

#include <errno.h>

#include "tests/unit/netstack/net/messages.h"

/* --- echo and timestamp --- */

static uint16_t make_echo(uint8_t *msg, uint16_t data)
{
	const struct icmp4_repr echo = {
		.type = ICMP4_TYPE_ECHO,
		.echo = { .id = 77, .seq = 3 },
	};

	assert_int_equal(icmp4_emit(msg, ICMP4_HDR_LEN, &echo), ICMP4_HDR_LEN);
	for (unsigned i = 0; i < data; i++)
		msg[ICMP4_HDR_LEN + i] = (uint8_t)(i * 7);
	return (uint16_t)(ICMP4_HDR_LEN + data);
}

static void echo_is_answered(void **state)
{
	static const uint16_t lens[] = { 0, 1, 56, 1472 };
	uint8_t msg[1500];
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned i = 0; i < 4; i++) {
		const uint16_t len = make_echo(msg, lens[i]);

		send_icmp(&r, RIG_PEER4, RIG_US4, 3, msg, len);
		s = see4(&r, i, IP_PROTO_ICMP);
		assert_addr(s.src, RIG_US4);
		assert_addr(s.dst, RIG_PEER4);
		assert_int_equal(s.ttl, 64);
		assert_int_equal(s.len, len);
		assert_int_equal(s.msg[0], ICMP4_TYPE_ECHO_REPLY);
		assert_memory_equal(s.msg + 4, msg + 4, len - 4U);
	}
	rig_done(&r);
}

/* A reply of more than a packet goes out in fragments; the request came in such. */
static void a_long_echo_is_answered_in_fragments(void **state)
{
	static uint8_t msg[4000], joined[4000];
	struct ipv4_repr ip = {
		.src = IP4_ADDR(10, 0, 0, 2),
		.dst = IP4_ADDR(10, 0, 0, 1),
		.id = 5,
		.ttl = 64,
		.proto = IP_PROTO_ICMP,
	};
	const uint16_t len = make_echo(msg, 3000);
	uint32_t got = 0;
	struct rig r;

	(void)state;
	rig_host(&r);
	icmp4_put_csum(msg, len);
	for (uint32_t off = 0; off < len; off += 1000) {
		ip.frag_off = (uint16_t)off;
		ip.payload_len = len - off < 1000 ? (uint16_t)(len - off) : 1000;
		ip.more_frags = off + 1000 < len;
		rig_eth(&r, 0, &pkt, ETH_TYPE_IPV4);
		assert_true(ipv4_emit(pkt.b + pkt.len, 20, &ip) > 0);
		memcpy(pkt.b + pkt.len + 20, msg + off, ip.payload_len);
		pkt.len += 20U + ip.payload_len;
		rig_in_pkt(&r, 0, &pkt);
	}
	assert_int_equal(r.link[0].n, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct ipv4_repr out = rig_sent4(&r, 0, i);

		assert_int_equal(out.frag_off, got);
		memcpy(joined + got, rig_sent_ip(&r, 0, i, true) + 20, out.payload_len);
		got += out.payload_len;
	}
	assert_int_equal(got, len);
	assert_true(icmp4_csum_ok(joined, got));
	assert_memory_equal(joined + 4, msg + 4, len - 4U);
	rig_done(&r);
}

static void echo_to_many_and_echo_off_are_ignored(void **state)
{
	uint8_t msg[100];
	struct rig r;
	uint16_t len;

	(void)state;
	rig_host(&r);
	len = make_echo(msg, 20);
	send_icmp(&r, RIG_PEER4, rig_ip4(10, 0, 0, 255), 64, msg, len);
	send_icmp(&r, RIG_PEER4, rig_ip4(255, 255, 255, 255), 64, msg, len);
	send_icmp(&r, RIG_PEER4, rig_ip4(224, 0, 0, 1), 64, msg, len);
	assert_int_equal(rig_drops(&r, DROP_ICMP_ECHO_IGNORED), 3);
	netstack_ip_params(r.st)->icmp_echo_ignore_all = true;
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, len);
	assert_int_equal(rig_drops(&r, DROP_ICMP_ECHO_IGNORED), 4);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

/* RFC 1122, 3.2.2.6 */
static void a_recorded_route_comes_back(void **state)
{
	static const uint8_t rr[12] = { 1, 7, 11, 8, 10, 0, 0, 9, 0, 0, 0, 0 };
	struct ipv4_repr ip = {
		.src = IP4_ADDR(10, 0, 0, 2),
		.dst = IP4_ADDR(10, 0, 0, 1),
		.id = 5,
		.ttl = 64,
		.proto = IP_PROTO_ICMP,
		.opts_len = sizeof(rr),
	};
	uint8_t msg[100];
	const uint8_t *out;
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	ip.payload_len = make_echo(msg, 20);
	icmp4_put_csum(msg, ip.payload_len);
	rig_eth(&r, 0, &pkt, ETH_TYPE_IPV4);
	memcpy(pkt.b + pkt.len + 20, rr, sizeof(rr));
	assert_true(ipv4_emit(pkt.b + pkt.len, 60, &ip) > 0);
	memcpy(pkt.b + pkt.len + 32, msg, ip.payload_len);
	pkt.len += 32U + ip.payload_len;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[0].n, 1);
	s = see4(&r, 0, IP_PROTO_ICMP);
	assert_addr(s.dst, RIG_PEER4);
	assert_int_equal(s.msg[0], ICMP4_TYPE_ECHO_REPLY);
	assert_int_equal(s.len, ip.payload_len);
	out = rig_sent_ip(&r, 0, 0, true) + 20;
	assert_int_equal(out[1], 7);
	assert_int_equal(out[3], 12);
	assert_int_equal(get_be32(out + 4), IP4_ADDR(10, 0, 0, 9));
	assert_int_equal(get_be32(out + 8), IP4_ADDR(10, 0, 0, 1));
	rig_done(&r);
}

static void a_timestamp_is_answered(void **state)
{
	uint8_t msg[20] = { ICMP4_TYPE_TIMESTAMP, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 9 };
	struct seen s;
	struct rig r;

	(void)state;
	rig_host(&r);
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, sizeof(msg));
	s = see4(&r, 0, IP_PROTO_ICMP);
	assert_int_equal(s.len, 20);
	assert_int_equal(s.msg[0], ICMP4_TYPE_TIMESTAMP_REPLY);
	assert_memory_equal(s.msg + 4, msg + 4, 8);
	assert_int_equal(get_be32(s.msg + 12), 0x80000000 | 1000); /* a second has passed */
	assert_int_equal(get_be32(s.msg + 16), get_be32(s.msg + 12));
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, 16);
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 1);
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
	icmp4_put_csum(msg, len);
	msg[9] ^= 1;
	send_ip(&r, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, 64, msg, len);
	assert_int_equal(rig_drops(&r, DROP_ICMP_CSUM), 1);
	send_ip(&r, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, 64, msg, 7);
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 1);
	for (unsigned type = 0; type < 256; type++) {
		memset(msg, 0, sizeof(msg));
		msg[0] = (uint8_t)type;
		send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, 20);
	}
	assert_true(rig_drops(&r, DROP_ICMP_TYPE) > 240);
	assert_int_equal(r.link[0].n, 2); /* echo, timestamp */
	rig_done(&r);
}

/* --- errors --- */

/* An error of this type about a packet of ours; its length. */
static uint16_t make_error(uint8_t *msg, const struct icmp4_repr *m, const struct ipv4_repr *ip,
			   const uint8_t *l4, size_t len)
{
	assert_int_equal(icmp4_emit(msg, 100, m), ICMP4_HDR_LEN);
	assert_int_equal(ipv4_emit(msg + 8, 100, ip), IPV4_HDR_LEN);
	memcpy(msg + 28, l4, len);
	return (uint16_t)(28 + len);
}

static const uint8_t some_l4[8] = { 0x12, 0x34, 0, 80, 1, 2, 3, 4 };

static const struct ipv4_repr some_ip = {
	.src = IP4_ADDR(10, 0, 0, 1),
	.dst = IP4_ADDR(192, 0, 2, 1),
	.payload_len = 1000,
	.ttl = 60,
	.proto = IP_PROTO_TCP,
	.dont_frag = true,
};

static void errors_go_to_transport(void **state)
{
	static const struct {
		uint8_t type;
		uint8_t code;
		int error;
		bool hard;
	} want[] = {
		{ 3, 0, ENETUNREACH, false },   { 3, 1, EHOSTUNREACH, false },
		{ 3, 2, ENOPROTOOPT, true },    { 3, 3, ECONNREFUSED, true },
		{ 3, 5, EOPNOTSUPP, false },    { 3, 6, ENETUNREACH, true },
		{ 3, 7, EHOSTDOWN, true },      { 3, 8, ENONET, true },
		{ 3, 9, ENETUNREACH, true },    { 3, 10, EHOSTUNREACH, true },
		{ 3, 11, ENETUNREACH, false },  { 3, 12, EHOSTUNREACH, false },
		{ 3, 13, EHOSTUNREACH, true },  { 3, 14, EHOSTUNREACH, true },
		{ 3, 15, EHOSTUNREACH, true },  { 11, 0, EHOSTUNREACH, false },
		{ 11, 1, EHOSTUNREACH, false }, { 12, 0, EPROTO, true },
	};
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct icmp4_repr m = { .type = want[i].type, .code = want[i].code };

		send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg,
			  make_error(msg, &m, &some_ip, some_l4, 8));
		assert_int_equal(t.n, i + 1);
		assert_int_equal(t.e.error, want[i].error);
		assert_int_equal(t.e.hard, want[i].hard);
		assert_int_equal(t.e.type, want[i].type);
		assert_int_equal(t.e.code, want[i].code);
		assert_int_equal(t.e.proto, IP_PROTO_TCP);
		assert_int_equal(t.e.src_port, 0x1234);
		assert_int_equal(t.e.dst_port, 80);
		assert_int_equal(t.e.seq, 0x01020304);
		assert_int_equal(t.e.mtu, 0);
		assert_true(t.e.is_ip4);
		assert_addr(t.e.src, RIG_US4);
		assert_addr(t.e.dst, rig_ip4(192, 0, 2, 1));
		assert_addr(t.e.from, RIG_PEER4);
	}
	assert_int_equal(netstack_ip_stats(r.st)->icmp_errors_in, 18);
	rig_done(&r);
}

static uint32_t mtu_of(struct rig *r, struct told *t, uint16_t mtu, uint16_t payload_len)
{
	const struct icmp4_repr m = {
		.type = ICMP4_TYPE_UNREACHABLE,
		.code = ICMP4_UNREACHABLE_FRAG_NEEDED,
		.mtu = mtu,
	};
	struct ipv4_repr ip = some_ip;
	uint8_t msg[200];

	ip.payload_len = payload_len;
	t->n = 0;
	send_icmp(r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	if (!t->n)
		return 0;
	assert_int_equal(t->e.error, EMSGSIZE);
	assert_false(t->e.hard);
	return t->e.mtu;
}

static void too_big_says_how_big(void **state)
{
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	assert_int_equal(mtu_of(&r, &t, 1400, 1480), 1400);
	assert_int_equal(mtu_of(&r, &t, 576, 1480), 576);
	assert_int_equal(mtu_of(&r, &t, 100, 1480), 552); /* the bound */
	assert_int_equal(mtu_of(&r, &t, 67, 1480), 0);    /* no link has it */
	assert_int_equal(mtu_of(&r, &t, 1500, 1480), 0);  /* that fits */
	assert_int_equal(mtu_of(&r, &t, 1400, 500), 0);   /* it would have fitted */
	assert_int_equal(mtu_of(&r, &t, 0, 1480), 1492);  /* RFC 1191, 5 */
	assert_int_equal(mtu_of(&r, &t, 0, 1472), 1006);
	assert_int_equal(rig_drops(&r, DROP_ICMP_BAD), 3);
	netstack_ip_params(r.st)->no_pmtu_disc = true;
	assert_int_equal(mtu_of(&r, &t, 1400, 1480), 0);
	rig_done(&r);
}

static void what_we_did_not_send_is_no_error(void **state)
{
	const struct icmp4_repr m = { .type = ICMP4_TYPE_UNREACHABLE, .code = 1 };
	struct ipv4_repr ip = some_ip;
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	ip.src++; /* for another host than the one that is told */
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	ip = some_ip;
	ip.frag_off = 8; /* of transport nothing is there */
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	ip = some_ip;
	ip.proto = IP_PROTO_ICMP; /* an error of ours */
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &ip, some_l4, 8));
	assert_int_equal(rig_drops(&r, DROP_ICMP_UNMATCHED), 3);
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &some_ip, some_l4, 7));
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, 27);
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 2);
	assert_int_equal(t.n, 0);
	rig_done(&r);
}

static void an_echo_of_ours_has_its_identifier(void **state)
{
	static const uint8_t echo[8] = { ICMP4_TYPE_ECHO, 0, 0, 0, 0x56, 0x78, 0, 1 };
	const struct icmp4_repr m = { .type = ICMP4_TYPE_UNREACHABLE, .code = 1 };
	struct ipv4_repr ip = some_ip;
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	ip.proto = IP_PROTO_ICMP;
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &ip, echo, 8));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.e.src_port, 0x5678);
	assert_int_equal(t.e.dst_port, 0);
	rig_done(&r);
}

/* RFC 4884, 5.2 */
static void what_follows_the_quotation_is_no_part_of_it(void **state)
{
	struct icmp4_repr m = { .type = ICMP4_TYPE_TIME_EXCEEDED, .quote_len = 28 };
	uint8_t l4[100];
	uint8_t msg[200];
	struct told t;
	struct rig r;

	(void)state;
	rig_host(&r);
	tell_me(&r, &t);
	memset(l4, 0xff, sizeof(l4));
	memcpy(l4, some_l4, 8);
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &some_ip, l4, 100));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.e.seq, 0x01020304);
	m.quote_len = 24;
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &some_ip, l4, 100));
	m.quote_len = 16;
	send_icmp(&r, RIG_PEER4, RIG_US4, 64, msg, make_error(msg, &m, &some_ip, l4, 100));
	assert_int_equal(rig_drops(&r, DROP_ICMP_SHORT), 2);
	assert_int_equal(t.n, 1);
	rig_done(&r);
}

/* --- redirects --- */

static void redirect(struct rig *r, struct ip6_addr from, uint32_t gateway)
{
	const struct icmp4_repr m = {
		.type = ICMP4_TYPE_REDIRECT,
		.code = ICMP4_REDIRECT_HOST,
		.gateway = gateway,
	};
	uint8_t msg[200];

	send_icmp(r, from, RIG_US4, 64, msg, make_error(msg, &m, &some_ip, some_l4, 8));
}

static uint32_t gateway_of(const struct rig *r)
{
	const struct route_conf *rt = route_lookup(r->st->net.routes, rig_ip4(192, 0, 2, 1), 0,
						   net_iface_usable, &r->st->net);

	assert_non_null(rt);
	return rt->has_gateway ? (uint32_t)rt->gateway.lo : 0;
}

static void redirects_are_obeyed_when_they_may(void **state)
{
	const struct route_conf def = {
		.is_ip4 = true,
		.dst = ip6_addr_of_ip4(0),
		.has_gateway = true,
		.gateway = RIG_PEER4,
		.metric = 2000,
		.type = ROUTE_UNICAST,
	};
	struct route_conf rt = def;
	struct rig r;

	(void)state;
	rig_host(&r);
	rt.ifindex = r.link[0].ifindex;
	assert_int_equal(netstack_route_add(r.st, &rt), 0);
	redirect(&r, RIG_PEER4, IP4_ADDR(10, 0, 0, 3));
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 2)); /* off by default */
	netstack_ip_params(r.st)->accept_redirects = true;
	redirect(&r, rig_ip4(10, 0, 0, 4), IP4_ADDR(10, 0, 0, 3)); /* not our router */
	redirect(&r, RIG_PEER4, IP4_ADDR(10, 0, 1, 3));            /* not on our link */
	redirect(&r, RIG_PEER4, IP4_ADDR(10, 0, 0, 1));            /* ourselves */
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 2));
	redirect(&r, RIG_PEER4, IP4_ADDR(10, 0, 0, 3));
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 3));
	redirect(&r, rig_ip4(10, 0, 0, 3), IP4_ADDR(10, 0, 0, 5)); /* the new one may go on */
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 5));
	rig_sleep(&r, 299000);
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 5));
	rig_sleep(&r, 2000);
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 2));
	redirect(&r, RIG_PEER4, IP4_ADDR(10, 0, 0, 3));
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	assert_int_equal(gateway_of(&r), IP4_ADDR(10, 0, 0, 2));
	rig_sleep(&r, 60000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(a_long_echo_is_answered_in_fragments),
		cmocka_unit_test(echo_to_many_and_echo_off_are_ignored),
		cmocka_unit_test(a_recorded_route_comes_back),
		cmocka_unit_test(a_timestamp_is_answered),
		cmocka_unit_test(what_is_wrong_is_dropped),
		cmocka_unit_test(errors_go_to_transport),
		cmocka_unit_test(too_big_says_how_big),
		cmocka_unit_test(what_we_did_not_send_is_no_error),
		cmocka_unit_test(an_echo_of_ours_has_its_identifier),
		cmocka_unit_test(what_follows_the_quotation_is_no_part_of_it),
		cmocka_unit_test(redirects_are_obeyed_when_they_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
