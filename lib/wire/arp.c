/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/arp.h"

#include <errno.h>
#include <stdbool.h>

#include "wire/bytes.h"
#include "wire/ethernet.h"

#define HTYPE_ETHERNET 1

static bool is_legal(const struct arp_repr *r)
{
	return (r->op == ARP_OP_REQUEST || r->op == ARP_OP_REPLY) && eth_addr_is_station(r->sha) &&
	       !ip4_addr_is_multicast(r->spa) && r->spa != IP4_BROADCAST;
}

int arp_parse(const uint8_t *buf, size_t len, struct arp_repr *ret)
{
	struct arp_repr r;
	uint16_t op;

	if (len < 8)
		return -ENODATA;
	op = get_be16(buf + 6);
	if (get_be16(buf) != HTYPE_ETHERNET || get_be16(buf + 2) != ETH_TYPE_IPV4)
		return -EPROTONOSUPPORT;
	if (buf[4] != ETH_ADDR_LEN || buf[5] != IP4_ADDR_LEN)
		return -EBADMSG;
	if (op != ARP_OP_REQUEST && op != ARP_OP_REPLY)
		return -EPROTONOSUPPORT;
	if (len < ARP_LEN)
		return -ENODATA;

	r = (struct arp_repr){
		.op = (enum arp_oper)op,
		.sha = eth_addr_get(buf + 8),
		.spa = get_be32(buf + 14),
		.tha = eth_addr_get(buf + 18),
		.tpa = get_be32(buf + 24),
	};
	if (!is_legal(&r))
		return -EBADMSG;
	*ret = r;
	return ARP_LEN;
}

int arp_emit(uint8_t *buf, size_t len, const struct arp_repr *r)
{
	if (!is_legal(r))
		return -EINVAL;
	if (len < ARP_LEN)
		return -ENOSPC;

	put_be16(buf, HTYPE_ETHERNET);
	put_be16(buf + 2, ETH_TYPE_IPV4);
	buf[4] = ETH_ADDR_LEN;
	buf[5] = IP4_ADDR_LEN;
	put_be16(buf + 6, (uint16_t)r->op);
	eth_addr_put(buf + 8, r->sha);
	put_be32(buf + 14, r->spa);
	eth_addr_put(buf + 18, r->tha);
	put_be32(buf + 24, r->tpa);
	return ARP_LEN;
}
