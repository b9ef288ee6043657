/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of a datagram from the IP layer to one socket, or to all that share a group.
 */
#include <netinet/in.h>

#include "netstack/transport/udp_priv.h"
#include "wire/udp.h"

static uint64_t pseudo_of(const struct ip_rx *rx, uint32_t len)
{
	if (rx->is_ip4)
		return csum_pseudo4((uint32_t)rx->src.lo, (uint32_t)rx->dst.lo, IP_PROTO_UDP, len);
	return csum_pseudo6(rx->src, rx->dst, IP_PROTO_UDP, len);
}

/* -1 wrong, 0 there is none, 1 right. */
static int check_csum(const struct pbuf *pb, const struct ip_rx *rx)
{
	if (pb->csum == PBUF_CSUM_PARTIAL)
		return 1; /* it never left this host */
	if (udp_csum_is_none(pb->data))
		return 0;
	if (pb->csum == PBUF_CSUM_VALID)
		return 1;
	return csum_ok(pseudo_of(rx, pb->len) + pbuf_csum(pb, 0, pb->len)) ? 1 : -1;
}

/* @csum as check_csum(); the header is still there. */
static void deliver(struct udp_sock *us, struct pbuf *pb, int csum)
{
	if (csum == 0 && !ip_rx(pb)->is_ip4 && !us->no_check6_rx) {
		core_drop(us->d.layer->core, pb, DROP_UDP_CSUM);
		return;
	}
	pbuf_pull(pb, UDP_HDR_LEN);
	dgram_queue(&us->d, pb);
}

static bool hears(const struct port_bind *b, const struct pbuf *pb, const struct ip_rx *rx)
{
	const bool is_group = rx->is_ip4 ? ip4_addr_is_multicast((uint32_t)rx->dst.lo)
					 : ip6_addr_is_multicast(rx->dst);

	return !is_group || dgram_group_hears(dgram_of_const(b->sk), pb->ifindex, rx->dst, rx->src);
}

/* To every socket that may hear it: copies, and the packet itself for the last one. */
static void deliver_to_many(struct udp *udp, struct pbuf *pb, const struct udp_repr *h, int csum)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct port_bind *b = NULL, *last = NULL;

	while ((b = port_lookup_next(&udp->ports, b, rx->dst, h->dst_port, rx->src, h->src_port,
				     pb->ifindex))) {
		struct pbuf *copy;

		if (!hears(b, pb, rx))
			continue;
		if (last) {
			copy = pbuf_clone(pb);
			if (copy)
				deliver(udp_sock_of(last->sk), copy, csum);
			else
				core_count(udp->l.core, DROP_NO_MEMORY);
		}
		last = b;
	}
	if (last)
		deliver(udp_sock_of(last->sk), pb, csum);
	else
		core_drop(udp->l.core, pb, DROP_NO_SOCKET);
}

static bool is_to_many(const struct udp *udp, const struct pbuf *pb, const struct ip_rx *rx)
{
	if (!rx->is_ip4)
		return ip6_addr_is_multicast(rx->dst);
	if (ip4_addr_is_multicast((uint32_t)rx->dst.lo) || (uint32_t)rx->dst.lo == IP4_BROADCAST)
		return true;
	return pb->dest != PBUF_TO_US &&
	       ip_addr_type(udp->l.net, rx->dst, pb->ifindex) == IP_ADDR_BROADCAST;
}

bool udp_wants_whole(const struct udp *udp, const struct pbuf *pb)
{
	const struct ip_rx *rx = ip_rx((struct pbuf *)(uintptr_t)pb);
	const uint8_t *at = pbuf_l4(pb);
	struct sock *sk;

	if (!udp->n_gro || at + UDP_HDR_LEN > pb->data + pb->linear || is_to_many(udp, pb, rx))
		return false;
	sk = port_lookup(&udp->ports, rx->dst, get_be16(at + 2), rx->src, get_be16(at), pb->ifindex,
			 0);
	return sk && udp_sock_of(sk)->gro;
}

void udp_in(struct udp *udp, struct pbuf *pb)
{
	const struct ip_rx *rx = ip_rx(pb);
	struct udp_repr h;
	struct sock *sk;
	int csum;

	if (!pbuf_pullup(pb, UDP_HDR_LEN) || udp_parse(pb->data, pb->len, &h) < 0) {
		core_drop(udp->l.core, pb, DROP_UDP_SHORT);
		return;
	}
	pbuf_trim(pb, UDP_HDR_LEN + h.payload_len);
	csum = check_csum(pb, rx);
	if (csum < 0) {
		core_drop(udp->l.core, pb, DROP_UDP_CSUM);
		return;
	}
	if (is_to_many(udp, pb, rx)) {
		deliver_to_many(udp, pb, &h, csum);
		return;
	}
	sk = port_lookup(&udp->ports, rx->dst, h.dst_port, rx->src, h.src_port, pb->ifindex, 0);
	if (sk) {
		deliver(udp_sock_of(sk), pb, csum);
		return;
	}
	if (rx->is_ip4 || csum > 0)
		ip_reject(udp->l.net, pb, IP_REJECT_PORT);
	core_drop(udp->l.core, pb, DROP_NO_SOCKET);
}

void udp_error(struct udp *udp, const struct ip_error *e)
{
	struct sock *sk =
		port_lookup(&udp->ports, e->src, e->src_port, e->dst, e->dst_port, e->ifindex, 0);

	if (sk)
		dgram_error(dgram_of(sk), e);
	else
		core_note(udp->l.core, "udp: an ICMP error about no socket's datagram");
}
