/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * str.h - text: a growing buffer, and the one way numbers are parsed
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct strbuf - Text that grows
 * @s:		NUL-terminated, NULL while empty.  Owned
 * @len:	Bytes before the NUL
 * @failed:	An allocation failed; the text is cut there and further calls do
 *		nothing.  Check it once, at the end
 */
struct strbuf {
	char *s;
	size_t len;
	size_t cap;
	bool failed;
};

#define STRBUF_INIT ((struct strbuf){ .s = NULL })

void strbuf_add(struct strbuf *b, const char *s);
void strbuf_add_mem(struct strbuf *b, const void *p, size_t len);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text, "" while empty. Borrowed. */
const char *strbuf_text(const struct strbuf *b);
void strbuf_done(struct strbuf *b);

/**
 * parse_u64() - Decimal text to a number
 * @text:	Digits only: no sign, no blanks, no base prefix
 * @min:	Least value allowed
 * @max:	Greatest value allowed
 * @ret:	Written on 0
 *
 * Return: 0, -EINVAL (not a number), -ERANGE
 */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* As parse_u64(), for 32 bits. */
int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);

/* ASCII case is ignored. */
bool str_eq_nocase(const char *a, const char *b);
bool str_has_prefix(const char *s, const char *prefix);
/* All of @s is UTF-8 (RFC 3629 section 3). @len bytes, which may be NUL, too. */
bool str_is_utf8(const char *s, size_t len);

/**
 * str_copy() - Copy into a buffer of a fixed size
 *
 * Return: 0, or -ENAMETOOLONG, and then @dst is ""
 */
int str_copy(char *dst, size_t size, const char *src);

#endif /* BASE_STR_H */
