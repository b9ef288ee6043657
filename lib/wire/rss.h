/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rss.h - receive side scaling: the hash by which devices spread flows over queues
 *
 * The Toeplitz hash as Microsoft's "Verifying the RSS Hash Calculation" defines it.  It is
 * no defence against who chooses ports to collide: tables use a keyed hash.
 */
#ifndef WIRE_RSS_H
#define WIRE_RSS_H

#include <stddef.h>
#include <stdint.h>

#include "wire/l4.h"

#define RSS_KEY_LEN   40
#define RSS_INPUT_MAX 36 /* two IPv6 addresses and two ports */

/* The key of the verification suite, which is the default of most devices. */
extern const uint8_t rss_key_microsoft[RSS_KEY_LEN];

/* A key, prepared: what each value of each four bits of the input contributes. */
struct rss {
	uint32_t part[2 * RSS_INPUT_MAX][16];
};

void rss_init(struct rss *rss, const uint8_t key[static RSS_KEY_LEN]);

/* @len is at most RSS_INPUT_MAX. */
uint32_t rss_hash(const struct rss *rss, const uint8_t *input, size_t len);

/**
 * rss_input() - The fields of a frame that are hashed
 * @frame:	What @l4 was found in
 * @l4:		Result of l4_find() or l4_find_ip()
 * @ret:	Addresses, and the ports of TCP and UDP unless it is a fragment: the parts of one
 *		packet stay together
 *
 * Return: 8, 12, 32 or 36 bytes
 */
size_t rss_input(const uint8_t *frame, const struct l4_repr *l4, uint8_t ret[static RSS_INPUT_MAX]);

#endif /* WIRE_RSS_H */
