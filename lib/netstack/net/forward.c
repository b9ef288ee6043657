/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets for somebody else (RFC 1812, 5; RFC 8200).  The order of checks is Linux's: TTL, route,
 * size, FORWARD hook.  Redirects are not sent: nobody takes them any more.
 */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

static int no_way(struct net *net, struct pbuf *pb, int error)
{
	switch (error) {
	case -EINVAL:
		return DROP_ROUTE_BLACKHOLE;
	case -EHOSTUNREACH:
		icmp_error(net, pb, ICMP_WHY_HOST, 0);
		return DROP_ROUTE_UNREACHABLE;
	case -EACCES:
		icmp_error(net, pb, ICMP_WHY_PROHIBITED, 0);
		return DROP_ROUTE_PROHIBIT;
	case -ENOBUFS:
		return DROP_NEIGH_TABLE;
	default:
		icmp_error(net, pb, ICMP_WHY_NO_ROUTE, 0);
		return DROP_NO_ROUTE;
	}
}

/* RFC 4291, 2.5.6: link-local addresses are not for routers.  Those of IPv4 are forwarded, as
 * Linux does: hosts reach services on their node by them.
 */
static int check6(struct net *net, struct pbuf *pb, const struct ip_rx *rx)
{
	if (ip6_addr_is_unspecified(rx->src))
		return DROP_IP_SRC;
	if (ip6_addr_is_link_local(rx->src)) {
		icmp_error(net, pb, ICMP_WHY_SCOPE, 0);
		return DROP_IP_SRC;
	}
	return ip6_hop_in(net, pb);
}

static int check_mtu(struct net *net, struct pbuf *pb, uint32_t mtu, bool is_ip4)
{
	if (pb->frag_max || ip_segment_len(pb) <= mtu)
		return RX_PASS;
	if (is_ip4 && !(get_be16(pb->data + 6) >> 14 & 1))
		return RX_PASS; /* without DF it is cut */
	icmp_error(net, pb, ICMP_WHY_TOO_BIG, mtu);
	return DROP_IP_TOO_BIG;
}

/* Count the hop.  The header is ours to write to then. */
static bool decrement(struct pbuf *pb, bool is_ip4)
{
	const uint32_t hdr_len = is_ip4 ? (pb->data[0] & 0xfU) * 4 : IPV6_HDR_LEN;

	if (!pbuf_unshare(pb, hdr_len))
		return false;
	if (is_ip4)
		ipv4_put_ttl(pb->data, (uint8_t)(pb->data[8] - 1));
	else
		ipv6_put_hop_limit(pb->data, (uint8_t)(pb->data[7] - 1));
	return true;
}

/* The address that record route and timestamp options get: that of the way out. */
static uint32_t record_addr(const struct net *net, const struct ip_path *path, struct ip6_addr dst)
{
	const struct net_addr *a = addr_select(net, path->ifindex, dst);

	return a ? (uint32_t)a->conf.addr.lo : 0;
}

int forward(struct net *net, const struct iface *in, struct pbuf *pb)
{
	const struct ip_rx rx = *ip_rx(pb);
	struct ip_flow f = { .src = rx.src, .dst = rx.dst, .mark = pb->mark, .transparent = true };
	struct ip_path path = { 0 };
	const struct iface *out;
	int r;

	if (pb->dest != PBUF_TO_US)
		return DROP_IP_NOT_OURS; /* RFC 1812, 5.3.4 */
	if (rx.ttl <= 1) {
		icmp_error(net, pb, ICMP_WHY_TTL, 0);
		return DROP_IP_TTL;
	}
	r = rx.is_ip4 ? RX_PASS : check6(net, pb, &rx);
	if (r != RX_PASS)
		return r;
	r = ip_path_find(net, &f, &path);
	if (r < 0)
		return no_way(net, pb, r);
	if (rx.is_ip4) {
		r = ip4_options_in(net, pb,
				   (pb->data[0] & 0xf) > 5 ? record_addr(net, &path, rx.dst) : 0);
		if (r != RX_PASS)
			return r;
	}
	r = check_mtu(net, pb, path.mtu, rx.is_ip4);
	if (r != RX_PASS)
		return r;
	if (!decrement(pb, rx.is_ip4))
		return DROP_NO_MEMORY;

	out = iface_get(&net->ifaces, path.ifindex);
	core_trace(net->core, TRACE_FORWARD, pb);
	r = net_hook(net, HOOK_FORWARD, in, out, rx.is_ip4, pb);
	if (r != RX_PASS)
		return r;
	net->stats.forwarded++;
	(void)ip_xmit(net, pb, &path, in, rx.dst); /* it counts what goes wrong */
	return RX_TAKEN;
}
