/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tcp_options.h - options of a TCP segment
 *
 * RFC 9293 3.2 (EOL, NOP, MSS), RFC 7323 (window scale, timestamps), RFC 2018 and RFC 2883
 * (SACK), RFC 7413 (fast open, which is recognised and not used).
 *
 * What is malformed is treated as Linux does (net/ipv4/tcp_input.c), which is within
 * RFC 9293's MUST-7: an option of an impossible length ends the list, and the segment is
 * processed with those before it; a known option of a length it does not have is skipped.
 * Of an option that comes twice the last one counts.
 *
 * Which of them mean something depends on the segment (MSS, window scale and SACK permitted
 * only with SYN) and on what was agreed; that is for the connection.
 */
#ifndef WIRE_TCP_OPTIONS_H
#define WIRE_TCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/seq.h"
#include "wire/tcp.h"

enum tcp_opt_kind {
	TCP_OPT_EOL = 0,
	TCP_OPT_NOP = 1,
	TCP_OPT_MSS = 2,
	TCP_OPT_WSCALE = 3,
	TCP_OPT_SACK_PERMITTED = 4,
	TCP_OPT_SACK = 5,
	TCP_OPT_TIMESTAMP = 8,
	TCP_OPT_FASTOPEN = 34,
};

#define TCP_WSCALE_MAX       14 /* RFC 7323, 2.3: a larger one is read as this */
#define TCP_SACK_MAX         4  /* blocks; 3 beside timestamps (RFC 2018, 3) */
#define TCP_FASTOPEN_LEN_MIN 4  /* of a cookie (RFC 7413, 4.1.1) */
#define TCP_FASTOPEN_LEN_MAX 16

/* The layout RFC 7323, appendix A recommends and everyone sends: NOP NOP kind length. */
#define TCP_OPTS_TS_LEN  12
#define TCP_OPTS_TS_WORD 0x0101080aU

/* @left is before @right, the first octet behind the block: a list with an empty block is
 * skipped.  Where a block lies is for who knows what was sent.
 */
struct tcp_sack {
	struct seq left;
	struct seq right;
};

/**
 * struct tcp_options_repr - Options of one segment; members that are not there are 0
 * @mss:		0 for none: a peer that says 0 says nothing
 * @has_wscale:		@wscale is there,
 * @wscale:		at most TCP_WSCALE_MAX
 * @sack_permitted:	RFC 2018, 2
 * @has_ts:		@ts_val and @ts_ecr are there.  They compare like sequence numbers
 * @has_fastopen:	There is a cookie of
 * @fastopen_len:	so many bytes, even; 0 asks for one
 * @n_sack:		Blocks in @sack
 */
struct tcp_options_repr {
	uint16_t mss;
	bool has_wscale : 1;
	bool sack_permitted : 1;
	bool has_ts : 1;
	bool has_fastopen : 1;
	uint8_t wscale;
	uint8_t n_sack;
	uint8_t fastopen_len;
	uint32_t ts_val;
	uint32_t ts_ecr;
	struct tcp_sack sack[TCP_SACK_MAX];
	uint8_t fastopen[TCP_FASTOPEN_LEN_MAX];
};

/* The rest of tcp_options_parse(). */
int tcp_options_parse_any(const uint8_t *buf, size_t len, struct tcp_options_repr *ret);

/**
 * tcp_options_parse() - Read the options of a segment
 * @buf:	Behind the first TCP_HDR_LEN bytes
 * @len:	opts_len of the header
 * @ret:	Always written
 *
 * Return: @len, or less when the list ended there at an option of an impossible length
 */
static inline int tcp_options_parse(const uint8_t *buf, size_t len, struct tcp_options_repr *ret)
{
	if (len == 0) {
		*ret = (struct tcp_options_repr){ .mss = 0 };
		return 0;
	}
	if (len == TCP_OPTS_TS_LEN && get_be32(buf) == TCP_OPTS_TS_WORD) {
		*ret = (struct tcp_options_repr){
			.has_ts = true,
			.ts_val = get_be32(buf + 4),
			.ts_ecr = get_be32(buf + 8),
		};
		return TCP_OPTS_TS_LEN;
	}
	return tcp_options_parse_any(buf, len, ret);
}

/**
 * tcp_options_len() - What tcp_options_emit() needs
 *
 * Return: a multiple of 4, or -EINVAL for what no segment has: members out of their
 *         range, or more than TCP_OPTS_LEN_MAX bytes
 */
int tcp_options_len(const struct tcp_options_repr *r);

/**
 * tcp_options_emit() - Write options, padded with NOP to multiples of 4 as Linux has them
 *
 * Of timestamps alone it is TCP_OPTS_TS_WORD and the two values.
 *
 * Return: tcp_options_len(), or -ENOSPC
 */
int tcp_options_emit(uint8_t *buf, size_t len, const struct tcp_options_repr *r);

/* How many SACK blocks fit into a segment without SYN. */
static inline unsigned int tcp_options_sack_max(bool has_ts)
{
	return has_ts ? TCP_SACK_MAX - 1 : TCP_SACK_MAX;
}

#endif /* WIRE_TCP_OPTIONS_H */
