/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way down: paths, hooks, and our own copies of what goes to many.
 */
#include "tests/unit/netstack/net/send.h"

static void a_path_that_no_longer_holds_is_found_anew(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct ip_path path = { 0 };
	struct rig r;

	(void)state;
	rig_host(&r);
	assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
	net_changed(net_of(&r));
	assert_int_equal(ip_out(net_of(&r), payload(&r, 1), &f, &path), 0);
	assert_int_equal(path.gen, net_of(&r)->neigh.gen);
	assert_int_equal(netstack_link_set_up(r.st, r.link[0].ifindex, false), 0);
	assert_int_equal(ip_out(net_of(&r), payload(&r, 1), &f, &path), -ENETUNREACH);
	assert_int_equal(rig_drops(&r, DROP_NO_ROUTE), 1);
	rig_done(&r);
}

static void members_on_this_host_get_a_copy(void **state)
{
	const struct ip6_addr group[] = { rig_ip4(239, 1, 2, 3),
					  rig_ip6(UINT64_C(0xff05) << 48, 7) };
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	for (unsigned int i = 0; i < 2; i++) {
		struct ip_flow f = flow_to(group[i]);

		h.n = 0;
		assert_int_equal(send_flow(&r, &f, 10), 0);
		assert_int_equal(h.n, 0); /* nobody listens */
		assert_int_equal(ip_group_join(net_of(&r), r.link[0].ifindex, group[i], NULL), 0);
		netstack_advance(r.st, r.now); /* reports */
		rig_forget(&r);
		assert_int_equal(send_flow(&r, &f, 10), 0);
		assert_int_equal(h.n, 1);
		assert_int_equal(h.dest, PBUF_FROM_US);
		assert_int_equal(h.ctx.in->index, r.link[0].ifindex);
		assert_int_equal(r.link[0].n, 1);
		f.no_loop = true;
		assert_int_equal(send_flow(&r, &f, 10), 0);
		assert_int_equal(h.n, 1);
		assert_int_equal(r.link[0].n, 2);
		rig_forget(&r);
	}
	rig_done(&r);
}

static void we_hear_our_own_broadcast(void **state)
{
	struct ip_flow f = flow_to(ip6_addr_of_ip4(IP4_BROADCAST));
	struct rig_hook h;
	struct rig r;

	(void)state;
	rig_host(&r);
	rig_catch(&r, &h, HOOK_INPUT, HOOK_DROP);
	f.broadcast = true;
	assert_int_equal(send_flow(&r, &f, 10), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(r.link[0].n, 1);
	f = flow_to(rig_ip4(10, 0, 0, 255));
	f.broadcast = true;
	assert_int_equal(send_flow(&r, &f, 10), 0);
	assert_int_equal(h.n, 2);
	f = flow_to(RIG_PEER4); /* with the permission, but to one */
	f.broadcast = true;
	assert_int_equal(send_flow(&r, &f, 10), 0);
	assert_int_equal(h.n, 2);
	rig_done(&r);
}

static void to_other(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	assert_true(pbuf_unshare(pb, 20));
	put_be32(pb->data + 16, IP4_ADDR(10, 9, 0, 5));
	put_be16(pb->data + 10, 0);
	put_be16(pb->data + 10, csum_finish(csum_bytes(pb->data, 20)));
}

static void to_us(struct rig_hook *h, struct pbuf *pb)
{
	(void)h;
	put_be32(pb->data + 16, IP4_ADDR(127, 0, 0, 1));
	put_be16(pb->data + 10, 0);
	put_be16(pb->data + 10, csum_finish(csum_bytes(pb->data, 20)));
}

static void a_changed_destination_is_routed_anew(void **state)
{
	struct ip_flow f = flow_to(RIG_PEER4);
	struct rig_hook h, in;
	struct rig r;

	(void)state;
	rig_host(&r);
	(void)rig_link_add(&r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(&r, 1, rig_ip4(10, 9, 0, 1), 24);
	rig_neigh_add(&r, 1, rig_ip4(10, 9, 0, 5));
	netstack_advance(r.st, r.now);
	rig_forget(&r);
	rig_catch(&r, &h, HOOK_OUTPUT, HOOK_ACCEPT);
	h.change = to_other;
	assert_int_equal(send_flow(&r, &f, 10), 0);
	assert_int_equal(r.link[0].n, 0);
	assert_int_equal(r.link[1].n, 1);
	assert_int_equal(rig_sent4(&r, 1, 0).dst, IP4_ADDR(10, 9, 0, 5));
	assert_int_equal(rig_sent4(&r, 1, 0).src, IP4_ADDR(10, 0, 0, 1));
	/* To ourselves: as redirect does it. */
	rig_catch(&r, &in, HOOK_INPUT, HOOK_DROP);
	h.change = to_us;
	assert_int_equal(send_flow(&r, &f, 10), 0);
	assert_int_equal(in.n, 1);
	assert_int_equal(netstack_link_set_up(r.st, r.link[1].ifindex, false), 0);
	h.change = to_other;
	assert_int_equal(send_flow(&r, &f, 10), -EPERM);
	assert_int_equal(rig_drops(&r, DROP_NO_ROUTE), 1);
	rig_done(&r);
}

/* A hook that changes the configuration: what goes on must not use what is gone. */
static void del_neigh(struct rig_hook *h, struct pbuf *pb)
{
	(void)pb;
	(void)netstack_neigh_del(h->rig->st, h->rig->link[0].ifindex, RIG_PEER4);
}

static void del_link(struct rig_hook *h, struct pbuf *pb)
{
	(void)pb;
	(void)netstack_link_del(h->rig->st, h->rig->link[0].ifindex);
}

static void the_configuration_may_change_under_way(void **state)
{
	static void (*const change[])(struct rig_hook *, struct pbuf *) = { del_neigh, del_link };
	static const enum hook_point point[] = { HOOK_OUTPUT, HOOK_POSTROUTING };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct ip_flow f = flow_to(RIG_PEER4);
		struct ip_path path = { 0 };
		struct rig_hook h;
		struct rig r;

		rig_host(&r);
		assert_int_equal(ip_path_find(net_of(&r), &f, &path), 0);
		rig_catch(&r, &h, point[i / 2], HOOK_ACCEPT);
		h.change = change[i % 2];
		(void)ip_out(net_of(&r), payload(&r, 10), &f, &path);
		netstack_hook_set(r.st, point[i / 2], NULL, NULL);
		netstack_advance(r.st, r.now);
		rig_sleep(&r, 5000);
		rig_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_that_no_longer_holds_is_found_anew),
		cmocka_unit_test(members_on_this_host_get_a_copy),
		cmocka_unit_test(we_hear_our_own_broadcast),
		cmocka_unit_test(a_changed_destination_is_routed_anew),
		cmocka_unit_test(the_configuration_may_change_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
