/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rig.h - an instance on links that write down what is sent, for tests
 *
 * Frames are made by hand with lib/wire; memory is counted, so that each test ends with
 * everything given back.  Time stands still unless a test moves it.
 */
#ifndef TESTS_UNIT_NETSTACK_RIG_H
#define TESTS_UNIT_NETSTACK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "netstack/netstack.h"
#include "netstack/netstack_priv.h"
#include "tests/unit/test_mem.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define RIG_LINKS  4
#define RIG_FRAMES 256
#define RIG_UNUSED __attribute__((unused))
#define RIG_MTU    1500

/* A frame that was sent, with what the device would have been told about it. */
struct rig_frame {
	uint8_t *data;
	uint32_t len;
	uint8_t gso;
	uint16_t gso_size;
	uint8_t csum;
};

struct rig_link {
	struct rig *rig;
	uint32_t ifindex;
	struct eth_addr mac;  /* ours */
	struct eth_addr peer; /* of whoever is there */
	struct rig_frame frame[RIG_FRAMES];
	unsigned int n;
	unsigned int bursts;
	unsigned int takes; /* packets the device takes of each burst */
};

struct rig {
	struct test_mem tm;
	struct netstack *st;
	uint64_t now;
	struct rig_link link[RIG_LINKS];
	unsigned int n_links;
};

/* --- links --- */

static RIG_UNUSED unsigned int rig_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct rig_link *l = arg;
	const unsigned int takes = n < l->takes ? n : l->takes;

	l->bursts++;
	for (unsigned int i = 0; i < takes; i++) {
		struct rig_frame *f = &l->frame[l->n];

		if (l->n == RIG_FRAMES) { /* nobody will look at so many */
			pbuf_free(burst[i]);
			continue;
		}
		l->n++;
		f->data = malloc(burst[i]->len + 1);
		assert_non_null(f->data);
		f->len = burst[i]->len;
		f->gso = burst[i]->gso;
		f->gso_size = burst[i]->gso_size;
		f->csum = burst[i]->csum;
		pbuf_copy_out(burst[i], 0, f->data, f->len);
		pbuf_free(burst[i]);
	}
	return takes;
}

/* Forget what was sent. */
static RIG_UNUSED void rig_forget(struct rig *r)
{
	for (unsigned int i = 0; i < r->n_links; i++) {
		for (unsigned int k = 0; k < r->link[i].n; k++)
			free(r->link[i].frame[k].data);
		r->link[i].n = 0;
		r->link[i].bursts = 0;
	}
}

/* A link that is up; its number in @r. */
static RIG_UNUSED unsigned int rig_link_add(struct rig *r, enum iface_kind kind, uint32_t mtu,
					    uint32_t features)
{
	struct rig_link *l = &r->link[r->n_links];
	char name[IFACE_NAME_LEN];
	int ifindex;

	assert_true(r->n_links < RIG_LINKS);
	(void)snprintf(name, sizeof(name), "eth%u", r->n_links);
	*l = (struct rig_link){
		.rig = r,
		.mac = { { 2, 0, 0, 0, 0, (uint8_t)(0x10 + r->n_links) } },
		.peer = { { 2, 0, 0, 0, 1, (uint8_t)(0x10 + r->n_links) } },
		.takes = UINT32_MAX,
	};
	ifindex = netstack_link_add(r->st, &(struct iface_conf){
						   .name = name,
						   .kind = kind,
						   .mac = l->mac,
						   .mtu = mtu,
						   .features = features,
						   .tx = rig_tx,
						   .arg = l,
					   });
	assert_true(ifindex > 1);
	l->ifindex = (uint32_t)ifindex;
	assert_int_equal(netstack_link_set_up(r->st, l->ifindex, true), 0);
	return r->n_links++;
}

static RIG_UNUSED void rig_init(struct rig *r)
{
	struct netstack_conf conf;

	memset(r, 0, sizeof(*r));
	r->tm = TEST_MEM_INIT(&r->tm);
	r->now = NS_PER_S;
	netstack_conf_default(&conf);
	conf.mem = r->tm.mem;
	conf.seed[0] = 42;
	conf.ip.arp_announce = false; /* noise to most tests */
	assert_int_equal(netstack_new(&r->st, &conf, r->now), 0);
}

/* Nothing of the tests' packets is left, once what is queued has been sent. */
static RIG_UNUSED void rig_done(struct rig *r)
{
	struct netstack_memory m;

	rig_forget(r);
	netstack_advance(r->st, r->now);
	netstack_memory(r->st, &m);
	assert_int_equal(m.packets, 0);
	assert_int_equal(m.packet_bytes, 0);
	assert_int_equal(m.reassembly_bytes, 0);
	rig_forget(r);
	netstack_free(r->st);
	test_mem_done(&r->tm);
}

/* --- configuration --- */

static RIG_UNUSED struct ip6_addr rig_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip6_addr_of_ip4(IP4_ADDR(a, b, c, d));
}

static RIG_UNUSED struct ip6_addr rig_ip6(uint64_t hi, uint64_t lo)
{
	return (struct ip6_addr){ hi, lo };
}

static RIG_UNUSED void rig_addr_add(struct rig *r, unsigned int link, struct ip6_addr addr,
				    uint8_t len)
{
	const struct net_addr_conf conf = {
		.ifindex = r->link[link].ifindex,
		.addr = addr,
		.prefix_len = len,
		.no_dad = true,
	};

	assert_int_equal(netstack_addr_add(r->st, &conf), 0);
}

/* One with the peer's link address, so that nothing waits for ARP or ND. */
static RIG_UNUSED void rig_neigh_add(struct rig *r, unsigned int link, struct ip6_addr addr)
{
	assert_int_equal(netstack_neigh_add(r->st, r->link[link].ifindex, addr, r->link[link].peer),
			 0);
}

/* A host: 10.0.0.1/24 and 2001:db8::1/64 on link 0, whose peer is .2 and ::2. */
#define RIG_US4   rig_ip4(10, 0, 0, 1)
#define RIG_PEER4 rig_ip4(10, 0, 0, 2)
#define RIG_NET6  UINT64_C(0x20010db800000000)
#define RIG_US6   rig_ip6(RIG_NET6, 1)
#define RIG_PEER6 rig_ip6(RIG_NET6, 2)

static RIG_UNUSED void rig_host(struct rig *r)
{
	rig_init(r);
	(void)rig_link_add(r, IFACE_ETHERNET, RIG_MTU, 0);
	rig_addr_add(r, 0, RIG_US4, 24);
	rig_addr_add(r, 0, RIG_US6, 64);
	rig_neigh_add(r, 0, RIG_PEER4);
	rig_neigh_add(r, 0, RIG_PEER6);
	netstack_advance(r->st, r->now);
	rig_forget(r);
}

static RIG_UNUSED uint64_t rig_drops(const struct rig *r, enum drop_reason why)
{
	return netstack_drops(r->st)[why];
}

/* Let @ms pass, timer by timer. */
static RIG_UNUSED void rig_sleep(struct rig *r, uint64_t ms)
{
	const uint64_t until = r->now + ms * NS_PER_MS;

	for (;;) {
		const uint64_t at = netstack_deadline(r->st);

		if (at > until)
			break;
		if (at > r->now)
			r->now = at;
		netstack_advance(r->st, r->now);
	}
	r->now = until;
	netstack_advance(r->st, r->now);
}

/* --- frames in --- */

static RIG_UNUSED struct pbuf *rig_pbuf(struct rig *r, const uint8_t *data, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc_rx(netstack_pool(r->st), 32, len ? len : 1);
	uint8_t *at;

	assert_non_null(pb);
	at = pbuf_put(pb, len);
	assert_non_null(at);
	memcpy(at, data, len);
	return pb;
}

static RIG_UNUSED void rig_in_pbuf(struct rig *r, unsigned int link, struct pbuf *pb)
{
	netstack_input(r->st, r->link[link].ifindex, &pb, 1, r->now);
}

static RIG_UNUSED void rig_in(struct rig *r, unsigned int link, const uint8_t *data, uint32_t len)
{
	rig_in_pbuf(r, link, rig_pbuf(r, data, len));
}

/* --- making frames; all return their length --- */

struct rig_pkt {
	uint8_t b[65536 + 64];
	uint32_t len;
};

/* From the peer of a link to us. */
static RIG_UNUSED void rig_eth(const struct rig *r, unsigned int link, struct rig_pkt *p,
			       uint16_t type)
{
	const struct eth_repr eth = {
		.dst = r->link[link].mac,
		.src = r->link[link].peer,
		.type = type,
	};

	assert_int_equal(eth_emit(p->b, sizeof(p->b), &eth), ETH_HDR_LEN);
	p->len = ETH_HDR_LEN;
}

/* An IP header for @len bytes of @proto behind what is there. */
static RIG_UNUSED void rig_ip(struct rig_pkt *p, struct ip6_addr src, struct ip6_addr dst,
			      uint8_t proto, uint8_t ttl, uint16_t len)
{
	int n;

	if (ip6_addr_is_mapped(dst)) {
		n = ipv4_emit(p->b + p->len, sizeof(p->b) - p->len,
			      &(struct ipv4_repr){
				      .src = (uint32_t)src.lo,
				      .dst = (uint32_t)dst.lo,
				      .payload_len = len,
				      .id = 7,
				      .ttl = ttl,
				      .proto = proto,
			      });
	} else {
		n = ipv6_emit(p->b + p->len, sizeof(p->b) - p->len,
			      &(struct ipv6_repr){
				      .src = src,
				      .dst = dst,
				      .payload_len = len,
				      .next_hdr = proto,
				      .hop_limit = ttl,
			      });
	}
	assert_true(n > 0);
	p->len += (uint32_t)n;
}

/* A datagram of @len bytes that count up. */
static RIG_UNUSED void rig_udp(const struct rig *r, unsigned int link, struct rig_pkt *p,
			       struct ip6_addr src, struct ip6_addr dst, uint16_t len)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);
	const uint16_t total = (uint16_t)(UDP_HDR_LEN + len);
	uint64_t sum;
	uint8_t *at;

	if (r->link[link].rig->st->net.ifaces.iface[r->link[link].ifindex]->kind == IFACE_ETHERNET)
		rig_eth(r, link, p, is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	else
		p->len = 0;
	rig_ip(p, src, dst, IP_PROTO_UDP, 64, total);
	at = p->b + p->len;
	put_be16(at, 4000);
	put_be16(at + 2, 5000);
	put_be16(at + 4, total);
	put_be16(at + 6, 0);
	for (unsigned int i = 0; i < len; i++)
		at[UDP_HDR_LEN + i] = (uint8_t)i;
	sum = is_ip4 ? csum_pseudo4((uint32_t)src.lo, (uint32_t)dst.lo, IP_PROTO_UDP, total)
		     : csum_pseudo6(src, dst, IP_PROTO_UDP, total);
	put_be16(at + 6, csum_finish(sum + csum_bytes(at, total)));
	p->len += total;
}

static RIG_UNUSED void rig_in_pkt(struct rig *r, unsigned int link, const struct rig_pkt *p)
{
	rig_in(r, link, p->b, p->len);
}

/* --- looking at frames --- */

/* Frame @i of a link, with an IP header of that family; where that begins. */
static RIG_UNUSED const uint8_t *rig_sent_ip(const struct rig *r, unsigned int link, unsigned int i,
					     bool is_ip4)
{
	const struct rig_frame *f = &r->link[link].frame[i];
	struct eth_repr eth;

	assert_true(i < r->link[link].n);
	assert_int_equal(eth_parse(f->data, f->len, &eth), ETH_HDR_LEN);
	assert_int_equal(eth.type, is_ip4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	assert_true(eth_addr_eq(eth.src, r->link[link].mac));
	return f->data + ETH_HDR_LEN;
}

static RIG_UNUSED struct ipv4_repr rig_sent4(const struct rig *r, unsigned int link, unsigned int i)
{
	const uint8_t *ip = rig_sent_ip(r, link, i, true);
	struct ipv4_repr ret;
	int n = ipv4_parse(ip, r->link[link].frame[i].len - ETH_HDR_LEN, &ret);

	assert_true(n >= IPV4_HDR_LEN);
	assert_true(ipv4_csum_ok(ip, (size_t)n));
	assert_int_equal(r->link[link].frame[i].len, ETH_HDR_LEN + (unsigned)n + ret.payload_len);
	return ret;
}

static RIG_UNUSED struct ipv6_repr rig_sent6(const struct rig *r, unsigned int link, unsigned int i)
{
	const uint8_t *ip = rig_sent_ip(r, link, i, false);
	struct ipv6_repr ret;

	assert_int_equal(ipv6_parse(ip, r->link[link].frame[i].len - ETH_HDR_LEN, &ret),
			 IPV6_HDR_LEN);
	return ret;
}

/* --- hooks that write down --- */

struct rig_hook {
	struct rig *rig;
	enum hook_verdict verdict;
	unsigned int n;
	struct hook_ctx ctx; /* of the last packet */
	uint8_t first[128];  /* its bytes */
	uint32_t len;
	uint8_t dest;
	uint8_t gso;
	uint8_t csum;
	uint32_t mark;
	struct pbuf *stolen;
	void (*change)(struct rig_hook *h, struct pbuf *pb);
};

static RIG_UNUSED enum hook_verdict rig_hook_fn(void *arg, const struct hook_ctx *ctx,
						struct pbuf *pb)
{
	struct rig_hook *h = arg;

	h->n++;
	h->ctx = *ctx;
	h->len = pb->len;
	h->dest = pb->dest;
	h->gso = pb->gso;
	h->csum = pb->csum;
	h->mark = pb->mark;
	pbuf_copy_out(pb, 0, h->first, pb->len < sizeof(h->first) ? pb->len : sizeof(h->first));
	if (h->change)
		h->change(h, pb);
	if (h->verdict == HOOK_STOLEN)
		h->stolen = pb;
	return h->verdict;
}

/* A hook that takes what is for us, before transport sees it. */
static RIG_UNUSED void rig_catch(struct rig *r, struct rig_hook *h, enum hook_point point,
				 enum hook_verdict verdict)
{
	*h = (struct rig_hook){ .rig = r, .verdict = verdict };
	netstack_hook_set(r->st, point, rig_hook_fn, h);
}

#endif /* TESTS_UNIT_NETSTACK_RIG_H */
