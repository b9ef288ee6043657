/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/gso.h"

#include "nic/gso.h"

bool gso_segment(struct core *c, struct pbuf *pb, struct pbuf_queue *ret)
{
	const uint32_t n = gso_cut(pb, ret);

	if (n > 1)
		core_note(c, "gso: a packet became %u segments", (unsigned int)n);
	return n != 0;
}
