/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The laws of checksums, for any data, cut anywhere.
 *
 * Input: two bytes that say where to cut, then the data.
 */
#include "tests/fuzz/wire_law.h"
#include "wire/checksum.h"

static uint16_t naive(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *copy = NULL;
	size_t cut, at;
	uint64_t sum;
	uint16_t csum;

	if (size < 4)
		return 0;
	cut = get_be16(data) % (size - 2);
	data += 2;
	size -= 2;
	at = cut & ~(size_t)1;
	copy = law_copy(data, size);

	LAW(csum_fold(csum_bytes(data, size)) == naive(data, size));
	sum = (uint64_t)csum_copy(copy, data, cut) +
	      csum_at(csum_copy(copy + cut, data + cut, size - cut), cut);
	LAW(csum_fold(sum) == naive(data, size));
	LAW(memcmp(copy, data, size) == 0);

	/* The field at @at takes a new value; nothing but zeros is the known exception. */
	csum = csum_finish(sum);
	if (at + 2 > size)
		return 0;
	csum = csum_update16(csum, get_be16(data + at), (uint16_t)cut);
	put_be16(copy + at, (uint16_t)cut);
	if (naive(copy, size))
		LAW(csum == csum_finish(csum_bytes(copy, size)));
	else
		LAW(csum == 0);
	return 0;
}
