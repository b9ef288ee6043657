/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "tests/unit/netstack/rig.h"

static void conf_with(struct netstack_conf *c, struct test_mem *tm)
{
	netstack_conf_default(c);
	c->mem = tm->mem;
}

static void nothing_is_left(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct netstack_conf c;
	struct netstack *st;

	(void)state;
	conf_with(&c, &tm);
	assert_int_equal(netstack_new(&st, &c, 5), 0);
	assert_true(tm.live > 0);
	netstack_free(st);
	test_mem_done(&tm);
	netstack_free(NULL);
}

/* Each allocation of its making fails in turn. */
static void memory_may_be_short(void **state)
{
	uint64_t fail = 0;
	int r;

	(void)state;
	do {
		struct test_mem tm = TEST_MEM_INIT(&tm);
		struct netstack *st = NULL;
		struct netstack_conf c;

		conf_with(&c, &tm);
		tm.fail_in = ++fail;
		r = netstack_new(&st, &c, 0);
		tm.fail_in = 0;
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_null(st);
		} else {
			netstack_free(st);
		}
		test_mem_done(&tm);
	} while (r < 0);
	assert_true(fail > 10);
}

static void parameters_are_checked(void **state)
{
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct netstack_conf c;
	struct netstack *st;

	(void)state;
	conf_with(&c, &tm);
	c.ip.ttl = 0;
	assert_int_equal(netstack_new(&st, &c, 0), -EINVAL);
	test_mem_done(&tm);
}

static void memory_of_malloc_is_the_default(void **state)
{
	struct netstack_conf c;
	struct netstack *st;

	(void)state;
	netstack_conf_default(&c);
	c.mem.alloc = NULL;
	c.pool_bytes_max = 0;
	assert_int_equal(netstack_new(&st, &c, 0), 0);
	netstack_advance(st, NS_PER_S);
	netstack_free(st);
}

static void lo_is_there(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_string_equal(iface_get(&r.st->net.ifaces, IFACE_LO)->name, "lo");
	assert_true(iface_get(&r.st->net.ifaces, IFACE_LO)->up);
	assert_true(netstack_deadline(r.st) == TIMER_NEVER);
	rig_done(&r);
}

static void time_never_goes_back(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	netstack_advance(r.st, 5 * NS_PER_S);
	netstack_advance(r.st, 3 * NS_PER_S);
	assert_int_equal(r.st->core.now_ns, 5 * NS_PER_S);
	r.now = 5 * NS_PER_S;
	rig_done(&r);
}

/* The same seed and the same input: the same output, to the byte. */
static void the_same_seed_gives_the_same(void **state)
{
	static struct rig a, b;
	static struct rig *const rig[] = { &a, &b };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct net_addr_conf c;

		rig_init(rig[i]);
		(void)rig_link_add(rig[i], IFACE_ETHERNET, RIG_MTU, 0);
		c = (struct net_addr_conf){ .ifindex = rig[i]->link[0].ifindex,
					    .addr = RIG_US6,
					    .prefix_len = 64 };
		assert_int_equal(netstack_addr_add(rig[i]->st, &c), 0);
		rig_sleep(rig[i], 20000);
	}
	assert_true(a.link[0].n > 0);
	assert_int_equal(a.link[0].n, b.link[0].n);
	for (unsigned int k = 0; k < a.link[0].n; k++) {
		assert_int_equal(a.link[0].frame[k].len, b.link[0].frame[k].len);
		assert_memory_equal(a.link[0].frame[k].data, b.link[0].frame[k].data,
				    a.link[0].frame[k].len);
	}
	rig_done(&a);
	rig_done(&b);
}

static void what_it_holds_can_be_seen(void **state)
{
	struct netstack_memory m;
	struct pbuf *pb;
	struct rig r;

	(void)state;
	rig_host(&r);
	netstack_memory(r.st, &m);
	assert_int_equal(m.packets, 0);
	assert_int_equal(m.neighs, 2);
	assert_int_equal(m.sockets, 0);
	assert_int_equal(m.conns, 0);
	assert_true(m.tables > 0);
	pb = pbuf_alloc(netstack_pool(r.st));
	netstack_memory(r.st, &m);
	assert_int_equal(m.packets, 1);
	assert_true(m.packet_bytes >= sizeof(*pb));
	pbuf_free(pb);
	rig_done(&r);
}

/* A thousand of them do not know of each other. */
static void a_thousand_instances(void **state)
{
	static struct netstack *st[1000];
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct netstack_conf c;

	(void)state;
	conf_with(&c, &tm);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(netstack_new(&st[i], &c, i), 0);
	/* An idle one is small. */
	assert_true(tm.bytes / 1000 < 256 * 1024);
	for (unsigned int i = 0; i < 1000; i++)
		netstack_free(st[i]);
	test_mem_done(&tm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(memory_may_be_short),
		cmocka_unit_test(parameters_are_checked),
		cmocka_unit_test(memory_of_malloc_is_the_default),
		cmocka_unit_test(lo_is_there),
		cmocka_unit_test(time_never_goes_back),
		cmocka_unit_test(the_same_seed_gives_the_same),
		cmocka_unit_test(what_it_holds_can_be_seen),
		cmocka_unit_test(a_thousand_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
