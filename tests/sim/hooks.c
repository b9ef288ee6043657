/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hooks.c - what hooks of routers and hosts do to packets
 *
 * They drop and steal by chance, mark what is forwarded, and let a virtual address stand for a
 * server, as a one to one NAT does: PREROUTING rewrites where packets go to, POSTROUTING whom
 * the answers come from.  What they did is compared with what the instance has counted.
 */
#include <assert.h>
#include <stdlib.h>

#include "netstack/net/ip.h"
#include "sim.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/l4.h"
#include "wire/udp.h"

#define MARK 0xb8 /* expedited forwarding, in the place of TOS */

/* Counters of what they did. */
struct hooks {
	struct host *host;
	struct hooks_plan plan;
	struct rng rng;
	uint64_t seen[HOOK_N];
	uint64_t dropped[HOOK_N];
	uint64_t stolen;
	uint64_t marked;
	uint64_t rewritten;
};

static const enum drop_reason reason_of[HOOK_N] = {
	[HOOK_EARLY] = DROP_HOOK_EARLY,
	[HOOK_INGRESS] = DROP_HOOK_INGRESS,
	[HOOK_PREROUTING] = DROP_HOOK_PREROUTING,
	[HOOK_INPUT] = DROP_HOOK_INPUT,
	[HOOK_FORWARD] = DROP_HOOK_FORWARD,
	[HOOK_OUTPUT] = DROP_HOOK_OUTPUT,
	[HOOK_POSTROUTING] = DROP_HOOK_POSTROUTING,
};

/* --- changing a packet --- */

static bool mark(struct pbuf *pb, bool is_ip4)
{
	if (!pbuf_unshare(pb, is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN))
		return false;
	if (is_ip4)
		ipv4_put_tos(pb->data, MARK);
	else
		ipv6_put_tclass(pb->data, MARK);
	return true;
}

static struct ip6_addr get_addr(const uint8_t *ip, bool is_ip4, bool dst)
{
	if (is_ip4)
		return ip6_addr_of_ip4(get_be32(ip + (dst ? 16 : 12)));
	return ip6_addr_get(ip + (dst ? 24 : 8));
}

/* The checksum behind the IP header, of which the addresses are a part; 0 for none. */
static uint32_t csum_at_of(const struct pbuf *pb, struct l4_repr *l4)
{
	if (l4_find_quoted(pb->data, pb->linear, l4) < 0 || l4->part == L4_LATER_FRAGMENT)
		return 0;
	switch (l4->proto) {
	case IP_PROTO_TCP:
		return l4->l4_at + 16U;
	case IP_PROTO_UDP:
		return l4->l4_at + 6U;
	case IP_PROTO_ICMP6:
		return l4->l4_at + 2U;
	default:
		return 0;
	}
}

/* Of a checksum to be finished the field is the sum itself. */
static void update_csum(struct pbuf *pb, uint32_t at, uint64_t from, uint64_t to, bool is_udp)
{
	const uint16_t old = get_be16(pb->data + at);
	uint16_t field;

	if (pb->csum == PBUF_CSUM_PARTIAL)
		field = (uint16_t)~csum_update((uint16_t)~old, from, to);
	else
		field = is_udp ? udp_csum_update(old, from, to) : csum_update(old, from, to);
	put_be16(pb->data + at, field);
}

static bool rewrite(struct pbuf *pb, bool is_ip4, bool dst, struct ip6_addr to)
{
	const struct ip6_addr from = get_addr(pb->data, is_ip4, dst);
	const uint64_t a = is_ip4 ? from.lo & UINT32_MAX : csum_ip6_addr(from);
	const uint64_t b = is_ip4 ? to.lo & UINT32_MAX : csum_ip6_addr(to);
	const uint32_t headers = pb->len < 128 ? pb->len : 128;
	struct l4_repr l4;
	uint32_t csum_at;

	if (!pbuf_unshare(pb, headers))
		return false;
	csum_at = csum_at_of(pb, &l4);
	if (csum_at && csum_at + 2 <= pb->linear)
		update_csum(pb, csum_at, a, b, l4.proto == IP_PROTO_UDP);
	if (!is_ip4) {
		ip6_addr_put(pb->data + (dst ? 24 : 8), to);
		return true;
	}
	put_be32(pb->data + (dst ? 16 : 12), (uint32_t)to.lo);
	put_be16(pb->data + 10, csum_update(get_be16(pb->data + 10), a, b));
	return true;
}

/* Return: false when there was no memory */
static bool translate(struct hooks *h, const struct hook_ctx *ctx, struct pbuf *pb)
{
	const bool dst = ctx->point == HOOK_PREROUTING, ip4 = ctx->is_ip4;
	const struct ip6_addr real = host_addr(h->plan.server, !ip4);
	const struct ip6_addr virt = virtual_addr(h->host, !ip4);

	if (!ip6_addr_eq(get_addr(pb->data, ip4, dst), dst ? virt : real))
		return true;
	h->rewritten++;
	return rewrite(pb, ip4, dst, dst ? real : virt);
}

/* --- the hook --- */

static enum hook_verdict hook(void *arg, const struct hook_ctx *ctx, struct pbuf *pb)
{
	struct hooks *h = arg;
	const bool routed = ctx->point == HOOK_PREROUTING || ctx->point == HOOK_POSTROUTING;
	bool ok = true;

	h->seen[ctx->point]++;
	if (rng_chance(&h->rng, h->plan.drop_ppm)) {
		if (rng_chance(&h->rng, 500000)) {
			pbuf_free(pb);
			h->stolen++;
			return HOOK_STOLEN;
		}
		h->dropped[ctx->point]++;
		return HOOK_DROP;
	}
	if (ctx->point == HOOK_FORWARD && h->plan.dscp) {
		ok = mark(pb, ctx->is_ip4);
		h->marked += ok;
	} else if (routed && h->plan.nat) {
		ok = translate(h, ctx, pb);
	}
	if (ok)
		return HOOK_ACCEPT;
	h->dropped[ctx->point]++;
	return HOOK_DROP;
}

void hooks_install(struct host *host, const struct hooks_plan *p)
{
	struct hooks *h = calloc(1, sizeof(*h));

	assert(h);
	*h = (struct hooks){ .host = host, .plan = *p, .rng = rng_fork(&host->w->rng) };
	host->hooks = h;
	for (unsigned int i = 0; i < HOOK_N; i++)
		if (rng_chance(&h->rng, 500000) || (i == HOOK_FORWARD && p->dscp) ||
		    ((i == HOOK_PREROUTING || i == HOOK_POSTROUTING) && p->nat))
			netstack_hook_set(host->st, (enum hook_point)i, hook, h);
}

/* --- oracles --- */

void hooks_check(struct world *w, const struct host *host)
{
	const struct hooks *h = host->hooks;
	const uint64_t *drops = netstack_drops(host->st);

	for (unsigned int i = 0; i < HOOK_N; i++) {
		const uint64_t mine = h ? h->dropped[i] : 0;

		if (drops[reason_of[i]] != mine)
			world_fail(w, "%s: %s counts %llu packets, the hook dropped %llu",
				   host->name, drop_name(reason_of[i]),
				   (unsigned long long)drops[reason_of[i]],
				   (unsigned long long)mine);
	}
	if (h && h->plan.dscp && h->marked != netstack_ip_stats(host->st)->forwarded)
		world_fail(w, "%s: %llu packets marked, %llu forwarded", host->name,
			   (unsigned long long)h->marked,
			   (unsigned long long)netstack_ip_stats(host->st)->forwarded);
}

/* Is it from one of the host's own addresses? */
static bool is_own(const struct host *host, const uint8_t *ip, bool is_ip4)
{
	const struct ip6_addr src = get_addr(ip, is_ip4, false);

	if (!is_ip4 && (ip6_addr_is_link_local(src) || ip6_addr_is_unspecified(src)))
		return true;
	for (unsigned int i = 0; i < host->n_ends; i++) {
		const struct link_end *e = host->end[i];

		if (ip6_addr_eq(src, net_addr(e->link->net, e->side, !is_ip4)))
			return true;
	}
	return false;
}

void hooks_see_tx(struct world *w, const struct host *host, const uint8_t *frame, uint32_t len)
{
	const struct hooks *h = host->hooks;
	const uint16_t type = len >= ETH_HDR_LEN + IPV4_HDR_LEN ? get_be16(frame + 12) : 0;
	const uint8_t *ip = frame + ETH_HDR_LEN;
	uint8_t tos;

	if (!h || (type != ETH_TYPE_IPV4 && type != ETH_TYPE_IPV6))
		return;
	tos = type == ETH_TYPE_IPV4 ? ip[1] : (uint8_t)(get_be16(ip) >> 4);
	if (h->plan.dscp && tos != MARK && !is_own(host, ip, type == ETH_TYPE_IPV4))
		world_fail(w, "%s forwards a packet that is not marked", host->name);
	if (h->plan.nat && ip6_addr_eq(get_addr(ip, type == ETH_TYPE_IPV4, true),
				       virtual_addr(host, type == ETH_TYPE_IPV6)))
		world_fail(w, "%s sends to its virtual address", host->name);
}

uint64_t hooks_stole(const struct host *host)
{
	return host->hooks ? host->hooks->stolen : 0;
}

void hooks_free(struct host *h)
{
	free(h->hooks);
}
