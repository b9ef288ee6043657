/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames of the memory that is shared with the kernel, and whose each one is.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "nic/af_xdp_priv.h"

struct xdp_umem *xdp_umem_new(void)
{
	cleanup_free struct xdp_umem *um = calloc(1, sizeof(*um));
	void *area;

	if (!um)
		return NULL;
	area = mmap(NULL, XDP_AREA_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	um->area = area;
	for (uint32_t i = 0; i < XDP_FRAMES; i++)
		um->frame[i] = (struct xdp_frame){ .umem = um, .idx = i };
	for (uint32_t i = XDP_RX_FRAMES; i-- > 0;)
		um->rx_free[um->n_rx_free++] = i;
	for (uint32_t i = XDP_FRAMES; i-- > XDP_RX_FRAMES;)
		um->tx_free[um->n_tx_free++] = i;
	return TAKE_PTR(um);
}

static void umem_free(struct xdp_umem *um)
{
	(void)munmap(um->area, XDP_AREA_LEN); /* it is ours: cannot fail */
	free(um);
}

void xdp_umem_close(struct xdp_umem *um)
{
	if (!um)
		return;
	um->is_closed = true;
	if (!um->n_held)
		umem_free(um);
}

void xdp_frame_release(void *frame)
{
	struct xdp_frame *f = frame;
	struct xdp_umem *um = f->umem;

	assert(f->state == XDP_FRAME_HELD);
	f->state = XDP_FRAME_FREE;
	um->rx_free[um->n_rx_free++] = f->idx;
	um->n_held--;
	if (um->is_closed && !um->n_held)
		umem_free(um);
}
