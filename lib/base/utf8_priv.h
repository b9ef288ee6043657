/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * utf8_priv.h - one character of UTF-8, for the JSON reader and writer
 */
#ifndef BASE_UTF8_PRIV_H
#define BASE_UTF8_PRIV_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffd

/**
 * utf8_decode() - The character at @s
 * @left:	Bytes at @s, at least 1
 * @ret:	Code point, written unless 0 is returned
 *
 * Overlong forms, surrogates and what is above U+10FFFF are invalid (RFC 3629
 * section 3).  Return: its bytes, 1 to 4, or 0 when it is invalid or cut off
 */
static inline size_t utf8_decode(const char *s, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char lead = (unsigned char)s[0];
	uint32_t cp;
	size_t n;

	if (lead < 0x80) {
		*ret = lead;
		return 1;
	}
	if (lead >= 0xc0 && lead < 0xe0)
		n = 2;
	else if (lead >= 0xe0 && lead < 0xf0)
		n = 3;
	else if (lead >= 0xf0 && lead < 0xf8)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	cp = lead & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (cp < least[n] || (cp >= 0xd800 && cp < 0xe000) || cp > 0x10ffff)
		return 0;
	*ret = cp;
	return n;
}

/* The bytes of a valid code point. Return: how many, 1 to 4. */
static inline size_t utf8_encode(uint32_t cp, char ret[static 4])
{
	if (cp < 0x80) {
		ret[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		ret[0] = (char)(0xc0 | cp >> 6);
		ret[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		ret[0] = (char)(0xe0 | cp >> 12);
		ret[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | cp >> 18);
	ret[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

#endif /* BASE_UTF8_PRIV_H */
