/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/vnet_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* Headroom of a copy: as in the block. */
#define COPY_AT (VNET_IO_RX_AT + VNET_HDR_LEN)

_Static_assert(COPY_AT + VNET_IO_COPY_MAX <= 2048, "a copy takes a block of 2 KiB");

/* --- received --- */

static uint8_t gso_of(enum vnet_gso gso)
{
	switch (gso) {
	case VNET_GSO_TCP4:
		return PBUF_GSO_TCP4;
	case VNET_GSO_TCP6:
		return PBUF_GSO_TCP6;
	case VNET_GSO_UDP:
		return PBUF_GSO_UDP;
	case VNET_GSO_NONE:
		break;
	}
	return PBUF_GSO_NONE;
}

static void set_csum(struct pbuf *pb, const struct vnet_hdr_repr *h, enum vnet_csum csum)
{
	switch (csum) {
	case VNET_CSUM_UNKNOWN:
		break;
	case VNET_CSUM_GOOD:
		pb->csum = PBUF_CSUM_VALID;
		return;
	case VNET_CSUM_PARTIAL:
		pb->csum = PBUF_CSUM_PARTIAL;
		pb->csum_offset = h->csum_offset;
		return;
	case VNET_CSUM_OTHER:
		vnet_hdr_finish(h, pb->data, pb->len);
		break;
	}
	pb->csum = PBUF_CSUM_NONE;
}

int vnet_io_rx(struct pbuf *pb, const uint8_t hdr[static VNET_HDR_LEN])
{
	struct vnet_hdr_repr h;
	struct vnet_frame f;
	int r;

	assert(pb->linear == pb->len);
	r = vnet_hdr_parse(hdr, VNET_HDR_LEN, &h);
	if (r < 0)
		return r;
	r = vnet_hdr_check(&h, pb->data, pb->len, &f);
	if (r < 0)
		return r;

	set_csum(pb, &h, f.csum);
	if (f.has_l4)
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + f.l4.l4_at);
	pb->gso = gso_of(f.gso);
	pb->gso_size = f.gso_size;
	pb->gso_ecn = f.ecn;
	return 0;
}

/* A packet over bytes that stay where they are. */
static struct pbuf *refer(struct pbuf_pool *pool, struct pbuf_block *b, uint32_t off, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc(pool);

	if (!pb)
		return NULL;
	pb->head = pbuf_block_ref(b);
	pb->base = b->data;
	pb->size = b->size;
	pb->data = b->data + off;
	pb->len = len;
	pb->linear = len;
	return pb;
}

/* The frame fits in the pbuf itself, or the block is far too long for it. */
static bool is_worth_a_copy(const struct pbuf_block *b, uint32_t len)
{
	return len <= PBUF_ROOM - COPY_AT ||
	       (len <= VNET_IO_COPY_MAX && b->size > 2 * VNET_IO_COPY_MAX);
}

int vnet_io_wrap(struct pbuf_pool *pool, struct pbuf_block *b, uint32_t off, uint32_t len,
		 struct pbuf **ret)
{
	const uint32_t at = off + VNET_HDR_LEN;
	struct pbuf *pb;
	int r;

	assert(off <= b->size && len <= b->size - off);
	if (len < VNET_HDR_LEN + ETH_HDR_LEN)
		return -ENODATA;
	len -= VNET_HDR_LEN;
	if (is_worth_a_copy(b, len))
		pb = pbuf_alloc_copy(pool, COPY_AT, b->data + at, len);
	else
		pb = refer(pool, b, at, len);
	if (!pb)
		return -ENOMEM;
	r = vnet_io_rx(pb, b->data + off);
	if (r < 0) {
		pbuf_free(pb);
		return r;
	}
	*ret = pb;
	return 0;
}

/* --- sent --- */

static bool is_gso(const struct pbuf *pb)
{
	return pb->gso != PBUF_GSO_NONE;
}

/* The transport header is where its mark says, @len bytes of it linear. */
static bool has_l4(const struct pbuf *pb, uint32_t len)
{
	return pb->l4 != PBUF_NO_OFFSET && pbuf_l4(pb) >= pb->data &&
	       pbuf_l4(pb) + len <= pb->data + pb->linear;
}

/* A complete checksum, of what was merged from segments, becomes that of the pseudo header. */
static int make_partial(struct pbuf *pb)
{
	const bool is_udp = pb->gso == PBUF_GSO_UDP;
	const uint8_t proto = is_udp ? IP_PROTO_UDP : IP_PROTO_TCP;
	const uint32_t hdr_len = is_udp ? UDP_HDR_LEN : TCP_HDR_LEN;
	uint32_t at, l4_len;
	const uint8_t *ip;
	uint64_t pseudo;

	if (!has_l4(pb, hdr_len) || pb->l3 == PBUF_NO_OFFSET || pb->l3 >= pb->l4 ||
	    pbuf_l3(pb) < pb->data)
		return -EINVAL;
	at = (uint32_t)(pbuf_l4(pb) - pb->data);
	if (!pbuf_unshare(pb, at + hdr_len))
		return -ENOMEM;

	ip = pbuf_l3(pb);
	l4_len = pb->len - at;
	if (ip[0] >> 4 == 4)
		pseudo = csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), proto, l4_len);
	else
		pseudo = csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), proto, l4_len);
	pb->csum_offset = is_udp ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET;
	put_be16(pbuf_l4(pb) + pb->csum_offset, csum_fold(pseudo));
	pb->csum = PBUF_CSUM_PARTIAL;
	return 0;
}

static int put_gso(const struct pbuf *pb, struct vnet_hdr_repr *h)
{
	static const enum vnet_gso gso[] = {
		[PBUF_GSO_TCP4] = VNET_GSO_TCP4,
		[PBUF_GSO_TCP6] = VNET_GSO_TCP6,
		[PBUF_GSO_UDP] = VNET_GSO_UDP,
	};
	const uint32_t l4_at = h->csum_start;
	uint32_t hdr_len = UDP_HDR_LEN;

	if (pb->gso > PBUF_GSO_UDP || pb->gso_size == 0)
		return -EINVAL;
	if (pb->gso != PBUF_GSO_UDP) {
		if (!has_l4(pb, TCP_HDR_LEN))
			return -EINVAL;
		hdr_len = (pb->data[l4_at + 12] >> 4) * 4U;
		h->ecn = pb->gso_ecn;
	}
	h->gso = gso[pb->gso];
	h->gso_size = pb->gso_size;
	h->hdr_len = (uint16_t)(l4_at + hdr_len);
	return 0;
}

int vnet_io_tx(struct pbuf *pb, uint8_t hdr[static VNET_HDR_LEN])
{
	struct vnet_hdr_repr h = { .gso = VNET_GSO_NONE };
	int r;

	if (pb->csum != PBUF_CSUM_PARTIAL && !is_gso(pb)) {
		memset(hdr, 0, VNET_HDR_LEN);
		return 0;
	}
	if (pb->csum != PBUF_CSUM_PARTIAL) {
		r = make_partial(pb);
		if (r < 0)
			return r;
	}
	if (!has_l4(pb, pb->csum_offset + 2U))
		return -EINVAL;
	h.needs_csum = true;
	h.csum_start = (uint16_t)(pbuf_l4(pb) - pb->data);
	h.csum_offset = pb->csum_offset;
	if (is_gso(pb)) {
		r = put_gso(pb, &h);
		if (r < 0)
			return r;
	}
	r = vnet_hdr_emit(hdr, VNET_HDR_LEN, &h);
	return r < 0 ? r : 0;
}

unsigned int vnet_io_iov(const struct pbuf *pb, struct iovec iov[static VNET_IO_IOV_MAX - 1])
{
	unsigned int n = 0;

	if (pb->linear)
		iov[n++] = (struct iovec){ .iov_base = pb->data, .iov_len = pb->linear };
	for (unsigned int i = 0; i < pb->n_frags; i++) {
		iov[n++] = (struct iovec){
			.iov_base = pbuf_frag_data(&pb->frag[i]),
			.iov_len = pb->frag[i].len,
		};
	}
	return n;
}
