/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rng.h - the chance of a simulation: everything comes from one seed (splitmix64)
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t rng_next(struct rng *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return rng_mix(r->state);
}

/* From 0 to @n - 1. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

static inline uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

/* True @ppm times in a million. */
static inline bool rng_chance(struct rng *r, uint32_t ppm)
{
	return ppm && rng_below(r, 1000000) < ppm;
}

/* As likely between 1 and 2 as between 1000 and 2000. */
static inline uint64_t rng_log(struct rng *r, uint64_t max)
{
	uint64_t bits = rng_below(r, 65 - (uint64_t)__builtin_clzll(max | 1));
	uint64_t n = rng_below(r, UINT64_C(1) << bits) + 1;

	return n < max ? n : max;
}

/* A generator of its own, which draws as it likes without moving this one. */
static inline struct rng rng_fork(struct rng *r)
{
	return (struct rng){ rng_next(r) };
}

#endif /* SIM_RNG_H */
