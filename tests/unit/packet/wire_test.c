/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the runner finds wrong with bytes.
 */
#include "tests/packet/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define DATA 3000
#define LEN  (20 + 32 + DATA)

/* A segment of DATA octets with timestamps, as a device gets it that is to cut it. */
static void make(uint8_t b[static LEN])
{
	static const uint8_t opts[] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	uint8_t *tcp = b + 20;

	memset(b, 0, LEN);
	b[0] = 0x45;
	put_be16(b + 2, LEN);
	put_be16(b + 4, 77);
	b[6] = 0x40;
	b[8] = 64;
	b[9] = IP_PROTO_TCP;
	put_be32(b + 12, IP4_ADDR(10, 0, 0, 1));
	put_be32(b + 16, IP4_ADDR(10, 0, 0, 2));
	put_be16(b + 10, csum_finish(csum_bytes(b, 20)));
	put_be16(tcp, 80);
	put_be16(tcp + 2, 5000);
	put_be32(tcp + 4, UINT32_MAX - 1000);
	put_be32(tcp + 8, 1);
	tcp[12] = 8 << 4;
	tcp[13] = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR;
	memcpy(tcp + 20, opts, sizeof(opts));
	for (int i = 0; i < DATA; i++)
		tcp[32 + i] = (uint8_t)(i * 7);
	put_be16(tcp + 16, csum_fold(wire_pseudo(b, IP_PROTO_TCP, LEN - 20)));
}

static void checksums_are_finished(void **state)
{
	uint8_t b[LEN];
	struct wire w;

	(void)state;
	make(b);
	assert_string_equal(wire_parse(b, LEN, &w), "a wrong checksum");
	assert_null(wire_finish_csum(b, LEN, 20, 16));
	assert_null(wire_parse(b, LEN, &w));
	assert_int_equal(w.data_len, DATA);
	make(b);
	b[36]++;
	assert_non_null(wire_finish_csum(b, LEN, 20, 16));
	make(b);
	assert_non_null(wire_finish_csum(b, LEN, 20, 6));
}

static void segments_are_cut(void **state)
{
	uint8_t b[LEN], s[LEN];
	uint32_t at = 0;
	struct wire w;

	(void)state;
	make(b);
	for (int i = 0; i < 3; i++, at += 1400) {
		const uint32_t len = wire_segment(b, LEN, at, 1400, s);
		const bool last = i == 2;

		assert_null(wire_parse(s, len, &w));
		assert_int_equal(w.tcp.seq.v, UINT32_MAX - 1000 + at);
		assert_int_equal(w.data_len, last ? 200 : 1400);
		assert_memory_equal(w.data, b + 52 + at, w.data_len);
		assert_int_equal(w.tcp.flags & TCP_CWR, i ? 0 : TCP_CWR);
		assert_int_equal(w.tcp.flags & (TCP_FIN | TCP_PSH), last ? TCP_FIN | TCP_PSH : 0);
		assert_int_equal(w.ip_id, 77 + i);
		assert_int_equal(w.opts_len, 12);
	}
}

/* A bit anywhere that is wrong is found: all of it is under a checksum. */
static void every_bit_counts(void **state)
{
	uint8_t b[LEN];
	struct wire w;

	(void)state;
	make(b);
	assert_null(wire_finish_csum(b, LEN, 20, 16));
	for (uint32_t bit = 0; bit < 200 * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!wire_parse(b, LEN, &w) && !w.is_frag && w.proto == IP_PROTO_TCP)
			fail_msg("bit %u is not missed", bit);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void truncated_packets(void **state)
{
	uint8_t b[LEN];
	struct wire w;

	(void)state;
	make(b);
	assert_null(wire_finish_csum(b, LEN, 20, 16));
	for (uint32_t n = 0; n < LEN; n++) {
		cleanup_free uint8_t *p = malloc(n ? n : 1);

		assert_non_null(p);
		memcpy(p, b, n);
		assert_non_null(wire_parse(p, n, &w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_finished),
		cmocka_unit_test(segments_are_cut),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(truncated_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
