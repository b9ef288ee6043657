/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a whole IP packet to its link: as it is, cut, or back to ourselves.
 */
#include <errno.h>

#include "netstack/link/ethernet.h"
#include "netstack/link/gso.h"
#include "netstack/net/frag.h"
#include "netstack/net/net_priv.h"
#include "wire/ethernet.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* --- to ourselves --- */

void ip_loop(struct net *net, struct pbuf *pb, uint32_t ifindex)
{
	struct iface *ifc = iface_get(&net->ifaces, ifindex);

	if (!ifc || !ifc->up) {
		core_drop(net->core, pb, DROP_LINK_DOWN);
		return;
	}
	if (++pb->hops > NET_HOPS_MAX) {
		core_drop(net->core, pb, DROP_IP_LOOP);
		return;
	}
	if (net->loop.n >= NET_LOOP_MAX) {
		core_drop(net->core, pb, DROP_TX_REFUSED);
		return;
	}
	pb->ifindex = ifindex;
	pb->dest = ifindex == IFACE_LO ? PBUF_TO_US : PBUF_FROM_US;
	pb->l2 = PBUF_NO_OFFSET;
	pb->frag_max = 0;
	if (pb->csum == PBUF_CSUM_NONE)
		pb->csum = PBUF_CSUM_VALID; /* nothing on its way can have changed it */
	if (ifindex == IFACE_LO) {
		ifc->stats.tx_packets++;
		ifc->stats.tx_bytes += pb->len;
	}
	pbuf_queue_put(&net->loop, pb);
}

/* --- to the neighbour --- */

void ip_to_neigh(struct net *net, struct pbuf *pb, const struct ip_path *path, struct ip6_addr dst)
{
	struct iface *ifc = iface_get(&net->ifaces, path->ifindex);
	const bool is_ip4 = ip6_addr_is_mapped(dst);
	const uint16_t type = is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6;
	struct eth_addr mac;

	/* A hook may have changed the configuration under our feet. */
	if (path->gen != net->neigh.gen || !ifc) {
		core_drop(net->core, pb, DROP_NO_ROUTE);
		return;
	}
	if (path->neigh != SLAB_NONE) {
		neigh_out(&net->neigh, neigh_by_id(&net->neigh, path->neigh), pb, type);
		return;
	}
	if (ifc->kind != IFACE_ETHERNET) {
		iface_out(&net->ifaces, ifc, pb);
		return;
	}
	if (!ip_is_multicast(dst))
		mac = (struct eth_addr){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	else if (is_ip4)
		mac = eth_addr_of_ip4((uint32_t)dst.lo);
	else
		mac = eth_addr_of_ip6(dst);
	ethernet_out(&net->ifaces, ifc, pb, mac, type);
}

/* --- sizes --- */

uint32_t ip_segment_len(const struct pbuf *pb)
{
	const uint32_t l4_at = (uint32_t)(pbuf_l4(pb) - pb->data);
	uint32_t hdr_len;

	if (pb->gso == PBUF_GSO_NONE)
		return pb->len;
	if (pb->gso == PBUF_GSO_UDP)
		hdr_len = UDP_HDR_LEN;
	else if (l4_at + TCP_HDR_LEN <= pb->linear)
		hdr_len = (pb->data[l4_at + 12] >> 4) * 4U;
	else
		return pb->len;
	hdr_len += l4_at + pb->gso_size;
	return hdr_len < pb->len ? hdr_len : pb->len;
}

/* Fragments of what was fragments are not longer than those were: there is a narrower link
 * behind us, of which their source knows (RFC 8900; Linux's frag_max_size).
 */
static uint32_t limit_of(const struct pbuf *pb, uint32_t mtu, bool is_ip4)
{
	uint32_t limit = pb->frag_max && pb->frag_max < mtu ? pb->frag_max : mtu;

	if (!is_ip4 && limit < IPV6_MTU_LEAST)
		limit = IPV6_MTU_LEAST;
	return limit;
}

static bool may_be_cut(const struct pbuf *pb, const struct iface *in, bool is_ip4)
{
	if (pb->frag_max)
		return true;
	if (is_ip4)
		return !(get_be16(pb->data + 6) >> 14 & 1); /* DF */
	return !in; /* only by their source (RFC 8200, 4.5) */
}

static int xmit_fragments(struct net *net, struct pbuf *pb, const struct ip_path *path,
			  struct ip6_addr dst, uint32_t limit)
{
	struct pbuf_queue q;
	int r;

	pbuf_queue_init(&q);
	if (ip6_addr_is_mapped(dst))
		r = frag4_split(net->core, pb, limit, &q);
	else
		r = frag6_split(net->core, pb, limit, core_random(net->core), &q);
	if (r == -ENOMEM)
		return ip_refuse(net, pb, DROP_NO_MEMORY, -ENOBUFS);
	if (r < 0)
		return ip_refuse(net, pb, DROP_IP_TOO_BIG, -EMSGSIZE);

	net->stats.frag_oks++;
	net->stats.frag_created += q.n;
	while ((pb = pbuf_queue_take(&q))) {
		core_trace(net->core, TRACE_FRAGMENTED, pb);
		ip_to_neigh(net, pb, path, dst);
	}
	return 0;
}

/* A packet of one segment. */
static int xmit_one(struct net *net, struct pbuf *pb, const struct ip_path *path,
		    const struct iface *in, struct ip6_addr dst)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);
	const uint32_t limit = limit_of(pb, path->mtu, is_ip4);

	if (pb->len > limit) {
		if (!may_be_cut(pb, in, is_ip4))
			return ip_refuse(net, pb, DROP_IP_TOO_BIG, -EMSGSIZE);
		return xmit_fragments(net, pb, path, dst, limit);
	}
	ip_to_neigh(net, pb, path, dst);
	return 0;
}

/* Segments that are too long for the link each become fragments. */
static int xmit_segments(struct net *net, struct pbuf *pb, const struct ip_path *path,
			 const struct iface *in, struct ip6_addr dst)
{
	struct pbuf_queue q;
	int ret = 0;

	if (!may_be_cut(pb, in, ip6_addr_is_mapped(dst)))
		return ip_refuse(net, pb, DROP_IP_TOO_BIG, -EMSGSIZE);
	pbuf_queue_init(&q);
	if (!gso_segment(net->core, pb, &q))
		return ip_refuse(net, pb, DROP_NO_MEMORY, -ENOBUFS);
	while ((pb = pbuf_queue_take(&q))) {
		const int r = xmit_one(net, pb, path, in, dst);

		ret = ret ? ret : r;
	}
	return ret;
}

int ip_xmit(struct net *net, struct pbuf *pb, const struct ip_path *path, const struct iface *in,
	    struct ip6_addr dst)
{
	const struct iface *out = iface_get(&net->ifaces, path->ifindex);
	int r = net_hook(net, HOOK_POSTROUTING, in, out, ip6_addr_is_mapped(dst), pb);

	if (r == RX_TAKEN)
		return 0;
	if (r != RX_PASS)
		return ip_refuse(net, pb, (enum drop_reason)r, -EPERM);
	if (path->ifindex == IFACE_LO) {
		ip_loop(net, pb, IFACE_LO);
		return 0;
	}
	if (pb->gso != PBUF_GSO_NONE) {
		if (ip_segment_len(pb) > path->mtu)
			return xmit_segments(net, pb, path, in, dst);
		ip_to_neigh(net, pb, path, dst);
		return 0;
	}
	return xmit_one(net, pb, path, in, dst);
}
