/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets from a tap.
 *
 * While there is work the device is read until it says that there is nothing more: always into
 * the block that was freed last, which is still in the cache.  That is cheaper than to let
 * io_uring fill a ring of buffers, which it does in the order of the ring.
 *
 * To be woken there are two ways.  A multishot read brings the packets with the news, and finds
 * out itself that there are no more: two system calls less when they come one at a time.  When
 * more come than it has buffers it ends, and the rest is read.  After a turn with many packets,
 * and where the kernel has no multishot read, we wait until the descriptor is readable.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic/loop_priv.h"
#include "nic/tap_priv.h"

/* IORING_OP_READ_MULTISHOT of Linux 6.7: liburing of Debian 12 does not know it. */
#define OP_READ_MULTISHOT 49

/* Bytes that are received at once: packets that were read are to be in the cache still when they
 * are processed, beside what is made of them.
 */
#define READ_MAX (256 * 1024)

/* With no more packets in a turn a multishot read pays. */
#define FEW 3

/* A device that fails so many times, one after the other, is broken. */
#define ERRORS_MAX 16

/* Frames of an MTU that is usual, without offload. */
#define BLOCK_SMALL 2048

static struct tap *tap_of(struct tap_rx *rx)
{
	return container_of(rx, struct tap, rx);
}

/* --- blocks --- */

static struct pbuf_block *new_block(struct tap *t)
{
	return pbuf_block_alloc(t->nic.pool, t->rx.block_len);
}

/* Nobody else refers to it. */
static void give_back(struct tap_rx *rx, struct pbuf_block *b)
{
	if (b->size < rx->block_len)
		pbuf_block_unref(b);
	else if (!rx->reserve)
		rx->reserve = b;
	else if (rx->n_spare < TAP_RX_RING)
		rx->spare[rx->n_spare++] = b;
	else
		pbuf_block_unref(b);
}

/* NULL when there is none but, perhaps, the reserve. */
static struct pbuf_block *get_block(struct tap *t)
{
	struct tap_rx *rx = &t->rx;

	return rx->n_spare ? rx->spare[--rx->n_spare] : new_block(t);
}

static struct pbuf_block *take_reserve(struct tap_rx *rx)
{
	struct pbuf_block *b = rx->reserve;

	rx->reserve = NULL;
	return b;
}

/* --- frames --- */

/* Something came: who sleeps is woken, once. */
static void tell(struct tap *t)
{
	if (!t->rx.is_armed || !t->rx.list.n)
		return;
	t->rx.is_armed = false;
	if (t->nic.ready)
		t->nic.ready(t->nic.ready_arg);
}

/* @len bytes are in @b, which is used up. */
static void take_frame(struct tap *t, struct pbuf_block *b, uint32_t len)
{
	struct tap_rx *rx = &t->rx;
	struct pbuf *pb = NULL;
	int r = -EMSGSIZE;

	rx->errors = 0;
	if (!rx->reserve)
		rx->reserve = new_block(t);
	/* A full one was cut: the MTU was raised. */
	if (len == b->size - VNET_IO_RX_AT)
		rx->block_len = PBUF_BLOCK_MAX;
	else
		r = vnet_io_wrap(t->nic.pool, b, VNET_IO_RX_AT, len, &pb);
	if (pb && b->refs > 1 && !rx->reserve) {
		pbuf_free(pb);
		pb = NULL;
		r = -ENOMEM;
	}
	if (r == -ENOMEM)
		t->nic.counters.rx_no_memory++;
	else if (r < 0)
		t->nic.counters.rx_bad++;
	if (b->refs > 1)
		pbuf_block_unref(b);
	else
		give_back(rx, b);
	if (pb)
		pbuf_queue_put(&rx->list, pb);
}

/* A read failed.  Return: the device is gone, or broken */
static int fatal(struct tap *t, int r)
{
	if (r == -EBADFD || r == -ENODEV)
		return -ENODEV;
	if (r == -EAGAIN || r == -EINTR || r == -ENOBUFS || r == -ECANCELED)
		return 0;
	/* A packet for which there is no header. */
	t->nic.counters.rx_bad++;
	return ++t->rx.errors > ERRORS_MAX ? r : 0;
}

/* --- multishot --- */

static void post(struct tap *t, struct pbuf_block *b)
{
	struct tap_rx *rx = &t->rx;
	const uint16_t id = (uint16_t)__builtin_ctz(rx->free_ids);

	rx->free_ids &= rx->free_ids - 1;
	rx->posted[id] = b;
	rx->n_posted++;
	io_uring_buf_ring_add(rx->ring, b->data + VNET_IO_RX_AT, b->size - VNET_IO_RX_AT, id,
			      TAP_RX_RING - 1, 0);
	io_uring_buf_ring_advance(rx->ring, 1);
}

static void fill_ring(struct tap *t)
{
	struct tap_rx *rx = &t->rx;

	while (rx->n_posted < TAP_RX_RING) {
		struct pbuf_block *b = get_block(t);

		if (!b && !rx->n_posted)
			b = take_reserve(rx);
		if (!b)
			break;
		post(t, b);
	}
}

static void read_on(struct tap *t)
{
	struct tap_rx *rx = &t->rx;
	struct io_uring_sqe *sqe;

	fill_ring(t);
	if (rx->op.pending || !rx->n_posted)
		return;
	sqe = loop_sqe(t->nic.loop, &rx->op);
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, t->dev.fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = rx->group;
	io_uring_sqe_set_data(sqe, &rx->op);
	t->nic.counters.rx_calls++;
}

static void multishot_done(struct loop_op *op, int res, uint32_t flags)
{
	struct tap_rx *rx = container_of(op, struct tap_rx, op);
	struct tap *t = tap_of(rx);

	if (flags & IORING_CQE_F_BUFFER) {
		const uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;
		struct pbuf_block *b = rx->posted[id];

		rx->posted[id] = NULL;
		rx->free_ids |= 1U << id;
		rx->n_posted--;
		if (res > 0)
			take_frame(t, b, (uint32_t)res);
		else
			give_back(rx, b);
	}
	if (res < 0) {
		const int r = fatal(t, res);

		if (r < 0) {
			tap_queue_fail(t, r);
			return;
		}
	}
	/* It ended with nobody awake to go on with it. */
	if (!rx->op.pending && rx->is_armed && !rx->list.n && res != -ECANCELED)
		read_on(t);
	tell(t);
}

static bool kernel_has_multishot(struct io_uring *ring)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	const bool has = p && io_uring_opcode_supported(p, OP_READ_MULTISHOT);

	io_uring_free_probe(p);
	return has;
}

/* The ring of buffers.  Without one the device is read otherwise. */
static void init_multishot(struct tap *t)
{
	struct io_uring *ring = loop_uring(t->nic.loop);
	const size_t size = TAP_RX_RING * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg reg = { .ring_entries = TAP_RX_RING };
	struct tap_rx *rx = &t->rx;
	int r;

	if (!ring || !kernel_has_multishot(ring))
		return;
	rx->ring = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	if (!rx->ring)
		return;
	io_uring_buf_ring_init(rx->ring);
	reg.ring_addr = (uint64_t)(uintptr_t)rx->ring;
	do /* a number that no other nic of this loop has */
		r = io_uring_register_buf_ring(ring, &reg, 0);
	while (r == -EEXIST && reg.bgid++ < UINT16_MAX);
	if (r < 0) {
		free(rx->ring);
		rx->ring = NULL;
		return;
	}
	rx->group = reg.bgid;
	rx->has_multishot = true;
}

/* --- plain reads --- */

static void read_some(struct tap *t, unsigned int n)
{
	struct tap_rx *rx = &t->rx;

	while (rx->list.n < n) {
		struct pbuf_block *b;
		ssize_t len;
		int r;

		if (rx->list.bytes >= READ_MAX) {
			rx->has_more = true;
			return;
		}
		b = get_block(t);
		if (!b)
			b = take_reserve(rx);
		if (!b)
			return;
		t->nic.counters.rx_calls++;
		len = read(t->dev.fd, b->data + VNET_IO_RX_AT, b->size - VNET_IO_RX_AT);
		if (len > 0) {
			take_frame(t, b, (uint32_t)len);
			continue;
		}
		r = len < 0 ? -errno : -EAGAIN;
		give_back(rx, b);
		if (r == -EINTR)
			continue;
		r = fatal(t, r);
		if (r < 0)
			t->nic.error = r;
		return;
	}
}

/* Interrupts that nobody asked for are turned off when they come, not before. */
static void readable(struct loop_watch *w, uint32_t events)
{
	struct tap_rx *rx = container_of(w, struct tap_rx, watch);
	struct tap *t = tap_of(rx);

	(void)events; /* errors are what read() says */
	if (!rx->is_armed) {
		loop_watch_del(t->nic.loop, w);
		rx->is_watching = false;
		return;
	}
	rx->is_armed = false;
	if (t->nic.ready)
		t->nic.ready(t->nic.ready_arg);
}

/* --- for nic_ops --- */

unsigned int tap_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct tap *t = (struct tap *)nic;
	struct tap_rx *rx = &t->rx;
	unsigned int i;

	if (nic->error)
		return 0;
	rx->has_more = false;
	if (!rx->op.pending)
		read_some(t, n);
	for (i = 0; i < n && rx->list.n; i++) {
		burst[i] = pbuf_queue_take(&rx->list);
		nic->counters.rx_bytes += burst[i]->len;
	}
	nic->counters.rx_packets += i;
	rx->drained += i;
	return i;
}

static bool watch_on(struct tap *t)
{
	struct tap_rx *rx = &t->rx;

	if (!rx->is_watching && loop_watch_add(t->nic.loop, &rx->watch) < 0)
		return false;
	rx->is_watching = true;
	return true;
}

static void watch_off(struct tap *t)
{
	if (t->rx.is_watching)
		loop_watch_del(t->nic.loop, &t->rx.watch);
	t->rx.is_watching = false;
}

bool tap_rx_arm(struct nic *nic)
{
	struct tap *t = (struct tap *)nic;
	struct tap_rx *rx = &t->rx;

	if (nic->error || rx->list.n || rx->has_more)
		return true;
	if (rx->has_multishot && (rx->op.pending || rx->drained <= FEW)) {
		watch_off(t);
		read_on(t);
	} else if (!watch_on(t)) {
		return true; /* no memory: look again */
	}
	rx->drained = 0;
	rx->is_armed = true;
	return false;
}

void tap_rx_disarm(struct nic *nic)
{
	struct tap *t = (struct tap *)nic;

	t->rx.is_armed = false;
}

/* Of a buffer that waits for a packet nothing is in use yet. */
static void discard(struct pbuf_block *b)
{
	if (b)
		tap_discard(b->data, b->size);
}

void tap_rx_trim(struct tap *t)
{
	struct tap_rx *rx = &t->rx;

	while (rx->n_spare)
		pbuf_block_unref(rx->spare[--rx->n_spare]);
	for (unsigned int i = 0; i < TAP_RX_RING; i++)
		discard(rx->posted[i]);
	discard(rx->reserve);
}

int tap_rx_init(struct tap *t)
{
	struct tap_rx *rx = &t->rx;
	const uint32_t frame = VNET_IO_RX_AT + VNET_HDR_LEN + 18 + t->nic.info.mtu;

	rx->op.done = multishot_done;
	rx->watch = (struct loop_watch){ .fd = t->dev.fd, .events = POLLIN, .ready = readable };
	rx->free_ids = (1U << TAP_RX_RING) - 1;
	rx->block_len = t->dev.no_offload && frame < BLOCK_SMALL ? BLOCK_SMALL : PBUF_BLOCK_MAX;
	pbuf_queue_init(&rx->list);
	rx->reserve = new_block(t);
	if (!rx->reserve)
		return -ENOMEM;
	init_multishot(t);
	return 0;
}

void tap_rx_done(struct tap *t)
{
	struct tap_rx *rx = &t->rx;

	rx->is_armed = false;
	loop_cancel(t->nic.loop, &rx->op);
	watch_off(t);
	if (rx->has_multishot) {
		(void)io_uring_unregister_buf_ring(loop_uring(t->nic.loop), rx->group);
		free(rx->ring);
	}
	for (unsigned int i = 0; i < TAP_RX_RING; i++)
		if (rx->posted[i])
			pbuf_block_unref(rx->posted[i]);
	while (rx->n_spare)
		pbuf_block_unref(rx->spare[--rx->n_spare]);
	if (rx->reserve)
		pbuf_block_unref(rx->reserve);
	pbuf_queue_free(&rx->list);
}
