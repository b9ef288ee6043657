/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipv6_ext.h - extension headers of IPv6 (RFC 8200, 4)
 *
 * Three ways through them:
 *
 * - ipv6_ext_parse(): as the node the packet is for.  Options are checked; whatever is wrong
 *   says which ICMPv6 error it earns.
 * - ipv6_ext_parse_hop(): as a node on the way, which looks at hop-by-hop options only.
 * - ipv6_ext_skip(): as one who wants the transport header and checks nothing but lengths.
 *
 * Headers may come in any order and number (RFC 8200, 4.1), hop-by-hop options only
 * first.  A sender can make a node work with that, so there are limits; RFC 8504, 5.3
 * allows them.
 */
#ifndef WIRE_IPV6_EXT_H
#define WIRE_IPV6_EXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ipv6.h"

/* More headers in one packet are refused: a sender that follows the order RFC 8200
 * recommends has at most six.
 */
#define IPV6_EXT_HDRS_MAX 8

/* More options in one header, padding not counted, are refused, as Linux does
 * (net.ipv6.max_hbh_opts_number, max_dst_opts_number).
 */
#define IPV6_EXT_OPTS_MAX 8

/* Padding in a row: what aligns to 8 bytes needs no more (RFC 8504, 5.3; Linux). */
#define IPV6_EXT_PAD_MAX      7

#define IPV6_FRAG_HDR_LEN     8
#define IPV6_ROUTER_ALERT_LEN 8

/* The upper two bits say what to do with an unknown one (RFC 8200, 4.2). */
enum ipv6_opt_type {
	IPV6_OPT_PAD1 = 0x00,
	IPV6_OPT_PADN = 0x01,
	IPV6_OPT_ROUTER_ALERT = 0x05, /* RFC 2711 */
	IPV6_OPT_JUMBO = 0xc2,        /* RFC 2675: unknown to us, so refused */
};

/**
 * struct ipv6_frag_repr - Fragment header (RFC 8200, 4.5)
 * @id:		Identification
 * @offset:	Where the fragment lies in the fragmentable part, in bytes, a multiple of 8
 * @next_hdr:	First header of the fragmentable part
 * @more:	Not the last one
 */
struct ipv6_frag_repr {
	uint32_t id;
	uint16_t offset;
	uint8_t next_hdr;
	bool more;
};

int ipv6_frag_parse(const uint8_t *buf, size_t len, struct ipv6_frag_repr *ret);
int ipv6_frag_emit(uint8_t *buf, size_t len, const struct ipv6_frag_repr *r);

/**
 * enum ipv6_report - Shall the source of a bad packet be told?
 *
 * IPV6_REPORT_NONE	no, drop it
 * IPV6_REPORT_UNICAST	by a parameter problem, unless it was sent to a multicast address
 * IPV6_REPORT_ALWAYS	by a parameter problem
 */
enum ipv6_report {
	IPV6_REPORT_NONE,
	IPV6_REPORT_UNICAST,
	IPV6_REPORT_ALWAYS,
};

/* Code of a parameter problem (RFC 4443, 3.4; RFC 7112, 7). */
enum ipv6_problem_code {
	IPV6_PROBLEM_FIELD = 0,
	IPV6_PROBLEM_NEXT_HDR = 1,
	IPV6_PROBLEM_OPTION = 2,
	IPV6_PROBLEM_HDR_CHAIN = 3, /* a first fragment without all headers */
};

/* @pointer: offset of the culprit from the start of the IPv6 header. */
struct ipv6_problem {
	enum ipv6_report report;
	enum ipv6_problem_code code;
	uint16_t pointer;
};

/**
 * struct ipv6_ext - What the extension headers said
 * @proto:		What follows them: an upper layer, IP_PROTO_NONE, or something unknown
 * @proto_ptr:		Offset of the byte that says so, from the start of the IPv6 header:
 *			where a parameter problem about an unknown one points
 * @router_alert:	There is a router alert option, of value
 * @router_alert_value:	that (IANA, "IPv6 Router Alert Option Values")
 * @is_fragment:	The walk ended behind a fragment header, of which there is
 * @frag:		its content.  @proto is its @next_hdr: of the whole packet, not of
 *			the bytes that follow.  A packet of one fragment is none (RFC 6946)
 * @frag_at:		Its offset from the start of the IPv6 header
 * @frag_ptr:		Offset of the next header byte that names the fragment header
 */
struct ipv6_ext {
	uint8_t proto;
	bool router_alert;
	bool is_fragment;
	uint16_t proto_ptr;
	uint16_t router_alert_value;
	uint16_t frag_at;
	uint16_t frag_ptr;
	struct ipv6_frag_repr frag;
};

/**
 * ipv6_ext_parse() - Read the extension headers of a packet for us
 * @pkt:	The packet from its IPv6 header on
 * @len:	IPV6_HDR_LEN and its payload length, without padding of the link
 * @next_hdr:	Of the IPv6 header
 * @ret:	Written on success
 * @ret_problem: Written on failure
 *
 * A routing header with segments left is a problem, whatever its type: we are no such
 * router, and type 0 is forbidden (RFC 5095).
 *
 * Return: offset of what follows, IPV6_HDR_LEN when there are no extension headers, or
 *         -ENODATA, -EBADMSG
 */
int ipv6_ext_parse(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_ext *ret,
		   struct ipv6_problem *ret_problem);

/* The same for hop-by-hop options alone. */
int ipv6_ext_parse_hop(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_ext *ret,
		       struct ipv6_problem *ret_problem);

/**
 * struct ipv6_skip - Where the transport header is
 * @proto:	Of what follows; behind a later fragment, of the whole packet
 * @is_fragment: There was a fragment header, and not a lone one
 * @frag_offset: Its offset; if not 0, what follows is no header
 */
struct ipv6_skip {
	uint8_t proto;
	bool is_fragment;
	uint16_t frag_offset;
};

/**
 * ipv6_ext_skip() - Find what is behind the extension headers
 *
 * Parameters as for ipv6_ext_parse().  An authentication header is skipped, too.
 *
 * Return: offset, or -ENODATA, -EBADMSG (too many headers)
 */
int ipv6_ext_skip(const uint8_t *pkt, size_t len, uint8_t next_hdr, struct ipv6_skip *ret);

/**
 * ipv6_ext_emit_router_alert() - Hop-by-hop options with a router alert, which MLD needs
 * @next_hdr:	What follows
 * @value:	IP_ROUTER_ALERT_MLD or another
 *
 * Return: IPV6_ROUTER_ALERT_LEN or -ENOSPC
 */
int ipv6_ext_emit_router_alert(uint8_t *buf, size_t len, uint8_t next_hdr, uint16_t value);

#endif /* WIRE_IPV6_EXT_H */
