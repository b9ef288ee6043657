/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire_law.h - what holds for every parser and emitter of lib/wire (wire/bytes.h)
 */
#ifndef TESTS_FUZZ_WIRE_LAW_H
#define TESTS_FUZZ_WIRE_LAW_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/wire/same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

static inline bool law_untouched(const void *p, size_t n)
{
	const uint8_t *byte = p;

	while (n--)
		if (*byte++ != 0xa5)
			return false;
	return true;
}

static inline bool law_is_refusal(int r)
{
	return r == -ENODATA || r == -EBADMSG || r == -EPROTONOSUPPORT;
}

/* A copy of @size bytes and no more, for what writes into its input; to be freed. */
static inline uint8_t *law_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	LAW(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/**
 * DEFINE_ROUND_TRIP() - Make a function that parses, emits and parses again
 *
 * What is refused is not written; what is taken lies within the input, and what is emitted of
 * it (into a copy of the input: some emitters leave parts to their caller) is not longer and
 * is the same again.  It returns what the parser did.
 */
#define DEFINE_ROUND_TRIP(type, parse, emit, same)                                                 \
	static int parse##_again(const uint8_t *data, size_t size, struct type *ret)               \
	{                                                                                          \
		cleanup_free uint8_t *out = law_copy(data, size);                                  \
		struct type again;                                                                 \
		int n, m;                                                                          \
                                                                                                   \
		memset(ret, 0xa5, sizeof(*ret));                                                   \
		memset(&again, 0, sizeof(again));                                                  \
		n = parse(data, size, ret);                                                        \
		if (n < 0) {                                                                       \
			LAW(law_is_refusal(n));                                                    \
			LAW(law_untouched(ret, sizeof(*ret)));                                     \
			return n;                                                                  \
		}                                                                                  \
		LAW(n > 0 && (size_t)n <= size);                                                   \
		m = emit(out, size, ret);                                                          \
		LAW(m > 0 && m <= n);                                                              \
		LAW(parse(out, size, &again) == m);                                                \
		LAW(same(ret, &again));                                                            \
		LAW(emit(out, (size_t)m - 1, ret) == -ENOSPC);                                     \
		return n;                                                                          \
	}                                                                                          \
	struct law_semicolon_eater

#endif /* TESTS_FUZZ_WIRE_LAW_H */
