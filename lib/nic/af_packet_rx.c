/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Receiving from AF_PACKET.
 *
 * The kernel writes each frame into the next slot of a ring of small ones (TPACKET_V2): short
 * frames, acknowledgements and requests above all, cost no system call.  A frame that is longer
 * than a slot is also put on the socket's queue, as a reference, and its slot says so
 * (PACKET_COPY_THRESH); one recvmmsg() gets all of those of a burst, straight into blocks that
 * were free last.  A ring of 64 KiB slots would save that call, and lose the cache: and
 * a single packet that somebody keeps would hold up all that come behind it.
 */
#include <errno.h>
#include <string.h>

#include <linux/if_packet.h>

#include "nic/af_packet_priv.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"

/* Whatever went wrong with the socket before is told once, instead of what we ask for. */
#define RECV_TRIES 3

/**
 * struct longs - Frames of a burst that are on the socket's queue
 * @n:		How many
 * @at:		Where each goes in the burst
 * @tci, @tpid:	Tag that the kernel took off, @tpid 0 for none
 * @drop:	Not for us
 */
struct longs {
	unsigned int n;
	uint8_t at[NIC_BURST];
	bool drop[NIC_BURST];
	uint16_t tci[NIC_BURST];
	uint16_t tpid[NIC_BURST];
	struct pbuf_block *block[NIC_BURST];
	struct mmsghdr msg[NIC_BURST];
	struct iovec iov[NIC_BURST];
	uint8_t nowhere[VNET_HDR_LEN];
};

_Static_assert(NIC_BURST <= UINT8_MAX, "places in a burst fit");

static struct tpacket2_hdr *slot_at(const struct af_packet *p, unsigned int i)
{
	return (struct tpacket2_hdr *)(void *)(p->ring + (size_t)i * PACKET_SLOT_LEN);
}

static uint32_t slot_status(const struct tpacket2_hdr *h)
{
	return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
}

bool packet_rx_is_ready(const struct af_packet *p)
{
	return slot_status(slot_at(p, p->slot)) & TP_STATUS_USER;
}

/* --- what both ways have in common --- */

static void count_error(struct af_packet *p, int r)
{
	if (r == -ENOMEM)
		p->nic.counters.rx_no_memory++;
	else
		p->nic.counters.rx_bad++;
}

static uint16_t tpid_of(const struct tpacket2_hdr *h, uint32_t status)
{
	if (!(status & TP_STATUS_VLAN_VALID))
		return 0;
	return status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_TYPE_VLAN;
}

/* The tag was taken off before we saw the frame, and what its header says was checked
 * without it.
 */
static bool put_tag(struct pbuf *pb, uint16_t tpid, uint16_t tci)
{
	uint8_t *p;

	if (!tpid)
		return true;
	if (pb->linear < ETH_HDR_LEN || !pbuf_make_room(pb, ETH_VLAN_LEN))
		return false;
	p = pbuf_push(pb, ETH_VLAN_LEN);
	if (!p)
		return false;
	memmove(p, p + ETH_VLAN_LEN, 2 * (size_t)ETH_ADDR_LEN);
	put_be16(p + 12, tpid);
	put_be16(p + 14, tci);
	return true;
}

/* Sent by this machine, through a fanout group of a kernel that cannot leave those out. */
static bool is_outgoing(const struct tpacket2_hdr *h)
{
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));

	return from->sll_pkttype == PACKET_OUTGOING;
}

/* --- short frames --- */

static struct pbuf *take_short(struct af_packet *p, const struct tpacket2_hdr *h, uint32_t status)
{
	const uint32_t at = h->tp_mac, len = h->tp_snaplen;
	const uint8_t *frame = (const uint8_t *)h + at;
	struct pbuf *pb;
	int r;

	if (at < sizeof(*h) + VNET_HDR_LEN || at > PACKET_SLOT_LEN || len > PACKET_SLOT_LEN - at) {
		p->nic.counters.rx_bad++;
		return NULL;
	}
	/* Too long for the slot, and there was no room on the queue. */
	if (h->tp_len > len) {
		p->nic.counters.rx_missed++;
		return NULL;
	}
	pb = pbuf_alloc_rx(p->nic.pool, VNET_IO_RX_AT + VNET_HDR_LEN, len);
	if (!pb) {
		p->nic.counters.rx_no_memory++;
		return NULL;
	}
	memcpy(pb->data, frame, len);
	pb->len = len;
	pb->linear = len;
	r = vnet_io_rx(pb, frame - VNET_HDR_LEN);
	if (r == 0 && !put_tag(pb, tpid_of(h, status), h->tp_vlan_tci))
		r = -ENOMEM;
	if (r < 0) {
		count_error(p, r);
		pbuf_free(pb);
		return NULL;
	}
	return pb;
}

/* --- long frames --- */

static void note_long(struct longs *l, unsigned int at, const struct tpacket2_hdr *h,
		      uint32_t status)
{
	const unsigned int i = l->n++;

	l->at[i] = (uint8_t)at;
	l->drop[i] = is_outgoing(h);
	l->tpid[i] = tpid_of(h, status);
	l->tci[i] = h->tp_vlan_tci;
}

/* A frame without a block is read all the same, to be gone: its header alone. */
static void make_room(struct af_packet *p, struct longs *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		struct pbuf_block *b =
			l->drop[i] ? NULL : pbuf_block_alloc(p->nic.pool, PBUF_BLOCK_MAX);

		l->block[i] = b;
		l->iov[i] = (struct iovec){ .iov_base = l->nowhere, .iov_len = VNET_HDR_LEN };
		if (b)
			l->iov[i] = (struct iovec){
				.iov_base = b->data + VNET_IO_RX_AT,
				.iov_len = b->size - VNET_IO_RX_AT,
			};
		l->msg[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &l->iov[i], .msg_iovlen = 1 },
		};
	}
}

/* Return: how many came; all of them, as a rule */
static unsigned int receive(struct af_packet *p, struct longs *l)
{
	unsigned int got = 0;

	for (int tries = 0; got < l->n && tries < RECV_TRIES;) {
		int r = recvmmsg(p->fd, l->msg + got, l->n - got, MSG_DONTWAIT, NULL);

		p->nic.counters.rx_calls++;
		if (r > 0)
			got += (unsigned int)r;
		else
			tries++;
	}
	return got;
}

static struct pbuf *take_long(struct af_packet *p, const struct longs *l, unsigned int i)
{
	struct pbuf *pb;
	int r;

	if (l->drop[i])
		return NULL;
	if (!l->block[i]) {
		p->nic.counters.rx_no_memory++;
		return NULL;
	}
	if (l->msg[i].msg_hdr.msg_flags & MSG_TRUNC) {
		p->nic.counters.rx_bad++;
		return NULL;
	}
	r = vnet_io_wrap(p->nic.pool, l->block[i], VNET_IO_RX_AT, l->msg[i].msg_len, &pb);
	/* The block is the packet's alone from here on. */
	pbuf_block_unref(l->block[i]);
	if (r < 0) {
		count_error(p, r);
		return NULL;
	}
	if (!put_tag(pb, l->tpid[i], l->tci[i])) {
		p->nic.counters.rx_no_memory++;
		pbuf_free(pb);
		return NULL;
	}
	return pb;
}

static void take_longs(struct af_packet *p, struct pbuf **burst, struct longs *l)
{
	unsigned int got;

	make_room(p, l);
	got = receive(p, l);
	for (unsigned int i = 0; i < l->n; i++) {
		if (i < got) {
			burst[l->at[i]] = take_long(p, l, i);
			continue;
		}
		p->nic.counters.rx_missed++;
		if (l->block[i])
			pbuf_block_unref(l->block[i]);
	}
}

/* --- bursts --- */

static unsigned int close_gaps(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!burst[i])
			continue;
		nic->counters.rx_bytes += burst[i]->len;
		burst[kept++] = burst[i];
	}
	nic->counters.rx_packets += kept;
	return kept;
}

unsigned int packet_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct af_packet *p = (struct af_packet *)(void *)nic;
	struct longs longs;
	unsigned int i;

	longs.n = 0;
	if (n > NIC_BURST)
		n = NIC_BURST;
	for (i = 0; i < n && !nic->error; i++) {
		struct tpacket2_hdr *h = slot_at(p, p->slot);
		const uint32_t status = slot_status(h);

		if (!(status & TP_STATUS_USER))
			break;
		burst[i] = NULL;
		if (status & TP_STATUS_COPY)
			note_long(&longs, i, h, status);
		else if (!is_outgoing(h))
			burst[i] = take_short(p, h, status);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->slot = (p->slot + 1) % PACKET_SLOTS;
	}
	if (longs.n)
		take_longs(p, burst, &longs);
	return close_gaps(nic, burst, i);
}
