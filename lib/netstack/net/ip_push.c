/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IP headers of packets we send.
 */
#include <assert.h>
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

static bool make_room(struct pbuf *pb, uint32_t len)
{
	if (pbuf_headroom(pb) >= len && !(pb->head && pb->head->refs > 1))
		return true;
	return pbuf_make_room(pb, len + ETH_HDR_LEN_MAX);
}

/* A keyed hash, so that nobody learns from what he gets how much others get (RFC 7739). */
uint16_t ip4_next_id(struct net *net, uint32_t src, uint32_t dst, uint8_t proto, uint32_t n)
{
	const uint64_t key[2] = { (uint64_t)src << 32 | dst, UINT64_C(0x69703469) << 32 | proto };
	const uint64_t at = siphash13(&net->core->key, key, sizeof(key)) % NET_IP4_IDS;
	const uint16_t id = net->ip4_id[at];

	net->ip4_id[at] = (uint16_t)(id + n);
	return id;
}

static uint32_t n_segments(const struct pbuf *pb)
{
	if (pb->gso == PBUF_GSO_NONE || !pb->gso_size)
		return 1;
	return pb->len / pb->gso_size + 1;
}

static uint8_t ttl_of(const struct net *net, const struct ip_flow *f, const struct ip_path *path)
{
	if (f->ttl)
		return f->ttl;
	if (ip_is_multicast(f->dst))
		return 1;
	if (ip6_addr_is_mapped(f->dst))
		return net->params.ttl;
	return ndp_hop_limit(net, net->ifc[path->ifindex]);
}

static int push4(struct net *net, struct pbuf *pb, const struct ip_flow *f,
		 const struct ip_path *path)
{
	const uint32_t opts_len = f->router_alert ? IPV4_ROUTER_ALERT_LEN : 0;
	const uint32_t hdr_len = IPV4_HDR_LEN + opts_len;
	struct ipv4_repr ip = {
		.src = (uint32_t)f->src.lo,
		.dst = (uint32_t)f->dst.lo,
		.payload_len = (uint16_t)pb->len,
		.tos = f->tos,
		.ttl = ttl_of(net, f, path),
		.proto = f->proto,
		.opts_len = (uint8_t)opts_len,
		.dont_frag = (f->dont_frag && !path->mtu_locked) || f->pmtu_probe,
	};
	uint8_t *at;
	int r;

	if (pb->len > IP_LEN_MAX - hdr_len)
		return -EMSGSIZE;
	if (!make_room(pb, hdr_len))
		return -ENOBUFS;
	/* What is never cut needs none (RFC 6864, 4.1). */
	if (!ip.dont_frag)
		ip.id = ip4_next_id(net, ip.src, ip.dst, ip.proto, n_segments(pb));
	at = pbuf_push(pb, hdr_len);
	if (opts_len) {
		const struct ipv4_option alert = {
			.type = IPV4_OPT_ROUTER_ALERT,
			.data_len = 2, /* value 0: every router shall look (RFC 2113) */
		};

		r = ipv4_option_emit(at + IPV4_HDR_LEN, opts_len, &alert);
		assert(r == (int)opts_len);
	}
	r = ipv4_emit(at, hdr_len, &ip);
	assert(r == (int)hdr_len);
	(void)r; /* without assertions */
	return 0;
}

static int push6(struct net *net, struct pbuf *pb, const struct ip_flow *f,
		 const struct ip_path *path)
{
	const uint32_t ext_len = f->router_alert ? IPV6_ROUTER_ALERT_LEN : 0;
	struct ipv6_repr ip = {
		.src = f->src,
		.dst = f->dst,
		.flow = f->flow_label,
		.payload_len = (uint16_t)(pb->len + ext_len),
		.next_hdr = f->proto,
		.hop_limit = ttl_of(net, f, path),
		.tclass = f->tos,
	};
	int r;

	if (pb->len > IP_LEN_MAX - ext_len) /* the header itself is not counted */
		return -EMSGSIZE;
	if (!make_room(pb, IPV6_HDR_LEN + ext_len))
		return -ENOBUFS;
	if (ext_len) {
		r = ipv6_ext_emit_router_alert(pbuf_push(pb, ext_len), ext_len, f->proto,
					       IP_ROUTER_ALERT_MLD);
		assert(r == (int)ext_len);
		ip.next_hdr = IP_PROTO_HOPOPTS;
	}
	r = ipv6_emit(pbuf_push(pb, IPV6_HDR_LEN), IPV6_HDR_LEN, &ip);
	assert(r == IPV6_HDR_LEN);
	(void)r; /* without assertions */
	return 0;
}

/* A header that a raw socket brought: what raw(7) says is filled in. */
static int complete4(struct net *net, struct pbuf *pb, const struct ip_flow *f)
{
	uint32_t hdr_len;
	uint16_t sum;
	uint8_t *at;

	if (pb->len < IPV4_HDR_LEN || pb->len > IP_LEN_MAX || !pbuf_unshare(pb, IPV4_HDR_LEN))
		return pb->len < IPV4_HDR_LEN ? -EINVAL : -ENOBUFS;
	hdr_len = (pb->data[0] & 0xfU) * 4;
	if (pb->data[0] >> 4 != 4 || hdr_len < IPV4_HDR_LEN || hdr_len > pb->len)
		return -EINVAL;
	if (!pbuf_unshare(pb, hdr_len))
		return -ENOBUFS;
	at = pb->data;
	put_be16(at + 2, (uint16_t)pb->len);
	if (!get_be32(at + 12))
		put_be32(at + 12, (uint32_t)f->src.lo);
	if (!get_be16(at + 4))
		put_be16(at + 4, ip4_next_id(net, get_be32(at + 12), get_be32(at + 16), at[9], 1));
	put_be16(at + 10, 0);
	sum = csum_finish(csum_bytes(at, hdr_len));
	put_be16(at + 10, sum);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + hdr_len);
	return 0;
}

static int complete6(struct pbuf *pb)
{
	if (pb->len < IPV6_HDR_LEN)
		return -EINVAL;
	if (!pbuf_unshare(pb, IPV6_HDR_LEN))
		return -ENOBUFS;
	if (pb->data[0] >> 4 != 6 || pb->len - IPV6_HDR_LEN > UINT16_MAX)
		return -EINVAL;
	put_be16(pb->data + 4, (uint16_t)(pb->len - IPV6_HDR_LEN));
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + IPV6_HDR_LEN);
	return 0;
}

int ip_push_header(struct net *net, struct pbuf *pb, const struct ip_flow *f,
		   const struct ip_path *path)
{
	const bool is_ip4 = ip6_addr_is_mapped(f->dst);
	int r;

	if (f->header_included) {
		r = is_ip4 ? complete4(net, pb, f) : complete6(pb);
	} else {
		if (pb->csum != PBUF_CSUM_PARTIAL)
			pbuf_mark_l4(pb);
		r = is_ip4 ? push4(net, pb, f, path) : push6(net, pb, f, path);
	}
	pbuf_mark_l3(pb);
	return r;
}
