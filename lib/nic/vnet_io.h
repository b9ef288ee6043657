/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnet_io.h - packets as devices with a virtio_net_hdr take and give them
 *
 * For tap, macvtap and AF_PACKET: what such a header says goes into a received pbuf, and what
 * a pbuf leaves undone into the header it is sent with.  Frames begin with their Ethernet
 * header.
 */
#ifndef NIC_VNET_IO_H
#define NIC_VNET_IO_H

#include <stdint.h>
#include <sys/uio.h>

#include "nic/pbuf.h"
#include "wire/vnet_hdr.h"

/* A header, the linear part, the fragments. */
#define VNET_IO_IOV_MAX (2 + PBUF_FRAGS_MAX)

/* Where a device writes into a block, its header first: behind it, an Ethernet header, IPv4 and
 * TCP with timestamps, payload begins with a cache line.  The headers that are stripped leave
 * room for others.
 */
#define VNET_IO_RX_AT 52

/* Frames up to this length are copied out of a long block they came in: a pbuf with a block of
 * 2 KiB holds them.
 */
#define VNET_IO_COPY_MAX (2048 - 64)

/**
 * vnet_io_rx() - Take what a device says about a frame
 * @pb:		The frame, all of it linear and nobody else's
 * @hdr:	What came before it
 *
 * Sets @csum, @csum_offset, @gso, @gso_size, @gso_ecn and, with them, @l4.  A checksum that is not
 * that of the packet's own transport header is finished.
 *
 * Return: 0; -EBADMSG or another error of vnet_hdr_parse() and vnet_hdr_check() for a header that
 *         is not possible: the frame is to be dropped and counted (rx_bad)
 */
int vnet_io_rx(struct pbuf *pb, const uint8_t hdr[static VNET_HDR_LEN]);

/**
 * vnet_io_wrap() - A packet of what a device wrote into a block
 * @b:		At its @off there are @len bytes: a virtio_net_hdr and a frame
 * @ret:	Written on 0
 *
 * Short frames in a long block are copied; others refer to @b, by a reference of their own: a
 * block with a single reference afterwards is free to be filled again.
 *
 * Return: 0; -ENOMEM; -ENODATA when one of the headers is not whole; -EBADMSG or another error of
 *         vnet_io_rx()
 */
int vnet_io_wrap(struct pbuf_pool *pool, struct pbuf_block *b, uint32_t off, uint32_t len,
		 struct pbuf **ret);

/**
 * vnet_io_tx() - Make the header for a packet that is sent
 * @pb:		Begins with its Ethernet header; @l4 is set when there is anything to be left
 *		undone
 * @hdr:	Written on 0
 *
 * With @gso the field of the checksum is filled with the pseudo header's sum where it was
 * complete: devices that cut segments want it so.
 *
 * Return: 0; -EINVAL for marks that are not in the linear part; -ENOMEM
 */
int vnet_io_tx(struct pbuf *pb, uint8_t hdr[static VNET_HDR_LEN]);

/* Its bytes, as pieces: at most VNET_IO_IOV_MAX - 1.  Return: how many */
unsigned int vnet_io_iov(const struct pbuf *pb, struct iovec iov[static VNET_IO_IOV_MAX - 1]);

#endif /* NIC_VNET_IO_H */
