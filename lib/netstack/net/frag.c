/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/net/frag.h"

#include <errno.h>
#include <string.h>

#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv4_options.h"
#include "wire/ipv6.h"
#include "wire/ipv6_ext.h"

/* Of all headers of a fragment: what pbuf_alloc() has room for before its data. */
#define HDRS_LEN_MAX PBUF_HEADROOM

/* Offsets of fragments are multiples of it. */
#define UNIT 8

/* A fragment with its headers and @len bytes of the packet from @off on. */
static struct pbuf *make_fragment(const struct pbuf *pb, const uint8_t *hdrs, uint32_t hdrs_len,
				  uint32_t off, uint32_t len)
{
	struct pbuf *frag = pbuf_alloc(pb->pool);
	uint8_t *to;

	if (!frag)
		return NULL;
	to = pbuf_push(frag, hdrs_len);
	if (!to || !pbuf_append(frag, pb, off, len)) {
		pbuf_free(frag);
		return NULL;
	}
	memcpy(to, hdrs, hdrs_len);
	pbuf_mark_l3(frag);
	frag->dest = pb->dest;
	frag->hops = pb->hops;
	frag->ifindex = pb->ifindex;
	frag->hash = pb->hash;
	frag->mark = pb->mark;
	frag->time_ns = pb->time_ns;
	return frag;
}

/* The checksum is of the whole, so it is made before the packet is none any more. */
static bool finish_csum(struct pbuf *pb)
{
	const uint8_t *end;

	if (pb->csum != PBUF_CSUM_PARTIAL)
		return true;
	end = pbuf_l4(pb) + pb->csum_offset + 2;
	if (!pbuf_unshare(pb, (uint32_t)(end - pb->data)))
		return false;
	pbuf_finish_csum(pb);
	return true;
}

static void move_all(struct pbuf_queue *to, struct pbuf_queue *from)
{
	struct pbuf *pb;

	while ((pb = pbuf_queue_take(from)))
		pbuf_queue_put(to, pb);
}

/* --- IPv4 --- */

/* The options that every fragment has (RFC 791, 3.1: the copy bit), padded.  Return: bytes. */
static uint8_t copied_options(uint8_t *ret, const uint8_t *opts, size_t len)
{
	struct ipv4_option opt;
	uint8_t n = 0;
	int r;

	for (size_t at = 0; at < len; at += (size_t)r) {
		r = ipv4_option_parse(opts + at, len - at, &opt);
		if (r < 0 || opt.type == IPV4_OPT_EOL)
			break;
		if (opt.type & 0x80) {
			memcpy(ret + n, opts + at, (size_t)r);
			n = (uint8_t)(n + r);
		}
	}
	while (n % 4)
		ret[n++] = IPV4_OPT_EOL;
	return n;
}

/* Cuts @pb, whose header @ip is @hdr_len bytes, into @ret. */
static int split4(struct pbuf *pb, const struct ipv4_repr *ip, uint32_t hdr_len, uint32_t mtu,
		  struct pbuf_queue *ret)
{
	uint8_t hdr[IPV4_HDR_LEN_MAX];
	struct ipv4_repr r = *ip;
	const uint32_t end = hdr_len + ip->payload_len;
	uint32_t off = hdr_len;

	memcpy(hdr, pb->data, hdr_len);
	while (off < end) {
		const uint32_t room = (mtu - IPV4_HDR_LEN - r.opts_len) / UNIT * UNIT;
		const bool last = end - off <= mtu - IPV4_HDR_LEN - r.opts_len;
		const uint32_t len = last ? end - off : room;
		struct pbuf *frag;

		r.payload_len = (uint16_t)len;
		r.frag_off = (uint16_t)(ip->frag_off + off - hdr_len);
		r.more_frags = !last || ip->more_frags;
		if (ipv4_emit(hdr, sizeof(hdr), &r) < 0)
			return -EINVAL;
		frag = make_fragment(pb, hdr, IPV4_HDR_LEN + r.opts_len, off, len);
		if (!frag)
			return -ENOMEM;
		pbuf_queue_put(ret, frag);
		if (off == hdr_len)
			r.opts_len = copied_options(hdr + IPV4_HDR_LEN, pb->data + IPV4_HDR_LEN,
						    ip->opts_len);
		off += len;
	}
	return 0;
}

int frag4_split(struct core *c, struct pbuf *pb, uint32_t mtu, struct pbuf_queue *ret)
{
	struct pbuf_queue made;
	struct ipv4_repr ip;
	int n, r;

	if (mtu < IPV4_MTU_MIN)
		return -EINVAL;
	if (!pbuf_pullup(pb, IPV4_HDR_LEN) || !pbuf_pullup(pb, (pb->data[0] & 0xfU) * 4) ||
	    !finish_csum(pb))
		return -ENOMEM;
	n = ipv4_parse_quoted(pb->data, pb->linear, &ip);
	if (n < 0 || (uint32_t)n + ip.payload_len != pb->len)
		return -EINVAL;
	/* A fragment of a fragment that is not the last one is a multiple of 8 itself. */
	pbuf_queue_init(&made);
	r = split4(pb, &ip, (uint32_t)n, mtu, &made);
	if (r < 0) {
		pbuf_queue_free(&made);
		return r;
	}
	core_trace(c, TRACE_FRAGMENTED, pb);
	move_all(ret, &made);
	pbuf_free(pb);
	return 0;
}

/* --- IPv6 --- */

/**
 * struct per_fragment - Headers that every fragment has
 * @len:	Their bytes
 * @next_ptr:	Offset of the byte that names what follows them
 */
struct per_fragment {
	uint32_t len;
	uint32_t next_ptr;
};

/* RFC 8200, 4.5: up to the routing header, else hop-by-hop options, else none. */
static int find_per_fragment(const uint8_t *pkt, size_t len, struct per_fragment *ret)
{
	struct per_fragment pf = { .len = IPV6_HDR_LEN, .next_ptr = 6 };
	uint32_t at = IPV6_HDR_LEN, ptr = 6;

	for (unsigned int n = 0; n <= IPV6_EXT_HDRS_MAX; n++) {
		const uint8_t next = pkt[ptr];

		if (next == IP_PROTO_FRAGMENT)
			return -EINVAL;
		if (next != IP_PROTO_HOPOPTS && next != IP_PROTO_DSTOPTS &&
		    next != IP_PROTO_ROUTING) {
			*ret = pf;
			return 0;
		}
		if (len - at < 8 || (pkt[at + 1] + 1U) * 8 > len - at)
			return -EINVAL;
		ptr = at;
		at += (pkt[at + 1] + 1U) * 8;
		if (next != IP_PROTO_DSTOPTS)
			pf = (struct per_fragment){ .len = at, .next_ptr = ptr };
	}
	return -EINVAL;
}

static int split6(struct pbuf *pb, const struct per_fragment *pf, uint32_t mtu, uint32_t id,
		  struct pbuf_queue *ret)
{
	const uint32_t hdrs_len = pf->len + IPV6_FRAG_HDR_LEN;
	uint8_t hdrs[HDRS_LEN_MAX];
	struct ipv6_frag_repr fr = { .id = id, .next_hdr = pb->data[pf->next_ptr] };
	uint32_t off = pf->len;

	if (hdrs_len > sizeof(hdrs) || hdrs_len + UNIT > mtu)
		return -EINVAL;
	memcpy(hdrs, pb->data, pf->len);
	hdrs[pf->next_ptr] = IP_PROTO_FRAGMENT;
	while (off < pb->len) {
		const bool last = pb->len - off <= mtu - hdrs_len;
		const uint32_t len = last ? pb->len - off : (mtu - hdrs_len) / UNIT * UNIT;
		struct pbuf *frag;

		fr.offset = (uint16_t)(off - pf->len);
		fr.more = !last;
		put_be16(hdrs + 4, (uint16_t)(hdrs_len - IPV6_HDR_LEN + len));
		if (ipv6_frag_emit(hdrs + pf->len, IPV6_FRAG_HDR_LEN, &fr) < 0)
			return -EINVAL;
		frag = make_fragment(pb, hdrs, hdrs_len, off, len);
		if (!frag)
			return -ENOMEM;
		pbuf_queue_put(ret, frag);
		off += len;
	}
	return 0;
}

int frag6_split(struct core *c, struct pbuf *pb, uint32_t mtu, uint32_t id, struct pbuf_queue *ret)
{
	struct per_fragment pf;
	struct pbuf_queue made;
	int r;

	if (mtu < IPV6_MTU_LEAST || pb->len > IPV6_HDR_LEN + IP_LEN_MAX)
		return -EINVAL;
	if (!pbuf_pullup(pb, pb->len < HDRS_LEN_MAX ? pb->len : HDRS_LEN_MAX) || !finish_csum(pb))
		return -ENOMEM;
	if (pb->linear < IPV6_HDR_LEN)
		return -EINVAL;
	r = find_per_fragment(pb->data, pb->linear, &pf);
	if (r < 0)
		return r;
	pbuf_queue_init(&made);
	r = split6(pb, &pf, mtu, id, &made);
	if (r < 0) {
		pbuf_queue_free(&made);
		return r;
	}
	core_trace(c, TRACE_FRAGMENTED, pb);
	move_all(ret, &made);
	pbuf_free(pb);
	return 0;
}
