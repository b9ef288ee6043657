/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * af_packet_priv.h - between the files of the driver for AF_PACKET
 */
#ifndef NIC_AF_PACKET_PRIV_H
#define NIC_AF_PACKET_PRIV_H

#include <sys/socket.h>

#include "nic/fd_wait.h"
#include "nic/netdev.h"
#include "nic/share.h"
#include "nic/vnet_io.h"

/* A slot holds a frame of the usual MTU with what the kernel puts before it; so many take in
 * what a peer sends into a window of 3 MB while we do not look.  Longer frames, those of a sender
 * on this machine and jumbo frames, go through the socket's queue.
 */
#define PACKET_SLOT_LEN 2048
#define PACKET_SLOTS    2048
#define PACKET_RING_LEN ((size_t)PACKET_SLOT_LEN * PACKET_SLOTS)

/* As many as a qdisc holds: a burst of connections is not to lose its SYNs here. */
#define PACKET_TX_SLOTS 1024

struct af_packet;

/**
 * struct packet_tx - A packet that is being sent
 * @op:		Its write
 * @p:		Socket
 * @next:	Free one
 * @pb:		Packet, ours until @op is done
 * @hdr:	Before it
 * @iov:	Of both
 */
struct packet_tx {
	struct loop_op op;
	struct af_packet *p;
	struct packet_tx *next;
	struct pbuf *pb;
	uint8_t hdr[VNET_HDR_LEN];
	struct iovec iov[VNET_IO_IOV_MAX];
};

/**
 * struct af_packet - A socket on an interface
 * @nic:	First
 * @dev:	Interface
 * @share:	With the other queues
 * @fd:		Socket; non-blocking
 * @wait:	For the ring of @fd
 * @ring:	PACKET_SLOTS slots that the kernel fills in turn
 * @slot:	The one that is filled next
 * @tx_free:	Of @tx
 */
struct af_packet {
	struct nic nic;
	struct netdev dev;
	struct share *share;
	int fd;
	struct fd_wait wait;
	uint8_t *ring;
	unsigned int slot;
	struct packet_tx *tx_free;
	struct packet_tx tx[PACKET_TX_SLOTS];
};

unsigned int packet_rx(struct nic *nic, struct pbuf **burst, unsigned int n);

/* There is something in the ring. */
bool packet_rx_is_ready(const struct af_packet *p);

void packet_tx_init(struct af_packet *p);
unsigned int packet_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n);

/* Waits until no packet is under way. */
void packet_tx_done(struct af_packet *p);

#endif /* NIC_AF_PACKET_PRIV_H */
