/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * send.h - packets of transport to be sent, for tests of the way down
 */
#ifndef TESTS_UNIT_NETSTACK_NET_SEND_H
#define TESTS_UNIT_NETSTACK_NET_SEND_H

#include <errno.h>

#include "tests/unit/netstack/rig.h"

static RIG_UNUSED struct net *net_of(struct rig *r)
{
	return &r->st->net;
}

static RIG_UNUSED struct ip_flow flow_to(struct ip6_addr dst)
{
	return (struct ip_flow){
		.src = ip6_addr_is_mapped(dst) ? ip6_addr_of_ip4(0) : IP6_UNSPECIFIED,
		.dst = dst,
		.proto = 253,
	};
}

/* @len bytes that count up. */
static RIG_UNUSED struct pbuf *payload(struct rig *r, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(r->st), PBUF_HEADROOM, len ? len : 1);
	uint8_t *at = pbuf_put(pb, len);

	for (uint32_t i = 0; i < len; i++)
		at[i] = (uint8_t)i;
	return pb;
}

static RIG_UNUSED int send_flow(struct rig *r, struct ip_flow *f, uint32_t len)
{
	struct ip_path path = { 0 };
	int err = ip_path_find(net_of(r), f, &path);

	assert_int_equal(err, 0);
	err = ip_out(net_of(r), payload(r, len), f, &path);
	netstack_advance(r->st, r->now);
	return err;
}

static RIG_UNUSED bool counts_up(const uint8_t *p, uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)(from + i))
			return false;
	return true;
}

#endif /* TESTS_UNIT_NETSTACK_NET_SEND_H */
