/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose a frame is, on a link that is shared with a kernel (iface_conf.is_shared).
 *
 * A kernel that got a segment of a connection of ours would reset it, and so would we one of
 * its own.  What tells them apart is the 4-tuple, which fragments but the first do not have: where
 * those of a packet go is remembered for as long as they may be on their way.  One that
 * overtook the first goes to both: neither says anything about a packet whose first fragment it
 * does not have (RFC 792; RFC 4443, 3.3), and the time of both tables of fragments ends.
 */
#include "netstack/netstack_priv.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/l4.h"
#include "wire/ndp.h"

/* Bytes that are looked at, of a frame that is not in one piece. */
#define VIEW_LEN     256

#define ICMP_HDR_LEN 8

/* Of the fragment header, which ends where what it is about begins. */
#define FRAG6_AT_ID 4

/* What this hash is about (struct core, @key). */
#define OWNER_WORD UINT64_C(0x6f776e6572)

/**
 * struct packet - An IP packet, as it came in or as an ICMP error quotes it
 * @p:		Its header
 * @len:	Bytes of it that can be seen
 * @l4:		Offsets from @p
 * @local, @remote: Addresses: ours is the destination, or the source of what is quoted
 * @local_port, @remote_port: Of TCP
 * @to_us:	By the link's address
 */
struct packet {
	const uint8_t *p;
	uint32_t len;
	struct l4_repr l4;
	struct ip6_addr local;
	struct ip6_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	bool to_us;
};

static bool find(const uint8_t *p, uint32_t len, bool quoted, struct packet *ret)
{
	int n = quoted ? -ENODATA : l4_find_ip(p, len, &ret->l4);
	struct ip6_addr src, dst;

	/* What we do not see all of is like what is quoted. */
	if (n == -ENODATA)
		n = l4_find_quoted(p, len, &ret->l4);
	if (n < 0)
		return false;
	ret->p = p;
	ret->len = len;
	if (ret->l4.ip_version == 4) {
		src = ip6_addr_of_ip4(get_be32(p + 12));
		dst = ip6_addr_of_ip4(get_be32(p + 16));
	} else {
		src = ip6_addr_get(p + 8);
		dst = ip6_addr_get(p + 24);
	}
	ret->local = quoted ? src : dst;
	ret->remote = quoted ? dst : src;
	ret->local_port = quoted ? ret->l4.src_port : ret->l4.dst_port;
	ret->remote_port = quoted ? ret->l4.dst_port : ret->l4.src_port;
	return true;
}

static bool is_local(const struct netstack *st, const struct iface *in, struct ip6_addr addr)
{
	const struct net_addr *a = addr_lookup(&st->net, addr, in->index);

	return a && addr_is_usable(a);
}

static enum netstack_owner by_tcp(const struct netstack *st, const struct iface *in,
				  const struct packet *k)
{
	if (!k->l4.has_ports || !is_local(st, in, k->local) ||
	    !tcp_owns(st->tcp, k->local, k->local_port, k->remote, k->remote_port, in->index))
		return NETSTACK_THEIRS;
	return NETSTACK_OURS;
}

/* --- fragments --- */

static uint64_t fragment_key(const struct netstack *st, const struct packet *k)
{
	const uint8_t *id = k->l4.ip_version == 4 ? k->p + 4 : k->p + k->l4.l4_at - FRAG6_AT_ID;
	const uint64_t msg[6] = {
		OWNER_WORD,
		k->local.hi,
		k->local.lo,
		k->remote.hi,
		k->remote.lo,
		k->l4.ip_version == 4 ? get_be16(id) : UINT64_C(1) << 32 | get_be32(id),
	};

	return siphash13(&st->core.key, msg, sizeof(msg));
}

static enum netstack_owner by_fragment(struct netstack *st, const struct iface *in,
				       const struct packet *k)
{
	const uint64_t key = fragment_key(st, k), now = st->core.now_ns;
	struct owner_frag *f = &st->owner_frag[key % OWNER_FRAGS];

	if (k->l4.part == L4_FIRST_FRAGMENT) {
		*f = (struct owner_frag){
			.key = key,
			.until_ns = now + st->net.params.reass_ms * NS_PER_MS,
			.owner = by_tcp(st, in, k),
		};
		return f->owner;
	}
	if (f->key == key && f->until_ns > now)
		return f->owner;
	return is_local(st, in, k->local) ? NETSTACK_BOTH : NETSTACK_THEIRS;
}

/* --- ICMP --- */

static enum netstack_owner by_quoted(const struct netstack *st, const struct iface *in,
				     const struct packet *k)
{
	const uint32_t at = k->l4.l4_at + ICMP_HDR_LEN;
	struct packet quoted;

	if (!find(k->p + at, k->len - at, true, &quoted) || quoted.l4.proto != IP_PROTO_TCP)
		return NETSTACK_THEIRS;
	return by_tcp(st, in, &quoted);
}

static enum netstack_owner by_icmp4(const struct netstack *st, const struct iface *in,
				    const struct packet *k)
{
	switch (k->p[k->l4.l4_at]) {
	case ICMP4_TYPE_UNREACHABLE:
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_PARAM_PROBLEM:
		return by_quoted(st, in, k);
	case ICMP4_TYPE_REDIRECT: /* of whatever goes there */
		return NETSTACK_BOTH;
	default:
		return NETSTACK_THEIRS;
	}
}

static enum netstack_owner by_icmp6(const struct netstack *st, const struct iface *in,
				    const struct packet *k)
{
	switch (k->p[k->l4.l4_at]) {
	case ICMP6_TYPE_UNREACHABLE:
	case ICMP6_TYPE_PACKET_TOO_BIG:
	case ICMP6_TYPE_TIME_EXCEEDED:
	case ICMP6_TYPE_PARAM_PROBLEM:
		return k->to_us ? by_quoted(st, in, k) : NETSTACK_THEIRS;
	case NDP_TYPE_ROUTER_ADVERT:
	case NDP_TYPE_NEIGH_SOLICIT:
	case NDP_TYPE_NEIGH_ADVERT:
	case NDP_TYPE_REDIRECT:
		return NETSTACK_BOTH;
	default:
		return NETSTACK_THEIRS;
	}
}

static bool has_icmp(const struct packet *k)
{
	return k->l4.part == L4_WHOLE && k->l4.l4_len >= ICMP_HDR_LEN &&
	       k->l4.l4_at + (uint32_t)ICMP_HDR_LEN <= k->len;
}

/* --- frames --- */

static enum netstack_owner by_ip(struct netstack *st, const struct iface *in, const uint8_t *p,
				 uint32_t len, bool to_us)
{
	struct packet k;

	if (!find(p, len, false, &k))
		return NETSTACK_THEIRS; /* it may count it */
	k.to_us = to_us;
	switch (k.l4.proto) {
	case IP_PROTO_TCP:
		if (!to_us)
			return NETSTACK_THEIRS;
		return k.l4.part == L4_WHOLE ? by_tcp(st, in, &k) : by_fragment(st, in, &k);
	case IP_PROTO_ICMP:
		return to_us && k.l4.ip_version == 4 && has_icmp(&k) ? by_icmp4(st, in, &k)
								     : NETSTACK_THEIRS;
	case IP_PROTO_ICMP6:
		return k.l4.ip_version == 6 && has_icmp(&k) ? by_icmp6(st, in, &k)
							    : NETSTACK_THEIRS;
	default:
		return NETSTACK_THEIRS;
	}
}

enum netstack_owner netstack_owner(struct netstack *st, uint32_t ifindex, const struct pbuf *pb)
{
	const struct iface *in = iface_get(&st->net.ifaces, ifindex);
	const uint8_t *p = pb->data;
	uint32_t len = pb->linear;
	uint8_t copy[VIEW_LEN];
	struct eth_repr eth;
	int n;

	if (!in || in->kind != IFACE_ETHERNET)
		return NETSTACK_THEIRS;
	if (pb->n_frags && len < VIEW_LEN) {
		len = pb->len < VIEW_LEN ? pb->len : VIEW_LEN;
		pbuf_copy_out(pb, 0, copy, len);
		p = copy;
	}
	n = eth_parse(p, len, &eth);
	if (n < 0 || eth.n_vlans)
		return NETSTACK_THEIRS;
	if (eth.type == ETH_TYPE_ARP)
		return NETSTACK_BOTH;
	if (len == (uint32_t)n || (eth.type != ETH_TYPE_IPV4 && eth.type != ETH_TYPE_IPV6) ||
	    p[n] >> 4 != (eth.type == ETH_TYPE_IPV4 ? 4 : 6))
		return NETSTACK_THEIRS;
	return by_ip(st, in, p + n, len - (uint32_t)n, eth_addr_eq(eth.dst, in->mac));
}
