/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gso.h - cut a packet of many segments, for a device that does not
 */
#ifndef NETSTACK_LINK_GSO_H
#define NETSTACK_LINK_GSO_H

#include <stdbool.h>

#include "netstack/core/core.h"
#include "nic/pbuf.h"

/**
 * gso_segment() - gso_cut() (nic/gso.h), with a note for the trace
 *
 * Return: false: @pb is still the caller's, who drops it (DROP_NO_MEMORY)
 */
bool gso_segment(struct core *c, struct pbuf *pb, struct pbuf_queue *ret);

#endif /* NETSTACK_LINK_GSO_H */
