/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * base64.h - bytes as text, RFC 4648 section 4 (with padding)
 */
#ifndef CNI_BASE64_H
#define CNI_BASE64_H

#include <stddef.h>

struct strbuf;

/* Text is appended. */
void base64_encode(const void *p, size_t len, struct strbuf *ret);

/**
 * base64_decode() - Exactly what base64_encode() makes, and nothing else
 * @text:	Without blanks or line ends
 * @ret:	Bytes are appended on 0
 *
 * Return: 0 or -EINVAL
 */
int base64_decode(const char *text, struct strbuf *ret);

#endif /* CNI_BASE64_H */
