/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pbuf_priv.h - between pbuf.c and pbuf_pool.c
 */
#ifndef NIC_PBUF_PRIV_H
#define NIC_PBUF_PRIV_H

#include <stdint.h>

#include "nic/pbuf.h"

#define PBUF_LINE 64

/* What a pbuf counts in its pool, and takes there: cache lines of its own. */
#define PBUF_CHARGE ((sizeof(struct pbuf) + PBUF_LINE - 1) / PBUF_LINE * PBUF_LINE)

#endif /* NIC_PBUF_PRIV_H */
