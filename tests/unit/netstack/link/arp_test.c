/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/arp.h"

#include "tests/unit/netstack/rig.h"

static struct rig_pkt pkt;

static const struct eth_addr all_stations = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void setup(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 0, RIG_US4, 24);
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

static void in(struct rig *r, struct eth_addr eth_dst, enum arp_oper op, struct eth_addr sha,
	       uint32_t spa, uint32_t tpa)
{
	const struct eth_repr eth = { .dst = eth_dst, .src = sha, .type = ETH_TYPE_ARP };
	const struct arp_repr arp = { .op = op, .sha = sha, .spa = spa, .tpa = tpa };

	assert_int_equal(eth_emit(pkt.b, sizeof(pkt.b), &eth), ETH_HDR_LEN);
	assert_int_equal(arp_emit(pkt.b + ETH_HDR_LEN, ARP_LEN, &arp), ARP_LEN);
	pkt.len = ETH_HDR_LEN + ARP_LEN;
	memset(pkt.b + pkt.len, 0x55, 18); /* padding, as on a cable */
	pkt.len += 18;
	rig_in_pkt(r, 0, &pkt);
}

static struct arp_repr sent(const struct rig *r, unsigned int i, struct eth_addr to)
{
	const struct rig_frame *f = &r->link[0].frame[i];
	struct eth_repr eth;
	struct arp_repr arp;

	assert_true(i < r->link[0].n);
	assert_int_equal(eth_parse(f->data, f->len, &eth), ETH_HDR_LEN);
	assert_int_equal(eth.type, ETH_TYPE_ARP);
	assert_memory_equal(eth.dst.b, to.b, 6);
	assert_memory_equal(eth.src.b, r->link[0].mac.b, 6);
	assert_int_equal(arp_parse(f->data + ETH_HDR_LEN, f->len - ETH_HDR_LEN, &arp), ARP_LEN);
	assert_memory_equal(arp.sha.b, r->link[0].mac.b, 6);
	return arp;
}

static struct neigh *lookup(struct rig *r, struct ip6_addr addr)
{
	return neigh_lookup(&r->st->net.neigh, r->link[0].ifindex, addr);
}

static void a_request_for_us_is_answered_and_learned(void **state)
{
	struct arp_repr arp;
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(r.link[0].n, 1);
	arp = sent(&r, 0, r.link[0].peer);
	assert_int_equal(arp.op, ARP_OP_REPLY);
	assert_int_equal(arp.spa, IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(arp.tpa, IP4_ADDR(10, 0, 0, 2));
	assert_memory_equal(arp.tha.b, r.link[0].peer.b, 6);
	assert_non_null(lookup(&r, RIG_PEER4));
	assert_int_equal(lookup(&r, RIG_PEER4)->state, NEIGH_STALE);
	rig_done(&r);
}

static void a_request_for_others_is_not(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 9));
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(127, 0, 0, 1));
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 255));
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2), 0);
	assert_int_equal(r.link[0].n, 0);
	assert_null(lookup(&r, RIG_PEER4));
	assert_int_equal(rig_drops(&r, DROP_ARP_NOT_OURS), 4);
	rig_done(&r);
}

/* RFC 5227: who asks without an address is answered, and not learned. */
static void a_probe_is_answered(void **state)
{
	struct arp_repr arp;
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, 0, IP4_ADDR(10, 0, 0, 1));
	arp = sent(&r, 0, r.link[0].peer);
	assert_int_equal(arp.op, ARP_OP_REPLY);
	assert_int_equal(arp.tpa, 0);
	assert_int_equal(r.st->net.neigh.slab.n, 0);
	rig_done(&r);
}

static void an_answer_lets_packets_go(void **state)
{
	struct ip_flow f = { .dst = RIG_PEER4, .proto = 253 };
	struct ip_path path = { 0 };
	struct arp_repr arp;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	setup(&r);
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	pb = pbuf_alloc(netstack_pool(r.st));
	assert_int_equal(ip_out(&r.st->net, pb, &f, &path), 0);
	netstack_advance(r.st, r.now);
	arp = sent(&r, 0, all_stations);
	assert_int_equal(arp.op, ARP_OP_REQUEST);
	assert_int_equal(arp.spa, IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(arp.tpa, IP4_ADDR(10, 0, 0, 2));
	in(&r, r.link[0].mac, ARP_OP_REPLY, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 1));
	assert_int_equal(lookup(&r, RIG_PEER4)->state, NEIGH_REACHABLE);
	assert_int_equal(r.link[0].n, 2);
	assert_int_equal(rig_sent4(&r, 0, 1).proto, 253);
	rig_done(&r);
}

/* An announcement changes what we know, and adds nothing. */
static void an_announcement_is_heard(void **state)
{
	const struct eth_addr other = { { 2, 9, 9, 9, 9, 9 } };
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 2));
	assert_null(lookup(&r, RIG_PEER4));
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 1));
	in(&r, all_stations, ARP_OP_REQUEST, other, IP4_ADDR(10, 0, 0, 2), IP4_ADDR(10, 0, 0, 2));
	assert_true(eth_addr_eq(lookup(&r, RIG_PEER4)->mac, other));
	assert_int_equal(lookup(&r, RIG_PEER4)->state, NEIGH_STALE);
	/* A reply to all confirms nothing. */
	in(&r, all_stations, ARP_OP_REPLY, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 2));
	assert_true(eth_addr_eq(lookup(&r, RIG_PEER4)->mac, r.link[0].peer));
	assert_int_equal(lookup(&r, RIG_PEER4)->state, NEIGH_STALE);
	rig_done(&r);
}

static void our_address_is_not_learned_from_others(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 1),
	   IP4_ADDR(10, 0, 0, 1));
	in(&r, r.link[0].mac, ARP_OP_REPLY, r.link[0].peer, IP4_ADDR(10, 0, 0, 1),
	   IP4_ADDR(10, 0, 0, 1));
	assert_null(lookup(&r, RIG_US4));
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(rig_drops(&r, DROP_ARP_BAD), 2);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].mac, IP4_ADDR(10, 0, 0, 1),
	   IP4_ADDR(10, 0, 0, 9));
	assert_int_equal(rig_drops(&r, DROP_ARP_NOT_OURS), 1); /* our own one came back */
	rig_done(&r);
}

static void malformed_ones_are_dropped(void **state)
{
	struct rig r;

	(void)state;
	setup(&r);
	in(&r, all_stations, ARP_OP_REQUEST, r.link[0].peer, IP4_ADDR(10, 0, 0, 2),
	   IP4_ADDR(10, 0, 0, 1));
	rig_forget(&r);
	for (uint32_t len = ETH_HDR_LEN; len < ETH_HDR_LEN + ARP_LEN; len++)
		rig_in(&r, 0, pkt.b, len);
	assert_int_equal(rig_drops(&r, DROP_ARP_BAD), ARP_LEN);
	pkt.b[ETH_HDR_LEN + 1] = 6; /* hardware */
	rig_in(&r, 0, pkt.b, ETH_HDR_LEN + ARP_LEN);
	assert_int_equal(rig_drops(&r, DROP_ARP_BAD), ARP_LEN + 1);
	assert_int_equal(r.link[0].n, 0);
	rig_done(&r);
}

static void new_addresses_are_announced(void **state)
{
	struct net_addr_conf conf;
	struct arp_repr arp;
	struct rig r;

	(void)state;
	setup(&r);
	netstack_ip_params(r.st)->arp_announce = true;
	conf = (struct net_addr_conf){ .ifindex = r.link[0].ifindex,
				       .addr = rig_ip4(10, 0, 1, 1),
				       .prefix_len = 24 };
	assert_int_equal(netstack_addr_add(r.st, &conf), 0);
	netstack_advance(r.st, r.now);
	arp = sent(&r, 0, all_stations);
	assert_int_equal(arp.op, ARP_OP_REQUEST);
	assert_int_equal(arp.spa, IP4_ADDR(10, 0, 1, 1));
	assert_int_equal(arp.tpa, IP4_ADDR(10, 0, 1, 1));
	rig_forget(&r);

	/* So are all, when the link address changes or the link comes up. */
	r.link[0].mac.b[1] = 0x77;
	assert_int_equal(netstack_link_set_mac(r.st, r.link[0].ifindex, r.link[0].mac), 0);
	netstack_advance(r.st, r.now);
	assert_int_equal(r.link[0].n, 2);
	(void)sent(&r, 1, all_stations);
	rig_forget(&r);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, true), 0);
	netstack_advance(r.st, r.now);
	assert_true(r.link[0].n >= 2);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_for_us_is_answered_and_learned),
		cmocka_unit_test(a_request_for_others_is_not),
		cmocka_unit_test(a_probe_is_answered),
		cmocka_unit_test(an_answer_lets_packets_go),
		cmocka_unit_test(an_announcement_is_heard),
		cmocka_unit_test(our_address_is_not_learned_from_others),
		cmocka_unit_test(malformed_ones_are_dropped),
		cmocka_unit_test(new_addresses_are_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
