/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gro.h - generic receive offload: segments of one burst become one packet
 *
 * What cutting the result again (gso.h) would give is what came in, bit for bit but for the
 * identification of IPv4 packets that are not to be fragmented, and the choice between the two
 * zeros of a checksum; anything that would not is left alone (Linux: net/core/gro.c, and
 * Documentation/networking/segmentation-offloads.rst).  Nothing is kept from one burst to the
 * next: a packet never waits for another one.
 */
#ifndef NIC_GRO_H
#define NIC_GRO_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/pbuf.h"

struct gro;

/**
 * struct gro_stats - What was merged
 * @packets:	Seen
 * @merged:	Became part of another one
 * @bad_csum:	Left alone because the checksum was found to be wrong: the stack drops and counts
 *		them
 */
struct gro_stats {
	uint64_t packets;
	uint64_t merged;
	uint64_t bad_csum;
};

/* -ENOMEM */
int gro_new(struct gro **ret, const struct pbuf_mem *mem);
void gro_free(struct gro *g); /* NULL is fine */

/**
 * gro_burst() - Merge
 * @burst:	Frames in the order in which they came, with an Ethernet header or, with @is_ip,
 *		without one; replaced by fewer, packets of one flow in their order
 * @n:		How many
 *
 * TCP segments that follow each other are merged; UDP is not, whose datagrams the receiver may
 * want one by one.  Same in all of a packet are the link header, those of IP and TCP but for
 * lengths and numbers, and the payload's length, which the last one may fall short of; CWR is in
 * the first one only, FIN and PSH in the last one, and no other flag than ACK and ECE.  Segments of
 * a size may be in packets that are to be cut already.
 *
 * The result has @gso, PBUF_CSUM_PARTIAL and the l3 and l4 marks, and would be right as it is on a
 * link that carries it.  Checksums that were not verified yet are verified before they are lost,
 * once; of a packet that is left alone this may be for the stack to do.
 *
 * Return: how many are in @burst now
 */
unsigned int gro_burst(struct gro *g, struct pbuf **burst, unsigned int n, bool is_ip);

void gro_stats(const struct gro *g, struct gro_stats *ret);

#endif /* NIC_GRO_H */
