/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * same.h - are two reprs the same?  Field by field, for there may be padding between them.
 */
#ifndef TESTS_UNIT_WIRE_SAME_H
#define TESTS_UNIT_WIRE_SAME_H

#include <stdbool.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/igmp.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"
#include "wire/mld.h"
#include "wire/ndp.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/udp.h"
#include "wire/vnet_hdr.h"

/* Not every program needs each of them. */
#define SAME   __attribute__((unused)) static inline bool
#define EQ(f)  (a->f == b->f)
#define EQ6(f) ip6_addr_eq(a->f, b->f)

SAME eth_same(const struct eth_repr *a, const struct eth_repr *b)
{
	for (size_t i = 0; i < ETH_VLANS_MAX; i++)
		if (!EQ(vlan[i].vid) || !EQ(vlan[i].pcp) || !EQ(vlan[i].dei) ||
		    !EQ(vlan[i].service))
			return false;
	return eth_addr_eq(a->dst, b->dst) && eth_addr_eq(a->src, b->src) && EQ(type) &&
	       EQ(n_vlans);
}

SAME arp_same(const struct arp_repr *a, const struct arp_repr *b)
{
	return EQ(op) && EQ(spa) && EQ(tpa) && eth_addr_eq(a->sha, b->sha) &&
	       eth_addr_eq(a->tha, b->tha);
}

SAME ipv4_same(const struct ipv4_repr *a, const struct ipv4_repr *b)
{
	return EQ(src) && EQ(dst) && EQ(payload_len) && EQ(id) && EQ(frag_off) && EQ(tos) &&
	       EQ(ttl) && EQ(proto) && EQ(opts_len) && EQ(dont_frag) && EQ(more_frags);
}

SAME ipv4_option_same(const struct ipv4_option *a, const struct ipv4_option *b)
{
	return EQ(type) && EQ(data_len) && memcmp(a->data, b->data, sizeof(a->data)) == 0;
}

SAME ipv6_same(const struct ipv6_repr *a, const struct ipv6_repr *b)
{
	return EQ6(src) && EQ6(dst) && EQ(flow) && EQ(payload_len) && EQ(next_hdr) &&
	       EQ(hop_limit) && EQ(tclass);
}

SAME ipv6_frag_same(const struct ipv6_frag_repr *a, const struct ipv6_frag_repr *b)
{
	return EQ(id) && EQ(offset) && EQ(next_hdr) && EQ(more);
}

SAME icmp4_same(const struct icmp4_repr *a, const struct icmp4_repr *b)
{
	return EQ(type) && EQ(code) && EQ(quote_len) && EQ(rest);
}

SAME icmp6_same(const struct icmp6_repr *a, const struct icmp6_repr *b)
{
	return EQ(type) && EQ(code) && EQ(quote_len) && EQ(rest);
}

SAME ndp_same(const struct ndp_repr *a, const struct ndp_repr *b)
{
	if (!EQ(type))
		return false;
	switch (a->type) {
	case NDP_TYPE_ROUTER_SOLICIT:
		return true;
	case NDP_TYPE_ROUTER_ADVERT:
		return EQ(ra.reachable_ms) && EQ(ra.retrans_ms) && EQ(ra.lifetime_s) &&
		       EQ(ra.hop_limit) && EQ(ra.preference) && EQ(ra.managed) && EQ(ra.other);
	case NDP_TYPE_NEIGH_SOLICIT:
		return EQ6(ns.target);
	case NDP_TYPE_NEIGH_ADVERT:
		return EQ6(na.target) && EQ(na.router) && EQ(na.solicited) && EQ(na.override);
	case NDP_TYPE_REDIRECT:
		return EQ6(redirect.target) && EQ6(redirect.dst);
	}
	return false;
}

SAME ndp_opt_same(const struct ndp_opt *a, const struct ndp_opt *b)
{
	if (!EQ(type) || !EQ(known))
		return false;
	switch (a->type) {
	case NDP_OPT_SOURCE_LLADDR:
	case NDP_OPT_TARGET_LLADDR:
		return eth_addr_eq(a->lladdr, b->lladdr);
	case NDP_OPT_PREFIX:
		return EQ6(prefix.addr) && EQ(prefix.valid_s) && EQ(prefix.preferred_s) &&
		       EQ(prefix.len) && EQ(prefix.on_link) && EQ(prefix.autonomous);
	case NDP_OPT_REDIRECTED:
		return EQ(redirected_len);
	case NDP_OPT_MTU:
		return EQ(mtu);
	case NDP_OPT_NONCE:
		return memcmp(a->nonce, b->nonce, sizeof(a->nonce)) == 0;
	case NDP_OPT_RDNSS:
		for (size_t i = 0; i < a->rdnss.n; i++)
			if (!EQ6(rdnss.server[i]))
				return false;
		return EQ(rdnss.lifetime_s) && EQ(rdnss.n);
	default:
		return true;
	}
}

SAME igmp_same(const struct igmp_repr *a, const struct igmp_repr *b)
{
	return EQ(type) && EQ(group) && EQ(max_resp) && EQ(interval_s) && EQ(n_sources) &&
	       EQ(n_records) && EQ(version) && EQ(robustness) && EQ(suppress);
}

SAME igmp_record_same(const struct igmp_record *a, const struct igmp_record *b)
{
	return EQ(type) && EQ(n_sources) && EQ(group);
}

SAME mld_same(const struct mld_repr *a, const struct mld_repr *b)
{
	return EQ6(group) && EQ(type) && EQ(max_resp_ms) && EQ(interval_s) && EQ(n_sources) &&
	       EQ(n_records) && EQ(version) && EQ(robustness) && EQ(suppress);
}

SAME mld_record_same(const struct mld_record *a, const struct mld_record *b)
{
	return EQ6(group) && EQ(type) && EQ(n_sources);
}

SAME udp_same(const struct udp_repr *a, const struct udp_repr *b)
{
	return EQ(src_port) && EQ(dst_port) && EQ(payload_len);
}

SAME tcp_same(const struct tcp_repr *a, const struct tcp_repr *b)
{
	return EQ(seq.v) && EQ(ack.v) && EQ(src_port) && EQ(dst_port) && EQ(flags) && EQ(wnd) &&
	       EQ(urg) && EQ(opts_len);
}

SAME tcp_options_same(const struct tcp_options_repr *a, const struct tcp_options_repr *b)
{
	for (size_t i = 0; i < TCP_SACK_MAX; i++)
		if (!EQ(sack[i].left.v) || !EQ(sack[i].right.v))
			return false;
	return EQ(mss) && EQ(has_wscale) && EQ(sack_permitted) && EQ(has_ts) && EQ(has_fastopen) &&
	       EQ(wscale) && EQ(n_sack) && EQ(fastopen_len) && EQ(ts_val) && EQ(ts_ecr) &&
	       memcmp(a->fastopen, b->fastopen, sizeof(a->fastopen)) == 0;
}

SAME vnet_hdr_same(const struct vnet_hdr_repr *a, const struct vnet_hdr_repr *b)
{
	return EQ(gso) && EQ(ecn) && EQ(needs_csum) && EQ(data_valid) && EQ(hdr_len) &&
	       EQ(gso_size) && EQ(csum_start) && EQ(csum_offset);
}

#undef SAME
#undef EQ
#undef EQ6

#endif /* TESTS_UNIT_WIRE_SAME_H */
