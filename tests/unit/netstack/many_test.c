/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Thousands of instances in one process: each sleeps for ever when it has nothing to do, and
 * costs little.
 */
#include "tests/unit/netstack/lan.h"

#define MANY 2000

/* A namespace costs no more than this, idle and with an address on a link. */
#define IDLE_BYTES_MAX (256 << 10)

struct one {
	struct test_mem tm;
	struct netstack *st;
	uint32_t ifindex;
	uint64_t sent;
};

static unsigned int count_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct one *o = arg;

	for (unsigned int i = 0; i < n; i++)
		pbuf_free(burst[i]);
	o->sent += n;
	return n;
}

static void one_init(struct one *o, unsigned int i, uint64_t now)
{
	struct net_addr_conf addr = { .prefix_len = 8, .no_dad = true };
	struct netstack_conf conf;
	int r;

	o->tm = TEST_MEM_INIT(&o->tm);
	netstack_conf_default(&conf);
	conf.mem = o->tm.mem;
	memcpy(conf.seed, &i, sizeof(i));
	assert_int_equal(netstack_new(&o->st, &conf, now), 0);
	r = netstack_link_add(o->st,
			      &(struct iface_conf){
				      .name = "eth0",
				      .kind = IFACE_ETHERNET,
				      .mac = { { 2, 0, 0, 2, (uint8_t)(i >> 8), (uint8_t)i } },
				      .mtu = 1500,
				      .tx = count_tx,
				      .arg = o,
			      });
	assert_true(r > IFACE_LO);
	o->ifindex = (uint32_t)r;
	assert_int_equal(netstack_link_set_up(o->st, o->ifindex, true), 0);
	addr.ifindex = o->ifindex;
	addr.addr = ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1) + i);
	assert_int_equal(netstack_addr_add(o->st, &addr), 0);
	addr.addr = (struct ip6_addr){ UINT64_C(0xfd00000000000000), 1 + i };
	addr.prefix_len = 64;
	assert_int_equal(netstack_addr_add(o->st, &addr), 0);
}

static void settle(struct one *o, uint64_t *now)
{
	for (unsigned int i = 0; netstack_deadline(o->st) != TIMER_NEVER; i++) {
		const uint64_t at = netstack_deadline(o->st);

		assert_true(i < 100);
		*now = at > *now ? at : *now;
		netstack_advance(o->st, *now);
	}
}

/* A listener and a connection to it over lo: works in each of them, in the same port. */
static void use(struct one *o, uint64_t *now)
{
	const struct lan_addr any = lan_addr(false, IP6_UNSPECIFIED, 80);
	const struct lan_addr lo = lan_addr(false, ip6_addr_of_ip4(IP4_ADDR(127, 0, 0, 1)), 80);
	int listener, fd[2];
	char byte = 0;

	listener = ns_socket(o->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fd[0] = ns_socket(o->st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(ns_bind(o->st, listener, &any.sa, any.len), 0);
	assert_int_equal(ns_listen(o->st, listener, 1), 0);
	assert_int_equal(ns_connect(o->st, fd[0], &lo.sa, lo.len), -EINPROGRESS);
	while (netstack_deadline(o->st) <= *now)
		netstack_advance(o->st, *now);
	fd[1] = ns_accept4(o->st, listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd[1] >= 0);
	assert_int_equal(ns_write(o->st, fd[0], "!", 1), 1);
	while (netstack_deadline(o->st) <= *now)
		netstack_advance(o->st, *now);
	assert_int_equal(ns_read(o->st, fd[1], &byte, 1), 1);
	assert_int_equal(byte, '!');
	assert_int_equal(ns_close(o->st, fd[0]), 0);
	assert_int_equal(ns_close(o->st, fd[1]), 0);
	assert_int_equal(ns_close(o->st, listener), 0);
}

static void two_thousand_instances(void **state)
{
	struct one *all = calloc(MANY, sizeof(*all));
	uint64_t bytes = 0, used = 0, trimmed = 0, now = LAN_S;

	(void)state;
	assert_non_null(all);
	for (unsigned int i = 0; i < MANY; i++)
		one_init(&all[i], i, now);
	for (unsigned int i = 0; i < MANY; i++) {
		settle(&all[i], &now);
		bytes += all[i].tm.bytes;
		assert_true(all[i].sent > 0); /* it has announced itself */
	}
	for (unsigned int i = 0; i < MANY; i += 100)
		use(&all[i], &now);
	for (unsigned int i = 0; i < MANY; i++) {
		settle(&all[i], &now);
		used += i % 100 == 0 ? all[i].tm.bytes : 0;
	}
	for (unsigned int i = 0; i < MANY; i++) {
		netstack_trim(all[i].st);
		trimmed += all[i].tm.bytes;
	}
	print_message("# %u idle instances: %llu bytes each; %llu after a connection; "
		      "%llu trimmed\n",
		      MANY, (unsigned long long)(bytes / MANY),
		      (unsigned long long)(used / (MANY / 100)),
		      (unsigned long long)(trimmed / MANY));
	assert_true(bytes / MANY <= IDLE_BYTES_MAX);
	/* What connections took is gone, and what it took to begin, too. */
	assert_true(trimmed < bytes);
	for (unsigned int i = 0; i < MANY; i += 100) {
		use(&all[i], &now);
		settle(&all[i], &now);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		netstack_free(all[i].st);
		test_mem_done(&all[i].tm);
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_thousand_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
