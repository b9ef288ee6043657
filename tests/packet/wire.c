/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire.c - bytes of the packets that the instance sent
 *
 * Fields are read here by their offsets in the RFCs and not by the parsers of lib/wire: what
 * these get wrong, the instance gets wrong, too, and it would not show.
 */
#include "wire.h"

#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

static struct ip6_addr mapped(uint32_t ip4)
{
	return (struct ip6_addr){ 0, UINT64_C(0xffff00000000) | ip4 };
}

uint64_t wire_pseudo(const uint8_t *bytes, uint8_t proto, uint32_t l4_len)
{
	if (bytes[0] >> 4 == 4)
		return csum_pseudo4(get_be32(bytes + 12), get_be32(bytes + 16), proto, l4_len);
	return csum_pseudo6(ip6_addr_get(bytes + 8), ip6_addr_get(bytes + 24), proto, l4_len);
}

static uint32_t csum_field(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return 16;
	case IP_PROTO_UDP:
		return 6;
	default:
		return 2;
	}
}

void wire_put_csum(uint8_t *l4, uint32_t l4_len, uint8_t proto, struct ip6_addr src,
		   struct ip6_addr dst, bool is_ip4)
{
	const uint32_t at = csum_field(proto);
	uint64_t pseudo = 0;
	uint16_t csum;

	if (proto != IP_PROTO_ICMP)
		pseudo = is_ip4 ? csum_pseudo4((uint32_t)src.lo, (uint32_t)dst.lo, proto, l4_len)
				: csum_pseudo6(src, dst, proto, l4_len);
	put_be16(l4 + at, 0);
	csum = csum_finish(pseudo + csum_bytes(l4, l4_len));
	put_be16(l4 + at, proto == IP_PROTO_UDP && !csum ? 0xffff : csum);
}

/* --- taking to pieces --- */

static const char *parse_tcp(struct wire *w)
{
	const uint8_t *p = w->l4;
	uint32_t hdr_len;

	if (w->l4_len < TCP_HDR_LEN)
		return "a TCP header that is cut short";
	hdr_len = (p[12] >> 4) * 4U;
	if (hdr_len < TCP_HDR_LEN || hdr_len > w->l4_len)
		return "a TCP header of an impossible length";
	if (p[12] & 0x0e)
		return "reserved bits of the TCP header that are not zero (RFC 9293, 3.1)";
	w->tcp = (struct tcp_repr){
		.src_port = get_be16(p),
		.dst_port = get_be16(p + 2),
		.seq = { get_be32(p + 4) },
		.ack = { get_be32(p + 8) },
		.flags = get_be16(p + 12) & 0x1ff,
		.wnd = get_be16(p + 14),
		.urg = get_be16(p + 18),
	};
	w->opts = p + TCP_HDR_LEN;
	w->opts_len = hdr_len - TCP_HDR_LEN;
	w->data = p + hdr_len;
	w->data_len = w->l4_len - hdr_len;
	if (!(w->tcp.flags & TCP_ACK) && w->tcp.ack.v)
		return "an acknowledgement number without the flag ACK";
	return NULL;
}

static const char *parse_l4(struct wire *w)
{
	const uint8_t *p = w->l4;

	switch (w->proto) {
	case IP_PROTO_TCP:
		return parse_tcp(w);
	case IP_PROTO_UDP:
		if (w->l4_len < UDP_HDR_LEN || get_be16(p + 4) != w->l4_len)
			return "a UDP datagram of a wrong length";
		if (get_be16(p + 6) == 0)
			return "a UDP datagram without a checksum";
		w->udp = (struct udp_repr){ get_be16(p), get_be16(p + 2),
					    (uint16_t)(w->l4_len - UDP_HDR_LEN) };
		w->data = p + UDP_HDR_LEN;
		w->data_len = w->l4_len - UDP_HDR_LEN;
		return NULL;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		if (w->l4_len < 8)
			return "an ICMP message that is cut short";
		w->type = p[0];
		w->code = p[1];
		w->rest = get_be32(p + 4);
		w->data = p + 8;
		w->data_len = w->l4_len - 8;
		return NULL;
	default:
		return NULL;
	}
}

static const char *parse_ip4(const uint8_t *p, uint32_t len, struct wire *w)
{
	const uint32_t hdr_len = (p[0] & 15) * 4U;

	if (len < 20 || hdr_len < 20 || hdr_len > len || get_be16(p + 2) != len)
		return "an IPv4 header of a wrong length";
	if (!csum_ok(csum_bytes(p, hdr_len)))
		return "a wrong checksum of the IPv4 header";
	w->is_ip4 = true;
	w->tos = p[1];
	w->ip_id = get_be16(p + 4);
	w->dont_frag = p[6] & 0x40;
	w->frag_more = p[6] & 0x20;
	w->frag_off = (uint16_t)((get_be16(p + 6) & 0x1fff) * 8);
	w->is_frag = w->frag_more || w->frag_off;
	w->ttl = p[8];
	w->proto = p[9];
	w->src = mapped(get_be32(p + 12));
	w->dst = mapped(get_be32(p + 16));
	w->l4 = p + hdr_len;
	w->l4_len = len - hdr_len;
	return NULL;
}

static const char *parse_ip6(const uint8_t *p, uint32_t len, struct wire *w)
{
	if (len < 40 || get_be16(p + 4) + 40U != len)
		return "an IPv6 header of a wrong length";
	w->tos = (uint8_t)(get_be16(p) >> 4);
	w->proto = p[6];
	w->ttl = p[7];
	w->src = ip6_addr_get(p + 8);
	w->dst = ip6_addr_get(p + 24);
	w->l4 = p + 40;
	w->l4_len = len - 40;
	if (w->proto == IP_PROTO_HOPOPTS && w->l4_len >= 8) {
		w->proto = w->l4[0];
		w->l4_len -= 8U + w->l4[1] * 8U;
		w->l4 += 8U + w->l4[1] * 8U;
	}
	if (w->proto == IP_PROTO_FRAGMENT && w->l4_len >= 8) {
		w->is_frag = true;
		w->proto = w->l4[0];
		w->frag_off = get_be16(w->l4 + 2) & 0xfff8;
		w->frag_more = w->l4[3] & 1;
		w->l4 += 8;
		w->l4_len -= 8;
	}
	return NULL;
}

const char *wire_parse(const uint8_t *bytes, uint32_t len, struct wire *ret)
{
	const char *wrong;
	uint64_t pseudo;

	memset(ret, 0, sizeof(*ret));
	if (!len || (bytes[0] >> 4 != 4 && bytes[0] >> 4 != 6))
		return "a packet of no IP version";
	wrong = bytes[0] >> 4 == 4 ? parse_ip4(bytes, len, ret) : parse_ip6(bytes, len, ret);
	if (wrong || ret->is_frag)
		return wrong;
	wrong = parse_l4(ret);
	if (wrong)
		return wrong;
	if (ret->proto != IP_PROTO_TCP && ret->proto != IP_PROTO_UDP &&
	    ret->proto != IP_PROTO_ICMP && ret->proto != IP_PROTO_ICMP6)
		return NULL;
	pseudo = ret->proto == IP_PROTO_ICMP ? 0 : wire_pseudo(bytes, ret->proto, ret->l4_len);
	if (!csum_ok(pseudo + csum_bytes(ret->l4, ret->l4_len)))
		return "a wrong checksum";
	return NULL;
}

/* --- what devices do --- */

const char *wire_finish_csum(uint8_t *bytes, uint32_t len, uint32_t csum_start,
			     uint32_t csum_offset)
{
	const uint8_t proto = bytes[0] >> 4 == 4 ? bytes[9] : bytes[6];
	uint8_t *field = bytes + csum_start + csum_offset;
	uint64_t sum;

	if (csum_start + csum_offset + 2 > len || csum_offset != csum_field(proto))
		return "a checksum to be finished at a wrong place";
	sum = csum_bytes(bytes + csum_start, len - csum_start);
	if (get_be16(field) != csum_fold(wire_pseudo(bytes, proto, len - csum_start)))
		return "a checksum to be finished that is not that of the pseudo header";
	put_be16(field, csum_finish(sum));
	return NULL;
}

uint32_t wire_hdrs_len(const uint8_t *bytes)
{
	const uint32_t ip = bytes[0] >> 4 == 4 ? (bytes[0] & 15) * 4U : 40;

	return ip + (bytes[ip + 12] >> 4) * 4U;
}

uint32_t wire_segment(const uint8_t *bytes, uint32_t len, uint32_t at, uint32_t gso_size,
		      uint8_t *ret)
{
	const bool is_ip4 = bytes[0] >> 4 == 4;
	const uint32_t ip = is_ip4 ? (bytes[0] & 15) * 4U : 40, hdrs = wire_hdrs_len(bytes);
	const uint32_t data = len - hdrs - at < gso_size ? len - hdrs - at : gso_size;
	uint8_t *tcp = ret + ip;
	uint64_t pseudo;

	memcpy(ret, bytes, hdrs);
	memcpy(ret + hdrs, bytes + hdrs + at, data);
	if (is_ip4) {
		put_be16(ret + 2, (uint16_t)(hdrs + data));
		put_be16(ret + 4, (uint16_t)(get_be16(ret + 4) + at / gso_size));
		put_be16(ret + 10, 0);
		put_be16(ret + 10, csum_finish(csum_bytes(ret, ip)));
	} else {
		put_be16(ret + 4, (uint16_t)(hdrs - ip + data));
	}
	put_be32(tcp + 4, get_be32(tcp + 4) + at);
	if (at + data < len - hdrs)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (at)
		tcp[13] &= (uint8_t)~TCP_CWR;
	pseudo = wire_pseudo(ret, IP_PROTO_TCP, hdrs - ip + data);
	put_be16(tcp + 16, 0);
	put_be16(tcp + 16, csum_finish(pseudo + csum_bytes(tcp, hdrs - ip + data)));
	return hdrs + data;
}
