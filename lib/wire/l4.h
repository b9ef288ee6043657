/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * l4.h - where the transport header of a frame or packet is
 *
 * For who does not go up layer by layer: GRO, filter, RSS, the check of what a device says
 * about a frame.  Lengths are checked, checksums, options and addresses are not.
 */
#ifndef WIRE_L4_H
#define WIRE_L4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ip.h"

/* Of a packet (not the lone fragment of RFC 6946). */
enum l4_part {
	L4_WHOLE,
	L4_FIRST_FRAGMENT,
	L4_LATER_FRAGMENT, /* what is at l4_at is no header */
};

/**
 * struct l4_repr - Result
 * @l3_at:	Offset of the IP header
 * @l4_at:	Offset of what is behind IP header, options and extension headers
 * @l4_len:	Bytes of it that belong to the packet; padding of the link does not
 * @src_port:	TCP and UDP, if @has_ports
 * @dst_port:	TCP and UDP, if @has_ports
 * @proto:	enum ip_proto or another
 * @ip_version:	4 or 6
 * @part:	Fragment?
 * @has_ports:	The ports are there; not in later fragments and packets cut short
 */
struct l4_repr {
	uint16_t l3_at;
	uint16_t l4_at;
	uint16_t l4_len;
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t proto;
	uint8_t ip_version;
	enum l4_part part;
	bool has_ports;
};

/**
 * l4_find() - In an Ethernet frame
 *
 * Return: l4_at, or an error of the parsers; -EPROTONOSUPPORT for what is not IP
 */
int l4_find(const uint8_t *frame, size_t len, struct l4_repr *ret);

/* In a packet that begins with its IP header. */
int l4_find_ip(const uint8_t *pkt, size_t len, struct l4_repr *ret);

/**
 * l4_find_quoted() - In the packet an ICMP error quotes
 *
 * It may be cut off behind the first 8 bytes of transport (RFC 792): @l4_len is what is
 * there.  -ENODATA when not even they are.
 */
int l4_find_quoted(const uint8_t *pkt, size_t len, struct l4_repr *ret);

#endif /* WIRE_L4_H */
