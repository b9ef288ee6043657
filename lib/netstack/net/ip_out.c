/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of a packet down, from transport to the neighbour:
 *
 *	ip_out()	path, IP header, OUTPUT hook and what it changed, our own copy of what
 *			goes to many
 *	ip_xmit()	POSTROUTING hook, then as one packet, as GSO packet, or in fragments
 *	ip_to_neigh()	link header
 *
 * Forwarded packets join at ip_xmit().  What is for ourselves goes to net.loop instead of a
 * neighbour and comes in again.
 */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "wire/ipv6_ext.h"

static enum drop_reason drop_of(int error)
{
	switch (error) {
	case -EADDRNOTAVAIL:
		return DROP_NO_ADDRESS;
	case -EINVAL:
		return DROP_ROUTE_BLACKHOLE;
	case -EHOSTUNREACH:
		return DROP_ROUTE_UNREACHABLE;
	case -EACCES:
		return DROP_ROUTE_PROHIBIT;
	case -ENOBUFS:
		return DROP_NEIGH_TABLE;
	case -ENODEV:
	case -ENETDOWN:
		return DROP_LINK_DOWN;
	default:
		return DROP_NO_ROUTE;
	}
}

int ip_refuse(struct net *net, struct pbuf *pb, enum drop_reason why, int error)
{
	core_drop(net->core, pb, why);
	return error;
}

struct ends {
	struct ip6_addr src;
	struct ip6_addr dst;
};

static struct ends ends_of(const struct pbuf *pb, bool is_ip4)
{
	struct ends e;

	if (is_ip4) {
		e.src = ip6_addr_of_ip4(get_be32(pb->data + 12));
		e.dst = ip6_addr_of_ip4(get_be32(pb->data + 16));
	} else {
		e.src = ip6_addr_get(pb->data + 8);
		e.dst = ip6_addr_get(pb->data + 24);
	}
	return e;
}

/* The OUTPUT hook, which may send the packet elsewhere: @path is then another one. */
static int hook_output(struct net *net, struct pbuf *pb, const struct ip_flow *f,
		       struct ip_path *path, struct ip6_addr *ret_dst)
{
	const bool is_ip4 = ip6_addr_is_mapped(f->dst);
	const struct ends before = ends_of(pb, is_ip4);
	struct ip_flow g = *f;
	struct ends after;
	int r = net_hook(net, HOOK_OUTPUT, NULL, iface_get(&net->ifaces, path->ifindex), is_ip4,
			 pb);

	if (r != RX_PASS)
		return r;
	after = ends_of(pb, is_ip4);
	if (ip6_addr_eq(after.src, before.src) && ip6_addr_eq(after.dst, before.dst) &&
	    path->gen == net->neigh.gen)
		return RX_PASS;
	g.src = after.src;
	g.dst = after.dst;
	g.transparent = true;
	path->gen = 0;
	r = ip_path_find(net, &g, path);
	if (r < 0)
		return (int)drop_of(r);
	*ret_dst = g.dst;
	return RX_PASS;
}

/* Members on this host get what they would see on the link (RFC 1112, 6.1). */
static void loop_copy(struct net *net, const struct pbuf *pb, const struct ip_flow *f,
		      const struct ip_path *path, struct ip6_addr dst)
{
	const bool to_group = ip_is_multicast(dst);
	struct pbuf *copy;

	if (path->neigh != SLAB_NONE || path->ifindex == IFACE_LO)
		return;
	if (to_group ? f->no_loop || !group_lookup(net, path->ifindex, dst) : !f->broadcast)
		return;
	if (!to_group && ip_addr_type(net, dst, path->ifindex) != IP_ADDR_BROADCAST)
		return;
	copy = pbuf_clone(pb);
	if (!copy) {
		core_count(net->core, DROP_NO_MEMORY);
		return;
	}
	ip_loop(net, copy, path->ifindex);
}

static int out(struct net *net, struct pbuf *pb, const struct ip_flow *f, const struct ip_path *way)
{
	struct ip_path path = *way;
	struct ip6_addr dst = f->dst;
	int r = ip_push_header(net, pb, f, &path);

	if (r == 0 && (f->dont_frag || f->pmtu_probe || f->header_included) && !path.mtu_locked &&
	    path.ifindex != IFACE_LO && ip_segment_len(pb) > path.mtu)
		r = -EMSGSIZE;
	if (r < 0)
		return ip_refuse(net, pb, r == -ENOBUFS ? DROP_NO_MEMORY : DROP_IP_TOO_BIG, r);
	pb->mark = f->mark;
	net->stats.out_requests++;
	core_trace(net->core, TRACE_OUT, pb);

	if (net->hook[HOOK_OUTPUT].fn) {
		r = hook_output(net, pb, f, &path, &dst);
		if (r == RX_TAKEN)
			return 0;
		if (r != RX_PASS)
			return ip_refuse(net, pb, (enum drop_reason)r, -EPERM);
	}
	loop_copy(net, pb, f, &path, dst);
	return ip_xmit(net, pb, &path, NULL, dst);
}

int ip_out(struct net *net, struct pbuf *pb, const struct ip_flow *f, struct ip_path *path)
{
	struct ip_flow g;
	int r;

	if (__builtin_expect(path->gen == net->neigh.gen, 1))
		return out(net, pb, f, path);
	g = *f;
	r = ip_path_find(net, &g, path);
	if (r < 0)
		return ip_refuse(net, pb, drop_of(r), r);
	return out(net, pb, &g, path);
}

/* Where the protocol is named: in the IPv6 header, or in the last extension header. */
static uint32_t proto_at(const struct pbuf *pb)
{
	const uint8_t *ip = pbuf_l3(pb);
	const size_t len = (size_t)(pb->data + pb->linear - ip);
	struct ipv6_problem problem;
	struct ipv6_ext ext;

	if (ipv6_ext_parse(ip, len, ip[6], &ext, &problem) < 0)
		return 6;
	return ext.proto_ptr;
}

void ip_reject(struct net *net, struct pbuf *pb, enum ip_reject what)
{
	switch (what) {
	case IP_REJECT_PORT:
		icmp_error(net, pb, ICMP_WHY_PORT, 0);
		break;
	case IP_REJECT_PROTO:
		icmp_error(net, pb, ICMP_WHY_PROTO, pbuf_l3(pb)[0] >> 4 == 6 ? proto_at(pb) : 0);
		break;
	case IP_REJECT_PROHIBITED:
		icmp_error(net, pb, ICMP_WHY_PROHIBITED, 0);
		break;
	}
}
