/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * seen.c - every frame that the instance sends is looked at
 *
 * Whatever came in, what goes out is whole, is not longer than the link allows and has right
 * checksums; only what was somebody else's before it was forwarded has his transport checksum.
 */
#include <string.h>

#include "tests/fuzz/netstack/scene.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"
#include "wire/udp.h"

/* What is known of an IP packet that is sent. */
struct seen {
	struct scene *s;
	const struct pbuf *meta;
	const uint8_t *packet;
	struct ip6_addr src;
	struct ip6_addr dst;
	bool ours;
	bool is_fragment;
	uint8_t proto;
	uint64_t pseudo;
};

static bool is_ours(struct ip6_addr a)
{
	if (ip6_addr_eq(a, SCENE_LL6(1)))
		return true;
	for (unsigned int i = 0; i < SCENE_LINKS; i++)
		if (ip6_addr_eq(a, ip6_addr_of_ip4(SCENE_US4(i))) || ip6_addr_eq(a, SCENE_US6(i)))
			return true;
	return false;
}

static struct peer_conn *find(struct scene *s, const struct seen *p, const struct tcp_repr *h)
{
	struct peer_conn *c;

	if (h->dst_port < PEER_PORT || h->dst_port >= PEER_PORT + s->n_conns)
		return NULL;
	c = &s->conn[h->dst_port - PEER_PORT];
	if (!ip6_addr_eq(p->dst, c->ip6 ? SCENE_PEER6(0) : ip6_addr_of_ip4(SCENE_PEER4(0))))
		return NULL;
	if (!c->lport && (h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		c->lport = h->src_port;
	return c->lport == h->src_port ? c : NULL;
}

static void seen_tcp(const struct seen *p, const uint8_t *l4, uint32_t len)
{
	struct peer_conn *c;
	struct tcp_repr h;
	int n = tcp_parse(l4, len, &h);

	MUST(n >= TCP_HDR_LEN);
	c = find(p->s, p, &h);
	if (!c)
		return;
	c->quote_len = (uint32_t)(l4 - p->packet) + (uint32_t)n + 8;
	if (c->quote_len > (uint32_t)(l4 - p->packet) + len)
		c->quote_len = (uint32_t)(l4 - p->packet) + len;
	if (c->quote_len > sizeof(c->quote))
		c->quote_len = sizeof(c->quote);
	memcpy(c->quote, p->packet, c->quote_len);
	peer_hears(p->s, c, &h, l4 + TCP_HDR_LEN, l4 + n, len - (uint32_t)n);
}

static void check_sum(const struct seen *p, const uint8_t *l4, uint32_t len)
{
	const bool has_pseudo = p->proto != IP_PROTO_ICMP && p->proto != IP_PROTO_IGMP;

	if (p->meta->csum == PBUF_CSUM_PARTIAL)
		return;
	if (p->proto == IP_PROTO_UDP && udp_csum_is_none(l4))
		return;
	MUST(csum_ok((has_pseudo ? p->pseudo : 0) + csum_bytes(l4, len)));
}

static void seen_upper(const struct seen *p, const uint8_t *l4, uint32_t len)
{
	static const uint8_t least[] = {
		[IP_PROTO_ICMP] = 8, [IP_PROTO_IGMP] = 8,  [IP_PROTO_TCP] = TCP_HDR_LEN,
		[IP_PROTO_UDP] = 8,  [IP_PROTO_ICMP6] = 4,
	};

	if (!p->ours || p->is_fragment || p->proto >= sizeof(least) || !least[p->proto])
		return;
	MUST(len >= least[p->proto]);
	check_sum(p, l4, len);
	if (p->proto == IP_PROTO_TCP)
		seen_tcp(p, l4, len);
}

static void seen_ip4(struct seen *p, uint32_t len)
{
	struct ipv4_repr ip;
	const int n = ipv4_parse(p->packet, len, &ip);

	MUST(n >= IPV4_HDR_LEN);
	MUST(ipv4_csum_ok(p->packet, (size_t)n));
	MUST((uint32_t)n + ip.payload_len == len);
	MUST(ip.ttl > 0);
	p->src = ip6_addr_of_ip4(ip.src);
	p->dst = ip6_addr_of_ip4(ip.dst);
	p->ours = is_ours(p->src);
	p->is_fragment = ipv4_is_fragment(&ip);
	p->proto = ip.proto;
	p->pseudo = csum_pseudo4(ip.src, ip.dst, ip.proto, ip.payload_len);
	seen_upper(p, p->packet + n, ip.payload_len);
}

static void seen_ip6(struct seen *p, uint32_t len)
{
	struct ipv6_repr ip;
	struct ipv6_skip skip;
	int n = ipv6_parse(p->packet, len, &ip);

	MUST(n == IPV6_HDR_LEN);
	MUST((uint32_t)IPV6_HDR_LEN + ip.payload_len == len);
	MUST(ip.hop_limit > 0);
	p->src = ip.src;
	p->dst = ip.dst;
	p->ours = is_ours(ip.src);
	n = ipv6_ext_skip(p->packet, len, ip.next_hdr, &skip);
	if (n < 0) {
		MUST(!p->ours); /* forwarded */
		return;
	}
	p->is_fragment = skip.is_fragment;
	p->proto = skip.proto;
	p->pseudo = csum_pseudo6(ip.src, ip.dst, skip.proto, len - (uint32_t)n);
	seen_upper(p, p->packet + n, len - (uint32_t)n);
}

void seen_frame(struct scene *s, const struct pbuf *meta, const uint8_t *frame, uint32_t len)
{
	struct seen p = { .s = s, .meta = meta, .packet = frame + ETH_HDR_LEN };
	struct arp_repr arp;
	struct eth_repr eth;

	MUST(eth_parse(frame, len, &eth) == ETH_HDR_LEN);
	MUST(eth_addr_is_station(eth.src));
	MUST(meta->gso == PBUF_GSO_NONE || s->options & SCENE_OFFLOAD);
	MUST(meta->csum != PBUF_CSUM_PARTIAL || s->options & SCENE_OFFLOAD);
	MUST(meta->gso != PBUF_GSO_NONE || len - ETH_HDR_LEN <= scene_mtu(s));
	switch (eth.type) {
	case ETH_TYPE_ARP:
		MUST(arp_parse(p.packet, len - ETH_HDR_LEN, &arp) == ARP_LEN);
		break;
	case ETH_TYPE_IPV4:
		seen_ip4(&p, len - ETH_HDR_LEN);
		break;
	case ETH_TYPE_IPV6:
		seen_ip6(&p, len - ETH_HDR_LEN);
		break;
	default:
		MUST(!"a type that the stack does not speak");
	}
}
