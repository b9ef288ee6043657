/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A TCP segment from any bytes, and its options.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

DEFINE_ROUND_TRIP(tcp_repr, tcp_parse, tcp_emit, tcp_same);

static void check_ranges(const struct tcp_options_repr *o)
{
	LAW(o->wscale <= TCP_WSCALE_MAX && (o->has_wscale || !o->wscale));
	LAW(o->n_sack <= TCP_SACK_MAX);
	for (size_t i = 0; i < o->n_sack; i++)
		LAW(seq_lt(o->sack[i].left, o->sack[i].right));
	LAW(o->fastopen_len <= TCP_FASTOPEN_LEN_MAX && (o->has_fastopen || !o->fastopen_len));
	LAW(o->has_ts || !(o->ts_val | o->ts_ecr));
}

static void check_options(const uint8_t *data, size_t size)
{
	/* Of their own, for the sanitizer to see what is read behind them. */
	cleanup_free uint8_t *opts = law_copy(data, size);
	uint8_t out[TCP_OPTS_LEN_MAX];
	struct tcp_options_repr o, slow, again;
	const int n = tcp_options_parse(opts, size, &o);
	int m;

	LAW(n >= 0 && (size_t)n <= size);
	LAW(tcp_options_parse_any(opts, size, &slow) == n);
	LAW(tcp_options_same(&o, &slow));
	check_ranges(&o);

	/* What was packed tightly may not fit when aligned. */
	m = tcp_options_emit(out, sizeof(out), &o);
	LAW(m == tcp_options_len(&o));
	if (m < 0)
		return;
	LAW(m % 4 == 0);
	LAW(tcp_options_parse(out, (size_t)m, &again) == m);
	LAW(tcp_options_same(&o, &again));
	LAW(m == 0 || tcp_options_emit(out, (size_t)m - 1, &o) == -ENOSPC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_repr r;
	int n;

	check_options(data, size < TCP_OPTS_LEN_MAX ? size : TCP_OPTS_LEN_MAX);
	n = tcp_parse_again(data, size, &r);
	if (n < 0)
		return 0;
	LAW(n == TCP_HDR_LEN + r.opts_len);
	check_options(data + TCP_HDR_LEN, r.opts_len);
	return 0;
}
