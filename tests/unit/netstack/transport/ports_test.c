/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/ports.h"

#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

/* --- the table by itself --- */

struct table {
	struct test_mem tm;
	struct core core;
	uint16_t min;
	uint16_t max;
	struct port_table t;
};

/* A socket with nothing but what the table looks at. */
struct bound {
	struct sock sk;
	struct port_bind b;
};

static void table_init(struct table *t, enum port_rules rules)
{
	memset(t, 0, sizeof(*t));
	t->tm = TEST_MEM_INIT(&t->tm);
	t->core.mem = t->tm.mem;
	t->core.key = (struct siphash_key){ { 1, 2 } };
	t->min = 32768;
	t->max = 60999;
	port_table_init(&t->t, &t->core, &t->min, &t->max, rules);
}

static void table_done(struct table *t)
{
	port_table_done(&t->t);
	test_mem_done(&t->tm);
}

static const struct sock_type no_type = { .type = SOCK_STREAM };

static void bound_init(struct bound *s, uint32_t flags, struct ip6_addr laddr)
{
	memset(s, 0, sizeof(*s));
	sock_init(&s->sk, &no_type, !ip6_addr_is_mapped(laddr));
	s->sk.flags = flags;
	s->sk.laddr = laddr;
	s->b.sk = &s->sk;
}

static struct ip6_addr ip4(uint32_t host)
{
	return ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 0) + host);
}

static bool never_taken(void *arg, uint16_t port)
{
	(void)arg;
	(void)port;
	return false;
}

static void every_port_can_be_bound(void **state)
{
	static struct bound s[65536];
	struct table t;

	(void)state;
	table_init(&t, PORT_UDP);
	for (unsigned int p = 1; p < 65536; p++) {
		bound_init(&s[p], 0, IP6_UNSPECIFIED);
		assert_int_equal(port_bind(&t.t, &s[p].b, (uint16_t)p), 0);
		assert_int_equal(s[p].sk.lport, p);
	}
	bound_init(&s[0], 0, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &s[0].b, 0), -EADDRINUSE);
	for (unsigned int p = 1; p < 65536; p++)
		assert_ptr_equal(port_lookup(&t.t, ip4(1), (uint16_t)p, ip4(2), 7, 1, 0), &s[p].sk);
	for (unsigned int p = 1; p < 65536; p++)
		port_release(&t.t, &s[p].b);
	assert_int_equal(t.t.n, 0);
	assert_null(port_lookup(&t.t, ip4(1), 80, ip4(2), 7, 1, 0));
	table_done(&t);
}

static void ephemeral_ports_are_within_their_range_until_none_is_left(void **state)
{
	static struct bound s[1001];
	bool seen[65536] = { false };
	struct table t;

	(void)state;
	for (int rules = PORT_TCP; rules <= PORT_UDP; rules++) {
		table_init(&t, (enum port_rules)rules);
		t.min = 40001;
		t.max = 41000;
		memset(seen, 0, sizeof(seen));
		for (unsigned int i = 0; i < 1000; i++) {
			bound_init(&s[i], 0, IP6_UNSPECIFIED);
			assert_int_equal(port_bind(&t.t, &s[i].b, 0), 0);
			assert_in_range(s[i].sk.lport, t.min, t.max);
			assert_false(seen[s[i].sk.lport]);
			seen[s[i].sk.lport] = true;
		}
		bound_init(&s[1000], 0, IP6_UNSPECIFIED);
		assert_int_equal(port_bind(&t.t, &s[1000].b, 0), -EADDRINUSE);
		for (unsigned int i = 0; i < 1000; i++)
			port_release(&t.t, &s[i].b);
		table_done(&t);
	}
}

/* TCP leaves connect() the other half as long as it can. */
static void bind_and_connect_prefer_ports_of_different_parity(void **state)
{
	static struct bound s[200];
	struct table t;

	(void)state;
	table_init(&t, PORT_TCP);
	for (unsigned int i = 0; i < 200; i++) {
		bound_init(&s[i], 0, ip4(1));
		s[i].sk.raddr = ip4(2);
		s[i].sk.rport = 80;
		if (i & 1)
			assert_int_equal(port_bind(&t.t, &s[i].b, 0), 0);
		else
			assert_int_equal(port_bind_connect(&t.t, &s[i].b, never_taken, NULL), 0);
		assert_int_equal((s[i].sk.lport - t.min) & 1, i & 1);
	}
	for (unsigned int i = 0; i < 200; i++)
		port_release(&t.t, &s[i].b);
	table_done(&t);
}

struct taken {
	bool port[65536];
	unsigned int asked;
};

static bool is_taken(void *arg, uint16_t port)
{
	struct taken *taken = arg;

	taken->asked++;
	return taken->port[port];
}

static void connections_share_ports_but_not_with_who_bound_one(void **state)
{
	static struct bound s[3000];
	static struct taken taken;
	struct bound listener, last;
	struct table t;

	(void)state;
	memset(&taken, 0, sizeof(taken));
	table_init(&t, PORT_TCP);
	t.min = 50000;
	t.max = 50999;
	bound_init(&listener, 0, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &listener.b, 50500), 0);
	for (unsigned int peer = 0; peer < 3; peer++) {
		memset(&taken, 0, sizeof(taken));
		for (unsigned int i = 0; i < 999; i++) {
			struct bound *b = &s[peer * 999 + i];

			bound_init(b, 0, ip4(1));
			b->sk.raddr = ip4(100 + peer);
			b->sk.rport = 80;
			assert_int_equal(port_bind_connect(&t.t, &b->b, is_taken, &taken), 0);
			assert_int_not_equal(b->sk.lport, 50500);
			taken.port[b->sk.lport] = true;
		}
		bound_init(&last, 0, ip4(1));
		last.sk.raddr = ip4(100 + peer);
		last.sk.rport = 80;
		assert_int_equal(port_bind_connect(&t.t, &last.b, is_taken, &taken),
				 -EADDRNOTAVAIL);
	}
	/* Who binds sees them. */
	bound_init(&last, 0, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &last.b, 50400), -EADDRINUSE);
	bound_init(&last, 0, ip4(2));
	assert_int_equal(port_bind(&t.t, &last.b, 50400), 0);
	port_release(&t.t, &last.b);
	port_release(&t.t, &listener.b);
	for (unsigned int i = 0; i < 3 * 999; i++)
		port_release(&t.t, &s[i].b);
	assert_int_equal(t.t.n, 0);
	table_done(&t);
}

/* RFC 6056: from one connection's port the next one's cannot be told, to one peer or another. */
static void ports_of_connections_are_hard_to_guess(void **state)
{
	struct bound s;
	struct table t;
	unsigned int steps[16] = { 0 };
	uint16_t before = 0;

	(void)state;
	table_init(&t, PORT_TCP);
	for (unsigned int i = 0; i < 1000; i++) {
		bound_init(&s, 0, ip4(1));
		s.sk.raddr = ip4(2);
		s.sk.rport = 80;
		assert_int_equal(port_bind_connect(&t.t, &s.b, never_taken, NULL), 0);
		if (i && s.sk.lport > before && s.sk.lport - before < 32)
			steps[(s.sk.lport - before) / 2]++;
		before = s.sk.lport;
		port_release(&t.t, &s.b);
	}
	for (unsigned int i = 1; i <= 8; i++)
		assert_in_range(steps[i], 60, 190);
	table_done(&t);
}

/* Of all even ports taken, and many odd ones: what a search costs does not grow with them. */
static void a_search_does_not_walk_through_all_taken_ports(void **state)
{
	static struct bound s[60000];
	static struct taken taken;
	unsigned int total = 0, worst = 0, even = 0;
	struct table t;

	(void)state;
	memset(&taken, 0, sizeof(taken));
	table_init(&t, PORT_TCP);
	t.min = 1024;
	t.max = 65535;
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++) {
		bound_init(&s[i], 0, ip4(1));
		s[i].sk.raddr = ip4(2);
		s[i].sk.rport = 80;
		taken.asked = 0;
		assert_int_equal(port_bind_connect(&t.t, &s[i].b, is_taken, &taken), 0);
		assert_false(taken.port[s[i].sk.lport]);
		taken.port[s[i].sk.lport] = true;
		total += taken.asked;
		worst = taken.asked > worst ? taken.asked : worst;
		if (i < 30000)
			even += !(s[i].sk.lport & 1);
	}
	assert_in_range(even, 29000, 30000); /* of 32256 */
	assert_in_range(total, ARRAY_SIZE(s), ARRAY_SIZE(s) * 64);
	assert_in_range(worst, 2, 1000);
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
		port_release(&t.t, &s[i].b);
	table_done(&t);
}

/* All that a shard chooses is its own, none is chosen by two, and none is left over. */
static void shards_choose_different_ports(void **state)
{
	static struct bound s[1000 + 1];
	static const uint16_t n_shards[] = { 2, 3, 4, 5 };
	struct table t;

	(void)state;
	for (unsigned int k = 0; k < ARRAY_SIZE(n_shards); k++) {
		for (int rules = PORT_TCP; rules <= PORT_PING; rules++) {
			unsigned int n = 0, odd = 0;

			table_init(&t, (enum port_rules)rules);
			t.min = 40001;
			t.max = 41000;
			t.core.n_shards = n_shards[k];
			for (uint16_t shard = 0; shard < n_shards[k]; shard++) {
				const unsigned int before = n;

				t.core.shard = shard;
				for (;; n++) {
					bound_init(&s[n], 0, IP6_UNSPECIFIED);
					if (port_bind(&t.t, &s[n].b, 0) < 0)
						break;
					assert_in_range(s[n].sk.lport, t.min, t.max);
					assert_int_equal(s[n].sk.lport % n_shards[k], shard);
					odd += n - before < 50 &&
					       (s[n].sk.lport - t.min) / n_shards[k] % 2;
				}
			}
			assert_int_equal(n, 1000);
			if (rules == PORT_TCP) /* as without shards: half of them, not any */
				assert_int_equal(odd, 50 * n_shards[k]);
			while (n--)
				port_release(&t.t, &s[n].b);
			table_done(&t);
		}
	}
}

static void shards_connect_from_different_ports(void **state)
{
	static struct bound s[1000 + 1];
	static struct taken taken;
	struct table t;

	(void)state;
	for (uint16_t n_shards = 2; n_shards <= 5; n_shards++) {
		unsigned int n = 0;

		memset(&taken, 0, sizeof(taken));
		table_init(&t, PORT_TCP);
		t.min = 40001;
		t.max = 41000;
		t.core.n_shards = n_shards;
		while (t.core.shard < n_shards) {
			struct bound *b = &s[n];

			bound_init(b, 0, ip4(1));
			b->sk.raddr = ip4(2);
			b->sk.rport = 80;
			if (port_bind_connect(&t.t, &b->b, is_taken, &taken) < 0) {
				t.core.shard++;
				continue;
			}
			assert_int_equal(b->sk.lport % n_shards, t.core.shard);
			taken.port[b->sk.lport] = true;
			n++;
		}
		assert_int_equal(n, 1000);
		while (n--)
			port_release(&t.t, &s[n].b);
		table_done(&t);
	}
}

static void a_range_without_a_port_of_the_shard_has_none(void **state)
{
	struct bound s;
	struct table t;

	(void)state;
	table_init(&t, PORT_TCP);
	t.min = 40001;
	t.max = 40003;
	t.core.n_shards = 4;
	t.core.shard = 0;
	bound_init(&s, 0, ip4(1));
	s.sk.raddr = ip4(2);
	s.sk.rport = 80;
	assert_int_equal(port_bind(&t.t, &s.b, 0), -EADDRINUSE);
	assert_int_equal(port_bind_connect(&t.t, &s.b, never_taken, NULL), -EADDRNOTAVAIL);
	assert_int_equal(port_bind(&t.t, &s.b, 40001), 0); /* who asks for one gets it */
	port_release(&t.t, &s.b);
	table_done(&t);
}

static uint16_t port_of(struct netstack *st, int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	assert_int_equal(ns_getsockname(st, fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static void a_shards_sockets_have_its_ports(void **state)
{
	const struct twin_addr any = twin_addr(AF_INET, "0.0.0.0", 0);
	const struct twin_addr lo = twin_addr(AF_INET, "127.0.0.1", 7);
	const uint8_t echo[8] = { ICMP4_TYPE_ECHO };
	struct test_mem tm = TEST_MEM_INIT(&tm);
	struct netstack_conf conf;
	struct netstack *st = NULL;

	(void)state;
	netstack_conf_default(&conf);
	conf.mem = tm.mem;
	conf.n_shards = 7;
	conf.shard = 7;
	assert_int_equal(netstack_new(&st, &conf, 1), -EINVAL);
	conf.n_shards = 0;
	assert_int_equal(netstack_new(&st, &conf, 1), -EINVAL);
	conf.n_shards = 7;
	conf.shard = 5;
	assert_int_equal(netstack_new(&st, &conf, 1), 0);
	for (unsigned int i = 0; i < 20; i++) {
		const int tcp = ns_socket(st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		const int bound = ns_socket(st, AF_INET, SOCK_STREAM, 0);
		const int udp = ns_socket(st, AF_INET, SOCK_DGRAM, 0);
		const int ping = ns_socket(st, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

		assert_int_equal(ns_connect(st, tcp, &lo.sa, lo.len), -EINPROGRESS);
		assert_int_equal(port_of(st, tcp) % 7, 5);
		assert_int_equal(ns_bind(st, bound, &any.sa, any.len), 0);
		assert_int_equal(port_of(st, bound) % 7, 5);
		assert_int_equal(ns_sendto(st, udp, "", 1, 0, &lo.sa, lo.len), 1);
		assert_int_equal(port_of(st, udp) % 7, 5);
		assert_int_equal(ns_sendto(st, ping, echo, sizeof(echo), 0, &lo.sa, lo.len),
				 sizeof(echo));
		assert_int_equal(port_of(st, ping) % 7, 5);
	}
	netstack_advance(st, 2);
	netstack_free(st);
	test_mem_done(&tm);
}

static void listeners_are_found_by_the_best_match(void **state)
{
	struct bound any6, any4, own, dev, only6;
	struct table t;

	(void)state;
	table_init(&t, PORT_TCP);
	bound_init(&any4, 0, IP6_UNSPECIFIED);
	any4.sk.is_ip6 = false;
	bound_init(&only6, SOCK_V6ONLY, IP6_UNSPECIFIED);
	bound_init(&own, SOCK_REUSEADDR, ip4(1));
	own.sk.is_ip6 = false;
	assert_int_equal(port_bind(&t.t, &any4.b, 80), 0);
	assert_int_equal(port_bind(&t.t, &only6.b, 80), 0);
	assert_int_equal(port_bind(&t.t, &own.b, 80), -EADDRINUSE);
	any4.sk.flags |= SOCK_REUSEADDR;
	assert_int_equal(port_bind(&t.t, &own.b, 80), 0);

	/* Nobody listens yet. */
	assert_null(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 1, 1));
	assert_int_equal(port_listen(&t.t, &any4.b), 0);
	assert_int_equal(port_listen(&t.t, &only6.b), 0);
	assert_int_equal(port_listen(&t.t, &own.b), -EADDRINUSE);
	assert_ptr_equal(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 1, 1), &any4.sk);
	assert_ptr_equal(port_lookup(&t.t, RIG_US6, 80, RIG_PEER6, 5, 1, 1), &only6.sk);
	port_unlisten(&t.t, &any4.b);
	assert_null(port_lookup(&t.t, ip4(2), 80, ip4(9), 5, 1, 1));
	assert_int_equal(port_listen(&t.t, &own.b), 0);
	assert_ptr_equal(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 1, 1), &own.sk);
	assert_null(port_lookup(&t.t, ip4(2), 80, ip4(9), 5, 1, 1));
	port_release(&t.t, &own.b);
	port_release(&t.t, &any4.b);
	port_release(&t.t, &only6.b);

	/* Interfaces, then the family. */
	bound_init(&dev, 0, IP6_UNSPECIFIED);
	dev.sk.oif = 3;
	bound_init(&any6, SOCK_REUSEPORT, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &any6.b, 80), 0);
	assert_int_equal(port_listen(&t.t, &any6.b), 0);
	assert_int_equal(port_bind(&t.t, &dev.b, 80), -EADDRINUSE);
	dev.sk.flags |= SOCK_REUSEPORT;
	assert_int_equal(port_bind(&t.t, &dev.b, 80), 0);
	assert_int_equal(port_listen(&t.t, &dev.b), 0);
	assert_ptr_equal(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 3, 1), &dev.sk);
	assert_ptr_equal(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 2, 1), &any6.sk);
	dev.sk.oif = 2;
	assert_int_equal(port_moved(&t.t, &dev.b), 0);
	assert_ptr_equal(port_lookup(&t.t, ip4(1), 80, ip4(9), 5, 2, 1), &dev.sk);
	port_release(&t.t, &dev.b);
	port_release(&t.t, &any6.b);
	table_done(&t);
}

static void a_reuseport_group_shares_flows_evenly_and_steadily(void **state)
{
	struct bound s[8];
	unsigned int hits[8] = { 0 };
	struct sock *of[4096];
	struct table t;

	(void)state;
	table_init(&t, PORT_UDP);
	for (unsigned int i = 0; i < 8; i++) {
		bound_init(&s[i], SOCK_REUSEPORT, IP6_UNSPECIFIED);
		assert_int_equal(port_bind(&t.t, &s[i].b, 53), 0);
	}
	for (unsigned int i = 0; i < 4096; i++) {
		of[i] = port_lookup(&t.t, ip4(1), 53, ip4(i), 1000, 1, 0);
		for (unsigned int k = 0; k < 8; k++)
			hits[k] += of[i] == &s[k].sk;
	}
	for (unsigned int k = 0; k < 8; k++)
		assert_in_range(hits[k], 400, 630);
	for (unsigned int i = 0; i < 4096; i++)
		assert_ptr_equal(port_lookup(&t.t, ip4(1), 53, ip4(i), 1000, 1, 0), of[i]);
	for (unsigned int i = 0; i < 8; i++) {
		port_release(&t.t, &s[i].b);
		assert_ptr_not_equal(port_lookup(&t.t, ip4(1), 53, ip4(i), 1, 1, 0), &s[i].sk);
	}
	table_done(&t);
}

static void connected_sockets_come_first_however_many_there_are(void **state)
{
	static struct bound s[5000];
	struct bound any;
	struct table t;

	(void)state;
	table_init(&t, PORT_UDP);
	bound_init(&any, SOCK_REUSEADDR, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &any.b, 443), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++) {
		bound_init(&s[i], SOCK_REUSEADDR, IP6_UNSPECIFIED);
		assert_int_equal(port_bind(&t.t, &s[i].b, 443), 0);
		s[i].sk.laddr = ip4(1);
		s[i].sk.raddr = ip4(1000 + i);
		s[i].sk.rport = 777;
		assert_int_equal(port_moved(&t.t, &s[i].b), 0);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++) {
		assert_ptr_equal(port_lookup(&t.t, ip4(1), 443, ip4(1000 + i), 777, 1, 0),
				 &s[i].sk);
		assert_ptr_equal(port_lookup(&t.t, ip4(1), 443, ip4(1000 + i), 778, 1, 0), &any.sk);
		assert_ptr_equal(port_lookup(&t.t, ip4(2), 443, ip4(1000 + i), 777, 1, 0), &any.sk);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
		port_release(&t.t, &s[i].b);
	port_release(&t.t, &any.b);
	table_done(&t);
}

/* Accepted connections and TIME-WAIT keep the port, but not from who may reuse it. */
static void what_is_left_of_a_listener_keeps_its_port(void **state)
{
	struct bound listener, child[3], again;
	struct table t;
	uint32_t hold;

	(void)state;
	table_init(&t, PORT_TCP);
	bound_init(&listener, SOCK_REUSEADDR, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &listener.b, 80), 0);
	assert_int_equal(port_listen(&t.t, &listener.b), 0);
	for (unsigned int i = 0; i < 3; i++) {
		bound_init(&child[i], SOCK_REUSEADDR, ip4(1));
		child[i].sk.lport = 80;
		assert_int_equal(port_inherit(&t.t, &child[i].b), 0);
	}
	port_release(&t.t, &listener.b);
	port_release(&t.t, &child[0].b);
	assert_int_equal(port_hold(&t.t, &child[1].b, &hold), 0);
	port_release(&t.t, &child[1].b);
	port_release(&t.t, &child[2].b);

	bound_init(&again, 0, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &again.b, 80), -EADDRINUSE);
	again.sk.laddr = ip4(2);
	assert_int_equal(port_bind(&t.t, &again.b, 80), 0);
	port_release(&t.t, &again.b);
	bound_init(&again, SOCK_REUSEADDR, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &again.b, 80), 0);
	assert_int_equal(port_listen(&t.t, &again.b), 0);
	port_release(&t.t, &again.b);
	port_unhold(&t.t, 80, hold);
	bound_init(&again, 0, IP6_UNSPECIFIED);
	assert_int_equal(port_bind(&t.t, &again.b, 80), 0);
	port_release(&t.t, &again.b);
	assert_int_equal(t.t.n, 0);
	table_done(&t);
}

/* Each step without memory in turn: it says so, and nothing is left. */
static int use_everything(struct table *t)
{
	struct bound s[6], child;
	unsigned int n = 0;
	uint32_t hold = 0;
	int r = 0;

	bound_init(&child, 0, ip4(1));
	for (; r == 0 && n < ARRAY_SIZE(s); n++) {
		bound_init(&s[n], SOCK_REUSEPORT, IP6_UNSPECIFIED);
		r = port_bind(&t->t, &s[n].b, 80);
		if (r == 0)
			r = port_listen(&t->t, &s[n].b);
	}
	child.sk.lport = 80;
	if (r == 0)
		r = port_inherit(&t->t, &child.b);
	if (r == 0)
		r = port_hold(&t->t, &s[0].b, &hold);
	if (hold)
		port_unhold(&t->t, 80, hold);
	port_release(&t->t, &child.b);
	while (n--)
		port_release(&t->t, &s[n].b);
	assert_int_equal(t->t.n, 0);
	return r;
}

static void without_memory_nothing_changes(void **state)
{
	struct table t;
	int r = -ENOMEM;

	(void)state;
	for (unsigned int n = 1; r == -ENOMEM; n++) {
		assert_true(n < 100);
		table_init(&t, PORT_TCP);
		t.tm.fail_in = n;
		r = use_everything(&t);
		t.tm.fail_in = 0;
		table_done(&t);
	}
	assert_int_equal(r, 0);
}

/* --- against Linux --- */

static const char *const addrs4[] = { "0.0.0.0", "127.0.0.1", "127.0.0.2" };
static const char *const addrs6[] = { "::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1" };

static const char *twin_open_random(struct dice *d, int type, struct twin *t, struct twin_addr *a)
{
	static char what[128];
	const int domain = dice_below(d, 2) ? AF_INET : AF_INET6;
	const char *addr = domain == AF_INET ? addrs4[dice_below(d, ARRAY_SIZE(addrs4))]
					     : addrs6[dice_below(d, ARRAY_SIZE(addrs6))];
	const uint32_t bits = dice_below(d, 8);

	*t = twin_socket(domain, type, 0);
	*a = twin_addr(domain, addr, (uint16_t)(7000 + dice_below(d, 2)));
	assert_same(twin_setsockopt(t, SOL_SOCKET, SO_REUSEADDR, bits & 1), "SO_REUSEADDR");
	assert_same(twin_setsockopt(t, SOL_SOCKET, SO_REUSEPORT, (bits >> 1) & 1), "SO_REUSEPORT");
	if (domain == AF_INET6)
		assert_same(twin_setsockopt(t, IPPROTO_IPV6, IPV6_V6ONLY, bits >> 2), "V6ONLY");
	(void)snprintf(what, sizeof(what), "%s port %u reuseaddr %u reuseport %u v6only %u", addr,
		       twin_port(a), bits & 1, bits >> 1 & 1, bits >> 2);
	return what;
}

static void conflicts_are_those_of_linux(void **state)
{
	struct dice d = { .state = 1 };
	struct twin t[6];
	char story[2048];

	(void)state;
	for (unsigned int round = 0; round < 2000; round++) {
		const int type = round & 1 ? SOCK_STREAM : SOCK_DGRAM;
		size_t len = 0;

		for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = (struct twin){ -1, -1 };
		for (unsigned int step = 0; step < 14; step++) {
			struct twin *at = &t[dice_below(&d, ARRAY_SIZE(t))];
			struct twin_addr a;
			const char *what;

			if (at->ours < 0) {
				what = twin_open_random(&d, type, at, &a);
				len += (size_t)snprintf(story + len, sizeof(story) - len,
							"\n%ld bind %s", (long)(at - t), what);
				assert_same(twin_bind(at, &a), "round %u:%s", round, story);
			} else if (type == SOCK_STREAM && dice_below(&d, 3)) {
				len += (size_t)snprintf(story + len, sizeof(story) - len,
							"\n%ld listen", (long)(at - t));
				assert_same(twin_call(at, listen, 5), "round %u:%s", round, story);
			} else {
				len += (size_t)snprintf(story + len, sizeof(story) - len,
							"\n%ld close", (long)(at - t));
				twin_close(at);
			}
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
			twin_close(&t[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_can_be_bound),
		cmocka_unit_test(ephemeral_ports_are_within_their_range_until_none_is_left),
		cmocka_unit_test(bind_and_connect_prefer_ports_of_different_parity),
		cmocka_unit_test(connections_share_ports_but_not_with_who_bound_one),
		cmocka_unit_test(ports_of_connections_are_hard_to_guess),
		cmocka_unit_test(a_search_does_not_walk_through_all_taken_ports),
		cmocka_unit_test(shards_choose_different_ports),
		cmocka_unit_test(shards_connect_from_different_ports),
		cmocka_unit_test(a_range_without_a_port_of_the_shard_has_none),
		cmocka_unit_test(a_shards_sockets_have_its_ports),
		cmocka_unit_test(listeners_are_found_by_the_best_match),
		cmocka_unit_test(a_reuseport_group_shares_flows_evenly_and_steadily),
		cmocka_unit_test(connected_sockets_come_first_however_many_there_are),
		cmocka_unit_test(what_is_left_of_a_listener_keeps_its_port),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test_setup_teardown(conflicts_are_those_of_linux, twin_setup,
						twin_teardown),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
