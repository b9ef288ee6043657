/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which of our addresses a packet gets.
 *
 * IPv6: the rules of RFC 6724, 5 that can decide something here: 1 (the destination
 * itself), 2 (scope), 3 (deprecated), 5 (outgoing interface), 6 (label), 8 (longest common
 * prefix).  Home addresses (4) and temporary ones (7) do not exist.
 *
 * IPv4: as Linux's inet_select_addr(): of the outgoing interface the first address whose
 * network the destination is in, else the first; without any there, of another interface.
 */
#include <stddef.h>

#include "netstack/net/net_priv.h"

/* --- IPv6 --- */

/* RFC 6724, 3.1, with RFC 4007's numbers; unique local addresses are global. */
static unsigned int scope_of(struct ip6_addr a)
{
	if (ip6_addr_is_multicast(a))
		return ip6_addr_scope(a);
	if (ip6_addr_is_link_local(a) || ip6_addr_is_loopback(a))
		return IP6_SCOPE_LINK;
	if (a.hi >> 54 == 0xfec0 >> 6)
		return IP6_SCOPE_SITE;
	return IP6_SCOPE_GLOBAL;
}

/* RFC 6724, 2.1: the longest prefix in the default policy table. */
static unsigned int label_of(struct ip6_addr a)
{
	if (ip6_addr_is_loopback(a))
		return 0;
	if (a.hi >> 48 == 0x2002)
		return 2;
	if (a.hi >> 32 == 0x20010000)
		return 5;
	if (ip6_addr_is_unique_local(a))
		return 13;
	if (a.hi >> 54 == 0xfec0 >> 6)
		return 11;
	if (a.hi >> 48 == 0x3ffe)
		return 12;
	return a.hi == 0 && a.lo >> 32 == 0 ? 3 : 1;
}

/* Within the first 64 bits, as section 2.2 allows: what is behind says nothing of places. */
static unsigned int common_len(struct ip6_addr a, struct ip6_addr b, unsigned int max)
{
	const uint64_t differ = a.hi ^ b.hi;
	const unsigned int n = differ ? (unsigned int)__builtin_clzll(differ) : 64;

	return n < max ? n : max;
}

/* Is @a better than @b, which stands before it? */
static bool is_better6(const struct net_addr *a, const struct net_addr *b, struct ip6_addr dst,
		       uint32_t ifindex)
{
	const unsigned int want = scope_of(dst);
	const unsigned int scope_a = scope_of(a->conf.addr), scope_b = scope_of(b->conf.addr);
	const unsigned int label = label_of(dst);
	bool is_a, is_b;

	if (ip6_addr_eq(a->conf.addr, dst) || ip6_addr_eq(b->conf.addr, dst))
		return ip6_addr_eq(a->conf.addr, dst);
	if (scope_a != scope_b)
		return scope_a < scope_b ? scope_a >= want : scope_b < want;
	is_a = a->state == NET_ADDR_DEPRECATED;
	is_b = b->state == NET_ADDR_DEPRECATED;
	if (is_a != is_b)
		return is_b;
	is_a = a->conf.ifindex == ifindex;
	is_b = b->conf.ifindex == ifindex;
	if (is_a != is_b)
		return is_a;
	is_a = label_of(a->conf.addr) == label;
	is_b = label_of(b->conf.addr) == label;
	if (is_a != is_b)
		return is_a;
	return common_len(a->conf.addr, dst, a->conf.prefix_len) >
	       common_len(b->conf.addr, dst, b->conf.prefix_len);
}

static const struct net_addr *select6(const struct net *net, uint32_t ifindex, struct ip6_addr dst)
{
	/* What stays on a link is from an address of that link (RFC 6724, 4). */
	const bool here = scope_of(dst) <= IP6_SCOPE_LINK || ip6_addr_is_multicast(dst);
	const struct net_addr *best = NULL;

	for (uint32_t i = 1; i <= IFACE_MAX; i++) {
		const struct net_iface *nif = net->ifc[i];

		if (!nif || (here && i != ifindex))
			continue;
		for (const struct net_addr *a = nif->addrs; a; a = a->next) {
			if (ip6_addr_is_mapped(a->conf.addr) || !addr_is_usable(a))
				continue;
			if (i != ifindex && scope_of(a->conf.addr) <= IP6_SCOPE_LINK)
				continue; /* means something on its own link only */
			if (!best || is_better6(a, best, dst, ifindex))
				best = a;
		}
	}
	return best;
}

/* --- IPv4 --- */

static bool is_in_network(const struct net_addr *a, uint32_t ip4)
{
	return ip4_addr_prefix((uint32_t)a->conf.addr.lo ^ ip4, a->conf.prefix_len) == 0;
}

static const struct net_addr *select4_of(const struct net_iface *nif, uint32_t dst)
{
	const struct net_addr *first = NULL, *deprecated = NULL;

	for (const struct net_addr *a = nif->addrs; a; a = a->next) {
		if (!ip6_addr_is_mapped(a->conf.addr) || !addr_is_usable(a))
			continue;
		if (a->state == NET_ADDR_DEPRECATED) {
			deprecated = deprecated ? deprecated : a;
			continue;
		}
		if (is_in_network(a, dst))
			return a;
		first = first ? first : a;
	}
	return first ? first : deprecated;
}

static const struct net_addr *select4(const struct net *net, uint32_t ifindex, uint32_t dst)
{
	const struct net_iface *nif = net_iface_get(net, ifindex);
	const struct net_addr *a = nif ? select4_of(nif, dst) : NULL;

	for (uint32_t i = 1; !a && i <= IFACE_MAX; i++) {
		if (!net->ifc[i] || net->ifc[i]->ifc->kind == IFACE_LOOPBACK)
			continue;
		a = select4_of(net->ifc[i], dst);
		/* It must make sense elsewhere. */
		if (a && ip4_addr_is_link_local((uint32_t)a->conf.addr.lo))
			a = NULL;
	}
	return a;
}

const struct net_addr *addr_select(const struct net *net, uint32_t ifindex, struct ip6_addr dst)
{
	if (ip6_addr_is_mapped(dst))
		return select4(net, ifindex, (uint32_t)dst.lo);
	return select6(net, ifindex, dst);
}
