/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bytes.h - fields of more than one byte in packet memory
 *
 * Nothing else in lib/wire touches such a field: no packed struct lies over a packet,
 * so no reader needs to think of alignment, aliasing or byte order.
 *
 * What holds for all of lib/wire:
 *
 * - Functions are pure: bytes to values and back.  No state, no allocation, no I/O.
 * - x_parse(buf, len, &repr) reads at most @len bytes and returns how many of them
 *   belong to what it read, or
 *	-ENODATA		the bytes end too early,
 *	-EBADMSG		they break a rule of the protocol,
 *	-EPROTONOSUPPORT	they keep the rules, but it is nothing we handle.
 *   @repr is written on success only.  What is behind the header is not looked at,
 *   but lengths that the header claims are within @len.
 * - A repr holds values in host byte order that are possible in a valid packet; what
 *   parse refuses cannot be in it.  Code behind a parser does not check again.
 * - x_emit(buf, len, &repr) writes those bytes and returns how many, or -ENOSPC when
 *   @len is too small; -EINVAL when a repr made by hand holds what parse would refuse.
 *   What was emitted parses to the same repr.
 * - Checksums are not part of parse: whether one was verified is known to who owns the
 *   packet (a device may have done it).  Emit writes a zero, except for the IPv4 header.
 */
#ifndef WIRE_BYTES_H
#define WIRE_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define WIRE_BE16(v) __builtin_bswap16(v)
#	define WIRE_BE32(v) __builtin_bswap32(v)
#	define WIRE_BE64(v) __builtin_bswap64(v)
#	define WIRE_LE16(v) ((uint16_t)(v))
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#	define WIRE_BE16(v) ((uint16_t)(v))
#	define WIRE_BE32(v) ((uint32_t)(v))
#	define WIRE_BE64(v) ((uint64_t)(v))
#	define WIRE_LE16(v) __builtin_bswap16(v)
#else
#	error "unknown byte order"
#endif

static inline uint16_t get_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE16(v);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE32(v);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE64(v);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	v = WIRE_BE16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	v = WIRE_BE32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	v = WIRE_BE64(v);
	memcpy(p, &v, sizeof(v));
}

/* Little endian is for virtio's header alone. */
static inline uint16_t get_le16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_LE16(v);
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	v = WIRE_LE16(v);
	memcpy(p, &v, sizeof(v));
}

#endif /* WIRE_BYTES_H */
