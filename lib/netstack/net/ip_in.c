/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What both families do with a packet that came in.
 */
#include "netstack/net/net_priv.h"
#include "wire/bytes.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* A checksum that is not that of the packet but of one inside of it, in a tunnel: behind @l4_at.
 * It is finished here, and the packet is then one like others.
 */
static int finish_inner(struct pbuf *pb, uint32_t l4_at)
{
	const uint32_t headroom = pbuf_headroom(pb);
	const uint32_t end = pb->l4 - headroom + pb->csum_offset + 2U;

	if (pb->gso != PBUF_GSO_NONE || pb->l4 == PBUF_NO_OFFSET || pb->l4 <= headroom + l4_at ||
	    pb->len < end)
		return DROP_IP_BAD;
	if (!pbuf_unshare(pb, end))
		return DROP_NO_MEMORY;
	pbuf_finish_csum(pb);
	return RX_PASS;
}

/* The transport header at @l4_at and where its checksum is, as a device should have said. */
static int check_l4(struct pbuf *pb, uint32_t l4_at, uint32_t min_len, uint16_t csum_offset)
{
	if (pb->len < l4_at + min_len)
		return DROP_IP_BAD;
	if (!pbuf_pullup(pb, l4_at + min_len))
		return DROP_NO_MEMORY;
	if (pb->csum == PBUF_CSUM_PARTIAL &&
	    (pb->csum_offset != csum_offset || pb->l4 != pbuf_headroom(pb) + l4_at))
		return finish_inner(pb, l4_at);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4_at);
	pb->csum_offset = csum_offset;
	return RX_PASS;
}

int ip_check_offload(struct pbuf *pb, uint32_t l4_at, uint8_t proto, bool is_ip4)
{
	const uint8_t tcp_gso = is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
	const bool is_gso = pb->gso != PBUF_GSO_NONE;
	uint32_t hdr_len;
	int r;

	if (is_gso && (pb->gso_size == 0 || pb->gso > PBUF_GSO_UDP))
		return DROP_IP_BAD;
	if (proto == IP_PROTO_UDP) {
		if (is_gso && pb->gso != PBUF_GSO_UDP)
			return DROP_IP_BAD;
		return check_l4(pb, l4_at, UDP_HDR_LEN, 6);
	}
	if (is_gso && (proto != IP_PROTO_TCP || pb->gso != tcp_gso))
		return DROP_IP_BAD;
	if (proto != IP_PROTO_TCP)
		return finish_inner(pb, l4_at);
	r = check_l4(pb, l4_at, TCP_HDR_LEN, 16);
	if (r != RX_PASS || (!is_gso && pb->csum == PBUF_CSUM_NONE)) /* of a packet inside */
		return r;
	hdr_len = (pb->data[l4_at + 12] >> 4) * 4U;
	if (hdr_len < TCP_HDR_LEN || pb->len < l4_at + hdr_len)
		return DROP_TCP_BAD;
	return pbuf_pullup(pb, l4_at + hdr_len) ? RX_PASS : DROP_NO_MEMORY;
}

void ip_rx_refresh(struct pbuf *pb, bool is_ip4)
{
	struct ip_rx *rx = ip_rx(pb);
	const uint8_t *ip = pbuf_l3(pb);

	if (is_ip4) {
		*rx = (struct ip_rx){
			.src = ip6_addr_of_ip4(get_be32(ip + 12)),
			.dst = ip6_addr_of_ip4(get_be32(ip + 16)),
			.proto = ip[9],
			.tos = ip[1],
			.ttl = ip[8],
			.is_ip4 = true,
		};
	} else {
		*rx = (struct ip_rx){
			.src = ip6_addr_get(ip + 8),
			.dst = ip6_addr_get(ip + 24),
			.proto = ip[6],
			.tos = get_be16(ip) >> 4 & 0xff,
			.ttl = ip[7],
		};
	}
}
