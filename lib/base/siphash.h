/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * siphash.h - keyed hashes that an attacker cannot steer
 *
 * SipHash (Aumasson and Bernstein, 2012): 2-4 where a secret must stay one (initial sequence
 * numbers, SYN cookies), 1-3 for hash tables.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

/* The bytes of @data count, not its type: no padding, and words in one byte order when the
 * result is to be the same on another machine.
 */
uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len);
uint64_t siphash13(const struct siphash_key *key, const void *data, size_t len);

#endif /* BASE_SIPHASH_H */
