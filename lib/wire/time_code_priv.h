/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * time_code_priv.h - times in the queries of IGMPv3 and MLDv2
 *
 * The field has a bit that tells the forms apart, 3 bits of exponent and a mantissa: of 4
 * bits in RFC 3376, 4.1.1 and 4.1.7 and RFC 3810, 5.1.9; of 12 bits in RFC 3810, 5.1.3.
 * Without the first bit it is the time itself, with it (1.mantissa) << (exponent + 3).
 */
#ifndef WIRE_TIME_CODE_PRIV_H
#define WIRE_TIME_CODE_PRIV_H

#include <stdint.h>

static inline uint32_t time_of_code(uint32_t code, unsigned int bits)
{
	const uint32_t one = UINT32_C(1) << bits;

	if (code < one << 3)
		return code;
	return ((code & (one - 1)) | one) << ((code >> bits & 7) + 3);
}

/* Rounded down; @time is at most what all ones stand for. */
static inline uint32_t code_of_time(uint32_t time, unsigned int bits)
{
	const uint32_t one = UINT32_C(1) << bits;
	uint32_t exp = 0;

	if (time < one << 3)
		return time;
	while (time >> (exp + 3) >= 2 * one)
		exp++;
	return one << 3 | exp << bits | (time >> (exp + 3) & (one - 1));
}

#endif /* WIRE_TIME_CODE_PRIV_H */
