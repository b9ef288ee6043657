/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <string.h>

#include "nft/udata_priv.h"

size_t udata_put(uint8_t *buf, uint8_t type, const char *text)
{
	size_t len = strlen(text);

	assert(len <= UDATA_TEXT_MAX);
	buf[0] = type;
	buf[1] = (uint8_t)(len + 1);
	memcpy(buf + 2, text, len + 1);
	return UDATA_LEN(len);
}

const char *udata_text(const void *data, size_t len, uint8_t type)
{
	const uint8_t *p = data;

	while (len >= 2 && (size_t)p[1] + 2 <= len) {
		size_t n = p[1];

		if (p[0] == type && n && memchr(p + 2, '\0', n))
			return (const char *)p + 2;
		p += 2 + n;
		len -= 2 + n;
	}
	return "";
}
