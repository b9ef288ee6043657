/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/addr.h"

#include <net/if.h>

#include <linux/if_addr.h>

#include "tests/unit/netns_fixture.h"
#include "tests/unit/waiter.h"

/* Addresses found, up to some. */
struct found {
	unsigned n;
	struct addr_info v[8];
};

static int find(const struct addr_info *ai, void *arg)
{
	struct found *f = arg;

	if (f->n < sizeof(f->v) / sizeof(f->v[0]))
		f->v[f->n] = *ai;
	f->n++;
	return 0;
}

static struct found addrs(struct nlsock *nl, int ifindex, uint8_t family)
{
	struct found f = { 0 };
	struct nerr err;

	assert_ok(addr_dump(nl, ifindex, family, find, &f, &err), err);
	return f;
}

static void assert_net(const struct ipnet *net, const char *text)
{
	char buf[IPNET_STR_LEN];

	assert_string_equal(ipnet_to_str(net, buf), text);
}

static void put(struct nlsock *nl, const char *ifname, const char *net, bool nodad)
{
	const struct ipnet n = net_of(net);

	addr_put(nl, ifindex_of(nl, ifname), ifname, &n, nodad);
}

/* --- adding and removing --- */

static void ipv4_gets_its_broadcast_address(void **state)
{
	struct nlsock *nl = *state;
	char out[4096];
	struct found f;
	struct nerr err;

	put(nl, "lo", "10.1.2.3/20", false);
	put(nl, "lo", "10.2.0.0/31", false);
	put(nl, "lo", "10.3.0.1/32", false);
	assert_ok(nlsock_commit(nl, &err), err);
	run_ok(out, sizeof(out), "ip", "-4", "addr", "show", "dev", "lo");
	assert_contains(out, "inet 10.1.2.3/20 brd 10.1.15.255 scope global lo");
	assert_contains(out, "inet 10.2.0.0/31 scope global lo");
	assert_contains(out, "inet 10.3.0.1/32 scope global lo");
	f = addrs(nl, 1, AF_INET);
	assert_int_equal(f.n, 3);
	assert_net(&f.v[0].net, "10.1.2.3/20");
	assert_int_equal(f.v[0].scope, 0);
	assert_int_equal(f.v[0].ifindex, 1);
}

static void ipv6_without_dad_is_usable_at_once(void **state)
{
	struct nlsock *nl = *state;
	struct found f;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	put(nl, "a0", "fd00::1/64", true);
	put(nl, "a0", "fd00::2/64", false);
	assert_ok(nlsock_commit(nl, &err), err);
	f = addrs(nl, i, AF_INET6);
	assert_int_equal(f.n, 2);
	for (unsigned n = 0; n < 2; n++) {
		bool nodad = f.v[n].net.addr.bytes[15] == 1;

		assert_int_equal(f.v[n].net.prefix_len, 64);
		assert_int_equal(!!(f.v[n].flags & IFA_F_NODAD), nodad);
		assert_int_equal(!!(f.v[n].flags & IFA_F_TENTATIVE), !nodad);
	}
}

static void address_that_exists(void **state)
{
	const struct ipnet v4 = net_of("10.0.0.1/24");
	const struct ipnet v6 = net_of("fd00::1/64");
	struct nlsock *nl = *state;
	struct nerr err;

	addr_put(nl, 1, "lo", &v4, false);
	addr_put(nl, 1, "lo", &v6, true);
	assert_ok(nlsock_commit(nl, &err), err);
	addr_put_keep(nl, 1, "lo", &v4, false);
	addr_put_keep(nl, 1, "lo", &v6, true);
	assert_ok(nlsock_commit(nl, &err), err);
	addr_put(nl, 1, "lo", &v4, false);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "cannot add address 10.0.0.1/24 to 'lo': ");
	addr_put(nl, 1, "lo", &v6, true);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_contains(err.msg, "cannot add address fd00::1/64 to 'lo': ");
}

static void removing_and_removing_again(void **state)
{
	const struct ipnet v4 = net_of("10.0.0.1/24");
	const struct ipnet other_len = net_of("10.0.0.1/25");
	const struct ipnet v6 = net_of("fd00::1/64");
	struct nlsock *nl = *state;
	struct nerr err;

	addr_put(nl, 1, "lo", &v4, false);
	addr_put(nl, 1, "lo", &v6, true);
	assert_ok(nlsock_commit(nl, &err), err);
	addr_put_del(nl, 1, "lo", &other_len);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(addrs(nl, 1, AF_UNSPEC).n, 2);
	for (unsigned n = 0; n < 2; n++) {
		addr_put_del(nl, 1, "lo", &v4);
		addr_put_del(nl, 1, "lo", &v6);
		assert_ok(nlsock_commit(nl, &err), err);
		assert_int_equal(addrs(nl, 1, AF_UNSPEC).n, 0);
	}
	addr_put_del(nl, 4711, "none", &v4);
	assert_int_equal(nlsock_commit(nl, &err), -ENODEV);
	assert_contains(err.msg, "cannot remove address 10.0.0.1/24 from 'none': ");
}

/* --- listing --- */

static void dump_is_filtered_by_link_and_family(void **state)
{
	struct nlsock *nl = *state;
	struct found f;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	put(nl, "lo", "10.0.0.1/32", false);
	put(nl, "a0", "10.0.0.2/32", false);
	put(nl, "lo", "fd00::1/128", true);
	put(nl, "a0", "fd00::2/128", true);
	assert_ok(nlsock_commit(nl, &err), err);
	f = addrs(nl, i, AF_INET);
	assert_int_equal(f.n, 1);
	assert_net(&f.v[0].net, "10.0.0.2/32");
	f = addrs(nl, i, AF_INET6);
	assert_int_equal(f.n, 1);
	assert_net(&f.v[0].net, "fd00::2/128");
	assert_int_equal(addrs(nl, i, AF_UNSPEC).n, 2);
	assert_int_equal(addrs(nl, 0, AF_UNSPEC).n, 4);
	assert_int_equal(addrs(nl, 0, AF_INET6).n, 2);
	assert_int_equal(addrs(nl, ifindex_of(nl, "b0"), AF_UNSPEC).n, 0);
	assert_int_equal(addr_dump(nl, 4711, AF_INET, find, &f, &err), -ENODEV);
	assert_contains(err.msg, "cannot list addresses of link 4711: ");
}

static void own_end_of_a_point_to_point_address(void **state)
{
	struct nlsock *nl = *state;
	char out[1024];
	struct found f;

	run_ok(out, sizeof(out), "ip", "addr", "add", "10.0.0.1", "peer", "10.0.0.2/32", "dev",
	       "lo");
	f = addrs(nl, 1, AF_INET);
	assert_int_equal(f.n, 1);
	assert_net(&f.v[0].net, "10.0.0.1/32");
}

/**
 * struct tally - Addresses seen, each once
 * @stop:	What to return
 */
struct tally {
	uint8_t seen[1000];
	unsigned n;
	int stop;
};

static int tally(const struct addr_info *ai, void *arg)
{
	struct tally *t = arg;
	unsigned i = ai->net.addr.bytes[2] * 256u + ai->net.addr.bytes[3];

	assert_true(i < sizeof(t->seen));
	t->seen[i]++;
	t->n++;
	return t->stop;
}

static void thousand_addresses(void **state)
{
	struct tally t = { .n = 0 };
	struct nlsock *nl = *state;
	struct nerr err;

	for (unsigned i = 0; i < 1000; i++) {
		struct ipnet net = { .addr = { .family = AF_INET,
					       .bytes = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } },
				     .prefix_len = 32 };

		addr_put(nl, 1, "lo", &net, false);
	}
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(addr_dump(nl, 1, AF_INET, tally, &t, &err), err);
	assert_int_equal(t.n, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(t.seen[i], 1);
	t = (struct tally){ .stop = -ECANCELED };
	assert_int_equal(addr_dump(nl, 1, AF_INET, tally, &t, &err), -ECANCELED);
	assert_int_equal(t.n, 1);
}

/* --- duplicate address detection --- */

static void dad_that_ends_well(void **state)
{
	struct nlsock *nl = *state;
	struct found f;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	put(nl, "a0", "fd00::1/64", false);
	links_up(nl, "a0", "b0");
	assert_int_equal(addr_wait_dad(i, "a0", 0, &err),
			 -ETIMEDOUT); /* there is something to wait for */
	assert_ok(addr_wait_dad(i, "a0", 20000, &err), err);
	f = addrs(nl, i, AF_INET6);
	assert_int_equal(f.n, 2); /* and the link-local one */
	for (unsigned n = 0; n < f.n; n++)
		assert_false(f.v[n].flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
	assert_ok(addr_wait_dad(i, "a0", 0, &err), err);
}

static void dad_without_tentative_addresses(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	assert_ok(addr_wait_dad(1, "lo", 0, &err), err);
	put(nl, "lo", "10.0.0.1/32", false);
	put(nl, "lo", "fd00::1/64", true);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(addr_wait_dad(1, "lo", 0, &err), err);
}

/* Without carrier DAD does not even begin. */
static void dad_that_never_ends(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	put(nl, "a0", "fd00::1/64", false);
	link_put_up(nl, i, "a0");
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(addr_wait_dad(i, "a0", 30, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "link a0 still has tentative addresses after 30 ms");
}

/* Until the link has @n IPv6 addresses, none tentative. Bounded: 10 s of looks 10 ms apart. */
static void wait_usable(struct nlsock *nl, int ifindex, unsigned n)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct found f = addrs(nl, ifindex, AF_INET6);
		unsigned usable = 0;

		for (unsigned a = 0; a < f.n; a++)
			usable += !(f.v[a].flags & IFA_F_TENTATIVE);
		if (usable >= n)
			return;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("link %d has no %u usable addresses", ifindex, n);
}

/* The same address at both ends of a wire.  The other end must listen already: what the kernel
 * sends while the wire comes up can get lost.
 */
static void dad_that_fails(void **state)
{
	struct nlsock *nl = *state;
	int ns = netns_other();
	struct nlsock *peer_nl = nlsock_in(ns);
	struct nerr err;
	int i;

	link_put_veth(nl, &(struct link_veth){
				  .name = "a0", .up = true, .peer_name = "b0", .peer_ns = ns });
	assert_ok(nlsock_commit(nl, &err), err);
	put(peer_nl, "b0", "fd00::1/64", true);
	link_put_up(peer_nl, ifindex_of(peer_nl, "b0"), "b0");
	assert_ok(nlsock_commit(peer_nl, &err), err);
	i = ifindex_of(nl, "a0");
	wait_usable(peer_nl, ifindex_of(peer_nl, "b0"), 2); /* and the link-local one */
	wait_usable(nl, i, 1);
	put(nl, "a0", "fd00::1/64", false);
	assert_ok(nlsock_commit(nl, &err), err);

	assert_int_equal(addr_wait_dad(i, "a0", 20000, &err), -EADDRNOTAVAIL);
	assert_string_equal(err.msg, "link a0 has address fd00::1 in DADFAILED state");
	nlsock_close(peer_nl);
	(void)close(ns);
}

static void remove_address(void *arg)
{
	const struct ipnet net = net_of("fd00::1/64");
	struct nlsock *nl = arg;

	addr_put_del(nl, ifindex_of(nl, "a0"), "a0", &net);
	(void)nlsock_commit(nl, NULL); /* the waiting test tells */
}

static void address_that_goes_while_waiting(void **state)
{
	struct nlsock *nl = *state;
	struct waiter w;
	struct nerr err;
	int i;

	veth_pair(nl, "a0", "b0");
	i = ifindex_of(nl, "a0");
	put(nl, "a0", "fd00::1/64", false); /* no carrier: tentative for ever */
	assert_ok(nlsock_commit(nl, &err), err);
	waiter_start(&w, remove_address, nl);
	assert_ok(addr_wait_dad(i, "a0", 20000, &err), err);
	waiter_join(&w);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(ipv4_gets_its_broadcast_address),
		T(ipv6_without_dad_is_usable_at_once),
		T(address_that_exists),
		T(removing_and_removing_again),
		T(dump_is_filtered_by_link_and_family),
		T(own_end_of_a_point_to_point_address),
		T(thousand_addresses),
		T(dad_that_ends_well),
		T(dad_without_tentative_addresses),
		T(dad_that_never_ends),
		T(dad_that_fails),
		T(address_that_goes_while_waiting),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
