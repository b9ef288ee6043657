/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * af_xdp_priv.h - between the files of the driver for AF_XDP
 */
#ifndef NIC_AF_XDP_PRIV_H
#define NIC_AF_XDP_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "nic/fd_wait.h"
#include "nic/netdev.h"
#include "nic/share.h"

/* A frame of the shared memory holds a frame of the wire, behind what the kernel keeps for
 * programs (XDP_PACKET_HEADROOM).
 */
#define XDP_FRAME_LEN  4096
#define XDP_FRAME_ROOM 256

/* Rings of the kernel.  Frames to be received into are half as many again as it is given:
 * so many the stack may keep before it gets copies.
 */
#define XDP_RX_SLOTS  2048
#define XDP_TX_SLOTS  1024
#define XDP_RX_FRAMES (XDP_RX_SLOTS + XDP_RX_SLOTS / 2)
#define XDP_HELD_MAX  (XDP_RX_FRAMES - XDP_RX_SLOTS)
#define XDP_FRAMES    (XDP_RX_FRAMES + XDP_TX_SLOTS)
#define XDP_AREA_LEN  ((size_t)XDP_FRAMES * XDP_FRAME_LEN)

/**
 * enum xdp_frame_state - Whose a frame is
 *
 * XDP_FRAME_FREE	ours
 * XDP_FRAME_FILLED	the kernel's, to receive into
 * XDP_FRAME_HELD	the stack's, who reads it
 * XDP_FRAME_SENT	the kernel's, to send from
 */
enum xdp_frame_state {
	XDP_FRAME_FREE,
	XDP_FRAME_FILLED,
	XDP_FRAME_HELD,
	XDP_FRAME_SENT,
};

struct xdp_frame {
	struct xdp_umem *umem;
	uint32_t idx;
	enum xdp_frame_state state;
};

/**
 * struct xdp_umem - Memory shared with the kernel
 * @area:	XDP_FRAMES frames: those to receive into first
 * @n_filled, @n_held: Frames that are so
 * @is_closed:	The nic is: it goes with the last frame that is held
 * @rx_free, @tx_free: Numbers of free frames; the one that was used last is used next
 */
struct xdp_umem {
	uint8_t *area;
	uint32_t n_filled;
	uint32_t n_held;
	bool is_closed;
	uint32_t n_rx_free;
	uint32_t n_tx_free;
	uint32_t rx_free[XDP_RX_FRAMES];
	uint32_t tx_free[XDP_TX_SLOTS];
	struct xdp_frame frame[XDP_FRAMES];
};

/**
 * struct xdp_kernel - What the kernel has counted so far (XDP_STATISTICS)
 */
struct xdp_kernel {
	uint64_t missed;
	uint64_t bad_tx;
};

/**
 * struct af_xdp - A socket on a queue
 * @nic:	First
 * @dev:	Interface
 * @share:	Program and map, with the other queues
 * @umem:	Frames
 * @kernel_umem, @xsk: Of libxdp
 * @fd:		Socket, of @xsk
 * @zerocopy:	The device reads and writes @umem itself
 * @told:	What the counters have of the kernel's
 * @wait:	For @fd
 */
struct af_xdp {
	struct nic nic;
	struct netdev dev;
	struct share *share;
	struct xdp_umem *umem;
	struct xsk_umem *kernel_umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill;
	struct xsk_ring_prod tx;
	struct xsk_ring_cons comp;
	struct xsk_ring_cons rx;
	int fd;
	bool zerocopy;
	struct xdp_kernel told;
	struct fd_wait wait;
};

/* --- af_xdp_umem.c --- */

/* NULL when there is no memory. */
struct xdp_umem *xdp_umem_new(void);

/* Waits for nobody: what the stack holds stays until it is released.  NULL is fine. */
void xdp_umem_close(struct xdp_umem *um);

/* Of a frame that is HELD: back to us; the last one after closing frees all. */
void xdp_frame_release(void *frame);

/* --- af_xdp_io.c --- */

/* Give the kernel what is free to receive into. */
void xdp_refill(struct af_xdp *x);
unsigned int xdp_rx(struct nic *nic, struct pbuf **burst, unsigned int n);
unsigned int xdp_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n);

/* Let the kernel send what is in the ring.  True when some of it is there still. */
bool xdp_kick(struct af_xdp *x);

/* --- af_xdp_prog.c --- */

/**
 * struct xdp_share - Program of an interface
 * @share:	First
 * @map:	Queue number to socket
 * @link:	Holds the program to the interface: it is gone when nobody has this open
 * @is_generic:	The driver has no XDP, the kernel stands in
 */
struct xdp_share {
	struct share share;
	int map;
	int link;
	bool is_generic;
};

/* Their queue is a struct xdp_join. */
extern const struct share_ops xdp_share_ops;

/**
 * struct xdp_join - A queue that is opened
 * @ifname, @ifindex, @n_queues: Of the interface
 * @native_only: Zero-copy was insisted on
 * @close:	The queue's sockets, before the program may go
 */
struct xdp_join {
	const char *ifname;
	uint32_t ifindex;
	unsigned int n_queues;
	bool native_only;
	void (*close)(struct af_xdp *x);
	struct af_xdp *x;
};

#endif /* NIC_AF_XDP_PRIV_H */
