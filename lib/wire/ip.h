/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ip.h - what IPv4 and IPv6 share: protocol numbers and the traffic class
 */
#ifndef WIRE_IP_H
#define WIRE_IP_H

#include <stdint.h>

/* IANA, "Assigned Internet Protocol Numbers". */
enum ip_proto {
	IP_PROTO_HOPOPTS = 0,
	IP_PROTO_ICMP = 1,
	IP_PROTO_IGMP = 2,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_ROUTING = 43,
	IP_PROTO_FRAGMENT = 44,
	IP_PROTO_AH = 51,
	IP_PROTO_ICMP6 = 58,
	IP_PROTO_NONE = 59,
	IP_PROTO_DSTOPTS = 60,
};

/* The lower two bits of TOS and traffic class (RFC 3168, 5). */
enum ip_ecn {
	IP_ECN_NOT_ECT = 0,
	IP_ECN_ECT1 = 1,
	IP_ECN_ECT0 = 2,
	IP_ECN_CE = 3,
};

static inline enum ip_ecn ip_ecn_of(uint8_t tos)
{
	return (enum ip_ecn)(tos & 3);
}

/* Value of the router alert option: look at this packet (RFC 2113, RFC 2711). */
#define IP_ROUTER_ALERT_ANY 0 /* IPv4 */
#define IP_ROUTER_ALERT_MLD 0 /* IPv6 */

/* Largest packet of either version; jumbograms (RFC 2675) are refused. */
#define IP_LEN_MAX 65535

#endif /* WIRE_IP_H */
