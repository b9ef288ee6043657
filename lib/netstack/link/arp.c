/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/arp.h"

#include <assert.h>
#include <errno.h>

#include "netstack/core/core.h"
#include "netstack/core/verdict.h"
#include "netstack/link/ethernet.h"
#include "wire/arp.h"
#include "wire/ethernet.h"

static const struct eth_addr all_stations = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void arp_out(struct iface_table *t, struct iface *ifc, const struct arp_repr *arp,
		    struct eth_addr dst)
{
	struct pbuf *pb;
	uint8_t *at;
	int n;

	if (!ifc->up || ifc->kind != IFACE_ETHERNET)
		return;
	pb = pbuf_alloc(t->core->pool);
	if (!pb) {
		core_count(t->core, DROP_NO_MEMORY);
		return;
	}
	at = pbuf_put(pb, ARP_LEN);
	assert(at);
	n = arp_emit(at, ARP_LEN, arp);
	assert(n == ARP_LEN);
	(void)n; /* without assertions */
	pbuf_mark_l3(pb);
	ethernet_out(t, ifc, pb, dst, ETH_TYPE_ARP);
}

void arp_solicit(struct neigh_table *t, struct iface *ifc, uint32_t spa, uint32_t tpa,
		 const struct eth_addr *to)
{
	const struct arp_repr arp = {
		.op = ARP_OP_REQUEST,
		.sha = ifc->mac,
		.spa = spa,
		.tpa = tpa,
	};

	arp_out(t->ifaces, ifc, &arp, to ? *to : all_stations);
}

void arp_announce(struct neigh_table *t, struct iface *ifc, uint32_t addr)
{
	arp_solicit(t, ifc, addr, addr, NULL);
}

static void reply(struct neigh_table *t, struct iface *ifc, const struct arp_repr *to)
{
	const struct arp_repr arp = {
		.op = ARP_OP_REPLY,
		.sha = ifc->mac,
		.spa = to->tpa,
		.tha = to->sha,
		.tpa = to->spa,
	};

	arp_out(t->ifaces, ifc, &arp, to->sha);
}

static bool is_ours(const struct neigh_table *t, const struct iface *ifc, uint32_t addr)
{
	return addr && t->ours(t->arg, ifc, ip6_addr_of_ip4(addr));
}

static int handle(struct neigh_table *t, struct iface *ifc, const struct arp_repr *arp,
		  enum pbuf_dest dest)
{
	const bool for_us = is_ours(t, ifc, arp->tpa);

	if (eth_addr_eq(arp->sha, ifc->mac))
		return DROP_ARP_NOT_OURS; /* our own one came back */
	if (is_ours(t, ifc, arp->spa)) {
		core_note(t->core, "arp: a station on %s claims our address", ifc->name);
		return DROP_ARP_BAD;
	}
	/* An announcement (RFC 5227) is of either operation and has nothing solicited. */
	if (arp->spa && arp->spa != IP4_BROADCAST)
		neigh_learn(t, ifc->index, ip6_addr_of_ip4(arp->spa), &arp->sha,
			    arp->op == ARP_OP_REPLY && for_us && dest == PBUF_TO_US, true,
			    arp->op == ARP_OP_REQUEST && for_us);
	if (!for_us)
		return DROP_ARP_NOT_OURS;
	if (arp->op == ARP_OP_REQUEST && !ifc->is_shared)
		reply(t, ifc, arp);
	return RX_TAKEN;
}

int arp_in(struct neigh_table *t, struct iface *ifc, struct pbuf *pb)
{
	struct arp_repr arp;
	int r;

	if (pb->len < ARP_LEN)
		return DROP_ARP_BAD;
	if (!pbuf_pullup(pb, ARP_LEN))
		return DROP_NO_MEMORY;
	if (arp_parse(pb->data, pb->linear, &arp) < 0)
		return DROP_ARP_BAD;
	r = handle(t, ifc, &arp, pb->dest);
	if (r == RX_TAKEN)
		pbuf_free(pb);
	return r;
}
