/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/ethernet.h"

static bool is_tag(uint16_t type)
{
	return type == ETH_TYPE_VLAN || type == ETH_TYPE_VLAN_SERVICE;
}

int eth_parse_tagged(const uint8_t *buf, size_t len, struct eth_repr *ret)
{
	struct eth_repr r = { .n_vlans = 0 };
	size_t at = 12;

	if (len < ETH_HDR_LEN)
		return -ENODATA;
	for (r.type = get_be16(buf + at); is_tag(r.type); r.type = get_be16(buf + at)) {
		uint16_t tci;

		if (r.n_vlans == ETH_VLANS_MAX)
			return -EPROTONOSUPPORT;
		if (len - at < ETH_VLAN_LEN + 2)
			return -ENODATA;
		tci = get_be16(buf + at + 2);
		if ((tci & 0xfff) > ETH_VLAN_ID_MAX)
			return -EBADMSG;
		r.vlan[r.n_vlans++] = (struct eth_vlan){
			.vid = tci & 0xfff,
			.pcp = (uint8_t)(tci >> 13),
			.dei = tci >> 12 & 1,
			.service = r.type == ETH_TYPE_VLAN_SERVICE,
		};
		at += ETH_VLAN_LEN;
	}
	if (r.type < ETH_TYPE_MIN)
		return -EPROTONOSUPPORT;

	r.dst = eth_addr_get(buf);
	r.src = eth_addr_get(buf + 6);
	*ret = r;
	return (int)at + 2;
}

static bool is_legal(const struct eth_repr *r)
{
	if (r->type < ETH_TYPE_MIN || is_tag(r->type) || r->n_vlans > ETH_VLANS_MAX)
		return false;
	for (size_t i = 0; i < r->n_vlans; i++)
		if (r->vlan[i].vid > ETH_VLAN_ID_MAX || r->vlan[i].pcp > ETH_VLAN_PCP_MAX)
			return false;
	return true;
}

int eth_emit(uint8_t *buf, size_t len, const struct eth_repr *r)
{
	size_t at = 12;

	if (!is_legal(r))
		return -EINVAL;
	if (len < ETH_HDR_LEN + (size_t)r->n_vlans * ETH_VLAN_LEN)
		return -ENOSPC;

	eth_addr_put(buf, r->dst);
	eth_addr_put(buf + 6, r->src);
	for (size_t i = 0; i < r->n_vlans; i++, at += ETH_VLAN_LEN) {
		const struct eth_vlan *v = &r->vlan[i];

		put_be16(buf + at, v->service ? ETH_TYPE_VLAN_SERVICE : ETH_TYPE_VLAN);
		put_be16(buf + at + 2, (uint16_t)(v->pcp << 13 | v->dei << 12 | v->vid));
	}
	put_be16(buf + at, r->type);
	return (int)at + 2;
}
