/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a tap may hand over: a virtio_net_hdr and a frame that it fits or does not.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"
#include "wire/vnet_hdr.h"

DEFINE_ROUND_TRIP(vnet_hdr_repr, vnet_hdr_parse, vnet_hdr_emit, vnet_hdr_same);

static void check_segments(const struct vnet_frame *f)
{
	const size_t end = (size_t)f->l4.l4_at + f->l4.l4_len;
	const size_t data = end - f->hdrs_len;

	LAW(f->has_l4 && f->l4.part == L4_WHOLE);
	LAW(f->hdrs_len > f->l4.l4_at && f->hdrs_len < end);
	LAW(f->gso_size && f->n_segs > 1);
	/* The segments are the data, and the last one is not empty. */
	LAW((size_t)(f->n_segs - 1) * f->gso_size < data);
	LAW((size_t)f->n_segs * f->gso_size >= data);
	LAW(f->csum == VNET_CSUM_PARTIAL || f->csum == VNET_CSUM_GOOD);
}

static void check_frame(const struct vnet_hdr_repr *h, const uint8_t *frame, size_t size)
{
	cleanup_free uint8_t *copy = law_copy(frame, size);
	struct vnet_frame f;
	int r;

	memset(&f, 0xa5, sizeof(f));
	r = vnet_hdr_check(h, copy, size, &f);
	if (r < 0) {
		LAW(law_is_refusal(r));
		LAW(law_untouched(&f, sizeof(f)));
		return;
	}
	LAW(r == 0);
	if (f.has_l4)
		LAW((size_t)f.l4.l4_at + f.l4.l4_len <= size);
	if (f.gso != VNET_GSO_NONE)
		check_segments(&f);
	else
		LAW(f.n_segs == 1 && !f.gso_size && !f.ecn);
	if (f.csum == VNET_CSUM_PARTIAL)
		LAW(h->csum_start == f.l4.l4_at);
	if (h->needs_csum) {
		vnet_hdr_finish(h, copy, size);
		LAW(memcmp(copy, frame, ETH_HDR_LEN) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnet_hdr_repr h;

	if (vnet_hdr_parse_again(data, size, &h) == VNET_HDR_LEN)
		check_frame(&h, data + VNET_HDR_LEN, size - VNET_HDR_LEN);
	return 0;
}
