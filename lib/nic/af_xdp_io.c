/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Receiving from and sending to an XDP socket.
 *
 * Received frames go up without a copy, as blocks over the memory shared with the kernel, as
 * long as there are enough to receive into; short ones are copied, for they would hold a frame
 * of 4 KiB.  Frames to be sent are gathered into frames of that memory, and one call for a burst
 * lets the kernel take them.
 */
#include <errno.h>
#include <sys/socket.h>

#include "nic/af_xdp_priv.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/l4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* Up to here a copy is cheaper than a frame out of the ring. */
#define COPY_MAX 512

/* Room before a copied frame: for a header of tunnels, and IP begins with a word. */
#define COPY_ROOM 66

/* --- receiving --- */

void xdp_refill(struct af_xdp *x)
{
	struct xdp_umem *um = x->umem;
	uint32_t n = XDP_RX_SLOTS - um->n_filled, at;

	if (n > um->n_rx_free)
		n = um->n_rx_free;
	if (!n || xsk_ring_prod__reserve(&x->fill, n, &at) != n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_frame *f = &um->frame[um->rx_free[--um->n_rx_free]];

		f->state = XDP_FRAME_FILLED;
		*xsk_ring_prod__fill_addr(&x->fill, at + i) = (uint64_t)f->idx * XDP_FRAME_LEN;
	}
	um->n_filled += n;
	xsk_ring_prod__submit(&x->fill, n);
	/* A device without copies, that found nothing to receive into. */
	if (xsk_ring_prod__needs_wakeup(&x->fill)) {
		(void)recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL); /* wakes, no more */
		x->nic.counters.rx_calls++;
	}
}

/* The frame a descriptor is about.  NULL when it is none that the kernel may have written. */
static struct xdp_frame *frame_of(struct af_xdp *x, const struct xdp_desc *d)
{
	const uint64_t idx = d->addr / XDP_FRAME_LEN;
	const uint32_t off = (uint32_t)(d->addr % XDP_FRAME_LEN);
	struct xdp_frame *f;

	if (idx >= XDP_RX_FRAMES)
		return NULL;
	f = &x->umem->frame[idx];
	if (f->state != XDP_FRAME_FILLED)
		return NULL;
	if (d->len == 0 || d->len > XDP_FRAME_LEN - off)
		return NULL;
	return f;
}

/* The packet holds the frame; it comes back by xdp_frame_release(). */
static struct pbuf *wrap(struct pbuf_pool *pool, struct xdp_frame *f, uint32_t off, uint32_t len)
{
	struct pbuf *pb = pbuf_alloc(pool);

	if (!pb)
		return NULL;
	pb->head = pbuf_block_wrap(pool, f->umem->area + (size_t)f->idx * XDP_FRAME_LEN,
				   XDP_FRAME_LEN, xdp_frame_release, f);
	if (!pb->head) {
		pbuf_free(pb);
		return NULL;
	}
	f->state = XDP_FRAME_HELD;
	f->umem->n_held++;
	pb->base = pb->head->data;
	pb->size = pb->head->size;
	pb->data = pb->base + off;
	pb->len = len;
	pb->linear = len;
	return pb;
}

static uint64_t pseudo_sum(const uint8_t *ip, const struct l4_repr *l4)
{
	if (l4->ip_version == 4)
		return csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), l4->proto, l4->l4_len);
	return csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), l4->proto, l4->l4_len);
}

/* A kernel that sends through a virtual device leaves the checksum to it: the field holds the
 * pseudo header's sum, and an XDP program sees no note that says so.  So it is recognised: a field
 * with just that sum is what a vnet header would have called partial.  A frame that was on
 * no wire was not damaged there.
 */
static void recognise_partial(struct pbuf *pb)
{
	struct l4_repr l4;
	uint16_t field;

	if (l4_find(pb->data, pb->len, &l4) < 0 || l4.part != L4_WHOLE)
		return;
	if (l4.proto == IP_PROTO_TCP && l4.l4_len >= TCP_HDR_LEN)
		field = TCP_CSUM_OFFSET;
	else if (l4.proto == IP_PROTO_UDP && l4.l4_len >= UDP_HDR_LEN)
		field = UDP_CSUM_OFFSET;
	else
		return;
	if (get_be16(pb->data + l4.l4_at + field) !=
	    csum_fold(pseudo_sum(pb->data + l4.l3_at, &l4)))
		return;
	pb->csum = PBUF_CSUM_PARTIAL;
	pb->csum_offset = field;
	pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4.l4_at);
}

static struct pbuf *take(struct af_xdp *x, const struct xdp_desc *d)
{
	struct xdp_frame *f = frame_of(x, d);
	const uint32_t off = (uint32_t)(d->addr % XDP_FRAME_LEN);
	struct xdp_umem *um = x->umem;
	struct pbuf *pb;

	if (!f) {
		x->nic.counters.rx_bad++;
		return NULL;
	}
	um->n_filled--;
	if (d->len > COPY_MAX && um->n_held < XDP_HELD_MAX)
		pb = wrap(x->nic.pool, f, off, d->len);
	else
		pb = pbuf_alloc_copy(x->nic.pool, COPY_ROOM, um->area + d->addr, d->len);
	if (f->state != XDP_FRAME_HELD) {
		f->state = XDP_FRAME_FREE;
		um->rx_free[um->n_rx_free++] = f->idx;
	}
	if (!pb) {
		x->nic.counters.rx_no_memory++;
		return NULL;
	}
	if (x->dev.is_virtual)
		recognise_partial(pb);
	x->nic.counters.rx_bytes += pb->len;
	return pb;
}

unsigned int xdp_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct af_xdp *x = (struct af_xdp *)(void *)nic;
	unsigned int here, got = 0;
	uint32_t at;

	if (nic->error)
		return 0;
	here = xsk_ring_cons__peek(&x->rx, n, &at);
	if (!here)
		return 0;
	for (unsigned int i = 0; i < here; i++) {
		/* A copy: it is checked, and then believed. */
		const struct xdp_desc d = *xsk_ring_cons__rx_desc(&x->rx, at + i);
		struct pbuf *pb = take(x, &d);

		if (pb)
			burst[got++] = pb;
	}
	xsk_ring_cons__release(&x->rx, here);
	xdp_refill(x);
	nic->counters.rx_packets += got;
	return got;
}

/* --- sending --- */

/* Frames that the kernel has sent. */
static void reap(struct af_xdp *x)
{
	struct xdp_umem *um = x->umem;
	uint32_t at, n = xsk_ring_cons__peek(&x->comp, XDP_TX_SLOTS, &at);

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t idx = *xsk_ring_cons__comp_addr(&x->comp, at + i) / XDP_FRAME_LEN;

		if (idx >= XDP_FRAMES || um->frame[idx].state != XDP_FRAME_SENT)
			continue;
		um->frame[idx].state = XDP_FRAME_FREE;
		um->tx_free[um->n_tx_free++] = (uint32_t)idx;
	}
	if (n)
		xsk_ring_cons__release(&x->comp, n);
}

static uint32_t unsent(const struct af_xdp *x)
{
	return x->tx.cached_prod - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
}

bool xdp_kick(struct af_xdp *x)
{
	uint32_t before, left = unsent(x);

	if (!left || !xsk_ring_prod__needs_wakeup(&x->tx))
		return false;
	/* With copies a call sends some of them (32), in the call; without, it wakes the device. */
	do {
		before = left;
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == EBUSY)
			x->nic.counters.tx_errors++;
		x->nic.counters.tx_calls++;
		left = unsent(x);
	} while (!x->zerocopy && left && left != before);
	return left && !x->zerocopy;
}

/* What the stack leaves to a device is done here, should it come: we said we do nothing. */
static bool fill(uint8_t *to, const struct pbuf *pb)
{
	uint32_t l4;

	if (pb->gso != PBUF_GSO_NONE || pb->len > XDP_FRAME_LEN)
		return false;
	pbuf_copy_out(pb, 0, to, pb->len);
	if (pb->csum != PBUF_CSUM_PARTIAL)
		return true;
	if (pb->l4 == PBUF_NO_OFFSET || pbuf_l4(pb) < pb->data)
		return false;
	l4 = (uint32_t)(pbuf_l4(pb) - pb->data);
	if (l4 > pb->len || pb->len - l4 < pb->csum_offset + 2U)
		return false;
	put_be16(to + l4 + pb->csum_offset, udp_csum_finish(csum_bytes(to + l4, pb->len - l4)));
	return true;
}

/* Take one: sent, or lost and counted.  False when it cannot be taken now. */
static bool put(struct af_xdp *x, struct pbuf *pb)
{
	struct xdp_umem *um = x->umem;
	struct xdp_desc *d;
	struct xdp_frame *f;
	uint32_t at;

	if (!um->n_tx_free || !xsk_prod_nb_free(&x->tx, 1))
		return false;
	f = &um->frame[um->tx_free[um->n_tx_free - 1]];
	if (!x->dev.is_up || !fill(um->area + (size_t)f->idx * XDP_FRAME_LEN, pb)) {
		x->nic.counters.tx_errors++;
		pbuf_free(pb);
		return true;
	}
	if (!xsk_ring_prod__reserve(&x->tx, 1, &at))
		return false;
	um->n_tx_free--;
	f->state = XDP_FRAME_SENT;
	d = xsk_ring_prod__tx_desc(&x->tx, at);
	d->addr = (uint64_t)f->idx * XDP_FRAME_LEN;
	d->len = pb->len;
	d->options = 0;
	x->nic.counters.tx_packets++;
	x->nic.counters.tx_bytes += pb->len;
	pbuf_free(pb);
	return true;
}

unsigned int xdp_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct af_xdp *x = (struct af_xdp *)(void *)nic;
	uint32_t before = x->tx.cached_prod;
	unsigned int taken = 0;

	if (nic->error)
		return 0;
	reap(x);
	while (taken < n && put(x, burst[taken]))
		taken++;
	if (x->tx.cached_prod != before)
		xsk_ring_prod__submit(&x->tx, x->tx.cached_prod - before);
	(void)xdp_kick(x); /* what is left goes with the next burst, or before we sleep */
	nic->counters.tx_busy += n - taken;
	return taken;
}
