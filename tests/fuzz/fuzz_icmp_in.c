/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Messages of ICMP, ICMPv6 (neighbour discovery and MLD with it) and IGMP for a host that
 * obeys all it may: router advertisements, redirects.  In the end its interface goes, and
 * nothing may be left.
 *
 * An input is a sequence of records: a byte of what, a byte of who, then time or a length and
 * a message, whose checksum is made right.
 */
#include <errno.h>

#include "netstack/net/net_priv.h"
#include "tests/fuzz/netstack_core.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/igmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* The lower two bits of what; the others are flags. */
enum record {
	RECORD_ICMP4,
	RECORD_ICMP6,
	RECORD_IGMP,
	RECORD_TIME
};

enum record_flag {
	RECORD_WRONG_SUM = 1 << 2,
	RECORD_PIECES = 1 << 3,
	RECORD_ALERT = 1 << 4,
	RECORD_TTL = 3 << 5,       /* 1, 64, 255, 0 */
	RECORD_FRAGMENTS = 1 << 7, /* it was put together */
};

static const struct ip6_addr ends4[] = {
	{ 0, UINT64_C(0xffff0a000001) }, /* us */
	{ 0, UINT64_C(0xffff0a000002) }, /* a neighbour, our router */
	{ 0, UINT64_C(0xffff0a0000ff) }, /* all */
	{ 0, UINT64_C(0xffffe0000001) }, { 0, UINT64_C(0xffff00000000) },
	{ 0, UINT64_C(0xffffc0000201) }, /* somebody */
	{ 0, UINT64_C(0xffffef010203) }, /* a group */
	{ 0, UINT64_C(0xffff0a000003) },
};

static const struct ip6_addr ends6[] = {
	{ 0x20010db800000000, 1 },
	{ 0xfe80000000000000, 2 },
	{ 0xff02000000000000, 1 },
	{ 0xff02000000000000, UINT64_C(0x01ff000001) },
	{ 0, 0 },
	{ 0x20010db900000000, 1 },
	{ 0xff05000000000000, 0x103 },
	{ 0xfe80000000000000, 1 },
};

struct world {
	struct core c;
	struct net net;
	uint32_t ifindex;
};

static struct world *current; /* the wheel only knows the core */
static unsigned int n_sent;

/* A frame is an IP packet whose checksums are right. */
static unsigned int on_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	(void)arg; /* there is one link */
	for (unsigned int i = 0; i < n; i++) {
		static uint8_t flat[PBUF_BLOCK_MAX];
		struct ipv4_repr ip4;
		struct ipv6_repr ip6;
		struct eth_repr eth;

		LAW(burst[i]->len <= ETH_HDR_LEN + 1500);
		pbuf_copy_out(burst[i], 0, flat, burst[i]->len);
		LAW(eth_parse(flat, burst[i]->len, &eth) == ETH_HDR_LEN);
		if (eth.type == ETH_TYPE_IPV4) {
			const int len =
				ipv4_parse(flat + ETH_HDR_LEN, burst[i]->len - ETH_HDR_LEN, &ip4);

			LAW(len > 0 && ipv4_csum_ok(flat + ETH_HDR_LEN, (size_t)len));
		} else if (eth.type == ETH_TYPE_IPV6) {
			LAW(ipv6_parse(flat + ETH_HDR_LEN, burst[i]->len - ETH_HDR_LEN, &ip6) > 0);
		}
		n_sent++;
		pbuf_free(burst[i]);
	}
	return n;
}

static void on_neigh(void *arg, struct timer *t)
{
	(void)arg; /* the core */
	neigh_timer(&current->net.neigh, t);
}

static void on_net(void *arg, struct timer *t)
{
	(void)arg;
	net_timer_fired(&current->net, t);
}

static void on_pmtu(void *arg, struct timer *t)
{
	(void)arg;
	pmtu_timer(&current->net.pmtu, t);
}

/* Transport believes all of it. */
static void on_error(void *arg, const struct ip_error *e)
{
	struct world *w = arg;

	LAW(e->error > 0);
	LAW((e->error == EMSGSIZE) == (e->mtu != 0));
	if (e->mtu)
		ip_pmtu_update(&w->net, e->dst, e->mtu);
}

static void world_init(struct world *w)
{
	const struct iface_conf conf = {
		.name = "eth0",
		.kind = IFACE_ETHERNET,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.tx = on_tx,
	};
	struct route_conf route = {
		.is_ip4 = true,
		.dst = { 0, UINT64_C(0xffff00000000) },
		.gateway = ends4[1],
		.has_gateway = true,
		.metric = 5000,
	};
	struct net_addr_conf addr = { .addr = ends4[0], .prefix_len = 24, .no_dad = true };
	struct ip_params params;

	fuzz_core_init(&w->c);
	w->c.wheel.handler[TIMER_NEIGH] = on_neigh;
	w->c.wheel.handler[TIMER_IFACE] = on_net;
	w->c.wheel.handler[TIMER_ADDR] = on_net;
	w->c.wheel.handler[TIMER_PMTU] = on_pmtu;
	current = w;
	ip_params_default(&params);
	params.accept_ra = true;
	params.accept_redirects = true;
	LAW(net_init(&w->net, &w->c, &params) == 0);
	w->net.error = on_error;
	w->net.up_arg = w;
	w->ifindex = (uint32_t)iface_table_add(&w->net.ifaces, &conf);
	LAW(net_iface_add(&w->net, w->ifindex) == 0);
	net_iface_set_up(&w->net, w->ifindex, true);
	addr.ifindex = w->ifindex;
	LAW(addr_add(&w->net, &addr) == 0);
	addr.prefix_len = 64;
	addr.addr = ends6[0];
	LAW(addr_add(&w->net, &addr) == 0);
	addr.addr = ends6[7];
	addr.no_dad = false; /* it is being detected */
	LAW(addr_add(&w->net, &addr) == 0);
	route.ifindex = w->ifindex;
	LAW(route_add(w->net.routes, &route) == 0);
	LAW(ip_group_join(&w->net, w->ifindex, ends4[6], NULL) == 0);
	LAW(ip_group_join(&w->net, w->ifindex, ends6[6], NULL) == 0);
}

static void world_done(struct world *w)
{
	net_done(&w->net);
	fuzz_core_done(&w->c);
}

/* What the host sent to itself is not looked at again. */
static void flush(struct world *w)
{
	struct pbuf *pb;

	iface_flush(&w->net.ifaces);
	while ((pb = pbuf_queue_take(&w->net.loop)))
		pbuf_free(pb);
}

static void put_sum(uint8_t what, uint8_t *msg, size_t len, const struct ip_rx *rx)
{
	switch (what & 3) {
	case RECORD_ICMP4:
		if (len >= ICMP4_HDR_LEN)
			icmp4_put_csum(msg, len);
		break;
	case RECORD_ICMP6:
		if (len >= 4)
			icmp6_put_csum(msg, len, rx->src, rx->dst);
		break;
	default:
		if (len >= IGMP_HDR_LEN)
			igmp_put_csum(msg, len);
		break;
	}
}

/* With an IP header before it that was stripped. */
static struct pbuf *make_packet(struct world *w, uint8_t what, const uint8_t *msg, size_t len,
				const struct ip_rx *rx)
{
	const uint32_t hdr_len = rx->is_ip4 ? IPV4_HDR_LEN : IPV6_HDR_LEN;
	uint8_t b[IPV6_HDR_LEN + 2048];
	struct pbuf *pb;
	int n;

	if (rx->is_ip4)
		n = ipv4_emit(b, sizeof(b),
			      &(struct ipv4_repr){ .src = (uint32_t)rx->src.lo,
						   .dst = (uint32_t)rx->dst.lo,
						   .payload_len = (uint16_t)len,
						   .ttl = rx->ttl,
						   .proto = rx->proto });
	else
		n = ipv6_emit(b, sizeof(b),
			      &(struct ipv6_repr){ .src = rx->src,
						   .dst = rx->dst,
						   .payload_len = (uint16_t)len,
						   .next_hdr = rx->proto,
						   .hop_limit = rx->ttl });
	LAW(n == (int)hdr_len);
	memcpy(b + n, msg, len);
	pb = fuzz_packet(&w->c, b, hdr_len + len,
			 what & RECORD_PIECES ? hdr_len + len / 2 : hdr_len + len);
	pbuf_mark_l3(pb);
	pbuf_pull(pb, hdr_len);
	pbuf_mark_l4(pb);
	pb->ifindex = w->ifindex;
	pb->frag_max = what & RECORD_FRAGMENTS ? 600 : 0;
	*ip_rx(pb) = *rx;
	return pb;
}

static void message_in(struct world *w, uint8_t what, uint8_t who, const uint8_t *data, size_t len)
{
	static const uint8_t ttl[] = { 1, 64, 255, 0 };
	const struct iface *in = iface_get(&w->net.ifaces, w->ifindex);
	const bool is_ip4 = (what & 3) != RECORD_ICMP6;
	const struct ip6_addr *ends = is_ip4 ? ends4 : ends6;
	const struct ip_rx rx = {
		.src = ends[who & 7],
		.dst = ends[who >> 3 & 7],
		.l4_len = (uint16_t)len,
		.proto = (what & 3) == RECORD_ICMP4 ? IP_PROTO_ICMP
			 : is_ip4                   ? IP_PROTO_IGMP
						    : IP_PROTO_ICMP6,
		.ttl = ttl[what >> 5 & 3],
		.is_ip4 = is_ip4,
		.router_alert = what & RECORD_ALERT,
	};
	uint8_t *msg = law_copy(data, len);
	struct pbuf *pb;
	int r;

	if (!(what & RECORD_WRONG_SUM))
		put_sum(what, msg, len, &rx);
	pb = make_packet(w, what, msg, len, &rx);
	free(msg);
	if ((what & 3) == RECORD_ICMP4)
		r = icmp4_in(&w->net, in, pb);
	else if ((what & 3) == RECORD_ICMP6)
		r = icmp6_in(&w->net, in, pb);
	else
		r = igmp_in(&w->net, in, pb);
	LAW(r == RX_TAKEN || r == RX_PASS || (r >= 0 && r < DROP_N));
	if (r != RX_TAKEN)
		pbuf_free(pb);
	flush(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct world w;

	n_sent = 0;
	world_init(&w);
	while (in.len) {
		const uint8_t what = fuzz_u8(&in), who = fuzz_u8(&in);
		size_t len;

		if ((what & 3) == RECORD_TIME) {
			fuzz_core_pass(&w.c, ((uint64_t)who << (what >> 2 & 0xf)) * NS_PER_MS);
			flush(&w);
			continue;
		}
		len = fuzz_u16(&in) & 0x7ff;
		data = fuzz_bytes(&in, &len);
		message_in(&w, what, who, data, len);
		LAW(n_sent < 1000 + 300 * size);
	}
	world_done(&w);
	return 0;
}
