/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/siphash.h"

#include <string.h>

struct state {
	uint64_t v0;
	uint64_t v1;
	uint64_t v2;
	uint64_t v3;
};

static inline uint64_t rotl(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

/* The SipRound of section 2.1 of the paper. */
static inline void mix(struct state *s, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 = rotl(s->v2, 32);
	}
}

static inline uint64_t load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* The last word: what is left, and the length in its highest byte. */
static inline uint64_t load_tail(const uint8_t *p, size_t len)
{
	uint64_t v = (uint64_t)len << 56;

	for (size_t i = 0; i < len % 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static inline void absorb(struct state *s, uint64_t word, unsigned int rounds)
{
	s->v3 ^= word;
	mix(s, rounds);
	s->v0 ^= word;
}

/* Inlined twice, with constant numbers of rounds: @c for each word, @d in the end. */
static inline __attribute__((always_inline)) uint64_t
siphash(const struct siphash_key *key, const uint8_t *p, size_t len, unsigned int c, unsigned int d)
{
	struct state s = {
		.v0 = key->k[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->k[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->k[1] ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < len / 8; i++, p += 8)
		absorb(&s, load_le64(p), c);
	absorb(&s, load_tail(p, len), c);
	s.v2 ^= 0xff;
	mix(&s, d);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len)
{
	return siphash(key, data, len, 2, 4);
}

uint64_t siphash13(const struct siphash_key *key, const void *data, size_t len)
{
	return siphash(key, data, len, 1, 3);
}
