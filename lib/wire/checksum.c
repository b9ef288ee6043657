/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Words are added as they lie in memory, whatever the byte order of the machine, and the
 * result is turned once: the sum of swapped words is the swapped sum (RFC 1071, 2 (B)).
 *
 * Each 64-bit lane takes halves of 32 bits, so that no carry is lost and none has to be
 * looked for.  Vectors of 16 bytes are in the base set of x86-64 and arm64: nothing to be
 * detected.  Wider ones are no faster on data that is not in the first cache.
 */
#include "wire/checksum.h"

/* Two lanes, or a machine's way to do the same. */
typedef uint64_t lanes __attribute__((vector_size(16)));

#define BLOCK (4 * sizeof(lanes))

static lanes lanes_load(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void lanes_store(uint8_t *p, lanes v)
{
	memcpy(p, &v, sizeof(v));
}

/* One turn of the sum; the four accumulators do not wait for each other. */
#define ADD_BLOCK(acc, v)                                                                          \
	do {                                                                                       \
		(acc)[0] += (v)[0] & low;                                                          \
		(acc)[1] += (v)[0] >> 32;                                                          \
		(acc)[2] += (v)[1] & low;                                                          \
		(acc)[3] += (v)[1] >> 32;                                                          \
		(acc)[0] += (v)[2] & low;                                                          \
		(acc)[1] += (v)[2] >> 32;                                                          \
		(acc)[2] += (v)[3] & low;                                                          \
		(acc)[3] += (v)[3] >> 32;                                                          \
	} while (0)

static uint64_t lanes_total(const lanes acc[static 4])
{
	const lanes sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);

	return csum_u64(sum[0]) + csum_u64(sum[1]);
}

/* Less than a block. */
static uint64_t add_rest(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, sizeof(v));
		sum += csum_u64(v);
	}
	if (len & 4) {
		uint32_t v;

		memcpy(&v, p, sizeof(v));
		sum += v;
		p += 4;
	}
	if (len & 2) {
		uint16_t v;

		memcpy(&v, p, sizeof(v));
		sum += v;
		p += 2;
	}
	if (len & 1) {
		const uint8_t pair[2] = { *p, 0 };
		uint16_t v;

		memcpy(&v, pair, sizeof(v));
		sum += v;
	}
	return sum;
}

static uint32_t in_host_order(uint64_t sum)
{
	return WIRE_BE32(csum_fold32(sum));
}

uint32_t csum_bytes(const uint8_t *buf, size_t len)
{
	const lanes low = { 0xffffffff, 0xffffffff };
	uint64_t sum = 0;

	if (len >= BLOCK) {
		lanes acc[4] = { { 0 } };

		for (; len >= BLOCK; len -= BLOCK, buf += BLOCK) {
			const lanes v[4] = { lanes_load(buf), lanes_load(buf + 16),
					     lanes_load(buf + 32), lanes_load(buf + 48) };

			ADD_BLOCK(acc, v);
		}
		sum = lanes_total(acc);
	}
	return in_host_order(sum + add_rest(buf, len));
}

uint32_t csum_copy(uint8_t *restrict dst, const uint8_t *restrict src, size_t len)
{
	const lanes low = { 0xffffffff, 0xffffffff };
	uint64_t sum = 0;

	if (len >= BLOCK) {
		lanes acc[4] = { { 0 } };

		for (; len >= BLOCK; len -= BLOCK, src += BLOCK, dst += BLOCK) {
			const lanes v[4] = { lanes_load(src), lanes_load(src + 16),
					     lanes_load(src + 32), lanes_load(src + 48) };

			lanes_store(dst, v[0]);
			lanes_store(dst + 16, v[1]);
			lanes_store(dst + 32, v[2]);
			lanes_store(dst + 48, v[3]);
			ADD_BLOCK(acc, v);
		}
		sum = lanes_total(acc);
	}
	memcpy(dst, src, len);
	return in_host_order(sum + add_rest(dst, len));
}
