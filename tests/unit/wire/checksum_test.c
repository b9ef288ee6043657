/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/checksum.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "wire/ip.h"

/* RFC 1071, 4.1, word by word: what all others are compared to. */
static uint16_t naive(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* Numbers without a pattern, the same in each run. */
static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	while (len--)
		*p++ = (uint8_t)next(&seed);
}

/* RFC 1071, 3: the words 0001 f203 f4f5 f6f7 make ddf2. */
static void example_of_the_rfc(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(csum_fold(csum_bytes(bytes, sizeof(bytes))), 0xddf2);
	assert_int_equal(csum_finish(csum_bytes(bytes, sizeof(bytes))), 0x220d);
}

static void equals_the_naive_sum(void **state)
{
	static uint8_t buf[400];

	(void)state;
	fill(buf, sizeof(buf), 1);
	for (size_t at = 0; at < 17; at++)
		for (size_t len = 0; len < 300; len++)
			assert_int_equal(csum_fold(csum_bytes(buf + at, len)),
					 naive(buf + at, len));
	for (size_t at = 0; at < 9; at++)
		assert_int_equal(csum_fold(csum_20_bytes(buf + at)), naive(buf + at, 20));
}

/* All carries there can be, in the longest packet. */
static void carries(void **state)
{
	static uint8_t buf[65535];

	(void)state;
	for (size_t len = 65535; len > 65400; len--) {
		memset(buf, 0xff, len);
		assert_int_equal(csum_fold(csum_bytes(buf, len)), naive(buf, len));
		fill(buf, len, (uint32_t)len);
		assert_int_equal(csum_fold(csum_bytes(buf, len)), naive(buf, len));
	}
	memset(buf, 0xff, 20);
	assert_int_equal(csum_fold(csum_20_bytes(buf)), 0xffff);
}

/* Not a byte is read that does not belong. */
static void reads_what_it_is_given(void **state)
{
	(void)state;
	for (size_t len = 0; len < 200; len++) {
		cleanup_free uint8_t *src = malloc(len ? len : 1);
		cleanup_free uint8_t *dst = malloc(len ? len : 1);

		assert_non_null(src);
		assert_non_null(dst);
		memset(src, 0x5a, len);
		assert_int_equal(csum_bytes(src, len), csum_copy(dst, src, len));
		assert_memory_equal(dst, src, len);
	}
}

/* 0 comes of zeros only, and csum_finish() is then 0xffff. */
static void zero(void **state)
{
	uint8_t buf[150] = { 0 };

	(void)state;
	for (size_t len = 0; len <= sizeof(buf); len++)
		assert_int_equal(csum_bytes(buf, len), 0);
	assert_int_equal(csum_finish(0), 0xffff);
	for (size_t i = 0; i + 1 < sizeof(buf); i++) {
		/* The sum is -0: 0xffff, not 0. */
		buf[i] = 0xff;
		buf[i + 1] = 0xff;
		assert_int_equal(csum_fold(csum_bytes(buf, sizeof(buf))), 0xffff);
		assert_int_equal(csum_finish(csum_bytes(buf, sizeof(buf))), 0);
		buf[i] = 0;
		buf[i + 1] = 0;
	}
}

static void folding(void **state)
{
	static const uint64_t sum[] = {
		1,           0xffff,         0x10000,        0x1fffe,    0xffffffff,
		0x100000000, 0xffff0000ffff, UINT64_MAX - 1, UINT64_MAX, 0x123456789abcdef0
	};

	(void)state;
	assert_int_equal(csum_fold(0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sum); i++) {
		assert_true(csum_fold(sum[i]) != 0);
		assert_int_equal(csum_fold(sum[i]) % 0xffff, sum[i] % 0xffff);
		assert_int_equal(csum_fold32(sum[i]) % 0xffff, sum[i] % 0xffff);
		assert_true(csum_fold32(sum[i]) != 0);
		assert_int_equal(csum_fold(csum_u64(sum[i])), csum_fold(sum[i]));
		assert_int_equal(csum_ok(sum[i]), sum[i] % 0xffff == 0);
	}
}

/* Cut into pieces anywhere, also at odd offsets, the sum is that of the whole. */
static void pieces_make_the_whole(void **state)
{
	static uint8_t buf[200], copy[200];

	(void)state;
	fill(buf, sizeof(buf), 2);
	for (size_t a = 0; a < 70; a++) {
		for (size_t b = a; b < sizeof(buf); b++) {
			uint64_t sum = (uint64_t)csum_at(csum_bytes(buf, a), 0) +
				       csum_at(csum_bytes(buf + a, b - a), a) +
				       csum_at(csum_bytes(buf + b, sizeof(buf) - b), b);

			assert_int_equal(csum_fold(sum), naive(buf, sizeof(buf)));
			sum = (uint64_t)csum_copy(copy, buf, a) +
			      csum_at(csum_copy(copy + a, buf + a, b - a), a) +
			      csum_at(csum_copy(copy + b, buf + b, sizeof(buf) - b), b);
			assert_int_equal(csum_fold(sum), naive(buf, sizeof(buf)));
			assert_memory_equal(copy, buf, sizeof(buf));
			memset(copy, 0, sizeof(copy));
		}
	}
}

/* Copy and sum, at all alignments of both, is copy and is sum. */
static void copies_and_sums(void **state)
{
	static uint8_t src[320], dst[320];

	(void)state;
	fill(src, sizeof(src), 3);
	for (size_t s = 0; s < 17; s += 3) {
		for (size_t d = 0; d < 17; d++) {
			for (size_t len = 0; len < 280; len++) {
				memset(dst, 0xa5, sizeof(dst));
				assert_int_equal(csum_copy(dst + d, src + s, len),
						 csum_bytes(src + s, len));
				assert_memory_equal(dst + d, src + s, len);
				assert_true(law_untouched(dst, d));
				assert_true(law_untouched(dst + d + len, sizeof(dst) - d - len));
			}
		}
	}
}

/* Changed in place or summed anew: the same field, for every value of one of the words
 * and samples of the other.
 */
static void incremental_equals_anew(void **state)
{
	static const uint16_t other[] = { 0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x1234 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		for (uint32_t v = 0; v <= 0xffff; v++) {
			/* Two words, which are not all zero before or after. */
			uint8_t data[4] = { 0x80, 0x01 };
			uint16_t before, after;

			put_be16(data + 2, other[i]);
			before = csum_finish(csum_bytes(data, 4));
			put_be16(data + 2, (uint16_t)v);
			after = csum_finish(csum_bytes(data, 4));
			assert_int_equal(csum_update16(before, other[i], (uint16_t)v), after);
			assert_int_equal(csum_update16(after, (uint16_t)v, other[i]), before);
			assert_int_equal(csum_update(before, other[i], v), after);
			assert_int_equal(
				csum_update32(before, 0x80010000U | other[i], 0x80010000U | v),
				after);
		}
	}
}

/* RFC 1624, 4: the old method gives 0xffff here, ours 0. */
static void example_of_rfc_1624(void **state)
{
	(void)state;
	assert_int_equal(csum_update16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

/* A field of 0xffff is 0 in its other form, which some senders write: updates are right all
 * the same, as far as a receiver can tell.
 */
static void updates_of_minus_zero(void **state)
{
	(void)state;
	for (uint32_t v = 0; v <= 0xffff; v++) {
		/* These three sum to 0xffff: the field may be 0 or 0xffff. */
		const uint16_t word[] = { 0x1234, 0x8000, 0xffff - 0x1234 - 0x8000 };
		const uint16_t csum = csum_update16(0xffff, word[0], (uint16_t)v);

		assert_true(csum_ok((uint64_t)v + word[1] + word[2] + csum));
	}
	/* The exception in the header's words: nothing but zeros is left. */
	assert_int_equal(csum_update16(csum_finish(0x1234), 0x1234, 0), 0);
	assert_int_equal(csum_finish(0), 0xffff);
}

/* A part at an odd offset, of any length. */
static void incremental_at_odd_offsets(void **state)
{
	uint32_t seed = 4;

	(void)state;
	for (size_t run = 0; run < 2000; run++) {
		uint8_t data[64], part[16];
		const size_t len = next(&seed) % sizeof(part) + 1;
		const size_t at = next(&seed) % (sizeof(data) - len);
		uint16_t csum;

		fill(data, sizeof(data), next(&seed));
		fill(part, len, next(&seed));
		csum = csum_finish(csum_bytes(data, sizeof(data)));
		csum = csum_update(csum, csum_at(csum_bytes(data + at, len), at),
				   csum_at(csum_bytes(part, len), at));
		memcpy(data + at, part, len);
		assert_int_equal(csum, csum_finish(csum_bytes(data, sizeof(data))));
	}
}

static void incremental_addresses(void **state)
{
	const struct ip6_addr a = { 0x20010db800000000, 1 };
	const struct ip6_addr b = { 0xfe80000000000000, 0x000000fffe00000b };
	const uint64_t rest = 0xabcdef;

	(void)state;
	assert_int_equal(csum_update_ip6(csum_finish(rest + csum_ip6_addr(a)), a, b),
			 csum_finish(rest + csum_ip6_addr(b)));
}

/* What the kernel sent is right with its pseudo header, and not without. */
static void frames_of_the_kernel(void **state)
{
	const struct ip6_addr one = { 0x20010db800000000, 1 }, two = { 0x20010db800000000, 2 };
	uint64_t sum;

	(void)state;
	assert_true(csum_ok(csum_20_bytes(frame_udp4 + 14)));
	assert_true(csum_ok(csum_bytes(frame_ping4_route + 14, 60)));
	sum = csum_bytes(frame_udp4 + 34, sizeof(frame_udp4) - 34);
	assert_true(csum_ok(sum + csum_pseudo4(0xc0000201, 0xc0000202, IP_PROTO_UDP, 14)));
	assert_false(csum_ok(sum));
	sum = csum_bytes(frame_tcp4_syn + 34, sizeof(frame_tcp4_syn) - 34);
	assert_true(csum_ok(sum + csum_pseudo4(0xc0000201, 0xc0000202, IP_PROTO_TCP, 40)));
	assert_false(csum_ok(sum + csum_pseudo4(0xc0000201, 0xc0000203, IP_PROTO_TCP, 40)));
	sum = csum_bytes(frame_tcp6_syn + 54, sizeof(frame_tcp6_syn) - 54);
	assert_true(csum_ok(sum + csum_pseudo6(one, two, IP_PROTO_TCP, 40)));
	assert_false(csum_ok(sum + csum_pseudo6(one, one, IP_PROTO_TCP, 40)));
	/* A device is to finish this one. */
	assert_int_equal(get_be16(frame_vnet_tcp4_syn + 10 + 34 + 16),
			 csum_fold(csum_pseudo4(0xc0000201, 0xc0000202, IP_PROTO_TCP, 40)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_rfc),
		cmocka_unit_test(equals_the_naive_sum),
		cmocka_unit_test(carries),
		cmocka_unit_test(reads_what_it_is_given),
		cmocka_unit_test(zero),
		cmocka_unit_test(folding),
		cmocka_unit_test(pieces_make_the_whole),
		cmocka_unit_test(copies_and_sums),
		cmocka_unit_test(incremental_equals_anew),
		cmocka_unit_test(example_of_rfc_1624),
		cmocka_unit_test(updates_of_minus_zero),
		cmocka_unit_test(incremental_at_odd_offsets),
		cmocka_unit_test(incremental_addresses),
		cmocka_unit_test(frames_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
