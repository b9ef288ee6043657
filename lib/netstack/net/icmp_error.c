/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Errors that we send, and when not to.
 */
#include <string.h>

#include "netstack/net/icmp.h"
#include "netstack/net/icmp_priv.h"
#include "netstack/net/net_priv.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"

#define QUOTE4_MAX (ICMP4_ERROR_LEN_MAX - IPV4_HDR_LEN - ICMP4_HDR_LEN)
#define QUOTE6_MAX (ICMP6_ERROR_LEN_MAX - IPV6_HDR_LEN - ICMP6_HDR_LEN)

/* Of IPv4 errors: precedence "internetwork control" (RFC 1812, 4.3.2.5) and the TOS. */
#define TOS_OF_ERROR(tos) ((uint8_t)(0xc0 | ((tos)&0x1e)))

/**
 * struct about - The packet that an error is about
 * @pb:		It
 * @len:	Bytes from its IP header on
 * @first:	The first of them
 * @n_first:	So many
 * @src, @dst:	Addresses
 * @tos:	TOS
 */
struct about {
	const struct pbuf *pb;
	uint32_t len;
	uint8_t first[ICMP_LOOK_LEN];
	uint32_t n_first;
	struct ip6_addr src;
	struct ip6_addr dst;
	uint8_t tos;
};

/* Copy the first @n bytes from the IP header on; some of them may have been stripped. */
static void quote(const struct pbuf *pb, uint8_t *to, uint32_t n)
{
	const uint32_t at = pbuf_headroom(pb);
	const uint32_t stripped = pb->l3 < at ? at - pb->l3 : 0;
	const uint32_t before = stripped < n ? stripped : n;

	memcpy(to, pb->base + pb->l3, before);
	pbuf_copy_out(pb, stripped ? 0 : pb->l3 - at, to + before, n - before);
}

static bool about_init(struct about *a, const struct pbuf *pb)
{
	const uint32_t end = pbuf_headroom(pb) + pb->len;

	if (pb->l3 == PBUF_NO_OFFSET || pb->l3 >= end)
		return false;
	a->pb = pb;
	a->len = end - pb->l3;
	a->n_first = a->len < sizeof(a->first) ? a->len : sizeof(a->first);
	quote(pb, a->first, a->n_first);
	return true;
}

/* On a shared link the other one complains; our own senders hear of it. */
static bool is_for_others_to_tell(const struct net *net, const struct about *a)
{
	const struct iface *ifc = iface_get(&net->ifaces, a->pb->ifindex);

	return ifc && ifc->is_shared && ip_addr_type(net, a->src, ifc->index) != IP_ADDR_LOCAL;
}

/* --- sending --- */

void icmp_answer(struct net *net, struct pbuf *pb, struct ip6_addr to, struct ip6_addr us,
		 uint32_t ifindex, uint8_t proto, uint8_t tos)
{
	const bool is_ip4 = ip6_addr_is_mapped(to);
	struct ip_path path = { .gen = 0 };
	struct ip_flow f = {
		.src = us,
		.dst = to,
		.oif = !is_ip4 && (ip6_addr_is_link_local(to) || ip6_addr_is_multicast(us))
			       ? ifindex
			       : 0,
		.proto = proto,
		.tos = tos,
	};

	if (ip_addr_type(net, us, ifindex) != IP_ADDR_LOCAL)
		f.src = is_ip4 ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED;
	if (ip_path_find(net, &f, &path) < 0) {
		core_drop(net->core, pb, DROP_NO_ROUTE);
		return;
	}
	if (!is_ip4)
		put_be16(pb->data + 2, csum_update_ip6(get_be16(pb->data + 2), us, f.src));
	icmp_reset(pb);
	net->stats.icmp_out++;
	(void)ip_out(net, pb, &f, &path); /* counts what it drops */
}

/* A message of the header that is to be emitted at its data, and a quotation. */
static struct pbuf *make_error(struct net *net, const struct about *a, uint32_t hdr_len,
			       uint32_t quote_max)
{
	const uint32_t n = a->len < quote_max ? a->len : quote_max;
	struct pbuf *pb = pbuf_alloc_rx(net->core->pool, PBUF_HEADROOM, hdr_len + n);
	uint8_t *at = pb ? pbuf_put(pb, hdr_len + n) : NULL;

	if (!at) {
		pbuf_free(pb);
		core_count(net->core, DROP_NO_MEMORY);
		return NULL;
	}
	memset(at, 0, hdr_len);
	quote(a->pb, at + hdr_len, n);
	return pb;
}

static bool is_within_rate(struct net *net, const struct about *a)
{
	const struct iface *in = iface_get(&net->ifaces, a->pb->ifindex);

	if (a->pb->ifindex == 0 || (in && in->kind == IFACE_LOOPBACK))
		return true;
	if (icmp_limit_allow(&net->icmp, net->core, &net->params, a->src))
		return true;
	core_count(net->core, DROP_ICMP_RATE);
	return false;
}

/* To many, as the link layer has it; or not for us at all. */
static bool is_to_one_by_link(const struct pbuf *pb)
{
	return pb->dest == PBUF_TO_US || pb->dest == PBUF_FROM_US;
}

/* --- IPv4 --- */

/* An address that is one host's (RFC 1122, 3.2.2; RFC 1812, 4.3.2.7). */
static bool is_one_host4(struct net *net, uint32_t addr, uint32_t ifindex)
{
	if (addr >> 24 == 0 || ip4_addr_is_multicast(addr) || ip4_addr_is_reserved(addr))
		return false;
	return ip_addr_type(net, ip6_addr_of_ip4(addr), ifindex) != IP_ADDR_BROADCAST;
}

/* An ICMP error, or what might be one: a type that nobody knows, as Linux has it, or one that
 * is not there.
 */
static bool is_error4(const struct about *a, size_t at)
{
	return at >= a->n_first || icmp4_type_is_error(a->first[at]) ||
	       a->first[at] > 18; /* NR_ICMP_TYPES */
}

static bool may_tell4(struct net *net, struct about *a)
{
	struct ipv4_repr ip;
	const int n = ipv4_parse_quoted(a->first, a->n_first, &ip);
	enum ip_addr_type to;

	if (n < 0 || ip.frag_off || !is_to_one_by_link(a->pb))
		return false;
	a->src = ip6_addr_of_ip4(ip.src);
	a->dst = ip6_addr_of_ip4(ip.dst);
	a->tos = ip.tos;
	to = ip_addr_type(net, a->dst, a->pb->ifindex);
	if (to == IP_ADDR_BROADCAST || to == IP_ADDR_MULTICAST ||
	    !is_one_host4(net, ip.src, a->pb->ifindex))
		return false;
	return ip.proto != IP_PROTO_ICMP || !is_error4(a, (size_t)n);
}

/* Type and code of an error; what follows them is in the repr as the type has it. */
static struct icmp4_repr repr4(enum icmp_why why, uint32_t info)
{
	struct icmp4_repr r = { .type = ICMP4_TYPE_UNREACHABLE };

	switch (why) {
	case ICMP_WHY_NO_ROUTE:
		r.code = ICMP4_UNREACHABLE_NET;
		break;
	case ICMP_WHY_HOST:
	case ICMP_WHY_SCOPE:
		r.code = ICMP4_UNREACHABLE_HOST;
		break;
	case ICMP_WHY_PROHIBITED:
		r.code = ICMP4_UNREACHABLE_PROHIBITED;
		break;
	case ICMP_WHY_PROTO:
		r.code = ICMP4_UNREACHABLE_PROTO;
		break;
	case ICMP_WHY_PORT:
		r.code = ICMP4_UNREACHABLE_PORT;
		break;
	case ICMP_WHY_TOO_BIG:
		r.code = ICMP4_UNREACHABLE_FRAG_NEEDED;
		r.mtu = info > UINT16_MAX ? UINT16_MAX : (uint16_t)info;
		break;
	case ICMP_WHY_TTL:
		r.type = ICMP4_TYPE_TIME_EXCEEDED;
		r.code = ICMP4_TIME_EXCEEDED_TTL;
		break;
	case ICMP_WHY_REASSEMBLY:
		r.type = ICMP4_TYPE_TIME_EXCEEDED;
		r.code = ICMP4_TIME_EXCEEDED_REASSEMBLY;
		break;
	case ICMP_WHY_OPTION:
		r.type = ICMP4_TYPE_PARAM_PROBLEM;
		r.code = ICMP4_PARAM_PROBLEM_POINTER;
		r.pointer = (uint8_t)info;
		break;
	}
	return r;
}

static void error4(struct net *net, struct about *a, enum icmp_why why, uint32_t info)
{
	const struct icmp4_repr r = repr4(why, info);
	struct pbuf *pb;

	if (!may_tell4(net, a) || is_for_others_to_tell(net, a) ||
	    (why != ICMP_WHY_TOO_BIG && !is_within_rate(net, a)))
		return;
	pb = make_error(net, a, ICMP4_HDR_LEN, QUOTE4_MAX);
	if (!pb)
		return;
	(void)icmp4_emit(pb->data, pb->linear, &r); /* the room is there, the values are ours */
	icmp4_put_csum(pb->data, pb->linear);
	net->stats.icmp_errors_out++;
	icmp_answer(net, pb, a->src, a->dst, a->pb->ifindex, IP_PROTO_ICMP, TOS_OF_ERROR(a->tos));
}

/* --- IPv6 --- */

/* An ICMPv6 error or a redirect, or what might be one (RFC 4443, 2.4 (e.1) and (e.2)). */
static bool is_error6(const struct about *a, const struct ipv6_repr *ip)
{
	struct ipv6_skip skip;
	const int n = ipv6_ext_skip(a->first, a->n_first, ip->next_hdr, &skip);

	if (n < 0)
		return true;
	if (skip.proto != IP_PROTO_ICMP6 || skip.frag_offset)
		return false;
	return (uint32_t)n >= a->n_first || icmp6_type_is_error(a->first[n]) ||
	       a->first[n] == NDP_TYPE_REDIRECT;
}

/* @many: also about packets that were for many (RFC 4443, 2.4 (e.3)). */
static bool may_tell6(struct about *a, bool many)
{
	struct ipv6_repr ip;

	if (ipv6_parse_quoted(a->first, a->n_first, &ip) < 0)
		return false;
	a->src = ip.src;
	a->dst = ip.dst;
	a->tos = ip.tclass;
	if (!many && (ip6_addr_is_multicast(ip.dst) || !is_to_one_by_link(a->pb)))
		return false;
	if (ip6_addr_is_unspecified(ip.src) || ip6_addr_is_multicast(ip.src) ||
	    ip6_addr_is_mapped(ip.src))
		return false;
	return !is_error6(a, &ip);
}

static struct icmp6_repr repr6(enum icmp_why why, uint32_t info)
{
	struct icmp6_repr r = { .type = ICMP6_TYPE_UNREACHABLE };

	switch (why) {
	case ICMP_WHY_NO_ROUTE:
		r.code = ICMP6_UNREACHABLE_NO_ROUTE;
		break;
	case ICMP_WHY_HOST:
		r.code = ICMP6_UNREACHABLE_ADDRESS;
		break;
	case ICMP_WHY_SCOPE:
		r.code = ICMP6_UNREACHABLE_SCOPE;
		break;
	case ICMP_WHY_PROHIBITED:
		r.code = ICMP6_UNREACHABLE_PROHIBITED;
		break;
	case ICMP_WHY_PORT:
		r.code = ICMP6_UNREACHABLE_PORT;
		break;
	case ICMP_WHY_TOO_BIG:
		r.type = ICMP6_TYPE_PACKET_TOO_BIG;
		r.mtu = info;
		break;
	case ICMP_WHY_TTL:
		r.type = ICMP6_TYPE_TIME_EXCEEDED;
		r.code = ICMP6_TIME_EXCEEDED_HOP_LIMIT;
		break;
	case ICMP_WHY_REASSEMBLY:
		r.type = ICMP6_TYPE_TIME_EXCEEDED;
		r.code = ICMP6_TIME_EXCEEDED_REASSEMBLY;
		break;
	case ICMP_WHY_PROTO:
		r.type = ICMP6_TYPE_PARAM_PROBLEM;
		r.code = IPV6_PROBLEM_NEXT_HDR;
		r.pointer = info;
		break;
	case ICMP_WHY_OPTION:
		r.type = ICMP6_TYPE_PARAM_PROBLEM;
		r.code = IPV6_PROBLEM_FIELD;
		r.pointer = info;
		break;
	}
	return r;
}

static void error6(struct net *net, struct about *a, const struct icmp6_repr *r, bool many)
{
	const bool pmtu = r->type == ICMP6_TYPE_PACKET_TOO_BIG;
	struct pbuf *pb;

	if (!may_tell6(a, many) || is_for_others_to_tell(net, a) ||
	    (!pmtu && !is_within_rate(net, a)))
		return;
	pb = make_error(net, a, ICMP6_HDR_LEN, QUOTE6_MAX);
	if (!pb)
		return;
	(void)icmp6_emit(pb->data, pb->linear, r); /* the room is there, the values are ours */
	icmp6_put_csum(pb->data, pb->linear, a->dst, a->src);
	net->stats.icmp_errors_out++;
	icmp_answer(net, pb, a->src, a->dst, a->pb->ifindex, IP_PROTO_ICMP6, 0);
}

void icmp6_problem(struct net *net, const struct pbuf *about, const struct ipv6_problem *p)
{
	const struct icmp6_repr r = {
		.type = ICMP6_TYPE_PARAM_PROBLEM,
		.code = p->code,
		.pointer = p->pointer,
	};
	struct about a;

	if (p->report != IPV6_REPORT_NONE && about_init(&a, about))
		error6(net, &a, &r, p->report == IPV6_REPORT_ALWAYS);
}

void icmp_error(struct net *net, const struct pbuf *about, enum icmp_why why, uint32_t info)
{
	struct icmp6_repr r;
	struct about a;

	if (!about_init(&a, about))
		return;
	if (a.first[0] >> 4 == 4) {
		error4(net, &a, why, info);
		return;
	}
	r = repr6(why, info);
	error6(net, &a, &r, why == ICMP_WHY_TOO_BIG);
}
