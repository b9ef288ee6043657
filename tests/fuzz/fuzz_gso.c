/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A GSO packet from any bytes.  It is refused and stays as it was, or the data of its segments
 * put together is its data, and each segment has headers of its own kind.
 *
 * An input is: kind (with two bits of flags), size of the segments, offsets of the IP and the
 * transport header, linear bytes; then the packet.
 */
#include "netstack/link/gso.h"
#include "tests/fuzz/netstack_core.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static uint8_t flat[PBUF_BLOCK_MAX];

static uint32_t hdrs_len_of(const struct pbuf *seg)
{
	const uint32_t l4 = (uint32_t)(seg->base + seg->l4 - seg->data);

	LAW(l4 < seg->linear);
	if (seg->csum_offset == UDP_CSUM_OFFSET)
		return l4 + UDP_HDR_LEN;
	return l4 + (seg->data[l4 + 12] >> 4) * 4U;
}

static void check_segments(const uint8_t *p, size_t len, struct pbuf_queue *q, uint32_t gso_size)
{
	uint32_t hdrs_len = 0, done = 0;
	struct pbuf *seg;

	LAW(q->n > 0);
	while ((seg = pbuf_queue_take(q))) {
		hdrs_len = hdrs_len_of(seg);
		LAW(seg->gso == PBUF_GSO_NONE && seg->csum == PBUF_CSUM_PARTIAL);
		LAW(hdrs_len <= seg->linear && hdrs_len <= seg->len);
		LAW(seg->len - hdrs_len == gso_size || q->n == 0);
		pbuf_finish_csum(seg);
		pbuf_copy_out(seg, 0, flat, seg->len);
		LAW(hdrs_len + done + (seg->len - hdrs_len) <= len);
		LAW(memcmp(flat + hdrs_len, p + hdrs_len + done, seg->len - hdrs_len) == 0);
		done += seg->len - hdrs_len;
		pbuf_free(seg);
	}
	LAW(hdrs_len + done == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const uint8_t kind = fuzz_u8(&in);
	const uint16_t gso_size = fuzz_u16(&in);
	const uint8_t l3 = fuzz_u8(&in), l4 = fuzz_u8(&in);
	const uint16_t linear = fuzz_u16(&in);
	struct pbuf_queue q;
	struct core c;
	struct pbuf *pb;

	if (in.len > sizeof(flat))
		return 0;
	fuzz_core_init(&c);
	pb = fuzz_packet(&c, in.p, in.len, linear);
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + l3);
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
	pb->l2 = kind & 4 ? (uint16_t)pbuf_headroom(pb) : PBUF_NO_OFFSET;
	pb->gso = PBUF_GSO_TCP4 + kind % 3;
	pb->gso_size = gso_size;
	pb->gso_ecn = kind & 8;
	pbuf_queue_init(&q);
	if (gso_segment(&c, pb, &q)) {
		check_segments(in.p, in.len, &q, gso_size);
	} else {
		LAW(q.n == 0 && pb->len == in.len);
		pbuf_copy_out(pb, 0, flat, pb->len);
		LAW(in.len == 0 || memcmp(flat, in.p, in.len) == 0);
		pbuf_free(pb);
	}
	fuzz_core_done(&c);
	return 0;
}
