/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ethernet.h - Ethernet II header with up to two VLAN tags (IEEE 802.3, 802.1Q)
 */
#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/bytes.h"

#define ETH_HDR_LEN     14
#define ETH_VLAN_LEN    4
#define ETH_VLANS_MAX   2
#define ETH_HDR_LEN_MAX (ETH_HDR_LEN + ETH_VLANS_MAX * ETH_VLAN_LEN)

/* A frame on a cable has at least so many bytes before its FCS, the rest is padding
 * (IEEE 802.3, 3.2.8).  Virtual links carry shorter ones.
 */
#define ETH_FRAME_LEN_MIN 60

/* Below it the field is a length and an LLC header follows (IEEE 802.3, 3.2.6). */
#define ETH_TYPE_MIN 0x0600

enum eth_type {
	ETH_TYPE_IPV4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100, /* C-tag */
	ETH_TYPE_IPV6 = 0x86dd,
	ETH_TYPE_VLAN_SERVICE = 0x88a8, /* S-tag */
};

/* 0 only carries the priority, 4095 is reserved (IEEE 802.1Q, table 9-2). */
#define ETH_VLAN_ID_NONE 0
#define ETH_VLAN_ID_MAX  4094
#define ETH_VLAN_PCP_MAX 7

/**
 * struct eth_vlan - One tag
 * @vid:	0 to ETH_VLAN_ID_MAX
 * @pcp:	Priority, 0 to ETH_VLAN_PCP_MAX
 * @dei:	Drop eligible
 * @service:	An S-tag (0x88a8), else a C-tag (0x8100)
 */
struct eth_vlan {
	uint16_t vid;
	uint8_t pcp;
	bool dei;
	bool service;
};

/**
 * struct eth_repr - Header of a frame
 * @dst:	To whom
 * @src:	By whom; not checked, a bridge may want to see what is wrong
 * @type:	Of what follows all tags: enum eth_type or another, >= ETH_TYPE_MIN
 * @n_vlans:	Tags, outermost first; those behind it are zero
 */
struct eth_repr {
	struct eth_addr dst;
	struct eth_addr src;
	uint16_t type;
	uint8_t n_vlans;
	struct eth_vlan vlan[ETH_VLANS_MAX];
};

/* The rest of eth_parse(), for frames whose type is a tag or a length. */
int eth_parse_tagged(const uint8_t *buf, size_t len, struct eth_repr *ret);

/**
 * eth_parse() - Read the header, tags included
 *
 * -EPROTONOSUPPORT for LLC and for more than two tags, -EBADMSG for VLAN 4095.
 */
static inline int eth_parse(const uint8_t *buf, size_t len, struct eth_repr *ret)
{
	uint16_t type;

	if (len < ETH_HDR_LEN)
		return -ENODATA;
	type = get_be16(buf + 12);
	if (type < ETH_TYPE_MIN || type == ETH_TYPE_VLAN || type == ETH_TYPE_VLAN_SERVICE)
		return eth_parse_tagged(buf, len, ret);

	*ret = (struct eth_repr){
		.dst = eth_addr_get(buf),
		.src = eth_addr_get(buf + 6),
		.type = type,
	};
	return ETH_HDR_LEN;
}

int eth_emit(uint8_t *buf, size_t len, const struct eth_repr *r);

/* Bytes of zeros that a frame of @len bytes needs on a cable. */
static inline size_t eth_padding(size_t len)
{
	return len < ETH_FRAME_LEN_MIN ? ETH_FRAME_LEN_MIN - len : 0;
}

#endif /* WIRE_ETHERNET_H */
