/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hash.h - names made from a hash
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>

/**
 * hash_name() - The first characters of a prefix and a SHA-512
 * @ret:	Buffer of at least @n + 1 bytes
 * @n:		Characters wanted, prefix included, at most strlen(prefix) + 128
 * @prefix:	Text put first
 * @s:		What is hashed
 *
 * H(n, prefix, s) of the CNI reference suite: names of chains and comments are
 * made from it, so both suites find each other's objects.
 */
void hash_name(char *ret, size_t n, const char *prefix, const char *s);

#endif /* BASE_HASH_H */
