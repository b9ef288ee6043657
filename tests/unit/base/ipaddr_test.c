/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ipaddr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct ipaddr addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_from_str(text, &a), 0);
	return a;
}

static struct ipnet net(const char *text)
{
	struct ipnet n;

	assert_int_equal(ipnet_from_str(text, &n), 0);
	return n;
}

static void assert_addr(struct ipaddr a, const char *text)
{
	char buf[IPADDR_STR_LEN];

	assert_string_equal(ipaddr_to_str(&a, buf), text);
}

/* A repeatable stream of numbers (xorshift, Marsaglia 2003). */
static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

/* An address with many zero groups, so that "::" falls everywhere. */
static struct ipaddr random_addr(void)
{
	struct ipaddr a = { .family = rng() % 2 ? AF_INET6 : AF_INET };
	const uint64_t sparse = rng();

	for (size_t i = 0; i < ipaddr_len(&a); i++)
		if (sparse >> i / 2 & 1)
			a.bytes[i] = (uint8_t)(rng() >> 32);
	return a;
}

static void text_forms_are_canonical(void **state)
{
	static const char *const pair[][2] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "10.1.2.3", "10.1.2.3" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "FD00:0009::0002", "fd00:9::2" },
		/* RFC 5952 4.2.2: one zero group is not shortened */
		{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		/* 4.2.3: the longest run, and the first of equals */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
		{ "1:0:0:4:5:6:0:0", "1::4:5:6:0:0" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		/* section 5: dotted quads only after a known prefix */
		{ "::1.2.3.4", "::102:304" },
		{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
		{ "1:2:3:4:5:6:255.255.255.255", "1:2:3:4:5:6:ffff:ffff" },
		/* mapped is IPv4 */
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "::FFFF:a00:1", "10.0.0.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++)
		assert_addr(addr(pair[i][0]), pair[i][1]);
}

static void bad_addresses_are_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"01.2.3.4",
		"1.2.3.04",
		"1.2.3.256",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.-4",
		"1.2.3.4/24",
		"0x1.2.3.4",
		"1..2.3",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"12345::",
		"g::",
		"fe80::1%lo",
		"::1%1",
		"[::1]",
		"1:2:3:4:5:6:7:8:9",
		"::1.2.3",
		"::01.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1:",
		"::1:",
		"1.2.3.4:",
		"1:2:3:4::5:6:7:8",
		"127.0.0.1\n",
		"1.2.3.4.",
		"bad",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ipaddr a = { .family = 77 };

		if (ipaddr_from_str(bad[i], &a) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(a.family, 77);
	}
}

static void to_str_and_from_str_are_inverses(void **state)
{
	(void)state;
	rng_state = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 20000; i++) {
		struct ipaddr a = random_addr();
		struct ipnet n = { .addr = a };
		struct ipnet n_back;
		struct ipaddr back;
		char buf[IPNET_STR_LEN];

		n.prefix_len = (uint8_t)(rng() % (ipaddr_bits(&a) + 1u));
		assert_int_equal(ipaddr_from_str(ipaddr_to_str(&a, buf), &back), 0);
		assert_true(ipaddr_eq(&a, &back));
		assert_memory_equal(&a, &back, sizeof(a));
		assert_int_equal(ipnet_from_str(ipnet_to_str(&n, buf), &n_back), 0);
		assert_true(ipnet_eq(&n, &n_back));
	}
}

static void longest_text_fits(void **state)
{
	const struct ipaddr mapped = { .family = AF_INET6,
				       .bytes = { [10] = 255, 255, 255, 255, 255, 255 } };
	struct ipnet n = net("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	char buf[IPNET_STR_LEN];

	(void)state;
	assert_string_equal(ipnet_to_str(&n, buf), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	/* never parsed to, but the kernel may hand one out */
	assert_string_equal(ipaddr_to_str(&mapped, buf), "::ffff:255.255.255.255");
}

static void no_address_is_empty_text(void **state)
{
	struct ipnet n = { .prefix_len = 0 };
	char buf[IPNET_STR_LEN] = "x";

	(void)state;
	assert_string_equal(ipaddr_to_str(&n.addr, buf), "");
	assert_string_equal(ipnet_to_str(&n, buf), "");
	assert_false(ipaddr_is_set(&n.addr));
	assert_int_equal(ipaddr_len(&n.addr), 0);
	assert_int_equal(ipaddr_bits(&n.addr), 0);
	assert_false(ipaddr_is_unspecified(&n.addr));
	assert_false(ipaddr_next(&n.addr));
	assert_false(ipaddr_prev(&n.addr));
	assert_false(ipnet_contains(&n, &n.addr));
	assert_false(ipnet_is_default(&n));
}

static void net_keeps_host_bits(void **state)
{
	struct ipnet n = net("10.1.2.3/24");
	char buf[IPNET_STR_LEN];

	(void)state;
	assert_string_equal(ipnet_to_str(&n, buf), "10.1.2.3/24");
	assert_int_equal(n.prefix_len, 24);
	assert_addr(ipnet_network(&n), "10.1.2.0");
	assert_addr(ipnet_last(&n), "10.1.2.255");
	assert_addr(ipnet_mask(&n), "255.255.255.0");
}

static void mapped_net_is_ipv4(void **state)
{
	struct ipnet n = net("::ffff:10.0.0.1/120");
	char buf[IPNET_STR_LEN];

	(void)state;
	assert_string_equal(ipnet_to_str(&n, buf), "10.0.0.1/24");
	assert_int_equal(ipnet_from_str("::ffff:10.0.0.1/95", &n), -EINVAL);
	assert_int_equal(ipnet_from_str("::ffff:0.0.0.0/96", &n), 0);
	assert_true(ipnet_is_default(&n));
}

static void bad_nets_are_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/24",
		"10.0.0.1",
		"10.0.0.1/",
		"10.0.0.1/33",
		"::/129",
		"10.0.0.1/-1",
		"10.0.0.1/+1",
		"10.0.0.1/ 1",
		"10.0.0.1/1x",
		"bad/24",
		"10.0.0.1/24/1",
		"10.0.0.01/24",
		"10.0.0.1 /24",
		"10.0.0.1//1",
		"::%lo/64",
		"::/99999999999999999999",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ipnet n = { .prefix_len = 77 };

		if (ipnet_from_str(bad[i], &n) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(n.prefix_len, 77);
	}
}

/* Every prefix length: the mask has that many ones, and the ends enclose the address. */
static void masks_and_ends_agree(void **state)
{
	static const char *const text[] = { "10.20.30.40",
					    "fd12:3456:789a:bcde:f012:3456:789a:bcde" };

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(text); t++) {
		struct ipnet n = { .addr = addr(text[t]) };

		for (unsigned len = 0; len <= ipaddr_bits(&n.addr); len++) {
			struct ipaddr first;
			struct ipaddr last;
			struct ipaddr mask;
			int ones = 0;

			n.prefix_len = (uint8_t)len;
			first = ipnet_network(&n);
			last = ipnet_last(&n);
			mask = ipnet_mask(&n);
			for (size_t i = 0; i < ipaddr_len(&mask); i++) {
				ones += __builtin_popcount(mask.bytes[i]);
				assert_int_equal(first.bytes[i] ^ last.bytes[i],
						 (uint8_t)~mask.bytes[i]);
			}
			assert_int_equal(ones, len);
			assert_true(ipaddr_cmp(&first, &n.addr) <= 0);
			assert_true(ipaddr_cmp(&n.addr, &last) <= 0);
			assert_true(ipnet_contains(&n, &first));
			assert_true(ipnet_contains(&n, &last));
			assert_true(!ipaddr_prev(&first) || !ipnet_contains(&n, &first));
			assert_true(!ipaddr_next(&last) || !ipnet_contains(&n, &last));
		}
	}
}

static void next_and_prev_are_inverses_and_stop_at_the_ends(void **state)
{
	static const char *const step[][2] = {
		{ "10.0.0.255", "10.0.1.0" }, { "10.255.255.255", "11.0.0.0" },
		{ "0.0.0.0", "0.0.0.1" },     { "::", "::1" },
		{ "::ffff:ffff", "::1:0:0" }, { "fd00::ffff:ffff:ffff:ffff", "fd00:0:0:1::" },
	};
	struct ipaddr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(step); i++) {
		a = addr(step[i][0]);
		assert_true(ipaddr_next(&a));
		assert_addr(a, step[i][1]);
		assert_true(ipaddr_prev(&a));
		assert_addr(a, step[i][0]);
	}
	a = addr("255.255.255.255");
	assert_false(ipaddr_next(&a));
	assert_addr(a, "255.255.255.255");
	a = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_false(ipaddr_next(&a));
	assert_addr(a, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	a = addr("0.0.0.0");
	assert_false(ipaddr_prev(&a));
	assert_addr(a, "0.0.0.0");
	a = addr("::");
	assert_false(ipaddr_prev(&a));
	assert_addr(a, "::");
}

static void order_is_family_then_value(void **state)
{
	static const char *const sorted[] = {
		"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1", "128.0.0.0", "255.255.255.255",
		"::",      "::1",           "1::",      "8000::",   "ffff::"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sorted); j++) {
			const struct ipaddr a = addr(sorted[i]);
			const struct ipaddr b = addr(sorted[j]);
			const int cmp = ipaddr_cmp(&a, &b);

			assert_int_equal((cmp > 0) - (cmp < 0), (i > j) - (i < j));
			assert_int_equal(ipaddr_eq(&a, &b), i == j);
		}
	}
}

static void kinds_of_address(void **state)
{
	static const struct {
		const char *text;
		bool unspecified;
		bool loopback;
		bool multicast;
		bool link_local;
	} row[] = {
		{ .text = "0.0.0.0", .unspecified = true },
		{ .text = "::", .unspecified = true },
		{ .text = "127.0.0.1", .loopback = true },
		{ .text = "127.255.0.9", .loopback = true },
		{ .text = "::1", .loopback = true },
		{ .text = "224.0.0.1", .multicast = true },
		{ .text = "239.255.255.255", .multicast = true },
		{ .text = "ff02::1", .multicast = true },
		{ .text = "169.254.0.1", .link_local = true },
		{ .text = "fe80::1", .link_local = true },
		{ .text = "febf::1", .link_local = true },
		{ .text = "240.0.0.1" },
		{ .text = "223.255.255.255" },
		{ .text = "126.0.0.1" },
		{ .text = "128.0.0.1" },
		{ .text = "169.253.0.1" },
		{ .text = "fec0::1" },
		{ .text = "fe7f::1" },
		{ .text = "::2" },
		{ .text = "10.0.0.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct ipaddr a = addr(row[i].text);

		if (ipaddr_is_unspecified(&a) != row[i].unspecified ||
		    ipaddr_is_loopback(&a) != row[i].loopback ||
		    ipaddr_is_multicast(&a) != row[i].multicast ||
		    ipaddr_is_link_local(&a) != row[i].link_local)
			fail_msg("%s", row[i].text);
	}
}

static void networks_contain_and_overlap(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool overlaps;
	} row[] = {
		{ "10.0.0.0/8", "10.1.2.3/32", true },   { "10.0.0.0/8", "11.0.0.0/8", false },
		{ "0.0.0.0/0", "10.0.0.0/8", true },     { "10.0.0.0/25", "10.0.0.128/25", false },
		{ "10.0.0.77/24", "10.0.0.0/25", true }, { "10.0.0.200/24", "10.0.0.0/25", true },
		{ "0.0.0.0/0", "::/0", false },          { "fd00::/8", "fd00:1::/64", true },
		{ "fd00:1::/64", "fd00:2::/64", false }, { "::/0", "ff02::1/128", true },
		{ "10.0.0.0/31", "10.0.0.1/32", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct ipnet a = net(row[i].a);
		const struct ipnet b = net(row[i].b);

		if (ipnet_overlaps(&a, &b) != row[i].overlaps ||
		    ipnet_overlaps(&b, &a) != row[i].overlaps)
			fail_msg("%s and %s", row[i].a, row[i].b);
		assert_true(ipnet_overlaps(&a, &a));
		assert_true(ipnet_eq(&a, &a));
		assert_false(ipnet_eq(&a, &b));
	}
}

static void default_destinations(void **state)
{
	const struct ipnet v4 = net("0.0.0.0/0");
	const struct ipnet v6 = net("::/0");
	const struct ipnet host = net("0.0.0.0/32");
	const struct ipnet all = net("1.2.3.4/0");

	(void)state;
	assert_true(ipnet_is_default(&v4));
	assert_true(ipnet_is_default(&v6));
	assert_false(ipnet_is_default(&host));
	assert_false(ipnet_is_default(&all));
}

static void mac_text_forms(void **state)
{
	static const char *const pair[][2] = {
		{ "02:00:5e:10:00:ff", "02:00:5e:10:00:ff" },
		{ "02-00-5E-10-00-FF", "02:00:5e:10:00:ff" },
		{ "0200.5e10.00ff", "02:00:5e:10:00:ff" },
		{ "02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01" },
		{ "0200.5e10.0000.0001", "02:00:5e:10:00:00:00:01" },
		{ "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
		  "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01" },
		{ "0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001",
		  "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		struct macaddr m;
		struct macaddr back;
		char buf[MACADDR_STR_LEN];

		assert_int_equal(macaddr_from_str(pair[i][0], &m), 0);
		assert_string_equal(macaddr_to_str(&m, buf), pair[i][1]);
		assert_int_equal(macaddr_from_str(buf, &back), 0);
		assert_true(macaddr_eq(&m, &back));
		back.bytes[m.len - 1] ^= 1;
		assert_false(macaddr_eq(&m, &back));
	}
}

static void bad_macs_are_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		"zz",
		"02:00",
		"02:00:5e:10:00",
		"02:00:5e:10:00:",
		"02:00:5e:10:00:f",
		"02:00:5e:10:00:ff:",
		"02:00:5e:10:00:ff:01",
		"02:00:5e-10:00:ff",
		"02:00:5e:10:00:fg",
		"02:00:5e:10:00:-1",
		"2:0:5e:10:0:ff",
		"02005e1000ff",
		"0200:5e10:00ff",
		"0200.5e10.00f",
		"0200.5e10.00ff.01",
		"0200.5e10:00ff",
		" 02:00:5e:10:00:ff",
		"02:00:5e:10:00:ff ",
		"00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01:02",
		"00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01 and much more than that",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct macaddr m = { .len = 77 };

		if (macaddr_from_str(bad[i], &m) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(m.len, 77);
	}
}

static void no_mac_is_empty_text(void **state)
{
	const struct macaddr none = { .len = 0 };
	char buf[MACADDR_STR_LEN] = "x";

	(void)state;
	assert_string_equal(macaddr_to_str(&none, buf), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_forms_are_canonical),
		cmocka_unit_test(bad_addresses_are_refused_and_nothing_is_written),
		cmocka_unit_test(to_str_and_from_str_are_inverses),
		cmocka_unit_test(longest_text_fits),
		cmocka_unit_test(no_address_is_empty_text),
		cmocka_unit_test(net_keeps_host_bits),
		cmocka_unit_test(mapped_net_is_ipv4),
		cmocka_unit_test(bad_nets_are_refused_and_nothing_is_written),
		cmocka_unit_test(masks_and_ends_agree),
		cmocka_unit_test(next_and_prev_are_inverses_and_stop_at_the_ends),
		cmocka_unit_test(order_is_family_then_value),
		cmocka_unit_test(kinds_of_address),
		cmocka_unit_test(networks_contain_and_overlap),
		cmocka_unit_test(default_destinations),
		cmocka_unit_test(mac_text_forms),
		cmocka_unit_test(bad_macs_are_refused_and_nothing_is_written),
		cmocka_unit_test(no_mac_is_empty_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
