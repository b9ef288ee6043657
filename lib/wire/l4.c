/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/l4.h"

#include <errno.h>

#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Both return the offset of the transport header and set what the IP header says;
 * @l4_len may be more than is there for a quoted packet.
 */

static int find_ipv4(const uint8_t *pkt, size_t len, bool quoted, struct l4_repr *l4)
{
	struct ipv4_repr ip;
	const int n = quoted ? ipv4_parse_quoted(pkt, len, &ip) : ipv4_parse(pkt, len, &ip);

	if (n < 0)
		return n;
	l4->l4_len = ip.payload_len;
	l4->proto = ip.proto;
	if (ip.frag_off)
		l4->part = L4_LATER_FRAGMENT;
	else if (ip.more_frags)
		l4->part = L4_FIRST_FRAGMENT;
	return n;
}

static int find_ipv6(const uint8_t *pkt, size_t len, bool quoted, struct l4_repr *l4)
{
	struct ipv6_repr ip;
	struct ipv6_skip skip;
	size_t end;
	int n;

	n = quoted ? ipv6_parse_quoted(pkt, len, &ip) : ipv6_parse(pkt, len, &ip);
	if (n < 0)
		return n;
	end = (size_t)IPV6_HDR_LEN + ip.payload_len;
	n = ipv6_ext_skip(pkt, min_size(len, end), ip.next_hdr, &skip);
	if (n < 0)
		return n;
	l4->l4_len = (uint16_t)(end - (size_t)n);
	l4->proto = skip.proto;
	if (skip.frag_offset)
		l4->part = L4_LATER_FRAGMENT;
	else if (skip.is_fragment)
		l4->part = L4_FIRST_FRAGMENT;
	return n;
}

static int find_ip(const uint8_t *pkt, size_t len, bool quoted, struct l4_repr *ret)
{
	struct l4_repr l4 = { .part = L4_WHOLE };
	int n;

	if (len < 1)
		return -ENODATA;
	l4.ip_version = pkt[0] >> 4;
	if (l4.ip_version == 4)
		n = find_ipv4(pkt, len, quoted, &l4);
	else if (l4.ip_version == 6)
		n = find_ipv6(pkt, len, quoted, &l4);
	else
		n = -EBADMSG;
	if (n < 0)
		return n;

	l4.l4_at = (uint16_t)n;
	l4.l4_len = (uint16_t)min_size(l4.l4_len, len - (size_t)n);
	l4.has_ports = (l4.proto == IP_PROTO_TCP || l4.proto == IP_PROTO_UDP) &&
		       l4.part != L4_LATER_FRAGMENT && l4.l4_len >= 4;
	if (l4.has_ports) {
		l4.src_port = get_be16(pkt + n);
		l4.dst_port = get_be16(pkt + n + 2);
	}
	*ret = l4;
	return n;
}

int l4_find_ip(const uint8_t *pkt, size_t len, struct l4_repr *ret)
{
	return find_ip(pkt, len, false, ret);
}

int l4_find_quoted(const uint8_t *pkt, size_t len, struct l4_repr *ret)
{
	struct l4_repr l4;
	const int n = find_ip(pkt, len, true, &l4);

	if (n < 0)
		return n;
	if (l4.l4_len < ICMP4_QUOTE_LEN_MIN)
		return -ENODATA;
	*ret = l4;
	return n;
}

int l4_find(const uint8_t *frame, size_t len, struct l4_repr *ret)
{
	struct eth_repr eth;
	struct l4_repr l4;
	const int l3_at = eth_parse(frame, len, &eth);
	int n;

	if (l3_at < 0)
		return l3_at;
	if (eth.type != ETH_TYPE_IPV4 && eth.type != ETH_TYPE_IPV6)
		return -EPROTONOSUPPORT;
	n = find_ip(frame + l3_at, len - (size_t)l3_at, false, &l4);
	if (n < 0)
		return n;
	if (l4.ip_version != (eth.type == ETH_TYPE_IPV4 ? 4 : 6))
		return -EBADMSG;

	l4.l3_at = (uint16_t)l3_at;
	l4.l4_at = (uint16_t)(l4.l4_at + l3_at);
	*ret = l4;
	return l4.l4_at;
}
