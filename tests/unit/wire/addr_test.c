/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/addr.h"

#include "tests/unit/wire/law.h"

#define ETH(a, b, c, d, e, f) ((struct eth_addr){ { a, b, c, d, e, f } })
#define IP6(hi, lo)           ((struct ip6_addr){ hi, lo })

static void ethernet(void **state)
{
	const struct eth_addr station = ETH(2, 0, 0, 0, 0, 0x0a), group = ETH(1, 0, 0x5e, 0, 0, 1);
	const struct eth_addr all = ETH(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	const struct eth_addr zero = ETH(0, 0, 0, 0, 0, 0);
	uint8_t bytes[8] = { 0 };

	(void)state;
	eth_addr_put(bytes + 1, station);
	assert_memory_equal(bytes, "\0\2\0\0\0\0\x0a\0", 8);
	assert_true(eth_addr_eq(eth_addr_get(bytes + 1), station));
	assert_false(eth_addr_eq(station, group));
	assert_true(eth_addr_is_station(station));
	assert_false(eth_addr_is_station(group) || eth_addr_is_station(all) ||
		     eth_addr_is_station(zero));
	assert_true(eth_addr_is_multicast(group) && eth_addr_is_multicast(all));
	assert_true(eth_addr_is_broadcast(all) && !eth_addr_is_broadcast(group));
	assert_true(eth_addr_is_zero(zero) && !eth_addr_is_zero(station));
}

static void groups_on_ethernet(void **state)
{
	(void)state;
	assert_true(
		eth_addr_eq(eth_addr_of_ip4(IP4_ADDR(239, 129, 2, 3)), ETH(1, 0, 0x5e, 1, 2, 3)));
	assert_true(eth_addr_eq(eth_addr_of_ip4(IP4_IGMP3), ETH(1, 0, 0x5e, 0, 0, 0x16)));
	assert_true(eth_addr_eq(eth_addr_of_ip6(IP6_MLD2), ETH(0x33, 0x33, 0, 0, 0, 0x16)));
	assert_true(eth_addr_eq(eth_addr_of_ip6(IP6(0xff15000000000000, 0xaabbccddeeff0102)),
				ETH(0x33, 0x33, 0xee, 0xff, 1, 2)));
}

static void ipv4(void **state)
{
	(void)state;
	assert_int_equal(IP4_ADDR(192, 0, 2, 1), 0xc0000201);
	assert_true(ip4_addr_is_multicast(IP4_ADDR(224, 0, 0, 0)));
	assert_true(ip4_addr_is_multicast(IP4_ADDR(239, 255, 255, 255)));
	assert_false(ip4_addr_is_multicast(IP4_ADDR(223, 255, 255, 255)));
	assert_false(ip4_addr_is_multicast(IP4_ADDR(240, 0, 0, 0)));
	assert_true(ip4_addr_is_loopback(IP4_ADDR(127, 1, 2, 3)));
	assert_false(ip4_addr_is_loopback(IP4_ADDR(128, 0, 0, 1)));
	assert_true(ip4_addr_is_link_local(IP4_ADDR(169, 254, 1, 2)));
	assert_false(ip4_addr_is_link_local(IP4_ADDR(169, 253, 1, 2)));
	assert_true(ip4_addr_is_local_multicast(IP4_IGMP3));
	assert_false(ip4_addr_is_local_multicast(IP4_ADDR(224, 0, 1, 1)));
	assert_true(ip4_addr_is_reserved(IP4_BROADCAST));
	assert_false(ip4_addr_is_reserved(IP4_ALL_HOSTS) || ip4_addr_is_reserved(IP4_ALL_ROUTERS));
	for (unsigned int bits = 0; bits <= 32; bits++) {
		const uint32_t mask = (uint32_t)(UINT64_C(0xffffffff00000000) >> bits);

		assert_int_equal(ip4_addr_prefix(0xffffffff, bits), mask);
		assert_int_equal(ip4_addr_prefix(0xa5a5a5a5, bits), 0xa5a5a5a5 & mask);
	}
}

static void ipv6(void **state)
{
	const struct ip6_addr a = IP6(0x20010db800000000, 0x0000000000000001);
	uint8_t bytes[18] = { 0 };

	(void)state;
	ip6_addr_put(bytes + 1, a);
	assert_memory_equal(bytes, "\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0", 18);
	assert_true(ip6_addr_eq(ip6_addr_get(bytes + 1), a));
	assert_false(ip6_addr_eq(a, IP6(a.hi, 2)) || ip6_addr_eq(a, IP6(1, a.lo)));

	assert_true(ip6_addr_is_unspecified(IP6_UNSPECIFIED) && !ip6_addr_is_unspecified(a));
	assert_true(ip6_addr_is_loopback(IP6_LOOPBACK) && !ip6_addr_is_loopback(a));
	assert_true(ip6_addr_is_multicast(IP6_ALL_NODES) && ip6_addr_is_multicast(IP6_ALL_ROUTERS));
	assert_false(ip6_addr_is_multicast(a));
	assert_int_equal(ip6_addr_scope(IP6_ALL_NODES), IP6_SCOPE_LINK);
	assert_int_equal(ip6_addr_scope(IP6(0xff0e000000000000, 1)), IP6_SCOPE_GLOBAL);
	assert_true(ip6_addr_is_link_local(IP6(0xfe80000000000000, 1)));
	assert_true(ip6_addr_is_link_local(IP6(0xfebfffffffffffff, 1)));
	assert_false(ip6_addr_is_link_local(IP6(0xfec0000000000000, 1)));
	assert_false(ip6_addr_is_link_local(IP6(0xfe7fffffffffffff, 1)));
	assert_true(ip6_addr_is_unique_local(IP6(0xfd00000000000000, 1)));
	assert_true(ip6_addr_is_unique_local(IP6(0xfc00000000000000, 1)));
	assert_false(ip6_addr_is_unique_local(IP6(0xfe00000000000000, 1)));

	assert_true(ip6_addr_is_mapped(ip6_addr_of_ip4(0)));
	assert_true(ip6_addr_eq(ip6_addr_of_ip4(0xc0000201), IP6(0, 0x0000ffffc0000201)));
	assert_false(ip6_addr_is_mapped(a));
}

static void ipv6_prefixes(void **state)
{
	const struct ip6_addr ones = IP6(UINT64_MAX, UINT64_MAX);

	(void)state;
	for (unsigned int bits = 0; bits <= 128; bits++) {
		const struct ip6_addr mask = ip6_addr_prefix(ones, bits);
		unsigned int n = 0;

		for (unsigned int i = 0; i < 128; i++) {
			const uint64_t half = i < 64 ? mask.hi : mask.lo;
			const bool set = half >> (63 - i % 64) & 1;

			assert_int_equal(set, i < bits);
			n += set;
		}
		assert_int_equal(n, bits);
	}
}

/* What the kernel made of 02:00:00:00:00:0b. */
static void derived(void **state)
{
	const struct ip6_addr own = ip6_addr_link_local(ETH(2, 0, 0, 0, 0, 0x0b));

	(void)state;
	assert_true(ip6_addr_eq(own, IP6(0xfe80000000000000, 0x000000fffe00000b)));
	assert_true(ip6_addr_eq(ip6_addr_link_local(ETH(0x10, 0x21, 0x32, 0x43, 0x54, 0x65)),
				IP6(0xfe80000000000000, 0x122132fffe435465)));
	assert_true(
		ip6_addr_eq(ip6_addr_solicited(own), IP6(0xff02000000000000, 0x00000001ff00000b)));
	assert_true(ip6_addr_is_solicited(ip6_addr_solicited(own)));
	assert_false(ip6_addr_is_solicited(IP6_ALL_NODES) || ip6_addr_is_solicited(own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet),      cmocka_unit_test(groups_on_ethernet),
		cmocka_unit_test(ipv4),          cmocka_unit_test(ipv6),
		cmocka_unit_test(ipv6_prefixes), cmocka_unit_test(derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
