/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From an IP packet to its link: sizes, segments, fragments, and back to ourselves.
 */
#include "tests/unit/netstack/net/send.h"

static void what_is_too_long_is_cut(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	uint32_t at = 0;
	uint16_t id = 0;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_flow(&r, &f, 4000), 0);
	assert_int_equal(r.link[0].n, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct ipv4_repr ip = rig_sent4(&r, 0, i);

		assert_true(ip.payload_len + 20 <= RIG_MTU);
		assert_int_equal(ip.frag_off, at);
		assert_int_equal(ip.more_frags, i < 2);
		if (i)
			assert_int_equal(ip.id, id);
		id = ip.id;
		assert_true(counts_up(rig_sent_ip(&r, 0, i, true) + 20, at, ip.payload_len));
		at += ip.payload_len;
	}
	assert_int_equal(at, 4000);
	assert_int_equal(netstack_ip_stats(r.st)->frag_oks, 1);
	assert_int_equal(netstack_ip_stats(r.st)->frag_created, 3);
	rig_forget(&r);

	f = flow_to(RIG_PEER6);
	assert_int_equal(send_flow(&r, &f, 4000), 0);
	assert_int_equal(r.link[0].n, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(rig_sent6(&r, 0, i).next_hdr, IP_PROTO_FRAGMENT);
	rig_done(&r);
}

static void what_must_not_be_cut_is_refused(void **state)
{
	const struct ip6_addr to[] = { RIG_PEER4, RIG_PEER6 };
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < 2; i++) {
		struct ip_flow f = flow_to(to[i]);
		const uint32_t fits = RIG_MTU - (i ? 40 : 20);

		f.dont_frag = true;
		assert_int_equal(send_flow(&r, &f, fits), 0);
		assert_int_equal(send_flow(&r, &f, fits + 1), -EMSGSIZE);
		f.dont_frag = false;
		f.pmtu_probe = true;
		ip_pmtu_update(net_of(&r), to[i], 1400);
		assert_int_equal(send_flow(&r, &f, fits), 0);
		assert_int_equal(send_flow(&r, &f, fits + 1), -EMSGSIZE);
		f.pmtu_probe = false;
		f.dont_frag = true;
		assert_int_equal(send_flow(&r, &f, fits), -EMSGSIZE);
	}
	assert_int_equal(rig_drops(&r, DROP_IP_TOO_BIG), 6);
	rig_done(&r);
}

/* Narrower than anybody believes: DF is not set, and packets are cut. */
static void a_path_that_is_too_narrow_gets_fragments(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct rig r;

	(void)state;
	rig_host(&r);
	ip_pmtu_update(net_of(&r), RIG_PEER4, 100);
	f.dont_frag = true;
	assert_int_equal(send_flow(&r, &f, 1000), 0);
	assert_int_equal(r.link[0].n, 2);
	assert_false(rig_sent4(&r, 0, 0).dont_frag);
	assert_true(rig_sent4(&r, 0, 0).payload_len <= 532);
	rig_done(&r);
}

static int send_gso(struct rig *r, uint32_t len, uint16_t gso_size, bool dont_frag)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path = { 0 };
	struct pbuf *pb = payload(r, TCP_HDR_LEN + len);
	int err;

	f.proto = IP_PROTO_TCP;
	f.dont_frag = dont_frag;
	memset(pb->data, 0, TCP_HDR_LEN);
	pb->data[12] = 5 << 4;
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = gso_size;
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 16;
	pbuf_mark_l4(pb);
	assert_int_equal(ip_path_find(net_of(r), &f, &path), 0);
	err = ip_out(net_of(r), pb, &f, &path);
	netstack_advance(r->st, r->now);
	return err;
}

static void segments_that_fit_pass_whole(void **state)
{
	struct rig r;
	uint16_t id;

	(void)state;
	rig_init(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, IFACE_TX_CSUM | IFACE_TSO4);
	rig_addr_add(&r, 0, RIG_US4, 24);
	rig_neigh_add(&r, 0, RIG_PEER4);
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	assert_int_equal(send_gso(&r, 10000, 1460, true), 0);
	assert_int_equal(r.link[0].n, 1);
	assert_int_equal(r.link[0].frame[0].gso, PBUF_GSO_TCP4);
	assert_int_equal(r.link[0].frame[0].len, 14 + 40 + 10000);
	rig_forget(&r);
	/* Those that do not: refused, or each of them is cut. */
	assert_int_equal(send_gso(&r, 10000, 1461, true), -EMSGSIZE);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(send_gso(&r, 4000, 2000, false), 0);
	assert_int_equal(r.link[0].n, 4);
	assert_int_equal(rig_sent4(&r, 0, 0).frag_off, 0);
	assert_int_equal(rig_sent4(&r, 0, 1).frag_off, 1480);
	assert_int_equal(rig_sent4(&r, 0, 2).frag_off, 0);
	assert_int_not_equal(rig_sent4(&r, 0, 0).id, rig_sent4(&r, 0, 2).id);
	/* The identifications of all segments are taken. */
	id = rig_sent4(&r, 0, 2).id;
	rig_forget(&r);
	assert_int_equal(send_gso(&r, 100, 1460, false), 0);
	assert_true((uint16_t)(rig_sent4(&r, 0, 0).id - id) - 1U < 100);
	rig_done(&r);
}

static void to_ourselves_nothing_is_cut(void **state)
{
	struct ip_flow f = flow_to(RIG_US4);
	struct rig_hook h;
	struct ip_path path = { 0 };
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	f.proto = IP_PROTO_TCP;
	f.dont_frag = true;
	pb = payload(&r, TCP_HDR_LEN + 40000);
	memset(pb->data, 0, TCP_HDR_LEN);
	pb->data[12] = 5 << 4;
	pb->gso = PBUF_GSO_TCP4;
	pb->gso_size = 1460;
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = 16;
	pbuf_mark_l4(pb);
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	assert_int_equal(ip_out(net_of(&r), pb, &f, &path), 0);
	assert_int_equal(netstack_deadline(r.st), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 40040);
	assert_int_equal(h.gso, PBUF_GSO_TCP4);
	assert_int_equal(h.csum, PBUF_CSUM_PARTIAL);
	assert_int_equal(h.ctx.in->index, IFACE_LO);
	assert_int_equal(r.link[0].n, 0);
	/* What is complete need not be verified: nothing on its way can have changed it. */
	assert_int_equal(send_flow(&r, &f, 100), 0);
	assert_int_equal(h.csum, PBUF_CSUM_VALID);
	rig_done(&r);
}

static void groups_have_their_link_addresses(void **state)
{
	struct ip_flow f = flow_to(rig_ip4(224, 1, 2, 3));
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(send_flow(&r, &f, 1), 0);
	assert_memory_equal(r.link[0].frame[0].data, ((const uint8_t[]){ 1, 0, 0x5e, 1, 2, 3 }), 6);
	assert_int_equal(rig_sent4(&r, 0, 0).ttl, 1);
	f = flow_to(rig_ip6(UINT64_C(0xff05) << 48, 0x1234567));
	f.ttl = 9;
	assert_int_equal(send_flow(&r, &f, 1), 0);
	assert_memory_equal(r.link[0].frame[1].data,
			    ((const uint8_t[]){ 0x33, 0x33, 1, 0x23, 0x45, 0x67 }), 6);
	assert_int_equal(rig_sent6(&r, 0, 1).hop_limit, 9);
	f = flow_to(rig_ip4(10, 0, 0, 255));
	f.broadcast = true;
	assert_int_equal(send_flow(&r, &f, 1), 0);
	assert_memory_equal(r.link[0].frame[2].data,
			    ((const uint8_t[]){ 255, 255, 255, 255, 255, 255 }), 6);
	assert_int_equal(rig_sent4(&r, 0, 2).ttl, 64);
	rig_done(&r);
}

static void what_goes_round_ends(void **state)
{
	struct ip_flow f = flow_to(RIG_US4);
	struct rig r;

	(void)state;
	rig_host(&r);
	for (unsigned int i = 0; i < 3; i++) {
		struct pbuf *pb = payload(&r, 10);
		struct ip_path path = { 0 };

		pb->hops = (uint8_t)(NET_HOPS_MAX - 1 + i);
		assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
		assert_int_equal(ip_out(net_of(&r), pb, &f, &path), 0);
	}
	assert_int_equal(rig_drops(&r, DROP_IP_LOOP), 2);
	netstack_advance(r.st, r.now);
	rig_done(&r);
}

static void the_queue_to_ourselves_has_a_bound(void **state)
{
	struct ip_flow f = flow_to(RIG_US4);
	struct ip_path path = { 0 };
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	for (unsigned int i = 0; i < NET_LOOP_MAX + 5; i++)
		(void)ip_out(net_of(&r), payload(&r, 1), &f, &path);
	assert_int_equal(rig_drops(&r, DROP_TX_REFUSED), 5);
	assert_int_equal(netstack_deadline(r.st), 0);
	/* A turn does not last for ever. */
	netstack_advance(r.st, r.now);
	assert_true(net_of(&r)->loop.n > 0 && net_of(&r)->loop.n < NET_LOOP_MAX);
	while (net_of(&r)->loop.n)
		netstack_advance(r.st, r.now);
	assert_int_equal(h.n, NET_LOOP_MAX);
	rig_done(&r);
}

static void without_memory_packets_are_dropped(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path = { 0 };
	struct pbuf_pool_stats s;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	pb = payload(&r, 4000);
	pbuf_pool_stats(netstack_pool(r.st), &s);
	pbuf_pool_set_limit(netstack_pool(r.st), s.bytes);
	assert_int_equal(ip_out(net_of(&r), pb, &f, &path), -ENOBUFS); /* no fragments */
	assert_int_equal(rig_drops(&r, DROP_NO_MEMORY), 1);
	pbuf_pool_set_limit(netstack_pool(r.st), NETSTACK_POOL_BYTES);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

static void a_link_without_link_layer(void **state)
{
	const struct ip6_addr to[] = { rig_ip4(10, 0, 0, 2), RIG_PEER6, rig_ip4(224, 0, 0, 9) };
	struct rig r;

	(void)state;
	rig_init(&r);
	(void)rig_link_add(&r, IFACE_IP, RIG_MTU, 0);
	rig_addr_add(&r, 0, RIG_US4, 24);
	rig_addr_add(&r, 0, RIG_US6, 64);
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	for (unsigned int i = 0; i < 3; i++) {
		struct ip_flow f = flow_to(to[i]);

		assert_int_equal(send_flow(&r, &f, 10), 0);
		assert_int_equal(r.link[0].n, i + 1);
		assert_int_equal(r.link[0].frame[i].data[0] >> 4, i == 1 ? 6 : 4);
	}
	assert_int_equal(net_of(&r)->neigh.slab.n, 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_too_long_is_cut),
		cmocka_unit_test(what_must_not_be_cut_is_refused),
		cmocka_unit_test(a_path_that_is_too_narrow_gets_fragments),
		cmocka_unit_test(segments_that_fit_pass_whole),
		cmocka_unit_test(to_ourselves_nothing_is_cut),
		cmocka_unit_test(groups_have_their_link_addresses),
		cmocka_unit_test(what_goes_round_ends),
		cmocka_unit_test(the_queue_to_ourselves_has_a_bound),
		cmocka_unit_test(without_memory_packets_are_dropped),
		cmocka_unit_test(a_link_without_link_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
