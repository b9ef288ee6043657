/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP messages that came in.
 */
#include "wire/icmp4.h"

#include <errno.h>

#include "netstack/net/icmp.h"
#include "netstack/net/icmp_priv.h"
#include "netstack/net/net_priv.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"

/* Of timestamp requests and replies (RFC 792). */
#define TIMESTAMP_LEN 20

/* A time that does not count from midnight UT (RFC 792, "Timestamp"): an instance knows no
 * other.
 */
#define TIMESTAMP_NONSTANDARD 0x80000000U

/* --- requests --- */

/* A request that wants its way recorded gets it back, with us on it (RFC 1122, 3.2.2.6).  The
 * request's IP header becomes the reply's.  False: it wants nothing of that kind.
 */
static bool reply_recorded(struct net *net, struct pbuf *pb, const struct ip_rx *rx)
{
	const uint32_t hdr_len = pbuf_headroom(pb) - pb->l3;
	uint8_t *hdr = pbuf_l3(pb);
	struct ip_path path = { .gen = 0 };
	struct ip_flow f = {
		.src = rx->dst,
		.dst = rx->src,
		.proto = IP_PROTO_ICMP,
		.header_included = true,
	};
	struct ipv4_options opts;
	struct ipv4_repr ip;
	uint8_t bad;
	int n;

	if (pb->l3 >= pbuf_headroom(pb) || hdr_len <= IPV4_HDR_LEN)
		return false;
	n = ipv4_parse_quoted(hdr, hdr_len, &ip);
	if (n < 0 || (uint32_t)n != hdr_len || ipv4_options_parse(hdr, hdr_len, &opts, &bad) < 0 ||
	    !(opts.record_at || opts.stamp_at) || opts.route_at)
		return false;
	/* What would have to be cut goes without. */
	if (ip_path_find(net, &f, &path) < 0 || hdr_len + pb->len > path.mtu)
		return false;
	ipv4_options_record(hdr, &opts, (uint32_t)rx->dst.lo,
			    core_ms(net->core) | TIMESTAMP_NONSTANDARD);
	ip.src = (uint32_t)rx->dst.lo;
	ip.dst = (uint32_t)rx->src.lo;
	ip.ttl = net->params.ttl;
	ip.id = 0;
	(void)ipv4_emit(hdr, hdr_len, &ip); /* it has been parsed there */
	(void)pbuf_push(pb, hdr_len);       /* likewise */
	icmp_reset(pb);
	net->stats.icmp_out++;
	(void)ip_out(net, pb, &f, &path); /* counts what it drops */
	return true;
}

/* The reply is the request with another type. */
static int echo_in(struct net *net, struct pbuf *pb)
{
	const struct ip_rx rx = *ip_rx(pb);
	uint8_t *icmp;

	if (net->params.icmp_echo_ignore_all)
		return DROP_ICMP_ECHO_IGNORED;
	/* RFC 1122, 3.2.2.6 lets a host be silent, and smurfs want it to speak. */
	if (ip_addr_type(net, rx.dst, pb->ifindex) != IP_ADDR_LOCAL)
		return DROP_ICMP_ECHO_IGNORED;
	if (!pbuf_unshare(pb, ICMP4_HDR_LEN))
		return DROP_NO_MEMORY;
	icmp = pb->data;
	put_be16(icmp + 2, csum_update16(get_be16(icmp + 2), get_be16(icmp),
					 (uint16_t)(ICMP4_TYPE_ECHO_REPLY << 8 | icmp[1])));
	icmp[0] = ICMP4_TYPE_ECHO_REPLY;
	if (reply_recorded(net, pb, &rx))
		return RX_TAKEN;
	icmp_answer(net, pb, rx.src, rx.dst, pb->ifindex, IP_PROTO_ICMP, rx.tos);
	return RX_TAKEN;
}

static int timestamp_in(struct net *net, struct pbuf *pb)
{
	const struct ip_rx rx = *ip_rx(pb);
	const uint32_t now = core_ms(net->core) | TIMESTAMP_NONSTANDARD;

	if (pb->len < TIMESTAMP_LEN)
		return DROP_ICMP_SHORT;
	if (pb->data[1] != 0)
		return DROP_ICMP_BAD;
	if (ip_addr_type(net, rx.dst, pb->ifindex) != IP_ADDR_LOCAL)
		return DROP_ICMP_ECHO_IGNORED;
	if (!pbuf_unshare(pb, TIMESTAMP_LEN))
		return DROP_NO_MEMORY;
	pbuf_trim(pb, TIMESTAMP_LEN);
	pb->data[0] = ICMP4_TYPE_TIMESTAMP_REPLY;
	put_be32(pb->data + 12, now);
	put_be32(pb->data + 16, now);
	icmp4_put_csum(pb->data, TIMESTAMP_LEN);
	icmp_answer(net, pb, rx.src, rx.dst, pb->ifindex, IP_PROTO_ICMP, rx.tos);
	return RX_TAKEN;
}

/* --- errors --- */

static const struct icmp_errno unreachable[] = {
	[ICMP4_UNREACHABLE_NET] = { ENETUNREACH, false },
	[ICMP4_UNREACHABLE_HOST] = { EHOSTUNREACH, false },
	[ICMP4_UNREACHABLE_PROTO] = { ENOPROTOOPT, true },
	[ICMP4_UNREACHABLE_PORT] = { ECONNREFUSED, true },
	[ICMP4_UNREACHABLE_FRAG_NEEDED] = { EMSGSIZE, false },
	[ICMP4_UNREACHABLE_ROUTE_FAILED] = { EOPNOTSUPP, false },
	[ICMP4_UNREACHABLE_NET_UNKNOWN] = { ENETUNREACH, true },
	[ICMP4_UNREACHABLE_HOST_UNKNOWN] = { EHOSTDOWN, true },
	[ICMP4_UNREACHABLE_HOST_ISOLATED] = { ENONET, true },
	[ICMP4_UNREACHABLE_NET_PROHIBITED] = { ENETUNREACH, true },
	[ICMP4_UNREACHABLE_HOST_PROHIBITED] = { EHOSTUNREACH, true },
	[ICMP4_UNREACHABLE_NET_TOS] = { ENETUNREACH, false },
	[ICMP4_UNREACHABLE_HOST_TOS] = { EHOSTUNREACH, false },
	[ICMP4_UNREACHABLE_PROHIBITED] = { EHOSTUNREACH, true },
	[ICMP4_UNREACHABLE_PRECEDENCE] = { EHOSTUNREACH, true },
	[ICMP4_UNREACHABLE_PRECEDENCE_CUTOFF] = { EHOSTUNREACH, true },
};

/* The MTU that would have fitted.  One for which the quoted packet is not too big was made up
 * (RFC 5927, 7.2).
 */
static int read_mtu(const struct net *net, const struct icmp4_repr *m, uint32_t quoted_len,
		    uint32_t *ret)
{
	uint32_t mtu = m->mtu ? m->mtu : pmtu_plateau(quoted_len);

	if (net->params.no_pmtu_disc)
		return DROP_ICMP_TYPE;
	if (mtu >= quoted_len || !pmtu_bound(&net->params, true, &mtu))
		return DROP_ICMP_BAD;
	*ret = mtu;
	return RX_PASS;
}

static int error_in(struct net *net, struct pbuf *pb, const struct icmp4_repr *m)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct icmp_errno no = { EPROTO, true };
	struct ip_error e;
	struct ipv4_repr ip;
	size_t n_l4;
	int n, r;

	if (!pbuf_pullup(pb, pb->len < ICMP_LOOK_LEN ? pb->len : ICMP_LOOK_LEN))
		return DROP_NO_MEMORY;
	n = ipv4_parse_quoted(pb->data + ICMP4_HDR_LEN, pb->linear - ICMP4_HDR_LEN, &ip);
	if (n < 0)
		return n == -ENODATA ? DROP_ICMP_SHORT : DROP_ICMP_BAD;
	/* It tells the source of a packet about its transport's header. */
	if (!ip6_addr_eq(ip6_addr_of_ip4(ip.src), rx->dst) || ip.frag_off)
		return DROP_ICMP_UNMATCHED;

	e = (struct ip_error){
		.src = ip6_addr_of_ip4(ip.src),
		.dst = ip6_addr_of_ip4(ip.dst),
		.from = rx->src,
		.proto = ip.proto,
		.type = m->type,
		.code = m->code,
		.ttl = rx->ttl,
		.tos = rx->tos,
		.left_ttl = ip.ttl,
		.ifindex = pb->ifindex,
		.time_ns = pb->time_ns,
		.is_ip4 = true,
	};
	if (m->type == ICMP4_TYPE_UNREACHABLE) {
		if (m->code >= sizeof(unreachable) / sizeof(*unreachable))
			return DROP_ICMP_TYPE;
		no = unreachable[m->code];
		if (m->code == ICMP4_UNREACHABLE_FRAG_NEEDED) {
			r = read_mtu(net, m, (uint32_t)n + ip.payload_len, &e.mtu);
			if (r != RX_PASS)
				return r;
		}
	} else if (m->type == ICMP4_TYPE_TIME_EXCEEDED) {
		no = (struct icmp_errno){ EHOSTUNREACH, false };
	}
	e.error = no.error;
	e.hard = no.hard;

	/* What follows the quotation (RFC 4884) is no part of it. */
	n_l4 = m->quote_len && m->quote_len < pb->linear - ICMP4_HDR_LEN
		       ? m->quote_len
		       : pb->linear - ICMP4_HDR_LEN;
	if ((size_t)n > n_l4)
		return DROP_ICMP_SHORT;
	n_l4 -= (size_t)n;
	if (ip.payload_len < n_l4)
		n_l4 = ip.payload_len;
	r = icmp_error_up(net, &e, pb->data + ICMP4_HDR_LEN + n, n_l4);
	if (r == RX_TAKEN)
		pbuf_free(pb);
	return r;
}

/* RFC 1122, 3.2.2.2: those for networks are taken as for the host. */
static int better_hop_in(struct net *net, const struct iface *in, struct pbuf *pb,
			 const struct icmp4_repr *m)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct net_iface *nif = net_iface_get(net, in->index);
	struct ipv4_repr ip;
	int verdict;

	if (!pbuf_pullup(pb, pb->len < ICMP_LOOK_LEN ? pb->len : ICMP_LOOK_LEN))
		return DROP_NO_MEMORY;
	if (ipv4_parse_quoted(pb->data + ICMP4_HDR_LEN, pb->linear - ICMP4_HDR_LEN, &ip) < 0)
		return DROP_ICMP_BAD;
	if (!nif || !ip6_addr_eq(ip6_addr_of_ip4(ip.src), rx->dst))
		return DROP_ICMP_UNMATCHED;
	verdict = redirect_in(net, nif, rx->src, ip6_addr_of_ip4(ip.dst),
			      ip6_addr_of_ip4(m->gateway));
	if (verdict != RX_PASS)
		return verdict;
	pbuf_free(pb);
	return RX_TAKEN;
}

/* --- all --- */

int icmp4_in(struct net *net, const struct iface *in, struct pbuf *pb)
{
	struct icmp4_repr m;
	int n;

	net->stats.icmp_in++;
	if (!pbuf_pullup(pb, ICMP4_HDR_LEN))
		return pb->len < ICMP4_HDR_LEN ? DROP_ICMP_SHORT : DROP_NO_MEMORY;
	if (pb->csum != PBUF_CSUM_VALID && !csum_ok(pbuf_csum(pb, 0, pb->len)))
		return DROP_ICMP_CSUM;
	pb->csum = PBUF_CSUM_NONE;
	n = icmp4_parse(pb->data, pb->linear, &m);
	if (n < 0)
		return DROP_ICMP_BAD;
	switch (m.type) {
	case ICMP4_TYPE_ECHO:
		return in->is_shared ? DROP_ICMP_ECHO_IGNORED : echo_in(net, pb);
	case ICMP4_TYPE_ECHO_REPLY:
		return RX_PASS;
	case ICMP4_TYPE_TIMESTAMP:
		return in->is_shared ? DROP_ICMP_ECHO_IGNORED : timestamp_in(net, pb);
	case ICMP4_TYPE_UNREACHABLE:
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_PARAM_PROBLEM:
		return error_in(net, pb, &m);
	case ICMP4_TYPE_REDIRECT:
		return better_hop_in(net, in, pb, &m);
	default:
		return DROP_ICMP_TYPE;
	}
}
