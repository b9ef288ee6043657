/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ndp.h - neighbour discovery over Ethernet (RFC 4861)
 *
 * A message is a fixed part and options.  ndp_parse() checks all of it; the options are
 * then read one by one:
 *
 *	n = ndp_parse(msg, len, &ip, &nd);
 *	for (at = n; at < len; at += ndp_opt_parse(msg + at, len - at, &opt))
 *		...
 */
#ifndef WIRE_NDP_H
#define WIRE_NDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/icmp6.h"

/* No router lets such a packet through: it is from this link (RFC 4861, 3.1). */
#define NDP_HOP_LIMIT 255

enum ndp_type {
	NDP_TYPE_ROUTER_SOLICIT = 133,
	NDP_TYPE_ROUTER_ADVERT = 134,
	NDP_TYPE_NEIGH_SOLICIT = 135,
	NDP_TYPE_NEIGH_ADVERT = 136,
	NDP_TYPE_REDIRECT = 137,
};

/* RFC 4191, 2.2; the value 2 is reserved and read as medium. */
enum ndp_preference {
	NDP_PREFERENCE_MEDIUM = 0,
	NDP_PREFERENCE_HIGH = 1,
	NDP_PREFERENCE_LOW = 3,
};

/**
 * struct ndp_repr - The fixed part of a message
 * @type:		Which member of the union holds; none for a router solicitation
 * @ra.lifetime_s:	As a default router; 0: it is none
 * @ra.reachable_ms:	0: unspecified, as the next two
 * @ra.retrans_ms:	Between solicitations
 * @ra.hop_limit:	For packets sent from here
 * @ra.preference:	Among default routers
 * @ra.managed:		Addresses by DHCPv6
 * @ra.other:		Other configuration by DHCPv6
 * @ns.target:		Who is asked for, not multicast
 * @na.target:		Who answers, not multicast
 * @na.router:		It is a router
 * @na.solicited:	It was asked; never in a message to a multicast address
 * @na.override:	Forget another link address
 * @redirect.target:	The better next hop: link-local, or @redirect.dst itself
 * @redirect.dst:	Where packets were going, not multicast
 */
struct ndp_repr {
	enum ndp_type type;
	union {
		struct {
			uint32_t reachable_ms;
			uint32_t retrans_ms;
			uint16_t lifetime_s;
			uint8_t hop_limit;
			enum ndp_preference preference;
			bool managed;
			bool other;
		} ra;
		struct {
			struct ip6_addr target;
		} ns;
		struct {
			struct ip6_addr target;
			bool router;
			bool solicited;
			bool override;
		} na;
		struct {
			struct ip6_addr target;
			struct ip6_addr dst;
		} redirect;
	};
};

/**
 * ndp_parse() - Check a message and read its fixed part
 * @buf:	The ICMPv6 message, its checksum verified
 * @len:	All of it
 * @ip:		The packet it came in; @router_alert does not matter
 * @ret:	Written on success
 *
 * RFC 4861: 6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1.  Whether a redirect comes from the router in
 * use is for the caller.
 *
 * Return: bytes of the fixed part, or -ENODATA, -EBADMSG, -EPROTONOSUPPORT (another type)
 */
int ndp_parse(const uint8_t *buf, size_t len, const struct icmp6_ip *ip, struct ndp_repr *ret);
int ndp_emit(uint8_t *buf, size_t len, const struct ndp_repr *r);

enum ndp_opt_type {
	NDP_OPT_SOURCE_LLADDR = 1,
	NDP_OPT_TARGET_LLADDR = 2,
	NDP_OPT_PREFIX = 3,
	NDP_OPT_REDIRECTED = 4,
	NDP_OPT_MTU = 5,
	NDP_OPT_NONCE = 14, /* RFC 3971, 5.3.2; in duplicate address detection RFC 7527 */
	NDP_OPT_RDNSS = 25, /* RFC 8106, 5.1 */
};

/* A host keeps at least three (RFC 8106, 5.3.1); we keep so many per option. */
#define NDP_RDNSS_MAX        3
#define NDP_NONCE_LEN        6

#define NDP_LIFETIME_FOREVER 0xffffffffU

/**
 * struct ndp_opt - One option
 * @type:		enum ndp_opt_type
 * @known:		The member of the union of that type holds.  Otherwise the option has to
 *			be ignored: another type, or a length its type does not have
 * @lladdr:		Source or target link address
 * @prefix.addr:	Zero behind
 * @prefix.len:		these bits
 * @prefix.on_link:	Neighbours have it
 * @prefix.autonomous:	Make an address of it
 * @prefix.valid_s:	NDP_LIFETIME_FOREVER is infinity here and below
 * @prefix.preferred_s:	Not compared to @prefix.valid_s: RFC 4862, 5.5.3 (c) is for who uses it
 * @mtu:		Of the link, whatever it is
 * @redirected_len:	Bytes of a packet that follow the first 8 of the option
 * @nonce:		To know our own solicitation when it comes back
 * @rdnss.lifetime_s:	Of all servers
 * @rdnss.n:		How many, at least one; more than NDP_RDNSS_MAX are not seen
 * @rdnss.server:	They
 */
struct ndp_opt {
	uint8_t type;
	bool known;
	union {
		struct eth_addr lladdr;
		struct {
			struct ip6_addr addr;
			uint32_t valid_s;
			uint32_t preferred_s;
			uint8_t len;
			bool on_link;
			bool autonomous;
		} prefix;
		uint32_t mtu;
		uint16_t redirected_len;
		uint8_t nonce[NDP_NONCE_LEN];
		struct {
			uint32_t lifetime_s;
			uint8_t n;
			struct ip6_addr server[NDP_RDNSS_MAX];
		} rdnss;
	};
};

/**
 * ndp_opt_parse() - Read the next option
 *
 * Return: its length, or -ENODATA when it goes beyond @len, -EBADMSG for a length of 0 or a
 *         link address that is not Ethernet's
 */
int ndp_opt_parse(const uint8_t *buf, size_t len, struct ndp_opt *ret);

/* -EINVAL for one that is not known.  The packet of NDP_OPT_REDIRECTED is put behind the
 * first 8 bytes by the caller; its length is a multiple of 8.
 */
int ndp_opt_emit(uint8_t *buf, size_t len, const struct ndp_opt *r);

/**
 * ndp_lladdr() - The first link address option of a message
 * @buf:	Message
 * @len:	All of it
 * @fixed:	What ndp_parse() returned
 * @type:	NDP_OPT_SOURCE_LLADDR or NDP_OPT_TARGET_LLADDR
 * @ret:	Written if there is one
 */
bool ndp_lladdr(const uint8_t *buf, size_t len, size_t fixed, enum ndp_opt_type type,
		struct eth_addr *ret);

#endif /* WIRE_NDP_H */
