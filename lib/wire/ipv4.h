/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipv4.h - IPv4 header (RFC 791)
 *
 * Whether the addresses may be seen here is not decided by parse: that depends on the
 * interface, and such drops have reasons of their own.
 */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define IPV4_HDR_LEN      20
#define IPV4_OPTS_LEN_MAX 40
#define IPV4_HDR_LEN_MAX  (IPV4_HDR_LEN + IPV4_OPTS_LEN_MAX)

/* Every link carries so much (RFC 791, 3.2), every host reassembles so much (3.1). */
#define IPV4_MTU_MIN   68
#define IPV4_REASS_MIN 576

/**
 * struct ipv4_repr - Values of a valid header
 * @src:		Address
 * @dst:		Address
 * @payload_len:	Bytes behind header and options
 * @id:			Identification; means something in fragments only (RFC 6864)
 * @frag_off:		Where the payload lies in the whole, in bytes, a multiple of 8; with
 *			@payload_len within the largest packet
 * @tos:		DSCP and ECN (ip_ecn_of())
 * @ttl:		0 is possible
 * @proto:		enum ip_proto or another
 * @opts_len:		Bytes of options, 0 to 40, a multiple of 4; they lie behind the first
 *			IPV4_HDR_LEN bytes (ipv4_options.h)
 * @dont_frag:		DF
 * @more_frags:		MF; @payload_len is then a multiple of 8
 */
struct ipv4_repr {
	uint32_t src;
	uint32_t dst;
	uint16_t payload_len;
	uint16_t id;
	uint16_t frag_off;
	uint8_t tos;
	uint8_t ttl;
	uint8_t proto;
	uint8_t opts_len;
	bool dont_frag;
	bool more_frags;
};

static inline bool ipv4_is_fragment(const struct ipv4_repr *r)
{
	return r->more_frags || r->frag_off;
}

/* A fragment that can be part of a packet: its end is within the largest one, and only
 * the last one ends between two multiples of 8.
 */
static inline bool ipv4_fragment_is_legal(const struct ipv4_repr *r)
{
	return (uint32_t)r->frag_off + r->payload_len <= IP_LEN_MAX - IPV4_HDR_LEN &&
	       !(r->more_frags && (r->payload_len % 8 || !r->payload_len));
}

/**
 * ipv4_parse_quoted() - Read a header whose packet may be cut off
 *
 * For what an ICMP error quotes: @len must cover header and options, @payload_len
 * is what the packet had, not what is there.
 *
 * Return: as ipv4_parse()
 */
static inline int ipv4_parse_quoted(const uint8_t *buf, size_t len, struct ipv4_repr *ret)
{
	size_t hdr_len, total_len;
	struct ipv4_repr r;
	uint16_t frag;

	if (len < IPV4_HDR_LEN)
		return -ENODATA;
	hdr_len = (buf[0] & 0xfU) * 4;
	total_len = get_be16(buf + 2);
	if (buf[0] >> 4 != 4 || hdr_len < IPV4_HDR_LEN || hdr_len > total_len)
		return -EBADMSG;
	if (hdr_len > len)
		return -ENODATA;

	frag = get_be16(buf + 6);
	r = (struct ipv4_repr){
		.src = get_be32(buf + 12),
		.dst = get_be32(buf + 16),
		.payload_len = (uint16_t)(total_len - hdr_len),
		.id = get_be16(buf + 4),
		.frag_off = (uint16_t)(frag << 3),
		.tos = buf[1],
		.ttl = buf[8],
		.proto = buf[9],
		.opts_len = (uint8_t)(hdr_len - IPV4_HDR_LEN),
		.dont_frag = frag >> 14 & 1,
		.more_frags = frag >> 13 & 1,
	};
	if (ipv4_is_fragment(&r) && !ipv4_fragment_is_legal(&r))
		return -EBADMSG;
	*ret = r;
	return (int)hdr_len;
}

/**
 * ipv4_parse() - Read a header
 * @buf:	The packet
 * @len:	Bytes there, perhaps with padding of the link behind the packet
 *
 * The checksum is not verified (ipv4_csum_ok()), options are not read.  The reserved bit
 * is ignored (RFC 791 wants it zero, nobody drops for it).
 *
 * Return: bytes of header and options.  With @payload_len they are within @len.
 */
static inline int ipv4_parse(const uint8_t *buf, size_t len, struct ipv4_repr *ret)
{
	/* First of all: what was cut off on its way is short, not malformed. */
	if (len < IPV4_HDR_LEN || get_be16(buf + 2) > len)
		return -ENODATA;
	return ipv4_parse_quoted(buf, len, ret);
}

/**
 * ipv4_emit() - Write the header and its checksum
 * @buf:	Where; the options, if any, are there already, behind the first 20 bytes
 *
 * Return: bytes of header and options
 */
static inline int ipv4_emit(uint8_t *buf, size_t len, const struct ipv4_repr *r)
{
	const size_t hdr_len = (size_t)IPV4_HDR_LEN + r->opts_len;
	const uint16_t first = (uint16_t)(0x4000 | hdr_len / 4 << 8 | r->tos);
	const uint16_t total = (uint16_t)(hdr_len + r->payload_len);
	const uint16_t frag =
		(uint16_t)(r->dont_frag << 14 | r->more_frags << 13 | r->frag_off >> 3);
	const uint16_t life = (uint16_t)(r->ttl << 8 | r->proto);
	uint64_t sum;

	if (r->opts_len > IPV4_OPTS_LEN_MAX || r->opts_len % 4 || r->frag_off % 8 ||
	    hdr_len + r->payload_len > IP_LEN_MAX)
		return -EINVAL;
	if (ipv4_is_fragment(r) && !ipv4_fragment_is_legal(r))
		return -EINVAL;
	if (len < hdr_len)
		return -ENOSPC;

	/* From the values: what was just written in pieces is slow to read as a whole. */
	sum = (uint64_t)first + total + r->id + frag + life + r->src + r->dst;
	if (r->opts_len)
		sum += csum_bytes(buf + IPV4_HDR_LEN, r->opts_len);
	put_be16(buf, first);
	put_be16(buf + 2, total);
	put_be16(buf + 4, r->id);
	put_be16(buf + 6, frag);
	put_be16(buf + 8, life);
	put_be16(buf + 10, csum_finish(sum));
	put_be32(buf + 12, r->src);
	put_be32(buf + 16, r->dst);
	return (int)hdr_len;
}

/* @hdr_len is what ipv4_parse() returned. */
static inline bool ipv4_csum_ok(const uint8_t *buf, size_t hdr_len)
{
	uint64_t sum = csum_20_bytes(buf);

	if (hdr_len > IPV4_HDR_LEN)
		sum += csum_bytes(buf + IPV4_HDR_LEN, hdr_len - IPV4_HDR_LEN);
	return csum_ok(sum);
}

/* Change a field of a whole header in place, its checksum with it. */
static inline void ipv4_put16(uint8_t *buf, size_t offset, uint16_t value)
{
	const uint16_t csum = csum_update16(get_be16(buf + 10), get_be16(buf + offset), value);

	put_be16(buf + offset, value);
	put_be16(buf + 10, csum);
}

static inline void ipv4_put_ttl(uint8_t *buf, uint8_t ttl)
{
	ipv4_put16(buf, 8, (uint16_t)(ttl << 8 | buf[9]));
}

static inline void ipv4_put_tos(uint8_t *buf, uint8_t tos)
{
	ipv4_put16(buf, 0, (uint16_t)(buf[0] << 8 | tos));
}

#endif /* WIRE_IPV4_H */
