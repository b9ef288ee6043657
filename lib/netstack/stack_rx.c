/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stack_rx.c - the way of a received frame, from the device to a socket
 *
 * Read this file first: every step is a call, and every drop is made here, for the reason
 * that the step gave (core/verdict.h).
 *
 *	rx_frame()	EARLY hook, link header, INGRESS hook
 *	  rx_arp()	to the neighbour cache
 *	  rx_ip()	IP header, PREROUTING hook, for whom is it?
 *	    rx_local()	options, fragments, INPUT hook
 *	      rx_deliver() raw sockets, then the protocol
 *	    forward()	down again (net/forward.c)
 *
 * What this host sends to itself begins at rx_ip(): stack_rx_loop().
 */
#include "netstack/core/verdict.h"
#include "netstack/link/arp.h"
#include "netstack/link/ethernet.h"
#include "netstack/link/gso.h"
#include "netstack/netstack_priv.h"
#include "wire/ethernet.h"

static void finish(struct netstack *st, struct iface *in, struct pbuf *pb, int verdict)
{
	if (verdict < 0)
		return;
	in->stats.rx_dropped++;
	core_drop(&st->core, pb, (enum drop_reason)verdict);
}

/* --- to the protocol --- */

static int rx_icmp4(struct netstack *st, struct iface *in, struct pbuf *pb)
{
	int r = icmp4_in(&st->net, in, pb);

	if (r != RX_PASS)
		return r;
	ping_in(st->raw, pb);
	return RX_TAKEN;
}

static int rx_icmp6(struct netstack *st, struct iface *in, struct pbuf *pb)
{
	int r = icmp6_in(&st->net, in, pb);

	if (r != RX_PASS)
		return r;
	ping_in(st->raw, pb);
	return RX_TAKEN;
}

/* A protocol that has no more than raw sockets. */
static int rx_other(struct netstack *st, struct pbuf *pb, bool raw_took)
{
	if (raw_took) {
		pbuf_free(pb);
		return RX_TAKEN;
	}
	/* "No next header" is no protocol that could be missing (RFC 8200, 4.7). */
	if (ip_rx(pb)->proto != IP_PROTO_NONE)
		ip_reject(&st->net, pb, IP_REJECT_PROTO);
	return DROP_IP_PROTO;
}

static int rx_deliver(struct netstack *st, struct iface *in, struct pbuf *pb)
{
	struct ip_rx *rx = ip_rx(pb);
	bool raw_took;

	pbuf_pull(pb, pb->l4 - pbuf_headroom(pb));
	rx->l4_len = (uint16_t)pb->len;
	st->net.stats.in_delivers++;
	core_trace(&st->core, TRACE_LOCAL_IN, pb);

	raw_took = raw_in(st->raw, pb);
	switch (rx->proto) {
	case IP_PROTO_TCP:
		tcp_in(st->tcp, pb);
		return RX_TAKEN;
	case IP_PROTO_UDP:
		udp_in(st->udp, pb);
		return RX_TAKEN;
	case IP_PROTO_ICMP:
		return rx->is_ip4 ? rx_icmp4(st, in, pb) : rx_other(st, pb, raw_took);
	case IP_PROTO_ICMP6:
		return rx->is_ip4 ? rx_other(st, pb, raw_took) : rx_icmp6(st, in, pb);
	case IP_PROTO_IGMP:
		return rx->is_ip4 ? igmp_in(&st->net, in, pb) : rx_other(st, pb, raw_took);
	default:
		return rx_other(st, pb, raw_took);
	}
}

/* --- for us --- */

/* A device, or a sender on this host, made one packet of many datagrams. */
static int rx_datagrams(struct netstack *st, struct iface *in, struct pbuf *pb)
{
	struct pbuf_queue q;

	pbuf_queue_init(&q);
	if (!gso_segment(&st->core, pb, &q))
		return DROP_NO_MEMORY;
	while ((pb = pbuf_queue_take(&q))) {
		/* Their headers are copies; what we know of them is not in the copies. */
		ip_rx_refresh(pb, pbuf_l3(pb)[0] >> 4 == 4);
		ip_rx(pb)->proto = IP_PROTO_UDP;
		finish(st, in, pb, rx_deliver(st, in, pb));
	}
	return RX_TAKEN;
}

static int rx_input_hook(struct netstack *st, const struct iface *in, struct pbuf *pb)
{
	struct ip_rx rx = *ip_rx(pb);
	int r;

	if (!st->net.hook[HOOK_INPUT].fn)
		return RX_PASS;
	r = net_hook(&st->net, HOOK_INPUT, in, NULL, rx.is_ip4, pb);
	if (r != RX_PASS)
		return r;
	ip_rx_refresh(pb, rx.is_ip4);
	ip_rx(pb)->proto = rx.proto; /* behind the extension headers */
	ip_rx(pb)->router_alert = rx.router_alert;
	return RX_PASS;
}

static int rx_local(struct netstack *st, struct iface *in, struct pbuf **pb)
{
	int r = ip_rx(*pb)->is_ip4 ? ip4_local_in(&st->net, pb) : ip6_local_in(&st->net, pb);

	if (r == RX_PASS)
		r = rx_input_hook(st, in, *pb);
	if (r != RX_PASS)
		return r;
	if ((*pb)->gso == PBUF_GSO_UDP && !udp_wants_whole(st->udp, *pb))
		return rx_datagrams(st, in, *pb);
	return rx_deliver(st, in, *pb);
}

/* --- network layer --- */

/* Hooks from PREROUTING on see whole packets; addresses they change count. */
static int rx_prerouting(struct netstack *st, const struct iface *in, struct pbuf **pb, bool is_ip4)
{
	int r = is_ip4 ? ip4_defrag(&st->net, pb) : ip6_defrag(&st->net, pb);

	if (r == RX_PASS)
		r = net_hook(&st->net, HOOK_PREROUTING, in, NULL, is_ip4, *pb);
	if (r == RX_PASS)
		ip_rx_refresh(*pb, is_ip4);
	return r;
}

static bool hooks_want_whole(const struct net *net)
{
	return net->hook[HOOK_PREROUTING].fn || net->hook[HOOK_FORWARD].fn ||
	       net->hook[HOOK_POSTROUTING].fn;
}

static int rx_ip_to(struct netstack *st, struct iface *in, struct pbuf **pb, bool is_ip4)
{
	int r = is_ip4 ? ip4_in(&st->net, in, *pb) : ip6_in(&st->net, in, *pb);

	if (r == RX_PASS && hooks_want_whole(&st->net))
		r = rx_prerouting(st, in, pb, is_ip4);
	if (r != RX_PASS)
		return r;
	r = is_ip4 ? ip4_classify(&st->net, in, *pb, ip_rx(*pb))
		   : ip6_classify(&st->net, in, *pb, ip_rx(*pb));
	if (r == IP_FOR_US)
		return rx_local(st, in, pb);
	if (r == IP_FOR_OTHERS)
		return forward(&st->net, in, *pb);
	return r;
}

static void rx_ip(struct netstack *st, struct iface *in, struct pbuf *pb, bool is_ip4)
{
	const int r = rx_ip_to(st, in, &pb, is_ip4);

	finish(st, in, pb, r);
}

/* --- link layer --- */

/* A device without a link layer says nothing about what follows. */
static int type_of_ip(struct pbuf *pb, uint16_t *ret)
{
	if (!pb->len)
		return DROP_IP_SHORT;
	if (!pbuf_pullup(pb, 1))
		return DROP_NO_MEMORY;
	pb->dest = PBUF_TO_US;
	*ret = pb->data[0] >> 4 == 4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6;
	return RX_PASS;
}

/* Return: RX_PASS for IP, with the link header stripped */
static int rx_link(struct netstack *st, struct iface *in, struct pbuf *pb, uint16_t *ret_type)
{
	int r;

	core_trace(&st->core, TRACE_RX, pb);
	if (!in->up)
		return DROP_LINK_DOWN;
	r = net_hook(&st->net, HOOK_EARLY, in, NULL, false, pb);
	if (r != RX_PASS)
		return r;
	r = in->kind == IFACE_ETHERNET ? ethernet_in(in, pb, ret_type) : type_of_ip(pb, ret_type);
	if (r != RX_PASS)
		return r;
	r = net_hook(&st->net, HOOK_INGRESS, in, NULL, false, pb);
	if (r != RX_PASS)
		return r;
	return pb->dest == PBUF_TO_OTHER ? DROP_OTHER_HOST : RX_PASS;
}

static void rx_frame(struct netstack *st, struct iface *in, struct pbuf *pb)
{
	uint16_t type = 0;
	int r;

	in->stats.rx_packets++;
	in->stats.rx_bytes += pb->len;
	pb->ifindex = in->index;
	pb->time_ns = st->core.now_ns;
	r = rx_link(st, in, pb, &type);
	if (r == RX_PASS) {
		switch (type) {
		case ETH_TYPE_IPV4:
			rx_ip(st, in, pb, true);
			return;
		case ETH_TYPE_IPV6:
			rx_ip(st, in, pb, false);
			return;
		case ETH_TYPE_ARP:
			r = arp_in(&st->net.neigh, in, pb);
			break;
		default:
			r = DROP_ETH_TYPE;
			break;
		}
	}
	finish(st, in, pb, r);
}

void stack_rx(struct netstack *st, struct iface *ifc, struct pbuf *const *burst, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (i + 1 < n)
			__builtin_prefetch(burst[i + 1]->data);
		rx_frame(st, ifc, burst[i]);
		/* What is forwarded must not wait for the end of a very long burst. */
		if (i % IFACE_BURST == IFACE_BURST - 1)
			iface_flush(&st->net.ifaces);
	}
}

/* --- from ourselves --- */

void stack_rx_loop(struct netstack *st, unsigned int n)
{
	struct pbuf *pb;

	while (n-- && (pb = pbuf_queue_take(&st->net.loop))) {
		struct iface *in = iface_get(&st->net.ifaces, pb->ifindex);

		if (!in || !in->up) {
			core_drop(&st->core, pb, DROP_LINK_DOWN);
			continue;
		}
		in->stats.rx_packets++;
		in->stats.rx_bytes += pb->len;
		pb->time_ns = st->core.now_ns;
		core_trace(&st->core, TRACE_RX, pb);
		rx_ip(st, in, pb, pb->data[0] >> 4 == 4);
	}
}

/* --- errors --- */

void stack_rx_error(void *arg, const struct ip_error *e)
{
	struct netstack *st = arg;

	raw_error(st->raw, e);
	if (e->proto == IP_PROTO_TCP)
		(void)tcp_error(st->tcp,
				e); /* nobody else wants to know whether it was one of TCP's */
	else if (e->proto == IP_PROTO_UDP)
		udp_error(st->udp, e);
}
