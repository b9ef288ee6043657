/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * icmp4.h - ICMP for IPv4 (RFC 792, RFC 1122 3.2.2)
 */
#ifndef WIRE_ICMP4_H
#define WIRE_ICMP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/bytes.h"
#include "wire/checksum.h"

#define ICMP4_HDR_LEN 8

enum icmp4_type {
	ICMP4_TYPE_ECHO_REPLY = 0,
	ICMP4_TYPE_UNREACHABLE = 3,
	ICMP4_TYPE_SOURCE_QUENCH = 4, /* must be ignored (RFC 6633) */
	ICMP4_TYPE_REDIRECT = 5,
	ICMP4_TYPE_ECHO = 8,
	ICMP4_TYPE_TIME_EXCEEDED = 11,
	ICMP4_TYPE_PARAM_PROBLEM = 12,
	ICMP4_TYPE_TIMESTAMP = 13,
	ICMP4_TYPE_TIMESTAMP_REPLY = 14,
};

/* Codes of ICMP4_TYPE_UNREACHABLE (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). */
enum icmp4_unreachable {
	ICMP4_UNREACHABLE_NET = 0,
	ICMP4_UNREACHABLE_HOST = 1,
	ICMP4_UNREACHABLE_PROTO = 2,
	ICMP4_UNREACHABLE_PORT = 3,
	ICMP4_UNREACHABLE_FRAG_NEEDED = 4,
	ICMP4_UNREACHABLE_ROUTE_FAILED = 5,
	ICMP4_UNREACHABLE_NET_UNKNOWN = 6,
	ICMP4_UNREACHABLE_HOST_UNKNOWN = 7,
	ICMP4_UNREACHABLE_HOST_ISOLATED = 8,
	ICMP4_UNREACHABLE_NET_PROHIBITED = 9,
	ICMP4_UNREACHABLE_HOST_PROHIBITED = 10,
	ICMP4_UNREACHABLE_NET_TOS = 11,
	ICMP4_UNREACHABLE_HOST_TOS = 12,
	ICMP4_UNREACHABLE_PROHIBITED = 13,
	ICMP4_UNREACHABLE_PRECEDENCE = 14,
	ICMP4_UNREACHABLE_PRECEDENCE_CUTOFF = 15,
};

/* Codes of ICMP4_TYPE_REDIRECT, ICMP4_TYPE_TIME_EXCEEDED, ICMP4_TYPE_PARAM_PROBLEM. */
enum {
	ICMP4_REDIRECT_NET = 0,
	ICMP4_REDIRECT_HOST = 1,
	ICMP4_TIME_EXCEEDED_TTL = 0,
	ICMP4_TIME_EXCEEDED_REASSEMBLY = 1,
	ICMP4_PARAM_PROBLEM_POINTER = 0,
	ICMP4_PARAM_PROBLEM_MISSING = 1, /* a required option */
};

/* An error quotes the IP header and at least so many bytes behind it (RFC 792), as a
 * rule as much as fits into this packet (RFC 1812, 4.3.2.3).
 */
#define ICMP4_QUOTE_LEN_MIN 8
#define ICMP4_ERROR_LEN_MAX 576

/**
 * struct icmp4_repr - The first 8 bytes of a message
 * @type:	enum icmp4_type or another
 * @code:	Of the type
 * @quote_len:	Unreachable, time exceeded, parameter problem: bytes of the quoted packet
 *		when something follows it (RFC 4884, 5.2), a multiple of 4 up to 1020; else 0,
 *		and the quote is all of the rest
 * @echo:	Echo, timestamp and their replies
 * @mtu:	Of a link, in ICMP4_UNREACHABLE_FRAG_NEEDED; 0 from routers older than RFC 1191
 * @pointer:	Parameter problem: which byte of the quoted packet
 * @gateway:	Redirect: the better one
 * @rest:	Other types: the last 4 bytes
 */
struct icmp4_repr {
	uint8_t type;
	uint8_t code;
	uint16_t quote_len;
	union {
		struct {
			uint16_t id;
			uint16_t seq;
		} echo;
		uint16_t mtu;
		uint8_t pointer;
		uint32_t gateway;
		uint32_t rest;
	};
};

/**
 * icmp4_parse() - Read the header of a message
 * @len:	Of the whole message: a @quote_len beyond it counts as none
 *
 * The checksum covers the whole message: icmp4_csum_ok().
 */
int icmp4_parse(const uint8_t *buf, size_t len, struct icmp4_repr *ret);
int icmp4_emit(uint8_t *buf, size_t len, const struct icmp4_repr *r);

/* It quotes a packet; never answer it with an error (RFC 1122, 3.2.2). */
bool icmp4_type_is_error(uint8_t type);

static inline bool icmp4_csum_ok(const uint8_t *buf, size_t len)
{
	return csum_ok(csum_bytes(buf, len));
}

/* When the whole message is there; @len >= ICMP4_HDR_LEN. */
static inline void icmp4_put_csum(uint8_t *buf, size_t len)
{
	put_be16(buf + 2, 0);
	put_be16(buf + 2, csum_finish(csum_bytes(buf, len)));
}

#endif /* WIRE_ICMP4_H */
