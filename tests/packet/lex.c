/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * lex.c - words, numbers and signs of a line
 */
#include "lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lex_fail(struct lex *l, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (l->err->code)
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)nerr_set(l->err, -EINVAL, "%s:%u:%u: %s", l->file, l->line,
		       (unsigned int)(l->p - l->begin) + 1, text);
	return false;
}

static void skip_blanks(struct lex *l)
{
	while (*l->p == ' ' || *l->p == '\t')
		l->p++;
}

bool lex_at_end(struct lex *l)
{
	skip_blanks(l);
	return *l->p == '\0' || *l->p == '#';
}

const char *lex_rest(struct lex *l, char *buf, size_t size)
{
	if (lex_at_end(l))
		return "the end of the line";
	(void)snprintf(buf, size, "'%.20s'", l->p);
	return buf;
}

bool lex_sign(struct lex *l, const char *sign)
{
	skip_blanks(l);
	if (strncmp(l->p, sign, strlen(sign)) != 0)
		return false;
	l->p += strlen(sign);
	return true;
}

bool lex_want_sign(struct lex *l, const char *sign)
{
	char buf[32];

	if (lex_sign(l, sign))
		return true;
	return lex_fail(l, "expected '%s', found %s", sign, lex_rest(l, buf, sizeof(buf)));
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c);
}

static bool read_word(struct lex *l, bool (*is_part)(char c), char *ret, size_t size)
{
	size_t n = 0;

	skip_blanks(l);
	if (!isalpha((unsigned char)*l->p))
		return false;
	while (is_part(l->p[n]))
		n++;
	if (n >= size)
		return lex_fail(l, "'%.*s' is too long", (int)n, l->p);
	memcpy(ret, l->p, n);
	ret[n] = '\0';
	l->p += n;
	return true;
}

bool lex_word(struct lex *l, char *ret, size_t size)
{
	return read_word(l, in_word, ret, size);
}

bool lex_want_word(struct lex *l, const char *what, char *ret, size_t size)
{
	char buf[32];

	if (read_word(l, in_word, ret, size))
		return true;
	return lex_fail(l, "expected %s, found %s", what, lex_rest(l, buf, sizeof(buf)));
}

bool lex_want_name(struct lex *l, const char *what, char *ret, size_t size)
{
	char buf[32];

	if (read_word(l, in_name, ret, size))
		return true;
	return lex_fail(l, "expected %s, found %s", what, lex_rest(l, buf, sizeof(buf)));
}

bool lex_keyword(struct lex *l, const char *word)
{
	const size_t n = strlen(word);

	skip_blanks(l);
	if (strncmp(l->p, word, n) != 0 || in_word(l->p[n]))
		return false;
	l->p += n;
	return true;
}

bool lex_number(struct lex *l, int64_t *ret)
{
	const char *digits;
	char *end;
	long long n;
	int base;

	skip_blanks(l);
	digits = l->p + (*l->p == '-');
	if (!isdigit((unsigned char)*digits))
		return false;
	base = digits[0] == '0' && digits[1] == 'x' ? 16 : 10;
	errno = 0;
	n = strtoll(l->p, &end, base);
	if (errno || end == digits || isalnum((unsigned char)*end))
		return lex_fail(l, "'%.20s' is no number", l->p);
	l->p = end;
	*ret = n;
	return true;
}

bool lex_want_number(struct lex *l, const char *what, int64_t min, int64_t max, int64_t *ret)
{
	const char *at;
	char buf[32];
	int64_t n;

	skip_blanks(l);
	at = l->p;
	if (!lex_number(l, &n))
		return lex_fail(l, "expected %s, found %s", what, lex_rest(l, buf, sizeof(buf)));
	if (n < min || n > max) {
		l->p = at;
		return lex_fail(l, "%s %lld is out of range (%lld to %lld)", what, (long long)n,
				(long long)min, (long long)max);
	}
	*ret = n;
	return true;
}

bool lex_string(struct lex *l, char *ret, size_t size)
{
	const char *end;

	skip_blanks(l);
	if (*l->p != '"')
		return false;
	end = strchr(l->p + 1, '"');
	if (!end)
		return lex_fail(l, "there is no second '\"'");
	if ((size_t)(end - l->p) > size)
		return lex_fail(l, "this text is too long");
	memcpy(ret, l->p + 1, (size_t)(end - l->p) - 1);
	ret[end - l->p - 1] = '\0';
	l->p = end + 1;
	return true;
}

bool lex_want_seconds(struct lex *l, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = UINT64_C(1000000000);
	const char *begin = l->p;

	for (; isdigit((unsigned char)*l->p); l->p++)
		ns = ns * 10 + (uint64_t)(*l->p - '0') * unit;
	if (*l->p == '.')
		for (l->p++; isdigit((unsigned char)*l->p); l->p++)
			ns += (uint64_t)(*l->p - '0') * (unit /= 10);
	if (l->p == begin || !unit || l->p - begin > 18)
		return lex_fail(l, "expected seconds, as in 0.25");
	*ret_ns = ns;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool lex_want_bytes(struct lex *l, uint8_t *ret, size_t size, size_t *ret_len)
{
	size_t n = 0;

	for (skip_blanks(l); hex_digit(l->p[0]) >= 0; skip_blanks(l)) {
		if (hex_digit(l->p[1]) < 0)
			return lex_fail(l, "bytes are pairs of hexadecimal digits");
		if (n == size)
			return lex_fail(l, "more than %zu bytes", size);
		ret[n++] = (uint8_t)(hex_digit(l->p[0]) << 4 | hex_digit(l->p[1]));
		l->p += 2;
	}
	if (!n)
		return lex_fail(l, "expected bytes, as in 45 00");
	*ret_len = n;
	return true;
}
