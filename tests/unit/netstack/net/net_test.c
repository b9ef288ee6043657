/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The network layer as a whole: its life, interfaces that come and go.
 */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

/* Whatever allocation fails while a link is added: nothing is left. */
static void a_link_may_find_no_memory(void **state)
{
	struct iface_conf c = { .name = "veth0",
				.kind = IFACE_ETHERNET,
				.mac = { { 2, 0, 0, 0, 0, 1 } },
				.mtu = 1500,
				.tx = rig_tx };
	uint64_t fail = 0;
	struct rig r;
	int index;

	(void)state;
	rig_init(&r);
	do {
		const long live = r.tm.live;

		r.tm.fail_in = ++fail;
		index = netstack_link_add(r.st, &c);
		r.tm.fail_in = 0;
		if (index < 0) {
			assert_int_equal(index, -ENOMEM);
			assert_int_equal(r.tm.live, live);
		}
	} while (index < 0);
	assert_true(index > IFACE_LO);
	assert_true(fail > 3);
	rig_done(&r);
}

static void a_link_goes_with_all_that_is_its_own(void **state)
{
	struct netstack_memory before, after;
	struct route_conf c;
	uint32_t routes;
	struct rig r;
	long live;

	(void)state;
	rig_init(&r);
	netstack_memory(r.st, &before);
	live = r.tm.live;
	routes = route_n(r.st->net.routes);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 0, RIG_US4, 24);
	rig_addr_add(&r, 0, RIG_US6, 64);
	rig_neigh_add(&r, 0, RIG_PEER4);
	c = (struct route_conf){ .is_ip4 = true,
				 .dst = rig_ip4(0, 0, 0, 0),
				 .ifindex = r.link[0].ifindex,
				 .has_gateway = true,
				 .gateway = RIG_PEER4 };
	assert_int_equal(netstack_route_add(r.st, &c), 0);
	assert_int_equal(ip_group_join(&r.st->net, r.link[0].ifindex, rig_ip4(239, 0, 0, 1), NULL),
			 0);
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	netstack_memory(r.st, &after);
	assert_int_equal(route_n(r.st->net.routes), routes);
	assert_int_equal(after.neighs, before.neighs);
	assert_int_equal(after.packets, 0);
	/* Tables that have grown stay: of neighbours, of timers none. */
	assert_true(r.tm.live <= live + 3);
	assert_int_equal(r.st->core.wheel.n, 0);
	assert_true(netstack_deadline(r.st) == TIMER_NEVER);
	rig_done(&r);
}

static void an_idle_instance_asks_for_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_sleep(&r, 200000); /* reports of groups, and what is remembered of them */
	assert_true(netstack_deadline(r.st) == TIMER_NEVER);
	rig_done(&r);
}

static void neighbours_are_forgotten_when_a_link_goes_down(void **state)
{
	struct rig r;

	(void)state;
	rig_host(&r);
	neigh_learn(&r.st->net.neigh, r.link[0].ifindex, rig_ip4(10, 0, 0, 9), &r.link[0].peer,
		    true, true, true);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_null(neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, rig_ip4(10, 0, 0, 9)));
	assert_non_null(neigh_lookup(&r.st->net.neigh, r.link[0].ifindex, RIG_PEER4));
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0); /* again */
	rig_done(&r);
}

/* A packet that waits for a neighbour while its link goes. */
static void packets_that_wait_go_with_their_link(void **state)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0),
			     .dst = rig_ip4(10, 0, 0, 99),
			     .proto = 253 };
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pbuf_alloc(netstack_pool(r.st)), &f, &path), 0);
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_int_equal(rig_drops(&r, DROP_NEIGH_FAILED), 1);
	rig_done(&r);
}

static void fragments_go_with_their_link(void **state)
{
	static struct rig_pkt pkt;
	struct ipv4_repr ip;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_udp(&r, 0, &pkt, RIG_PEER4, RIG_US4, 1000);
	assert_int_equal(ipv4_parse(pkt.b + 14, 1028, &ip), 20);
	ip.payload_len = 504;
	ip.more_frags = true;
	assert_int_equal(ipv4_emit(pkt.b + 14, 20, &ip), 20);
	pkt.len = 14 + 524;
	rig_in_pkt(&r, 0, &pkt);
	assert_true(r.st->net.reass.bytes > 0);
	assert_int_equal(netstack_link_del(r.st, r.link[0].ifindex), 0);
	assert_int_equal(r.st->net.reass.bytes, 0);
	rig_done(&r);
}

/* An error about a packet of ours that could not be delivered comes back to us. */
static struct ip_error last_error;
static unsigned int n_errors;

static void on_error(void *arg, const struct ip_error *e)
{
	(void)arg;
	last_error = *e;
	n_errors++;
}

static void our_own_packets_that_fail(void **state)
{
	struct ip_flow f = { .src = ip6_addr_of_ip4(0),
			     .dst = rig_ip4(10, 0, 0, 99),
			     .proto = IP_PROTO_UDP };
	struct ip_path path = { 0 };
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	r.st->net.error = on_error;
	n_errors = 0;
	pb = pbuf_alloc(netstack_pool(r.st));
	memset(pbuf_put(pb, 20), 0, 20);
	put_be16(pb->data, 4000);
	put_be16(pb->data + 2, 5000);
	put_be16(pb->data + 4, 20);
	assert_int_equal(ip_path_find(&r.st->net, &f, &path), 0);
	assert_int_equal(ip_out(&r.st->net, pb, &f, &path), 0);
	rig_sleep(&r, 4000);
	assert_int_equal(n_errors, 1);
	assert_int_equal(last_error.error, EHOSTUNREACH);
	assert_true(ip6_addr_eq(last_error.dst, f.dst));
	assert_int_equal(last_error.src_port, 4000);
	assert_int_equal(last_error.dst_port, 5000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_may_find_no_memory),
		cmocka_unit_test(a_link_goes_with_all_that_is_its_own),
		cmocka_unit_test(an_idle_instance_asks_for_nothing),
		cmocka_unit_test(neighbours_are_forgotten_when_a_link_goes_down),
		cmocka_unit_test(packets_that_wait_go_with_their_link),
		cmocka_unit_test(fragments_go_with_their_link),
		cmocka_unit_test(our_own_packets_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
