/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp.h - UDP (RFC 768)
 */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

#define UDP_HDR_LEN     8
#define UDP_CSUM_OFFSET 6

/**
 * struct udp_repr - Header
 * @src_port:		0 for "none"
 * @dst_port:		Where to
 * @payload_len:	Bytes of data; the IP payload may have more, which is not part of it
 */
struct udp_repr {
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t payload_len;
};

/* As udp_parse(), for what an ICMP error quotes: data may be cut off. */
static inline int udp_parse_quoted(const uint8_t *buf, size_t len, struct udp_repr *ret)
{
	uint16_t udp_len;

	if (len < UDP_HDR_LEN)
		return -ENODATA;
	udp_len = get_be16(buf + 4);
	/* Jumbograms have a length of 0 (RFC 2675, 4). */
	if (udp_len < UDP_HDR_LEN)
		return -EBADMSG;
	*ret = (struct udp_repr){
		.src_port = get_be16(buf),
		.dst_port = get_be16(buf + 2),
		.payload_len = (uint16_t)(udp_len - UDP_HDR_LEN),
	};
	return UDP_HDR_LEN;
}

/* Return: UDP_HDR_LEN.  With @payload_len it is within @len. */
static inline int udp_parse(const uint8_t *buf, size_t len, struct udp_repr *ret)
{
	if (len < UDP_HDR_LEN || get_be16(buf + 4) > len)
		return -ENODATA;
	return udp_parse_quoted(buf, len, ret);
}

static inline int udp_emit(uint8_t *buf, size_t len, const struct udp_repr *r)
{
	if (r->payload_len > 0xffff - UDP_HDR_LEN)
		return -EINVAL;
	if (len < UDP_HDR_LEN)
		return -ENOSPC;

	put_be16(buf, r->src_port);
	put_be16(buf + 2, r->dst_port);
	put_be16(buf + 4, (uint16_t)(UDP_HDR_LEN + r->payload_len));
	put_be16(buf + UDP_CSUM_OFFSET, 0);
	return UDP_HDR_LEN;
}

/* The sender did not make a checksum: fine over IPv4 (RFC 1122, 4.1.3.4), over IPv6 to be
 * dropped (RFC 8200, 8.1) but for tunnels that are set up for it (RFC 6935).
 */
static inline bool udp_csum_is_none(const uint8_t *buf)
{
	return get_be16(buf + UDP_CSUM_OFFSET) == 0;
}

/* @len is that of the datagram, UDP_HDR_LEN and its payload, as in the pseudo header.  To
 * be asked when there is a checksum.
 */
static inline bool udp_csum_ok(const uint8_t *buf, size_t len, uint64_t pseudo)
{
	return csum_ok(pseudo + csum_bytes(buf, len));
}

/* The field's value for a finished sum; 0 is kept for "none". */
static inline uint16_t udp_csum_finish(uint64_t sum)
{
	const uint16_t csum = csum_finish(sum);

	return csum ? csum : 0xffff;
}

/* When the whole datagram is there. */
static inline void udp_put_csum(uint8_t *buf, size_t len, uint64_t pseudo)
{
	put_be16(buf + UDP_CSUM_OFFSET, 0);
	put_be16(buf + UDP_CSUM_OFFSET, udp_csum_finish(pseudo + csum_bytes(buf, len)));
}

/* csum_update() for this field: "none" stays, and no other becomes it. */
static inline uint16_t udp_csum_update(uint16_t csum, uint64_t from, uint64_t to)
{
	if (!csum)
		return 0;
	csum = csum_update(csum, from, to);
	return csum ? csum : 0xffff;
}

#endif /* WIRE_UDP_H */
