/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMPv6 messages that came in.
 */
#include "wire/icmp6.h"

#include <errno.h>

#include "netstack/net/icmp.h"
#include "netstack/net/icmp_priv.h"
#include "netstack/net/mld.h"
#include "netstack/net/ndp.h"
#include "netstack/net/net_priv.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"
#include "wire/mld.h"
#include "wire/ndp.h"

/* The longest message of neighbour discovery and MLD that is read: no link's MTU makes them
 * longer, for nobody fragments them (RFC 6980).
 */
#define MESSAGE_MAX 9216

/* --- echo --- */

/* The reply is the request with another type; the one to a group as well (RFC 4443, 4.2). */
static int echo_in(struct net *net, struct pbuf *pb)
{
	const struct ip_rx rx = *ip_rx(pb);
	uint8_t *icmp;

	if (net->params.icmp_echo_ignore_all)
		return DROP_ICMP_ECHO_IGNORED;
	if (ip6_addr_is_unspecified(rx.src))
		return DROP_ICMP_BAD;
	if (!pbuf_unshare(pb, ICMP6_HDR_LEN))
		return DROP_NO_MEMORY;
	icmp = pb->data;
	put_be16(icmp + 2, csum_update16(get_be16(icmp + 2), get_be16(icmp),
					 (uint16_t)(ICMP6_TYPE_ECHO_REPLY << 8 | icmp[1])));
	icmp[0] = ICMP6_TYPE_ECHO_REPLY;
	icmp_answer(net, pb, rx.src, rx.dst, pb->ifindex, IP_PROTO_ICMP6, rx.tos);
	return RX_TAKEN;
}

/* --- errors --- */

static const struct icmp_errno unreachable[] = {
	[ICMP6_UNREACHABLE_NO_ROUTE] = { ENETUNREACH, false },
	[ICMP6_UNREACHABLE_PROHIBITED] = { EACCES, true },
	[ICMP6_UNREACHABLE_SCOPE] = { EHOSTUNREACH, false },
	[ICMP6_UNREACHABLE_ADDRESS] = { EHOSTUNREACH, false },
	[ICMP6_UNREACHABLE_PORT] = { ECONNREFUSED, true },
	[ICMP6_UNREACHABLE_POLICY] = { EACCES, true },
	[ICMP6_UNREACHABLE_REJECT_ROUTE] = { EACCES, true },
};

/* Other types are for upper layers as well (RFC 4443, 2.4 (a)). */
static struct icmp_errno errno_of(const struct icmp6_repr *m)
{
	switch (m->type) {
	case ICMP6_TYPE_UNREACHABLE:
		if (m->code < sizeof(unreachable) / sizeof(*unreachable))
			return unreachable[m->code];
		return (struct icmp_errno){ EPROTO, true };
	case ICMP6_TYPE_PACKET_TOO_BIG:
		return (struct icmp_errno){ EMSGSIZE, false };
	case ICMP6_TYPE_TIME_EXCEEDED:
		return (struct icmp_errno){ EHOSTUNREACH, false };
	case ICMP6_TYPE_PARAM_PROBLEM:
		return (struct icmp_errno){ EPROTO, true };
	default:
		return (struct icmp_errno){ EPROTO, false };
	}
}

/* One for which the quoted packet is not too big was made up (RFC 5927, 7.2). */
static bool mtu_is_right(const struct net *net, uint32_t mtu, uint32_t quoted_len)
{
	return mtu < quoted_len && pmtu_bound(&net->params, false, &mtu);
}

static int error_in(struct net *net, struct pbuf *pb, const struct icmp6_repr *m)
{
	const struct ip_rx *rx = ip_rx(pb);
	const struct icmp_errno no = errno_of(m);
	struct ip_error e;
	struct ipv6_skip skip;
	struct ipv6_repr ip;
	const uint8_t *quote;
	size_t len;
	int n, r;

	if (!pbuf_pullup(pb, pb->len < ICMP_LOOK_LEN ? pb->len : ICMP_LOOK_LEN))
		return DROP_NO_MEMORY;
	quote = pb->data + ICMP6_HDR_LEN;
	len = pb->linear - ICMP6_HDR_LEN;
	/* What follows the quotation (RFC 4884) is no part of it. */
	if (m->quote_len && m->quote_len < len)
		len = m->quote_len;
	n = ipv6_parse_quoted(quote, len, &ip);
	if (n < 0)
		return n == -ENODATA ? DROP_ICMP_SHORT : DROP_ICMP_BAD;
	if (ip.payload_len < len - IPV6_HDR_LEN)
		len = (size_t)IPV6_HDR_LEN + ip.payload_len;
	n = ipv6_ext_skip(quote, len, ip.next_hdr, &skip);
	if (n < 0)
		return n == -ENODATA ? DROP_ICMP_SHORT : DROP_ICMP_BAD;
	/* It tells the source of a packet about its transport's header. */
	if (!ip6_addr_eq(ip.src, rx->dst) || skip.frag_offset)
		return DROP_ICMP_UNMATCHED;
	if (m->type == ICMP6_TYPE_PACKET_TOO_BIG &&
	    !mtu_is_right(net, m->mtu, IPV6_HDR_LEN + (uint32_t)ip.payload_len))
		return DROP_ICMP_BAD;

	e = (struct ip_error){
		.src = ip.src,
		.dst = ip.dst,
		.from = rx->src,
		.proto = skip.proto,
		.type = m->type,
		.code = m->code,
		.ttl = rx->ttl,
		.tos = rx->tos,
		.left_ttl = ip.hop_limit,
		.ifindex = pb->ifindex,
		.time_ns = pb->time_ns,
		.error = no.error,
		.hard = no.hard,
		.mtu = m->type == ICMP6_TYPE_PACKET_TOO_BIG ? m->mtu : 0,
	};
	r = icmp_error_up(net, &e, quote + n, len - (size_t)n);
	if (r == RX_TAKEN)
		pbuf_free(pb);
	return r;
}

/* --- all --- */

/* Messages that are read as a whole. */
static int whole_in(struct net *net, const struct iface *in, struct pbuf *pb,
		    int (*fn)(struct net *net, const struct iface *in, struct pbuf *pb))
{
	if (pb->len > MESSAGE_MAX)
		return DROP_ICMP_BAD;
	if (!pbuf_pullup(pb, pb->len))
		return DROP_NO_MEMORY;
	return fn(net, in, pb);
}

static bool verify_csum(struct pbuf *pb)
{
	const struct ip_rx *rx = ip_rx(pb);

	return csum_ok(csum_pseudo6(rx->src, rx->dst, IP_PROTO_ICMP6, pb->len) +
		       pbuf_csum(pb, 0, pb->len));
}

int icmp6_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct icmp6_repr m;

	net->stats.icmp_in++;
	if (!pbuf_pullup(pb, ICMP6_HDR_LEN))
		return pb->len < ICMP6_HDR_LEN ? DROP_ICMP_SHORT : DROP_NO_MEMORY;
	if (pb->csum != PBUF_CSUM_VALID && !verify_csum(pb))
		return DROP_ICMP_CSUM;
	pb->csum = PBUF_CSUM_NONE;
	if (icmp6_parse(pb->data, pb->len, &m) < 0)
		return DROP_ICMP_BAD;
	switch (m.type) {
	case ICMP6_TYPE_ECHO:
		return in->is_shared ? DROP_ICMP_ECHO_IGNORED : echo_in(net, pb);
	case ICMP6_TYPE_ECHO_REPLY:
		return RX_PASS;
	case NDP_TYPE_ROUTER_SOLICIT:
	case NDP_TYPE_ROUTER_ADVERT:
	case NDP_TYPE_NEIGH_SOLICIT:
	case NDP_TYPE_NEIGH_ADVERT:
	case NDP_TYPE_REDIRECT:
		return whole_in(net, in, pb, ndp_in);
	case MLD_TYPE_QUERY:
	case MLD_TYPE_REPORT1:
	case MLD_TYPE_DONE:
	case MLD_TYPE_REPORT2:
		return whole_in(net, in, pb, mld_in);
	default:
		return icmp6_type_is_error(m.type) ? error_in(net, pb, &m) : DROP_ICMP_TYPE;
	}
}
