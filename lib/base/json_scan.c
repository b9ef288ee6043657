/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_scan_priv.h"
#include "base/str.h"
#include "base/utf8_priv.h"

/* The text is wrong at s->pos; @why says what was expected or forbidden. */
static int scan_error(const struct json_scan *s, struct nerr *err, const char *why)
{
	size_t line = 1;
	size_t start = 0; /* of that line */

	for (size_t i = 0; i < s->pos; i++) {
		if (s->text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	if (s->pos >= s->len)
		return nerr_set(err, -EINVAL, "unexpected end of JSON input");
	return nerr_set(err, -EINVAL, "invalid JSON at line %zu, column %zu: %s", line,
			s->pos - start + 1, why);
}

/* The next byte, or -1 at the end. */
static int scan_peek(const struct json_scan *s)
{
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static void scan_blanks(struct json_scan *s)
{
	while (s->pos < s->len) {
		const char c = s->text[s->pos];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		s->pos++;
	}
}

/* Step over digits. Return: how many there were. */
static size_t scan_digits(struct json_scan *s)
{
	const size_t start = s->pos;

	while (s->pos < s->len && s->text[s->pos] >= '0' && s->text[s->pos] <= '9')
		s->pos++;
	return s->pos - start;
}

static int scan_number(struct json_scan *s, struct nerr *err)
{
	const size_t start = s->pos;
	size_t n;

	if (scan_peek(s) == '-')
		s->pos++;
	if (scan_peek(s) == '0') {
		s->pos++;
		n = 1;
	} else {
		n = scan_digits(s);
	}
	if (n && scan_peek(s) == '.') {
		s->pos++;
		n = scan_digits(s);
	}
	if (n && (scan_peek(s) == 'e' || scan_peek(s) == 'E')) {
		s->pos++;
		if (scan_peek(s) == '+' || scan_peek(s) == '-')
			s->pos++;
		n = scan_digits(s);
	}
	if (!n)
		return scan_error(s, err, "a digit is missing");
	s->token = s->text + start;
	s->token_len = s->pos - start;
	return JSON_TOKEN_NUMBER;
}

/* Value of four hexadecimal digits at @p, or -1. */
static int32_t hex4(const char *p, size_t left)
{
	int32_t v = 0;

	if (left < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char c = p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* Step over the escape whose backslash is at s->pos. */
static int scan_escape(struct json_scan *s, struct nerr *err)
{
	const size_t left = s->len - s->pos;

	if (left < 2) {
		s->pos = s->len;
		return scan_error(s, err, "");
	}
	switch (s->text[s->pos + 1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		s->pos += 2;
		return 0;
	case 'u':
		if (hex4(s->text + s->pos + 2, left - 2) < 0)
			return scan_error(s, err, "\\u needs four hexadecimal digits");
		s->pos += 6;
		return 0;
	default:
		return scan_error(s, err, "unknown escape in a string");
	}
}

/* A string whose opening quote is at s->pos. */
static int scan_quoted(struct json_scan *s, int token, struct nerr *err)
{
	s->token = s->text + ++s->pos;
	s->escaped = false;
	for (;;) {
		const int c = scan_peek(s);
		uint32_t cp;
		size_t n;

		if (c < ' ')
			return scan_error(s, err, "control character in a string");
		if (c == '"')
			break;
		if (c == '\\') {
			s->escaped = true;
			if (scan_escape(s, err) < 0)
				return -EINVAL;
			continue;
		}
		n = utf8_decode(s->text + s->pos, s->len - s->pos, &cp);
		if (n == 0)
			return scan_error(s, err, "invalid UTF-8");
		s->pos += n;
	}
	s->token_len = (size_t)(s->text + s->pos - s->token);
	s->pos++;
	return token;
}

static int scan_key(struct json_scan *s, struct nerr *err)
{
	int r;

	if (scan_peek(s) != '"')
		return scan_error(s, err, "a key in double quotes is expected");
	r = scan_quoted(s, JSON_TOKEN_KEY, err);
	if (r < 0)
		return r;
	scan_blanks(s);
	if (scan_peek(s) != ':')
		return scan_error(s, err, "':' is expected after a key");
	s->pos++;
	s->want = JSON_WANT_VALUE;
	return r;
}

static int scan_word(struct json_scan *s, const char *word, int token, struct nerr *err)
{
	for (; *word; word++, s->pos++)
		if (scan_peek(s) != *word)
			return scan_error(s, err, "a value is expected");
	return token;
}

static int scan_open(struct json_scan *s, bool object, struct nerr *err)
{
	if (s->depth == JSON_DOC_DEPTH_MAX)
		return scan_error(s, err, "objects and arrays are nested too deep");
	s->in_object[s->depth++] = object;
	s->pos++;
	s->want = object ? JSON_WANT_KEY_OR_END : JSON_WANT_VALUE_OR_END;
	return object ? JSON_TOKEN_OBJECT : JSON_TOKEN_ARRAY;
}

static int scan_close(struct json_scan *s)
{
	assert(s->depth > 0);
	s->depth--;
	s->pos++;
	s->want = JSON_WANT_MORE;
	return s->in_object[s->depth] ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END;
}

static int scan_value(struct json_scan *s, struct nerr *err)
{
	const int c = scan_peek(s);

	s->want = JSON_WANT_MORE;
	switch (c) {
	case '{':
	case '[':
		return scan_open(s, c == '{', err);
	case '"':
		return scan_quoted(s, JSON_TOKEN_STRING, err);
	case 't':
		return scan_word(s, "true", JSON_TOKEN_TRUE, err);
	case 'f':
		return scan_word(s, "false", JSON_TOKEN_FALSE, err);
	case 'n':
		return scan_word(s, "null", JSON_TOKEN_NULL, err);
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return scan_number(s, err);
		return scan_error(s, err, "a value is expected");
	}
}

/* After a whole value inside an object or array: a comma is stepped over. */
static int scan_comma(struct json_scan *s, struct nerr *err)
{
	const bool in_object = s->in_object[s->depth - 1];

	if (scan_peek(s) != ',')
		return scan_error(s, err,
				  in_object ? "',' or '}' is expected" : "',' or ']' is expected");
	s->pos++;
	s->want = in_object ? JSON_WANT_KEY : JSON_WANT_VALUE;
	scan_blanks(s);
	return 0;
}

int json_scan_next(struct json_scan *s, struct nerr *err)
{
	scan_blanks(s);
	if (s->want == JSON_WANT_MORE && s->depth == 0) {
		if (s->pos == s->len)
			return JSON_TOKEN_END;
		return scan_error(s, err, "text after the end of the document");
	}
	if (s->want == JSON_WANT_KEY_OR_END || s->want == JSON_WANT_VALUE_OR_END ||
	    s->want == JSON_WANT_MORE) {
		if (scan_peek(s) == (s->in_object[s->depth - 1] ? '}' : ']'))
			return scan_close(s);
	}
	if (s->want == JSON_WANT_MORE && scan_comma(s, err) < 0)
		return -EINVAL;
	if (s->want == JSON_WANT_KEY || s->want == JSON_WANT_KEY_OR_END)
		return scan_key(s, err);
	return scan_value(s, err);
}

/* Append the character of the \uXXXX at @p. Return: bytes of text it took, 6 or 12. */
static size_t unescape_unicode(const char *p, const char *end, struct strbuf *ret)
{
	int32_t hi = hex4(p + 2, (size_t)(end - p) - 2);
	int32_t lo = -1;
	size_t taken = 6;
	char utf8[4];

	assert(hi >= 0); /* the scanner saw it */
	if (hi >= 0xd800 && hi < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u')
		lo = hex4(p + 8, 4);
	if (lo >= 0xdc00 && lo < 0xe000) {
		hi = 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
		taken = 12;
	} else if (hi >= 0xd800 && hi < 0xe000) {
		hi = UTF8_REPLACEMENT;
	}
	strbuf_add_mem(ret, utf8, utf8_encode((uint32_t)hi, utf8));
	return taken;
}

void json_scan_string(const struct json_scan *s, struct strbuf *ret)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *p = s->token;
	const char *end = p + s->token_len;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));

		if (!slash)
			slash = end;
		strbuf_add_mem(ret, p, (size_t)(slash - p));
		p = slash;
		if (p == end)
			break;
		if (p[1] == 'u') {
			p += unescape_unicode(p, end, ret);
		} else {
			strbuf_add_mem(ret, &to[strchr(from, p[1]) - from], 1);
			p += 2;
		}
	}
}
