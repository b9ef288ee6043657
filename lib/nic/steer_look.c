/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose a frame is: by its first bytes and nothing else, so that all threads agree.
 */
#include <errno.h>
#include <string.h>

#include "nic/steer_priv.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/l4.h"
#include "wire/mld.h"
#include "wire/ndp.h"

/* Bytes that are looked at: of what lies behind more headers, it is enough that all agree. */
#define VIEW_LEN     256

#define ICMP_HDR_LEN 8
#define ICMP_AT_ID   4
#define FRAG6_LEN    8

/**
 * struct packet - An IP packet, as it came in or as an ICMP error quotes it
 * @p:		Its header
 * @len:	Bytes of it that can be seen
 * @l4:		Offsets from @p
 * @local, @remote: Addresses: ours is the destination, or the source of what is quoted
 * @local_port, @remote_port: TCP and UDP, else 0
 * @is_group:	It is for many
 */
struct packet {
	const uint8_t *p;
	uint32_t len;
	struct l4_repr l4;
	struct ip6_addr local;
	struct ip6_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	bool is_group;
};

/* --- hashes --- */

static uint32_t spread(const struct steer *s, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * s->conf.n_shards >> 32);
}

/* Keyed: who chooses ports shall not be able to send all to one shard. */
static uint64_t hash_of(const struct steer *s, const struct packet *k, uint64_t more)
{
	const uint64_t msg[5] = { k->local.hi, k->local.lo, k->remote.hi, k->remote.lo, more };

	return siphash13(&s->key, msg, sizeof(msg));
}

static uint32_t by_addresses(const struct steer *s, const struct packet *k)
{
	return spread(s, hash_of(s, k, 0));
}

static uint32_t by_ports(const struct steer *s, const struct packet *k)
{
	if (k->local_port >= s->conf.port_first && k->local_port <= s->conf.port_last)
		return k->local_port % s->conf.n_shards;
	return spread(s, hash_of(s, k,
				 (uint64_t)k->l4.proto << 32 | (uint32_t)k->local_port << 16 |
					 k->remote_port));
}

/* --- the IP packet --- */

static int find(const uint8_t *p, uint32_t len, bool quoted, struct packet *ret)
{
	int n = quoted ? -ENODATA : l4_find_ip(p, len, &ret->l4);
	struct ip6_addr src, dst;

	/* What we do not see all of is like what is quoted. */
	if (n == -ENODATA)
		n = l4_find_quoted(p, len, &ret->l4);
	if (n < 0)
		return n;
	ret->p = p;
	ret->len = len;
	if (ret->l4.ip_version == 4) {
		src = ip6_addr_of_ip4(get_be32(p + 12));
		dst = ip6_addr_of_ip4(get_be32(p + 16));
		ret->is_group = ip4_addr_is_multicast((uint32_t)dst.lo) ||
				(uint32_t)dst.lo == IP4_BROADCAST;
	} else {
		src = ip6_addr_get(p + 8);
		dst = ip6_addr_get(p + 24);
		ret->is_group = ip6_addr_is_multicast(dst);
	}
	ret->local = quoted ? src : dst;
	ret->remote = quoted ? dst : src;
	ret->local_port = quoted ? ret->l4.src_port : ret->l4.dst_port;
	ret->remote_port = quoted ? ret->l4.dst_port : ret->l4.src_port;
	return 0;
}

static bool has_header(const struct packet *k, uint32_t len)
{
	return k->l4.part != L4_LATER_FRAGMENT && k->l4.l4_len >= len &&
	       k->l4.l4_at + len <= k->len;
}

/* --- ICMP --- */

/* A request, to us or of ours: from us it is to be known by its identifier alone, with which ping
 * sockets of a shard are chosen as ports are.
 */
static uint32_t by_echo(const struct steer *s, const struct packet *k, bool ours)
{
	const uint16_t id = get_be16(k->p + k->l4.l4_at + ICMP_AT_ID);

	if (ours)
		return id % s->conf.n_shards;
	return spread(s, hash_of(s, k, UINT64_C(1) << 40 | id));
}

static uint32_t by_quoted(const struct steer *s, const struct packet *k)
{
	if (k->l4.has_ports)
		return by_ports(s, k);
	if (has_header(k, ICMP_HDR_LEN)) {
		const uint8_t type = k->p[k->l4.l4_at];

		if (k->l4.proto == IP_PROTO_ICMP &&
		    (type == ICMP4_TYPE_ECHO || type == ICMP4_TYPE_ECHO_REPLY))
			return by_echo(s, k, type == ICMP4_TYPE_ECHO);
		if (k->l4.proto == IP_PROTO_ICMP6 &&
		    (type == ICMP6_TYPE_ECHO || type == ICMP6_TYPE_ECHO_REPLY))
			return by_echo(s, k, type == ICMP6_TYPE_ECHO);
	}
	return by_addresses(s, k);
}

static uint32_t by_error(const struct steer *s, const struct packet *k)
{
	const uint32_t at = k->l4.l4_at + ICMP_HDR_LEN;
	struct packet quoted;

	if (find(k->p + at, k->len - at, true, &quoted) < 0)
		return by_addresses(s, k);
	return by_quoted(s, &quoted);
}

static uint32_t by_icmp4(const struct steer *s, const struct packet *k)
{
	if (!has_header(k, ICMP_HDR_LEN))
		return by_addresses(s, k);
	switch (k->p[k->l4.l4_at]) {
	case ICMP4_TYPE_ECHO:
		return by_echo(s, k, false);
	case ICMP4_TYPE_ECHO_REPLY:
		return by_echo(s, k, true);
	case ICMP4_TYPE_UNREACHABLE:
	case ICMP4_TYPE_SOURCE_QUENCH:
	case ICMP4_TYPE_REDIRECT:
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_PARAM_PROBLEM:
		return by_error(s, k);
	default:
		return by_addresses(s, k);
	}
}

static uint32_t by_icmp6(const struct steer *s, const struct packet *k)
{
	if (!has_header(k, ICMP_HDR_LEN))
		return by_addresses(s, k);
	switch (k->p[k->l4.l4_at]) {
	case ICMP6_TYPE_ECHO:
		return by_echo(s, k, false);
	case ICMP6_TYPE_ECHO_REPLY:
		return by_echo(s, k, true);
	case ICMP6_TYPE_UNREACHABLE:
	case ICMP6_TYPE_PACKET_TOO_BIG:
	case ICMP6_TYPE_TIME_EXCEEDED:
	case ICMP6_TYPE_PARAM_PROBLEM:
		return by_error(s, k);
	case NDP_TYPE_ROUTER_SOLICIT:
	case NDP_TYPE_NEIGH_SOLICIT:
		return 0;
	case NDP_TYPE_ROUTER_ADVERT:
	case NDP_TYPE_NEIGH_ADVERT:
	case NDP_TYPE_REDIRECT:
	case MLD_TYPE_QUERY:
	case MLD_TYPE_REPORT1:
	case MLD_TYPE_DONE:
	case MLD_TYPE_REPORT2:
		return STEER_ALL;
	default:
		return by_addresses(s, k);
	}
}

/* Of a packet that is whole, or whose first fragment this is. */
static uint32_t by_transport(const struct steer *s, const struct packet *k)
{
	switch (k->l4.proto) {
	case IP_PROTO_ICMP:
		return by_icmp4(s, k);
	case IP_PROTO_ICMP6:
		return by_icmp6(s, k);
	case IP_PROTO_IGMP:
		return STEER_ALL;
	case IP_PROTO_TCP:
		return k->l4.has_ports ? by_ports(s, k) : by_addresses(s, k);
	default:
		break;
	}
	/* Who is a member is known to the shards. */
	if (k->is_group)
		return STEER_ALL;
	return k->l4.has_ports ? by_ports(s, k) : by_addresses(s, k);
}

/* --- fragments --- */

/* Of the packet; 0 for one whose header is not where it usually is. */
static uint32_t fragment_id(const struct packet *k)
{
	uint32_t at = IPV6_HDR_LEN;
	uint8_t next;

	if (k->l4.ip_version == 4)
		return get_be16(k->p + 4);
	next = k->p[6];
	while (at + FRAG6_LEN <= k->len) {
		if (next == IP_PROTO_FRAGMENT)
			return get_be32(k->p + at + 4);
		if (next != IP_PROTO_HOPOPTS && next != IP_PROTO_ROUTING &&
		    next != IP_PROTO_DSTOPTS)
			return 0;
		next = k->p[at];
		at += (k->p[at + 1] + 1U) * 8;
	}
	return 0;
}

static void look_fragment(const struct steer *s, const struct packet *k, struct steer_way *ret)
{
	const uint64_t proto = k->l4.ip_version == 4 ? k->l4.proto : 0;

	ret->shard = by_addresses(s, k);
	ret->is_fragment = true;
	ret->key = hash_of(s, k, UINT64_C(1) << 48 | proto << 32 | fragment_id(k));
	ret->is_first = k->l4.part == L4_FIRST_FRAGMENT;
	ret->owner = ret->is_first ? by_transport(s, k) : 0;
	if (ret->owner == STEER_ALL)
		ret->owner = ret->shard;
}

/* --- frames --- */

/* Questions are answered by one; what is said to all is for all. */
static uint32_t by_arp(const uint8_t *p, uint32_t len)
{
	struct arp_repr arp;

	if (arp_parse(p, len, &arp) < 0)
		return 0;
	return arp.op == ARP_OP_REPLY || arp.spa == arp.tpa ? STEER_ALL : 0;
}

static void look_ip(const struct steer *s, const uint8_t *p, uint32_t len, bool is_group,
		    struct steer_way *ret)
{
	struct packet k;

	if (find(p, len, false, &k) < 0)
		return;
	k.is_group = k.is_group || is_group;
	if (k.l4.part == L4_WHOLE)
		ret->shard = by_transport(s, &k);
	else if (k.is_group)
		ret->shard = STEER_ALL; /* each puts it together */
	else
		look_fragment(s, &k, ret);
}

void steer_look(const struct steer *s, const struct pbuf *pb, struct steer_way *ret)
{
	const uint32_t want = pb->len < VIEW_LEN ? pb->len : VIEW_LEN;
	const uint8_t *p = pb->data;
	uint8_t copy[VIEW_LEN];
	struct eth_repr eth;
	int n;

	*ret = (struct steer_way){ .shard = 0 };
	if (pb->linear < want) {
		pbuf_copy_out(pb, 0, copy, want);
		p = copy;
	}
	if (s->conf.is_ip) {
		look_ip(s, p, want, false, ret);
		return;
	}
	n = eth_parse(p, want, &eth);
	if (n < 0)
		return;
	if (eth.type == ETH_TYPE_ARP)
		ret->shard = by_arp(p + n, want - (uint32_t)n);
	else if (eth.type == ETH_TYPE_IPV4 || eth.type == ETH_TYPE_IPV6)
		look_ip(s, p + n, want - (uint32_t)n, eth_addr_is_multicast(eth.dst), ret);
}

uint32_t steer_shard(const struct steer *s, const struct pbuf *pb)
{
	struct steer_way way;

	steer_look(s, pb, &way);
	return way.shard;
}
