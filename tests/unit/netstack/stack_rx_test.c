/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

#define IP (pkt.b + ETH_HDR_LEN)

static void what_no_protocol_wants(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_eth(&r, 0, &pkt, 0x88cc); /* LLDP */
	pkt.len += 50;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_ETH_TYPE), 1);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	IP[9] = 250;
	put_be16(IP + 10, 0);
	put_be16(IP + 10, csum_finish(csum_bytes(IP, 20)));
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_PROTO), 1);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[20], ICMP4_TYPE_UNREACHABLE);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[21], ICMP4_UNREACHABLE_PROTO);
	/* ICMP of the other family is no protocol of this one. */
	IP[9] = IP_PROTO_ICMP6;
	put_be16(IP + 10, 0);
	put_be16(IP + 10, csum_finish(csum_bytes(IP, 20)));
	rig_in_pkt(&r, 0, &pkt);
	rig_udp(&r, 0, &pkt, RIG_PEER6, RIG_US6, 10);
	IP[6] = IP_PROTO_ICMP;
	rig_in_pkt(&r, 0, &pkt);
	IP[6] = IP_PROTO_IGMP;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_PROTO), 4);
	rig_done(&r);
}

static void an_echo_request_is_answered(void **state)
{
	const struct icmp4_repr echo = { .type = ICMP4_TYPE_ECHO, .echo = { .id = 3, .seq = 4 } };
	struct icmp4_repr answer;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_eth(&r, 0, &pkt, ETH_TYPE_IPV4);
	rig_ip(&pkt, RIG_PEER4, RIG_US4, IP_PROTO_ICMP, 64, 8 + 56);
	memset(pkt.b + pkt.len, 0x5a, 64);
	assert_int_equal(icmp4_emit(pkt.b + pkt.len, 8, &echo), 8);
	icmp4_put_csum(pkt.b + pkt.len, 64);
	pkt.len += 64;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(rig_sent4(&r, 0, 0).src, IP4_ADDR(10, 0, 0, 1));
	assert_true(icmp4_parse(rig_sent_ip(&r, 0, 0, true) + 20, 64, &answer) > 0);
	assert_int_equal(answer.type, ICMP4_TYPE_ECHO_REPLY);
	assert_int_equal(answer.echo.id, 3);
	assert_true(icmp4_csum_ok(rig_sent_ip(&r, 0, 0, true) + 20, 64));
	rig_done(&r);
}

static void a_port_that_nobody_has(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 1);
	assert_int_equal(rig_sent_ip(&r, 0, 0, true)[21], ICMP4_UNREACHABLE_PORT);
	assert_int_equal(netstack_ip_stats(r.st)->in_receives, 1);
	assert_int_equal(netstack_ip_stats(r.st)->in_delivers, 1);
	rig_done(&r);
}

/* One packet of many datagrams: each is a datagram of its own. */
static void datagrams_that_a_device_put_together(void **state)
{
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 1000);
	pb = rig_pbuf(&r, pkt.b, pkt.len);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 6;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + 34);
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = 300;
	rig_in_pbuf(&r, 0, pb);
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 4);
	assert_int_equal(netstack_ip_stats(r.st)->in_delivers, 4);
	assert_int_equal(r.link[0].n, 4);
	/* What is quoted in the errors: headers of their own. */
	assert_int_equal(get_be16(rig_sent_ip(&r, 0, 0, true) + 20 + 8 + 20 + 4), 308);
	assert_int_equal(get_be16(rig_sent_ip(&r, 0, 3, true) + 20 + 8 + 20 + 4), 108);
	rig_done(&r);
}

/* Behind an extension header as well. */
static void datagrams_behind_an_extension_header(void **state)
{
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER6, RIG_US6, 1000);
	memmove(IP + 48, IP + 40, 1008);
	memcpy(IP + 40, ((const uint8_t[]){ IP_PROTO_UDP, 0, 1, 4, 0, 0, 0, 0 }), 8);
	IP[6] = IP_PROTO_DSTOPTS;
	put_be16(IP + 4, 1016);
	pkt.len += 8;
	pb = rig_pbuf(&r, pkt.b, pkt.len);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 6;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + ETH_HDR_LEN + 48);
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = 300;
	rig_in_pbuf(&r, 0, pb);
	assert_int_equal(rig_drops(&r, DROP_NO_SOCKET), 4);
	rig_done(&r);
}

static void a_link_without_link_layer(void **state)
{
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_init(&r);
	(void)rig_link_add(&r, IFACE_IP, RIG_MTU, 0);
	rig_addr_add(&r, 0, RIG_US4, 24);
	rig_addr_add(&r, 0, RIG_US6, 64);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(h.n, 1);
	rig_udp(&r, 0, &pkt, RIG_PEER6, RIG_US6, 10);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(h.n, 2);
	pkt.b[0] = 0x99;
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_IP_BAD), 1);
	rig_in(&r, 0, pkt.b, 0);
	assert_int_equal(rig_drops(&r, DROP_IP_SHORT), 1);
	rig_done(&r);
}

static void links_that_are_not_there_or_down(void **state)
{
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	pb = rig_pbuf(&r, pkt.b, pkt.len);
	netstack_input(r.st, 55, &pb, 1, r.now);
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 1);
	pb = rig_pbuf(&r, pkt.b, pkt.len);
	netstack_input(r.st, UINT32_MAX, &pb, 1, r.now);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(rig_drops(&r, DROP_LINK_DOWN), 3);
	rig_done(&r);
}

static void frames_are_counted(void **state)
{
	struct iface_stats s;
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	rig_in_pkt(&r, 0, &pkt);
	netstack_hook_set(r.st, HOOK_INPUT, NULL, NULL);
	rig_in_pkt(&r, 0, &pkt);
	assert_int_equal(netstack_link_stats(r.st, r.link[0].ifindex, &s), 0);
	assert_int_equal(s.rx_packets, 2);
	assert_int_equal(s.rx_bytes, 2 * (14 + 20 + 8 + 10));
	assert_int_equal(s.rx_dropped, 1);
	rig_done(&r);
}

/* A long burst of packets to be forwarded leaves in between. */
static void a_long_burst_does_not_wait_for_its_end(void **state)
{
	static struct pbuf *burst[200];
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 1, 0, 1), 24);
	rig_neigh_add(&r, 1, rig_ip4(10, 1, 0, 2));
	netstack_ip_params(r.st)->ip4_forward = true;
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, rig_ip4(10, 1, 0, 2), 10);
	for (unsigned int i = 0; i < 200; i++)
		burst[i] = rig_pbuf(&r, pkt.b, pkt.len);
	netstack_input(r.st, r.link[0].ifindex, burst, 200, r.now);
	assert_int_equal(r.link[1].n, 200);
	assert_int_equal(r.link[1].bursts, 4);
	rig_done(&r);
}

/* --- the way in words --- */

struct trail {
	unsigned int n;
	enum trace_point point[16];
	enum drop_reason drop;
};

static void on_trace(void *arg, const struct trace_event *ev)
{
	struct trail *t = arg;

	if (t->n < 16)
		t->point[t->n++] = ev->point;
	if (ev->point == TRACE_DROP)
		t->drop = ev->drop;
}

static void the_way_can_be_traced(void **state)
{
	static const enum trace_point want[] = { TRACE_RX, TRACE_LOCAL_IN };
	struct trail t = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	r.st->core.trace = on_trace;
	r.st->core.trace_arg = &t;
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 10);
	rig_in_pkt(&r, 0, &pkt);
	assert_true(t.n >= 5); /* and the answer: out, tx; and the drop */
	assert_memory_equal(t.point, want, sizeof(want));
	assert_int_equal(t.drop, DROP_NO_SOCKET);
	r.st->core.trace = NULL;
	rig_done(&r);
}

/* --- anything at all --- */

static struct rig_hook hooks[HOOK_N];

static void random_frame(struct rig *r, struct dice *d)
{
	const struct ip6_addr dst4[] = { RIG_US4, rig_ip4(10, 1, 0, 2), rig_ip4(10, 0, 0, 255),
					 rig_ip4(224, 0, 0, 1), rig_ip4(10, 0, 0, 77) };
	const struct ip6_addr dst6[] = { RIG_US6, rig_ip6(RIG_NET6 + 1, 2), IP6_ALL_NODES,
					 ip6_addr_solicited(RIG_US6), rig_ip6(RIG_NET6, 77) };
	const bool is_ip4 = dice_roll(d) & 1;
	unsigned int changes = dice_roll(d) % 4;

	rig_udp(r, 0, &pkt, is_ip4 ? RIG_PEER4 : RIG_PEER6,
		is_ip4 ? dst4[dice_roll(d) % 5] : dst6[dice_roll(d) % 5],
		(uint16_t)(dice_roll(d) % 200));
	if (dice_roll(d) % 3 == 0) {
		static const uint8_t protos[] = { 0, 1, 2, 6, 17, 43, 44, 51, 58, 59, 60, 255 };

		IP[is_ip4 ? 9 : 6] = protos[dice_roll(d) % sizeof(protos)];
	}
	if (dice_roll(d) % 4 == 0 && is_ip4)
		put_be16(IP + 6, (uint16_t)(dice_roll(d) & 0x203f));
	while (changes--)
		pkt.b[dice_roll(d) % pkt.len] = (uint8_t)dice_roll(d);
	if (is_ip4 && dice_roll(d) % 8) {
		put_be16(IP + 10, 0);
		put_be16(IP + 10, csum_finish(csum_bytes(IP, 20)));
	}
	if (dice_roll(d) % 8 == 0)
		pkt.len = dice_roll(d) % (pkt.len + 1);
}

/* The packet in random pieces, with what a device might say of it. */
static struct pbuf *random_pbuf(struct rig *r, struct dice *d)
{
	struct pbuf_block *b;
	struct pbuf *pb;
	uint32_t first;

	if (dice_roll(d) & 1) {
		pb = rig_pbuf(r, pkt.b, pkt.len);
	} else {
		b = pbuf_block_alloc(netstack_pool(r->st), pkt.len + 2);
		memcpy(b->data, pkt.b, pkt.len);
		first = dice_roll(d) % (pkt.len + 1);
		memmove(b->data + first + 1, pkt.b + first, pkt.len - first);
		pb = pbuf_alloc(netstack_pool(r->st));
		if (first)
			assert_true(pbuf_add_frag(pb, b, 0, first));
		if (pkt.len - first)
			assert_true(pbuf_add_frag(pb, b, first + 1, pkt.len - first));
		pbuf_block_unref(b);
	}
	if (dice_roll(d) % 4 == 0) {
		pb->csum = (uint8_t)(dice_roll(d) % 3);
		pb->csum_offset = dice_roll(d) & 1 ? 6 : 16;
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + (dice_roll(d) & 1 ? 34 : 54));
	}
	if (dice_roll(d) % 8 == 0) {
		pb->gso = (uint8_t)(dice_roll(d) % 5);
		pb->gso_size = (uint16_t)(dice_roll(d) % 100);
	}
	return pb;
}

static void random_hook(struct rig *r, struct dice *d)
{
	const enum hook_point p = dice_roll(d) % HOOK_N;

	if (dice_roll(d) % 3 == 0)
		netstack_hook_set(r->st, p, NULL, NULL);
	else
		rig_catch(r, &hooks[p], p, dice_roll(d) % 4 ? HOOK_ACCEPT : HOOK_DROP);
}

static void any_frame_at_all(void **state)
{
	struct dice d = { 77 };
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, 1300, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 1, 0, 1), 24);
	rig_addr_add(&r, 1, rig_ip6(RIG_NET6 + 1, 1), 64);
	netstack_ip_params(r.st)->ip4_forward = true;
	netstack_ip_params(r.st)->ip6_forward = true;
	for (unsigned int i = 0; i < 60000; i++) {
		struct pbuf *pb;

		if (i % 500 == 0)
			random_hook(&r, &d);
		random_frame(&r, &d);
		pb = random_pbuf(&r, &d);
		r.now += dice_roll(&d) % NS_PER_MS;
		netstack_input(r.st, r.link[0].ifindex, &pb, 1, r.now);
		rig_forget(&r);
	}
	for (enum hook_point p = HOOK_EARLY; p < HOOK_N; p++)
		netstack_hook_set(r.st, p, NULL, NULL);
	rig_sleep(&r, 120000); /* reassembly and neighbours give up */
	rig_forget(&r);
	rig_done(&r);
}

/* The same with little memory: everything is dropped, nothing is lost. */
static void any_frame_without_memory(void **state)
{
	struct dice d = { 78 };
	struct pbuf_pool_stats s;
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, 1300, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 1, 0, 1), 24);
	netstack_ip_params(r.st)->ip4_forward = true;
	for (unsigned int i = 0; i < 20000; i++) {
		struct pbuf *pb;

		random_frame(&r, &d);
		pb = random_pbuf(&r, &d);
		pbuf_pool_stats(netstack_pool(r.st), &s);
		pbuf_pool_set_limit(netstack_pool(r.st), s.bytes + dice_roll(&d) % 2048);
		r.tm.fail_in = dice_roll(&d) % 4;
		netstack_input(r.st, r.link[0].ifindex, &pb, 1, r.now);
		r.tm.fail_in = 0;
		pbuf_pool_set_limit(netstack_pool(r.st), NETSTACK_POOL_BYTES);
		rig_forget(&r);
	}
	rig_sleep(&r, 120000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_protocol_wants),
		cmocka_unit_test(an_echo_request_is_answered),
		cmocka_unit_test(a_port_that_nobody_has),
		cmocka_unit_test(datagrams_that_a_device_put_together),
		cmocka_unit_test(datagrams_behind_an_extension_header),
		cmocka_unit_test(a_link_without_link_layer),
		cmocka_unit_test(links_that_are_not_there_or_down),
		cmocka_unit_test(frames_are_counted),
		cmocka_unit_test(a_long_burst_does_not_wait_for_its_end),
		cmocka_unit_test(the_way_can_be_traced),
		cmocka_unit_test(any_frame_at_all),
		cmocka_unit_test(any_frame_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
