/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * law.h - what holds for every parser and emitter of lib/wire (wire/bytes.h)
 *
 * The bytes lie at the end of an allocation of their own, so that the address sanitizer sees
 * what is read behind them.
 */
#ifndef TESTS_UNIT_WIRE_LAW_H
#define TESTS_UNIT_WIRE_LAW_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* Not every test needs each of them; inlined they make gcc see sizes that never meet. */
#define LAW __attribute__((unused, noinline)) static

/* Larger than any repr and anything emitted here. */
#define LAW_ROOM 512

/* A frame without its Ethernet header, as two arguments. */
#define L3(frame) (frame) + 14, sizeof(frame) - 14

typedef int (*law_parse_fn)(const uint8_t *buf, size_t len, void *ret);
typedef int (*law_emit_fn)(uint8_t *buf, size_t len, const void *r);
typedef bool (*law_same_fn)(const void *a, const void *b);

/* x_parse(), x_emit() and x_same() for these tests. */
#define LAW_PARSE(parse, type)                                                                     \
	LAW int law_##parse(const uint8_t *buf, size_t len, void *ret)                             \
	{                                                                                          \
		return parse(buf, len, (struct type *)ret);                                        \
	}                                                                                          \
	struct law_semicolon_eater
#define LAW_EMIT(emit, type)                                                                       \
	LAW int law_##emit(uint8_t *buf, size_t len, const void *r)                                \
	{                                                                                          \
		return emit(buf, len, (const struct type *)r);                                     \
	}                                                                                          \
	struct law_semicolon_eater
#define LAW_SAME(same, type)                                                                       \
	LAW bool law_##same(const void *a, const void *b)                                          \
	{                                                                                          \
		return same((const struct type *)a, (const struct type *)b);                       \
	}                                                                                          \
	struct law_semicolon_eater

/* @len bytes and not one more; to be freed. */
LAW uint8_t *law_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	/* malloc(0) may be NULL: then the byte that is there must not be read either, which
	 * a value that spoils every header shows.
	 */
	if (!len)
		*copy = 0xff;
	return copy;
}

LAW bool law_untouched(const uint8_t *p, size_t len)
{
	while (len--)
		if (*p++ != 0xa5)
			return false;
	return true;
}

/* The parser fails with @err and writes nothing. */
LAW void law_refuses(law_parse_fn parse, const uint8_t *bytes, size_t len, int err)
{
	cleanup_free uint8_t *copy = law_copy(bytes, len);
	_Alignas(8) uint8_t repr[LAW_ROOM];

	memset(repr, 0xa5, sizeof(repr));
	assert_int_equal(parse(copy, len, repr), err);
	assert_true(law_untouched(repr, sizeof(repr)));
}

/* Every beginning of what it takes is too short. */
LAW void law_truncation(law_parse_fn parse, const uint8_t *bytes, size_t len)
{
	for (size_t n = 0; n < len; n++)
		law_refuses(parse, bytes, n, -ENODATA);
}

/* A copy with one byte changed is refused. */
LAW void law_refuses_byte(law_parse_fn parse, const uint8_t *bytes, size_t len, size_t at,
			  uint8_t value, int err)
{
	cleanup_free uint8_t *copy = law_copy(bytes, len);

	copy[at] = value;
	law_refuses(parse, copy, len, err);
}

/* The emitter takes no room that is too small, touching nothing. */
LAW void law_no_room(law_emit_fn emit, const void *repr, size_t need)
{
	for (size_t n = 0; n < need; n++) {
		cleanup_free uint8_t *buf = malloc(n ? n : 1);

		assert_non_null(buf);
		memset(buf, 0xa5, n);
		assert_int_equal(emit(buf, n, repr), -ENOSPC);
		assert_true(law_untouched(buf, n));
	}
}

/**
 * law_round_trip() - Parse, emit, and parse again what came out
 * @bytes:	Message
 * @len:	All of it
 * @csum_at:	Field that comes out as 0, or 0 for none
 *
 * What is emitted are the bytes that were parsed.
 */
LAW void law_round_trip(law_parse_fn parse, law_emit_fn emit, law_same_fn same,
			const uint8_t *bytes, size_t len, size_t csum_at)
{
	cleanup_free uint8_t *copy = law_copy(bytes, len);
	cleanup_free uint8_t *out = law_copy(bytes, len);
	_Alignas(8) uint8_t one[LAW_ROOM] = { 0 }, two[LAW_ROOM] = { 0 };
	int n, m;

	n = parse(copy, len, one);
	assert_true(n > 0 && (size_t)n <= len);
	m = emit(out, len, one);
	assert_int_equal(m, n);
	if (csum_at) {
		assert_int_equal(out[csum_at], 0);
		assert_int_equal(out[csum_at + 1], 0);
		memcpy(out + csum_at, copy + csum_at, 2);
	}
	assert_memory_equal(out, copy, len);
	assert_int_equal(parse(out, len, two), n);
	assert_true(same(one, two));
	law_no_room(emit, one, (size_t)m);
}

#endif /* TESTS_UNIT_WIRE_LAW_H */
