/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * arena.h - memory that is freed all at once
 *
 * For what lives as long as one call: a parsed configuration, a result.  Not
 * thread-safe.  Memory comes zeroed.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
};

#define ARENA_INIT ((struct arena){ .head = NULL })

/* Zeroed memory aligned for any type, or NULL. @size 0 is allowed. */
void *arena_alloc(struct arena *a, size_t size);

/* Zeroed array of @n members, NULL also when n * size overflows. */
void *arena_calloc(struct arena *a, size_t n, size_t size);

/* Copy of @s, or NULL. */
char *arena_strdup(struct arena *a, const char *s);

/* Formatted text, or NULL. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Free all; the arena can be used again. */
void arena_done(struct arena *a);

#endif /* BASE_ARENA_H */
