/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multicast: who is in which group, and who hears what.
 */
#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

static struct rig_pkt pkt;
static int fds[3];

#define ST     (twin_rig.st)
#define GROUP4 rig_ip4(239, 1, 2, 3)
#define GROUP6 rig_ip6(UINT64_C(0xff05000000000000), 0x1234)

/* --- on a link --- */

static int setup(void **state)
{
	(void)state;
	rig_host(&twin_rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_sleep(&twin_rig, 20000); /* what is still to be reported */
	rig_done(&twin_rig);
	return 0;
}

static void open_three(int domain)
{
	const struct twin_addr a = twin_addr(domain, domain == AF_INET ? "0.0.0.0" : "::", 5000);
	const int on = 1;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = ns_socket(ST, domain, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		assert_true(fds[i] >= 0);
		assert_int_equal(ns_setsockopt(ST, fds[i], SOL_SOCKET, SO_REUSEADDR, &on, 4), 0);
		assert_int_equal(ns_bind(ST, fds[i], &a.sa, a.len), 0);
	}
}

static void close_three(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_int_equal(ns_close(ST, fds[i]), 0);
}

static int join(int fd, const char *group, const char *source, int name)
{
	struct group_source_req s = { .gsr_interface = twin_rig.link[0].ifindex };
	struct group_req g = { .gr_interface = twin_rig.link[0].ifindex };
	const bool is_ip4 = !strchr(group, ':');
	const struct twin_addr a = twin_addr(is_ip4 ? AF_INET : AF_INET6, group, 0);
	const int level = is_ip4 ? IPPROTO_IP : IPPROTO_IPV6;
	struct twin_addr from;

	if (!source) {
		memcpy(&g.gr_group, &a.in6, sizeof(a.in6));
		return ns_setsockopt(ST, fd, level, name, &g, sizeof(g));
	}
	memcpy(&s.gsr_group, &a.in6, sizeof(a.in6));
	from = twin_addr(is_ip4 ? AF_INET : AF_INET6, source, 0);
	memcpy(&s.gsr_source, &from.in6, sizeof(from.in6));
	return ns_setsockopt(ST, fd, level, name, &s, sizeof(s));
}

/* Which of the three sockets got it, as bits. */
static unsigned int datagram_in(struct ip6_addr group, struct ip6_addr src)
{
	unsigned int got = 0;
	char buf[64];

	rig_udp(&twin_rig, 0, &pkt, src, group, 11);
	if (ip6_addr_is_mapped(group))
		eth_addr_put(pkt.b, eth_addr_of_ip4((uint32_t)group.lo));
	else
		eth_addr_put(pkt.b, eth_addr_of_ip6(group));
	rig_in_pkt(&twin_rig, 0, &pkt);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		got |= (ns_recv(ST, fds[i], buf, sizeof(buf), 0) == 11 ? 1U : 0U) << i;
	return got;
}

static void a_group_reaches_those_who_may_hear_it(void **state)
{
	const int off = 0;

	(void)state;
	open_three(AF_INET);
	/* Nobody joined: the link does not listen. */
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 0);
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_JOIN_GROUP), -EADDRINUSE);
	/* IPv4: all that are bound hear it, unless they say no. */
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 7);
	assert_int_equal(ns_setsockopt(ST, fds[1], IPPROTO_IP, IP_MULTICAST_ALL, &off, 4), 0);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 5);
	assert_int_equal(join(fds[1], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 7);
	/* The link listens until the last one has left, by a call or by close(). */
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_LEAVE_GROUP), 0);
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_LEAVE_GROUP), -EADDRNOTAVAIL);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 7);
	assert_int_equal(ns_close(ST, fds[1]), 0);
	fds[1] = fds[0];
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 0);
	fds[1] = ns_dup(ST, fds[0]);
	close_three();
}

static void sources_are_chosen(void **state)
{
	(void)state;
	open_three(AF_INET);
	assert_int_equal(join(fds[0], "239.1.2.3", "10.0.0.2", MCAST_JOIN_SOURCE_GROUP), 0);
	assert_int_equal(join(fds[1], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(join(fds[1], "239.1.2.3", "10.0.0.2", MCAST_BLOCK_SOURCE), 0);
	assert_int_equal(join(fds[2], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 5);
	assert_int_equal(datagram_in(GROUP4, rig_ip4(10, 0, 0, 3)), 6);
	assert_int_equal(join(fds[1], "239.1.2.3", "10.0.0.2", MCAST_UNBLOCK_SOURCE), 0);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 7);
	assert_int_equal(join(fds[0], "239.1.2.3", "10.0.0.3", MCAST_BLOCK_SOURCE), -EINVAL);
	assert_int_equal(join(fds[0], "239.1.2.3", "10.0.0.2", MCAST_LEAVE_SOURCE_GROUP), 0);
	/* No member any more, so it hears what the others brought. */
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 7);
	close_three();
}

static void ipv6_the_same(void **state)
{
	(void)state;
	open_three(AF_INET6);
	assert_int_equal(datagram_in(GROUP6, RIG_PEER6), 0);
	assert_int_equal(join(fds[2], "ff05::1234", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(datagram_in(GROUP6, RIG_PEER6), 7);
	assert_int_equal(join(fds[0], "ff05::1234", "2001:db8::9", MCAST_JOIN_SOURCE_GROUP), 0);
	assert_int_equal(datagram_in(GROUP6, RIG_PEER6), 6);
	assert_int_equal(datagram_in(GROUP6, rig_ip6(RIG_NET6, 9)), 7);
	/* Groups of IPv4 it hears as a member only. */
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	assert_int_equal(datagram_in(GROUP4, RIG_PEER4), 1);
	close_three();
}

static void what_is_sent_to_a_group(void **state)
{
	const struct twin_addr to = twin_addr(AF_INET, "239.1.2.3", 5000);
	const struct ip_mreqn by = { .imr_ifindex = (int)twin_rig.link[0].ifindex };
	const struct in_addr own = { htonl(0x0a000001) }; /* RIG_US4 */
	const int ttl = 7, off = 0;
	char buf[8];

	(void)state;
	open_three(AF_INET);
	assert_int_equal(join(fds[0], "239.1.2.3", NULL, MCAST_JOIN_GROUP), 0);
	rig_sleep(&twin_rig, 20000);
	rig_forget(&twin_rig);
	assert_int_equal(ns_setsockopt(ST, fds[1], IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)),
			 0);
	/* One for the link, one for ourselves. */
	assert_int_equal(ns_sendto(ST, fds[1], "one", 3, 0, &to.sa, to.len), 3);
	netstack_advance(ST, twin_rig.now);
	assert_int_equal(twin_rig.link[0].n, 1);
	assert_int_equal(rig_sent4(&twin_rig, 0, 0).ttl, 1);
	assert_int_equal(ns_recv(ST, fds[0], buf, sizeof(buf), 0), 3);
	assert_int_equal(ns_recv(ST, fds[2], buf, sizeof(buf), 0), 3);
	assert_int_equal(ns_setsockopt(ST, fds[1], IPPROTO_IP, IP_MULTICAST_TTL, &ttl, 4), 0);
	assert_int_equal(ns_setsockopt(ST, fds[1], IPPROTO_IP, IP_MULTICAST_LOOP, &off, 4), 0);
	assert_int_equal(ns_sendto(ST, fds[1], "two", 3, 0, &to.sa, to.len), 3);
	netstack_advance(ST, twin_rig.now);
	assert_int_equal(twin_rig.link[0].n, 2);
	assert_int_equal(rig_sent4(&twin_rig, 0, 1).ttl, 7);
	/* The interface by its address: not lo, though that would take packets to it. */
	assert_int_equal(ns_setsockopt(ST, fds[1], IPPROTO_IP, IP_MULTICAST_IF, &own, sizeof(own)),
			 0);
	assert_int_equal(ns_sendto(ST, fds[1], "six", 3, 0, &to.sa, to.len), 3);
	netstack_advance(ST, twin_rig.now);
	assert_int_equal(twin_rig.link[0].n, 3);
	assert_int_equal(ns_recv(ST, fds[0], buf, sizeof(buf), 0), -EAGAIN);
	close_three();
}

static void memberships_have_their_limit_and_need_memory(void **state)
{
	char group[32];

	(void)state;
	open_three(AF_INET);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(group, sizeof(group), "239.1.1.%d", i);
		twin_rig.tm.fail_in = 1;
		assert_int_equal(join(fds[0], group, NULL, MCAST_JOIN_GROUP), -ENOMEM);
		twin_rig.tm.fail_in = 0;
		assert_int_equal(join(fds[0], group, NULL, MCAST_JOIN_GROUP), 0);
	}
	assert_int_equal(join(fds[0], "239.9.9.9", NULL, MCAST_JOIN_GROUP), -ENOBUFS);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(group, sizeof(group), "10.0.1.%d", i);
		assert_int_equal(join(fds[0], "239.1.1.7", group, MCAST_BLOCK_SOURCE), 0);
	}
	assert_int_equal(join(fds[0], "239.1.1.7", "10.0.9.9", MCAST_BLOCK_SOURCE), -ENOBUFS);
	close_three();
}

/* --- against Linux, on lo --- */

static struct both twin_member(const struct twin *t, int name, const char *group, const char *by,
			       int ifindex, size_t len)
{
	struct ip_mreqn m = { .imr_ifindex = ifindex };

	assert_int_equal(inet_pton(AF_INET, group, &m.imr_multiaddr), 1);
	assert_int_equal(inet_pton(AF_INET, by, &m.imr_address), 1);
	return twin_call(t, setsockopt, IPPROTO_IP, name, &m, (socklen_t)len);
}

static void random_memberships_are_those_of_linux(void **state)
{
	static const char *const groups[] = { "224.1.1.1", "224.1.1.2", "10.0.0.1" };
	static const char *const bys[] = { "0.0.0.0", "127.0.0.1", "192.0.2.1" };
	static const int names[] = { IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP };
	static const int sources[] = { IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP,
				       IP_BLOCK_SOURCE, IP_UNBLOCK_SOURCE };
	struct dice d = { .state = 5 };

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		struct twin t = twin_socket(AF_INET, SOCK_DGRAM, 0);

		for (unsigned int step = 0; step < 20; step++) {
			const char *group = groups[dice_below(&d, 3)];
			const size_t len = dice_below(&d, 14);
			const int ifindex = len >= sizeof(struct ip_mreqn) && dice_below(&d, 2);
			const char *by = ifindex ? "0.0.0.0" : bys[dice_below(&d, 3)];
			struct ip_mreq_source m;
			int name;

			/* Without an interface a route decides, and there is none here. */
			if (!ifindex && strcmp(by, "0.0.0.0") == 0)
				continue;
			if (dice_below(&d, 2)) {
				name = names[dice_below(&d, 2)];
				assert_same(twin_member(&t, name, group, by, ifindex, len),
					    "round %u: %d of %s by %s, %d", round, name, group, by,
					    ifindex);
				continue;
			}
			if (strcmp(by, "0.0.0.0") == 0)
				continue;
			name = sources[dice_below(&d, 4)];
			memset(&m, 0, sizeof(m));
			(void)inet_pton(AF_INET, group, &m.imr_multiaddr);
			(void)inet_pton(AF_INET, by, &m.imr_interface);
			m.imr_sourceaddr.s_addr = htonl(0x0a000000 + dice_below(&d, 3));
			assert_same(twin_call(&t, setsockopt, IPPROTO_IP, name, &m,
					      (socklen_t)sizeof(m)),
				    "round %u: source %d of %s by %s", round, name, group, by);
		}
		twin_close(&t);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_group_reaches_those_who_may_hear_it),
		TEST(sources_are_chosen),
		TEST(ipv6_the_same),
		TEST(what_is_sent_to_a_group),
		TEST(memberships_have_their_limit_and_need_memory),
		cmocka_unit_test_setup_teardown(random_memberships_are_those_of_linux, twin_setup,
						twin_teardown),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
