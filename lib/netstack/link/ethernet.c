/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/ethernet.h"

#include <errno.h>

#include "netstack/core/core.h"
#include "netstack/core/verdict.h"
#include "wire/ethernet.h"

static enum pbuf_dest dest_of(const struct iface *ifc, struct eth_addr dst)
{
	if (eth_addr_eq(dst, ifc->mac))
		return PBUF_TO_US;
	if (!eth_addr_is_multicast(dst))
		return PBUF_TO_OTHER;
	return eth_addr_is_broadcast(dst) ? PBUF_TO_ALL : PBUF_TO_GROUP;
}

static int parse(struct pbuf *pb, struct eth_repr *ret)
{
	int n;

	if (!pbuf_pullup(pb, pb->len < ETH_HDR_LEN_MAX ? pb->len : ETH_HDR_LEN_MAX))
		return -ENOMEM;
	n = eth_parse(pb->data, pb->linear, ret);
	if (n < 0)
		return n;
	for (unsigned int i = 0; i < ret->n_vlans; i++)
		if (ret->vlan[i].vid != ETH_VLAN_ID_NONE)
			return -ENODEV;
	return n;
}

int ethernet_in(const struct iface *ifc, struct pbuf *pb, uint16_t *ret_type)
{
	struct eth_repr eth;
	int n = parse(pb, &eth);

	switch (n) {
	case -ENODATA:
		return DROP_ETH_SHORT;
	case -EBADMSG:
		return DROP_ETH_BAD;
	case -EPROTONOSUPPORT:
		return DROP_ETH_TYPE;
	case -ENODEV:
		return DROP_ETH_VLAN;
	case -ENOMEM:
		return DROP_NO_MEMORY;
	default:
		break;
	}
	if (!eth_addr_is_station(eth.src))
		return DROP_ETH_SRC;

	pb->l2 = (uint16_t)pbuf_headroom(pb);
	pb->dest = (uint8_t)dest_of(ifc, eth.dst);
	pbuf_pull(pb, (uint32_t)n);
	*ret_type = eth.type;
	return RX_PASS;
}

void ethernet_out(struct iface_table *t, struct iface *ifc, struct pbuf *pb, struct eth_addr dst,
		  uint16_t type)
{
	uint8_t *hdr;

	/* Others may refer to what is before the IP header, as the frame it came in. */
	if (!pbuf_make_room(pb, ETH_HDR_LEN)) {
		ifc->stats.tx_dropped++;
		core_drop(ifc->core, pb, DROP_NO_MEMORY);
		return;
	}
	hdr = pbuf_push(pb, ETH_HDR_LEN);
	pb->l2 = (uint16_t)pbuf_headroom(pb);
	eth_addr_put(hdr, dst);
	eth_addr_put(hdr + ETH_ADDR_LEN, ifc->mac);
	put_be16(hdr + 2 * (size_t)ETH_ADDR_LEN, type);
	iface_out(t, ifc, pb);
}
