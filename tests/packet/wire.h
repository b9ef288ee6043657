/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire.h - bytes of the packets that the instance sent
 */
#ifndef PACKET_WIRE_H
#define PACKET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/pbuf.h"
#include "wire/addr.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/**
 * struct wire - A packet, taken to pieces
 * @src, @dst:	IPv4 ones mapped
 * @l4, @l4_len: What is behind the IP header
 * @is_frag:	It is a piece, at @frag_off; nothing below was looked at
 * @tcp, @udp:	By @proto
 * @opts, @opts_len: TCP
 * @data, @data_len: Payload of TCP, UDP, echo
 * @type, @code, @rest: ICMP
 */
struct wire {
	bool is_ip4;
	struct ip6_addr src;
	struct ip6_addr dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	uint16_t ip_id;
	bool dont_frag;
	bool is_frag;
	bool frag_more;
	uint16_t frag_off;
	const uint8_t *l4;
	uint32_t l4_len;
	struct tcp_repr tcp;
	struct udp_repr udp;
	const uint8_t *opts;
	uint32_t opts_len;
	const uint8_t *data;
	uint32_t data_len;
	uint8_t type;
	uint8_t code;
	uint32_t rest;
};

/* Headers and checksums are right, NULL; else what is wrong. */
const char *wire_parse(const uint8_t *bytes, uint32_t len, struct wire *ret);

/* Finish a checksum as a device does.  NULL, or what was wrong with the half that is there. */
const char *wire_finish_csum(uint8_t *bytes, uint32_t len, uint32_t csum_start,
			     uint32_t csum_offset);

/**
 * wire_segment() - Cut a segment as a device with segmentation offload does
 * @bytes, @len: IP packet with TCP, its checksum not finished
 * @at:		Payload from here on
 * @gso_size:	So much of it, or the rest
 * @ret:	The segment, complete
 *
 * Return: its length
 */
uint32_t wire_segment(const uint8_t *bytes, uint32_t len, uint32_t at, uint32_t gso_size,
		      uint8_t *ret);

/* Bytes before the payload of such a packet. */
uint32_t wire_hdrs_len(const uint8_t *bytes);

/* The sum of the pseudo header. */
uint64_t wire_pseudo(const uint8_t *bytes, uint8_t proto, uint32_t l4_len);

/* Field of a whole TCP or UDP datagram or ICMP message is written. */
void wire_put_csum(uint8_t *l4, uint32_t l4_len, uint8_t proto, struct ip6_addr src,
		   struct ip6_addr dst, bool is_ip4);

#endif /* PACKET_WIRE_H */
