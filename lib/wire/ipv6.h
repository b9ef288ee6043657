/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipv6.h - IPv6 header (RFC 8200)
 *
 * Extension headers are in ipv6_ext.h.  A jumbogram (RFC 2675) has a payload length of 0
 * and an extension header; here it is a packet without payload, and that header is then
 * found missing.
 */
#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/bytes.h"
#include "wire/ip.h"

#define IPV6_HDR_LEN   40

#define IPV6_MTU_LEAST 1280 /* RFC 8200, 5; linux/ipv6.h has taken the better name */
#define IPV6_FLOW_MAX  0xfffffU

/**
 * struct ipv6_repr - Values of a valid header
 * @src:		Address
 * @dst:		Address
 * @flow:		Flow label, 20 bits
 * @payload_len:	Bytes behind this header, extension headers included
 * @next_hdr:		What they begin with: enum ip_proto or another
 * @hop_limit:		0 is possible
 * @tclass:		DSCP and ECN (ip_ecn_of())
 */
struct ipv6_repr {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint32_t flow;
	uint16_t payload_len;
	uint8_t next_hdr;
	uint8_t hop_limit;
	uint8_t tclass;
};

/* As ipv6_parse(), for what an ICMPv6 error quotes: the packet may be cut off behind the
 * header, @payload_len is what it had.
 */
static inline int ipv6_parse_quoted(const uint8_t *buf, size_t len, struct ipv6_repr *ret)
{
	uint32_t first;

	if (len < IPV6_HDR_LEN)
		return -ENODATA;
	first = get_be32(buf);
	if (first >> 28 != 6)
		return -EBADMSG;

	*ret = (struct ipv6_repr){
		.src = ip6_addr_get(buf + 8),
		.dst = ip6_addr_get(buf + 24),
		.flow = first & IPV6_FLOW_MAX,
		.payload_len = get_be16(buf + 4),
		.next_hdr = buf[6],
		.hop_limit = buf[7],
		.tclass = first >> 20 & 0xff,
	};
	return IPV6_HDR_LEN;
}

/**
 * ipv6_parse() - Read a header
 * @buf:	The packet
 * @len:	Bytes there, perhaps with padding of the link behind the packet
 *
 * Return: IPV6_HDR_LEN.  With @payload_len it is within @len.
 */
static inline int ipv6_parse(const uint8_t *buf, size_t len, struct ipv6_repr *ret)
{
	if (len < IPV6_HDR_LEN || get_be16(buf + 4) > len - IPV6_HDR_LEN)
		return -ENODATA;
	return ipv6_parse_quoted(buf, len, ret);
}

static inline int ipv6_emit(uint8_t *buf, size_t len, const struct ipv6_repr *r)
{
	if (r->flow > IPV6_FLOW_MAX)
		return -EINVAL;
	if (len < IPV6_HDR_LEN)
		return -ENOSPC;

	put_be32(buf, UINT32_C(6) << 28 | (uint32_t)r->tclass << 20 | r->flow);
	put_be16(buf + 4, r->payload_len);
	buf[6] = r->next_hdr;
	buf[7] = r->hop_limit;
	ip6_addr_put(buf + 8, r->src);
	ip6_addr_put(buf + 24, r->dst);
	return IPV6_HDR_LEN;
}

/* Change a field of a whole header in place. */
static inline void ipv6_put_hop_limit(uint8_t *buf, uint8_t hop_limit)
{
	buf[7] = hop_limit;
}

static inline void ipv6_put_tclass(uint8_t *buf, uint8_t tclass)
{
	put_be16(buf, (uint16_t)((get_be16(buf) & 0xf00f) | tclass << 4));
}

#endif /* WIRE_IPV6_H */
