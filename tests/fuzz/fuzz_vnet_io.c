/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a tap may hand over, on its way into a packet and out again: it is refused and nothing is
 * held, or the packet's marks lie within it, and sent on it comes in as it was.
 *
 * An input is a virtio_net_hdr and a frame; a block of their size, or a long one, holds them.
 */
#include "nic/vnet_io.h"
#include "tests/fuzz/wire_law.h"
#include "wire/l4.h"

#define LONGEST (PBUF_BLOCK_MAX - VNET_IO_RX_AT)

static uint8_t flat[PBUF_BLOCK_MAX];

static void *take(void *arg, size_t size)
{
	(void)arg; /* malloc() needs none */
	return malloc(size);
}

static void give(void *arg, void *p, size_t size)
{
	(void)arg;
	(void)size;
	free(p);
}

static struct pbuf_pool *the_pool(void)
{
	static const struct pbuf_mem mem = { .alloc = take, .free = give };
	static struct pbuf_pool *pool;

	if (!pool)
		LAW(pbuf_pool_new(&pool, &mem, 1 << 20) == 0);
	return pool;
}

static int wrap(struct pbuf_pool *pool, const uint8_t *data, uint32_t size, uint32_t block_len,
		struct pbuf **ret)
{
	struct pbuf_block *b = pbuf_block_alloc(pool, block_len);
	int r;

	LAW(b);
	if (size)
		memcpy(b->data + VNET_IO_RX_AT, data, size);
	r = vnet_io_wrap(pool, b, VNET_IO_RX_AT, size, ret);
	LAW(r == 0 || b->refs == 1);
	pbuf_block_unref(b);
	return r;
}

static void check_bytes(const struct pbuf *pb, const uint8_t *frame, size_t len)
{
	size_t differ = 0;

	LAW(pb->len == len && pb->linear == len && pb->n_frags == 0);
	for (size_t i = 0; i < len; i++)
		differ += pb->data[i] != frame[i];
	/* One checksum may have been finished: then there is nothing left of it. */
	LAW(differ <= 2);
	LAW(differ == 0 || pb->csum == PBUF_CSUM_NONE);
}

static void check_marks(const struct pbuf *pb)
{
	LAW(pb->l2 == PBUF_NO_OFFSET && pb->l3 == PBUF_NO_OFFSET);
	if (pb->csum == PBUF_CSUM_PARTIAL) {
		LAW(pb->l4 != PBUF_NO_OFFSET && pbuf_l4(pb) > pb->data);
		LAW(pbuf_l4(pb) + pb->csum_offset + 2 <= pb->data + pb->len);
	}
	LAW((pb->gso == PBUF_GSO_NONE) == (pb->gso_size == 0));
	LAW(pb->gso == PBUF_GSO_NONE || pb->csum != PBUF_CSUM_NONE);
	LAW(!pb->gso_ecn || pb->gso == PBUF_GSO_TCP4 || pb->gso == PBUF_GSO_TCP6);
}

/* As its layers would have found it. */
static void mark_ip(struct pbuf *pb)
{
	struct l4_repr l4;

	if (l4_find(pb->data, pb->len, &l4) < 0)
		return;
	/* Without the padding of the link. */
	pbuf_trim(pb, (uint32_t)l4.l4_at + l4.l4_len);
	pb->l3 = (uint16_t)(pbuf_headroom(pb) + l4.l3_at);
}

static void check_sent_on(struct pbuf_pool *pool, struct pbuf *pb)
{
	const uint8_t gso = pb->gso, csum = pb->csum;
	struct pbuf *again = NULL;

	mark_ip(pb);
	LAW(vnet_io_tx(pb, flat) == 0);
	pbuf_copy_out(pb, 0, flat + VNET_HDR_LEN, pb->len);
	LAW(wrap(pool, flat, VNET_HDR_LEN + pb->len, PBUF_BLOCK_MAX, &again) == 0);
	LAW(again->gso == gso && again->gso_size == pb->gso_size);
	LAW(again->gso_ecn == pb->gso_ecn);
	if (csum == PBUF_CSUM_PARTIAL || gso != PBUF_GSO_NONE) {
		LAW(again->csum == PBUF_CSUM_PARTIAL && again->csum_offset == pb->csum_offset);
		LAW(pbuf_l4(again) - again->data == pbuf_l4(pb) - pb->data);
	} else {
		LAW(again->csum == PBUF_CSUM_NONE);
	}
	pbuf_free(again);
}

static void run(const uint8_t *data, uint32_t size, uint32_t block_len)
{
	struct pbuf_pool *pool = the_pool();
	struct pbuf_pool_stats st;
	struct pbuf *pb = NULL;
	int r = wrap(pool, data, size, block_len, &pb);

	if (r < 0) {
		LAW(law_is_refusal(r) && !pb);
	} else {
		check_bytes(pb, data + VNET_HDR_LEN, size - VNET_HDR_LEN);
		check_marks(pb);
		check_sent_on(pool, pb);
		pbuf_free(pb);
	}
	pbuf_pool_stats(pool, &st);
	LAW(st.bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > LONGEST)
		return 0;
	run(data, (uint32_t)size, VNET_IO_RX_AT + (uint32_t)size);
	run(data, (uint32_t)size, PBUF_BLOCK_MAX);
	return 0;
}
