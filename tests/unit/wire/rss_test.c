/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/rss.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "wire/addr.h"
#include "wire/bytes.h"

static struct rss rss;

static int set_up(void **state)
{
	(void)state;
	rss_init(&rss, rss_key_microsoft);
	return 0;
}

/* Microsoft, "Verifying the RSS Hash Calculation". */
static const struct {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint32_t want, want_ports;
} ip4[] = {
	{ IP4_ADDR(66, 9, 149, 187), IP4_ADDR(161, 142, 100, 80), 2794, 1766, 0x323e8fc2,
	  0x51ccc178 },
	{ IP4_ADDR(199, 92, 111, 2), IP4_ADDR(65, 69, 140, 83), 14230, 4739, 0xd718262a,
	  0xc626b0ea },
	{ IP4_ADDR(24, 19, 198, 95), IP4_ADDR(12, 22, 207, 184), 12898, 38024, 0xd2d0a5de,
	  0x5c2b394a },
	{ IP4_ADDR(38, 27, 205, 30), IP4_ADDR(209, 142, 163, 6), 48228, 2217, 0x82989176,
	  0xafc7327f },
	{ IP4_ADDR(153, 39, 163, 191), IP4_ADDR(202, 188, 127, 2), 44251, 1303, 0x5d1809c5,
	  0x10e828a2 },
};

static const struct {
	struct ip6_addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t want, want_ports;
} ip6[] = {
	{ { 0x3ffe250102001fff, 0x0000000000000007 },
	  { 0x3ffe250102000003, 0x0000000000000001 },
	  2794,
	  1766,
	  0x2cc18cd5,
	  0x40207d3d },
	{ { 0x3ffe050100080000, 0x026097fffe40efab },
	  { 0xff02000000000000, 0x0000000000000001 },
	  14230,
	  4739,
	  0x0f0c461c,
	  0xdde51bbf },
	{ { 0x3ffe190045450003, 0x0200f8fffe2167cf },
	  { 0xfe80000000000000, 0x0200f8fffe2167cf },
	  44251,
	  38024,
	  0x4b61e985,
	  0x02d1feef },
};

static void microsoft_ipv4(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ip4); i++) {
		uint8_t input[12];

		put_be32(input, ip4[i].src);
		put_be32(input + 4, ip4[i].dst);
		put_be16(input + 8, ip4[i].src_port);
		put_be16(input + 10, ip4[i].dst_port);
		assert_int_equal(rss_hash(&rss, input, 8), ip4[i].want);
		assert_int_equal(rss_hash(&rss, input, 12), ip4[i].want_ports);
	}
}

static void microsoft_ipv6(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ip6); i++) {
		uint8_t input[36];

		ip6_addr_put(input, ip6[i].src);
		ip6_addr_put(input + 16, ip6[i].dst);
		put_be16(input + 32, ip6[i].src_port);
		put_be16(input + 34, ip6[i].dst_port);
		assert_int_equal(rss_hash(&rss, input, 32), ip6[i].want);
		assert_int_equal(rss_hash(&rss, input, 36), ip6[i].want_ports);
	}
}

/* The definition: each bit of the input adds the 32 bits of the key that begin there. */
static uint32_t bit_by_bit(const uint8_t *key, const uint8_t *input, size_t len)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < len * 8; i++) {
		uint32_t window = 0;

		if (!(input[i / 8] >> (7 - i % 8) & 1))
			continue;
		for (size_t k = i; k < i + 32; k++)
			window = window << 1 | (key[k / 8] >> (7 - k % 8) & 1);
		hash ^= window;
	}
	return hash;
}

static void any_key_and_input(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t run = 0; run < 300; run++) {
		uint8_t key[RSS_KEY_LEN], input[RSS_INPUT_MAX];
		struct rss other;

		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		for (size_t i = 0; i < sizeof(input); i++)
			input[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		rss_init(&other, key);
		for (size_t len = 0; len <= sizeof(input); len++)
			assert_int_equal(rss_hash(&other, input, len), bit_by_bit(key, input, len));
	}
}

static void input_of_frames(void **state)
{
	uint8_t in[RSS_INPUT_MAX], want[RSS_INPUT_MAX];
	struct l4_repr l4 = { 0 };

	(void)state;
	assert_int_equal(l4_find(frame_tcp4_syn, sizeof(frame_tcp4_syn), &l4), 34);
	assert_int_equal(rss_input(frame_tcp4_syn, &l4, in), 12);
	memcpy(want, "\xc0\0\2\1\xc0\0\2\2", 8);
	memcpy(want + 8, frame_tcp4_syn + 34, 4);
	assert_memory_equal(in, want, 12);

	assert_int_equal(l4_find(frame_udp6_opts, sizeof(frame_udp6_opts), &l4), 70);
	assert_int_equal(rss_input(frame_udp6_opts, &l4, in), 36);
	assert_memory_equal(in, frame_udp6_opts + 22, 32);
	assert_memory_equal(in + 32, frame_udp6_opts + 70, 4);

	assert_int_equal(l4_find(frame_ping4, sizeof(frame_ping4), &l4), 34);
	assert_int_equal(rss_input(frame_ping4, &l4, in), 8);
	assert_int_equal(l4_find(frame_frag6_first, sizeof(frame_frag6_first), &l4), 62);
	assert_int_equal(rss_input(frame_frag6_first, &l4, in), 32);
}

/* All fragments of a packet get one hash, though the first one has ports. */
static void fragments_stay_together(void **state)
{
	uint8_t pkt[28] = { 0x45, 0, 0, 28, 0, 1, 0x20, 0, 64, 17, 0, 0, 1,
			    2,    3, 4, 5,  6, 7, 8,    9, 9,  8,  8, 0, 8 };
	uint8_t first[RSS_INPUT_MAX], later[RSS_INPUT_MAX];
	struct l4_repr l4 = { 0 };

	(void)state;
	assert_int_equal(l4_find_ip(pkt, sizeof(pkt), &l4), 20);
	assert_true(l4.has_ports);
	assert_int_equal(rss_input(pkt, &l4, first), 8);
	put_be16(pkt + 6, 1);
	assert_int_equal(l4_find_ip(pkt, sizeof(pkt), &l4), 20);
	assert_int_equal(rss_input(pkt, &l4, later), 8);
	assert_memory_equal(first, later, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(microsoft_ipv4),          cmocka_unit_test(microsoft_ipv6),
		cmocka_unit_test(any_key_and_input),       cmocka_unit_test(input_of_frames),
		cmocka_unit_test(fragments_stay_together),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
