/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The states of RFC 4861, 7.3, by a table whose questions and failures are counted.
 */
#include "netstack/link/neigh.h"

#include <errno.h>

#include "tests/unit/netstack/rig.h"

static const struct eth_addr mac_a = { { 2, 1, 1, 1, 1, 1 } };
static const struct eth_addr mac_b = { { 2, 2, 2, 2, 2, 2 } };

struct asked {
	struct rig *rig;
	unsigned int all;    /* asked all stations */
	unsigned int one;    /* asked one */
	struct eth_addr mac; /* that */
	unsigned int failed;
};

static void on_solicit(void *arg, struct iface *ifc, struct ip6_addr addr,
		       const struct eth_addr *to)
{
	struct asked *a = arg;

	(void)addr;
	assert_true(ifc->up);
	if (to) {
		a->one++;
		a->mac = *to;
	} else {
		a->all++;
	}
}

static void on_failed(void *arg, struct pbuf *pb)
{
	struct asked *a = arg;

	a->failed++;
	pbuf_free(pb);
}

static struct neigh_table *table_of(struct rig *r)
{
	return &r->st->net.neigh;
}

static void setup(struct rig *r, struct asked *a)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	*a = (struct asked){ .rig = r };
	table_of(r)->solicit = on_solicit;
	table_of(r)->failed = on_failed;
	table_of(r)->arg = a;
}

static struct neigh *get(struct rig *r, struct ip6_addr addr)
{
	struct neigh *n = neigh_get(table_of(r), r->link[0].ifindex, addr);

	assert_non_null(n);
	return n;
}

/* A packet of one byte that says which. */
static void send_one(struct rig *r, struct neigh *n, uint8_t which)
{
	struct pbuf *pb = pbuf_alloc(netstack_pool(r->st));
	uint8_t *at = pbuf_put(pb, 1);

	*at = which;
	pbuf_mark_l3(pb);
	neigh_out(table_of(r), n, pb, ETH_TYPE_IPV4);
	netstack_advance(r->st, r->now);
}

static void learn(struct rig *r, const struct eth_addr *mac, bool solicited, bool override,
		  bool create)
{
	neigh_learn(table_of(r), r->link[0].ifindex, RIG_PEER4, mac, solicited, override, create);
	netstack_advance(r->st, r->now);
}

/* The last frame went to that station. */
static void assert_sent_to(const struct rig *r, struct eth_addr mac, uint8_t which)
{
	const struct rig_frame *f = &r->link[0].frame[r->link[0].n - 1];

	assert_true(r->link[0].n > 0);
	assert_memory_equal(f->data, mac.b, 6);
	assert_int_equal(f->data[ETH_HDR_LEN], which);
}

static void packets_wait_until_the_answer_comes(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	send_one(&r, n, 2);
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	assert_int_equal(a.all, 1);
	assert_int_equal(r.link[0].n, 0);
	learn(&r, &mac_a, true, true, false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(r.link[0].n, 2);
	assert_int_equal(r.link[0].frame[0].data[ETH_HDR_LEN], 1);
	assert_sent_to(&r, mac_a, 2);
	rig_done(&r);
}

static void an_answer_nobody_asked_for_makes_it_stale(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	learn(&r, &mac_a, false, true, false);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_sent_to(&r, mac_a, 1);
	rig_done(&r);
}

static void no_answer_after_three_questions(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	rig_sleep(&r, 2900);
	assert_int_equal(a.all, 3);
	assert_int_equal(a.failed, 0);
	rig_sleep(&r, 200);
	assert_int_equal(n->state, NEIGH_FAILED);
	assert_int_equal(a.all, 3);
	assert_int_equal(a.failed, 1);
	/* Somebody needs it again: it is asked again. */
	send_one(&r, n, 2);
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	assert_int_equal(a.all, 4);
	learn(&r, &mac_a, true, true, false);
	assert_sent_to(&r, mac_a, 2);
	rig_done(&r);
}

static void a_failed_entry_nobody_needs_goes(void **state)
{
	struct asked a;
	struct rig r;
	uint32_t gen;

	(void)state;
	setup(&r, &a);
	send_one(&r, get(&r, RIG_PEER4), 1);
	rig_sleep(&r, 3100);
	gen = table_of(&r)->gen;
	rig_sleep(&r, NEIGH_GC_MS + 10);
	assert_null(neigh_lookup(table_of(&r), r.link[0].ifindex, RIG_PEER4));
	assert_int_not_equal(table_of(&r)->gen, gen);
	rig_done(&r);
}

static void what_is_used_is_confirmed_or_asked_for(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	learn(&r, &mac_a, true, true, false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_in_range(n->reachable_ms, NEIGH_REACHABLE_MS / 2, NEIGH_REACHABLE_MS * 3 / 2);
	rig_sleep(&r, n->reachable_ms + 10);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_int_equal(a.all + a.one, 0); /* nobody sends: nobody asks */

	send_one(&r, n, 1);
	assert_int_equal(n->state, NEIGH_DELAY);
	assert_sent_to(&r, mac_a, 1);
	rig_sleep(&r, NEIGH_DELAY_FIRST_PROBE_MS - 100);
	assert_int_equal(a.one, 0);
	rig_sleep(&r, 200);
	assert_int_equal(n->state, NEIGH_PROBE);
	assert_int_equal(a.one, 1);
	assert_true(eth_addr_eq(a.mac, mac_a));
	send_one(&r, n, 2); /* it is used while it is probed */
	assert_sent_to(&r, mac_a, 2);
	learn(&r, &mac_a, true, false, false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	rig_done(&r);
}

static void an_upper_layer_confirms(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	neigh_confirm(table_of(&r), n); /* of one without address nothing can be confirmed */
	assert_int_equal(n->state, NEIGH_FAILED);
	learn(&r, &mac_a, true, true, false);
	/* Every ten seconds, for ten minutes. */
	for (unsigned int i = 0; i < 60; i++) {
		rig_sleep(&r, 10000);
		assert_int_equal(n->state, NEIGH_REACHABLE);
		neigh_confirm(table_of(&r), n);
	}
	rig_sleep(&r, NEIGH_REACHABLE_MS * 2);
	assert_int_equal(n->state, NEIGH_STALE);
	send_one(&r, n, 1);
	neigh_confirm(table_of(&r), n);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(a.all + a.one, 0);
	rig_done(&r);
}

static void probes_end(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	learn(&r, &mac_a, false, true, false);
	send_one(&r, n, 1);
	rig_sleep(&r, NEIGH_DELAY_FIRST_PROBE_MS + 3100);
	assert_int_equal(a.one, 3);
	assert_int_equal(n->state, NEIGH_FAILED);
	send_one(&r, n, 2); /* the next question is to all */
	assert_int_equal(a.all, 1);
	assert_int_equal(a.one, 3);
	rig_sleep(&r, 3100);
	assert_int_equal(a.failed, 1);
	rig_done(&r);
}

/* RFC 4861, 7.2.5 and the table in appendix C. */
static void another_link_address(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	learn(&r, &mac_a, true, true, false);
	learn(&r, &mac_b, false, false, false); /* not to be believed, but a reason to ask */
	assert_int_equal(n->state, NEIGH_STALE);
	assert_true(eth_addr_eq(n->mac, mac_a));
	learn(&r, &mac_b, true, false, false); /* no override: not even solicited */
	assert_int_equal(n->state, NEIGH_STALE);
	assert_true(eth_addr_eq(n->mac, mac_a));
	learn(&r, &mac_a, false, true, false); /* nothing new */
	assert_int_equal(n->state, NEIGH_STALE);
	learn(&r, &mac_a, true, false, false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	learn(&r, &mac_b, false, true, false);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_true(eth_addr_eq(n->mac, mac_b));
	learn(&r, &mac_a, true, true, false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_true(eth_addr_eq(n->mac, mac_a));
	learn(&r, NULL, false, true, false); /* says nothing */
	assert_int_equal(n->state, NEIGH_REACHABLE);
	rig_done(&r);
}

static void an_answer_without_a_link_address(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	learn(&r, NULL, true, true, false); /* of no use yet */
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	learn(&r, &mac_a, false, true, false);
	learn(&r, NULL, true, true, false); /* it is there */
	assert_int_equal(n->state, NEIGH_REACHABLE);
	rig_done(&r);
}

static void an_entry_is_made_when_wanted(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	learn(&r, &mac_a, false, true, false);
	assert_null(neigh_lookup(table_of(&r), r.link[0].ifindex, RIG_PEER4));
	learn(&r, &mac_a, false, true, true);
	n = neigh_lookup(table_of(&r), r.link[0].ifindex, RIG_PEER4);
	assert_non_null(n);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_null(neigh_lookup(table_of(&r), r.link[0].ifindex + 1, RIG_PEER4));
	rig_done(&r);
}

static void the_oldest_of_too_many_packets_is_dropped(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	for (unsigned int i = 0; i < NEIGH_QUEUE_MAX + 5; i++)
		send_one(&r, n, (uint8_t)i);
	assert_int_equal(rig_drops(&r, DROP_NEIGH_QUEUE), 5);
	learn(&r, &mac_a, true, true, false);
	assert_int_equal(r.link[0].n, NEIGH_QUEUE_MAX);
	assert_int_equal(r.link[0].frame[0].data[ETH_HDR_LEN], 5);
	assert_sent_to(&r, mac_a, NEIGH_QUEUE_MAX + 4);
	assert_int_equal(table_of(&r)->n_waiting, 0);
	rig_done(&r);
}

static void all_queues_together_have_a_bound(void **state)
{
	struct asked a;
	struct rig r;

	(void)state;
	setup(&r, &a);
	for (unsigned int i = 0; i < 2000; i++)
		send_one(&r, get(&r, ip6_addr_of_ip4(0x0a000000U + i)), 0);
	assert_int_equal(table_of(&r)->n_waiting, NEIGH_WAITING_MAX);
	assert_int_equal(rig_drops(&r, DROP_NEIGH_QUEUE), 2000 - NEIGH_WAITING_MAX);
	rig_sleep(&r, 3100);
	assert_int_equal(a.failed, NEIGH_WAITING_MAX);
	assert_int_equal(table_of(&r)->n_waiting, 0);
	rig_done(&r);
}

static void a_full_table_throws_away_what_nobody_uses(void **state)
{
	struct asked a;
	struct neigh *used;
	struct rig r;

	(void)state;
	setup(&r, &a);
	for (unsigned int i = 0; i < NEIGH_TABLE_MAX; i++) {
		neigh_learn(table_of(&r), r.link[0].ifindex, ip6_addr_of_ip4(0x0a000000U + i),
			    &mac_a, false, true, true);
	}
	used = get(&r, ip6_addr_of_ip4(0x0a000000U + 77));
	send_one(&r, used, 1);
	assert_int_equal(used->state, NEIGH_DELAY);
	for (unsigned int i = 0; i < 3 * NEIGH_TABLE_MAX; i++)
		(void)get(&r, ip6_addr_of_ip4(0x14000000U + i));
	assert_int_equal(table_of(&r)->slab.n, NEIGH_TABLE_MAX);
	assert_ptr_equal(
		neigh_lookup(table_of(&r), r.link[0].ifindex, ip6_addr_of_ip4(0x0a000000U + 77)),
		used);
	assert_int_equal(used->state, NEIGH_DELAY);
	rig_done(&r);
}

static void a_table_of_used_ones_refuses(void **state)
{
	struct asked a;
	struct rig r;

	(void)state;
	setup(&r, &a);
	for (unsigned int i = 0; i < NEIGH_TABLE_MAX; i++)
		assert_int_equal(neigh_add_permanent(table_of(&r), r.link[0].ifindex,
						     ip6_addr_of_ip4(0x0a000000U + i), mac_a),
				 0);
	assert_null(neigh_get(table_of(&r), r.link[0].ifindex, RIG_US6));
	assert_int_equal(neigh_add_permanent(table_of(&r), r.link[0].ifindex, RIG_US6, mac_a),
			 -ENOSPC);
	rig_done(&r);
}

/* RFC 6583: a flood to addresses that do not exist.  Those that were asked for in vain make room
 * before they have failed; those that were asked for just now do not.
 */
static void questions_without_answer_make_room(void **state)
{
	struct asked a;
	struct rig r;

	(void)state;
	setup(&r, &a);
	for (unsigned int i = 0; i < NEIGH_TABLE_MAX; i++)
		send_one(&r, get(&r, ip6_addr_of_ip4(0x0a000000U + i)), 0);
	assert_null(neigh_get(table_of(&r), r.link[0].ifindex, RIG_US6));
	rig_sleep(&r, 1100);
	assert_non_null(neigh_get(table_of(&r), r.link[0].ifindex, RIG_US6));
	rig_sleep(&r, 3000);
	rig_done(&r);
}

static void a_permanent_entry_stays(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	assert_int_equal(neigh_add_permanent(table_of(&r), r.link[0].ifindex, RIG_PEER4, mac_a), 0);
	netstack_advance(r.st, r.now);
	assert_sent_to(&r, mac_a, 1); /* what waited goes */
	learn(&r, &mac_b, true, true, true);
	neigh_confirm(table_of(&r), n);
	rig_sleep(&r, 1000000);
	send_one(&r, n, 2);
	assert_sent_to(&r, mac_a, 2);
	assert_int_equal(n->state, NEIGH_PERMANENT);
	assert_int_equal(a.all, 1);
	neigh_flush(table_of(&r), r.link[0].ifindex, false);
	assert_non_null(neigh_lookup(table_of(&r), r.link[0].ifindex, RIG_PEER4));
	assert_int_equal(neigh_del(table_of(&r), r.link[0].ifindex, RIG_PEER4), 0);
	assert_int_equal(neigh_del(table_of(&r), r.link[0].ifindex, RIG_PEER4), -ENOENT);
	assert_int_equal(neigh_add_permanent(table_of(&r), r.link[0].ifindex, RIG_PEER4,
					     (struct eth_addr){ { 1 } }),
			 -EINVAL);
	rig_done(&r);
}

static void a_flush_drops_what_waits(void **state)
{
	struct asked a;
	struct rig r;

	(void)state;
	setup(&r, &a);
	send_one(&r, get(&r, RIG_PEER4), 1);
	neigh_flush(table_of(&r), r.link[0].ifindex, true);
	assert_int_equal(rig_drops(&r, DROP_NEIGH_FAILED), 1);
	assert_int_equal(table_of(&r)->slab.n, 0);
	rig_done(&r);
}

static void an_interface_has_its_own_times(void **state)
{
	struct asked a;
	struct neigh *n;
	struct rig r;

	(void)state;
	setup(&r, &a);
	iface_get(&r.st->net.ifaces, r.link[0].ifindex)->retrans_ms = 100;
	iface_get(&r.st->net.ifaces, r.link[0].ifindex)->reachable_ms = 1000;
	n = get(&r, RIG_PEER4);
	send_one(&r, n, 1);
	rig_sleep(&r, 250);
	assert_int_equal(a.all, 3);
	learn(&r, &mac_a, true, true, false);
	assert_in_range(n->reachable_ms, 500, 1500);
	rig_done(&r);
}

/* What the network layer does when it is told of a failure may make room in a full table: the
 * entry itself may go.
 */
static void on_failed_get_others(void *arg, struct pbuf *pb)
{
	struct asked *a = arg;

	a->failed++;
	pbuf_free(pb);
	for (unsigned int i = 0; i < 100; i++)
		(void)neigh_get(table_of(a->rig), a->rig->link[0].ifindex,
				ip6_addr_of_ip4(0x14000000U + 100 * a->failed + i));
}

static void an_entry_may_go_while_it_fails(void **state)
{
	struct asked a;
	struct rig r;

	(void)state;
	setup(&r, &a);
	table_of(&r)->failed = on_failed_get_others;
	for (unsigned int i = 0; i < 8; i++)
		send_one(&r, get(&r, RIG_PEER4), (uint8_t)i);
	for (unsigned int i = 0; table_of(&r)->slab.n < NEIGH_TABLE_MAX; i++)
		(void)neigh_add_permanent(table_of(&r), r.link[0].ifindex,
					  ip6_addr_of_ip4(0x0b000000U + i), mac_a);
	rig_sleep(&r, 3100);
	assert_int_equal(a.failed, 8);
	rig_done(&r);
}

static void memory_may_be_short(void **state)
{
	struct asked a;
	struct rig r;
	unsigned int refused = 0;

	(void)state;
	setup(&r, &a);
	for (unsigned int i = 0; i < 600; i++) {
		r.tm.fail_in = 1;
		refused += !neigh_get(table_of(&r), r.link[0].ifindex, ip6_addr_of_ip4(i + 1));
		r.tm.fail_in = 0;
		assert_non_null(neigh_get(table_of(&r), r.link[0].ifindex, ip6_addr_of_ip4(i + 1)));
	}
	assert_true(refused > 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_until_the_answer_comes),
		cmocka_unit_test(an_answer_nobody_asked_for_makes_it_stale),
		cmocka_unit_test(no_answer_after_three_questions),
		cmocka_unit_test(a_failed_entry_nobody_needs_goes),
		cmocka_unit_test(what_is_used_is_confirmed_or_asked_for),
		cmocka_unit_test(an_upper_layer_confirms),
		cmocka_unit_test(probes_end),
		cmocka_unit_test(another_link_address),
		cmocka_unit_test(an_answer_without_a_link_address),
		cmocka_unit_test(an_entry_is_made_when_wanted),
		cmocka_unit_test(the_oldest_of_too_many_packets_is_dropped),
		cmocka_unit_test(all_queues_together_have_a_bound),
		cmocka_unit_test(a_full_table_throws_away_what_nobody_uses),
		cmocka_unit_test(a_table_of_used_ones_refuses),
		cmocka_unit_test(questions_without_answer_make_room),
		cmocka_unit_test(a_permanent_entry_stays),
		cmocka_unit_test(a_flush_drops_what_waits),
		cmocka_unit_test(an_interface_has_its_own_times),
		cmocka_unit_test(an_entry_may_go_while_it_fails),
		cmocka_unit_test(memory_may_be_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
