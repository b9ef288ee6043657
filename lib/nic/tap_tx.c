/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets to a tap: each is one write, all of a turn one system call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic/tap_priv.h"

/* The interface was deleted.  One that is only down refuses with EIO (drivers/net/tun.c). */
static bool is_gone(int r)
{
	return r == -EBADFD || r == -ENODEV || r == -ENOLINK;
}

static void release(struct tap_tx_slot *s)
{
	struct tap_tx *tx = &s->t->tx;

	pbuf_free(s->pb);
	s->pb = NULL;
	tx->free[tx->n_free++] = (uint16_t)(s - tx->slot);
}

static void written(struct loop_op *op, int res, uint32_t flags)
{
	struct tap_tx_slot *s = (struct tap_tx_slot *)op;
	struct tap *t = s->t;

	(void)flags; /* it is written once */
	release(s);
	if (res >= 0)
		return;
	t->nic.counters.tx_errors++;
	if (is_gone(res))
		tap_queue_fail(t, -ENODEV);
}

static bool may_push(const struct pbuf *pb)
{
	return pbuf_headroom(pb) >= VNET_HDR_LEN && !(pb->head && pb->head->refs > 1);
}

/* The header goes before the packet where it can: one piece less, and small packets are one. */
static unsigned int fill(struct tap_tx_slot *s, struct pbuf *pb)
{
	if (may_push(pb)) {
		memcpy(pbuf_push(pb, VNET_HDR_LEN), s->hdr, VNET_HDR_LEN);
		return vnet_io_iov(pb, s->iov);
	}
	s->iov[0] = (struct iovec){ .iov_base = s->hdr, .iov_len = VNET_HDR_LEN };
	return 1 + vnet_io_iov(pb, s->iov + 1);
}

static void send_one(struct tap *t, struct pbuf *pb)
{
	struct tap_tx_slot *s = &t->tx.slot[t->tx.free[--t->tx.n_free]];
	unsigned int n;

	t->nic.counters.tx_packets++;
	t->nic.counters.tx_bytes += pb->len;
	s->pb = pb;
	s->t = t;
	s->op.done = written;
	if (vnet_io_tx(pb, s->hdr) < 0) {
		t->nic.counters.tx_errors++;
		release(s);
		return;
	}
	n = fill(s, pb);
	t->nic.counters.tx_calls++;
	loop_writev(t->nic.loop, t->dev.fd, s->iov, n, &s->op);
}

unsigned int tap_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct tap *t = (struct tap *)nic;

	if (nic->error)
		return 0;
	if (n > t->tx.n_free) {
		nic->counters.tx_busy += n - t->tx.n_free;
		n = t->tx.n_free;
	}
	for (unsigned int i = 0; i < n; i++)
		send_one(t, burst[i]);
	return n;
}

/* All that a slot says is written when it is used. */
void tap_tx_trim(struct tap *t)
{
	struct tap_tx *tx = &t->tx;

	if (tx->n_free == TAP_TX_SLOTS)
		tap_discard(tx->slot, TAP_TX_SLOTS * sizeof(*tx->slot));
}

int tap_tx_init(struct tap *t)
{
	struct tap_tx *tx = &t->tx;

	tx->slot = calloc(TAP_TX_SLOTS, sizeof(*tx->slot));
	if (!tx->slot)
		return -ENOMEM;
	/* Slots are not touched before they are used: there are far more than are needed at most
	 * times.
	 */
	for (unsigned int i = 0; i < TAP_TX_SLOTS; i++)
		tx->free[i] = (uint16_t)(TAP_TX_SLOTS - 1 - i);
	tx->n_free = TAP_TX_SLOTS;
	return 0;
}

void tap_tx_done(struct tap *t)
{
	if (!t->tx.slot)
		return;
	for (unsigned int i = 0; i < TAP_TX_SLOTS && t->tx.n_free < TAP_TX_SLOTS; i++)
		loop_cancel(t->nic.loop, &t->tx.slot[i].op);
	free(t->tx.slot);
	t->tx.slot = NULL;
}
