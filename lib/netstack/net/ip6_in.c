/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

/* More bytes of extension headers are refused (RFC 8504, 5.3): who sends so many wants trouble
 * (RFC 7112, RFC 8883).
 */
#define EXT_BYTES_MAX 1024

/* Fragments within a reassembled packet: of a tunnel there may be some, not of a sane sender. */
#define FRAGMENTS_NESTED_MAX 2

static bool is_looped(const struct iface *in, const struct pbuf *pb)
{
	return pb->dest == PBUF_FROM_US || in->kind == IFACE_LOOPBACK;
}

/* RFC 4291, 2.5.2, 2.5.3, 2.7.  A mapped address is no address on a wire, and inside of here it
 * would be an IPv4 one.  Who has no address yet speaks to groups; an answer to the unspecified
 * address would go to ourselves.
 */
static int check_addresses(const struct ipv6_repr *ip)
{
	if (ip6_addr_is_multicast(ip->src) || ip6_addr_is_mapped(ip->src))
		return DROP_IP_SRC;
	if (ip6_addr_is_unspecified(ip->src) && !ip6_addr_is_multicast(ip->dst))
		return DROP_IP_SRC;
	if (ip6_addr_is_unspecified(ip->dst) || ip6_addr_is_mapped(ip->dst))
		return DROP_IP_DST;
	return RX_PASS;
}

static int check_from_link(const struct net *net, const struct ipv6_repr *ip)
{
	const struct net_addr *a;

	if (ip6_addr_is_multicast(ip->dst) && ip6_addr_scope(ip->dst) <= IP6_SCOPE_INTERFACE)
		return DROP_IP_DST;
	if (ip6_addr_is_loopback(ip->src) || ip6_addr_is_loopback(ip->dst))
		return DROP_MARTIAN;
	a = addr_lookup(net, ip->src, 0);
	return a && addr_is_usable(a) ? DROP_MARTIAN : RX_PASS;
}

static bool is_upper_layer(uint8_t next_hdr)
{
	return next_hdr == IP_PROTO_TCP || next_hdr == IP_PROTO_UDP || next_hdr == IP_PROTO_ICMP6;
}

/* The parsers of extension headers see a packet in one piece.  It is rare to have some, rarer
 * to be in more.
 */
static bool pull_all(struct pbuf *pb)
{
	return pbuf_pullup(pb, pb->len);
}

static int check_offload(struct pbuf *pb, uint8_t next_hdr)
{
	struct ipv6_skip skip = { .proto = next_hdr };
	int at = IPV6_HDR_LEN;

	if (!is_upper_layer(next_hdr)) {
		if (!pull_all(pb))
			return DROP_NO_MEMORY;
		at = ipv6_ext_skip(pb->data, pb->len, next_hdr, &skip);
		if (at < 0 || skip.is_fragment)
			return DROP_FRAG_BAD;
	}
	return ip_check_offload(pb, (uint32_t)at, skip.proto, false);
}

int ip6_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct ipv6_repr ip;
	int n, r;

	net->stats.in_receives++;
	if (pb->len < IPV6_HDR_LEN)
		return DROP_IP_SHORT;
	if (!pbuf_pullup(pb, IPV6_HDR_LEN))
		return DROP_NO_MEMORY;
	n = ipv6_parse(pb->data, pb->len, &ip);
	if (n < 0)
		return n == -ENODATA ? DROP_IP_SHORT : DROP_IP_BAD;
	if (pb->len > (uint32_t)IPV6_HDR_LEN + ip.payload_len)
		pbuf_trim(pb, (uint32_t)IPV6_HDR_LEN + ip.payload_len); /* padding of the link */
	pbuf_mark_l3(pb);
	r = check_addresses(&ip);
	if (r == RX_PASS && !is_looped(in, pb))
		r = check_from_link(net, &ip);
	if (r == RX_PASS && (pb->csum == PBUF_CSUM_PARTIAL || pb->gso != PBUF_GSO_NONE))
		r = check_offload(pb, ip.next_hdr);
	if (r != RX_PASS)
		return r;

	*ip_rx(pb) = (struct ip_rx){
		.src = ip.src,
		.dst = ip.dst,
		.proto = ip.next_hdr,
		.tos = ip.tclass,
		.ttl = ip.hop_limit,
	};
	return RX_PASS;
}

int ip6_classify(struct net *net, const struct iface *in, const struct pbuf *pb,
		 const struct ip_rx *rx)
{
	const struct net_addr *a;
	const struct net_way *way;

	(void)pb; /* RFC 8200 does not mind how the link carried it */
	if (ip6_addr_is_multicast(rx->dst))
		return group_lookup(net, in->index, rx->dst) ? IP_FOR_US : DROP_NOT_MEMBER;
	if (ip6_addr_is_link_local(rx->dst)) {
		/* From lo it may be that of any interface. */
		a = addr_lookup(net, rx->dst, in->kind == IFACE_LOOPBACK ? 0 : in->index);
		return a && addr_is_usable(a) ? IP_FOR_US : DROP_IP_NOT_OURS;
	}
	a = addr_lookup(net, rx->dst, 0);
	if (a && addr_is_usable(a))
		return IP_FOR_US;
	way = ip_way_get(net, rx->dst);
	if (way->error == 0 && way->type == ROUTE_LOCAL)
		return IP_FOR_US;
	return net->params.ip6_forward ? IP_FOR_OTHERS : DROP_IP_NOT_OURS;
}

/* Extension headers as the node a packet is for.  Return: offset of what is behind them, or a
 * negative number, and *@ret_verdict.
 */
static int parse_headers(struct net *net, struct pbuf *pb, struct ipv6_ext *ret, int *ret_verdict)
{
	struct ipv6_problem problem;
	int at;

	if (!pull_all(pb)) {
		*ret_verdict = DROP_NO_MEMORY;
		return -ENOMEM;
	}
	*ret_verdict = DROP_IP_OPTIONS;
	at = ipv6_ext_parse(pb->data, pb->len, pb->data[6], ret, &problem);
	if (at < 0)
		icmp6_problem(net, pb, &problem);
	return at <= IPV6_HDR_LEN + EXT_BYTES_MAX ? at : -EMSGSIZE;
}

/* A fragment; *@pb is the whole packet or NULL. */
static int reassemble(struct net *net, struct pbuf **pb, const struct ipv6_ext *ext, uint32_t at)
{
	struct ipv6_problem problem = { .report = IPV6_REPORT_NONE };
	struct pbuf *whole;
	struct ipv6_repr ip;

	if (ipv6_parse((*pb)->data, (*pb)->len, &ip) < 0)
		return DROP_IP_BAD; /* a hook spoiled it */
	whole = reass6_in(&net->reass, *pb, &ip, ext, at, &problem);
	if (problem.report != IPV6_REPORT_NONE) {
		icmp6_problem(net, *pb, &problem);
		return DROP_FRAG_BAD;
	}
	*pb = whole;
	if (!whole)
		return RX_TAKEN;
	pbuf_mark_l3(whole);
	ip_rx_refresh(whole, false);
	core_trace(net->core, TRACE_REASSEMBLED, whole);
	return RX_PASS;
}

int ip6_local_in(struct net *net, struct pbuf **pb)
{
	for (unsigned int i = 0; i <= FRAGMENTS_NESTED_MAX; i++) {
		struct ip_rx *rx = ip_rx(*pb);
		struct ipv6_ext ext;
		int at, r;

		if (is_upper_layer((*pb)->data[6])) {
			(*pb)->l4 = (uint16_t)(pbuf_headroom(*pb) + IPV6_HDR_LEN);
			return RX_PASS;
		}
		at = parse_headers(net, *pb, &ext, &r);
		if (at < 0)
			return r;
		if (!ext.is_fragment) {
			rx->proto = ext.proto;
			rx->router_alert =
				ext.router_alert && ext.router_alert_value == IP_ROUTER_ALERT_MLD;
			(*pb)->l4 = (uint16_t)(pbuf_headroom(*pb) + (uint32_t)at);
			return RX_PASS;
		}
		r = reassemble(net, pb, &ext, (uint32_t)at);
		if (r != RX_PASS)
			return r;
	}
	return DROP_FRAG_BAD;
}

int ip6_defrag(struct net *net, struct pbuf **pb)
{
	struct ipv6_skip skip;
	struct ipv6_ext ext;
	int at, r;

	if (is_upper_layer((*pb)->data[6]))
		return RX_PASS;
	if (!pull_all(*pb))
		return DROP_NO_MEMORY;
	/* A packet that is none of ours need not make sense to us. */
	if (ipv6_ext_skip((*pb)->data, (*pb)->len, (*pb)->data[6], &skip) < 0 || !skip.is_fragment)
		return RX_PASS;
	at = parse_headers(net, *pb, &ext, &r);
	if (at < 0)
		return r;
	return ext.is_fragment ? reassemble(net, pb, &ext, (uint32_t)at) : RX_PASS;
}

int ip6_hop_in(struct net *net, struct pbuf *pb)
{
	struct ipv6_problem problem;
	struct ipv6_ext ext;
	int at;

	if (pb->data[6] != IP_PROTO_HOPOPTS)
		return RX_PASS;
	if (!pull_all(pb))
		return DROP_NO_MEMORY;
	at = ipv6_ext_parse_hop(pb->data, pb->len, pb->data[6], &ext, &problem);
	if (at >= 0)
		return RX_PASS;
	icmp6_problem(net, pb, &problem);
	return DROP_IP_OPTIONS;
}
