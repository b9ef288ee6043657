/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * arp.h - ARP for IPv4 over Ethernet (RFC 826, RFC 5227)
 */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"

#define ARP_LEN 28

enum arp_oper {
	ARP_OP_REQUEST = 1,
	ARP_OP_REPLY = 2,
};

/**
 * struct arp_repr - A request or a reply
 * @op:		Which of them
 * @sha:	Sender's link address, that of a station
 * @spa:	Sender's IP address, not multicast; 0 in a probe (RFC 5227, 2.1.1)
 * @tha:	Target's link address; anything in a request
 * @tpa:	Target's IP address; the same as @spa in an announcement
 */
struct arp_repr {
	enum arp_oper op;
	uint32_t spa;
	uint32_t tpa;
	struct eth_addr sha;
	struct eth_addr tha;
};

/* -EPROTONOSUPPORT for other hardware, protocols and operations; -EBADMSG when the
 * sender has no address that a station can have (RFC 1812, 3.3.2).
 */
int arp_parse(const uint8_t *buf, size_t len, struct arp_repr *ret);
int arp_emit(uint8_t *buf, size_t len, const struct arp_repr *r);

#endif /* WIRE_ARP_H */
