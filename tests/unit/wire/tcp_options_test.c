/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/tcp_options.h"

#include "tests/unit/wire/frames.h"
#include "tests/unit/wire/law.h"
#include "tests/unit/wire/same.h"

LAW_PARSE(tcp_options_parse, tcp_options_repr);
LAW_EMIT(tcp_options_emit, tcp_options_repr);
LAW_SAME(tcp_options_same, tcp_options_repr);

/* The options in a frame of IPv4 and of IPv6. */
#define OPTS4(frame) (frame) + 54, (size_t)(((frame)[46] >> 4) * 4 - 20)
#define OPTS6(frame) (frame) + 74, (size_t)(((frame)[66] >> 4) * 4 - 20)

static void of_the_kernel(void **state)
{
	struct tcp_options_repr r;

	(void)state;
	assert_int_equal(tcp_options_parse(OPTS4(frame_tcp4_syn), &r), 20);
	assert_int_equal(r.mss, 1460);
	assert_true(r.sack_permitted && r.has_wscale && r.has_ts && !r.has_fastopen);
	assert_int_equal(r.wscale, 10);
	assert_int_equal(r.ts_val, get_be32(frame_tcp4_syn + 62));
	assert_int_equal(r.ts_ecr, 0);
	assert_int_equal(r.n_sack, 0);

	assert_int_equal(tcp_options_parse(OPTS6(frame_tcp6_syn), &r), 20);
	assert_int_equal(r.mss, 1440);

	assert_int_equal(tcp_options_parse(OPTS4(frame_tcp4_ack), &r), 12);
	assert_true(r.has_ts && !r.sack_permitted && !r.has_wscale && !r.mss);
	assert_int_equal(r.ts_ecr, get_be32(frame_tcp4_ack + 62));

	assert_int_equal(tcp_options_parse(OPTS4(frame_tcp4_fastopen), &r), 24);
	assert_true(r.has_fastopen);
	assert_int_equal(r.fastopen_len, 0);
	assert_int_equal(r.mss, 1460);

	assert_int_equal(tcp_options_parse(OPTS4(frame_tcp4_rst), &r), 0);
	assert_false(r.has_ts || r.mss || r.n_sack);
}

static void selective_ack(void **state)
{
	struct tcp_options_repr r;
	struct tcp_repr tcp = { 0 };

	(void)state;
	assert_int_equal(tcp_parse(frame_tcp4_sack + 34, sizeof(frame_tcp4_sack) - 34, &tcp), 44);
	assert_int_equal(tcp_options_parse(OPTS4(frame_tcp4_sack), &r), 24);
	assert_int_equal(r.n_sack, 1);
	/* 1000 bytes were lost, the 500 behind them came. */
	assert_int_equal(seq_diff(r.sack[0].left, tcp.ack), 1000);
	assert_int_equal(seq_diff(r.sack[0].right, tcp.ack), 1500);
	assert_true(r.has_ts);
}

static void laws(void **state)
{
	(void)state;
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS4(frame_tcp4_syn), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS4(frame_tcp4_syn_ack), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS4(frame_tcp4_ack), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS4(frame_tcp4_sack), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS4(frame_tcp4_fastopen), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS6(frame_tcp6_syn), 0);
	law_round_trip(law_tcp_options_parse, law_tcp_options_emit, law_tcp_options_same,
		       OPTS6(frame_tcp6_sack), 0);
}

/* The short way and the long one agree, for all words that look nearly like timestamps. */
static void fast_path(void **state)
{
	uint8_t opts[12] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct tcp_options_repr fast, slow;

	(void)state;
	assert_int_equal(tcp_options_parse(opts, 12, &fast), 12);
	assert_int_equal(tcp_options_parse_any(opts, 12, &slow), 12);
	assert_true(tcp_options_same(&fast, &slow));
	assert_true(fast.has_ts && fast.ts_val == 0x01020304 && fast.ts_ecr == 0x05060708);
	for (size_t bit = 0; bit < 32; bit++) {
		int n;

		opts[bit / 8] ^= 1 << bit % 8;
		n = tcp_options_parse(opts, 12, &fast);
		assert_int_equal(tcp_options_parse_any(opts, 12, &slow), n);
		assert_true(tcp_options_same(&fast, &slow));
		opts[bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(tcp_options_parse(opts, 0, &fast), 0);
	assert_int_equal(tcp_options_parse_any(opts, 0, &slow), 0);
	assert_true(tcp_options_same(&fast, &slow));
}

/* Lists, and how many of their bytes are read. */
static const struct {
	const char *what;
	uint8_t opts[20];
	size_t len;
	int read;
	struct tcp_options_repr want;
} rows[] = {
	{ "nothing", { 0 }, 0, 0, { 0 } },
	{ "end", { 0, 2, 4, 5, 0xb4 }, 8, 8, { 0 } },
	{ "NOPs", { 1, 1, 1, 1 }, 4, 4, { 0 } },
	{ "MSS", { 2, 4, 5, 0xb4 }, 4, 4, { .mss = 1460 } },
	{ "MSS 0 says nothing", { 2, 4, 0, 0 }, 4, 4, { 0 } },
	{ "MSS of another length",
	  { 2, 3, 5, 3, 3, 7, 1, 1 },
	  8,
	  8,
	  { .has_wscale = true, .wscale = 7 } },
	{ "the last one counts", { 2, 4, 1, 0, 2, 4, 2, 0 }, 8, 8, { .mss = 512 } },
	{ "window scale too large", { 3, 3, 15, 0 }, 4, 4, { .has_wscale = true, .wscale = 14 } },
	{ "window scale 0", { 3, 3, 0, 0 }, 4, 4, { .has_wscale = true } },
	{ "SACK permitted with data", { 4, 3, 1, 0 }, 4, 4, { 0 } },
	{ "not aligned",
	  { 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0 },
	  12,
	  12,
	  { .has_ts = true, .ts_val = 1, .ts_ecr = 2 } },
	{ "timestamps of another length", { 8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0 }, 12, 12, { 0 } },
	{ "unknown", { 253, 6, 1, 2, 3, 4, 2, 4, 5, 0xb4, 0, 0 }, 12, 12, { .mss = 1460 } },
	{ "a length of 0 ends it", { 2, 4, 5, 0xb4, 8, 0, 3, 3 }, 8, 4, { .mss = 1460 } },
	{ "a length of 1 ends it", { 2, 4, 5, 0xb4, 1, 99, 1, 7 }, 8, 5, { .mss = 1460 } },
	{ "a length beyond the end",
	  { 3, 3, 7, 2, 5, 5, 0xb4, 0 },
	  8,
	  8,
	  { .has_wscale = true, .wscale = 7 } },
	{ "a length beyond the end by one",
	  { 3, 3, 7, 2, 6, 5, 0xb4, 0 },
	  8,
	  3,
	  { .has_wscale = true, .wscale = 7 } },
	{ "a kind without a length", { 1, 1, 1, 2 }, 4, 3, { 0 } },
	{ "SACK of no block", { 5, 2, 1, 1 }, 4, 4, { 0 } },
	{ "SACK of half a block", { 5, 6, 0, 0, 0, 1, 0, 0 }, 8, 8, { 0 } },
	{ "SACK of an empty block", { 5, 10, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0 }, 12, 12, { 0 } },
	{ "SACK",
	  { 5, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5, 0, 0 },
	  12,
	  12,
	  { .n_sack = 1, .sack = { { { 0xffffffff }, { 5 } } } } },
	{ "a cookie",
	  { 34, 6, 9, 8, 7, 6, 0, 0 },
	  8,
	  8,
	  { .has_fastopen = true, .fastopen_len = 4, .fastopen = { 9, 8, 7, 6 } } },
	{ "an odd cookie", { 34, 7, 9, 8, 7, 6, 5, 0 }, 8, 8, { 0 } },
	{ "a short cookie", { 34, 4, 9, 8 }, 4, 4, { 0 } },
};

static void lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free uint8_t *opts = law_copy(rows[i].opts, rows[i].len);
		struct tcp_options_repr r, again;
		uint8_t out[40];
		int n = tcp_options_parse(opts, rows[i].len, &r);

		if (n != rows[i].read)
			fail_msg("%s: read %d bytes", rows[i].what, n);
		if (!tcp_options_same(&r, &rows[i].want))
			fail_msg("%s: read something else", rows[i].what);
		n = tcp_options_emit(out, sizeof(out), &r);
		assert_true(n >= 0 && n % 4 == 0 && n == tcp_options_len(&r));
		assert_int_equal(tcp_options_parse(out, (size_t)n, &again), n);
		assert_true(tcp_options_same(&r, &again));
	}
}

/* Of any list any part can be missing. */
static void truncation(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 24; n++) {
		cleanup_free uint8_t *opts = law_copy(frame_tcp4_fastopen + 54, n);
		struct tcp_options_repr r;
		const int read = tcp_options_parse(opts, n, &r);

		assert_true(read >= 0 && (size_t)read <= n);
		assert_int_equal(r.mss, n >= 4 ? 1460 : 0);
		assert_int_equal(r.sack_permitted, n >= 6);
		assert_int_equal(r.has_ts, n >= 16);
		assert_int_equal(r.has_wscale, n >= 20);
		assert_int_equal(r.has_fastopen, n >= 22);
	}
}

/* Every combination of options is emitted and comes back, or does not fit. */
static void combinations(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 16 * 5 * 3; i++) {
		static const uint8_t cookie_len[] = { 0, 6, 16 };
		struct tcp_options_repr r = {
			.mss = i & 1 ? 1460 : 0,
			.has_wscale = i & 2,
			.wscale = i & 2 ? 14 : 0,
			.sack_permitted = i & 4,
			.has_ts = i & 8,
			.n_sack = (uint8_t)(i / 16 % 5),
			.has_fastopen = i / 80 > 0,
			.fastopen_len = cookie_len[i / 80],
		};
		struct tcp_options_repr again;
		uint8_t out[TCP_OPTS_LEN_MAX];
		int n;

		if (r.has_ts)
			r.ts_val = r.ts_ecr = 0x01020304;
		for (size_t k = 0; k < r.n_sack; k++)
			r.sack[k] = (struct tcp_sack){ seq_of(0xfffffff0 + (uint32_t)k),
						       seq_of((uint32_t)k) };
		memset(r.fastopen, 0x7e, r.fastopen_len);
		n = tcp_options_emit(out, sizeof(out), &r);
		assert_int_equal(n, tcp_options_len(&r));
		if (i == 80 || i == 160) /* nothing but a cookie */
			assert_int_equal(n, i == 80 ? 8 : 20);
		if (n < 0) {
			assert_int_equal(n, -EINVAL);
			continue;
		}
		assert_int_equal(tcp_options_parse(out, (size_t)n, &again), n);
		assert_true(tcp_options_same(&r, &again));
	}
}

/* What fits beside what (RFC 2018, 3). */
static void room_for_sack(void **state)
{
	(void)state;
	for (unsigned int ts = 0; ts < 2; ts++) {
		for (unsigned int n = 0; n <= TCP_SACK_MAX; n++) {
			struct tcp_options_repr r = { .has_ts = ts, .n_sack = (uint8_t)n };

			for (size_t i = 0; i < n; i++)
				r.sack[i].right = seq_of(1);
			assert_int_equal(tcp_options_len(&r) >= 0, n <= tcp_options_sack_max(ts));
		}
	}
}

static void emits_no_illegal_one(void **state)
{
	const struct tcp_options_repr bad[] = {
		{ .wscale = 1 },
		{ .has_wscale = true, .wscale = 15 },
		{ .n_sack = 5 },
		{ .n_sack = 1 },
		{ .fastopen_len = 8 },
		{ .has_fastopen = true, .fastopen_len = 2 },
		{ .has_fastopen = true, .fastopen_len = 7 },
		{ .has_fastopen = true, .fastopen_len = 18 },
	};
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tcp_options_emit(buf, sizeof(buf), &bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(selective_ack),
		cmocka_unit_test(laws),
		cmocka_unit_test(fast_path),
		cmocka_unit_test(lists),
		cmocka_unit_test(truncation),
		cmocka_unit_test(combinations),
		cmocka_unit_test(room_for_sack),
		cmocka_unit_test(emits_no_illegal_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
