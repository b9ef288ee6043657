/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sums.c - lengths and checksums of a packet made right
 *
 * Most of what a fuzzer makes up would otherwise end at its first checksum.  What a packet
 * seems to be is taken from its bytes; where they end too early nothing is written.
 */
#include "tests/fuzz/netstack/scene.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/ipv6_ext.h"

/* The transport checksum, at an offset that depends on the protocol. */
static void fix_upper(uint8_t *p, uint32_t len, uint8_t proto, uint64_t pseudo, bool lengths)
{
	uint32_t at;

	switch (proto) {
	case IP_PROTO_TCP:
		at = 16;
		break;
	case IP_PROTO_UDP:
		at = 6;
		if (lengths && len >= 8)
			put_be16(p + 4, (uint16_t)len);
		break;
	case IP_PROTO_ICMP:
	case IP_PROTO_IGMP:
		at = 2;
		pseudo = 0;
		break;
	case IP_PROTO_ICMP6:
		at = 2;
		break;
	default:
		return;
	}
	if (len < at + 2)
		return;
	put_be16(p + at, 0);
	put_be16(p + at, csum_finish(pseudo + csum_bytes(p, len)));
}

static void fix4(uint8_t *p, uint32_t len, bool lengths)
{
	uint32_t hdr, total;

	if (len < 20)
		return;
	if (lengths) {
		if (((p[0] & 0xfU) * 4 < 20) || (p[0] & 0xfU) * 4 > len)
			p[0] = 0x45;
		put_be16(p + 2, (uint16_t)len);
	}
	hdr = (p[0] & 0xfU) * 4;
	total = get_be16(p + 2);
	if (hdr < 20 || hdr > total || total > len)
		return;
	put_be16(p + 10, 0);
	put_be16(p + 10, csum_finish(csum_bytes(p, hdr)));
	if (get_be16(p + 6) & 0x3fff)
		return; /* a fragment */
	fix_upper(p + hdr, total - hdr, p[9],
		  csum_pseudo4(get_be32(p + 12), get_be32(p + 16), p[9], total - hdr), lengths);
}

static void fix6(uint8_t *p, uint32_t len, bool lengths)
{
	struct ipv6_skip skip;
	uint32_t total;
	int n;

	if (len < 40)
		return;
	if (lengths)
		put_be16(p + 4, (uint16_t)(len - 40));
	total = 40U + get_be16(p + 4);
	if (total > len)
		return;
	n = ipv6_ext_skip(p, total, p[6], &skip);
	if (n < 0 || skip.is_fragment)
		return;
	fix_upper(p + n, total - (uint32_t)n, skip.proto,
		  csum_pseudo6(ip6_addr_get(p + 8), ip6_addr_get(p + 24), skip.proto,
			       total - (uint32_t)n),
		  lengths);
}

void sums_fix(uint8_t *packet, uint32_t len, bool lengths)
{
	if (len && packet[0] >> 4 == 4)
		fix4(packet, len, lengths);
	else if (len && packet[0] >> 4 == 6)
		fix6(packet, len, lengths);
}
