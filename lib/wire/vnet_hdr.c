/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/vnet_hdr.h"

#include <errno.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define F_NEEDS_CSUM 1
#define F_DATA_VALID 2
#define F_KNOWN      (F_NEEDS_CSUM | F_DATA_VALID)

#define GSO_ECN      0x80

static bool is_tcp(enum vnet_gso gso)
{
	return gso == VNET_GSO_TCP4 || gso == VNET_GSO_TCP6;
}

static bool is_gso(unsigned int gso)
{
	return gso == VNET_GSO_TCP4 || gso == VNET_GSO_TCP6 || gso == VNET_GSO_UDP;
}

static bool is_legal(const struct vnet_hdr_repr *r)
{
	if (r->gso == VNET_GSO_NONE)
		return !r->ecn;
	return is_gso(r->gso) && r->gso_size && (r->needs_csum || r->data_valid) &&
	       (!r->ecn || is_tcp(r->gso));
}

int vnet_hdr_parse(const uint8_t *buf, size_t len, struct vnet_hdr_repr *ret)
{
	struct vnet_hdr_repr r = { .gso = VNET_GSO_NONE };
	unsigned int gso;

	if (len < VNET_HDR_LEN)
		return -ENODATA;
	gso = buf[1] & ~(unsigned int)GSO_ECN;
	if (buf[0] & ~F_KNOWN)
		return -EBADMSG;
	if (gso != VNET_GSO_NONE && !is_gso(gso))
		return -EPROTONOSUPPORT;

	r.gso = (enum vnet_gso)gso;
	r.ecn = buf[1] & GSO_ECN;
	r.needs_csum = buf[0] & F_NEEDS_CSUM;
	r.data_valid = buf[0] & F_DATA_VALID;
	if (gso) {
		r.hdr_len = get_le16(buf + 2);
		r.gso_size = get_le16(buf + 4);
	}
	if (r.needs_csum) {
		r.csum_start = get_le16(buf + 6);
		r.csum_offset = get_le16(buf + 8);
	}
	if (!is_legal(&r))
		return -EBADMSG;
	*ret = r;
	return VNET_HDR_LEN;
}

int vnet_hdr_emit(uint8_t *buf, size_t len, const struct vnet_hdr_repr *r)
{
	if (!is_legal(r))
		return -EINVAL;
	if (len < VNET_HDR_LEN)
		return -ENOSPC;

	buf[0] = (uint8_t)((r->needs_csum ? F_NEEDS_CSUM : 0) | (r->data_valid ? F_DATA_VALID : 0));
	buf[1] = (uint8_t)(r->gso | (r->ecn ? GSO_ECN : 0));
	put_le16(buf + 2, r->gso ? r->hdr_len : 0);
	put_le16(buf + 4, r->gso ? r->gso_size : 0);
	put_le16(buf + 6, r->needs_csum ? r->csum_start : 0);
	put_le16(buf + 8, r->needs_csum ? r->csum_offset : 0);
	return VNET_HDR_LEN;
}

/* The checksum to be finished is that of the transport header. */
static bool csum_is_at(const struct vnet_hdr_repr *h, const struct l4_repr *l4)
{
	if (l4->part != L4_WHOLE || h->csum_start != l4->l4_at)
		return false;
	switch (l4->proto) {
	case IP_PROTO_TCP:
		return h->csum_offset == TCP_CSUM_OFFSET && l4->l4_len >= TCP_HDR_LEN;
	case IP_PROTO_UDP:
		return h->csum_offset == UDP_CSUM_OFFSET && l4->l4_len >= UDP_HDR_LEN;
	default:
		return false;
	}
}

/* Bytes of data of the super-segment, @ret_hdr_len those of its header. */
static int data_len(const uint8_t *l4_hdr, const struct l4_repr *l4, size_t *ret_hdr_len)
{
	struct tcp_repr tcp;
	struct udp_repr udp;
	int n;

	if (l4->proto == IP_PROTO_TCP) {
		n = tcp_parse(l4_hdr, l4->l4_len, &tcp);
		/* Each segment would open, or kill, the connection. */
		if (n >= 0 && tcp.flags & (TCP_SYN | TCP_RST))
			n = -EBADMSG;
	} else {
		n = udp_parse(l4_hdr, l4->l4_len, &udp);
		if (n >= 0 && (size_t)UDP_HDR_LEN + udp.payload_len != l4->l4_len)
			n = -EBADMSG;
	}
	if (n < 0)
		return n;
	*ret_hdr_len = (size_t)n;
	return l4->l4_len - n;
}

static bool gso_fits(enum vnet_gso gso, const struct l4_repr *l4)
{
	switch (gso) {
	case VNET_GSO_TCP4:
		return l4->ip_version == 4 && l4->proto == IP_PROTO_TCP;
	case VNET_GSO_TCP6:
		return l4->ip_version == 6 && l4->proto == IP_PROTO_TCP;
	case VNET_GSO_UDP:
		return l4->proto == IP_PROTO_UDP;
	case VNET_GSO_NONE:
		break;
	}
	return false;
}

static int check_gso(const struct vnet_hdr_repr *h, const uint8_t *frame, size_t len,
		     struct vnet_frame *f)
{
	size_t hdr_len, n_segs;
	int data;

	if (h->hdr_len > len || f->l4.part != L4_WHOLE || !gso_fits(h->gso, &f->l4))
		return -EBADMSG;
	if (is_tcp(h->gso) && h->gso_size < VNET_GSO_SIZE_MIN_TCP)
		return -EBADMSG;
	data = data_len(frame + f->l4.l4_at, &f->l4, &hdr_len);
	if (data < 0)
		return data;
	n_segs = ((size_t)data + h->gso_size - 1) / h->gso_size;
	if (n_segs <= 1)
		return 0;
	if (h->gso == VNET_GSO_UDP && n_segs > VNET_SEGS_MAX_UDP)
		return -EBADMSG;

	f->gso = h->gso;
	f->ecn = h->ecn;
	f->gso_size = h->gso_size;
	f->n_segs = (uint16_t)n_segs;
	f->hdrs_len = (uint16_t)(f->l4.l4_at + hdr_len);
	return 0;
}

int vnet_hdr_check(const struct vnet_hdr_repr *h, const uint8_t *frame, size_t len,
		   struct vnet_frame *ret)
{
	struct vnet_frame f = {
		.csum = h->data_valid ? VNET_CSUM_GOOD : VNET_CSUM_UNKNOWN,
		.gso = VNET_GSO_NONE,
		.n_segs = 1,
	};
	int n;

	if (h->needs_csum &&
	    (h->csum_start < ETH_HDR_LEN || (size_t)h->csum_start + h->csum_offset + 2 > len))
		return -EBADMSG;

	if (h->needs_csum || h->gso != VNET_GSO_NONE) {
		n = l4_find(frame, len, &f.l4);
		if (n < 0 && h->gso != VNET_GSO_NONE)
			return n;
		f.has_l4 = n >= 0;
	}
	if (h->needs_csum)
		f.csum = f.has_l4 && csum_is_at(h, &f.l4) ? VNET_CSUM_PARTIAL : VNET_CSUM_OTHER;
	if (h->gso != VNET_GSO_NONE) {
		if (f.csum == VNET_CSUM_OTHER)
			return -EBADMSG;
		n = check_gso(h, frame, len, &f);
		if (n < 0)
			return n;
	}
	*ret = f;
	return 0;
}

void vnet_hdr_finish(const struct vnet_hdr_repr *h, uint8_t *frame, size_t len)
{
	uint8_t *field = frame + h->csum_start + h->csum_offset;
	const uint16_t csum = csum_finish(csum_bytes(frame + h->csum_start, len - h->csum_start));

	/* 0 would say "none" in UDP and is the same to all others. */
	put_be16(field, csum ? csum : 0xffff);
}
