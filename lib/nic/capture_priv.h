/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * capture_priv.h - packets in a file: what capture.c (from opening on) and record.c (while asked
 * for) have in common
 */
#ifndef NIC_CAPTURE_PRIV_H
#define NIC_CAPTURE_PRIV_H

#include <stdint.h>

struct nic;
struct pbuf;
struct pcapng;

/* Written at once when so much waits, else before the thread sleeps. */
#define CAPTURE_FLUSH_AT (UINT32_C(256) << 10)

/* A frame as it would be on a wire.  @way: PCAPNG_IN or _OUT */
void capture_put(struct pcapng *file, const struct nic *nic, const struct pbuf *pb, uint64_t now,
		 uint32_t way);

/* Nanoseconds since 1970. */
uint64_t capture_clock(void);

#endif /* NIC_CAPTURE_PRIV_H */
