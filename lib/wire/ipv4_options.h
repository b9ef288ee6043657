/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipv4_options.h - options of an IPv4 header (RFC 791, 3.1; RFC 1122, 3.2.1.8)
 *
 * Rare, and checked as Linux does (net/ipv4/ip_options.c): the source gets an ICMP
 * parameter problem for the same bytes.
 */
#ifndef WIRE_IPV4_OPTIONS_H
#define WIRE_IPV4_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ipv4.h"

enum ipv4_opt_type {
	IPV4_OPT_EOL = 0, /* the last; the rest of the header is padding */
	IPV4_OPT_NOP = 1,
	IPV4_OPT_RECORD_ROUTE = 7,
	IPV4_OPT_TIMESTAMP = 68,
	IPV4_OPT_LOOSE_ROUTE = 131,
	IPV4_OPT_STRICT_ROUTE = 137,
	IPV4_OPT_ROUTER_ALERT = 148, /* RFC 2113 */
};

/* Bytes of a router alert option. */
#define IPV4_ROUTER_ALERT_LEN 4

/**
 * struct ipv4_option - One option, of any type
 * @type:	enum ipv4_opt_type or another
 * @data_len:	Bytes behind type and length; 0 for EOL and NOP, which have no length byte
 * @data:	These bytes, zeros behind them
 */
struct ipv4_option {
	uint8_t type;
	uint8_t data_len;
	uint8_t data[IPV4_OPTS_LEN_MAX - 2];
};

int ipv4_option_parse(const uint8_t *buf, size_t len, struct ipv4_option *ret);
int ipv4_option_emit(uint8_t *buf, size_t len, const struct ipv4_option *r);

/**
 * struct ipv4_options - What the options of a header ask for
 * @record_at:		Record route option, as offset from the header's start; 0 for none
 * @stamp_at:		Timestamp option, the same
 * @route_at:		Loose or strict source route, the same
 * @strict:		It is the strict one
 * @router_alert:	Routers shall look at the packet (RFC 2113)
 */
struct ipv4_options {
	uint8_t record_at;
	uint8_t stamp_at;
	uint8_t route_at;
	bool strict;
	bool router_alert;
};

/**
 * ipv4_options_parse() - Check all options of a header
 * @hdr:	The header, as ipv4_parse() took it
 * @hdr_len:	What that returned
 * @ret:	Written on 0
 * @ret_bad:	Written on -EBADMSG: offset of the byte an ICMP parameter problem points at
 *
 * Options of other types are ignored.  No address in them is looked at.
 *
 * Return: 0 or -EBADMSG
 */
int ipv4_options_parse(const uint8_t *hdr, size_t hdr_len, struct ipv4_options *ret,
		       uint8_t *ret_bad);

/**
 * ipv4_options_record() - Put ourselves into record route and timestamp options
 * @hdr:	The header these @o were parsed from; ipv4_emit() makes its checksum anew
 * @addr:	Address of the interface
 * @stamp:	Milliseconds since midnight UT
 *
 * For a packet that is forwarded, or answered by an echo reply (RFC 1122, 3.2.2.6).  A
 * full timestamp option counts the hop instead, a full route stays as it is.
 */
void ipv4_options_record(uint8_t *hdr, const struct ipv4_options *o, uint32_t addr, uint32_t stamp);

#endif /* WIRE_IPV4_OPTIONS_H */
