/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each packet is looked at in its turn.  What is TCP has a flow, and a flow has the packet that
 * came last: the next one is appended to it, or takes its place.  So nothing overtakes within
 * a flow, and between flows only what was appended.
 */
#include "nic/gro.h"

#include <errno.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

/* Packets that are looked at together, so many flows at most. */
#define BATCH 64

/* Heads of chains; a power of two. */
#define BUCKETS 128

/* All headers that are read. */
#define HDRS_LEN_MAX (ETH_HDR_LEN_MAX + IPV6_HDR_LEN + TCP_HDR_LEN_MAX)

/* Devices refuse to cut smaller segments (VNET_GSO_SIZE_MIN_TCP), and the packet may go on. */
#define GSO_SIZE_MIN 8

#define IPV4_AT_LEN  2
#define IPV4_AT_ID   4
#define IPV4_AT_FRAG 6
#define IPV4_DF      0x40 /* of the byte at IPV4_AT_FRAG */
#define IPV6_AT_LEN  4
#define TCP_AT_SEQ   4
#define TCP_AT_ACK   8
#define TCP_AT_BITS  12
#define TCP_AT_WND   14
#define TCP_AT_URG   18

/* What a segment may have to be merged: others mean something at their place in the stream.  CWR
 * may be in the first one, FIN and PSH in the last one.
 */
#define FLAGS_MERGED (TCP_ACK | TCP_ECE | TCP_CWR | TCP_PSH | TCP_FIN)

/**
 * struct segment - A TCP segment, or several that are one packet
 * @pb:		The packet
 * @l3, @l4:	Offsets of its headers from @pb->data
 * @hdrs_len:	Bytes before the payload
 * @payload:	Bytes of it, padding of the link not counted
 * @hash:	Of the flow
 * @flags:	enum tcp_flag
 * @is_ip4:	Which IP
 * @wrong:	Its checksum is
 */
struct segment {
	struct pbuf *pb;
	uint32_t l3;
	uint32_t l4;
	uint32_t hdrs_len;
	uint32_t payload;
	uint32_t hash;
	uint16_t flags;
	bool is_ip4;
	bool wrong;
};

/**
 * struct flow - The last packet of a flow in this batch
 * @seg:	That packet; @payload and @flags with what was appended
 * @gso_size:	Payload of each segment but the last
 * @next:	Number + 1 of the next flow of the bucket
 * @open:	It may be continued
 * @merged:	It was: its headers are to be made right
 */
struct flow {
	struct segment seg;
	uint32_t gso_size;
	uint8_t next;
	bool open;
	bool merged;
};

struct gro {
	struct pbuf_mem mem;
	struct gro_stats stats;
	unsigned int n;
	uint8_t bucket[BUCKETS];
	struct flow flow[BATCH];
};

/* What a packet is to us. */
enum what {
	WHAT_OTHER,   /* no TCP, or nothing that TCP would accept */
	WHAT_UNKNOWN, /* perhaps TCP, of a flow that was not looked for: fragments, options */
	WHAT_TCP,     /* of its flow, but not to be merged */
	WHAT_DATA,
};

int gro_new(struct gro **ret, const struct pbuf_mem *mem)
{
	struct gro *g = mem->alloc(mem->arg, sizeof(*g));

	if (!g)
		return -ENOMEM;
	memset(g, 0, sizeof(*g));
	g->mem = *mem;
	*ret = g;
	return 0;
}

void gro_free(struct gro *g)
{
	struct pbuf_mem mem;

	if (!g)
		return;
	mem = g->mem;
	mem.free(mem.arg, g, sizeof(*g));
}

void gro_stats(const struct gro *g, struct gro_stats *ret)
{
	*ret = g->stats;
}

/* --- what is it? --- */

/* Who wants all of a batch in one bucket gets chains of BATCH: it needs no key. */
static uint32_t mix(uint64_t a, uint64_t b)
{
	a ^= b * UINT64_C(0x9e3779b97f4a7c15);
	a ^= a >> 32;
	a *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(a >> 32);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t flow_hash(const struct segment *s)
{
	const uint8_t *ip = s->pb->data + s->l3, *tcp = s->pb->data + s->l4;
	uint32_t ports;

	memcpy(&ports, tcp, sizeof(ports));
	if (s->is_ip4)
		return mix(load64(ip + 12), ports);
	return mix(load64(ip + 16) + load64(ip + 8) * 3,
		   load64(ip + 32) + load64(ip + 24) * 3 + ports);
}

static enum what look_ip4(struct segment *s, uint32_t *ret_l4_len)
{
	const uint8_t *p = s->pb->data + s->l3;
	struct ipv4_repr ip;
	const int n = ipv4_parse(p, s->pb->len - s->l3, &ip);

	if (n < 0 || ip.proto != IP_PROTO_TCP)
		return WHAT_OTHER;
	if (ipv4_is_fragment(&ip) || ip.opts_len)
		return WHAT_UNKNOWN;
	if (!ipv4_csum_ok(p, IPV4_HDR_LEN))
		return WHAT_OTHER; /* it will be dropped for that */
	s->l4 = s->l3 + IPV4_HDR_LEN;
	*ret_l4_len = ip.payload_len;
	return WHAT_TCP;
}

static enum what look_ip6(struct segment *s, uint32_t *ret_l4_len)
{
	const uint8_t *p = s->pb->data + s->l3;
	struct ipv6_repr ip;

	if (ipv6_parse(p, s->pb->len - s->l3, &ip) < 0 || ip.next_hdr == IP_PROTO_UDP ||
	    ip.next_hdr == IP_PROTO_ICMP6)
		return WHAT_OTHER;
	if (ip.next_hdr != IP_PROTO_TCP)
		return WHAT_UNKNOWN; /* behind extension headers, if at all */
	s->l4 = s->l3 + IPV6_HDR_LEN;
	*ret_l4_len = ip.payload_len;
	return WHAT_TCP;
}

static uint64_t pseudo_sum(const struct segment *s, uint32_t l4_len)
{
	const uint8_t *ip = s->pb->data + s->l3;

	if (s->is_ip4)
		return csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), IP_PROTO_TCP, l4_len);
	return csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), IP_PROTO_TCP, l4_len);
}

static uint32_t l4_len(const struct segment *s)
{
	return s->hdrs_len - s->l4 + s->payload;
}

/* What a device says of it is about this TCP header, and no more than we can say again. */
static bool offload_fits(const struct segment *s)
{
	const struct pbuf *pb = s->pb;
	const uint8_t *tcp = pb->data + s->l4;

	if (pb->csum == PBUF_CSUM_PARTIAL) {
		if (pb->csum_offset != TCP_CSUM_OFFSET || pb->l4 == PBUF_NO_OFFSET ||
		    pbuf_l4(pb) != tcp)
			return false;
		/* It would go to the end of the packet, padding of the link with it. */
		if (pb->len != s->hdrs_len + s->payload)
			return false;
		if (pb->gso == PBUF_GSO_NONE &&
		    get_be16(tcp + TCP_CSUM_OFFSET) != csum_fold(pseudo_sum(s, l4_len(s))))
			return false;
	}
	if (pb->gso == PBUF_GSO_NONE)
		return true;
	/* CWR in all of its segments is nothing that can be said of a longer one. */
	return pb->gso == (s->is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6) && pb->gso_size &&
	       pb->csum != PBUF_CSUM_NONE && (pb->gso_ecn || !(s->flags & TCP_CWR));
}

static enum what look_tcp(struct segment *s, uint32_t len)
{
	struct tcp_repr tcp;
	const int n = tcp_parse(s->pb->data + s->l4, len, &tcp);

	if (n < 0)
		return WHAT_OTHER;
	s->hdrs_len = s->l4 + (uint32_t)n;
	s->payload = len - (uint32_t)n;
	s->flags = tcp.flags;
	s->hash = flow_hash(s);
	if (tcp.flags & ~FLAGS_MERGED || !(tcp.flags & TCP_ACK) || !s->payload || !offload_fits(s))
		return WHAT_TCP;
	return WHAT_DATA;
}

static enum what look(struct pbuf *pb, bool is_ip, struct segment *s)
{
	const uint32_t want = pb->len < HDRS_LEN_MAX ? pb->len : HDRS_LEN_MAX;
	uint32_t len = 0;
	enum what what;

	*s = (struct segment){ .pb = pb };
	if (!pbuf_pullup(pb, want))
		return WHAT_UNKNOWN;
	if (!is_ip) {
		struct eth_repr eth;
		const int n = eth_parse(pb->data, want, &eth);

		if (n < 0 || (eth.type != ETH_TYPE_IPV4 && eth.type != ETH_TYPE_IPV6))
			return WHAT_OTHER;
		s->l3 = (uint32_t)n;
		s->is_ip4 = eth.type == ETH_TYPE_IPV4;
	} else if (pb->len) {
		s->is_ip4 = pb->data[0] >> 4 == 4;
	}
	what = s->is_ip4 ? look_ip4(s, &len) : look_ip6(s, &len);
	return what == WHAT_TCP ? look_tcp(s, len) : what;
}

/* --- does it continue what came before? --- */

static bool same(const uint8_t *a, const uint8_t *b, uint32_t off, uint32_t len)
{
	return memcmp(a + off, b + off, len) == 0;
}

static bool same_flow(const struct segment *a, const struct segment *b)
{
	const uint8_t *ip_a = a->pb->data + a->l3, *ip_b = b->pb->data + b->l3;

	if (a->hash != b->hash || a->is_ip4 != b->is_ip4 ||
	    !same(a->pb->data + a->l4, b->pb->data + b->l4, 0, 4))
		return false;
	return a->is_ip4 ? same(ip_a, ip_b, 12, 8) : same(ip_a, ip_b, 8, 32);
}

/* All that all segments of a packet have in common; of one flow. */
static bool same_headers(const struct segment *a, const struct segment *b)
{
	const uint8_t *pa = a->pb->data, *pb = b->pb->data;
	const uint8_t *ip_a = pa + a->l3, *ip_b = pb + b->l3;
	const uint8_t *tcp_a = pa + a->l4, *tcp_b = pb + b->l4;
	const uint16_t bits = get_be16(tcp_a + TCP_AT_BITS) ^ get_be16(tcp_b + TCP_AT_BITS);

	if (a->l3 != b->l3 || !same(pa, pb, 0, a->l3) || a->pb->mark != b->pb->mark)
		return false;
	if (a->is_ip4) {
		/* Version, length, TOS; DF, TTL, protocol. */
		if (!same(ip_a, ip_b, 0, 2) || !same(ip_a, ip_b, IPV4_AT_FRAG, 4))
			return false;
	} else if (!same(ip_a, ip_b, 0, 4) || !same(ip_a, ip_b, 6, 2)) {
		return false;
	}
	/* Length of the header and what is reserved, flags. */
	if (bits & ~(TCP_FIN | TCP_PSH | TCP_CWR) || b->flags & TCP_CWR)
		return false;
	return same(tcp_a, tcp_b, TCP_AT_ACK, 4) && same(tcp_a, tcp_b, TCP_AT_WND, 2) &&
	       same(tcp_a, tcp_b, TCP_AT_URG, a->hdrs_len - a->l4 - TCP_AT_URG);
}

/* Numbers that count on from segment to segment: sequence numbers, and identifications where they
 * mean something (not with DF: RFC 6864, 4.1).
 */
static bool numbers_go_on(const struct flow *f, const struct segment *s)
{
	const uint8_t *was = f->seg.pb->data, *is = s->pb->data;
	uint16_t id;

	if (get_be32(was + f->seg.l4 + TCP_AT_SEQ) + f->seg.payload !=
	    get_be32(is + s->l4 + TCP_AT_SEQ))
		return false;
	if (!s->is_ip4 || is[s->l3 + IPV4_AT_FRAG] & IPV4_DF)
		return true;
	id = (uint16_t)(get_be16(was + f->seg.l3 + IPV4_AT_ID) + f->seg.payload / f->gso_size);
	return id == get_be16(is + s->l3 + IPV4_AT_ID);
}

static bool fits(const struct flow *f, const struct segment *s)
{
	if (s->pb->gso == PBUF_GSO_NONE ? s->payload > f->gso_size : s->pb->gso_size != f->gso_size)
		return false;
	return f->seg.hdrs_len - f->seg.l3 + f->seg.payload + s->payload <= IP_LEN_MAX;
}

/* Nothing can come behind it. */
static bool ends(const struct segment *s, uint32_t gso_size)
{
	return s->flags & (TCP_FIN | TCP_PSH) || s->payload % gso_size;
}

/* --- merging --- */

/* The checksum is right, and known to be from now on. */
static bool verify(struct gro *g, struct segment *s)
{
	struct pbuf *pb = s->pb;

	if (pb->csum != PBUF_CSUM_NONE)
		return true;
	if (!csum_ok(pseudo_sum(s, l4_len(s)) + pbuf_csum(pb, s->l4, l4_len(s)))) {
		g->stats.bad_csum++;
		s->wrong = true;
		return false;
	}
	pb->csum = PBUF_CSUM_VALID;
	return true;
}

/* Of the first one nothing is behind its payload, and its headers can be written. */
static bool prepare(struct gro *g, struct flow *f)
{
	struct segment *s = &f->seg;

	if (f->merged)
		return true;
	if (!verify(g, s) || !pbuf_unshare(s->pb, s->hdrs_len))
		return false;
	pbuf_trim(s->pb, s->hdrs_len + s->payload);
	f->merged = true;
	return true;
}

/* Pieces that its payload is in. */
static unsigned int pieces(const struct segment *s)
{
	return s->pb->n_frags + (s->pb->linear > s->hdrs_len);
}

/* Return: true, and @s is part of the flow's packet */
static bool merge(struct gro *g, struct flow *f, struct segment *s)
{
	struct pbuf *pb = f->seg.pb;

	if (!f->open || !fits(f, s) || !same_headers(&f->seg, s) || !numbers_go_on(f, s))
		return false;
	if (!verify(g, s))
		return false;
	if (pb->n_frags + pieces(s) > PBUF_FRAGS_MAX || !prepare(g, f))
		return false;
	if (pb->n_frags + pieces(s) > PBUF_FRAGS_MAX || /* preparing may have made one more */
	    !pbuf_append(pb, s->pb, s->hdrs_len, s->payload))
		return false;
	f->seg.payload += s->payload;
	f->seg.flags |= s->flags & (TCP_FIN | TCP_PSH);
	f->open = !ends(s, f->gso_size);
	g->stats.merged++;
	pbuf_free(s->pb);
	return true;
}

/* Nothing more comes: the headers of a packet that was merged become those of all of it. */
static void finish(struct flow *f)
{
	const struct segment *s = &f->seg;
	struct pbuf *pb = s->pb;
	uint8_t *ip = pb->data + s->l3, *tcp = pb->data + s->l4;

	f->open = false;
	if (!f->merged)
		return;
	f->merged = false;
	/* It was prepared, and then nothing could be appended. */
	if (s->payload <= f->gso_size)
		return;
	if (s->is_ip4)
		ipv4_put16(ip, IPV4_AT_LEN, (uint16_t)(pb->len - s->l3));
	else
		put_be16(ip + IPV6_AT_LEN, (uint16_t)(pb->len - s->l4));
	put_be16(tcp + TCP_AT_BITS, (uint16_t)(get_be16(tcp + TCP_AT_BITS) | s->flags));
	put_be16(tcp + TCP_CSUM_OFFSET, csum_fold(pseudo_sum(s, l4_len(s))));
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + s->l3);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + s->l4);
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pb->gso = s->is_ip4 ? PBUF_GSO_TCP4 : PBUF_GSO_TCP6;
	pb->gso_size = (uint16_t)f->gso_size;
	pb->gso_ecn = pb->gso_ecn || s->flags & TCP_CWR;
}

/* --- flows --- */

static struct flow *flow_lookup(struct gro *g, const struct segment *s)
{
	for (uint8_t v = g->bucket[s->hash % BUCKETS]; v; v = g->flow[v - 1].next)
		if (same_flow(&g->flow[v - 1].seg, s))
			return &g->flow[v - 1];
	return NULL;
}

static struct flow *flow_add(struct gro *g, const struct segment *s)
{
	uint8_t *bucket = &g->bucket[s->hash % BUCKETS];
	struct flow *f = &g->flow[g->n++];

	*f = (struct flow){ .next = *bucket };
	*bucket = (uint8_t)g->n;
	return f;
}

/* @s is what its flow goes on from. */
static void flow_begin(struct gro *g, struct flow *f, const struct segment *s)
{
	if (!f)
		f = flow_add(g, s);
	f->seg = *s;
	f->gso_size = s->pb->gso == PBUF_GSO_NONE ? s->payload : s->pb->gso_size;
	f->merged = false;
	f->open = f->gso_size >= GSO_SIZE_MIN && !ends(s, f->gso_size);
}

/* Return: true, and @pb is part of another packet */
static bool take(struct gro *g, struct pbuf *pb, bool is_ip)
{
	struct segment s;
	const enum what what = look(pb, is_ip, &s);
	struct flow *f;

	if (what == WHAT_OTHER)
		return false;
	if (what == WHAT_UNKNOWN) {
		for (unsigned int i = 0; i < g->n; i++)
			g->flow[i].open = false;
		return false;
	}
	f = flow_lookup(g, &s);
	if (what == WHAT_DATA && f && merge(g, f, &s))
		return true;
	if (s.wrong)
		return false; /* it will be dropped, and what is there may go on */
	if (f)
		finish(f);
	if (what == WHAT_DATA)
		flow_begin(g, f, &s);
	return false;
}

static unsigned int take_batch(struct gro *g, struct pbuf **to, struct pbuf *const *from,
			       unsigned int n, bool is_ip)
{
	unsigned int left = 0;

	g->n = 0;
	memset(g->bucket, 0, sizeof(g->bucket));
	for (unsigned int i = 0; i < n; i++) {
		if (i + 1 < n)
			__builtin_prefetch(from[i + 1]->data);
		if (!take(g, from[i], is_ip))
			to[left++] = from[i];
	}
	for (unsigned int i = 0; i < g->n; i++)
		finish(&g->flow[i]);
	return left;
}

unsigned int gro_burst(struct gro *g, struct pbuf **burst, unsigned int n, bool is_ip)
{
	unsigned int left = 0;

	g->stats.packets += n;
	if (n < 2)
		return n; /* nothing to merge it with */
	for (unsigned int i = 0; i < n; i += BATCH)
		left += take_batch(g, burst + left, burst + i, n - i < BATCH ? n - i : BATCH,
				   is_ip);
	return left;
}
