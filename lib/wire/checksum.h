/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * checksum.h - the Internet checksum (RFC 1071, RFC 1624)
 *
 * A sum on its way is a plain number: the 16-bit words of the data, read big endian,
 * added up and not yet folded.  Sums add with "+", in a uint64_t, which cannot overflow
 * before 2^31 pieces.  A piece that began at an odd offset goes through csum_at() first.
 * In the end csum_finish() makes the field, csum_ok() the verdict on data that
 * includes its field:
 *
 *	put_be16(seg + 16, 0);
 *	sum = csum_pseudo4(src, dst, IP_PROTO_TCP, len) + csum_bytes(seg, len);
 *	put_be16(seg + 16, csum_finish(sum));
 *
 * A sum is 0 only when every byte of it is; so csum_finish() is 0xffff for data of
 * nothing but zeros and never otherwise.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/addr.h"
#include "wire/bytes.h"

/**
 * csum_bytes() - Sum of bytes at an even offset
 * @buf:	Any alignment
 * @len:	An odd one counts as if a zero followed
 */
uint32_t csum_bytes(const uint8_t *buf, size_t len);

/**
 * csum_copy() - Copy bytes and sum them in the same pass
 * @dst:	Does not overlap @src
 *
 * Return: what csum_bytes() has for @src
 */
uint32_t csum_copy(uint8_t *restrict dst, const uint8_t *restrict src, size_t len);

/* The sum of a piece that lies at this offset of the data: bytes of an odd one count in
 * the other half of their words.
 */
static inline uint32_t csum_at(uint32_t sum, size_t offset)
{
	return offset & 1 ? sum << 8 | sum >> 24 : sum;
}

/* A value plus itself with its halves exchanged has in its upper half the sum of the
 * halves with the carry brought round: ones' complement addition.
 */
static inline uint32_t csum_fold32(uint64_t sum)
{
	return (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
}

/* 16 bits, congruent to the sum; 0 only for 0. */
static inline uint16_t csum_fold(uint64_t sum)
{
	const uint32_t s = csum_fold32(sum);

	return (uint16_t)((s + (s << 16 | s >> 16)) >> 16);
}

/* The value of a checksum field, for data in which that field was 0. */
static inline uint16_t csum_finish(uint64_t sum)
{
	return (uint16_t)~csum_fold(sum);
}

/* The sum of data, its checksum field included, is right. */
static inline bool csum_ok(uint64_t sum)
{
	return csum_fold(sum) == 0xffff;
}

static inline uint64_t csum_u64(uint64_t v)
{
	return (v >> 32) + (uint32_t)v;
}

static inline uint64_t csum_ip6_addr(struct ip6_addr a)
{
	return csum_u64(a.hi) + csum_u64(a.lo);
}

/* Pseudo header of UDP and TCP over IPv4 (RFC 768, RFC 9293 3.1).  Its csum_fold() is
 * what the field holds when a device is to finish it.
 */
static inline uint64_t csum_pseudo4(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len)
{
	return (uint64_t)src + dst + proto + len;
}

/* RFC 8200, 8.1; @len is that of header and data of the upper layer. */
static inline uint64_t csum_pseudo6(struct ip6_addr src, struct ip6_addr dst, uint8_t proto,
				    uint32_t len)
{
	return csum_ip6_addr(src) + csum_ip6_addr(dst) + proto + len;
}

/* An IPv4 header without options: its 20 bytes. */
static inline uint32_t csum_20_bytes(const uint8_t *p)
{
	uint64_t a, b;
	uint32_t c;

	memcpy(&a, p, sizeof(a));
	memcpy(&b, p + 8, sizeof(b));
	memcpy(&c, p + 16, sizeof(c));
	a += b;
	a += a < b;
	a += c;
	a += a < c;
	return WIRE_BE32(csum_fold32(a));
}

/**
 * csum_update() - A checksum after part of its data changed
 * @csum:	The field
 * @from:	Sum of the part before; of a part at an odd offset, after csum_at()
 * @to:		and after the change
 *
 * RFC 1624, equation 3.  The same as summing anew, with one exception: data that became
 * nothing but zeros gives 0 instead of 0xffff.  No packet is that, each has a version or
 * a type in it.
 */
static inline uint16_t csum_update(uint16_t csum, uint64_t from, uint64_t to)
{
	return csum_finish((uint64_t)(uint16_t)~csum + (uint16_t)~csum_fold(from) + to);
}

/* A field of 16 bits, at an even offset. */
static inline uint16_t csum_update16(uint16_t csum, uint16_t from, uint16_t to)
{
	return csum_finish((uint64_t)(uint16_t)~csum + (uint16_t)~from + to);
}

/* A field of 32 bits, at an even offset. */
static inline uint16_t csum_update32(uint16_t csum, uint32_t from, uint32_t to)
{
	return csum_finish((uint64_t)(uint16_t)~csum + (uint32_t)~from + to);
}

static inline uint16_t csum_update_ip6(uint16_t csum, struct ip6_addr from, struct ip6_addr to)
{
	return csum_update(csum, csum_ip6_addr(from), csum_ip6_addr(to));
}

#endif /* WIRE_CHECKSUM_H */
