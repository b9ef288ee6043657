/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/rss.h"

#include <string.h>

#include "wire/bytes.h"

const uint8_t rss_key_microsoft[RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* The 32 bits of the key from bit @at on: what bit @at of the input adds, if it is set. */
static uint32_t window(const uint8_t *key, size_t at)
{
	const uint32_t word = get_be32(key + at / 8);
	const unsigned int shift = at % 8;

	return shift ? word << shift | key[at / 8 + 4] >> (8 - shift) : word;
}

void rss_init(struct rss *rss, const uint8_t key[static RSS_KEY_LEN])
{
	for (size_t i = 0; i < 2 * (size_t)RSS_INPUT_MAX; i++) {
		for (unsigned int v = 0; v < 16; v++) {
			uint32_t sum = 0;

			for (unsigned int bit = 0; bit < 4; bit++)
				if (v & 8 >> bit)
					sum ^= window(key, i * 4 + bit);
			rss->part[i][v] = sum;
		}
	}
}

uint32_t rss_hash(const struct rss *rss, const uint8_t *input, size_t len)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < len; i++)
		hash ^= rss->part[2 * i][input[i] >> 4] ^ rss->part[2 * i + 1][input[i] & 0xf];
	return hash;
}

size_t rss_input(const uint8_t *frame, const struct l4_repr *l4, uint8_t ret[static RSS_INPUT_MAX])
{
	/* Source and destination stand side by side in both headers. */
	const uint8_t *addrs = frame + l4->l3_at + (l4->ip_version == 4 ? 12 : 8);
	size_t n = l4->ip_version == 4 ? 8 : 32;

	memcpy(ret, addrs, n);
	if (l4->has_ports && l4->part == L4_WHOLE) {
		put_be16(ret + n, l4->src_port);
		put_be16(ret + n + 2, l4->dst_port);
		n += 4;
	}
	return n;
}
