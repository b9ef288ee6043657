/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"

/* What has been inside of this host all the time: from lo, or our own copy of what we sent. */
static bool is_looped(const struct iface *in, const struct pbuf *pb)
{
	return pb->dest == PBUF_FROM_US || in->kind == IFACE_LOOPBACK;
}

/* RFC 1122, 3.2.1.3; RFC 1812, 5.3.7 */
static int check_source(const struct net *net, const struct ipv4_repr *ip)
{
	const struct net_addr *a;

	/* A host that does not know its address yet (DHCP, IGMP) speaks to many. */
	if (ip->src == 0)
		return ip->dst == IP4_BROADCAST || ip4_addr_is_multicast(ip->dst) ? RX_PASS
										  : DROP_IP_SRC;
	if (ip4_addr_is_multicast(ip->src) || ip->src == IP4_BROADCAST)
		return DROP_IP_SRC;
	if (ip4_addr_is_loopback(ip->src) || ip4_addr_is_loopback(ip->dst))
		return DROP_MARTIAN;
	a = addr_lookup(net, ip6_addr_of_ip4(ip->src), 0);
	return a && addr_is_usable(a) ? DROP_MARTIAN : RX_PASS;
}

static int parse(struct pbuf *pb, struct ipv4_repr *ret)
{
	int n;

	if (pb->len < IPV4_HDR_LEN)
		return -ENODATA;
	if (!pbuf_pullup(pb, IPV4_HDR_LEN))
		return -ENOMEM;
	n = ipv4_parse(pb->data, pb->len, ret);
	if (n > 0 && !pbuf_pullup(pb, (uint32_t)n))
		return -ENOMEM;
	return n;
}

static int drop_of(int error)
{
	switch (error) {
	case -ENODATA:
		return DROP_IP_SHORT;
	case -ENOMEM:
		return DROP_NO_MEMORY;
	default:
		return DROP_IP_BAD;
	}
}

int ip4_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	const bool looped = is_looped(in, pb);
	struct ipv4_repr ip;
	int n, r;

	net->stats.in_receives++;
	n = parse(pb, &ip);
	if (n < 0)
		return drop_of(n);
	if (!looped && !ipv4_csum_ok(pb->data, (size_t)n))
		return DROP_IP_CSUM;
	if (pb->len > (uint32_t)n + ip.payload_len)
		pbuf_trim(pb, (uint32_t)n + ip.payload_len); /* padding of the link */
	pbuf_mark_l3(pb);
	if (ip.dst == 0)
		return DROP_IP_DST;
	r = looped ? RX_PASS : check_source(net, &ip);
	if (r != RX_PASS)
		return r;
	if (pb->csum == PBUF_CSUM_PARTIAL || pb->gso != PBUF_GSO_NONE) {
		if (ipv4_is_fragment(&ip))
			return DROP_FRAG_BAD;
		r = ip_check_offload(pb, (uint32_t)n, ip.proto, true);
		if (r != RX_PASS)
			return r;
	}

	*ip_rx(pb) = (struct ip_rx){
		.src = ip6_addr_of_ip4(ip.src),
		.dst = ip6_addr_of_ip4(ip.dst),
		.proto = ip.proto,
		.tos = ip.tos,
		.ttl = ip.ttl,
		.is_ip4 = true,
	};
	return RX_PASS;
}

int ip4_classify(struct net *net, const struct iface *in, const struct pbuf *pb,
		 const struct ip_rx *rx)
{
	const uint32_t dst = (uint32_t)rx->dst.lo;
	const struct net_addr *a;
	const struct net_way *way;

	if (ip4_addr_is_multicast(dst))
		return group_lookup(net, in->index, rx->dst) ? IP_FOR_US : DROP_NOT_MEMBER;
	if (dst == IP4_BROADCAST)
		return IP_FOR_US;
	a = addr_lookup(net, rx->dst, 0);
	if (!a || !addr_is_usable(a)) {
		way = ip_way_get(net, rx->dst);
		if (way->error == 0 && way->type == ROUTE_BROADCAST)
			return IP_FOR_US;
		if (way->error || way->type != ROUTE_LOCAL)
			return net->params.ip4_forward ? IP_FOR_OTHERS : DROP_IP_NOT_OURS;
	}
	/* RFC 1122, 3.3.6 */
	return pb->dest == PBUF_TO_ALL ? DROP_IP_DST : IP_FOR_US;
}

int ip4_defrag(struct net *net, struct pbuf **pb)
{
	struct pbuf *whole;
	struct ipv4_repr ip;
	int n = ipv4_parse((*pb)->data, (*pb)->len, &ip);

	if (n < 0)
		return DROP_IP_BAD; /* a hook spoiled it */
	if (!ipv4_is_fragment(&ip))
		return RX_PASS;
	whole = reass4_in(&net->reass, *pb, &ip);
	*pb = NULL;
	if (!whole)
		return RX_TAKEN;
	*pb = whole;
	pbuf_mark_l3(whole);
	ip_rx_refresh(whole, true);
	core_trace(net->core, TRACE_REASSEMBLED, whole);
	return RX_PASS;
}

int ip4_options_in(struct net *net, struct pbuf *pb, uint32_t record)
{
	const uint32_t hdr_len = (pb->data[0] & 0xfU) * 4;
	struct ipv4_options opts;
	struct ipv4_repr ip;
	uint8_t bad;

	if (hdr_len == IPV4_HDR_LEN)
		return RX_PASS;
	if (ipv4_options_parse(pb->data, hdr_len, &opts, &bad) < 0) {
		icmp_error(net, pb, ICMP_WHY_OPTION, bad);
		return DROP_IP_OPTIONS;
	}
	if (opts.route_at)
		return DROP_IP_OPTIONS; /* RFC 7126, 4.3 and 4.4; Linux's accept_source_route */
	if (!record || !(opts.record_at || opts.stamp_at))
		return RX_PASS;
	if (!pbuf_unshare(pb, hdr_len))
		return DROP_NO_MEMORY;
	/* A clock that does not know midnight sets the highest bit (RFC 791, 3.1). */
	ipv4_options_record(pb->data, &opts, record, core_ms(net->core) | UINT32_C(1) << 31);
	if (ipv4_parse(pb->data, pb->len, &ip) < 0 || ipv4_emit(pb->data, hdr_len, &ip) < 0)
		return DROP_IP_BAD;
	return RX_PASS;
}

int ip4_local_in(struct net *net, struct pbuf **pb)
{
	int r = ip4_options_in(net, *pb, 0);

	if (r == RX_PASS)
		r = ip4_defrag(net, pb);
	if (r == RX_PASS)
		(*pb)->l4 = (uint16_t)(pbuf_headroom(*pb) + ((*pb)->data[0] & 0xfU) * 4);
	return r;
}
