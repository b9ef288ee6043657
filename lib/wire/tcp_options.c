/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/tcp_options.h"

#include <errno.h>
#include <string.h>

/* With kind and length. */
#define MSS_LEN            4
#define WSCALE_LEN         3
#define SACK_PERMITTED_LEN 2
#define SACK_BLOCK_LEN     8
#define TS_LEN             10

static void read_sack(const uint8_t *opt, size_t len, struct tcp_options_repr *r)
{
	const size_t n = (len - 2) / SACK_BLOCK_LEN;
	struct tcp_sack sack[TCP_SACK_MAX] = { { seq_of(0), seq_of(0) } };

	if (n == 0 || n > TCP_SACK_MAX || (len - 2) % SACK_BLOCK_LEN)
		return;
	for (size_t i = 0; i < n; i++) {
		sack[i].left = seq_of(get_be32(opt + 2 + i * SACK_BLOCK_LEN));
		sack[i].right = seq_of(get_be32(opt + 6 + i * SACK_BLOCK_LEN));
		if (!seq_lt(sack[i].left, sack[i].right))
			return;
	}
	memcpy(r->sack, sack, sizeof(r->sack));
	r->n_sack = (uint8_t)n;
}

static bool fastopen_len_is_legal(size_t n)
{
	return n == 0 || (n >= TCP_FASTOPEN_LEN_MIN && n <= TCP_FASTOPEN_LEN_MAX && n % 2 == 0);
}

static void read_fastopen(const uint8_t *opt, size_t len, struct tcp_options_repr *r)
{
	if (!fastopen_len_is_legal(len - 2))
		return;
	memset(r->fastopen, 0, sizeof(r->fastopen));
	memcpy(r->fastopen, opt + 2, len - 2);
	r->fastopen_len = (uint8_t)(len - 2);
	r->has_fastopen = true;
}

/* An option of a possible length, which may still be the wrong one for its kind. */
static void read_option(const uint8_t *opt, size_t len, struct tcp_options_repr *r)
{
	switch (opt[0]) {
	case TCP_OPT_MSS:
		if (len == MSS_LEN && get_be16(opt + 2))
			r->mss = get_be16(opt + 2);
		break;
	case TCP_OPT_WSCALE:
		if (len == WSCALE_LEN) {
			r->has_wscale = true;
			r->wscale = opt[2] < TCP_WSCALE_MAX ? opt[2] : TCP_WSCALE_MAX;
		}
		break;
	case TCP_OPT_SACK_PERMITTED:
		if (len == SACK_PERMITTED_LEN)
			r->sack_permitted = true;
		break;
	case TCP_OPT_SACK:
		read_sack(opt, len, r);
		break;
	case TCP_OPT_TIMESTAMP:
		if (len == TS_LEN) {
			r->has_ts = true;
			r->ts_val = get_be32(opt + 2);
			r->ts_ecr = get_be32(opt + 6);
		}
		break;
	case TCP_OPT_FASTOPEN:
		read_fastopen(opt, len, r);
		break;
	default:
		break;
	}
}

int tcp_options_parse_any(const uint8_t *buf, size_t len, struct tcp_options_repr *ret)
{
	struct tcp_options_repr r = { .mss = 0 };
	size_t at = 0;

	while (at < len) {
		size_t n = 1;

		if (buf[at] == TCP_OPT_EOL) {
			at = len;
			break;
		}
		if (buf[at] != TCP_OPT_NOP) {
			n = len - at < 2 ? 0 : buf[at + 1];
			if (n < 2 || n > len - at)
				break;
			read_option(buf + at, n, &r);
		}
		at += n;
	}
	*ret = r;
	return (int)at;
}

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static bool is_legal(const struct tcp_options_repr *r)
{
	for (size_t i = 0; i < r->n_sack && i < TCP_SACK_MAX; i++)
		if (!seq_lt(r->sack[i].left, r->sack[i].right))
			return false;
	return (r->has_wscale ? r->wscale <= TCP_WSCALE_MAX : !r->wscale) &&
	       r->n_sack <= TCP_SACK_MAX &&
	       (r->has_fastopen ? fastopen_len_is_legal(r->fastopen_len) : !r->fastopen_len);
}

int tcp_options_len(const struct tcp_options_repr *r)
{
	size_t n = 0;

	if (!is_legal(r))
		return -EINVAL;
	if (r->mss)
		n += MSS_LEN;
	if (r->has_ts)
		n += TCP_OPTS_TS_LEN; /* SACK permitted takes the place of its padding */
	else if (r->sack_permitted)
		n += align4(SACK_PERMITTED_LEN);
	if (r->has_wscale)
		n += align4(WSCALE_LEN);
	if (r->n_sack)
		n += align4(2 + (size_t)r->n_sack * SACK_BLOCK_LEN);
	if (r->has_fastopen)
		n += align4(2 + (size_t)r->fastopen_len);
	return n <= TCP_OPTS_LEN_MAX ? (int)n : -EINVAL;
}

static uint8_t *put_head(uint8_t *p, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	p[0] = a;
	p[1] = b;
	p[2] = c;
	p[3] = d;
	return p + 4;
}

static uint8_t *put_sack(uint8_t *p, const struct tcp_options_repr *r)
{
	const size_t n = 2 + (size_t)r->n_sack * SACK_BLOCK_LEN;

	p = put_head(p, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK, (uint8_t)n);
	for (size_t i = 0; i < r->n_sack; i++, p += SACK_BLOCK_LEN) {
		put_be32(p, r->sack[i].left.v);
		put_be32(p + 4, r->sack[i].right.v);
	}
	return p;
}

static uint8_t *put_fastopen(uint8_t *p, const struct tcp_options_repr *r)
{
	const size_t n = 2 + (size_t)r->fastopen_len;

	p[0] = TCP_OPT_FASTOPEN;
	p[1] = (uint8_t)n;
	memcpy(p + 2, r->fastopen, r->fastopen_len);
	memset(p + n, TCP_OPT_NOP, align4(n) - n);
	return p + align4(n);
}

int tcp_options_emit(uint8_t *buf, size_t len, const struct tcp_options_repr *r)
{
	const int n = tcp_options_len(r);
	uint8_t *p = buf;

	if (n < 0)
		return n;
	if (len < (size_t)n)
		return -ENOSPC;

	if (r->mss)
		p = put_head(p, TCP_OPT_MSS, MSS_LEN, (uint8_t)(r->mss >> 8), (uint8_t)r->mss);
	if (r->has_ts) {
		p = r->sack_permitted
			    ? put_head(p, TCP_OPT_SACK_PERMITTED, SACK_PERMITTED_LEN,
				       TCP_OPT_TIMESTAMP, TS_LEN)
			    : put_head(p, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_TIMESTAMP, TS_LEN);
		put_be32(p, r->ts_val);
		put_be32(p + 4, r->ts_ecr);
		p += 8;
	} else if (r->sack_permitted) {
		p = put_head(p, TCP_OPT_NOP, TCP_OPT_NOP, TCP_OPT_SACK_PERMITTED,
			     SACK_PERMITTED_LEN);
	}
	if (r->has_wscale)
		p = put_head(p, TCP_OPT_NOP, TCP_OPT_WSCALE, WSCALE_LEN, r->wscale);
	if (r->n_sack)
		p = put_sack(p, r);
	if (r->has_fastopen)
		p = put_fastopen(p, r);
	return n;
}
