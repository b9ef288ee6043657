/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tcp.h - TCP header (RFC 9293, 3.1); options are in tcp_options.h
 */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/seq.h"

#define TCP_HDR_LEN      20
#define TCP_OPTS_LEN_MAX 40
#define TCP_HDR_LEN_MAX  (TCP_HDR_LEN + TCP_OPTS_LEN_MAX)
#define TCP_CSUM_OFFSET  16

/* When the peer does not say its MSS (RFC 9293, 3.7.1). */
#define TCP_MSS_DEFAULT4 536
#define TCP_MSS_DEFAULT6 1220

enum tcp_flag {
	TCP_FIN = 0x001,
	TCP_SYN = 0x002,
	TCP_RST = 0x004,
	TCP_PSH = 0x008,
	TCP_ACK = 0x010,
	TCP_URG = 0x020,
	TCP_ECE = 0x040, /* RFC 3168, 6.1 */
	TCP_CWR = 0x080, /* RFC 3168, 6.1 */
	TCP_AE = 0x100,  /* accurate ECN; was the nonce sum of RFC 3540 */
};

#define TCP_FLAGS 0x1ff

/**
 * struct tcp_repr - Header of a segment
 * @seq:	First octet, or SYN
 * @ack:	Next one expected, if TCP_ACK
 * @src_port:	From
 * @dst_port:	To
 * @flags:	enum tcp_flag
 * @wnd:	Not scaled
 * @urg:	Urgent pointer, if TCP_URG
 * @opts_len:	Bytes of options, 0 to 40, a multiple of 4; they lie behind the first
 *		TCP_HDR_LEN bytes
 */
struct tcp_repr {
	struct seq seq;
	struct seq ack;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t flags;
	uint16_t wnd;
	uint16_t urg;
	uint8_t opts_len;
};

/**
 * tcp_parse() - Read a header
 * @len:	Of the segment: what is behind the header is data
 *
 * The three reserved bits are ignored (RFC 9293, 3.1), as is what is in the fields of @ack
 * and @urg without their flags.
 *
 * Return: bytes of header and options
 */
static inline int tcp_parse(const uint8_t *buf, size_t len, struct tcp_repr *ret)
{
	size_t hdr_len;
	uint16_t bits;

	if (len < TCP_HDR_LEN)
		return -ENODATA;
	bits = get_be16(buf + 12);
	hdr_len = (bits >> 12) * 4U;
	if (hdr_len < TCP_HDR_LEN)
		return -EBADMSG;
	if (hdr_len > len)
		return -ENODATA;

	*ret = (struct tcp_repr){
		.seq = seq_of(get_be32(buf + 4)),
		.ack = seq_of(get_be32(buf + 8)),
		.src_port = get_be16(buf),
		.dst_port = get_be16(buf + 2),
		.flags = bits & TCP_FLAGS,
		.wnd = get_be16(buf + 14),
		.urg = get_be16(buf + 18),
		.opts_len = (uint8_t)(hdr_len - TCP_HDR_LEN),
	};
	return (int)hdr_len;
}

/* Writes the first TCP_HDR_LEN bytes, with a checksum of 0.
 * Return: bytes of header and options, which are within @len
 */
static inline int tcp_emit(uint8_t *buf, size_t len, const struct tcp_repr *r)
{
	const size_t hdr_len = (size_t)TCP_HDR_LEN + r->opts_len;

	if (r->opts_len > TCP_OPTS_LEN_MAX || r->opts_len % 4 || r->flags & ~TCP_FLAGS)
		return -EINVAL;
	if (len < hdr_len)
		return -ENOSPC;

	put_be16(buf, r->src_port);
	put_be16(buf + 2, r->dst_port);
	put_be32(buf + 4, r->seq.v);
	put_be32(buf + 8, r->ack.v);
	put_be16(buf + 12, (uint16_t)(hdr_len / 4 << 12 | r->flags));
	put_be16(buf + 14, r->wnd);
	put_be16(buf + TCP_CSUM_OFFSET, 0);
	put_be16(buf + 18, r->urg);
	return (int)hdr_len;
}

#endif /* WIRE_TCP_H */
