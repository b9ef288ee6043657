/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/conntrack.h"

#include <net/if.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "netlink/addr.h"
#include "tests/unit/netns_fixture.h"

/* Entries made by conntrack(8), and by traffic: tracking is switched on by a rule. */
static int tracked_setup(void **state)
{
	const struct ipnet v4 = net_of("10.9.0.1/24");
	const struct ipnet v6 = net_of("fd09::1/64");
	struct nlsock *nl;
	struct nlsock *nf;
	char out[4096];
	struct nerr err;

	netns_setup(state);
	nl = *state;
	link_put_up(nl, 1, "lo");
	addr_put(nl, 1, "lo", &v4, false);
	addr_put(nl, 1, "lo", &v6, true);
	assert_ok(nlsock_commit(nl, &err), err);
	run_ok(out, sizeof(out), "nft",
	       "table inet t { chain c { type filter hook output priority 0; ct state new accept; }; "
	       "}");
	assert_ok(nlsock_open(&nf, NETLINK_NETFILTER, &err), err);
	nlsock_close(nl);
	*state = nf;
	return 0;
}

/* One datagram to @addr:@port. */
static void send_udp(const char *addr, uint16_t port)
{
	const struct ipaddr a = addr_of(addr);
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_v4 = a.family == AF_INET;
	int fd = socket(a.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	assert_true(fd >= 0);
	memcpy(&in4.sin_addr, a.bytes, sizeof(in4.sin_addr));
	memcpy(&in6.sin6_addr, a.bytes, sizeof(in6.sin6_addr));
	n = sendto(fd, "x", 1, 0,
		   is_v4 ? (const struct sockaddr *)&in4 : (const struct sockaddr *)&in6,
		   is_v4 ? sizeof(in4) : sizeof(in6));
	assert_int_equal(n, 1);
	(void)close(fd);
}

static void make_entry(const char *src, const char *dst, const char *proto, const char *sport,
		       const char *dport, const char *zone)
{
	char out[1024];

	if (strcmp(proto, "tcp") == 0)
		run_ok(out, sizeof(out), "conntrack", "-I", "-s", src, "-d", dst, "-p", proto,
		       "--sport", sport, "--dport", dport, "--timeout", "600", "--state", "LISTEN",
		       "-w", zone);
	else
		run_ok(out, sizeof(out), "conntrack", "-I", "-s", src, "-d", dst, "-p", proto,
		       "--sport", sport, "--dport", dport, "--timeout", "600", "-w", zone);
}

/* How many entries of a family, and all their lines. */
static unsigned entries(const char *family, char *out, size_t size)
{
	unsigned n = 0;

	run_ok(out, size, "conntrack", "-L", "-f", family);
	for (const char *p = out; (p = strstr(p, "src=")); p += 4)
		n++;
	return n / 2; /* each has an original and a reply direction */
}

static int flush(struct nlsock *nf, uint8_t family, const uint16_t *ports, size_t n)
{
	struct nerr err;
	int r = conntrack_flush_dport(nf, family, IPPROTO_UDP, ports, n, &err);

	assert_ok(r, err);
	return r;
}

static void entries_of_real_traffic(void **state)
{
	static const uint16_t port = 5353;
	char out[16384];

	send_udp("10.9.0.1", 5353);
	send_udp("10.9.0.1", 5354);
	send_udp("fd09::1", 5353);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 2);
	assert_int_equal(flush(*state, AF_INET, &port, 1), 1);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 1);
	assert_contains(out, "dport=5354");
	assert_int_equal(entries("ipv6", out, sizeof(out)), 1); /* the other family stays */
	assert_int_equal(flush(*state, AF_INET6, &port, 1), 1);
	assert_int_equal(entries("ipv6", out, sizeof(out)), 0);
	assert_int_equal(flush(*state, AF_INET6, &port, 1), 0); /* none is left */
}

/* Only the original direction's destination port counts, and only this protocol. */
static void what_looks_alike_stays(void **state)
{
	static const uint16_t port = 53;
	char out[16384];

	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "53", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "53", "1000", "0");
	make_entry("192.0.2.1", "192.0.2.2", "tcp", "1000", "53", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "5300", "0");
	assert_int_equal(entries("ipv4", out, sizeof(out)), 4);
	assert_int_equal(flush(*state, AF_INET, &port, 1), 1);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 3);
	assert_contains(out, "sport=53 dport=1000");
	assert_contains(out, "dport=5300");
	assert_contains(out, "tcp");
}

static void several_ports_at_once(void **state)
{
	static const uint16_t ports[] = { 100, 300, 65535 };
	char out[16384];

	make_entry("192.0.2.1", "192.0.2.2", "udp", "1", "100", "0");
	make_entry("192.0.2.1", "192.0.2.3", "udp", "1", "100", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1", "200", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1", "300", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1", "65535", "0");
	assert_int_equal(flush(*state, AF_INET, ports, 3), 4);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 1);
	assert_contains(out, "dport=200");
}

/* The same tuple may exist once in each zone. */
static void entries_in_zones(void **state)
{
	static const uint16_t port = 53;
	char out[16384];

	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "53", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "53", "7");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "54", "7");
	assert_int_equal(entries("ipv4", out, sizeof(out)), 3);
	assert_int_equal(flush(*state, AF_INET, &port, 1), 2);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 1);
	assert_contains(out, "dport=54");
}

static void thousand_entries(void **state)
{
	static const uint16_t port = 7777;
	char *out = malloc(1 << 20);

	assert_non_null(out);
	for (unsigned i = 0; i < 1000; i++)
		send_udp("10.9.0.1", 7777); /* each from a port of its own, as a rule */
	send_udp("10.9.0.1", 7778);
	assert_true(entries("ipv4", out, 1 << 20) > 900);
	assert_true(flush(*state, AF_INET, &port, 1) > 900);
	assert_int_equal(entries("ipv4", out, 1 << 20), 1);
	assert_contains(out, "dport=7778");
	free(out);
}

static void nothing_asked_nothing_deleted(void **state)
{
	static const uint16_t port = 9999;
	char out[16384];

	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "53", "0");
	make_entry("192.0.2.1", "192.0.2.2", "udp", "1000", "54", "0");
	assert_int_equal(flush(*state, AF_INET, NULL, 0), 0);
	assert_int_equal(flush(*state, AF_INET, &port, 1), 0);
	assert_int_equal(entries("ipv4", out, sizeof(out)), 2);
}

static void a_socket_of_the_wrong_kind_is_refused(void **state)
{
	static const uint16_t port = 53;
	struct nlsock *nl;
	struct nerr err;

	(void)state;
	assert_ok(nlsock_open(&nl, NETLINK_ROUTE, &err), err);
	assert_true(conntrack_flush_dport(nl, AF_INET, IPPROTO_UDP, &port, 1, &err) < 0);
	assert_contains(err.msg, "cannot list connection tracking entries: ");
	nlsock_close(nl);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tracked_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(entries_of_real_traffic),
		T(what_looks_alike_stays),
		T(several_ports_at_once),
		T(entries_in_zones),
		T(thousand_entries),
		T(nothing_asked_nothing_deleted),
		T(a_socket_of_the_wrong_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
