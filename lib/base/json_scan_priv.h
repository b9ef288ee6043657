/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_scan_priv.h - JSON text, token by token
 *
 * Exactly RFC 8259.  json-c 0.16 even in its strict mode is not: it takes NaN,
 * 'single quotes', "1." and raw control characters, cuts a key at \u0000,
 * replaces numbers beyond 64 bits by the greatest it can hold, and says nothing
 * of a key that comes twice.  So text is read here, and json-c holds the tree.
 */
#ifndef BASE_JSON_SCAN_PRIV_H
#define BASE_JSON_SCAN_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_table.h"

struct nerr;
struct strbuf;

/**
 * enum json_token - What json_scan_next() came to
 *
 * JSON_TOKEN_END	the end of the text, after one whole value
 * JSON_TOKEN_KEY	the name of a member; its value is the next token
 *
 * Tokens of a value stand for themselves.
 */
enum json_token {
	JSON_TOKEN_END,
	JSON_TOKEN_OBJECT,
	JSON_TOKEN_OBJECT_END,
	JSON_TOKEN_ARRAY,
	JSON_TOKEN_ARRAY_END,
	JSON_TOKEN_KEY,
	JSON_TOKEN_STRING,
	JSON_TOKEN_NUMBER,
	JSON_TOKEN_TRUE,
	JSON_TOKEN_FALSE,
	JSON_TOKEN_NULL,
};

/* What the grammar allows next. */
enum json_want {
	JSON_WANT_VALUE,
	JSON_WANT_VALUE_OR_END,
	JSON_WANT_KEY,
	JSON_WANT_KEY_OR_END,
	JSON_WANT_MORE,
};

/**
 * struct json_scan - A place in a text
 * @text, @len:	The text, borrowed
 * @pos:	Next byte to look at
 * @want:	What the grammar allows there
 * @depth:	Objects and arrays that are open
 * @in_object:	Which of the two each of them is
 * @token:	Of a key or string: what is between the quotes, as written.
 *		Of a number: its text.  Borrowed from @text
 * @token_len:	Its length
 * @escaped:	The key or string has a backslash in it
 */
struct json_scan {
	const char *text;
	size_t len;
	size_t pos;
	enum json_want want;
	unsigned depth;
	bool in_object[JSON_DOC_DEPTH_MAX];
	const char *token;
	size_t token_len;
	bool escaped;
};

#define JSON_SCAN_INIT(t, l) ((struct json_scan){ .text = (t), .len = (l) })

/**
 * json_scan_next() - Take the next token
 *
 * Return: enum json_token, or -EINVAL with a message that names line and column.
 *         Not to be called again after an error or JSON_TOKEN_END
 */
int json_scan_next(struct json_scan *s, struct nerr *err);

/* Append the key or string as it reads without escapes; halves of surrogate pairs
 * that stand alone become U+FFFD.  It may hold NULs.
 */
void json_scan_string(const struct json_scan *s, struct strbuf *ret);

#endif /* BASE_JSON_SCAN_PRIV_H */
