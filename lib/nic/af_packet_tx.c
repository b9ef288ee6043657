/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sending to AF_PACKET: writes that are queued and leave with the loop's system call, or, where
 * there is no io_uring, one sendmmsg() for a burst.
 */
#include <assert.h>
#include <errno.h>

#include "nic/af_packet_priv.h"

static void put_back(struct packet_tx *t)
{
	pbuf_free(t->pb);
	t->pb = NULL;
	t->next = t->p->tx_free;
	t->p->tx_free = t;
}

/* A device that is gone is told by its struct netdev. */
static void count(struct af_packet *p, const struct packet_tx *t, int res)
{
	if (res < 0) {
		p->nic.counters.tx_errors++;
		return;
	}
	p->nic.counters.tx_packets++;
	p->nic.counters.tx_bytes += t->pb->len;
}

static void sent(struct loop_op *op, int res, uint32_t flags)
{
	struct packet_tx *t = (struct packet_tx *)(void *)op; /* its first member */

	(void)flags; /* a write has one completion */
	count(t->p, t, res);
	put_back(t);
}

/* Make one ready.  False when there is none free; a packet that cannot be sent is taken, counted
 * and gone, and *@ret NULL.
 */
static bool prepare(struct af_packet *p, struct pbuf *pb, struct packet_tx **ret)
{
	struct packet_tx *t = p->tx_free;

	if (!t)
		return false;
	*ret = NULL;
	if (vnet_io_tx(pb, t->hdr) < 0) {
		p->nic.counters.tx_errors++;
		pbuf_free(pb);
		return true;
	}
	p->tx_free = t->next;
	t->pb = pb;
	*ret = t;
	return true;
}

static unsigned int fill_iov(struct packet_tx *t)
{
	t->iov[0] = (struct iovec){ .iov_base = t->hdr, .iov_len = VNET_HDR_LEN };
	return 1 + vnet_io_iov(t->pb, t->iov + 1);
}

static unsigned int tx_queue(struct af_packet *p, struct pbuf *const *burst, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct packet_tx *t;

		if (!prepare(p, burst[i], &t))
			return i;
		if (!t)
			continue;
		loop_writev(p->nic.loop, p->fd, t->iov, fill_iov(t), &t->op);
		p->nic.counters.tx_calls++;
	}
	return n;
}

/* Send @n that are ready; one that is refused is lost, and those behind it go on. */
static void send_all(struct af_packet *p, struct packet_tx **ts, unsigned int n)
{
	struct mmsghdr msg[NIC_BURST];

	for (unsigned int i = 0; i < n; i++)
		msg[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = ts[i]->iov, .msg_iovlen = fill_iov(ts[i]) },
		};
	for (unsigned int i = 0; i < n;) {
		int r = sendmmsg(p->fd, msg + i, n - i, MSG_DONTWAIT);
		const unsigned int end = i + (r > 0 ? (unsigned int)r : 1);

		p->nic.counters.tx_calls++;
		if (r < 0 && errno == EINTR)
			continue;
		for (; i < end; i++) {
			count(p, ts[i], r > 0 ? 0 : -EIO);
			put_back(ts[i]);
		}
	}
}

static unsigned int tx_now(struct af_packet *p, struct pbuf *const *burst, unsigned int n)
{
	struct packet_tx *ts[NIC_BURST];
	unsigned int ready = 0;

	/* None is under way between calls, so there is one for each. */
	_Static_assert(PACKET_TX_SLOTS >= NIC_BURST, "a burst fits");
	if (n > NIC_BURST)
		n = NIC_BURST;
	for (unsigned int i = 0; i < n; i++) {
		struct packet_tx *t = NULL;

		if (prepare(p, burst[i], &t) && t)
			ts[ready++] = t;
	}
	send_all(p, ts, ready);
	return n;
}

unsigned int packet_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	struct af_packet *p = (struct af_packet *)(void *)nic;
	unsigned int taken;

	if (nic->error)
		return 0;
	taken = loop_engine(nic->loop) == LOOP_URING ? tx_queue(p, burst, n) : tx_now(p, burst, n);
	nic->counters.tx_busy += n - taken;
	return taken;
}

void packet_tx_init(struct af_packet *p)
{
	for (unsigned int i = PACKET_TX_SLOTS; i-- > 0;) {
		struct packet_tx *t = &p->tx[i];

		*t = (struct packet_tx){ .op.done = sent, .p = p, .next = p->tx_free };
		p->tx_free = t;
	}
}

void packet_tx_done(struct af_packet *p)
{
	/* Writes do not wait for anything: the next turns bring their results. */
	for (unsigned int i = 0; i < PACKET_TX_SLOTS; i++) {
		while (p->tx[i].op.pending)
			(void)loop_turn(p->nic.loop, LOOP_FOREVER); /* a signal does not end it */
		assert(!p->tx[i].pb);
	}
}
