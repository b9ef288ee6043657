/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * addr.h - addresses as the data path has them
 *
 * An IPv4 address is a uint32_t in host byte order, an IPv6 address two uint64_t: they
 * compare, hash and mask in registers and are passed by value.  lib/base/ipaddr.h has
 * the forms of the control path.
 */
#ifndef WIRE_ADDR_H
#define WIRE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/bytes.h"

#define ETH_ADDR_LEN 6
#define IP4_ADDR_LEN 4
#define IP6_ADDR_LEN 16

#define IP4_ADDR(a, b, c, d)                                                                       \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

#define IP4_BROADCAST   0xffffffffU
#define IP4_ALL_HOSTS   IP4_ADDR(224, 0, 0, 1)  /* RFC 1112, 4 */
#define IP4_ALL_ROUTERS IP4_ADDR(224, 0, 0, 2)  /* RFC 2236, 3 */
#define IP4_IGMP3       IP4_ADDR(224, 0, 0, 22) /* RFC 3376, 4.2.14 */

struct eth_addr {
	uint8_t b[ETH_ADDR_LEN];
};

/* The address 2001:db8::1 is { 0x20010db800000000, 1 }. */
struct ip6_addr {
	uint64_t hi;
	uint64_t lo;
};

/* RFC 4291, 2.7.1 and RFC 3810, 5.2.14 */
#define IP6_ALL_NODES   ((struct ip6_addr){ 0xff02000000000000, 1 })
#define IP6_ALL_ROUTERS ((struct ip6_addr){ 0xff02000000000000, 2 })
#define IP6_MLD2        ((struct ip6_addr){ 0xff02000000000000, 0x16 })
#define IP6_LOOPBACK    ((struct ip6_addr){ 0, 1 })
#define IP6_UNSPECIFIED ((struct ip6_addr){ 0, 0 })

/* Scope of a multicast address (RFC 4291, 2.7). */
enum ip6_scope {
	IP6_SCOPE_INTERFACE = 1,
	IP6_SCOPE_LINK = 2,
	IP6_SCOPE_SITE = 5,
	IP6_SCOPE_GLOBAL = 14,
};

static inline struct eth_addr eth_addr_get(const uint8_t *p)
{
	struct eth_addr a;

	memcpy(a.b, p, sizeof(a.b));
	return a;
}

static inline void eth_addr_put(uint8_t *p, struct eth_addr a)
{
	memcpy(p, a.b, sizeof(a.b));
}

static inline bool eth_addr_eq(struct eth_addr a, struct eth_addr b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* Broadcast is one of them. */
static inline bool eth_addr_is_multicast(struct eth_addr a)
{
	return a.b[0] & 1;
}

static inline bool eth_addr_is_broadcast(struct eth_addr a)
{
	return eth_addr_eq(a, (struct eth_addr){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } });
}

static inline bool eth_addr_is_zero(struct eth_addr a)
{
	return eth_addr_eq(a, (struct eth_addr){ { 0 } });
}

/* What a station may have as its own address. */
static inline bool eth_addr_is_station(struct eth_addr a)
{
	return !eth_addr_is_multicast(a) && !eth_addr_is_zero(a);
}

static inline bool ip4_addr_is_multicast(uint32_t a)
{
	return a >> 28 == 14;
}

static inline bool ip4_addr_is_loopback(uint32_t a)
{
	return a >> 24 == 127;
}

static inline bool ip4_addr_is_link_local(uint32_t a)
{
	return a >> 16 == 0xa9fe; /* RFC 3927 */
}

/* 224.0.0.0/24 is not forwarded (RFC 5771, 4). */
static inline bool ip4_addr_is_local_multicast(uint32_t a)
{
	return a >> 8 == 0xe00000;
}

/* 240.0.0.0/4 (RFC 1112, 4), with the limited broadcast. */
static inline bool ip4_addr_is_reserved(uint32_t a)
{
	return a >> 28 == 15;
}

/* The first bits of it, 0 to 32. */
static inline uint32_t ip4_addr_prefix(uint32_t a, unsigned int bits)
{
	return bits ? a & ~UINT32_C(0) << (32 - bits) : 0;
}

/* RFC 1112, 6.4: 23 bits behind 01:00:5e. */
static inline struct eth_addr eth_addr_of_ip4(uint32_t group)
{
	struct eth_addr a = { { 0x01, 0x00, 0x5e, group >> 16 & 0x7f, group >> 8 & 0xff,
				group & 0xff } };

	return a;
}

static inline struct ip6_addr ip6_addr_get(const uint8_t *p)
{
	return (struct ip6_addr){ get_be64(p), get_be64(p + 8) };
}

static inline void ip6_addr_put(uint8_t *p, struct ip6_addr a)
{
	put_be64(p, a.hi);
	put_be64(p + 8, a.lo);
}

static inline bool ip6_addr_eq(struct ip6_addr a, struct ip6_addr b)
{
	return ((a.hi ^ b.hi) | (a.lo ^ b.lo)) == 0;
}

static inline bool ip6_addr_is_unspecified(struct ip6_addr a)
{
	return (a.hi | a.lo) == 0;
}

static inline bool ip6_addr_is_loopback(struct ip6_addr a)
{
	return ip6_addr_eq(a, IP6_LOOPBACK);
}

static inline bool ip6_addr_is_multicast(struct ip6_addr a)
{
	return a.hi >> 56 == 0xff;
}

/* enum ip6_scope of a multicast address, or a value that has no name there. */
static inline uint8_t ip6_addr_scope(struct ip6_addr a)
{
	return a.hi >> 48 & 0xf;
}

static inline bool ip6_addr_is_link_local(struct ip6_addr a)
{
	return a.hi >> 54 == 0xfe80 >> 6;
}

/* RFC 4193 */
static inline bool ip6_addr_is_unique_local(struct ip6_addr a)
{
	return a.hi >> 57 == 0xfc >> 1;
}

/* The first bits of it, 0 to 128. */
static inline struct ip6_addr ip6_addr_prefix(struct ip6_addr a, unsigned int bits)
{
	if (bits < 64)
		return (struct ip6_addr){ bits ? a.hi & ~UINT64_C(0) << (64 - bits) : 0, 0 };
	return (struct ip6_addr){ a.hi, bits > 64 ? a.lo & ~UINT64_C(0) << (128 - bits) : 0 };
}

/* ::ffff:a.b.c.d, never seen on a wire: how both families share one key. */
static inline struct ip6_addr ip6_addr_of_ip4(uint32_t a)
{
	return (struct ip6_addr){ 0, UINT64_C(0xffff) << 32 | a };
}

static inline bool ip6_addr_is_mapped(struct ip6_addr a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff;
}

/* ff02::1:ffXX:XXXX (RFC 4291, 2.7.1) */
static inline struct ip6_addr ip6_addr_solicited(struct ip6_addr a)
{
	return (struct ip6_addr){ 0xff02000000000000, UINT64_C(0x01ff000000) | (a.lo & 0xffffff) };
}

static inline bool ip6_addr_is_solicited(struct ip6_addr a)
{
	return a.hi == 0xff02000000000000 && a.lo >> 24 == 0x01ff;
}

/* RFC 2464, 7: 32 bits behind 33:33. */
static inline struct eth_addr eth_addr_of_ip6(struct ip6_addr group)
{
	struct eth_addr a = { { 0x33, 0x33, group.lo >> 24 & 0xff, group.lo >> 16 & 0xff,
				group.lo >> 8 & 0xff, group.lo & 0xff } };

	return a;
}

/* The interface identifier of RFC 4291, appendix A, behind fe80::/64. */
static inline struct ip6_addr ip6_addr_link_local(struct eth_addr a)
{
	const uint64_t id = (uint64_t)(a.b[0] ^ 2) << 56 | (uint64_t)a.b[1] << 48 |
			    (uint64_t)a.b[2] << 40 | UINT64_C(0xfffe) << 24 |
			    (uint64_t)a.b[3] << 16 | (uint64_t)a.b[4] << 8 | a.b[5];

	return (struct ip6_addr){ 0xfe80000000000000, id };
}

#endif /* WIRE_ADDR_H */
