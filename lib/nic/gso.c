/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/gso.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/**
 * struct plan - What all segments have in common
 * @hdr:	Of the packet: l3 and l4 are offsets from its data
 * @l4:		and the transport header
 * @hdrs_len:	All headers
 * @proto:	IP_PROTO_TCP or IP_PROTO_UDP
 * @is_ip4:	Which IP
 * @pseudo:	Sum of the addresses and the protocol
 * @id:		IPv4 identification of the first segment
 * @flags:	TCP
 * @seq:	TCP
 * @urg:	TCP
 */
struct plan {
	uint32_t l3;
	uint32_t l4;
	uint32_t hdrs_len;
	uint8_t proto;
	bool is_ip4;
	uint64_t pseudo;
	uint16_t id;
	uint16_t flags;
	struct seq seq;
	uint16_t urg;
};

static bool plan_ip(struct plan *p, const struct pbuf *pb)
{
	const uint8_t *ip = pb->data + p->l3;

	p->is_ip4 = ip[0] >> 4 == 4;
	if (p->is_ip4) {
		if (p->l4 - p->l3 < IPV4_HDR_LEN || p->l4 - p->l3 != (ip[0] & 0xfU) * 4)
			return false;
		p->id = get_be16(ip + 4);
		p->pseudo = csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), p->proto, 0);
		return true;
	}
	if (ip[0] >> 4 != 6 || p->l4 - p->l3 < IPV6_HDR_LEN)
		return false;
	p->pseudo = csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), p->proto, 0);
	return true;
}

static bool plan_l4(struct plan *p, const struct pbuf *pb)
{
	const uint8_t *l4 = pb->data + p->l4;
	struct tcp_repr tcp;
	int n;

	if (p->proto == IP_PROTO_UDP) {
		p->hdrs_len = p->l4 + UDP_HDR_LEN;
		return pb->linear >= p->hdrs_len;
	}
	n = tcp_parse(l4, pb->linear - p->l4, &tcp);
	if (n < 0)
		return false;
	p->hdrs_len = p->l4 + (uint32_t)n;
	p->flags = tcp.flags;
	p->seq = tcp.seq;
	p->urg = tcp.urg;
	return true;
}

/* The headers are what @gso says, are linear and have room in a pbuf. */
static bool plan_make(struct plan *p, const struct pbuf *pb)
{
	const uint8_t *l3 = pb->base + pb->l3, *l4 = pb->base + pb->l4;

	if (pb->l3 == PBUF_NO_OFFSET || pb->l4 == PBUF_NO_OFFSET || l3 < pb->data || l4 <= l3 ||
	    l4 >= pb->data + pb->linear || pb->gso_size == 0)
		return false;
	*p = (struct plan){
		.l3 = (uint32_t)(l3 - pb->data),
		.l4 = (uint32_t)(l4 - pb->data),
		.proto = pb->gso == PBUF_GSO_UDP ? IP_PROTO_UDP : IP_PROTO_TCP,
	};
	if (p->l4 > PBUF_HEADROOM || !plan_ip(p, pb) || !plan_l4(p, pb))
		return false;
	if (pb->gso != PBUF_GSO_UDP && p->is_ip4 != (pb->gso == PBUF_GSO_TCP4))
		return false;
	return p->hdrs_len <= pb->len && pb->len - p->l3 <= IP_LEN_MAX;
}

static void fix_ip(const struct plan *p, uint8_t *ip, uint32_t n, uint32_t l3_len)
{
	if (p->is_ip4) {
		ipv4_put16(ip, 2, (uint16_t)l3_len);
		ipv4_put16(ip, 4, (uint16_t)(p->id + n));
	} else {
		put_be16(ip + 4, (uint16_t)(l3_len - IPV6_HDR_LEN));
	}
}

/* Data from @off on.  The urgent pointer counts from the sequence number of its segment. */
static void fix_tcp(const struct plan *p, uint8_t *tcp, uint32_t off, bool first, bool last,
		    bool ecn)
{
	uint16_t flags = p->flags;

	if (!last)
		flags &= (uint16_t) ~(TCP_FIN | TCP_PSH);
	if (!first && ecn)
		flags &= (uint16_t)~TCP_CWR;
	if (flags & TCP_URG) {
		if (p->urg > off)
			put_be16(tcp + 18, (uint16_t)(p->urg - off));
		else
			flags &= (uint16_t)~TCP_URG;
	}
	put_be32(tcp + 4, p->seq.v + off);
	put_be16(tcp + 12, (uint16_t)((get_be16(tcp + 12) & ~TCP_FLAGS) | flags));
}

/* What a segment has of its packet beside bytes. */
static void copy_meta(struct pbuf *seg, const struct plan *p, const struct pbuf *pb)
{
	if (pb->l2 != PBUF_NO_OFFSET && pb->base + pb->l2 == pb->data)
		pbuf_mark_l2(seg);
	seg->l3 = (uint16_t)(pbuf_headroom(seg) + p->l3);
	seg->l4 = (uint16_t)(pbuf_headroom(seg) + p->l4);
	seg->csum = PBUF_CSUM_PARTIAL;
	seg->csum_offset = p->proto == IP_PROTO_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	seg->dest = pb->dest;
	seg->hops = pb->hops;
	seg->ifindex = pb->ifindex;
	seg->hash = pb->hash;
	seg->mark = pb->mark;
	seg->time_ns = pb->time_ns;
}

/* Headers of a segment whose data, @len bytes from @off on, is number @n.  They are in place
 * as the packet has them.
 */
static void fix_headers(struct pbuf *seg, const struct plan *p, const struct pbuf *pb, uint32_t n,
			uint32_t off, uint32_t len)
{
	const bool last = p->hdrs_len + off + len == pb->len;
	const uint32_t l4_len = p->hdrs_len - p->l4 + len;
	uint8_t *l4 = seg->data + p->l4;

	fix_ip(p, seg->data + p->l3, n, p->hdrs_len - p->l3 + len);
	if (p->proto == IP_PROTO_TCP)
		fix_tcp(p, l4, off, n == 0, last, pb->gso_ecn);
	else
		put_be16(l4 + 4, (uint16_t)l4_len);
	put_be16(l4 + seg->csum_offset, csum_fold(p->pseudo + l4_len));
}

/* Segment @n. */
static struct pbuf *make_segment(const struct pbuf *pb, const struct plan *p, uint32_t n)
{
	const uint32_t off = n * pb->gso_size, left = pb->len - p->hdrs_len - off;
	const uint32_t len = left < pb->gso_size ? left : pb->gso_size;
	struct pbuf *seg = pbuf_alloc(pb->pool);
	uint8_t *low, *high;

	if (!seg)
		return NULL;
	/* What is below transport ends where pbuf.h wants it to. */
	low = pbuf_push(seg, p->l4);
	high = pbuf_put(seg, p->hdrs_len - p->l4);
	if (!low || !high) {
		pbuf_free(seg);
		return NULL;
	}
	memcpy(low, pb->data, p->hdrs_len);
	copy_meta(seg, p, pb);
	fix_headers(seg, p, pb, n, off, len);
	if (!pbuf_append(seg, pb, p->hdrs_len + off, len)) {
		pbuf_free(seg);
		return NULL;
	}
	return seg;
}

/* A packet that fits into one segment is that segment. */
static bool keep_whole(struct pbuf *pb, const struct plan *p, struct pbuf_queue *ret)
{
	if (!pbuf_unshare(pb, p->hdrs_len))
		return false;
	copy_meta(pb, p, pb);
	fix_headers(pb, p, pb, 0, 0, pb->len - p->hdrs_len);
	pb->gso = PBUF_GSO_NONE;
	pb->gso_size = 0;
	pb->gso_ecn = false;
	pbuf_queue_put(ret, pb);
	return true;
}

uint32_t gso_cut(struct pbuf *pb, struct pbuf_queue *ret)
{
	struct pbuf_queue made;
	struct pbuf *seg;
	struct plan p;
	uint32_t n = 0;

	if (!plan_make(&p, pb))
		return 0;
	if (pb->len - p.hdrs_len <= pb->gso_size)
		return keep_whole(pb, &p, ret) ? 1 : 0;

	pbuf_queue_init(&made);
	for (; n * pb->gso_size < pb->len - p.hdrs_len; n++) {
		seg = make_segment(pb, &p, n);
		if (!seg) {
			pbuf_queue_free(&made);
			return 0;
		}
		pbuf_queue_put(&made, seg);
	}
	while ((seg = pbuf_queue_take(&made)))
		pbuf_queue_put(ret, seg);
	pbuf_free(pb);
	return n;
}
