/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * icmp6.h - ICMPv6: errors and echo (RFC 4443); neighbour discovery is in ndp.h, multicast
 * listeners in mld.h
 */
#ifndef WIRE_ICMP6_H
#define WIRE_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define ICMP6_HDR_LEN 8

/* Types below 128 are errors (RFC 4443, 2.1). */
enum icmp6_type {
	ICMP6_TYPE_UNREACHABLE = 1,
	ICMP6_TYPE_PACKET_TOO_BIG = 2,
	ICMP6_TYPE_TIME_EXCEEDED = 3,
	ICMP6_TYPE_PARAM_PROBLEM = 4, /* codes: enum ipv6_problem_code */
	ICMP6_TYPE_ECHO = 128,
	ICMP6_TYPE_ECHO_REPLY = 129,
};

/* Codes of ICMP6_TYPE_UNREACHABLE (RFC 4443, 3.1). */
enum icmp6_unreachable {
	ICMP6_UNREACHABLE_NO_ROUTE = 0,
	ICMP6_UNREACHABLE_PROHIBITED = 1,
	ICMP6_UNREACHABLE_SCOPE = 2, /* of the source address */
	ICMP6_UNREACHABLE_ADDRESS = 3,
	ICMP6_UNREACHABLE_PORT = 4,
	ICMP6_UNREACHABLE_POLICY = 5,
	ICMP6_UNREACHABLE_REJECT_ROUTE = 6,
};

/* Codes of ICMP6_TYPE_TIME_EXCEEDED (RFC 4443, 3.3). */
enum {
	ICMP6_TIME_EXCEEDED_HOP_LIMIT = 0,
	ICMP6_TIME_EXCEEDED_REASSEMBLY = 1,
};

/* An error quotes as much as fits into a packet of the least MTU (RFC 4443, 2.4 (c)). */
#define ICMP6_ERROR_LEN_MAX 1280

/**
 * struct icmp6_repr - The first 8 bytes of a message
 * @type:	enum icmp6_type or another
 * @code:	Of the type
 * @quote_len:	Unreachable, time exceeded: bytes of the quoted packet when something follows
 *		it (RFC 4884, 5.1), a multiple of 8 up to 2040; else 0
 * @echo:	Echo and its reply
 * @mtu:	Packet too big: of the next link
 * @pointer:	Parameter problem: which byte of the quoted packet
 * @rest:	Types that are not in enum icmp6_type: the last 4 bytes
 */
struct icmp6_repr {
	uint8_t type;
	uint8_t code;
	uint16_t quote_len;
	union {
		struct {
			uint16_t id;
			uint16_t seq;
		} echo;
		uint32_t mtu;
		uint32_t pointer;
		uint32_t rest;
	};
};

/**
 * struct icmp6_ip - What some messages are checked against
 * @src:		Source of the packet
 * @dst:		and destination
 * @hop_limit:		As received
 * @router_alert:	There was a router alert option for MLD
 */
struct icmp6_ip {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint8_t hop_limit;
	bool router_alert;
};

/**
 * icmp6_parse() - Read the header of a message
 * @len:	Of the whole message: a @quote_len beyond it counts as none
 */
int icmp6_parse(const uint8_t *buf, size_t len, struct icmp6_repr *ret);
int icmp6_emit(uint8_t *buf, size_t len, const struct icmp6_repr *r);

static inline bool icmp6_type_is_error(uint8_t type)
{
	return type < 128;
}

static inline bool icmp6_csum_ok(const uint8_t *buf, size_t len, struct ip6_addr src,
				 struct ip6_addr dst)
{
	return csum_ok(csum_pseudo6(src, dst, IP_PROTO_ICMP6, (uint32_t)len) +
		       csum_bytes(buf, len));
}

/* When the whole message is there; @len >= 4. */
static inline void icmp6_put_csum(uint8_t *buf, size_t len, struct ip6_addr src,
				  struct ip6_addr dst)
{
	put_be16(buf + 2, 0);
	put_be16(buf + 2, csum_finish(csum_pseudo6(src, dst, IP_PROTO_ICMP6, (uint32_t)len) +
				      csum_bytes(buf, len)));
}

#endif /* WIRE_ICMP6_H */
